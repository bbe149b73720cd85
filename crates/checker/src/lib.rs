//! Events in, findings out. The judge of the toolkit.
//!
//! Pure: no I/O, no clock, no threads, and the only crate that knows petgraph. The same input gives the same
//! findings, byte for byte, on any machine.

pub mod code;
pub mod declared;
pub mod family;
pub mod finding;
mod ignores;
mod instances;
pub mod judge;
pub mod order;
pub mod suppress;
pub mod trace;
pub mod trace_report;
mod updates;
mod wait_edges;
pub mod waits;
pub mod words;
pub mod world;

pub use code::{Code, Tier};
pub use finding::{
    Context, CycleLink, Evidence, Finding, HeldLock, LockDetail, LockInfo, ProgramStatus, Report, Stats,
    Step, Verdict,
};
pub use ignores::{Ignore, stale};
pub use judge::{Collection, Found, Judge, News};
pub use order::{Novelty, OrderChecker, OrderFinding};
