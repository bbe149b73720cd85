//! With the feature `check` off, and in every other combination of features: nested calls of cargo, because features
//! unify over what one call builds.

use std::process::Command;

use crate::architecture::workspace;
use crate::command::{BUILD, Ran, cargo, run, scratch};
use crate::user::cargo_there;

/// Cargo with a target directory in which `check` is never on.
fn apart(mut command: Command) -> Command {
    command.env("CARGO_TARGET_DIR", scratch().join("off"));
    command
}

fn test(name: &str, setting: Option<&str>) -> Ran {
    let mut command = apart(cargo_there());
    command.args(["test", "--quiet", "--offline", "-p", "off", "--test", "off", "--", "--exact", name]);
    command.envs(setting.map(|setting| ("LOCKCHECK", setting)));
    run(&mut command, BUILD)
}

#[test]
fn what_std_has_is_std_s_own() {
    let ran = test("the_types_are_std_s_own", None).expect_code(0);
    assert!(ran.stdout.contains("1 passed"), "{ran}");
}

#[test]
fn the_vocabulary_is_plain() {
    let ran = test("the_vocabulary_works_without_being_watched", None).expect_code(0);
    assert!(ran.stdout.contains("1 passed"), "{ran}");
}

#[test]
fn statements_are_nothing() {
    let ran = test("statements_are_nothing", None).expect_code(0);
    assert!(ran.stdout.contains("1 passed"), "{ran}");
}

#[test]
fn nothing_pretends_to_have_watched() {
    for name in ["asserts_nothing", "asserts_nothing_to_be_clean"] {
        for setting in [None, Some("check")] {
            let ran = test(name, setting).expect_code(101);
            assert!(
                ran.stdout.contains("nothing was watched") && ran.stdout.contains("LOCKCHECK=off"),
                "{ran}"
            );
        }
        let ran = test(name, Some("off")).expect_code(0);
        assert!(ran.stdout.contains("1 passed"), "{ran}");
    }
}

/// The library's own tests, which the surrounding `cargo test` runs with the feature on.
#[test]
fn the_library_s_own_tests_pass() {
    run(apart(cargo()).args(["test", "--quiet", "--offline", "-p", "tracked"]), BUILD).expect_code(0);
}

/// The same tests that the watched build passes.
#[test]
fn processes_work_without_being_watched() {
    let arguments =
        ["test", "--quiet", "--offline", "-p", "tracked", "--features", "process", "--test", "process"];
    let ran = run(apart(cargo()).args(arguments), BUILD).expect_code(0);
    assert!(ran.stdout.contains("test an_unknown_entry_point ... ok"), "{ran}");
}

#[test]
fn nothing_is_pulled_in() {
    let ran =
        run(cargo().args(["tree", "--offline", "-p", "tracked", "-e", "normal", "--prefix", "none"]), BUILD);
    let ran = ran.expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 1, "a release build has no dependencies\n{ran}");
}

/// parking_lot itself refuses these two together.
const REFUSED_TOGETHER: [&str; 2] = ["deadlock_detection", "send_guard"];

/// None of a crate's features, each alone, all; and without a warning. In the usual target directory: `cargo check`
/// shares nothing with what is built there but the libraries.
#[test]
fn combinations_of_features_compile() {
    for package in workspace().workspace_packages() {
        let features: Vec<&str> =
            package.features.keys().map(String::as_str).filter(|feature| *feature != "default").collect();
        if features.is_empty() {
            continue;
        }
        let without = |left_out: &str| {
            let kept: Vec<&str> = features.iter().copied().filter(|feature| *feature != left_out).collect();
            kept.join(",")
        };
        let mut combinations: Vec<String> = features.iter().map(|feature| (*feature).to_owned()).collect();
        combinations.push(String::new());
        match REFUSED_TOGETHER.iter().all(|refused| features.contains(refused)) {
            true => combinations.extend(REFUSED_TOGETHER.map(without)),
            false => combinations.push(without("")),
        }
        combinations.sort();
        combinations.dedup();
        for combination in combinations {
            let mut command = cargo();
            command.args(["check", "--quiet", "--offline", "--no-default-features", "--lib"]);
            let ran = run(command.args(["-p", &package.name, "--features", &combination]), BUILD);
            let has_warned = ran.stderr.contains("warning:");
            assert!(ran.code() == Some(0) && !has_warned, "{} with `{combination}`\n{ran}", package.name);
        }
    }
}
