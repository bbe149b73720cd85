//! Runs a schedule again, and notices when the program is no longer the one it was made for.

use std::fmt;

use crate::default_order::default_choice;
use crate::moment::{Moment, OperationKind, Readiness, Worker};
use crate::schedule::{Deviation, FINE_ORDINAL, Schedule};
use crate::strategy::{Draw, RunEnd, Strategy};

/// Where a program did not do what its schedule takes for granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// The deviation that does not fit.
    pub deviation: Deviation,
    /// What is the matter with it.
    pub reason: DivergenceReason,
    /// The worker that stood before its operation `index` when it was noticed, for the run-time to name the line.
    pub worker: Worker,
    /// See `worker`.
    pub index: u32,
}

/// What is the matter with a deviation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DivergenceReason {
    /// The worker that should run has not been spawned yet.
    NotSpawned,
    /// The worker that should run has ended.
    Finished,
    /// The worker that should run cannot, before this kind of operation.
    Blocked(OperationKind),
    /// The operation offers fewer choices than the one that should be drawn.
    Choices(u32),
    /// The moment never came: the operation was done in another way, or not reached before the end.
    Missed,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program differs from the one this schedule was made for at `{}`: ", self.deviation)?;
        let (named, index) = self.deviation.place();
        let target = match self.deviation {
            Deviation::Run { run, .. } => run,
            Deviation::Draw { worker, .. } => worker,
        };
        match self.reason {
            DivergenceReason::NotSpawned => write!(f, "there is no thread {} yet", target.0),
            DivergenceReason::Finished => write!(f, "thread {} has ended", target.0),
            DivergenceReason::Blocked(kind) => {
                write!(f, "thread {} cannot go on: it is blocked before a {kind:?}", target.0)
            }
            DivergenceReason::Choices(options) => write!(f, "there are only {options} choices"),
            DivergenceReason::Missed => {
                write!(f, "thread {}'s turn for operation {index} never came", named.0)
            }
        }
    }
}

/// A deviation that waits for its moment.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    deviation: Deviation,
    used: bool,
}

/// One run, by a schedule.
#[derive(Debug)]
pub struct Replay {
    /// By worker and, within a worker, in the order of the schedule, which is that of the indices.
    waiting: Vec<Waiting>,
    /// For each worker, the range of `waiting` that is still ahead of it.
    ahead: Vec<(u32, u32)>,
    begun: bool,
    /// How many draws the current operation has had.
    draws: (Worker, u32, u32),
    diverged: Option<Divergence>,
    /// Who that was, and where.
    whereabouts: Option<String>,
    /// What does not fit is passed over, so that later deviations still take place.
    lenient: bool,
}

impl Replay {
    /// Follows the schedule and gives the run up where the program differs.
    #[must_use]
    pub fn new(schedule: &Schedule) -> Replay {
        let mut waiting: Vec<Waiting> =
            schedule.deviations().iter().map(|&deviation| Waiting { deviation, used: false }).collect();
        waiting.sort_by_key(|waiting| waiting.deviation.place().0);
        let mut ahead: Vec<(u32, u32)> = Vec::new();
        for (place, waiting) in waiting.iter().enumerate() {
            let worker = waiting.deviation.place().0.place();
            if worker < WORKERS_MAX {
                if ahead.len() <= worker {
                    ahead.resize(worker + 1, (0, 0));
                }
                let range = &mut ahead[worker];
                if range.1 == 0 {
                    range.0 = place as u32;
                }
                range.1 = place as u32 + 1;
            }
        }
        let draws = (Worker(0), 0, 0);
        Replay { waiting, ahead, begun: false, draws, diverged: None, whereabouts: None, lenient: false }
    }

    /// Follows the schedule as far as it fits, and the default order where it does not.
    #[must_use]
    pub fn leniently(schedule: &Schedule) -> Replay {
        Replay { lenient: true, ..Replay::new(schedule) }
    }

    /// The first place at which the program differed.
    #[must_use]
    pub fn diverged(&self) -> Option<Divergence> {
        self.diverged
    }

    /// The unused deviations for this operation of this worker; those for earlier operations are behind it.
    fn now(&mut self, worker: Worker, index: u32) -> Option<&mut [Waiting]> {
        let range = self.ahead.get_mut(worker.place())?;
        let all = &mut self.waiting[range.0 as usize..range.1 as usize];
        let behind = all.iter().take_while(|waiting| waiting.deviation.place().1 < index).count();
        range.0 += behind as u32;
        let rest = &mut all[behind..];
        let here = rest.iter().take_while(|waiting| waiting.deviation.place().1 == index).count();
        (here > 0).then(|| &mut rest[..here])
    }

    fn diverge(&mut self, deviation: Deviation, reason: DivergenceReason, at: (Worker, u32)) {
        let found = Divergence { deviation, reason, worker: at.0, index: at.1 };
        self.diverged.get_or_insert(found);
    }

    /// Why this worker cannot run now, if it cannot.
    fn hindrance(moment: &Moment<'_>, run: Worker) -> Option<DivergenceReason> {
        match moment.pending.get(run.place()) {
            None => Some(DivergenceReason::NotSpawned),
            Some(pending) if pending.readiness == Readiness::Finished => Some(DivergenceReason::Finished),
            Some(pending) if pending.can_go() => None,
            Some(pending) => Some(DivergenceReason::Blocked(pending.operation.kind)),
        }
    }
}

/// Workers beyond this are not looked up: no machine has so many threads.
const WORKERS_MAX: usize = 1 << 20;

impl Strategy for Replay {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.draws.2 = 0;
        let default = default_choice(moment)?;
        let index = moment.of(default).index;
        let is_next =
            |waiting: &&mut Waiting| !waiting.used && matches!(waiting.deviation, Deviation::Run { .. });
        let next = self.now(default, index).and_then(|here| here.iter_mut().find(is_next));
        let Some(next) = next else { return Some(default) };
        next.used = true;
        let deviation = next.deviation;
        let Deviation::Run { run, .. } = deviation else { return Some(default) };
        let Some(reason) = Self::hindrance(moment, run) else { return Some(run) };
        let at = moment.pending.get(run.place()).map_or((default, index), |pending| (run, pending.index));
        self.diverge(deviation, reason, at);
        self.lenient.then_some(default)
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        let index = moment.of(worker).index;
        if (self.draws.0, self.draws.1) != (worker, index) {
            self.draws = (worker, index, 0);
        }
        let nth = if draw == Draw::Fine {
            FINE_ORDINAL
        } else {
            self.draws.2 += 1;
            self.draws.2 - 1
        };
        let wanted = |deviation: Deviation| match deviation {
            Deviation::Draw { ordinal, value, .. } if ordinal == nth => Some(value),
            _ => None,
        };
        let here = self.now(worker, index);
        let found = here.and_then(|here| {
            here.iter_mut().find_map(|waiting| wanted(waiting.deviation).map(|value| (waiting, value)))
        });
        let Some((waiting, value)) = found else { return 0 };
        waiting.used = true;
        let deviation = waiting.deviation;
        if value < options {
            return value;
        }
        self.diverge(deviation, DivergenceReason::Choices(options), (worker, index));
        0
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        if how == RunEnd::Abandoned {
            return;
        }
        if let Some(missed) = self.waiting.iter().find(|waiting| !waiting.used).map(|missed| missed.deviation)
        {
            let (worker, _) = missed.place();
            let index = moment.pending.get(worker.place()).map_or(0, |pending| pending.index);
            self.diverge(missed, DivergenceReason::Missed, (worker, index));
        }
    }

    fn asks_for(&self) -> Option<Worker> {
        self.diverged.filter(|_| self.whereabouts.is_none()).map(|diverged| diverged.worker)
    }

    fn hear(&mut self, whereabouts: String) {
        self.whereabouts.get_or_insert(whereabouts);
    }

    fn complaint(&self) -> Option<String> {
        let diverged = self.diverged?;
        let (worker, index) = (diverged.worker.0, diverged.index);
        let who = self.whereabouts.as_ref();
        let who = who.map(|who| format!("; thread {worker} is {who}, before its operation {index}"));
        Some(format!("{diverged}{}", who.unwrap_or_default()))
    }
}
