//! What a run leaves behind, read again: `analyze` finds the same, `graph` draws it, SARIF holds it.

use serde_json::Value;

use crate::command::{BUILD, RUN, lockcheck, run};
use crate::contract::{self, list, text};
use crate::user::lockcheck_there;

#[test]
fn a_trace_says_again_what_the_run_said() {
    let folder = tempfile::tempdir().unwrap();
    let sarif = folder.path().join("bank.sarif");
    let mut command = lockcheck();
    command.args(["run", "fixtures/bank", "--message-format", "json", "--out"]).arg(folder.path());
    let told = run(command.arg("--sarif").arg(&sarif), BUILD).expect_code(1).json();
    contract::check(&told);
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let written: Value = serde_json::from_str(&read(&folder.path().join("report.json"))).unwrap();
    assert_eq!(written, told, "report.json is what stands on stdout");

    let mut analyze = lockcheck();
    analyze.args(["analyze", "--message-format", "json"]).arg(folder.path());
    let again = run(&mut analyze, RUN).expect_code(1).json();
    contract::check(&again);
    assert_eq!(again["findings"], told["findings"]);
    assert_eq!(again["stats"], told["stats"]);

    let graph = run(lockcheck().arg("graph").arg(folder.path()), RUN).expect_code(0);
    for words in ["digraph", "alice", "bob", "src/main.rs:45"] {
        assert!(graph.stdout.contains(words), "{words}\n{graph}");
    }

    let sarif: Value = serde_json::from_str(&read(&sarif)).unwrap();
    let result = &list(&sarif["runs"][0], "results")[0];
    assert_eq!(text(result, "ruleId"), "LC0001");
}

#[test]
fn what_is_not_a_trace_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.lctrace");
    std::fs::write(&path, "no trace").unwrap();
    let mut analyze = lockcheck();
    let ran = run(analyze.args(["analyze", "--message-format", "json"]).arg(&path), RUN).expect_code(2);
    let error = ran.json();
    assert_eq!(text(&error, "schema"), "lockcheck.error.v1");
    assert_eq!(text(&error, "file"), path.to_str().unwrap());
    std::fs::remove_file(&path).unwrap();
    run(lockcheck().arg("analyze").arg(folder.path()), RUN).expect_code(4);
    run(lockcheck().args(["analyze", "no/such/trace"]), RUN).expect_code(2);
}

/// Both sides of a race come with their stacks, each with the one that this access was made with: the same line is
/// reached by two ways. And with what would have ordered them.
#[test]
fn a_recorded_race_has_both_stacks_and_says_what_would_have_ordered_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = lockcheck_there();
    record.args(["run", "--record", "programs", "--bin", "race", "--message-format", "json", "--out"]);
    let told = run(record.arg(folder.path()), BUILD).expect_code(1).json();
    contract::check(&told);
    let race = list(&told, "findings").iter().find(|finding| finding["code"] == "LC0101").unwrap();
    let ways: Vec<Vec<&str>> = list(race, "evidence")
        .iter()
        .map(|side| {
            let frames = list(side, "backtrace").iter().map(|frame| text(frame, "function"));
            frames.filter_map(|name| name.strip_prefix("race::")).collect()
        })
        .collect();
    assert_eq!(ways, [vec!["put", "pay_in", "main"], vec!["audit", "main::{{closure}}"]], "{race}");
    assert_eq!(text(race, "tier"), "predicted");

    // What is analysed afterwards has the same, on every run.
    let analyze = || {
        let mut analyze = lockcheck_there();
        analyze.args(["analyze", "--message-format", "json"]).arg(folder.path());
        run(&mut analyze, RUN).expect_code(1)
    };
    let again = analyze();
    assert_eq!(again.json()["findings"], told["findings"]);
    assert_eq!(analyze().stdout, again.stdout);

    let mut people = lockcheck_there();
    let ran = run(people.arg("analyze").arg(folder.path()), RUN).expect_code(1);
    let path = folder.path().to_str().unwrap();
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("recorded_race", ran.report().replace(path, "FOLDER"));
    });
}

/// What happened is not foretold besides: the deadlock stands for the order that led to it.
#[test]
fn a_recorded_deadlock_is_told_once() {
    let mut record = lockcheck_there();
    record.args(["run", "--record", "programs", "--bin", "hang", "--message-format", "json"]);
    let told = run(&mut record, BUILD).expect_code(3).json();
    contract::check(&told);
    let found = list(&told, "findings").iter().map(|finding| (text(finding, "code"), text(finding, "tier")));
    assert_eq!(found.collect::<Vec<_>>(), [("LC0003", "actual")], "{told}");
}
