//! Uses its locks well and fails for a reason of its own.

use tracked::Mutex;

fn main() {
    let status = Mutex::new(7);
    let code = *status.lock().unwrap();
    std::process::exit(code);
}
