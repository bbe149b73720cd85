//! State in shared memory that processes change one at a time and wait for: what queues, semaphores and events are
//! made of.
//!
//! The state is there twice, and one word says which copy counts: a change is written to the other copy and takes
//! effect with that word. So a process that is killed in the middle has changed nothing. Who waits sleeps on a word
//! that every change moves; all who wait are woken by every change, because one of them may be dead and would swallow
//! the signal. The lock under it is held for a few instructions only, and never while anybody waits.

use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::futex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::{Cause, ProcessError};
use super::handle::Handle;
use super::segment::{START, Segment, unique};
use super::watch::{Awaited, Kind, Label, Watch};
use super::words::LockWords;
use crate::base::Site;
use crate::vocabulary::deadline;

/// State that can lie in shared memory: plain numbers, of which any bits are a value.
///
/// # Safety
///
/// `Copy`, without pointers, references or padding that matters, and every bit pattern is a valid value.
pub(super) unsafe trait State: Copy + 'static {}

/// As it lies in memory.
#[repr(C)]
pub(super) struct MonitorWords<S> {
    lock: LockWords,
    /// Which copy counts: 0 or 1.
    current: AtomicU32,
    /// Those who wait. Somebody who is killed stays counted, which costs a system call at each change.
    waiting: AtomicU32,
    /// Moves with every change while somebody waits; what the kernel puts them to sleep on.
    changes: AtomicU32,
    /// Touched under the lock only.
    copies: UnsafeCell<[S; 2]>,
}

/// Bytes to leave for the words of a monitor.
pub(super) const MONITOR_MAX: usize = 512;

// SAFETY: the copies are touched under the lock only.
unsafe impl<S: State> Sync for MonitorWords<S> {}

/// The lock is held: the state can be read and changed.
pub(super) struct Entered<'a, S: State> {
    words: &'a MonitorWords<S>,
    changed: bool,
}

impl<S: State> MonitorWords<S> {
    /// The words at the start of `segment`.
    pub(super) fn of(segment: &Segment) -> &MonitorWords<S> {
        const { assert!(size_of::<MonitorWords<S>>() <= MONITOR_MAX - START) };
        // SAFETY: `at` gives a place within the mapping, which lives as long as the borrow; any bits are a value of
        // each field, the mutex among them having been made before anybody else could see it.
        unsafe { &*segment.at(START) }
    }

    /// Makes the words, in memory that nobody else sees yet.
    pub(super) fn init(&self, state: S) -> io::Result<()> {
        self.lock.init()?;
        // SAFETY: nobody else sees it yet.
        unsafe { *self.copies.get() = [state; 2] };
        Ok(())
    }

    pub(super) fn enter(&self) -> Entered<'_, S> {
        self.lock.lock();
        Entered { words: self, changed: false }
    }
}

impl<'a, S: State> Entered<'a, S> {
    /// The state.
    pub(super) fn get(&self) -> S {
        let current = self.words.current.load(Ordering::Relaxed) as usize % 2;
        // SAFETY: the lock is held.
        unsafe { (*self.words.copies.get())[current] }
    }

    /// Changes the state, at once and whole.
    pub(super) fn set(&mut self, state: S) {
        let other = (self.words.current.load(Ordering::Relaxed) + 1) % 2;
        // SAFETY: the lock is held.
        unsafe { (*self.words.copies.get())[other as usize] = state };
        // Release: should this process be killed here, the next one to lock must find the copy whole.
        self.words.current.store(other, Ordering::Release);
        self.changed = true;
    }

    /// Gives the lock up, to sleep until something changes.
    pub(super) fn leave(self) -> Asleep<'a, S> {
        // Relaxed: counted and compared under the lock.
        let seen = self.words.changes.load(Ordering::Relaxed);
        self.words.waiting.fetch_add(1, Ordering::Relaxed);
        Asleep { words: self.words, seen }
    }
}

/// Somebody who waits for a change, counted as one of those who do.
pub(super) struct Asleep<'a, S: State> {
    words: &'a MonitorWords<S>,
    seen: u32,
}

impl<'a, S: State> Asleep<'a, S> {
    /// Sleeps until something has changed since the lock was given up (`true`) or `until` has come.
    pub(super) fn sleep(&self, until: Option<Instant>) -> bool {
        sleep_while(&self.words.changes, self.seen, until)
    }

    /// Takes the lock again.
    pub(super) fn enter(self) -> Entered<'a, S> {
        let entered = self.words.enter();
        let one_less = |count: u32| count.checked_sub(1);
        let _ = self.words.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        entered
    }
}

impl<S: State> Drop for Entered<'_, S> {
    fn drop(&mut self) {
        let words = self.words;
        let wake = self.changed && words.waiting.load(Ordering::Relaxed) > 0;
        if wake {
            words.changes.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: locked by `enter`, given up here only.
        unsafe { words.lock.unlock() };
        if wake {
            // Fails only for an address that is not one.
            let _ = futex::wake(&words.changes, futex::Flags::empty(), i32::MAX.cast_unsigned());
        }
    }
}

/// Sleeps while `word` is `seen`; `false` once `until` has come.
pub(super) fn sleep_while(word: &AtomicU32, seen: u32, until: Option<Instant>) -> bool {
    // Acquire: what was done before the word was moved is seen.
    while word.load(Ordering::Acquire) == seen {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return false;
        }
        let timeout = left.map(|left| futex::Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        // Interrupted, late or moved already: the loop looks again.
        let _ = futex::wait(word, futex::Flags::empty(), seen, timeout.as_ref());
    }
    true
}

/// What a semaphore and an event have in common.
struct Counted {
    segment: Segment,
    label: std::sync::Mutex<Label>,
    watch: Watch,
}

/// Permits, or 1 for an event that is set.
#[derive(Clone, Copy)]
struct Count(u64);

// SAFETY: one number.
unsafe impl State for Count {}

impl Counted {
    fn create(kind: Kind, count: u64, site: Site) -> Result<Arc<Counted>, ProcessError> {
        let fail = |error: io::Error| ProcessError::here(format_args!("making a {}", kind.word()), error);
        let segment = Segment::create(&format!("tracked-{}", kind.word()), MONITOR_MAX).map_err(fail)?;
        MonitorWords::of(&segment).init(Count(count)).map_err(fail)?;
        let identity = segment.identity(START);
        let watch = Watch::new(kind, Some(identity), site);
        let counted = Counted { segment, label: Label::at(site).into(), watch };
        unique(identity, || counted).map_err(|cause| ProcessError::here(kind.word(), cause))
    }

    fn words(&self) -> &MonitorWords<Count> {
        MonitorWords::of(&self.segment)
    }

    fn name(&self, name: &str) {
        super::locks::label(&self.label).name = Some(name.to_owned());
        self.watch.name(name);
    }

    /// Takes one away, or none with `keep`, waiting until `until` for there to be one.
    fn take(&self, site: Site, until: Option<Instant>, keep: bool) -> bool {
        let mut state = self.words().enter();
        loop {
            let Count(count) = state.get();
            if count > 0 {
                if !keep {
                    state.set(Count(count - 1));
                }
                return true;
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return false;
            }
            let asleep = state.leave();
            self.watch.waiting(site, until, Awaited::Signal, || asleep.sleep(until));
            state = asleep.enter();
        }
    }

    fn change(&self, to: impl FnOnce(u64) -> u64) {
        let mut state = self.words().enter();
        let Count(count) = state.get();
        state.set(Count(to(count)));
    }

    fn count(&self) -> u64 {
        self.words().enter().get().0
    }

    fn adopt(kind: Kind, handle: Handle<'static>, label: &Label) -> Result<Arc<Counted>, Cause> {
        let segment = Segment::adopt(handle.into_owned()?, MONITOR_MAX)?;
        let identity = segment.identity(START);
        unique(identity, || Counted {
            watch: Watch::known(kind, identity, label),
            segment,
            label: label.clone().into(),
        })
    }
}

macro_rules! travels {
    ($name:ident, $kind:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let label = super::locks::label(&self.0.label).clone();
                (Handle::Lent(std::os::fd::AsFd::as_fd(&self.0.segment)), label).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let (handle, label) = <(Handle<'static>, Label)>::deserialize(deserializer)?;
                Counted::adopt($kind, handle, &label).map($name).map_err(de::Error::custom)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("count", &self.0.count()).finish_non_exhaustive()
            }
        }

        impl $name {
            /// Gives it a name for reports and errors.
            #[must_use]
            pub fn named(self, name: &str) -> $name {
                self.0.name(name);
                self
            }
        }
    };
}

/// A counting semaphore between processes. A clone is the same semaphore. The permits of a process that dies are lost.
#[derive(Clone)]
pub struct Semaphore(Arc<Counted>);

travels!(Semaphore, Kind::Semaphore);

/// A permit of a [`Semaphore`], given back when it is dropped.
#[must_use = "if unused the permit is given back at once"]
#[derive(Debug)]
pub struct Permit<'a>(&'a Semaphore);

impl Semaphore {
    /// A semaphore with so many permits. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the operating system has no memory for it.
    #[track_caller]
    pub fn new(permits: usize) -> Result<Semaphore, ProcessError> {
        Counted::create(Kind::Semaphore, permits as u64, Location::caller()).map(Semaphore)
    }

    /// Takes a permit, blocking as long as it takes.
    #[track_caller]
    pub fn acquire(&self) -> Permit<'_> {
        self.0.take(Location::caller(), None, false);
        Permit(self)
    }

    /// Takes a permit if there is one.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.0.take(Location::caller(), Some(Instant::now()), false).then_some(()).map(|()| Permit(self))
    }

    /// Takes a permit unless `timeout` passes first.
    #[track_caller]
    pub fn try_acquire_for(&self, timeout: Duration) -> Option<Permit<'_>> {
        let taken = self.0.take(Location::caller(), deadline(timeout), false);
        // Lazily: a permit that is dropped is given back.
        taken.then(|| Permit(self))
    }

    /// Adds a permit, whether or not one was taken: for permits without a guard, see [`Permit::forget`].
    pub fn release(&self) {
        self.0.change(|permits| permits.saturating_add(1));
    }

    /// Permits that nobody has at this moment.
    pub fn available(&self) -> usize {
        self.0.count() as usize
    }
}

impl Permit<'_> {
    /// Keeps the permit for good: somebody calls [`Semaphore::release`] instead.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A flag between processes that threads wait for. A clone is the same flag.
#[derive(Clone)]
pub struct Event(Arc<Counted>);

travels!(Event, Kind::Event);

impl Event {
    /// A flag that is not set. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the operating system has no memory for it.
    #[track_caller]
    pub fn new() -> Result<Event, ProcessError> {
        Counted::create(Kind::Event, 0, Location::caller()).map(Event)
    }

    /// Sets the flag: whoever waits goes on.
    pub fn set(&self) {
        self.0.change(|_| 1);
    }

    /// Takes the flag back.
    pub fn clear(&self) {
        self.0.change(|_| 0);
    }

    /// Whether the flag is set at this moment.
    pub fn is_set(&self) -> bool {
        self.0.count() > 0
    }

    /// Blocks until the flag is set.
    #[track_caller]
    pub fn wait(&self) {
        self.0.take(Location::caller(), None, true);
    }

    /// As [`wait`](Self::wait), for `timeout` at the most; `false` if it passed first.
    #[track_caller]
    pub fn wait_for(&self, timeout: Duration) -> bool {
        self.0.take(Location::caller(), deadline(timeout), true)
    }
}
