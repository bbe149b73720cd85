//! Starting and joining threads, as the detector sees it: what comes before what, and whose end is waited for.

use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use dashmap::DashMap;
use lockcheck_events::{ThreadId, TokenId};

use super::context::{Thread, current, current_if_known};
use super::lifecycle::{self, Origin};
use super::waits::{self, Wait};
use super::{knowledge, mode, operation, registry};
use crate::base::park::WaitQueue;

/// The end of a thread, known to those who may join it.
#[derive(Clone)]
pub(crate) struct Ended(Arc<State>);

struct State {
    /// The thread, from before it starts.
    id: ThreadId,
    /// The point at which its closure ended; 0 as long as that runs.
    returned: AtomicU32,
    /// The point at which its last thread-local was gone; 0 before.
    gone: AtomicU32,
    /// Those who wait for `returned`.
    waiters: WaitQueue,
}

/// Nobody is left who could join the thread.
impl Drop for State {
    fn drop(&mut self) {
        let tokens = [*self.returned.get_mut(), *self.gone.get_mut()];
        if tokens != [0, 0] {
            knowledge::forget(&tokens.map(TokenId));
        }
    }
}

/// What a thread about to start takes with it.
pub(crate) struct Child {
    origin: Option<Origin>,
    ended: Ended,
}

impl Child {
    /// A child of the calling thread.
    pub(crate) fn of_this_thread(name: Option<String>) -> (Child, Ended) {
        let parent = current();
        let id = parent.map_or(ThreadId(0), |_| lifecycle::next_thread_id());
        let state =
            State { id, returned: AtomicU32::new(0), gone: AtomicU32::new(0), waiters: WaitQueue::new() };
        let ended = Ended(Arc::new(state));
        let origin = parent.map(|parent| {
            let _busy = parent.enter();
            let scope = registry::scope(parent.id());
            let token = knowledge::before(parent);
            Origin { id, parent: parent.id(), token, scope, name, ended: ended.clone() }
        });
        (Child { origin, ended: ended.clone() }, ended)
    }

    /// Runs the thread's closure, in the new thread.
    pub(crate) fn run<T>(self, f: impl FnOnce() -> T) -> T {
        let _returned = Returned(self.ended);
        if let Some(origin) = self.origin {
            lifecycle::start(origin);
        }
        f()
    }
}

/// Takes note of the closure's end, also when it panics.
struct Returned(Ended);

impl Drop for Returned {
    fn drop(&mut self) {
        let state = &self.0.0;
        if let Some(thread) = current_if_known() {
            // Release pairs with the Acquire in `order`: who sees the point sees it filed.
            state.returned.store(knowledge::before(thread).0, Ordering::Release);
        }
        state.waiters.tell_all();
    }
}

impl Ended {
    /// The thread's last act.
    pub(crate) fn gone(&self, thread: &Thread) {
        self.0.gone.store(knowledge::before(thread).0, Ordering::Release);
    }

    /// Runs `join`, which waits for the thread's end, and orders what follows after it.
    pub(crate) fn joined<R>(self, site: &'static Location<'static>, join: impl FnOnce() -> R) -> R {
        let result = self.awaited(site, join);
        self.order();
        result
    }

    /// Whether the thread's closure has returned.
    pub(crate) fn has_come(&self) -> bool {
        self.0.returned.load(Ordering::Acquire) != 0
    }

    /// Waits until the thread's closure has returned, in sight of others, and orders what follows after it. Any number
    /// of threads may.
    pub(crate) fn wait(&self, site: &'static Location<'static>) {
        let ticket = self.0.waiters.enqueue();
        if !self.has_come() {
            self.awaited(site, || ticket.wait(None));
        }
        self.order();
    }

    /// Orders what the calling thread does from here on after the thread's end, as far as that has come.
    fn order(&self) {
        let gone = self.0.gone.load(Ordering::Acquire);
        let token = if gone != 0 { gone } else { self.0.returned.load(Ordering::Acquire) };
        if token != 0
            && let Some(thread) = current()
        {
            knowledge::after(thread, TokenId(token));
        }
    }

    /// Runs `block`, visible to others as a wait for the thread's end.
    fn awaited<R>(&self, site: &'static Location<'static>, block: impl FnOnce() -> R) -> R {
        let Some(thread) = current().filter(|_| self.0.returned.load(Ordering::Acquire) == 0) else {
            return block();
        };
        let wanted = waits::join_hold(thread, site);
        operation::wait_in_sight(thread, Wait::for_thread(wanted, self.0.id), block)
    }
}

/// Runs `block`, in which the calling thread waits to be unparked, in sight of others.
pub(crate) fn parked(site: &'static Location<'static>, deadline: Option<Instant>, block: impl FnOnce()) {
    let Some(thread) = current() else { return block() };
    let _wait = waits::publish(thread, Wait::for_anyone(waits::park_hold(thread, site, deadline.is_some())));
    block();
}

/// The children of each scope that runs, by the scope's address.
static SCOPES: LazyLock<DashMap<usize, Vec<Ended>>> = LazyLock::new(DashMap::default);

/// A thread was started in the scope at `address`. One that is not watched is std's business alone.
pub(crate) fn started_in_scope(address: usize, child: Ended) {
    if child.0.id == ThreadId(0) {
        return;
    }
    let busy = current_if_known().map(Thread::enter);
    SCOPES.entry(address).or_default().push(child);
    drop(busy);
}

/// The scope at `address` has come to its end: waits for its threads as std will, in sight of others. Gives them.
pub(crate) fn wait_for_scope(address: usize, site: &'static Location<'static>) -> Vec<Ended> {
    let mut all = Vec::new();
    // Threads of the scope can start others in it as long as they run.
    while let Some(children) = children_of(address) {
        for child in &children {
            let ticket = child.0.waiters.enqueue();
            if child.0.returned.load(Ordering::Acquire) == 0 {
                child.awaited(site, || ticket.wait(None));
            }
        }
        all.extend(children);
    }
    all
}

/// Takes the children that the scope at `address` has so far.
fn children_of(address: usize) -> Option<Vec<Ended>> {
    if !mode::watching() {
        return None;
    }
    let busy = current_if_known().map(Thread::enter);
    let children = SCOPES.remove(&address).map(|(_, children)| children);
    drop(busy);
    children
}

/// The scope's threads have ended: what follows comes after them.
pub(crate) fn scope_ended(children: Vec<Ended>) {
    for child in children {
        child.order();
    }
}
