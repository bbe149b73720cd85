//! A lock that its holder may take again cannot hand out two exclusive borrows.

fn main() {
    let lock = tracked::RLock::new(1);
    *lock.lock() = 2;
}
