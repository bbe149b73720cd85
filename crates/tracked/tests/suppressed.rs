//! The suppression file and tests: what it names fails no test, what is wrong with it fails those that have findings.
//!
//! The file is read once in a process, so that each case is a process: this test binary again, with one test.

#![cfg(any(feature = "check", lockcheck))]

use std::process::{Command, Output, Stdio};
use std::sync::Barrier;

use tracked::{Lock, thread};

/// Set where the test below is to have a finding.
const SINGLED_OUT: &str = "TRACKED_TEST_SUPPRESSED";

#[tracked::test]
fn has_a_finding_when_asked() {
    if std::env::var_os(SINGLED_OUT).is_none() {
        return;
    }
    let (a, b, between) = (Lock::new(0), Lock::new(0), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            drop((a.lock(), b.lock()));
            between.wait();
        });
        scope.spawn(|| {
            between.wait();
            drop((b.lock(), a.lock()));
        });
    });
    if std::env::var(SINGLED_OUT).is_ok_and(|what| what == "assert") {
        tracked::assert_no_cycles!();
    }
}

/// Runs the test above, in a process that finds these entries.
fn with(entries: &str, what: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("entries.toml");
    std::fs::write(&file, entries).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "has_a_finding_when_asked", "--nocapture"])
        .env(SINGLED_OUT, what)
        .env("LOCKCHECK_SUPPRESSIONS", &file)
        .env_remove("LOCKCHECK")
        .env_remove("LOCKCHECK_OUT")
        .env_remove("LOCKCHECK_FAIL_ON")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_suppressed_finding_fails_no_test() {
    let failed = with("", "yes");
    let said = text(&failed);
    assert!(!failed.status.success() && said.contains("LC0001"), "{said}");
    let (_, rest) = said.split_once("; fingerprint ").expect("the report names it");
    let fingerprint = &rest[..16];
    let entry = format!("[[suppress]]\nreason = 'known'\nfingerprint = '{fingerprint}'\n");
    for what in ["yes", "assert"] {
        let passed = with(&entry, what);
        assert!(passed.status.success(), "{}", text(&passed));
    }
    let other = with(&entry.replace(fingerprint, "0123456789abcdef"), "yes");
    assert!(!other.status.success(), "{}", text(&other));
}

#[test]
fn a_malformed_file_fails_the_tests_that_have_findings() {
    let failed = with("\n[[suppress]]\nreason = 'known'\n", "yes");
    let said = text(&failed);
    assert!(!failed.status.success() && said.contains("entries.toml: 2:1: an entry has neither"), "{said}");
}
