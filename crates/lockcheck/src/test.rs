//! `lockcheck test`: `cargo test` with the instrumentation on, in two steps, because cargo ends with the same code
//! whether tests do not build or fail.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::args::TestArgs;
use crate::build;
use crate::config::{self, Judgement, Style};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::package;
use crate::run;
use crate::watch::{self, Job};

/// Carries it out.
pub fn test(args: &TestArgs, style: Style) -> Result<Exit> {
    let judgement = Judgement::new(&args.judge)?;
    let current = std::env::current_dir().map_err(|error| CliError::io("find", Path::new("."), &error))?;
    let manifest = manifest(&args.rest, &current)?;
    let metadata = package::metadata(&manifest, false)?;
    let target_dir = metadata.target_directory.join("lockcheck").into_std_path_buf();
    build_tests(args, &current, &target_dir)?;
    let mut command = build::cargo_command("test", &current, &target_dir);
    command.args(&args.rest);
    let mut words: Vec<OsString> = vec!["cargo".into(), "test".into()];
    words.extend(args.rest.iter().cloned());
    let job = Job {
        command,
        target: run::shown(&words),
        hints: vec![metadata.workspace_root.clone().into(), current],
        executable: None,
        must_record: true,
        hang_after: args.hang_after,
        on_deadlock: config::on_deadlock(args.on_deadlock),
        record: args.record,
    };
    let package =
        manifest.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let advice = || run::advise("the test run", &package, run::depends_on_tracked(&manifest, None));
    watch::watch(job, style, &judgement, &advice)
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

fn build_tests(args: &TestArgs, current: &Path, target_dir: &Path) -> Result<()> {
    let mut command = build::cargo_command("test", current, target_dir);
    command.args(for_cargo(&args.rest).iter().filter(|argument| *argument != "--no-run")).arg("--no-run");
    let status =
        command.status().map_err(|error| CliError::internal(format!("cannot start cargo: {error}")))?;
    match status.code() {
        Some(0) => Ok(()),
        // What cargo says about its own command line.
        Some(1) => {
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
