//! Writes down what another strategy decides, as the schedule that replays the run.

use crate::default_order::default_choice;
use crate::moment::{Moment, Worker};
use crate::schedule::{Deviation, FINE_ORDINAL, Schedule};
use crate::strategy::{Draw, RunEnd, Strategy};

/// A strategy together with the schedule of its current (or last) run.
///
/// The buffer stays between runs, so that recording costs an allocation only where a run deviates more often than any
/// before it.
#[derive(Debug)]
pub struct Recording<S> {
    strategy: S,
    schedule: Schedule,
    /// The operation that the last draw belongs to, and how many draws it has had.
    drawing: (Worker, u32, u32),
}

impl<S: Strategy> Recording<S> {
    /// Records what this strategy decides.
    pub fn new(strategy: S) -> Recording<S> {
        Recording { strategy, schedule: Schedule::new(), drawing: (Worker(0), 0, 0) }
    }

    /// What replays the current run up to here, or the last run.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The strategy itself.
    pub fn strategy(&self) -> &S {
        &self.strategy
    }

    /// The strategy itself, to change.
    pub fn strategy_mut(&mut self) -> &mut S {
        &mut self.strategy
    }

    /// The strategy and the last run's schedule.
    pub fn into_parts(self) -> (S, Schedule) {
        (self.strategy, self.schedule)
    }
}

impl<S: Strategy> Strategy for Recording<S> {
    fn begin(&mut self) -> bool {
        let more = self.strategy.begin();
        if more {
            self.schedule.clear();
        }
        more
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.drawing.2 = 0;
        let run = self.strategy.choose(moment)?;
        let default = default_choice(moment);
        if let Some(instead_of) = default.filter(|default| *default != run) {
            self.schedule.push(Deviation::Run { instead_of, index: moment.of(instead_of).index, run });
        }
        Some(run)
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        let index = moment.of(worker).index;
        let value = self.strategy.draw(moment, worker, draw, options);
        if draw == Draw::Fine {
            if value != 0 {
                self.schedule.push(Deviation::Draw { worker, index, ordinal: FINE_ORDINAL, value });
            }
            return value;
        }
        if (self.drawing.0, self.drawing.1) != (worker, index) {
            self.drawing = (worker, index, 0);
        }
        if value != 0 {
            self.schedule.push(Deviation::Draw { worker, index, ordinal: self.drawing.2, value });
        }
        self.drawing.2 += 1;
        value
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        self.strategy.end(moment, how);
    }

    fn asks_for(&self) -> Option<Worker> {
        self.strategy.asks_for()
    }

    fn hear(&mut self, whereabouts: String) {
        self.strategy.hear(whereabouts);
    }

    fn complaint(&self) -> Option<String> {
        self.strategy.complaint()
    }
}
