//! The lock-order checker from outside: each rule speaks and stays silent where it should, and on random programs
//! it agrees with a naive twin that tries every combination of requests.
//!
//! Not here: what the run-time feeds to it (crate `tracked`), and how a finding reads (crate `report`).

mod judge;
mod language;
mod limits;
mod random;
mod rules;
mod stated;
mod twin;
