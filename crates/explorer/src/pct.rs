//! Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi and Nagarakatti, ASPLOS 2010).
//!
//! Workers have random priorities, and the highest that can go on runs. At `depth - 1` random points of the run, whoever
//! would run drops below all others. A bug that needs `depth` ordering constraints among `n` workers and `k` operations
//! is found with probability at least `1 / (n * k^(depth - 1))` in each run. `k` is estimated by the longest run so far.

use crate::moment::{Moment, Readiness, Worker};
use crate::random::{Generator, begins, early_timeout, goes_on};
use crate::strategy::{Draw, RunEnd, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Pct {
    generator: Generator,
    runs_left: u64,
    depth: u32,
    /// By worker; the highest goes first. Fresh ones are above `FRESH`, those that have dropped below.
    priorities: Vec<u64>,
    /// The next drop gets this priority: each one lies below those before it.
    next_drop: u64,
    /// The steps at which somebody drops.
    drops: Vec<u32>,
    step: u32,
    longest: u32,
    /// Who was chosen last has only begun.
    begun: bool,
}

/// Priorities given on first sight are above this.
const FRESH: u64 = 1 << 32;

/// The length of a run before one has been seen.
const FIRST_GUESS: u32 = 32;

impl Pct {
    /// So many runs from this seed, looking for bugs that need so many ordering constraints (2 or 3 for most).
    #[must_use]
    pub fn new(seed: u64, runs: u64, depth: u32) -> Pct {
        Pct {
            generator: Generator::new(seed),
            runs_left: runs,
            depth,
            priorities: Vec::new(),
            next_drop: FRESH,
            drops: Vec::new(),
            step: 0,
            longest: 0,
            begun: false,
        }
    }

    fn highest(&self, moment: &Moment<'_>) -> Option<Worker> {
        moment.candidates().map(|(worker, _)| worker).max_by_key(|worker| self.priorities[worker.place()])
    }

    fn drop_below_all(&mut self, worker: Worker) {
        self.next_drop -= 1;
        self.priorities[worker.place()] = self.next_drop;
    }
}

impl Strategy for Pct {
    fn begin(&mut self) -> bool {
        let more = self.runs_left > 0;
        self.runs_left -= u64::from(more);
        self.priorities.clear();
        self.drops.clear();
        self.next_drop = FRESH;
        self.step = 0;
        self.begun = false;
        let length = if self.longest == 0 { FIRST_GUESS } else { self.longest };
        for _ in 1..self.depth {
            self.drops.push(self.generator.below(length));
        }
        more
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        while self.priorities.len() < moment.pending.len() {
            self.priorities.push(FRESH | self.generator.bits());
        }
        let step = self.step;
        self.step += 1;
        let at_once = goes_on(moment, self.begun).filter(|_| !self.drops.contains(&step));
        if let Some(worker) = at_once.or_else(|| early_timeout(&mut self.generator, moment)) {
            self.begun = begins(moment, worker);
            return Some(worker);
        }
        for _ in 0..self.drops.iter().filter(|drop| **drop == step).count() {
            if let Some(worker) = self.highest(moment) {
                self.drop_below_all(worker);
            }
        }
        let worker = self.highest(moment)?;
        if moment.of(worker).readiness != Readiness::Ready {
            // It asked that others go first.
            self.drop_below_all(worker);
            return self.highest(moment);
        }
        self.begun = begins(moment, worker);
        Some(worker)
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, draw: Draw, options: u32) -> u32 {
        self.generator.draw(draw, options)
    }

    fn end(&mut self, _: &Moment<'_>, _: RunEnd) {
        self.longest = self.longest.max(self.step);
    }
}
