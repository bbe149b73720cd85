//! Why a run under constraints cannot go on, and which other orders of locks might.

use super::{Blame, Directed, Done, Obstacle, Order};
use crate::directed::point::{Before, Point, Side, ThreadPath};
use crate::moment::{Access, Moment, Object, Pending, Readiness, Touch, Worker};

/// What a standstill teaches.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    /// Orders to try instead: each of them turns one wait round.
    pub(super) alternatives: Vec<Order>,
    /// The first wait that is not anybody's choice.
    pub(super) obstacle: Option<Obstacle>,
    /// Somebody waits for nobody knows whom.
    pub(super) unknown: bool,
    /// A point that can no longer be reached, whatever the order.
    pub(super) diverged: Option<Point>,
}

impl Directed {
    /// Follows, from each constraint that holds somebody back, who would have to go on and why it cannot.
    pub(super) fn explain(&self, moment: &Moment<'_>) -> Standstill {
        let mut standstill = Standstill::default();
        if !moment.pending.iter().any(Pending::can_go) {
            // A deadlock on the way.
            for before in self.constraints.orders().iter().filter(|before| !before.first.was_done(moment)) {
                self.follow(moment, before.first.thread.find_nearest(moment).0, before, &mut standstill);
            }
        }
        for (worker, pending) in moment.workers().filter(|(_, pending)| pending.can_go()) {
            match self.held_back(moment, worker, pending.index) {
                Some(Blame::Goal(before)) => {
                    let (needed, found) = before.first.thread.find_nearest(moment);
                    let ended = moment.of(needed).readiness == Readiness::Finished;
                    if ended && !(found && before.first.was_done(moment)) {
                        standstill.diverged = Some(before.first.clone());
                    }
                    self.follow(moment, needed, &before, &mut standstill);
                }
                Some(Blame::Order(order)) => {
                    let before = self.in_paths(moment, order);
                    self.follow(moment, order.first.0, &before, &mut standstill);
                }
                // It spins: whoever it waits for is held back, or blocked.
                None => standstill.unknown = true,
            }
        }
        standstill
    }

    fn in_paths(&self, moment: &Moment<'_>, order: Order) -> Before {
        let point = |(worker, index): (Worker, u32)| Point { thread: ThreadPath::of(moment, worker), index };
        Before { first: point(order.first), then: point(order.then) }
    }

    /// Why this worker, which would have to go on, does not.
    fn follow(&self, moment: &Moment<'_>, needed: Worker, constraint: &Before, out: &mut Standstill) {
        let mut seen = vec![false; moment.pending.len()];
        let mut open = vec![needed];
        while let Some(worker) = open.pop() {
            let Some(pending) = moment.pending.get(worker.place()) else {
                out.unknown = true;
                continue;
            };
            if std::mem::replace(&mut seen[worker.place()], true) || pending.can_go() {
                // It is held back itself: by a constraint that is followed on its own.
                if pending.can_go() && self.held_back(moment, worker, pending.index).is_none() {
                    out.unknown = true;
                }
                continue;
            }
            if pending.readiness == Readiness::Finished {
                out.unknown = true;
                continue;
            }
            let waiting = (worker, pending.index);
            let mut reasons = 0;
            for touch in pending.operation.touches() {
                if let Some(other) = touch.object.whose_life() {
                    reasons += 1;
                    let ahead = Obstacle {
                        constraint: constraint.clone(),
                        waiting,
                        object: Some(touch.object),
                        holder: None,
                    };
                    out.obstacle.get_or_insert(ahead);
                    open.push(other);
                } else if touch.access.acquires() {
                    for (holder, acquired) in holders(&self.done, touch.object, worker) {
                        reasons += 1;
                        let holder_now = Some((holder, acquired));
                        let ahead = Obstacle {
                            constraint: constraint.clone(),
                            waiting,
                            object: Some(touch.object),
                            holder: holder_now,
                        };
                        out.obstacle.get_or_insert(ahead);
                        out.alternatives.push(Order { first: waiting, then: (holder, acquired) });
                        open.push(holder);
                    }
                }
            }
            out.unknown |= reasons == 0;
        }
    }
}

/// Who of the others has acquired the object and may have it still, and by which operation, according to what was done.
fn holders(done: &[Done], object: Object, but: Worker) -> Vec<(Worker, u32)> {
    let mut holders: Vec<(Worker, u32)> = Vec::new();
    for (worker, index, operation) in done.iter().filter(|(worker, ..)| *worker != but) {
        for touch in operation.touches().filter(|touch| touch.object == object) {
            if touch.access.releases() {
                if let Some(place) = holders.iter().rposition(|(holder, _)| holder == worker) {
                    holders.remove(place);
                }
            } else if touch.access != Access::Read {
                // Who takes it alone shows that nobody has it any more: not every release is an operation. A try
                // counts too: if it failed, the order it leads to is merely one more to try.
                if touch.access == Access::Acquire {
                    holders.clear();
                }
                holders.push((*worker, *index));
            }
        }
    }
    holders.dedup_by_key(|(holder, _)| *holder);
    holders
}

/// The indices of the operations by which a worker has got what it may hold still.
fn held_by(done: &[Done], worker: Worker) -> Vec<u32> {
    let mut held: Vec<(Object, u32)> = Vec::new();
    for (_, index, operation) in done.iter().filter(|(by, ..)| *by == worker) {
        for touch in operation.touches() {
            if touch.access.releases() {
                if let Some(place) = held.iter().rposition(|(object, _)| *object == touch.object) {
                    held.remove(place);
                }
            } else if touch.access.acquires() {
                held.push((touch.object, *index));
            }
        }
    }
    held.into_iter().map(|(_, index)| index).collect()
}

/// The sides of the deadlocks in which a run has ended: every worker that is blocked before an acquisition of what
/// another such worker holds. `done` is all that was done in the run.
pub(crate) fn sides(moment: &Moment<'_>, done: &[Done]) -> Vec<Side> {
    let blocked = |worker: Worker| moment.of(worker).readiness == Readiness::Blocked;
    let waits = |worker: Worker| {
        let acquires = |touch: &Touch| touch.access.acquires() && touch.object.whose_life().is_none();
        let wanted = moment.of(worker).operation.touches().find(acquires);
        wanted.is_some_and(|touch| {
            holders(done, touch.object, worker).iter().any(|(holder, _)| blocked(*holder))
        })
    };
    let stuck =
        moment.workers().map(|(worker, _)| worker).filter(|worker| blocked(*worker) && waits(*worker));
    let side = |worker: Worker| Side {
        thread: ThreadPath::of(moment, worker),
        holds: held_by(done, worker),
        request: moment.of(worker).index,
    };
    stuck.map(side).collect()
}
