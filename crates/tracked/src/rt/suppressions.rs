//! What a project has decided to live with, for tests that fail on what is found in them: the file that the CLI reads
//! too (docs/suppressions.md). Says nothing of entries that match nothing: another test may be what they are for.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lockcheck_checker::Finding;
use lockcheck_checker::suppress::file::{self, BYTES_MAX, FILE};
use lockcheck_checker::suppress::{Suppression, covers};

/// Names the file; else it is looked for beside the package's Cargo.toml, or the next one above.
const VARIABLE: &str = "LOCKCHECK_SUPPRESSIONS";

/// Those of the findings that are not suppressed.
///
/// # Panics
///
/// If the file is not what it should be: a test that would pass for that reason must not.
#[track_caller]
pub(crate) fn left_of(mut findings: Vec<Finding>) -> Vec<Finding> {
    if !findings.is_empty() {
        match entries() {
            Ok(entries) => findings.retain(|finding| !covers(entries, finding)),
            Err(why) => panic!("{why}"),
        }
    }
    findings
}

fn entries() -> &'static Result<Vec<Suppression>, String> {
    static ENTRIES: OnceLock<Result<Vec<Suppression>, String>> = OnceLock::new();
    ENTRIES.get_or_init(|| match path() {
        Some(path) => read(&path).map_err(|why| format!("{}: {why}", path.display())),
        None => Ok(Vec::new()),
    })
}

fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path));
    }
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let start = package.or_else(|| std::env::current_dir().ok())?;
    let packages = start.ancestors().filter(|folder| folder.join("Cargo.toml").is_file());
    packages.map(|folder| folder.join(FILE)).find(|file| file.is_file())
}

fn read(path: &Path) -> Result<Vec<Suppression>, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > BYTES_MAX {
        return Err(format!("has {size} bytes; at most {BYTES_MAX} are read"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    file::read(&bytes, &name).map_err(|malformed| malformed.to_string())
}
