//! Data that several threads use without a lock of the program's: its accesses are checked for races.
//!
//! [`Shared`] is for safe code. A lock that is hidden in it keeps the accesses apart, so that a race is never undefined
//! behaviour, while the detector takes them for what they would be without it: unsynchronised. [`UnsafeCell`] has the
//! interface that loom's users know: every access is a closure over a raw pointer, and what keeps accesses apart is the
//! user's business.
//!
//! With `LOCKCHECK=record` each access is recorded, and `lockcheck analyze` says which pairs of them nothing orders. In
//! the other modes nothing is said of them.

use std::cell::UnsafeCell as StdUnsafeCell;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::{Duration, Instant};

use crate::base::{Datum, thread_token};

/// Longest that an access waits for another one to end. Accesses are short; one that does not end waits for this one
/// in turn, inside another cell's closure, and would do so for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// Data that threads share without a lock of the program's: each access counts as unsynchronised.
///
/// Accesses are kept apart all the same, by a lock of its own that no report knows of: a program that races here is
/// wrong, but not undefined. An access inside the closure of another one of the same cell panics, as with
/// [`RefCell`](std::cell::RefCell), unless both only read; one that waits ten seconds for another thread's closure to
/// end panics too, for that is how two threads would wait for each other inside two cells.
pub struct Shared<T: ?Sized> {
    datum: Datum,
    /// The token of the thread that is in a closure that writes; 0: none. Each thread trusts a relaxed load to say
    /// whether it is the one itself.
    writer: AtomicUsize,
    data: RwLock<T>,
}

impl<T> Shared<T> {
    /// Shared data with this value. The calling line is its creation site.
    #[track_caller]
    pub const fn new(value: T) -> Shared<T> {
        Shared { datum: Datum::new(), writer: AtomicUsize::new(0), data: RwLock::new(value) }
    }

    /// Gives the data a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Shared<T> {
        self.datum.name(name);
        self
    }

    /// Reads the value.
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        let data = self.read(Location::caller());
        *data
    }

    /// Writes a value.
    #[track_caller]
    pub fn set(&self, value: T) {
        let site = Location::caller();
        // The old value is dropped when the access is over: its destructor is the user's code.
        let _old = std::mem::replace(&mut *self.write(site).0, value);
    }

    /// Writes a value and gives the old one.
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *self.write(Location::caller()).0, value)
    }

    /// Consumes it and gives its value.
    pub fn into_inner(self) -> T {
        self.data.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T: ?Sized> Shared<T> {
    /// Runs `f` on the value, which it reads.
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        let data = self.read(Location::caller());
        f(&data)
    }

    /// Runs `f` on the value, which counts as written.
    #[track_caller]
    pub fn with_mut<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let mut data = self.write(Location::caller());
        f(&mut data.0)
    }

    /// The value: the borrow proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn read(&self, site: &'static Location<'static>) -> RwLockReadGuard<'_, T> {
        self.datum.before(false, site);
        let data = self.alone(site, || self.data.try_read());
        self.datum.accessed(false, site);
        data
    }

    fn write(&self, site: &'static Location<'static>) -> Writing<'_, T> {
        self.datum.before(true, site);
        let data = self.alone(site, || self.data.try_write());
        self.writer.store(thread_token(), Ordering::Relaxed);
        self.datum.accessed(true, site);
        Writing(data, &self.writer)
    }

    /// Tries until no other access is in the way.
    fn alone<G>(
        &self,
        site: &'static Location<'static>,
        attempt: impl Fn() -> Result<G, TryLockError<G>>,
    ) -> G {
        let mut deadline = None;
        loop {
            match attempt() {
                Ok(guard) => return guard,
                // A closure panicked: what it left is the user's business, as with any unsynchronised data.
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            let own = self.writer.load(Ordering::Relaxed) == thread_token();
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
            if own || Instant::now() >= deadline {
                refuse(site, own);
            }
            std::thread::yield_now();
        }
    }
}

/// The access cannot be had.
#[cold]
fn refuse(site: &Location<'_>, own: bool) -> ! {
    let why = if own {
        "it is inside the closure of another access of the same cell".to_owned()
    } else {
        format!("another access of the cell has not ended for {} s", PATIENCE.as_secs())
    };
    panic!("the access to a `Shared` at {site} cannot be made: {why}");
}

/// A closure that writes is running.
struct Writing<'a, T: ?Sized>(RwLockWriteGuard<'a, T>, &'a AtomicUsize);

impl<T: ?Sized> Drop for Writing<'_, T> {
    fn drop(&mut self) {
        self.1.store(0, Ordering::Relaxed);
    }
}

impl<T: Default> Default for Shared<T> {
    #[track_caller]
    fn default() -> Shared<T> {
        Shared::new(T::default())
    }
}

impl<T> From<T> for Shared<T> {
    #[track_caller]
    fn from(value: T) -> Shared<T> {
        Shared::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Looking at the value would be one more access.
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// A cell whose accesses are closures over raw pointers; see [`std::cell::UnsafeCell`]. Not `Sync`, as std's is not:
/// what shares it says so itself.
#[cfg_attr(not(instrumented), repr(transparent))]
pub struct UnsafeCell<T: ?Sized> {
    #[cfg(instrumented)]
    datum: Datum,
    inner: StdUnsafeCell<T>,
}

impl<T> UnsafeCell<T> {
    /// A cell with this value. The calling line is its creation site.
    #[track_caller]
    pub const fn new(data: T) -> UnsafeCell<T> {
        UnsafeCell {
            #[cfg(instrumented)]
            datum: Datum::new(),
            inner: StdUnsafeCell::new(data),
        }
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
        #[cfg(instrumented)]
        self.datum.before(false, Location::caller());
        #[cfg(instrumented)]
        self.datum.accessed(false, Location::caller());
        f(self.inner.get())
    }

    /// Runs `f`, which may write through the pointer as long as nobody else reads or writes.
    #[inline(always)]
    #[track_caller]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        #[cfg(instrumented)]
        self.datum.before(true, Location::caller());
        #[cfg(instrumented)]
        self.datum.accessed(true, Location::caller());
        f(self.inner.get())
    }

    /// The value: the borrow proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: Default> Default for UnsafeCell<T> {
    #[track_caller]
    fn default() -> UnsafeCell<T> {
        UnsafeCell::new(T::default())
    }
}

impl<T> From<T> for UnsafeCell<T> {
    #[track_caller]
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
    use std::sync::Arc;

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

    #[test]
    fn shared_data_is_never_torn() {
        let cell = Arc::new(Shared::new([0_u64; 8]).named("row"));
        let write = |number: u64| {
            let cell = Arc::clone(&cell);
            std::thread::spawn(move || (0..1000).for_each(|_| cell.set([number; 8])))
        };
        let writers = [write(1), write(2)];
        for _ in 0..1000 {
            let row = cell.get();
            assert!(row.iter().all(|entry| *entry == row[0]), "{row:?}");
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let mut cell = Arc::into_inner(cell).unwrap();
        assert_eq!(cell.replace([7; 8]).len(), 8);
        cell.get_mut()[0] = 8;
        assert_eq!(cell.with(|row| row.iter().sum::<u64>()), 8 + 7 * 7);
        assert_eq!(cell.into_inner()[0], 8);
    }

    #[test]
    fn an_access_within_an_access_is_refused_unless_both_read() {
        let cell = Shared::new(1);
        assert_eq!(cell.with(|one| cell.with(|two| one + two)), 2);
        let inside = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cell.with_mut(|value| *value += cell.get());
        }));
        let message = inside.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("inside the closure"), "{message}");
        assert_eq!(cell.get(), 1, "it is whole after a panic");
        cell.set(5);
        assert_eq!(cell.get(), 5);
    }
}
