//! What a user sees, end to end: the built command run on the fixtures, on the packages of a user of the library, and
//! on what goes wrong. Also what holds for the workspace as a whole.
//!
//! How a crate does its work is tested in the crate. Here everything goes through programs, their output and their
//! exit codes, and every wait is bounded.

mod architecture;
mod command;
mod contract;
mod exit_codes;
mod explore;
mod feature_off;
mod fixtures;
mod hangs;
mod library;
mod listing;
mod processes;
mod stated;
mod swap;
mod traces;
mod user;
mod verify;
