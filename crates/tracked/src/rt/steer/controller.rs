//! The state of one exploration: who is under control, before what everybody stands, who has what.
//!
//! The *baton* is the right to run. It is with one worker, or with nobody while all that could run are outside of
//! control. Whoever has it asks, before each visible operation, who goes on; the strategy answers; the baton changes
//! hands by an [`Order`] given to a [`Seat`]. The state's mutex is therefore free whenever it is asked for, but for
//! threads that come back from outside.
//!
//! | phase | who gets the baton | as |
//! |---|---|---|
//! | free | whom the strategy names | `Go`, or `Late` where it gives up |
//! | hearing | those who seem to be stuck, one after the other | `Testify` |
//! | clearing | those who have not ended, the youngest first | `Unwind`, later `Go` |

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use lockcheck_checker::waits::Stuck;
use lockcheck_events::{Mode, StackId, ThreadId};
use lockcheck_explorer::{
    Access, Draw, Moment, Object, Operation, OperationKind, Pending, Readiness, Recording, RunEnd, Strategy,
    Worker,
};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::pool::Pool;
use super::seat::{Order, Seat};
use crate::rt::context::{HeldLock, HoldSet, Place};
use crate::rt::hash::ByNumber;
use crate::rt::waits::Wait;

/// Reads of a worker in which nobody wrote anything, after which it counts as spinning.
const READS_MAX: u32 = 64;
/// The same for one operation at one place.
const REPEATS_MAX: u32 = 2;
/// How long somebody may be outside of control before the others go on without.
const OUTSIDE_GRACE: Duration = Duration::from_millis(20);
/// How long nobody but those outside can go on before that is said.
const OUTSIDE_SILENCE: Duration = Duration::from_secs(1);
/// How long one who is outside is waited for when the run is over.
const OUTSIDE_PATIENCE: Duration = Duration::from_secs(10);
/// Panics out of blocked calls that a worker may catch and go on from before it is left where it is.
const RAISES_MAX: u32 = 100;

/// The boxed strategies that a session goes through.
pub(crate) type BoxedStrategy = Box<dyn Strategy + Send>;

/// An exploration, as its threads share it.
pub(crate) struct Controller {
    /// Itself, for threads that are started.
    pub(super) handle: Weak<Controller>,
    state: Mutex<State>,
    /// Somebody has come back from outside.
    returned: Condvar,
    /// In this run, somebody has stood before an attempt. Relaxed: handing on orders it.
    tried: AtomicBool,
}

/// What stands in the way of a worker.
#[derive(Clone, Copy)]
pub(crate) enum Obstacle {
    /// Nothing.
    None,
    /// It lets others go first.
    Yielding,
    /// Holds of a lock by others.
    Lock { object: u32, mode: Mode, upgrade: bool, queued: bool },
    /// The same, where it is not had afterwards.
    Gate { object: u32 },
    /// It waits for this to be true. Points into the worker's stack, which stands still meanwhile.
    Until { ready: *const (dyn Fn() -> bool + 'static), relock: Option<(u32, Mode)> },
    /// The passing of virtual time.
    Sleep,
    /// It runs, out of control.
    Outside,
    /// It has ended.
    Over,
}

// SAFETY: what `Until` points to is called only while the state is locked, by whoever has the baton, and reads what is
// safe to read from any thread: `Stand::until` demands `Sync`.
unsafe impl Send for Obstacle {}

impl Obstacle {
    fn is_wait(&self) -> bool {
        matches!(self, Obstacle::Lock { .. } | Obstacle::Gate { .. } | Obstacle::Until { .. })
    }
}

/// A thread under control.
pub(crate) struct Member {
    pub seat: Arc<Seat>,
    pub thread: ThreadId,
    pub name: Option<String>,
    pub started: Option<Place>,
    /// Its hold set; null before it has begun.
    pub holds: *const HoldSet,
    pub obstacle: Obstacle,
    /// What it waits for, as evidence.
    pub wait: Option<Wait>,
    /// When it gives up, in virtual nanoseconds.
    pub timer: Option<u64>,
    /// Where it stands.
    pub site: Option<Place>,
    /// The stack of its wait, if it has testified.
    pub stack: StackId,
    children: u32,
    /// Reads since anybody else wrote, and the writes there were then.
    reads: (u32, u64),
    /// The last read: what, where, and how often in a row.
    repeated: (Option<Operation>, usize, u32),
    /// Writes of its own.
    writes: u64,
    /// It was told to unwind.
    pub unwinding: bool,
    raises: u32,
    /// It will never run again in this process.
    frozen: bool,
    /// Taken for outside for so long that the others went on.
    absent: bool,
    /// It is back from outside.
    back: bool,
    /// Somebody kept watch when it left.
    guarded: bool,
    /// The lock that it was chosen to take back.
    granted: Option<u32>,
    /// Steps that it made without running.
    silent_steps: u32,
    /// Whether it has ended, for those who wait for that.
    pub over: Arc<AtomicBool>,
    /// The right to go on from a park. Relaxed: threads under control run one at a time.
    pub token: Arc<AtomicBool>,
    /// The panic that ended it.
    pub panic: Option<(String, Option<String>)>,
    /// Somebody has looked at how it ended.
    pub joined: bool,
}

// SAFETY: `holds` points to the hold set of a thread of this exploration, which lives as long as the exploration; a
// hold set is read through atomics.
unsafe impl Send for Member {}

/// Who has a lock.
#[derive(Default)]
pub(super) struct Claims {
    pub holders: Vec<(u32, Mode)>,
    writers_queued: u32,
}

/// What the run is about.
enum Phase {
    /// The strategy says who goes on.
    Free,
    /// Those who seem to be stuck are heard.
    Hearing { suspects: Vec<u32>, next: usize, partial: bool },
    /// Everybody is sent home.
    Clearing,
}

/// What a run came to, besides its failures.
pub(crate) struct RunOutcome {
    pub end: RunEnd,
    pub failure: Option<Failed>,
    /// What replays a run with a failure.
    pub schedule: Option<String>,
    pub steps: u64,
    pub notes: Vec<String>,
}

/// What went wrong in a run.
pub(crate) enum Failed {
    /// These can never go on. The finding, whole but for its schedule.
    Stuck(Box<lockcheck_checker::Finding>),
    /// A panic that nobody expected: the thread's name, the message and the place.
    Panic { thread: String, message: String, place: Option<String> },
}

impl Failed {
    /// What makes two failures the same.
    pub(crate) fn identity(&self) -> String {
        match self {
            Failed::Stuck(finding) => finding.fingerprint.clone(),
            Failed::Panic { message, place, .. } => format!("{place:?} {message}"),
        }
    }
}

/// Who goes on.
enum Next {
    Give(u32, Order),
    /// Those who could are outside of control.
    Nobody,
    /// The run is over.
    Home,
}

pub(super) struct State {
    pub strategy: Recording<BoxedStrategy>,
    pending: Vec<Pending>,
    pub members: Vec<Member>,
    objects: HashMap<u64, u32, ByNumber>,
    pub claims: Vec<Claims>,
    last: Worker,
    /// Who has the baton.
    running: Option<u32>,
    phase: Phase,
    end: Option<RunEnd>,
    failure: Option<Failed>,
    first_panic: Option<u32>,
    /// Virtual time, in nanoseconds.
    now: u64,
    steps: u64,
    steps_max: u64,
    writes: u64,
    outside: u32,
    /// Who left a moment ago, if somebody is to keep watch.
    watched: Option<u32>,
    /// Spurious wake-ups that may still happen in this run.
    pub spurious_left: u32,
    /// The workers of scopes that have not ended, with the address of the scope.
    pub scopes: Vec<(usize, u32)>,
    /// Some thread will never run again.
    pub any_frozen: bool,
    pub pool: Pool,
    pub notes: Vec<String>,
    marks: Vec<bool>,
    /// The run is the whole process: see `program`.
    pub program: bool,
}

/// Where a worker stops, and for what.
pub(super) struct Stand {
    pub kind: OperationKind,
    /// What the operation touches, by identity; the first one is the lock for obstacles that are locks.
    pub touches: [Option<(u64, Access)>; 2],
    pub fixed: Option<(Object, Access)>,
    pub obstacle: Obstacle,
    pub index: u32,
    pub site: Option<Place>,
    /// Gives up after so long.
    pub timeout: Option<Duration>,
    pub wait: Option<Wait>,
}

/// The identity of a lock that a request is made for.
pub(super) fn key_of(hold: &HeldLock) -> u64 {
    hold.id.0
}

impl Stand {
    pub(super) fn new(kind: OperationKind, index: u32, site: Option<Place>) -> Stand {
        Stand {
            kind,
            touches: [None, None],
            fixed: None,
            obstacle: Obstacle::None,
            index,
            site,
            timeout: None,
            wait: None,
        }
    }

    pub(super) fn on(mut self, key: u64, access: Access) -> Stand {
        let free = self.touches.iter().position(Option::is_none).unwrap_or(1);
        self.touches[free] = Some((key, access));
        self
    }

    /// Only when `ready` says so.
    pub(super) fn until<'a>(
        mut self,
        ready: &'a (dyn Fn() -> bool + Sync + 'a),
        relock: Option<(u32, Mode)>,
    ) -> Stand {
        let ready: *const (dyn Fn() -> bool + 'a) = ready;
        // SAFETY: only the lifetime changes. The pointer is used only while the worker stands at this place, in whose
        // frame the borrow lives.
        let ready = unsafe {
            std::mem::transmute::<*const (dyn Fn() -> bool + 'a), *const (dyn Fn() -> bool + 'static)>(ready)
        };
        self.obstacle = Obstacle::Until { ready, relock };
        self
    }
}

impl Controller {
    pub(crate) fn new(strategy: BoxedStrategy, steps_max: u64, pool: Pool) -> Arc<Controller> {
        Arc::new_cyclic(|handle| Controller {
            handle: Weak::clone(handle),
            state: Mutex::new(State {
                strategy: Recording::new(strategy),
                pending: Vec::new(),
                members: Vec::new(),
                objects: HashMap::default(),
                claims: Vec::new(),
                last: Worker(0),
                running: Some(0),
                phase: Phase::Free,
                end: None,
                failure: None,
                first_panic: None,
                now: 0,
                steps: 0,
                steps_max,
                writes: 0,
                outside: 0,
                watched: None,
                spurious_left: 0,
                scopes: Vec::new(),
                any_frozen: false,
                pool,
                notes: Vec::new(),
                marks: Vec::new(),
                program: false,
            }),
            returned: Condvar::new(),
            tried: AtomicBool::new(false),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Begins a run with the calling thread as worker 0; `false`: there is nothing left to try.
    pub(crate) fn begin(&self, first: Member, spurious: u32) -> bool {
        let mut state = self.state();
        if !state.strategy.begin() {
            return false;
        }
        state.reset(spurious);
        self.tried.store(false, Ordering::Relaxed);
        state.enrol(first, Worker(0));
        state.pending[0].readiness = Readiness::Ready;
        true
    }

    /// The run is over and everybody has gone home.
    pub(crate) fn end(&self) -> RunOutcome {
        let mut state = self.state();
        state.look_at_panics();
        let end = state.end.take().unwrap_or(RunEnd::Finished);
        let failure = state.failure.take();
        let schedule = failure.as_ref().map(|_| state.strategy.schedule().to_string());
        let notes = std::mem::take(&mut state.notes);
        state.tell_end(end);
        RunOutcome { end, failure, schedule, steps: state.steps, notes }
    }

    /// The process ends of its own accord, which is the end of its one run.
    pub(super) fn program_ends(&self) {
        // Whoever has the state for good has told the end.
        if let Some(mut state) = self.state.try_lock() {
            state.tell_end(RunEnd::Finished);
        }
    }

    /// Whether a release could change the outcome of somebody's attempt.
    pub(super) fn may_be_tried(&self) -> bool {
        self.tried.load(Ordering::Relaxed)
    }

    /// The worker stands before an operation. Gives what it is to do.
    pub(super) fn stop(&self, me: u32, seat: &Seat, stand: Stand) -> Order {
        let mut state = self.state();
        if matches!(stand.kind, OperationKind::TryLock | OperationKind::TimedLock) {
            self.tried.store(true, Ordering::Relaxed);
        }
        state.stand(me, stand);
        let next = state.next(me);
        self.pass(state, Some((me, seat)), next)
    }

    /// Hands the baton on, and waits until it comes back to the one who sits in `own`.
    pub(super) fn pass_on(&self, mut state: MutexGuard<'_, State>, me: u32, seat: &Seat) -> Order {
        let next = state.next(me);
        self.pass(state, Some((me, seat)), next)
    }

    /// As `pass_on`, without waiting: the worker has ended.
    pub(super) fn pass_away(&self, mut state: MutexGuard<'_, State>, me: u32) {
        let next = state.next(me);
        self.pass(state, None, next);
    }

    fn pass(&self, mut state: MutexGuard<'_, State>, own: Option<(u32, &Seat)>, next: Next) -> Order {
        match next {
            Next::Give(worker, order) => {
                state.running = Some(worker);
                if own.is_some_and(|(me, _)| me == worker) {
                    return order;
                }
                // Its own count: whoever sits there may leave for good as soon as it has the order.
                let seat = Arc::clone(&state.members[worker as usize].seat);
                drop(state);
                seat.give(order);
            }
            Next::Home => {
                state.running = Some(0);
                if own.is_some_and(|(me, _)| me == 0) {
                    return Order::Quit;
                }
                let seat = Arc::clone(&state.members[0].seat);
                drop(state);
                seat.give(Order::Quit);
            }
            Next::Nobody => {
                state.running = None;
                if let Some((_, seat)) = own {
                    drop(state);
                    return self.wait_for_those_outside(seat);
                }
                let sits = |member: &&Member| !matches!(member.obstacle, Obstacle::Outside | Obstacle::Over);
                let first =
                    state.members.first().filter(|first| !matches!(first.obstacle, Obstacle::Outside));
                let seat =
                    first.or_else(|| state.members.iter().find(sits)).map(|member| Arc::clone(&member.seat));
                drop(state);
                if let Some(seat) = seat {
                    seat.give(Order::Wait);
                }
            }
        }
        own.map_or(Order::None, |(me, seat)| self.wait_at(me, seat))
    }

    /// Waits for an order that is more than to keep watch.
    pub(super) fn wait_at(&self, me: u32, seat: &Seat) -> Order {
        loop {
            let order = match seat.wait() {
                Order::Watch => self.watch(me, seat),
                Order::Wait => self.wait_for_those_outside(seat),
                order => return order,
            };
            if order != Order::None {
                return order;
            }
        }
    }

    /// Nobody runs under control: waits for an order, and says so if that takes long.
    fn wait_for_those_outside(&self, seat: &Seat) -> Order {
        let mut waited = Duration::ZERO;
        loop {
            let order = seat.wait_for(OUTSIDE_SILENCE);
            if order != Order::None {
                return order;
            }
            waited += OUTSIDE_SILENCE;
            let mut state = self.state();
            if state.running.is_some() {
                continue;
            }
            if waited == OUTSIDE_SILENCE {
                let text = state.describe_those_outside();
                drop(state);
                crate::rt::output::print(&text);
            } else if waited >= OUTSIDE_PATIENCE && matches!(state.phase, Phase::Clearing) {
                state.give_up_on_those_outside();
                let next = state.next(0);
                self.pass(state, None, next);
            }
        }
    }

    /// The worker leaves control. Somebody else keeps watch, and lets the others run if it does not come back soon.
    pub(super) fn leave(&self, me: u32, site: Place) {
        let mut state = self.state();
        let member = &mut state.members[me as usize];
        member.obstacle = Obstacle::Outside;
        member.site = Some(site);
        member.absent = false;
        member.back = false;
        state.outside += 1;
        let waits = |member: &&Member| !matches!(member.obstacle, Obstacle::Outside | Obstacle::Over);
        let watcher = state.members.iter().find(waits).map(|member| Arc::clone(&member.seat));
        state.watched = watcher.is_some().then_some(me);
        state.members[me as usize].guarded = watcher.is_some();
        drop(state);
        if let Some(watcher) = watcher {
            watcher.give(Order::Watch);
        }
    }

    /// Waits a moment for the one who left; then lets the others go on.
    fn watch(&self, me: u32, seat: &Seat) -> Order {
        let mut state = self.state();
        let Some(watched) = state.watched.take() else { return Order::None };
        let deadline = Instant::now() + OUTSIDE_GRACE;
        while !state.members[watched as usize].back {
            if self.returned.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        if state.members[watched as usize].back {
            self.pass(state, Some((me, seat)), Next::Give(watched, Order::Go))
        } else {
            state.members[watched as usize].absent = true;
            let next = state.next(me);
            self.pass(state, Some((me, seat)), next)
        }
    }

    /// The worker comes back under control.
    pub(super) fn come_back(&self, me: u32, seat: &Seat) -> Order {
        let mut state = self.state();
        let member = &mut state.members[me as usize];
        if member.frozen {
            drop(state);
            return self.wait_at(me, seat);
        }
        member.obstacle = Obstacle::None;
        member.back = true;
        let (absent, guarded) = (member.absent, member.guarded);
        state.outside -= 1;
        self.returned.notify_all();
        if absent && state.running.is_none() {
            let next = state.next(me);
            return self.pass(state, Some((me, seat)), next);
        }
        drop(state);
        if absent || guarded { self.wait_at(me, seat) } else { Order::Go }
    }

    /// One of `options`.
    pub(super) fn draw(&self, me: u32, draw: Draw, options: u32) -> u32 {
        let mut state = self.state();
        state.draw(me, draw, options)
    }

    /// A thread that seemed to be stuck has something to say: that it can go on, or from where it waits.
    pub(super) fn testify(&self, me: u32, seat: &Seat, stack: StackId, can_go_on: bool) -> Order {
        let mut state = self.state();
        if can_go_on {
            state.phase = Phase::Free;
            state.last = Worker(me);
            return Order::Go;
        }
        state.members[me as usize].stack = stack;
        let next = state.next(me);
        self.pass(state, Some((me, seat)), next)
    }

    /// A worker that was told to unwind is about to; `false`: it has had its chances, and stays where it is.
    pub(super) fn may_raise(&self, me: u32) -> bool {
        let mut state = self.state();
        let member = &mut state.members[me as usize];
        member.raises += 1;
        member.raises <= RAISES_MAX || me == 0
    }

    /// Leaves the worker where it is, for good.
    pub(super) fn freeze(&self, me: u32, seat: &Seat) -> ! {
        let mut state = self.state();
        state.members[me as usize].frozen = true;
        state.any_frozen = true;
        let next = state.next(me);
        self.pass(state, None, next);
        loop {
            seat.wait();
        }
    }
}

impl State {
    fn reset(&mut self, spurious: u32) {
        self.pending.clear();
        self.members.clear();
        self.objects.clear();
        // The lists keep their room.
        self.claims.iter_mut().for_each(|claims| {
            claims.holders.clear();
            claims.writers_queued = 0;
        });
        self.last = Worker(0);
        self.running = Some(0);
        self.phase = Phase::Free;
        self.end = None;
        self.failure = None;
        self.first_panic = None;
        self.now = 0;
        self.steps = 0;
        self.writes = 0;
        self.outside = 0;
        self.watched = None;
        self.spurious_left = spurious;
        self.scopes.clear();
    }

    pub(super) fn tell_end(&mut self, end: RunEnd) {
        let State { strategy, pending, last, .. } = self;
        strategy.end(&Moment { pending, last: *last }, end);
    }

    /// Adds a worker; gives its number.
    pub(super) fn enrol(&mut self, member: Member, parent: Worker) -> u32 {
        let number = self.members.len() as u32;
        let ordinal = match self.members.get_mut(parent.place()) {
            Some(parent) => {
                parent.children += 1;
                parent.children - 1
            }
            None => 0,
        };
        self.members.push(member);
        self.pending.push(Pending {
            operation: Operation::local(OperationKind::Begin),
            index: 0,
            readiness: Readiness::Ready,
            parent,
            ordinal,
            deadline: 0,
        });
        number
    }

    /// The number of an object in this run.
    pub(super) fn object(&mut self, key: u64) -> u32 {
        let next = self.objects.len() as u32;
        let number = *self.objects.entry(key).or_insert(next);
        if number as usize >= self.claims.len() {
            self.claims.resize_with(number as usize + 1, Claims::default);
        }
        number
    }

    fn stand(&mut self, me: u32, stand: Stand) {
        let mut operation = Operation::local(stand.kind);
        let mut first = None;
        let mut touch = |object, access| {
            operation = match first {
                None => Operation::on(stand.kind, object, access),
                Some(_) => operation.and(object, access),
            };
            first.get_or_insert(object);
        };
        if let Some((object, access)) = stand.fixed {
            touch(object, access);
        }
        for (key, access) in stand.touches.into_iter().flatten() {
            let number = self.object(key);
            touch(Object(number), access);
        }
        let obstacle = match stand.obstacle {
            Obstacle::Lock { mode, upgrade, queued, .. } => {
                Obstacle::Lock { object: first.map_or(0, |first| first.0), mode, upgrade, queued }
            }
            Obstacle::Gate { .. } => Obstacle::Gate { object: first.map_or(0, |first| first.0) },
            other => other,
        };
        let now = self.now;
        let writes = self.writes;
        let member = &mut self.members[me as usize];
        member.obstacle = obstacle;
        member.site = stand.site;
        member.timer = stand.timeout.map(|timeout| now.saturating_add(coarse(timeout)));
        if stand.wait.is_some() {
            member.wait = stand.wait;
        }
        member.note_repetition(&operation, stand.site, writes);
        let pending = &mut self.pending[me as usize];
        pending.operation = operation;
        pending.index = stand.index;
    }

    /// Who goes on, now that `me` has nothing more to do.
    fn next(&mut self, me: u32) -> Next {
        loop {
            match &mut self.phase {
                Phase::Free => {
                    if let Some(next) = self.next_free(me) {
                        return next;
                    }
                }
                Phase::Hearing { suspects, next, .. } => match suspects.get(*next) {
                    Some(&suspect) => {
                        *next += 1;
                        return Next::Give(suspect, Order::Testify);
                    }
                    None => self.conclude(),
                },
                Phase::Clearing => return self.next_to_clear(),
            }
        }
    }

    /// `None`: the phase has changed.
    fn next_free(&mut self, me: u32) -> Option<Next> {
        if self.closes_a_circle(me) {
            let suspects = self.those_behind(me);
            self.phase = Phase::Hearing { suspects, next: 0, partial: true };
            return None;
        }
        loop {
            if !self.look_around() {
                return self.nobody_can_go();
            }
            self.steps += 1;
            if self.steps > self.steps_max {
                return self.clear_up(RunEnd::TooLong);
            }
            let moment = Moment { pending: &self.pending, last: self.last };
            let Some(Worker(chosen)) = self.strategy.choose(&moment) else {
                return self.clear_up(RunEnd::Abandoned);
            };
            if !self.pending.get(chosen as usize).is_some_and(Pending::can_go) {
                self.notes.push(format!("the strategy chose worker {chosen}, which cannot go on"));
                return self.clear_up(RunEnd::Abandoned);
            }
            self.last = Worker(chosen);
            if self.queues(chosen) {
                // It stands in line now, which is all it could do.
                if self.closes_a_circle(chosen) || self.anybody_closes_a_circle() {
                    let suspects = self.blocked();
                    self.phase = Phase::Hearing { suspects, next: 0, partial: true };
                    return None;
                }
                continue;
            }
            return Some(Next::Give(chosen, self.take(chosen)));
        }
    }

    /// Finds out how everybody stands; `false` if nobody can go on.
    fn look_around(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.members.len() {
            let readiness = self.readiness(index);
            let pending = &mut self.pending[index];
            pending.readiness = readiness;
            any |= readiness < Readiness::Blocked;
            if readiness == Readiness::Timeout {
                pending.deadline = self.members[index].timer.unwrap_or(self.now);
            }
        }
        any
    }

    fn readiness(&self, index: usize) -> Readiness {
        let member = &self.members[index];
        let timer = || if member.timer.is_some() { Readiness::Timeout } else { Readiness::Blocked };
        if member.frozen {
            return Readiness::Blocked;
        }
        match member.obstacle {
            Obstacle::None if member.is_spinning(self.writes) => Readiness::Spinning,
            Obstacle::None => Readiness::Ready,
            Obstacle::Yielding if member.is_spinning(self.writes) => Readiness::Spinning,
            Obstacle::Yielding => Readiness::Yielding,
            Obstacle::Sleep => Readiness::Timeout,
            Obstacle::Outside => Readiness::Blocked,
            Obstacle::Over => Readiness::Finished,
            Obstacle::Lock { object, mode, upgrade, queued } => {
                if self.is_free(index as u32, object, mode, upgrade, queued)
                    || self.could_queue(index as u32, object, mode, upgrade, queued)
                {
                    Readiness::Ready
                } else {
                    timer()
                }
            }
            Obstacle::Gate { object } => {
                if self.is_free(index as u32, object, Mode::Exclusive, false, false) {
                    Readiness::Ready
                } else {
                    Readiness::Blocked
                }
            }
            Obstacle::Until { ready, relock } => {
                let lock_is_free = relock
                    .is_none_or(|(object, mode)| self.is_free(index as u32, object, mode, false, false));
                // SAFETY: the worker stands still in the frame that the pointer is borrowed from, see `Stand::until`.
                let is_told = unsafe { &*ready }();
                match (is_told, lock_is_free) {
                    (true, true) => Readiness::Ready,
                    (false, true) => timer(),
                    (_, false) => Readiness::Blocked,
                }
            }
        }
    }

    /// Whether nobody's hold, and no writer in the queue, keeps the worker from having the lock.
    fn is_free(&self, me: u32, object: u32, mode: Mode, upgrade: bool, queued: bool) -> bool {
        let claims = &self.claims[object as usize];
        let own = |holder: u32, held: Mode| upgrade && holder == me && held == Mode::Upgradable;
        let held = claims.holders.iter().any(|&(holder, held)| held.excludes(mode) && !own(holder, held));
        // A writer that waits holds plain readers back.
        let passed_over = mode == Mode::Shared && !queued && claims.writers_queued > 0;
        !held && !passed_over
    }

    /// Whether the worker is a writer that finds readers, and has not yet been seen to wait.
    fn could_queue(&self, me: u32, object: u32, mode: Mode, upgrade: bool, queued: bool) -> bool {
        let shared = |held: Mode| matches!(held, Mode::Shared | Mode::SharedRecursive);
        let claims = &self.claims[object as usize];
        mode == Mode::Exclusive
            && !queued
            && claims.holders.iter().any(|&(_, held)| shared(held))
            && claims
                .holders
                .iter()
                .all(|&(holder, held)| shared(held) || (upgrade && holder == me && held == Mode::Upgradable))
    }

    /// If the chosen one can do no more than stand in line, it does.
    fn queues(&mut self, chosen: u32) -> bool {
        let Obstacle::Lock { object, mode, upgrade, queued } = self.members[chosen as usize].obstacle else {
            return false;
        };
        if self.is_free(chosen, object, mode, upgrade, queued)
            || !self.could_queue(chosen, object, mode, upgrade, queued)
        {
            return false;
        }
        self.claims[object as usize].writers_queued += 1;
        let member = &mut self.members[chosen as usize];
        member.obstacle = Obstacle::Lock { object, mode, upgrade, queued: true };
        member.silent_steps += 1;
        self.pending[chosen as usize].index += 1;
        self.writes += 1;
        true
    }

    /// The chosen one goes on: notes what it gets.
    fn take(&mut self, chosen: u32) -> Order {
        let index = chosen as usize;
        let operation = self.pending[index].operation;
        if operation.touches().any(|touch| touch.access != Access::Read) {
            self.writes += 1;
            self.members[index].writes += 1;
        }
        let readiness = self.pending[index].readiness;
        let timed = self.members[index].timer.is_some();
        let late = match (readiness, self.members[index].obstacle) {
            (_, Obstacle::Sleep) => true,
            (Readiness::Timeout, _) => true,
            // One who waits to be told and was told does not give up.
            (_, Obstacle::Lock { .. }) if timed => self.draw(chosen, Draw::Timeout, 2) == 1,
            _ => false,
        };
        let member = &mut self.members[index];
        if late && readiness == Readiness::Timeout {
            self.now = self.now.max(member.timer.unwrap_or(0));
        }
        let obstacle = std::mem::replace(&mut member.obstacle, Obstacle::None);
        member.timer = None;
        match obstacle {
            Obstacle::Lock { object, mode, queued, .. } => {
                let claims = &mut self.claims[object as usize];
                claims.writers_queued -= u32::from(queued);
                if !late {
                    claims.holders.push((chosen, mode));
                }
            }
            Obstacle::Until { relock: Some((object, mode)), .. } => {
                self.claims[object as usize].holders.push((chosen, mode));
                self.members[index].granted = Some(object);
            }
            _ => {}
        }
        if late { Order::Late } else { Order::Go }
    }

    pub(super) fn draw(&mut self, me: u32, draw: Draw, options: u32) -> u32 {
        if options <= 1 || !matches!(self.phase, Phase::Free) {
            return 0;
        }
        let State { strategy, pending, last, .. } = self;
        let moment = Moment { pending, last: *last };
        strategy.draw(&moment, Worker(me), draw, options).min(options - 1)
    }

    /// The live worker that this thread serves.
    pub(super) fn serving(&self, thread: &std::thread::Thread) -> Option<&Member> {
        let serves = |member: &&Member| {
            !matches!(member.obstacle, Obstacle::Over)
                && member.seat.thread().is_some_and(|other| other.id() == thread.id())
        };
        self.members.iter().find(serves)
    }

    /// Whether the worker was already given the lock that it asks for now.
    pub(super) fn was_granted(&mut self, me: u32, key: u64) -> bool {
        if self.members[me as usize].granted.is_none() {
            return false;
        }
        let object = self.object(key);
        let member = &mut self.members[me as usize];
        let granted = member.granted == Some(object);
        if granted {
            member.granted = None;
        }
        granted
    }

    /// Steps that the worker has made in its sleep since this was last asked.
    pub(super) fn silent_steps(&mut self, me: u32) -> u32 {
        std::mem::take(&mut self.members[me as usize].silent_steps)
    }

    /// Takes note of a hold that came about without a wait.
    pub(super) fn claim(&mut self, me: u32, key: u64, mode: Mode) {
        let object = self.object(key);
        self.claims[object as usize].holders.push((me, mode));
        self.succeeded(me);
    }

    /// The worker got what it tried to: it does not spin.
    pub(super) fn succeeded(&mut self, me: u32) {
        let member = &mut self.members[me as usize];
        member.repeated.2 = 0;
        member.reads.0 = 0;
    }

    /// Takes note of the end of a hold.
    pub(super) fn disclaim(&mut self, me: u32, key: u64, mode: Mode) {
        let Some(&object) = self.objects.get(&key) else { return };
        let holders = &mut self.claims[object as usize].holders;
        let own = holders.iter().rposition(|claim| *claim == (me, mode));
        let any = || holders.iter().rposition(|(_, held)| *held == mode);
        if let Some(place) = own.or_else(any) {
            holders.swap_remove(place);
            self.writes += 1;
            self.members[me as usize].writes += 1;
        }
    }

    /// Whether a request in this mode stands behind a writer that waits. The real lock knows of no such writer.
    pub(super) fn is_passed_over(&mut self, key: u64, mode: Mode) -> bool {
        let object = self.object(key);
        mode == Mode::Shared && self.claims[object as usize].writers_queued > 0
    }

    /// The model says that somebody has the lock; the real lock is free.
    pub(super) fn clear_claims(&mut self, key: u64) {
        let object = self.object(key);
        self.claims[object as usize].holders.clear();
    }

    /// Whether somebody stands before an operation on the lock that its release would change the outcome of.
    pub(super) fn is_tried(&self, me: u32, key: u64) -> bool {
        if self.members.len() < 2 || !matches!(self.phase, Phase::Free) {
            return false;
        }
        let Some(&object) = self.objects.get(&key) else { return false };
        self.pending.iter().enumerate().any(|(index, pending)| {
            index != me as usize
                && pending.readiness != Readiness::Finished
                && matches!(pending.operation.kind, OperationKind::TryLock | OperationKind::TimedLock)
                && pending.operation.object() == Some(Object(object))
        })
    }

    /// Ends the run; whoever has not ended is sent home.
    fn clear_up(&mut self, end: RunEnd) -> Option<Next> {
        if self.program {
            super::program::over(self, end);
        }
        self.end.get_or_insert(end);
        self.phase = Phase::Clearing;
        None
    }

    /// A panic that ended the closure or a thread that nobody joined is a failure; told is the first panic of the run.
    fn look_at_panics(&mut self) {
        let counts =
            |(index, member): (usize, &Member)| member.panic.is_some() && (index == 0 || !member.joined);
        if self.failure.is_some() || !self.members.iter().enumerate().any(counts) {
            return;
        }
        let Some(worker) = self.first_panic.take() else { return };
        let thread = super::verdict::name_of(self, worker);
        if let Some((message, place)) = self.members[worker as usize].panic.take() {
            self.failure = Some(Failed::Panic { thread, message, place });
            self.end.get_or_insert(RunEnd::Found);
        }
    }

    /// The worker ended by a panic of the program's.
    pub(super) fn panicked(&mut self, worker: u32, message: String, place: Option<String>) {
        if matches!(self.phase, Phase::Free) {
            self.first_panic.get_or_insert(worker);
            self.members[worker as usize].panic = Some((message, place));
        }
    }

    /// The worker has changed something that others may look at.
    pub(super) fn wrote(&mut self, worker: u32) {
        self.writes += 1;
        self.members[worker as usize].writes += 1;
    }

    fn nobody_can_go(&mut self) -> Option<Next> {
        if self.members.iter().all(|member| matches!(member.obstacle, Obstacle::Over)) {
            return Some(Next::Home);
        }
        if self.outside > 0 {
            return Some(Next::Nobody);
        }
        let suspects = self.blocked();
        self.phase = Phase::Hearing { suspects, next: 0, partial: false };
        None
    }

    /// All who stand still and have not ended.
    fn blocked(&self) -> Vec<u32> {
        let blocked = |index: &u32| {
            let member = &self.members[*index as usize];
            member.obstacle.is_wait() && !member.frozen
        };
        (0..self.members.len() as u32).filter(blocked).collect()
    }

    /// All have been heard: says what it comes to.
    fn conclude(&mut self) {
        let Phase::Hearing { suspects, partial, .. } = std::mem::replace(&mut self.phase, Phase::Free) else {
            return;
        };
        let stuck: Vec<Stuck> = super::verdict::stuck(self, &suspects, partial);
        if let Some(stuck) = stuck.into_iter().next() {
            if self.program {
                super::program::report(self, &stuck, &super::verdict::locks_of(self, &suspects));
            }
            let finding = super::verdict::finding(self, &stuck);
            self.failure = Some(Failed::Stuck(Box::new(finding)));
        }
        self.clear_up(if partial { RunEnd::Found } else { RunEnd::Deadlock });
    }

    /// Who is sent home next: the youngest that can go.
    fn next_to_clear(&mut self) -> Next {
        loop {
            let live = |member: &Member| !matches!(member.obstacle, Obstacle::Over) && !member.frozen;
            let can_go = |index: &usize| {
                let member = &self.members[*index];
                let outside = matches!(member.obstacle, Obstacle::Outside);
                live(member) && !outside && (!member.unwinding || self.readiness(*index) < Readiness::Blocked)
            };
            if let Some(index) = (0..self.members.len()).rev().find(can_go) {
                let first = !std::mem::replace(&mut self.members[index].unwinding, true);
                self.members[index].timer = None;
                return Next::Give(index as u32, if first { Order::Unwind } else { Order::Go });
            }
            if self
                .members
                .iter()
                .any(|member| matches!(member.obstacle, Obstacle::Outside) && !member.frozen)
            {
                return Next::Nobody;
            }
            let Some(index) = self.members.iter().rposition(live) else { return Next::Home };
            if index == 0 {
                return Next::Give(0, Order::Seize);
            }
            // What it waits for while it unwinds will never come: it stays where it is.
            self.members[index].frozen = true;
            self.any_frozen = true;
            let name = super::verdict::name_of(self, index as u32);
            self.notes.push(format!("{name} could not be unwound: a destructor waits for what never comes"));
        }
    }

    fn give_up_on_those_outside(&mut self) {
        for index in 0..self.members.len() {
            if matches!(self.members[index].obstacle, Obstacle::Outside) {
                self.members[index].frozen = true;
                self.any_frozen = true;
                let name = super::verdict::name_of(self, index as u32);
                self.notes.push(format!("{name} was left in a call out of control"));
            }
        }
    }

    fn describe_those_outside(&self) -> String {
        let mut text = String::from("lockcheck: the exploration waits for calls out of control:\n");
        for (index, member) in self.members.iter().enumerate() {
            if matches!(member.obstacle, Obstacle::Outside) {
                let name = super::verdict::name_of(self, index as u32);
                let site = member.site.map(Location::to_string).unwrap_or_default();
                text += &format!("  {name} at {site}\n");
            }
        }
        text
    }

    /// Whether the worker's wait, for a lock or for the end of a thread, leads back to itself.
    fn closes_a_circle(&mut self, me: u32) -> bool {
        if !self.members[me as usize].obstacle.is_wait() {
            return false;
        }
        let mut marks = std::mem::take(&mut self.marks);
        marks.clear();
        marks.resize(self.members.len(), false);
        let found = self.reaches(me, me, &mut marks);
        self.marks = marks;
        found
    }

    fn anybody_closes_a_circle(&mut self) -> bool {
        (0..self.members.len() as u32).any(|worker| self.closes_a_circle(worker))
    }

    /// Whether the wait of `from` leads to `to`.
    fn reaches(&self, from: u32, to: u32, marks: &mut [bool]) -> bool {
        if std::mem::replace(&mut marks[from as usize], true) {
            return false;
        }
        let mut found = false;
        self.each_awaited(from, &mut |other| found |= other == to || self.reaches(other, to, marks));
        found
    }

    /// Calls `each` for those for whom the worker waits without a timeout.
    fn each_awaited(&self, worker: u32, each: &mut dyn FnMut(u32)) {
        let member = &self.members[worker as usize];
        if member.timer.is_some() || member.frozen {
            return;
        }
        match member.obstacle {
            Obstacle::Lock { object, mode, upgrade, queued } => {
                self.each_in_the_way(worker, object, mode, upgrade, queued, each);
            }
            Obstacle::Gate { object } => {
                self.each_in_the_way(worker, object, Mode::Exclusive, false, false, each);
            }
            Obstacle::Until { ready, .. } => {
                let target = self.pending[worker as usize].operation.object().and_then(Object::whose_life);
                // SAFETY: as in `readiness`.
                if let Some(Worker(target)) = target.filter(|_| !unsafe { &*ready }()) {
                    each(target);
                }
            }
            _ => {}
        }
    }

    fn each_in_the_way(
        &self,
        me: u32,
        object: u32,
        mode: Mode,
        upgrade: bool,
        queued: bool,
        each: &mut dyn FnMut(u32),
    ) {
        if self.is_free(me, object, mode, upgrade, queued)
            || self.could_queue(me, object, mode, upgrade, queued)
        {
            return;
        }
        let claims = &self.claims[object as usize];
        let mut held = false;
        for &(holder, held_as) in &claims.holders {
            if held_as.excludes(mode) && !(upgrade && holder == me && held_as == Mode::Upgradable) {
                held = true;
                each(holder);
            }
        }
        if held || mode != Mode::Shared {
            return;
        }
        for (index, other) in self.members.iter().enumerate() {
            if matches!(other.obstacle, Obstacle::Lock { object: theirs, queued: true, .. } if theirs == object)
            {
                each(index as u32);
            }
        }
    }

    /// Everybody on the way of the worker's wait, itself included.
    fn those_behind(&self, me: u32) -> Vec<u32> {
        let mut all = vec![me];
        let mut next = 0;
        while let Some(&worker) = all.get(next) {
            self.each_awaited(worker, &mut |other| {
                if !all.contains(&other) {
                    all.push(other);
                }
            });
            next += 1;
        }
        all
    }
}

impl Member {
    pub(super) fn new(
        seat: Arc<Seat>,
        thread: ThreadId,
        name: Option<String>,
        started: Option<Place>,
    ) -> Member {
        Member {
            seat,
            thread,
            name,
            started,
            holds: std::ptr::null(),
            obstacle: Obstacle::None,
            wait: None,
            timer: None,
            site: started,
            stack: StackId(0),
            children: 0,
            reads: (0, 0),
            repeated: (None, 0, 0),
            writes: 0,
            unwinding: false,
            raises: 0,
            frozen: false,
            absent: false,
            back: false,
            guarded: false,
            granted: None,
            silent_steps: 0,
            over: Arc::new(AtomicBool::new(false)),
            token: Arc::new(AtomicBool::new(false)),
            panic: None,
            joined: false,
        }
    }

    /// Whether it will never run again.
    pub(super) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Counts what it does without changing anything, as long as nobody else does either.
    fn note_repetition(&mut self, operation: &Operation, site: Option<Place>, writes: u64) {
        let others = writes - self.writes;
        let site = site.map_or(0, |site| std::ptr::from_ref(site).addr());
        let looks = matches!(
            operation.kind,
            OperationKind::Load | OperationKind::Yield | OperationKind::Sleep | OperationKind::TryLock
        );
        if !looks {
            self.reads = (0, others);
            self.repeated = (None, 0, 0);
            return;
        }
        if self.reads.1 != others {
            self.reads = (0, others);
            self.repeated.2 = 0;
        }
        self.reads.0 += 1;
        let same = self.repeated.0 == Some(*operation) && self.repeated.1 == site;
        self.repeated = (Some(*operation), site, if same { self.repeated.2 + 1 } else { 0 });
    }

    fn is_spinning(&self, writes: u64) -> bool {
        self.reads.1 == writes - self.writes && (self.repeated.2 >= REPEATS_MAX || self.reads.0 >= READS_MAX)
    }
}

/// Virtual time is kept in steps of a millisecond: real time, of which deadlines are made, is not the same twice.
fn coarse(timeout: Duration) -> u64 {
    const STEP: u128 = 1_000_000;
    u64::try_from(timeout.as_nanos().div_ceil(STEP).saturating_mul(STEP)).unwrap_or(u64::MAX)
}
