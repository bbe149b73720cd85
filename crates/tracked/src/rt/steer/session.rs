//! One run after the other: the calling thread is worker 0 of each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockcheck_explorer::{RunEnd, Strategy};

use super::carrier::Carrier;
use super::controller::{BoxedStrategy, Controller, Failed, Member};
use super::pool::Pool;
use super::seat::Seat;
use super::{Under, core, panics};
use crate::rt::context::{Place, current};

/// Any strategy that the threads of an exploration can hand around.
pub(crate) type AnyStrategy = dyn Strategy + Send;

/// What to explore, and for how long.
pub(crate) struct Plan<'a> {
    pub strategy: &'a mut AnyStrategy,
    pub runs_max: u64,
    /// No further run begins after so long.
    pub time_max: Option<Duration>,
    /// Operations of one run.
    pub steps_max: u64,
    /// Wake-ups for no reason, in one run.
    pub spurious: u32,
    pub fresh_threads: bool,
    /// The kernel switches from thread to thread, also where that could be done without it.
    pub kernel_switches: bool,
    /// Failures after which no further run begins.
    pub failures_max: usize,
}

/// A failure, and what replays it.
pub(crate) struct Failure {
    pub failed: Failed,
    pub schedule: String,
    /// The run in which it came about, from 1.
    pub run: u64,
}

/// What an exploration came to.
#[derive(Default)]
pub(crate) struct Outcome {
    pub runs: u64,
    pub steps: u64,
    /// The strategy had nothing left to try.
    pub exhausted: bool,
    /// Runs that were cut off because they took too many steps.
    pub cut_off: u64,
    /// Runs that the strategy gave up.
    pub abandoned: u64,
    pub failures: Vec<Failure>,
    pub notes: Vec<String>,
    /// Where the last run used what the one before it had used too.
    pub lasting: Vec<Place>,
    /// Threads started for workers.
    pub threads: usize,
}

/// Runs `body` again and again. `None`: the calling thread cannot be controlled (nothing is watched, or it already
/// is).
pub(crate) fn explore(plan: Plan<'_>, body: &dyn Fn()) -> Option<Outcome> {
    let thread = current().filter(|thread| !thread.is_steered())?;
    panics::hear();
    let core = core::own();
    let carrier = if plan.kernel_switches { None } else { Carrier::new(core) };
    let seat = Arc::new(Seat::new(carrier.as_ref()));
    seat.take();
    seat.explores();
    let before = core::affinity();
    // Whoever carries the others may go where the system likes, and takes them along.
    let core = core.filter(|_| carrier.is_none() && before.is_some());
    core::pin(core);
    let pool = Pool::new(plan.fresh_threads, carrier, core);
    let strategy: Box<dyn Strategy + Send + '_> = Box::new(plan.strategy);
    // SAFETY: only the lifetime changes. The strategy is asked between `begin` and `end` of a run, and none is under way
    // when this function returns; a thread that is left behind never runs again.
    let strategy = unsafe { std::mem::transmute::<Box<dyn Strategy + Send + '_>, BoxedStrategy>(strategy) };
    let controller = Controller::new(strategy, plan.steps_max, pool);
    let watchdog = Watchdog::start(&controller);
    let began = Instant::now();
    let mut outcome = Outcome::default();
    while outcome.runs < plan.runs_max && plan.time_max.is_none_or(|max| began.elapsed() < max) {
        let first = Member::new(Arc::clone(&seat), thread.id(), None, None);
        if !controller.begin(first, plan.spurious) {
            outcome.exhausted = true;
            break;
        }
        run(&controller, &seat, body);
        outcome.runs += 1;
        outcome.count(&controller);
        if outcome.failures.len() >= plan.failures_max {
            break;
        }
    }
    drop(watchdog);
    let busy = thread.enter();
    let (handles, any_frozen) = {
        let mut state = controller.state();
        outcome.threads = state.pool.started;
        outcome.lasting = state.lasting();
        (state.pool.close(), state.any_frozen)
    };
    // Those that are left where they are never end.
    if !any_frozen {
        for handle in handles {
            let _ = handle.join();
        }
    }
    drop(busy);
    if let Some(before) = &before {
        core::restore(before);
    }
    Some(outcome)
}

/// Looks now and then whether runs go on, from a thread of its own: one that computes for ever, or waits for what the
/// scheduler does not see, keeps all others waiting, and is named.
struct Watchdog {
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// How long a worker may run without an operation before that is said.
const SILENCE: Duration = Duration::from_secs(5);

impl Watchdog {
    /// Without a thread for it, the exploration goes unwatched.
    fn start(controller: &Arc<Controller>) -> Watchdog {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let controller = Arc::downgrade(controller);
        let builder = std::thread::Builder::new().name("lockcheck watchdog".to_owned());
        let watch = move || {
            let mut last = None;
            let mut said = false;
            while stopped.recv_timeout(SILENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let Some(controller) = controller.upgrade() else { return };
                let (now, words) = controller.progress();
                if last == Some(now) && !std::mem::replace(&mut said, true) {
                    crate::rt::output::print(&words);
                }
                said &= last == Some(now);
                last = Some(now);
            }
        };
        Watchdog { stop: Some(stop), thread: builder.spawn(watch).ok() }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Outcome {
    /// Adds what the run came to.
    fn count(&mut self, controller: &Controller) {
        let run = controller.end();
        self.steps += run.steps;
        self.cut_off += u64::from(run.end == RunEnd::TooLong);
        self.abandoned += u64::from(run.end == RunEnd::Abandoned);
        for note in run.notes {
            if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        if let (Some(failed), Some(schedule)) = (run.failure, run.schedule) {
            self.failures.push(Failure { failed, schedule, run: self.runs });
        }
    }
}

/// The strategy, as one that threads can hand around.
pub(crate) fn sendable<'a>(strategy: &'a mut (dyn Strategy + 'a)) -> &'a mut AnyStrategy {
    // SAFETY: threads of an exploration take turns, under one mutex, and strategies are plain data: those of
    // `lockcheck-explorer`, which is where this one comes from, have nothing that belongs to a thread.
    unsafe { std::mem::transmute::<&'a mut (dyn Strategy + 'a), &'a mut AnyStrategy>(strategy) }
}

/// Remarks kept of an exploration.
const NOTES_MAX: usize = 20;

/// One run, from worker 0's point of view.
fn run(controller: &Arc<Controller>, seat: &Arc<Seat>, body: &dyn Fn()) {
    let _under = Under::control(controller, seat, 0);
    let result = catch_unwind(AssertUnwindSafe(body));
    if let Err(payload) = &result {
        panics::note(&**payload);
    }
    // The payload may own what the program's destructors are about.
    drop(result);
    let busy = current().map(|thread| thread.enter());
    let mut state = controller.state();
    super::ended(&mut state, 0);
    controller.pass_on(state, 0, seat);
    drop(busy);
}
