//! Prediction (section 8 of the notation): from the lock requests of one sequential run, which cycles could close in
//! another run. Straight and simple on purpose: it is the naive twin of online detectors, and shares nothing with
//! them. Cycles are enumerated with backtracking, shortest first.

use crate::Program;
use crate::ast::Kind;
use crate::code::{Code, ObjectId, Op, Pc, ThreadId};
use crate::machine::{Machine, Remark};
use crate::sequential::{SequentialStep, drive, pending};
use crate::state::{Mode, State, Status, TaskStatus};
use crate::stuck::reachable;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;

/// How sure a prediction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// No cycle is left.
    None,
    /// A cycle with several requests by one thread, or with a request that only blocks if a writer is queued.
    OrderOnly,
    /// A cycle of different threads that all block, or a request that blocks against the thread's own hold.
    Likely,
}

impl Tier {
    /// The word the notation uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::None => "none",
            Tier::OrderOnly => "order-only",
            Tier::Likely => "likely",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one sequential run foretells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// The highest tier of `cycles`.
    pub tier: Tier,
    /// The first ten requests against an own hold, then one cycle of the highest tier that has one.
    pub cycles: Vec<PredictedCycle>,
    /// The sequential run itself ended with every thread finished.
    pub run_finished: bool,
    /// The enumeration was given up; the tier may be too low.
    pub truncated: bool,
}

/// Requests that could block each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictedCycle {
    /// How sure.
    pub tier: Tier,
    /// Each request is made while holding `via`, and wants what the next one holds as `via`; the last wants the
    /// first's. A single request wants what it holds itself.
    pub requests: Vec<PredictedRequest>,
}

/// A request of the sequential run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictedRequest {
    /// The thread, or worker and task.
    pub thread: String,
    /// The statement.
    pub statement: String,
    /// Its source line.
    pub line: u32,
    /// The lock it wants.
    pub wants: String,
    /// How it wants it.
    pub mode: Want,
    /// The held lock that is part of the cycle.
    pub via: String,
    /// All locks held, by declaration.
    pub held: Vec<(String, Mode)>,
}

/// How a lock is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// `lock`, `write`, `upgrade`, `call_once`, and the lock after a condvar wait.
    Exclusive,
    /// `upgradable_read`
    Upgradable,
    /// `read`
    Read,
    /// `read_recursive`
    ReadRecursive,
}

/// Whether a request has to wait for another thread's hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blocking {
    No,
    /// Only if a writer is queued in between.
    Maybe,
    Yes,
}

/// The table of section 8.
fn blocking(held: Mode, wanted: Want) -> Blocking {
    match (held, wanted) {
        (Mode::Exclusive, _) | (_, Want::Exclusive) | (Mode::Upgradable, Want::Upgradable) => Blocking::Yes,
        (_, Want::ReadRecursive) => Blocking::No,
        (_, Want::Read | Want::Upgradable) => Blocking::Maybe,
    }
}

/// Two holds of one lock exclude each other.
fn excludes(one: Mode, other: Mode) -> bool {
    one == Mode::Exclusive || other == Mode::Exclusive || (one, other) == (Mode::Upgradable, Mode::Upgradable)
}

/// Who makes a request: the tasks of a pool with several workers are threads of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Actor {
    Thread(ThreadId),
    Task(usize),
}

/// A stretch of one actor's steps without synchronisation in between.
type Segment = usize;

/// Which segments come before which by `spawn`, `join`, `submit`, `await` and barrier rounds: a graph, because vector
/// clocks over thousands of tasks would take more memory than the sketch deserves.
#[derive(Default)]
struct Order {
    /// For each segment the ones directly before it; all have lower numbers.
    before: Vec<Vec<Segment>>,
    /// For the segments that were asked about, a bit for each segment that comes before.
    past: RefCell<HashMap<Segment, Box<[u64]>>>,
}

impl Order {
    fn segment(&mut self, before: Vec<Segment>) -> Segment {
        self.before.push(before);
        self.before.len() - 1
    }

    /// The first segment is the second, or comes before it.
    fn precedes(&self, one: Segment, other: Segment) -> bool {
        if one >= other {
            return one == other;
        }
        let mut past = self.past.borrow_mut();
        let bits = past.entry(other).or_insert_with(|| self.past_of(other));
        bits[one / 64] >> (one % 64) & 1 != 0
    }

    fn past_of(&self, segment: Segment) -> Box<[u64]> {
        let mut bits = vec![0_u64; segment / 64 + 1];
        let mut open = vec![segment];
        while let Some(at) = open.pop() {
            for &before in &self.before[at] {
                let bit = 1 << (before % 64);
                if bits[before / 64] & bit == 0 {
                    bits[before / 64] |= bit;
                    open.push(before);
                }
            }
        }
        bits.into()
    }
}

/// The locks a thread holds, with their modes.
type HeldSet = BTreeSet<(ObjectId, Mode)>;

/// A recorded request.
struct Request {
    actor: Actor,
    thread: ThreadId,
    pc: Pc,
    wants: ObjectId,
    mode: Want,
    held: HeldSet,
    segment: Segment,
}

impl Request {
    fn gated(&self, other: &Request) -> bool {
        let shared = |&(o, mode): &(ObjectId, Mode)| {
            other.held.iter().any(|&(other, with)| other == o && excludes(mode, with))
        };
        self.held.iter().any(shared)
    }
}

/// Runs the program once, sequentially, and says what other runs could do.
#[must_use]
pub fn predict(program: &Program) -> Prediction {
    let m = Machine::new(program.code());
    let mut recorder = Recorder::new(&m);
    let last = drive(&m, |before, after, step| recorder.step(before, after, step));
    let stuck = pending(program.code(), &last);
    for pending in &stuck {
        recorder.request(&last, pending.thread);
    }
    let Recorder { requests, order, .. } = recorder;
    let mut cycles = own_holds(program.code(), &requests);
    let finder = Finder::new(&requests, &order);
    cycles.extend(finder.find().map(|(tier, links)| describe(program.code(), &requests, tier, &links)));
    let tier = cycles.iter().map(|cycle| cycle.tier).max().unwrap_or(Tier::None);
    Prediction { tier, cycles, run_finished: stuck.is_empty(), truncated: finder.budget.get() == 0 }
}

/// Watches the run: requests and the order of threads.
struct Recorder<'m, 'c> {
    m: &'m Machine<'c>,
    requests: Vec<Request>,
    /// What makes two requests the same; of those only the first is kept.
    seen: HashSet<(Segment, ObjectId, Want, HeldSet)>,
    order: Order,
    /// The segment each actor is in.
    now: HashMap<Actor, Segment>,
    /// The submitter's segment, by task.
    submitted: HashMap<usize, Segment>,
    /// The last segment, by task.
    ended: HashMap<usize, Segment>,
    /// The barriers whose rounds order what is before and after them.
    ordering: BTreeSet<ObjectId>,
}

impl<'m, 'c> Recorder<'m, 'c> {
    fn new(m: &'m Machine<'c>) -> Self {
        Recorder {
            m,
            requests: Vec::new(),
            seen: HashSet::new(),
            order: Order::default(),
            now: HashMap::new(),
            submitted: HashMap::new(),
            ended: HashMap::new(),
            ordering: ordering_barriers(m.code),
        }
    }

    fn actor(&self, s: &State, t: ThreadId) -> Actor {
        match s.thread(t).task {
            0 => Actor::Thread(t),
            number => self.task_actor(t, number as usize - 1),
        }
    }

    /// All tasks of a pool with one worker are the same thread.
    fn task_actor(&self, worker: ThreadId, task: usize) -> Actor {
        let pool = self.m.code.pool_of(worker).expect("tasks run on workers");
        let workers = self.m.code.objects[pool.index()].value.unwrap_or(0);
        if workers > 1 { Actor::Task(task) } else { Actor::Thread(worker) }
    }

    fn now(&mut self, actor: Actor) -> Segment {
        *self.now.entry(actor).or_insert_with(|| self.order.segment(Vec::new()))
    }

    /// The actor enters a new segment, after its own last one and after `others`.
    fn advance(&mut self, actor: Actor, others: &[Segment]) {
        let mut before = vec![self.now(actor)];
        before.extend(others);
        let segment = self.order.segment(before);
        self.now.insert(actor, segment);
    }

    fn step(&mut self, before: &State, after: &State, step: &SequentialStep) {
        let t = step.thread;
        if let Some(task) = step.starts_task {
            let actor = self.task_actor(t, task);
            let from = self.submitted.remove(&task);
            self.advance(actor, from.as_slice());
            self.note_ended(before, after, t, task);
            return;
        }
        let actor = self.actor(before, t);
        if before.thread(t).status != Status::Parked {
            self.request(before, t);
        }
        self.order(before, step, actor);
        if let Some(task) = (before.thread(t).task as usize).checked_sub(1) {
            self.note_ended(before, after, t, task);
        }
        // A step can end other workers' tasks too: those it wakes or meets.
        for other in self.m.code.thread_ids().filter(|&other| other != t) {
            if let Some(task) = (before.thread(other).task as usize).checked_sub(1) {
                self.note_ended(before, after, other, task);
            }
        }
    }

    /// What the step says about who comes before whom.
    fn order(&mut self, before: &State, step: &SequentialStep, actor: Actor) {
        match self.m.code.op(step.pc) {
            Op::Arrive(o) if self.ordering.contains(&o) && step.remark == Remark::Opens => {
                let parked: Vec<_> = self.m.parked(before, o).map(|t| self.actor(before, t)).collect();
                self.round(actor, parked);
            }
            Op::Spawn(other) if step.remark != Remark::Misuse => {
                let now = self.now(actor);
                self.advance(Actor::Thread(other), &[now]);
                self.advance(actor, &[]);
            }
            Op::Join(other) => {
                let end = self.now(Actor::Thread(other));
                self.advance(actor, &[end]);
            }
            Op::Submit { .. } => {
                let now = self.now(actor);
                self.submitted.insert(before.tasks.len(), now);
                self.advance(actor, &[]);
            }
            Op::Await { task, .. } if step.remark != Remark::Misuse => {
                let number = before.thread(step.thread).locals[task.index()] as usize - 1;
                let end = self.ended.get(&number).copied();
                self.advance(actor, end.as_slice());
            }
            _ => {}
        }
    }

    /// Everything before the arrivals of a round comes before everything after them.
    fn round(&mut self, last: Actor, parked: Vec<Actor>) {
        let all: Vec<Actor> = parked.into_iter().chain([last]).collect();
        let arrivals = all.iter().map(|&actor| self.now(actor)).collect();
        let opening = self.order.segment(arrivals);
        all.into_iter().for_each(|actor| self.advance(actor, &[opening]));
    }

    fn note_ended(&mut self, before: &State, after: &State, worker: ThreadId, task: usize) {
        if after.tasks[task] == TaskStatus::Done && before.tasks[task] != TaskStatus::Done {
            let actor = self.task_actor(worker, task);
            let now = self.now(actor);
            self.ended.insert(task, now);
        }
    }

    /// Records the blocking request that a thread is about to make, or is stuck in.
    fn request(&mut self, s: &State, t: ThreadId) {
        let notified = s.thread(t).status == Status::Notified;
        let Some(op) = self.m.at(s, t) else { return };
        let (wants, mode) = match op {
            Op::Lock(o)
                if self.m.code.kind(o) == Kind::RLock && s.owner(o).is_some_and(|(owner, _)| owner == t) =>
            {
                return;
            }
            Op::Lock(o) | Op::Write(o) | Op::Upgrade(o) | Op::Once { once: o, .. } => (o, Want::Exclusive),
            Op::Read(o) => (o, Want::Read),
            Op::ReadRecursive(o) => (o, Want::ReadRecursive),
            Op::UpgradableRead(o) => (o, Want::Upgradable),
            Op::CondWait { lock, .. } if notified => (lock, Want::Exclusive),
            _ => return,
        };
        let mut held: BTreeSet<_> = self.m.holds(s, t).into_iter().collect();
        let onces = self.m.code.object_ids().filter(|&o| self.m.code.kind(o) == Kind::Once);
        held.extend(onces.filter(|&o| s.once_runner(o) == Some(t)).map(|o| (o, Mode::Exclusive)));
        if matches!(op, Op::Upgrade(_)) && !held.remove(&(wants, Mode::Upgradable)) {
            return;
        }
        if held.is_empty() {
            return; // It can be no part of a cycle.
        }
        let actor = self.actor(s, t);
        let segment = self.now(actor);
        if self.seen.insert((segment, wants, mode, held.clone())) {
            self.requests.push(Request { actor, thread: t, pc: s.thread(t).pc, wants, mode, held, segment });
        }
    }
}

/// The barriers that need exactly as many arrivals as there are threads that have an `arrive` on them.
fn ordering_barriers(code: &Code) -> BTreeSet<ObjectId> {
    let mut users: BTreeMap<ObjectId, i64> = BTreeMap::new();
    for thread in &code.threads {
        let entry = match thread.role {
            crate::code::Role::Starts(body) | crate::code::Role::Spawned(body) => body.entry,
            crate::code::Role::Worker(_) => continue,
        };
        let ops = reachable(code, entry).into_iter().chain([entry]).map(|pc| code.op(pc));
        let barriers: BTreeSet<_> =
            ops.filter_map(|op| if let Op::Arrive(o) = op { Some(o) } else { None }).collect();
        barriers.into_iter().for_each(|o| *users.entry(o).or_insert(0) += 1);
    }
    users.retain(|o, count| code.objects[o.index()].value == Some(*count));
    users.into_keys().collect()
}

/// Requests against own holds that are kept.
const OWN_HOLDS: usize = 10;

/// Requests that block or may block against the thread's own hold of the same lock, the surest first.
fn own_holds(code: &Code, requests: &[Request]) -> Vec<PredictedCycle> {
    let mut cycles = Vec::new();
    for (wanted, tier) in [(Blocking::Yes, Tier::Likely), (Blocking::Maybe, Tier::OrderOnly)] {
        for (index, request) in requests.iter().enumerate() {
            let own = request.held.iter().filter(|(o, _)| *o == request.wants);
            for &(via, mode) in own.filter(|(_, mode)| blocking(*mode, request.mode) == wanted) {
                let cycle = describe(code, requests, tier, &[Link { request: index, via, mode }]);
                if cycles.len() < OWN_HOLDS && !cycles.contains(&cycle) {
                    cycles.push(cycle);
                }
            }
        }
    }
    cycles
}

fn describe(code: &Code, requests: &[Request], tier: Tier, links: &[Link]) -> PredictedCycle {
    let name = |o: ObjectId| code.object_name(o).to_owned();
    let one = |link: &Link| {
        let request = &requests[link.request];
        let thread = code.thread_name(request.thread);
        PredictedRequest {
            thread: match request.actor {
                Actor::Thread(_) => thread.to_owned(),
                Actor::Task(number) => format!("{thread} (task {})", number + 1),
            },
            statement: code.statement(request.pc),
            line: code.line(request.pc),
            wants: name(request.wants),
            mode: request.mode,
            via: name(link.via),
            held: request.held.iter().map(|&(o, mode)| (name(o), mode)).collect(),
        }
    };
    PredictedCycle { tier, requests: links.iter().map(one).collect() }
}

/// A request with one of the locks it is made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    request: usize,
    via: ObjectId,
    mode: Mode,
}

/// Extensions of a path that are tried before the enumeration is given up.
const BUDGET: usize = 3_000_000;

/// What a kind of cycle demands.
#[derive(Clone, Copy)]
struct Demands {
    different_threads: bool,
    all_block: bool,
}

struct Finder<'r> {
    requests: &'r [Request],
    order: &'r Order,
    /// Links by the lock they are made under; only those that lie on some cycle of locks.
    by_lock: BTreeMap<ObjectId, Vec<Link>>,
    /// Locks wanted while holding each lock.
    wanted_under: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    /// Extensions left.
    budget: Cell<usize>,
}

impl<'r> Finder<'r> {
    fn new(requests: &'r [Request], order: &'r Order) -> Self {
        let mut by_lock: BTreeMap<ObjectId, Vec<Link>> = BTreeMap::new();
        let mut wanted_under: BTreeMap<ObjectId, BTreeSet<ObjectId>> = BTreeMap::new();
        for (index, request) in requests.iter().enumerate() {
            for &(via, mode) in request.held.iter().filter(|(via, _)| *via != request.wants) {
                by_lock.entry(via).or_default().push(Link { request: index, via, mode });
                wanted_under.entry(via).or_default().insert(request.wants);
            }
        }
        let mut finder = Finder { requests, order, by_lock, wanted_under, budget: Cell::new(BUDGET) };
        let mut by_lock = std::mem::take(&mut finder.by_lock);
        by_lock.retain(|&via, links| {
            let distances = finder.distances_to(via, ObjectId(0));
            links.retain(|link| distances.contains_key(&requests[link.request].wants));
            !links.is_empty()
        });
        Finder { by_lock, ..finder }
    }

    /// A cycle of the highest tier there is.
    fn find(&self) -> Option<(Tier, Vec<Link>)> {
        let demands = |different_threads: bool, all_block: bool| Demands { different_threads, all_block };
        if let Some(cycle) = self.shortest(demands(true, true)) {
            return Some((Tier::Likely, cycle));
        }
        let weaker = self.shortest(demands(true, false)).or_else(|| self.shortest(demands(false, false)));
        weaker.map(|cycle| (Tier::OrderOnly, cycle))
    }

    /// Iterative deepening over the length; each cycle is sought from its lowest lock.
    fn shortest(&self, demands: Demands) -> Option<Vec<Link>> {
        let starts: Vec<ObjectId> = self.by_lock.keys().copied().collect();
        let distances: Vec<_> = starts.iter().map(|&start| self.distances_to(start, start)).collect();
        let actors: BTreeSet<Actor> =
            self.by_lock.values().flatten().map(|link| self.requests[link.request].actor).collect();
        let longest = if demands.different_threads { starts.len().min(actors.len()) } else { starts.len() };
        for length in 2..=longest {
            for (start, distances) in starts.iter().zip(&distances) {
                for &link in &self.by_lock[start] {
                    let mut path = vec![link];
                    if self.extend(&mut path, length, demands, distances) {
                        return Some(path);
                    }
                }
            }
        }
        None
    }

    /// How many more requests it takes at least to come from a lock to `end`, over no lock below `lowest`.
    fn distances_to(&self, end: ObjectId, lowest: ObjectId) -> HashMap<ObjectId, usize> {
        let mut distances = HashMap::from([(end, 0)]);
        let mut open = VecDeque::from([end]);
        while let Some(lock) = open.pop_front() {
            let next = distances[&lock] + 1;
            for (&via, wanted) in self.wanted_under.range(lowest..) {
                if wanted.contains(&lock) && !distances.contains_key(&via) {
                    distances.insert(via, next);
                    open.push_back(via);
                }
            }
        }
        distances
    }

    /// Completes the path to a cycle of this length.
    fn extend(
        &self,
        path: &mut Vec<Link>,
        length: usize,
        demands: Demands,
        distances: &HashMap<ObjectId, usize>,
    ) -> bool {
        let last = &self.requests[path[path.len() - 1].request];
        // The end is not reached before the last request, and can be reached with it.
        let closes = last.wants == path[0].via;
        let near = distances.get(&last.wants).is_some_and(|d| path.len() + d <= length);
        if !near || closes != (path.len() == length) || self.budget.get() == 0 {
            return false;
        }
        self.budget.set(self.budget.get() - 1);
        let links = |held: Mode| match blocking(held, last.mode) {
            Blocking::Yes => true,
            Blocking::Maybe => !demands.all_block,
            Blocking::No => false,
        };
        if closes {
            return links(path[0].mode);
        }
        for &link in self.by_lock.get(&last.wants).into_iter().flatten() {
            let fits = links(link.mode)
                && path.iter().all(|other| other.via != link.via && self.together(*other, link, demands));
            if !fits {
                continue;
            }
            path.push(link);
            if self.extend(path, length, demands, distances) {
                return true;
            }
            path.pop();
        }
        false
    }

    /// Two requests can be pending at the same time.
    fn together(&self, one: Link, other: Link, demands: Demands) -> bool {
        let (one, other) = (&self.requests[one.request], &self.requests[other.request]);
        if one.actor == other.actor {
            return !demands.different_threads && !one.gated(other);
        }
        let (a, b) = (one.segment, other.segment);
        !one.gated(other) && !self.order.precedes(a, b) && !self.order.precedes(b, a)
    }
}
