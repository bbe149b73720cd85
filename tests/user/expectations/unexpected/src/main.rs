//! Waits for itself, although its expectations say that it is clean.

fn main() {
    let lock = tracked::Lock::new(1);
    let _first = lock.lock();
    let _second = lock.lock();
}
