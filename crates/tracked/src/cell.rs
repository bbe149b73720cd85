//! Data that several threads use without a lock, by the user's own promise, with the interface that loom's users know:
//! every access is a closure, so that it has a beginning and an end.
//!
//! The closures are run as they are; accesses are not recorded and races not looked for.

use std::cell::UnsafeCell as StdUnsafeCell;
use std::fmt;

/// A cell whose accesses are closures over raw pointers; see [`std::cell::UnsafeCell`]. Not `Sync`, as std's is not:
/// what shares it says so itself.
#[repr(transparent)]
pub struct UnsafeCell<T: ?Sized> {
    inner: StdUnsafeCell<T>,
}

impl<T> UnsafeCell<T> {
    /// A cell with this value.
    pub const fn new(data: T) -> UnsafeCell<T> {
        UnsafeCell { inner: StdUnsafeCell::new(data) }
    }

    /// Consumes the cell and gives its value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Runs `f`, which may read through the pointer as long as nobody writes.
    #[inline(always)]
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.inner.get())
    }

    /// Runs `f`, which may write through the pointer as long as nobody else reads or writes.
    #[inline(always)]
    #[track_caller]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.inner.get())
    }

    /// The value: the borrow proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: Default> Default for UnsafeCell<T> {
    fn default() -> UnsafeCell<T> {
        UnsafeCell::new(T::default())
    }
}

impl<T> From<T> for UnsafeCell<T> {
    fn from(data: T) -> UnsafeCell<T> {
        UnsafeCell::new(data)
    }
}

impl<T: ?Sized> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsafeCell").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointers_lead_to_the_value() {
        let mut cell = UnsafeCell::new(1);
        // SAFETY: nobody else has the cell.
        cell.with_mut(|value| unsafe { *value += 1 });
        // SAFETY: as above.
        assert_eq!(cell.with(|value| unsafe { *value }), 2);
        *cell.get_mut() += 1;
        assert_eq!(cell.into_inner(), 3);
        let whole = UnsafeCell::new([1, 2, 3]);
        let part: &UnsafeCell<[u8]> = &whole;
        // SAFETY: as above.
        assert_eq!(part.with(|value| unsafe { (&*value).len() }), 3);
    }
}
