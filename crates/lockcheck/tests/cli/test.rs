//! `lockcheck test`.

use crate::support::{Package, call_in};

const TESTS: &str =
    "#[test] fn good() { assert!(cfg!(lockcheck)) }\n#[test] fn bad() { panic!(\"on purpose\") }";

#[test]
fn tests_pass_fail_and_do_not_build_each_in_its_own_way() {
    let package = Package::new("", &[("src/lib.rs", TESTS)]);
    let failed = call_in(package.path(), &["test", "--message-format", "json"]);
    assert!(failed.assert_code(100).stdout.contains("on purpose"));
    assert_eq!(failed.json()["target"], "cargo test");
    let passed = call_in(package.path(), &["test", "--", "--lib", "--", "good"]);
    assert!(passed.assert_code(4).stdout.contains("1 passed"), "{}", passed.stdout);
    assert!(passed.stderr.contains("not instrumented"), "{}", passed.stderr);
    let usage = call_in(package.path(), &["test", "--", "--no-such-flag"]);
    usage.assert_code(2);
    package.write("src/lib.rs", "#[test] fn broken() { missing() }");
    assert!(call_in(package.path(), &["test"]).assert_code(101).stderr.contains("the tests do not build"));
}

#[test]
fn without_a_package_there_is_nothing_to_test() {
    let dir = tempfile::tempdir().unwrap();
    let called = call_in(dir.path(), &["test"]);
    assert!(called.assert_code(2).stderr.contains("no Cargo.toml here"), "{}", called.stderr);
}
