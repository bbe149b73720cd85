//! Records in, report out: what the CLI knows of a process comes from here.

use lockcheck_events::Record;

use crate::finding::{Context, Report};

/// Feeds the records of one process to the checkers and collects what they say.
#[derive(Default)]
pub struct Judge {}

impl Judge {
    /// Nothing known yet.
    pub fn new() -> Judge {
        Judge::default()
    }

    /// Takes the next record.
    pub fn feed(&mut self, _record: &Record) {}

    /// What was found so far.
    pub fn report(&self, target: &str, _context: &dyn Context) -> Report {
        Report::empty(target)
    }
}
