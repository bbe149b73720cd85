//! The controlled scheduler with real threads: what it must find, what it must stay silent about, and that it lets go
//! of everything it took.

mod atomics;
mod channels;
mod deadlocks;
mod failures;
mod looks;
#[cfg(feature = "parking_lot_0_12")]
mod parking_lots;
mod program;
mod races;
mod signals;
mod switches;
mod threads;
