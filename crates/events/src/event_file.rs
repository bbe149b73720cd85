//! The recorded events of one process: `<pid>-<n>.lcevents` beside its `.lctrace`, which knows more names.
//!
//! Built for a writer that has nanoseconds. Threads write fixed-size records into chunks of their own in a shared
//! mapping that has storage before it is written to, so that neither a full disk nor `kill -9` costs an event that was
//! committed. Nothing that the writer calls on the way of an event allocates memory, so that the lock of an allocator
//! can be recorded. docs/trace-format.md has the layout.
//!
//! **The order among threads** is that of Lamport's clocks (1978): each event has a number that is larger than that of
//! the thread's previous one, and than that of the last release, signal or write of the same object that it comes
//! after. So the numbers contradict neither the locks nor any other object that is watched; events that nothing orders
//! come in any order. The alternatives cost more or promise less: one counter for all is a cache line that every
//! thread writes to with every event, and the processor's clock is exact only where it is invariant, in step on all
//! processors and not read early.
//!
//! Not here: what the events mean ([`crate::recorded`]), and which are recorded (the run-time).

mod read;
mod write;

pub use read::EventReader;
pub use write::{Closed, EventFile, Lane};

/// What files of events are called.
pub const EXTENSION: &str = "lcevents";
/// The version of the format that this code writes, and the newest that it reads.
pub const VERSION: u32 = 2;
/// A file of events never grows beyond this many bytes: about 65 million events.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// The first bytes of the file.
pub const MAGIC: [u8; 8] = *b"lcevent\0";
/// Places in the source that a file can name; events at further ones say 0, nowhere.
pub const PLACES_MAX: u32 = 1 << 14;

/// Frames of a stack that a file keeps.
pub const FRAMES_MAX: usize = 64;

/// In the number of an object: a second one beside it, that a reader of the file thinks of. No object has it.
pub const SECOND: u64 = 1 << 62;

/// Bytes of the header.
const HEADER: u64 = 64;
/// Where in the header it says why no chunk is given any more, as a number of [`Closed`].
const CLOSED_AT: usize = 20;
/// Where in the header it says how many bytes of the area for places are in use.
const PLACES_USED_AT: usize = 24;
/// Where the area that names places ends and the chunks begin.
const CHUNKS: u64 = 1 << 20;
/// Bytes of a place's entry before the file's name: number, line, column, length of the name.
const PLACE_HEADER: u64 = 16;
/// Bytes of an event in the file.
pub const EVENT_BYTES: u64 = 16;
/// Bytes of a record, and of what stands at the start of a chunk.
const RECORD: u64 = EVENT_BYTES;

/// Bytes of a thread's chunk by its ordinal: a thread that does little takes little.
fn chunk_bytes(ordinal: u32) -> u64 {
    match ordinal {
        0 => 4 << 10,
        1 => 16 << 10,
        _ => 64 << 10,
    }
}

/// What a recorded event is. The numbers stand in the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum EventKind {
    /// A lock is had.
    Acquire = 1,
    /// A lock is about to be given up.
    Release = 2,
    /// A lock is asked for and was not free.
    Request = 3,
    /// A thread is about to be started.
    Fork = 4,
    /// A thread's end was waited for.
    Join = 5,
    /// The hold of a lock goes on in another mode, the event's.
    Downgrade = 6,
    /// Data is read.
    Read = 7,
    /// Data is written, or may be.
    Write = 8,
    /// An atomic was loaded.
    AtomicLoad = 9,
    /// An atomic was stored to.
    AtomicStore = 10,
    /// An atomic was changed in one step that depends on what it was.
    AtomicUpdate = 11,
    /// A thread begins to wait for an object.
    Wait = 12,
    /// One waiter of a condition is about to be woken.
    Notify = 13,
    /// Every waiter of a condition is about to be woken.
    NotifyAll = 14,
    /// Something is about to be left in an object for those who [`Await`](EventKind::Await) it: a permit, an item, a
    /// flag.
    Signal = 15,
    /// Something left in an object was received: what follows comes after all signals so far.
    Await = 16,
    /// A point of the thread that certainly comes before others: its arrival at a barrier, and the like.
    Before = 17,
    /// A point that certainly comes after all [`Before`](EventKind::Before) of the same object.
    After = 18,
    /// A region begins that is meant to be atomic.
    Begin = 19,
    /// The innermost such region ends.
    End = 20,
    /// A thread of unknown origin begins, or one goes on whom nobody knows who woke: after everything that was recorded
    /// before.
    Arrive = 21,
    /// What the object of this and following events is: the lock kind says which kind, the place who created it.
    Object = 22,
    /// The thread recorded nothing from here on, for want of room.
    Lost = 23,
    /// One return address of a stack that is about to be named, innermost first: the second word, whole, is the
    /// address.
    Frame = 24,
    /// From here on the thread's accesses at the event's place are made with the stack that has the object's number
    /// among those of the thread, counted from 1; 0: with one that was not captured. The frames before it, if there are
    /// any, are that stack.
    Stack = 25,
}

/// All kinds of events, in the order of their numbers, from 1.
const KINDS: [EventKind; 25] = [
    EventKind::Acquire,
    EventKind::Release,
    EventKind::Request,
    EventKind::Fork,
    EventKind::Join,
    EventKind::Downgrade,
    EventKind::Read,
    EventKind::Write,
    EventKind::AtomicLoad,
    EventKind::AtomicStore,
    EventKind::AtomicUpdate,
    EventKind::Wait,
    EventKind::Notify,
    EventKind::NotifyAll,
    EventKind::Signal,
    EventKind::Await,
    EventKind::Before,
    EventKind::After,
    EventKind::Begin,
    EventKind::End,
    EventKind::Arrive,
    EventKind::Object,
    EventKind::Lost,
    EventKind::Frame,
    EventKind::Stack,
];

/// What an event does, besides to what and where: 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Manner {
    /// What happens.
    pub kind: EventKind,
    /// `lockcheck_events::Mode` as a number.
    pub mode: u8,
    /// `lockcheck_events::Attempt` as a number.
    pub attempt: u8,
    /// `lockcheck_events::LockKind` as a number; for data 0.
    pub lock_kind: u8,
}

impl Manner {
    /// For events that need no more.
    pub const fn of(kind: EventKind) -> Manner {
        Manner { kind, mode: 0, attempt: 0, lock_kind: 0 }
    }

    #[inline(always)]
    const fn bits(self) -> u64 {
        (self.lock_kind as u64 & 0xf) << 9
            | (self.attempt as u64 & 3) << 7
            | (self.mode as u64 & 3) << 5
            | self.kind as u64
    }

    /// `None` for a kind that this version does not know.
    fn of_bits(bits: u64) -> Option<Manner> {
        let kind = *KINDS.get(((bits & 0x1f) as usize).checked_sub(1)?)?;
        Some(Manner {
            kind,
            mode: (bits >> 5 & 3) as u8,
            attempt: (bits >> 7 & 3) as u8,
            lock_kind: (bits >> 9 & 0xf) as u8,
        })
    }
}

/// One recorded event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordedEvent {
    /// Its number, from 1: larger than those of all events that it comes after.
    pub stamp: u32,
    /// Who acts.
    pub thread: u32,
    /// What happens.
    pub manner: Manner,
    /// The id of the lock, datum, condition or thread. Below 2^40; of a [`Frame`](EventKind::Frame) an address.
    pub object: u64,
    /// The number of the place, see [`EventReader::places`]; 0: not known.
    pub place: u32,
    /// The operation's index among its thread's.
    pub index: u32,
}

impl RecordedEvent {
    /// The two words of a record. Of the index only the lower half is kept: a reader knows the rest from before.
    #[inline(always)]
    fn words(&self) -> [u64; 2] {
        let what = u64::from(self.stamp) << 32 | u64::from(self.index & 0xffff) << 16 | self.manner.bits();
        match self.manner.kind {
            EventKind::Frame => [what, self.object],
            _ => [what, self.object << 24 | u64::from(self.place & 0xff_ffff)],
        }
    }

    /// The record of `thread` in these words, whose last index was `index`. `None` where the kind is not known.
    fn of_words(thread: u32, index: u32, [what, object]: [u64; 2]) -> Option<RecordedEvent> {
        let manner = Manner::of_bits(what & 0xffff)?;
        let passed = ((what >> 16) as u16).wrapping_sub(index as u16);
        let (object, place) = match manner.kind {
            EventKind::Frame => (object, 0),
            _ => (object >> 24, (object & 0xff_ffff) as u32),
        };
        Some(RecordedEvent {
            stamp: (what >> 32) as u32,
            thread,
            manner,
            object,
            place,
            index: index.wrapping_add(passed.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_what_they_are_given() {
        for (number, &kind) in (0_u32..).zip(&KINDS) {
            assert_eq!(kind as u32, number + 1);
            let manner = Manner { kind, mode: 2, attempt: 1, lock_kind: 10 };
            let event = RecordedEvent {
                stamp: u32::MAX - number,
                thread: 7,
                manner,
                object: (1 << 40) - 1 - u64::from(number),
                place: if kind == EventKind::Frame { 0 } else { 0xff_ff00 + number },
                index: 0xfff0 + number,
            };
            assert_eq!(RecordedEvent::of_words(7, 0xffe8, event.words()), Some(event));
        }
        assert_eq!(RecordedEvent::of_words(7, 0, [0, 0]), None);
        assert_eq!(RecordedEvent::of_words(7, 0, [31, 0]), None);
    }
}
