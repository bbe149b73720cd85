//! `Queue` and `JoinableQueue`: messages from any process to any process, first in first out, in a ring of bytes in
//! shared memory.
//!
//! ```text
//! segment  the monitor's words, up to byte RING
//! ring     from RING on: messages one behind the other, each its length (u32) and its bytes, wrapping around
//! ```
//!
//! A message is put, or taken, by the one word of the monitor that says which state counts: a process that dies in the
//! middle has done neither. Bytes are bounded, and who finds no room waits; one message that is longer than the whole
//! ring makes it grow, once the ring is empty. A message that was taken is gone, whatever becomes of its taker: what
//! must not be lost is counted by a [`JoinableQueue`].

use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memmap2::{MmapOptions, MmapRaw};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::entry;
use super::error::{Cause, ProcessError};
use super::handle::Handle;
use super::locks::label;
use super::monitor::{Entered, MonitorWords, State};
use super::segment::{START, Segment, unique};
use super::watch::{Awaited, Kind, Label, Watch};
use crate::base::Site;
use crate::vocabulary::deadline;

/// Where the ring begins: a page, so that it can be mapped by itself.
const RING: usize = 4096;
/// Bytes of a new ring: what a kernel's pipe has.
const ROOM: usize = 64 << 10;
/// A message may be so long at the most.
const MESSAGE_MAX: usize = 1 << 30;
/// Bytes of a message's length.
const LENGTH: usize = 4;

/// Where the ring begins and ends, and what has been counted.
#[derive(Clone, Copy)]
struct Ring {
    /// Bytes ever taken, and bytes ever put. The difference is at most `room`.
    taken: u64,
    put: u64,
    /// Bytes of the ring. Grows only while it is empty.
    room: u64,
    /// Messages in it, and how many there may be.
    len: u64,
    len_max: u64,
    /// Messages put that `task_done` was not called for.
    unfinished: u64,
}

// SAFETY: numbers only.
unsafe impl State for Ring {}

/// A queue, as one process has it.
struct Core {
    segment: Segment,
    /// The ring as it was last seen. Touched under the monitor's lock only.
    ring: UnsafeCell<MmapRaw>,
    label: Mutex<Label>,
    watch: Watch,
}

// SAFETY: `ring` is touched under the monitor's lock only, which keeps other threads of this process away as well.
unsafe impl Sync for Core {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Core {}

/// Why nothing was put.
enum NotPut {
    Late,
    Failed(Cause),
}

impl Core {
    fn create(len_max: usize, site: Site) -> Result<Arc<Core>, ProcessError> {
        let fail = |error: io::Error| ProcessError::here("making a queue", error);
        let segment = Segment::create("tracked-queue", RING + ROOM).map_err(fail)?;
        let ring =
            Ring { taken: 0, put: 0, room: ROOM as u64, len: 0, len_max: len_max as u64, unfinished: 0 };
        MonitorWords::of(&segment).init(ring).map_err(fail)?;
        let identity = segment.identity(START);
        let watch = Watch::new(Kind::Queue, Some(identity), site);
        let core = Core::of(segment, Label::at(site), watch).map_err(fail)?;
        unique(identity, || core).map_err(|cause| ProcessError::here("making a queue", cause))
    }

    fn of(segment: Segment, label: Label, watch: Watch) -> io::Result<Core> {
        let ring = map_ring(&segment, ROOM)?;
        Ok(Core { segment, ring: ring.into(), label: label.into(), watch })
    }

    fn words(&self) -> &MonitorWords<Ring> {
        MonitorWords::of(&self.segment)
    }

    fn fail(&self, call: &str, cause: Cause) -> ProcessError {
        ProcessError::here(format_args!("`{call}` on {}", label(&self.label).describe(Kind::Queue)), cause)
    }

    /// The ring's memory, mapped as long as it is now.
    fn ring(&self, state: &Entered<'_, Ring>) -> io::Result<*mut u8> {
        let room = state.get().room as usize;
        // SAFETY: the monitor's lock is held, and nobody keeps a pointer into the old mapping beyond it.
        let ring = unsafe { &mut *self.ring.get() };
        if ring.len() < room {
            *ring = map_ring(&self.segment, room)?;
        }
        Ok(ring.as_mut_ptr())
    }

    /// Copies between `bytes` and the ring, from the byte numbered `at` on.
    ///
    /// # Safety
    ///
    /// The monitor's lock is held, and `each` copies so many bytes between its two arguments, the second of which is a
    /// place in the ring, the first a place in what the caller has.
    unsafe fn copy(ring: *mut u8, room: u64, at: u64, len: usize, each: impl Fn(usize, *mut u8, usize)) {
        let start = (at % room) as usize;
        let first = len.min(room as usize - start);
        each(0, ring.wrapping_add(start), first);
        each(first, ring, len - first);
    }

    fn write(ring: *mut u8, room: u64, at: u64, bytes: &[u8]) {
        let each = |from: usize, to: *mut u8, len: usize| {
            // SAFETY: `copy` gives parts of the slice and places within the ring, which do not overlap.
            unsafe { to.copy_from_nonoverlapping(bytes[from..].as_ptr(), len) }
        };
        // SAFETY: called under the lock, as `each` requires.
        unsafe { Core::copy(ring, room, at, bytes.len(), each) };
    }

    fn read(ring: *mut u8, room: u64, at: u64, bytes: &mut [u8]) {
        let (len, to) = (bytes.len(), bytes.as_mut_ptr());
        let each = |at: usize, from: *mut u8, len: usize| {
            // SAFETY: `copy` gives parts of the slice and places within the ring, which do not overlap.
            unsafe { to.wrapping_add(at).copy_from_nonoverlapping(from, len) }
        };
        // SAFETY: called under the lock, as `each` requires.
        unsafe { Core::copy(ring, room, at, len, each) };
    }

    /// Puts the message if there is room.
    fn try_put(&self, state: &mut Entered<'_, Ring>, bytes: &[u8]) -> Result<bool, Cause> {
        let mut now = state.get();
        let needed = (bytes.len() + LENGTH) as u64;
        if now.room < needed && now.put == now.taken {
            let room = needed.next_power_of_two();
            self.segment.file().set_len(RING as u64 + room).map_err(Cause::Io)?;
            now.room = room;
            state.set(now);
        }
        if now.put - now.taken + needed > now.room || now.len >= now.len_max {
            return Ok(false);
        }
        let ring = self.ring(state)?;
        Core::write(ring, now.room, now.put, &(bytes.len() as u32).to_ne_bytes());
        Core::write(ring, now.room, now.put + LENGTH as u64, bytes);
        now.put += needed;
        now.len += 1;
        now.unfinished += 1;
        state.set(now);
        Ok(true)
    }

    fn put(&self, bytes: &[u8], site: Site, until: Option<Instant>) -> Result<(), NotPut> {
        if bytes.len() > MESSAGE_MAX {
            let reason = format!("it is longer than {MESSAGE_MAX} bytes");
            return Err(NotPut::Failed(Cause::Encode { what: "message", reason }));
        }
        let mut state = self.words().enter();
        while !self.try_put(&mut state, bytes).map_err(NotPut::Failed)? {
            if until.is_some_and(|until| until <= Instant::now()) {
                return Err(NotPut::Late);
            }
            let asleep = state.leave();
            self.watch.waiting(site, until, Awaited::Room, || asleep.sleep(until));
            state = asleep.enter();
        }
        Ok(())
    }

    /// Takes the next message if there is one.
    fn try_get(&self, state: &mut Entered<'_, Ring>) -> Result<Option<Vec<u8>>, Cause> {
        let mut now = state.get();
        if now.put == now.taken {
            return Ok(None);
        }
        let ring = self.ring(state)?;
        let mut length = [0; LENGTH];
        Core::read(ring, now.room, now.taken, &mut length);
        let length = u32::from_ne_bytes(length);
        let end = now.taken + LENGTH as u64 + u64::from(length);
        if end > now.put || now.put - now.taken > now.room {
            return Err(Cause::WrongMemory("something else has written to its memory".to_owned()));
        }
        let mut bytes = vec![0; length as usize];
        Core::read(ring, now.room, now.taken + LENGTH as u64, &mut bytes);
        now.taken = end;
        now.len = now.len.saturating_sub(1);
        state.set(now);
        Ok(Some(bytes))
    }

    fn get(&self, site: Site, until: Option<Instant>) -> Result<Option<Vec<u8>>, Cause> {
        let mut state = self.words().enter();
        loop {
            if let Some(bytes) = self.try_get(&mut state)? {
                return Ok(Some(bytes));
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return Ok(None);
            }
            let asleep = state.leave();
            self.watch.waiting(site, until, Awaited::Item, || asleep.sleep(until));
            state = asleep.enter();
        }
    }

    fn task_done(&self) -> Result<(), ProcessError> {
        let mut state = self.words().enter();
        let mut now = state.get();
        match now.unfinished.checked_sub(1) {
            Some(unfinished) => now.unfinished = unfinished,
            None => {
                drop(state);
                return Err(self.fail("task_done", Cause::TooManyTasksDone));
            }
        }
        state.set(now);
        Ok(())
    }

    /// Waits until nothing is unfinished (`true`) or `until` has come.
    fn join(&self, site: Site, until: Option<Instant>) -> bool {
        let mut state = self.words().enter();
        while state.get().unfinished > 0 {
            if until.is_some_and(|until| until <= Instant::now()) {
                return false;
            }
            let asleep = state.leave();
            self.watch.waiting(site, until, Awaited::Signal, || asleep.sleep(until));
            state = asleep.enter();
        }
        true
    }

    fn len(&self) -> usize {
        self.words().enter().get().len as usize
    }
}

fn map_ring(segment: &Segment, room: usize) -> io::Result<MmapRaw> {
    MmapOptions::new().offset(RING as u64).len(room).map_raw(segment.file())
}

macro_rules! queue {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T> {
            core: Arc<Core>,
            messages: PhantomData<fn(T) -> T>,
        }

        impl<T> $name<T> {
            /// An empty queue with room for 64 KiB. The calling line is its creation site.
            ///
            /// # Errors
            ///
            /// If the operating system has no memory for it.
            #[track_caller]
            pub fn new() -> Result<$name<T>, ProcessError> {
                let core = Core::create(usize::MAX, Location::caller())?;
                Ok($name { core, messages: PhantomData })
            }

            /// The same, with room for `capacity` messages at the most.
            ///
            /// # Errors
            ///
            /// If the operating system has no memory for it.
            ///
            /// # Panics
            ///
            /// If `capacity` is 0: such a queue could never hold anything.
            #[track_caller]
            pub fn bounded(capacity: usize) -> Result<$name<T>, ProcessError> {
                assert!(capacity > 0, "a queue needs room for one message at least");
                let core = Core::create(capacity, Location::caller())?;
                Ok($name { core, messages: PhantomData })
            }

            /// Gives the queue a name for reports and errors.
            #[must_use]
            pub fn named(self, name: &str) -> $name<T> {
                label(&self.core.label).name = Some(name.to_owned());
                self.core.watch.name(name);
                self
            }

            /// How many messages are in it at this moment.
            pub fn len(&self) -> usize {
                self.core.len()
            }

            /// Whether it is empty at this moment.
            pub fn is_empty(&self) -> bool {
                self.core.len() == 0
            }
        }

        impl<T: Serialize> $name<T> {
            /// Puts a message, blocking as long as there is no room for it.
            ///
            /// # Errors
            ///
            /// If it does not serialise.
            #[track_caller]
            pub fn put(&self, message: &T) -> Result<(), ProcessError> {
                self.put_until(message, Location::caller(), None).map(|_| ())
            }

            /// Puts a message if there is room for it (`true`).
            ///
            /// # Errors
            ///
            /// As [`put`](Self::put).
            #[track_caller]
            pub fn try_put(&self, message: &T) -> Result<bool, ProcessError> {
                self.put_until(message, Location::caller(), Some(Instant::now()))
            }

            /// Puts a message unless `timeout` passes before there is room (`false`).
            ///
            /// # Errors
            ///
            /// As [`put`](Self::put).
            #[track_caller]
            pub fn put_for(&self, message: &T, timeout: Duration) -> Result<bool, ProcessError> {
                self.put_until(message, Location::caller(), deadline(timeout))
            }

            fn put_until(&self, message: &T, site: Site, until: Option<Instant>) -> Result<bool, ProcessError> {
                let put = entry::with_encoded(message, |bytes| self.core.put(bytes, site, until));
                let put = put.map_err(|reason| {
                    self.core.fail("put", Cause::Encode { what: "message", reason })
                })?;
                match put {
                    Ok(()) => Ok(true),
                    Err(NotPut::Late) => Ok(false),
                    Err(NotPut::Failed(cause)) => Err(self.core.fail("put", cause)),
                }
            }
        }

        impl<T: DeserializeOwned> $name<T> {
            /// Takes the next message, blocking until there is one.
            ///
            /// # Errors
            ///
            /// If the message, which is then gone, does not deserialise.
            #[track_caller]
            pub fn get(&self) -> Result<T, ProcessError> {
                let got = self.get_until(Location::caller(), None)?;
                Ok(got.expect("a wait without a deadline does not time out"))
            }

            /// Takes the next message if there is one.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            #[track_caller]
            pub fn try_get(&self) -> Result<Option<T>, ProcessError> {
                self.get_until(Location::caller(), Some(Instant::now()))
            }

            /// Takes the next message unless `timeout` passes before there is one.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            #[track_caller]
            pub fn get_for(&self, timeout: Duration) -> Result<Option<T>, ProcessError> {
                self.get_until(Location::caller(), deadline(timeout))
            }

            fn get_until(&self, site: Site, until: Option<Instant>) -> Result<Option<T>, ProcessError> {
                let fail = |cause| self.core.fail("get", cause);
                let Some(bytes) = self.core.get(site, until).map_err(fail)? else { return Ok(None) };
                let decoded = entry::decode(&bytes);
                decoded.map(Some).map_err(|reason| fail(Cause::Decode { what: "message", reason }))
            }
        }

        impl<T> Clone for $name<T> {
            /// The same queue.
            fn clone(&self) -> $name<T> {
                $name { core: Arc::clone(&self.core), messages: PhantomData }
            }
        }

        impl<T> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let label = label(&self.core.label).clone();
                (Handle::Lent(self.core.segment.as_fd()), label).serialize(serializer)
            }
        }

        impl<'de, T> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name<T>, D::Error> {
                let (handle, label) = <(Handle<'static>, Label)>::deserialize(deserializer)?;
                let core = adopt(handle, label).map_err(de::Error::custom)?;
                Ok($name { core, messages: PhantomData })
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let name = label(&self.core.label).name.clone();
                let mut fields = f.debug_struct(stringify!($name));
                fields.field("name", &name).field("len", &self.len()).finish_non_exhaustive()
            }
        }
    };
}

fn adopt(handle: Handle<'static>, label: Label) -> Result<Arc<Core>, Cause> {
    let segment = Segment::adopt(handle.into_owned()?, RING + ROOM)?;
    let identity = segment.identity(START);
    let watch = Watch::known(Kind::Queue, identity, &label);
    let core = Core::of(segment, label, watch)?;
    unique(identity, || core)
}

queue! {
    /// A queue between processes, first in first out. A clone is the same queue.
    Queue
}
queue! {
    /// A queue between processes that counts the messages whose work is not done. A clone is the same queue.
    JoinableQueue
}

impl<T> JoinableQueue<T> {
    /// Says that the work on one message is done. To be called once for each message that was taken.
    ///
    /// # Errors
    ///
    /// If it was called once for each message that was ever put, already.
    pub fn task_done(&self) -> Result<(), ProcessError> {
        self.core.task_done()
    }

    /// Blocks until the work on every message put so far is done.
    #[track_caller]
    pub fn join(&self) {
        self.core.join(Location::caller(), None);
    }

    /// As [`join`](Self::join), for `timeout` at the most; `false` if it passed first.
    #[track_caller]
    pub fn join_for(&self, timeout: Duration) -> bool {
        self.core.join(Location::caller(), deadline(timeout))
    }
}
