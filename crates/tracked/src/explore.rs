//! `explore`: run a piece of code under the controlled scheduler, many times, in many orders.
//!
//! This is what a program calls; the scheduler itself is in `rt/steer`, the strategies in `lockcheck-explorer`.

use std::fmt;
use std::panic::Location;
use std::sync::OnceLock;
use std::time::Duration;

use lockcheck_checker::Finding;
use lockcheck_explorer::Strategy as _;
use lockcheck_explorer::{
    Coverage, DefaultOrder, Exhaustive, Pct, Portfolio, Pos, Random, Replay, Schedule, Shrunk, Weighted,
    shrink,
};

use crate::rt::output;
use crate::rt::steer;
use crate::rt::steer::controller::Failed;
use crate::rt::steer::session::{self, AnyStrategy, Outcome, Plan};

/// Runs of an exploration that says nothing else.
const RUNS: u64 = 1_000;
/// The same for an exhaustive one.
const EXHAUSTIVE_RUNS: u64 = 1_000_000;
/// Runs for making a failure short.
const SHRINK_RUNS: u32 = 200;
/// Operations of one run; a run that takes more is cut off.
const STEPS_MAX: u64 = 100_000;
/// Characters of a schedule that a report shows; a longer one is in the value only.
const SCHEDULE_CHARS_MAX: usize = 2_000;

/// Which orders are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// The default order first, then a systematic search and several random strategies in turn.
    #[default]
    Portfolio,
    /// Anybody goes on, with equal chance.
    Random,
    /// Probabilistic concurrency testing: random priorities, with so many changes less one (Burckhardt and others,
    /// ASPLOS 2010).
    Pct {
        /// How many orders have to come together for the bug.
        depth: u32,
    },
    /// Partial-order sampling: random priorities of operations (Yuan, Yang and Gu, CAV 2018).
    Pos,
    /// A random walk that gives each interleaving the same chance, as far as it can tell (Zhao and others, ASPLOS
    /// 2025).
    Weighted,
    /// The default order, once: keep who runs, else the first that can.
    Default,
}

/// How to explore.
///
/// ```
/// # #[cfg(feature = "check")] {
/// let report = tracked::Explore::new().runs(200).seed(7).check(|| {
///     let counter = std::sync::Arc::new(tracked::Mutex::new(0));
///     let theirs = std::sync::Arc::clone(&counter);
///     let other = tracked::thread::spawn(move || *theirs.lock().unwrap() += 1);
///     *counter.lock().unwrap() += 1;
///     other.join().unwrap();
///     assert_eq!(*counter.lock().unwrap(), 2);
/// });
/// assert!(report.is_clean());
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is explored before `check` or `run`"]
pub struct Explore {
    runs: u64,
    seed: u64,
    strategy: Strategy,
    exhaustive: bool,
    preemptions: Option<u32>,
    shrink: bool,
    time: Option<Duration>,
    steps: u64,
    spurious: u32,
    fresh_threads: bool,
    kernel_switches: bool,
    replay: Option<String>,
}

/// What an exploration came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExploreReport {
    /// Runs that were made.
    pub runs: u64,
    /// Operations in all of them.
    pub steps: u64,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// What is proved, if every order was tried.
    pub proof: Option<Proof>,
    /// Where the program differs from the one that the replayed schedule was made for.
    pub diverged: Option<String>,
    /// Threads that were started; they are used again from run to run.
    pub threads: usize,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

/// What an exhaustive exploration proves.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Proof {
    /// Runs that differ in more than the order of independent operations.
    pub interleavings: u64,
    /// All orders with no more preemptions than this; `None`: all orders.
    pub preemptions: Option<u32>,
    words: String,
}

/// Something that went wrong in one of the runs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What it is.
    pub kind: FailureKind,
    /// What replays it, for [`replay`] or `LOCKCHECK_REPLAY`.
    pub schedule: String,
    /// The run it came about in, counted from 1.
    pub run: u64,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum FailureKind {
    /// Threads that can never go on.
    Finding(Box<Finding>),
    /// A panic that ended the explored closure, or a thread that nobody joined.
    #[non_exhaustive]
    Panic {
        /// The thread's name.
        thread: String,
        /// What it said.
        message: String,
        /// `file:line:column`, where it is known.
        place: Option<String>,
        /// The same as a finding.
        finding: Box<Finding>,
    },
}

impl Default for Explore {
    fn default() -> Explore {
        Explore::new()
    }
}

impl Explore {
    /// A thousand runs of a portfolio of strategies.
    pub fn new() -> Explore {
        Explore {
            runs: RUNS,
            seed: 0,
            strategy: Strategy::Portfolio,
            exhaustive: false,
            preemptions: None,
            shrink: true,
            time: None,
            steps: STEPS_MAX,
            spurious: 0,
            fresh_threads: false,
            kernel_switches: false,
            replay: None,
        }
    }

    /// At most so many runs.
    pub fn runs(self, runs: u64) -> Explore {
        Explore { runs, ..self }
    }

    /// Where the random strategies begin: the same seed, the same runs.
    pub fn seed(self, seed: u64) -> Explore {
        Explore { seed, ..self }
    }

    /// Which orders are tried.
    pub fn strategy(self, strategy: Strategy) -> Explore {
        Explore { strategy, ..self }
    }

    /// Every order that differs in more than the order of independent operations, as far as [`runs`](Self::runs) goes:
    /// a million runs where that is not said before. A complete search is a [proof](ExploreReport::proof).
    pub fn exhaustive(self) -> Explore {
        let runs = if self.runs == RUNS { EXHAUSTIVE_RUNS } else { self.runs };
        Explore { exhaustive: true, runs, ..self }
    }

    /// As [`exhaustive`](Self::exhaustive), with all orders in which a thread is interrupted at most so many times
    /// although it could go on.
    pub fn preemptions(self, bound: u32) -> Explore {
        Explore { preemptions: Some(bound), ..self.exhaustive() }
    }

    /// Whether a failure is made as short as it gets before it is told; so unless said otherwise.
    pub fn shrink(self, shrink: bool) -> Explore {
        Explore { shrink, ..self }
    }

    /// No further run begins after so long.
    pub fn time(self, time: Duration) -> Explore {
        Explore { time: Some(time), ..self }
    }

    /// At most so many operations in a run; a run that takes more is cut off, and the report says so.
    pub fn steps(self, steps: u64) -> Explore {
        Explore { steps, ..self }
    }

    /// Up to so many waits on a condition variable, in each run, may end without a notification.
    pub fn spurious(self, wakeups: u32) -> Explore {
        Explore { spurious: wakeups, ..self }
    }

    /// Starts a new thread for each that the closure starts, so that native thread-locals do not persist. Those of
    /// `tracked::thread_local!` never do.
    pub fn fresh_threads(self, fresh: bool) -> Explore {
        Explore { fresh_threads: fresh, ..self }
    }

    /// Each thread runs on its own, and the kernel switches from one to the next, at a seventh of the speed.
    ///
    /// Else, on x86-64 Linux, the thread that explores goes from stack to stack, and the others sleep: each has its own
    /// stack, thread-locals, `thread::current` and `pthread_self`, but what the kernel knows about a thread (`gettid`, its
    /// name there, its signal mask, its processor time) is that of the one that explores, and a thread other than that one
    /// must not call what changes the user of all threads (`setuid`). The kernel switches anyway for a schedule that is
    /// replayed, under a debugger, and from the first call of [`external`] on; and in all explorations of a process with
    /// `LOCKCHECK_SWITCHES=kernel`.
    pub fn kernel_switches(self, kernel: bool) -> Explore {
        Explore { kernel_switches: kernel, ..self }
    }

    /// Only the run that this schedule describes.
    pub fn replay(self, schedule: &str) -> Explore {
        Explore { replay: Some(schedule.to_owned()), ..self }
    }

    /// Explores, and gives what it came to.
    ///
    /// With `LOCKCHECK_REPLAY` set, only that run is made. With `LOCKCHECK=off`, or inside of another exploration, the
    /// closure is run once, as it is.
    ///
    /// # Panics
    ///
    /// If a schedule to replay is not one.
    pub fn check(self, body: impl Fn()) -> ExploreReport {
        let body: &dyn Fn() = &body;
        if let Some(text) = self.replay.clone().or_else(from_environment) {
            return self.replayed(&parse(&text), body);
        }
        let mut search = self.search();
        let Some(mut outcome) = session::explore(self.plan(search.strategy(), self.runs), body) else {
            body();
            return ExploreReport::of_plain_run();
        };
        let mut repeats = search.coverage().is_none_or(|coverage| !coverage.nondeterministic);
        if self.shrink {
            for failure in &mut outcome.failures {
                repeats &= self.shorten(failure, body);
            }
        }
        if !repeats {
            outcome.notes.push(does_not_repeat(&outcome.lasting));
        }
        let coverage = search.coverage().filter(|_| outcome.cut_off == 0 && outcome.failures.is_empty());
        let mut report = self.report(outcome);
        report.proof = coverage.filter(|coverage| coverage.complete).map(Proof::of);
        report
    }

    /// One run by this schedule.
    fn replayed(&self, schedule: &Schedule, body: &dyn Fn()) -> ExploreReport {
        let mut replay = Replay::new(schedule);
        let plan = Plan { kernel_switches: true, ..self.plan(&mut replay, 1) };
        let Some(outcome) = session::explore(plan, body) else {
            body();
            return ExploreReport::of_plain_run();
        };
        let diverged = replay.complaint();
        ExploreReport { diverged, ..self.report(outcome) }
    }

    fn plan<'a>(&self, strategy: &'a mut AnyStrategy, runs: u64) -> Plan<'a> {
        Plan {
            strategy,
            runs_max: runs,
            time_max: self.time,
            steps_max: self.steps,
            spurious: self.spurious,
            fresh_threads: self.fresh_threads,
            kernel_switches: self.kernel_switches || kernel_switches_wanted(),
            failures_max: 1,
        }
    }

    /// Puts a shorter schedule, and what happens under it, in the place of a failure. Whether it came about again.
    fn shorten(&self, failure: &mut session::Failure, body: &dyn Fn()) -> bool {
        let Ok(schedule) = failure.schedule.parse::<Schedule>() else { return false };
        let wanted = failure.failed.identity();
        let mut best = None;
        let Shrunk { schedule, verified, .. } = shrink(&schedule, SHRINK_RUNS, &mut |strategy| {
            let strategy = session::sendable(strategy);
            let Some(outcome) = session::explore(self.plan(strategy, 1), body) else { return false };
            let same = outcome.failures.into_iter().find(|other| other.failed.identity() == wanted);
            let shorter = |other: &session::Failure| {
                best.as_ref()
                    .is_none_or(|best: &session::Failure| other.schedule.len() <= best.schedule.len())
            };
            let found = same.is_some();
            if let Some(same) = same.filter(shorter) {
                best = Some(same);
            }
            found
        });
        let schedule = schedule.to_string();
        if let Some(best) = best.filter(|best| verified && best.schedule == schedule) {
            *failure = session::Failure { run: failure.run, ..best };
        }
        verified
    }

    /// Explores, and fails if anything went wrong.
    ///
    /// # Panics
    ///
    /// With the report, if anything went wrong; and as [`check`](Self::check) does.
    #[track_caller]
    pub fn run(self, body: impl Fn()) {
        self.check(body).assert_clean();
    }

    fn search(&self) -> Search {
        let (seed, runs) = (self.seed, self.runs);
        if self.exhaustive {
            return Search::Exhaustive(Box::new(match self.preemptions {
                Some(bound) => Exhaustive::bounded(bound, runs),
                None => Exhaustive::new(runs),
            }));
        }
        match self.strategy {
            Strategy::Portfolio => Search::Portfolio(Box::new(Portfolio::new(seed, runs))),
            Strategy::Random => Search::Other(Box::new(Random::new(seed, runs))),
            Strategy::Pct { depth } => Search::Other(Box::new(Pct::new(seed, runs, depth))),
            Strategy::Pos => Search::Other(Box::new(Pos::new(seed, runs))),
            Strategy::Weighted => Search::Other(Box::new(Weighted::surw(seed, runs))),
            Strategy::Default => Search::Other(Box::new(DefaultOrder::new())),
        }
    }

    fn report(&self, outcome: Outcome) -> ExploreReport {
        let mut notes = outcome.notes;
        if outcome.cut_off > 0 {
            notes.push(format!(
                "{} runs were cut off after {} operations: `Explore::steps` allows more",
                outcome.cut_off, self.steps
            ));
        }
        ExploreReport {
            runs: outcome.runs,
            steps: outcome.steps,
            proof: None,
            diverged: None,
            threads: outcome.threads,
            notes,
            failures: outcome.failures.into_iter().map(Failure::from_session).collect(),
        }
    }
}

/// The strategy of one exploration, and what it can say in the end.
enum Search {
    Exhaustive(Box<Exhaustive>),
    Portfolio(Box<Portfolio>),
    Other(Box<AnyStrategy>),
}

impl Search {
    fn strategy(&mut self) -> &mut AnyStrategy {
        match self {
            Search::Exhaustive(search) => &mut **search,
            Search::Portfolio(search) => &mut **search,
            Search::Other(search) => &mut **search,
        }
    }

    fn coverage(&self) -> Option<Coverage> {
        match self {
            Search::Exhaustive(search) => Some(search.coverage()),
            Search::Portfolio(search) => Some(search.coverage()),
            Search::Other(_) => None,
        }
    }
}

/// Lines named in a note.
const LINES_MAX: usize = 8;

/// What to say of a program that does not do the same again.
fn does_not_repeat(lasting: &[&'static Location<'static>]) -> String {
    let mut words = String::from(
        "the program does not repeat itself: after the same choices it did something else in a later run. What it went \
         by is not under control (time, random numbers, a static)",
    );
    if !lasting.is_empty() {
        let lines: Vec<String> = lasting.iter().take(LINES_MAX).map(|line| line.to_string()).collect();
        words += &format!("; used at {} is what outlives a run and keeps its state", lines.join(", "));
        if lasting.len() > LINES_MAX {
            words += &format!(", and at {} more lines", lasting.len() - LINES_MAX);
        }
    }
    words
}

/// The schedule that `LOCKCHECK_REPLAY` asks for.
fn from_environment() -> Option<String> {
    std::env::var("LOCKCHECK_REPLAY").ok().filter(|text| !text.trim().is_empty())
}

/// Whether `LOCKCHECK_SWITCHES` has the kernel switch threads in all explorations.
fn kernel_switches_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| match std::env::var("LOCKCHECK_SWITCHES").as_deref() {
        Ok("kernel") => true,
        Ok("") | Err(_) => false,
        Ok(other) => {
            output::print(&format!("lockcheck: LOCKCHECK_SWITCHES={other} is not known; expected kernel\n"));
            false
        }
    })
}

fn parse(text: &str) -> Schedule {
    match text.parse() {
        Ok(schedule) => schedule,
        Err(error) => panic!("the schedule to replay: {error}"),
    }
}

/// Runs the closure under the controlled scheduler, a thousand times at the most, and fails if anything goes wrong.
///
/// # Panics
///
/// With the report, if anything went wrong.
#[track_caller]
pub fn explore(body: impl Fn()) {
    Explore::new().run(body);
}

/// Runs the closure once, by the schedule of a failure, and fails as it did.
///
/// # Panics
///
/// With the report, if anything goes wrong, or if the program is not the one that the schedule was made for.
#[track_caller]
pub fn replay(schedule: &str, body: impl Fn()) {
    Explore::new().replay(schedule).run(body);
}

/// Runs `call`, which may block in a way that the scheduler does not see (input, a foreign lock, a child process), out
/// of control: in an exploration, others may run meanwhile. Elsewhere it is just a call.
///
/// A call that comes back soon is waited for, so that runs stay the same from one to the next; one that takes longer is
/// not. Where nobody else can go on, it is waited for too, and after a second the thread is named on standard error.
#[track_caller]
pub fn external<R>(call: impl FnOnce() -> R) -> R {
    match steer::me() {
        Some(own) => steer::operations::external(own, Location::caller(), call),
        None => call(),
    }
}

/// A number below `options`, which is at least 1: in an exploration one that the strategy chooses, so that every one is
/// tried and a schedule has it; elsewhere 0.
#[must_use]
#[track_caller]
pub fn any_below(options: usize) -> usize {
    steer::operations::number(options, Location::caller())
}

impl Proof {
    fn of(coverage: Coverage) -> Proof {
        Proof {
            interleavings: coverage.interleavings,
            preemptions: coverage.bound,
            words: coverage.to_string(),
        }
    }
}

impl Failure {
    fn from_session(failure: session::Failure) -> Failure {
        let session::Failure { failed, schedule, run } = failure;
        let kind = match failed {
            Failed::Stuck(mut finding) => {
                finding.schedule = Some(schedule.clone());
                FailureKind::Finding(finding)
            }
            Failed::Panic { mut finding, thread, heard } => {
                finding.schedule = Some(schedule.clone());
                FailureKind::Panic { thread, message: heard.message, place: heard.place, finding }
            }
        };
        Failure { kind, schedule, run }
    }

    /// The finding.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        match &self.kind {
            FailureKind::Finding(finding) | FailureKind::Panic { finding, .. } => Some(finding),
        }
    }
}

impl ExploreReport {
    fn of_plain_run() -> ExploreReport {
        ExploreReport {
            runs: 1,
            steps: 0,
            failures: Vec::new(),
            proof: None,
            diverged: None,
            threads: 0,
            notes: vec!["the closure was run once, without control".to_owned()],
        }
    }

    /// Whether nothing went wrong, and what was replayed fitted.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.diverged.is_none()
    }

    /// The first finding, if there is one.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        self.failures.iter().find_map(Failure::finding)
    }

    /// Fails if anything went wrong.
    ///
    /// # Panics
    ///
    /// With the report.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: clean", self.words)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FailureKind::Finding(finding) => {
                writeln!(f, "{}", output::render(std::slice::from_ref(finding)))?
            }
            FailureKind::Panic { finding, message, .. } => {
                writeln!(f, "{}", output::render(std::slice::from_ref(finding)))?;
                // The finding has it on one line.
                if message.contains('\n') {
                    writeln!(f, "{message}")?;
                }
            }
        }
        if self.schedule.len() > SCHEDULE_CHARS_MAX {
            write!(f, "in run {}; its schedule has {} characters", self.run, self.schedule.len())
        } else {
            // Unquoted, a shell takes `>` for a redirection.
            write!(f, "in run {}; to replay it: LOCKCHECK_REPLAY='{}'", self.run, self.schedule)
        }
    }
}

impl fmt::Display for ExploreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        if let Some(diverged) = &self.diverged {
            writeln!(f, "{diverged}")?;
        }
        if self.is_clean() {
            match &self.proof {
                Some(proof) => writeln!(f, "{proof}")?,
                None => writeln!(f, "{} runs: clean", self.runs)?,
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}
