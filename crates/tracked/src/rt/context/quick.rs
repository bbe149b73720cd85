//! The quick ways of an acquisition: a thread that is watched and has room for one hold more. Nothing is looked up or
//! learned here.

use super::hold::{HeldLock, key};
use super::hold_set::{EVENT, HELD_INLINE, NOT_IDLE};
use super::{Thread, Token, own};

/// A thread that is watched and has room for one hold more, and its word as it was read once: what the quick ways of an
/// acquisition work with. The hold is written before the real lock is asked for, where nobody looks as long as it does
/// not count; so little is left to do while others wait for the lock.
#[derive(Clone, Copy)]
pub(crate) struct Quick<'a> {
    pub(super) thread: &'a Thread,
    pub(super) word: u64,
}

/// The calling thread, if it was seen before, is watched now and holds nothing: the case to be quickest in.
#[inline(always)]
pub(crate) fn current_if_idle() -> Option<Quick<'static>> {
    let thread = own();
    let word = thread.holds.word();
    (word & NOT_IDLE == 0).then_some(Quick { thread, word })
}

/// The calling thread, if it was seen before, is watched now, holds something and has room for one hold more.
#[inline(always)]
pub(crate) fn current_if_nesting() -> Option<Quick<'static>> {
    let thread = own();
    let word = thread.holds.word();
    (1..HELD_INLINE as u64).contains(&(word & NOT_IDLE)).then_some(Quick { thread, word })
}

impl<'a> Quick<'a> {
    /// The thread.
    #[inline(always)]
    pub(crate) fn thread(self) -> &'a Thread {
        self.thread
    }

    /// The index of the operation about to be made.
    #[inline(always)]
    pub(crate) fn event(self) -> u32 {
        (self.word >> 32) as u32
    }

    /// Writes the hold that a thread which holds nothing is about to have.
    #[inline(always)]
    pub(crate) fn write_first(self, hold: HeldLock) {
        self.thread.holds.inline[0].write(hold);
    }

    /// Counts the operation and the hold written by `write_first`.
    #[inline(always)]
    pub(crate) fn push_first(self) -> Token {
        self.thread.holds.set_word(self.word.wrapping_add(EVENT + 1));
        Token(0)
    }

    /// Writes the hold that a thread which holds something is about to have; gives the key of what that teaches.
    #[inline(always)]
    pub(crate) fn write_nested(self, hold: HeldLock) -> u64 {
        let (holds, len) = (&self.thread.holds, self.len());
        let before = if len == 1 { holds.inline[0].fingerprint() } else { holds.inline[len - 1].context() };
        let after = before.wrapping_add(hold.fingerprint());
        holds.inline[len].write(hold);
        holds.inline[len].set_context(after);
        key(before, after)
    }

    /// Counts the operation and the hold written by `write_nested`.
    #[inline(always)]
    pub(crate) fn push_nested(self) -> Token {
        self.thread.holds.set_word(self.word.wrapping_add(EVENT + 1));
        Token(self.len() as u32)
    }

    /// How many locks the thread holds.
    #[inline(always)]
    fn len(self) -> usize {
        (self.word & NOT_IDLE) as usize
    }
}
