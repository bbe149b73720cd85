//! Places in source text: as the compiler gave them (`RawSite`), and as a reader knows them (`Site`).
//!
//! Turning one into the other needs the file system and is done in `source`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place as `std::panic::Location` names it: the path is the one the compiler was called with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RawSite {
    /// Absolute, or relative to the folder the compiler ran in (the workspace root, under cargo).
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters; 0 where it is not known.
    pub column: u32,
}

/// A place as reports name it: the same on every machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Site {
    /// The package's name; `std` for the standard library; empty where it could not be found out.
    pub package: String,
    /// Relative to the package's root, with `/`; registry crates start with `name-version/`.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1; 0 where it is not known.
    pub column: u32,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column != 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// One resolved frame of a stack.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Demangled, without the hash at its end.
    pub function: String,
    /// As `Site::file`; empty where unknown.
    pub file: String,
    /// From 1; 0 where unknown.
    pub line: u32,
    /// Whether the frame is the user's: not the run-time's, the standard library's or the start-up code's.
    pub user: bool,
}
