//! The traces with known answers under `tests/conformance/traces`: every row of the sketches' `verdicts.tsv`, and the
//! counts of the published table. Rows that are not judged are listed by name, and the list must be exact.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use lockcheck_checker::trace::{Analysis, Config, Cycle, Harmless, TraceFindings, TraceTier};
use lockcheck_events::std_text::TextReader;
use lockcheck_events::trace_event::Trace;

/// Properties of `verdicts.tsv` that the analysis does not decide.
const NOT_JUDGED: &[(&str, &str)] = &[
    ("deadlock_predictable_writer_preferring", "locks that prefer writers are not modelled in traces"),
    ("lost_notify_or_stuck_wait", "stuck waits are judged online, not from traces"),
    ("race_wcp_racy_events", "weak causal precedence is not implemented: it is not sound for races"),
];

/// A folder of the conformance traces.
fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/traces").join(name)
}

/// The trace `name`.
fn trace(kind: &str, name: &str) -> Trace {
    let path = folder(kind).join(format!("{name}.std"));
    let text = fs::read(&path).expect("the conformance trace is there");
    Trace::read(TextReader::new(path.display().to_string(), &text[..])).expect("it parses")
}

/// What the analysis finds in it.
fn analyse(trace: &Trace) -> TraceFindings {
    let mut analysis = Analysis::new(Config::default());
    for located in &trace.events {
        analysis.event(located).expect("it is well-formed");
    }
    analysis.finish()
}

/// The later events of the races that may reverse critical sections, when nothing else looks for races.
fn reversing(trace: &Trace) -> String {
    let config = Config { hb: false, shb: false, syncp: false, ..Config::default() };
    let mut analysis = Analysis::new(config);
    for located in &trace.events {
        analysis.event(located).expect("it is well-formed");
    }
    let lines: BTreeSet<u32> = analysis.finish().races.iter().map(|race| race.second.line).collect();
    let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join(" ") }
}

/// Line tuples as the table writes them.
fn tuples(tuples: impl IntoIterator<Item = Vec<u32>>) -> String {
    let sorted: BTreeSet<Vec<u32>> = tuples
        .into_iter()
        .map(|mut tuple| {
            tuple.sort_unstable();
            tuple
        })
        .collect();
    let texts: Vec<String> = sorted
        .iter()
        .map(|tuple| {
            let lines: Vec<String> = tuple.iter().map(u32::to_string).collect();
            format!("<{}>", lines.join(","))
        })
        .collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(" ") }
}

/// The lines of the cycles that `keep`.
fn cycles(findings: &TraceFindings, keep: impl Fn(&Cycle) -> bool) -> String {
    tuples(findings.cycles.iter().filter(|cycle| keep(cycle)).map(Cycle::lines))
}

/// The lines of the races that `keep`.
fn races(findings: &TraceFindings, keep: impl Fn(&lockcheck_checker::trace::Race) -> bool) -> String {
    let kept = findings.races.iter().filter(|race| keep(race));
    tuples(kept.map(|race| vec![race.first.line, race.second.line]))
}

/// Yes or no.
fn yes(condition: bool) -> String {
    if condition { "yes" } else { "no" }.to_owned()
}

/// The tuples in a table entry.
fn entries(text: &str) -> BTreeSet<&str> {
    text.split(' ').filter(|entry| *entry != "none").collect()
}

/// What the analysis says about one property; `None` if it does not judge it.
fn answer(findings: &TraceFindings, trace: &Trace, property: &str) -> Option<String> {
    let pattern = |cycle: &Cycle| cycle.harmless != Some(Harmless::NoPattern) && !cycle.has_join();
    Some(match property {
        "lock_order_cycle" => yes(findings.cycles.iter().any(|cycle| !cycle.has_join())),
        "deadlock_patterns" => cycles(findings, pattern),
        "deadlock_sync_preserving" | "deadlock_predictable" => {
            cycles(findings, |cycle| pattern(cycle) && cycle.tier == TraceTier::Predicted)
        }
        "deadlock_via_join" => {
            cycles(findings, |cycle| cycle.has_join() && cycle.tier == TraceTier::Predicted)
        }
        "race_hb" => races(findings, |race| race.relations.hb),
        "race_shb" => races(findings, |race| race.relations.shb),
        "race_sync_preserving" => races(findings, |race| race.relations.syncp),
        "race_osr_racy_events" => reversing(trace),
        "race_predictable" => races(findings, |race| race.tier == TraceTier::Predicted),
        "lockset_violation" => {
            let name = |variable| trace.names.variables.name(variable).expect("it has a name");
            let names: BTreeSet<&str> =
                findings.inconsistent_locking.iter().map(|hint| name(hint.variable)).collect();
            let names: Vec<&str> = names.into_iter().collect();
            if names.is_empty() { "none".to_owned() } else { names.join(" ") }
        }
        "atomicity_violation" => yes(!findings.broken_regions.is_empty()),
        _ => return None,
    })
}

#[test]
fn every_row_of_the_sketches() {
    let table = fs::read_to_string(folder("sketches").join("verdicts.tsv")).expect("it is there");
    let mut wrong = String::new();
    let mut judged = BTreeMap::<&str, u32>::new();
    let mut unjudged = BTreeSet::new();
    let mut cache = BTreeMap::new();
    for row in table.lines().skip(1) {
        let [name, property, expected, why] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a row has four columns: {row}");
        };
        let (trace, findings) = cache.entry(name).or_insert_with(|| {
            let trace = trace("sketches", name);
            let findings = analyse(&trace);
            (trace, findings)
        });
        let Some(found) = answer(findings, trace, property) else {
            unjudged.insert(property);
            continue;
        };
        *judged.entry(property).or_default() += 1;
        // What is predictable bounds from above what is found soundly; sync-preservation need not find all of it.
        let bound = property.ends_with("_predictable");
        let good = if bound { entries(&found).is_subset(&entries(expected)) } else { found == expected };
        if !good {
            writeln!(wrong, "{name} {property}: found {found}, expected {expected} ({why})")
                .expect("a string takes it");
        }
    }
    assert_eq!(wrong, "");
    assert_eq!(unjudged, NOT_JUDGED.iter().map(|row| row.0).collect(), "update NOT_JUDGED");
    assert!(judged.len() >= 10, "{judged:?}");
}

#[test]
fn the_published_table() {
    let table = fs::read_to_string(folder("published").join("spd_pldi23_table1.tsv"));
    let table = table.expect("it is there");
    for name in ["Bensalem", "Transfer", "StringBuffer", "DiningPhil", "Deadlock"] {
        let row = table.lines().find(|row| row.starts_with(&format!("{name}\t")));
        let row: Vec<&str> = row.expect("the table has it").split('\t').collect();
        let findings = analyse(&trace("published", name));
        let predicted = |cycle: &&Cycle| cycle.tier == TraceTier::Predicted;
        let found = findings.cycles.iter().filter(predicted).count();
        assert_eq!(found.to_string(), row[13], "{name}: {:#?}", findings.cycles);
        assert_eq!(findings.stats.patterns.to_string(), row[7], "{name}: abstract patterns");
        if name == "DiningPhil" {
            assert_eq!(findings.cycles[0].edges.len(), 5);
        }
    }
}

#[test]
fn the_same_trace_gives_the_same_findings() {
    for name in ["StringBuffer", "DiningPhil"] {
        let trace = trace("published", name);
        assert_eq!(analyse(&trace), analyse(&trace), "{name}");
    }
}
