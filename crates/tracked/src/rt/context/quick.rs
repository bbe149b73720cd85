//! The quick ways of an acquisition: a thread that is watched and has room for one hold more. Nothing is looked up or
//! learned here.

use super::hold::{class, fingerprint, key};
use super::hold_set::{EVENT, HELD_INLINE, LEN, NOT_IDLE, SETTLED, SHIFTED, unsettled_tail};
use super::{Place, Thread, Token, own};

/// A thread that is watched and has room for one hold more, and its word as it was read once: what the quick ways of an
/// acquisition work with. The hold is written before the real lock is asked for, where nobody looks as long as it does
/// not count; so little is left to do while others wait for the lock.
#[derive(Clone, Copy)]
pub(crate) struct Quick<'a> {
    pub(super) thread: &'a Thread,
    pub(super) word: u64,
}

impl Quick<'static> {
    /// The calling thread, whatever it is in. What follows is for one that `is_idle` or `is_nesting` only; the type is
    /// no `Option` of a reference, for which the compiler would choose between two pointers at each use.
    #[inline(always)]
    pub(crate) fn current() -> Quick<'static> {
        let thread = own();
        Quick { thread, word: thread.holds.word() }
    }
}

impl<'a> Quick<'a> {
    /// Whether the thread was seen before, is watched now and holds nothing: the case to be quickest in.
    #[inline(always)]
    pub(crate) fn is_idle(self) -> bool {
        self.word & NOT_IDLE == 0
    }

    /// Whether the thread was seen before, is watched now, has several holds and room for one more.
    #[inline(always)]
    pub(crate) fn is_nesting(self) -> bool {
        (2..HELD_INLINE as u64).contains(&(self.word & NOT_IDLE & !SHIFTED))
    }

    /// The thread.
    #[inline(always)]
    pub(crate) fn thread(self) -> &'a Thread {
        self.thread
    }

    /// Whether the quick ways take a lock with this word: it has an id, and in it the number of its creation site.
    #[inline(always)]
    pub(crate) fn takes(lock: u64) -> bool {
        class(lock) != 0
    }

    /// Writes the hold that a thread which holds nothing is about to have, `manner` as `pack` gives it.
    #[inline(always)]
    pub(crate) fn write_first(self, lock: u64, site: Place, manner: u32) {
        let lowest = &self.thread.holds.inline[0];
        lowest.write_quickly(lock, site);
        if manner != 0 {
            lowest.set_tail(self.word & !NOT_IDLE | u64::from(manner));
        }
    }

    /// Counts the operation and the hold written by `write_first`.
    #[inline(always)]
    pub(crate) fn push_first(self, manner: u32) -> Token {
        let settled = if manner == 0 { 0 } else { SETTLED };
        self.thread.holds.set_word((self.word & !SETTLED | settled).wrapping_add(EVENT + 1));
        Token::at(0)
    }

    /// Whether the thread was seen before, is watched now and has one hold.
    #[inline(always)]
    pub(crate) fn has_one(self) -> bool {
        self.word & NOT_IDLE & !SHIFTED == 1
    }

    /// As `write_nested`, where `has_one`.
    #[inline(always)]
    pub(crate) fn write_second(self, lock: u64, site: Place, manner: u32) -> u64 {
        let [first, second, ..] = &self.thread.holds.inline;
        let before = if self.word & SETTLED == 0 {
            first.set_tail(unsettled_tail(self.word));
            first.fingerprint_with(0)
        } else {
            first.fingerprint()
        };
        let manner = u64::from(manner);
        second.write_quickly(lock, site);
        second.set_tail(self.word & !NOT_IDLE | manner);
        let after = before.wrapping_add(fingerprint(lock, site, manner));
        second.set_context(after);
        key(before, after)
    }

    /// Counts the operation and the hold written by `write_second`.
    #[inline(always)]
    pub(crate) fn push_second(self) -> Token {
        self.thread.holds.set_word((self.word | SETTLED).wrapping_add(EVENT + 1));
        Token::at(1)
    }

    /// Writes the hold that a thread which has several is about to have, `manner` as `pack` gives it; gives the key
    /// of what that teaches.
    #[inline(always)]
    pub(crate) fn write_nested(self, lock: u64, site: Place, manner: u32) -> u64 {
        let (holds, len) = (&self.thread.holds, self.len());
        let manner = u64::from(manner);
        holds.inline[len].write_quickly(lock, site);
        holds.inline[len].set_tail(self.word & !NOT_IDLE | manner);
        let before = holds.inline[len - 1].context();
        let after = before.wrapping_add(fingerprint(lock, site, manner));
        holds.inline[len].set_context(after);
        key(before, after)
    }

    /// Counts the operation and the hold written by `write_nested`.
    #[inline(always)]
    pub(crate) fn push_nested(self) -> Token {
        self.thread.holds.set_word(self.word.wrapping_add(EVENT + 1));
        Token::at(self.len())
    }

    /// How many locks the thread holds.
    #[inline(always)]
    fn len(self) -> usize {
        (self.word & LEN) as usize
    }
}
