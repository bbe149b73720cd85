//! `lockcheck order`: an order written down, read by people, and enforced.

use std::path::Path;

use lockcheck_events::{LockId, LockKind, Record, SiteId};
use serde_json::Value;

use crate::support::{Called, beginning, both, call_in, cycle, package_with_trace, write_trace};

fn json(folder: &Path, arguments: &[&str]) -> Called {
    call_in(folder, &[&["--message-format", "json", "order"], arguments].concat())
}

/// A trace in `dir/name` with one or both of the requests of a cycle; the first lock has a name.
fn trace(dir: &Path, name: &str, requests: std::ops::Range<usize>) {
    let mut records = beginning("/nowhere/src/main.rs");
    let (kind, created) = (LockKind::Mutex, SiteId(1));
    records.push(Record::Lock { lock: LockId(1), kind, created, name: Some("registry".to_owned()) });
    records.extend(both()[requests].iter().cloned().map(Record::Request));
    let folder = dir.join(name);
    std::fs::create_dir(&folder).unwrap();
    write_trace(&folder, &records);
}

fn notes(report: &Value) -> Vec<&str> {
    report["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[test]
fn what_is_written_is_followed_and_what_is_done_against_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trace(dir, "there", 0..1);
    trace(dir, "back", 1..2);
    let emitted = json(dir, &["--emit", "order.toml", "there"]);
    let summary = emitted.assert_code(0).json();
    assert_eq!((summary["locks"].as_u64(), summary["levels"].as_u64()), (Some(2), Some(2)));
    insta::assert_snapshot!("order_file", std::fs::read_to_string(dir.join("order.toml")).unwrap());
    let clean = json(dir, &["--check", "order.toml", "there"]);
    let clean = clean.assert_code(0).json();
    assert_eq!((clean["verdict"].as_str(), notes(&clean).len()), (Some("clean"), 0), "{clean}");

    let against = json(dir, &["--check", "order.toml", "there", "back"]);
    let against = against.assert_code(1).json();
    let [finding] = &against["findings"].as_array().unwrap()[..] else { panic!("{against}") };
    assert_eq!((finding["code"].as_str(), finding["tier"].as_str()), (Some("LC0001"), Some("likely")));
    let [side] = &finding["evidence"].as_array().unwrap()[..] else { panic!("{finding}") };
    assert_eq!(
        (side["site"]["line"].as_u64(), side["holds"][0]["site"]["line"].as_u64()),
        (Some(6), Some(5))
    );
    let human = call_in(dir, &["order", "--check", "order.toml", "back"]);
    insta::assert_snapshot!("order_check", human.assert_code(1).stderr);
    call_in(dir, &["order", "--check", "order.toml", "back", "--fail-on", "never"]).assert_code(0);
}

#[test]
fn what_is_taken_in_both_orders_is_left_to_decide() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trace(dir, "both", 0..2);
    let emitted = call_in(dir, &["order", "--emit", "-", "both"]);
    insta::assert_snapshot!("order_undecided", emitted.assert_code(0).stdout);
    std::fs::write(dir.join("order.toml"), &emitted.stdout).unwrap();
    let checked = json(dir, &["--check", "order.toml", "both"]);
    let checked = checked.assert_code(0).json();
    assert_eq!(checked["findings"].as_array().unwrap().len(), 0, "{checked}");
    assert!(notes(&checked).iter().all(|note| note.contains("undecided")) && notes(&checked).len() == 2);
}

#[test]
fn what_the_order_does_not_know_and_what_it_says_in_vain_are_notes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trace(dir, "there", 0..1);
    let order = "[[lock]]\nlevel = 3\nname = 'registry'\n[[lock]]\nlevel = 9\ncreated = 'src/gone.rs:7'\n";
    std::fs::write(dir.join("order.toml"), order).unwrap();
    let report = json(dir, &["--check", "order.toml", "there"]);
    let report = report.assert_code(0).json();
    let expected = [
        "order.toml does not declare the locks created at src/main.rs:2:5",
        "order.toml declares `src/gone.rs:7`, which takes part in no nesting here",
    ];
    assert_eq!(notes(&report), expected);
    let level = "[[lock]]\nlevel = 0\nname = 'registry'\n[[lock]]\nlevel = 0\ncreated = 'src/main.rs:2'\n";
    std::fs::write(dir.join("order.toml"), level).unwrap();
    let report = json(dir, &["--check", "order.toml", "there"]);
    let report = report.assert_code(0).json();
    assert!(notes(&report)[0].starts_with("order.toml declares no order between `registry` and"), "{report}");
}

#[test]
fn a_program_is_run_for_its_order() {
    let package = package_with_trace(cycle, "");
    call_in(package.path(), &["order", "--emit", "order.toml", "."]).assert_code(0);
    let text = std::fs::read_to_string(package.path().join("order.toml")).unwrap();
    assert!(
        text.contains("created = \"src/main.rs:1:5\"\npackage = \"sample\"")
            && text.contains("[[undecided]]"),
        "{text}"
    );
    call_in(package.path(), &["order", "--check", "order.toml", "."]).assert_code(0);
    let decided = text.split("[[undecided]]").next().unwrap().replacen("level = 0", "level = 1", 1);
    package.write("order.toml", &decided);
    let called = json(package.path(), &["--check", "order.toml", ".", "--sarif", "log.sarif"]);
    let report = called.assert_code(1).json();
    assert!(
        report["findings"][0]["message"]
            .as_str()
            .unwrap()
            .ends_with("level 0 is asked for under level 1 of order.toml")
    );
    assert!(package.path().join("log.sarif").is_file());
    package.write("src/main.rs", "fn main() {}");
    let called = call_in(package.path(), &["order", "--check", "order.toml", "."]);
    assert!(called.assert_code(4).stderr.contains("tracked"), "{}", called.stderr);
}

#[test]
fn traces_of_events_have_an_order_too() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let there = "T1|acq(a)|1\nT1|acq(b)|2\nT1|rel(b)|3\nT1|rel(a)|4\n";
    std::fs::write(dir.join("there.std"), there).unwrap();
    let back = there.replace('a', "x").replace('b', "a").replace("(x)", "(b)").replace("xc", "ac");
    std::fs::write(dir.join("back.std"), back).unwrap();
    call_in(dir, &["order", "--emit", "order.toml", "there.std"]).assert_code(0);
    call_in(dir, &["order", "--check", "order.toml", "there.std"]).assert_code(0);
    let report = json(dir, &["--check", "order.toml", "back.std"]);
    let report = report.assert_code(1).json();
    let side = &report["findings"][0]["evidence"][0];
    assert_eq!((side["site"]["file"].as_str(), side["site"]["line"].as_u64()), (Some("back.std"), Some(2)));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trace(dir, "there", 0..1);
    std::fs::write(dir.join("order.toml"), "[[lock]]\nlevel = 0\n").unwrap();
    let error = json(dir, &["--check", "order.toml", "there"]);
    let error = error.assert_code(2).json();
    assert_eq!(
        (error["code"].as_str(), error["line"].as_u64(), error["column"].as_u64()),
        (Some("lock-order"), Some(1), Some(1))
    );
    let exists = call_in(dir, &["order", "--emit", "order.toml", "there"]);
    assert!(exists.assert_code(2).stderr.contains("--force"), "{}", exists.stderr);
    call_in(dir, &["order", "--emit", "order.toml", "--force", "there"]).assert_code(0);
    call_in(dir, &["order", "there"]).assert_code(2);
    call_in(dir, &["order", "--check", "none.toml", "there"]).assert_code(2);
    call_in(dir, &["order", "--check", "order.toml", "nothing-here"]).assert_code(2);
    std::fs::create_dir(dir.join("empty")).unwrap();
    call_in(dir, &["order", "--emit", "other.toml", "empty"]).assert_code(4);
    call_in(dir, &["order", "--check", "order.toml", "empty"]).assert_code(4);
}
