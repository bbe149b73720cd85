//! `lockcheck verify`: the fixtures do what their expectations say, and each way of not doing so has its own word.

use serde_json::Value;

use crate::command::{BUILD, lockcheck, root, run};
use crate::contract::{list, text};
use crate::user::lockcheck_there;

#[test]
fn every_fixture_is_as_expected() {
    let ran = run(lockcheck().args(["verify", "fixtures", "--message-format", "json"]), BUILD);
    let report = ran.json();
    assert_eq!(text(&report, "schema"), "lockcheck.verify.v1");
    let fixtures = list(&report, "fixtures");
    let wrong: Vec<_> = fixtures.iter().filter(|fixture| fixture["result"] != "ok").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(report["failed"], 0);
    ran.expect_code(0);
    let mut names: Vec<&str> = fixtures.iter().map(|fixture| text(fixture, "name")).collect();
    names.sort_unstable();
    let folders = std::fs::read_dir(root().join("fixtures")).unwrap();
    let mut expected: Vec<String> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    expected.sort_unstable();
    assert_eq!(names, expected, "every fixture states what is expected of it");
}

#[test]
fn the_table_has_a_line_for_each() {
    let ran = run(lockcheck().args(["verify", "fixtures/bank", "--jobs", "1"]), BUILD).expect_code(0);
    let line = ran.stdout.lines().find(|line| line.starts_with("bank ")).unwrap_or_else(|| panic!("{ran}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1], "ok", "{line}");
    assert!(line.ends_with("lock-order-cycle (likely) at src/main.rs:44, src/main.rs:45"), "{line}");
    assert!(ran.stdout.ends_with("\n1 of 1 as expected\n"), "{ran}");
}

/// The result of one of the user's fixtures, with the exit code.
fn result(name: &str, code: i32) -> Value {
    let folder = format!("expectations/{name}");
    let ran = run(lockcheck_there().args(["verify", &folder, "--message-format", "json"]), BUILD);
    let report = ran.expect_code(code).json();
    assert_eq!(report["failed"], 1);
    list(&report, "fixtures")[0].clone()
}

#[test]
fn what_is_missing_is_named() {
    let fixture = result("missing", 1);
    assert_eq!(text(&fixture, "result"), "missing");
    assert_eq!(list(&fixture, "missing"), ["lock-order-cycle at src/main.rs:4"]);
    assert_eq!(list(&fixture, "unexpected"), [] as [Value; 0]);
}

#[test]
fn what_is_unexpected_is_named() {
    let fixture = result("unexpected", 1);
    assert_eq!(text(&fixture, "result"), "unexpected");
    assert_eq!(list(&fixture, "unexpected"), ["self-deadlock (actual) at src/main.rs:6:24"]);
    assert_eq!(list(&fixture, "missing"), [] as [Value; 0]);
}

#[test]
fn what_is_malformed_is_named() {
    let fixture = result("malformed", 2);
    assert_eq!(text(&fixture, "result"), "malformed");
    assert!(text(&fixture, "details").contains("lockcheck.toml:3:8"), "{fixture}");
}

#[test]
fn each_has_its_own_word_in_the_table() {
    let ran = run(lockcheck_there().args(["verify", "expectations"]), BUILD).expect_code(2);
    for (name, word) in [("missing", "missing"), ("unexpected", "unexpected"), ("malformed", "malformed")] {
        let line = ran.stdout.lines().find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("{ran}"));
        assert_eq!(line.split_whitespace().nth(1), Some(word), "{line}");
    }
    assert!(ran.stdout.ends_with("\n0 of 3 as expected\n"), "{ran}");
    run(lockcheck_there().args(["verify", "plain"]), BUILD).expect_code(2).expect_stderr(&["no fixture"]);
}
