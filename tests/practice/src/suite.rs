//! Healthy code: its tests pass with the locks swapped, and nothing that counts is found.

use std::path::{Path, PathBuf};

use crate::Row;
use crate::cases::{Suite, Tests};
use crate::program::{findings, rank, shown};
use crate::workshop::{BUILD, Workshop, read, run, write};

/// The tiers that count.
const COUNTING: usize = 4;

/// Runs it.
pub fn practise(workshop: &Workshop, suite: &Suite) -> Result<Row, String> {
    let folder = workshop.place.join(suite.name);
    let krate = folder.join("crate");
    workshop.fetch(suite.krate, suite.version, &krate)?;
    let package = prepare(workshop, suite, &folder, &krate)?;
    workshop.swap(&package)?;
    let mut command = workshop.lockcheck(&package);
    command.args(["test", "--message-format", "json", "--hang-after", "120s", "--"]).args(suite.arguments);
    let ran = run(&mut command, BUILD)?;
    let last = ran.stdout.lines().next_back().unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(last)
        .map_err(|error| format!("lockcheck gave no report ({error}):\n{}", tail(&ran.stderr)))?;
    let passed: usize = ran.stdout.lines().filter_map(passed_in).sum();
    let mut lost = Vec::new();
    if ran.code != Some(0) {
        let failed = ran.stdout.lines().filter(|line| line.ends_with("FAILED") || line.contains("panicked"));
        let failed: Vec<&str> = failed.take(10).collect();
        lost.push(format!("ends with {:?}; {}; {}", ran.code, failed.join("; "), tail(&ran.stderr)));
    }
    if findings(&report).any(|finding| rank(finding) < COUNTING) {
        lost.push(format!("reported: {}", shown(&report)));
    }
    if passed < suite.passing {
        lost.push(format!("{} tests were expected to pass at least", suite.passing));
    }
    let notes = findings(&report).count();
    Ok(Row {
        what: format!("{} {}", suite.krate, suite.version),
        seen: format!("{passed} tests pass; {notes} notes"),
        lost,
    })
}

/// The package to be swapped.
fn prepare(workshop: &Workshop, suite: &Suite, folder: &Path, krate: &Path) -> Result<PathBuf, String> {
    let package = folder.join("tests");
    match &suite.tests {
        Tests::Own => return Ok(krate.to_owned()),
        Tests::Unit { files, dependencies } => {
            let features = "[features]\ndefault = [\"arc_lock\", \"serde\"]\narc_lock = []\nserde = []\n";
            let manifest = format!("{features}\n[dependencies]\n{dependencies}\n");
            workshop.package(&package, "unit_tests", &manifest, &[("src/lib.rs", "")])?;
            for file in *files {
                let text = read(&krate.join(format!("src/{file}.rs")))?;
                let start = text.find("#[cfg(test)]").ok_or_else(|| format!("{file}.rs has no tests"))?;
                let own = text[start..].replace("crate::", &format!("{}::", suite.krate));
                write(&package.join(format!("tests/{file}.rs")), &own)?;
            }
        }
        Tests::Retargeted { file, from, to, dependencies } => {
            let manifest = format!("[dependencies]\n{dependencies}\n");
            let text = read(&krate.join(file))?;
            if !text.contains(from) {
                return Err(format!("{file} does not say `{from}`"));
            }
            let new = text.replace(from, to);
            workshop.package(&package, "retargeted", &manifest, &[("src/lib.rs", ""), (file, &new)])?;
        }
    }
    Ok(package)
}

/// `test result: ok. 12 passed; ...`
fn passed_in(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("test result: ")?;
    let (before, _) = rest.split_once(" passed")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// The end of what was said.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
