//! The programs that link the locks: this one for our own, and one build of the neighbours' package for each set of
//! features that cannot be had together. Builds and asks them; does not know what the answers mean.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

/// The argument that makes a program a worker.
pub(crate) const WORKER: &str = "worker";

/// The neighbours' package, and its features of which each is a build of its own.
const NEIGHBOURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/neighbours/Cargo.toml");
const BUILDS: [&str; 4] = ["plain", "deadlock-detection", "deloxide", "deloxide-order"];

/// Why there is nothing to measure.
#[derive(Debug)]
pub(crate) enum Error {
    /// A program could not be run at all.
    Start(String, std::io::Error),
    /// The neighbours do not build with this feature.
    Build(&'static str),
    /// A program gave no answer.
    Answer(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Start(program, error) => write!(f, "cannot run {program}: {error}"),
            Error::Build(build) => {
                write!(
                    f,
                    "the neighbours do not build with `{build}`; `--no-neighbours` measures without them"
                )
            }
            Error::Answer(program) => write!(f, "{program} ended without an answer"),
        }
    }
}

/// A lock and the program that measures it.
pub(crate) struct Entrant {
    pub name: String,
    program: Rc<Path>,
}

impl Entrant {
    /// Runs the worker with these arguments before the subject's name, after `launcher` (a program and its arguments).
    /// `None`: it failed.
    pub(crate) fn ask(&self, launcher: &[&str], arguments: &[&str]) -> Option<std::process::Output> {
        let mut command = match launcher {
            [] => Command::new(&*self.program),
            [program, rest @ ..] => {
                let mut command = Command::new(program);
                command.args(rest).arg(&*self.program);
                command
            }
        };
        command.arg(WORKER).args(arguments).arg(&self.name).stdin(Stdio::null());
        // The figures must not depend on how the caller watches.
        command.env_remove("LOCKCHECK_OUT").env_remove("LOCKCHECK");
        command.output().ok().filter(|output| output.status.success())
    }
}

/// All that take part, plain parking_lot first.
pub(crate) fn entrants(with_neighbours: bool) -> Result<Vec<Entrant>, Error> {
    let own = std::env::current_exe().map_err(|error| Error::Start("this program".to_owned(), error))?;
    let targets = own.with_file_name("neighbours");
    let mut entrants = subjects_of(own)?;
    if with_neighbours {
        for build in BUILDS {
            entrants.extend(subjects_of(built(build, targets.join(build))?)?);
        }
    }
    Ok(entrants)
}

/// Builds the neighbours with one feature, in a target directory of its own, and gives the program.
fn built(build: &'static str, target: PathBuf) -> Result<PathBuf, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--features",
            build,
            "--manifest-path",
            NEIGHBOURS,
        ])
        .arg("--target-dir")
        .arg(&target)
        .status()
        .map_err(|error| Error::Start("cargo".to_owned(), error))?;
    if !status.success() {
        return Err(Error::Build(build));
    }
    Ok(target.join("release").join("lockcheck-bench-neighbours"))
}

/// The locks that a worker links.
fn subjects_of(program: PathBuf) -> Result<Vec<Entrant>, Error> {
    let shown = program.display().to_string();
    let output = Command::new(&program)
        .args([WORKER, "subjects"])
        .output()
        .map_err(|error| Error::Start(shown.clone(), error))?;
    let names = String::from_utf8(output.stdout).map_err(|_| Error::Answer(shown))?;
    let program: Rc<Path> = program.into();
    Ok(names.lines().map(|name| Entrant { name: name.to_owned(), program: Rc::clone(&program) }).collect())
}
