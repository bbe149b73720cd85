//! `lockcheck.suppressions.toml`: findings that a project has decided to live with, each with a reason
//! (docs/suppressions.md).
//!
//! How entries are written down and what they match is the checker's business (`suppress`).

use std::path::{Path, PathBuf};

use lockcheck_checker::suppress::Suppression;
use lockcheck_checker::suppress::file::{self, BYTES_MAX, FILE, REMEDY};

use crate::error::{CliError, Result};

/// The file that is in force: the one that was asked for, else the nearest beside a Cargo.toml, from `start` upwards.
pub fn load(asked: Option<&Path>, start: &Path) -> Result<Vec<Suppression>> {
    match asked {
        Some(path) => read(path),
        None => find(start).map_or_else(|| Ok(Vec::new()), |path| read(&path)),
    }
}

fn find(start: &Path) -> Option<PathBuf> {
    let packages = start.ancestors().filter(|folder| folder.join("Cargo.toml").is_file());
    packages.map(|folder| folder.join(FILE)).find(|file| file.is_file())
}

fn read(path: &Path) -> Result<Vec<Suppression>> {
    let size = std::fs::metadata(path).map_err(|error| CliError::io("read", path, &error))?.len();
    if size > BYTES_MAX {
        let message = format!("malformed suppressions: {size} bytes; at most {BYTES_MAX} are read");
        return Err(CliError::usage("suppressions", message).at(path, 1, 1));
    }
    let bytes = std::fs::read(path).map_err(|error| CliError::io("read", path, &error))?;
    let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    file::read(&bytes, &shown).map_err(|malformed| {
        CliError::usage("suppressions", format!("malformed suppressions: {}", malformed.what))
            .at(path, malformed.line, malformed.column)
            .help(REMEDY)
    })
}
