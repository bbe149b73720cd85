//! An independent check of a prediction's witness: replays its steps under the rules of locks, threads and data.
//!
//! Shares nothing with the closure that produced it, and is quadratic where that is simpler: it is the judge of the
//! predictors, not a part of them.

use std::collections::HashMap;

use lockcheck_events::trace_event::{Event, Op};

use super::findings::{Cycle, HoldMode, Race, Wanted};

/// What a witness is to show.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'a> {
    /// After the steps, each thread of the cycle is about to do an event that waits for the next one.
    Cycle(&'a Cycle),
    /// After the steps, both threads are about to do their access.
    Race(&'a Race),
}

/// Why a witness shows nothing: the step (from 0) and the reason. Steps beyond the last mean the claim itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessFault {
    /// The step.
    pub step: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for WitnessFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {}: {}", self.step, self.reason)
    }
}

impl std::error::Error for WitnessFault {}

/// Replays `steps`, as (thread, number of its event from 1), of the trace `events`, and checks the claim.
pub fn verify_witness(events: &[Event], steps: &[(u32, u32)], claim: Claim<'_>) -> Result<(), WitnessFault> {
    let facts = Facts::of(events);
    let mut replay = Replay::default();
    let fault = |step, reason| WitnessFault { step, reason };
    for (number, &(thread, index)) in steps.iter().enumerate() {
        replay.step(&facts, thread, index).map_err(|reason| fault(number, reason))?;
    }
    match claim {
        Claim::Cycle(cycle) => replay.shows_cycle(&facts, cycle),
        Claim::Race(race) => replay.shows_race(&facts, race),
    }
    .map_err(|reason| fault(steps.len(), reason))
}

/// An event named by its thread and its number there, from 1.
type Id = (u32, u32);

/// What the trace says about its events.
#[derive(Default)]
struct Facts {
    /// By thread: its events.
    of_thread: HashMap<u32, Vec<Event>>,
    /// Read to the write it reads from, if any.
    writer: HashMap<Id, Option<Id>>,
    /// Thread to the event that forks it.
    fork: HashMap<u32, Id>,
    /// First event after a wait to the wait and the notifications between them.
    wakeups: HashMap<Id, (Id, Vec<Id>)>,
    /// An event that receives from an object, to what it comes after: the last signal of each thread before it.
    signals: HashMap<Id, Vec<Id>>,
}

impl Facts {
    /// Reads them off.
    fn of(events: &[Event]) -> Facts {
        let mut facts = Facts::default();
        let mut last_write: HashMap<u32, Id> = HashMap::new();
        let mut waiting: HashMap<u32, (u32, Id, Vec<Id>)> = HashMap::new();
        // By object, whether it is an atomic, and thread.
        let mut signalled: HashMap<(u32, bool, u32), u32> = HashMap::new();
        for event in events {
            let list = facts.of_thread.entry(event.thread).or_default();
            list.push(*event);
            let id = (event.thread, list.len() as u32);
            if let Some((_, wait, notifications)) = waiting.remove(&event.thread) {
                facts.wakeups.insert(id, (wait, notifications));
            }
            match event.op {
                Op::Read => {
                    facts.writer.insert(id, last_write.get(&event.target).copied());
                }
                Op::Write => {
                    last_write.insert(event.target, id);
                }
                Op::Fork => {
                    facts.fork.insert(event.target, id);
                }
                Op::Wait => {
                    waiting.insert(event.thread, (event.target, id, Vec::new()));
                }
                Op::Notify | Op::NotifyAll => {
                    for (condition, _, notifications) in waiting.values_mut() {
                        if *condition == event.target {
                            notifications.push(id);
                        }
                    }
                }
                _ => {}
            }
            facts.of_signals(event, id, &mut signalled);
        }
        facts
    }

    /// What the event leaves in an object, or receives from it.
    fn of_signals(&mut self, event: &Event, id: Id, signalled: &mut HashMap<(u32, bool, u32), u32>) {
        let atomic = matches!(event.op, Op::AtomicRead | Op::AtomicWrite | Op::AtomicUpdate);
        if matches!(event.op, Op::Await | Op::After | Op::AtomicRead | Op::AtomicUpdate) {
            let of_object =
                signalled.iter().filter(|((object, kind, _), _)| (*object, *kind) == (event.target, atomic));
            self.signals.insert(id, of_object.map(|((.., thread), index)| (*thread, *index)).collect());
        }
        if event.op == Op::Fence {
            // A thread that has only begun to wait can begin at any moment.
            let begun = |events: &[Event]| u32::from(events.last().is_some_and(|last| last.op == Op::Wait));
            let before =
                |(&thread, events): (&u32, &Vec<Event>)| (thread, events.len() as u32 - begun(events));
            let all = self.of_thread.iter().map(before).filter(|last| last.0 != id.0 && last.1 > 0);
            self.signals.insert(id, all.collect());
        }
        let leaves = [Op::Signal, Op::Before, Op::Notify, Op::NotifyAll, Op::AtomicWrite, Op::AtomicUpdate];
        if leaves.contains(&event.op) {
            signalled.insert((event.target, atomic, id.0), id.1);
        }
    }

    /// The event with this name.
    fn event(&self, (thread, index): Id) -> Option<&Event> {
        self.of_thread.get(&thread)?.get((index as usize).checked_sub(1)?)
    }
}

/// A run in progress.
#[derive(Default)]
struct Replay {
    /// Event to its place in this run.
    done: HashMap<Id, usize>,
    /// By thread: events done.
    counts: HashMap<u32, u32>,
    /// Lock to its holders: thread, whether shared, depth.
    holders: HashMap<u32, Vec<(u32, bool, u32)>>,
    /// Variable to its last write.
    last_write: HashMap<u32, Id>,
}

impl Replay {
    /// Does one step, or says what forbids it.
    fn step(&mut self, facts: &Facts, thread: u32, index: u32) -> Result<(), String> {
        let id = (thread, index);
        let event = *facts.event(id).ok_or(format!("there is no event {id:?}"))?;
        self.about_to(facts, id)?;
        match event.op {
            Op::Acquire | Op::SharedAcquire => self.acquire(&event)?,
            Op::Release | Op::SharedRelease => self.release(&event)?,
            Op::Read => {
                let (now, then) = (self.last_write.get(&event.target).copied(), facts.writer[&id]);
                if now != then {
                    return Err(format!("event {id:?} reads from {now:?}, not from {then:?}"));
                }
            }
            Op::Write => {
                self.last_write.insert(event.target, id);
            }
            Op::Join => {
                let all = facts.of_thread.get(&event.target).map_or(0, Vec::len);
                if self.count(event.target) as usize != all {
                    return Err(format!("event {id:?} joins a thread that has not ended"));
                }
            }
            _ => {}
        }
        self.done.insert(id, self.done.len());
        self.counts.insert(thread, index);
        Ok(())
    }

    /// Events of `thread` done.
    fn count(&self, thread: u32) -> u32 {
        self.counts.get(&thread).copied().unwrap_or(0)
    }

    /// Whether the thread is about to do this event: its predecessors are done, it was started, it was woken.
    fn about_to(&self, facts: &Facts, id: Id) -> Result<(), String> {
        if self.count(id.0) + 1 != id.1 {
            return Err(format!("event {id:?} is not the next one of its thread"));
        }
        if facts.fork.get(&id.0).is_some_and(|fork| !self.done.contains_key(fork)) {
            return Err(format!("thread {} was not forked", id.0));
        }
        if let Some((wait, notifications)) = facts.wakeups.get(&id) {
            let waited = self.done.get(wait);
            let woken = |n: &Id| self.done.get(n).is_some_and(|at| Some(at) > waited);
            if !notifications.is_empty() && !notifications.iter().any(woken) {
                return Err(format!("event {id:?} was not woken"));
            }
        }
        if let Some(signal) =
            facts.signals.get(&id).and_then(|all| all.iter().find(|s| !self.done.contains_key(s)))
        {
            return Err(format!("event {id:?} receives what event {signal:?} has not left yet"));
        }
        Ok(())
    }

    /// Takes a lock.
    fn acquire(&mut self, event: &Event) -> Result<(), String> {
        let shared = event.op == Op::SharedAcquire;
        let holders = self.holders.entry(event.target).or_default();
        if let Some(own) = holders.iter_mut().find(|h| h.0 == event.thread && h.1 == shared) {
            own.2 += 1;
            return Ok(());
        }
        if holders.iter().any(|holder| !shared || !holder.1) {
            return Err(format!("lock {} is held by {holders:?}", event.target));
        }
        holders.push((event.thread, shared, 1));
        Ok(())
    }

    /// Gives a lock back.
    fn release(&mut self, event: &Event) -> Result<(), String> {
        let shared = event.op == Op::SharedRelease;
        let holders = self.holders.entry(event.target).or_default();
        let at = holders.iter().position(|h| h.0 == event.thread && h.1 == shared);
        let at = at.ok_or(format!("lock {} is not held by {}", event.target, event.thread))?;
        holders[at].2 -= 1;
        if holders[at].2 == 0 {
            holders.remove(at);
        }
        Ok(())
    }

    /// Whether each thread of the cycle is about to wait for the next one.
    fn shows_cycle(&self, facts: &Facts, cycle: &Cycle) -> Result<(), String> {
        for (number, edge) in cycle.edges.iter().enumerate() {
            let id = (edge.thread, edge.index);
            self.about_to(facts, id)?;
            let event = facts.event(id).ok_or(format!("there is no event {id:?}"))?;
            let next = cycle.edges[(number + 1) % cycle.edges.len()].thread;
            if next == edge.thread {
                return Err(format!("thread {next} has two sides"));
            }
            let blocked = match edge.wants {
                Wanted::Lock(lock, mode) => {
                    let wants = matches!(event.op, Op::Acquire | Op::SharedAcquire | Op::Request);
                    let shared = mode == HoldMode::Shared;
                    let excludes = |h: &(u32, bool, u32)| h.0 == next && !(shared && h.1);
                    let holders = self.holders.get(&lock).map_or(&[][..], |holders| holders);
                    wants && event.target == lock && holders.iter().any(excludes)
                }
                Wanted::End(thread) => event.op == Op::Join && event.target == thread && thread == next,
            };
            if !blocked {
                return Err(format!("event {id:?} does not wait for thread {next}"));
            }
        }
        Ok(())
    }

    /// Whether both threads are about to do conflicting accesses.
    fn shows_race(&self, facts: &Facts, race: &Race) -> Result<(), String> {
        let mut sides = Vec::new();
        for access in [&race.first, &race.second] {
            let id = (access.thread, access.index);
            self.about_to(facts, id)?;
            sides.push(*facts.event(id).ok_or(format!("there is no event {id:?}"))?);
        }
        let data = |event: &Event| matches!(event.op, Op::Read | Op::Write);
        let (a, b) = (&sides[0], &sides[1]);
        let conflict = data(a) && data(b) && (a.op == Op::Write || b.op == Op::Write);
        if conflict && a.thread != b.thread && a.target == b.target && a.target == race.variable {
            Ok(())
        } else {
            Err(format!("{a:?} and {b:?} do not conflict"))
        }
    }
}

#[cfg(test)]
mod tests {
    use lockcheck_events::std_text::TextReader;
    use lockcheck_events::trace_event::Trace;

    use super::super::{Analysis, Config};
    use super::*;

    /// An inversion of two locks.
    const INVERSION: &str = "t1|acq(a)|1\nt1|acq(b)|2\nt1|rel(b)|3\nt1|rel(a)|4\n\
                             t2|acq(b)|5\nt2|acq(a)|6\nt2|rel(a)|7\nt2|rel(b)|8\n";

    /// The verdict on these steps as a witness of the inversion's deadlock.
    fn verdict(steps: &[(u32, u32)]) -> Result<(), String> {
        let trace = Trace::read(TextReader::new("t.std", INVERSION.as_bytes())).expect("it parses");
        let mut analysis = Analysis::new(Config::default());
        for located in &trace.events {
            analysis.event(located).expect("it is well-formed");
        }
        let findings = analysis.finish();
        let events: Vec<Event> = trace.events.iter().map(|located| located.event).collect();
        let claim = Claim::Cycle(&findings.cycles[0]);
        verify_witness(&events, steps, claim).map_err(|fault| fault.to_string())
    }

    #[test]
    fn accepts_a_witness_and_names_the_fault_of_what_is_none() {
        assert_eq!(verdict(&[(0, 1), (1, 1)]), Ok(()));
        assert_eq!(verdict(&[(1, 1), (0, 1)]), Ok(()));
        for (steps, fault) in [
            (&[(0, 1)][..], "step 1: event (0, 2) does not wait for thread 1"),
            (&[(0, 1), (0, 2), (1, 1)], "step 2: lock 1 is held by [(0, false, 1)]"),
            (&[(1, 2)], "step 0: event (1, 2) is not the next one of its thread"),
            (&[(0, 1), (0, 9)], "step 1: there is no event (0, 9)"),
        ] {
            assert_eq!(verdict(steps), Err(fault.to_owned()));
        }
    }
}
