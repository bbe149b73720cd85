//! What the program states about its own locking, on its way to the checker: the ranks of `nested` and `ordered_by`,
//! and what is done within an `ignore`. Gates are next door.
//!
//! A statement holds for the acquisitions that its thread makes while it lives, so it is kept as a span of the thread's
//! events: which acquisition it was made for follows from the acquisition's event, and nothing is written down when a
//! lock is taken. While a statement lives, the thread goes none of the quick ways; otherwise this costs nothing.
//! What is stated travels with the request that it is about; whether it holds is the checker's business.

use std::panic::Location;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashSet;
use lockcheck_events::{Intent, Rank, Ranked, Request, SiteId};

use super::context::{HeldLock, Place, Thread, current, current_if_known};
use super::hash::{ByNumber, fold};
use super::{knowledge, registry};

/// What one statement says.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// The rank of what is acquired.
    Rank(Rank),
    /// No findings are wanted of what is acquired.
    Ignore,
}

/// A statement and the events it is about.
struct Span {
    number: u32,
    /// The first event.
    from: u32,
    /// The first event after it; `None` while the statement lives.
    until: Option<u32>,
    stated: Place,
    statement: Statement,
}

impl Span {
    fn covers(&self, event: u32) -> bool {
        self.from <= event && self.until.is_none_or(|until| event < until)
    }
}

/// The statements of one thread, oldest first: those that live, and those with a hold that was taken under them.
pub(crate) struct Intents {
    spans: Vec<Span>,
    /// The number of the next one.
    next: u32,
}

impl Intents {
    pub(crate) const fn new() -> Intents {
        Intents { spans: Vec::new(), next: 0 }
    }

    /// The youngest rank stated for the acquisition with this event.
    fn rank(&self, event: u32) -> Option<(&Span, &Rank)> {
        self.spans.iter().rev().filter(|span| span.covers(event)).find_map(|span| match &span.statement {
            Statement::Rank(rank) => Some((span, rank)),
            Statement::Ignore => None,
        })
    }

    /// The outermost `ignore` around the acquisition with this event.
    fn ignore(&self, event: u32) -> Option<Place> {
        let is_ignore = |span: &&Span| matches!(span.statement, Statement::Ignore) && span.covers(event);
        self.spans.iter().find(is_ignore).map(|span| span.stated)
    }

    fn any_lives(&self) -> bool {
        self.spans.iter().any(|span| span.until.is_none())
    }
}

/// A statement that lives. It belongs to the thread that made it.
pub(crate) struct Living(u32);

/// Makes a statement about what the calling thread acquires from here on, until it is dropped.
pub(crate) fn state(statement: Statement, stated: Place) -> Option<Living> {
    let thread = current()?;
    let _busy = thread.enter();
    forget_old(thread);
    let from = thread.event();
    let intents = thread.intents();
    let number = intents.next;
    intents.next = number.wrapping_add(1);
    intents.spans.push(Span { number, from, until: None, stated, statement });
    thread.set_stated(true);
    Some(Living(number))
}

impl Drop for Living {
    fn drop(&mut self) {
        let Some(thread) = current_if_known() else { return };
        let _busy = thread.enter();
        let event = thread.event();
        let intents = thread.intents();
        if let Some(span) = intents.spans.iter_mut().find(|span| span.number == self.0) {
            span.until = Some(event);
        }
        thread.set_stated(intents.any_lives());
        forget_old(thread);
    }
}

/// Forgets statements that are over and were made about nothing that is still held.
fn forget_old(thread: &Thread) {
    let spans = &mut thread.intents().spans;
    spans.retain(|span| span.until.is_none() || thread.holds().iter().any(|hold| span.covers(hold.event)));
}

/// Whether the process has entered any `ignore`.
static ANY_IGNORES: AtomicBool = AtomicBool::new(false);

/// As [`state`], for an `ignore`.
pub(crate) fn ignore(reason: &str, stated: Place) -> Option<Living> {
    static MET: LazyLock<DashSet<SiteId, ByNumber>> = LazyLock::new(DashSet::default);
    if let Some(thread) = current() {
        let _busy = thread.enter();
        let site = registry::site(stated);
        if !MET.contains(&site) && MET.insert(site) {
            // Relaxed: read when the process ends.
            ANY_IGNORES.store(true, Ordering::Relaxed);
            knowledge::met_ignore(site, reason);
        }
    }
    state(Statement::Ignore, stated)
}

/// Whether the process has entered any `ignore`.
pub(crate) fn any_ignores() -> bool {
    ANY_IGNORES.load(Ordering::Relaxed)
}

/// The key of a request, with what is stated about it mixed in: the same nesting under another statement teaches
/// something else.
#[inline(always)]
pub(super) fn salted(thread: &Thread, wanted: &HeldLock, key: u64) -> u64 {
    if thread.is_stated() { salt(thread, wanted, key) } else { key }
}

#[cold]
fn salt(thread: &Thread, wanted: &HeldLock, key: u64) -> u64 {
    let intents = thread.intents();
    let place = |place: Place| std::ptr::from_ref::<Location<'_>>(place).addr() as u64;
    let ranks = thread
        .holds()
        .iter()
        .map(|hold| hold.event)
        .chain([wanted.event])
        .map(|event| intents.rank(event).map_or(1, |(span, rank)| fold(value(rank), place(span.stated))));
    let ignored = intents.ignore(wanted.event).map_or(0, place);
    ranks.fold(fold(key, ignored), |sum, rank| fold(sum.rotate_left(5), rank)) | 1 << 63
}

/// A number that tells ranks apart.
fn value(rank: &Rank) -> u64 {
    match rank {
        Rank::Plain => 1,
        Rank::Level(level) => fold(2, (*level).into()),
        Rank::Key { order, .. } => text_hash(order),
    }
}

/// 64-bit FNV-1a. Never 0.
fn text_hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step).max(1)
}

/// Whether the file is one of the standard library's, wherever that is.
fn is_std(file: &str) -> bool {
    file.starts_with("/rustc/") || file.contains("/rustlib/src/rust/library/")
}

/// The `ignore` around the calling thread's operation with this event.
pub(super) fn ignored(thread: &Thread, event: u32) -> Option<Place> {
    if thread.is_stated() { thread.intents().ignore(event) } else { None }
}

/// What is stated about the request; `None`: nothing. Its locks must be registered.
pub(super) fn of_request(thread: &Thread, request: &Request) -> Option<Intent> {
    if !thread.is_stated() {
        return None;
    }
    let intents = thread.intents();
    let ignored = intents.ignore(request.event).map(registry::site);
    let is_ranked = intents.rank(request.event).is_some();
    if ignored.is_none() && !is_ranked {
        return None;
    }
    let ranked = |(lock, event)| {
        let entry = registry::LOCKS.get(&lock)?;
        let created = entry.created;
        let name = entry.name.as_deref().map_or(0, |name| text_hash(name.as_bytes()));
        drop(entry);
        let raw = registry::raw_site(created)?;
        let line = text_hash(format!("{}:{}", raw.file, raw.line).as_bytes());
        let (stated, statement, file, rank) = match intents.rank(event) {
            Some((span, rank)) => {
                let file = text_hash(span.stated.file().as_bytes());
                (registry::site(span.stated), span.number, file, rank.clone())
            }
            None => (SiteId(0), u32::MAX, 0, Rank::Plain),
        };
        Some(Ranked { event, stated, statement, file, created, own: !is_std(&raw.file), line, name, rank })
    };
    let acquisitions =
        request.holds.iter().map(|hold| (hold.lock, hold.event)).chain([(request.lock, request.event)]);
    let ranked = if is_ranked { acquisitions.filter_map(ranked).collect() } else { Vec::new() };
    Some(Intent { thread: request.thread, event: request.event, ranked, ignored })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(number: u32, from: u32, until: Option<u32>, statement: Statement) -> Span {
        Span { number, from, until, stated: Location::caller(), statement }
    }

    #[test]
    fn the_youngest_rank_counts_and_any_ignore() {
        let level = |level| Statement::Rank(Rank::Level(level));
        let mut intents = Intents::new();
        intents.spans = vec![
            span(0, 2, Some(9), level(1)),
            span(1, 4, Some(6), level(2)),
            span(2, 5, None, Statement::Ignore),
        ];
        let rank = |event| intents.rank(event).map(|(_, rank)| rank.clone());
        assert_eq!(rank(1), None);
        assert_eq!(rank(3), Some(Rank::Level(1)));
        assert_eq!(rank(5), Some(Rank::Level(2)));
        assert_eq!(rank(8), Some(Rank::Level(1)));
        assert_eq!(rank(9), None);
        assert!(intents.ignore(4).is_none() && intents.ignore(5).is_some() && intents.any_lives());
    }
}
