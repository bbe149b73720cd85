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

mod decisions;
mod standstill;

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

use super::panics::Panicked;
use super::pool::Pool;
use super::program;
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
    /// It stands before an access of unsynchronised data.
    datum: bool,
    /// When it gives up, in virtual nanoseconds.
    pub timer: Option<u64>,
    /// Where it stands.
    pub site: Option<Place>,
    /// Where it stood when the run was given up.
    given_up: Option<Place>,
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
    pub panic: Option<Panicked>,
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
    /// Where the object was met first in this run.
    met: Option<Place>,
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
    /// A panic that nobody expected: the finding, whole but for its schedule, the thread's name, and what was heard.
    Panic { finding: Box<lockcheck_checker::Finding>, thread: String, heard: Panicked },
}

impl Failed {
    /// What makes two failures the same.
    pub(crate) fn identity(&self) -> String {
        match self {
            Failed::Stuck(finding) | Failed::Panic { finding, .. } => finding.fingerprint.clone(),
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
    /// Those of the run before.
    objects_before: HashMap<u64, u32, ByNumber>,
    pub claims: Vec<Claims>,
    last: Worker,
    /// Who has the baton.
    running: Option<u32>,
    phase: Phase,
    end: Option<RunEnd>,
    failure: Option<Failed>,
    first_panic: Option<u32>,
    /// Of a whole program: the last panic of worker 0, as long as nothing shows that it was caught.
    main_panic: Option<Panicked>,
    /// Virtual time, in nanoseconds.
    now: u64,
    steps: u64,
    /// Of all runs so far.
    steps_ever: u64,
    steps_max: u64,
    writes: u64,
    outside: u32,
    /// Who left a moment ago, if somebody is to keep watch.
    watched: Option<u32>,
    /// Spurious wake-ups that may still happen in this run.
    pub spurious_left: u32,
    /// The run is made of fine steps.
    fine: bool,
    /// The workers of scopes that have not ended, with the address of the scope.
    pub scopes: Vec<(usize, u32)>,
    /// Some thread will never run again.
    pub any_frozen: bool,
    /// Those who are heard race for a datum.
    race: bool,
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
    /// The access of a datum that nothing guards.
    pub datum: bool,
}

/// Set in the identity of what has no number of its own, beside its address.
pub(super) const BY_ADDRESS: u64 = 1 << 63;

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
            datum: false,
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
                objects_before: HashMap::default(),
                claims: Vec::new(),
                last: Worker(0),
                running: Some(0),
                phase: Phase::Free,
                end: None,
                failure: None,
                first_panic: None,
                main_panic: None,
                now: 0,
                steps: 0,
                steps_ever: 0,
                steps_max,
                writes: 0,
                outside: 0,
                watched: None,
                spurious_left: 0,
                fine: false,
                scopes: Vec::new(),
                any_frozen: false,
                race: false,
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

    /// How far the exploration has come, and what to say if it has come no further since it was last asked.
    pub(super) fn progress(&self) -> (u64, String) {
        let state = self.state();
        let running = state.running.filter(|running| (*running as usize) < state.members.len());
        let words = running.map_or_else(String::new, |running| {
            let name = super::verdict::name_of(&state, running);
            let site = state.members[running as usize].site.map(Location::to_string);
            format!(
                "lockcheck: `{name}` has run for long without an operation that the exploration sees, last at {}: it \
                 computes, or waits for what is not under control, for which there is `tracked::external`\n",
                site.unwrap_or_else(|| "its beginning".to_owned()),
            )
        });
        (state.steps_ever, words)
    }

    /// Begins a run with the calling thread as worker 0; `false`: there is nothing left to try.
    pub(crate) fn begin(&self, first: Member, spurious: u32) -> bool {
        let mut state = self.state();
        if !state.strategy.begin() {
            return false;
        }
        state.reset(spurious);
        state.enrol(first, Worker(0));
        state.pending[0].readiness = Readiness::Ready;
        state.fine = state.draw(0, Draw::Fine, 2) == 1;
        self.tried.store(state.fine, Ordering::Relaxed);
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
        let Some(mut state) = self.state.try_lock() else { return };
        let main = state.main_panic.take();
        // How the process ends tells that the main thread failed; of another thread nothing else does.
        let end = if main.is_some() { RunEnd::Finished } else { RunEnd::Found };
        if let Some(main) = main {
            state.panicked(0, main);
        }
        state.look_at_panics();
        let failed = matches!(state.failure, Some(Failed::Panic { .. }));
        if let Some(Failed::Panic { finding, heard, .. }) = &state.failure {
            program::report_panic(&state, finding, heard);
        }
        state.tell_end(if failed { end } else { RunEnd::Finished });
        program::complain(&state);
    }

    /// Worker 0 of a whole program panics.
    pub(super) fn main_panicked(&self, panicked: Panicked) {
        // A panic of the controller itself is not the program's.
        if let Some(mut state) = self.state.try_lock() {
            state.main_panic = Some(panicked);
        }
    }

    /// Any worker of a whole program panics, and nothing can catch it.
    pub(super) fn worker_aborts(&self, worker: u32, panicked: Panicked) {
        if let Some(mut state) = self.state.try_lock() {
            state.panicked(worker, panicked);
        }
        self.program_ends();
    }

    /// Whether a release could change the outcome of somebody's attempt.
    pub(super) fn may_be_tried(&self) -> bool {
        self.tried.load(Ordering::Relaxed)
    }

    /// The worker stands before an operation. Gives what it is to do.
    pub(super) fn stop(&self, me: u32, seat: &Seat, stand: Stand) -> Order {
        let mut state = self.state();
        if state.main_panic.is_some() && me == 0 && !std::thread::panicking() {
            state.main_panic = None;
        }
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

    /// What a worker is called.
    pub(super) fn name_of(&self, worker: u32) -> String {
        super::verdict::name_of(&self.state(), worker)
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
            datum: false,
            timer: None,
            site: started,
            given_up: None,
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
            OperationKind::Load
                | OperationKind::Peek
                | OperationKind::Yield
                | OperationKind::Sleep
                | OperationKind::TryLock
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
