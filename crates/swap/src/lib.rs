//! Rewrites a crate's imports of std's and parking_lot's locks to their watched mirrors, and its manifest with them.
//!
//! Sources are parsed (syn) only to learn which bytes to replace: what is not replaced stays byte for byte, comments and
//! layout included. Names are not resolved; paths are taken for what they say, and where that is not enough (a macro
//! that writes code for other crates, a renamed `std`, a module called `parking_lot`) the place is listed instead of
//! changed. Reads the sources of a crate; writes nothing.

mod edit;
mod examples;
mod manifest;
mod mirrors;
mod modules;
mod names;
mod source;
mod tokens;
mod uses;

pub use edit::Place;
pub use manifest::{ManifestError, Need, Source, add_dependency};
pub use mirrors::{Edition, Line, Mirrors, ParkingLot};
pub use modules::{Entry, Sources, collect};
pub use source::{Rewritten, add_extern_crate, rewrite};

/// Something that uses a lock (or may) and was left as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Left {
    /// Where.
    pub place: Place,
    /// The words that stand there.
    pub what: String,
    /// Why they stay, in half a sentence.
    pub why: String,
}
