//! The command as its users see it: exit codes, messages and JSON, with small packages that depend on nothing.
//!
//! What needs `tracked` stands in the workspace's end-to-end tests; here, traces are written by the tests.

mod analyze;
mod events;
mod family;
mod litmus;
mod order;
mod parent;
mod run;
mod support;
mod suppressions;
mod swap;
mod test;
mod verify;
mod watch;
mod world;
