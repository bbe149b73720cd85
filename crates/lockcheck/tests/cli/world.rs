//! The closed world: programs that nobody has instrumented, in Python, as they are. Nothing here depends on how fast the
//! machine is: a program that is stuck stays so, and silence is a matter of the unit tests.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Called, call};

fn program(name: &str) -> String {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/programs"].iter().collect();
    folder.join(name).to_string_lossy().into_owned()
}

/// Watches `python3 NAME`, and expects it to be ended.
fn stuck(name: &str) -> (Called, Value) {
    let called = call(&["run", "--message-format", "json", "--", "python3", &program(name)]);
    let report = called.assert_code(3).json();
    assert_eq!(report["verdict"], "hang");
    (called, report)
}

/// The kind of the only finding, and what its sides do, with the process that each is in.
fn sides(report: &Value) -> (String, Vec<(u64, String)>) {
    let [finding] = &report["findings"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(finding["tier"], "actual");
    let sides = finding["evidence"].as_array().unwrap().iter();
    let sides = sides.map(|side| {
        assert!(side["thread"].as_str().unwrap().contains("python"), "{side}");
        (side["process"].as_u64().unwrap(), side["action"].as_str().unwrap().to_owned())
    });
    (finding["kind"].as_str().unwrap().to_owned(), sides.collect())
}

fn expect(name: &str, kind: &str, expected: &[(u64, &str)]) -> Value {
    let (_, report) = stuck(name);
    let (found, sides) = sides(&report);
    let sides: Vec<(u64, &str)> = sides.iter().map(|(process, action)| (*process, &**action)).collect();
    assert_eq!((&*found, &*sides), (kind, expected), "{report}");
    report
}

fn notes(report: &Value) -> String {
    let notes = report["notes"].as_array().unwrap().iter();
    notes.map(|note| note.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tutorial_s_bad_workers() {
    let report = expect("bad_workers.py", "deadlock", &[(0, "wait"), (0, "wait"), (0, "wait")]);
    assert!(
        report["findings"][0]["message"].as_str().unwrap().contains("`python3 bad_workers.py`"),
        "{report}"
    );
    assert!(notes(&report).contains("signals sent by others are left out of the argument"), "{report}");
}

#[test]
fn a_producer_that_is_joined_before_its_queue_is_drained() {
    let report =
        expect("join_before_drain.py", "cross-process-deadlock", &[(0, "join"), (1, "wait"), (1, "send")]);
    let notes = notes(&report);
    assert!(notes.contains("waits for the end of process"), "{notes}");
    assert!(
        notes.contains("writes to pipe:[") && notes.contains("whose other end is held by processes"),
        "{notes}"
    );
    assert_eq!(report["stats"]["processes"], 2);
    let advice = report["findings"][0]["advice"].as_str().unwrap();
    assert!(advice.contains("before waiting for its end"), "{advice}");
}

#[test]
fn both_ends_of_a_pipe_receive_first() {
    expect("both_receive_first.py", "cross-process-deadlock", &[(0, "recv"), (1, "recv")]);
}

#[test]
fn both_ends_of_a_connection_receive_first() {
    expect("both_receive_first_over_tcp.py", "cross-process-deadlock", &[(0, "recv"), (1, "recv")]);
}

#[test]
fn locks_that_processes_share() {
    let expected = [(0, "join"), (1, "wait"), (2, "wait")];
    expect("locks_across_processes.py", "cross-process-deadlock", &expected);
}

#[test]
fn locks_on_files() {
    expect("file_locks.py", "cross-process-deadlock", &[(0, "wait"), (1, "wait")]);
}

#[test]
fn a_lone_thread_that_waits_for_itself() {
    expect("lock_twice.py", "stuck-wait", &[(0, "wait")]);
}

#[test]
fn what_waits_for_the_stuck_is_not_part_of_it() {
    let command = format!("python3 {}; true", program("bad_workers.py"));
    for shell in ["sh", "bash"] {
        let called = call(&["run", "--message-format", "json", "--", shell, "-c", &command]);
        let (kind, sides) = sides(&called.assert_code(3).json());
        assert_eq!((&*kind, sides.len()), ("deadlock", 3));
    }
}

#[test]
fn a_watcher_in_between_does_not_hide_it() {
    let script = program("bad_workers.py");
    let called = call(&["run", "--message-format", "json", "--", "timeout", "1000", "python3", &script]);
    assert_eq!(sides(&called.assert_code(3).json()).0, "deadlock");
}

#[test]
fn the_inner_of_two_watchers_reports() {
    let lockcheck = env!("CARGO_BIN_EXE_lockcheck");
    let script = program("bad_workers.py");
    let called = call(&["run", "--message-format", "json", "--", lockcheck, "run", "--", "python3", &script]);
    let report = called.assert_code(100).json();
    assert_eq!((&report["verdict"], &report["program"]["code"]), (&"inconclusive".into(), &3.into()));
    assert!(called.stderr.contains("error[LC0003]"), "{}", called.stderr);
}

#[test]
fn it_can_be_left_alone() {
    let script = program("bad_workers.py");
    // The program ends by the hand of somebody else, once it has been told about.
    let command = format!("python3 {script} & while ! grep -q LC0003 $0; do sleep 0.05; done; kill -9 $!");
    let stderr = tempfile::NamedTempFile::new().unwrap();
    let mut lockcheck = crate::support::lockcheck();
    lockcheck.args([
        "run",
        "--on-deadlock",
        "report",
        "--message-format",
        "short",
        "--",
        "sh",
        "-c",
        &command,
    ]);
    let path: &Path = stderr.path();
    let status = lockcheck.arg(path).stderr(stderr.reopen().unwrap()).status().unwrap();
    let said = std::fs::read_to_string(path).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.matches("LC0003").count(), 1, "{said}");
}

#[test]
fn a_pipeline_that_finishes_is_left_to_finish() {
    let called = call(&["run", "--message-format", "json", "--", "sh", "-c", "(sleep 1; echo done) | cat"]);
    assert!(called.assert_code(0).stdout.starts_with("done\n"), "{}", called.stdout);
}

#[test]
fn the_human_report_names_who_waits_for_what() {
    let called = call(&["run", "--", "python3", &program("join_before_drain.py")]);
    let text = &called.assert_code(3).stderr;
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("fingerprint")).collect();
    let filters = vec![
        (r"0x[0-9a-f]+", "[address]"),
        (r"process \d+", "process [pid]"),
        (r"processes \d+ and \d+", "processes [pid] and [pid]"),
        (r"\(\d+\)", "([tid])"),
        (r"\[\d+\]", "[inode]"),
        (r"in `python3 .*`;", "in `python3 ...`;"),
    ];
    insta::with_settings!({ filters => filters }, {
        insta::assert_snapshot!(lines.join("\n"));
    });
}
