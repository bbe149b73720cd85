//! Builds a program with the instrumentation on, in a target directory of its own, and finds the executable. Cargo's
//! words go to stderr as they come; running the result is `process`'s business.

use std::ffi::{OsStr, OsString};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, Message, TargetKind};

use crate::args::SelectArgs;
use crate::error::{CliError, Result};
use crate::package::{Program, cargo};
use crate::rustflags::{self, Rustflags, Sources};

/// A program that can be run.
#[derive(Clone, Debug)]
pub struct Built {
    /// The executable.
    pub executable: PathBuf,
    /// Folders that cargo puts on the search path for shared libraries.
    pub library_folders: Vec<PathBuf>,
}

/// `cargo <subcommand>` (one word or more) in `folder`, with the instrumentation on, and with `more` flags for the compiler. `rustflags`
/// says how.
pub fn cargo_command(subcommand: &str, folder: &Path, target_dir: &Path, more: &[String]) -> Command {
    let cargo = cargo();
    let sources = Sources::of(folder, &cargo);
    let Rustflags { encoded, config } = rustflags::compose(&sources, more);
    let for_rustdoc = rustflags::compose_for_rustdoc(&sources, more);
    let mut command = Command::new(cargo);
    command.args(subcommand.split(' ')).args(config).arg("--target-dir").arg(target_dir).current_dir(folder);
    if let Some(encoded) = encoded {
        command.env("CARGO_ENCODED_RUSTFLAGS", encoded);
    }
    command.env("CARGO_ENCODED_RUSTDOCFLAGS", for_rustdoc);
    hide_own_cargo(&mut command);
    command
}

/// Builds `program`. What cargo says goes to stderr.
pub fn build(program: &Program, select: &SelectArgs) -> Result<Built> {
    let mut command = cargo_command("build", &program.folder, &program.target_dir, &program.rustflags);
    command
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(program.package.manifest_path.as_std_path())
        .args([if program.example { "--example" } else { "--bin" }, &program.name])
        .args(feature_arguments(select))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        CliError::internal(format!("cannot start cargo: {error}")).help("is it on the PATH?")
    })?;
    let mut built = Found::new(program);
    if let Some(output) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(output)) {
            built.take(message.map_err(|error| CliError::internal(format!("cargo's output: {error}")))?);
        }
    }
    let status = child.wait().map_err(|error| CliError::internal(format!("cargo: {error}")))?;
    if !status.success() {
        let what = if program.example { "example" } else { "binary" };
        return Err(CliError::build(format!(
            "the {what} `{}` of package `{}` does not build; cargo says why above",
            program.name, program.package.name
        )));
    }
    let executable = built.executable.ok_or_else(|| {
        CliError::internal(format!("cargo built `{}` and did not say where it is", program.name))
    })?;
    Ok(Built { executable, library_folders: built.library_folders })
}

/// The options for features and profile, as cargo has them.
fn feature_arguments(select: &SelectArgs) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let switches = [
        (select.release, "--release"),
        (select.all_features, "--all-features"),
        (select.no_default_features, "--no-default-features"),
    ];
    arguments.extend(switches.iter().filter(|(on, _)| *on).map(|(_, switch)| (*switch).into()));
    for features in &select.features {
        arguments.extend(["--features".into(), features.into()]);
    }
    arguments
}

/// What cargo's messages have told so far.
struct Found<'a> {
    program: &'a Program,
    executable: Option<PathBuf>,
    library_folders: Vec<PathBuf>,
}

impl<'a> Found<'a> {
    fn new(program: &'a Program) -> Found<'a> {
        Found { program, executable: None, library_folders: Vec::new() }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::CompilerArtifact(artifact) if self.is_program(&artifact) => {
                self.executable = artifact.executable.map(PathBuf::from);
                let profile = self.executable.as_deref().and_then(Path::parent).map(Path::to_owned);
                // An example lies one folder deeper than what it may link to.
                let profile = if self.program.example { profile.and_then(parent) } else { profile };
                self.library_folders.extend(profile.iter().map(|folder| folder.join("deps")));
                self.library_folders.extend(profile);
            }
            Message::BuildScriptExecuted(script) => {
                let paths = script.linked_paths.iter().map(|path| strip_kind(path.as_str()));
                let own = paths.map(PathBuf::from).filter(|path| path.starts_with(&self.program.target_dir));
                self.library_folders.extend(own);
            }
            _ => {}
        }
    }

    fn is_program(&self, artifact: &Artifact) -> bool {
        let kind = if self.program.example { TargetKind::Example } else { TargetKind::Bin };
        artifact.executable.is_some()
            && artifact.package_id == self.program.package.id
            && artifact.target.name == self.program.name
            && artifact.target.kind.contains(&kind)
    }
}

fn parent(path: PathBuf) -> Option<PathBuf> {
    path.parent().map(Path::to_owned)
}

/// A build script writes `native=/path` as well as `/path`.
fn strip_kind(path: &str) -> &str {
    match path.split_once('=') {
        Some(("dependency" | "crate" | "native" | "framework" | "all", rest)) => rest,
        _ => path,
    }
}

/// The command that runs what was built, with the environment `cargo run` gives it.
pub fn run_command(program: &Program, built: &Built, arguments: &[OsString]) -> Command {
    let mut command = Command::new(&built.executable);
    command.args(arguments);
    hide_own_cargo(&mut command);
    for name in cargo_variables(std::env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
    command.env("CARGO", std::env::var_os("CARGO").unwrap_or_else(|| cargo().into()));
    for (name, value) in package_variables(program) {
        command.env(name, value);
    }
    let library_path =
        if cfg!(target_os = "macos") { "DYLD_FALLBACK_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let inherited = std::env::var_os(library_path).unwrap_or_default();
    let folders = built.library_folders.iter().cloned().chain(std::env::split_paths(&inherited));
    let folders = folders.filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(joined) = std::env::join_paths(folders) {
        command.env(library_path, joined);
    }
    command
}

/// The variables that describe a package to its program; cargo sets them anew for each.
fn cargo_variables(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let describes = |name: &OsStr| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_BIN_EXE_")
            || matches!(
                &*name,
                "CARGO_MANIFEST_DIR"
                    | "CARGO_MANIFEST_PATH"
                    | "CARGO_MANIFEST_LINKS"
                    | "CARGO_BIN_NAME"
                    | "CARGO_CRATE_NAME"
                    | "CARGO_PRIMARY_PACKAGE"
                    | "CARGO_TARGET_TMPDIR"
                    | "OUT_DIR"
            )
    };
    names.filter(|name| describes(name)).collect()
}

fn package_variables(program: &Program) -> Vec<(&'static str, OsString)> {
    let package = &program.package;
    let version = &package.version;
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default().into();
    let path = |path: Option<&cargo_metadata::camino::Utf8PathBuf>| {
        path.map(|path| path.as_os_str().to_owned()).unwrap_or_default()
    };
    vec![
        ("CARGO_MANIFEST_DIR", program.folder.clone().into()),
        ("CARGO_MANIFEST_PATH", package.manifest_path.as_os_str().to_owned()),
        ("CARGO_PKG_NAME", package.name.to_string().into()),
        ("CARGO_PKG_VERSION", version.to_string().into()),
        ("CARGO_PKG_VERSION_MAJOR", version.major.to_string().into()),
        ("CARGO_PKG_VERSION_MINOR", version.minor.to_string().into()),
        ("CARGO_PKG_VERSION_PATCH", version.patch.to_string().into()),
        ("CARGO_PKG_VERSION_PRE", version.pre.to_string().into()),
        ("CARGO_PKG_AUTHORS", package.authors.join(":").into()),
        ("CARGO_PKG_DESCRIPTION", or_empty(&package.description)),
        ("CARGO_PKG_HOMEPAGE", or_empty(&package.homepage)),
        ("CARGO_PKG_REPOSITORY", or_empty(&package.repository)),
        ("CARGO_PKG_LICENSE", or_empty(&package.license)),
        ("CARGO_PKG_LICENSE_FILE", path(package.license_file.as_ref())),
        ("CARGO_PKG_README", path(package.readme.as_ref())),
        (
            "CARGO_PKG_RUST_VERSION",
            package.rust_version.as_ref().map(ToString::to_string).unwrap_or_default().into(),
        ),
    ]
}

/// Where this tool was itself started by `cargo run`, takes back what cargo told it about its own package: a
/// command that is watched must not take it for its own.
pub fn hide_own_cargo(command: &mut Command) {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").is_some_and(|folder| {
        Path::new(&folder) == Path::new(env!("CARGO_MANIFEST_DIR"))
            && std::env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == env!("CARGO_PKG_NAME"))
    });
    if own {
        for name in cargo_variables(std::env::vars_os().map(|(name, _)| name)) {
            command.env_remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_describes_a_package_is_taken_back() {
        let names =
            ["PATH", "CARGO", "CARGO_HOME", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "RUSTFLAGS", "OUT_DIR"];
        let taken = cargo_variables(names.iter().map(OsString::from));
        assert_eq!(taken, ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "OUT_DIR"]);
    }

    #[test]
    fn link_paths_lose_their_kind() {
        assert_eq!(strip_kind("native=/a=b"), "/a=b");
        assert_eq!(strip_kind("/a=b"), "/a=b");
    }

    #[test]
    fn features_are_passed_on() {
        let select =
            SelectArgs { release: true, features: vec!["a b".into(), "c".into()], ..Default::default() };
        assert_eq!(feature_arguments(&select), ["--release", "--features", "a b", "--features", "c"]);
    }
}
