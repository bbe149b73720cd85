//! The default order: keep the current worker, else the lowest that can go on. Schedules list deviations from it.

use crate::moment::{Moment, Pending, Readiness, Worker};
use crate::strategy::{Draw, RunEnd, Strategy};

/// Who runs by default.
///
/// | somebody is | who goes |
/// |---|---|
/// | ready | the one that ran last, else the lowest |
/// | yielding | the next one after the one that ran last, round and round |
/// | waiting for a timeout | as for yielding: how long somebody sleeps is often not the same twice |
/// | spinning | as for yielding |
///
/// `None` if nobody can go on.
#[must_use]
pub fn default_choice(moment: &Moment<'_>) -> Option<Worker> {
    let is_ready = |pending: &Pending| pending.readiness == Readiness::Ready;
    if moment.pending.get(moment.last.place()).is_some_and(is_ready) {
        return Some(moment.last);
    }
    if let Some(place) = moment.pending.iter().position(is_ready) {
        return Some(Worker(place as u32));
    }
    let classes = [Readiness::Yielding, Readiness::Timeout, Readiness::Spinning];
    classes.into_iter().find_map(|class| next_in_turn(moment, class))
}

/// The next one of this readiness after the one that ran last.
fn next_in_turn(moment: &Moment<'_>, wanted: Readiness) -> Option<Worker> {
    let mut willing = moment.workers().filter(|(_, pending)| pending.readiness == wanted);
    let later = willing.clone().find(|(worker, _)| *worker > moment.last);
    later.or_else(|| willing.next()).map(|(worker, _)| worker)
}

/// One run in the default order, but that time passes as it does: of those who wait for a timeout, the earliest goes
/// first.
#[derive(Debug, Default)]
pub struct DefaultOrder {
    begun: bool,
}

impl DefaultOrder {
    /// A strategy for one run.
    #[must_use]
    pub fn new() -> DefaultOrder {
        DefaultOrder::default()
    }
}

impl Strategy for DefaultOrder {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        let default = default_choice(moment)?;
        let timed = moment.workers().filter(|(_, pending)| pending.readiness == Readiness::Timeout);
        let deadline = |worker: Worker| moment.of(worker).deadline;
        match timed.map(|(worker, _)| worker).min_by_key(|worker| deadline(*worker)) {
            Some(earliest)
                if moment.of(default).readiness == Readiness::Timeout
                    && deadline(earliest) < deadline(default) =>
            {
                Some(earliest)
            }
            _ => Some(default),
        }
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, _: Draw, _: u32) -> u32 {
        0
    }

    fn end(&mut self, _: &Moment<'_>, _: RunEnd) {}
}
