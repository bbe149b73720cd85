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
//!   a join, a barrier, a wait or a message of its own) it has asked for L, in modes that exclude each other: a
//!   *signal* that needs L. Locks taken before such a point do not count, because the point may be what lets the
//!   waiter go on;
//! - the two are not ordered: not by spawn, join or barrier, and not by messages either ([`Heard`]);
//! - no signal that could end the wait can do without. Which those are depends on the object ([`Ends`]):
//!
//! | the wait is ended by | then |
//! |---|---|
//! | any signal that comes while it lasts: a condition, the end of a thread or task | **every** signal that is not ordered with the wait and comes from another thread needs what the wait holds; after one that needs nothing, the object is never spoken of again |
//! | any signal, also one that came before: an event | the same; and no signal is ordered with the wait |
//! | the signal of its turn: the item put, the room made | that signal needs it, and so does at least one signal of every other thread that signals |
//! | all of them: a barrier, a queue's tasks | one signal that needs it is enough |
//!
//! The end of a thread is an object too, signalled once; who waits for it joins. Semaphores take no part: which
//! permit ends which wait is not known there. A signal with a timeout or a try in its way is not one that needs the
//! lock.
//!
//! Does not see that the waiter can only begin when a flag in plain memory is up, as nothing in lock order does.

use std::collections::{HashMap, HashSet};

use lockcheck_events::{Attempt, Ends, Heard, Hold, LockId, Request, SiteId, ThreadId};

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
    /// Which signals end a wait, once that is known.
    ends: Option<Ends>,
}

/// A wait or a signal as it was made.
pub struct Seen<'a> {
    /// What was asked for and what was held; of a signal, what it needed.
    pub request: &'a Request,
    /// The number of the signal.
    pub turn: u64,
    /// What its thread came after by messages.
    pub heard: &'a Heard,
}

/// The same, and the place in its thread's life that the order checker knows it by.
struct Placed {
    request: Request,
    turn: u64,
    heard: Heard,
    place: u32,
}

impl Placed {
    /// Whether it comes after the `event` of `thread` by messages.
    fn has_heard_of(&self, thread: ThreadId, event: u32) -> bool {
        let at = self.heard.binary_search_by_key(&thread, |&(known, _)| known);
        at.is_ok_and(|at| self.heard[at].1 > event)
    }
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
    pub fn wait(
        &mut self,
        wait: Seen<'_>,
        join: bool,
        ends: Ends,
        order: &mut OrderChecker,
    ) -> Option<EdgeFinding> {
        let request = wait.request;
        let object = self.object(request.lock)?;
        object.join |= join;
        object.ends = Some(ends);
        if object.free || request.attempt != Attempt::Block {
            return None;
        }
        make_room(&mut object.waits, WAITS_MAX, ends, order)?;
        object.waits.push(placed(wait, order));
        self.judge(request.lock, order)
    }

    /// Takes note of a signal. Its holds are what it needed.
    pub fn signal(&mut self, signal: Seen<'_>, ends: Ends, order: &mut OrderChecker) -> Option<EdgeFinding> {
        let request = signal.request;
        let object = self.object(request.lock)?;
        if object.free {
            return None;
        }
        object.ends = Some(ends);
        let needs = request.holds.iter().any(|hold| hold.attempt == Attempt::Block);
        if matches!(ends, Ends::ByAny | Ends::Lasting) && (!needs || object.signals.len() >= SIGNALS_MAX) {
            object.free = true;
            object.forget(order);
            return None;
        }
        make_room(&mut object.signals, SIGNALS_MAX, ends, order)?;
        object.signals.push(placed(signal, order));
        self.judge(request.lock, order)
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

/// Sees to it that there is room for one more. Where turns count, the oldest makes way: later turns are what is
/// compared.
fn make_room(seen: &mut Vec<Placed>, max: usize, ends: Ends, order: &mut OrderChecker) -> Option<()> {
    if seen.len() >= max {
        if ends != Ends::InTurn {
            return None;
        }
        // One that needs nothing stays: its thread can do without.
        let oldest = seen.iter().position(|seen| !seen.request.holds.is_empty())?;
        order.release(seen.remove(oldest).place);
    }
    Some(())
}

fn placed(seen: Seen<'_>, order: &mut OrderChecker) -> Placed {
    let place = order.place(seen.request.thread);
    Placed { request: seen.request.clone(), turn: seen.turn, heard: seen.heard.clone(), place }
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
        match self.ends.unwrap_or(Ends::ByAny) {
            Ends::Lasting if self.signals.iter().any(|signal| is_ordered(wait, signal, order)) => None,
            Ends::ByAny | Ends::Lasting => {
                let mut first = None;
                for signal in self.signals.iter().filter(|signal| could_end(wait, signal, order)) {
                    first = first.or(Some(against(wait, signal)?));
                }
                first
            }
            Ends::ByAll => {
                let mut all = self.signals.iter().filter(|signal| could_end(wait, signal, order));
                all.find_map(|signal| against(wait, signal))
            }
            Ends::InTurn => self.dead_end_in_turn(wait, order),
        }
    }

    fn dead_end_in_turn<'a>(&'a self, wait: &'a Placed, order: &OrderChecker) -> Option<DeadEnd<'a>> {
        let in_turn = |signal: &&Placed| signal.turn == wait.turn && could_end(wait, signal, order);
        let end = self.signals.iter().filter(in_turn).find_map(|signal| against(wait, signal))?;
        let can_do_without = |thread: ThreadId| {
            let mut own = self.signals.iter().filter(|signal| signal.request.thread == thread);
            thread != wait.request.thread && !own.any(|signal| against(wait, signal).is_some())
        };
        let mut threads = self.signals.iter().map(|signal| signal.request.thread);
        (!threads.any(can_do_without)).then_some(end)
    }
}

/// Whether the signal itself comes before the wait, or after it, on every run.
fn is_ordered(wait: &Placed, signal: &Placed, order: &OrderChecker) -> bool {
    let (waiter, signaller) = (&wait.request, &signal.request);
    (waiter.thread == signaller.thread && signaller.event < waiter.event)
        || (waiter.thread != signaller.thread && order.are_ordered(wait.place, signal.place))
        || wait.has_heard_of(signaller.thread, signaller.event)
}

/// Whether the signal could come while the wait lasts: another thread's, and not ordered with it.
fn could_end(wait: &Placed, signal: &Placed, order: &OrderChecker) -> bool {
    let (waiter, signaller) = (&wait.request, &signal.request);
    let asked = signaller.holds.iter().map(|need| need.event).max().unwrap_or(signaller.event);
    waiter.thread != signaller.thread
        && !order.are_ordered(wait.place, signal.place)
        && !wait.has_heard_of(signaller.thread, asked)
        && !signal.has_heard_of(waiter.thread, waiter.event)
}

/// The signal as one that needs what the wait holds, if it does.
fn against<'a>(wait: &'a Placed, signal: &'a Placed) -> Option<DeadEnd<'a>> {
    let (hold, need) = conflict(&wait.request, &signal.request)?;
    Some(DeadEnd { wait: &wait.request, hold, signal: &signal.request, need })
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

    /// The same with the object's kind: waits in turn are `1 turn3 o a`, signals of a turn `2 put3 o a`, waits that
    /// take all signals `1 all o a`; `heard1>2` among the locks: it has heard of what thread 1 did up to line 2.
    ///
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
            let (heard, locks): (Vec<&str>, Vec<&str>) =
                words.iter().skip(3).partition(|word| word.starts_with("heard"));
            let heard: Heard = heard.into_iter().map(heard_of).collect();
            let request = request(thread, line as u32, words.get(2).copied().unwrap_or("-"), &locks);
            let (verb, turn) = words[1].split_at(words[1].find(char::is_numeric).unwrap_or(words[1].len()));
            let seen = Seen { request: &request, turn: turn.parse().unwrap_or(0), heard: &heard };
            found.extend(match verb {
                "wait" => edges.wait(seen, false, Ends::ByAny, &mut order),
                "event" => edges.wait(seen, false, Ends::Lasting, &mut order),
                "set" => edges.signal(seen, Ends::Lasting, &mut order),
                "join" => edges.wait(seen, true, Ends::ByAny, &mut order),
                "turn" => edges.wait(seen, false, Ends::InTurn, &mut order),
                "all" => edges.wait(seen, false, Ends::ByAll, &mut order),
                "signal" => edges.signal(seen, Ends::ByAny, &mut order),
                "put" => edges.signal(seen, Ends::InTurn, &mut order),
                "done" => edges.signal(seen, Ends::ByAll, &mut order),
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

    fn heard_of(word: &str) -> (ThreadId, u32) {
        let (thread, line) = word.trim_start_matches("heard").split_once('>').unwrap();
        (ThreadId(thread.parse().unwrap()), line.parse().unwrap())
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
    fn what_messages_order_cannot_meet() {
        // Line 0 is the signal's need; the waiter has heard of what came after it.
        assert_eq!(run("2 signal o a\n1 wait o a heard2>1"), []);
        assert_eq!(run("2 signal o a\n1 wait o a heard2>0"), [FOUND]);
        assert_eq!(run("1 wait o a\n2 signal o a heard1>1"), []);
        assert_eq!(run("1 wait o a\n2 signal o a heard3>9"), [FOUND]);
    }

    #[test]
    fn an_event_that_was_set_before_is_not_waited_for() {
        assert_eq!(run("2 set o a\n1 event o a"), [FOUND]);
        assert_eq!(run("3 set o a\n2 set o a\n1 event o a heard3>1"), []);
        assert_eq!(run("3 set o a\n3 before 7\n1 after 7\n2 set o a\n1 event o a"), []);
        assert_eq!(run("1 set o a\n2 set o a\n1 event o a"), []);
        assert_eq!(run("3 signal o a\n2 signal o a\n1 wait o a heard3>1"), [FOUND], "a notification passes");
    }

    #[test]
    fn the_signal_of_its_turn_ends_a_wait() {
        assert_eq!(run("1 turn3 o a\n2 put2 o\n2 put3 o a"), [FOUND]);
        assert_eq!(run("2 put3 o a\n1 turn3 o a"), [FOUND]);
        assert_eq!(run("1 turn3 o a\n2 put3 o\n2 put4 o a"), []);
        assert_eq!(run("1 turn3 o a\n2 put3 o a\n1 turn3 o a"), [FOUND]);
        assert_eq!(run("1 turn3 o a\n3 put2 o\n2 put3 o a"), [], "another thread can do without");
        assert_eq!(run("1 turn3 o a\n3 put2 o a\n2 put3 o a"), [FOUND]);
        assert_eq!(run("1 turn3 o a\n1 put3 o a"), []);
        let many: String = (0..100).map(|turn| format!("2 put{turn} o a\n")).collect();
        assert_eq!(run(&format!("{many}1 turn99 o a")), [FOUND]);
    }

    #[test]
    fn where_it_takes_all_one_is_enough() {
        assert_eq!(run("1 all o a\n3 done o\n2 done o a"), [FOUND]);
        assert_eq!(run("1 all o a\n3 done o\n2 done o b"), []);
    }

    #[test]
    fn a_dropped_object_is_forgotten() {
        assert_eq!(run("1 wait o a\n1 drop o\n2 signal o a"), []);
    }
}
