//! Who has the ends of a channel: the threads that used them last. What follows for those who wait is in
//! [`super::beside`].
//!
//! An end is moved, or shared, without anybody hearing of it, so that nothing is known of one that was not used since it was
//! made, nor of one that several threads have used, nor of one whose user has started a thread since, which may have taken
//! it along. That another thread was handed it in some other way remains possible.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use lockcheck_checker::waits::{Enders, Task};
use lockcheck_events::ThreadId;

use super::beside::Source;
use super::context::current;
use super::waits;
use crate::base::park::ignore_poison;

/// Ends of one side that are live at once, of which it is known who has them. Of a side with more nothing is known from then
/// on, and another end costs nothing.
const ENDS_MAX: usize = 64;

/// The live ends of one side of a channel, by their users; `None`: there were too many.
pub(crate) struct Ends(Mutex<Option<Vec<Arc<User>>>>);

impl Default for Ends {
    fn default() -> Ends {
        Ends(Mutex::new(Some(Vec::new())))
    }
}

/// The thread that has used an end (upper half), and how many threads it had started by then; 0: none has, or nobody knows.
/// Relaxed: a look that comes too early for it takes the end for one of which nothing, or something older, is known.
#[derive(Default)]
struct User(AtomicU64);

/// Of an end that several threads have used.
const SEVERAL: u64 = u64::MAX;

/// One end. It is live until it is dropped.
pub(crate) struct End {
    /// `None`: one of too many.
    user: Option<Arc<User>>,
    side: Arc<Ends>,
}

impl End {
    /// A new end of this side.
    pub(crate) fn of(side: &Arc<Ends>) -> End {
        let mut ends = ignore_poison(side.0.lock());
        if ends.as_ref().is_some_and(|ends| ends.len() >= ENDS_MAX) {
            *ends = None;
        }
        let user = ends.as_mut().map(|ends| {
            let user = Arc::<User>::default();
            ends.push(Arc::clone(&user));
            user
        });
        drop(ends);
        End { user, side: Arc::clone(side) }
    }

    /// Another end of the same side, made by the calling thread, which has this one.
    pub(crate) fn another(&self) -> End {
        self.used();
        End::of(&self.side)
    }

    /// The calling thread uses it. Under control the controller knows better.
    pub(crate) fn used(&self) {
        let Some(end) = &self.user else { return };
        let user = current().filter(|thread| !thread.is_steered());
        let own = user.map_or(SEVERAL, |thread| u64::from(thread.id().0) << 32 | u64::from(thread.starts()));
        let before = end.0.load(Ordering::Relaxed);
        if before != own {
            let is_first = before == 0 || before >> 32 == own >> 32;
            end.0.store(if is_first { own } else { SEVERAL }, Ordering::Relaxed);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let Some(own) = &self.user else { return };
        let mut ends = ignore_poison(self.side.0.lock());
        let Some(ends) = ends.as_mut() else { return };
        if let Some(at) = ends.iter().position(|user| Arc::ptr_eq(user, own)) {
            ends.swap_remove(at);
        }
    }
}

impl Source for Ends {
    /// Any one of those who have an end.
    fn enders(&self) -> Enders {
        let ends = ignore_poison(self.0.lock());
        let words = ends.iter().flatten().map(|user| user.0.load(Ordering::Relaxed));
        let words: Vec<u64> = words.collect();
        drop(ends);
        let users: Option<Vec<ThreadId>> = words.into_iter().map(still_with).collect();
        match users {
            Some(runners) if !runners.is_empty() => {
                Enders::Tasks { tasks: vec![Task { runners, in_line: None }], all: false }
            }
            _ => Enders::Anyone,
        }
    }

    fn doubt(&self) -> &'static str {
        "another thread was handed an end of the channel and has not used it yet"
    }
}

/// The user of an end, if it still has it as far as anybody knows.
fn still_with(word: u64) -> Option<ThreadId> {
    let user = ThreadId((word >> 32) as u32);
    (word != 0 && word != SEVERAL && waits::starts_of(user)? == word as u32).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As of a pool whose tasks each have a sender.
    #[test]
    fn ends_past_the_limit_are_not_kept() {
        let side: Arc<Ends> = Arc::default();
        let kept = |side: &Ends| ignore_poison(side.0.lock()).as_ref().map(Vec::len);
        let first = End::of(&side);
        let few: Vec<End> = (1..ENDS_MAX).map(|_| first.another()).collect();
        assert_eq!(kept(&side), Some(ENDS_MAX));
        drop(few);
        assert_eq!(kept(&side), Some(1));
        let many: Vec<End> = (0..ENDS_MAX).map(|_| first.another()).collect();
        assert_eq!(kept(&side), None);
        assert!(many.last().is_some_and(|last| last.user.is_none()));
        assert_eq!(side.enders(), Enders::Anyone);
        drop((many, first));
        assert_eq!(kept(&side), None, "nothing is known of it any more");
    }
}
