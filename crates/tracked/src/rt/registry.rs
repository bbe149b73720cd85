//! What ids stand for: threads, locks and sites, for as long as a report may name them.
//!
//! Kept in concurrent maps, so that a report can read while threads go on adding.

use std::collections::hash_map::RandomState;
use std::ptr;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{LazyLock, Once};
use std::time::Duration;

use dashmap::DashMap;
use lockcheck_events::{LockId, LockKind, RawSite, SiteId, StackId, ThreadId};
use parking_lot::{Mutex, RwLock};

use super::context::{HELD_MAX, HeldLock, HoldSet, Place, Shared};
use super::familiar;
use super::hash::ByNumber;
use super::operation::Meta;

type Map<K, V, S = ByNumber> = LazyLock<DashMap<K, V, S>>;

/// What is known of a lock that took part in a nesting or a contention, or that has a name.
#[derive(Clone)]
pub(crate) struct LockEntry {
    pub kind: LockKind,
    pub created: SiteId,
    pub name: Option<String>,
    /// Whether the knowledge (and the trace) has heard of it.
    pub announced: bool,
}

/// What is known of a thread.
#[derive(Clone)]
pub(crate) struct ThreadEntry {
    pub name: Option<String>,
    pub scope: Option<String>,
    /// Who started it, if that is known.
    pub parent: Option<ThreadId>,
}

/// Who started the thread, if that is known.
pub(crate) fn parent(thread: ThreadId) -> Option<ThreadId> {
    THREADS.get(&thread).and_then(|entry| entry.parent)
}

/// The named scope that the thread counts in.
pub(crate) fn scope(thread: ThreadId) -> Option<String> {
    THREADS.get(&thread).and_then(|entry| entry.scope.clone())
}

pub(crate) static LOCKS: Map<LockId, LockEntry> = LazyLock::new(DashMap::default);
pub(crate) static THREADS: Map<ThreadId, ThreadEntry> = LazyLock::new(DashMap::default);
pub(crate) static STACKS: Map<StackId, Vec<u64>> = LazyLock::new(DashMap::default);
/// Stacks by content.
static STACK_IDS: Map<Vec<u64>, StackId, RandomState> = LazyLock::new(DashMap::default);
static SITES: Map<SiteId, RawSite> = LazyLock::new(DashMap::default);
/// The sites that the knowledge (and the trace) has heard of.
static ANNOUNCED_SITES: Map<SiteId, ()> = LazyLock::new(DashMap::default);
/// Sites by content; the same line compiled into two crates is one site.
static SITE_IDS: Map<RawSite, SiteId, RandomState> = LazyLock::new(DashMap::default);
/// The same by address, to find them quickly.
static SITE_AT: Map<usize, SiteId> = LazyLock::new(DashMap::default);

/// What others see of threads, one entry for each slot there ever was; never freed. Whoever reads a hold set keeps
/// this locked meanwhile, so that its thread cannot go away.
static ALL: RwLock<Vec<&'static Shared>> = RwLock::new(Vec::new());
/// Those without a user.
static IDLE: Mutex<Vec<&'static Shared>> = Mutex::new(Vec::new());

/// Holds that were not kept because a thread held more than `HELD_MAX` locks.
static DROPPED_HOLDS: AtomicU64 = AtomicU64::new(0);

/// Calls `each` for every thread that can be seen, with its hold set.
pub(crate) fn for_each_thread(mut each: impl FnMut(&'static Shared, &HoldSet)) {
    for shared in ALL.read().iter() {
        // SAFETY: a hold set is shown as long as its thread lives; `hide` waits for the lock that is held here.
        if let Some(holds) = unsafe { shared.holds.load(Ordering::Relaxed).as_ref() } {
            each(shared, holds);
        }
    }
}

/// As `for_each_thread`, without waiting and from any state; `false` where the table cannot be had at once.
pub(crate) fn try_for_each_thread(mut each: impl FnMut(&'static Shared, &HoldSet)) -> bool {
    let Some(all) = ALL.try_read_recursive() else { return false };
    for shared in all.iter() {
        // SAFETY: as above.
        if let Some(holds) = unsafe { shared.holds.load(Ordering::Relaxed).as_ref() } {
            each(shared, holds);
        }
    }
    true
}

/// What `look` finds, among the first `most` threads that can be seen, without waiting.
pub(crate) fn try_find_thread<T>(
    most: usize,
    look: impl Fn(&'static Shared, &HoldSet) -> Option<T>,
) -> Option<T> {
    let all = ALL.try_read_recursive()?;
    all.iter().take(most).find_map(|shared| {
        // SAFETY: as above.
        let holds = unsafe { shared.holds.load(Ordering::Relaxed).as_ref() }?;
        look(shared, holds)
    })
}

/// parking_lot allocates its table of parked threads when it is first asked for. That is to be over before `ALL` is given
/// back, by a dump that must not allocate, to the first thread that ever parks.
fn make_parking_table() {
    let lock = Mutex::new(());
    let _held = lock.lock();
    // Parks, and gives up at once.
    let second = lock.try_lock_for(Duration::from_nanos(1));
    debug_assert!(second.is_none(), "it is held");
}

/// A slot without a user.
pub(crate) fn idle_shared() -> &'static Shared {
    static TABLE: Once = Once::new();
    TABLE.call_once(make_parking_table);
    if let Some(shared) = IDLE.lock().pop() {
        return shared;
    }
    let mut all = ALL.write();
    let shared: &'static Shared = Box::leak(Box::new(Shared::new(all.len() as u32 + 1)));
    all.push(shared);
    super::waits::announce(shared);
    shared
}

/// Lets others see the calling thread.
pub(crate) fn show(shared: &'static Shared, holds: &HoldSet) {
    let _all = ALL.write();
    shared.holds.store(ptr::from_ref(holds).cast_mut(), Ordering::Relaxed);
}

/// The calling thread can no longer be seen, and its slot is free.
pub(crate) fn hide(shared: &'static Shared) {
    let all = ALL.write();
    shared.holds.store(ptr::null_mut(), Ordering::Relaxed);
    drop(all);
    IDLE.lock().push(shared);
}

/// The id under which `place` is known.
pub(crate) fn site(place: Place) -> SiteId {
    let address = std::ptr::from_ref(place).addr();
    familiar::site(address).unwrap_or_else(|| {
        let id = SITE_AT.get(&address).map(|id| *id).unwrap_or_else(|| new_site(place, address));
        familiar::site_is(address, id);
        id
    })
}

fn new_site(place: Place, address: usize) -> SiteId {
    let id = site_of(RawSite { file: place.file().to_owned(), line: place.line(), column: place.column() });
    SITE_AT.insert(address, id);
    id
}

/// The id of a site, by content.
pub(crate) fn site_of(raw: RawSite) -> SiteId {
    *SITE_IDS.entry(raw.clone()).or_insert_with(|| {
        // Relaxed: only uniqueness matters. From 1: 0 is no site.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = SiteId(NEXT.fetch_add(1, Ordering::Relaxed));
        SITES.insert(id, raw);
        id
    })
}

/// A place that stands for a site the compiler does not know, such as a line of a sketch. Never freed.
pub(crate) fn place_for(raw: RawSite) -> Place {
    let place: Place = Box::leak(Box::new(*std::panic::Location::caller()));
    SITE_AT.insert(ptr::from_ref(place).addr(), site_of(raw));
    place
}

/// Where a site is.
pub(crate) fn raw_site(site: SiteId) -> Option<RawSite> {
    SITES.get(&site).map(|raw| raw.clone())
}

/// Whether the knowledge must hear of the site now.
pub(crate) fn announce_site(site: SiteId) -> bool {
    if familiar::is_announced_site(site) {
        return false;
    }
    let first = ANNOUNCED_SITES.insert(site, ()).is_none();
    familiar::announced_site(site);
    first
}

/// The id of a stack, and whether it is new.
pub(crate) fn stack(addresses: &[u64]) -> (StackId, bool) {
    if let Some(id) = STACK_IDS.get(addresses) {
        return (*id, false);
    }
    // Relaxed: only uniqueness matters. From 1: 0 is no stack.
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let id = StackId(NEXT.fetch_add(1, Ordering::Relaxed));
    STACKS.insert(id, addresses.to_vec());
    STACK_IDS.insert(addresses.to_vec(), id);
    (id, true)
}

/// Buckets of the filter below; a power of two.
const FILTER: usize = 1 << 16;

/// How many registered locks fall into each bucket: dropping a lock that never nested then costs one load.
/// Relaxed: the registering thread held a reference to the lock, so its store happens before the drop.
static REGISTERED: [AtomicU16; FILTER] = [const { AtomicU16::new(0) }; FILTER];

fn bucket(lock: LockId) -> &'static AtomicU16 {
    &REGISTERED[(lock.0 ^ lock.0 >> 16) as usize % FILTER]
}

/// Whether the registry may know the lock; `false` is certain.
#[inline(always)]
pub(crate) fn may_be_registered(lock: LockId) -> bool {
    bucket(lock).load(Ordering::Relaxed) != 0
}

/// Counts up, and stays at the top for good once it is there: such a bucket only costs a look-up.
fn count_up(lock: LockId) {
    let _ = bucket(lock).fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_add(1));
}

fn count_down(lock: LockId) {
    let _ = bucket(lock).fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| match count {
        u16::MAX => None,
        count => count.checked_sub(1),
    });
}

/// What the lock is and where it was created, as far as anybody knows. A lock made by code that cannot say for whom is
/// known by where it was first met.
pub(crate) fn origin(lock: &HeldLock) -> (LockKind, Place) {
    let created = if Meta::is_nowhere(lock.created) { lock.site } else { lock.created };
    (kind_at(lock.kind, lock.site), created)
}

/// What a lock is that is said to be of this kind and is acquired there. lock_api makes re-entrant mutexes out of the raw
/// ones of plain mutexes, which learn of it only by the file that acquires them.
pub(crate) fn kind_at(kind: LockKind, site: Place) -> LockKind {
    let file = site.file();
    if kind == LockKind::Mutex && file.ends_with("remutex.rs") && file.contains("lock_api") {
        return LockKind::Reentrant;
    }
    kind
}

/// Registers the lock if it is new; gives its entry if the knowledge has not heard of it, and takes note that it has.
#[inline]
pub(crate) fn announce_lock(lock: &HeldLock) -> Option<LockEntry> {
    if familiar::is_announced(lock.id) { None } else { announce_unfamiliar(lock) }
}

#[cold]
fn announce_unfamiliar(lock: &HeldLock) -> Option<LockEntry> {
    let (lock, (kind, created)) = (lock.id, origin(lock));
    let mut entry = LOCKS.entry(lock).or_insert_with(|| {
        count_up(lock);
        LockEntry { kind, created: site(created), name: None, announced: false }
    });
    // With the entry in hand, as `name_lock` takes it back.
    familiar::announced(lock);
    if std::mem::replace(&mut entry.announced, true) {
        return None;
    }
    Some(entry.clone())
}

/// Registers the lock, of which the knowledge need not hear.
pub(crate) fn register_lock(lock: LockId, kind: LockKind, created: Place) {
    LOCKS.entry(lock).or_insert_with(|| {
        count_up(lock);
        LockEntry { kind, created: site(created), name: None, announced: false }
    });
}

/// Registers what stands for a thread, which the knowledge hears of from the caller.
pub(crate) fn register_thread(lock: LockId, created: SiteId, name: String) {
    LOCKS.entry(lock).or_insert_with(|| {
        count_up(lock);
        LockEntry { kind: LockKind::Thread, created, name: Some(name), announced: true }
    });
}

/// Registers the lock under a name.
pub(crate) fn name_lock(lock: LockId, kind: LockKind, created: Place, name: &str) {
    let mut entry = LOCKS.entry(lock).or_insert_with(|| {
        count_up(lock);
        LockEntry { kind, created: site(created), name: None, announced: false }
    });
    entry.name = Some(name.to_owned());
    entry.announced = false;
    familiar::no_longer_announced(lock);
}

/// Whether a lock that is gone can be forgotten: the knowledge never heard of it.
pub(crate) fn forget_lock(lock: LockId) -> Option<LockEntry> {
    let (_, entry) = LOCKS.remove_if(&lock, |_, entry| !entry.announced)?;
    count_down(lock);
    Some(entry)
}

/// Takes the lock out of the filter: it is gone, and only its description stays for reports.
pub(crate) fn lock_gone(lock: LockId) {
    count_down(lock);
}

/// A hold went past the limit.
pub(crate) fn count_dropped_hold() {
    DROPPED_HOLDS.fetch_add(1, Ordering::Relaxed);
}

/// The remark about lost holds, if there were any.
pub(crate) fn dropped_holds() -> Option<String> {
    match DROPPED_HOLDS.load(Ordering::Relaxed) {
        0 => None,
        count => {
            Some(format!("{count} holds were not kept: a thread held more than {HELD_MAX} locks at once"))
        }
    }
}
