//! `lockcheck test`: `cargo test` with the instrumentation on, in two steps, because cargo ends with the same code
//! whether tests do not build or fail.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::TestArgs;
use crate::build;
use crate::config::{self, Judgement, Style};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output;
use crate::package;
use crate::run;
use crate::swapped_tree;
use crate::watch::{self, Job};

/// Carries it out.
pub fn test(args: &TestArgs, style: Style) -> Result<Exit> {
    let current = std::env::current_dir().map_err(|error| CliError::io("find", Path::new("."), &error))?;
    let (subcommand, own) = subcommand(&args.rest);
    let manifest = manifest(own, &current)?;
    let judgement = Judgement::new(&args.judge, manifest.parent().unwrap_or(&current))?;
    let metadata = package::metadata(&manifest, false)?;
    let target_dir = metadata.target_directory.join("lockcheck").into_std_path_buf();
    let (rest, target_dir, rustflags) = match swapped_tree::asked_for(&args.tree, &manifest, &current)? {
        Some(tree) => {
            tree.notes.iter().for_each(|text| output::note(style, text));
            (elsewhere(own, &tree.manifest), tree.target_dir, tree.rustflags)
        }
        None => (own.to_vec(), target_dir, Vec::new()),
    };
    let cargo_test = || build::cargo_command(subcommand, &current, &target_dir, &rustflags);
    build_tests(cargo_test(), subcommand != "test", &rest)?;
    let mut command = cargo_test();
    command.args(&rest);
    let mut words: Vec<OsString> = vec!["cargo".into()];
    words.extend(subcommand.split(' ').map(OsString::from));
    words.extend(own.iter().cloned());
    let job = Job {
        command,
        target: run::shown(&words),
        hints: vec![metadata.workspace_root.clone().into(), current],
        executable: None,
        must_record: true,
        hang_after: args.hang_after,
        on_deadlock: config::on_deadlock(args.on_deadlock)?,
        record: args.record,
    };
    let package =
        manifest.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let advice = || run::advise("the test run", &package, run::depends_on_tracked(&manifest, None));
    watch::watch(job, style, judgement, &advice)
}

/// Who runs the tests, and its arguments: cargo itself, or cargo-nextest where the first of them says so. That runs each
/// test in a process of its own.
fn subcommand(arguments: &[OsString]) -> (&'static str, &[OsString]) {
    match arguments {
        [first, second, rest @ ..] if first == "nextest" && second == "run" => ("nextest run", rest),
        [first, rest @ ..] if first == "nextest" => ("nextest run", rest),
        rest => ("test", rest),
    }
}

/// The manifest that cargo will use.
fn manifest(arguments: &[OsString], current: &Path) -> Result<PathBuf> {
    if let Some(named) = manifest_argument(arguments) {
        return Ok(current.join(named));
    }
    let found =
        current.ancestors().map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file());
    found.ok_or_else(|| {
        CliError::usage("no-package", "there is no Cargo.toml here or in a folder above")
            .at(current, 0, 0)
            .help("run it in a package, or name one: lockcheck test -- --manifest-path PATH")
    })
}

/// The value of `--manifest-path` among the arguments for cargo.
fn manifest_argument(arguments: &[OsString]) -> Option<&OsStr> {
    let own = for_cargo(arguments);
    own.iter().enumerate().find_map(|(index, argument)| {
        match argument.to_str()?.strip_prefix("--manifest-path")? {
            "" => own.get(index + 1).map(OsString::as_os_str),
            value => value.strip_prefix('=').map(OsStr::new),
        }
    })
}

/// The arguments before `--`: those behind it are for the test programs.
fn for_cargo(arguments: &[OsString]) -> &[OsString] {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    &arguments[..end]
}

/// The same arguments for the package at `manifest`.
fn elsewhere(arguments: &[OsString], manifest: &Path) -> Vec<OsString> {
    let mut new: Vec<OsString> = vec!["--manifest-path".into(), manifest.into()];
    let mut is_value = false;
    for argument in for_cargo(arguments) {
        let own = argument.to_str().and_then(|text| text.strip_prefix("--manifest-path"));
        if !is_value && own.is_none() {
            new.push(argument.clone());
        }
        is_value = own == Some("");
    }
    new.extend_from_slice(&arguments[for_cargo(arguments).len()..]);
    new
}

/// The arguments for cargo without those that nextest does not take together with `--no-run`: they say how to run.
fn for_building(arguments: &[OsString]) -> Vec<OsString> {
    const ALONE: [&str; 4] = ["--no-fail-fast", "--nff", "--fail-fast", "--ff"];
    const WITH_VALUE: [&str; 6] = ["--test-threads", "-j", "--jobs", "--retries", "--max-fail", "--no-tests"];
    let mut kept = Vec::new();
    let mut is_value = false;
    for argument in for_cargo(arguments) {
        let text = argument.to_string_lossy();
        let word = text.split('=').next().unwrap_or_default();
        let says_how = std::mem::replace(&mut is_value, WITH_VALUE.contains(&&*text))
            || ALONE.contains(&word)
            || WITH_VALUE.contains(&word);
        if !says_how && text != "--no-run" {
            kept.push(argument.clone());
        }
    }
    kept
}

/// The same for cargo's own tests. Examples in documentation are built as they are run: what they are compiled against is
/// built before.
fn built_before(arguments: &[OsString]) -> Vec<OsString> {
    let own = for_cargo(arguments).iter().filter(|argument| *argument != "--no-run");
    own.map(|argument| if argument == "--doc" { "--lib".into() } else { argument.clone() }).collect()
}

fn build_tests(mut command: Command, nextest: bool, arguments: &[OsString]) -> Result<()> {
    if nextest {
        command.args(for_building(arguments)).arg("--no-run");
    } else {
        command.args(built_before(arguments)).arg("--no-run");
    }
    let status =
        command.status().map_err(|error| CliError::internal(format!("cannot start cargo: {error}")))?;
    match status.code() {
        Some(0) => Ok(()),
        // What cargo and nextest say about their command lines.
        Some(1 | 2) => {
            Err(CliError::usage("cargo-usage", "cargo does not take these arguments; it says why above"))
        }
        _ => Err(CliError::build("the tests do not build; cargo says why above")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_same_arguments_name_another_manifest() {
        let new = elsewhere(&words("--lib --manifest-path a -p x -- --manifest-path b"), Path::new("c"));
        assert_eq!(new, words("--manifest-path c --lib -p x -- --manifest-path b"));
        assert_eq!(
            elsewhere(&words("--manifest-path=a --lib"), Path::new("c")),
            words("--manifest-path c --lib")
        );
    }

    #[test]
    fn nextest_runs_the_tests_where_it_is_named() {
        assert_eq!(subcommand(&words("--lib")), ("test", &*words("--lib")));
        assert_eq!(subcommand(&words("nextest --lib")), ("nextest run", &*words("--lib")));
        assert_eq!(subcommand(&words("nextest run -E all")), ("nextest run", &*words("-E all")));
        assert_eq!(subcommand(&words("nextest")), ("nextest run", &*words("")));
        let mixed = words("--lib --retries 3 -j=2 -E all --no-fail-fast --max-fail=1 -p x -- y");
        assert_eq!(for_building(&mixed), words("--lib -E all -p x"));
    }

    #[test]
    fn examples_in_documentation_are_not_built_ahead() {
        assert_eq!(built_before(&words("--doc -p x f -- --doc")), words("--lib -p x f"));
        assert_eq!(built_before(&words("--no-run --lib")), words("--lib"));
    }

    #[test]
    fn only_cargo_s_own_arguments_name_a_manifest() {
        assert_eq!(
            manifest_argument(&words("--lib --manifest-path a/Cargo.toml")),
            Some(OsStr::new("a/Cargo.toml"))
        );
        assert_eq!(manifest_argument(&words("--manifest-path=b")), Some(OsStr::new("b")));
        assert_eq!(manifest_argument(&words("--lib -- --manifest-path c")), None);
        assert_eq!(manifest_argument(&words("--manifest-path")), None);
        assert_eq!(for_cargo(&words("a -- b -- c")), words("a"));
    }
}
