//! Who waits for whom in a state where nobody can move: the verdicts *self* and *lost_wakeup* and the classes of
//! section 7 of the notation. Whether a state is stuck is the search's business.

use crate::code::{Code, ObjectId, Op, Pc, Role, ThreadId};
use crate::machine::Machine;
use crate::state::{Mode, State, Status, TaskStatus};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

/// The classes of stuck states (section 7); a help for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Two or more threads wait for each other through locks, once, join or await.
    LockCycle,
    /// Such a cycle with open waits in it.
    MixedCycle,
    /// An open wait that no remaining statement of any thread could end.
    OrphanWait,
    /// A wait for a lock whose holder is finished.
    OrphanLock,
    /// A thread awaits a task that no worker is free to start.
    PoolStarvation,
    /// A thread waits for what only it could give up.
    OwnWait,
    /// An open wait that only the waiting thread's own later statements could end.
    SelfWait,
}

impl Class {
    /// The word the notation uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Class::LockCycle => "lock-cycle",
            Class::MixedCycle => "mixed-cycle",
            Class::OrphanWait => "orphan-wait",
            Class::OrphanLock => "orphan-lock",
            Class::PoolStarvation => "pool-starvation",
            Class::OwnWait => "self",
            Class::SelfWait => "self-wait",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a blocked thread waits for.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    pub(crate) thread: ThreadId,
    pub(crate) pc: Pc,
    /// A condvar waiter that was notified and wants its lock back.
    pub(crate) notified: bool,
    /// The threads that stand in the way; they may be finished.
    pub(crate) by: BTreeSet<ThreadId>,
    /// An open wait: anybody who executes a fitting statement could end it.
    pub(crate) open: bool,
    /// The thread itself is all that stands in the way.
    pub(crate) own: bool,
    /// For an open wait: the threads whose remaining statements could end it.
    pub(crate) enders: BTreeSet<ThreadId>,
}

/// What a stuck state is.
#[derive(Debug, Clone)]
pub(crate) struct Diagnosis {
    pub(crate) waits: Vec<Wait>,
    pub(crate) classes: BTreeSet<Class>,
    pub(crate) own: bool,
    pub(crate) lost_wakeup: bool,
}

/// Diagnoses stuck states of one program; remembers what the code could still do.
pub(crate) struct Doctor<'m, 'c> {
    m: &'m Machine<'c>,
    /// For each kind of wait, a bit for each instruction after which something that ends it can be reached.
    can_end: HashMap<WaitKey, Box<[u64]>>,
}

impl<'m, 'c> Doctor<'m, 'c> {
    pub(crate) fn new(m: &'m Machine<'c>) -> Self {
        Doctor { m, can_end: HashMap::new() }
    }

    /// `None` if the state is the end of a complete run.
    pub(crate) fn diagnose(&mut self, s: &State) -> Option<Diagnosis> {
        let stuck: Vec<_> = self.m.code.thread_ids().filter(|&t| s.thread(t).is_under_way()).collect();
        if stuck.is_empty() {
            return None;
        }
        let mut waits: Vec<Wait> = stuck.iter().map(|&t| wait(self.m, s, t)).collect();
        for wait in &mut waits {
            if wait.open {
                wait.enders = self.enders(s, wait.pc);
            }
        }
        Some(classify(self.m.code, s, waits))
    }

    fn enders(&mut self, s: &State, wait: Pc) -> BTreeSet<ThreadId> {
        let all: Vec<_> = self.m.code.thread_ids().collect();
        all.into_iter().filter(|&t| self.could_end(s, t, wait)).collect()
    }

    /// What is left of the thread's body, or of a task that waits for it, could end the wait.
    fn could_end(&mut self, s: &State, t: ThreadId, wait: Pc) -> bool {
        if s.thread(t).is_under_way() && self.reaches(wait, s.thread(t).pc) {
            return true;
        }
        let Some(pool) = self.m.code.pool_of(t) else { return false };
        s.waiting_tasks(pool).into_iter().any(|(_, submit)| match self.m.code.op(submit) {
            Op::Submit { body, .. } => {
                ends_wait(self.m.code.op(wait), self.m.code.op(body.entry)) || self.reaches(wait, body.entry)
            }
            _ => false,
        })
    }

    /// After `from`, without it, an instruction that ends the wait can be reached.
    fn reaches(&mut self, wait: Pc, from: Pc) -> bool {
        let code = self.m.code;
        let wait = code.op(wait);
        let bits = self.can_end.entry(wait_key(wait)).or_insert_with(|| before_enders(code, wait));
        bits[from.index() / 64] >> (from.index() % 64) & 1 != 0
    }
}

/// What distinguishes open waits: the statement and its object or thread.
type WaitKey = (std::mem::Discriminant<Op>, u16);

fn wait_key(wait: Op) -> WaitKey {
    let on = match wait {
        Op::CondWait { condvar: o, .. } | Op::EventWait(o) | Op::Arrive(o) | Op::Acquire(o) => o.0,
        Op::QueueJoin(o) | Op::Send { channel: o, .. } | Op::Recv { channel: o, .. } => o.0,
        Op::Put { queue: o, .. } | Op::Get { queue: o, .. } => o.0,
        Op::Join(t) => t.0,
        other => unreachable!("{other:?} is no open wait"),
    };
    (std::mem::discriminant(&wait), on)
}

/// A bit for each instruction after which, in its body or in a task submitted there, the wait can be ended. Backward
/// over the code until nothing changes.
fn before_enders(code: &Code, wait: Op) -> Box<[u64]> {
    let mut bits = vec![0_u64; code.instructions.len().div_ceil(64)];
    let has = |bits: &[u64], pc: Pc| bits[pc.index() / 64] >> (pc.index() % 64) & 1 != 0;
    let mut changed = true;
    while changed {
        changed = false;
        for index in (0..code.instructions.len()).rev() {
            let pc = Pc(index as u32);
            let ends = |next: Pc| ends_wait(wait, code.op(next)) || has(&bits, next);
            if !has(&bits, pc) && code.successors(pc).chain(submitted(code, pc)).any(ends) {
                bits[index / 64] |= 1 << (index % 64);
                changed = true;
            }
        }
    }
    bits.into()
}

/// The task that an instruction submits.
fn submitted(code: &Code, pc: Pc) -> Option<Pc> {
    match code.op(pc) {
        Op::Submit { body, .. } => Some(body.entry),
        _ => None,
    }
}

/// Everything that can come after an instruction in its body and in the tasks submitted there.
pub(crate) fn reachable(code: &Code, from: Pc) -> HashSet<Pc> {
    let mut seen = HashSet::new();
    let mut open = vec![from];
    while let Some(pc) = open.pop() {
        let task = submitted(code, pc);
        open.extend(code.successors(pc).chain(task).filter(|&next| seen.insert(next)));
    }
    seen
}

/// Executing `op` could end the open wait `wait`.
fn ends_wait(wait: Op, op: Op) -> bool {
    match (wait, op) {
        (Op::CondWait { condvar, .. }, Op::Notify(o) | Op::NotifyAll(o)) => condvar == o,
        (Op::EventWait(e), Op::Set(o)) | (Op::Arrive(e), Op::Arrive(o)) => e == o,
        (Op::Acquire(e), Op::Release(o)) | (Op::QueueJoin(e), Op::TaskDone(o)) => e == o,
        (Op::Send { channel, .. }, Op::Recv { channel: o, .. }) => channel == o,
        (Op::Recv { channel, .. }, Op::Send { channel: o, .. }) => channel == o,
        (Op::Send { channel, .. } | Op::Recv { channel, .. }, Op::Close(o)) => channel == o,
        (Op::Put { queue, .. }, Op::Get { queue: o, .. }) => queue == o,
        (Op::Get { queue, .. }, Op::Put { queue: o, .. }) => queue == o,
        (Op::Join(t), Op::Spawn(o)) => t == o,
        _ => false,
    }
}

/// What a thread that cannot move waits for; without the enders.
fn wait(m: &Machine<'_>, s: &State, t: ThreadId) -> Wait {
    let pc = s.thread(t).pc;
    let notified = s.thread(t).status == Status::Notified;
    let mut w = Wait {
        thread: t,
        pc,
        notified,
        by: BTreeSet::new(),
        open: false,
        own: false,
        enders: BTreeSet::new(),
    };
    let holders = |o: ObjectId, modes: &[Mode]| -> BTreeSet<ThreadId> {
        s.holds_on(o).filter(|(_, mode)| modes.contains(mode)).map(|(t, _)| t).collect()
    };
    match m.code.op(pc) {
        Op::Lock(o) => w.by.extend(s.owner(o).map(|(owner, _)| owner)),
        Op::CondWait { lock, .. } if notified => w.by.extend(s.owner(lock).map(|(owner, _)| owner)),
        Op::Read(o) | Op::ReadRecursive(o) => w.by = holders(o, &[Mode::Exclusive]),
        Op::UpgradableRead(o) => w.by = holders(o, &[Mode::Exclusive, Mode::Upgradable]),
        Op::Write(o) => w.by = s.holds_on(o).map(|(holder, _)| holder).collect(),
        Op::Upgrade(o) => {
            let foreign = |&(holder, mode): &(ThreadId, Mode)| holder != t || mode != Mode::Upgradable;
            w.by = s.holds_on(o).filter(foreign).map(|(holder, _)| holder).collect();
        }
        Op::Once { once, .. } => w.by.extend(s.once_runner(once)),
        Op::Join(other) if s.thread(other).status == Status::Unborn => w.open = true,
        Op::Join(other) => w.by.extend([other]),
        Op::Await { task, .. } => w.by = task_holders(m, s, s.thread(t).locals[task.index()] as usize),
        _ => w.open = true,
    }
    // A task is never its own obstacle: what a worker of a pool of one awaits is starved by it, not held.
    w.own = w.by.len() == 1 && w.by.contains(&t) && !matches!(m.code.op(pc), Op::Await { .. });
    if let (true, Op::Read(o) | Op::UpgradableRead(o)) = (w.by.is_empty(), m.code.op(pc)) {
        w.by = queued_writers(m, s, o);
    }
    w
}

fn queued_writers(m: &Machine<'_>, s: &State, o: ObjectId) -> BTreeSet<ThreadId> {
    let queued = |&t: &ThreadId| {
        s.thread(t).status == Status::Parked
            && matches!(m.at(s, t), Some(Op::Write(x) | Op::Upgrade(x)) if x == o)
    };
    m.code.thread_ids().filter(queued).collect()
}

/// The worker that runs a task (numbered from 1), or every worker of its pool while it waits.
fn task_holders(m: &Machine<'_>, s: &State, number: usize) -> BTreeSet<ThreadId> {
    let runs = |&t: &ThreadId| s.thread(t).task as usize == number;
    let runner: BTreeSet<_> = m.code.thread_ids().filter(runs).collect();
    if !runner.is_empty() {
        return runner;
    }
    let waits = |pool: ObjectId| s.waiting_tasks(pool).iter().any(|(task, _)| task + 1 == number);
    m.code.thread_ids().filter(|&t| m.code.pool_of(t).is_some_and(waits)).collect()
}

fn classify(code: &Code, s: &State, waits: Vec<Wait>) -> Diagnosis {
    let stuck: BTreeSet<ThreadId> = waits.iter().map(|w| w.thread).collect();
    let strict: Edges = waits.iter().map(|w| (w.thread, &w.by & &stuck)).collect();
    let extended: Edges = waits.iter().map(|w| (w.thread, &(&w.by | &w.enders) & &stuck)).collect();
    let cycle = on_cycles(&strict);
    let own = waits.iter().any(|w| w.own);
    let mut classes = BTreeSet::new();
    let mut tag = |class: Class, holds: bool| holds.then(|| classes.insert(class));
    tag(Class::OwnWait, own);
    tag(Class::LockCycle, !cycle.is_empty());
    tag(Class::MixedCycle, on_cycles(&extended).difference(&cycle).next().is_some());
    for w in &waits {
        let only_own = w.enders.len() == 1 && w.enders.contains(&w.thread);
        tag(Class::OrphanWait, w.open && w.enders.is_empty());
        tag(Class::SelfWait, w.open && only_own);
        let op = code.op(w.pc);
        let is_lock = !matches!(op, Op::Await { .. } | Op::Join(_));
        tag(Class::OrphanLock, is_lock && !w.by.is_subset(&stuck));
        if let Op::Await { task, .. } = op {
            let number = s.thread(w.thread).locals[task.index()] as usize;
            tag(Class::PoolStarvation, s.tasks[number - 1] == TaskStatus::Waiting);
        }
    }
    let loses = |w: &Wait| !w.notified && is_losable(code.op(w.pc));
    let lost_wakeup = !own && cycle.is_empty() && waits.iter().any(loses);
    Diagnosis { waits, classes, own, lost_wakeup }
}

/// The waits whose wake-up can be lost: condvar, event, channel and queue.
fn is_losable(op: Op) -> bool {
    matches!(
        op,
        Op::CondWait { .. }
            | Op::EventWait(_)
            | Op::Get { .. }
            | Op::Put { .. }
            | Op::QueueJoin(_)
            | Op::Send { .. }
            | Op::Recv { .. }
    )
}

type Edges = HashMap<ThreadId, BTreeSet<ThreadId>>;

/// The threads on some cycle of two or more.
fn on_cycles(edges: &Edges) -> BTreeSet<ThreadId> {
    let reaches_itself = |start: ThreadId| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(t) = open.pop() {
            open.extend(edges[&t].iter().copied().filter(|&next| next != t && seen.insert(next)));
        }
        seen.contains(&start)
    };
    edges.keys().copied().filter(|&t| reaches_itself(t)).collect()
}

/// The lines where a pool's waiting tasks were submitted, with their names.
pub(crate) fn waiting_task_names(code: &Code, s: &State) -> Vec<String> {
    let pools: BTreeSet<ObjectId> = code
        .threads
        .iter()
        .filter_map(|t| match t.role {
            Role::Worker(pool) => Some(pool),
            _ => None,
        })
        .collect();
    let mut names = Vec::new();
    for pool in pools {
        for (_, submit) in s.waiting_tasks(pool) {
            if let Op::Submit { name, .. } = code.op(submit) {
                names.push(format!("{}:{}", code.object_name(pool), code.texts[name.index()]));
            }
        }
    }
    names
}
