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
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
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
    /// Requests against an own hold, then one cycle of the highest tier that has one.
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

/// A vector clock; missing entries are 0.
type Clock = BTreeMap<Actor, u64>;

/// A recorded request.
struct Request {
    actor: Actor,
    thread: ThreadId,
    pc: Pc,
    wants: ObjectId,
    mode: Want,
    held: BTreeSet<(ObjectId, Mode)>,
    clock: Clock,
}

impl Request {
    fn now(&self) -> u64 {
        self.clock[&self.actor]
    }

    /// One request happened before the other.
    fn ordered(&self, other: &Request) -> bool {
        let knows =
            |one: &Request, other: &Request| one.clock.get(&other.actor).is_some_and(|&c| c >= other.now());
        knows(self, other) || knows(other, self)
    }

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
    let requests = recorder.requests;
    let mut cycles = own_holds(program.code(), &requests);
    let mut finder = Finder::new(&requests);
    cycles.extend(finder.find().map(|(tier, links)| describe(program.code(), &requests, tier, &links)));
    let tier = cycles.iter().map(|cycle| cycle.tier).max().unwrap_or(Tier::None);
    Prediction { tier, cycles, run_finished: stuck.is_empty(), truncated: finder.budget == 0 }
}

/// Watches the run: requests and the order of threads.
struct Recorder<'m, 'c> {
    m: &'m Machine<'c>,
    requests: Vec<Request>,
    clocks: HashMap<Actor, Clock>,
    /// The submitter's clock, by task.
    submitted: HashMap<usize, Clock>,
    /// The clock at the end, by task.
    ended: HashMap<usize, Clock>,
    /// The barriers whose rounds order what is before and after them.
    ordering: BTreeSet<ObjectId>,
}

impl<'m, 'c> Recorder<'m, 'c> {
    fn new(m: &'m Machine<'c>) -> Self {
        Recorder {
            m,
            requests: Vec::new(),
            clocks: HashMap::new(),
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

    fn clock(&mut self, actor: Actor) -> &mut Clock {
        self.clocks.entry(actor).or_insert_with(|| Clock::from([(actor, 1)]))
    }

    fn tick(&mut self, actor: Actor) {
        *self.clock(actor).entry(actor).or_insert(0) += 1;
    }

    fn learn(&mut self, actor: Actor, from: &Clock) {
        let clock = self.clock(actor);
        for (&other, &time) in from {
            let known = clock.entry(other).or_insert(0);
            *known = (*known).max(time);
        }
    }

    fn step(&mut self, before: &State, after: &State, step: &SequentialStep) {
        let t = step.thread;
        if let Some(task) = step.starts_task {
            let actor = self.task_actor(t, task);
            let from = self.submitted.get(&task).cloned().unwrap_or_default();
            self.learn(actor, &from);
            self.tick(actor);
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
                let clock = self.clock(actor).clone();
                self.learn(Actor::Thread(other), &clock);
                self.tick(actor);
            }
            Op::Join(other) => {
                let clock = self.clock(Actor::Thread(other)).clone();
                self.learn(actor, &clock);
                self.tick(actor);
            }
            Op::Submit { .. } => {
                let clock = self.clock(actor).clone();
                self.submitted.insert(before.tasks.len(), clock);
                self.tick(actor);
            }
            Op::Await { task, .. } if step.remark != Remark::Misuse => {
                let number = before.thread(step.thread).locals[task.index()] as usize - 1;
                let clock = self.ended.get(&number).cloned().unwrap_or_default();
                self.learn(actor, &clock);
                self.tick(actor);
            }
            _ => {}
        }
    }

    /// Everything before the arrivals of a round comes before everything after them.
    fn round(&mut self, last: Actor, parked: Vec<Actor>) {
        for &actor in &parked {
            let clock = self.clock(actor).clone();
            self.learn(last, &clock);
        }
        let all = self.clock(last).clone();
        for actor in parked.into_iter().chain([last]) {
            self.learn(actor, &all);
            self.tick(actor);
        }
    }

    fn note_ended(&mut self, before: &State, after: &State, worker: ThreadId, task: usize) {
        if after.tasks[task] == TaskStatus::Done && before.tasks[task] != TaskStatus::Done {
            let actor = self.task_actor(worker, task);
            let clock = self.clock(actor).clone();
            self.ended.insert(task, clock);
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
        let actor = self.actor(s, t);
        let clock = self.clock(actor).clone();
        let request = Request { actor, thread: t, pc: s.thread(t).pc, wants, mode, held, clock };
        let same = |other: &Request| {
            (other.actor, other.wants, other.mode, other.now()) == (actor, wants, mode, request.now())
                && other.held == request.held
        };
        if !self.requests.iter().any(same) {
            self.requests.push(request);
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

/// Requests that block or may block against the thread's own hold of the same lock.
fn own_holds(code: &Code, requests: &[Request]) -> Vec<PredictedCycle> {
    let mut cycles = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        for &(o, mode) in request.held.iter().filter(|(o, _)| *o == request.wants) {
            let tier = match blocking(mode, request.mode) {
                Blocking::No => continue,
                Blocking::Maybe => Tier::OrderOnly,
                Blocking::Yes => Tier::Likely,
            };
            let link = Link { request: index, via: o, mode };
            let cycle = describe(code, requests, tier, &[link]);
            if !cycles.contains(&cycle) {
                cycles.push(cycle);
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
    /// Links by the lock they are made under.
    by_lock: BTreeMap<ObjectId, Vec<Link>>,
    /// Extensions left.
    budget: usize,
}

impl<'r> Finder<'r> {
    fn new(requests: &'r [Request]) -> Self {
        let mut by_lock: BTreeMap<ObjectId, Vec<Link>> = BTreeMap::new();
        for (index, request) in requests.iter().enumerate() {
            for &(via, mode) in request.held.iter().filter(|(via, _)| *via != request.wants) {
                by_lock.entry(via).or_default().push(Link { request: index, via, mode });
            }
        }
        Finder { requests, by_lock, budget: BUDGET }
    }

    /// A cycle of the highest tier there is.
    fn find(&mut self) -> Option<(Tier, Vec<Link>)> {
        let demands = |different_threads: bool, all_block: bool| Demands { different_threads, all_block };
        if let Some(cycle) = self.shortest(demands(true, true)) {
            return Some((Tier::Likely, cycle));
        }
        let weaker = self.shortest(demands(true, false)).or_else(|| self.shortest(demands(false, false)));
        weaker.map(|cycle| (Tier::OrderOnly, cycle))
    }

    /// Iterative deepening over the length; each cycle is sought from its lowest lock.
    fn shortest(&mut self, demands: Demands) -> Option<Vec<Link>> {
        let starts: Vec<ObjectId> = self.by_lock.keys().copied().collect();
        let distances: Vec<_> = starts.iter().map(|&start| self.distances_to(start)).collect();
        let actors: BTreeSet<Actor> = self.requests.iter().map(|r| r.actor).collect();
        let longest = if demands.different_threads { starts.len().min(actors.len()) } else { starts.len() };
        for length in 2..=longest {
            for (start, distances) in starts.iter().zip(&distances) {
                let links = self.by_lock[start].clone();
                for link in links {
                    let mut path = vec![link];
                    if self.extend(&mut path, length, demands, distances) {
                        return Some(path);
                    }
                }
            }
        }
        None
    }

    /// How many more requests it takes at least to come from a lock to the start, over no lock below it.
    fn distances_to(&self, start: ObjectId) -> HashMap<ObjectId, usize> {
        let mut wanted_from: HashMap<ObjectId, BTreeSet<ObjectId>> = HashMap::new();
        for link in self.by_lock.range(start..).flat_map(|(_, links)| links) {
            wanted_from.entry(self.requests[link.request].wants).or_default().insert(link.via);
        }
        let mut distances = HashMap::from([(start, 0)]);
        let mut open = VecDeque::from([start]);
        while let Some(lock) = open.pop_front() {
            let next = distances[&lock] + 1;
            for &via in wanted_from.get(&lock).into_iter().flatten() {
                if !distances.contains_key(&via) {
                    distances.insert(via, next);
                    open.push_back(via);
                }
            }
        }
        distances
    }

    /// Completes the path to a cycle of this length.
    fn extend(
        &mut self,
        path: &mut Vec<Link>,
        length: usize,
        demands: Demands,
        distances: &HashMap<ObjectId, usize>,
    ) -> bool {
        if self.budget == 0 {
            return false;
        }
        self.budget -= 1;
        let last = &self.requests[path[path.len() - 1].request];
        let links = |held: Mode| match blocking(held, last.mode) {
            Blocking::Yes => true,
            Blocking::Maybe => !demands.all_block,
            Blocking::No => false,
        };
        if path.len() == length {
            return last.wants == path[0].via && links(path[0].mode);
        }
        if last.wants == path[0].via || distances.get(&last.wants).is_none_or(|d| path.len() + d > length) {
            return false;
        }
        let candidates = self.by_lock.get(&last.wants).cloned().unwrap_or_default();
        for link in candidates {
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
        !one.ordered(other) && !one.gated(other)
    }
}
