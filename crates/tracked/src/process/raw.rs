//! The lock of a segment behind the run-time's interface, watched or plain.

use std::mem::ManuallyDrop;
use std::time::Duration;
#[cfg(instrumented)]
use std::time::Instant;

use super::segment::{START, Segment};
use super::watch::{Kind, Label};
use super::words::LockWords;
use crate::base::{Site, Token};
#[cfg(instrumented)]
use crate::rt::{self, Manner, Meta, Raw, Target};

/// A lock that other processes can have as well, with its memory.
pub(super) struct RawLock {
    #[cfg(instrumented)]
    meta: Meta,
    kind: Kind,
    segment: ManuallyDrop<Segment>,
}

impl RawLock {
    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn words(&self) -> &LockWords {
        // SAFETY: `at` gives a place within the mapping, which lives as long as `self`; the words are made before
        // anybody else can see them.
        unsafe { &*self.segment.at(START) }
    }
}

impl Drop for RawLock {
    fn drop(&mut self) {
        // A guard was forgotten: the kernel and the C library still have the lock on their lists.
        if !self.words().may_be_held_here() {
            // SAFETY: nobody uses it after this.
            unsafe { ManuallyDrop::drop(&mut self.segment) };
        }
    }
}

#[cfg(instrumented)]
impl RawLock {
    /// The lock at the start of `segment`; made by the line `site` of this process, or by what the label says.
    pub(super) fn new(kind: Kind, segment: Segment, label: &Label, site: Option<Site>) -> RawLock {
        let created = site.unwrap_or_else(|| super::watch::place_of(label));
        let meta = Meta::new(created);
        super::watch::introduce(&meta, held_as(kind), Some(segment.identity(START)), label.name.as_deref());
        RawLock { meta, kind, segment: ManuallyDrop::new(segment) }
    }

    pub(super) fn name(&self, name: &str) {
        super::watch::introduce(
            &self.meta,
            held_as(self.kind),
            Some(self.segment.identity(START)),
            Some(name),
        );
    }

    fn target(&self, site: Site) -> Target<'_, RawLock> {
        let kind = held_as(self.kind).lock_kind();
        Target { lock: self, site, manner: Manner::of(kind, lockcheck_events::Mode::Exclusive) }
    }

    pub(super) fn lock(&self, site: Site) -> Token {
        let token = rt::lock(self.target(site));
        self.words().note(site);
        token
    }

    pub(super) fn try_lock(&self, site: Site) -> Option<Token> {
        let token = rt::try_lock(self.target(site))?;
        self.words().note(site);
        Some(token)
    }

    pub(super) fn lock_for(&self, site: Site, timeout: Duration) -> Option<Token> {
        let token = rt::lock_for(self.target(site), timeout)?;
        self.words().note(site);
        Some(token)
    }

    /// # Safety
    ///
    /// The calling thread holds it, by the acquisition that gave `token`, which nobody else gives up.
    pub(super) unsafe fn unlock(&self, token: Token) {
        rt::released(&self.meta, token);
        // SAFETY: the caller's promise.
        unsafe { self.words().unlock() };
    }
}

/// The lock of a condition is a lock.
#[cfg(instrumented)]
fn held_as(kind: Kind) -> Kind {
    if kind == Kind::Condition { Kind::Lock } else { kind }
}

#[cfg(instrumented)]
impl Raw for RawLock {
    const BETWEEN_PROCESSES: bool = true;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn try_acquire(&self, _: lockcheck_events::Mode) -> bool {
        self.words().try_lock()
    }

    fn acquire(&self, _: lockcheck_events::Mode) {
        let thread = rt::current();
        let _posted = thread.and_then(|thread| rt::board::post(thread, super::watch::Awaited::Lock));
        self.words().lock();
    }

    fn acquire_until(&self, _: lockcheck_events::Mode, deadline: Instant) -> bool {
        self.words().lock_until(deadline)
    }
}

#[cfg(not(instrumented))]
impl RawLock {
    /// The lock at the start of `segment`.
    pub(super) fn new(kind: Kind, segment: Segment, _: &Label, _: Option<Site>) -> RawLock {
        RawLock { kind, segment: ManuallyDrop::new(segment) }
    }

    pub(super) fn name(&self, _: &str) {}

    pub(super) fn lock(&self, site: Site) -> Token {
        self.words().lock();
        self.words().note(site);
        Token
    }

    pub(super) fn try_lock(&self, site: Site) -> Option<Token> {
        self.words().try_lock().then(|| {
            self.words().note(site);
            Token
        })
    }

    pub(super) fn lock_for(&self, site: Site, timeout: Duration) -> Option<Token> {
        let deadline = crate::vocabulary::deadline(timeout);
        let taken = deadline.is_none_or(|deadline| self.words().lock_until(deadline));
        if taken && deadline.is_none() {
            self.words().lock();
        }
        taken.then(|| {
            self.words().note(site);
            Token
        })
    }

    /// # Safety
    ///
    /// The calling thread holds it, by an acquisition that nobody else gives up.
    pub(super) unsafe fn unlock(&self, _: Token) {
        // SAFETY: the caller's promise.
        unsafe { self.words().unlock() };
    }
}
