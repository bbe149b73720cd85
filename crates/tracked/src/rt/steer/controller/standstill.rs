//! What is so when some cannot go on: who waits for whom in a circle, who is to be heard as a witness, and how a run that is
//! over is cleared up.
//!
//! Not here: what a finding is made of, see [`crate::rt::steer::verdict`].

use super::*;
use crate::rt::steer::verdict;

impl State {
    /// Ends the run; whoever has not ended is sent home.
    pub(super) fn clear_up(&mut self, end: RunEnd) -> Option<Next> {
        if self.program {
            program::over(self, end);
        }
        self.end.get_or_insert(end);
        self.phase = Phase::Clearing;
        for member in &mut self.members {
            member.given_up = member.site;
        }
        None
    }

    /// Where the worker stood last, but for its way home.
    pub(super) fn stood(&self, worker: u32) -> Option<Place> {
        let member = &self.members[worker as usize];
        member.given_up.or(member.site)
    }

    /// A panic that ended the closure or a thread that nobody joined is a failure; told is the first panic of the run.
    pub(super) fn look_at_panics(&mut self) {
        let counts =
            |(index, member): (usize, &Member)| member.panic.is_some() && (index == 0 || !member.joined);
        if self.failure.is_some() || !self.members.iter().enumerate().any(counts) {
            return;
        }
        let Some(worker) = self.first_panic.take() else { return };
        let thread = verdict::name_of(self, worker);
        if let Some(heard) = self.members[worker as usize].panic.take() {
            let Some(finding) = verdict::panic(self, worker, &heard) else { return };
            self.failure = Some(Failed::Panic { finding: Box::new(finding), thread, heard });
            self.end.get_or_insert(RunEnd::Found);
        }
    }

    /// The worker ended by a panic of the program's.
    pub(in crate::rt::steer) fn panicked(&mut self, worker: u32, panicked: Panicked) {
        if matches!(self.phase, Phase::Free) {
            self.first_panic.get_or_insert(worker);
            self.members[worker as usize].panic = Some(panicked);
        }
    }

    pub(super) fn nobody_can_go(&mut self) -> Option<Next> {
        if self.members.iter().all(|member| matches!(member.obstacle, Obstacle::Over)) {
            return Some(Next::Home);
        }
        if self.outside > 0 {
            return Some(Next::Nobody);
        }
        let suspects = self.blocked();
        self.phase = Phase::Hearing { suspects, next: 0, partial: false };
        None
    }

    /// All who stand still and have not ended.
    pub(super) fn blocked(&self) -> Vec<u32> {
        let blocked = |index: &u32| {
            let member = &self.members[*index as usize];
            member.obstacle.is_wait() && !member.frozen
        };
        (0..self.members.len() as u32).filter(blocked).collect()
    }

    /// All have been heard: says what it comes to.
    pub(super) fn conclude(&mut self) {
        let Phase::Hearing { suspects, partial, .. } = std::mem::replace(&mut self.phase, Phase::Free) else {
            return;
        };
        if std::mem::take(&mut self.race) {
            let finding = verdict::race(self, &suspects);
            if self.program {
                program::report_race(self, finding.as_ref(), &suspects);
            }
            self.failure = finding.map(|finding| Failed::Stuck(Box::new(finding)));
            self.clear_up(RunEnd::Found);
            return;
        }
        let stuck: Vec<Stuck> = verdict::stuck(self, &suspects, partial);
        if let Some(stuck) = stuck.into_iter().next() {
            if self.program {
                program::report(self, &stuck, &verdict::locks_of(self, &suspects));
            }
            let finding = verdict::finding(self, &stuck);
            self.failure = Some(Failed::Stuck(Box::new(finding)));
        }
        self.clear_up(if partial { RunEnd::Found } else { RunEnd::Deadlock });
    }

    /// Who is sent home next: the youngest that can go.
    pub(super) fn next_to_clear(&mut self) -> Next {
        loop {
            let live = |member: &Member| !matches!(member.obstacle, Obstacle::Over) && !member.frozen;
            let can_go = |index: &usize| {
                let member = &self.members[*index];
                let outside = matches!(member.obstacle, Obstacle::Outside);
                live(member) && !outside && (!member.unwinding || self.readiness(*index) < Readiness::Blocked)
            };
            if let Some(index) = (0..self.members.len()).rev().find(can_go) {
                let first = !std::mem::replace(&mut self.members[index].unwinding, true);
                self.members[index].timer = None;
                return Next::Give(index as u32, if first { Order::Unwind } else { Order::Go });
            }
            if self
                .members
                .iter()
                .any(|member| matches!(member.obstacle, Obstacle::Outside) && !member.frozen)
            {
                return Next::Nobody;
            }
            let Some(index) = self.members.iter().rposition(live) else { return Next::Home };
            if index == 0 {
                return Next::Give(0, Order::Seize);
            }
            // What it waits for while it unwinds will never come: it stays where it is.
            self.members[index].frozen = true;
            self.any_frozen = true;
            let name = verdict::name_of(self, index as u32);
            self.notes.push(format!("{name} could not be unwound: a destructor waits for what never comes"));
        }
    }

    pub(super) fn give_up_on_those_outside(&mut self) {
        for index in 0..self.members.len() {
            if matches!(self.members[index].obstacle, Obstacle::Outside) {
                self.members[index].frozen = true;
                self.any_frozen = true;
                let name = verdict::name_of(self, index as u32);
                self.notes.push(format!("{name} was left in a call out of control"));
            }
        }
    }

    pub(super) fn describe_those_outside(&self) -> String {
        let mut text = String::from("lockcheck: the exploration waits for calls out of control:\n");
        for (index, member) in self.members.iter().enumerate() {
            if matches!(member.obstacle, Obstacle::Outside) {
                let name = verdict::name_of(self, index as u32);
                let site = member.site.map(Location::to_string).unwrap_or_default();
                text += &format!("  {name} at {site}\n");
                for frame in crate::rt::stack::resolve(member.stack).iter().filter(|frame| frame.user) {
                    text += &format!("      {} at {}:{}\n", frame.function, frame.file, frame.line);
                }
            }
        }
        text
    }

    /// Whether the worker's wait, for a lock or for the end of a thread, leads back to itself.
    pub(super) fn closes_a_circle(&mut self, me: u32) -> bool {
        if !self.members[me as usize].obstacle.is_wait() {
            return false;
        }
        let mut marks = std::mem::take(&mut self.marks);
        marks.clear();
        marks.resize(self.members.len(), false);
        let found = self.reaches(me, me, &mut marks);
        self.marks = marks;
        found
    }

    pub(super) fn anybody_closes_a_circle(&mut self) -> bool {
        (0..self.members.len() as u32).any(|worker| self.closes_a_circle(worker))
    }

    /// Whether the wait of `from` leads to `to`.
    pub(super) fn reaches(&self, from: u32, to: u32, marks: &mut [bool]) -> bool {
        if std::mem::replace(&mut marks[from as usize], true) {
            return false;
        }
        let mut found = false;
        self.each_awaited(from, &mut |other| found |= other == to || self.reaches(other, to, marks));
        found
    }

    /// Calls `each` for those for whom the worker waits without a timeout.
    pub(super) fn each_awaited(&self, worker: u32, each: &mut dyn FnMut(u32)) {
        let member = &self.members[worker as usize];
        if member.timer.is_some() || member.frozen {
            return;
        }
        match member.obstacle {
            Obstacle::Lock { object, mode, upgrade, queued } => {
                self.each_in_the_way(worker, object, mode, upgrade, queued, each);
            }
            Obstacle::Gate { object } => {
                self.each_in_the_way(worker, object, Mode::Exclusive, false, false, each);
            }
            Obstacle::Until { ready, .. } => {
                let target = self.pending[worker as usize].operation.object().and_then(Object::whose_life);
                // SAFETY: as in `readiness`.
                if let Some(Worker(target)) = target.filter(|_| !unsafe { &*ready }()) {
                    each(target);
                }
            }
            _ => {}
        }
    }

    pub(super) fn each_in_the_way(
        &self,
        me: u32,
        object: u32,
        mode: Mode,
        upgrade: bool,
        queued: bool,
        each: &mut dyn FnMut(u32),
    ) {
        if self.is_free(me, object, mode, upgrade, queued)
            || self.could_queue(me, object, mode, upgrade, queued)
        {
            return;
        }
        let claims = &self.claims[object as usize];
        let mut held = false;
        for &(holder, held_as) in &claims.holders {
            if held_as.excludes(mode) && !(upgrade && holder == me && held_as == Mode::Upgradable) {
                held = true;
                each(holder);
            }
        }
        if held || mode != Mode::Shared {
            return;
        }
        for (index, other) in self.members.iter().enumerate() {
            if matches!(other.obstacle, Obstacle::Lock { object: theirs, queued: true, .. } if theirs == object)
            {
                each(index as u32);
            }
        }
    }

    /// Everybody on the way of the worker's wait, itself included.
    pub(super) fn those_behind(&self, me: u32) -> Vec<u32> {
        let mut all = vec![me];
        let mut next = 0;
        while let Some(&worker) = all.get(next) {
            self.each_awaited(worker, &mut |other| {
                if !all.contains(&other) {
                    all.push(other);
                }
            });
            next += 1;
        }
        all
    }
}
