//! A guard is released by the thread that took it.

use tracked::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

fn sent<T: Send>() {}

fn main() {
    sent::<MutexGuard<'static, u8>>();
    sent::<RwLockReadGuard<'static, u8>>();
    sent::<RwLockWriteGuard<'static, u8>>();
}
