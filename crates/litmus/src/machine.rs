//! What a step does (sections 5 and 6 of the notation): which outcomes a thread has in a state, and what each does to
//! it. One instruction at a time; which thread moves is decided elsewhere (`search`, `sequential`).

use crate::ast::{Attempt, Kind};
use crate::code::{Body, Code, FormulaId, ObjectId, Op, Pc, Role, Target, ThreadId};
use crate::state::{Mode, ONCE_DONE, ONCE_NEW, State, Status, TaskStatus};

/// The remark of a witness step: which way the statement went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// It could go one way only.
    None,
    /// A `write` or `upgrade` has registered and will block.
    Queued,
    /// A `wait` or `arrive` has registered and will block.
    Parked,
    /// A condvar wait has its lock back.
    Resumed,
    /// A conditional form succeeded.
    Got,
    /// A conditional form failed.
    Busy,
    /// A `lock_timeout` gave up.
    TimedOut,
    /// A `notify` woke this waiter.
    Wakes(ThreadId),
    /// A `notify_all` woke those who waited.
    WakesAll,
    /// A `notify` or `notify_all` found nobody.
    Nobody,
    /// A `call_once` runs its body.
    Runs,
    /// A `call_once` finds it done.
    Skips,
    /// The body of a `call_once` is finished.
    Done,
    /// The last arrival at a barrier.
    Opens,
    /// The channel was closed.
    Closed,
    /// A rendezvous with this receiver.
    To(ThreadId),
    /// The statement was misused and had no effect.
    Misuse,
    /// The value stored.
    Stores(i64),
    /// The value added.
    Adds(i64),
}

/// Something a step did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Incident {
    pub(crate) kind: IncidentKind,
    pub(crate) thread: ThreadId,
    /// The assertion, the misused statement, or the end of the body that leaks.
    pub(crate) pc: Pc,
}

/// The verdicts that belong to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum IncidentKind {
    Assertion,
    Misuse,
    Leak(ObjectId),
}

/// The semantics of one program.
pub(crate) struct Machine<'c> {
    pub(crate) code: &'c Code,
    /// The mutexes, rlocks and rwlocks.
    locks: Vec<ObjectId>,
}

const HARD: [Mode; 1] = [Mode::Exclusive];
const ANY_MODE: [Mode; 3] = [Mode::Read, Mode::Upgradable, Mode::Exclusive];

impl<'c> Machine<'c> {
    pub(crate) fn new(code: &'c Code) -> Self {
        let is_lock = |o: &ObjectId| matches!(code.kind(*o), Kind::Mutex | Kind::RLock | Kind::RwLock);
        Machine { code, locks: code.object_ids().filter(is_lock).collect() }
    }

    /// The state in which runs start, and what already went wrong there.
    pub(crate) fn initial(&self) -> (State, Vec<Incident>) {
        let mut s = State::initial(self.code);
        let mut incidents = Vec::new();
        for t in self.code.thread_ids() {
            if s.thread(t).status == Status::Runs {
                self.settle(&mut s, t, &mut incidents);
            }
        }
        (s, incidents)
    }

    /// The instruction a thread is at; `None` if it is in no body.
    pub(crate) fn at(&self, s: &State, t: ThreadId) -> Option<Op> {
        let thread = s.thread(t);
        thread.is_under_way().then(|| self.code.op(thread.pc))
    }

    /// The locks (not onces) a thread holds, with modes: by lock, oldest first.
    pub(crate) fn holds(&self, s: &State, t: ThreadId) -> Vec<(ObjectId, Mode)> {
        let mut holds = Vec::new();
        for &o in &self.locks {
            if self.code.kind(o) == Kind::RwLock {
                holds.extend(s.holds_on(o).filter(|(holder, _)| *holder == t).map(|(_, mode)| (o, mode)));
            } else if s.owner(o).is_some_and(|(owner, _)| owner == t) {
                holds.push((o, Mode::Exclusive));
            }
        }
        holds
    }

    fn holds_nothing(&self, s: &State, t: ThreadId) -> bool {
        self.holds(s, t).is_empty()
    }

    /// The threads registered in a wait on `o`: of a condvar (not yet notified), an event or a barrier.
    pub(crate) fn parked<'s>(&'s self, s: &'s State, o: ObjectId) -> impl Iterator<Item = ThreadId> + 's {
        self.code.thread_ids().filter(move |&t| {
            s.thread(t).status == Status::Parked
                && match self.code.op(s.thread(t).pc) {
                    Op::CondWait { condvar, .. } => condvar == o,
                    Op::EventWait(event) => event == o,
                    Op::Arrive(barrier) => barrier == o,
                    _ => false,
                }
        })
    }

    /// The threads that stand before `recv` of this channel.
    fn receivers<'s>(&'s self, s: &'s State, channel: ObjectId) -> impl Iterator<Item = ThreadId> + 's {
        self.code.thread_ids().filter(move |&t| {
            s.thread(t).status == Status::Runs
                && matches!(self.code.op(s.thread(t).pc), Op::Recv { channel: c, .. } if c == channel)
        })
    }

    /// Number of different outcomes of the thread's next step; 0 if it cannot take one.
    pub(crate) fn outcomes(&self, s: &State, t: ThreadId) -> usize {
        let thread = s.thread(t);
        match thread.status {
            Status::Finished | Status::Unborn => 0,
            Status::Idle => usize::from(self.can_start_task(s, t)),
            Status::Notified => match self.code.op(thread.pc) {
                Op::CondWait { lock, .. } => usize::from(s.owner(lock).is_none()),
                op => unreachable!("{op:?} is not notified"),
            },
            Status::Parked => match self.code.op(thread.pc) {
                Op::Write(o) => usize::from(s.list(o).is_empty()),
                Op::Upgrade(o) => usize::from(s.list(o).len() == 1),
                _ => 0,
            },
            Status::Runs => self.outcomes_of(s, t, self.code.op(thread.pc)),
        }
    }

    fn outcomes_of(&self, s: &State, t: ThreadId, op: Op) -> usize {
        let ready = match op {
            Op::Lock(o) => self.lockable(s, t, o),
            Op::Read(o) => s.word(o) == 0 && !has(s, o, &HARD),
            Op::ReadRecursive(o) => !has(s, o, &HARD),
            Op::UpgradableRead(o) => s.word(o) == 0 && !has(s, o, &[Mode::Exclusive, Mode::Upgradable]),
            Op::Acquire(o) => s.word(o) > 0,
            Op::Notify(o) => return self.parked(s, o).count().max(1),
            Op::Once { once, .. } => s.once_runner(once).is_none(),
            Op::Send { channel, .. } if s.word(channel) == 0 => {
                match self.code.objects[channel.index()].value {
                    Some(0) => return self.receivers(s, channel).count(),
                    Some(capacity) => (s.list(channel).len() as i64) < capacity,
                    None => true,
                }
            }
            Op::Recv { channel, .. } => !s.list(channel).is_empty() || s.word(channel) != 0,
            Op::Put { queue, .. } => {
                self.code.objects[queue.index()].value.is_none_or(|cap| (s.list(queue).len() as i64) < cap)
            }
            Op::Get { queue, .. } => !s.list(queue).is_empty(),
            Op::QueueJoin(o) => s.word(o) == 0,
            Op::Join(other) => s.thread(other).status == Status::Finished,
            Op::Await { task, .. } => match s.thread(t).locals[task.index()] {
                0 => true,
                number => s.tasks[number as usize - 1] == TaskStatus::Done,
            },
            _ => true,
        };
        usize::from(ready)
    }

    fn lockable(&self, s: &State, t: ThreadId, o: ObjectId) -> bool {
        s.owner(o).is_none_or(|(owner, _)| owner == t && self.code.kind(o) == Kind::RLock)
    }

    /// Idle workers that hold nothing are interchangeable: only the first of them takes tasks.
    fn can_start_task(&self, s: &State, t: ThreadId) -> bool {
        let Some(pool) = self.code.pool_of(t) else { return false };
        if s.list(pool).is_empty() {
            return false;
        }
        let twin = |other: ThreadId| {
            self.code.pool_of(other) == Some(pool)
                && s.thread(other).status == Status::Idle
                && self.holds_nothing(s, other)
        };
        !self.holds_nothing(s, t) || !(0..t.0).rev().map(ThreadId).any(twin)
    }

    /// Takes the thread's step with this outcome, which must be below [`Machine::outcomes`].
    pub(crate) fn step(&self, s: &mut State, t: ThreadId, outcome: usize, out: &mut Vec<Incident>) -> Remark {
        let thread = s.thread(t);
        if thread.status == Status::Idle {
            self.start_task(s, t, out);
            return Remark::None;
        }
        let pc = thread.pc;
        let status = thread.status;
        let mut step = Step { m: self, s, t, pc, status, out };
        step.take(self.code.op(pc), outcome)
    }

    fn start_task(&self, s: &mut State, t: ThreadId, out: &mut Vec<Incident>) {
        let pool = self.code.pool_of(t).expect("only workers are idle");
        let (number, submit, inherited) = s.first_task(pool).expect("a task waits");
        let Op::Submit { body, .. } = self.code.op(submit) else { unreachable!("tasks are submitted") };
        let mut locals = inherited.to_vec();
        locals.resize(usize::from(body.locals), 0);
        let used = 3 + inherited.len();
        s.lists[pool.index()].drain(..used);
        s.tasks[number] = TaskStatus::Running;
        let thread = s.thread_mut(t);
        thread.status = Status::Runs;
        thread.pc = body.entry;
        thread.task = number as u32 + 1;
        thread.locals = locals;
        self.settle(s, t, out);
    }

    /// Executes the pure instructions at the thread's position.
    fn settle(&self, s: &mut State, t: ThreadId, out: &mut Vec<Incident>) {
        loop {
            let pc = s.thread(t).pc;
            let next = Pc(pc.0 + 1);
            let to = match self.code.op(pc) {
                Op::Jump(to) => to,
                Op::Branch { condition, otherwise } => {
                    if self.value(s, t, condition) != 0 {
                        next
                    } else {
                        otherwise
                    }
                }
                Op::Assert { condition, .. } => {
                    if self.value(s, t, condition) == 0 {
                        out.push(Incident { kind: IncidentKind::Assertion, thread: t, pc });
                    }
                    next
                }
                op @ (Op::End | Op::TaskEnd(_)) => {
                    self.finish(s, t, op, out);
                    return;
                }
                _ => return,
            };
            let thread = s.thread_mut(t);
            thread.pc = to;
            thread.temporaries.clear();
        }
    }

    fn finish(&self, s: &mut State, t: ThreadId, op: Op, out: &mut Vec<Incident>) {
        let pc = s.thread(t).pc;
        for (lock, _) in self.holds(s, t) {
            out.push(Incident { kind: IncidentKind::Leak(lock), thread: t, pc });
        }
        let task = s.thread(t).task;
        if op == Op::End {
            s.thread_mut(t).rest(Status::Finished);
        } else {
            s.tasks[task as usize - 1] = TaskStatus::Done;
            s.thread_mut(t).rest(Status::Idle);
        }
    }

    pub(crate) fn value(&self, s: &State, t: ThreadId, formula: FormulaId) -> i64 {
        let thread = s.thread(t);
        self.code.formulas[formula.index()].value(&thread.locals, &thread.temporaries, |o| s.word(o))
    }
}

/// Someone has a hold in one of these modes.
fn has(s: &State, o: ObjectId, modes: &[Mode]) -> bool {
    s.holds_on(o).any(|(_, mode)| modes.contains(&mode))
}

/// One step of one thread.
struct Step<'a, 'c> {
    m: &'a Machine<'c>,
    s: &'a mut State,
    t: ThreadId,
    pc: Pc,
    status: Status,
    out: &'a mut Vec<Incident>,
}

impl Step<'_, '_> {
    fn take(&mut self, op: Op, outcome: usize) -> Remark {
        match op {
            Op::Lock(o) => self.lock(o),
            Op::Unlock(o) => self.unlock(o),
            Op::Read(o) | Op::ReadRecursive(o) => self.hold(o, Mode::Read),
            Op::UpgradableRead(o) => self.hold(o, Mode::Upgradable),
            Op::Write(o) => self.write(o),
            Op::Upgrade(o) => self.upgrade(o),
            Op::Downgrade(o) => self.downgrade(o),
            Op::Try { attempt, object, otherwise } => self.attempt(attempt, object, otherwise),
            Op::Acquire(o) => self.count(o, -1),
            Op::Release(o) => self.release(o),
            Op::CondWait { condvar, lock, misused } => self.cond_wait(condvar, lock, misused),
            Op::Notify(o) => self.notify(o, outcome),
            Op::NotifyAll(o) => self.notify_all(o),
            Op::Set(o) => self.set(o),
            Op::Clear(o) => self.assign(o, 0),
            Op::EventWait(o) => self.event_wait(o),
            Op::Arrive(o) => self.arrive(o),
            Op::Once { once, skip } => self.once(once, skip),
            Op::OnceDone(o) => {
                self.assign(o, ONCE_DONE);
                Remark::Done
            }
            Op::Send { channel, value } => self.send(channel, value, outcome),
            Op::Recv { channel, into } => self.recv(channel, into),
            Op::Close(o) => self.assign(o, 1),
            Op::Put { queue, value } => {
                let value = self.value(value);
                self.s.lists[queue.index()].push(value);
                self.count(queue, 1)
            }
            Op::Get { queue, into } => {
                let value = self.s.lists[queue.index()].remove(0);
                self.receive(into, value);
                self.go()
            }
            Op::TaskDone(o) if self.s.word(o) == 0 => self.misuse(),
            Op::TaskDone(o) => self.count(o, -1),
            Op::Spawn(other) => self.spawn(other),
            Op::Submit { pool, inherit, into, .. } => self.submit(pool, inherit, into),
            Op::Await { task, .. } if self.s.thread(self.t).locals[task.index()] == 0 => self.misuse(),
            Op::Load { object, into } => {
                let value = self.s.word(object);
                self.receive(into, value);
                self.go()
            }
            Op::Store { object, value } => {
                let value = self.value(value);
                self.assign(object, value);
                Remark::Stores(value)
            }
            Op::Add { object, value } => {
                let value = self.value(value);
                let sum = self.s.word(object).wrapping_add(value);
                self.assign(object, sum);
                Remark::Adds(value)
            }
            Op::QueueJoin(_) | Op::Join(_) | Op::Await { .. } | Op::Yield | Op::Sleep => self.go(),
            Op::Branch { .. } | Op::Jump(_) | Op::Assert { .. } | Op::End | Op::TaskEnd(_) => {
                unreachable!("{op:?} has no step of its own")
            }
        }
    }

    /// The thread goes on with the next instruction.
    fn go(&mut self) -> Remark {
        self.go_to(Pc(self.pc.0 + 1))
    }

    fn go_to(&mut self, pc: Pc) -> Remark {
        self.release_thread(self.t, pc);
        Remark::None
    }

    /// Some thread (this one, or one that this step wakes) goes on at `pc`.
    fn release_thread(&mut self, t: ThreadId, pc: Pc) {
        let thread = self.s.thread_mut(t);
        thread.status = Status::Runs;
        thread.pc = pc;
        thread.depth = 0;
        self.m.settle(self.s, t, self.out);
    }

    fn park(&mut self) -> Remark {
        self.s.thread_mut(self.t).status = Status::Parked;
        Remark::Parked
    }

    fn misuse(&mut self) -> Remark {
        self.misuse_to(Pc(self.pc.0 + 1))
    }

    fn misuse_to(&mut self, pc: Pc) -> Remark {
        self.out.push(Incident { kind: IncidentKind::Misuse, thread: self.t, pc: self.pc });
        self.go_to(pc);
        Remark::Misuse
    }

    /// The value of the statement's expression, whose loads have served their purpose.
    fn value(&mut self, formula: FormulaId) -> i64 {
        let value = self.m.value(self.s, self.t, formula);
        self.s.thread_mut(self.t).temporaries.clear();
        value
    }

    fn receive(&mut self, into: Target, value: i64) {
        put_value(self.s, self.t, into, value);
    }

    fn assign(&mut self, o: ObjectId, value: i64) -> Remark {
        self.s.words[o.index()] = value;
        self.go()
    }

    fn count(&mut self, o: ObjectId, change: i64) -> Remark {
        self.s.words[o.index()] += change;
        self.go()
    }

    fn lock(&mut self, o: ObjectId) -> Remark {
        let depth = self.s.owner(o).map_or(0, |(_, depth)| depth);
        self.s.set_owner(o, Some((self.t, depth + 1)));
        self.go()
    }

    fn unlock(&mut self, o: ObjectId) -> Remark {
        if self.m.code.kind(o) == Kind::RwLock {
            let Some(index) = self.s.newest_hold(o, self.t, &ANY_MODE) else { return self.misuse() };
            self.s.lists[o.index()].remove(index);
            return self.go();
        }
        match self.s.owner(o) {
            Some((owner, depth)) if owner == self.t => {
                self.s.set_owner(o, (depth > 1).then_some((owner, depth - 1)));
                self.go()
            }
            _ => self.misuse(),
        }
    }

    fn hold(&mut self, o: ObjectId, mode: Mode) -> Remark {
        self.s.add_hold(o, self.t, mode);
        self.go()
    }

    fn write(&mut self, o: ObjectId) -> Remark {
        if !self.s.list(o).is_empty() {
            self.s.words[o.index()] += 1;
            self.park();
            return Remark::Queued;
        }
        self.leave_queue(o);
        self.hold(o, Mode::Exclusive)
    }

    fn upgrade(&mut self, o: ObjectId) -> Remark {
        let Some(index) = self.s.newest_hold(o, self.t, &[Mode::Upgradable]) else { return self.misuse() };
        if self.s.list(o).len() > 1 {
            self.s.words[o.index()] += 1;
            self.park();
            return Remark::Queued;
        }
        self.leave_queue(o);
        self.s.set_hold(o, index, self.t, Mode::Exclusive);
        self.go()
    }

    fn leave_queue(&mut self, o: ObjectId) {
        if self.status == Status::Parked {
            self.s.words[o.index()] -= 1;
        }
    }

    fn downgrade(&mut self, o: ObjectId) -> Remark {
        let newest = |modes: &[Mode]| self.s.newest_hold(o, self.t, modes);
        let Some(index) = newest(&HARD).or_else(|| newest(&[Mode::Upgradable])) else { return self.misuse() };
        self.s.set_hold(o, index, self.t, Mode::Read);
        self.go()
    }

    fn attempt(&mut self, attempt: Attempt, o: ObjectId, otherwise: Pc) -> Remark {
        let got = match attempt {
            Attempt::TryLock | Attempt::LockTimeout => self.m.lockable(self.s, self.t, o),
            Attempt::TryRead => self.s.word(o) == 0 && !has(self.s, o, &HARD),
            Attempt::TryWrite => self.s.list(o).is_empty(),
            Attempt::TryAcquire => self.s.word(o) > 0,
        };
        if !got {
            self.go_to(otherwise);
            return if attempt == Attempt::LockTimeout { Remark::TimedOut } else { Remark::Busy };
        }
        match attempt {
            Attempt::TryLock | Attempt::LockTimeout => self.lock(o),
            Attempt::TryRead => self.hold(o, Mode::Read),
            Attempt::TryWrite => self.hold(o, Mode::Exclusive),
            Attempt::TryAcquire => self.count(o, -1),
        };
        Remark::Got
    }

    fn release(&mut self, o: ObjectId) -> Remark {
        let object = &self.m.code.objects[o.index()];
        if object.bounded && object.value.is_some_and(|all| self.s.word(o) >= all) {
            return self.misuse();
        }
        self.count(o, 1)
    }

    fn cond_wait(&mut self, condvar: ObjectId, lock: ObjectId, misused: Pc) -> Remark {
        if self.status == Status::Notified {
            let depth = self.s.thread(self.t).depth;
            self.s.set_owner(lock, Some((self.t, depth)));
            self.go();
            return Remark::Resumed;
        }
        let other_lock = |t: ThreadId| matches!(self.m.code.op(self.s.thread(t).pc), Op::CondWait { lock: l, .. } if l != lock);
        match self.s.owner(lock) {
            Some((owner, depth)) if owner == self.t && !self.m.parked(self.s, condvar).any(other_lock) => {
                self.s.set_owner(lock, None);
                self.s.thread_mut(self.t).depth = depth;
                self.park()
            }
            _ => self.misuse_to(misused),
        }
    }

    fn notify(&mut self, o: ObjectId, outcome: usize) -> Remark {
        let waiter = self.m.parked(self.s, o).nth(outcome);
        if let Some(waiter) = waiter {
            self.s.thread_mut(waiter).status = Status::Notified;
        }
        self.go();
        waiter.map_or(Remark::Nobody, Remark::Wakes)
    }

    fn notify_all(&mut self, o: ObjectId) -> Remark {
        let waiters: Vec<_> = self.m.parked(self.s, o).collect();
        for &waiter in &waiters {
            self.s.thread_mut(waiter).status = Status::Notified;
        }
        self.go();
        if waiters.is_empty() { Remark::Nobody } else { Remark::WakesAll }
    }

    /// Moves every thread registered at `o` past its statement.
    fn wake_parked(&mut self, o: ObjectId) {
        let waiters: Vec<_> = self.m.parked(self.s, o).collect();
        for waiter in waiters {
            let next = Pc(self.s.thread(waiter).pc.0 + 1);
            self.release_thread(waiter, next);
        }
    }

    fn set(&mut self, o: ObjectId) -> Remark {
        self.s.words[o.index()] = 1;
        self.wake_parked(o);
        self.go()
    }

    fn event_wait(&mut self, o: ObjectId) -> Remark {
        if self.s.word(o) != 0 { self.go() } else { self.park() }
    }

    fn arrive(&mut self, o: ObjectId) -> Remark {
        let arrived = self.s.word(o) + 1;
        if self.m.code.objects[o.index()].value.is_some_and(|all| arrived < all) {
            self.s.words[o.index()] = arrived;
            return self.park();
        }
        self.s.words[o.index()] = 0;
        self.wake_parked(o);
        self.go();
        Remark::Opens
    }

    fn once(&mut self, o: ObjectId, skip: Pc) -> Remark {
        if self.s.word(o) == ONCE_NEW {
            self.assign(o, 2 + i64::from(self.t.0));
            Remark::Runs
        } else {
            self.go_to(skip);
            Remark::Skips
        }
    }

    fn send(&mut self, o: ObjectId, value: FormulaId, outcome: usize) -> Remark {
        let value = self.value(value);
        if self.s.word(o) != 0 {
            self.go();
            return Remark::Closed;
        }
        if self.m.code.objects[o.index()].value != Some(0) {
            self.s.lists[o.index()].push(value);
            return self.go();
        }
        let receiver = self.m.receivers(self.s, o).nth(outcome).expect("the outcome exists");
        let pc = self.s.thread(receiver).pc;
        if let Op::Recv { into, .. } = self.m.code.op(pc) {
            put_value(self.s, receiver, into, value);
        }
        self.release_thread(receiver, Pc(pc.0 + 1));
        self.go();
        Remark::To(receiver)
    }

    fn recv(&mut self, o: ObjectId, into: Target) -> Remark {
        let list = &mut self.s.lists[o.index()];
        let oldest = if list.is_empty() { None } else { Some(list.remove(0)) };
        self.receive(into, oldest.unwrap_or(0));
        self.go();
        if oldest.is_some() { Remark::None } else { Remark::Closed }
    }

    fn spawn(&mut self, other: ThreadId) -> Remark {
        let Role::Spawned(Body { entry, locals }) = self.m.code.threads[other.index()].role else {
            unreachable!("only threads declared spawned are spawned");
        };
        if self.s.thread(other).status != Status::Unborn {
            return self.misuse();
        }
        self.s.thread_mut(other).locals = vec![0; usize::from(locals)];
        self.release_thread(other, entry);
        self.go()
    }

    fn submit(&mut self, pool: ObjectId, inherit: u16, into: Option<crate::code::Slot>) -> Remark {
        let number = self.s.tasks.len();
        self.s.tasks.push(TaskStatus::Waiting);
        let State { lists, threads, .. } = &mut *self.s;
        let thread = &mut threads[self.t.index()];
        let list = &mut lists[pool.index()];
        list.extend([number as i64, i64::from(self.pc.0), i64::from(inherit)]);
        list.extend_from_slice(&thread.locals[..usize::from(inherit)]);
        if let Some(slot) = into {
            thread.locals[slot.index()] = number as i64 + 1;
        }
        self.go()
    }
}

fn put_value(s: &mut State, t: ThreadId, into: Target, value: i64) {
    let thread = s.thread_mut(t);
    match into {
        Target::Nothing => {}
        Target::Local(slot) => thread.locals[slot.index()] = value,
        Target::Temporary => thread.temporaries.push(value),
    }
}
