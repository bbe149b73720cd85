//! A file of recorded events as a trace: the same events in the words of the predictors.
//!
//! Threads and objects keep the numbers that the process gave them, as the originals of the trace's own numbers;
//! locations are places of the file, numbered by content.
//!
//! | recorded | in the trace |
//! |---|---|
//! | an upgradable hold of lock `l` | `acq` of a second lock that only such holds take, then `racq(l)` |
//! | its upgrade | `rrel(l)`, `acq(l)`, still under the second lock |
//! | a downgrade | the release, and at once the acquisition in the new mode |
//! | a release by another thread | `signal` by that one, then `await` and the release by the holder |
//! | a thread of unknown origin begins | `fence`: after everything so far |
//! | it ends | `signal`, and `await` in every other thread at its next event |
//!
//! What a thread does after it was joined (destructors of thread-locals), or with a lock whose acquisition nobody saw,
//! contradicts the rules of a trace and is left out, and counted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use crate::event_file::{Closed, EventKind, EventReader, FRAMES_MAX, RecordedEvent, SECOND};
use crate::trace_event::{
    Effect, Event, Located, MAX_EVENTS, Names, Op, ReadError, TargetKind, TraceReader, WellFormed,
};
use crate::trace_file::TraceError;
use crate::{LockKind, Mode, RawSite};

/// In the number of a lock: the second one of a lock that is held upgradable.
const UPGRADABLE: u64 = SECOND;
/// In the number of a condition: the hand-over of a lock by a thread that does not hold it.
const HAND_OVER: u64 = 1 << 62;
/// In the number of a condition: a point that orders threads, not an object.
const POINT: u64 = 1 << 61;

/// What is known of an object that was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Object {
    /// What kind of object; `None` for data.
    pub kind: Option<LockKind>,
    /// Whether it is an atomic.
    pub atomic: bool,
    /// The location that created it.
    pub created: u32,
}

/// Reads a file of recorded events.
#[derive(Debug)]
pub struct RecordedReader {
    events: EventReader,
    file: String,
    names: Names,
    rules: WellFormed,
    /// Locations by place number of the file. Different places may be one location.
    locations: HashMap<u32, u32>,
    /// What locations stand for, from 1.
    sites: Vec<RawSite>,
    /// What objects are, by their recorded number.
    objects: HashMap<u64, Object>,
    /// The object that names the regions which begin at a location.
    regions: HashMap<u32, u64>,
    /// The stacks of each thread (by its recorded number) that accesses were made with.
    stacks: HashMap<u32, Stacks>,
    /// Who holds a lock exclusively, by its number in the trace.
    owners: HashMap<u32, u32>,
    /// Thread and lock of upgradable holds.
    upgradable: HashSet<(u32, u64)>,
    /// Translated events that were not given yet.
    ready: VecDeque<Ready>,
    /// The event given last.
    last: Ready,
    /// Events given so far.
    given: u32,
    left_out: u64,
    finished: bool,
}

/// What a thread said of its stacks.
#[derive(Debug, Default)]
struct Stacks {
    /// Return addresses, innermost first, by the stack's number from 1.
    known: Vec<Vec<u64>>,
    /// The frames of the stack that is about to be named.
    coming: Vec<u64>,
    /// By place: the stack that accesses there are made with.
    now: HashMap<u32, usize>,
}

impl Stacks {
    /// From here on this is the stack at the place.
    fn name(&mut self, recorded: &RecordedEvent) {
        let number = recorded.object as usize;
        // New ones are named in their order; a number that does not follow is no stack that was captured.
        if !self.coming.is_empty() && number == self.known.len() + 1 {
            self.known.push(std::mem::take(&mut self.coming));
        }
        self.coming.clear();
        self.now.insert(recorded.place, number);
    }
}

/// A translated event and what only a report asks for.
#[derive(Clone, Copy, Debug)]
struct Ready {
    event: Event,
    /// The index among the operations of its thread.
    index: u32,
    /// The thread's recorded number, and the number of its stack; 0: not known.
    stack: (u32, usize),
}

/// Nothing was given yet.
const NOTHING: Ready =
    Ready { event: Event { thread: 0, target: 0, location: 0, op: Op::Branch }, index: 0, stack: (0, 0) };

/// All modes, by number.
const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];
/// The kinds of objects, by number.
const LOCK_KINDS: [LockKind; 11] = [
    LockKind::Mutex,
    LockKind::Reentrant,
    LockKind::RwLock,
    LockKind::Semaphore,
    LockKind::Condition,
    LockKind::Event,
    LockKind::Barrier,
    LockKind::Once,
    LockKind::Queue,
    LockKind::Pool,
    LockKind::Thread,
];
/// The number of an object that is data.
pub const DATA: u8 = 15;
/// The number of an object that is an atomic. It has no line that created it, but one where it was first met.
pub const ATOMIC: u8 = 14;

impl RecordedReader {
    /// Opens the file.
    pub fn open(path: &Path) -> Result<RecordedReader, TraceError> {
        let events = EventReader::open(path)?;
        let mut by_content: HashMap<RawSite, u32> = HashMap::new();
        let mut sites: Vec<RawSite> = events.places().values().cloned().collect();
        sites.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        sites.dedup();
        for (number, site) in (1..).zip(&sites) {
            by_content.insert(site.clone(), number);
        }
        let locations = events.places().iter().map(|(&place, site)| (place, by_content[site])).collect();
        Ok(RecordedReader {
            file: path.to_string_lossy().into_owned(),
            names: Names::default(),
            rules: WellFormed::default(),
            locations,
            sites,
            objects: HashMap::new(),
            regions: HashMap::new(),
            stacks: HashMap::new(),
            owners: HashMap::new(),
            upgradable: HashSet::new(),
            ready: VecDeque::new(),
            last: NOTHING,
            given: 0,
            left_out: 0,
            finished: false,
            events,
        })
    }

    /// Events so far that have no place in a trace.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Why the recording ends where it does, and how many threads lost events by that.
    pub fn lost(&self) -> Option<(Closed, u32)> {
        let reason = self.events.closed().filter(|reason| *reason != Closed::Ended)?;
        Some((reason, self.events.lost()))
    }

    /// What a location stands for.
    pub fn site(&self, location: u32) -> Option<&RawSite> {
        self.sites.get((location as usize).checked_sub(1)?)
    }

    /// What is known of an object, by the number that the process gave it.
    pub fn object(&self, original: u64) -> Option<Object> {
        self.objects.get(&(original & !UPGRADABLE)).copied()
    }

    /// The number of the object that has the name of the regions which begin at a location.
    pub fn region(&self, location: u32) -> Option<u64> {
        self.regions.get(&location).copied().filter(|region| *region != 0)
    }

    /// The index of the event given last among its thread's operations, as reports of the process count them.
    pub fn index(&self) -> u32 {
        self.last.index
    }

    /// The return addresses of the stack that the event given last was made with, innermost first; empty where it was
    /// not captured. Only accesses have one.
    pub fn stack(&self) -> &[u64] {
        let (thread, number) = self.last.stack;
        let known =
            self.stacks.get(&thread).and_then(|of_thread| of_thread.known.get(number.checked_sub(1)?));
        known.map_or(&[], |addresses| addresses)
    }

    /// The location of a place.
    fn location(&self, place: u32) -> u32 {
        self.locations.get(&place).copied().unwrap_or(0)
    }

    /// Puts the event's translation behind what is ready.
    fn translate(&mut self, recorded: &RecordedEvent) {
        use EventKind as K;
        let thread = self.names.threads.intern_number(recorded.thread.into());
        let location = self.location(recorded.place);
        let condition = |of: u64| recorded.object | of;
        let (op, target) = match recorded.manner.kind {
            K::Acquire | K::Release | K::Request | K::Downgrade => {
                return self.translate_lock(recorded, thread);
            }
            K::Object => {
                let kind = LOCK_KINDS.get(usize::from(recorded.manner.lock_kind)).copied();
                let atomic = recorded.manner.lock_kind == ATOMIC;
                let object = Object { kind, atomic, created: location };
                self.objects.entry(recorded.object).or_insert(object);
                return;
            }
            K::Lost => return,
            K::Frame => {
                let coming = &mut self.stacks.entry(recorded.thread).or_default().coming;
                // More are of no stack that this version's writer makes.
                if coming.len() < FRAMES_MAX {
                    coming.push(recorded.object);
                }
                return;
            }
            K::Stack => {
                self.stacks.entry(recorded.thread).or_default().name(recorded);
                return;
            }
            K::Fork => (Op::Fork, self.names.threads.intern_number(recorded.object)),
            K::Join => (Op::Join, self.names.threads.intern_number(recorded.object)),
            K::Read => (Op::Read, self.names.variables.intern_number(recorded.object)),
            K::Write => (Op::Write, self.names.variables.intern_number(recorded.object)),
            K::AtomicLoad => (Op::AtomicRead, self.names.variables.intern_number(recorded.object)),
            K::AtomicStore => (Op::AtomicWrite, self.names.variables.intern_number(recorded.object)),
            K::AtomicUpdate => (Op::AtomicUpdate, self.names.variables.intern_number(recorded.object)),
            K::Wait => (Op::Wait, self.names.conditions.intern_number(condition(0))),
            K::Notify => (Op::Notify, self.names.conditions.intern_number(condition(0))),
            K::NotifyAll => (Op::NotifyAll, self.names.conditions.intern_number(condition(0))),
            K::Signal => (Op::Signal, self.names.conditions.intern_number(condition(0))),
            K::Await => (Op::Await, self.names.conditions.intern_number(condition(0))),
            K::Before => (Op::Before, self.names.conditions.intern_number(condition(POINT))),
            K::After => (Op::After, self.names.conditions.intern_number(condition(POINT))),
            K::Begin => {
                self.regions.insert(location, recorded.object);
                (Op::Begin, 0)
            }
            K::End => (Op::End, 0),
            K::Arrive => (Op::Fence, 0),
        };
        let event = Event { thread, target, location, op };
        let stacks = self.stacks.get(&recorded.thread);
        let stack = stacks.and_then(|stacks| stacks.now.get(&recorded.place).copied()).unwrap_or(0);
        let is_access = matches!(op.target_kind(), TargetKind::Variable);
        let stack = (recorded.thread, if is_access { stack } else { 0 });
        self.ready.push_back(Ready { event, index: recorded.index, stack });
    }

    /// The same for an event of a lock.
    fn translate_lock(&mut self, recorded: &RecordedEvent, thread: u32) {
        let kind = LOCK_KINDS.get(usize::from(recorded.manner.lock_kind)).copied();
        let owned = [LockKind::Mutex, LockKind::Reentrant, LockKind::RwLock, LockKind::Once];
        if !kind.is_some_and(|kind| owned.contains(&kind)) {
            self.left_out += 1;
            return;
        }
        let (mode, lock) = (MODES[usize::from(recorded.manner.mode)], recorded.object);
        let upgradable = self.upgradable.contains(&(thread, lock));
        let key = (thread, lock);
        let target = self.names.locks.intern_number(lock);
        let second = |reader: &mut Self| reader.names.locks.intern_number(lock | UPGRADABLE);
        let shared = matches!(mode, Mode::Shared | Mode::SharedRecursive);
        match recorded.manner.kind {
            EventKind::Acquire => match mode {
                Mode::Upgradable => {
                    self.upgradable.insert(key);
                    let second = second(self);
                    self.put(recorded, thread, &[(Op::Acquire, second), (Op::SharedAcquire, target)]);
                }
                Mode::Exclusive if upgradable => {
                    self.put(recorded, thread, &[(Op::SharedRelease, target), (Op::Acquire, target)]);
                }
                Mode::Exclusive => self.put(recorded, thread, &[(Op::Acquire, target)]),
                _ => self.put(recorded, thread, &[(Op::SharedAcquire, target)]),
            },
            EventKind::Downgrade if upgradable && shared => {
                self.upgradable.remove(&key);
                let second = second(self);
                // From upgradable it is shared already; from an upgrade it was exclusive.
                match self.owners.get(&target) == Some(&thread) {
                    true => {
                        let ops = [(Op::Release, target), (Op::SharedAcquire, target), (Op::Release, second)];
                        self.put(recorded, thread, &ops);
                    }
                    false => self.put(recorded, thread, &[(Op::Release, second)]),
                }
            }
            EventKind::Downgrade if upgradable => {
                self.put(recorded, thread, &[(Op::Release, target), (Op::SharedAcquire, target)]);
            }
            EventKind::Downgrade if mode == Mode::Upgradable => {
                self.upgradable.insert(key);
                let second = second(self);
                let ops = [(Op::Acquire, second), (Op::Release, target), (Op::SharedAcquire, target)];
                self.put(recorded, thread, &ops);
            }
            EventKind::Downgrade => {
                self.put(recorded, thread, &[(Op::Release, target), (Op::SharedAcquire, target)]);
            }
            EventKind::Request => self.put(recorded, thread, &[(Op::Request, target)]),
            _ if upgradable => {
                self.upgradable.remove(&key);
                let second = second(self);
                let first = if mode == Mode::Upgradable { Op::SharedRelease } else { Op::Release };
                self.put(recorded, thread, &[(first, target), (Op::Release, second)]);
            }
            _ if shared => self.put(recorded, thread, &[(Op::SharedRelease, target)]),
            _ => self.translate_release(recorded, thread, target),
        }
    }

    /// An exclusive hold ends, perhaps by the hand of another thread.
    fn translate_release(&mut self, recorded: &RecordedEvent, thread: u32, lock: u32) {
        match self.owners.get(&lock).copied() {
            Some(owner) if owner != thread => {
                let condition = self.names.conditions.intern_number(recorded.object | HAND_OVER);
                self.put(recorded, thread, &[(Op::Signal, condition)]);
                self.put(recorded, owner, &[(Op::Await, condition), (Op::Release, lock)]);
            }
            _ => self.put(recorded, thread, &[(Op::Release, lock)]),
        }
    }

    fn put(&mut self, recorded: &RecordedEvent, thread: u32, ops: &[(Op, u32)]) {
        let location = self.location(recorded.place);
        let index = recorded.index;
        let ready = |&(op, target): &(Op, u32)| {
            let event = Event { thread, target, location, op };
            Ready { event, index, stack: (0, 0) }
        };
        self.ready.extend(ops.iter().map(ready));
    }

    /// Accepts an event, or leaves it out.
    fn accept(&mut self, event: &Event) -> bool {
        match self.rules.check(event, self.given + 1) {
            Ok(effect) => {
                match (event.op, effect) {
                    (Op::Acquire, _) => drop(self.owners.insert(event.target, event.thread)),
                    (Op::Release, Effect::Outermost) => drop(self.owners.remove(&event.target)),
                    _ => {}
                }
                true
            }
            Err(_) => {
                self.left_out += 1;
                false
            }
        }
    }

    fn fail(&mut self, error: ReadError) -> Option<Result<Located, ReadError>> {
        self.finished = true;
        Some(Err(error))
    }
}

impl Iterator for RecordedReader {
    type Item = Result<Located, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.finished {
            if let Some(ready) = self.ready.pop_front() {
                let event = ready.event;
                if self.given >= MAX_EVENTS {
                    return self.fail(ReadError::TooLong { file: self.file.clone() });
                }
                if self.accept(&event) {
                    self.given += 1;
                    self.last = ready;
                    return Some(Ok(Located { event, line: self.given }));
                }
                continue;
            }
            match self.events.next() {
                None => self.finished = true,
                Some(Ok(recorded)) => self.translate(&recorded),
                Some(Err(error)) => {
                    let source = std::io::Error::other(error.to_string());
                    return self.fail(ReadError::Io { file: self.file.clone(), source });
                }
            }
        }
        None
    }
}

impl TraceReader for RecordedReader {
    fn names(&self) -> &Names {
        &self.names
    }
}
