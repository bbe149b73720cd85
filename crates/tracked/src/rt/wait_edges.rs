//! Waits under locks, and the signals that end them: what the checker is told about waits that did not hang.
//!
//! Nothing of this is on the path of a lock. What a thread has asked for since the last point that orders it after
//! others is read off its hold set: the entries in use, and behind them those of the locks that it has given back,
//! of which the last at each depth still stands there. So a lock that was taken and given back before the signal is
//! seen, unless another took its place; what is seen did happen.
//!
//! | the object's waits are ended by | a signal that needs nothing | a signal that needs a lock |
//! |---|---|---|
//! | any signal, and it is an event | is told once, if anything was told before; after it, nothing is told of this object any more | is told: a later wait may find it set |
//! | any signal, and it is a condition | the same | is told once somebody has waited for it under a lock |
//! | the signal of its turn | is told if somebody waits under a lock or needs one; of a second thread that gives such, nothing is told of the object any more | is told, a bounded number of times |
//! | all of them | is not told | is told, a bounded number of times |

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use lockcheck_checker::News;
use lockcheck_events::{Attempt, Ends, Heard, LockId, LockKind, Mode, Record, ThreadId};

use super::context::{HeldLock, Place, Thread};
use super::{intent, knowledge, messages, reaction};

/// What was told of an object.
pub(crate) struct Told {
    bits: AtomicU8,
    /// How often something was told that had been told before but for its turn.
    again: AtomicU8,
    /// Where turns count: a thread whose signals needed nothing; 0: none.
    free: AtomicU32,
}

/// Somebody waited for it under a lock.
const WAITED: u8 = 1;
/// Somebody signalled it who needed a lock.
const NEEDED: u8 = 2;
/// Somebody signalled it who needed none, so that nothing is to be told of it.
const FREE: u8 = 4;
/// Of `free`, the checker has been told.
const FREE_TOLD: u8 = 8;

/// How often the same wait or signal of an object is told with another turn.
const AGAIN_MAX: u8 = 64;

/// Which signals end the waits for an object, and the number of the one that is meant.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub ends: Ends,
    pub number: u64,
}

impl Turn {
    pub(crate) const ANY: Turn = Turn { ends: Ends::ByAny, number: 0 };
    pub(crate) const LASTING: Turn = Turn { ends: Ends::Lasting, number: 0 };
    pub(crate) const ALL: Turn = Turn { ends: Ends::ByAll, number: 0 };

    pub(crate) fn number(number: u64) -> Turn {
        Turn { ends: Ends::InTurn, number }
    }
}

/// What a thread needed for the signal that it is about to give, as of the moment before it did anything for it.
pub(crate) struct Needs {
    locks: Vec<HeldLock>,
    /// `None`: it may come after anything.
    heard: Option<Heard>,
}

thread_local! {
    /// The lock that the thread had asked for last when it last notified a condition, and the number of that request.
    static HANDED_OVER: Cell<(LockId, u32)> = const { Cell::new((LockId(0), 0)) };
}

/// The calling thread notifies a condition. What it has asked for last is the lock that the data of the condition lies
/// under: who takes that lock afterwards sees in the data that the thread is through with it, whether it has waited for
/// the notification or come too late to.
pub(crate) fn handed_over(thread: &Thread) {
    if let Some(last) = thread.holds().with_given_back().max_by_key(|hold| hold.event) {
        HANDED_OVER.set((last.id, last.event));
    }
}

/// Whether the calling thread has asked last for the lock that it had asked for when it last notified a condition.
pub(crate) fn is_handed_over(thread: &Thread) -> bool {
    let last = thread.holds().with_given_back().max_by_key(|hold| hold.event);
    last.is_some_and(|last| last.id == HANDED_OVER.get().0)
}

impl Needs {
    pub(crate) fn of(thread: &Thread) -> Needs {
        let (handed, at) = HANDED_OVER.get();
        let mut locks = if asked(thread).next().is_some() { asked_for(thread) } else { Vec::new() };
        let is_handed = |lock: &HeldLock| lock.id == handed && lock.event <= at;
        locks.retain(|lock| !is_handed(lock) || asked(thread).any(|own| own.id == handed && own.event > at));
        let heard = if locks.is_empty() { Some(Vec::new()) } else { messages::heard(thread) };
        Needs { locks, heard }
    }

    pub(crate) fn are_none(&self) -> bool {
        self.locks.is_empty()
    }
}

impl Told {
    pub(crate) const fn nothing() -> Told {
        Told { bits: AtomicU8::new(0), again: AtomicU8::new(0), free: AtomicU32::new(0) }
    }

    /// Relaxed: a word that comes late is told again or not at all.
    fn has(&self, bits: u8) -> bool {
        self.bits.load(Ordering::Relaxed) & bits != 0
    }

    fn add(&self, bit: u8) {
        if !self.has(bit) {
            self.bits.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether something that is known but for its turn is to be told once more.
    fn once_more(&self, turn: Turn) -> bool {
        turn.ends == Ends::InTurn
            && self.again.load(Ordering::Relaxed) < AGAIN_MAX
            && self.again.fetch_add(1, Ordering::Relaxed) < AGAIN_MAX
    }

    /// The calling thread is about to wait for the object, or finds that it need not.
    pub(crate) fn waited(&self, thread: &Thread, wanted: &HeldLock, turn: Turn) {
        if thread.held_len() == 0 || wanted.attempt != Attempt::Block || self.has(FREE) {
            return;
        }
        let takes_part = matches!(
            wanted.kind,
            LockKind::Condition | LockKind::Event | LockKind::Queue | LockKind::Barrier | LockKind::Pool
        );
        let Some(heard) = messages::heard(thread).filter(|_| takes_part) else { return };
        self.add(WAITED);
        let key = intent::salted(thread, wanted, thread.key(wanted));
        if thread.known().contains(key) && !self.once_more(turn) {
            return;
        }
        let busy = thread.enter();
        let (request, mut records) = knowledge::prepare(thread, wanted);
        self.tell_of_the_free(wanted, turn, &mut records);
        let Turn { ends, number } = turn;
        records.push(Record::Wait { request, join: false, ends, turn: number, heard });
        let news = knowledge::learned(thread, key, records);
        drop(busy);
        report(thread, &news);
    }

    /// The calling thread signals the object, without waiting for anybody. It needed `needs`.
    pub(crate) fn signalled(&self, thread: &Thread, object: &HeldLock, needs: &Needs, turn: Turn) {
        if self.has(FREE) || !self.is_told(thread, needs, turn, object.kind) {
            return;
        }
        let Some(heard) = needs.heard.clone() else { return self.add(FREE) };
        let key = needs.locks.iter().fold(thread.key(object), |key, need| {
            (key.rotate_left(7) ^ need.id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
        });
        if thread.known().contains(key) && (needs.are_none() || !self.once_more(turn)) {
            return;
        }
        let busy = thread.enter();
        let mut records = Vec::new();
        self.tell_of_the_free(object, turn, &mut records);
        records.extend(knowledge::signal(thread.id(), object, &needs.locks, turn, heard));
        let news = knowledge::learned(thread, key, records);
        drop(busy);
        report(thread, &news);
    }

    /// Takes note of a signal; whether the checker must hear of it.
    fn is_told(&self, thread: &Thread, needs: &Needs, turn: Turn, kind: LockKind) -> bool {
        match (turn.ends, needs.are_none()) {
            (Ends::ByAny | Ends::Lasting, true) => {
                self.add(FREE);
                self.has(WAITED | NEEDED)
            }
            (Ends::InTurn, true) => {
                let me = thread.id().0;
                match self.free.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed) {
                    Err(other) if other != me => {
                        self.add(FREE);
                        false
                    }
                    _ => self.has(WAITED | NEEDED),
                }
            }
            (Ends::ByAll, true) => false,
            (Ends::ByAny, false) if kind == LockKind::Condition && !self.has(WAITED) => false,
            (_, false) => {
                self.add(NEEDED);
                true
            }
        }
    }

    /// Tells of the thread whose signals need nothing, before the first thing that is told.
    fn tell_of_the_free(&self, object: &HeldLock, turn: Turn, records: &mut Vec<Record>) {
        let free = ThreadId(self.free.load(Ordering::Relaxed));
        if turn.ends == Ends::InTurn && free != ThreadId(0) && !self.has(FREE_TOLD) {
            self.add(FREE_TOLD);
            let signal = signalled_at(*object, object.site, object.event);
            records.extend(knowledge::signal(free, &signal, &[], turn, Vec::new()));
        }
    }
}

fn report(thread: &Thread, news: &[News]) {
    news.iter().for_each(|news| reaction::found(thread, news));
}

/// An object as one that is signalled.
pub(crate) fn signalled_at(object: HeldLock, site: Place, event: u32) -> HeldLock {
    HeldLock { site, event, mode: Mode::Exclusive, attempt: Attempt::Try, ..object }
}

/// What the thread has asked for, and been ready to wait for, since the last point that orders it after others.
pub(crate) fn asked_for(thread: &Thread) -> Vec<HeldLock> {
    let mut all: Vec<HeldLock> = Vec::new();
    for hold in asked(thread) {
        if all.iter().all(|known| known.id != hold.id) {
            all.push(hold);
        }
    }
    all
}

/// The same, a lock perhaps more than once.
fn asked(thread: &Thread) -> impl Iterator<Item = HeldLock> {
    let since = thread.wait_slot().anchor();
    let holds = thread.holds().with_given_back();
    holds.filter(move |hold| hold.event >= since && hold.attempt == Attempt::Block)
}

/// The calling thread, which joins another one or has done so, holds locks that the other one asked for.
pub(crate) fn joined(thread: &Thread, end: HeldLock, other: ThreadId, needs: &Needs) {
    if thread.held_len() == 0 || needs.are_none() {
        return;
    }
    let (Some(heard), Some(theirs)) = (messages::heard(thread), needs.heard.clone()) else { return };
    let busy = thread.enter();
    let (request, mut records) = knowledge::prepare(thread, &end);
    records.push(Record::Wait { request, join: true, ends: Ends::ByAny, turn: 0, heard });
    records.extend(knowledge::signal(other, &end, &needs.locks, Turn::ANY, theirs));
    let news = knowledge::file_all(records);
    drop(busy);
    report(thread, &news);
}
