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

/// parking_lot's guards, in both lines.
#[cfg(any(feature = "parking_lot_0_12", feature = "parking_lot_0_13"))]
macro_rules! parking_lot {
    ($line:ident, $pl:path) => {
        mod $line {
            use $pl as pl;

            covariant! {
                mutex_guard: pl::MutexGuard<'long, u8> => pl::MutexGuard<'short, u8>;
                mapped_mutex_guard: pl::MappedMutexGuard<'long, u8> => pl::MappedMutexGuard<'short, u8>;
                fair_mutex_guard: pl::FairMutexGuard<'long, u8> => pl::FairMutexGuard<'short, u8>;
                reentrant_guard: pl::ReentrantMutexGuard<'long, u8> => pl::ReentrantMutexGuard<'short, u8>;
                read_guard: pl::RwLockReadGuard<'long, u8> => pl::RwLockReadGuard<'short, u8>;
                write_guard: pl::RwLockWriteGuard<'long, u8> => pl::RwLockWriteGuard<'short, u8>;
                upgradable_guard:
                    pl::RwLockUpgradableReadGuard<'long, u8> => pl::RwLockUpgradableReadGuard<'short, u8>;
                mapped_read_guard: pl::MappedRwLockReadGuard<'long, u8> => pl::MappedRwLockReadGuard<'short, u8>;
                mapped_write_guard: pl::MappedRwLockWriteGuard<'long, u8> => pl::MappedRwLockWriteGuard<'short, u8>;
            }
        }
    };
}

#[cfg(feature = "parking_lot_0_12")]
parking_lot!(line_0_12, tracked::parking_lot_0_12);
#[cfg(feature = "parking_lot_0_13")]
parking_lot!(line_0_13, tracked::parking_lot);
