//! What the cases ask of a lock. No case knows which lock it runs on.

use std::ops::DerefMut;

/// A mutual-exclusion lock around a number.
pub trait Lock: Send + Sync + 'static {
    /// Access to the number.
    type Guard<'a>: DerefMut<Target = u64>;

    /// What the process must do before its first lock.
    fn prepare() {}

    /// A new lock, as the user would write it.
    fn create() -> Self;

    /// Locks it; the caller's line is the acquisition site, as it would be in a user's program.
    fn lock(&self) -> Self::Guard<'_>;
}

/// A lock of some crate, as a [`Lock`]: its name here, its type, its guard (without the
/// arguments, which are a lifetime and the number) and the expression that locks it.
#[macro_export]
macro_rules! lock {
    ($name:ident, $lock:ty, $($guard:ident)::+, $this:ident => $locked:expr $(, prepare: $prepare:expr)?) => {
        struct $name($lock);

        impl $crate::Lock for $name {
            type Guard<'a> = $($guard)::+<'a, u64>;

            $(fn prepare() {
                $prepare;
            })?

            #[inline(always)]
            #[track_caller]
            fn create() -> Self {
                $name(<$lock>::new(0))
            }

            #[inline(always)]
            #[track_caller]
            fn lock(&self) -> $($guard)::+<'_, u64> {
                let $this = &self.0;
                $locked
            }
        }
    };
}
