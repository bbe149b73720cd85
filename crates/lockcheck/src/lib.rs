//! x
pub mod args;
pub mod error;
pub mod exit;
pub mod build;
pub mod package;
pub mod rustflags;
pub mod family;
pub mod process;
pub mod signals;
pub mod records;
pub mod symbols;
pub mod traces;
