//! Races by happens-before and by schedulable happens-before, and the histories that the sync-preserving ones need.
//!
//! Happens-before is decided by epochs as in FastTrack (Flanagan and Freund, PLDI 2009): while the accesses of a
//! variable are all ordered, one comparison with the last write (and the reads since) tells whether this one is too.
//! Only when it is not, all earlier accesses are looked through, and for that the last access of each thread, operation
//! and location is kept, which is unordered whenever an earlier one is. So every racing pair of locations is found, not
//! only the first. The same pairs are then tested against schedulable happens-before (Mathur, Kini, Viswanathan, OOPSLA
//! 2018), which is sound.
//!
//! A variable with few such accesses keeps them in a list; one with many has a log, appended to without looking and
//! thinned out when it has doubled, so that an access costs no search.
//!
//! Common locks of a variable (Eraser) are intersected on the way.

use hashbrown::{HashMap, HashSet};
use lockcheck_events::trace_event::Op;

use super::clocks::{Clocks, Stamp};
use super::closure::Candidate;
use super::findings::{RaceRelations, Witness};
use super::history::NEVER;
use super::holds::{EMPTY, HoldSets, SetId};

/// Most distinct pairs of locations that are kept.
pub const MAX_RACES: usize = 100_000;

/// Records beyond which a variable has a log.
const FEW: u32 = 6;

/// Length at which a new log is thinned out first.
const FIRST_LOG: usize = 16;

/// Length up to which a log is thinned out without a table.
const SHORT_LOG: usize = 64;

/// Entries of [`Races::reported`]; a power of two.
const REPORTED: usize = 1 << 10;

/// One access, as the analysis sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Who.
    pub(super) thread: u32,
    /// Whether it writes.
    pub(super) write: bool,
    /// Where.
    pub(super) location: u32,
    /// Number among the events of its thread.
    pub(super) index: u32,
    /// Line.
    pub(super) line: u32,
    /// What is held.
    pub(super) set: SetId,
}

impl Seen {
    /// The operation.
    pub(super) fn op(&self) -> Op {
        if self.write { Op::Write } else { Op::Read }
    }

    /// Whether this and `other` conflict.
    fn conflicts(&self, other: &Seen) -> bool {
        self.thread != other.thread && (self.write || other.write)
    }
}

/// An access as it is kept: in twenty bytes.
#[derive(Clone, Copy)]
struct Kept {
    /// Twice the thread, plus one for a write.
    by: u32,
    /// Where.
    location: u32,
    /// Number among the events of its thread.
    index: u32,
    /// Line.
    line: u32,
    /// What is held.
    set: SetId,
}

impl Kept {
    /// Keeps an access.
    #[inline]
    fn new(seen: &Seen) -> Kept {
        let &Seen { thread, write, location, index, line, set } = seen;
        Kept { by: thread << 1 | u32::from(write), location, index, line, set }
    }

    /// The access.
    #[inline]
    fn seen(&self) -> Seen {
        let &Kept { location, index, line, set, .. } = self;
        Seen { thread: self.thread(), write: self.by & 1 == 1, location, index, line, set }
    }

    /// Who.
    #[inline]
    fn thread(&self) -> u32 {
        self.by >> 1
    }

    /// Thread, operation and location: what its record is found by.
    #[inline]
    fn place(&self) -> u64 {
        u64::from(self.by) << 32 | u64::from(self.location)
    }
}

/// The last access of one thread, operation and location to one variable.
#[derive(Clone, Copy)]
struct Record {
    /// The access.
    seen: Kept,
    /// The variable's next record, or [`NEVER`].
    next: u32,
}

/// Who read a variable since its last write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Nobody.
    None,
    /// One thread; the number of its last read.
    One(u32, u32),
    /// Several threads.
    Many,
}

/// What is known of a variable: a cache line, which most accesses find in the processor's second-level cache at best.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Variable {
    /// The last write, by thread and event; its row is of the schedulable clocks, if these run.
    pub(super) write: Stamp,
    /// How many edges of the history the writer had then, if there is one.
    pub(super) edges: u32,
    /// The reads since.
    pub(super) readers: Readers,
    /// First of its records, or [`NEVER`]; with more than [`FEW`] the number of its log.
    head: u32,
    /// How many records it has, up to one more than [`FEW`], which stands for a log.
    records: u32,
    /// The first thread that accessed it.
    first_thread: u32,
    /// Locks common to all accesses.
    common: SetId,
    /// More than one thread accessed it.
    pub(super) several: bool,
    /// Somebody wrote it.
    written: bool,
    /// Some access that the last write and the reads since do not stand for is unordered with one that is recorded, or
    /// may be.
    racy: bool,
    /// It ever was `racy`.
    raced: bool,
    /// It was accessed as an atomic too.
    mixed: bool,
    /// It was accessed under some lock.
    locked: bool,
    /// Reported as inconsistently locked.
    hinted: bool,
}

impl Default for Variable {
    fn default() -> Self {
        Variable {
            write: Stamp::default(),
            edges: 0,
            readers: Readers::None,
            head: NEVER,
            records: 0,
            first_thread: NEVER,
            common: EMPTY,
            several: false,
            written: false,
            racy: false,
            raced: false,
            mixed: false,
            locked: false,
            hinted: false,
        }
    }
}

/// What makes two races one finding: location and operation of both sides, sorted.
pub(super) type RaceKey = ((u32, bool), (u32, bool));

/// The key of a pair.
pub(super) fn race_key(a: &Seen, b: &Seen) -> RaceKey {
    let (a, b) = ((a.location, a.write), (b.location, b.write));
    (a.min(b), a.max(b))
}

/// A race found so far.
#[derive(Clone)]
pub(super) struct FoundRace {
    /// Who finds it.
    pub(super) relations: RaceRelations,
    /// The variable of the pair kept.
    pub(super) variable: u32,
    /// The pair, by line: of the surest relation that found one, the first that it found.
    pub(super) pair: (Seen, Seen),
    /// Distinct variables, as they were met.
    pub(super) variables: Vec<u32>,
    /// How the pair is reached, where the sync-preserving closure cannot tell.
    pub(super) witness: Option<Witness>,
}

/// A list of equivalent accesses, for the sync-preserving search: (variable, thread, write, location, set).
pub(super) type ListKey = (u32, u32, bool, u32, SetId);

/// Equivalent accesses in order.
pub(super) struct AccessList {
    /// What they have in common.
    pub(super) key: ListKey,
    /// The accesses; of those between two synchronisations of the thread only the last, which races if any does.
    pub(super) accesses: Vec<Candidate>,
    /// The thread's segment of the last one.
    segment: u32,
}

/// A variable that lost its last common lock.
pub(super) struct Hint {
    /// The variable.
    pub(super) variable: u32,
    /// The access at which that showed.
    pub(super) seen: Seen,
}

/// Accesses of one variable: of each thread, operation and location the last one, and some that came before it.
struct Log {
    /// In an order of no meaning.
    seen: Vec<Kept>,
    /// The length at which it is thinned out.
    limit: usize,
}

/// A pair that was reported lately: variable, key, whether soundly.
type Reported = (u32, RaceKey, bool);

/// All variables, and what was found.
#[derive(Default)]
pub(super) struct Races {
    /// By variable.
    pub(super) variables: Vec<Variable>,
    /// Records of all variables.
    records: Vec<Record>,
    /// Logs of the variables that have many records.
    logs: Vec<Log>,
    /// Room to thin out logs in.
    scratch: Vec<u32>,
    /// Pairs reported lately, by a hash: a variable that races at all mostly races again at the same places.
    reported: Vec<Option<Reported>>,
    /// What was found, by key.
    pub(super) found: HashMap<RaceKey, FoundRace>,
    /// The keys of `found` in the order they were found.
    pub(super) order: Vec<RaceKey>,
    /// Which variables were counted for which key.
    counted: HashSet<(RaceKey, u32)>,
    /// Whether a race was dropped.
    pub(super) dropped: bool,
    /// Variables without a common lock.
    pub(super) hints: Vec<Hint>,
    /// Lists for the sync-preserving search, if it runs.
    pub(super) lists: Vec<AccessList>,
    /// The inverse of `lists`.
    list_numbers: HashMap<ListKey, u32>,
}

/// The clocks that decide, where they run.
pub(super) struct Relations<'a> {
    /// Happens-before.
    pub(super) hb: Option<&'a Clocks>,
    /// Schedulable happens-before.
    pub(super) shb: Option<&'a Clocks>,
    /// Whether accesses are recorded at all.
    pub(super) record: bool,
    /// By thread: how many of its events come before whatever happens from here on.
    pub(super) floor: &'a [u32],
    /// Whether the newest accesses of each thread are asked for even where nothing can race with them.
    pub(super) newest: bool,
}

impl Races {
    /// Has a place for `variable`.
    #[inline]
    pub(super) fn add_variable(&mut self, variable: u32) {
        if self.variables.len() <= variable as usize {
            self.variables.resize(variable as usize + 1, Variable::default());
        }
    }

    /// Judges an access against all earlier ones of `variable`, and records it. The last write stays as it was: the
    /// caller replaces it.
    #[inline]
    pub(super) fn access(&mut self, variable: u32, seen: &Seen, clocks: &Relations<'_>) {
        let state = &mut self.variables[variable as usize];
        if state.first_thread == NEVER {
            state.first_thread = seen.thread;
        }
        state.several |= state.first_thread != seen.thread;
        state.written |= seen.write;
        if let Some(hb) = clocks.hb {
            if state.several && self.unordered(variable, seen, hb) {
                let ordered = self.scan(variable, seen, hb, clocks.shb);
                let state = &mut self.variables[variable as usize];
                state.raced = true;
                // A write after every access so far stands for them all: what comes after it comes after them. Only an
                // atomic access could replace it as the last write without being compared with it.
                state.racy = !(seen.write && ordered) || state.mixed;
            }
        } else {
            state.mixed = true;
            state.racy = state.raced;
        }
        if clocks.record {
            self.record(variable, seen, clocks);
        }
        let state = &mut self.variables[variable as usize];
        if seen.write {
            state.readers = Readers::None;
        } else {
            state.readers = match state.readers {
                Readers::One(thread, _) if thread != seen.thread => Readers::Many,
                Readers::Many => Readers::Many,
                _ => Readers::One(seen.thread, seen.index),
            };
        }
    }

    /// Whether some earlier conflicting access is unordered with `seen`.
    #[inline]
    fn unordered(&self, variable: u32, seen: &Seen, hb: &Clocks) -> bool {
        let state = &self.variables[variable as usize];
        let after = |thread: u32, index: u32| thread == seen.thread || hb.known(seen.thread, thread) >= index;
        if state.racy || !after(state.write.thread, state.write.index) {
            return true;
        }
        seen.write
            && match state.readers {
                Readers::None => false,
                Readers::One(thread, index) => !after(thread, index),
                Readers::Many => {
                    self.records(variable).any(|other| !other.write && !after(other.thread, other.index))
                }
            }
    }

    /// Reports every record that is unordered with `seen`; whether there is none.
    fn scan(&mut self, variable: u32, seen: &Seen, hb: &Clocks, shb: Option<&Clocks>) -> bool {
        let state = &self.variables[variable as usize];
        let mut ordered = true;
        if state.records > FEW {
            let head = state.head as usize;
            let log = std::mem::take(&mut self.logs[head].seen);
            for other in &log {
                ordered &= !self.judge(variable, &other.seen(), seen, hb, shb);
            }
            self.logs[head].seen = log;
            return ordered;
        }
        let mut at = state.head;
        while at != NEVER {
            let Record { seen: other, next } = self.records[at as usize];
            ordered &= !self.judge(variable, &other.seen(), seen, hb, shb);
            at = next;
        }
        ordered
    }

    /// Reports a pair if it races; whether it does.
    #[inline]
    fn judge(&mut self, variable: u32, other: &Seen, seen: &Seen, hb: &Clocks, shb: Option<&Clocks>) -> bool {
        if !other.conflicts(seen) || hb.known(seen.thread, other.thread) >= other.index {
            return false;
        }
        let sound = shb.is_some_and(|shb| shb.known(seen.thread, other.thread) < other.index);
        let key = race_key(other, seen);
        let mix = (key.0.0 ^ variable.wrapping_mul(0x9E37_79B9))
            .wrapping_mul(0x85EB_CA6B)
            .wrapping_add(key.1.0.wrapping_mul(0xC2B2_AE35));
        let entry = Some((variable, key, sound));
        self.reported.resize(REPORTED, None);
        let place = (mix >> 16) as usize & (REPORTED - 1);
        if self.reported[place] != entry {
            self.reported[place] = entry;
            let relations = RaceRelations { hb: true, shb: sound, ..Default::default() };
            self.report(variable, *other, *seen, relations, None);
        }
        true
    }

    /// Notes a racing pair, with its witness where the sync-preserving closure gives none.
    pub(super) fn report(
        &mut self,
        variable: u32,
        a: Seen,
        b: Seen,
        relations: RaceRelations,
        witness: Option<Witness>,
    ) {
        let key = race_key(&a, &b);
        let pair = if a.line < b.line { (a, b) } else { (b, a) };
        if !self.found.contains_key(&key) && self.found.len() >= MAX_RACES {
            self.dropped = true;
            return;
        }
        let found = self.found.entry(key).or_insert_with(|| {
            self.order.push(key);
            let relations = RaceRelations::default();
            FoundRace { relations, variable, pair, variables: Vec::new(), witness: None }
        });
        if sound(relations) && !sound(found.relations) {
            (found.variable, found.pair, found.witness) = (variable, pair, witness);
        }
        let all = &mut found.relations;
        all.hb |= relations.hb;
        all.shb |= relations.shb;
        all.syncp |= relations.syncp;
        all.osr |= relations.osr;
        if self.counted.insert((key, variable)) {
            found.variables.push(variable);
        }
    }

    /// Whether the pair of locations is already known to race soundly in `variable`.
    pub(super) fn known(&self, key: &RaceKey, variable: u32) -> bool {
        self.found.get(key).is_some_and(|found| found.relations.syncp)
            && self.counted.contains(&(*key, variable))
    }

    /// The same by any relation.
    pub(super) fn known_soundly(&self, key: &RaceKey, variable: u32) -> bool {
        self.found.get(key).is_some_and(|found| sound(found.relations))
            && self.counted.contains(&(*key, variable))
    }

    /// Replaces the record of this thread, operation and location, or makes one.
    #[inline]
    fn record(&mut self, variable: u32, seen: &Seen, clocks: &Relations<'_>) {
        let seen = Kept::new(seen);
        let state = &self.variables[variable as usize];
        if state.records > FEW {
            let log = &mut self.logs[state.head as usize];
            log.seen.push(seen);
            if log.seen.len() >= log.limit {
                log.thin_out(&mut self.scratch, clocks);
            }
            return;
        }
        let mut at = state.head;
        while at != NEVER {
            let record = &mut self.records[at as usize];
            if record.seen.place() == seen.place() {
                record.seen = seen;
                return;
            }
            at = record.next;
        }
        self.new_record(variable, seen);
    }

    /// The slow half of [`Races::record`].
    #[cold]
    fn new_record(&mut self, variable: u32, seen: Kept) {
        let state = &mut self.variables[variable as usize];
        state.records += 1;
        if state.records > FEW {
            let mut all: Vec<Kept> = walk(&self.records, state.head).map(|r| r.seen).collect();
            all.push(seen);
            state.head = u32::try_from(self.logs.len()).expect("fewer logs than events");
            self.logs.push(Log { seen: all, limit: FIRST_LOG });
            return;
        }
        let number = u32::try_from(self.records.len()).expect("fewer records than events");
        self.records.push(Record { seen, next: state.head });
        state.head = number;
    }

    /// The records of `variable`; among them, of each thread, operation and location, the last access.
    pub(super) fn records(&self, variable: u32) -> impl Iterator<Item = Seen> {
        let state = &self.variables[variable as usize];
        let many = state.records > FEW;
        let log = if many { &self.logs[state.head as usize].seen[..] } else { &[] };
        let head = if many { NEVER } else { state.head };
        log.iter().chain(walk(&self.records, head).map(|record| &record.seen)).map(Kept::seen)
    }

    /// Intersects the locks of an access into those of its variable.
    #[inline]
    pub(super) fn intersect(&mut self, variable: u32, seen: &Seen, first: bool, sets: &mut HoldSets) {
        let set = if seen.write { sets.exclusive(seen.set) } else { seen.set };
        let state = &mut self.variables[variable as usize];
        state.locked |= seen.set != EMPTY;
        if first {
            state.common = set;
        } else if state.common != set && state.common != EMPTY {
            state.common = sets.intersection(state.common, set);
        }
        if state.common == EMPTY && state.several && state.written && !state.hinted {
            state.hinted = true;
            self.hints.push(Hint { variable, seen: *seen });
        }
    }

    /// Whether `variable` was ever accessed under a lock.
    pub(super) fn ever_locked(&self, variable: u32) -> bool {
        self.variables[variable as usize].locked
    }

    /// Adds an access to the lists of the sync-preserving search. `segment` changes with every synchronisation of the
    /// thread.
    pub(super) fn remember(&mut self, variable: u32, seen: &Seen, segment: u32) {
        let key = (variable, seen.thread, seen.write, seen.location, seen.set);
        let number = *self.list_numbers.entry(key).or_insert_with(|| {
            self.lists.push(AccessList { key, accesses: Vec::new(), segment: NEVER });
            self.lists.len() as u32 - 1
        });
        let list = &mut self.lists[number as usize];
        let candidate = Candidate { index: seen.index, line: seen.line };
        match list.accesses.last_mut() {
            Some(last) if list.segment == segment => *last = candidate,
            _ => list.accesses.push(candidate),
        }
        list.segment = segment;
    }
}

impl Log {
    /// Leaves out what nothing can race with any more, and what a later access of the same thread, operation and
    /// location stands for. `table` is room for a hash table.
    fn thin_out(&mut self, table: &mut Vec<u32>, clocks: &Relations<'_>) {
        if !clocks.floor.is_empty() {
            self.leave_out(table, clocks);
            if self.seen.len() <= FIRST_LOG / 2 {
                self.limit = FIRST_LOG;
                return;
            }
        }
        let kept = if self.seen.len() <= SHORT_LOG { self.merge_few() } else { self.merge(table) };
        self.seen.truncate(kept);
        self.limit = FIRST_LOG.max(2 * kept);
    }

    /// Moves of each thread, operation and location the last access to the front, in the order of the first; how many
    /// there are.
    fn merge(&mut self, table: &mut Vec<u32>) -> usize {
        let size = (2 * self.seen.len()).next_power_of_two();
        table.clear();
        table.resize(size, NEVER);
        let mut kept = 0;
        for at in 0..self.seen.len() {
            let seen = self.seen[at];
            let mut place = mix(seen.place()) as usize & (size - 1);
            loop {
                let number = table[place] as usize;
                if number == NEVER as usize {
                    table[place] = kept as u32;
                    self.seen[kept] = seen;
                    kept += 1;
                    break;
                }
                if self.seen[number].place() == seen.place() {
                    if self.seen[number].index < seen.index {
                        self.seen[number] = seen;
                    }
                    break;
                }
                place = (place + 1) & (size - 1);
            }
        }
        kept
    }

    /// The same without a table: one word says that most are the first of their kind, and the others are looked for.
    fn merge_few(&mut self) -> usize {
        let mut met = [0u64; 4];
        let mut kept = 0;
        for at in 0..self.seen.len() {
            let seen = self.seen[at];
            let bit = mix(seen.place());
            let word = &mut met[bit as usize / 64 % met.len()];
            let known = *word >> (bit % 64) & 1 == 1;
            *word |= 1 << (bit % 64);
            let place = seen.place();
            let twin = known.then(|| self.seen[..kept].iter_mut().find(|twin| twin.place() == place));
            match twin.flatten() {
                Some(twin) if twin.index < seen.index => *twin = seen,
                Some(_) => {}
                None => {
                    self.seen[kept] = seen;
                    kept += 1;
                }
            }
        }
        kept
    }

    /// Leaves out the accesses that everything from here on comes after, but for those that are asked for all the same.
    fn leave_out(&mut self, table: &mut Vec<u32>, clocks: &Relations<'_>) {
        let floor = |seen: &Kept| clocks.floor.get(seen.thread() as usize).copied().unwrap_or(0);
        if !clocks.newest {
            // Each is copied, wanted or not, for which it is cannot be foretold.
            let mut kept = 0;
            for at in 0..self.seen.len() {
                let seen = self.seen[at];
                self.seen[kept] = seen;
                kept += usize::from(seen.index > floor(&seen));
            }
            self.seen.truncate(kept);
            return;
        }
        // By thread: its newest read and its newest write.
        table.clear();
        table.resize(2 * clocks.floor.len(), 0);
        for seen in &self.seen {
            if let Some(newest) = table.get_mut(seen.by as usize) {
                *newest = (*newest).max(seen.index);
            }
        }
        self.seen.retain(|seen| seen.index > floor(seen) || table[seen.by as usize] == seen.index);
    }
}

/// A hash of a record's place.
#[inline]
fn mix(place: u64) -> u32 {
    (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// Whether one of the sound relations found it.
pub(super) fn sound(relations: RaceRelations) -> bool {
    relations.shb || relations.syncp || relations.osr
}

/// The records from `head` on.
fn walk(records: &[Record], head: u32) -> impl Iterator<Item = &Record> {
    let mut at = head;
    std::iter::from_fn(move || {
        let record = records.get(at as usize)?;
        at = record.next;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::random;

    #[test]
    fn a_short_log_is_merged_as_a_long_one_is() {
        let mut below = random::numbers();
        for round in 0..2_000 {
            let (threads, locations) = (1 + below(9), 1 + below(9));
            let entries = (0..below(SHORT_LOG as u32 + 1)).map(|line| Seen {
                thread: below(threads),
                write: below(2) == 1,
                location: below(locations),
                index: 1 + below(50),
                line,
                set: EMPTY,
            });
            let entries: Vec<Seen> = entries.collect();
            let log = || Log { seen: entries.iter().map(Kept::new).collect(), limit: 0 };
            let (mut few, mut many) = (log(), log());
            let kept = (few.merge_few(), many.merge(&mut Vec::new()));
            assert_eq!(kept.0, kept.1, "round {round}");
            let of = |log: &Log| log.seen[..kept.0].iter().map(Kept::seen).collect::<Vec<_>>();
            assert_eq!(of(&few), of(&many), "round {round}");
            // The naive twin: of each place the last access, where its first one was.
            let mut twin: Vec<Seen> = Vec::new();
            for seen in &entries {
                let place = |seen: &Seen| (seen.thread, seen.write, seen.location);
                match twin.iter_mut().find(|other| place(other) == place(seen)) {
                    Some(other) if other.index < seen.index => *other = *seen,
                    Some(_) => {}
                    None => twin.push(*seen),
                }
            }
            assert_eq!(of(&few), twin, "round {round}");
        }
    }
}
