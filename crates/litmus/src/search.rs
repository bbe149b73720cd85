//! Exhaustive search: every state a program can reach, breadth first, each visited once. States are stored in their
//! byte form; their numbers are the queue. Judging final states is `stuck`'s business, leaving out redundant
//! interleavings `reduce`'s.

use crate::ast::Kind;
use crate::code::{Code, ObjectId, Op, Pc, ThreadId};
use crate::machine::{Incident, IncidentKind, Machine};
use crate::reduce::Reducer;
use crate::state::{State, Status};
use crate::stuck::{Class, Diagnosis, Doctor};
use hashbrown::HashTable;
use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How far a search may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Stored states; beyond, the search is incomplete.
    pub states: usize,
    /// Bytes of stored states, roughly; beyond, the search is incomplete.
    pub bytes: usize,
    /// Findings kept of each kind; the verdict does not depend on it.
    pub findings: usize,
    /// Leave out interleavings that cannot differ from visited ones in any verdict. Off, the search visits every
    /// state, and `states` in the verdict counts them all.
    pub reduce: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { states: 1_000_000, bytes: 1 << 29, findings: 10, reduce: true }
    }
}

/// Number of a stored state, in the order of discovery.
pub(crate) type StateId = u32;

/// A step out of a stored state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) thread: ThreadId,
    pub(crate) outcome: u16,
}

/// Where something was seen: in a state, or in a step out of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting {
    /// `None`: before the first step.
    pub(crate) state: Option<StateId>,
    pub(crate) step: Option<Move>,
}

/// Two accesses that are next in the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RacePair {
    pub(crate) object: ObjectId,
    pub(crate) first: (ThreadId, Pc),
    pub(crate) second: (ThreadId, Pc),
}

/// What a search saw. Of each kind at most `Limits::findings` distinct ones are kept, the earliest.
#[derive(Debug)]
pub(crate) struct Explored {
    pub(crate) complete: bool,
    pub(crate) can_finish: bool,
    pub(crate) deadlock: bool,
    pub(crate) own: bool,
    pub(crate) lost_wakeup: bool,
    pub(crate) classes: BTreeSet<Class>,
    pub(crate) stuck: Vec<(Diagnosis, Sighting)>,
    pub(crate) races: Vec<(RacePair, Sighting)>,
    pub(crate) incidents: Vec<(Incident, Sighting)>,
    /// Index in `Code::finals`.
    pub(crate) false_finals: Vec<(usize, Sighting)>,
    /// Some finding was not kept because there were enough of its kind.
    pub(crate) more: bool,
    store: Store,
}

impl Explored {
    pub(crate) fn states(&self) -> usize {
        self.store.origins.len()
    }

    /// The moves that lead to a sighting.
    pub(crate) fn path(&self, sighting: &Sighting) -> Vec<Move> {
        let mut moves: Vec<Move> = sighting.step.into_iter().collect();
        let mut at = sighting.state;
        while let Some((from, step)) = at.and_then(|id| self.store.origins[id as usize]) {
            moves.push(step);
            at = Some(from);
        }
        moves.reverse();
        moves
    }
}

/// The visited states.
#[derive(Debug, Default)]
struct Store {
    /// Byte forms, one after the other.
    bytes: Vec<u8>,
    /// Where each state's bytes end.
    ends: Vec<usize>,
    /// The state and step by which each state was first reached; `None` for the initial one.
    origins: Vec<Option<(StateId, Move)>>,
    /// States by the hash of their bytes.
    index: HashTable<StateId>,
}

/// Bytes a state costs besides its byte form: end, origin, and its share of the hash table.
const OVERHEAD: usize =
    size_of::<usize>() + size_of::<Option<(StateId, Move)>>() + 2 * size_of::<StateId>() + 2;

impl Store {
    fn get(&self, id: StateId) -> &[u8] {
        slice(&self.bytes, &self.ends, id)
    }

    /// Adds a state unless it is known. `false` if it is new and there is no room.
    fn add(&mut self, state: &[u8], origin: Option<(StateId, Move)>, limits: &Limits) -> bool {
        let Store { bytes, ends, origins, index } = self;
        let hash = hash(state);
        if index.find(hash, |&id| slice(bytes, ends, id) == state).is_some() {
            return true;
        }
        let size = bytes.len() + state.len() + OVERHEAD * (ends.len() + 1);
        let full = ends.len() >= limits.states.min(u32::MAX as usize) || size > limits.bytes;
        if full && !ends.is_empty() {
            return false;
        }
        let id = ends.len() as StateId;
        bytes.extend_from_slice(state);
        ends.push(bytes.len());
        origins.push(origin);
        index.insert_unique(hash, id, |&id| self::hash(slice(bytes, ends, id)));
        true
    }
}

fn slice<'a>(bytes: &'a [u8], ends: &[usize], id: StateId) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    &bytes[start..ends[id]]
}

/// A fixed hash, so that a search does the same everywhere.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Visits all states within the limits.
pub(crate) fn explore(code: &Code, limits: &Limits) -> Explored {
    let m = Machine::new(code);
    let (initial, incidents) = m.initial();
    let reducer = limits.reduce.then(|| Reducer::new(&m));
    let mut search = Search::new(&m, limits);
    let sighting = Sighting { state: None, step: None };
    incidents.into_iter().for_each(|incident| search.incident(incident, sighting));
    search.add(&initial, None);
    let mut state = initial;
    let mut id: StateId = 0;
    while (id as usize) < search.found.states() {
        state.decode(search.found.store.get(id));
        search.races(&state, id);
        let ready: Vec<_> = code.thread_ids().filter(|&t| m.outcomes(&state, t) > 0).collect();
        if ready.is_empty() {
            search.final_state(&state, id);
        }
        let moving = reducer.as_ref().map_or_else(|| ready.clone(), |r| r.persistent(&state, &ready));
        for t in moving {
            search.expand(&state, id, t);
        }
        id += 1;
    }
    search.found
}

struct Search<'m, 'c> {
    m: &'m Machine<'c>,
    limits: &'m Limits,
    doctor: Doctor<'m, 'c>,
    found: Explored,
    /// What was already kept, so that each finding is kept once.
    seen_incidents: HashSet<(IncidentKind, ThreadId, u32)>,
    seen_races: HashSet<(ObjectId, ThreadId, u32, ThreadId, u32)>,
    seen_stuck: HashSet<Vec<(ThreadId, Pc, bool)>>,
    seen_finals: Vec<bool>,
    /// Buffers.
    next: State,
    bytes: Vec<u8>,
}

impl<'m, 'c> Search<'m, 'c> {
    fn new(m: &'m Machine<'c>, limits: &'m Limits) -> Self {
        let found = Explored {
            complete: true,
            can_finish: false,
            deadlock: false,
            own: false,
            lost_wakeup: false,
            classes: BTreeSet::new(),
            stuck: Vec::new(),
            races: Vec::new(),
            incidents: Vec::new(),
            false_finals: Vec::new(),
            more: false,
            store: Store::default(),
        };
        Search {
            m,
            limits,
            doctor: Doctor::new(m),
            found,
            seen_incidents: HashSet::new(),
            seen_races: HashSet::new(),
            seen_stuck: HashSet::new(),
            seen_finals: vec![false; m.code.finals.len()],
            next: State::default(),
            bytes: Vec::new(),
        }
    }

    fn add(&mut self, state: &State, origin: Option<(StateId, Move)>) {
        self.bytes.clear();
        state.encode(&mut self.bytes);
        self.found.complete &= self.found.store.add(&self.bytes, origin, self.limits);
    }

    /// All outcomes of the thread's next step.
    fn expand(&mut self, state: &State, id: StateId, t: ThreadId) {
        let mut incidents = Vec::new();
        for outcome in 0..self.m.outcomes(state, t) {
            let step = Move { thread: t, outcome: outcome as u16 };
            let mut next = std::mem::take(&mut self.next);
            next.clone_from(state);
            self.m.step(&mut next, t, outcome, &mut incidents);
            self.add(&next, Some((id, step)));
            self.next = next;
            let sighting = Sighting { state: Some(id), step: Some(step) };
            incidents.drain(..).for_each(|incident| self.incident(incident, sighting));
        }
    }

    /// There is room for one more finding of a kind of which `kept` are kept.
    fn room(&mut self, kept: usize) -> bool {
        let room = kept < self.limits.findings.max(1);
        self.found.more |= !room;
        room
    }

    fn incident(&mut self, incident: Incident, sighting: Sighting) {
        let key = (incident.kind, incident.thread, self.m.code.line(incident.pc));
        let same = |(other, _): &&(Incident, Sighting)| {
            std::mem::discriminant(&other.kind) == std::mem::discriminant(&incident.kind)
        };
        let kept = self.found.incidents.iter().filter(same).count();
        if !self.seen_incidents.contains(&key) && self.room(kept) {
            self.seen_incidents.insert(key);
            self.found.incidents.push((incident, sighting));
        }
    }

    fn races(&mut self, state: &State, id: StateId) {
        let mut accesses: Vec<(ThreadId, Pc, ObjectId, bool)> = Vec::new();
        for t in self.m.code.thread_ids() {
            let thread = state.thread(t);
            if thread.status != Status::Runs {
                continue;
            }
            let Some((object, writes)) = access(self.m.code, thread.pc) else { continue };
            let conflicts =
                |other: &&(ThreadId, Pc, ObjectId, bool)| other.2 == object && (other.3 || writes);
            for &(u, pc, ..) in accesses.iter().filter(conflicts) {
                let pair = RacePair { object, first: (u, pc), second: (t, thread.pc) };
                self.race(pair, Sighting { state: Some(id), step: None });
            }
            accesses.push((t, thread.pc, object, writes));
        }
    }

    fn race(&mut self, pair: RacePair, sighting: Sighting) {
        let line = |(t, pc): (ThreadId, Pc)| (t, self.m.code.line(pc));
        let ((t, one), (u, two)) = (line(pair.first), line(pair.second));
        let key = (pair.object, t, one, u, two);
        if !self.seen_races.contains(&key) && self.room(self.found.races.len()) {
            self.seen_races.insert(key);
            self.found.races.push((pair, sighting));
        }
    }

    /// A state in which nobody can move.
    fn final_state(&mut self, state: &State, id: StateId) {
        let sighting = Sighting { state: Some(id), step: None };
        let Some(diagnosis) = self.doctor.diagnose(state) else {
            self.found.can_finish = true;
            for (index, last) in self.m.code.finals.iter().enumerate() {
                let holds = last.condition.value(&[], &[], |o| state.word(o)) != 0;
                if !holds && !self.seen_finals[index] && self.room(self.found.false_finals.len()) {
                    self.seen_finals[index] = true;
                    self.found.false_finals.push((index, sighting));
                }
            }
            return;
        };
        self.found.deadlock = true;
        self.found.own |= diagnosis.own;
        self.found.lost_wakeup |= diagnosis.lost_wakeup;
        self.found.classes.extend(&diagnosis.classes);
        let key: Vec<_> = diagnosis.waits.iter().map(|w| (w.thread, w.pc, w.notified)).collect();
        // The first of each verdict is kept even if there are enough others.
        let first_own = diagnosis.own && !self.found.stuck.iter().any(|(d, _)| d.own);
        let first_lost = diagnosis.lost_wakeup && !self.found.stuck.iter().any(|(d, _)| d.lost_wakeup);
        if !self.seen_stuck.contains(&key) && (first_own || first_lost || self.room(self.found.stuck.len())) {
            self.seen_stuck.insert(key);
            self.found.stuck.push((diagnosis, sighting));
        }
    }
}

/// The plain variable that an instruction accesses, and whether it writes.
pub(crate) fn access(code: &Code, pc: Pc) -> Option<(ObjectId, bool)> {
    let (object, writes) = match code.op(pc) {
        Op::Load { object, .. } => (object, false),
        Op::Store { object, .. } => (object, true),
        _ => return None,
    };
    (code.kind(object) == Kind::Var).then_some((object, writes))
}
