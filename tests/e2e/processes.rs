//! Fixtures of more than one process, as `lockcheck run` reports them: what they print, how many processes were
//! watched, and the verdict on the family.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command::{BUILD, RUN, Running, lockcheck, run, target_dir};
use crate::contract::{self, list, text};

/// The name of a fixture, a line that it prints, and how many processes it is.
const CLEAN: [(&str, &str, u64); 11] = [
    ("executor_map", "on processes: [0, 1, 4, 9, 16,", 5),
    ("gil_processes", "4 parts, total", 5),
    ("manager", "50 elements", 17),
    ("process_executor", "waiting for the other", 5),
    ("process_pipe", "5 replies: [0, 20, 40, 60, 80]", 2),
    ("process_pool", "8 results", 5),
    ("process_pool_calls", "starmap: [2, 7, 14,", 5),
    ("process_queue", "20 items consumed, total 950", 5),
    ("processes", "4 processes of one parent", 5),
    ("right_tool", "10 tasks waited at the same time", 5),
    ("shared_memory", "counter: 100000", 15),
];

#[test]
fn clean_families_are_clean_and_do_their_work() {
    for (name, line, processes) in CLEAN {
        let mut command = lockcheck();
        command.args(["run", "--message-format", "json"]).arg(format!("fixtures/{name}"));
        let ran = run(&mut command, BUILD).expect_code(0);
        assert!(ran.stdout.contains(line), "expected `{line}`\n{ran}");
        let report = ran.json();
        contract::check(&report);
        assert_eq!(text(&report, "verdict"), "clean", "{report}");
        assert_eq!(report["program"], json!({ "code": 0, "signal": null }));
        assert_eq!(list(&report, "findings"), [] as [Value; 0]);
        assert_eq!(report["stats"]["processes"], processes, "{report}");
    }
}

/// Interrupted from outside, by way of the command, and by itself.
#[test]
fn an_interrupt_ends_every_worker() {
    let ran = run(lockcheck().args(["run", "fixtures/graceful_shutdown"]), BUILD).expect_code(0);
    assert!(ran.stdout.ends_with("all 3 workers have ended\n"), "{ran}");
    let program = target_dir().join("lockcheck/debug/graceful_shutdown");
    let mut command = lockcheck();
    command.args(["run", "--message-format", "json", "--"]).arg(program).arg("--wait");
    let mut running = Running::start(&mut command);
    running.until(RUN, |running| running.stdout().contains("press Ctrl-C"));
    running.signal(Signal::INT);
    let ran = running.end(RUN).expect_code(0);
    assert!(ran.stdout.contains("all 3 workers have ended\n"), "{ran}");
    let report = ran.json();
    contract::check(&report);
    assert_eq!(text(&report, "verdict"), "clean", "{report}");
    assert_eq!(report["program"], json!({ "code": 0, "signal": null }));
}

/// Most runs count right; each is reported, with the lines of both sides.
#[test]
fn a_lost_update_is_found_whatever_the_run_did() {
    let mut command = lockcheck();
    command.args(["run", "--message-format", "json", "fixtures/namespace"]);
    let report = run(&mut command, BUILD).expect_code(1).json();
    contract::check(&report);
    let [finding] = list(&report, "findings") else { panic!("one problem: {report}") };
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("lost-update", "likely"));
    let sides: Vec<_> = list(finding, "evidence").iter().map(|side| text(side, "action")).collect();
    assert_eq!(sides, ["read", "write", "write"]);
    let places: Vec<String> =
        list(finding, "evidence").iter().map(|side| contract::place(&side["site"])).collect();
    assert_eq!(places, ["src/main.rs:13", "src/main.rs:14", "src/main.rs:14"]);
    let processes: Vec<_> = list(finding, "evidence").iter().map(|side| &side["process"]).collect();
    assert_eq!(processes[0], processes[2]);
    assert_ne!(processes[0], processes[1]);
    for side in list(finding, "evidence") {
        let frames = list(side, "backtrace");
        let functions: Vec<&str> = frames.iter().map(|frame| text(frame, "function")).collect();
        assert!(functions.contains(&"namespace::worker"), "{side}");
        let shown = frames.iter().filter(|frame| frame["user"] == true);
        let mut shown = shown.map(|frame| text(frame, "function"));
        assert!(shown.all(|function| !function.contains("__tracked_entry")), "{side}");
    }
}

/// Each side of a finding: the process that it is in, and its line.
fn sides(finding: &Value) -> Vec<(u64, String)> {
    let side = |side: &Value| (side["process"].as_u64().unwrap(), contract::place(&side["site"]));
    list(finding, "evidence").iter().map(side).collect()
}

/// Nothing can go on, and both ends are named with their lines.
#[test]
fn families_that_hang_are_told_and_ended() {
    let ends = [("process_pipe_stuck", ["24", "12"]), ("process_queue_stuck", ["37", "27"])];
    for (name, [parent, child]) in ends {
        let mut command = lockcheck();
        command.args(["run", "--message-format", "json"]).arg(format!("fixtures/{name}"));
        let report = run(&mut command, BUILD).expect_code(3).json();
        contract::check(&report);
        assert_eq!(text(&report, "verdict"), "hang");
        let [finding] = list(&report, "findings") else { panic!("one problem: {report}") };
        assert_eq!((text(finding, "kind"), text(finding, "tier")), ("cross-process-deadlock", "actual"));
        let mut found = sides(finding);
        found.sort();
        let place = |line: &str| format!("src/main.rs:{line}");
        assert_eq!(found, [(0, place(parent)), (1, place(child))], "{report}");
    }
}

/// Most runs finish, some hang; each is reported, in its own way.
#[test]
fn two_orders_in_two_processes_are_reported_on_every_run() {
    run(lockcheck().args(["run", "fixtures/shared_memory_deadlock"]), BUILD);
    let program = target_dir().join("lockcheck/debug/shared_memory_deadlock");
    for _ in 0..10 {
        let mut command = lockcheck();
        let ran = run(command.args(["run", "--message-format", "json", "--"]).arg(&program), RUN);
        let report = ran.json();
        let [finding] = list(&report, "findings") else { panic!("one problem: {report}") };
        assert_eq!(text(finding, "kind"), "cross-process-deadlock");
        let expected = if text(&report, "verdict") == "hang" { (3, "actual") } else { (1, "likely") };
        assert_eq!((ran.code().unwrap(), text(finding, "tier")), expected, "{report}");
        // In one that hangs, the parent waits with them.
        let found: Vec<String> = sides(finding).into_iter().map(|(_, place)| place).collect();
        for place in ["src/main.rs:23", "src/main.rs:32"] {
            assert!(found.iter().any(|own| own == place), "{place} is not in {found:?}");
        }
    }
}
