//! Each fixture as `lockcheck run` shows it: the report for people word for word, the one for programs field by
//! field. Filtered are ids of processes, never places or fingerprints.

use serde_json::Value;

use crate::command::{BUILD, RUN, Ran, built, lockcheck, root, run};
use crate::contract::{self, list, text};

/// The name of a fixture, and a line that it prints.
const CLEAN: [(&str, &str); 14] = [
    ("bank_account", "final balance: 51000"),
    ("bounded_queue", "10 items, in order"),
    ("connection_pool", "10 clients served"),
    ("data_processor", "total: 55"),
    ("good_workers", "both workers finished"),
    ("resource_pool", "in_use: 0"),
    ("thread_local", "Thread-5: 1225"),
    ("threads", "all threads are done: T0, T1, T2, T3, T4"),
    ("tree", "101 nodes"),
    ("downloads", "file 1: 60 %, stopped"),
    ("error_handling", "6 results, 4 errors"),
    ("executor_downloads", "3 pages, 2 errors"),
    ("future_callbacks", "4 callbacks: [1, 4, 16]"),
    ("worker_pool", "10 results"),
];

fn run_fixture(name: &str, arguments: &[&str]) -> Ran {
    run(lockcheck().arg("run").arg(format!("fixtures/{name}")).args(arguments), BUILD)
}

fn only_finding(report: &Value) -> &Value {
    contract::check(report);
    let findings = list(report, "findings");
    assert_eq!(findings.len(), 1, "each problem is reported once: {report}");
    &findings[0]
}

/// Pins a report for people. Numbers of processes and threads differ from run to run and place to place.
macro_rules! assert_report {
    ($name:expr, $ran:expr $(, $filter:expr)*) => {
        insta::with_settings!({ omit_expression => true, filters => [
            (r"(thread '[^']*') \(\d+\)", "$1 (ID)"),
            (r"\d+ threads?", "N threads"),
            // Whoever has to wait makes the locks it holds known: that depends on who comes first.
            (r"\d+ locks?, (\d+ lock-order)", "N locks, $1"),
            // How long threads had to wait says how loaded the machine is.
            (r"(?s)note\[LC030[12]\].*?fingerprint [0-9a-f]{16}\n\n", ""),
            $($filter,)*
        ] }, { insta::assert_snapshot!($name, $ran.report()) })
    };
}

#[test]
fn clean_fixtures_are_clean_and_do_their_work() {
    for (name, line) in CLEAN {
        let ran = run_fixture(name, &[]).expect_code(0);
        assert!(ran.stdout.contains(line), "expected `{line}`\n{ran}");
        // There are no other notes: they would stand there.
        assert_report!(
            name,
            ran,
            (r"clean in (`[^`]*`), with \d+ notes?;", "clean: no deadlock found in $1;")
        );
        let ran = run(lockcheck().args(["run", "--message-format", "json", "--", &built(name)]), RUN);
        let ran = ran.expect_code(0);
        let report = ran.json();
        contract::check(&report);
        assert_eq!(text(&report, "verdict"), "clean");
        assert_eq!(report["program"], serde_json::json!({ "code": 0, "signal": null }));
        let timing = |finding: &&Value| ["LC0301", "LC0302"].contains(&text(finding, "code"));
        let other = list(&report, "findings").iter().filter(|finding| !timing(finding));
        assert_eq!(other.count(), 0, "{report}");
        assert!(report["stats"]["threads"].as_u64() >= Some(2), "{report}");
    }
}

#[test]
fn bank() {
    let ran = run_fixture("bank", &[]).expect_code(1);
    assert!(ran.stdout.contains("final balance: 51000\nalice: 900, bob: 1100\n"), "{ran}");
    assert_report!("bank", ran);
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&ran.report()), "the README shows what is printed today\n{ran}");
}

#[test]
fn bank_in_short() {
    let ran = run_fixture("bank", &["--message-format", "short"]).expect_code(1);
    assert_report!("bank_short", ran);
}

#[test]
fn bank_for_programs() {
    let ran = run_fixture("bank", &["--message-format", "json"]).expect_code(1);
    let report = ran.json();
    let finding = only_finding(&report);
    assert_eq!(text(&report, "target"), "fixtures/bank");
    assert_eq!(text(&report, "verdict"), "findings");
    assert_eq!(report["program"], serde_json::json!({ "code": 0, "signal": null }));
    assert_eq!(report["stats"]["edges"], 2);
    assert_eq!(report["stats"]["processes"], 1);
    assert_eq!(report["stats"]["dropped"], 0);
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("lock-order-cycle", "likely"));
    assert_eq!(finding["instances"], 1);
    let one_way = ("src/main.rs:44".to_owned(), "src/main.rs:45".to_owned());
    assert_eq!(contract::sides(finding), [one_way.clone(), one_way]);
    let mut threads: Vec<&str> = list(finding, "evidence").iter().map(|side| text(side, "thread")).collect();
    threads.sort_unstable();
    assert_eq!(threads, ["refund", "rent"]);
    let mut names: Vec<&str> = list(finding, "locks").iter().map(|lock| text(lock, "name")).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "bob"]);
    for side in list(finding, "evidence") {
        let frames = list(side, "backtrace");
        let user = frames.iter().find(|frame| text(frame, "function") == "bank::transfer");
        let user = user.unwrap_or_else(|| panic!("no frame of the program in {side}"));
        assert_eq!(contract::place(user), "src/main.rs:45");
        assert_ne!(list(side, "holds")[0]["lock"], side["lock"]);
    }
}

#[test]
fn fingerprints_do_not_depend_on_the_run() {
    let first = run_fixture("bank", &["--message-format", "json"]).expect_code(1).json();
    let expected = text(only_finding(&first), "fingerprint");
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("renamed");
    std::fs::copy(built("bank"), &copy).unwrap();
    for program in [built("bank").into(), copy] {
        let mut command = lockcheck();
        command.current_dir(elsewhere.path()).args(["run", "--message-format", "json", "--"]).arg(program);
        let again = run(&mut command, RUN).expect_code(1).json();
        assert_eq!(text(only_finding(&again), "fingerprint"), expected);
    }
}

#[test]
fn a_full_backtrace_shows_the_frames_that_are_left_out_else() {
    run_fixture("bank", &[]).expect_code(1);
    let with = |setting: &str| {
        let mut command = lockcheck();
        run(command.args(["run", "--", &built("bank")]).env("LOCKCHECK_BACKTRACE", setting), RUN).stderr
    };
    let (none, short, full) = (with("0"), with("1"), with("full"));
    assert!(!none.contains("bank::transfers"), "{none}");
    assert!(short.contains("bank::transfers") && !short.contains("__rust_begin_short_backtrace"), "{short}");
    assert!(full.contains("bank::transfers") && full.contains("__rust_begin_short_backtrace"), "{full}");
}

/// Ten runs, some of which finish and some of which hang: each is reported, and in its own way.
#[test]
fn bad_workers_are_reported_on_every_run() {
    let ran = run_fixture("bad_workers", &[]);
    match ran.code() {
        Some(1) => assert_report!("bad_workers_that_finished", ran),
        Some(3) => assert_report!("bad_workers_that_hung", ran),
        _ => panic!("{ran}"),
    }
    let sites = |finding: &Value| {
        let mut sites = contract::sides(finding);
        sites.sort();
        sites
    };
    for _ in 0..10 {
        let mut command = lockcheck();
        let ran = run(command.args(["run", "--message-format", "json", "--", &built("bad_workers")]), RUN);
        let report = ran.json();
        let finding = only_finding(&report);
        let expected = match ran.code() {
            Some(1) => ("findings", "LC0001", "likely"),
            Some(3) => ("hang", "LC0003", "actual"),
            _ => panic!("{ran}"),
        };
        assert_eq!((text(&report, "verdict"), text(finding, "code"), text(finding, "tier")), expected);
        let place = |line: u32| format!("src/main.rs:{line}");
        assert_eq!(sites(finding), [(place(26), place(28)), (place(35), place(37))]);
    }
}

#[test]
fn safe_workers_are_clean_with_a_note() {
    let ran = run_fixture("safe_workers", &[]).expect_code(0);
    assert_report!("safe_workers", ran);
    let with = |arguments: &[&str]| {
        let mut command = lockcheck();
        command
            .args(["run", "--message-format", "json"])
            .args(arguments)
            .args(["--", &built("safe_workers")]);
        run(&mut command, RUN)
    };
    let report = with(&[]).expect_code(0).json();
    let finding = only_finding(&report);
    assert_eq!(text(&report, "verdict"), "clean");
    assert_eq!((text(finding, "code"), text(finding, "kind")), ("LC0303", "masked-by-timeout"));
    assert!(list(finding, "evidence").iter().all(|side| text(side, "attempt") == "timed"), "{finding}");
    with(&["--deny", "LC0303"]).expect_code(1);
}

/// The thread waits for itself: that is one problem, although it is also a circle of one.
#[test]
fn a_plain_lock_in_a_recursion_waits_for_itself() {
    let ran = run_fixture("tree_plain_lock", &[]).expect_code(3);
    assert_report!("tree_plain_lock", ran);
    let ran =
        run(lockcheck().args(["run", "--message-format", "json", "--", &built("tree_plain_lock")]), RUN);
    let report = ran.expect_code(3).json();
    let finding = only_finding(&report);
    assert_eq!(text(&report, "verdict"), "hang");
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("self-deadlock", "actual"));
    let here = "src/main.rs:31".to_owned();
    assert_eq!(contract::sides(finding), [(here.clone(), here)]);
    let side = &list(finding, "evidence")[0];
    let calls = list(side, "backtrace").iter().filter(|frame| text(frame, "function").ends_with("::insert"));
    assert_eq!(calls.map(contract::place).collect::<Vec<_>>(), ["src/main.rs:31", "src/main.rs:34"]);
}
