//! Several strategies in turn: what one is blind to, another finds.
//!
//! The first run is the default order. Then every other run belongs to the exhaustive search, whose schedules are
//! systematic, and the ones between to the random strategies in rotation. When the exhaustive search comes to an end,
//! there is nothing left to try and its [`Coverage`] is a proof.

use crate::default_order::DefaultOrder;
use crate::exhaustive::{Coverage, Exhaustive};
use crate::moment::{Moment, Worker};
use crate::pct::Pct;
use crate::pos::Pos;
use crate::random::{Generator, Random};
use crate::strategy::{Draw, RunEnd, Strategy};
use crate::weighted::Weighted;

/// Which strategy decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Default,
    Exhaustive,
    Pos,
    PctTwo,
    Surw,
    PctThree,
    Random,
}

/// The random ones, in rotation.
const ROTATION: [Part; 6] = [Part::Pos, Part::PctTwo, Part::Surw, Part::Pos, Part::PctThree, Part::Random];

/// See the module.
#[derive(Debug)]
pub struct Portfolio {
    runs_left: u64,
    run: u64,
    part: Part,
    /// The exhaustive search has nothing left, yet proved nothing.
    given_up: bool,
    default: DefaultOrder,
    exhaustive: Exhaustive,
    pos: Pos,
    pct_two: Pct,
    pct_three: Pct,
    surw: Weighted,
    random: Random,
}

impl Portfolio {
    /// At most so many runs from this seed.
    #[must_use]
    pub fn new(seed: u64, runs: u64) -> Portfolio {
        let mut seeds = Generator::new(seed);
        let mut seed = || seeds.bits();
        Portfolio {
            runs_left: runs,
            run: 0,
            part: Part::Default,
            given_up: false,
            default: DefaultOrder::new(),
            exhaustive: Exhaustive::new(runs),
            pos: Pos::new(seed(), runs),
            pct_two: Pct::new(seed(), runs, 2),
            pct_three: Pct::new(seed(), runs, 3),
            surw: Weighted::surw(seed(), runs),
            random: Random::new(seed(), runs),
        }
    }

    /// What the exhaustive part has covered; complete: a proof.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.exhaustive.coverage()
    }

    fn part(&mut self) -> &mut dyn Strategy {
        match self.part {
            Part::Default => &mut self.default,
            Part::Exhaustive => &mut self.exhaustive,
            Part::Pos => &mut self.pos,
            Part::PctTwo => &mut self.pct_two,
            Part::PctThree => &mut self.pct_three,
            Part::Surw => &mut self.surw,
            Part::Random => &mut self.random,
        }
    }
}

impl Strategy for Portfolio {
    fn begin(&mut self) -> bool {
        if self.runs_left == 0 {
            return false;
        }
        self.runs_left -= 1;
        let run = self.run;
        self.run += 1;
        self.part = match run {
            0 => Part::Default,
            _ if run % 2 == 1 && !self.given_up => Part::Exhaustive,
            _ => ROTATION[(run / 2) as usize % ROTATION.len()],
        };
        if self.part().begin() {
            return true;
        }
        // Only the exhaustive search ends by itself.
        if self.coverage().complete {
            return false;
        }
        self.given_up = true;
        self.part = Part::Pos;
        self.part().begin()
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.part().choose(moment)
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        self.part().draw(moment, worker, draw, options)
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        self.part().end(moment, how);
    }
}
