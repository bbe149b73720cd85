//! The types with `check` on: that they are what std's are, and that the run-time behind them stands up to what
//! programs do. What it finds is tested in `tests/scenarios` of the workspace.

mod alone;
mod condvar;
mod corners;
mod detection;
mod forgotten;
mod kinds;
mod locks;
mod many;
mod parking_lots;
mod poison;
mod practice;
mod stress;
mod threads;
mod types;
mod vocabulary;
