//! A thread of the sketch on a thread of its own: it does what the director says and tells when it is done.
//!
//! It knows nothing of whose turn it is or what comes next.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lockcheck_litmus::Remark;
use lockcheck_litmus::ast::Attempt;
use lockcheck_litmus::code::{ObjectId, Op, Pc, ThreadId};
use tracked::tools::{self, End, Hold, Mode, OnceBody, Place, Point, RwHold, View};
use tracked::watched::thread::Builder;

use crate::objects::{Real, World};

/// What the director tells a player.
pub enum Act {
    /// Carry out the statement, which goes this way.
    Step(Pc, Remark),
    /// End the waits of these threads.
    Call(Vec<ThreadId>),
    /// Start this thread.
    Spawn(ThreadId),
    /// Wait for the end of another thread.
    Join(End, Pc),
    /// Name the point where the player is.
    Point,
    /// Come after these points.
    After(Vec<Point>),
    /// Take up a task: as a thread of this name, if it counts as one of its own.
    Begin(Option<String>, Option<Point>),
    /// The body is finished.
    Finish,
}

/// What a player answers: once when it is there, then once for each act but the last.
pub enum Answer {
    Here(Option<View>),
    Done,
    Point(Option<Point>),
    Started(io::Result<Seat>),
}

/// How the director reaches a player.
pub struct Seat {
    pub acts: Sender<Act>,
    pub end: End,
}

/// Starts the thread. Its parent, for the detector, is the calling thread.
pub fn start(world: &'static World, me: ThreadId, answers: Sender<(ThreadId, Answer)>) -> io::Result<Seat> {
    let (acts, mine) = channel();
    let name = world.code.thread_name(me).to_owned();
    let player = move || {
        let _ = answers.send((me, Answer::Here(tools::this_thread())));
        Player {
            world,
            me,
            locks: HashMap::new(),
            reads_and_writes: HashMap::new(),
            given_up: 1,
            bodies: HashMap::new(),
            answers,
        }
        .play(&mine);
    };
    let handle = Builder::new().name(name).spawn(player)?;
    Ok(Seat { acts, end: tools::end_of(&handle) })
}

struct Player {
    world: &'static World,
    me: ThreadId,
    /// The mutexes and rlocks held, with the depth.
    locks: HashMap<ObjectId, (Hold<'static>, u32)>,
    /// The holds on each rwlock, oldest first.
    reads_and_writes: HashMap<ObjectId, Vec<RwHold<'static>>>,
    /// The onces whose bodies it runs.
    bodies: HashMap<ObjectId, OnceBody<'static>>,
    /// The depth at which the lock of an unfinished condvar wait was given up.
    given_up: u32,
    answers: Sender<(ThreadId, Answer)>,
}

impl Player {
    fn play(mut self, acts: &Receiver<Act>) {
        while let Ok(act) = acts.recv() {
            let answer = match act {
                Act::Finish => return,
                Act::Step(pc, remark) => {
                    self.step(pc, remark);
                    Answer::Done
                }
                Act::Call(threads) => {
                    for thread in threads {
                        self.world.call(thread).end();
                    }
                    Answer::Done
                }
                Act::Spawn(other) => Answer::Started(start(self.world, other, self.answers.clone())),
                Act::Join(end, pc) => {
                    end.join(self.world.place(pc));
                    Answer::Done
                }
                Act::Point => Answer::Point(tools::point()),
                Act::After(points) => {
                    points.into_iter().for_each(tools::comes_after);
                    Answer::Done
                }
                Act::Begin(name, point) => {
                    name.as_deref().into_iter().for_each(tools::become_thread);
                    point.into_iter().for_each(tools::comes_after);
                    Answer::Done
                }
            };
            if self.answers.send((self.me, answer)).is_err() {
                return;
            }
        }
    }

    fn step(&mut self, pc: Pc, remark: Remark) {
        let at = self.world.place(pc);
        match self.world.op(pc) {
            Op::Lock(o) => self.lock(o, 1, at),
            Op::Unlock(o) => self.unlock(o),
            Op::Read(o) => self.lock_rw(o, Mode::Shared, at),
            Op::ReadRecursive(o) => self.lock_rw(o, Mode::SharedRecursive, at),
            Op::UpgradableRead(o) => self.lock_rw(o, Mode::Upgradable, at),
            Op::Write(o) => self.lock_rw(o, Mode::Exclusive, at),
            Op::Upgrade(o) => self.replace(o, &[Mode::Upgradable], |hold| hold.upgrade(at)),
            Op::Downgrade(o) => {
                self.replace(o, &[Mode::Exclusive, Mode::Upgradable], |hold| hold.downgrade(at));
            }
            Op::Try { attempt, object, .. } => self.attempt(attempt, object, remark == Remark::Got, at),
            Op::CondWait { condvar, lock, .. } => self.wait(condvar, lock, remark, at),
            Op::Once { once, .. } => self.once(once, remark, at),
            Op::OnceDone(once) => drop(self.bodies.remove(&once)),
            Op::Acquire(o) => self.acquire(o),
            Op::Release(o) => self.release(o),
            Op::Set(o) | Op::Clear(o) | Op::EventWait(o) => self.event(self.world.op(pc), o),
            Op::Send { channel: o, .. }
            | Op::Recv { channel: o, .. }
            | Op::Close(o)
            | Op::Put { queue: o, .. }
            | Op::Get { queue: o, .. }
            | Op::TaskDone(o)
            | Op::QueueJoin(o)
            | Op::Load { object: o, .. }
            | Op::Store { object: o, .. }
            | Op::Add { object: o, .. } => self.exchange(o),
            _ => {}
        }
    }

    /// Takes the lock, or goes deeper by as much.
    fn lock(&mut self, o: ObjectId, depth: u32, at: Place) {
        if self.deepen(o, depth) {
            return;
        }
        if let Real::Lock(lock) | Real::Reentrant(lock) = self.world.real(o) {
            self.locks.insert(o, (lock.lock(at), depth));
        }
    }

    /// Goes deeper, if the lock may be taken again and is held.
    fn deepen(&mut self, o: ObjectId, by: u32) -> bool {
        let held = self.locks.get_mut(&o).filter(|_| matches!(self.world.real(o), Real::Reentrant(_)));
        held.map(|(_, depth)| *depth += by).is_some()
    }

    fn unlock(&mut self, o: ObjectId) {
        if let Some((hold, depth)) = self.locks.remove(&o) {
            match depth {
                1 => hold.unlock(),
                _ => drop(self.locks.insert(o, (hold, depth - 1))),
            }
        } else if let Some(hold) = self.reads_and_writes.get_mut(&o).and_then(Vec::pop) {
            hold.unlock();
        }
    }

    fn lock_rw(&mut self, o: ObjectId, mode: Mode, at: Place) {
        if let Real::RwLock(lock) = self.world.real(o) {
            self.reads_and_writes.entry(o).or_default().push(lock.lock(mode, at));
        }
    }

    /// Changes the newest hold in the first of these modes that there is.
    fn replace(
        &mut self,
        o: ObjectId,
        modes: &[Mode],
        change: impl FnOnce(RwHold<'static>) -> RwHold<'static>,
    ) {
        let holds = self.reads_and_writes.entry(o).or_default();
        let newest = |mode: &Mode| holds.iter().rposition(|hold| hold.mode() == *mode);
        if let Some(index) = modes.iter().find_map(newest) {
            let hold = holds.remove(index);
            holds.insert(index, change(hold));
        }
    }

    /// A conditional form, which the notation says succeeds (`got`) or not. Where it does not although the real lock
    /// is free, as for a reader behind a queued writer, that is given back at once.
    fn attempt(&mut self, attempt: Attempt, o: ObjectId, got: bool, at: Place) {
        match self.world.real(o) {
            Real::Reentrant(_) if self.deepen(o, 1) => {}
            Real::Lock(lock) | Real::Reentrant(lock) => {
                let hold = match attempt {
                    Attempt::LockTimeout => lock.try_lock_for(at, Duration::ZERO),
                    _ => lock.try_lock(at),
                };
                match hold {
                    Some(hold) if got => drop(self.locks.insert(o, (hold, 1))),
                    hold => hold.into_iter().for_each(Hold::unlock),
                }
            }
            Real::RwLock(lock) => {
                let mode = if attempt == Attempt::TryWrite { Mode::Exclusive } else { Mode::Shared };
                match lock.try_lock(mode, at) {
                    Some(hold) if got => self.reads_and_writes.entry(o).or_default().push(hold),
                    hold => hold.into_iter().for_each(RwHold::unlock),
                }
            }
            Real::Semaphore(semaphore) => {
                semaphore.try_acquire().into_iter().for_each(|permit| permit.forget())
            }
            Real::Bounded(semaphore) => {
                semaphore.try_acquire().into_iter().for_each(|permit| permit.forget())
            }
            _ => {}
        }
    }

    /// Gives the lock up and waits to be called; or, if it was called, takes the lock back.
    fn wait(&mut self, condvar: ObjectId, lock: ObjectId, remark: Remark, at: Place) {
        if remark == Remark::Parked {
            let Some((hold, depth)) = self.locks.remove(&lock) else { return };
            hold.unlock();
            self.given_up = depth;
            if let Real::Signal(signal) = self.world.real(condvar) {
                signal.wait(at, self.world.call(self.me));
            }
        } else {
            self.lock(lock, self.given_up, at);
        }
    }

    fn once(&mut self, o: ObjectId, remark: Remark, at: Place) {
        let Real::Once(once) = self.world.real(o) else { return };
        match remark {
            Remark::Runs => drop(self.bodies.insert(o, once.begin(at))),
            Remark::Skips => once.pass(at),
            _ => once.wait(at, self.world.call(self.me)),
        }
    }

    fn acquire(&self, o: ObjectId) {
        match self.world.real(o) {
            Real::Semaphore(semaphore) => semaphore.acquire().forget(),
            Real::Bounded(semaphore) => semaphore.acquire().forget(),
            _ => {}
        }
    }

    fn release(&self, o: ObjectId) {
        match self.world.real(o) {
            Real::Semaphore(semaphore) => semaphore.release(),
            // The director does not ask for more than there are.
            Real::Bounded(semaphore) => drop(semaphore.release()),
            _ => {}
        }
    }

    /// Gives or takes a value. Whichever it is, others may come after it, and it after them.
    fn exchange(&self, o: ObjectId) {
        if let Real::Messages(messages) = self.world.real(o) {
            messages.received();
            messages.sent();
        }
    }

    fn event(&self, op: Op, o: ObjectId) {
        let Real::Event(event) = self.world.real(o) else { return };
        match op {
            Op::Set(_) => event.set(),
            Op::Clear(_) => event.clear(),
            _ => event.wait(),
        }
    }
}
