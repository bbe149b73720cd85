//! Locks between processes, and plain data under them: `Lock`, `RLock`, `Condition`, `Value`, `Array`. Each is a
//! segment of its own with a lock at its start; how that notices the death of its holder is in [`words`](super::words).

use std::cell::Cell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::thread::futex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::{Cause, OwnerDied, ProcessError};
use super::handle::Handle;
use super::monitor::sleep_while;
use super::raw::RawLock;
use super::segment::{CHANGES, START, Segment, unique};
use super::watch::{Awaited, Kind, Label, Watch};
use super::words::{LockWords, WORDS_MAX};
use crate::base::park::ignore_poison;
use crate::base::{Site, Token, thread_token};
use crate::vocabulary::deadline;

/// Where the data begins.
const DATA: usize = START + WORDS_MAX;

/// Data that can lie in shared memory: numbers and arrays of them.
///
/// # Safety
///
/// Every bit pattern is a valid value, there is no padding, and there are no pointers or references in it: other
/// processes have other addresses.
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

macro_rules! plain {
    ($($name:ty)*) => {
        $(
            // SAFETY: a number.
            unsafe impl Plain for $name {}
        )*
    };
}

plain!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

// SAFETY: numbers one behind the other, with nothing between.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// The label behind its lock, which nobody holds for longer than a copy takes.
pub(super) fn label(label: &Mutex<Label>) -> MutexGuard<'_, Label> {
    ignore_poison(label.lock())
}

/// A lock in shared memory with what lies behind it, as one process has it.
struct Guarded {
    raw: RawLock,
    label: Mutex<Label>,
    /// Elements behind the lock.
    count: usize,
    /// Who waits for a condition, if it is one.
    condition: Option<Watch>,
    /// For a re-entrant lock: the token of the thread that holds it, 0: none here.
    holder: AtomicUsize,
    /// For a re-entrant lock: the guards that thread has, and its first acquisition. Touched by that thread only.
    depth: Cell<(usize, Token)>,
}

// SAFETY: `depth` is touched only by the thread that holds the lock; the rest can be shared.
unsafe impl Sync for Guarded {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Guarded {}

impl Guarded {
    /// Makes the object, in anonymous memory or under a name, with `count` elements of `value`.
    fn create<T: Plain>(
        kind: Kind,
        shared: Option<&str>,
        value: T,
        count: usize,
        site: Site,
    ) -> Result<Arc<Guarded>, ProcessError> {
        let fail = |cause: Cause| match shared {
            Some(name) => ProcessError::here(format_args!("`create` of `{name}`"), cause),
            None => ProcessError::here(format_args!("making a {}", kind.word()), cause),
        };
        let bytes = size_of::<T>().checked_mul(count).and_then(|bytes| bytes.checked_add(DATA));
        let bytes = bytes.ok_or_else(|| fail(io::Error::from(io::ErrorKind::OutOfMemory).into()))?;
        let prepare = |segment: &Segment| {
            words(segment).init()?;
            segment.set_shape(size_of::<T>(), count)?;
            for index in 0..count {
                // SAFETY: within the segment by its size, aligned as `at` makes sure, and nobody else sees it yet.
                unsafe { segment.at::<T>(DATA + index * size_of::<T>()).write(value) };
            }
            Ok(())
        };
        let segment = match shared {
            Some(name) => Segment::create_named(name, bytes, prepare).map_err(fail)?,
            None => {
                let segment = Segment::create(&format!("tracked-{}", kind.word()), bytes);
                let segment = segment.map_err(|error| fail(error.into()))?;
                prepare(&segment).map_err(|error| fail(error.into()))?;
                segment
            }
        };
        let mut label = Label::at(site);
        label.name = shared.map(str::to_owned);
        Guarded::known(kind, segment, &label, count, Some(site)).map_err(fail)
    }

    fn known(
        kind: Kind,
        segment: Segment,
        label: &Label,
        count: usize,
        site: Option<Site>,
    ) -> Result<Arc<Guarded>, Cause> {
        let identity = segment.identity(START);
        unique(identity, || Guarded {
            condition: (kind == Kind::Condition).then(|| {
                let word = segment.identity(CHANGES);
                site.map_or_else(
                    || Watch::known(kind, word, label),
                    |site| Watch::new(kind, Some(word), site),
                )
            }),
            raw: RawLock::new(kind, segment, label, site),
            label: label.clone().into(),
            count,
            holder: AtomicUsize::new(0),
            depth: Cell::new((0, Token::UNWATCHED)),
        })
    }

    fn adopt<T: Plain>(kind: Kind, segment: Segment, label: &Label) -> Result<Arc<Guarded>, Cause> {
        let count = segment.count_of(size_of::<T>(), DATA)?;
        Guarded::known(kind, segment, label, count, None)
    }

    fn open<T: Plain>(kind: Kind, name: &str, site: Site) -> Result<Arc<Guarded>, ProcessError> {
        let mut label = Label::at(site);
        label.name = Some(name.to_owned());
        let opened =
            Segment::open_named(name, DATA).and_then(|segment| Guarded::adopt::<T>(kind, segment, &label));
        opened.map_err(|cause| ProcessError::here(format_args!("opening {} `{name}`", kind.word()), cause))
    }

    fn set_name(&self, name: &str) {
        label(&self.label).name = Some(name.to_owned());
        self.raw.name(name);
        if let Some(condition) = &self.condition {
            condition.name(name);
        }
    }

    fn segment(&self) -> &Segment {
        self.raw.segment()
    }

    /// The elements.
    fn data<T: Plain>(&self) -> *mut [T] {
        std::ptr::slice_from_raw_parts_mut(self.segment().at::<T>(DATA), self.count)
    }

    /// The word that a condition's waiters sleep on.
    fn changes(&self) -> &AtomicU32 {
        // SAFETY: `at` gives a place within the mapping, which lives as long as `self`; all access is atomic.
        unsafe { &*self.segment().at(CHANGES) }
    }

    fn guard(&self, token: Token) -> Hold<'_> {
        Hold { guarded: self, token, not_send: PhantomData }
    }

    fn lock(&self, site: Site) -> Hold<'_> {
        self.guard(self.raw.lock(site))
    }

    fn try_lock(&self, site: Site) -> Option<Hold<'_>> {
        self.raw.try_lock(site).map(|token| self.guard(token))
    }

    fn lock_for(&self, site: Site, timeout: Duration) -> Option<Hold<'_>> {
        self.raw.lock_for(site, timeout).map(|token| self.guard(token))
    }

    /// `guard`, or who died with the lock that it holds.
    fn checked<G>(&self, guard: G, clear: fn(&G)) -> Result<G, OwnerDied<G>> {
        match self.raw.words().dead() {
            None => Ok(guard),
            Some(owner) => {
                let lock = label(&self.label).describe(self.raw.kind());
                Err(OwnerDied { guard, lock, owner, clear })
            }
        }
    }
}

fn words(segment: &Segment) -> &LockWords {
    // SAFETY: `at` gives a place within the mapping, which lives as long as the borrow; the words are made before
    // anybody else can see them.
    unsafe { &*segment.at(START) }
}

/// One hold of a lock. It belongs to the thread that took it.
struct Hold<'a> {
    guarded: &'a Guarded,
    token: Token,
    not_send: PhantomData<*const ()>,
}

impl Hold<'_> {
    fn put_right(&self) {
        self.guarded.raw.words().forget_death();
    }

    /// Gives the lock up while `sleep` runs.
    fn without(&mut self, site: Site, sleep: impl FnOnce() -> bool) -> bool {
        // SAFETY: the hold proves that the lock is held, and its token is void until the next line.
        unsafe { self.guarded.raw.unlock(self.token) };
        let told = sleep();
        self.token = self.guarded.raw.lock(site);
        told
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // SAFETY: the hold proves that the lock is held, and nobody else gives it up.
        unsafe { self.guarded.raw.unlock(self.token) };
    }
}

/// What all handles can do: be cloned, named, shown, and sent to a child.
macro_rules! handle {
    ($name:ident $(<$t:ident>)?, $kind:expr, $element:ty) => {
        impl$(<$t: Plain>)? $name$(<$t>)? {
            /// Gives it a name for reports and errors.
            #[must_use]
            pub fn named(self, name: &str) -> Self {
                self.inner.set_name(name);
                self
            }
        }

        impl$(<$t: Plain>)? Clone for $name$(<$t>)? {
            /// The same object.
            fn clone(&self) -> Self {
                $name { inner: Arc::clone(&self.inner), data: PhantomData }
            }
        }

        impl$(<$t: Plain>)? fmt::Debug for $name$(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let name = label(&self.inner.label).name.clone();
                f.debug_struct(stringify!($name)).field("name", &name).finish_non_exhaustive()
            }
        }

        impl$(<$t: Plain>)? Serialize for $name$(<$t>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let label = label(&self.inner.label).clone();
                (Handle::Lent(self.inner.segment().as_fd()), label).serialize(serializer)
            }
        }

        impl<'de $(, $t: Plain)?> Deserialize<'de> for $name$(<$t>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let (handle, label) = <(Handle<'static>, Label)>::deserialize(deserializer)?;
                let fd = handle.into_owned().map_err(de::Error::custom)?;
                let segment = Segment::adopt(fd, DATA).map_err(de::Error::custom)?;
                let inner = Guarded::adopt::<$element>($kind, segment, &label).map_err(de::Error::custom)?;
                Ok($name { inner, data: PhantomData })
            }
        }
    };
}

/// Mutual exclusion between processes. A clone is the same lock.
pub struct Lock {
    inner: Arc<Guarded>,
    data: PhantomData<()>,
}

handle!(Lock, Kind::Lock, u8);

/// A locked [`Lock`].
#[must_use = "if unused the Lock will immediately unlock"]
pub struct LockGuard<'a>(Hold<'a>);

impl Lock {
    /// A new, unlocked lock. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the operating system has no memory for it.
    #[track_caller]
    pub fn new() -> Result<Lock, ProcessError> {
        let inner = Guarded::create(Kind::Lock, None, 0u8, 0, Location::caller())?;
        Ok(Lock { inner, data: PhantomData })
    }

    /// Locks it, blocking as long as it takes.
    ///
    /// # Errors
    ///
    /// With the lock held, if a process died while it held it and nobody has put that right.
    #[track_caller]
    pub fn lock(&self) -> Result<LockGuard<'_>, OwnerDied<LockGuard<'_>>> {
        self.checked(self.inner.lock(Location::caller()))
    }

    /// Locks it if that is possible at once.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn try_lock(&self) -> Result<Option<LockGuard<'_>>, OwnerDied<LockGuard<'_>>> {
        self.inner.try_lock(Location::caller()).map(|hold| self.checked(hold)).transpose()
    }

    /// Locks it unless `timeout` passes first.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Result<Option<LockGuard<'_>>, OwnerDied<LockGuard<'_>>> {
        self.inner.lock_for(Location::caller(), timeout).map(|hold| self.checked(hold)).transpose()
    }

    fn checked<'a>(&'a self, hold: Hold<'a>) -> Result<LockGuard<'a>, OwnerDied<LockGuard<'a>>> {
        self.inner.checked(LockGuard(hold), |guard| guard.0.put_right())
    }
}

impl fmt::Debug for LockGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").finish_non_exhaustive()
    }
}

/// Mutual exclusion between processes that the thread which holds it may enter again. A clone is the same lock.
pub struct RLock {
    inner: Arc<Guarded>,
    data: PhantomData<()>,
}

handle!(RLock, Kind::Reentrant, u8);

/// A locked [`RLock`].
#[must_use = "if unused the RLock will immediately unlock"]
pub struct RLockGuard<'a> {
    guarded: &'a Guarded,
    not_send: PhantomData<*const ()>,
}

impl RLock {
    /// A new, unlocked lock. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the operating system has no memory for it.
    #[track_caller]
    pub fn new() -> Result<RLock, ProcessError> {
        let inner = Guarded::create(Kind::Reentrant, None, 0u8, 0, Location::caller())?;
        Ok(RLock { inner, data: PhantomData })
    }

    /// Locks it, blocking as long as it takes, unless the calling thread holds it already.
    ///
    /// # Errors
    ///
    /// With the lock held, if a process died while it held it and nobody has put that right.
    #[track_caller]
    pub fn lock(&self) -> Result<RLockGuard<'_>, OwnerDied<RLockGuard<'_>>> {
        let site = Location::caller();
        self.enter(|| Some(self.inner.raw.lock(site)));
        self.checked()
    }

    /// Locks it if that is possible at once.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn try_lock(&self) -> Result<Option<RLockGuard<'_>>, OwnerDied<RLockGuard<'_>>> {
        let site = Location::caller();
        self.enter(|| self.inner.raw.try_lock(site)).then(|| self.checked()).transpose()
    }

    /// Locks it unless `timeout` passes first.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn try_lock_for(
        &self,
        timeout: Duration,
    ) -> Result<Option<RLockGuard<'_>>, OwnerDied<RLockGuard<'_>>> {
        let site = Location::caller();
        self.enter(|| self.inner.raw.lock_for(site, timeout)).then(|| self.checked()).transpose()
    }

    fn checked(&self) -> Result<RLockGuard<'_>, OwnerDied<RLockGuard<'_>>> {
        let guard = RLockGuard { guarded: &self.inner, not_send: PhantomData };
        self.inner.checked(guard, |guard| guard.guarded.raw.words().forget_death())
    }

    /// Goes one level deeper, through `acquire` if this is the first.
    fn enter(&self, acquire: impl FnOnce() -> Option<Token>) -> bool {
        let (inner, me) = (&self.inner, thread_token());
        // Relaxed: only the holder writes its own token, so that each thread can trust a load to say whether it is the
        // holder itself.
        if inner.holder.load(Ordering::Relaxed) == me {
            let (depth, token) = inner.depth.get();
            inner.depth.set((depth + 1, token));
            return true;
        }
        let Some(token) = acquire() else { return false };
        inner.holder.store(me, Ordering::Relaxed);
        inner.depth.set((1, token));
        true
    }
}

impl Drop for RLockGuard<'_> {
    fn drop(&mut self) {
        let (depth, token) = self.guarded.depth.get();
        self.guarded.depth.set((depth - 1, token));
        if depth == 1 {
            self.guarded.holder.store(0, Ordering::Relaxed);
            // SAFETY: this was the last guard of the one acquisition.
            unsafe { self.guarded.raw.unlock(token) };
        }
    }
}

impl fmt::Debug for RLockGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RLockGuard").finish_non_exhaustive()
    }
}

/// What guards of data have in common: the first element, or all of them.
macro_rules! access {
    ($guard:ident, $target:ty, $get:expr) => {
        impl<T: Plain> $guard<'_, T> {
            fn pointer(&self) -> *mut $target {
                let get: fn(*mut [T]) -> *mut $target = $get;
                get(self.hold.guarded.data())
            }
        }

        impl<T: Plain> Deref for $guard<'_, T> {
            type Target = $target;

            fn deref(&self) -> &$target {
                // SAFETY: within the mapping by the checked shape; the guard proves that the lock is held, by this
                // thread alone, and any bits are a value.
                unsafe { &*self.pointer() }
            }
        }

        impl<T: Plain> DerefMut for $guard<'_, T> {
            fn deref_mut(&mut self) -> &mut $target {
                // SAFETY: as above, and the guard is borrowed mutably.
                unsafe { &mut *self.pointer() }
            }
        }

        impl<T: Plain + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

/// A plain value in shared memory, under a lock of its own. A clone is the same value.
pub struct Value<T: Plain> {
    inner: Arc<Guarded>,
    data: PhantomData<T>,
}

handle!(Value<T>, Kind::Lock, T);

/// Access to a locked [`Value`].
#[must_use = "if unused the Value will immediately unlock"]
pub struct ValueGuard<'a, T: Plain> {
    hold: Hold<'a>,
    data: PhantomData<T>,
}

access!(ValueGuard, T, |elements| elements.cast());

impl<T: Plain> Value<T> {
    /// A new value. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the operating system has no memory for it.
    #[track_caller]
    pub fn new(value: T) -> Result<Value<T>, ProcessError> {
        let inner = Guarded::create(Kind::Lock, None, value, 1, Location::caller())?;
        Ok(Value { inner, data: PhantomData })
    }

    /// A new value that any process can find under `name`, until this one has dropped its last
    /// handle.
    ///
    /// # Errors
    ///
    /// If the name is taken, or the operating system refuses.
    #[track_caller]
    pub fn create(name: &str, value: T) -> Result<Value<T>, ProcessError> {
        let inner = Guarded::create(Kind::Lock, Some(name), value, 1, Location::caller())?;
        Ok(Value { inner, data: PhantomData })
    }

    /// The value that a process has made under `name`.
    ///
    /// # Errors
    ///
    /// If there is none, or it is of another size.
    #[track_caller]
    pub fn open(name: &str) -> Result<Value<T>, ProcessError> {
        let inner = Guarded::open::<T>(Kind::Lock, name, Location::caller())?;
        Ok(Value { inner, data: PhantomData })
    }

    /// Locks it, blocking as long as it takes.
    ///
    /// # Errors
    ///
    /// With the lock held, if a process died while it held it and nobody has put that right.
    #[track_caller]
    pub fn lock(&self) -> Result<ValueGuard<'_, T>, OwnerDied<ValueGuard<'_, T>>> {
        let guard = ValueGuard { hold: self.inner.lock(Location::caller()), data: PhantomData };
        self.inner.checked(guard, |guard| guard.hold.put_right())
    }

    /// The value at this moment. Between this and a [`set`](Self::set) others may come: see [`lock`](Self::lock).
    #[track_caller]
    pub fn get(&self) -> T {
        *ValueGuard { hold: self.inner.lock(Location::caller()), data: PhantomData }
    }

    /// Sets the value.
    #[track_caller]
    pub fn set(&self, value: T) {
        *ValueGuard { hold: self.inner.lock(Location::caller()), data: PhantomData } = value;
    }
}

/// A fixed number of plain values in shared memory, under one lock. A clone is the same array.
pub struct Array<T: Plain> {
    inner: Arc<Guarded>,
    data: PhantomData<T>,
}

handle!(Array<T>, Kind::Lock, T);

/// Access to a locked [`Array`].
#[must_use = "if unused the Array will immediately unlock"]
pub struct ArrayGuard<'a, T: Plain> {
    hold: Hold<'a>,
    data: PhantomData<T>,
}

access!(ArrayGuard, [T], |elements| elements);

impl<T: Plain> Array<T> {
    /// An array of `len` times `value`. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the operating system has no memory for it.
    #[track_caller]
    pub fn new(value: T, len: usize) -> Result<Array<T>, ProcessError> {
        let inner = Guarded::create(Kind::Lock, None, value, len, Location::caller())?;
        Ok(Array { inner, data: PhantomData })
    }

    /// A new array that any process can find under `name`, until this one has dropped its last
    /// handle.
    ///
    /// # Errors
    ///
    /// If the name is taken, or the operating system refuses.
    #[track_caller]
    pub fn create(name: &str, value: T, len: usize) -> Result<Array<T>, ProcessError> {
        let inner = Guarded::create(Kind::Lock, Some(name), value, len, Location::caller())?;
        Ok(Array { inner, data: PhantomData })
    }

    /// The array that a process has made under `name`.
    ///
    /// # Errors
    ///
    /// If there is none, or its elements are of another size.
    #[track_caller]
    pub fn open(name: &str) -> Result<Array<T>, ProcessError> {
        let inner = Guarded::open::<T>(Kind::Lock, name, Location::caller())?;
        Ok(Array { inner, data: PhantomData })
    }

    /// Locks it, blocking as long as it takes.
    ///
    /// # Errors
    ///
    /// With the lock held, if a process died while it held it and nobody has put that right.
    #[track_caller]
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, OwnerDied<ArrayGuard<'_, T>>> {
        let guard = ArrayGuard { hold: self.inner.lock(Location::caller()), data: PhantomData };
        self.inner.checked(guard, |guard| guard.hold.put_right())
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.inner.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inner.count == 0
    }

    /// The values at this moment.
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        ArrayGuard::<T> { hold: self.inner.lock(Location::caller()), data: PhantomData }.to_vec()
    }
}

/// A plain value in shared memory, under a lock, with threads of any process that wait for it to change. A clone is the
/// same condition.
pub struct Condition<T: Plain> {
    inner: Arc<Guarded>,
    data: PhantomData<T>,
}

handle!(Condition<T>, Kind::Condition, T);

/// Access to the value of a locked [`Condition`].
#[must_use = "if unused the Condition will immediately unlock"]
pub struct ConditionGuard<'a, T: Plain> {
    hold: Hold<'a>,
    data: PhantomData<T>,
}

access!(ConditionGuard, T, |elements| elements.cast());

impl<T: Plain> Condition<T> {
    /// A new condition on `value`. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the operating system has no memory for it.
    #[track_caller]
    pub fn new(value: T) -> Result<Condition<T>, ProcessError> {
        let inner = Guarded::create(Kind::Condition, None, value, 1, Location::caller())?;
        Ok(Condition { inner, data: PhantomData })
    }

    /// Locks it, blocking as long as it takes.
    ///
    /// # Errors
    ///
    /// With the lock held, if a process died while it held it and nobody has put that right.
    #[track_caller]
    pub fn lock(&self) -> Result<ConditionGuard<'_, T>, OwnerDied<ConditionGuard<'_, T>>> {
        let guard = ConditionGuard { hold: self.inner.lock(Location::caller()), data: PhantomData };
        self.inner.checked(guard, |guard| guard.hold.put_right())
    }

    /// Wakes one thread that waits.
    pub fn notify_one(&self) {
        notify(&self.inner, 1);
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        notify(&self.inner, i32::MAX.cast_unsigned());
    }
}

fn notify(guarded: &Guarded, number: u32) {
    // Release pairs with the Acquire of who sleeps on the word.
    guarded.changes().fetch_add(1, Ordering::Release);
    // Fails only for an address that is not one.
    let _ = futex::wake(guarded.changes(), futex::Flags::empty(), number);
}

impl<T: Plain> ConditionGuard<'_, T> {
    /// Gives the lock up until somebody notifies. May end without that: see [`wait_while`](Self::wait_while).
    #[track_caller]
    pub fn wait(&mut self) {
        self.wait_until(Location::caller(), None);
    }

    /// As [`wait`](Self::wait), for `timeout` at the most; `false` if it passed first.
    #[track_caller]
    pub fn wait_for(&mut self, timeout: Duration) -> bool {
        self.wait_until(Location::caller(), deadline(timeout))
    }

    /// Waits as long as `condition` says so.
    #[track_caller]
    pub fn wait_while(&mut self, mut condition: impl FnMut(&mut T) -> bool) {
        let site = Location::caller();
        while condition(self) {
            self.wait_until(site, None);
        }
    }

    /// Wakes one thread that waits.
    pub fn notify_one(&self) {
        notify(self.hold.guarded, 1);
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        notify(self.hold.guarded, i32::MAX.cast_unsigned());
    }

    fn wait_until(&mut self, site: Site, until: Option<Instant>) -> bool {
        let guarded = self.hold.guarded;
        // Read under the lock: who notifies has changed the value under it, or does so after it is given up.
        let seen = guarded.changes().load(Ordering::Relaxed);
        let sleep = || sleep_while(guarded.changes(), seen, until);
        self.hold.without(site, || match &guarded.condition {
            Some(watch) => watch.waiting(site, until, Awaited::Signal, sleep),
            None => sleep(),
        })
    }
}
