//! The director: decides which thread of a controlled program runs next.
//!
//! Pure decision making: no threads, no clock, no I/O, and the same questions get the same answers. The run-time (in
//! `tracked`) holds real threads back before each visible operation and asks a [`Strategy`] who goes on; this crate
//! does not know what a lock is, only that operations [touch objects](Touch) and that some of them do not commute.
//!
//! | to | use |
//! |---|---|
//! | describe where everybody stands | [`Moment`], [`Pending`], [`Operation`] |
//! | look for bugs | [`Portfolio`], or one of [`Random`], [`Pct`], [`Pos`], [`Weighted`] |
//! | prove that there are none | [`Exhaustive`] |
//! | drive a program into a prediction | [`Directed`] |
//! | turn any run into a text that replays it | [`Recording`] around its strategy, then [`Schedule`], [`Replay`] |
//! | make that text short | [`shrink()`] |
//! | decide for another process | [`Remote`] there, [`serve()`] here |

pub mod default_order;
pub mod directed;
pub mod exhaustive;
pub mod moment;
pub mod pct;
pub mod portfolio;
pub mod pos;
pub mod random;
pub mod recording;
pub mod remote;
pub mod replay;
pub mod schedule;
pub mod shrink;
pub mod strategy;
pub mod weighted;

pub use default_order::{DefaultOrder, default_choice};
pub use directed::{
    Before, Constraints, ConstraintsError, Directed, Obstacle, Outcome, Point, Side, ThreadPath,
};
pub use exhaustive::{Coverage, Exhaustive};
pub use moment::{Access, Moment, Object, Operation, OperationKind, Pending, Readiness, Touch, Worker};
pub use pct::Pct;
pub use portfolio::Portfolio;
pub use pos::Pos;
pub use random::{Generator, Random};
pub use recording::Recording;
pub use remote::{Remote, serve};
pub use replay::{Divergence, DivergenceReason, Replay};
pub use schedule::{Deviation, Schedule, ScheduleError};
pub use shrink::{Shrunk, shrink};
pub use strategy::{Draw, RunEnd, Strategy};
pub use weighted::Weighted;
