//! Each way in which a call can end has its own exit code, one message that says what to do, and an object for
//! programs.

use serde_json::{Value, json};

use crate::command::{BUILD, RUN, Ran, lockcheck, run};
use crate::contract::{self, list, text};
use crate::user::{folder, lockcheck_there};

fn call(arguments: &[&str]) -> Ran {
    run(lockcheck_there().args(arguments), BUILD)
}

fn report(arguments: &[&str], code: i32) -> Value {
    let ran = call(&[&["run", "--message-format", "json"], arguments].concat()).expect_code(code);
    let report = ran.json();
    contract::check(&report);
    report
}

/// Runs into an error, and gives its object.
fn error(arguments: &[&str], code: i32) -> Value {
    let ran = call(&[&["run", "--message-format", "json"], arguments].concat()).expect_code(code);
    let error = ran.json();
    assert_eq!(text(&error, "schema"), "lockcheck.error.v1");
    assert!(!text(&error, "code").is_empty() && !text(&error, "message").is_empty(), "{error}");
    assert!(error["file"].is_string() && error["line"].is_u64() && error["column"].is_u64(), "{error}");
    error
}

#[test]
fn not_instrumented() {
    let ran = call(&["run", "plain"]).expect_code(4);
    ran.expect_stderr(&["`plain` is not instrumented", "cargo add tracked", "use tracked::Mutex"]);
    let report = report(&["plain"], 4);
    assert_eq!(text(&report, "verdict"), "inconclusive");
    assert_eq!(report["program"], json!({ "code": 0, "signal": null }));
}

#[test]
fn a_command_that_is_not_instrumented_is_not_an_error() {
    let report = report(&["--", "true"], 0);
    assert_eq!(text(&report, "verdict"), "inconclusive");
    assert_eq!(list(&report, "findings"), [] as [Value; 0]);
    let ran = run(lockcheck().args(["run", "--", "sh", "-c", "exit 9"]), RUN);
    ran.expect_code(100);
}

#[test]
fn a_path_that_does_not_exist() {
    call(&["run", "no/such/place"]).expect_code(2).expect_stderr(&["no/such/place", "help:"]);
    assert_eq!(text(&error(&["no/such/place"], 2), "code"), "no-such-path");
    run(lockcheck().args(["run", "bnak"]), RUN).expect_code(2).expect_stderr(&["did you mean `bank`?"]);
}

#[test]
fn a_package_that_does_not_build() {
    let ran = call(&["run", "broken"]).expect_code(101);
    ran.expect_stderr(&["mismatched types", "the binary `broken` of package `broken` does not build"]);
    assert_eq!(text(&error(&["broken"], 101), "code"), "build-failed");
}

#[test]
fn a_program_that_fails_by_itself() {
    let ran = call(&["run", "programs", "--bin", "fails"]).expect_code(100);
    ran.expect_stderr(&["7"]);
    let failed = report(&["programs", "--bin", "fails"], 100);
    assert_eq!(failed["program"], json!({ "code": 7, "signal": null }));
    assert_eq!(text(&failed, "verdict"), "clean");
    let aborted = report(&["programs", "--bin", "aborts"], 100);
    assert_eq!(aborted["program"], json!({ "code": null, "signal": 6 }));
}

#[test]
fn several_binaries_and_no_word_which() {
    let ran = call(&["run", "programs"]).expect_code(2);
    ran.expect_stderr(&["`programs` has several binaries", "--bin", "aborts, fails, hang"]);
    assert_eq!(text(&error(&["programs"], 2), "code"), "which-binary");
    call(&["run", "programs", "--bin", "hand"]).expect_code(2).expect_stderr(&["hang"]);
}

#[test]
fn malformed_expectations() {
    let ran = call(&["run", "expectations/malformed"]).expect_code(2);
    ran.expect_stderr(&["malformed lockcheck.toml", "lockcheck.toml:3:8", "help:"]);
    let error = error(&["expectations/malformed"], 2);
    assert_eq!((error["line"].clone(), error["column"].clone()), (json!(3), json!(8)));
    assert!(text(&error, "file").ends_with("expectations/malformed/lockcheck.toml"), "{error}");
}

#[test]
fn wrong_calls() {
    let call = |arguments: &[&str]| run(lockcheck().args(arguments), RUN).expect_code(2);
    call(&[]).expect_stderr(&["Usage:"]);
    call(&["run"]).expect_stderr(&["PATH"]);
    call(&["run", "bank", "--fail-on", "maybe"]).expect_stderr(&["likely", "never"]);
    call(&["run", "bank", "--deny", "LC9999"]).expect_stderr(&["LC9999", "lockcheck explain"]);
    call(&["explain", "LC9999"]).expect_stderr(&["LC9999"]);
}

#[test]
fn help_names_every_exit_code() {
    let ran = run(lockcheck().args(["run", "--help"]), RUN).expect_code(0);
    for code in ["0", "1", "2", "3", "4", "70", "100", "101"] {
        let stands = |line: &str| line.trim_start().split_once("  ").is_some_and(|(first, _)| first == code);
        assert!(ran.stdout.lines().any(stands), "{code}\n{ran}");
    }
}

#[test]
fn every_code_is_explained() {
    let listed = run(lockcheck().arg("explain"), RUN).expect_code(0);
    for code in lockcheck_checker::Code::ALL {
        assert!(listed.stdout.contains(code.as_str()) && listed.stdout.contains(code.kind()), "{listed}");
    }
    let page = run(lockcheck().args(["explain", "lock-order-cycle"]), RUN).expect_code(0);
    assert!(page.stdout.starts_with("# LC0001 lock-order-cycle"), "{page}");
}

#[test]
fn cargo_finds_it_as_a_subcommand() {
    let path = crate::command::lockcheck_path().with_file_name("cargo-lockcheck");
    let mut command = crate::command::command(path);
    let ran = run(command.args(["lockcheck", "explain", "LC0003"]), RUN).expect_code(0);
    assert!(ran.stdout.starts_with("# LC0003 deadlock"), "{ran}");
}

#[test]
fn what_is_known_does_not_count() {
    let out = folder().join("known");
    let out = out.to_str().unwrap();
    let fixture = crate::command::root().join("fixtures/bank");
    let fixture = fixture.to_str().unwrap();
    call(&["run", fixture, "--out", out]).expect_code(1);
    let baseline = format!("{out}/report.json");
    let known = call(&["run", fixture, "--baseline", &baseline]).expect_code(0);
    assert!(!known.stderr.contains("[LC0001]"), "{known}");
    call(&["run", fixture, "--fail-on", "never"]).expect_code(0).expect_stderr(&["[LC0001]"]);
    call(&["run", fixture, "--fail-on", "actual"]).expect_code(0);
}
