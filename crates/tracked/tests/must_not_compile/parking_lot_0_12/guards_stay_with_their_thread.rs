//! Without the feature `send_guard`, a guard is released by the thread that took it.

use tracked::parking_lot_0_12::{MutexGuard, ReentrantMutexGuard, RwLockUpgradableReadGuard};

fn sent<T: Send>() {}

fn main() {
    sent::<MutexGuard<'static, u8>>();
    sent::<RwLockUpgradableReadGuard<'static, u8>>();
    sent::<ReentrantMutexGuard<'static, u8>>();
}
