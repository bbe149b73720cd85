//! Partial-order sampling (Yuan, Yang and Gu, CAV 2018): random priorities for operations, not for workers.
//!
//! Each pending operation has a random priority, and the highest that can go on is done. When one has been done, those
//! that raced with it draw again: orders that differ only in operations that commute are not sampled more often for
//! there being many of them.

use crate::moment::{Moment, Worker};
use crate::random::{Generator, begins, early_timeout, goes_on};
use crate::strategy::{Draw, RunEnd, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Pos {
    generator: Generator,
    runs_left: u64,
    /// By worker: the priority of its pending operation; 0: none has been drawn.
    priorities: Vec<u64>,
    /// Who was chosen last has only begun.
    begun: bool,
}

impl Pos {
    /// So many runs from this seed.
    #[must_use]
    pub fn new(seed: u64, runs: u64) -> Pos {
        Pos { generator: Generator::new(seed), runs_left: runs, priorities: Vec::new(), begun: false }
    }
}

impl Strategy for Pos {
    fn begin(&mut self) -> bool {
        let more = self.runs_left > 0;
        self.runs_left -= u64::from(more);
        self.priorities.clear();
        self.begun = false;
        more
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.priorities.resize(moment.pending.len(), 0);
        for priority in self.priorities.iter_mut().filter(|priority| **priority == 0) {
            *priority = self.generator.bits() | 1;
        }
        let worker = goes_on(moment, self.begun).or_else(|| early_timeout(&mut self.generator, moment));
        let worker = worker.or_else(|| {
            let candidates = moment.candidates().map(|(worker, _)| worker);
            candidates.max_by_key(|worker| self.priorities[worker.place()])
        })?;
        self.begun = begins(moment, worker);
        let done = moment.of(worker).operation;
        for (priority, (other, pending)) in self.priorities.iter_mut().zip(moment.workers()) {
            if other == worker || !pending.operation.commutes_with(&done) {
                *priority = 0;
            }
        }
        Some(worker)
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, draw: Draw, options: u32) -> u32 {
        self.generator.draw(draw, options)
    }

    fn end(&mut self, _: &Moment<'_>, _: RunEnd) {}
}
