//! The library in a user's own tests, without the command: `cargo test` prints what it finds, assertions fail with
//! the report in their message, and the findings are there as values.

use std::sync::Arc;

use crate::command::{BUILD, Ran, run};
use crate::contract::{list, text};
use crate::user::{cargo_there, lockcheck_there, source};

/// Runs one of the user's tests in a process of its own.
fn test(name: &str) -> Ran {
    let arguments =
        ["test", "--quiet", "--offline", "-p", "suite", "--test", "orders", "--", "--exact", name];
    run(cargo_there().args(arguments), BUILD)
}

#[test]
fn cargo_test_prints_what_is_found() {
    let ran = test("is_told").expect_code(0);
    assert!(ran.stdout.contains("1 passed"), "{ran}");
    assert_eq!(ran.stderr.matches("warning[LC0001]").count(), 1, "{ran}");
    for words in ["let _b = b.lock();", "let _a = a.lock();", "`a`", "`b`"] {
        assert!(ran.stderr.contains(words), "{words}\n{ran}");
    }
}

#[test]
fn assertions_fail_with_the_report_in_their_message() {
    let source = source("suite/tests/orders.rs");
    for (name, assertion) in [("fails", "assert_no_cycles!()"), ("fails_as_not_clean", "assert_clean!()")] {
        let ran = test(name).expect_code(101);
        let (_, message) =
            ran.stdout.split_once("panicked at suite/tests/orders.rs:").unwrap_or_else(|| panic!("{ran}"));
        assert!(message.contains("warning[LC0001]") && message.contains("orders::make_the_mistake"), "{ran}");
        let line: usize = message.split(':').next().unwrap().parse().unwrap();
        assert!(source.lines().nth(line - 1).unwrap().contains(assertion), "line {line}\n{ran}");
    }
}

#[test]
fn what_is_clean_passes() {
    let ran = test("passes").expect_code(0);
    assert!(ran.stdout.contains("1 passed") && !ran.stderr.contains("LC0"), "{ran}");
}

#[test]
fn findings_are_values() {
    let ran = test("gives_values").expect_code(0);
    assert!(ran.stdout.contains("1 passed"), "{ran}");
}

#[test]
fn a_marked_test_fails_by_itself_and_alone() {
    let arguments = ["test", "--quiet", "--offline", "-p", "suite", "--test", "orders", "--", "marked::"];
    let ran = run(cargo_there().args(arguments), BUILD).expect_code(101);
    assert!(ran.stdout.contains("1 passed; 1 failed"), "{ran}");
    assert!(ran.stdout.contains("---- marked::wrong stdout") && ran.stdout.contains("[LC0001]"), "{ran}");
}

#[test]
fn an_explored_test_is_replayed_by_its_environment() {
    let ran = test("explored::wrong").expect_code(101);
    let (_, rest) = ran.stdout.split_once("LOCKCHECK_REPLAY='").unwrap_or_else(|| panic!("{ran}"));
    let schedule = rest.split('\'').next().expect("it is quoted");
    let arguments = [
        "test",
        "--quiet",
        "--offline",
        "-p",
        "suite",
        "--test",
        "orders",
        "--",
        "--exact",
        "explored::wrong",
    ];
    let replayed = |schedule: &str| {
        let ran = run(cargo_there().args(arguments).env("LOCKCHECK_REPLAY", schedule), BUILD);
        ran.expect_code(101)
    };
    let again = replayed(schedule);
    assert!(again.stdout.contains("[LC0003]") && again.stdout.contains("in run 1;"), "{again}");
    let other = replayed("b1:0.0>7");
    assert!(other.stdout.contains("there is no thread 7 yet; thread 0 is `explored::wrong`"), "{other}");
}

#[test]
fn switched_off_nothing_is_asserted() {
    let arguments =
        ["test", "--quiet", "--offline", "-p", "suite", "--test", "orders", "--", "--exact", "fails"];
    let ran = run(cargo_there().args(arguments).env("LOCKCHECK", "off"), BUILD).expect_code(0);
    assert!(!ran.stderr.contains("LC0001"), "{ran}");
}

#[test]
fn the_command_runs_a_package_s_tests() {
    let mut command = lockcheck_there();
    command.args(["test", "--message-format", "json", "--"]);
    command.args(["-p", "suite", "--test", "orders", "--", "--exact", "is_told"]);
    let ran = run(&mut command, BUILD).expect_code(1);
    let report = ran.json();
    crate::contract::check(&report);
    let [finding] = list(&report, "findings") else { panic!("{report}") };
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("lock-order-cycle", "likely"));
    assert_eq!(text(finding, "scope"), "orders::is_told", "a plain test is known by its thread");
}

/// Compiles, or does not.
#[test]
fn types_are_as_shareable_as_the_originals() {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<tracked::Mutex<std::cell::Cell<u8>>>();
    send_and_sync::<tracked::RwLock<u8>>();
    send_and_sync::<tracked::Condvar>();
    send_and_sync::<tracked::Lock<std::cell::Cell<u8>>>();
    send_and_sync::<tracked::RLock<std::cell::Cell<u8>>>();
    send_and_sync::<tracked::Condition<std::cell::Cell<u8>>>();
    send_and_sync::<tracked::Semaphore>();
    send_and_sync::<tracked::BoundedSemaphore>();
    send_and_sync::<tracked::Event>();
    static IN_STATICS: (tracked::Mutex<u8>, tracked::RwLock<u8>, tracked::Condvar) =
        (tracked::Mutex::new(1), tracked::RwLock::new(2), tracked::Condvar::new());
    static VOCABULARY: (tracked::Lock<u8>, tracked::RLock<u8>, tracked::Condition<u8>) =
        (tracked::Lock::new(1), tracked::RLock::new(2), tracked::Condition::new(3));
    static COUNTS: (tracked::Semaphore, tracked::BoundedSemaphore, tracked::Event) =
        (tracked::Semaphore::new(1), tracked::BoundedSemaphore::new(1), tracked::Event::new());
    let shared = Arc::new(tracked::Mutex::new(*IN_STATICS.0.lock().unwrap()));
    let there = Arc::clone(&shared);
    tracked::thread::spawn(move || *there.lock().unwrap() += *VOCABULARY.0.lock()).join().unwrap();
    assert_eq!(*shared.lock().unwrap(), 2);
    assert_eq!((COUNTS.0.available(), COUNTS.1.available(), COUNTS.2.is_set()), (1, 1, false));
}
