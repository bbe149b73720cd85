//! The human form of a judgement: one line a file, then for each kind of finding who holds what since which line, who
//! waits for what, and a schedule. Plain text, at most about a screen for one finding. The JSON form is the caller's.

use crate::predict::{PredictedCycle, Prediction, Tier, predict};
use crate::search::Limits;
use crate::state::Mode;
use crate::verdict::{Finding, FindingKind, ThreadStory, Verdict, WaitsFor, and_list, search};
use crate::{ParseError, parse};
use std::fmt::Write;

/// Everything there is to say about one file.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The name the caller gave the file.
    pub file: String,
    /// What all runs can do.
    pub verdict: Verdict,
    /// What the sequential run foretells.
    pub prediction: Prediction,
}

/// Reads a sketch, considers all its runs within the limits, and predicts from the sequential one.
pub fn judge(file: &str, bytes: &[u8], limits: &Limits) -> Result<Judgement, ParseError> {
    let program = parse(file, bytes)?;
    Ok(Judgement { file: file.to_owned(), verdict: search(&program, limits), prediction: predict(&program) })
}

/// Columns of a wrapped schedule.
const WIDTH: usize = 100;
/// Lines of a schedule; what is in between is left out.
const SCHEDULE_LINES: usize = 12;
/// Threads whose story is told.
const THREADS: usize = 8;
/// Columns of an excerpt from the source.
const EXCERPT: usize = 96;

impl Judgement {
    /// The verdict flags and `complete`, by the names of the JSON form.
    #[must_use]
    pub fn flags(&self) -> [(&'static str, bool); 8] {
        let v = &self.verdict;
        [
            ("deadlock", v.deadlock),
            ("self_deadlock", v.self_deadlock),
            ("lost_wakeup", v.lost_wakeup),
            ("race", v.race),
            ("assertion", v.assertion),
            ("misuse", v.misuse),
            ("leak", v.leak),
            ("complete", v.complete),
        ]
    }

    /// Some verdict flag is true.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.flags().iter().any(|&(name, holds)| holds && name != "complete")
    }

    /// One line: the flags, how it was found out, and the prediction.
    #[must_use]
    pub fn summary(&self) -> String {
        let v = &self.verdict;
        let set: Vec<_> = self.flags().iter().filter(|(name, _)| *name != "complete").copied().collect();
        let set: Vec<_> = set.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect();
        let what = match (set.is_empty(), v.complete) {
            (false, _) => set.join(", "),
            (true, true) => "clean".to_owned(),
            (true, false) => "nothing found".to_owned(),
        };
        let scope = match (v.complete, v.can_finish) {
            (false, _) => "incomplete: the limit was reached after",
            (true, false) => "no run finishes;",
            (true, true) => "all runs;",
        };
        format!("{}: {what} ({scope} {} states; predicted: {})", self.file, v.states, self.prediction.tier)
    }

    /// The summary, and the story of the first finding of each kind with the lines of the source.
    #[must_use]
    pub fn render(&self, source: &[u8]) -> String {
        let source = String::from_utf8_lossy(source);
        let lines: Vec<&str> = source.lines().collect();
        let mut out = self.summary();
        out.push('\n');
        for finding in self.told() {
            tell(&mut out, finding, &lines);
        }
        self.tell_rest(&mut out);
        let foretold = self.prediction.cycles.iter().find(|c| c.tier == self.prediction.tier);
        if let Some(cycle) = foretold.filter(|_| !self.verdict.deadlock) {
            tell_prediction(&mut out, cycle);
        }
        out
    }

    /// The first finding of each kind, and the first deadlock of each flag that it does not show.
    fn told(&self) -> Vec<&Finding> {
        let mut told: Vec<&Finding> = Vec::new();
        for finding in &self.verdict.findings {
            let same = || told.iter().filter(|other| other.kind == finding.kind);
            let new_self = finding.self_deadlock && !same().any(|other| other.self_deadlock);
            let new_lost = finding.lost_wakeup && !same().any(|other| other.lost_wakeup);
            if same().next().is_none() || new_self || new_lost {
                told.push(finding);
            }
        }
        told
    }

    fn tell_rest(&self, out: &mut String) {
        let rest = self.verdict.findings.len() - self.told().len();
        if rest > 0 {
            let at_least = if self.verdict.more_findings { "at least " } else { "" };
            let _ = writeln!(out, "\n{at_least}{rest} more of these kinds");
        }
    }
}

fn tell(out: &mut String, finding: &Finding, lines: &[&str]) {
    let _ = writeln!(out, "\n{}: {}", title(finding), finding.message);
    // Threads that share a body often wait at the same line; it is shown once.
    let mut shown = 0;
    for story in finding.threads.iter().take(THREADS) {
        tell_thread(out, story, lines, &mut shown);
    }
    if finding.threads.len() > THREADS {
        let _ = writeln!(out, "  and {} more threads", finding.threads.len() - THREADS);
    }
    if finding.kind != FindingKind::Deadlock {
        finding.places.iter().for_each(|place| excerpt(out, place.line, lines, &mut shown));
    }
    for task in &finding.waiting_tasks {
        let _ = writeln!(out, "  task {task} waits for a worker");
    }
    tell_schedule(out, finding);
}

fn title(finding: &Finding) -> String {
    let mut marks: Vec<&str> = Vec::new();
    if finding.lost_wakeup {
        marks.push("lost wake-up");
    }
    marks.extend(finding.classes.iter().map(|class| class.as_str()));
    let kind = finding.kind.as_str();
    if marks.is_empty() { kind.to_owned() } else { format!("{kind} ({})", marks.join(", ")) }
}

fn tell_thread(out: &mut String, story: &ThreadStory, lines: &[&str], shown: &mut u32) {
    let mut parts = Vec::new();
    if !story.holds.is_empty() {
        let holds =
            story.holds.iter().map(|h| format!("{}{} since line {}", h.object, mode(h.mode), h.since));
        parts.push(format!("holds {}", and_list(&holds.collect::<Vec<_>>())));
    }
    parts.extend(story.waits.as_ref().map(waits));
    let _ = writeln!(out, "  {} {}", story.thread, parts.join("; "));
    if let Some(wait) = &story.waits {
        excerpt(out, wait.line, lines, shown);
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Read => " (read)",
        Mode::Upgradable => " (upgradable)",
        Mode::Exclusive => "",
    }
}

fn waits(wait: &WaitsFor) -> String {
    let statement = format!("waits at line {} in `{}`", wait.line, wait.statement);
    let why = match &wait.could_be_ended_by {
        Some(threads) if threads.is_empty() => "which nobody will end".to_owned(),
        Some(threads) => format!("which only {} could end", and_list(threads)),
        None if wait.lock_back => format!("to get the lock back from {}", and_list(&wait.blocked_by)),
        None => format!("for {}", and_list(&wait.blocked_by)),
    };
    format!("{statement}, {why}")
}

/// A line of the source, unless it is the one that was shown last.
fn excerpt(out: &mut String, line: u32, lines: &[&str], shown: &mut u32) {
    if std::mem::replace(shown, line) == line {
        return;
    }
    let Some(text) = (line as usize).checked_sub(1).and_then(|index| lines.get(index)) else { return };
    let text = text.trim().replace(|c: char| c.is_control(), " ");
    let short: String = text.chars().take(EXCERPT).collect();
    let dots = if short.len() < text.len() { "..." } else { "" };
    let _ = writeln!(out, "  {line:>5} | {short}{dots}");
}

fn tell_schedule(out: &mut String, finding: &Finding) {
    let steps = finding.witness.len();
    if steps == 0 {
        let _ = writeln!(out, "  schedule: before the first step");
        return;
    }
    let _ = writeln!(out, "  schedule ({steps} {}):", if steps == 1 { "step" } else { "steps" });
    let mut rows: Vec<String> = Vec::new();
    for step in &finding.witness {
        let text = format!("{step} @{}", step.line);
        match rows.last_mut() {
            Some(row) if row.len() + text.len() + 2 <= WIDTH => {
                row.push_str(", ");
                row.push_str(&text);
            }
            _ => rows.push(text),
        }
    }
    let skipped = rows.len().saturating_sub(SCHEDULE_LINES);
    for (index, row) in rows.iter().enumerate() {
        if skipped > 0 && index == SCHEDULE_LINES / 2 {
            let _ = writeln!(out, "    ... {skipped} lines ...");
        }
        let hidden = SCHEDULE_LINES / 2..SCHEDULE_LINES / 2 + skipped;
        if !hidden.contains(&index) {
            let _ = writeln!(out, "    {row}");
        }
    }
}

fn tell_prediction(out: &mut String, cycle: &PredictedCycle) {
    let note = if cycle.tier == Tier::Likely {
        "locks alone do not forbid this cycle; something else does, in all runs that were seen"
    } else {
        "locks are taken in inconsistent order"
    };
    let _ = writeln!(out, "\npredicted {}: {note}", cycle.tier);
    for request in cycle.requests.iter().take(THREADS) {
        let _ = writeln!(
            out,
            "  {} holds {} and wants {} (`{}`, line {})",
            request.thread, request.via, request.wants, request.statement, request.line
        );
    }
    if cycle.requests.len() > THREADS {
        let _ = writeln!(out, "  and {} more requests", cycle.requests.len() - THREADS);
    }
}
