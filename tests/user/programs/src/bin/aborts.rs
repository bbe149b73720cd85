//! Uses its locks well and dies of a signal of its own.

use tracked::Mutex;

fn main() {
    *Mutex::new(7).lock().unwrap() += 1;
    std::process::abort();
}
