//! Waits as edges: what a run that did not hang says about one that would.
//!
//! The idea is that of the kernel's DEPT (Park 2022): not only a lock but every awaited event has somebody who must
//! do something first. A thread that waits for an object while it holds a lock, and a thread that signals that
//! object after it took the same lock, deadlock if the first gets the lock first.
//!
//! It is reported, as likely, when
//!
//! - a thread waited for the object, as long as it takes, while it held L: a *wait* under L;
//! - another thread signalled the object, and since the last point that orders it after others (its start, a spawn,
//!   a join, a barrier, a wait of its own) it has asked for L, in modes that exclude each other: a *signal* that
//!   needs L. Locks taken before such a point do not count, because the point may be what lets the waiter go on;
//! - the two are not ordered by spawn, join or barrier;
//! - **every** signal of this object that is not ordered with the wait and comes from another thread needs what the
//!   wait holds. One that does not could end the wait, and the object is never spoken of again.
//!
//! The end of a thread is an object too, signalled once; who waits for it joins. Semaphores and barriers take no
//! part: which signal ends which wait is not known there. A signal with a timeout or a try in its way is not one that
//! needs the lock.
//!
//! Does not see that the waiter can only begin when a message has come, as nothing in lock order does.

use std::collections::{HashMap, HashSet};

use lockcheck_events::{Attempt, Hold, LockId, Request, SiteId};

use crate::Code;
use crate::finding::{CycleLink, NO_HOLD};
use crate::order::OrderChecker;

/// Objects of which waits or signals are remembered; further ones are not looked at.
pub const OBJECTS_MAX: usize = 1 << 16;
/// Waits that are remembered of one object; of more, the first stay.
const WAITS_MAX: usize = 8;
/// Signals that are remembered of one object; with more, nothing is said of it.
const SIGNALS_MAX: usize = 32;

/// What is known of the waits for objects, and of who ends them.
#[derive(Default)]
pub struct WaitEdges {
    objects: HashMap<LockId, Object>,
    /// The sites of what has been reported: hold, wait, need, signal.
    told: HashSet<[SiteId; 4]>,
    /// Objects not looked at because of `OBJECTS_MAX`.
    lost: u64,
}

#[derive(Default)]
struct Object {
    waits: Vec<Placed>,
    signals: Vec<Placed>,
    /// Some signal needs nothing, or too many are known.
    free: bool,
    /// It is the end of a thread.
    join: bool,
}

/// A request and the place in its thread's life that the order checker knows it by.
struct Placed {
    request: Request,
    place: u32,
}

/// A wait under a lock that the one who would end it needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeFinding {
    /// `WaitWhileHolding` or `JoinDeadlock`.
    pub code: Code,
    /// The waiter, then the one who would end the wait.
    pub links: Vec<CycleLink>,
}

impl WaitEdges {
    /// Takes note of a wait under locks; `join`: for the end of a thread.
    pub fn wait(&mut self, wait: &Request, join: bool, order: &mut OrderChecker) -> Option<EdgeFinding> {
        let object = self.object(wait.lock)?;
        object.join |= join;
        if object.free || object.waits.len() >= WAITS_MAX || wait.attempt != Attempt::Block {
            return None;
        }
        let place = order.place(wait.thread);
        object.waits.push(Placed { request: wait.clone(), place });
        self.judge(wait.lock, order)
    }

    /// Takes note of a signal. Its holds are what it needed.
    pub fn signal(&mut self, signal: &Request, order: &mut OrderChecker) -> Option<EdgeFinding> {
        let object = self.object(signal.lock)?;
        if object.free {
            return None;
        }
        let needs = signal.holds.iter().any(|hold| hold.attempt == Attempt::Block);
        if !needs || object.signals.len() >= SIGNALS_MAX {
            object.free = true;
            object.forget(order);
            return None;
        }
        let place = order.place(signal.thread);
        object.signals.push(Placed { request: signal.clone(), place });
        self.judge(signal.lock, order)
    }

    /// The object is gone.
    pub fn dropped(&mut self, object: LockId, order: &mut OrderChecker) {
        if let Some(mut object) = self.objects.remove(&object) {
            object.forget(order);
        }
    }

    /// Objects that were not looked at.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn object(&mut self, lock: LockId) -> Option<&mut Object> {
        if self.objects.len() >= OBJECTS_MAX && !self.objects.contains_key(&lock) {
            self.lost += 1;
            return None;
        }
        Some(self.objects.entry(lock).or_default())
    }

    fn judge(&mut self, lock: LockId, order: &OrderChecker) -> Option<EdgeFinding> {
        let object = self.objects.get(&lock)?;
        let found = object.waits.iter().filter_map(|wait| object.dead_end(wait, order));
        let told = &mut self.told;
        found.map(|end| end.finding(object.join)).find(|finding| told.insert(sites(finding)))
    }
}

impl Object {
    /// Gives back what it refers to.
    fn forget(&mut self, order: &mut OrderChecker) {
        for placed in self.waits.drain(..).chain(self.signals.drain(..)) {
            order.release(placed.place);
        }
    }

    /// The first signal that could end the wait, if none of them can.
    fn dead_end<'a>(&'a self, wait: &'a Placed, order: &OrderChecker) -> Option<DeadEnd<'a>> {
        let could_end = |signal: &&Placed| {
            signal.request.thread != wait.request.thread && !order.are_ordered(wait.place, signal.place)
        };
        let mut first = None;
        for signal in self.signals.iter().filter(could_end) {
            let (hold, need) = conflict(&wait.request, &signal.request)?;
            let end = DeadEnd { wait: &wait.request, hold, signal: &signal.request, need };
            first = first.or(Some(end));
        }
        first
    }
}

/// The outermost lock that the waiter holds and the signal needs, by index.
fn conflict(wait: &Request, signal: &Request) -> Option<(usize, usize)> {
    let needs = |hold: &Hold| {
        signal.holds.iter().position(|need| {
            need.attempt == Attempt::Block && need.lock == hold.lock && need.mode.excludes(hold.mode)
        })
    };
    wait.holds.iter().enumerate().find_map(|(index, hold)| Some((index, needs(hold)?)))
}

/// A wait whose end needs what it holds.
struct DeadEnd<'a> {
    wait: &'a Request,
    hold: usize,
    signal: &'a Request,
    need: usize,
}

impl DeadEnd<'_> {
    fn finding(&self, join: bool) -> EdgeFinding {
        let waiter = CycleLink { request: self.wait.clone(), via: self.hold };
        if !join {
            let signal = CycleLink { request: self.signal.clone(), via: self.need };
            return EdgeFinding { code: Code::WaitWhileHolding, links: vec![waiter, signal] };
        }
        // The thread's end has no line of its own: the side is the request that would block.
        let need = self.signal.holds[self.need];
        let request = Request {
            lock: need.lock,
            mode: need.mode,
            attempt: need.attempt,
            site: need.site,
            event: need.event,
            holds: Vec::new(),
            ..self.signal.clone()
        };
        let joined = CycleLink { request, via: NO_HOLD };
        EdgeFinding { code: Code::JoinDeadlock, links: vec![waiter, joined] }
    }
}

fn sites(finding: &EdgeFinding) -> [SiteId; 4] {
    let side = |link: &CycleLink| {
        let hold = link.request.holds.get(link.via).map_or(SiteId(0), |hold| hold.site);
        [hold, link.request.site]
    };
    let ([hold, wait], [need, signal]) = (side(&finding.links[0]), side(&finding.links[1]));
    [hold, wait, need, signal]
}

#[cfg(test)]
mod tests {
    use lockcheck_events::{Mode, StackId, ThreadId, TokenId};

    use super::*;

    /// One event a line: `1 wait o a` (holding `a` exclusively, or `a:r` shared), `2 signal o a b` (having asked for
    /// `a` and `b`, `a:t` with a timeout), `1 join o a`, `1 before 7`, `2 after 7`. Gives the threads and the code
    /// of each finding.
    fn run(text: &str) -> Vec<(Code, u32, u32)> {
        let (mut edges, mut order) = (WaitEdges::default(), OrderChecker::new());
        let mut found = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let words: Vec<&str> = text.split_whitespace().collect();
            let thread = ThreadId(words[0].parse().unwrap());
            order.set_scope(thread, 0);
            let token = || TokenId(words[2].parse().unwrap());
            let request = || request(thread, line as u32, words[2], &words[3..]);
            found.extend(match words[1] {
                "wait" => edges.wait(&request(), false, &mut order),
                "join" => edges.wait(&request(), true, &mut order),
                "signal" => edges.signal(&request(), &mut order),
                "drop" => {
                    edges.dropped(lock(words[2]), &mut order);
                    None
                }
                "before" => {
                    order.before(thread, token());
                    None
                }
                _ => {
                    order.after(thread, token());
                    None
                }
            });
        }
        found
            .iter()
            .map(|finding| {
                let thread = |at: usize| finding.links[at].request.thread.0;
                (finding.code, thread(0), thread(1))
            })
            .collect()
    }

    fn lock(name: &str) -> LockId {
        LockId(name.bytes().next().unwrap().into())
    }

    fn request(thread: ThreadId, line: u32, object: &str, holds: &[&str]) -> Request {
        let hold = |word: &&str| Hold {
            lock: lock(word),
            mode: if word.ends_with(":r") { Mode::Shared } else { Mode::Exclusive },
            attempt: if word.ends_with(":t") { Attempt::Timed } else { Attempt::Block },
            site: SiteId(100 * thread.0 + u32::from(word.as_bytes()[0])),
            event: line,
        };
        Request {
            thread,
            event: line,
            lock: lock(object),
            mode: Mode::Exclusive,
            attempt: Attempt::Block,
            site: SiteId(100 * thread.0),
            stack: StackId(0),
            holds: holds.iter().map(hold).collect(),
        }
    }

    const FOUND: (Code, u32, u32) = (Code::WaitWhileHolding, 1, 2);

    #[test]
    fn the_waker_needs_what_the_waiter_holds_whoever_comes_first() {
        assert_eq!(run("1 wait o a\n2 signal o a"), [FOUND]);
        assert_eq!(run("2 signal o a\n1 wait o a"), [FOUND]);
        assert_eq!(run("2 signal o b a\n1 wait o c a"), [FOUND]);
        assert_eq!(run("1 join o a\n2 signal o a"), [(Code::JoinDeadlock, 1, 2)]);
    }

    #[test]
    fn one_problem_is_told_once() {
        assert_eq!(run("1 wait o a\n2 signal o a\n1 wait o a\n2 signal o a"), [FOUND]);
    }

    #[test]
    fn other_locks_and_other_objects_do_not_matter() {
        assert_eq!(run("1 wait o a\n2 signal o b"), []);
        assert_eq!(run("1 wait o a\n2 signal p a"), []);
        assert_eq!(run("1 wait o a\n1 signal o a"), []);
    }

    #[test]
    fn readers_do_not_exclude_each_other() {
        assert_eq!(run("1 wait o a:r\n2 signal o a:r"), []);
        assert_eq!(run("1 wait o a:r\n2 signal o a"), [FOUND]);
    }

    #[test]
    fn a_signal_that_can_do_without_ends_all_talk() {
        assert_eq!(run("3 signal o\n1 wait o a\n2 signal o a"), []);
        assert_eq!(run("1 wait o a\n3 signal o b\n2 signal o a"), []);
        assert_eq!(run("2 signal o a\n2 signal o a:t\n1 wait o a"), []);
    }

    #[test]
    fn what_is_ordered_cannot_meet() {
        assert_eq!(run("2 signal o a\n2 before 7\n1 after 7\n1 wait o a"), []);
        assert_eq!(run("1 wait o a\n1 before 7\n2 after 7\n2 signal o a"), []);
        assert_eq!(run("2 before 7\n1 after 7\n2 signal o a\n1 wait o a"), [FOUND]);
    }

    #[test]
    fn an_ordered_signal_that_needs_nothing_of_it_does_not_help_the_waiter() {
        let ordered = "3 signal o b\n3 before 7\n1 after 7\n1 wait o a\n2 signal o a";
        assert_eq!(run(ordered), [FOUND]);
    }

    #[test]
    fn a_dropped_object_is_forgotten() {
        assert_eq!(run("1 wait o a\n1 drop o\n2 signal o a"), []);
    }
}
