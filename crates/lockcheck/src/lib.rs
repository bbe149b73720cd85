//! x
pub mod args;
pub mod error;
pub mod exit;
