//! The packages of a user: a workspace of its own that depends on the library by path. The sources are those under
//! `tests/user`; the manifests are written here, as the paths depend on where the repository lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::command::{cargo, lockcheck, root, scratch};

/// A package of the workspace.
struct Package {
    path: &'static str,
    /// What it says about `tracked`.
    tracked: Tracked,
}

#[derive(Clone, Copy)]
enum Tracked {
    /// Depends on it with `check`.
    Check,
    /// Depends on it as it is, and with `check` for its tests.
    CheckInTests,
    /// Depends on it as it is.
    Off,
    /// Does not depend on it.
    No,
}

const PACKAGES: [Package; 9] = [
    Package { path: "programs", tracked: Tracked::Check },
    Package { path: "plain", tracked: Tracked::No },
    Package { path: "broken", tracked: Tracked::No },
    Package { path: "suite", tracked: Tracked::CheckInTests },
    Package { path: "stated", tracked: Tracked::Check },
    Package { path: "off", tracked: Tracked::Off },
    Package { path: "expectations/missing", tracked: Tracked::Check },
    Package { path: "expectations/unexpected", tracked: Tracked::Check },
    Package { path: "expectations/malformed", tracked: Tracked::No },
];

/// The user's workspace, written once for each run of the tests.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = scratch().join("user");
        write(&folder);
        folder
    })
}

/// The command under test, in the user's workspace.
pub fn lockcheck_there() -> Command {
    let mut command = lockcheck();
    command.current_dir(folder());
    command
}

/// Cargo, in the user's workspace.
pub fn cargo_there() -> Command {
    let mut command = cargo();
    command.current_dir(folder());
    command
}

/// The text of one of the user's sources.
pub fn source(path: &str) -> String {
    fs::read_to_string(root().join("tests/user").join(path)).unwrap()
}

/// The only line of it that has the words, as a place in a report.
pub fn place(path: &str, words: &str) -> String {
    let text = source(path);
    let lines: Vec<usize> =
        (1..).zip(text.lines()).filter(|(_, line)| line.contains(words)).map(|(n, _)| n).collect();
    let [line] = lines[..] else { panic!("`{words}` stands in {path} at {lines:?}") };
    let (_, in_package) = path.split_once('/').unwrap();
    format!("{in_package}:{line}")
}

fn write(folder: &Path) {
    copy(&root().join("tests/user"), folder);
    for package in &PACKAGES {
        write_if_new(&folder.join(package.path).join("Cargo.toml"), manifest(package).as_bytes());
    }
    let members: Vec<String> = PACKAGES.iter().map(|package| format!("\"{}\"", package.path)).collect();
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", "));
    write_if_new(&folder.join("Cargo.toml"), workspace.as_bytes());
    // The same versions as here, so that nothing is built twice. Cargo adds the packages above.
    let lock = folder.join("Cargo.lock");
    if !lock.exists() || modified(&lock) < modified(&root().join("Cargo.lock")) {
        fs::copy(root().join("Cargo.lock"), &lock).unwrap();
    }
}

fn modified(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

fn manifest(package: &Package) -> String {
    let name = package.path.rsplit('/').next().unwrap();
    let mut text = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n");
    if name == "suite" || name == "off" {
        text += "[lib]\npath = \"lib.rs\"\n";
    }
    let tracked = root().join("crates/tracked");
    // A string of JSON is one of TOML.
    let path = serde_json::to_string(&tracked).unwrap();
    let plain = format!("[dependencies]\ntracked = {{ path = {path} }}\n");
    let check = format!("tracked = {{ path = {path}, features = [\"check\"] }}\n");
    text += &match package.tracked {
        Tracked::Check => format!("[dependencies]\n{check}"),
        Tracked::CheckInTests => format!("{plain}[dev-dependencies]\n{check}"),
        Tracked::Off => plain,
        Tracked::No => String::new(),
    };
    text
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            write_if_new(&target, &fs::read(entry.path()).unwrap());
        }
    }
}

/// Leaves a file alone that says so already: cargo goes by its time.
fn write_if_new(path: &Path, text: &[u8]) {
    if fs::read(path).ok().as_deref() != Some(text) {
        fs::write(path, text).unwrap();
    }
}
