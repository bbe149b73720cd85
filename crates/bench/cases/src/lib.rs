//! The cases that every kind of lock is measured on, and the process that measures one of them.
//!
//! Features unify within a build, and some neighbours exist in two forms that differ by a feature only. So a *worker* is
//! a program that links some of the locks, and each single measurement is a process of its own: what one lock's detector
//! learned or allocated is never the next one's burden. This library is the worker without its locks; it does not choose
//! what to measure, and prints no table: that is the program's part.

mod budget;
mod cases;
mod lock;
mod threads;
mod worker;

pub use budget::Budget;
pub use cases::{CASES, Case, Column, Unit, case};
pub use lock::Lock;
pub use worker::{Subject, subject, worker};
