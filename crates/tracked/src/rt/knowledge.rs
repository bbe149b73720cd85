//! What has been learned: each thread's table of what it need not ask again, and behind one mutex the judge and the
//! trace file.
//!
//! Only new knowledge comes here. The mutex is taken for a bounded time: an allocator that uses tracked locks may
//! hold one of them while it waits here and while the holder of the mutex wants memory. Knowledge that could not be
//! filed in time is not marked as known, so the next such acquisition brings it again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lockcheck_checker::{Finding, Judge, News, Report, Tier, Verdict, stale};
use lockcheck_events::trace_file::TraceWriter;
use lockcheck_events::{
    Attempt, Heard, Hold, LockId, Record, Refuted, Request, SiteId, StackId, ThreadId, TokenId,
};
use parking_lot::Mutex;

use super::context::{HELD_MAX, HeldLock, HoldSet, Thread, current_if_known};
use super::names::Names;
use super::wait_edges::Turn;
use super::{contention, intent, mode, output, reaction, registry, stack};

/// Longest wait for the knowledge mutex. Whoever has it may be waiting for the asker, inside of an allocator with watched
/// locks, so there has to be an end; but with a hundred threads on two busy processors, 100 ms was a turn or two.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for what orders threads: without it, what is ordered would look concurrent. Threads start and end outside
/// of allocators, so that waiting longer holds nobody up.
const PATIENCE_FOR_ORDER: Duration = Duration::from_secs(10);
/// The same for one who asks for a report and cannot do without.
const PATIENCE_FOR_REPORT: Duration = Duration::from_secs(60);
/// Keys in a thread's table when it is first used.
const KNOWN_FIRST: usize = 256;
/// Keys in a thread's table at the most; beyond, older keys are overwritten and learned again.
const KNOWN_MAX: usize = 1 << 18;
/// Neighbouring places where a key may stand.
const PROBES: usize = 8;
/// Dropped locks, and ended threads, whose description is kept for findings to come.
const GONE_MAX: usize = 65_536;

/// The keys a thread has learned from: an open-addressing table of bare 64-bit keys, 0 meaning free.
pub(crate) struct Known {
    keys: Vec<u64>,
    used: usize,
}

impl Known {
    pub(crate) const fn new() -> Known {
        Known { keys: Vec::new(), used: 0 }
    }

    #[inline(always)]
    pub(crate) fn contains(&self, key: u64) -> bool {
        self.has_at_home(key) || self.contains_displaced(key)
    }

    /// Whether the key is known and stands at its first place, as one does that was never displaced.
    #[inline(always)]
    pub(crate) fn has_at_home(&self, key: u64) -> bool {
        // An empty table has no first place.
        let home = (key as usize) & self.keys.len().wrapping_sub(1);
        self.keys.get(home) == Some(&key)
    }

    #[inline(never)]
    fn contains_displaced(&self, key: u64) -> bool {
        let mask = self.keys.len().wrapping_sub(1);
        (1..PROBES).any(|probe| self.keys.get((key as usize).wrapping_add(probe) & mask) == Some(&key))
    }

    fn insert(&mut self, key: u64) {
        if self.used * 2 >= self.keys.len() && self.keys.len() < KNOWN_MAX {
            let bigger = (self.keys.len() * 2).max(KNOWN_FIRST);
            let old = std::mem::replace(&mut self.keys, vec![0; bigger]);
            self.used = 0;
            for key in old.into_iter().filter(|&key| key != 0) {
                self.place(key);
            }
        }
        self.place(key);
    }

    fn place(&mut self, key: u64) {
        let mask = self.keys.len() - 1;
        let home = key as usize;
        let free = (0..PROBES).find(|probe| self.keys[home.wrapping_add(*probe) & mask] == 0);
        self.used += usize::from(free.is_some());
        // With no free neighbour, one is overwritten, another one for another key.
        let probe = free.unwrap_or((key >> 32) as usize % PROBES);
        self.keys[home.wrapping_add(probe) & mask] = key;
    }

    /// Forgets everything: what comes now is concurrent with threads that did not exist before.
    pub(crate) fn forget(&mut self) {
        if self.used > 0 {
            self.keys.fill(0);
            self.used = 0;
        }
    }
}

/// The judge, and the file that tells the CLI.
struct Knowledge {
    judge: Judge,
    trace: Option<TraceWriter>,
    /// Announced locks that were dropped, oldest first; their descriptions are kept so long.
    gone_locks: VecDeque<LockId>,
    /// The same for threads that have ended.
    gone_threads: VecDeque<ThreadId>,
}

static KNOWLEDGE: Mutex<Option<Knowledge>> = Mutex::new(None);

/// Pieces of knowledge that could not be filed in time.
static UNFILED: AtomicU64 = AtomicU64::new(0);

impl Knowledge {
    fn new() -> Knowledge {
        let mut knowledge = Knowledge {
            judge: Judge::new(),
            trace: output::open_trace(),
            gone_locks: VecDeque::new(),
            gone_threads: VecDeque::new(),
        };
        knowledge.file_all(&output::process_records());
        knowledge
    }

    /// Hands the record to the judge and to the trace; gives what it brings to light.
    fn file(&mut self, record: &Record) -> Vec<News> {
        let news = self.judge.feed(record);
        if let Some(trace) = &mut self.trace
            && trace.append(record).is_err()
        {
            // The writer has said so in the file and takes nothing more; the judge goes on.
            self.trace = None;
        }
        news
    }

    fn file_all(&mut self, records: &[Record]) -> Vec<News> {
        records.iter().flat_map(|record| self.file(record)).collect()
    }
}

/// Takes note that the description of `gone` may be wanted no more; gives one that is old enough to be forgotten.
fn retire<T>(queue: &mut VecDeque<T>, gone: T) -> Option<T> {
    queue.push_back(gone);
    if queue.len() > GONE_MAX { queue.pop_front() } else { None }
}

/// Runs `work` on the knowledge; `None` where it could not be had in time.
fn with<R>(work: impl FnOnce(&mut Knowledge) -> R) -> Option<R> {
    with_patience(PATIENCE, work)
}

fn with_patience<R>(patience: Duration, work: impl FnOnce(&mut Knowledge) -> R) -> Option<R> {
    let Some(mut knowledge) = KNOWLEDGE.try_lock_for(patience) else {
        UNFILED.fetch_add(1, Ordering::Relaxed);
        return None;
    };
    Some(work(knowledge.get_or_insert_with(Knowledge::new)))
}

/// Set when something that orders threads was lost: from then on nothing is learned, because it could be wrong.
static ORDER_LOST: AtomicBool = AtomicBool::new(false);

/// Files a record that orders threads.
fn file_order(record: &Record) {
    let filed = with_patience(PATIENCE_FOR_ORDER, |knowledge| drop(knowledge.file(record)));
    if filed.is_none() {
        // Relaxed: a thread that sees it late learns a little more, as it would have a moment earlier.
        ORDER_LOST.store(true, Ordering::Relaxed);
    }
}

/// Files one record.
pub(crate) fn file(record: Record) {
    with(|knowledge| knowledge.file(&record));
}

/// Where the trace is, if one is written.
pub(crate) fn trace_path() -> Option<std::path::PathBuf> {
    with(|knowledge| knowledge.trace.as_ref().map(|trace| trace.path().to_owned())).flatten()
}

/// Files what an object is, unless that was done.
pub(crate) fn announce_one(object: &HeldLock) {
    let mut records = Vec::new();
    announce([*object].into_iter(), &mut records);
    file_all(records);
}

/// Files these, in their order; gives what they bring to light.
pub(crate) fn file_all(records: Vec<Record>) -> Vec<News> {
    if records.is_empty() {
        return Vec::new();
    }
    with(|knowledge| knowledge.file_all(&records)).unwrap_or_default()
}

/// Files what teaches something; where that works out, marks `key` as known.
pub(crate) fn learned(thread: &Thread, key: u64, records: Vec<Record>) -> Vec<News> {
    let found = with(|knowledge| knowledge.file_all(&records));
    if found.is_some() {
        thread.known().insert(key);
    }
    found.unwrap_or_default()
}

/// The signal of an object by `thread`, who asked for `needs` first, having `heard` so much, with the records that must
/// stand before it.
pub(crate) fn signal(
    thread: ThreadId,
    object: &HeldLock,
    needs: &[HeldLock],
    turn: Turn,
    heard: Heard,
) -> Vec<Record> {
    let mut records = Vec::new();
    announce(needs.iter().copied().chain([*object]), &mut records);
    let request = Request {
        thread,
        event: object.event,
        lock: object.id,
        mode: object.mode,
        attempt: Attempt::Try,
        site: registry::site(object.site),
        stack: StackId(0),
        holds: needs.iter().map(describe).collect(),
    };
    announce_sites(&request, &mut records);
    records.push(Record::Signal { request, ends: turn.ends, turn: turn.number, heard });
    records
}

/// The records that must stand before one that names these places.
fn announce_sites(request: &Request, records: &mut Vec<Record>) {
    for site in request.holds.iter().map(|hold| hold.site).chain([request.site]) {
        if registry::announce_site(site) {
            site_record(site, records);
        }
    }
}

/// A lock request as the checker knows it: with everything the thread holds.
pub(crate) fn request(thread: ThreadId, holds: &HoldSet, wanted: &HeldLock, stack: StackId) -> Request {
    request_in(Vec::with_capacity(holds.len()), thread, holds, wanted, stack)
}

/// The same; `room` is empty.
fn request_in(
    mut room: Vec<Hold>,
    thread: ThreadId,
    holds: &HoldSet,
    wanted: &HeldLock,
    stack: StackId,
) -> Request {
    holds.iter().for_each(|hold| room.push(describe(&hold)));
    Request {
        thread,
        event: wanted.event,
        lock: wanted.id,
        mode: wanted.mode,
        attempt: wanted.attempt,
        site: registry::site(wanted.site),
        stack,
        holds: room,
    }
}

/// A hold as the checker knows it.
pub(crate) fn describe(hold: &HeldLock) -> Hold {
    Hold {
        lock: hold.id,
        mode: hold.mode,
        attempt: hold.attempt,
        site: registry::site(hold.site),
        event: hold.event,
    }
}

/// The records that must stand before one that names these locks.
fn announce(locks: impl Iterator<Item = HeldLock>, records: &mut Vec<Record>) {
    for lock in locks {
        if let Some(entry) = registry::announce_lock(&lock) {
            if registry::announce_site(entry.created) {
                site_record(entry.created, records);
            }
            records.push(Record::Lock {
                lock: lock.id,
                kind: entry.kind,
                created: entry.created,
                name: entry.name,
            });
        }
    }
}

/// Files what must be known of an object before somebody outside hears of it, and whatever `more` says of it.
pub(crate) fn introduce(thread: &Thread, object: &HeldLock, more: Option<Record>) {
    let _busy = thread.enter();
    let mut records = Vec::new();
    announce([*object].into_iter(), &mut records);
    let site = registry::site(object.site);
    if registry::announce_site(site) {
        site_record(site, &mut records);
    }
    records.extend(more);
    file_all(records);
}

fn site_record(site: lockcheck_events::SiteId, records: &mut Vec<Record>) {
    if let Some(raw) = registry::raw_site(site) {
        records.push(Record::Site { site, raw });
    }
}

/// The records that must stand before one with these sides, which name these locks.
pub(crate) fn announced(locks: &[HeldLock], sides: &[Request]) -> Vec<Record> {
    let mut records = Vec::new();
    announce(locks.iter().copied(), &mut records);
    sides.iter().for_each(|side| announce_sites(side, &mut records));
    records
}

/// The request, with its stack, and the records that must stand before it.
pub(crate) fn prepare(thread: &Thread, wanted: &HeldLock) -> (Request, Vec<Record>) {
    let mut records = Vec::new();
    announce(thread.holds().iter().chain([*wanted]), &mut records);
    let stack = stack::of_request(thread, wanted, &mut records);
    let request = request_in(thread.take_room(), thread.id(), thread.holds(), wanted, stack);
    announce_sites(&request, &mut records);
    records.extend(intent::of_request(thread, &request).map(Record::Intent));
    (request, records)
}

/// Two threads were in the gate at once. `entry` is how the second one holds it.
pub(crate) fn gate_refuted(entry: &HeldLock, refuted: Refuted) -> Vec<News> {
    let mut records = Vec::new();
    announce([*entry].into_iter(), &mut records);
    for site in [refuted.first.site, refuted.second.site] {
        if registry::announce_site(site) {
            site_record(site, &mut records);
        }
    }
    records.push(Record::GateRefuted(refuted));
    file_all(records)
}

/// An `ignore` was entered for the first time.
pub(crate) fn met_ignore(site: SiteId, reason: &str) {
    let mut records = Vec::new();
    if registry::announce_site(site) {
        site_record(site, &mut records);
    }
    records.push(Record::Ignore { site, reason: reason.to_owned() });
    file_all(records);
}

/// What is to be said of `ignore`s that were of no use so far.
pub(crate) fn stale_ignores() -> Vec<String> {
    let ignores = with_patience(PATIENCE_FOR_REPORT, |knowledge| knowledge.judge.ignores());
    stale(ignores.unwrap_or_default().into_iter().map(|ignore| ignore.at(&Names)))
}

/// Learns what the acquisition of `wanted` in the present hold set teaches, and marks `key` as known.
#[cold]
#[inline(never)]
pub(crate) fn learn(thread: &Thread, wanted: &HeldLock, key: u64) {
    if wanted.attempt == Attempt::Try || thread.held_len() >= HELD_MAX {
        return;
    }
    let found = {
        let _busy = thread.enter();
        let (request, records) = prepare(thread, wanted);
        let record = Record::Request(request);
        let found = with(|knowledge| {
            knowledge.file_all(&records);
            knowledge.file(&record)
        });
        if found.is_some() {
            thread.known().insert(key);
        }
        if let Record::Request(request) = record {
            thread.keep_room(request.holds);
        }
        found
    };
    for news in found.unwrap_or_default() {
        reaction::found(thread, &news);
    }
}

/// Learns that the calling thread accesses a datum, which the mode of `access` says how, and marks `key` as known.
#[cfg(all(feature = "process", target_os = "linux"))]
pub(crate) fn learn_access(thread: &Thread, access: &HeldLock, key: u64) {
    let busy = thread.enter();
    let (request, mut records) = prepare(thread, access);
    let writes = access.mode == lockcheck_events::Mode::Exclusive;
    records.push(Record::Access { request, writes });
    let found = learned(thread, key, records);
    drop(busy);
    found.iter().for_each(|news| reaction::found(thread, news));
}

/// Files a stuck set, or what may be one, with everything it refers to: `locks` are what its members hold and want.
pub(crate) fn stuck(record: Record, locks: &[HeldLock]) -> Vec<News> {
    let mut records = Vec::new();
    announce(locks.iter().copied(), &mut records);
    if let Record::Stuck { threads, .. } | Record::MaybeStuck { threads, .. } = &record {
        threads.iter().for_each(|side| announce_sites(&side.request, &mut records));
    }
    records.push(record);
    file_stuck(&records)
}

/// Files records with a stuck set among them. The thread is stuck: it can wait.
pub(crate) fn file_stuck(records: &[Record]) -> Vec<News> {
    with_patience(PATIENCE_FOR_ORDER, |knowledge| knowledge.file_all(records)).unwrap_or_default()
}

/// The point of `thread`'s life that this is, for others to be ordered after. What the thread learned before is
/// forgotten: only what it does from now on is concurrent with those.
pub(crate) fn before(thread: &Thread) -> TokenId {
    let token = fresh_token();
    before_at(thread, token);
    token
}

/// A point that nobody has named yet.
pub(crate) fn fresh_token() -> TokenId {
    // Relaxed: only uniqueness matters.
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    TokenId(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// As [`before`], for a point that several threads come before.
pub(crate) fn before_at(thread: &Thread, token: TokenId) {
    let _busy = thread.enter();
    thread.known().forget();
    thread.wait_slot().set_anchor(thread);
    file_order(&Record::Before { thread: thread.id(), token });
}

/// Orders what `thread` does from here on after `token`.
pub(crate) fn after(thread: &Thread, token: TokenId) {
    let _busy = thread.enter();
    thread.wait_slot().set_anchor(thread);
    file_order(&Record::After { thread: thread.id(), token });
}

/// Nobody will ask for these points any more.
pub(crate) fn forget(tokens: &[TokenId]) {
    if !mode::watching() {
        return;
    }
    let busy = current_if_known().map(Thread::enter);
    with(|knowledge| tokens.iter().for_each(|&token| knowledge.judge.forget(token)));
    drop(busy);
}

/// A lock that the registry may know was dropped.
#[cold]
pub(crate) fn lock_dropped(lock: LockId) {
    if !mode::watching() {
        return;
    }
    let busy = current_if_known().map(Thread::enter);
    if registry::forget_lock(lock).is_none() && registry::LOCKS.contains_key(&lock) {
        registry::lock_gone(lock);
        with(|knowledge| {
            knowledge.file(&Record::LockDropped { lock });
            if let Some(oldest) = retire(&mut knowledge.gone_locks, lock)
                && !knowledge.judge.found().mentions_lock(oldest)
            {
                registry::LOCKS.remove(&oldest);
            }
        });
    }
    drop(busy);
}

/// A thread has ended; its name is kept as long as a finding may need it.
pub(crate) fn thread_ended(thread: ThreadId) {
    with(|knowledge| {
        knowledge.file(&Record::ThreadEnd { thread });
        if let Some(oldest) = retire(&mut knowledge.gone_threads, thread)
            && !knowledge.judge.found().mentions_thread(oldest)
        {
            registry::THREADS.remove(&oldest);
        }
    });
}

/// The lock-order problems known so far, with their tiers.
pub(crate) fn foretold() -> Vec<(lockcheck_checker::Code, lockcheck_checker::Tier)> {
    let busy = current_if_known().map(Thread::enter);
    let foretold = with(|knowledge| knowledge.judge.found().cycles().collect()).unwrap_or_default();
    drop(busy);
    foretold
}

/// All that was found in this process so far. Symbols are resolved when the mutex is free again.
pub(crate) fn report() -> Report {
    contention::tell_now();
    let busy = current_if_known().map(Thread::enter);
    let target = std::env::current_exe().map(|exe| exe.display().to_string()).unwrap_or_default();
    let mut report = Report::empty(target);
    let known = with_patience(PATIENCE_FOR_REPORT, |knowledge| {
        report.stats = knowledge.judge.stats();
        report.notes = knowledge.judge.notes();
        knowledge.judge.found().clone()
    });
    report.findings = known.map(|found| found.findings(&Names)).unwrap_or_default();
    if report.at_least(Tier::Likely).next().is_some() {
        report.verdict = Verdict::Findings;
    }
    if report.findings.iter().any(|finding| finding.tier == Tier::Actual && finding.code.is_a_hang()) {
        report.verdict = Verdict::Hang;
    }
    let unfiled = UNFILED.load(Ordering::Relaxed);
    if unfiled > 0 {
        report.stats.dropped += unfiled;
        report.notes.push(format!("{unfiled} pieces of knowledge were not filed within {PATIENCE:?}"));
    }
    if ORDER_LOST.load(Ordering::Relaxed) {
        report.notes.push(format!(
            "the start or end of a thread was not filed within {PATIENCE_FOR_ORDER:?}: nothing was learned after that"
        ));
    }
    report.notes.extend(registry::dropped_holds());
    report.notes.extend(stale_ignores());
    drop(busy);
    report
}

/// What was found within the scope that `thread` counts in, and beyond it among threads of which `belongs` says so.
pub(crate) fn findings_for(thread: ThreadId, belongs: &dyn Fn(ThreadId) -> bool) -> Vec<Finding> {
    let busy = current_if_known().map(Thread::enter);
    let known = with_patience(PATIENCE_FOR_REPORT, |knowledge| {
        (knowledge.judge.scope_of(thread), knowledge.judge.found().clone())
    });
    let findings = known.map(|(scope, found)| found.findings_for(scope, &Names, belongs));
    drop(busy);
    findings.unwrap_or_default()
}

/// The process ends in an orderly way: the last record, and the file is given its final size.
pub(crate) fn finish() {
    contention::tell_now();
    let busy = current_if_known().map(Thread::enter);
    with(|knowledge| {
        let stats = knowledge.judge.stats();
        knowledge.file(&Record::End {
            threads: stats.threads as u32,
            locks: stats.locks,
            edges: stats.edges,
            events: stats.events,
        });
        knowledge.trace = None;
    });
    if !output::under_cli() && intent::any_ignores() {
        stale_ignores().iter().for_each(|note| output::print(&format!("lockcheck: {note}\n")));
    }
    drop(busy);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_what_it_was_told_and_nothing_else() {
        let mut known = Known::new();
        assert!(!known.contains(7));
        let key = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for n in 1..=10_000 {
            known.insert(key(n));
            assert!(known.contains(key(n)));
        }
        let kept = (1..=10_000).filter(|&n| known.contains(key(n))).count();
        assert!(kept > 9_900, "a half-full table loses next to nothing, kept {kept}");
        assert!((10_001..20_000).all(|n| !known.contains(key(n))));
        known.forget();
        assert!((1..=10_000).all(|n| !known.contains(key(n))));
    }
}
