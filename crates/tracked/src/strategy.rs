//! The order in which an exploration that says nothing else goes through the strategies.

use lockcheck_explorer::{DefaultOrder, Draw, Moment, Random, RunEnd, Strategy, Worker};

/// The default order, then random walks.
pub(crate) struct Portfolio {
    first: DefaultOrder,
    rest: Random,
    in_rest: bool,
}

impl Portfolio {
    pub(crate) fn new(seed: u64, runs: u64) -> Portfolio {
        Portfolio {
            first: DefaultOrder::new(),
            rest: Random::new(seed, runs.saturating_sub(1)),
            in_rest: false,
        }
    }

    fn current(&mut self) -> &mut dyn Strategy {
        if self.in_rest { &mut self.rest } else { &mut self.first }
    }
}

impl Strategy for Portfolio {
    fn begin(&mut self) -> bool {
        if !self.in_rest && self.first.begin() {
            return true;
        }
        self.in_rest = true;
        self.rest.begin()
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.current().choose(moment)
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        self.current().draw(moment, worker, draw, options)
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        self.current().end(moment, how);
    }
}
