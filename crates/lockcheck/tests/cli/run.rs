//! `lockcheck run` on packages and commands: what it finds, what it builds, how it ends.

use crate::support::{Called, Package, call, call_in, cycle, lockcheck, package_with_trace};

const NOTHING: &str = "fn main() {}";

#[test]
fn a_command_that_is_not_instrumented_is_inconclusive_and_no_error() {
    let called = call(&["run", "--message-format", "json", "--", "printf", "no newline at the end"]);
    called.assert_code(0);
    let lines: Vec<&str> = called.stdout.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "no newline at the end"));
    let report = called.json();
    assert_eq!(report["schema"], "lockcheck.report.v1");
    assert_eq!(report["verdict"], "inconclusive");
    assert_eq!(report["target"], "printf no newline at the end");
    assert_eq!(report["program"], serde_json::json!({"code": 0, "signal": null}));
    let called = call(&["run", "--", "true"]);
    assert!(called.assert_code(0).stdout.is_empty(), "stdout is the program's: {}", called.stdout);
    assert!(called.stderr.contains("nothing was watched"), "{}", called.stderr);
}

#[test]
fn a_command_that_fails_gives_its_status() {
    let failed = call(&["run", "--message-format", "json", "--", "sh", "-c", "exit 7"]);
    assert_eq!(failed.assert_code(100).json()["program"], serde_json::json!({"code": 7, "signal": null}));
    let killed = call(&["run", "--message-format", "json", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.assert_code(100).json()["program"], serde_json::json!({"code": null, "signal": 9}));
    let missing = call(&["run", "--", "no-such-command-anywhere"]);
    assert!(missing.assert_code(2).stderr.contains("cannot start `no-such-command-anywhere`"));
}

#[test]
fn a_program_has_the_terminal_to_itself() {
    let mut command = lockcheck();
    command
        .args(["run", "--", "cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"through stdin").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"through stdin".as_slice()));
}

#[test]
fn a_package_that_is_not_instrumented_is_told_what_to_do() {
    let package = Package::new("", &[("src/main.rs", NOTHING)]);
    let called = call_in(package.path(), &["run", "."]);
    called.assert_code(4);
    assert!(called.stderr.contains("does not depend on `tracked`"), "{}", called.stderr);
    assert!(called.stderr.contains("cargo add tracked"), "{}", called.stderr);
    let off =
        lockcheck().args(["run", "."]).current_dir(package.path()).env("LOCKCHECK", "off").output().unwrap();
    assert_eq!(off.status.code(), Some(4));
    assert!(String::from_utf8(off.stderr).unwrap().contains("LOCKCHECK=off is set"));
}

#[test]
fn a_package_that_uses_tracked_and_records_nothing_is_told_something_else() {
    let package = Package::new(
        "[dependencies]\ntracked = { path = 'tracked' }",
        &[
            ("src/main.rs", NOTHING),
            ("tracked/Cargo.toml", "[package]\nname = 'tracked'\nversion = '0.1.0'\nedition = '2024'"),
            ("tracked/src/lib.rs", ""),
        ],
    );
    let called = call_in(package.path(), &["run", "."]);
    assert!(called.assert_code(4).stderr.contains("has not used a tracked lock"), "{}", called.stderr);
}

#[test]
fn a_package_that_does_not_build_leaves_the_word_to_cargo() {
    let package = Package::new("", &[("src/main.rs", "fn main() { missing() }")]);
    let called = call_in(package.path(), &["run", ".", "--message-format", "json"]);
    called.assert_code(101);
    assert!(called.stderr.contains("cannot find function `missing`"), "{}", called.stderr);
    assert!(called.stderr.contains("error: the binary `sample` of package `sample` does not build"));
    assert_eq!(called.json()["code"], "build-failed");
    package.write("Cargo.toml", "[package\n");
    assert!(call_in(package.path(), &["run", "."]).assert_code(101).stderr.contains("cargo cannot read"));
}

#[test]
fn a_program_that_fails_by_itself_is_not_a_finding() {
    let package = Package::new("", &[("src/main.rs", "fn main() { panic!(\"by itself\") }")]);
    let called = call_in(package.path(), &["run", ".", "--message-format", "json"]);
    assert_eq!(called.assert_code(100).json()["program"]["code"], 101);
    assert!(called.stderr.contains("by itself"));
}

#[test]
fn one_of_several_binaries_must_be_named() {
    let two = &[("src/bin/one.rs", "fn main() { println!(\"one\") }"), ("src/bin/two.rs", NOTHING)];
    let package = Package::new("", two);
    package.write("examples/shown.rs", "fn main() { println!(\"shown\") }");
    let called = call_in(package.path(), &["run", "."]);
    assert!(called.assert_code(2).stderr.contains("choose one with --bin: one, two"), "{}", called.stderr);
    assert_eq!(call_in(package.path(), &["run", ".", "--bin", "one"]).assert_code(4).stdout, "one\n");
    assert_eq!(call_in(package.path(), &["run", ".", "--example", "shown"]).assert_code(4).stdout, "shown\n");
    let called = call_in(package.path(), &["run", ".", "--bin", "three"]);
    assert!(called.assert_code(2).stderr.contains("no binary `three`") && called.stderr.contains("one, two"));
    let package = Package::new("default-run = 'one'", two);
    assert_eq!(call_in(package.path(), &["run", "."]).assert_code(4).stdout, "one\n");
}

#[test]
fn a_workspace_is_not_a_package() {
    let package = Package::new("", &[("src/main.rs", NOTHING)]);
    let member = |name: &str| format!("[package]\nname = '{name}'\nversion = '0.1.0'\nedition = '2024'");
    package.write("Cargo.toml", "[workspace]\nresolver = '1'\nmembers = ['a', 'b']");
    for name in ["a", "b"] {
        package.write(&format!("{name}/Cargo.toml"), &member(name));
        package.write(&format!("{name}/src/main.rs"), &format!("fn main() {{ println!(\"{name}\") }}"));
    }
    let called = call_in(package.path(), &["run", "."]);
    assert!(called.assert_code(2).stderr.contains("choose one with --package: a, b"), "{}", called.stderr);
    let called = call_in(package.path(), &["run", ".", "-p", "b"]);
    assert_eq!(called.assert_code(4).stdout, "b\n");
    assert!(called.stderr.contains("resolver 1"), "{}", called.stderr);
    assert_eq!(call_in(package.path(), &["run", "a"]).assert_code(4).stdout, "a\n");
    assert!(
        call_in(package.path(), &["run", ".", "-p", "c"]).assert_code(2).stderr.contains("packages: a, b")
    );
}

#[test]
fn a_path_that_does_not_exist_is_said_with_what_does() {
    let package = Package::new("", &[("fixtures/bank/Cargo.toml", ""), ("src/main.rs", NOTHING)]);
    let called = call_in(package.path(), &["run", "bakn", "--message-format", "json"]);
    called.assert_code(2);
    assert!(called.stderr.contains("did you mean `bank`?"), "{}", called.stderr);
    let error = called.json();
    assert_eq!(error["schema"], "lockcheck.error.v1");
    assert_eq!((&error["file"], &error["code"]), (&"bakn".into(), &"no-such-path".into()));
}

#[test]
fn a_malformed_lockcheck_toml_stops_a_run_before_it_builds() {
    let package =
        Package::new("", &[("src/main.rs", "does not build"), ("lockcheck.toml", "clean = true\nx = 1\n")]);
    let called = call_in(package.path(), &["run", ".", "--message-format", "json"]);
    called.assert_code(2);
    assert!(
        called.stderr.contains("lockcheck.toml:2:1") && called.stderr.contains("help: "),
        "{}",
        called.stderr
    );
    let error = called.json();
    assert_eq!((&error["line"], &error["column"]), (&2.into(), &1.into()));
    assert!(error["file"].as_str().unwrap().ends_with("lockcheck.toml"));
}

#[test]
fn bad_flags_are_usage_and_help_is_not() {
    call(&["run", "--no-such-flag"]).assert_code(2);
    call(&["no-such-command"]).assert_code(2);
    call(&["run", "x", "--fail-on", "maybe"]).assert_code(2);
    let help = call(&["--help"]);
    assert!(help.assert_code(0).stdout.contains("101  it did not build"), "{}", help.stdout);
    assert!(call(&["run", "--help"]).assert_code(0).stdout.contains("--on-deadlock"));
    assert!(call(&["--version"]).assert_code(0).stdout.starts_with("lockcheck "));
}

#[test]
fn a_wrong_call_is_told_to_programs_too() {
    let error = call(&["run", "--message-format", "json", "--no-such-flag"]).assert_code(2).json();
    assert_eq!(
        (error["schema"].as_str(), error["code"].as_str()),
        (Some("lockcheck.error.v1"), Some("arguments"))
    );
    assert_eq!(error["message"], "unexpected argument '--no-such-flag' found");
}

/// A reader that has gone away is another matter.
#[test]
fn what_cannot_be_written_to_standard_output_is_not_lost_in_silence() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let mut command = lockcheck();
    command.args(["run", "--message-format", "json", "--", "true"]).stdout(full);
    let called = Called::of(command.output().unwrap());
    assert!(called.assert_code(2).stderr.contains("cannot write to standard output"), "{}", called.stderr);
}

/// The program sees what `cargo run` would have shown it, and is built with the flags in force and one more.
#[test]
fn the_build_and_the_environment_are_cargo_run_s() {
    let main = r#"
        fn main() {
            println!("instrumented {}", cfg!(lockcheck));
            println!("configured {}", cfg!(configured));
            println!("feature {}", cfg!(feature = "more"));
            println!("optimised {}", !cfg!(debug_assertions));
            println!("arguments {:?}", std::env::args().skip(1).collect::<Vec<_>>());
            println!("package {}", std::env::var("CARGO_PKG_NAME").unwrap());
            println!("leaked {}", std::env::var("CARGO_BIN_NAME").is_ok());
            println!("here {}", std::env::current_dir().unwrap().ends_with("elsewhere"));
            println!("manifest {}", std::env::var("CARGO_MANIFEST_DIR").unwrap() == env!("CARGO_MANIFEST_DIR"));
        }
    "#;
    let package = Package::new(
        "[features]\nmore = []",
        &[
            ("src/main.rs", main),
            (".cargo/config.toml", "[build]\nrustflags = ['--cfg', 'configured']"),
            ("elsewhere/.keep", ""),
        ],
    );
    let run = |name: &str, value: &str| {
        let mut command = lockcheck();
        command.current_dir(package.path().join("elsewhere")).env("CARGO_BIN_NAME", "outer").env(name, value);
        command.args(["run", "..", "--features", "more", "--", "a", "--b"]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let expected = "instrumented true\nconfigured true\nfeature true\noptimised false\narguments [\"a\", \"--b\"]\n\
                    package sample\nleaked false\nhere true\nmanifest true\n";
    assert_eq!(run("UNUSED", ""), expected);
    // The variable hides the configuration, as it does for cargo.
    assert_eq!(run("RUSTFLAGS", "-Cdebuginfo=0"), expected.replace("configured true", "configured false"));
    assert!(package.path().join("target/lockcheck/debug").is_dir(), "builds go to a folder of their own");
    assert!(!package.path().join("target/debug").exists());
}

/// Flags for the target hide those for all builds, with the instrumentation as without it.
#[test]
fn flags_for_the_target_stay_in_force_and_hide_the_others() {
    let main = "fn main() { print!(\"{} {} {}\", cfg!(lockcheck), cfg!(of_target), cfg!(of_build)) }";
    let config = "[build]\nrustflags = ['--cfg', 'of_build']\n[target.'cfg(unix)']\nrustflags = ['--cfg', 'of_target']";
    let package = Package::new("", &[("src/main.rs", main), (".cargo/config.toml", config)]);
    assert_eq!(call_in(package.path(), &["run", "."]).assert_code(4).stdout, "true true false");
    package.write(".cargo/config.toml", &config.replace("cfg(unix)", "cfg(windows)"));
    assert_eq!(call_in(package.path(), &["run", "."]).assert_code(4).stdout, "true false true");
}

#[test]
fn a_potential_deadlock_counts_and_is_told_in_every_form() {
    let package = package_with_trace(cycle, "");
    let human = call_in(package.path(), &["run", "."]);
    assert!(human.assert_code(1).stderr.contains("LC0001"), "{}", human.stderr);
    let short = call_in(package.path(), &["run", ".", "--message-format", "short"]);
    assert_eq!(short.assert_code(1).stderr.lines().filter(|line| line.contains("LC0001")).count(), 1);
    let out = package.path().join("out");
    let out = out.to_str().unwrap();
    let sarif = package.path().join("x.sarif");
    let json = call_in(
        package.path(),
        &[
            "run",
            ".",
            "--message-format",
            "json",
            "--out",
            out,
            "--sarif",
            sarif.to_str().unwrap(),
            "--",
            "0",
        ],
    );
    let report = json.assert_code(1).json();
    assert_eq!(report["verdict"], "findings");
    assert_eq!(report["findings"][0]["kind"], "lock-order-cycle");
    assert_eq!(report["findings"][0]["evidence"][0]["site"]["file"], "src/main.rs");
    let written = std::fs::read_to_string(package.path().join("out/report.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), report);
    assert!(std::fs::read_to_string(sarif).unwrap().contains("LC0001"));
    let kept: Vec<String> = std::fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "report.json")
        .collect();
    assert!(kept.len() == 1 && kept[0].ends_with(".lctrace"), "{kept:?}");
    // Traces of earlier runs that lie there are not this run's.
    let again = call_in(package.path(), &["run", ".", "--message-format", "json", "--out", out]).json();
    assert_eq!((&again["stats"]["processes"], &again["findings"]), (&1.into(), &report["findings"]));
}

#[test]
fn what_counts_can_be_chosen() {
    let package = package_with_trace(cycle, "");
    let run = |arguments: &[&str]| {
        let head = ["run", ".", "--message-format", "json"];
        call_in(package.path(), &[&head[..], arguments].concat())
    };
    assert_eq!(run(&["--fail-on", "never"]).assert_code(0).json()["verdict"], "findings");
    run(&["--fail-on", "predicted"]).assert_code(0);
    run(&["--fail-on", "never", "--deny", "lock-order-cycle"]).assert_code(1);
    // A finding weighs more than a program that fails.
    assert_eq!(run(&["--", "3"]).assert_code(1).json()["program"]["code"], 3);
    run(&["--fail-on", "never", "--", "3"]).assert_code(100);
    let report = run(&[]);
    package.write("known.json", &report.json().to_string());
    let known = run(&["--baseline", "known.json"]);
    assert_eq!(known.assert_code(0).json()["verdict"], "clean");
    assert_eq!(known.json()["findings"][0]["known"], true);
    let human = call_in(package.path(), &["run", ".", "--baseline", "known.json"]);
    assert!(human.assert_code(0).stderr.contains("1 finding in the baseline known.json"), "{}", human.stderr);
    assert!(!human.stderr.contains("LC0001"));
    package.write("wrong.json", "[1]");
    run(&["--baseline", "wrong.json"]).assert_code(2);
}
