//! Random walks that weigh workers by what they still have to do, so that all interleavings are about equally likely
//! (Zhao, Wolff, Mathur and Roychoudhury, *Selectively Uniform Concurrency Testing*, ASPLOS 2025).
//!
//! In a plain random walk a short worker is nearly always done before a long one has begun. The uniform walk (URW)
//! gives each worker a chance in proportion to its remaining operations, as counted in the run before; a worker that
//! has not been spawned yet counts for the one that will spawn it. The selectively uniform walk (SURW) picks one object
//! for each run and is uniform over the orders of the operations on it: between them, all others go as they like.

use crate::moment::{Moment, Object, Operation, Pending, Worker};
use crate::random::{Generator, early_timeout};
use crate::strategy::{Draw, RunEnd, Strategy};

/// See the module.
#[derive(Debug)]
pub struct Weighted {
    generator: Generator,
    runs_left: u64,
    selective: bool,
    /// What the last run did, in order: who, and the first object it touched (none: `None`).
    seen: Vec<(Worker, Option<Object>)>,
    /// By worker, in the last run: who spawned it.
    parents: Vec<Worker>,
    /// By worker: operations of interest it has still to do, those of workers it will spawn included.
    weights: Vec<u32>,
    /// How many workers have appeared.
    known: usize,
    /// The object whose operations are of interest; `None`: all are.
    interest: Option<Object>,
    /// Who does the next operation of interest.
    intended: Option<Worker>,
}

impl Weighted {
    /// The uniform random walk: so many runs from this seed.
    #[must_use]
    pub fn urw(seed: u64, runs: u64) -> Weighted {
        Weighted {
            generator: Generator::new(seed),
            runs_left: runs,
            selective: false,
            seen: Vec::new(),
            parents: Vec::new(),
            weights: Vec::new(),
            known: 0,
            interest: None,
            intended: None,
        }
    }

    /// The selectively uniform random walk: so many runs from this seed.
    #[must_use]
    pub fn surw(seed: u64, runs: u64) -> Weighted {
        Weighted { selective: true, ..Weighted::urw(seed, runs) }
    }

    /// Counts the last run's operations of interest.
    fn weigh(&mut self) {
        self.weights.clear();
        self.weights.resize(self.parents.len(), 0);
        for (worker, object) in &self.seen {
            if self.interest.is_none() || *object == self.interest {
                self.weights[worker.place()] += 1;
            }
        }
        // Children have higher numbers than their parents.
        for child in (1..self.parents.len()).rev() {
            let weight = self.weights[child];
            self.weights[self.parents[child].place()] += weight;
        }
    }

    /// Whoever has just been spawned no longer counts for the one that did it.
    fn meet(&mut self, moment: &Moment<'_>) {
        while self.known < moment.pending.len() {
            let (child, parent) = (self.known, moment.pending[self.known].parent);
            self.known += 1;
            if self.weights.len() <= child {
                self.weights.resize(child + 1, 1);
            } else if child > 0 {
                let weight = self.weights[child];
                let parents = &mut self.weights[parent.place()];
                *parents = parents.saturating_sub(weight);
            }
            if self.parents.len() <= child {
                self.parents.push(parent);
            }
            self.parents[child] = parent;
        }
    }

    /// One of the candidates, in proportion to their weights; nobody has no chance at all.
    fn intend(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        let weight = |weights: &[u32], worker: Worker| weights[worker.place()].max(1);
        let total: u32 = moment.candidates().map(|(worker, _)| weight(&self.weights, worker)).sum();
        if total == 0 {
            return None;
        }
        let mut ticket = self.generator.below(total);
        for (worker, _) in moment.candidates() {
            let share = weight(&self.weights, worker);
            if ticket < share {
                return Some(worker);
            }
            ticket -= share;
        }
        None
    }

    fn pick(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        let can_go = |worker: Worker| moment.candidates().any(|(candidate, _)| candidate == worker);
        if !self.intended.is_some_and(can_go) {
            self.intended = self.intend(moment);
        }
        let (intended, interest) = (self.intended, self.interest);
        let free = |(worker, pending): &(Worker, &Pending)| {
            Some(*worker) == intended || !is_of(interest, &pending.operation)
        };
        let count = moment.candidates().filter(free).count() as u32;
        let place = self.generator.below(count.max(1)) as usize;
        moment.candidates().filter(free).nth(place).map(|(worker, _)| worker)
    }
}

/// Whether the operation is of interest.
fn is_of(interest: Option<Object>, operation: &Operation) -> bool {
    interest.is_none_or(|interest| operation.touches().any(|touch| touch.object == interest))
}

impl Strategy for Weighted {
    fn begin(&mut self) -> bool {
        let more = self.runs_left > 0;
        self.runs_left -= u64::from(more);
        self.interest = None;
        if self.selective && !self.seen.is_empty() {
            // Every other run; an object that is used often is often the one.
            let place = self.generator.below(2 * self.seen.len() as u32) as usize;
            self.interest = self.seen.get(place).and_then(|(_, object)| *object);
        }
        self.weigh();
        self.seen.clear();
        self.known = 0;
        self.intended = None;
        more
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.meet(moment);
        let worker = match early_timeout(&mut self.generator, moment) {
            Some(worker) => worker,
            None => self.pick(moment)?,
        };
        let operation = &moment.of(worker).operation;
        self.seen.push((worker, operation.object()));
        if is_of(self.interest, operation) {
            let weight = &mut self.weights[worker.place()];
            *weight = weight.saturating_sub(1);
            self.intended = self.intended.filter(|intended| *intended != worker);
        }
        Some(worker)
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, draw: Draw, options: u32) -> u32 {
        self.generator.draw(draw, options)
    }

    fn end(&mut self, moment: &Moment<'_>, _: RunEnd) {
        self.meet(moment);
        self.parents.truncate(moment.pending.len());
    }
}
