//! What the mirrors of parking_lot's lines share, where they are watched: the condition variable and the one-time
//! initialiser, which lock_api does not make out of raw parts (or not with the caller's line).

mod condvar;
mod once;
#[cfg(feature = "parking_lot_0_12")]
pub(crate) mod raw_0_12;
#[cfg(feature = "parking_lot_0_13")]
pub(crate) mod raw_0_13;
#[cfg(feature = "parking_lot_0_12")]
pub mod watched_0_12;
#[cfg(feature = "parking_lot_0_13")]
pub mod watched_0_13;

pub(crate) use condvar::Waiters;
pub use once::{Once, OnceState};
