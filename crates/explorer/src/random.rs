//! Random choices: the generator that all random strategies share, and the plain random walk.

use crate::moment::{Moment, OperationKind, Pending, Readiness, Worker};
use crate::strategy::{Draw, RunEnd, Strategy};

/// The generator `splitmix64` (Steele, Lea and Flood 2014): one multiplication chain a number, any seed will do, and
/// the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Generator(u64);

impl Generator {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Generator {
        Generator(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u32
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// Draws as a program meets them: a notification's choice and a number are uniform; a timeout that need not fire
    /// and a spurious wake-up are rare.
    pub fn draw(&mut self, draw: Draw, options: u32) -> u32 {
        match draw {
            // Worth its operations only to a search that is to be complete.
            Draw::Fine => 0,
            Draw::Timeout | Draw::Spurious if !self.one_in(RARE) => 0,
            _ => self.below(options),
        }
    }
}

/// Events that a program must survive but that seldom happen take place once in so many times.
const RARE: u32 = 8;

/// A random walk: at each moment, anybody with equal chance.
#[derive(Debug)]
pub struct Random {
    generator: Generator,
    runs_left: u64,
    /// Who was chosen last has only begun.
    begun: bool,
}

impl Random {
    /// So many runs from this seed.
    #[must_use]
    pub fn new(seed: u64, runs: u64) -> Random {
        Random { generator: Generator::new(seed), runs_left: runs, begun: false }
    }
}

/// One of those who may go, with equal chance; now and then one that would give up.
pub(crate) fn anybody(generator: &mut Generator, moment: &Moment<'_>) -> Option<Worker> {
    if let Some(worker) = early_timeout(generator, moment) {
        return Some(worker);
    }
    let count = moment.candidates().count() as u32;
    if count == 0 {
        return None;
    }
    moment.candidates().nth(generator.below(count) as usize).map(|(worker, _)| worker)
}

/// Whoever ran last, where no order is lost by letting it go on at once: what it stands before commutes with all that
/// others do before it (a start, the end of one that has ended), or it has only just `begun`, and choosing it to begin was
/// choosing what it does first. Each question that is not asked may save two hand-offs.
pub(crate) fn goes_on(moment: &Moment<'_>, begun: bool) -> Option<Worker> {
    let pending = moment.pending.get(moment.last.place())?;
    let commutes = matches!(pending.operation.kind, OperationKind::Spawn | OperationKind::Join);
    (pending.readiness == Readiness::Ready && (commutes || begun)).then_some(moment.last)
}

/// Whether the worker, if it is chosen, begins.
pub(crate) fn begins(moment: &Moment<'_>, worker: Worker) -> bool {
    moment.of(worker).operation.kind == OperationKind::Begin
}

/// Now and then, somebody who waits for a timeout although others could go on.
pub(crate) fn early_timeout(generator: &mut Generator, moment: &Moment<'_>) -> Option<Worker> {
    if !generator.one_in(RARE) {
        return None;
    }
    let timed = |(_, pending): &(Worker, &Pending)| pending.readiness == Readiness::Timeout;
    let waiting = moment.workers().filter(timed).count() as u32;
    if waiting == 0 {
        return None;
    }
    moment.workers().filter(timed).nth(generator.below(waiting) as usize).map(|(worker, _)| worker)
}

impl Strategy for Random {
    fn begin(&mut self) -> bool {
        let more = self.runs_left > 0;
        self.runs_left -= u64::from(more);
        self.begun = false;
        more
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        let worker = goes_on(moment, self.begun).or_else(|| anybody(&mut self.generator, moment))?;
        self.begun = begins(moment, worker);
        Some(worker)
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, draw: Draw, options: u32) -> u32 {
        self.generator.draw(draw, options)
    }

    fn end(&mut self, _: &Moment<'_>, _: RunEnd) {}
}
