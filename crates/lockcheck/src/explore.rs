//! `lockcheck explore`, `replay` and `confirm`: whole programs under the controlled scheduler.
//!
//! | file | has |
//! |---|---|
//! | `args` | what was typed |
//! | `subject` | one run of the program, in a process of its own |
//! | `confirm` | from a prediction to a verdict |
//! | `places` | where a prediction's sides are met in a run under control |
//! | `story` | a deadlock, told in the order in which it comes about |
//!
//! The strategies are the explorer's; they live here, in the process that starts the others, and go on from run to run.

pub mod args;
mod confirm;
mod places;
mod story;
mod subject;

use std::path::Path;
use std::time::Instant;

use lockcheck_checker::{Code, Finding, Report, Tier};
use lockcheck_events::source::SourceMap;
use lockcheck_explorer::{
    Coverage, Draw, Exhaustive, Moment, Pct, Portfolio, Pos, Random, Recording, Replay, RunEnd, Schedule,
    Strategy, Weighted, Worker, shrink,
};

pub use confirm::confirm;

use crate::config::{Judgement, Style};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::outcome::{self, Facts};
use crate::output;
use args::{ExploreArgs, ReplayArgs, StrategyName};
use subject::{Ending, Run, Subject, Voice, Wanted};

/// Runs that making a schedule short may take.
const SHRINK_RUNS_MAX: u32 = 64;
/// A schedule with more characters goes to a file.
const SCHEDULE_CHARS_MAX: usize = 1000;

/// What kinds of findings are trouble that has come about: deadlocks that have formed, races that were met, panics.
fn has_happened(finding: &Finding) -> bool {
    finding.tier == Tier::Actual && !matches!(finding.code, Code::LockOrderCycle | Code::RwlockRecursion)
}

/// The trouble of a run.
fn happened(subject: &Subject, run: &Run) -> Vec<Finding> {
    let mut report = report_of(subject, run);
    forget_caught(&mut report, run);
    report.findings.into_iter().filter(has_happened).collect()
}

/// A panic of the main thread counts only if the program failed: else it was caught, which the run-time cannot always
/// know.
fn forget_caught(report: &mut Report, run: &Run) {
    if run.status.is_some_and(|status| status.code == Some(0)) {
        let in_main = |finding: &Finding| finding.evidence.first().is_some_and(|side| side.thread == "main");
        report.findings.retain(|finding| finding.code != Code::Panic || !in_main(finding));
    }
}

/// What a run's traces say.
fn report_of(subject: &Subject, run: &Run) -> Report {
    run.traces.report(&subject.target, &subject.sources(&run.traces), &subject.symbols)
}

/// What a search came upon.
enum Trouble {
    /// Threads that never go on, a race, a panic: the finding's fingerprint.
    Found(String),
    /// The program ended with an error, or by a signal.
    Failed,
    /// It did nothing any more, out of control.
    Hung,
}

/// What there is to say of a run, if anything.
fn trouble(subject: &Subject, run: &Run) -> Option<Trouble> {
    let first = |otherwise| {
        let found = happened(subject, run).into_iter().next();
        found.map_or(otherwise, |finding| Trouble::Found(finding.fingerprint))
    };
    match run.ending {
        Ending::Told(end) if end.is_finding() => Some(first(Trouble::Hung)),
        Ending::Hung => Some(Trouble::Hung),
        _ if run.failed() => Some(first(Trouble::Failed)),
        _ => None,
    }
}

/// A search, whichever it is.
enum Search {
    Portfolio(Box<Portfolio>),
    Exhaustive(Box<Exhaustive>),
    Other(Box<dyn Strategy>),
}

impl Search {
    fn new(args: &ExploreArgs) -> Search {
        let (seed, runs) = (args.seed, args.runs);
        match args.strategy {
            StrategyName::Portfolio if args.bound.is_none() => {
                Search::Portfolio(Box::new(Portfolio::new(seed, runs)))
            }
            StrategyName::Portfolio | StrategyName::Exhaustive => {
                Search::Exhaustive(Box::new(match args.bound {
                    Some(bound) => Exhaustive::bounded(bound, runs),
                    None => Exhaustive::new(runs),
                }))
            }
            StrategyName::Random => Search::Other(Box::new(Random::new(seed, runs))),
            StrategyName::Pct => Search::Other(Box::new(Pct::new(seed, runs, 3))),
            StrategyName::Pos => Search::Other(Box::new(Pos::new(seed, runs))),
            StrategyName::Urw => Search::Other(Box::new(Weighted::urw(seed, runs))),
            StrategyName::Surw => Search::Other(Box::new(Weighted::surw(seed, runs))),
        }
    }

    fn coverage(&self) -> Option<Coverage> {
        match self {
            Search::Portfolio(portfolio) => Some(portfolio.coverage()).filter(|coverage| coverage.complete),
            Search::Exhaustive(exhaustive) => Some(exhaustive.coverage()),
            Search::Other(_) => None,
        }
    }

    fn strategy(&mut self) -> &mut dyn Strategy {
        match self {
            Search::Portfolio(strategy) => &mut **strategy,
            Search::Exhaustive(strategy) => &mut **strategy,
            Search::Other(strategy) => &mut **strategy,
        }
    }
}

impl Strategy for Search {
    fn begin(&mut self) -> bool {
        self.strategy().begin()
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.strategy().choose(moment)
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        self.strategy().draw(moment, worker, draw, options)
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        self.strategy().end(moment, how);
    }
}

/// Looks for trouble.
pub fn explore(args: &ExploreArgs, style: Style) -> Result<Exit> {
    let subject = Subject::of_package(&args.target, &args.shared.select, &args.rest, args.shared.hang_after)?;
    let mut judgement = Judgement::new(&args.shared.judge, subject.package_folder())?;
    let mut search = Recording::new(Search::new(args));
    let began = Instant::now();
    let mut runs = 0_u64;
    let mut stopped_early = false;
    let mut report = Report::empty(&subject.target);
    while !stopped_early && search.begin() {
        let wanted = if runs == 0 { Wanted::Traces } else { Wanted::Findings };
        let run = subject.run(&mut search, Voice::Silent, wanted)?;
        runs += 1;
        if run.ending == Ending::NotControlled {
            return nothing_to_control(&subject, style, &mut judgement);
        }
        if let Some(trouble) = trouble(&subject, &run) {
            return found(&subject, &trouble, search.schedule(), run, runs, style, &mut judgement);
        }
        if runs == 1 {
            report.stats = report_of(&subject, &run).stats;
        }
        stopped_early = began.elapsed() >= args.time;
    }
    report.notes.push(match search.strategy().coverage() {
        Some(coverage) if coverage.complete => format!("{coverage}: clean"),
        Some(coverage) => format!("{coverage}; clean so far"),
        None => format!("{runs} {}: clean", if runs == 1 { "run" } else { "runs" }),
    });
    if stopped_early {
        report.notes.push(format!("stopped after {} s; `--time` allows more", args.time.as_secs()));
    }
    report.stats.processes = runs;
    let facts = Facts { recorded: true, must_record: true, ..Facts::default() };
    conclude(&subject, report, &SourceMap::new([]), facts, style, &mut judgement)
}

/// Says what was found, by a schedule that is as short as it gets.
fn found(
    subject: &Subject,
    trouble: &Trouble,
    schedule: &Schedule,
    run: Run,
    runs: u64,
    style: Style,
    judgement: &mut Judgement,
) -> Result<Exit> {
    let Trouble::Found(fingerprint) = trouble else {
        return failed(subject, trouble, schedule, &run, runs, style, judgement);
    };
    let mut same = |strategy: &mut dyn Strategy| {
        leads_to(subject, strategy, &|finding| finding.fingerprint == *fingerprint)
    };
    let shrunk = shrink(schedule, SHRINK_RUNS_MAX, &mut same);
    let note = match shrunk.verified {
        true => format!("found in run {runs}, and again in each of the runs that made its schedule short"),
        false => format!(
            "found in run {runs}, but not again by the same schedule: the program does not repeat itself (time, random \
             numbers, or threads out of control)"
        ),
    };
    let sources = subject.sources(&run.traces);
    let mut report = run.traces.report(&subject.target, &sources, &subject.symbols);
    report.notes.push(note);
    report.findings.retain(has_happened);
    forget_caught(&mut report, &run);
    report.program = run.status;
    let schedule = shrunk.schedule.to_string();
    for finding in report.findings.iter_mut().filter(|finding| finding.fingerprint == *fingerprint) {
        finding.tier = Tier::Confirmed;
        finding.schedule = Some(schedule.clone());
    }
    let facts = Facts { recorded: true, must_record: true, ..Facts::default() };
    conclude(subject, report, &sources, facts, style, judgement)
}

/// Whether one run under this strategy ends in a deadlock that is wanted. What keeps the run from being made counts as no.
fn leads_to(subject: &Subject, strategy: &mut dyn Strategy, wanted: &dyn Fn(&Finding) -> bool) -> bool {
    strategy.begin()
        && subject
            .run(strategy, Voice::Silent, Wanted::Findings)
            .is_ok_and(|run| happened(subject, &run).iter().any(wanted))
}

/// The program failed in one of the runs, or hung out of control.
fn failed(
    subject: &Subject,
    trouble: &Trouble,
    schedule: &Schedule,
    run: &Run,
    runs: u64,
    style: Style,
    judgement: &mut Judgement,
) -> Result<Exit> {
    let sources = subject.sources(&run.traces);
    let mut report = run.traces.report(&subject.target, &sources, &subject.symbols);
    let what = match trouble {
        Trouble::Hung => {
            "the program neither asked for a decision nor ended: it may wait for what is not watched (see \
             `tracked::external`)"
                .to_owned()
        }
        _ => format!("the program failed: {}", shown_status(run)),
    };
    report.notes.push(format!("{what}, in run {runs}"));
    report.notes.push(replay_line(subject, &schedule.to_string()));
    report.program = run.status;
    let hang = matches!(trouble, Trouble::Hung);
    let facts = Facts { status: run.status, hang, recorded: true, must_record: true };
    conclude(subject, report, &sources, facts, style, judgement)
}

fn shown_status(run: &Run) -> String {
    match run.status.map(|status| (status.code, status.signal)) {
        Some((_, Some(signal))) => format!("signal {signal}"),
        Some((Some(code), _)) => format!("exit code {code}"),
        _ => "it ended without a status".to_owned(),
    }
}

fn replay_line(subject: &Subject, schedule: &str) -> String {
    format!("to replay it: {}", subject.replay_command(schedule))
}

/// Nothing in the program asked who goes on.
fn nothing_to_control(subject: &Subject, style: Style, judgement: &mut Judgement) -> Result<Exit> {
    let mut report = Report::empty(&subject.target);
    report.notes.push(
        "the program ended without using a tracked lock or thread in its main thread: there is nothing to control"
            .to_owned(),
    );
    let facts = Facts { recorded: false, must_record: true, ..Facts::default() };
    conclude(subject, report, &SourceMap::new([]), facts, style, judgement)
}

/// Shows and delivers the report: the stories first, the schedule last.
fn conclude(
    subject: &Subject,
    mut report: Report,
    sources: &SourceMap,
    facts: Facts,
    style: Style,
    judgement: &mut Judgement,
) -> Result<Exit> {
    judgement.suppress(&mut report, true);
    judgement.settle(&report)?;
    report.verdict = outcome::verdict(&report, facts, judgement);
    let told =
        report.findings.iter().filter(|finding| finding.schedule.is_some() && !judgement.is_known(finding));
    let told: Vec<&Finding> = told.collect();
    if style.format == crate::args::Format::Human {
        for finding in &told {
            output::to_stderr(&format!("{}\n", story::tell(finding)));
        }
    }
    if told.is_empty() || judgement.all || style.format != crate::args::Format::Human {
        output::show(&report, sources, style, judgement);
    } else {
        for note in &report.notes {
            output::note(style, note);
        }
        let rest = report.findings.iter().filter(|finding| finding.schedule.is_none()).count();
        if rest > 0 {
            let mut others = report.clone();
            others.findings.retain(|finding| finding.schedule.is_none());
            others.notes.clear();
            output::show(&others, sources, style, judgement);
        }
    }
    if style.format == crate::args::Format::Human {
        for finding in &told {
            show_schedule(subject, finding, judgement)?;
        }
    }
    output::deliver(&report, sources, style, judgement)?;
    Ok(outcome::exit(&report, facts, judgement))
}

/// The last line: how to see it again.
fn show_schedule(subject: &Subject, finding: &Finding, judgement: &Judgement) -> Result<()> {
    let Some(schedule) = &finding.schedule else { return Ok(()) };
    let shown = match &judgement.out {
        Some(folder) if schedule.len() > SCHEDULE_CHARS_MAX => {
            let path = folder.join(format!("{}.schedule", finding.fingerprint));
            std::fs::write(&path, schedule).map_err(|error| CliError::io("write", &path, &error))?;
            path.to_string_lossy().into_owned()
        }
        _ => schedule.clone(),
    };
    output::to_stderr(&format!("replay: {}\n", subject.replay_command(&shown)));
    Ok(())
}

/// Replays a schedule.
pub fn replay(args: &ReplayArgs, style: Style) -> Result<Exit> {
    let schedule = read_schedule(&args.schedule)?;
    let subject = match confirm::is_trace(&args.target) {
        true => confirm::from_trace(&args.target, &args.rest, &args.shared)?.0,
        false => Subject::of_package(&args.target, &args.shared.select, &args.rest, args.shared.hang_after)?,
    };
    let mut judgement = Judgement::new(&args.shared.judge, subject.package_folder())?;
    let mut replay = Replay::new(&schedule);
    replay.begin();
    let run = subject.run(&mut replay, Voice::Own, Wanted::Traces)?;
    if run.ending == Ending::NotControlled {
        return nothing_to_control(&subject, style, &mut judgement);
    }
    let sources = subject.sources(&run.traces);
    let mut report = run.traces.report(&subject.target, &sources, &subject.symbols);
    report.program = run.status;
    report.notes.extend(replay.complaint());
    forget_caught(&mut report, &run);
    let stuck = report.findings.iter().any(|finding| has_happened(finding) && finding.code.is_a_hang());
    for finding in report.findings.iter_mut().filter(|finding| has_happened(finding)) {
        finding.schedule = Some(schedule.to_string());
    }
    let hang = stuck || run.ending == Ending::Hung;
    let facts = Facts { status: run.status, hang, recorded: true, must_record: true };
    conclude(&subject, report, &sources, facts, style, &mut judgement)
}

/// A schedule, or a file that holds one.
fn read_schedule(text: &str) -> Result<Schedule> {
    let path = Path::new(text);
    let is_file = !text.starts_with("b1:") && path.is_file();
    let read = if is_file {
        std::fs::read_to_string(path).map_err(|error| CliError::io("read", path, &error))?
    } else {
        text.to_owned()
    };
    read.parse().map_err(|error: lockcheck_explorer::ScheduleError| {
        let error = CliError::usage("schedule", error.to_string());
        if is_file { error.at(path, 1, 0) } else { error }
    })
}
