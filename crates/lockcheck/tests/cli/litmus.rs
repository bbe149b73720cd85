//! `lockcheck litmus`, with and without `--observe`: against the known answers of the corpus, against the prediction on
//! random sketches, and what a user sees.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lockcheck_litmus::{parse, predict, testing};
use serde_json::Value;

use crate::support::{Called, call_in};

fn conformance() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/litmus")
}

/// Calls `lockcheck litmus` in `folder`.
fn litmus(folder: &Path, arguments: &[&str]) -> Called {
    call_in(folder, &[&["litmus"], arguments].concat())
}

/// The lines of the JSON form.
fn lines(called: &Called) -> Vec<Value> {
    called.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn name_of(line: &Value) -> &str {
    let file = line["litmus"]["file"].as_str().unwrap_or_else(|| panic!("no file in {line}"));
    file.rsplit('/').next().unwrap()
}

/// The table of known answers: file name to column to answer.
fn answers() -> BTreeMap<String, BTreeMap<String, String>> {
    let table = std::fs::read_to_string(conformance().join("verdicts.tsv")).unwrap();
    let mut rows = table.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let row = |cells: Vec<String>| {
        (cells[0].clone(), header[1..].iter().cloned().zip(cells[1..].iter().cloned()).collect())
    };
    rows.map(row).collect()
}

#[test]
fn one_run_of_each_sketch_of_the_corpus_foretells_what_the_table_says() {
    let answers = answers();
    let called = litmus(&conformance(), &["--observe", "corpus", "--message-format", "json"]);
    assert_eq!((called.code, called.stderr.as_str()), (1, ""));
    let lines = lines(&called);
    let names: BTreeSet<&str> = lines.iter().map(name_of).collect();
    assert_eq!(names, answers.keys().map(String::as_str).collect());
    let mut wrong = Vec::new();
    for line in &lines {
        let row = &answers[name_of(line)];
        if line["litmus"]["predicted"] != row["predicted"].as_str() {
            wrong.push(format!("{}: expected {}", line["litmus"], row["predicted"]));
        }
        wrong.extend(false_alarms(line, row));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a case cannot deadlock, nothing but lock orders may say that it can.
fn false_alarms(line: &Value, row: &BTreeMap<String, String>) -> Vec<String> {
    let counts = |finding: &&Value| {
        let order = ["LC0001", "LC0002", "LC0004"].contains(&finding["code"].as_str().unwrap());
        !order && finding["tier"] != "order"
    };
    let found = line["findings"].as_array().unwrap().iter().filter(counts);
    let alarms = found.map(|finding| format!("{}: {}", name_of(line), finding["message"]));
    if row["deadlock"] == "n" { alarms.collect() } else { Vec::new() }
}

#[test]
fn all_runs_of_each_sketch_of_the_corpus_give_the_flags_of_the_table() {
    let answers = answers();
    let called = litmus(&conformance(), &["corpus", "--message-format", "json"]);
    assert_eq!((called.code, called.stderr.as_str()), (1, ""));
    let lines = lines(&called);
    assert_eq!(lines.len(), answers.len());
    for line in &lines {
        let (name, row) = (name_of(line), &answers[name_of(line)]);
        let flags =
            ["deadlock", "lost_wakeup", "race", "assertion", "misuse", "leak"].map(|flag| (flag, flag));
        for (column, flag) in flags.into_iter().chain([("self", "self_deadlock")]) {
            assert_eq!(line["litmus"][flag], row[column] == "y", "{name}: {flag}");
        }
        assert_eq!(line["litmus"]["complete"], true, "{name}");
        findings_fit_the_flags(line, row);
    }
}

/// Each flag has findings of its kind and the other way round; each finding has a schedule and its sites.
fn findings_fit_the_flags(line: &Value, row: &BTreeMap<String, String>) {
    let findings = line["findings"].as_array().unwrap();
    let has = |kinds: &[&str]| findings.iter().any(|f| kinds.contains(&f["kind"].as_str().unwrap()));
    let deadlocks = ["deadlock", "self-deadlock", "lost-wakeup"];
    for (column, kinds) in [
        ("deadlock", &deadlocks[..]),
        ("self", &["self-deadlock"]),
        ("race", &["data-race"]),
        ("misuse", &["not-the-owner"]),
        ("leak", &["lock-leaked"]),
    ] {
        assert_eq!(has(kinds), row[column] == "y", "{}: {column}", name_of(line));
    }
    let notes = line["notes"].as_array().unwrap();
    let asserted = notes.iter().any(|note| note.as_str().unwrap().starts_with("assertion"));
    assert_eq!(asserted, row["assertion"] == "y", "{}", name_of(line));
    let found = row.iter().any(|(column, answer)| column != "predicted" && answer == "y");
    assert_eq!(line["verdict"], if found { "findings" } else { "clean" });
    for finding in findings {
        assert_eq!(finding["tier"], "confirmed");
        assert!(finding["schedule"].is_string() && finding["fingerprint"].as_str().unwrap().len() == 16);
        let evidence = finding["evidence"].as_array().unwrap();
        assert!(!evidence.is_empty() && evidence.iter().all(|side| side["site"]["line"].as_u64() > Some(0)));
    }
}

/// What the prediction says of random sketches, and what the detector says of the same run. `LITMUS_SEEDS` may name
/// other seeds: `1000..3000`.
#[test]
fn the_detector_and_the_prediction_agree_on_random_sketches() {
    let seeds = std::env::var("LITMUS_SEEDS").unwrap_or_else(|_| "1..151".to_owned());
    let (from, to) = seeds.split_once("..").expect("seeds are `FROM..TO`");
    let seeds: Vec<u64> = (from.parse().unwrap()..to.parse().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    for &seed in &seeds {
        for (what, text) in [("any", testing::sketch(seed, 6)), ("sections", testing::sections(seed, 4))] {
            let prediction = predict(&parse("random", text.as_bytes()).unwrap());
            let name = format!("{seed:08}-{what}.litmus");
            std::fs::write(folder.path().join(&name), &text).unwrap();
            if !prediction.truncated {
                expected.insert(name, (prediction.tier.to_string(), text));
            }
        }
    }
    let called = litmus(folder.path(), &["--observe", ".", "--message-format", "json"]);
    assert_eq!(called.stderr, "");
    let mut wrong = Vec::new();
    for line in lines(&called) {
        let Some((tier, text)) = expected.remove(name_of(&line)) else { continue };
        if line["litmus"]["predicted"] != tier.as_str() {
            wrong.push(format!("{}: predicted {tier}\n{text}\n{}", line["litmus"], line["findings"]));
        }
    }
    assert!(expected.is_empty(), "every sketch gets its line");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
