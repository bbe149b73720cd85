//! `LazyLock`, the mirror of `std::sync::LazyLock`: the same signatures over a [`std::sync::OnceLock`], because what
//! std's own does with its initialiser cannot be seen from outside.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::OnceLock;

use crate::rt::once::Gate;

/// A watched value that is made on its first use; see [`std::sync::LazyLock`].
pub struct LazyLock<T, F = fn() -> T> {
    gate: Gate,
    value: OnceLock<T>,
    /// What makes the value; `None` from the moment it is called. Without it and without a value, the initialiser
    /// has panicked: the lock is poisoned. Touched only inside the initialisation of `value`, or by exclusive borrow.
    init: UnsafeCell<Option<F>>,
}

// SAFETY: as std's: the initialiser is called on whichever thread comes first, and from then on nobody touches it.
unsafe impl<T: Sync + Send, F: Send> Sync for LazyLock<T, F> {}

impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}

/// What std says of a lock whose initialiser panicked.
const POISONED: &str = "LazyLock instance has previously been poisoned";

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that `f` will make. The calling line is its creation site.
    #[inline]
    #[track_caller]
    pub const fn new(f: F) -> LazyLock<T, F> {
        LazyLock { gate: Gate::new(), value: OnceLock::new(), init: UnsafeCell::new(Some(f)) }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> LazyLock<T, F> {
        self.gate.name(name);
        self
    }

    /// The value, made now if there is none: the borrow proves that nobody else has the lock.
    ///
    /// # Panics
    ///
    /// If the initialiser does, or did before.
    #[inline]
    #[track_caller]
    pub fn force_mut(this: &mut LazyLock<T, F>) -> &mut T {
        LazyLock::force(this);
        this.value.get_mut().expect("made by the line above")
    }

    /// The value, made now if there is none; waits if it is being made elsewhere.
    ///
    /// # Panics
    ///
    /// If the initialiser does, or did before. With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        if let Some(value) = this.value.get() {
            this.gate.passed(Location::caller());
            return value;
        }
        let turn = this.gate.turn(Location::caller());
        this.value.get_or_init(|| {
            // SAFETY: `OnceLock` runs one initialisation at a time, and only here is this touched.
            let init = unsafe { &mut *this.init.get() }.take();
            match init {
                Some(init) => {
                    let _running = turn.begin();
                    init()
                }
                None => panic!("{POISONED}"),
            }
        })
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it has been made: the borrow proves that nobody else has the lock.
    #[inline]
    pub fn get_mut(this: &mut LazyLock<T, F>) -> Option<&mut T> {
        this.value.get_mut()
    }

    /// The value, if it has been made. Never blocks.
    #[inline]
    #[track_caller]
    pub fn get(this: &LazyLock<T, F>) -> Option<&T> {
        this.gate.asked(Location::caller(), Option::is_some, || this.value.get())
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        LazyLock::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    #[track_caller]
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("LazyLock");
        match LazyLock::get(self) {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<uninit>")),
        };
        tuple.finish()
    }
}
