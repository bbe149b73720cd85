//! Drives a program into a predicted state: what one operation must come before is given, and only what that allows is
//! run.
//!
//! A prediction says which locks each side of a cycle holds and what it asks for. It comes true if every side has
//! acquired what it holds before any side makes its request ([`Constraints::of_cycle`]). A run lets the default order go
//! on, except that a worker before an operation whose time has not come is held back. Where that leads to a standstill,
//! somebody waits for a lock of one that is held back; the next run takes that lock in the other order. If every such
//! order leads to a standstill, or asks for what another one forbids, the prediction is refuted: in the program as it
//! behaved in these runs there is no order that makes it come true.
//!
//! A refutation is only claimed when every wait was for a lock, or for the end or the start of another worker. Where
//! somebody waited for a signal, who might have given it is unknown. And a last run in the default order must pass all
//! the points that the constraints name: what the program no longer does is not refuted, it has diverged.

mod point;
mod standstill;

use std::fmt;

use crate::default_order::default_choice;
use crate::moment::{Moment, Object, Operation, Readiness, Worker};
use crate::strategy::{Draw, RunEnd, Strategy};
pub use point::{Before, Constraints, ConstraintsError, Point, Side, ThreadPath};
use standstill::Standstill;
pub(crate) use standstill::sides;

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing is decided yet.
    Open,
    /// The last run ended in a finding, after all constraints had been met.
    Reached,
    /// The last run ended in a finding before they had: another one than was predicted.
    Other,
    /// No order of the locks leads there.
    Refuted(Obstacle),
    /// A worker ended before it reached this point, or never started: the program does something else than it did when
    /// the prediction was made.
    Diverged(Point),
    /// All constraints were met, and nothing happened.
    Passed,
    /// Nothing was reached and nothing refuted.
    Unknown,
}

/// An order that forbids what was predicted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    /// The constraint that could not be met.
    pub constraint: Before,
    /// Who would have had to go on, and the index of the operation it stood before.
    pub waiting: (Worker, u32),
    /// What it waited for.
    pub object: Option<Object>,
    /// Who stood in the way, and the index of the operation by which it had got hold of the object.
    pub holder: Option<(Worker, u32)>,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, index) = self.waiting;
        write!(f, "thread {} cannot do its operation {index}", waiting.0)?;
        match self.holder {
            Some((holder, acquired)) => {
                write!(f, " while thread {} has what it took by its operation {acquired}", holder.0)?;
            }
            None => f.write_str(" yet")?,
        }
        write!(f, ", so {} does not come before {}", self.constraint.first, self.constraint.then)
    }
}

/// An order of two operations of workers of these runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Order {
    first: (Worker, u32),
    then: (Worker, u32),
}

/// An operation that was done: by whom, its index, what.
pub(crate) type Done = (Worker, u32, Operation);

/// See the module.
#[derive(Debug)]
pub struct Directed {
    constraints: Constraints,
    /// Orders of locks to try, each with the orders it stands on.
    open: Vec<Vec<Order>>,
    /// Those of the current run.
    learned: Vec<Order>,
    runs_left: u32,
    outcome: Outcome,
    /// The first standstill whose reason is known.
    obstacle: Option<Obstacle>,
    /// Some run ended in a way that proves nothing.
    in_doubt: bool,
    /// What the current run has done.
    done: Vec<Done>,
    /// The constraints were all met in the current run.
    met: bool,
    /// The run was given up because of this.
    standstill: Option<Standstill>,
    /// The first constraint that a run could not meet.
    unmet: Option<Before>,
    /// All orders have been tried; this run looks whether the program still does what was predicted of it.
    checking: bool,
}

/// More orders of locks than this are not tried at a time.
const OPEN_MAX: usize = 1 << 12;

impl Directed {
    /// At most so many runs under these constraints.
    #[must_use]
    pub fn new(constraints: Constraints, runs_max: u32) -> Directed {
        Directed {
            constraints,
            open: vec![Vec::new()],
            learned: Vec::new(),
            runs_left: runs_max,
            outcome: Outcome::Open,
            obstacle: None,
            in_doubt: false,
            done: Vec::new(),
            met: false,
            standstill: None,
            unmet: None,
            checking: false,
        }
    }

    /// What came of it so far.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The first constraint that a run could not meet, whatever the reason.
    #[must_use]
    pub fn unmet(&self) -> Option<&Before> {
        self.unmet.as_ref()
    }

    /// Goes on after a finding that was not the predicted one: other orders of the locks may avoid it.
    pub fn go_on(&mut self) {
        self.outcome = Outcome::Open;
        match self.standstill.take() {
            Some(standstill) => self.learn(standstill),
            None => self.in_doubt = true,
        }
    }

    /// Whether the worker must not do its operation yet, and because of which constraint.
    fn held_back(&self, moment: &Moment<'_>, worker: Worker, index: u32) -> Option<Blame> {
        let by_goal = || {
            let unmet = |before: &&Before| !before.first.is_past(moment);
            let holds = |before: &&Before| before.then.is_reached_by(moment, worker, index);
            self.constraints
                .orders()
                .iter()
                .filter(holds)
                .find(unmet)
                .map(|before| Blame::Goal(before.clone()))
        };
        let by_order = || {
            let holds = |order: &&Order| order.then.0 == worker && order.then.1 <= index;
            self.learned
                .iter()
                .filter(holds)
                .find(|order| !is_past(moment, order.first))
                .copied()
                .map(Blame::Order)
        };
        if self.met || self.checking { None } else { by_goal().or_else(by_order) }
    }

    /// The default order among those who are not held back.
    fn pick(&self, moment: &Moment<'_>) -> Option<Worker> {
        let free = |worker: Worker| {
            let pending = moment.of(worker);
            pending.can_go() && self.held_back(moment, worker, pending.index).is_none()
        };
        let default = default_choice(moment);
        if let Some(default) = default.filter(|default| free(*default)) {
            return Some(default);
        }
        let class = |worker: &Worker| (moment.of(*worker).readiness, *worker);
        moment.workers().map(|(worker, _)| worker).filter(|worker| free(*worker)).min_by_key(class)
    }

    /// Whether all who could go on either are held back or only spin.
    fn is_standstill(moment: &Moment<'_>, picked: Option<Worker>) -> bool {
        picked.is_none_or(|worker| moment.of(worker).readiness == Readiness::Spinning)
    }

    /// Takes what a standstill taught into account.
    fn learn(&mut self, standstill: Standstill) {
        if let Some(point) = standstill.diverged {
            self.outcome = Outcome::Diverged(point);
            return;
        }
        self.in_doubt |= standstill.unknown;
        if let Some(obstacle) = standstill.obstacle {
            self.obstacle.get_or_insert(obstacle);
        }
        for order in standstill.alternatives {
            let reversed = Order { first: order.then, then: order.first };
            let known = self.learned.contains(&order) || self.learned.contains(&reversed);
            if known || self.open.len() >= OPEN_MAX {
                self.in_doubt |= !known;
                continue;
            }
            let mut orders = self.learned.clone();
            orders.push(order);
            self.open.push(orders);
        }
    }
}

/// Why a worker is held back.
#[derive(Clone, Debug)]
enum Blame {
    Goal(Before),
    Order(Order),
}

/// Whether the worker has done its operation of this index.
fn is_past(moment: &Moment<'_>, (worker, index): (Worker, u32)) -> bool {
    let past = |pending: &crate::Pending| pending.index > index || pending.readiness == Readiness::Finished;
    moment.pending.get(worker.place()).is_some_and(past)
}

impl Strategy for Directed {
    fn begin(&mut self) -> bool {
        if self.outcome != Outcome::Open {
            return false;
        }
        let learned = self.open.pop();
        let refuted = self.obstacle.is_some() && !self.in_doubt;
        if self.runs_left == 0 || (learned.is_none() && !refuted) {
            self.outcome = Outcome::Unknown;
            return false;
        }
        self.checking = learned.is_none();
        self.runs_left -= 1;
        self.learned = learned.unwrap_or_default();
        self.done.clear();
        self.met = false;
        self.standstill = None;
        true
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.met |= self.constraints.orders().iter().all(|before| before.first.was_done(moment));
        let picked = self.pick(moment);
        if !self.met && !self.checking && Self::is_standstill(moment, picked) {
            self.standstill = Some(self.explain(moment));
            if self.unmet.is_none() {
                let unmet = |before: &&Before| !before.first.was_done(moment);
                self.unmet = self.constraints.orders().iter().find(unmet).cloned();
            }
            return None;
        }
        let worker = picked?;
        let pending = moment.of(worker);
        if !self.met {
            self.done.push((worker, pending.index, pending.operation));
        }
        Some(worker)
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, _: Draw, _: u32) -> u32 {
        0
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        self.met |= self.constraints.orders().iter().all(|before| before.first.was_done(moment));
        match how {
            RunEnd::Deadlock | RunEnd::Found => {
                self.outcome = if self.met { Outcome::Reached } else { Outcome::Other };
                let stuck = how == RunEnd::Deadlock && !self.met && !self.checking;
                self.standstill = stuck.then(|| self.explain(moment));
            }
            RunEnd::Abandoned => {
                if let Some(standstill) = self.standstill.take() {
                    self.learn(standstill);
                }
            }
            RunEnd::Finished => {
                let points =
                    self.constraints.orders().iter().flat_map(|before| [&before.first, &before.then]);
                let missed = points.into_iter().find(|point| !point.was_done(moment)).cloned();
                let refuted = self.obstacle.take().filter(|_| self.checking).map(Outcome::Refuted);
                let passed = refuted.unwrap_or(Outcome::Passed);
                self.outcome = missed.map_or(passed, Outcome::Diverged);
            }
            RunEnd::TooLong => self.in_doubt = true,
        }
    }
}
