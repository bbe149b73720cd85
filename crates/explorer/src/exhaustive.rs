//! Every interleaving, up to the order of operations that commute.
//!
//! Depth-first search over the choices of one program, by running it again and again. Without a bound it is dynamic
//! partial-order reduction (Flanagan and Godefroid, POPL 2005) with source sets (Abdulla, Aronis, Jonsson and Sagonas,
//! POPL 2014) and sleep sets (Godefroid 1996):
//!
//! 1. When a worker does an operation, look for earlier operations of others that do not commute with it, could have
//!    been possible in the same state, and did not happen before it. Another order of the two is possible: note, in the
//!    state before the earlier one, a worker that leads there.
//! 2. Go back to the last state in which a noted worker has not been tried, and try it.
//! 3. A worker that has been tried in a state sleeps in all states that are reached by operations that commute with its
//!    own, since they would only repeat what was seen. A state in which all are asleep is given up.
//!
//! With a bound on preemptions (Musuvathi and Qadeer, PLDI 2007) all choices within the bound are tried, since both
//! reductions may need a run that is over the bound in place of one that is not.
//!
//! Draws (which waiter a notification wakes, whether a timeout fires) are tried in full. What is proved is proved for
//! sequentially consistent executions, and as far as the program does the same when the same choices are made.

mod path;

use std::fmt;

use crate::default_order::default_choice;
use crate::moment::{Moment, Operation, Pending, Readiness, Worker};
use crate::strategy::{Draw, RunEnd, Strategy};
use path::{Path, Steps};

/// What a search has covered. `Display` gives the words for a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coverage {
    /// Runs that came to an end, each a different interleaving.
    pub interleavings: u64,
    /// Runs that were given up half-way because they repeated one of those.
    pub redundant: u64,
    /// Nothing is left to try.
    pub complete: bool,
    /// With at most so many preemptions.
    pub bound: Option<u32>,
    /// A run did not do what an earlier one did after the same choices: nothing is proved.
    pub nondeterministic: bool,
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.interleavings == 1 { "" } else { "s" };
        let count = Thousands(self.interleavings);
        if self.complete {
            write!(f, "all {count} interleaving{plural}")?;
        } else {
            write!(f, "{count} interleaving{plural}")?;
        }
        match self.bound {
            Some(0) => f.write_str(" without a preemption")?,
            Some(1) => f.write_str(" with at most 1 preemption")?,
            Some(bound) => write!(f, " with at most {bound} preemptions")?,
            None => {}
        }
        match (self.complete, self.nondeterministic) {
            (true, _) => Ok(()),
            (false, true) => f.write_str(", none of them final: the program does not repeat itself"),
            (false, false) => f.write_str(", more remain"),
        }
    }
}

/// A number with commas between groups of three digits.
struct Thousands(u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// What a run did: its operations with their workers, and the values it drew.
#[derive(Clone, Debug, Default)]
struct Course {
    steps: Vec<(Worker, Operation)>,
    draws: Vec<u32>,
    /// The search gave the run up after that.
    abandoned: bool,
}

impl Course {
    /// Keeps its room for the next run.
    fn clear(&mut self) {
        self.steps.clear();
        self.draws.clear();
        self.abandoned = false;
    }
}

/// Whether the program repeats itself. A run that follows the path of an earlier one shows it as far as the path goes,
/// but not beyond; so when all is tried, the last run and the first are made once more as a whole. What only the first
/// run did (it found something uninitialised), or every other, shows then.
#[derive(Debug, Default)]
struct Rehearsal {
    first: Option<Course>,
    /// The current run, or the one that is over.
    last: Course,
    /// To be made once more.
    due: Vec<Course>,
    /// What the current run is to repeat.
    repeats: Option<Course>,
}

/// The search. After the last run, [`Exhaustive::coverage`] says what it proved.
#[derive(Debug)]
pub struct Exhaustive {
    path: Path,
    rehearsal: Rehearsal,
    /// All has been tried; what remains is to see that it can be had again.
    tried: bool,
    /// How far the current run has come along the path.
    depth: usize,
    /// How many draws of the current operation have been made.
    drawn: usize,
    bound: Option<u32>,
    runs_left: u64,
    begun: bool,
    /// A run ended early: what would have come after is unknown.
    cut: bool,
    /// Runs are made of fine steps.
    fine: bool,
    /// A worker came to an operation for which they have to be.
    needs_fine: bool,
    exhausted: bool,
    coverage: Coverage,
}

impl Exhaustive {
    /// All interleavings, in at most so many runs.
    #[must_use]
    pub fn new(runs_max: u64) -> Exhaustive {
        let coverage = Coverage {
            interleavings: 0,
            redundant: 0,
            complete: false,
            bound: None,
            nondeterministic: false,
        };
        Exhaustive {
            path: Path::default(),
            rehearsal: Rehearsal::default(),
            tried: false,
            depth: 0,
            drawn: 0,
            bound: None,
            runs_left: runs_max,
            begun: false,
            cut: false,
            fine: false,
            needs_fine: false,
            exhausted: false,
            coverage,
        }
    }

    /// All interleavings in which at most `bound` times a worker is interrupted although it could go on.
    #[must_use]
    pub fn bounded(bound: u32, runs_max: u64) -> Exhaustive {
        let mut search = Exhaustive::new(runs_max);
        search.bound = Some(bound);
        search.coverage.bound = Some(bound);
        search
    }

    /// What has been covered so far.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let complete = self.exhausted && !self.cut && !self.coverage.nondeterministic;
        Coverage { complete, ..self.coverage }
    }

    /// A new state at the end of the path, and who goes first from it.
    fn arrive(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.path.push_state(moment, &explorable(moment), self.bound.is_none());
        let default = default_choice(moment)?;
        if self.bound.is_some() {
            self.offer_within_bound(moment, default);
            self.path.choose(default);
            return Some(default);
        }
        let first = self.path.first_awake(default)?;
        self.path.note(first);
        self.path.choose(first);
        Some(first)
    }

    /// Notes everybody whose turn would not exceed the bound. A local operation is worth no alternative.
    fn offer_within_bound(&mut self, moment: &Moment<'_>, default: Worker) {
        self.path.note(default);
        if moment.of(default).operation.is_local() {
            return;
        }
        let interrupts = moment.pending.get(moment.last.place()).is_some_and(Self::would_go_on);
        let spent = self.path.preemptions();
        let left = self.bound.is_some_and(|bound| spent < bound);
        for (worker, _) in moment.workers() {
            if worker == moment.last || !interrupts || left {
                self.path.note(worker);
            }
        }
    }

    /// Whether to let somebody else run now counts as a preemption.
    fn would_go_on(pending: &Pending) -> bool {
        pending.readiness == Readiness::Ready
    }

    /// The next worker of a run that repeats another.
    fn repeat(&mut self, course: &Course, moment: &Moment<'_>) -> Option<Worker> {
        let at = self.depth;
        self.depth += 1;
        let Some(&(worker, operation)) = course.steps.get(at) else {
            self.coverage.nondeterministic |= !course.abandoned;
            return None;
        };
        let fits = worker.place() < moment.pending.len() && {
            let pending = moment.of(worker);
            pending.can_go() && pending.operation == operation
        };
        self.coverage.nondeterministic |= !fits;
        fits.then_some(worker)
    }

    /// Begins a run that repeats another, if one is due.
    fn begin_repeating(&mut self) -> bool {
        if self.cut || self.coverage.nondeterministic {
            self.rehearsal.due.clear();
        }
        self.rehearsal.repeats = self.rehearsal.due.pop();
        self.exhausted = self.rehearsal.repeats.is_none();
        self.depth = 0;
        self.drawn = 0;
        !self.exhausted
    }

    /// Begins anew, with runs that are made of fine steps: what was seen so far is part of that.
    fn refine(&mut self) {
        let begun = Exhaustive::new(self.runs_left);
        let coverage = Coverage { bound: self.bound, ..begun.coverage };
        *self = Exhaustive { bound: self.bound, fine: true, coverage, ..begun };
    }

    fn diverged(&mut self) {
        self.coverage.nondeterministic = true;
        self.path.truncate(self.depth);
    }
}

/// Whether a worker may be tried: one that spins changes nothing while others can go on.
fn explorable(moment: &Moment<'_>) -> impl Fn(&Pending) -> bool + use<> {
    let somebody = moment.pending.iter().any(|pending| pending.readiness < Readiness::Spinning);
    let limit = if somebody { Readiness::Spinning } else { Readiness::Blocked };
    move |pending: &Pending| pending.readiness < limit
}

impl Strategy for Exhaustive {
    fn begin(&mut self) -> bool {
        if self.needs_fine && !self.fine {
            self.refine();
        }
        if self.exhausted {
            return false;
        }
        if self.tried {
            return self.begin_repeating();
        }
        if self.runs_left == 0 {
            return false;
        }
        if std::mem::replace(&mut self.begun, true) && !self.path.advance() {
            self.tried = true;
            let Rehearsal { first, last, due, .. } = &mut self.rehearsal;
            // The last one first. A single run is both.
            let several = self.coverage.interleavings + self.coverage.redundant > 1;
            due.extend(first.take().filter(|_| several));
            due.push(std::mem::take(last));
            return self.begin_repeating();
        }
        self.runs_left -= 1;
        self.rehearsal.last.clear();
        self.depth = 0;
        true
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        let looks = |pending: &Pending| pending.operation.kind.sees_ends();
        self.needs_fine = self.needs_fine || moment.pending.iter().any(looks);
        if let Some(course) = self.rehearsal.repeats.take() {
            let worker = self.repeat(&course, moment);
            self.rehearsal.repeats = Some(course);
            return worker;
        }
        if self.depth < self.path.len() && !self.path.fits(self.depth, moment) {
            self.diverged();
        }
        self.drawn = 0;
        let worker =
            if self.depth < self.path.len() { self.path.chosen(self.depth) } else { self.arrive(moment)? };
        if self.depth + 1 == self.path.len() && !self.path.is_done() {
            let counts = self.bound.is_some()
                && worker != moment.last
                && moment.pending.get(moment.last.place()).is_some_and(Self::would_go_on);
            let steps = if self.bound.is_some() { Steps::Counted(counts) } else { Steps::Ordered };
            self.path.perform(steps);
        }
        self.depth += 1;
        self.rehearsal.last.steps.push((worker, moment.of(worker).operation));
        Some(worker)
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, draw: Draw, options: u32) -> u32 {
        if draw == Draw::Fine {
            return u32::from(self.fine);
        }
        let drawn = self.drawn;
        self.drawn += 1;
        let value = match &self.rehearsal.repeats {
            Some(course) => course.draws.get(drawn).copied().filter(|value| *value < options),
            None => self.path.draw(self.depth - 1, drawn, options),
        };
        self.coverage.nondeterministic |= value.is_none();
        let value = value.unwrap_or(0);
        if self.rehearsal.repeats.is_none() {
            self.rehearsal.last.draws.push(value);
        }
        value
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        if let Some(course) = self.rehearsal.repeats.take() {
            let is_shorter = self.depth < course.steps.len() && how != RunEnd::Abandoned;
            self.coverage.nondeterministic |= is_shorter;
            return;
        }
        self.rehearsal.last.abandoned = how == RunEnd::Abandoned;
        if self.rehearsal.first.is_none() {
            self.rehearsal.first = Some(self.rehearsal.last.clone());
        }
        if self.depth < self.path.len() && how != RunEnd::Abandoned {
            self.diverged();
        }
        match how {
            RunEnd::Abandoned => self.coverage.redundant += 1,
            RunEnd::Finished | RunEnd::Deadlock => self.coverage.interleavings += 1,
            RunEnd::Found | RunEnd::TooLong => {
                self.coverage.interleavings += 1;
                self.cut |= self.bound.is_none() || how == RunEnd::TooLong;
            }
        }
        if self.bound.is_none() {
            self.path.weigh_pending(moment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_says_what_was_proved() {
        let coverage = |interleavings, complete, bound| Coverage {
            interleavings,
            redundant: 0,
            complete,
            bound,
            nondeterministic: false,
        };
        assert_eq!(coverage(8187, true, None).to_string(), "all 8,187 interleavings");
        assert_eq!(coverage(1, true, None).to_string(), "all 1 interleaving");
        assert_eq!(coverage(1_234_567, false, None).to_string(), "1,234,567 interleavings, more remain");
        assert_eq!(
            coverage(120, true, Some(3)).to_string(),
            "all 120 interleavings with at most 3 preemptions"
        );
    }
}
