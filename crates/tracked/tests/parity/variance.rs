//! Variance: what the list of items does not say. A guard that is invariant where std's is covariant breaks code that
//! std accepts. That nothing is covariant where std's is not, the compile-fail examples in `tracked`'s own
//! documentation tests show.

use tracked::sync::mpsc::{Iter, TryIter};
use tracked::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
use tracked::thread::ScopedJoinHandle;

/// Shortens the lifetime of `$long` to that of `$short`.
macro_rules! covariant {
    ($($name:ident: $long:ty => $short:ty;)*) => {$(
        #[expect(dead_code, reason = "to compile is all that is asked of it")]
        fn $name<'long: 'short, 'short>(long: $long) -> $short {
            long
        }
    )*};
}

covariant! {
    mutex_guard: MutexGuard<'long, u8> => MutexGuard<'short, u8>;
    write_guard: RwLockWriteGuard<'long, u8> => RwLockWriteGuard<'short, u8>;
    read_guard: RwLockReadGuard<'long, u8> => RwLockReadGuard<'short, u8>;
    read_guard_of: RwLockReadGuard<'long, &'long u8> => RwLockReadGuard<'short, &'short u8>;
    iter: Iter<'long, u8> => Iter<'short, u8>;
    try_iter: TryIter<'long, u8> => TryIter<'short, u8>;
    scoped_join_handle: ScopedJoinHandle<'long, u8> => ScopedJoinHandle<'short, u8>;
}
