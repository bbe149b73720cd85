//! The watched half of `base`.

use std::cell::Cell;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use lockcheck_events::event_file::EventKind;
use lockcheck_events::{Attempt, LockKind, Mode, TokenId};

use super::{Guarded, Kind, Site};
pub(crate) use crate::rt::Token;
use crate::rt::standstill;
pub(crate) use crate::rt::standstill::Vigil;
use crate::rt::wait_edges::{self, Told};
use crate::rt::{self, HeldLock, LostSignal, Meta, Wait, knowledge, record};
use crate::sync::raw::RawTracked;

impl Kind {
    const fn lock_kind(self) -> LockKind {
        match self {
            Kind::Lock => LockKind::Mutex,
            Kind::Reentrant => LockKind::Reentrant,
            Kind::Semaphore => LockKind::Semaphore,
            Kind::Condition => LockKind::Condition,
            Kind::Event => LockKind::Event,
            Kind::Barrier => LockKind::Barrier,
            Kind::Queue => LockKind::Queue,
            Kind::Pool => LockKind::Pool,
        }
    }
}

/// A mutual-exclusion lock without data.
pub(crate) struct RawLock {
    raw: RawTracked,
    kind: LockKind,
}

impl RawLock {
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> RawLock {
        RawLock { raw: RawTracked::new(), kind: kind.lock_kind() }
    }

    #[inline(always)]
    pub(crate) fn lock(&self, site: Site) -> Token {
        self.raw.lock(self.kind, site)
    }

    #[inline(always)]
    pub(crate) fn try_lock(&self, site: Site) -> Option<Token> {
        self.raw.try_lock(self.kind, site)
    }

    pub(crate) fn lock_for(&self, site: Site, timeout: Duration) -> Option<Token> {
        self.raw.lock_for(self.kind, site, timeout)
    }

    /// # Safety
    ///
    /// The lock is held, by the acquisition that gave `token`, which nobody else gives up.
    #[inline(always)]
    pub(crate) unsafe fn unlock(&self, token: Token) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock(token) };
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Takes note that the data is read or may be written, by the acquisition that gave `token`.
    #[inline(always)]
    pub(crate) fn touched(&self, token: Token, write: bool, site: Site) {
        self.raw.touched(token, write, site);
    }

    pub(crate) fn name(&self, name: &str) {
        self.raw.name(self.kind, name);
    }
}

/// As long as it lives, the calling thread is about to park in a queue of ours: from there it looks itself whether
/// the world stands still.
pub(crate) struct AboutToPark(PhantomData<*const ()>);

thread_local! {
    /// How many of them the thread has.
    static ABOUT_TO_PARK: Cell<u32> = const { Cell::new(0) };
}

impl AboutToPark {
    pub(crate) fn now() -> AboutToPark {
        ABOUT_TO_PARK.with(|count| count.set(count.get() + 1));
        AboutToPark(PhantomData)
    }
}

impl Drop for AboutToPark {
    fn drop(&mut self) {
        ABOUT_TO_PARK.with(|count| count.set(count.get() - 1));
    }
}

/// The identity of an object that threads wait for.
pub(crate) struct Watch {
    meta: Meta,
    kind: LockKind,
    /// The last signal, if it found nobody.
    lost: LostSignal,
    told: Told,
}

impl Watch {
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> Watch {
        Watch {
            meta: Meta::new(std::panic::Location::caller()),
            kind: kind.lock_kind(),
            lost: LostSignal::none(),
            told: Told::nothing(),
        }
    }

    /// For an object made in a constant: where it comes from is not known.
    #[cfg(all(parking_lot_mirrored, feature = "parking_lot_0_13"))]
    pub(crate) const fn nowhere(kind: Kind) -> Watch {
        Watch {
            meta: Meta::new(Meta::NOWHERE),
            kind: kind.lock_kind(),
            lost: LostSignal::none(),
            told: Told::nothing(),
        }
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(self.kind, name);
    }

    /// Takes note that somebody is about to signal, at `site`.
    pub(crate) fn signals(&self, site: Site) {
        if let Some(thread) = rt::current() {
            let object = self.wanted(thread, site, Attempt::Try);
            let notifies = self.kind == LockKind::Condition;
            record::left(thread, if notifies { EventKind::Notify } else { EventKind::Signal }, &object);
            self.told.signalled(thread, &wait_edges::signalled_at(thread, object, site));
        }
    }

    /// Takes note that a wait at `site` is over before it begins.
    pub(crate) fn passes(&self, site: Site) {
        if let Some(thread) = rt::current() {
            let object = self.wanted(thread, site, Attempt::Block);
            record::received(thread, EventKind::Await, &object);
            self.told.waited(thread, &object);
        }
    }

    /// Takes note that something is about to be left here, for others to receive: a permit, an item, room for one.
    #[inline]
    pub(crate) fn gives(&self) {
        self.record(EventKind::Signal);
    }

    /// Takes note that something was received that others had left here.
    #[inline]
    pub(crate) fn takes(&self) {
        self.record(EventKind::Await);
    }

    #[inline]
    fn record(&self, kind: EventKind) {
        if let Some(thread) = rt::current()
            && thread.is_recording()
        {
            let object = record::object(&self.meta, thread, self.kind, self.meta.created());
            match kind {
                EventKind::Signal => record::left(thread, kind, &object),
                _ => record::received(thread, kind, &object),
            }
        }
    }

    /// The object as one that the calling thread asks for now.
    fn wanted(&self, thread: &rt::Thread, site: Site, attempt: Attempt) -> HeldLock {
        HeldLock {
            id: self.meta.id(thread),
            site,
            created: self.meta.created(),
            event: thread.event(),
            mode: Mode::Exclusive,
            attempt,
            kind: self.kind,
        }
    }

    /// Takes note of a signal that finds nobody. Called before anybody else can begin to wait.
    pub(crate) fn unheard(&self, site: Site) {
        if let Some(thread) = rt::current() {
            self.lost.set(thread, site);
        }
    }

    /// Takes note of a signal that reaches somebody.
    pub(crate) fn heard(&self) {
        self.lost.clear();
    }

    /// Runs `block`, visible to others as a wait for this object that any thread could end, by one who made sure,
    /// since the last signal, that it has to wait.
    pub(crate) fn waiting<R>(&self, site: Site, deadline: Option<Instant>, block: impl FnOnce() -> R) -> R {
        self.in_sight(site, deadline, Wait::for_anyone, block)
    }

    /// As [`waiting`](Self::waiting), for a signal, by one who may not have made sure.
    pub(crate) fn waiting_for_signal<R>(
        &self,
        site: Site,
        deadline: Option<Instant>,
        guarded: Guarded,
        block: impl FnOnce() -> R,
    ) -> R {
        let wait = |wanted| match guarded {
            Guarded::Yes => Wait::for_anyone(wanted),
            Guarded::Unknown => Wait::for_anyone(wanted).after(&self.lost),
        };
        self.in_sight(site, deadline, wait, block)
    }

    fn in_sight<R>(
        &self,
        site: Site,
        deadline: Option<Instant>,
        wait: impl FnOnce(HeldLock) -> Wait,
        block: impl FnOnce() -> R,
    ) -> R {
        let Some(thread) = rt::current() else { return block() };
        let attempt = if deadline.is_some() { Attempt::Timed } else { Attempt::Block };
        let wanted = self.wanted(thread, site, attempt);
        thread.next_event();
        self.told.waited(thread, &wanted);
        let published = rt::publish(thread, wait(wanted));
        if attempt == Attempt::Block && ABOUT_TO_PARK.with(Cell::get) == 0 {
            // It will sleep in somebody else's code, where it cannot look.
            standstill::rouse_another(thread);
        }
        if thread.is_recording() {
            record::received(thread, EventKind::Wait, &wanted);
        }
        let result = block();
        drop(published);
        if thread.is_recording() {
            record::received(thread, EventKind::Await, &wanted);
        }
        // Whoever ended the wait may have done things first that this thread now comes after.
        thread.wait_slot().set_anchor(thread);
        result
    }
}

/// The identity of data whose accesses are recorded.
pub(crate) struct Datum {
    meta: Meta,
}

impl Datum {
    #[track_caller]
    pub(crate) const fn new() -> Datum {
        Datum { meta: Meta::new(std::panic::Location::caller()) }
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(LockKind::Mutex, name);
    }

    /// Takes note that the data is read, or may be written.
    #[inline(always)]
    pub(crate) fn accessed(&self, write: bool, site: Site) {
        if let Some(thread) = rt::current()
            && thread.is_recording()
        {
            let kind = if write { EventKind::Write } else { EventKind::Read };
            record::accessed(thread, self.meta.id(thread), self.meta.created(), kind, site);
        }
    }
}

/// A region that is meant to be atomic, as long as it lives.
pub(crate) struct Region;

impl Region {
    pub(crate) fn begin(name: &str, site: Site) -> Region {
        if let Some(thread) = rt::current() {
            record::region_begins(thread, name, site);
        }
        Region
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(thread) = rt::current() {
            record::region_ends(thread);
        }
    }
}

/// A point in a thread's life that others come after.
#[derive(Clone, Copy)]
pub(crate) struct Point(Option<TokenId>);

impl Point {
    /// This point of the calling thread's.
    pub(crate) fn here() -> Point {
        Point(rt::current().map(|thread| {
            let token = knowledge::before(thread);
            record::point(thread, token);
            token
        }))
    }

    /// What the calling thread does from here on comes after it.
    pub(crate) fn precedes(self) {
        if let (Some(token), Some(thread)) = (self.0, rt::current()) {
            knowledge::after(thread, token);
            record::after_point(thread, token);
        }
    }
}
