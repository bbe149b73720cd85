//! What a project lives with: the suppression file, and the baseline.

use std::path::Path;

use serde_json::Value;

use crate::support::{Called, call_in, cycle, package_with_trace, stuck};

const FILE: &str = "lockcheck.suppressions.toml";

fn by_sites(sites: &str) -> String {
    format!(
        "[[suppress]]\nreason = \"both run under the file lock\"\nkind = \"lock-order-cycle\"\nsites = [{sites}]\n"
    )
}

const BOTH: &str = "\"src/main.rs:4\", \"src/main.rs:6\"";

fn json(folder: &Path, arguments: &[&str]) -> Called {
    call_in(folder, &[&["--message-format", "json"], arguments].concat())
}

fn fingerprints(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["fingerprint"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_suppressed_finding_is_counted_and_not_shown() {
    let package = package_with_trace(cycle, "");
    let found = json(package.path(), &["run", "."]);
    let found = found.assert_code(1).json();
    assert_eq!(found["suppressed"], 0);
    let [fingerprint] = &fingerprints(&found)[..] else { panic!("{found}") };
    for text in
        [by_sites(BOTH), format!("[[suppress]]\nreason = \"known\"\nfingerprint = \"{fingerprint}\"\n")]
    {
        package.write(FILE, &text);
        let called = json(package.path(), &["run", ".", "--sarif", "log.sarif", "--fail-on", "order"]);
        let report = called.assert_code(0).json();
        assert_eq!((report["suppressed"].as_u64(), report["verdict"].as_str()), (Some(1), Some("clean")));
        assert!(fingerprints(&report).is_empty());
        let log: Value =
            serde_json::from_str(&std::fs::read_to_string(package.path().join("log.sarif")).unwrap())
                .unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 1);
        assert_eq!(results[0]["suppressions"][0]["kind"], "external");
        assert!(results[0]["suppressions"][0]["justification"].as_str().is_some_and(|text| !text.is_empty()));
    }
    let human = call_in(package.path(), &["run", "."]);
    insta::assert_snapshot!(human.assert_code(0).stderr.lines().last().unwrap());
    // Asked for, it is taken from anywhere; beside another package, it is not found.
    std::fs::rename(package.path().join(FILE), package.path().join("elsewhere.toml")).unwrap();
    call_in(package.path(), &["run", "."]).assert_code(1);
    call_in(package.path(), &["run", ".", "--suppressions", "elsewhere.toml"]).assert_code(0);
    call_in(package.path(), &["run", ".", "--suppressions", "none.toml"]).assert_code(2);
}

#[test]
fn one_side_is_not_enough_and_entries_that_are_of_no_use_are_told() {
    let package = package_with_trace(cycle, "");
    for sites in ["\"src/main.rs:4\", \"src/main.rs:3\"", "\"src/main.rs:4\", \"src/lib.rs:6\""] {
        package.write(FILE, &by_sites(sites));
        let called = json(package.path(), &["run", "."]);
        let report = called.assert_code(1).json();
        let notes: Vec<&str> = report["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(
            notes,
            [
                "the suppression at lockcheck.suppressions.toml:1 (`both run under the file lock`) matches nothing in \
              this run: take it away if it is stale"
            ]
        );
    }
}

#[test]
fn a_malformed_entry_ends_the_call_with_its_place() {
    let package = package_with_trace(cycle, "");
    package.write(FILE, "# ours\n[[suppress]]\nfingerprint = \"0123456789abcdef\"\n");
    let human = call_in(package.path(), &["run", "."]);
    insta::with_settings!({ filters => vec![(r"--> .*/lockcheck", "--> [DIR]/lockcheck")] }, {
        insta::assert_snapshot!(human.assert_code(2).stderr);
    });
    let called = json(package.path(), &["run", "."]);
    let error = called.assert_code(2).json();
    assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (Some(2), Some(1)));
    assert_eq!(
        (error["schema"].as_str(), error["code"].as_str()),
        (Some("lockcheck.error.v1"), Some("suppressions"))
    );
    assert!(error["file"].as_str().unwrap().ends_with(FILE));
    package.write(FILE, &by_sites("\"src/main.rs:f\", \"src/main.rs:f\""));
    call_in(package.path(), &["run", "."]).assert_code(2);
}

#[test]
fn a_deadlock_that_happened_is_never_suppressed() {
    let package = package_with_trace(|file| cycle(file).into_iter().chain([stuck()]).collect(), "");
    let text = by_sites(BOTH).replace("lock-order-cycle", "deadlock");
    package.write(FILE, &text);
    let called = json(package.path(), &["run", ".", "--on-deadlock", "report"]);
    let report = called.assert_code(1).json();
    assert_eq!(
        (report["suppressed"].as_u64(), report["findings"][0]["kind"].as_str()),
        (Some(0), Some("deadlock"))
    );
}

#[test]
fn a_baseline_is_written_and_then_only_new_findings_count() {
    let package = package_with_trace(cycle, "");
    let known = ["run", ".", "--baseline", "known.txt"];
    call_in(package.path(), &known).assert_code(2);
    call_in(package.path(), &[&known[..], &["--write-baseline"]].concat()).assert_code(0);
    let text = std::fs::read_to_string(package.path().join("known.txt")).unwrap();
    insta::assert_snapshot!(text);
    let called = json(package.path(), &known);
    let report = called.assert_code(0).json();
    assert_eq!(
        (report["verdict"].as_str(), report["findings"][0]["known"].as_bool()),
        (Some("clean"), Some(true))
    );
    // Nothing is known of this one.
    let other = package_with_trace(|file| cycle(file).into_iter().chain([stuck()]).collect(), "");
    other.write("known.txt", &text);
    call_in(other.path(), &["run", ".", "--baseline", "known.txt", "--on-deadlock", "report"]).assert_code(1);
    // What does not count does not become known: it would hide what it may turn into.
    call_in(
        package.path(),
        &["run", ".", "--fail-on", "never", "--baseline", "none.txt", "--update-baseline"],
    )
    .assert_code(0);
    let none = std::fs::read_to_string(package.path().join("none.txt")).unwrap();
    assert!(none.lines().all(|line| line.starts_with('#')), "{none}");
    call_in(package.path(), &["run", ".", "--update-baseline"]).assert_code(2);
}

/// Two threads that take two locks in opposite orders.
const ABBA: &str = "mutex a b\nthread one: lock a; lock b; unlock b; unlock a\nthread two: lock b; lock a; unlock a; unlock b\n";

#[test]
fn sketches_obey_the_same_flags() {
    for observe in [&[][..], &["--observe"]] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("abba.litmus"), ABBA).unwrap();
        let call = |more: &[&str]| json(folder.path(), &[&["litmus", "abba.litmus"], observe, more].concat());
        let found = call(&["--out", "out", "--sarif", "log.sarif"]);
        let report = found.assert_code(1).json();
        let print = &fingerprints(&report)[0];
        let written: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.path().join("out/report.json")).unwrap())
                .unwrap();
        assert_eq!(fingerprints(&written), fingerprints(&report));
        assert_eq!(written["litmus"][0]["file"], "abba.litmus");
        assert!(std::fs::read_to_string(folder.path().join("log.sarif")).unwrap().contains(print));
        call(&["--fail-on", "never"]).assert_code(0);
        call(&["--fail-on", "actual"]).assert_code(0);
        call(&["--fail-on", "never", "--deny", "LC0001", "--deny", "LC0003"]).assert_code(1);
        call(&["--baseline", "known.txt", "--update-baseline"]).assert_code(0);
        let known = call(&["--baseline", "known.txt"]);
        let known = known.assert_code(0).json();
        assert_eq!(
            (known["verdict"].as_str(), known["findings"][0]["known"].as_bool()),
            (Some("clean"), Some(true))
        );
        assert_eq!(known["litmus"]["file"], "abba.litmus");
        let entries: String = fingerprints(&report)
            .iter()
            .map(|print| format!("[[suppress]]\nreason = \"a sketch\"\nfingerprint = \"{print}\"\n"))
            .collect();
        std::fs::write(folder.path().join("s.toml"), entries).unwrap();
        let suppressed = call(&["--suppressions", "s.toml"]);
        let suppressed = suppressed.assert_code(0).json();
        assert_eq!(suppressed["suppressed"].as_u64(), Some(fingerprints(&report).len() as u64));
        assert_eq!(suppressed["verdict"], "clean");
    }
}
