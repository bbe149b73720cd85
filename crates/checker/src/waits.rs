//! Stuck sets: which of the threads that wait now can never go on, and the circle that holds them.
//!
//! A set of waiting threads is stuck when nothing outside of it can end any of its waits. It is computed as a
//! greatest fixpoint: start with every thread that waits without a timeout and take away, until nothing changes,
//! each one whose wait somebody outside could end. Taking too much away loses a report, never makes a false one,
//! so everything that is not known counts as "somebody could".
//!
//! A circle of lock holders and joined threads is stuck whatever the others do. A wait for a signal is stuck only in
//! a closed world: when every thread of the process waits, nobody is left to give it. In such a world this module
//! says what a reader should hear of it, one stuck set for each object that is waited for:
//!
//! | the wait is for | and | then it is |
//! |---|---|---|
//! | a lock or a thread's end | a circle leads back to it | found when it closed, not here |
//! | a lock or a thread's end | none does | not told: it is the consequence of another wait |
//! | a task | a circle leads back to it, or no worker of its pool can get to it | found when it closed, not here |
//! | something to do | | not told |
//! | a signal | the last one was sent while nobody waited, and the wait asks no predicate | a lost wake-up |
//! | a signal | the last one woke a thread that went on waiting, and others wait elsewhere for the same object | a lost wake-up |
//! | a signal | a thread waits for a lock that the waiter holds | a deadlock of the two |
//! | a signal | else | a wait that nobody is left to end |
//!
//! This module judges one snapshot. Taking it so that it is true is the run-time's business.

use std::collections::{BTreeMap, HashSet};

use lockcheck_events::{Attempt, Hold, LockId, LockKind, Mode, Request, StuckKind, StuckThread, ThreadId};

/// What could end a wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Enders {
    /// Those who hold the lock, in modes that stand in the way.
    Holders(LockKind),
    /// The same for an upgrade, which its own upgradable hold does not keep waiting.
    OtherHolders(LockKind),
    /// The end of one thread.
    EndOf(ThreadId),
    /// Any thread that still runs: a signal, a permit, an item.
    Anyone,
    /// The same, for something to do: a worker without a task. In a world that stands still it is nothing to tell of.
    Work,
    /// Those who run these tasks, or could.
    Tasks {
        /// The tasks that are not done.
        tasks: Vec<Task>,
        /// The wait is for all of them; else any one ends it.
        all: bool,
    },
}

/// A task of a pool that somebody waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// The thread that runs it, or those who could take it up.
    pub runners: Vec<ThreadId>,
    /// As long as it stands in line: its submission.
    pub in_line: Option<Request>,
}

/// A thread that is blocked.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What it asks for and what it holds.
    pub request: Request,
    /// Who could end its wait.
    pub enders: Enders,
    /// The last signal given before the wait began, if it found nobody and the wait does not check why it waits.
    pub lost: Option<Request>,
    /// The signal that woke the thread from the same wait before, of which it made no use.
    pub unused: Option<Request>,
}

/// A stuck set with its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stuck {
    /// What it is.
    pub kind: StuckKind,
    /// Its members: in the order of the circle if it is one.
    pub threads: Vec<StuckThread>,
}

/// All threads that were blocked at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The blocked ones.
    pub waiting: Vec<Waiting>,
    /// Whether every thread of the process is among them, but for some that wait for good in ways that are not watched:
    /// nobody else is there.
    pub complete: bool,
    /// What those others hold.
    pub held_aside: Vec<Hold>,
}

impl Snapshot {
    /// The threads that can never go on, by index into `waiting`.
    fn stuck(&self) -> Vec<usize> {
        let mut alive: HashSet<usize> = (0..self.waiting.len())
            .filter(|&index| self.waiting[index].request.attempt == Attempt::Block)
            .collect();
        loop {
            let before = alive.len();
            let keep: HashSet<usize> =
                alive.iter().copied().filter(|&index| !self.could_end(index, &alive)).collect();
            alive = keep;
            if alive.len() == before {
                let mut stuck: Vec<usize> = alive.into_iter().collect();
                stuck.sort_unstable();
                return stuck;
            }
        }
    }

    /// Whether somebody outside `set` could end the wait of `index`.
    fn could_end(&self, index: usize, set: &HashSet<usize>) -> bool {
        let place =
            |thread: ThreadId| self.waiting.iter().position(|waiting| waiting.request.thread == thread);
        // In a complete world a thread that is not here has ended, or waits for good where nobody watches.
        let is_in = |thread: ThreadId| place(thread).map_or(self.complete, |place| set.contains(&place));
        match &self.waiting[index].enders {
            Enders::Anyone | Enders::Work => !self.complete || set.len() < self.waiting.len(),
            Enders::EndOf(thread) => !is_in(*thread),
            Enders::Tasks { tasks, all } => {
                let can_end = |task: &Task| !task.runners.iter().all(|&runner| is_in(runner));
                if *all { tasks.iter().all(can_end) } else { tasks.iter().any(can_end) }
            }
            Enders::Holders(_) | Enders::OtherHolders(_) => {
                // A queued writer in the way may give up if its wait is timed, and then a reader goes on.
                let blockers = self.blockers(index);
                if blockers.is_empty() {
                    return !self.complete;
                }
                let held = blockers.iter().any(|&(other, hold)| hold.is_some() && set.contains(&other));
                let queued = blockers.iter().all(|&(other, hold)| hold.is_none() && set.contains(&other));
                !(held || queued)
            }
        }
    }

    /// The waiting threads that stand in the way of `index`, with their hold; without one: a writer in the queue,
    /// which holds plain readers back.
    fn blockers(&self, index: usize) -> Vec<(usize, Option<Hold>)> {
        let Waiting { request, enders, .. } = &self.waiting[index];
        let mut found = Vec::new();
        for (other, waiting) in self.waiting.iter().enumerate() {
            let own = other == index;
            let upgrades = own && matches!(enders, Enders::OtherHolders(_));
            let stands_in_the_way = |hold: &&Hold| {
                hold.lock == request.lock
                    && hold.mode.excludes(request.mode)
                    && !(upgrades && hold.mode == Mode::Upgradable)
            };
            let hold = waiting.request.holds.iter().rev().find(stands_in_the_way);
            if let Some(&hold) = hold {
                found.push((other, Some(hold)));
            } else if !own && request.mode == Mode::Shared && self.queues_to_write(other, index) {
                found.push((other, None));
            }
        }
        if found.iter().any(|(_, hold)| hold.is_some()) {
            found.retain(|(_, hold)| hold.is_some());
        }
        found
    }

    fn queues_to_write(&self, other: usize, index: usize) -> bool {
        let (other, wanted) = (&self.waiting[other].request, &self.waiting[index].request);
        other.lock == wanted.lock && other.mode == Mode::Exclusive
    }

    /// Those in `set` for whom `index` waits.
    fn waits_for(&self, index: usize, set: &[usize]) -> Vec<(usize, Option<Hold>)> {
        let of = |thread: ThreadId| {
            set.iter().copied().find(|&other| self.waiting[other].request.thread == thread)
        };
        match &self.waiting[index].enders {
            Enders::Holders(_) | Enders::OtherHolders(_) => {
                self.blockers(index).into_iter().filter(|(other, _)| set.contains(other)).collect()
            }
            Enders::EndOf(thread) => of(*thread).map(|other| (other, None)).into_iter().collect(),
            Enders::Tasks { tasks, .. } => {
                let lost =
                    tasks.iter().filter(|task| task.runners.iter().all(|&runner| of(runner).is_some()));
                let mut runners: Vec<usize> =
                    lost.flat_map(|task| &task.runners).filter_map(|&runner| of(runner)).collect();
                runners.sort_unstable();
                runners.dedup();
                runners.into_iter().map(|other| (other, None)).collect()
            }
            Enders::Anyone | Enders::Work => Vec::new(),
        }
    }

    /// The circle of threads behind `thread`'s wait, in the order in which each waits for the next; `None` where
    /// `thread` can go on, or is stuck without a circle.
    pub fn circle_from(&self, thread: ThreadId) -> Option<Stuck> {
        let stuck = self.stuck();
        let mut at = stuck.iter().copied().find(|&index| self.waiting[index].request.thread == thread)?;
        let mut path = Vec::new();
        while !path.contains(&at) {
            path.push(at);
            at = self.waits_for(at, &stuck).first()?.0;
        }
        let start = path.iter().position(|&index| index == at)?;
        let circle = path.split_off(start);
        if circle.iter().any(|&index| self.awaits_one_in_line(index)) {
            return Some(self.starvation(&circle, &stuck));
        }
        let threads = circle.iter().map(|&index| self.describe(index, &circle)).collect();
        Some(Stuck { kind: self.kind_of(&circle), threads })
    }

    fn awaits_one_in_line(&self, index: usize) -> bool {
        let Enders::Tasks { tasks, .. } = &self.waiting[index].enders else { return false };
        tasks.iter().any(|task| task.in_line.is_some())
    }

    /// All those whom the circle needs, and what was submitted to a pool that has no worker for it.
    fn starvation(&self, circle: &[usize], stuck: &[usize]) -> Stuck {
        let mut members = circle.to_vec();
        let mut next = 0;
        while let Some(&member) = members.get(next) {
            for (other, _) in self.waits_for(member, stuck) {
                if !members.contains(&other) {
                    members.push(other);
                }
            }
            next += 1;
        }
        members.sort_unstable();
        let mut threads: Vec<StuckThread> =
            members.iter().map(|&index| self.describe(index, &members)).collect();
        let tasks = members.iter().filter_map(|&index| match &self.waiting[index].enders {
            Enders::Tasks { tasks, .. } => Some(tasks),
            _ => None,
        });
        let mut sites = Vec::new();
        for submitted in tasks.flatten().filter_map(|task| task.in_line.clone()) {
            if !sites.contains(&submitted.site) {
                sites.push(submitted.site);
                threads.push(StuckThread { request: submitted, waits_for: Vec::new() });
            }
        }
        Stuck { kind: StuckKind::Starvation, threads }
    }

    /// A circle of joins alone is a deadlock like any other.
    fn kind_of(&self, circle: &[usize]) -> StuckKind {
        let joins =
            circle.iter().filter(|&&index| matches!(self.waiting[index].enders, Enders::EndOf(_))).count();
        if joins > 0 && joins < circle.len() { StuckKind::JoinDeadlock } else { StuckKind::Deadlock }
    }

    /// What to tell of a world that stands still, by the object waited for. Nothing where the snapshot is not
    /// complete or some thread can go on.
    pub fn standstill(&self) -> Vec<Stuck> {
        let stuck = self.stuck();
        if !self.complete || stuck.len() < self.waiting.len() {
            return Vec::new();
        }
        let for_a_signal = |index: &&usize| match &self.waiting[**index].enders {
            Enders::Anyone => true,
            Enders::EndOf(_) | Enders::Work | Enders::Tasks { .. } => false,
            // Its holder has ended. One that waits where nobody watches is behind somebody else's wait.
            _ => self.blockers(**index).is_empty() && !self.is_held_aside(**index),
        };
        let mut by_object: BTreeMap<LockId, Vec<usize>> = BTreeMap::new();
        for &index in stuck.iter().filter(for_a_signal) {
            by_object.entry(self.waiting[index].request.lock).or_default().push(index);
        }
        by_object.values().map(|waiters| self.tell(waiters, &stuck)).collect()
    }

    fn is_held_aside(&self, index: usize) -> bool {
        let wanted = &self.waiting[index].request;
        self.held_aside.iter().any(|hold| hold.lock == wanted.lock && hold.mode.excludes(wanted.mode))
    }

    /// What to tell of those who wait for one object.
    fn tell(&self, waiters: &[usize], stuck: &[usize]) -> Stuck {
        let lost = |index: &usize| Some((*index, self.waiting[*index].lost.as_ref()?));
        if let Some((index, signal)) = waiters.iter().find_map(lost) {
            let signal = StuckThread { request: signal.clone(), waits_for: Vec::new() };
            return Stuck { kind: StuckKind::LostWakeup, threads: vec![self.describe(index, &[]), signal] };
        }
        if let Some((index, signal)) = self.woken_in_vain(waiters) {
            let signal = StuckThread { request: signal.clone(), waits_for: Vec::new() };
            return Stuck { kind: StuckKind::LostWakeup, threads: vec![self.describe(index, &[]), signal] };
        }
        for &waiter in waiters {
            let needs_what_it_holds = |&&other: &&usize| {
                other != waiter && self.waits_for(other, &[waiter]).iter().any(|(_, hold)| hold.is_some())
            };
            if let Some(&other) = stuck.iter().find(needs_what_it_holds) {
                let pair = [waiter, other];
                let threads = pair.iter().map(|&index| self.describe(index, &pair)).collect();
                return Stuck { kind: StuckKind::Deadlock, threads };
            }
        }
        let threads = waiters.iter().map(|&index| self.describe(index, &[])).collect();
        Stuck { kind: StuckKind::StuckWait, threads }
    }

    /// A waiter, and a signal that might have been for it but woke one who waits at another line, for something else.
    fn woken_in_vain(&self, waiters: &[usize]) -> Option<(usize, &Request)> {
        let site = |index: usize| self.waiting[index].request.site;
        waiters.iter().find_map(|&woken| {
            let signal = self.waiting[woken].unused.as_ref()?;
            let other = waiters.iter().copied().find(|&other| {
                site(other) != site(woken) && self.waiting[other].request.thread != signal.thread
            })?;
            Some((other, signal))
        })
    }

    fn describe(&self, index: usize, circle: &[usize]) -> StuckThread {
        let waits_for = match self.waiting[index].enders {
            Enders::Holders(_) | Enders::OtherHolders(_) => self.waits_for(index, circle),
            _ => Vec::new(),
        };
        StuckThread {
            request: self.waiting[index].request.clone(),
            waits_for: waits_for
                .into_iter()
                .map(|(other, hold)| {
                    (self.waiting[other].request.thread, hold.unwrap_or_else(|| self.queue_place(other)))
                })
                .collect(),
        }
    }

    /// A queued writer stands in the way with its request, not with a hold.
    fn queue_place(&self, other: usize) -> Hold {
        let request = &self.waiting[other].request;
        Hold {
            lock: request.lock,
            mode: request.mode,
            attempt: request.attempt,
            site: request.site,
            event: request.event,
        }
    }
}

#[cfg(test)]
mod tests {
    use lockcheck_events::{LockId, SiteId, StackId};

    use super::*;

    /// `"1: w a; r b"` reads: thread 1 waits to write a and holds b shared. Modes: `w`, `r`; `u` upgradable, `up` an upgrade; `t` a timed write;
    /// `j2` waits for the end of thread 2; `s` waits for anyone's signal.
    fn snapshot(text: &str, complete: bool) -> Snapshot {
        let waiting = text.lines().map(waiting).collect();
        Snapshot { waiting, complete, held_aside: Vec::new() }
    }

    fn waiting(line: &str) -> Waiting {
        let (thread, rest) = line.split_once(": ").unwrap();
        let mut words = rest.split("; ");
        let (how, what) = words.next().unwrap().split_once(' ').unwrap_or(("s", ""));
        let holds = words.map(|word| {
            let (how, what) = word.split_once(' ').unwrap();
            Hold { lock: lock(what), mode: mode(how), attempt: Attempt::Block, site: SiteId(1), event: 1 }
        });
        let request = Request {
            thread: ThreadId(thread.trim().parse().unwrap()),
            event: 2,
            lock: lock(what),
            mode: mode(how),
            attempt: if how == "t" { Attempt::Timed } else { Attempt::Block },
            site: SiteId(2),
            stack: StackId(0),
            holds: holds.collect(),
        };
        let enders = match how.strip_prefix('j') {
            Some(_) => Enders::EndOf(ThreadId(what.parse().unwrap())),
            None if how == "s" => Enders::Anyone,
            None if how == "up" => Enders::OtherHolders(LockKind::RwLock),
            None => Enders::Holders(LockKind::RwLock),
        };
        Waiting { request, enders, lost: None, unused: None }
    }

    fn lock(name: &str) -> LockId {
        LockId(name.bytes().next().unwrap_or(0).into())
    }

    fn mode(word: &str) -> Mode {
        match word {
            "r" => Mode::Shared,
            "u" => Mode::Upgradable,
            _ => Mode::Exclusive,
        }
    }

    #[track_caller]
    fn check(text: &str, from: u32, expect: Option<&[u32]>) {
        let circle = snapshot(text, false).circle_from(ThreadId(from));
        let threads =
            circle.map(|circle| circle.threads.iter().map(|side| side.request.thread.0).collect::<Vec<_>>());
        assert_eq!(threads.as_deref(), expect, "{text}");
    }

    #[test]
    fn two_that_wait_for_each_other_are_a_circle_from_either_end() {
        check("1: w a; w b\n2: w b; w a", 1, Some(&[1, 2]));
        check("1: w a; w b\n2: w b; w a", 2, Some(&[2, 1]));
    }

    #[test]
    fn a_holder_that_runs_keeps_everybody_alive() {
        check("1: w a; w b", 1, None);
        check("1: w a; w b\n2: w c; w a", 1, None);
    }

    #[test]
    fn a_timed_wait_keeps_the_circle_alive() {
        check("1: w a; w b\n2: t b; w a", 1, None);
    }

    #[test]
    fn one_behind_a_circle_sees_the_circle_without_itself() {
        check("1: w a; w b\n2: w b; w a\n3: w a; w c", 3, Some(&[2, 1]));
    }

    #[test]
    fn a_writer_waits_for_every_reader_and_one_stuck_reader_is_enough() {
        check("1: w a; w b\n2: w b; r a", 1, Some(&[1, 2]));
    }

    #[test]
    fn readers_do_not_stand_in_each_others_way() {
        check("1: r a; w b\n2: w b; r a", 1, None);
    }

    #[test]
    fn a_queued_writer_holds_back_a_nested_read() {
        check("1: r a; r a\n2: w a", 1, Some(&[1, 2]));
        check("1: r a; r a\n2: t a", 1, None);
    }

    #[test]
    fn a_thread_can_be_its_own_circle() {
        check("1: w a; w a", 1, Some(&[1]));
        check("1: w a; r a", 1, Some(&[1]));
    }

    #[test]
    fn an_upgrade_waits_for_the_others_only() {
        check("1: up a; u a", 1, None);
        check("1: w a; u a", 1, Some(&[1]));
        check("1: up a; u a; r a", 1, Some(&[1]));
        check("1: up a; u a\n2: w b; r a", 1, None);
        check("1: up a; u a; w b\n2: w b; r a", 1, Some(&[1, 2]));
        check("1: up a; u a\n2: u a; r a", 2, Some(&[2, 1]));
    }

    #[test]
    fn a_join_closes_a_circle() {
        check("1: j 2; w a\n2: w a", 1, Some(&[1, 2]));
        check("1: j 2\n2: w a", 1, None);
    }

    #[test]
    fn a_signal_can_come_from_anyone_unless_everyone_waits() {
        let text = "1: s e; w a\n2: w a";
        assert!(snapshot(text, false).stuck().is_empty());
        assert_eq!(snapshot(text, true).stuck(), [0, 1]);
    }

    #[test]
    fn a_join_in_a_circle_of_locks_gives_it_another_name() {
        let kind = |text: &str| snapshot(text, false).circle_from(ThreadId(1)).map(|circle| circle.kind);
        assert_eq!(kind("1: w a; w b\n2: w b; w a"), Some(StuckKind::Deadlock));
        assert_eq!(kind("1: j 2; w a\n2: w a"), Some(StuckKind::JoinDeadlock));
        assert_eq!(kind("1: j 2\n2: j 1"), Some(StuckKind::Deadlock));
        assert_eq!(kind("1: j 2; w a\n2: w b\n3: w a; w b"), Some(StuckKind::JoinDeadlock));
    }

    /// `expect`: the kind of each stuck set, and its threads.
    #[track_caller]
    fn told(text: &str, expect: &[(StuckKind, &[u32])]) {
        let all = snapshot(text, true).standstill();
        let all: Vec<(StuckKind, Vec<u32>)> = all
            .into_iter()
            .map(|set| (set.kind, set.threads.iter().map(|side| side.request.thread.0).collect()))
            .collect();
        let expect: Vec<_> = expect.iter().map(|(kind, threads)| (*kind, threads.to_vec())).collect();
        assert_eq!(all, expect, "{text}");
        assert!(snapshot(text, false).standstill().is_empty(), "an open world: {text}");
    }

    /// Tries every set of threads: those that nobody outside can help are stuck, and so are all of them together.
    fn stuck_by_trying(snapshot: &Snapshot) -> Vec<usize> {
        let count = snapshot.waiting.len();
        let blocks = |index: usize| snapshot.waiting[index].request.attempt == Attempt::Block;
        let mut all = HashSet::new();
        for bits in 1u32..1 << count {
            let set: HashSet<usize> = (0..count).filter(|index| bits >> index & 1 == 1).collect();
            if set.iter().all(|&index| blocks(index) && !snapshot.could_end(index, &set)) {
                all.extend(set);
            }
        }
        let mut all: Vec<usize> = all.into_iter().collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn the_fixpoint_finds_what_trying_every_set_finds() {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut random = |below: u64| {
            // Knuth's MMIX generator.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut stuck = 0;
        for round in 0..3_000 {
            let threads = 1 + random(6);
            let mut text = String::new();
            for thread in 1..=threads {
                let lock = |random: &mut dyn FnMut(u64) -> u64| char::from(b'a' + random(4) as u8);
                let wait = match random(8) {
                    0 => format!("j {}", 1 + random(threads)),
                    1 => format!("s {}", lock(&mut random)),
                    2 => format!("t {}", lock(&mut random)),
                    3 => format!("r {}", lock(&mut random)),
                    _ => format!("w {}", lock(&mut random)),
                };
                text.push_str(&format!("{thread}: {wait}"));
                for _ in 0..random(3) {
                    let mode = if random(3) == 0 { 'r' } else { 'w' };
                    text.push_str(&format!("; {mode} {}", lock(&mut random)));
                }
                text.push('\n');
            }
            for complete in [false, true] {
                let snapshot = snapshot(&text, complete);
                let found = snapshot.stuck();
                assert_eq!(found, stuck_by_trying(&snapshot), "round {round}, complete {complete}:\n{text}");
                stuck += usize::from(!found.is_empty());
            }
        }
        assert!(stuck > 500, "only {stuck} of the snapshots had anybody stuck");
    }

    #[test]
    fn those_who_wait_for_one_thing_are_told_together() {
        told("1: s e", &[(StuckKind::StuckWait, &[1])]);
        told("1: s e\n2: s f\n3: s e", &[(StuckKind::StuckWait, &[1, 3]), (StuckKind::StuckWait, &[2])]);
    }

    #[test]
    fn what_follows_from_another_wait_is_not_told() {
        told("1: s e; w a\n2: j 1", &[(StuckKind::StuckWait, &[1])]);
        told("1: w a; w b\n2: w b; w a\n3: j 1", &[]);
    }

    #[test]
    fn a_waiter_holds_what_the_one_who_could_signal_needs() {
        told("1: s e; w a\n2: w a\n3: j 2", &[(StuckKind::Deadlock, &[1, 2])]);
        told("1: s e; r a\n2: w a", &[(StuckKind::Deadlock, &[1, 2])]);
    }

    #[test]
    fn a_lock_whose_holder_has_ended_is_given_up_by_nobody() {
        told("1: w a\n2: j 1", &[(StuckKind::StuckWait, &[1])]);
    }

    #[test]
    fn a_thread_that_waits_where_nobody_watches_ends_nobody_s_wait() {
        // Thread 3 is not there: joined, and with a lock that 2 asks for.
        let mut world = snapshot("1: j 3\n2: w a\n4: s e", true);
        let told = |world: &Snapshot| {
            let locks = world.standstill().into_iter().map(|set| set.threads[0].request.lock);
            locks.collect::<Vec<_>>()
        };
        assert_eq!(told(&world), [lock("a"), lock("e")]);
        world.held_aside = waiting("3: s; w a").request.holds;
        assert_eq!(told(&world), [lock("e")], "what is behind its wait follows from another one");
        world.held_aside = waiting("3: s; r b").request.holds;
        assert_eq!(told(&world), [lock("a"), lock("e")]);
        world.complete = false;
        assert!(told(&world).is_empty());
    }

    #[test]
    fn nothing_is_told_while_a_timeout_can_move_the_world() {
        told("1: s e\n2: t a", &[]);
    }

    #[test]
    fn a_lost_signal_comes_first() {
        let mut world = snapshot("1: s e; w a\n2: w a", true);
        let mut signal = world.waiting[0].request.clone();
        (signal.thread, signal.attempt) = (ThreadId(7), Attempt::Try);
        world.waiting[0].lost = Some(signal);
        let told = world.standstill();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].kind, StuckKind::LostWakeup);
        let threads: Vec<u32> = told[0].threads.iter().map(|side| side.request.thread.0).collect();
        assert_eq!(threads, [1, 7]);
    }
}
