//! `lockcheck confirm`: drives a program into what was predicted of it.
//!
//! | verdict | it means | and the finding becomes |
//! |---|---|---|
//! | confirmed | a run under control ended in what was predicted | `confirmed`, with its schedule |
//! | refuted | every order of the locks that leads there forbids itself, or no order of all operations leads there | a note |
//! | diverged | no run under control did what the prediction is about | as it was |
//! | unconfirmed | neither reached nor refuted in the runs allowed, or nothing that a run would show | as it was |
//!
//! Lock orders are driven by constraints first. All else, and what that does not settle, is searched for: every other
//! run is sampled (`pos`), those between go through all interleavings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockcheck_checker::{Code, Finding, Report, Tier};
use lockcheck_events::Site;
use lockcheck_events::source::SourceMap;
use lockcheck_explorer::{
    DefaultOrder, Directed, Exhaustive, Outcome, Pos, Recording, RunEnd, Schedule, Strategy, shrink,
};

use super::args::{ConfirmArgs, SharedArgs};
use super::places::{Places, Traced};
use super::subject::{Ending, Subject, Voice, Wanted};
use super::{SHRINK_RUNS_MAX, conclude, happened, has_happened, leads_to, nothing_to_control};
use crate::analyze;
use crate::args::RaceRule;
use crate::config::{Judgement, Style};
use crate::error::{CliError, Result};
use crate::event_trace::{self, Rules};
use crate::exit::Exit;
use crate::outcome::Facts;
use crate::traces::{self, Traces};

/// How long the program may take where it is not under control.
const OBSERVED_FOR: Duration = Duration::from_secs(120);
/// Runs of one cast of threads.
const DIRECTED_RUNS_MAX: u32 = 32;
/// Runs that may hang while one prediction is driven, and again while it is searched for: each takes as long as
/// `--hang-after` says, and the next one most likely hangs in the same place.
const HUNG_RUNS_MAX: u32 = 3;

/// What came of one prediction.
enum Fate {
    Confirmed(Box<Confirmed>),
    Refuted(String),
    Diverged,
    Unconfirmed { why: String },
}

/// A prediction that came true.
struct Confirmed {
    schedule: Schedule,
    /// How many runs it took, without those that made the schedule short.
    runs: u32,
    /// The deadlock, as it formed.
    deadlock: Finding,
}

/// Carries it out.
pub fn confirm(args: &ConfirmArgs, style: Style) -> Result<Exit> {
    let (subject, traces, hung) = match is_trace(&args.target) {
        true => {
            let (subject, traces) = from_trace(&args.target, &args.rest, &args.shared)?;
            (subject, traces, false)
        }
        false => {
            let select = &args.shared.select;
            let subject = Subject::of_package(&args.target, select, &args.rest, args.shared.hang_after)?;
            let (ending, traces) = subject.observe(OBSERVED_FOR)?;
            (subject, traces, ending == Ending::Hung)
        }
    };
    let mut judgement = Judgement::new(&args.shared.judge, subject.package_folder())?;
    let sources = subject.sources(&traces);
    let mut report = traces.report(&subject.target, &sources, &subject.symbols);
    // Here, what a prediction is worth is what is found out, and said of each.
    let notes = report.notes.len();
    let rules = Rules { race: RaceRule::default(), format: style.format };
    analyze::predict(&traces.recorded(), &traces, &sources, rules, &mut report)?;
    report.notes.truncate(notes);
    subject.clear();
    if traces.is_empty() {
        return nothing_to_control(&subject, style, &mut judgement);
    }
    let wanted = wanted(&report, args.id.as_deref())?;
    let mut confirming = Confirming::new(&subject, args);
    for place in wanted {
        let finding = &mut report.findings[place];
        let fate = confirming.settle(finding)?;
        report.notes.extend(tell(finding, fate));
    }
    if report.notes.is_empty() && report.findings.is_empty() {
        report.notes.push("nothing was predicted: there is nothing to confirm".to_owned());
    }
    let hang = hung && report.findings.iter().any(has_happened);
    let facts = Facts { recorded: true, must_record: true, hang, ..Facts::default() };
    conclude(&subject, report, &sources, facts, style, &mut judgement)
}

/// Changes the finding to what it has become; gives what there is to say besides.
fn tell(finding: &mut Finding, fate: Fate) -> Option<String> {
    let (kind, id) = (&finding.kind, &finding.fingerprint);
    match fate {
        Fate::Confirmed(confirmed) => {
            let Confirmed { schedule, runs, deadlock } = *confirmed;
            let runs = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
            let note = format!("{kind} {id}: confirmed in {runs}: {}", deadlock.message);
            finding.tier = finding.tier.max(Tier::Confirmed);
            finding.schedule = Some(schedule.to_string());
            Some(note)
        }
        Fate::Refuted(_) | Fate::Diverged | Fate::Unconfirmed { .. } if finding.tier == Tier::Actual => Some(
            format!("{kind} {id}: it happened, but not again under control: there is no schedule for it"),
        ),
        Fate::Refuted(why) => {
            let note = format!("{kind} {id}: refuted: {why}");
            finding.tier = Tier::Order;
            Some(note)
        }
        Fate::Diverged => Some(format!(
            "{kind} {id}: diverged: no run under control came to all of its places; the program does something else \
             than it did"
        )),
        Fate::Unconfirmed { why } => Some(format!("{kind} {id}: unconfirmed: {why}")),
    }
}

/// Where the findings to settle stand: what is predicted or likely, deadlocks that happened, or what is named.
fn wanted(report: &Report, id: Option<&str>) -> Result<Vec<usize>> {
    let is_open = |finding: &Finding| {
        has_happened(finding)
            || (!finding.code.is_lint() && matches!(finding.tier, Tier::Likely | Tier::Predicted))
    };
    let is_named = |finding: &Finding, id: &str| finding.fingerprint.starts_with(id);
    let wants = |finding: &Finding| match id {
        Some(id) => is_named(finding, id),
        None => is_open(finding),
    };
    let places = report.findings.iter().enumerate().filter(|(_, finding)| wants(finding));
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    match id {
        Some(id) if !report.findings.iter().any(|finding| is_named(finding, id)) => {
            let known: Vec<&str> =
                report.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
            let help = match known.as_slice() {
                [] => "there are no findings".to_owned(),
                known => format!("there are {}", known.join(", ")),
            };
            Err(CliError::usage("no-such-finding", format!("no finding's fingerprint begins with `{id}`"))
                .help(help))
        }
        _ => Ok(places),
    }
}

/// A file that is no manifest, or a folder with traces and without one.
pub fn is_trace(target: &Path) -> bool {
    let is_manifest = target.file_name().is_some_and(|name| name == "Cargo.toml");
    let has_traces = || traces::in_folder(target).is_ok_and(|traces| !traces.is_empty());
    let is_folder_of_traces = target.is_dir() && !target.join("Cargo.toml").is_file() && has_traces();
    is_folder_of_traces || (target.is_file() && !is_manifest)
}

/// The program that left this trace, to be run again, and what the trace says.
pub fn from_trace(path: &PathBuf, rest: &[OsString], shared: &SharedArgs) -> Result<(Subject, Traces)> {
    let target = path.to_string_lossy().into_owned();
    let (processes, events) = event_trace::split(traces::expand(std::slice::from_ref(path))?)?;
    if let (true, Some((events, _))) = (processes.is_empty(), events.first()) {
        let message = "a trace of events does not say which program left it".to_owned();
        return Err(CliError::usage("no-program", message)
            .at(events, 0, 0)
            .help("name the package, or a trace that `lockcheck run --out` left"));
    }
    let traces = Traces::read(&processes)?;
    let Some((executable, started_in)) = traces.program() else {
        let message = "there is no trace of a program here".to_owned();
        return Err(CliError::usage("no-program", message).at(path, 0, 0));
    };
    let subject = Subject::of_executable(target, executable, started_in, rest, shared.hang_after)?;
    Ok((subject, traces))
}

/// What came about in a search, besides what was searched for.
#[derive(Default)]
struct Anything {
    /// Some run did not end by itself, or ended in something else.
    happened: bool,
    /// Runs that hung.
    hung: u32,
}

/// Settles one prediction after the other.
struct Confirming<'a> {
    subject: &'a Subject,
    runs_max: u32,
    seed: u64,
    /// What was met in runs under control: in the default order, then, if that is not enough, in another one.
    recordings: Vec<Places>,
}

impl<'a> Confirming<'a> {
    fn new(subject: &'a Subject, args: &ConfirmArgs) -> Confirming<'a> {
        Confirming { subject, runs_max: args.runs, seed: args.seed, recordings: Vec::new() }
    }

    /// The `number`-th recording, made if there is none yet.
    fn recording(&mut self, number: usize) -> Result<&Places> {
        while self.recordings.len() <= number {
            let seed = self.seed.wrapping_add(self.recordings.len() as u64);
            let strategy: Box<dyn Strategy> = match self.recordings.len() {
                0 => Box::new(DefaultOrder::new()),
                _ => Box::new(Pos::new(seed, 1)),
            };
            let mut traced = Traced { strategy, paths: Vec::new() };
            traced.begin();
            let run = self.subject.run(&mut traced, Voice::Silent, Wanted::Records)?;
            let sources: SourceMap = self.subject.sources(&run.traces);
            self.recordings.push(Places::new(&run.records, traced.paths, &sources));
        }
        Ok(&self.recordings[number])
    }

    fn settle(&mut self, finding: &Finding) -> Result<Fate> {
        let mut runs = 0;
        let mut refuted = None;
        let mut in_doubt = false;
        let mut forbids = None;
        let mut hung = 0;
        if let Some(why) = shows_in_no_run(finding.code) {
            return Ok(Fate::Unconfirmed { why: why.to_owned() });
        }
        for number in 0..RECORDINGS {
            let casts = self.recording(number)?.casts(finding);
            for constraints in casts {
                if runs >= self.runs_max || hung >= HUNG_RUNS_MAX {
                    in_doubt = true;
                    break;
                }
                let left = (self.runs_max - runs).min(DIRECTED_RUNS_MAX);
                let mut driven = Recording::new(Directed::new(constraints, left));
                if let Some(deadlock) = self.drive(&mut driven, finding, &mut runs, &mut hung)? {
                    return Ok(self.confirmed(driven.schedule(), runs, deadlock));
                }
                if let Some(unmet) = driven.strategy().unmet() {
                    forbids = forbids.or_else(|| self.recordings[number].forbids(unmet));
                }
                match driven.strategy().outcome() {
                    Outcome::Refuted(obstacle) => {
                        refuted.get_or_insert(self.recordings[number].explain(obstacle));
                    }
                    _ => in_doubt = true,
                }
            }
            if refuted.is_some() || in_doubt {
                break;
            }
        }
        match refuted {
            Some(why) if !in_doubt => Ok(Fate::Refuted(why)),
            _ => self.search(finding, runs, in_doubt, forbids),
        }
    }

    /// Runs under constraints until something is decided: the predicted deadlock, if it came about.
    fn drive(
        &self,
        driven: &mut Recording<Directed>,
        finding: &Finding,
        runs: &mut u32,
        hung: &mut u32,
    ) -> Result<Option<Finding>> {
        while *hung < HUNG_RUNS_MAX && driven.begin() {
            *runs += 1;
            let run = self.subject.run(driven, Voice::Silent, Wanted::Findings)?;
            *hung += u32::from(run.ending == Ending::Hung);
            if matches!(run.ending, Ending::Told(end) if end.is_finding()) {
                let stuck = happened(self.subject, &run);
                if let Some(deadlock) = stuck.into_iter().find(|deadlock| comes_true(finding, deadlock)) {
                    return Ok(Some(deadlock));
                }
                driven.strategy_mut().go_on();
            }
        }
        Ok(None)
    }

    /// Where driving does not lead anywhere, chance may, or going through all orders: a run of the one and a run of the
    /// other in turn, since either may be through after a few. `met`: the places of the prediction were met.
    fn search(&self, finding: &Finding, mut runs: u32, met: bool, forbids: Option<String>) -> Result<Fate> {
        let left = u64::from(self.runs_max.saturating_sub(runs));
        let mut sampled = Recording::new(Pos::new(self.seed, left / 2));
        let mut all = Recording::new(Exhaustive::new(left - left / 2));
        let (mut sampling, mut enumerating) = (true, true);
        let mut anything = Anything::default();
        while (sampling || enumerating) && anything.hung < HUNG_RUNS_MAX {
            enumerating = enumerating && all.begin();
            if enumerating && let Some(true_one) = self.look(&mut all, finding, &mut anything)? {
                return Ok(self.confirmed(all.schedule(), runs + 1, true_one));
            }
            runs += u32::from(enumerating);
            if all.strategy().coverage().complete {
                break;
            }
            sampling = sampling && sampled.begin();
            if sampling && let Some(true_one) = self.look(&mut sampled, finding, &mut anything)? {
                return Ok(self.confirmed(sampled.schedule(), runs + 1, true_one));
            }
            runs += u32::from(sampling);
        }
        let coverage = all.strategy().coverage();
        // A run that ends in something else says nothing of what would have come.
        let proved = coverage.complete && !coverage.nondeterministic && !anything.happened;
        let may_be_met = met || !is_of_locks(finding);
        Ok(match forbids {
            Some(order) if proved && met => Fate::Refuted(format!("{order}, in {coverage}")),
            None if proved && may_be_met => Fate::Refuted(format!("none of {coverage} leads there")),
            _ if anything.hung >= HUNG_RUNS_MAX => {
                let why = format!(
                    "neither reached nor refuted in {runs} runs, after which too many had hung: a wait that is not \
                     watched keeps its threads (see `tracked::external`), or they need longer than `--hang-after`"
                );
                Fate::Unconfirmed { why }
            }
            _ if may_be_met && anything.happened => {
                let why = format!(
                    "not reached in {runs} runs, nor to be refuted: some of them ended in something else first"
                );
                Fate::Unconfirmed { why }
            }
            _ if may_be_met => {
                let why = format!("neither reached nor refuted in {runs} runs; `--runs` allows more");
                Fate::Unconfirmed { why }
            }
            _ => Fate::Diverged,
        })
    }

    /// One run: what was predicted, if it came about. `anything`: something else did.
    fn look(
        &self,
        strategy: &mut dyn Strategy,
        finding: &Finding,
        anything: &mut Anything,
    ) -> Result<Option<Finding>> {
        let run = self.subject.run(strategy, Voice::Silent, Wanted::Findings)?;
        let found = happened(self.subject, &run);
        anything.hung += u32::from(run.ending == Ending::Hung);
        anything.happened |=
            !found.is_empty() || !matches!(run.ending, Ending::Told(RunEnd::Finished | RunEnd::Abandoned));
        Ok(found.into_iter().find(|found| comes_true(finding, found)))
    }

    fn confirmed(&self, schedule: &Schedule, runs: u32, deadlock: Finding) -> Fate {
        let mut same = |strategy: &mut dyn Strategy| {
            leads_to(self.subject, strategy, &|other| other.fingerprint == deadlock.fingerprint)
        };
        let shrunk = shrink(schedule, SHRINK_RUNS_MAX, &mut same);
        Fate::Confirmed(Box::new(Confirmed { schedule: shrunk.schedule, runs, deadlock }))
    }
}

/// Runs that are recorded for the places of a prediction.
const RECORDINGS: usize = 2;

/// Why no run shows by itself whether such a finding has come true; none: it does.
fn shows_in_no_run(code: Code) -> Option<&'static str> {
    match code {
        Code::LostUpdate | Code::AtomicityViolation => Some(
            "steps that were interleaved leave no trace in a run, unless a check of the program's own fails",
        ),
        Code::InconsistentLocking => {
            Some("it is about all accesses together, not about an order of two of them")
        }
        Code::CrossProcessDeadlock => Some("one process is under control, and it takes several"),
        _ => None,
    }
}

/// Whether it is about who asks for which lock while holding what: then its places are looked for before it is driven.
fn is_of_locks(finding: &Finding) -> bool {
    matches!(finding.code, Code::LockOrderCycle | Code::Deadlock | Code::RwlockRecursion | Code::SelfDeadlock)
}

/// Whether what happened is what was predicted: the same lines wait, or race.
fn comes_true(predicted: &Finding, found: &Finding) -> bool {
    if predicted.fingerprint == found.fingerprint {
        return true;
    }
    let sites = |finding: &Finding| {
        let mut sites: Vec<String> = finding.evidence.iter().map(|side| side.site.to_string()).collect();
        sites.sort_unstable();
        sites
    };
    let waits_at = |site: &Site| found.evidence.iter().any(|side| side.site == *site);
    match predicted.code {
        Code::DataRace => found.code == Code::DataRace && sites(predicted) == sites(found),
        Code::ExecutorStarvation | Code::LostWakeup | Code::StuckWait => {
            let first = predicted.evidence.first();
            found.code == predicted.code && first.is_some_and(|first| waits_at(&first.site))
        }
        // The one waits under a lock; the other stands before one that it needs to end the wait.
        Code::WaitWhileHolding => {
            let [waiter, waker, ..] = predicted.evidence.as_slice() else { return false };
            let needs = waker.holds.iter().any(|needed| waits_at(&needed.site));
            found.code.is_a_hang() && waits_at(&waiter.site) && needs
        }
        Code::RwlockRecursion => {
            found.code.is_a_hang() && predicted.evidence.iter().all(|side| waits_at(&side.site))
        }
        _ => found.code.is_a_hang() && sites(predicted) == sites(found),
    }
}
