//! How a thread's holds come and go, and what they amount to for a request. The quick ways in are in [`super::quick`].

use lockcheck_events::{LockId, Mode};

use super::hold::{HeldLock, key};
use super::hold_set::{HELD_INLINE, HELD_MAX, HoldSet, LEN};
use super::{Thread, Token, own};
use crate::rt::{record, registry, steer};

impl Thread {
    /// How many locks the thread holds.
    #[inline(always)]
    pub(crate) fn held_len(&self) -> usize {
        self.holds.len()
    }

    /// Sees to it that one more hold does not have to allocate, if it can be kept at all.
    #[inline]
    pub(crate) fn make_room(&self) {
        if (HELD_INLINE..HELD_MAX).contains(&self.holds.len()) {
            let _busy = self.enter();
            self.holds.grow();
        }
    }

    /// Adds a hold.
    #[inline]
    pub(crate) fn push(&self, hold: HeldLock) -> Token {
        let len = self.holds.len();
        if len >= HELD_INLINE {
            if len >= HELD_MAX {
                registry::count_dropped_hold();
                return Token::UNWATCHED;
            }
            let _busy = self.enter();
            self.holds.grow();
        }
        // Whatever the lowest entry says of an operation before, this may be its place.
        self.holds.settle();
        let entry = self.holds.entry(len);
        entry.write(hold);
        if len > 0 {
            entry.set_context(self.holds.context(len).wrapping_add(hold.fingerprint()));
        }
        self.holds.set_word(self.holds.word() + 1);
        Token::at(len)
    }

    /// The lock `id` is gone. If the calling thread held it, its guard was forgotten: nobody will take the hold away.
    #[inline(always)]
    pub(crate) fn lock_dropped(id: u64) {
        let thread = own();
        if thread.holds.word() & LEN != 0 {
            while thread.pop(id) {}
        }
    }

    /// Takes away the calling thread's youngest hold, if `token`, which the thread got itself, stands for it and nothing
    /// else is to be done about it. A place says which hold it is as long as none has moved: no look at the lock.
    #[inline(always)]
    pub(crate) fn release_top(token: Token) -> bool {
        own().give_up_top(token)
    }

    #[inline(always)]
    pub(super) fn give_up_top(&self, token: Token) -> bool {
        let word = self.holds.word();
        // Any flag, on either side, makes them differ.
        let is_it = word as u32 == token.0;
        if is_it {
            self.holds.set_word(word - 1);
        }
        is_it
    }

    /// The same, if it is one of `id`: `token` may be another thread's, or not known.
    #[cfg(parking_lot_mirrored)]
    #[inline(always)]
    pub(crate) fn release_youngest(token: Option<Token>, id: u64) -> bool {
        // A guard that stays in its thread has that thread's token.
        #[cfg(not(feature = "send_guard"))]
        if let Some(token) = token {
            return Thread::release_top(token);
        }
        let thread = own();
        let word = thread.holds.word();
        // Any flag makes it none of the inline ones.
        let index = (word as u32).wrapping_sub(1);
        let is_it = token.is_none_or(|token| token.0 == word as u32)
            && (index as usize) < HELD_INLINE
            && thread.holds.inline[index as usize].id() == id;
        if is_it {
            thread.holds.set_word(word - 1);
        }
        is_it
    }

    /// Takes away the calling thread's hold of `id` that `token`, which the thread got itself, stands for.
    #[cold]
    #[inline(never)]
    pub(crate) fn release_older(token: Token, id: u64) {
        own().give_up_older(token, id);
    }

    pub(super) fn give_up_older(&self, token: Token, id: u64) {
        let at = token.place();
        if at < self.holds.doubtful_from() && at < self.holds.len() && self.is_at(at, id) {
            self.give_back(at, at);
        } else {
            self.pop(id);
        }
    }

    /// Takes away the calling thread's youngest hold of `id`, if there is one.
    #[cfg(parking_lot_mirrored)]
    #[cold]
    #[inline(never)]
    pub(crate) fn release_any(id: u64) -> bool {
        own().pop(id)
    }

    /// Takes away the youngest hold of `id`, if there is one.
    #[cold]
    #[inline(never)]
    pub(crate) fn pop(&self, id: u64) -> bool {
        let Some(index) = (0..self.holds.len()).rev().find(|&index| self.is_at(index, id)) else {
            return false;
        };
        self.give_back(index, self.lowest_of(id, index));
        true
    }

    fn is_at(&self, index: usize, id: u64) -> bool {
        self.holds.entry(index).id() == id
    }

    /// The place from which on tokens are wrong once the hold of `id` at `index` has been taken away for whichever guard.
    fn lowest_of(&self, id: u64, index: usize) -> usize {
        (0..index).find(|&lower| self.is_at(lower, id)).unwrap_or(index)
    }

    /// The thread gives up the hold at `index`; from `doubtful` on tokens are wrong after it.
    fn give_back(&self, index: usize, doubtful: usize) {
        let hold = self.holds.read(index);
        if self.is_steered()
            && let Some(hold) = &hold
        {
            steer::operations::releases(self, hold.id.0, hold.mode);
        }
        if self.is_recording()
            && let Some(hold) = &hold
        {
            record::released(self, hold);
        }
        self.remove(index, doubtful);
    }

    /// Takes away the youngest hold of `id` in this mode, and gives it.
    pub(crate) fn take(&self, id: LockId, mode: Mode) -> Option<HeldLock> {
        let (index, hold) = self.find(|hold| hold.id == id && hold.mode == mode)?;
        self.remove(index, self.lowest_of(id.0, index));
        Some(hold)
    }

    /// Puts `to` in the place of the youngest hold of the same lock in the mode `from`.
    pub(crate) fn change(&self, from: Mode, to: HeldLock) -> Option<Token> {
        let (index, _) = self.find(|hold| hold.id == to.id && hold.mode == from)?;
        self.holds.settle();
        self.holds.entry(index).write(to);
        self.sum_up(index, self.holds.len());
        Some(Token::at(index))
    }

    /// The youngest hold that is as asked, and its place.
    pub(super) fn find(&self, is_it: impl Fn(&HeldLock) -> bool) -> Option<(usize, HeldLock)> {
        let read = |index| Some((index, self.holds.read(index)?));
        (0..self.holds.len()).rev().filter_map(read).find(|(_, hold)| is_it(hold))
    }

    fn remove(&self, index: usize, doubtful: usize) {
        let holds = &self.holds;
        if self.is_steered()
            && let Some(hold) = holds.read(index)
        {
            steer::operations::released(self, &hold);
        }
        holds.settle();
        let last = holds.len() - 1;
        for place in index..last {
            if let Some(hold) = holds.entry(place + 1).read() {
                holds.entry(place).write(hold);
            }
        }
        self.sum_up(index, last);
        holds.shrink_by_one(doubtful);
    }

    /// Puts the contexts of the entries `from..to` right again. The lowest entry keeps none.
    fn sum_up(&self, from: usize, to: usize) {
        let holds = &self.holds;
        for place in from.max(1)..to {
            let entry = holds.entry(place);
            entry.set_context(holds.context(place).wrapping_add(entry.fingerprint()));
        }
    }

    /// The key under which what `wanted` teaches in the present hold set is known.
    #[inline]
    pub(crate) fn key(&self, wanted: &HeldLock) -> u64 {
        let context = self.holds.context(self.holds.len());
        key(context, context.wrapping_add(wanted.fingerprint()))
    }

    /// The locks the thread holds.
    pub(crate) fn holds(&self) -> &HoldSet {
        &self.holds
    }

    /// The thread's own hold that keeps it from ever getting what it wants: the youngest such.
    pub(crate) fn hold_against(&self, wanted: &HeldLock) -> Option<HeldLock> {
        self.find(|hold| hold.id == wanted.id && hold.mode.excludes(wanted.mode)).map(|(_, hold)| hold)
    }
}
