//! A guard borrows its lock.

fn main() {
    let guard = {
        let mutex = tracked::Mutex::new(1);
        mutex.lock().unwrap()
    };
    drop(guard);
}
