//! One event of a trace, the names its numbers stand for, and the rules a sequence of events must keep.
//!
//! This is the vocabulary of the predictors: a run as the literature writes it (acquire, release, read, write, fork,
//! join, begin, end), whatever file it came from. [`crate::std_text`] and [`crate::rapid_binary`] read and write it.
//! It is NOT the record that a watched process writes (`record`), and it judges nothing beyond well-formedness.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

/// Longest trace, in lines or events: positions are 32 bits wide, so that a history costs four bytes an event.
pub const MAX_EVENTS: u32 = u32::MAX - 1;

/// What an event does. The numbers 0 to 9 are those of the published binary form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Op {
    /// `acq(l)`: takes lock `l` exclusively.
    Acquire = 0,
    /// `rel(l)`: gives an exclusive hold of `l` back.
    Release = 1,
    /// `r(x)`: reads variable `x`.
    Read = 2,
    /// `w(x)`: writes variable `x`.
    Write = 3,
    /// `fork(t)`: starts thread `t`.
    Fork = 4,
    /// `join(t)`: has waited for the end of thread `t`.
    Join = 5,
    /// `begin`: opens a region that is meant to be atomic. Regions nest.
    Begin = 6,
    /// `end`: closes the innermost open region.
    End = 7,
    /// `req(l)`: is about to acquire `l`; the trace may end here, with the thread blocked.
    Request = 8,
    /// `branch`: a decision that depends on what was read so far.
    Branch = 9,
    /// `racq(l)`: takes lock `l` in shared mode.
    SharedAcquire = 10,
    /// `rrel(l)`: gives a shared hold of `l` back.
    SharedRelease = 11,
    /// `wait(c)`: waits on condition `c`; stands between `rel(m)` and `acq(m)`.
    Wait = 12,
    /// `notify(c)`: wakes one waiter of `c`.
    Notify = 13,
    /// `notifyAll(c)`: wakes every waiter of `c`.
    NotifyAll = 14,
    /// `signal(c)`: leaves something in `c` (a permit, an item, a flag) that others may receive.
    Signal = 15,
    /// `await(c)`: has received something from `c`; comes after every `signal` and `notify` of it so far.
    Await = 16,
    /// `before(c)`: a point that certainly comes before others, in every run: an arrival at a barrier.
    Before = 17,
    /// `after(c)`: a point that certainly comes after every `before(c)` so far.
    After = 18,
    /// `ar(x)`: loads the atomic `x`.
    AtomicRead = 19,
    /// `aw(x)`: stores to the atomic `x`.
    AtomicWrite = 20,
    /// `au(x)`: changes the atomic `x` in one step that depends on what it was.
    AtomicUpdate = 21,
    /// `fence`: comes after everything so far, for reasons that the trace does not have.
    Fence = 22,
}

/// What the number in [`Event::target`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// Nothing: `begin`, `end` and `branch` have no argument, and their target is 0.
    None,
    /// A lock.
    Lock,
    /// A variable.
    Variable,
    /// A thread.
    Thread,
    /// A condition.
    Condition,
}

impl Op {
    /// All operations, in the order of their numbers.
    pub const ALL: [Op; 23] = [
        Op::Acquire,
        Op::Release,
        Op::Read,
        Op::Write,
        Op::Fork,
        Op::Join,
        Op::Begin,
        Op::End,
        Op::Request,
        Op::Branch,
        Op::SharedAcquire,
        Op::SharedRelease,
        Op::Wait,
        Op::Notify,
        Op::NotifyAll,
        Op::Signal,
        Op::Await,
        Op::Before,
        Op::After,
        Op::AtomicRead,
        Op::AtomicWrite,
        Op::AtomicUpdate,
        Op::Fence,
    ];

    /// The operation as STD text spells it.
    pub fn word(self) -> &'static str {
        const WORDS: [&str; 23] = [
            "acq",
            "rel",
            "r",
            "w",
            "fork",
            "join",
            "begin",
            "end",
            "req",
            "branch",
            "racq",
            "rrel",
            "wait",
            "notify",
            "notifyAll",
            "signal",
            "await",
            "before",
            "after",
            "ar",
            "aw",
            "au",
            "fence",
        ];
        WORDS[self as usize]
    }

    /// What this operation's target is.
    pub fn target_kind(self) -> TargetKind {
        match self {
            Op::Acquire | Op::Release | Op::Request | Op::SharedAcquire | Op::SharedRelease => {
                TargetKind::Lock
            }
            Op::Read | Op::Write | Op::AtomicRead | Op::AtomicWrite | Op::AtomicUpdate => {
                TargetKind::Variable
            }
            Op::Fork | Op::Join => TargetKind::Thread,
            Op::Begin | Op::End | Op::Branch | Op::Fence => TargetKind::None,
            Op::Wait | Op::Notify | Op::NotifyAll | Op::Signal | Op::Await | Op::Before | Op::After => {
                TargetKind::Condition
            }
        }
    }
}

/// One event: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Who acts: an index into [`Names::threads`].
    pub thread: u32,
    /// On what: an index into the table of [`Op::target_kind`], or 0.
    pub target: u32,
    /// Where in the source: the location number of the trace.
    pub location: u32,
    /// What it does.
    pub op: Op,
}

/// An event and the line it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The event.
    pub event: Event,
    /// 1-based line of a text trace (comments and blank lines are counted), 1-based event number of a binary one.
    pub line: u32,
}

/// Numbers for names, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    /// Name to number; the inverse of `names`.
    numbers: HashMap<Box<str>, u32, BuildHasherDefault<NameHasher>>,
    /// Names of up to eight bytes, as these bytes, to their number: most names are so short.
    short: HashMap<u64, u32, BuildHasherDefault<NameHasher>>,
    /// Number to name.
    names: Vec<Box<str>>,
    /// Of a trace without names: number to the number that the file uses. Empty where `names` is not.
    originals: Vec<u64>,
    /// The inverse of `originals` for small numbers; `UNSEEN` where there is none yet.
    small: Vec<u32>,
    /// The inverse of `originals` for numbers too large for `small`, so that one wild number costs no memory.
    large: HashMap<u64, u32>,
}

/// Marks a gap in [`Interner::small`].
const UNSEEN: u32 = u32::MAX;

impl Interner {
    /// The number of what the file calls `original`, a new one if it was never seen.
    #[inline]
    pub fn intern_number(&mut self, original: u64) -> u32 {
        match usize::try_from(original).ok().and_then(|at| self.small.get(at)) {
            Some(&number) if number != UNSEEN => number,
            _ => self.intern_new_number(original),
        }
    }

    /// The slow half of [`Interner::intern_number`]. The table of small numbers is never longer than a fixed size
    /// plus four times what it holds.
    #[cold]
    fn intern_new_number(&mut self, original: u64) -> u32 {
        if let Some(&number) = self.large.get(&original) {
            return number;
        }
        let number = u32::try_from(self.originals.len()).expect("fewer numbers than events");
        self.originals.push(original);
        if original < 4 * self.originals.len() as u64 + 65_536 {
            let at = original as usize;
            if at >= self.small.len() {
                self.small.resize(at + 1, UNSEEN);
            }
            self.small[at] = number;
        } else {
            self.large.insert(original, number);
        }
        number
    }

    /// What the file calls `number`, if the trace has no names.
    pub fn original(&self, number: u32) -> Option<u64> {
        self.originals.get(number as usize).copied()
    }

    /// The number of `name`, a new one if it was never seen.
    #[inline]
    pub fn intern(&mut self, name: &str) -> u32 {
        match packed(name).and_then(|packed| self.short.get(&packed)) {
            Some(&number) => number,
            None => self.intern_slowly(name),
        }
    }

    /// The slow half of [`Interner::intern`].
    fn intern_slowly(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).expect("a trace has fewer names than lines");
        self.names.push(name.into());
        if let Some(packed) = packed(name) {
            self.short.insert(packed, number);
        }
        self.numbers.insert(name.into(), number);
        number
    }

    /// The number of `name`, if it has one.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name with this number, if there is one.
    pub fn name(&self, number: u32) -> Option<&str> {
        self.names.get(number as usize).map(|name| &**name)
    }

    /// How many numbers have been given.
    pub fn len(&self) -> usize {
        self.names.len().max(self.originals.len())
    }

    /// Whether no number has been given.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A name of up to eight bytes as a number. Names contain no zero bytes, so that different names differ.
#[inline]
fn packed(name: &str) -> Option<u64> {
    let name = name.as_bytes();
    if name.len() > 8 || name.contains(&0) {
        return None;
    }
    Some(name.iter().fold(0, |packed, &byte| packed << 8 | u64::from(byte)))
}

/// A multiplicative hash, eight bytes at a step: names are short, and looking one up is most of what reading a text line costs.
#[derive(Clone, Debug, Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// The names behind the numbers of a trace, one table for each kind: a lock and a variable may share a name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Threads.
    pub threads: Interner,
    /// Locks.
    pub locks: Interner,
    /// Variables.
    pub variables: Interner,
    /// Conditions.
    pub conditions: Interner,
}

impl Names {
    /// The name of target `number` of `kind`; where the trace gave none (a binary one), a letter and the number, as
    /// the published text traces have it: `T0`, `L0`, `V0`, `C0`.
    pub fn target(&self, kind: TargetKind, number: u32) -> String {
        let (table, letter) = match kind {
            TargetKind::None => return String::new(),
            TargetKind::Thread => (&self.threads, 'T'),
            TargetKind::Lock => (&self.locks, 'L'),
            TargetKind::Variable => (&self.variables, 'V'),
            TargetKind::Condition => (&self.conditions, 'C'),
        };
        match (table.name(number), table.original(number)) {
            (Some(name), _) => name.to_owned(),
            (None, Some(original)) => format!("{letter}{original}"),
            (None, None) => format!("{letter}{number}"),
        }
    }

    /// The name of thread `number`.
    pub fn thread(&self, number: u32) -> String {
        self.target(TargetKind::Thread, number)
    }
}

/// A source of events, front to back, in memory that does not follow the length of the trace.
pub trait TraceReader: Iterator<Item = Result<Located, ReadError>> {
    /// The names met so far.
    fn names(&self) -> &Names;

    /// How many threads the trace says it has, where it does so at its beginning.
    fn threads(&self) -> Option<u32> {
        None
    }
}

/// A whole trace in memory: for tests, witnesses and small files. Long ones are streamed.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The names behind the numbers.
    pub names: Names,
    /// The events in the order they happened.
    pub events: Vec<Located>,
}

impl Trace {
    /// Reads everything that `reader` has.
    pub fn read(mut reader: impl TraceReader) -> Result<Trace, ReadError> {
        let events = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
        Ok(Trace { names: reader.names().clone(), events })
    }
}

/// Why a trace cannot be read, or not further. Every message names the file, the line (or byte) and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read at all.
    #[error("{file}: {source}")]
    Io {
        /// The trace's name.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A text line that is not an event.
    #[error("{file}:{line}:{column}: expected {expected}, found {found}")]
    Syntax {
        /// The trace's name.
        file: String,
        /// 1-based line.
        line: u32,
        /// 1-based column, in bytes.
        column: u32,
        /// What should stand there.
        expected: &'static str,
        /// What stands there, escaped and shortened.
        found: String,
    },
    /// Bytes of a binary trace that are not an event or a header.
    #[error("{file}: byte {offset}: expected {expected}, found {found}")]
    Binary {
        /// The trace's name.
        file: String,
        /// 0-based offset of the header field or of the event.
        offset: u64,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The file ends within an event, or before the events that its header promises. Everything before was given.
    #[error("{file}: {at}: the trace is cut off: expected {expected}; what precedes is intact")]
    Truncated {
        /// The trace's name.
        file: String,
        /// `line 3` or `byte 18`.
        at: String,
        /// What is missing.
        expected: String,
    },
    /// The events contradict the rules of locks or threads.
    #[error("{file}:{line}: {violation}")]
    IllFormed {
        /// The trace's name.
        file: String,
        /// 1-based line, or event number in a binary trace.
        line: u32,
        /// The rule broken.
        violation: Violation,
    },
    /// Longer than positions are wide.
    #[error("{file}: expected at most {MAX_EVENTS} lines: split the trace")]
    TooLong {
        /// The trace's name.
        file: String,
    },
}

impl ReadError {
    /// Whether all events before this error are good and the file merely stops early: analyse them, and say so.
    pub fn is_truncation(&self) -> bool {
        matches!(self, ReadError::Truncated { .. })
    }

    /// The 1-based line the error is about, where it is about one.
    pub fn line(&self) -> Option<u32> {
        match self {
            ReadError::Syntax { line, .. } | ReadError::IllFormed { line, .. } => Some(*line),
            _ => None,
        }
    }
}

/// A rule of locks or threads that an event breaks, in the numbers of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The offending event.
    pub event: Event,
    /// The rule.
    pub rule: Rule,
    /// The line that set up the contradiction, 0 where there is none.
    pub since: u32,
    /// Name of the thread and of the target, for the message.
    pub names: (String, String),
}

/// The rules of a well-formed trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A lock is acquired only while no other thread's hold excludes it.
    LockIsFree,
    /// A thread does not change the mode in which it holds a lock without releasing it.
    OneMode,
    /// Only a holder releases, in the mode it holds.
    ReleaserHolds,
    /// A thread is forked once, before its first event, and not by itself.
    ForkComesFirst,
    /// A thread has no event after it was joined, and does not join itself.
    JoinComesLast,
    /// `end` closes an open `begin` of its thread.
    EndHasBegin,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (thread, target) = (&self.names.0, &self.names.1);
        let (op, since) = (self.event.op.word(), self.since);
        match self.rule {
            Rule::LockIsFree => write!(
                f,
                "{thread} does {op}({target}), expected a free lock: another thread holds it since line {since}"
            ),
            Rule::OneMode => write!(
                f,
                "{thread} does {op}({target}), expected no hold of its own in the other mode: taken on line {since}"
            ),
            Rule::ReleaserHolds => write!(
                f,
                "{thread} does {op}({target}), expected an {} of it before",
                if self.event.op == Op::Release { "acq" } else { "racq" }
            ),
            Rule::ForkComesFirst if since == 0 => {
                write!(f, "{thread} does fork({target}), expected another thread than itself")
            }
            Rule::ForkComesFirst => write!(
                f,
                "{thread} does fork({target}), expected a thread that was not started: it was by line {since}"
            ),
            Rule::JoinComesLast if self.event.op == Op::Join && since == 0 => {
                write!(f, "{thread} does join({target}), expected another thread than itself")
            }
            Rule::JoinComesLast => write!(
                f,
                "{thread} does {op}{}, expected no event after its join on line {since}",
                if target.is_empty() { String::new() } else { format!("({target})") }
            ),
            Rule::EndHasBegin => write!(f, "{thread} does end, expected a begin before"),
        }
    }
}

/// Checks, event by event, that a trace keeps the [`Rule`]s. A hold that is acquired again by its holder in the same
/// mode nests (re-entrant locks); locks still held and regions still open at the end are no fault.
///
/// State is a few words for each lock and thread, and one for each further reader of a shared lock.
#[derive(Clone, Debug, Default)]
pub struct WellFormed {
    /// By lock.
    locks: Vec<LockState>,
    /// By thread.
    threads: Vec<ThreadState>,
}

/// Who holds one lock. `depth == 0` means free, unless `readers` is not empty.
#[derive(Clone, Debug, Default)]
struct LockState {
    /// The exclusive holder, while `depth > 0`.
    owner: u32,
    /// How often `owner` has acquired it without releasing.
    depth: u32,
    /// Line of the outermost acquisition of `owner`.
    since: u32,
    /// Shared holders: thread, depth, line of the outermost acquisition. Empty while `depth > 0`.
    readers: Vec<(u32, u32, u32)>,
}

/// What a thread has been through. Lines are 0 for "not yet".
#[derive(Clone, Copy, Debug, Default)]
struct ThreadState {
    /// Line of its fork, its first event or its join, whichever came first.
    started: u32,
    /// Line of its first join.
    joined: u32,
    /// Regions open now.
    regions: u32,
}

/// What an accepted event means for the hold set of its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// No lock changes hands.
    None,
    /// The thread now holds the lock and did not before, or no longer holds it.
    Outermost,
    /// The thread held the lock before and still does: a re-entrant acquisition or its release.
    Reentrant,
}

impl WellFormed {
    /// Accepts `event`, or says which rule it breaks and since which line.
    #[inline]
    pub fn check(&mut self, event: &Event, line: u32) -> Result<Effect, (Rule, u32)> {
        self.check_thread(event.thread, line)?;
        self.check_op(event, line)
    }

    /// The first half of [`WellFormed::check`]: whether `thread` may act at all. A caller that knows the operation gets
    /// by with this half for reads and writes, and looks at the operation once.
    #[inline]
    pub fn check_thread(&mut self, thread: u32, line: u32) -> Result<(), (Rule, u32)> {
        let state = grown(&mut self.threads, thread);
        if state.joined != 0 {
            return Err((Rule::JoinComesLast, state.joined));
        }
        if state.started == 0 {
            state.started = line;
        }
        Ok(())
    }

    /// The second half of [`WellFormed::check`]: whether the operation is possible now. Precondition: the first half
    /// has accepted the thread.
    #[inline(always)]
    pub fn check_op(&mut self, event: &Event, line: u32) -> Result<Effect, (Rule, u32)> {
        match event.op {
            Op::Acquire => grown(&mut self.locks, event.target).acquire(event.thread, line),
            Op::Release => grown(&mut self.locks, event.target).release(event.thread),
            Op::SharedAcquire => grown(&mut self.locks, event.target).acquire_shared(event.thread, line),
            Op::SharedRelease => grown(&mut self.locks, event.target).release_shared(event.thread),
            Op::Fork | Op::Join => self.fork_or_join(event, line),
            Op::Begin => {
                grown(&mut self.threads, event.thread).regions += 1;
                Ok(Effect::None)
            }
            Op::End => {
                let regions = &mut grown(&mut self.threads, event.thread).regions;
                *regions = regions.checked_sub(1).ok_or((Rule::EndHasBegin, 0))?;
                Ok(Effect::None)
            }
            _ => Ok(Effect::None),
        }
    }

    /// The rules of `fork` and `join`.
    fn fork_or_join(&mut self, event: &Event, line: u32) -> Result<Effect, (Rule, u32)> {
        let other = grown(&mut self.threads, event.target);
        if event.op == Op::Fork {
            if event.target == event.thread {
                return Err((Rule::ForkComesFirst, 0));
            }
            if other.started != 0 {
                return Err((Rule::ForkComesFirst, other.started));
            }
            other.started = line;
        } else {
            if event.target == event.thread {
                return Err((Rule::JoinComesLast, 0));
            }
            if other.joined == 0 {
                other.joined = line;
            }
            if other.started == 0 {
                other.started = line;
            }
        }
        Ok(Effect::None)
    }

    /// As [`WellFormed::check`], with the error spelled out for a reader of `file`.
    pub fn check_named(&mut self, file: &str, names: &Names, located: &Located) -> Result<Effect, ReadError> {
        let Located { event, line } = *located;
        self.check(&event, line).map_err(|(rule, since)| {
            let target = names.target(event.op.target_kind(), event.target);
            let names = (names.thread(event.thread), target);
            let violation = Violation { event, rule, since, names };
            ReadError::IllFormed { file: file.to_owned(), line, violation }
        })
    }
}

impl LockState {
    /// An exclusive acquisition by `thread`.
    #[inline]
    fn acquire(&mut self, thread: u32, line: u32) -> Result<Effect, (Rule, u32)> {
        if self.depth == 0 && self.readers.is_empty() {
            (self.owner, self.depth, self.since) = (thread, 1, line);
            return Ok(Effect::Outermost);
        }
        if self.depth > 0 && self.owner == thread {
            self.depth += 1;
            return Ok(Effect::Reentrant);
        }
        if self.depth > 0 {
            return Err((Rule::LockIsFree, self.since));
        }
        match self.readers.iter().find(|reader| reader.0 != thread) {
            Some(other) => Err((Rule::LockIsFree, other.2)),
            None => Err((Rule::OneMode, self.readers[0].2)),
        }
    }

    /// The end of an exclusive hold.
    #[inline]
    fn release(&mut self, thread: u32) -> Result<Effect, (Rule, u32)> {
        if self.depth == 0 || self.owner != thread {
            return Err((Rule::ReleaserHolds, 0));
        }
        self.depth -= 1;
        Ok(if self.depth == 0 { Effect::Outermost } else { Effect::Reentrant })
    }

    /// A shared acquisition by `thread`.
    fn acquire_shared(&mut self, thread: u32, line: u32) -> Result<Effect, (Rule, u32)> {
        if self.depth > 0 {
            let rule = if self.owner == thread { Rule::OneMode } else { Rule::LockIsFree };
            return Err((rule, self.since));
        }
        if let Some(reader) = self.readers.iter_mut().find(|reader| reader.0 == thread) {
            reader.1 += 1;
            return Ok(Effect::Reentrant);
        }
        self.readers.push((thread, 1, line));
        Ok(Effect::Outermost)
    }

    /// The end of a shared hold.
    fn release_shared(&mut self, thread: u32) -> Result<Effect, (Rule, u32)> {
        let at = self.readers.iter().position(|reader| reader.0 == thread);
        let at = at.ok_or((Rule::ReleaserHolds, 0))?;
        self.readers[at].1 -= 1;
        if self.readers[at].1 > 0 {
            return Ok(Effect::Reentrant);
        }
        self.readers.swap_remove(at);
        Ok(Effect::Outermost)
    }
}

/// The entry `index` of a table that grows to hold it.
#[inline]
fn grown<T: Clone + Default>(table: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if index >= table.len() {
        table.resize(index + 1, T::default());
    }
    &mut table[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::std_text::TextReader;

    /// Feeds a text trace to [`WellFormed`]; the first error's message, or "well-formed".
    fn verdict(text: &str) -> String {
        let mut rules = WellFormed::default();
        let mut reader = TextReader::new("t.std", text.as_bytes());
        while let Some(located) = reader.next() {
            let located = located.expect("the test's trace parses");
            if let Err(error) = rules.check_named("t.std", reader.names(), &located) {
                return error.to_string();
            }
        }
        "well-formed".to_owned()
    }

    #[test]
    fn an_event_is_sixteen_bytes() {
        assert_eq!(size_of::<Event>(), 16);
    }

    #[test]
    fn accepts_what_locks_and_threads_allow() {
        for text in [
            "t1|acq(a)|1\nt1|acq(a)|2\nt1|rel(a)|3\nt1|rel(a)|4\nt2|acq(a)|5",
            "t1|racq(a)|1\nt2|racq(a)|2\nt1|rrel(a)|3\nt2|rrel(a)|4\nt1|acq(a)|5",
            "t1|fork(t2)|1\nt2|begin|2\nt2|begin|3\nt2|end|4\nt2|end|5\nt1|join(t2)|6",
            "t1|join(t9)|1\nt1|w(x)|2",
        ] {
            assert_eq!(verdict(text), "well-formed", "{text}");
        }
    }

    #[test]
    fn names_line_rule_and_cause() {
        for (text, expected) in [
            (
                "t1|acq(a)|1\n\nt2|acq(a)|2",
                "t.std:3: t2 does acq(a), expected a free lock: another thread holds it since line 1",
            ),
            ("# c\nt1|rel(a)|1", "t.std:2: t1 does rel(a), expected an acq of it before"),
            ("t1|racq(a)|1\nt1|rel(a)|1", "t.std:2: t1 does rel(a), expected an acq of it before"),
            (
                "t1|racq(a)|1\nt1|acq(a)|1",
                "t.std:2: t1 does acq(a), expected no hold of its own in the other mode: taken on line 1",
            ),
            (
                "t2|w(x)|1\nt1|fork(t2)|1",
                "t.std:2: t1 does fork(t2), expected a thread that was not started: it was by line 1",
            ),
            (
                "t1|join(t2)|1\nt2|begin|1",
                "t.std:2: t2 does begin, expected no event after its join on line 1",
            ),
            ("t1|fork(t1)|1", "t.std:1: t1 does fork(t1), expected another thread than itself"),
            ("t1|end|1", "t.std:1: t1 does end, expected a begin before"),
        ] {
            assert_eq!(verdict(text), expected, "{text}");
        }
    }
}
