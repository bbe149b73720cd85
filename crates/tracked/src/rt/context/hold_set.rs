//! The locks a thread holds, and the word that says so. Pure bookkeeping: what is to be learned or said about a hold is
//! decided elsewhere.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use lockcheck_events::LockId;

use super::hold::{Held, HeldLock};

/// Holds that a `Thread` keeps in its own body.
pub(super) const HELD_INLINE: usize = 32;
/// Holds of one thread that are kept at all; further ones are counted as dropped, and teach nothing: every lock held
/// makes an order with every one that follows.
pub(crate) const HELD_MAX: usize = 1024;

/// Where the operations are counted in a thread's word.
pub(super) const EVENT_SHIFT: u32 = 33;
/// One operation.
pub(super) const EVENT: u64 = 1 << EVENT_SHIFT;
/// The tail of the lowest entry is written. Without it, that entry is of an acquisition by the quickest way, which asks for
/// a plain mutex (`pack` gives 0 for its manner): the thread's last operation. It may have been given back since.
pub(super) const SETTLED: u64 = 1 << 32;
/// The thread is inside the run-time, or not watched: its operations are not looked at.
pub(super) const BUSY: u64 = 1 << 16;
/// The thread has not been seen before. Only together with `BUSY`.
pub(super) const UNSEEN: u64 = 1 << 17;
/// The thread is under control of an exploration: the quick ways are not for it.
pub(super) const STEERED: u64 = 1 << 19;
/// The program states something about what the thread does now (see `intent`): no quick way.
pub(super) const STATED: u64 = 1 << 18;
/// The thread records what it does, which none of the quick ways does.
pub(super) const RECORDING: u64 = 1 << 20;
/// A hold was given up before a younger one, which has moved down since: from `shifted_from` on, what tokens say of places
/// may be wrong. The quick way of a release is closed until all holds from there on are gone.
pub(super) const SHIFTED: u64 = 1 << 24;
/// The bits of a thread's word that count its holds.
pub(super) const LEN: u64 = 0xffff;
/// All but what is said of the operations: zero for a thread that is watched and holds nothing.
pub(super) const NOT_IDLE: u64 = SETTLED - 1;

/// The locks a thread holds. Laid out so that the word and the first entry share a cache line.
#[repr(C, align(64))]
pub(crate) struct HoldSet {
    /// In one word, so that an acquisition reads and writes it once: operations made so far (31 bits), the flags above, and
    /// how many entries are in use (lower 16 bits). Relaxed for the same reason as in `Held::write`.
    word: AtomicU64,
    /// Entries past the inline ones, `HELD_MAX - HELD_INLINE` of them, allocated on the first need.
    overflow: AtomicPtr<Held>,
    /// The number of the thread's last recorded event. Relaxed: others look at it only to number theirs above it.
    pub(in crate::rt) stamp: AtomicU32,
    /// As `doubtful_from` says, with `SHIFTED`. Only for the owning thread.
    shifted_from: AtomicU32,
    pub(super) inline: [Held; HELD_INLINE],
}

impl HoldSet {
    /// That of a thread that has not been seen.
    pub(super) const fn unseen() -> HoldSet {
        HoldSet {
            word: AtomicU64::new(BUSY | UNSEEN | SETTLED),
            overflow: AtomicPtr::new(ptr::null_mut()),
            stamp: AtomicU32::new(0),
            shifted_from: AtomicU32::new(0),
            inline: [Held::EMPTY; HELD_INLINE],
        }
    }

    #[inline(always)]
    pub(super) fn word(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn set_word(&self, word: u64) {
        self.word.store(word, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        (self.word() & LEN) as usize
    }

    /// The place from which on tokens may be wrong about theirs. Below it, the token of a guard says exactly which hold is
    /// the guard's; from it on there are as many holds of each lock as guards of it.
    #[inline]
    pub(super) fn doubtful_from(&self) -> usize {
        if self.word() & SHIFTED == 0 {
            usize::MAX
        } else {
            self.shifted_from.load(Ordering::Relaxed) as usize
        }
    }

    /// A hold is gone, those above it have moved down by one, and from the place `from` on tokens may be wrong.
    pub(super) fn shrink_by_one(&self, from: usize) {
        let from = from.min(self.doubtful_from());
        let (word, left) = (self.word() - 1, self.len() - 1);
        self.shifted_from.store(from as u32, Ordering::Relaxed);
        self.set_word(if left > from { word | SHIFTED } else { word & !SHIFTED });
    }

    /// The `index`th hold's entry. The caller made sure that it is below `len` (or exactly it, after `grow`).
    #[inline(always)]
    pub(super) fn entry(&self, index: usize) -> &Held {
        if index < HELD_INLINE { &self.inline[index] } else { self.overflow_entry(index) }
    }

    #[cold]
    fn overflow_entry(&self, index: usize) -> &Held {
        assert!((HELD_INLINE..HELD_MAX).contains(&index), "a hold outside the hold set");
        // Acquire pairs with the Release in `grow`: the array's contents are there.
        let overflow = self.overflow.load(Ordering::Acquire);
        assert!(!overflow.is_null(), "a hold past the inline ones before there is room for it");
        // SAFETY: not null and in bounds as asserted; the array is freed only when its thread has left the table of
        // all threads, by which others come here.
        unsafe { &*overflow.add(index - HELD_INLINE) }
    }

    /// The `index`th hold, as [`Held::read`] says.
    #[inline]
    pub(super) fn read(&self, index: usize) -> Option<HeldLock> {
        let word = self.word();
        if index == 0 && word & SETTLED == 0 {
            return self.inline[0].read_with(unsettled_tail(word));
        }
        self.entry(index).read()
    }

    /// Writes what is left to write of the lowest entry. To be done before an operation is counted that is not one of the
    /// quickest way.
    #[inline(always)]
    pub(super) fn settle(&self) {
        let word = self.word();
        if word & SETTLED == 0 {
            self.inline[0].set_tail(unsettled_tail(word));
            self.set_word(word | SETTLED);
        }
    }

    /// An order-free hash of the `len` lowest holds: the sum of their fingerprints.
    #[inline(always)]
    pub(super) fn context(&self, len: usize) -> u64 {
        match len {
            0 => 0,
            1 => {
                let word = self.word();
                let lowest = &self.inline[0];
                if word & SETTLED == 0 { lowest.fingerprint_with(0) } else { lowest.fingerprint() }
            }
            _ => self.entry(len - 1).context(),
        }
    }

    /// Makes the array for further entries if it is missing.
    pub(super) fn grow(&self) {
        if self.overflow.load(Ordering::Relaxed).is_null() {
            let entries: Box<[Held]> = (HELD_INLINE..HELD_MAX).map(|_| Held::EMPTY).collect();
            self.overflow.store(Box::into_raw(entries).cast(), Ordering::Release);
        }
    }

    /// Gives the array back. Nobody else can reach the hold set any more.
    pub(super) fn shrink(&self) {
        let overflow = self.overflow.swap(ptr::null_mut(), Ordering::Relaxed);
        if !overflow.is_null() {
            let entries = ptr::slice_from_raw_parts_mut(overflow, HELD_MAX - HELD_INLINE);
            // SAFETY: made by `grow` from a box of this length, and taken out above, so that it is freed once.
            drop(unsafe { Box::from_raw(entries) });
        }
    }

    /// All holds, oldest first. On another thread, only as true as the wait slot's sequence says.
    pub(crate) fn iter(&self) -> impl Iterator<Item = HeldLock> + '_ {
        let room = if self.overflow.load(Ordering::Acquire).is_null() { HELD_INLINE } else { HELD_MAX };
        (0..self.len().min(room)).filter_map(|index| self.read(index))
    }

    /// What the thread itself holds, oldest first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = LockId> + '_ {
        (0..self.len()).map(|index| LockId(self.entry(index).id()))
    }

    /// The thread's own holds, and behind them those that it has given back and that no other has taken the place
    /// of: of each depth the last.
    pub(crate) fn with_given_back(&self) -> impl Iterator<Item = HeldLock> + '_ {
        let len = self.len();
        self.iter().chain((len..HELD_INLINE).map_while(|index| self.read(index)))
    }
}

/// The tail of the lowest entry where it is not written.
#[inline(always)]
pub(super) fn unsettled_tail(word: u64) -> u64 {
    word.wrapping_sub(EVENT) & !NOT_IDLE
}
