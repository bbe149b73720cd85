//! A small deterministic machine with threads, locks and variables, which strategies drive in tests: what the run-time
//! does with real threads, without them. Programs are lists of steps; a run is a matter of microseconds.
//!
//! [`all_ends`] is the naive twin of every search: it visits every state there is.

#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeSet, HashMap, HashSet};

use lockcheck_explorer::{
    Access, Draw, Generator, Moment, Object, Operation, OperationKind, Pending, Readiness, RunEnd, Strategy,
    Worker,
};

/// One visible operation of a program. Numbers name locks, variables, conditions, semaphores or threads of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    Lock(u8),
    Unlock(u8),
    /// Takes the lock, or jumps over so many steps.
    TryLock(u8, u8),
    /// The same, but waits for a while first: gives up only when time passes.
    TimedLock(u8, u8),
    /// Shared mode of the same locks.
    Read(u8),
    UnlockRead(u8),
    Load(u8),
    Store(u8, u8),
    Add(u8),
    /// Condition, lock.
    Wait(u8, u8),
    NotifyOne(u8),
    NotifyAll(u8),
    Acquire(u8),
    Release(u8),
    Spawn(u8),
    Join(u8),
    Yield,
    /// Fails the run if the variable has this value: not an operation, but part of the one before.
    FailIf(u8, u8),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Program {
    /// Thread 0 is there from the start; the others are spawned.
    pub threads: Vec<Vec<Step>>,
    /// Permits of the semaphores.
    pub permits: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Status {
    Unborn,
    /// Before the step at `pc`.
    Runs,
    /// Registered in the wait at `pc`.
    Waits,
    /// Notified, before taking the lock of the wait at `pc`.
    Notified,
    Ended,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Thread {
    status: Status,
    pc: u8,
    /// All that it has read so far, mixed.
    register: u64,
    /// Its locks, by lock number.
    holds: u64,
}

/// What a program looks like at the end, or in between; independent of the numbering of workers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State {
    threads: Vec<Thread>,
    /// Thread number plus 1 of the holder, by lock.
    owner: [u8; 8],
    readers: [u8; 8],
    variables: [u64; 4],
    permits: [u8; 4],
    /// By condition: who waits, in order of arrival.
    waiters: [Vec<u8>; 2],
    failed: bool,
}

impl State {
    pub fn new(program: &Program) -> State {
        let thread = |n: usize| Thread {
            status: if n == 0 { Status::Runs } else { Status::Unborn },
            pc: 0,
            register: 0,
            holds: 0,
        };
        let mut permits = [0; 4];
        permits[..program.permits.len()].copy_from_slice(&program.permits);
        let mut state = State {
            threads: (0..program.threads.len()).map(thread).collect(),
            owner: [0; 8],
            readers: [0; 8],
            variables: [0; 4],
            permits,
            waiters: [Vec::new(), Vec::new()],
            failed: false,
        };
        state.settle(program, 0);
        state
    }

    pub fn is_failed(&self) -> bool {
        self.failed
    }

    pub fn is_stuck(&self, program: &Program) -> bool {
        !self.all_ended() && (0..self.threads.len()).all(|t| !self.can_step(program, t))
    }

    /// Whether the thread stands before this step of its own.
    pub fn stands_at(&self, thread: usize, step: u32) -> bool {
        let thread = &self.threads[thread];
        thread.status == Status::Runs && u32::from(thread.pc) == step
    }

    /// Whether all that were born have ended.
    fn all_ended(&self) -> bool {
        self.threads.iter().all(|thread| matches!(thread.status, Status::Ended | Status::Unborn))
    }

    fn at(&self, program: &Program, t: usize) -> Option<Step> {
        program.threads[t].get(self.threads[t].pc as usize).copied()
    }

    fn settle(&mut self, program: &Program, t: usize) {
        while let Some(Step::FailIf(variable, value)) = self.at(program, t) {
            self.failed |= self.variables[variable as usize] == u64::from(value);
            self.threads[t].pc += 1;
        }
        if self.at(program, t).is_none() {
            self.threads[t].status = Status::Ended;
        }
    }

    fn lockable(&self, lock: u8) -> bool {
        self.owner[lock as usize] == 0 && self.readers[lock as usize] == 0
    }

    /// Ready, or only by a timeout, or not at all.
    fn readiness(&self, program: &Program, t: usize) -> Readiness {
        let ready = |yes: bool| if yes { Readiness::Ready } else { Readiness::Blocked };
        match self.threads[t].status {
            Status::Ended => return Readiness::Finished,
            Status::Unborn | Status::Waits => return Readiness::Blocked,
            Status::Notified => match self.at(program, t) {
                Some(Step::Wait(_, lock)) => return ready(self.lockable(lock)),
                other => unreachable!("{other:?}"),
            },
            Status::Runs => {}
        }
        match self.at(program, t).expect("it runs") {
            Step::Lock(lock) => ready(self.lockable(lock)),
            Step::TimedLock(lock, _) if !self.lockable(lock) => Readiness::Timeout,
            Step::Read(lock) => ready(self.owner[lock as usize] == 0),
            Step::Acquire(semaphore) => ready(self.permits[semaphore as usize] > 0),
            Step::Join(other) => ready(self.threads[other as usize].status == Status::Ended),
            Step::Yield => Readiness::Yielding,
            _ => Readiness::Ready,
        }
    }

    fn can_step(&self, program: &Program, t: usize) -> bool {
        self.readiness(program, t) < Readiness::Blocked
    }

    /// Takes the thread's step. `draw` chooses among so many.
    fn step(&mut self, program: &Program, t: usize, draw: &mut impl FnMut(u32) -> u32) {
        let step = self.at(program, t).expect("it can step");
        let mut skip = 0;
        match step {
            Step::Lock(lock) => self.take(t, lock),
            Step::Unlock(lock) => self.give(t, lock),
            Step::TryLock(lock, over) | Step::TimedLock(lock, over) => {
                if self.lockable(lock) {
                    self.take(t, lock)
                } else {
                    skip = over
                }
            }
            Step::Read(lock) => self.readers[lock as usize] += 1,
            Step::UnlockRead(lock) => {
                self.readers[lock as usize] = self.readers[lock as usize].saturating_sub(1)
            }
            Step::Load(variable) => {
                let seen = self.variables[variable as usize];
                let register = &mut self.threads[t].register;
                *register = register.wrapping_mul(31).wrapping_add(seen + 1);
            }
            Step::Store(variable, value) => self.variables[variable as usize] = u64::from(value),
            Step::Add(variable) => self.variables[variable as usize] += 1,
            Step::Wait(_, lock) if self.threads[t].status == Status::Notified => {
                self.threads[t].status = Status::Runs;
                self.take(t, lock);
            }
            Step::Wait(condition, lock) => {
                self.give(t, lock);
                self.threads[t].status = Status::Waits;
                self.waiters[condition as usize].push(t as u8);
                return;
            }
            Step::NotifyOne(condition) => {
                let count = self.waiters[condition as usize].len() as u32;
                if count > 0 {
                    let woken = self.waiters[condition as usize].remove(draw(count) as usize);
                    self.threads[woken as usize].status = Status::Notified;
                }
            }
            Step::NotifyAll(condition) => {
                for woken in std::mem::take(&mut self.waiters[condition as usize]) {
                    self.threads[woken as usize].status = Status::Notified;
                }
            }
            Step::Acquire(semaphore) => self.permits[semaphore as usize] -= 1,
            Step::Release(semaphore) => self.permits[semaphore as usize] += 1,
            Step::Spawn(other) => {
                if self.threads[other as usize].status == Status::Unborn {
                    self.threads[other as usize].status = Status::Runs;
                    self.settle(program, other as usize);
                }
            }
            Step::Join(_) | Step::Yield => {}
            Step::FailIf(..) => unreachable!("not an operation"),
        }
        self.threads[t].pc += 1 + skip;
        self.settle(program, t);
    }

    fn take(&mut self, t: usize, lock: u8) {
        self.owner[lock as usize] = t as u8 + 1;
        self.threads[t].holds |= 1 << lock;
    }

    fn give(&mut self, t: usize, lock: u8) {
        if self.owner[lock as usize] == t as u8 + 1 {
            self.owner[lock as usize] = 0;
            self.threads[t].holds &= !(1 << lock);
        }
    }
}

/// A machine at work: the state, and what a strategy sees of it.
pub struct Run<'p> {
    program: &'p Program,
    pub state: State,
    /// By worker: the thread of the program.
    threads: Vec<usize>,
    pending: Vec<Pending>,
    objects: HashMap<(char, u8), u32>,
    last: Worker,
    pub steps: u32,
}

impl<'p> Run<'p> {
    pub fn new(program: &'p Program) -> Run<'p> {
        let mut run = Run {
            program,
            state: State::new(program),
            threads: Vec::new(),
            pending: Vec::new(),
            objects: HashMap::new(),
            last: Worker(0),
            steps: 0,
        };
        run.appear(0, Worker(0), 0);
        run.refresh();
        run
    }

    fn appear(&mut self, thread: usize, parent: Worker, ordinal: u32) {
        self.threads.push(thread);
        self.pending.push(Pending {
            operation: Operation::local(OperationKind::Begin),
            index: 0,
            readiness: Readiness::Blocked,
            parent,
            ordinal,
            deadline: 0,
        });
    }

    fn object(&mut self, kind: char, number: u8) -> Object {
        let next = self.objects.len() as u32;
        Object(*self.objects.entry((kind, number)).or_insert(next))
    }

    fn worker_of(&self, thread: u8) -> Option<Worker> {
        self.threads.iter().position(|t| *t == thread as usize).map(|place| Worker(place as u32))
    }

    /// What the thread is about to do, in the explorer's words.
    fn operation(&mut self, t: usize) -> Operation {
        use OperationKind as Kind;
        let Some(step) = self.state.at(self.program, t) else { return Operation::local(Kind::End) };
        match step {
            Step::Lock(l) => Operation::on(Kind::Lock, self.object('l', l), Access::Acquire),
            Step::Unlock(l) => Operation::on(Kind::Unlock, self.object('l', l), Access::Release),
            Step::TryLock(l, _) => Operation::on(Kind::TryLock, self.object('l', l), Access::Write),
            Step::TimedLock(l, _) => Operation::on(Kind::TimedLock, self.object('l', l), Access::Write),
            Step::Read(l) => Operation::on(Kind::Lock, self.object('l', l), Access::AcquireShared),
            Step::UnlockRead(l) => Operation::on(Kind::Unlock, self.object('l', l), Access::ReleaseShared),
            Step::Load(v) => Operation::on(Kind::Load, self.object('v', v), Access::Read),
            Step::Store(v, _) => Operation::on(Kind::Store, self.object('v', v), Access::Write),
            Step::Add(v) => Operation::on(Kind::Update, self.object('v', v), Access::Write),
            Step::Wait(c, l) if matches!(self.state.threads[t].status, Status::Waits | Status::Notified) => {
                Operation::on(Kind::Resume, self.object('c', c), Access::Read)
                    .and(self.object('l', l), Access::Acquire)
            }
            Step::Wait(c, l) => Operation::on(Kind::Wait, self.object('c', c), Access::Write)
                .and(self.object('l', l), Access::Release),
            Step::NotifyOne(c) | Step::NotifyAll(c) => {
                Operation::on(Kind::Notify, self.object('c', c), Access::Write)
            }
            Step::Acquire(s) => Operation::on(Kind::Acquire, self.object('s', s), Access::Write),
            Step::Release(s) => Operation::on(Kind::Release, self.object('s', s), Access::Write),
            Step::Spawn(_) => Operation::on(Kind::Spawn, Object::SPAWNS, Access::Write),
            Step::Join(other) => match self.worker_of(other) {
                Some(worker) => Operation::on(Kind::Join, Object::life(worker), Access::Read),
                None => Operation::on(Kind::Join, Object::SPAWNS, Access::Read),
            },
            Step::Yield => Operation::local(Kind::Yield),
            Step::FailIf(..) => unreachable!("not an operation"),
        }
    }

    fn refresh(&mut self) {
        for place in 0..self.threads.len() {
            let t = self.threads[place];
            let operation = self.operation(t);
            let readiness = self.state.readiness(self.program, t);
            let pending = &mut self.pending[place];
            (pending.operation, pending.readiness) = (operation, readiness);
        }
    }

    pub fn moment(&self) -> Moment<'_> {
        Moment { pending: &self.pending, last: self.last }
    }

    pub fn can_go(&self) -> bool {
        self.pending.iter().any(Pending::can_go)
    }

    /// Lets the worker do its operation.
    pub fn step(&mut self, worker: Worker, strategy: &mut dyn Strategy) {
        let t = self.threads[worker.place()];
        let born = |state: &State| -> Vec<bool> {
            state.threads.iter().map(|thread| thread.status != Status::Unborn).collect()
        };
        let before = born(&self.state);
        let moment = Moment { pending: &self.pending, last: self.last };
        let draw = &mut |options| strategy.draw(&moment, worker, Draw::Notified, options);
        self.state.step(self.program, t, draw);
        for (thread, (before, now)) in before.into_iter().zip(born(&self.state)).enumerate() {
            if now && !before {
                let ordinal = self.pending.iter().skip(1).filter(|p| p.parent == worker).count() as u32;
                self.appear(thread, worker, ordinal);
            }
        }
        self.pending[worker.place()].index += 1;
        self.last = worker;
        self.steps += 1;
        self.refresh();
    }
}

/// More steps than any program here needs.
pub const STEPS_MAX: u32 = 10_000;

/// One run. `None` if the strategy has had enough.
pub fn run(program: &Program, strategy: &mut dyn Strategy) -> Option<(State, RunEnd)> {
    if !strategy.begin() {
        return None;
    }
    let mut run = Run::new(program);
    let how = loop {
        if run.state.failed {
            break RunEnd::Found;
        }
        if !run.can_go() {
            break if run.state.all_ended() { RunEnd::Finished } else { RunEnd::Deadlock };
        }
        if run.steps == STEPS_MAX {
            break RunEnd::TooLong;
        }
        match strategy.choose(&run.moment()) {
            Some(worker) => {
                assert!(run.moment().of(worker).can_go(), "{worker:?} cannot go on");
                run.step(worker, strategy);
            }
            None => break RunEnd::Abandoned,
        }
    };
    strategy.end(&run.moment(), how);
    Some((run.state, how))
}

/// Every state in which a run can end, by visiting every state.
pub fn all_ends(program: &Program) -> BTreeSet<State> {
    let mut ends = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut open = vec![State::new(program)];
    while let Some(state) = open.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        let able: Vec<usize> = (0..state.threads.len()).filter(|t| state.can_step(program, *t)).collect();
        if able.is_empty() || state.failed {
            ends.insert(state);
            continue;
        }
        for t in able {
            let mut value = 0;
            loop {
                let mut next = state.clone();
                let mut options = 1;
                next.step(program, t, &mut |among| {
                    options = among;
                    value
                });
                open.push(next);
                value += 1;
                if value >= options {
                    break;
                }
            }
        }
    }
    ends
}

/// A random program of a few short threads.
pub fn random_program(seed: u64, size: u32) -> Program {
    let mut random = Generator::new(seed);
    let threads = 2 + random.below(2) as u8;
    // A few kinds of step at a time make them meet more often.
    let kinds: Vec<u32> = (0..1 + random.below(4)).map(|_| random.below(10)).collect();
    let mut program = Program { threads: Vec::new(), permits: vec![random.below(2) as u8, 1] };
    for t in 0..threads {
        let mut steps = Vec::new();
        if t == 0 {
            steps.extend((1..threads).map(Step::Spawn));
        }
        for _ in 0..1 + random.below(size) {
            let kind = kinds[random.below(kinds.len() as u32) as usize];
            random_step(&mut random, kind, &mut steps);
        }
        if t == 0 && random.one_in(2) {
            steps.extend((1..threads).map(Step::Join));
        }
        program.threads.push(steps);
    }
    if random.one_in(4) && threads == 3 {
        // The second thread starts the third.
        program.threads[0].retain(|step| *step != Step::Spawn(2));
        program.threads[1].insert(0, Step::Spawn(2));
    }
    program
}

fn random_step(random: &mut Generator, kind: u32, steps: &mut Vec<Step>) {
    let (a, b) = (random.below(2) as u8, random.below(2) as u8);
    match kind {
        0 => steps.extend([Step::Lock(a), Step::Unlock(a)]),
        1 => steps.extend([Step::Lock(a), Step::Add(b), Step::Unlock(a)]),
        2 => steps.extend([Step::Lock(a), Step::Lock(1 - a), Step::Unlock(1 - a), Step::Unlock(a)]),
        3 => steps.extend([Step::Load(a), Step::Store(b, 1 + random.below(2) as u8)]),
        4 => steps.push(if random.one_in(2) { Step::Load(a) } else { Step::Add(a) }),
        5 => steps.extend([Step::TryLock(a, 2), Step::Add(b), Step::Unlock(a)]),
        6 => steps.extend([Step::Read(2 + a), Step::Load(b), Step::UnlockRead(2 + a)]),
        7 => steps.extend([Step::Lock(2 + a), Step::Add(b), Step::Unlock(2 + a)]),
        8 => match random.below(3) {
            0 => steps.extend([Step::Lock(a), Step::Wait(0, a), Step::Load(b), Step::Unlock(a)]),
            1 => steps.push(Step::NotifyOne(0)),
            _ => steps.push(Step::NotifyAll(0)),
        },
        _ => match random.below(3) {
            0 => steps.push(Step::Acquire(a)),
            1 => steps.push(Step::Release(a)),
            _ => steps.extend([Step::TimedLock(a, 2), Step::Add(b), Step::Unlock(a)]),
        },
    }
}

/// Two threads that take two locks in different orders, with so many other sections before.
pub fn abba(sections: usize) -> Program {
    let side = |first: u8, second: u8| {
        let mut steps = Vec::new();
        for _ in 0..sections {
            steps.extend([Step::Lock(first), Step::Unlock(first)]);
        }
        steps.extend([Step::Lock(first), Step::Lock(second), Step::Unlock(second), Step::Unlock(first)]);
        steps
    };
    let main = vec![Step::Spawn(1), Step::Spawn(2), Step::Join(1), Step::Join(2)];
    Program { threads: vec![main, side(0, 1), side(1, 0)], permits: vec![] }
}

/// So many philosophers, each of whom takes the fork to the left first; with `polite`, the last one does not.
pub fn philosophers(count: u8, polite: bool) -> Program {
    let mut threads = vec![Vec::new()];
    threads[0].extend((1..=count).map(Step::Spawn));
    threads[0].extend((1..=count).map(Step::Join));
    for n in 0..count {
        let (mut left, mut right) = (n, (n + 1) % count);
        if polite && n + 1 == count {
            std::mem::swap(&mut left, &mut right);
        }
        threads.push(vec![Step::Lock(left), Step::Lock(right), Step::Unlock(right), Step::Unlock(left)]);
    }
    Program { threads, permits: vec![] }
}
