//! What a swap says: which files, how many places, what is left and why. For people on stdout, or as one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use lockcheck_swap::Left;
use serde_json::json;

use super::{Changes, TrackedSource};
use crate::args::Format;
use crate::config::Style;
use crate::error::Result;
use crate::output;

/// What was swapped and what was not.
pub struct Listing<'a> {
    pub changes: &'a Changes,
    pub left: &'a BTreeMap<PathBuf, Vec<Left>>,
    pub current: &'a Path,
    pub source: &'a TrackedSource,
    pub wrote: bool,
}

impl Listing<'_> {
    /// All changes, as one unified diff.
    pub fn diff(&self) -> String {
        diff(self.changes, self.current)
    }

    /// Prints it.
    pub fn show(&self, style: Style) -> Result<()> {
        match style.format {
            Format::Json => return output::to_stdout(&format!("{}\n", self.json())),
            Format::Human | Format::Short => output::to_stderr(&self.human()),
        }
        Ok(())
    }

    fn human(&self) -> String {
        let mut text = String::new();
        for (path, change) in self.changes {
            let what = match change.places {
                0 if path.ends_with("Cargo.toml") => format!("`tracked` {}", self.source.shown()),
                0 => "`extern crate tracked`".to_owned(),
                1 => "1 place".to_owned(),
                places => format!("{places} places"),
            };
            let _ = writeln!(text, "  {}: {what}", shown(path, self.current));
        }
        for (path, left) in self.left {
            for left in left {
                let (line, column) = (left.place.line, left.place.column);
                let place = format!("{}:{line}:{column}", shown(path, self.current));
                let _ = writeln!(text, "not swapped: {place}: `{}`: {}", one_line(&left.what), left.why);
            }
        }
        let places: usize = self.changes.values().map(|change| change.places).sum();
        let left: usize = self.left.values().map(Vec::len).sum();
        let verb = if self.wrote { "swapped" } else { "would swap" };
        if self.changes.is_empty() {
            let _ = writeln!(text, "lockcheck: nothing to swap; {left} left as they are");
        } else {
            let files = self.changes.len();
            let _ =
                writeln!(text, "lockcheck: {verb} {places} places in {files} files; {left} left as they are");
        }
        if self.wrote && !self.changes.is_empty() {
            text += "lockcheck: now `cargo test`, or `lockcheck test`; `lockcheck swap PATH --undo` restores it all\n";
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        let files: Vec<_> = self
            .changes
            .iter()
            .map(|(path, change)| json!({"file": shown(path, self.current), "places": change.places}))
            .collect();
        let left: Vec<_> = self
            .left
            .iter()
            .flat_map(|(path, left)| left.iter().map(move |left| (path, left)))
            .map(|(path, left)| {
                json!({
                    "file": shown(path, self.current), "line": left.place.line, "column": left.place.column,
                    "what": left.what, "why": left.why,
                })
            })
            .collect();
        json!({"schema": "lockcheck.swap.v1", "written": self.wrote, "files": files, "left": left})
    }
}

/// What `--undo` did.
pub fn show_undo(restored: &Changes, current: &Path, wrote: bool, style: Style) -> Result<()> {
    if style.format == Format::Json {
        let files: Vec<_> = restored.keys().map(|path| shown(path, current)).collect();
        let object = json!({"schema": "lockcheck.swap.v1", "written": wrote, "restored": files});
        return output::to_stdout(&format!("{object}\n"));
    }
    let verb = if wrote { "restored" } else { "would restore" };
    let mut text = String::new();
    for path in restored.keys() {
        let _ = writeln!(text, "  {}", shown(path, current));
    }
    let _ = writeln!(text, "lockcheck: {verb} {} files", restored.len());
    output::to_stderr(&text);
    Ok(())
}

/// A unified diff as git and patch take it.
pub fn diff(changes: &Changes, current: &Path) -> String {
    let mut text = String::new();
    for (path, change) in changes {
        let name = shown(path, current);
        let (old, new) = (format!("a/{name}"), format!("b/{name}"));
        let diff = similar::TextDiff::from_lines(&change.before, &change.after);
        text += &diff.unified_diff().header(&old, &new).to_string();
    }
    text
}

/// As seen from where the call was made.
pub fn shown(path: &Path, current: &Path) -> String {
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
