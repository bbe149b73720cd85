//! Who goes on: what each worker stands before, whether it can be had, and what the strategy says.
//!
//! Not here: what it means when nobody can go on, see [`super::standstill`].

use super::*;
use crate::rt::steer::verdict;

impl State {
    pub(super) fn reset(&mut self, spurious: u32) {
        self.pending.clear();
        self.members.clear();
        std::mem::swap(&mut self.objects, &mut self.objects_before);
        self.objects.clear();
        // The lists keep their room.
        self.claims.iter_mut().for_each(|claims| {
            claims.holders.clear();
            claims.writers_queued = 0;
            claims.met = None;
        });
        self.last = Worker(0);
        self.running = Some(0);
        self.phase = Phase::Free;
        self.end = None;
        self.failure = None;
        self.first_panic = None;
        self.now = 0;
        self.steps = 0;
        self.writes = 0;
        self.outside = 0;
        self.watched = None;
        self.spurious_left = spurious;
        self.scopes.clear();
    }

    pub(in crate::rt::steer) fn tell_end(&mut self, end: RunEnd) {
        let State { strategy, pending, last, .. } = self;
        strategy.end(&Moment { pending, last: *last }, end);
        if let Some(worker) = self.strategy.asks_for() {
            let whereabouts = self.whereabouts(worker);
            self.strategy.hear(whereabouts);
        }
    }

    /// What the worker is called, and where it stood in the end.
    fn whereabouts(&self, worker: Worker) -> String {
        if worker.place() >= self.members.len() {
            return "one that was not started".to_owned();
        }
        let name = verdict::name_of(self, worker.0);
        self.stood(worker.0).map_or_else(|| format!("`{name}`"), |site| format!("`{name}` at {site}"))
    }

    /// Adds a worker; gives its number.
    pub(in crate::rt::steer) fn enrol(&mut self, member: Member, parent: Worker) -> u32 {
        let number = self.members.len() as u32;
        let ordinal = match self.members.get_mut(parent.place()) {
            Some(parent) => {
                parent.children += 1;
                parent.children - 1
            }
            None => 0,
        };
        self.members.push(member);
        self.pending.push(Pending {
            operation: Operation::local(OperationKind::Begin),
            index: 0,
            readiness: Readiness::Ready,
            parent,
            ordinal,
            deadline: 0,
        });
        number
    }

    /// The number of an object in this run.
    pub(in crate::rt::steer) fn object(&mut self, key: u64) -> u32 {
        let next = self.objects.len() as u32;
        let number = *self.objects.entry(key).or_insert(next);
        if number as usize >= self.claims.len() {
            self.claims.resize_with(number as usize + 1, Claims::default);
        }
        number
    }

    /// Where this run met what the one before it had too, and left as it was: statics, and what the closure was given.
    pub(in crate::rt::steer) fn lasting(&self) -> Vec<Place> {
        // What is known by its address alone may have got that of another.
        let is_same = |key: u64| key & BY_ADDRESS == 0 || crate::rt::modules::has(key & !BY_ADDRESS);
        let both = self.objects.iter().filter(|(key, _)| self.objects_before.contains_key(key));
        let mut numbers: Vec<u32> =
            both.filter(|(key, _)| is_same(**key)).map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        let mut places: Vec<Place> = Vec::new();
        for place in numbers.iter().filter_map(|number| self.claims[*number as usize].met) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    pub(super) fn stand(&mut self, me: u32, stand: Stand) {
        let mut operation = Operation::local(stand.kind);
        let mut first = None;
        let mut touch = |object, access| {
            operation = match first {
                None => Operation::on(stand.kind, object, access),
                Some(_) => operation.and(object, access),
            };
            first.get_or_insert(object);
        };
        if let Some((object, access)) = stand.fixed {
            touch(object, access);
        }
        for (key, access) in stand.touches.into_iter().flatten() {
            let number = self.object(key);
            let met = &mut self.claims[number as usize].met;
            *met = met.or(stand.site);
            touch(Object(number), access);
        }
        let obstacle = match stand.obstacle {
            Obstacle::Lock { mode, upgrade, queued, .. } => {
                Obstacle::Lock { object: first.map_or(0, |first| first.0), mode, upgrade, queued }
            }
            Obstacle::Gate { .. } => Obstacle::Gate { object: first.map_or(0, |first| first.0) },
            other => other,
        };
        let now = self.now;
        let writes = self.writes;
        let member = &mut self.members[me as usize];
        member.obstacle = obstacle;
        member.site = stand.site;
        member.datum = stand.datum;
        member.timer = stand.timeout.map(|timeout| now.saturating_add(coarse(timeout)));
        if stand.wait.is_some() {
            member.wait = stand.wait;
        }
        member.note_repetition(&operation, stand.site, writes);
        let pending = &mut self.pending[me as usize];
        pending.operation = operation;
        pending.index = stand.index;
    }

    /// Who goes on, now that `me` has nothing more to do.
    pub(super) fn next(&mut self, me: u32) -> Next {
        loop {
            match &mut self.phase {
                Phase::Free => {
                    if let Some(next) = self.next_free(me) {
                        return next;
                    }
                }
                Phase::Hearing { suspects, next, .. } => match suspects.get(*next) {
                    Some(&suspect) => {
                        *next += 1;
                        return Next::Give(suspect, Order::Testify);
                    }
                    None => self.conclude(),
                },
                Phase::Clearing => return self.next_to_clear(),
            }
        }
    }

    /// One that stands before an access of the same datum as `me`, where one of both writes.
    pub(super) fn races_with(&self, me: u32) -> Option<u32> {
        if !self.members[me as usize].datum {
            return None;
        }
        let own = &self.pending[me as usize].operation;
        let races = |index: &usize| {
            let other = &self.members[*index];
            *index != me as usize
                && other.datum
                && matches!(other.obstacle, Obstacle::None)
                && !self.pending[*index].operation.commutes_with(own)
        };
        (0..self.members.len()).find(races).map(|index| index as u32)
    }

    /// `None`: the phase has changed.
    pub(super) fn next_free(&mut self, me: u32) -> Option<Next> {
        if let Some(other) = self.races_with(me) {
            self.race = true;
            self.phase = Phase::Hearing { suspects: vec![other, me], next: 0, partial: true };
            return None;
        }
        if self.closes_a_circle(me) {
            let suspects = self.those_behind(me);
            self.phase = Phase::Hearing { suspects, next: 0, partial: true };
            return None;
        }
        loop {
            if !self.look_around() {
                return self.nobody_can_go();
            }
            self.steps += 1;
            self.steps_ever += 1;
            if self.steps > self.steps_max {
                return self.clear_up(RunEnd::TooLong);
            }
            let moment = Moment { pending: &self.pending, last: self.last };
            let Some(Worker(chosen)) = self.strategy.choose(&moment) else {
                return self.clear_up(RunEnd::Abandoned);
            };
            if !self.pending.get(chosen as usize).is_some_and(Pending::can_go) {
                self.notes.push(format!("the strategy chose worker {chosen}, which cannot go on"));
                return self.clear_up(RunEnd::Abandoned);
            }
            self.last = Worker(chosen);
            if self.queues(chosen) {
                // It stands in line now, which is all it could do.
                if self.closes_a_circle(chosen) || self.anybody_closes_a_circle() {
                    let suspects = self.blocked();
                    self.phase = Phase::Hearing { suspects, next: 0, partial: true };
                    return None;
                }
                continue;
            }
            return Some(Next::Give(chosen, self.take(chosen)));
        }
    }

    /// Finds out how everybody stands; `false` if nobody can go on.
    pub(super) fn look_around(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.members.len() {
            let readiness = self.readiness(index);
            let pending = &mut self.pending[index];
            pending.readiness = readiness;
            any |= readiness < Readiness::Blocked;
            if readiness == Readiness::Timeout {
                pending.deadline = self.members[index].timer.unwrap_or(self.now);
            }
        }
        any
    }

    pub(super) fn readiness(&self, index: usize) -> Readiness {
        let member = &self.members[index];
        let timer = || if member.timer.is_some() { Readiness::Timeout } else { Readiness::Blocked };
        if member.frozen {
            return Readiness::Blocked;
        }
        match member.obstacle {
            Obstacle::None if member.is_spinning(self.writes) => Readiness::Spinning,
            Obstacle::None => Readiness::Ready,
            Obstacle::Yielding if member.is_spinning(self.writes) => Readiness::Spinning,
            Obstacle::Yielding => Readiness::Yielding,
            Obstacle::Sleep => Readiness::Timeout,
            Obstacle::Outside => Readiness::Blocked,
            Obstacle::Over => Readiness::Finished,
            Obstacle::Lock { object, mode, upgrade, queued } => {
                if self.is_free(index as u32, object, mode, upgrade, queued)
                    || self.could_queue(index as u32, object, mode, upgrade, queued)
                {
                    Readiness::Ready
                } else {
                    timer()
                }
            }
            Obstacle::Gate { object } => {
                if self.is_free(index as u32, object, Mode::Exclusive, false, false) {
                    Readiness::Ready
                } else {
                    Readiness::Blocked
                }
            }
            Obstacle::Until { ready, relock } => {
                let lock_is_free = relock
                    .is_none_or(|(object, mode)| self.is_free(index as u32, object, mode, false, false));
                // SAFETY: the worker stands still in the frame that the pointer is borrowed from, see `Stand::until`.
                let is_told = unsafe { &*ready }();
                match (is_told, lock_is_free) {
                    (true, true) => Readiness::Ready,
                    // Its time can pass while somebody has the lock: who signals then signals to others.
                    (false, _) => timer(),
                    (true, false) => Readiness::Blocked,
                }
            }
        }
    }

    /// Whether nobody's hold, and no writer in the queue, keeps the worker from having the lock.
    pub(super) fn is_free(&self, me: u32, object: u32, mode: Mode, upgrade: bool, queued: bool) -> bool {
        let claims = &self.claims[object as usize];
        let own = |holder: u32, held: Mode| upgrade && holder == me && held == Mode::Upgradable;
        let held = claims.holders.iter().any(|&(holder, held)| held.excludes(mode) && !own(holder, held));
        // A writer that waits holds plain readers back.
        let passed_over = mode == Mode::Shared && !queued && claims.writers_queued > 0;
        !held && !passed_over
    }

    /// Whether the worker is a writer that finds readers, and has not yet been seen to wait.
    pub(super) fn could_queue(&self, me: u32, object: u32, mode: Mode, upgrade: bool, queued: bool) -> bool {
        let shared = |held: Mode| matches!(held, Mode::Shared | Mode::SharedRecursive);
        let claims = &self.claims[object as usize];
        mode == Mode::Exclusive
            && !queued
            && claims.holders.iter().any(|&(_, held)| shared(held))
            && claims
                .holders
                .iter()
                .all(|&(holder, held)| shared(held) || (upgrade && holder == me && held == Mode::Upgradable))
    }

    /// If the chosen one can do no more than stand in line, it does.
    pub(super) fn queues(&mut self, chosen: u32) -> bool {
        let Obstacle::Lock { object, mode, upgrade, queued } = self.members[chosen as usize].obstacle else {
            return false;
        };
        if self.is_free(chosen, object, mode, upgrade, queued)
            || !self.could_queue(chosen, object, mode, upgrade, queued)
        {
            return false;
        }
        self.claims[object as usize].writers_queued += 1;
        let member = &mut self.members[chosen as usize];
        member.obstacle = Obstacle::Lock { object, mode, upgrade, queued: true };
        member.silent_steps += 1;
        self.pending[chosen as usize].index += 1;
        self.writes += 1;
        true
    }

    /// The chosen one goes on: notes what it gets.
    pub(super) fn take(&mut self, chosen: u32) -> Order {
        let index = chosen as usize;
        let operation = self.pending[index].operation;
        if operation.touches().any(|touch| touch.access != Access::Read) {
            self.writes += 1;
            self.members[index].writes += 1;
        }
        let readiness = self.pending[index].readiness;
        let timed = self.members[index].timer.is_some();
        let late = match (readiness, self.members[index].obstacle) {
            (_, Obstacle::Sleep) => true,
            (Readiness::Timeout, _) => true,
            // One who waits to be told and was told does not give up.
            (_, Obstacle::Lock { .. }) if timed => self.draw(chosen, Draw::Timeout, 2) == 1,
            _ => false,
        };
        let member = &mut self.members[index];
        if late && readiness == Readiness::Timeout {
            self.now = self.now.max(member.timer.unwrap_or(0));
        }
        let obstacle = std::mem::replace(&mut member.obstacle, Obstacle::None);
        member.timer = None;
        member.datum = false;
        match obstacle {
            Obstacle::Lock { object, mode, queued, .. } => {
                let claims = &mut self.claims[object as usize];
                claims.writers_queued -= u32::from(queued);
                if !late {
                    claims.holders.push((chosen, mode));
                }
            }
            Obstacle::Until { relock: Some((object, mode)), .. }
                if self.is_free(chosen, object, mode, false, false) =>
            {
                self.claims[object as usize].holders.push((chosen, mode));
                self.members[index].granted = Some(object);
            }
            _ => {}
        }
        if late { Order::Late } else { Order::Go }
    }

    pub(in crate::rt::steer) fn draw(&mut self, me: u32, draw: Draw, options: u32) -> u32 {
        if options <= 1 || !matches!(self.phase, Phase::Free) {
            return 0;
        }
        let State { strategy, pending, last, .. } = self;
        let moment = Moment { pending, last: *last };
        strategy.draw(&moment, Worker(me), draw, options).min(options - 1)
    }

    /// The live worker that this thread serves.
    pub(in crate::rt::steer) fn serving(&self, thread: &std::thread::Thread) -> Option<&Member> {
        let serves = |member: &&Member| {
            !matches!(member.obstacle, Obstacle::Over)
                && member.seat.thread().is_some_and(|other| other.id() == thread.id())
        };
        self.members.iter().find(serves)
    }

    /// Whether the worker was already given the lock that it asks for now.
    pub(in crate::rt::steer) fn was_granted(&mut self, me: u32, key: u64) -> bool {
        if self.members[me as usize].granted.is_none() {
            return false;
        }
        let object = self.object(key);
        let member = &mut self.members[me as usize];
        let granted = member.granted == Some(object);
        if granted {
            member.granted = None;
        }
        granted
    }

    /// Whether the worker gave up waiting while somebody had the lock that it takes back, which it asks for next.
    pub(in crate::rt::steer) fn has_yet_to_ask(&self, me: u32) -> bool {
        self.members[me as usize].granted.is_none()
    }

    /// Steps that the worker has made in its sleep since this was last asked.
    pub(in crate::rt::steer) fn silent_steps(&mut self, me: u32) -> u32 {
        std::mem::take(&mut self.members[me as usize].silent_steps)
    }

    /// Takes note of a hold that came about without a wait.
    pub(in crate::rt::steer) fn claim(&mut self, me: u32, key: u64, mode: Mode) {
        let object = self.object(key);
        self.claims[object as usize].holders.push((me, mode));
        self.succeeded(me);
    }

    /// The worker got what it tried to: it does not spin.
    pub(in crate::rt::steer) fn succeeded(&mut self, me: u32) {
        let member = &mut self.members[me as usize];
        member.repeated.2 = 0;
        member.reads.0 = 0;
    }

    /// Takes note of the end of a hold.
    pub(in crate::rt::steer) fn disclaim(&mut self, me: u32, key: u64, mode: Mode) {
        let Some(&object) = self.objects.get(&key) else { return };
        let holders = &mut self.claims[object as usize].holders;
        let own = holders.iter().rposition(|claim| *claim == (me, mode));
        let any = || holders.iter().rposition(|(_, held)| *held == mode);
        if let Some(place) = own.or_else(any) {
            holders.swap_remove(place);
            self.writes += 1;
            self.members[me as usize].writes += 1;
        }
    }

    /// Whether a request in this mode stands behind a writer that waits. The real lock knows of no such writer.
    pub(in crate::rt::steer) fn is_passed_over(&mut self, key: u64, mode: Mode) -> bool {
        let object = self.object(key);
        mode == Mode::Shared && self.claims[object as usize].writers_queued > 0
    }

    /// The model says that somebody has the lock; the real lock is free.
    pub(in crate::rt::steer) fn clear_claims(&mut self, key: u64) {
        let object = self.object(key);
        self.claims[object as usize].holders.clear();
    }

    /// Whether the run is made of fine steps.
    pub(in crate::rt::steer) fn is_fine(&self) -> bool {
        self.fine
    }

    /// Whether the release of a lock is an operation: somebody stands before one whose outcome it would change, or may
    /// come to.
    pub(in crate::rt::steer) fn is_tried(&self, me: u32, key: u64) -> bool {
        if self.members.len() < 2 || !matches!(self.phase, Phase::Free) {
            return false;
        }
        if self.fine {
            return true;
        }
        let Some(&object) = self.objects.get(&key) else { return false };
        self.pending.iter().enumerate().any(|(index, pending)| {
            index != me as usize
                && pending.readiness != Readiness::Finished
                && matches!(pending.operation.kind, OperationKind::TryLock | OperationKind::TimedLock)
                && pending.operation.object() == Some(Object(object))
        })
    }

    /// The worker has changed something that others may look at.
    pub(in crate::rt::steer) fn wrote(&mut self, worker: u32) {
        self.writes += 1;
        self.members[worker as usize].writes += 1;
    }
}
