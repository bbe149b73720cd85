//! Makes a schedule short: as few deviations as still lead to the same problem.
//!
//! First the problem is reached anew from what it consists of: who holds what and asks for what when the run ends. A
//! [`Directed`] run deviates only where it must. Then deviations are left out, larger groups first (Zeller and
//! Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002), until none can be. Every step is a run.

use crate::directed::{Constraints, Directed, Done, Outcome, Side, sides};
use crate::moment::{Moment, Worker};
use crate::recording::Recording;
use crate::replay::Replay;
use crate::schedule::{Deviation, Schedule};
use crate::strategy::{Draw, RunEnd, Strategy};

/// What shrinking came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shrunk {
    /// The shortest schedule that was seen to lead to the problem; the given one if not even that did.
    pub schedule: Schedule,
    /// How many runs it took.
    pub runs: u32,
    /// The problem showed again: the schedule can be relied on.
    pub verified: bool,
}

/// Shrinks a schedule, in at most `runs_max` runs. `trial` makes one run under a strategy (from `begin` to `end`) and
/// says whether the same problem showed; false too where the strategy has no more runs.
pub fn shrink(
    schedule: &Schedule,
    runs_max: u32,
    trial: &mut dyn FnMut(&mut dyn Strategy) -> bool,
) -> Shrunk {
    let mut shrinker = Shrinker { best: schedule.clone(), runs: 0, runs_max, trial };
    let constraints = shrinker.verify(schedule);
    if let Some(constraints) = &constraints {
        shrinker.direct(constraints);
        while shrinker.leave_out() {}
    }
    Shrunk { schedule: shrinker.best, runs: shrinker.runs, verified: constraints.is_some() }
}

/// Notes what a run does, to say in the end who is stuck.
struct Witness<S> {
    strategy: S,
    done: Vec<Done>,
    sides: Vec<Side>,
}

impl<S: Strategy> Strategy for Witness<S> {
    fn begin(&mut self) -> bool {
        self.strategy.begin()
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        let worker = self.strategy.choose(moment)?;
        let pending = moment.of(worker);
        self.done.push((worker, pending.index, pending.operation));
        Some(worker)
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        self.strategy.draw(moment, worker, draw, options)
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        self.sides = sides(moment, &self.done);
        self.strategy.end(moment, how);
    }
}

/// Runs that a synthesis may take.
const DIRECTED_RUNS_MAX: u32 = 16;

struct Shrinker<'t> {
    best: Schedule,
    runs: u32,
    runs_max: u32,
    trial: &'t mut dyn FnMut(&mut dyn Strategy) -> bool,
}

impl Shrinker<'_> {
    fn may_run(&mut self) -> bool {
        let more = self.runs < self.runs_max;
        self.runs += u32::from(more);
        more
    }

    /// Whether the schedule leads to the problem; if so, what it consists of.
    fn verify(&mut self, schedule: &Schedule) -> Option<Constraints> {
        if !self.may_run() {
            return None;
        }
        let replay = Recording::new(Replay::leniently(schedule));
        let mut witness = Witness { strategy: replay, done: Vec::new(), sides: Vec::new() };
        if !(self.trial)(&mut witness) {
            return None;
        }
        self.best = witness.strategy.into_parts().1;
        Some(Constraints::of_cycle(&witness.sides))
    }

    /// Whether this schedule leads to the problem with fewer deviations than so many; if so, what it led to is the best
    /// now. What the run really deviated is recorded anew: leftovers that no longer take place vanish.
    fn accepts(&mut self, schedule: &Schedule, below: usize) -> bool {
        if !self.may_run() {
            return false;
        }
        let mut recording = Recording::new(Replay::leniently(schedule));
        let shows = (self.trial)(&mut recording) && recording.schedule().len() < below;
        if shows {
            self.best = recording.into_parts().1;
        }
        shows
    }

    /// Reaches the problem from what it consists of, if that takes no more deviations.
    fn direct(&mut self, constraints: &Constraints) {
        if constraints.orders().is_empty() {
            return;
        }
        let mut recording = Recording::new(Directed::new(constraints.clone(), DIRECTED_RUNS_MAX));
        while *recording.strategy().outcome() == Outcome::Open && self.may_run() {
            if (self.trial)(&mut recording) {
                if recording.schedule().len() <= self.best.len() {
                    self.best = recording.into_parts().1;
                }
                return;
            }
        }
    }

    /// Leaves one group of deviations out, the largest that can be; false: none can.
    fn leave_out(&mut self) -> bool {
        let all = self.best.deviations().to_vec();
        let mut size = all.len();
        while size > 0 {
            for start in (0..all.len()).step_by(size) {
                let kept = |(place, _): &(usize, &Deviation)| !(start..start + size).contains(place);
                let rest: Schedule = all.iter().enumerate().filter(kept).map(|(_, d)| *d).collect();
                if self.accepts(&rest, all.len()) {
                    return true;
                }
            }
            size /= 2;
        }
        false
    }
}
