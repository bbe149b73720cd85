//! All runs of a sketch: the flags of the contract, the findings, and the story for people.

use lockcheck_checker::{Report, Stats, Verdict};
use lockcheck_events::source::SourceMap;
use lockcheck_litmus::ast::Kind;
use lockcheck_litmus::{FindingKind, Judgement, Limits, predict, search};

use super::{Judged, Sketch, findings};
use crate::config;

/// Considers all runs within `states` states, or the engine's own limit.
pub fn judge(
    sketch: &Sketch,
    states: Option<usize>,
    sources: &SourceMap,
    rules: &config::Judgement,
) -> Judged {
    let mut limits = Limits::default();
    limits.states = states.unwrap_or(limits.states);
    let file = sketch.file();
    let verdict = search(&sketch.program, &limits);
    let judgement = Judgement { file, verdict, prediction: predict(&sketch.program) };
    let assertion = judgement.verdict.findings.iter().any(|found| found.kind == FindingKind::Assertion);
    let mut report = report(sketch, &judgement, sources);
    let found = report.findings.clone();
    rules.suppress(&mut report, false);
    if report.verdict == Verdict::Findings
        && !assertion
        && report.findings.iter().all(|finding| rules.is_known(finding))
    {
        report.verdict = Verdict::Clean;
    }
    let story = format!("{}\n{}", judgement.render(&sketch.bytes), super::suppressed(&report));
    Judged { report, found, litmus: litmus(&judgement), story, assertion }
}

/// The flags of the contract, and what the search counted.
fn litmus(judgement: &Judgement) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    object.insert("file".to_owned(), judgement.file.clone().into());
    object.extend(judgement.flags().map(|(name, holds)| (name.to_owned(), holds.into())));
    let verdict = &judgement.verdict;
    object.insert("can_finish".to_owned(), verdict.can_finish.into());
    object.insert("states".to_owned(), verdict.states.into());
    let classes: Vec<&str> = verdict.classes.iter().map(|class| class.as_str()).collect();
    object.insert("classes".to_owned(), classes.into());
    object.into()
}

fn report(sketch: &Sketch, judgement: &Judgement, sources: &SourceMap) -> Report {
    let verdict = &judgement.verdict;
    let code = sketch.program.code();
    let mut report = Report::empty(&judgement.file);
    report.findings = findings::all(sketch, verdict, sources);
    report.verdict = match (judgement.has_findings(), verdict.complete) {
        (true, _) => Verdict::Findings,
        (false, true) => Verdict::Clean,
        (false, false) => Verdict::Inconclusive,
    };
    let is_lock = |kind: Kind| matches!(kind, Kind::Mutex | Kind::RLock | Kind::RwLock | Kind::Once);
    report.stats = Stats {
        threads: code.threads.len() as u64,
        locks: code.objects.iter().filter(|object| is_lock(object.kind)).count() as u64,
        ..Stats::default()
    };
    // No code of the table stands for a false assertion.
    let assertions = verdict.findings.iter().filter(|finding| finding.kind == FindingKind::Assertion);
    report.notes.extend(assertions.map(|finding| {
        let lines: Vec<String> = finding.places.iter().map(|place| format!("line {}", place.line)).collect();
        format!("assertion, {}: {} after {}", lines.join(", "), finding.message, findings::schedule(finding))
    }));
    if !verdict.complete {
        let states = verdict.states;
        report.notes.push(format!(
            "not all runs were considered: the limit was reached after {states} states (`--limit`)"
        ));
    }
    if verdict.more_findings {
        report.notes.push("there are more findings of some kind than are told".to_owned());
    }
    report
}
