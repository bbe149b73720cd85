//! One-time initialisers, as the detector sees them. The waiting and the memory of what is done are std's; this is
//! what stands beside them.
//!
//! | a call that finds the initialiser | is |
//! |---|---|
//! | done | a request that is granted: it teaches an order, and nothing is held |
//! | not begun, and begins it | a request, and an exclusive hold as long as the body runs |
//! | running in another thread | a request that waits for that thread's hold, in sight of others |
//! | running in the calling thread | a self-deadlock |

use lockcheck_events::event_file::EventKind;
use lockcheck_events::{Attempt, LockKind, Mode};
use lockcheck_explorer::OperationKind;

use super::context::{HeldLock, Place, Thread, Token, current};
use super::operation::{self, Meta};
use super::waits::{self, Published, Wait};
use super::{reaction, record, steer};

/// What an initialiser carries besides std's own.
pub(crate) struct Gate {
    meta: Meta,
}

/// A call that may have to wait, or to run the body. Others see the wait until this is dropped or the body begins.
pub(crate) struct Turn<'a> {
    gate: &'a Gate,
    watched: Option<(&'static Thread, HeldLock, Option<Published>)>,
    received: Option<Received>,
}

/// When it is dropped, the call comes after whoever ran the body last.
struct Received(&'static Thread, HeldLock);

impl Drop for Received {
    fn drop(&mut self) {
        record::received(self.0, EventKind::Await, &self.1);
    }
}

/// The body runs; it ends, one way or another, when this is dropped.
pub(crate) struct Running<'a> {
    gate: &'a Gate,
    token: Token,
}

impl Gate {
    #[track_caller]
    pub(crate) const fn new() -> Gate {
        Gate::created_at(std::panic::Location::caller())
    }

    pub(crate) const fn created_at(place: Place) -> Gate {
        Gate { meta: Meta::new(place) }
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(LockKind::Once, name);
    }

    fn request(&self, thread: &Thread, site: Place) -> HeldLock {
        let wanted = self.wanted(thread, site);
        if !thread.is_steered() {
            operation::learn(thread, &wanted);
        }
        wanted
    }

    /// The initialiser as one that is asked for now; counted.
    fn wanted(&self, thread: &Thread, site: Place) -> HeldLock {
        HeldLock {
            id: self.meta.id(thread),
            site,
            created: self.meta.created(),
            event: thread.next_event(),
            mode: Mode::Exclusive,
            attempt: Attempt::Block,
            kind: LockKind::Once,
        }
    }

    /// The call at `site` finds it done.
    #[inline]
    pub(crate) fn passed(&self, site: Place) {
        if let Some(thread) = current() {
            if thread.is_steered() {
                // It stays done, so that nothing changes while the thread stops here. But that it is done already is
                // an outcome, which others may bring about or be too late for.
                return steer::operations::looks(thread, OperationKind::Once, &self.meta, site);
            }
            let wanted = self.request(thread, site);
            record::received(thread, EventKind::Await, &wanted);
        }
    }

    /// Somebody asks at `site` whether it is done, by `is_done`, and goes on either way.
    #[inline]
    pub(crate) fn asked<R>(&self, site: Place, is_done: impl Fn(&R) -> bool, ask: impl FnOnce() -> R) -> R {
        if !steer::operations::is_seen() {
            return ask();
        }
        let Some(thread) = current() else { return ask() };
        steer::operations::looks(thread, OperationKind::Load, &self.meta, site);
        let answer = ask();
        if is_done(&answer) {
            // What was made is there to be used.
            let done = record::object(&self.meta, thread, LockKind::Once, site);
            record::received(thread, EventKind::Await, &done);
        }
        answer
    }

    /// The call at `site` does not find it done.
    #[cold]
    pub(crate) fn turn(&self, site: Place) -> Turn<'_> {
        let Some(thread) = current() else { return Turn { gate: self, watched: None, received: None } };
        let wanted = self.request(thread, site);
        if let Some((me, _)) = steer::me() {
            // Whoever runs the body has the gate until that is over.
            steer::operations::pass_gate((me, thread), &wanted);
            return Turn { gate: self, watched: Some((thread, wanted, None)), received: None };
        }
        let own = thread.hold_against(&wanted);
        if let Some(own) = own {
            reaction::self_deadlock(thread, &wanted, &own);
        }
        let mut wait = waits::publish(thread, Wait::for_lock(wanted));
        // Who begins the body after this look sees the published wait when it blocks (the fences of both publications,
        // see `waits`).
        if own.is_none()
            && waits::may_close_a_circle(wanted.id)
            && let Some(circle) = operation::lasting_circle(thread)
        {
            reaction::deadlock(thread, circle, wait);
            wait = waits::publish(thread, Wait::for_lock(wanted));
        }
        let watched = Some((thread, wanted, Some(wait)));
        Turn { gate: self, watched, received: Some(Received(thread, wanted)) }
    }
}

impl Gate {
    /// Under control: blocks until `is_done`, at `site`, and says that it did.
    pub(crate) fn awaited_under_control(&self, site: Place, is_done: &(dyn Fn() -> bool + Sync)) -> bool {
        let Some((me, thread)) = steer::me() else { return false };
        let wanted = self.wanted(thread, site);
        steer::operations::in_sight(Wait::for_anyone(wanted), || {
            steer::operations::wait_until((me, thread), OperationKind::Once, None, None, is_done)
        })
    }
}

impl<'a> Turn<'a> {
    /// The calling thread is the one to run the body, now.
    pub(crate) fn begin(self) -> Running<'a> {
        let Turn { gate, watched, received } = self;
        drop(received);
        let Some((thread, wanted, wait)) = watched else { return Running { gate, token: Token::UNWATCHED } };
        // The hold set must not change while the wait is published.
        drop(wait);
        if thread.is_steered() {
            steer::operations::granted(thread, &wanted);
        }
        let token = thread.push(wanted);
        Running { gate, token: record::acquired(thread, &wanted, token) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Who only asks can tell the end of the body from the last thing it did.
        if let Some(thread) = current() {
            steer::operations::ends(thread, &self.gate.meta);
        }
        if self.token.is_recorded()
            && let Some(thread) = current()
        {
            let gate = &self.gate.meta;
            let done = record::object(gate, thread, LockKind::Once, gate.created());
            record::left(thread, EventKind::Signal, &done);
        }
        operation::released(&self.gate.meta, self.token);
    }
}
