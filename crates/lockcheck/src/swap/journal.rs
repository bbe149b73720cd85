//! The way back: for each file that was swapped, its text from before and what it looked like afterwards. One JSON file
//! beside the Cargo.toml that the swap was called for. It is written before any source is, so that no moment exists in
//! which a file is changed and its old text is lost.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Change, Changes};
use crate::error::{CliError, Result};

/// What the file is called.
const NAME: &str = ".lockcheck-swap";
const SCHEMA: &str = "lockcheck.swap-journal.v1";

/// One swapped file.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    /// Its text from before the first swap.
    before: String,
    /// The hash of what the last swap wrote.
    after: String,
    /// Whether somebody edited it between two swaps, so that `before` is not all there is to restore.
    edited: bool,
}

#[derive(Serialize, Deserialize)]
struct Content {
    schema: String,
    /// By path, as seen from the journal's folder, or absolute where it lies elsewhere.
    files: BTreeMap<String, Entry>,
}

/// The journal of one folder.
pub struct Journal {
    folder: PathBuf,
    files: BTreeMap<String, Entry>,
}

impl Journal {
    /// The one in `folder`; empty where there is none.
    pub fn open(folder: &Path) -> Result<Journal> {
        let path = folder.join(NAME);
        let files = match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text, &path)?.files,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(CliError::io("read", &path, &error)),
        };
        Ok(Journal { folder: folder.to_owned(), files })
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Notes what is about to be written.
    pub fn remember(&mut self, changes: &Changes) -> Result<()> {
        for (path, change) in changes {
            let after = hash(&change.after);
            let new = Entry { before: change.before.clone(), after: after.clone(), edited: false };
            let entry = self.files.entry(self.key(path)).or_insert(new);
            entry.edited |= entry.after != after && entry.after != hash(&change.before);
            entry.after = after;
        }
        self.save()
    }

    /// What can be restored, and what was edited since. With `force` all of it can be.
    pub fn restorable(&self, force: bool) -> Result<(Changes, Vec<PathBuf>)> {
        let mut restorable = Changes::new();
        let mut edited = Vec::new();
        for (key, entry) in &self.files {
            let path = self.folder.join(key);
            let now = match std::fs::read_to_string(&path) {
                Ok(now) => now,
                Err(error) if error.kind() == ErrorKind::NotFound && force => String::new(),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    edited.push(path);
                    continue;
                }
                Err(error) => return Err(CliError::io("read", &path, &error)),
            };
            let untouched = hash(&now) == entry.after && !entry.edited;
            if untouched || force || now == entry.before {
                let change = Change { before: now, after: entry.before.clone(), places: 0 };
                restorable.insert(path, change);
            } else {
                edited.push(path);
            }
        }
        Ok((restorable, edited))
    }

    /// What has been restored is done with; a journal with nothing in it goes away.
    pub fn forget(&mut self, restored: &Changes) -> Result<()> {
        for path in restored.keys() {
            let key = self.key(path);
            self.files.remove(&key);
        }
        if !self.files.is_empty() {
            return self.save();
        }
        let path = self.path();
        std::fs::remove_file(&path).map_err(|error| CliError::io("remove", &path, &error))
    }

    fn key(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// In one step, so that a journal is never half written.
    fn save(&self) -> Result<()> {
        let content = Content { schema: SCHEMA.to_owned(), files: self.files.clone() };
        let text = serde_json::to_string_pretty(&content)
            .map_err(|error| CliError::internal(format!("the journal: {error}")))?;
        let path = self.path();
        let new = self.folder.join(format!("{NAME}.new"));
        std::fs::write(&new, text + "\n")
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| CliError::io("write", &path, &error))
    }
}

fn parse(text: &str, path: &Path) -> Result<Content> {
    let wrong = |why: String, line: usize, column: usize| {
        CliError::usage("swap-journal", format!("the journal of the swap cannot be read: {why}"))
            .at(path, line, column)
            .help("if its files have been restored by other means, remove it")
    };
    let content: Content =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string(), error.line(), error.column()))?;
    if content.schema != SCHEMA {
        return Err(wrong(format!("it is of the form `{}`", content.schema), 0, 0));
    }
    Ok(content)
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo): tells an edited file from an untouched one, the same on every machine and
/// with every version of the compiler.
fn hash(text: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash(""), "cbf29ce484222325");
        assert_eq!(hash("a"), "af63dc4c8601ec8c");
        assert_eq!(hash("foobar"), "85944171f73967e8");
    }

    #[test]
    fn a_broken_journal_is_said_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), "{\n!").unwrap();
        let error = Journal::open(dir.path()).err().unwrap().human();
        assert!(error.contains(".lockcheck-swap:2:1"), "{error}");
    }
}
