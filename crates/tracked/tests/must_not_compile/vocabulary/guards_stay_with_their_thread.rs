//! A guard is released by the thread that took it.

use tracked::{ConditionGuard, Guard, RLockGuard};

fn sent<T: Send>() {}

fn main() {
    sent::<Guard<'static, u8>>();
    sent::<ConditionGuard<'static, u8>>();
    sent::<RLockGuard<'static, u8>>();
}
