//! Has no problem, although its expectations say so.

fn main() {
    *tracked::Mutex::new(1).lock().unwrap() += 1;
}
