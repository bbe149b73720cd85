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

/// The live ends of one side of a channel, by their users.
#[derive(Default)]
pub(crate) struct Ends(Mutex<Vec<Arc<User>>>);

/// The thread that has used an end (upper half), and how many threads it had started by then; 0: none has, or nobody knows.
/// Relaxed: a look that comes too early for it takes the end for one of which nothing, or something older, is known.
#[derive(Default)]
struct User(AtomicU64);

/// Of an end that several threads have used.
const SEVERAL: u64 = u64::MAX;

/// One end. It is live until it is dropped.
pub(crate) struct End {
    user: Arc<User>,
    side: Arc<Ends>,
}

impl End {
    /// A new end of this side.
    pub(crate) fn of(side: &Arc<Ends>) -> End {
        let user = Arc::<User>::default();
        ignore_poison(side.0.lock()).push(Arc::clone(&user));
        End { user, side: Arc::clone(side) }
    }

    /// Another end of the same side, made by the calling thread, which has this one.
    pub(crate) fn another(&self) -> End {
        self.used();
        End::of(&self.side)
    }

    /// The calling thread uses it. Under control the controller knows better.
    pub(crate) fn used(&self) {
        let user = current().filter(|thread| !thread.is_steered());
        let own = user.map_or(SEVERAL, |thread| u64::from(thread.id().0) << 32 | u64::from(thread.starts()));
        let before = self.user.0.load(Ordering::Relaxed);
        if before != own {
            let is_first = before == 0 || before >> 32 == own >> 32;
            self.user.0.store(if is_first { own } else { SEVERAL }, Ordering::Relaxed);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut ends = ignore_poison(self.side.0.lock());
        if let Some(at) = ends.iter().position(|user| Arc::ptr_eq(user, &self.user)) {
            ends.swap_remove(at);
        }
    }
}

impl Source for Ends {
    /// Any one of those who have an end.
    fn enders(&self) -> Enders {
        let words: Vec<u64> =
            ignore_poison(self.0.lock()).iter().map(|user| user.0.load(Ordering::Relaxed)).collect();
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
