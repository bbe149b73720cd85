//! Whose turn it is: follows the sequential run of the notation step by step, so that exactly one player moves at a
//! time, and in the end lets those that are stuck really block.
//!
//! No wait here is unbounded, and none is a sleep: a player answers, or it is seen to block, or the run is given up.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use lockcheck_litmus::code::{ObjectId, Op, Pc, Role, ThreadId};
use lockcheck_litmus::{
    BodyEnd, Pending, Program, Remark, SequentialRun, SequentialStep, ordering_barriers, sequential,
};
use tracked::tools::{Point, View};

use crate::objects::World;
use crate::player::{self, Act, Answer, Seat};

/// The longest that a player may take for a step. Steps take microseconds; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a deadlock may take to be reported once its last thread blocks. The detector looks twice, a millisecond
/// apart.
const REPORT_PATIENCE: Duration = Duration::from_secs(2);

/// Why a sketch could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The system has no room for one more thread.
    #[error("cannot start the thread `{thread}`: {error}")]
    Start {
        /// Which.
        thread: String,
        /// Why.
        error: io::Error,
    },
    /// A thread did not do what the notation says it can. The real lock and the notation disagree, or the machine
    /// stands still.
    #[error("`{statement}` of {thread} (line {line}) is not done after {PATIENCE:?}, although it can be")]
    Stalled {
        /// Who.
        thread: String,
        /// What.
        statement: String,
        /// Where.
        line: u32,
    },
    /// The detector does not watch: it is turned off.
    #[error("nothing is watched: LOCKCHECK=off is set")]
    Off,
}

type Result<T> = std::result::Result<T, ObserveError>;

/// What the run came to.
pub struct Ran {
    /// Threads and workers that were started.
    pub threads: u64,
    /// Steps taken.
    pub steps: u64,
}

/// Runs the sketch until nobody can move, and then lets the stuck ones block.
pub fn run(file: &str, program: &Program) -> Result<Ran> {
    let world = World::new(file, program);
    let run = sequential(program);
    let (said, answers) = channel();
    let threads = world.code.threads.len();
    let mut director = Director {
        world,
        said,
        answers,
        seats: (0..threads).map(|_| None).collect(),
        heard: (0..threads).map(|_| None).collect(),
        views: vec![None; threads],
        parked: vec![None; threads],
        ordering: ordering_barriers(&world.code).into_iter().collect(),
        rounds: HashMap::new(),
        submitted: Vec::new(),
        finished: HashMap::new(),
        doing: Pc(0),
    };
    director.start_all(&run)?;
    director.play(&run)?;
    let threads = director.seats.iter().flatten().count() as u64;
    Ok(Ran { threads, steps: run.steps.len() as u64 })
}

struct Director {
    world: &'static World,
    said: Sender<(ThreadId, Answer)>,
    answers: Receiver<(ThreadId, Answer)>,
    /// By thread: how to reach it, once it is started.
    seats: Vec<Option<Seat>>,
    /// By thread: an answer that nobody has asked for yet.
    heard: Vec<Option<Answer>>,
    /// By thread: how to see whether it blocks.
    views: Vec<Option<View>>,
    /// By thread: the object it really waits for meanwhile.
    parked: Vec<Option<ObjectId>>,
    /// The barriers that order threads.
    ordering: Vec<ObjectId>,
    /// The arrivals of the present round, by barrier.
    rounds: HashMap<ObjectId, Vec<(ThreadId, Option<Point>)>>,
    /// The point at which each task was submitted.
    submitted: Vec<Option<Point>>,
    /// The point at which each finished task was.
    finished: HashMap<usize, Point>,
    /// The statement that is being carried out, for errors.
    doing: Pc,
}

impl Director {
    fn start_all(&mut self, run: &SequentialRun) -> Result<()> {
        for (index, thread) in self.world.code.threads.iter().enumerate() {
            if let Role::Starts(_) = thread.role {
                self.start(ThreadId(index as u16))?;
            }
        }
        run.finished_at_once.iter().try_for_each(|&thread| self.finish(thread))
    }

    /// Starts a player, for the detector as a thread that nothing but this one comes before.
    fn start(&mut self, thread: ThreadId) -> Result<()> {
        let seat = player::start(self.world, thread, self.said.clone());
        self.seated(thread, seat)
    }

    fn seated(&mut self, thread: ThreadId, seat: io::Result<Seat>) -> Result<()> {
        let name = || self.world.code.thread_name(thread).to_owned();
        let seat = seat.map_err(|error| ObserveError::Start { thread: name(), error })?;
        self.seats[thread.index()] = Some(seat);
        match self.answer(thread)? {
            Answer::Here(Some(view)) => self.views[thread.index()] = Some(view),
            _ => return Err(ObserveError::Off),
        }
        Ok(())
    }

    fn play(&mut self, run: &SequentialRun) -> Result<()> {
        let mut ends = run.ends.iter().peekable();
        for (index, step) in run.steps.iter().enumerate() {
            self.step(step)?;
            while let Some(&end) = ends.next_if(|end| end.step == index) {
                self.body_ended(end)?;
            }
        }
        // Those that have registered come first: they are in the way of the others.
        let (registered, others): (Vec<_>, Vec<_>) =
            run.pending.iter().partition(|pending| pending.registered);
        registered.into_iter().chain(others).try_for_each(|pending| self.block(pending))
    }

    fn step(&mut self, step: &SequentialStep) -> Result<()> {
        let t = step.thread;
        self.doing = step.pc;
        if let Some(task) = step.starts_task {
            return self.begin_task(t, task);
        }
        match (self.world.op(step.pc), step.remark) {
            (_, Remark::Misuse | Remark::Queued) => Ok(()),
            (Op::CondWait { condvar, .. }, Remark::Parked) => self.park(t, condvar, step),
            (Op::EventWait(event), Remark::Parked) => self.park(t, event, step),
            (Op::Notify(_), Remark::Wakes(waiter)) => self.call(t, vec![waiter]),
            (Op::NotifyAll(o), Remark::WakesAll) => self.call(t, self.waiting_for(o)),
            (Op::Set(o), _) => {
                self.act(t, Act::Step(step.pc, step.remark))?;
                self.woken(self.waiting_for(o))
            }
            (Op::Arrive(o), remark) if self.ordering.contains(&o) => self.arrive(t, o, remark),
            (Op::Spawn(other), _) => self.spawn(t, other),
            (Op::Join(other), _) => self.join(t, other, step.pc),
            (Op::Submit { .. }, _) => {
                let point = self.point(t)?;
                self.submitted.push(point);
                Ok(())
            }
            (Op::Await { .. }, _) => {
                let point = step.awaited_task.and_then(|task| self.finished.get(&task).copied());
                self.act(t, Act::After(point.into_iter().collect()))
            }
            (op, _) if is_carried_out(op) => self.act(t, Act::Step(step.pc, step.remark)),
            _ => Ok(()),
        }
    }

    /// The worker takes up a task. The tasks of a pool with several workers count as threads of their own.
    fn begin_task(&mut self, worker: ThreadId, task: usize) -> Result<()> {
        if self.seats[worker.index()].is_none() {
            self.start(worker)?;
        }
        let code = &self.world.code;
        let workers = code.pool_of(worker).and_then(|pool| code.objects[pool.index()].value);
        let name = (workers > Some(1)).then(|| format!("{} (task {})", code.thread_name(worker), task + 1));
        let submitted = self.submitted.get(task).copied().flatten();
        self.act(worker, Act::Begin(name, submitted))
    }

    fn body_ended(&mut self, end: BodyEnd) -> Result<()> {
        let Some(task) = end.task else { return self.finish(end.thread) };
        let point = self.point(end.thread)?;
        self.finished.extend(point.map(|point| (task, point)));
        Ok(())
    }

    /// Lets the player go, and waits until the detector knows.
    fn finish(&mut self, thread: ThreadId) -> Result<()> {
        self.send(thread, Act::Finish);
        let Some(end) = self.seats[thread.index()].as_ref().map(|seat| seat.end.clone()) else {
            return Ok(());
        };
        self.until(thread, PATIENCE, |_| end.has_come())
    }

    fn spawn(&mut self, parent: ThreadId, child: ThreadId) -> Result<()> {
        self.send(parent, Act::Spawn(child));
        match self.answer(parent)? {
            Answer::Started(seat) => self.seated(child, seat),
            _ => Err(self.stalled(parent)),
        }
    }

    fn join(&mut self, thread: ThreadId, other: ThreadId, pc: Pc) -> Result<()> {
        let Some(end) = self.seats[other.index()].as_ref().map(|seat| seat.end.clone()) else {
            return Ok(());
        };
        self.act(thread, Act::Join(end, pc))
    }

    /// A statement that registers: the player blocks in it.
    fn park(&mut self, thread: ThreadId, object: ObjectId, step: &SequentialStep) -> Result<()> {
        self.send(thread, Act::Step(step.pc, step.remark));
        self.until(thread, PATIENCE, |director| director.waits(thread) % 2 == 1)?;
        self.parked[thread.index()] = Some(object);
        Ok(())
    }

    fn waiting_for(&self, object: ObjectId) -> Vec<ThreadId> {
        let threads = (0..self.parked.len()).filter(|&thread| self.parked[thread] == Some(object));
        threads.map(|thread| ThreadId(thread as u16)).collect()
    }

    /// Ends the waits of these threads for a condition variable.
    fn call(&mut self, caller: ThreadId, waiters: Vec<ThreadId>) -> Result<()> {
        self.act(caller, Act::Call(waiters.clone()))?;
        self.woken(waiters)
    }

    /// These threads move past the statement in which they blocked.
    fn woken(&mut self, waiters: Vec<ThreadId>) -> Result<()> {
        for waiter in waiters {
            self.answer(waiter)?;
            self.parked[waiter.index()] = None;
        }
        Ok(())
    }

    /// Everything before the arrivals of a round comes before everything after them.
    fn arrive(&mut self, thread: ThreadId, barrier: ObjectId, remark: Remark) -> Result<()> {
        let point = self.point(thread)?;
        let round = self.rounds.entry(barrier).or_default();
        round.push((thread, point));
        if remark != Remark::Opens {
            return Ok(());
        }
        let round = std::mem::take(round);
        let points: Vec<Point> = round.iter().filter_map(|(_, point)| *point).collect();
        round.iter().try_for_each(|&(thread, _)| self.act(thread, Act::After(points.clone())))
    }

    /// Lets a thread that is stuck really block, and waits until the detector has said what it has to say about it.
    fn block(&mut self, pending: &Pending) -> Result<()> {
        let t = pending.thread;
        self.doing = pending.pc;
        if self.parked[t.index()].is_some() {
            return Ok(());
        }
        match self.world.op(pending.pc) {
            Op::Join(other) => {
                let Some(seat) = &self.seats[other.index()] else { return Ok(()) };
                let end = seat.end.clone();
                self.send(t, Act::Join(end, pending.pc));
            }
            Op::CondWait { .. } => self.send(t, Act::Step(pending.pc, Remark::Resumed)),
            op if is_carried_out(op) => self.send(t, Act::Step(pending.pc, Remark::None)),
            _ => return Ok(()),
        }
        // The real lock may be less strict: a reader passes a writer that queues behind an upgradable read.
        self.until(t, PATIENCE, |director| director.has_answered(t) || director.waits(t) % 2 == 1)?;
        let blocked_at = self.waits(t);
        if !self.has_answered(t) && self.views[t.index()].is_some_and(View::is_stuck) {
            // It goes on waiting once it has reported, or has seen that somebody else did.
            let reported = |director: &Director| {
                let now = director.waits(t);
                director.has_answered(t) || (now != blocked_at && now % 2 == 1)
            };
            let _ = self.until(t, REPORT_PATIENCE, reported);
        }
        Ok(())
    }

    fn point(&mut self, thread: ThreadId) -> Result<Option<Point>> {
        self.send(thread, Act::Point);
        match self.answer(thread)? {
            Answer::Point(point) => Ok(point),
            _ => Err(self.stalled(thread)),
        }
    }

    /// Lets the player do something that does not block.
    fn act(&mut self, thread: ThreadId, act: Act) -> Result<()> {
        self.send(thread, act);
        self.answer(thread).map(drop)
    }

    fn send(&self, thread: ThreadId, act: Act) {
        if let Some(seat) = &self.seats[thread.index()] {
            // A player that is gone gives no answer, which is noticed.
            let _ = seat.acts.send(act);
        }
    }

    /// The player's next answer.
    fn answer(&mut self, thread: ThreadId) -> Result<Answer> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.heard[thread.index()].take() {
                return Ok(answer);
            }
            match self.answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((who, answer)) => self.heard[who.index()] = Some(answer),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(self.stalled(thread));
                }
            }
        }
    }

    fn has_answered(&self, thread: ThreadId) -> bool {
        self.heard[thread.index()].is_some()
    }

    /// Odd while the player blocks in a watched operation.
    fn waits(&self, thread: ThreadId) -> u32 {
        self.views[thread.index()].map_or(0, View::waits)
    }

    /// Yields until it is so.
    fn until(
        &mut self,
        thread: ThreadId,
        patience: Duration,
        is_so: impl Fn(&Director) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            while let Ok((who, answer)) = self.answers.try_recv() {
                self.heard[who.index()] = Some(answer);
            }
            if is_so(self) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.stalled(thread));
            }
            std::thread::yield_now();
        }
    }

    fn stalled(&self, thread: ThreadId) -> ObserveError {
        let code = &self.world.code;
        ObserveError::Stalled {
            thread: code.thread_name(thread).to_owned(),
            statement: code.statement(self.doing),
            line: code.instructions[self.doing.index()].place.line,
        }
    }
}

/// Whether the statement is one operation on a real object.
fn is_carried_out(op: Op) -> bool {
    match op {
        Op::Lock(_)
        | Op::Unlock(_)
        | Op::Read(_)
        | Op::ReadRecursive(_)
        | Op::UpgradableRead(_)
        | Op::Write(_)
        | Op::Upgrade(_)
        | Op::Downgrade(_)
        | Op::Try { .. }
        | Op::Acquire(_)
        | Op::Release(_)
        | Op::CondWait { .. }
        | Op::Set(_)
        | Op::Clear(_)
        | Op::EventWait(_)
        | Op::Once { .. }
        | Op::OnceDone(_)
        | Op::Send { .. }
        | Op::Recv { .. }
        | Op::Close(_)
        | Op::Put { .. }
        | Op::Get { .. }
        | Op::TaskDone(_)
        | Op::QueueJoin(_)
        | Op::Load { .. }
        | Op::Store { .. }
        | Op::Add { .. } => true,
        Op::Notify(_)
        | Op::NotifyAll(_)
        | Op::Arrive(_)
        | Op::Spawn(_)
        | Op::Join(_)
        | Op::Submit { .. }
        | Op::Await { .. }
        | Op::Yield
        | Op::Sleep
        | Op::Branch { .. }
        | Op::Jump(_)
        | Op::Assert { .. }
        | Op::End
        | Op::TaskEnd(_) => false,
    }
}
