//! Events in, findings out: lock order, waits, prediction

pub mod trace;
