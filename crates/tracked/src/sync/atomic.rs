//! The mirror of `std::sync::atomic`: std's atomics inside, with the same methods. An exploration stops before each
//! operation and tells loads, stores and updates apart; anywhere else an operation costs one look at the thread's own
//! word more.
//!
//! Under control, memory is sequentially consistent whatever the orderings say: all interleavings of the same atomics are
//! tried, weaker memory is not. A reference to one of these is accepted where one to std's is wanted.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic as std_atomic;

use lockcheck_explorer::{Access, OperationKind};

#[expect(deprecated, reason = "the mirror has what std has")]
pub use std::sync::atomic::spin_loop_hint;
pub use std::sync::atomic::{Ordering, compiler_fence, fence};

use crate::rt::steer::operations;

/// Stops before an operation on the atomic at this address.
#[cold]
#[track_caller]
fn stop(address: usize, kind: OperationKind, access: Access) {
    operations::on_address(address, kind, access, Location::caller());
}

macro_rules! common {
    ($name:ident $(<$param:ident>)?, $value:ty) => {
        // The same as std's, which is all it has.
        impl $(<$param>)? $name $(<$param>)? {
            /// A new atomic.
            #[inline]
            #[must_use]
            pub const fn new(value: $value) -> Self {
                Self(std_atomic::$name::new(value))
            }

            /// The atomic at `ptr`.
            ///
            /// # Safety
            ///
            /// As for std's.
            #[inline]
            pub const unsafe fn from_ptr<'a>(ptr: *mut $value) -> &'a Self {
                // SAFETY: the caller's promise; the type is a transparent wrapper of std's.
                unsafe { &*std::ptr::from_ref(std_atomic::$name::from_ptr(ptr)).cast() }
            }

            /// The value, without an atomic operation: the borrow proves that nobody else has it.
            #[inline]
            pub fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            /// Consumes the atomic and gives its value.
            #[inline]
            pub const fn into_inner(self) -> $value {
                self.0.into_inner()
            }

            /// A pointer to the value.
            #[inline]
            pub const fn as_ptr(&self) -> *mut $value {
                self.0.as_ptr()
            }

            #[inline]
            #[track_caller]
            fn before(&self, kind: OperationKind, access: Access) {
                if operations::is_under_control() {
                    stop(std::ptr::from_ref(self).addr(), kind, access);
                }
            }

            #[inline]
            #[track_caller]
            fn change<R>(&self, operation: impl FnOnce(&std_atomic::$name $(<$param>)?) -> R) -> R {
                self.before(OperationKind::Update, Access::Write);
                operation(&self.0)
            }

            #[inline]
            #[track_caller]
            fn attempt<R>(
                &self,
                operation: impl FnOnce(&std_atomic::$name $(<$param>)?) -> Result<R, R>,
            ) -> Result<R, R> {
                if !operations::is_under_control() {
                    return operation(&self.0);
                }
                stop(std::ptr::from_ref(self).addr(), OperationKind::TryLock, Access::Write);
                operation(&self.0).inspect(|_| operations::succeeded())
            }

            /// Reads it.
            #[inline]
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                self.before(OperationKind::Load, Access::Read);
                self.0.load(order)
            }

            /// Writes it.
            #[inline]
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.before(OperationKind::Store, Access::Write);
                self.0.store(value, order);
            }

            /// Writes it and gives what it was.
            #[inline]
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.change(|inner| inner.swap(value, order))
            }

            /// Writes `new` if it is `current`, and gives what it was.
            #[inline]
            #[track_caller]
            #[deprecated(note = "Use `compare_exchange` or `compare_exchange_weak` instead")]
            pub fn compare_and_swap(&self, current: $value, new: $value, order: Ordering) -> $value {
                let failure = match order {
                    Ordering::Release => Ordering::Relaxed,
                    Ordering::AcqRel => Ordering::Acquire,
                    order => order,
                };
                self.compare_exchange(current, new, order, failure).unwrap_or_else(|value| value)
            }

            /// Writes `new` if it is `current`.
            ///
            /// # Errors
            ///
            /// If it is not: what it is.
            #[inline]
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.attempt(|inner| inner.compare_exchange(current, new, success, failure))
            }

            /// As [`compare_exchange`](Self::compare_exchange); may fail for no reason.
            ///
            /// # Errors
            ///
            /// What it is.
            #[inline]
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.attempt(|inner| inner.compare_exchange_weak(current, new, success, failure))
            }

            /// Reads it, and writes what `f` makes of that, until nobody comes in between.
            ///
            /// # Errors
            ///
            /// If `f` gives nothing: what it was.
            #[inline]
            #[track_caller]
            pub fn fetch_update<F>(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                f: F,
            ) -> Result<$value, $value>
            where
                F: FnMut($value) -> Option<$value>,
            {
                self.try_update(set_order, fetch_order, f)
            }

            /// As [`fetch_update`](Self::fetch_update).
            ///
            /// # Errors
            ///
            /// If `f` gives nothing: what it was.
            #[inline]
            #[track_caller]
            pub fn try_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut before = self.load(fetch_order);
                while let Some(next) = f(before) {
                    match self.compare_exchange_weak(before, next, set_order, fetch_order) {
                        Ok(before) => return Ok(before),
                        Err(other) => before = other,
                    }
                }
                Err(before)
            }

            /// Reads it, and writes what `f` makes of that, until nobody comes in between; gives what it was.
            #[inline]
            #[track_caller]
            pub fn update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut f: impl FnMut($value) -> $value,
            ) -> $value {
                let mut before = self.load(fetch_order);
                loop {
                    match self.compare_exchange_weak(before, f(before), set_order, fetch_order) {
                        Ok(before) => return before,
                        Err(other) => before = other,
                    }
                }
            }
        }

        impl $(<$param>)? Deref for $name $(<$param>)? {
            type Target = std_atomic::$name $(<$param>)?;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl $(<$param>)? fmt::Debug for $name $(<$param>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $(<$param>)? From<$value> for $name $(<$param>)? {
            #[inline]
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
    };
}

macro_rules! fetch {
    ($name:ident, $value:ty: $($method:ident)*) => {
        impl $name {
            $(
                /// Updates it and gives what it was; see the method of the same name of std's.
                #[inline]
                #[track_caller]
                pub fn $method(&self, value: $value, order: Ordering) -> $value {
                    self.change(|inner| inner.$method(value, order))
                }
            )*
        }
    };
}

macro_rules! integers {
    ($($name:ident $value:ident)*) => {$(
        /// A watched atomic integer; see the type of the same name in [`std::sync::atomic`].
        #[derive(Default)]
        #[repr(transparent)]
        pub struct $name(std_atomic::$name);

        common!($name, $value);
        fetch!($name, $value: fetch_add fetch_sub fetch_and fetch_nand fetch_or fetch_xor fetch_max fetch_min);
    )*};
}

integers! {
    AtomicI8 i8 AtomicI16 i16 AtomicI32 i32 AtomicI64 i64 AtomicIsize isize
    AtomicU8 u8 AtomicU16 u16 AtomicU32 u32 AtomicU64 u64 AtomicUsize usize
}

/// A watched atomic flag; see [`std::sync::atomic::AtomicBool`].
#[derive(Default)]
#[repr(transparent)]
pub struct AtomicBool(std_atomic::AtomicBool);

common!(AtomicBool, bool);
fetch!(AtomicBool, bool: fetch_and fetch_nand fetch_or fetch_xor);

impl AtomicBool {
    /// Negates it and gives what it was.
    #[inline]
    #[track_caller]
    pub fn fetch_not(&self, order: Ordering) -> bool {
        self.change(|inner| inner.fetch_not(order))
    }
}

/// A watched atomic pointer; see [`std::sync::atomic::AtomicPtr`].
#[repr(transparent)]
pub struct AtomicPtr<T>(std_atomic::AtomicPtr<T>);

common!(AtomicPtr<T>, *mut T);

macro_rules! fetch_pointer {
    ($($method:ident)*) => {
        impl<T> AtomicPtr<T> {
            $(
                /// Updates it and gives what it was; see the method of the same name of std's.
                #[inline]
                #[track_caller]
                pub fn $method(&self, value: usize, order: Ordering) -> *mut T {
                    self.change(|inner| inner.$method(value, order))
                }
            )*
        }
    };
}

fetch_pointer!(fetch_ptr_add fetch_ptr_sub fetch_byte_add fetch_byte_sub fetch_or fetch_and fetch_xor);

impl<T> Default for AtomicPtr<T> {
    fn default() -> AtomicPtr<T> {
        AtomicPtr::new(std::ptr::null_mut())
    }
}

impl<T> fmt::Pointer for AtomicPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}

/// `false`, where a constant is wanted; see [`std::sync::atomic::ATOMIC_BOOL_INIT`].
#[deprecated(note = "the `new` function is now preferred")]
#[expect(clippy::declare_interior_mutable_const, reason = "std's constant is one too")]
pub const ATOMIC_BOOL_INIT: AtomicBool = AtomicBool::new(false);
/// Zero; see [`std::sync::atomic::ATOMIC_ISIZE_INIT`].
#[deprecated(note = "the `new` function is now preferred")]
#[expect(clippy::declare_interior_mutable_const, reason = "std's constant is one too")]
pub const ATOMIC_ISIZE_INIT: AtomicIsize = AtomicIsize::new(0);
/// Zero; see [`std::sync::atomic::ATOMIC_USIZE_INIT`].
#[deprecated(note = "the `new` function is now preferred")]
#[expect(clippy::declare_interior_mutable_const, reason = "std's constant is one too")]
pub const ATOMIC_USIZE_INIT: AtomicUsize = AtomicUsize::new(0);
