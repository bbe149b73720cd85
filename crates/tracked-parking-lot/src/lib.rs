//! parking_lot 0.12 with watched locks, for code that must not change:
//!
//! ```toml
//! [dependencies]
//! parking_lot = { package = "tracked-parking-lot", version = "0.1", features = ["check"] }
//! ```
//!
//! This is [`tracked::parking_lot_0_12`] under another name and nothing else; without the feature `check` (and without
//! `--cfg lockcheck`) it is parking_lot itself. All of parking_lot's features are accepted; `deadlock_detection` is the
//! real one, of the real locks underneath, and as there not to be had together with `send_guard`.

#[cfg(feature = "deadlock_detection")]
pub use parking_lot::deadlock;
pub use tracked::parking_lot_0_12::*;
