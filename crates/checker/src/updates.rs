//! Updates that can be lost: a thread reads a datum and writes it back, and nothing keeps another thread's write out
//! from between the two.
//!
//! Reported, as likely, when
//!
//! - a thread read the datum and then wrote it, without another access of it in between: an *update*;
//! - another thread wrote it, and spawns, joins and barriers do not order that write with the update;
//! - no lock was held from the read to the write (one and the same acquisition of it) that the other one held as well,
//!   in modes that exclude each other.
//!
//! So two locks, or one that is given up between the read and the write, do not help, however the run went. Locksets as
//! in Eraser (Savage et al. 1997), asked of the stretch from the read to the write. Whether the value written depends on
//! the value read is not known.
//!
//! Does not know of order by flags, queues or channels, as nothing in lock order does.

use std::collections::{HashMap, HashSet};

use lockcheck_events::{Hold, LockId, Request, SiteId, ThreadId};

use crate::Code;
use crate::finding::{CycleLink, NO_HOLD};
use crate::order::OrderChecker;
use crate::wait_edges::EdgeFinding;

/// Data of which accesses are remembered; further ones are not looked at.
pub const DATA_MAX: usize = 1 << 16;
/// Updates, and writes, that are remembered of one datum; of more, the first stay.
const ACCESSES_MAX: usize = 64;

/// What is known of the accesses to data.
#[derive(Default)]
pub struct Updates {
    data: HashMap<LockId, Datum>,
    /// The sites of what has been reported: read, other write, write.
    told: HashSet<[SiteId; 3]>,
    /// Accesses not looked at because of `DATA_MAX`.
    lost: u64,
}

#[derive(Default)]
struct Datum {
    /// By thread: its last access, if that was a read.
    reads: HashMap<ThreadId, Request>,
    updates: Vec<Update>,
    writes: Vec<Placed>,
}

/// A read, and the write of the same thread that came next.
struct Update {
    read: Request,
    write: Placed,
}

/// A write and the place in its thread's life that the order checker knows it by.
struct Placed {
    request: Request,
    place: u32,
}

impl Updates {
    /// Takes note of an access. The request's mode says which: shared for a read, else a write.
    pub fn access(&mut self, access: &Request, writes: bool, order: &mut OrderChecker) -> Vec<EdgeFinding> {
        if self.data.len() >= DATA_MAX && !self.data.contains_key(&access.lock) {
            self.lost += 1;
            return Vec::new();
        }
        let datum = self.data.entry(access.lock).or_default();
        if !writes {
            datum.reads.insert(access.thread, access.clone());
            return Vec::new();
        }
        if let Some(read) = datum.reads.remove(&access.thread)
            && datum.updates.len() < ACCESSES_MAX
        {
            let write = Placed { request: access.clone(), place: order.place(access.thread) };
            datum.updates.push(Update { read, write });
        }
        if datum.writes.len() < ACCESSES_MAX {
            datum.writes.push(Placed { request: access.clone(), place: order.place(access.thread) });
        }
        let told = &mut self.told;
        let news = datum.broken(order).filter(|(update, other)| {
            told.insert([update.read.site, other.request.site, update.write.request.site])
        });
        news.map(|(update, other)| finding(update, other)).collect()
    }

    /// The datum is gone.
    pub fn dropped(&mut self, datum: LockId, order: &mut OrderChecker) {
        if let Some(datum) = self.data.remove(&datum) {
            let writes = datum.writes.into_iter().chain(datum.updates.into_iter().map(|update| update.write));
            writes.for_each(|write| order.release(write.place));
        }
    }

    /// Accesses that were not looked at.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

impl Datum {
    /// The updates that another write can come in between of.
    fn broken<'a>(&'a self, order: &'a OrderChecker) -> impl Iterator<Item = (&'a Update, &'a Placed)> {
        self.updates.iter().flat_map(move |update| {
            let can_come_between = move |other: &&Placed| {
                other.request.thread != update.write.request.thread
                    && !order.are_ordered(update.write.place, other.place)
                    && !update.is_protected_from(&other.request)
            };
            self.writes.iter().filter(can_come_between).map(move |other| (update, other))
        })
    }
}

impl Update {
    /// Whether a lock is held from the read to the write that the other one cannot hold meanwhile.
    fn is_protected_from(&self, other: &Request) -> bool {
        let from_the_read = |hold: &&Hold| {
            self.read.holds.iter().any(|held| held.lock == hold.lock && held.event == hold.event)
        };
        self.write.request.holds.iter().filter(from_the_read).any(|hold| {
            other.holds.iter().any(|held| held.lock == hold.lock && held.mode.excludes(hold.mode))
        })
    }
}

/// The reader, who comes in between, and the writer.
fn finding(update: &Update, other: &Placed) -> EdgeFinding {
    let link = |request: &Request| CycleLink { request: request.clone(), via: NO_HOLD };
    let links = vec![link(&update.read), link(&other.request), link(&update.write.request)];
    EdgeFinding { code: Code::LostUpdate, links }
}

#[cfg(test)]
mod tests {
    use lockcheck_events::{Attempt, Mode, StackId, TokenId};

    use super::*;

    /// One event a line: `1 r x` or `1 w x`, behind it the locks held, each with the number of its acquisition (`a1`,
    /// `a1:r` shared); `1 before 7`, `2 after 7`. Gives the threads of each finding: who reads and writes, who comes in
    /// between.
    fn run(text: &str) -> Vec<(u32, u32)> {
        let (mut updates, mut order) = (Updates::default(), OrderChecker::new());
        let mut found = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let words: Vec<&str> = text.split_whitespace().collect();
            let thread = ThreadId(words[0].parse().unwrap());
            order.set_scope(thread, 0);
            match words[1] {
                "before" => order.before(thread, TokenId(words[2].parse().unwrap())),
                "after" => order.after(thread, TokenId(words[2].parse().unwrap())),
                "drop" => updates.dropped(lock(words[2]), &mut order),
                access => {
                    let access_of = request(thread, line as u32, access, words[2], &words[3..]);
                    found.extend(updates.access(&access_of, access == "w", &mut order));
                }
            }
        }
        found
            .iter()
            .map(|finding| {
                let thread = |at: usize| finding.links[at].request.thread.0;
                assert_eq!((finding.code, thread(0)), (Code::LostUpdate, thread(2)));
                (thread(0), thread(1))
            })
            .collect()
    }

    fn lock(name: &str) -> LockId {
        LockId(name.bytes().next().unwrap().into())
    }

    fn request(thread: ThreadId, line: u32, access: &str, datum: &str, holds: &[&str]) -> Request {
        let mode = |shared: bool| if shared { Mode::Shared } else { Mode::Exclusive };
        let hold = |word: &&str| Hold {
            lock: lock(word),
            mode: mode(word.ends_with(":r")),
            attempt: Attempt::Block,
            site: SiteId(0),
            event: word[1..2].parse().unwrap(),
        };
        Request {
            thread,
            event: line,
            lock: lock(datum),
            mode: mode(access == "r"),
            attempt: Attempt::Block,
            site: SiteId(10 * thread.0 + u32::from(access == "w")),
            stack: StackId(0),
            holds: holds.iter().map(hold).collect(),
        }
    }

    #[test]
    fn two_updates_can_lose_each_other_however_they_went() {
        assert_eq!(run("1 r x\n1 w x\n2 r x\n2 w x"), [(1, 2), (2, 1)]);
        assert_eq!(run("1 r x\n2 r x\n1 w x\n2 w x"), [(1, 2), (2, 1)]);
        assert_eq!(run("1 w x\n2 r x\n2 w x"), [(2, 1)], "a plain write is lost on who reads before it");
    }

    #[test]
    fn reads_and_plain_writes_are_no_updates() {
        assert_eq!(run("1 w x\n2 w x\n1 r x\n2 r x"), []);
        assert_eq!(run("1 r x\n1 w y\n2 r y\n2 w x"), []);
        assert_eq!(run("1 r x\n1 w x\n1 r x\n1 w x"), [], "one thread is one after the other");
    }

    #[test]
    fn a_lock_over_both_protects() {
        assert_eq!(run("1 r x a1\n1 w x a1\n2 r x a5\n2 w x a5"), []);
        assert_eq!(run("1 r x b1 a2\n1 w x b1 a2\n2 w x c1 a5"), []);
    }

    #[test]
    fn a_lock_that_is_given_up_in_between_does_not() {
        assert_eq!(run("1 r x a1\n1 w x a2\n2 r x a5\n2 w x a6"), [(1, 2), (2, 1)]);
        assert_eq!(run("1 r x a1\n1 w x a1\n2 r x b5\n2 w x b5"), [(1, 2), (2, 1)], "two locks");
        assert_eq!(run("1 r x a1:r\n1 w x a1:r\n2 r x a5:r\n2 w x a5:r"), [(1, 2), (2, 1)], "readers");
        assert_eq!(run("1 r x a1\n1 w x a1\n2 w x"), [(1, 2)]);
    }

    #[test]
    fn what_is_ordered_cannot_come_in_between() {
        assert_eq!(run("1 w x\n1 before 7\n2 after 7\n2 r x\n2 w x"), []);
        assert_eq!(run("2 r x\n2 w x\n2 before 7\n1 after 7\n1 w x"), []);
        let two_children = "1 w x\n1 before 7\n2 after 7\n3 after 7\n2 r x\n2 w x\n3 r x\n3 w x";
        assert_eq!(run(two_children), [(2, 3), (3, 2)]);
    }

    #[test]
    fn a_dropped_datum_is_forgotten() {
        assert_eq!(run("1 r x\n1 w x\n1 drop x\n2 r x\n2 w x"), []);
    }

    #[test]
    fn the_same_lines_are_told_once() {
        let many: String = (1..9).map(|n| format!("{} r x\n{0} w x\n", 1 + n % 2)).collect();
        assert_eq!(run(&many), [(2, 1), (1, 2)]);
    }
}
