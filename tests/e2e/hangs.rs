//! A deadlock that happens on every run, with the command and without it. The two threads meet at a barrier, so that
//! nothing depends on luck; every wait here is bounded.

use serde_json::{Value, json};

use crate::command::{BUILD, RUN, Running, command, run, target_dir};
use crate::contract::{self, list, text};
use crate::user::{cargo_there, lockcheck_there, place};

const SOURCE: &str = "programs/src/bin/hang.rs";

/// Where each side took its first lock and asked for its second.
fn sides() -> [(String, String); 2] {
    let at = |words: &str| place(SOURCE, words);
    [
        (at("let _first = north.lock();"), at("let _second = south.lock();")),
        (at("let _first = south.lock();"), at("let _second = north.lock();")),
    ]
}

/// The program, built with the feature and without the command.
fn hang() -> std::process::Command {
    let build = ["build", "--quiet", "--offline", "-p", "programs", "--bin", "hang"];
    run(cargo_there().args(build), BUILD).expect_code(0);
    command(target_dir().join("debug/hang"))
}

#[test]
fn it_is_told_and_ended_by_the_command() {
    let arguments = ["run", "programs", "--bin", "hang", "--message-format", "json"];
    let ran = run(lockcheck_there().args(arguments), BUILD).expect_code(3);
    let report = ran.json();
    contract::check(&report);
    assert_eq!(text(&report, "verdict"), "hang");
    let [finding] = list(&report, "findings") else { panic!("a deadlock replaces its cycle: {report}") };
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("deadlock", "actual"));
    let mut found = contract::sides(finding);
    found.sort();
    let mut expected = sides();
    expected.sort();
    assert_eq!(found, expected);
    for side in list(finding, "evidence") {
        let frames = list(side, "backtrace");
        let here = contract::place(&side["site"]);
        assert!(frames.iter().any(|frame| contract::place(frame) == here), "{here} is not in {side}");
    }
}

#[test]
fn the_command_leaves_it_alone_if_asked() {
    let arguments = ["run", "programs", "--bin", "hang", "--on-deadlock", "report"];
    let mut running = Running::start(lockcheck_there().args(arguments));
    running.until(BUILD, |running| running.stderr().contains("error[LC0003]"));
    assert!(running.is_alive(), "it goes on hanging: {}", running.stderr());
}

#[test]
fn without_the_command_it_is_told_by_the_program() {
    for setting in ["", "report"] {
        let mut running = Running::start(hang().env("LOCKCHECK_ON_DEADLOCK", setting));
        running.until(RUN, |running| running.stderr().contains("error[LC0003]"));
        for (held, asked) in sides() {
            running.until(RUN, |running| {
                let report = running.stderr();
                report.contains(&held[held.find(':').unwrap() + 1..]) && report.contains(&asked)
            });
        }
        assert!(running.is_alive(), "it goes on hanging: {}", running.stderr());
    }
}

#[test]
fn without_the_command_it_can_panic() {
    let ran = run(hang().env("LOCKCHECK_ON_DEADLOCK", "panic"), RUN);
    assert_eq!(ran.code(), Some(101), "the scope passes the panic on\n{ran}");
    let (_, message) = ran.stderr.split_once("panicked at").unwrap_or_else(|| panic!("{ran}"));
    assert!(message.contains("error[LC0003]"), "the panic's message is the report\n{ran}");
}

#[test]
fn without_the_command_it_can_abort() {
    let ran = run(hang().env("LOCKCHECK_ON_DEADLOCK", "abort"), RUN);
    assert_eq!((ran.code(), ran.signal()), (None, Some(6)), "{ran}");
    assert!(ran.stderr.contains("error[LC0003]"), "{ran}");
}

#[test]
fn the_program_acts_by_itself_under_the_command_too() {
    let run_with = |setting: &str| -> Value {
        let mut command = lockcheck_there();
        command.args(["run", "programs", "--bin", "hang", "--message-format", "json"]);
        let ran = run(command.env("LOCKCHECK_ON_DEADLOCK", setting), BUILD).expect_code(1);
        let report = ran.json();
        contract::check(&report);
        assert_eq!(text(&list(&report, "findings")[0], "kind"), "deadlock", "{ran}");
        report["program"].clone()
    };
    assert_eq!(run_with("panic"), json!({ "code": 101, "signal": null }));
    assert_eq!(run_with("abort"), json!({ "code": null, "signal": 6 }));
}

#[test]
fn switched_off_it_is_seen_from_outside() {
    let mut command = lockcheck_there();
    command.args(["run", "--message-format", "json", "--"]);
    hang();
    command.arg(target_dir().join("debug/hang")).env("LOCKCHECK", "off");
    let report = run(&mut command, BUILD).expect_code(3).json();
    contract::check(&report);
    assert_eq!(text(&report, "verdict"), "hang");
    let [finding] = list(&report, "findings") else { panic!("{report}") };
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("deadlock", "actual"));
    assert!(contract::is_from_outside(finding), "{finding}");
    // Where they wait is seen all the same: the debug information names the program's own lines.
    let stacks = list(finding, "evidence").iter().flat_map(|side| list(side, "backtrace"));
    let seen: Vec<String> = stacks.map(contract::place).collect();
    for (_, asked) in sides() {
        assert!(seen.contains(&asked), "{asked} is not in {seen:?}");
    }
}

/// The thread that waits for the event wakes now and then to look around, and is believed not to be getting on. What
/// the other one waits in is not watched, so that only somebody outside can tell, and see where.
#[test]
fn a_wait_that_is_slept_through_in_parts_is_seen_to_have_no_end() {
    let arguments = ["run", "programs", "--bin", "reads_from_itself", "--message-format", "json"];
    let report = run(lockcheck_there().args(arguments), BUILD).expect_code(3).json();
    contract::check(&report);
    let [finding] = list(&report, "findings") else { panic!("{report}") };
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("deadlock", "actual"));
    let source = "programs/src/bin/reads_from_itself.rs";
    let mut expected = ["never_set.wait()", "reader.read_exact("].map(|words| place(source, words));
    expected.sort();
    let sides = list(finding, "evidence");
    let mut found: Vec<String> = sides.iter().map(|side| contract::place(&side["site"])).collect();
    found.sort();
    assert_eq!(found, expected, "{finding}");
    for side in sides {
        let frames = list(side, "backtrace");
        let here = contract::place(&side["site"]);
        assert!(frames.iter().any(|frame| contract::place(frame) == here), "{here} is not in {side}");
    }
}

/// What may go on one day is no deadlock; where it stands is said all the same, and what may make it go on.
#[test]
fn a_suspected_hang_says_where_everybody_stands() {
    let arguments =
        ["run", "programs", "--bin", "sleeps", "--hang-after", "500ms", "--message-format", "json"];
    let report = run(lockcheck_there().args(arguments), BUILD).expect_code(3).json();
    contract::check(&report);
    assert_eq!((text(&report, "verdict"), list(&report, "findings").len()), ("hang", 0));
    let source = "programs/src/bin/sleeps.rs";
    let sleeps = format!("is in sleeps::sleeps_for_long at {}", place(source, "std::thread::sleep"));
    let joins = place(source, ".join()");
    let notes: Vec<&str> = list(&report, "notes").iter().filter_map(Value::as_str).collect();
    let says = |words: &[&str]| notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(says(&["`snoring`", &sleeps]), "{notes:?}");
    assert!(says(&["is in sleeps::main at", &joins]), "{notes:?}");
    assert!(says(&["still open:", "`snoring`", "waits with a timeout"]), "{notes:?}");
}
