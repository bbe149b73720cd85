//! What is asked of the registry over and over, answered by one load: the id of a place, and whether the knowledge has
//! heard of a lock or a site.
//!
//! Tables of fixed size, in which a newer entry overwrites an older one: they may forget, never lie. What they do not
//! know is asked of the registry, the only source of truth. Relaxed throughout: an entry is one word and says
//! everything by itself.

use std::sync::atomic::{AtomicU64, Ordering};

use lockcheck_events::{LockId, SiteId};

/// Places that are remembered. A power of two.
const PLACES: usize = 1 << 10;
/// Locks that are remembered as announced. A power of two.
const LOCKS: usize = 1 << 14;
/// Sites of which it is remembered whether they were announced: the first so many.
const SITES: usize = 1 << 16;
/// The bits of an entry of `PLACE_IDS` that hold the id; the address stands above them.
const ID_BITS: u32 = 16;

/// Address and id of a place, by the address.
static PLACE_IDS: [AtomicU64; PLACES] = [const { AtomicU64::new(0) }; PLACES];
/// Announced locks, by their number.
static ANNOUNCED: [AtomicU64; LOCKS] = [const { AtomicU64::new(0) }; LOCKS];
/// One bit for each announced site.
static ANNOUNCED_SITES: [AtomicU64; SITES / 64] = [const { AtomicU64::new(0) }; SITES / 64];

fn place(address: usize) -> &'static AtomicU64 {
    // Places lie 24 bytes apart, in one table of the program's.
    &PLACE_IDS[(address >> 3) % PLACES]
}

/// The id of the place at `address`, if it is remembered.
#[inline]
pub(super) fn site(address: usize) -> Option<SiteId> {
    let entry = place(address).load(Ordering::Relaxed);
    (entry != 0 && entry >> ID_BITS == address as u64)
        .then_some(SiteId((entry & ((1 << ID_BITS) - 1)) as u32))
}

/// The place at `address` has this id. Not remembered where the two do not fit into a word.
pub(super) fn site_is(address: usize, id: SiteId) {
    if address as u64 >> (64 - ID_BITS) == 0 && id.0 >> ID_BITS == 0 {
        place(address).store((address as u64) << ID_BITS | u64::from(id.0), Ordering::Relaxed);
    }
}

fn lock(lock: LockId) -> &'static AtomicU64 {
    &ANNOUNCED[lock.0 as usize % LOCKS]
}

/// Whether the knowledge has certainly heard of the lock.
#[inline]
pub(super) fn is_announced(id: LockId) -> bool {
    lock(id).load(Ordering::Relaxed) == id.0
}

/// The knowledge is about to hear of the lock.
pub(super) fn announced(id: LockId) {
    lock(id).store(id.0, Ordering::Relaxed);
}

/// There is news of the lock.
pub(super) fn no_longer_announced(id: LockId) {
    let _ = lock(id).compare_exchange(id.0, 0, Ordering::Relaxed, Ordering::Relaxed);
}

/// Whether the knowledge has certainly heard of the site.
#[inline]
pub(super) fn is_announced_site(id: SiteId) -> bool {
    ANNOUNCED_SITES
        .get(id.0 as usize / 64)
        .is_some_and(|word| word.load(Ordering::Relaxed) & 1 << (id.0 % 64) != 0)
}

/// The knowledge is about to hear of the site.
pub(super) fn announced_site(id: SiteId) {
    if let Some(word) = ANNOUNCED_SITES.get(id.0 as usize / 64) {
        word.fetch_or(1 << (id.0 % 64), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overwritten_entry_is_forgotten_not_mistaken() {
        let (one, two) = (1 << 20, (1 << 20) + (PLACES << 3));
        site_is(one, SiteId(7));
        assert_eq!((site(one), site(two)), (Some(SiteId(7)), None));
        site_is(two, SiteId(8));
        assert_eq!((site(one), site(two)), (None, Some(SiteId(8))));
    }

    #[test]
    fn what_does_not_fit_is_not_remembered() {
        site_is(3 << 20, SiteId(1 << 16));
        assert_eq!(site(3 << 20), None);
        site_is(usize::MAX & !7, SiteId(1));
        assert_eq!(site(usize::MAX & !7), None);
        announced_site(SiteId(SITES as u32));
        assert!(!is_announced_site(SiteId(SITES as u32)));
    }

    #[test]
    fn news_of_a_lock_is_told_again() {
        let id = LockId(u64::MAX - 1);
        assert!(!is_announced(id));
        announced(id);
        assert!(is_announced(id));
        no_longer_announced(LockId(id.0 - LOCKS as u64));
        assert!(is_announced(id));
        no_longer_announced(id);
        assert!(!is_announced(id));
    }
}
