//! `lockcheck verify`: each way a fixture can fail has its own word.

use std::path::Path;

use lockcheck_events::Record;
use serde_json::Value;

use crate::support::{LEAVES_TRACE, beginning, call_in, cycle, write_trace};

/// Adds a fixture whose program leaves these records.
fn add(root: &Path, name: &str, expectations: &str, main: &str, records: fn(&str) -> Vec<Record>) {
    let folder = root.join(name);
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let package = name.rsplit('/').next().unwrap();
    let manifest =
        format!("[package]\nname = '{package}'\nversion = '0.1.0'\nedition = '2024'\n[workspace]\n");
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("lockcheck.toml"), expectations).unwrap();
    std::fs::write(folder.join("src/main.rs"), main).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let trace = write_trace(scratch.path(), &records(folder.join("src/main.rs").to_str().unwrap()));
    std::fs::copy(trace, folder.join("trace.bin")).unwrap();
}

const CYCLE: &str =
    "[[expect]]\nkind = 'lock-order-cycle'\ntier = 'likely'\nsites = ['src/main.rs:3', 'src/main.rs:6']";

fn results(report: &Value) -> Vec<(String, String)> {
    let rows = report["fixtures"].as_array().unwrap().iter();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    rows.map(|row| (text(row, "name"), text(row, "result"))).collect()
}

#[test]
fn fixtures_that_keep_their_word_pass() {
    let root = tempfile::tempdir().unwrap();
    add(root.path(), "calm", "clean = true", LEAVES_TRACE, beginning);
    add(root.path(), "deep/crossed", CYCLE, LEAVES_TRACE, cycle);
    let either = "[[expect]]\nany_of = [{ kind = 'deadlock' }, { kind = 'LC0001' }]";
    add(root.path(), "either", either, LEAVES_TRACE, cycle);
    let called = call_in(root.path(), &["verify", ".", "--jobs", "2"]);
    called.assert_code(0);
    let table: Vec<&str> = called.stdout.lines().collect();
    assert!(table[0].starts_with("fixture") && table[0].contains("expected"), "{}", called.stdout);
    assert!(table[1].starts_with("calm") && table[1].contains(" ok ") && table[1].ends_with("clean"));
    assert!(table[2].starts_with("deep/crossed") && table[2].contains("at src/main.rs:3, src/main.rs:6"));
    assert_eq!(*table.last().unwrap(), "3 of 3 as expected");
}

#[test]
fn each_failure_has_its_own_word() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    add(root, "missing", CYCLE, LEAVES_TRACE, beginning);
    add(root, "unexpected", "clean = true", LEAVES_TRACE, cycle);
    add(root, "elsewhere", &CYCLE.replace(":6", ":60"), LEAVES_TRACE, cycle);
    add(root, "failed", "clean = true", &LEAVES_TRACE.replace("map_or(0,", "map_or(9,"), beginning);
    add(root, "silent", "clean = true", "fn main() {}", beginning);
    // The others have all the time that a loaded machine may need.
    let called = call_in(root, &["verify", ".", "--message-format", "json", "--timeout", "10m"]);
    let report = called.assert_code(1).json();
    assert_eq!((&report["schema"], &report["failed"]), (&"lockcheck.verify.v1".into(), &5.into()));
    let expected = [
        ("elsewhere", "missing"),
        ("failed", "failed"),
        ("missing", "missing"),
        ("silent", "not-instrumented"),
        ("unexpected", "unexpected"),
    ];
    assert_eq!(results(&report), expected.map(|(name, word)| (name.to_owned(), word.to_owned())));
    assert!(
        report["fixtures"][4]["unexpected"][0].as_str().unwrap().starts_with("lock-order-cycle (likely)")
    );
}

#[test]
fn what_does_not_end_in_time_has_a_word_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let sleeps = "fn main() { loop { std::thread::sleep(std::time::Duration::from_secs(1000)) } }";
    add(root.path(), "slow", "clean = true", sleeps, beginning);
    let called = call_in(root.path(), &["verify", ".", "--message-format", "json", "--timeout", "1"]);
    assert_eq!(results(&called.assert_code(1).json()), [("slow".to_owned(), "timeout".to_owned())]);
}

#[test]
fn a_malformed_file_and_a_broken_build_end_the_call_in_their_own_way() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    add(root, "calm", "clean = true", LEAVES_TRACE, beginning);
    add(root, "broken", "clean = true", "fn main() { missing() }", beginning);
    let called = call_in(root, &["verify", "."]);
    assert!(called.assert_code(101).stdout.contains("not-built"), "{}", called.stdout);
    add(root, "malformed", "[[expect]]\nkind = 'dedlock'", LEAVES_TRACE, beginning);
    let called = call_in(root, &["verify", "."]);
    called.assert_code(2);
    assert!(
        called.stdout.contains("malformed") && called.stdout.contains("lockcheck.toml:2:8"),
        "{}",
        called.stdout
    );
    assert!(called.stdout.contains("1 of 3 as expected"), "{}", called.stdout);
}

#[test]
fn a_folder_without_fixtures_is_a_mistake() {
    let root = tempfile::tempdir().unwrap();
    assert!(call_in(root.path(), &["verify", "."]).assert_code(2).stderr.contains("no fixture under `.`"));
    call_in(root.path(), &["verify", "none"]).assert_code(2);
}
