//! The words that every part of the toolkit shares: ids, modes, sites, the records a watched process writes, and
//! the file they stand in.
//!
//! This crate holds data and its encoding. It judges nothing (that is `lockcheck-checker`), watches nothing (that
//! is `tracked`) and prints nothing (that is `lockcheck-report`).

pub mod event_file;
mod function;
pub mod id;
pub mod intent;
pub mod rapid_binary;
pub mod record;
pub mod recorded;
pub mod site;
pub mod source;
pub mod std_text;
pub mod trace_event;
pub mod trace_file;
pub mod wait_board;

pub use function::function_name;
pub use id::{Attempt, LockId, LockKind, Mode, SiteId, StackId, ThreadId, TokenId};
pub use intent::{Inside, Intent, Rank, Ranked, Refuted};
pub use record::{Ends, Heard, Hold, Notice, Record, Request, StuckKind, StuckThread};
pub use site::{Frame, RawSite, Site};
