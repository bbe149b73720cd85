//! Starting and joining threads, as the detector sees it: what comes before what, and whose end is waited for.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use dashmap::DashMap;
use lockcheck_checker::Context;
use lockcheck_events::{LockId, LockKind, ThreadId, TokenId};
use parking_lot::Mutex;

use super::context::{Place, Thread, current, current_if_known};
use super::lifecycle::{self, Origin};
use super::messages::{self, Clock};
use super::names::Names;
use super::wait_edges::{self, Needs};
use super::waits::{self, Wait};
use super::{hands, knowledge, mode, notices, operation, record, registry, standstill};
use crate::base::park::WaitQueue;

/// The end of a thread, known to those who may join it.
#[derive(Clone)]
pub(crate) struct Ended(Arc<State>);

struct State {
    /// The thread, from before it starts.
    id: ThreadId,
    /// What stands for its end where that is waited for, and the line that started it.
    end: LockId,
    started: &'static Location<'static>,
    /// Whether its closure has ended. Set before the waiters are told, so that whoever queues and finds it unset will
    /// be told.
    over: AtomicBool,
    /// What it asked for before its closure ended, since the last point that orders it after others; until somebody
    /// who joins it has compared.
    needs: Mutex<Option<Needs>>,
    /// What comes after its end comes after this; empty as long as its closure runs.
    heard: Mutex<Clock>,
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
        if registry::may_be_registered(self.end) {
            knowledge::lock_dropped(self.end);
        }
    }
}

/// What a thread about to start takes with it.
pub(crate) struct Child {
    origin: Option<Origin>,
    ended: Ended,
    /// What its parent had come after.
    heard: Option<Clock>,
}

impl Child {
    /// A child of the calling thread, started at the calling line.
    #[track_caller]
    pub(crate) fn of_this_thread(name: Option<String>) -> (Child, Ended) {
        let (parent, started) = (current(), Location::caller());
        let id = parent.map_or(ThreadId(0), |_| lifecycle::next_thread_id());
        let state = State {
            id,
            end: parent.map_or(LockId(0), Thread::next_lock_id),
            started,
            over: AtomicBool::new(false),
            needs: Mutex::new(None),
            heard: Mutex::new(Clock::new()),
            returned: AtomicU32::new(0),
            gone: AtomicU32::new(0),
            waiters: WaitQueue::new(),
        };
        let ended = Ended(Arc::new(state));
        let origin = parent.map(|parent| {
            record::forked(parent, id, started);
            parent.starts_a_thread();
            let _busy = parent.enter();
            let scope = registry::scope(parent.id());
            let token = knowledge::before(parent);
            Origin { id, parent: parent.id(), token, scope, name, ended: ended.clone() }
        });
        let heard = parent.map(messages::passed_on);
        (Child { origin, ended: ended.clone(), heard }, ended)
    }

    /// Runs the thread's closure, in the new thread.
    pub(crate) fn run<T>(self, f: impl FnOnce() -> T) -> T {
        let _returned = Returned(self.ended);
        if let Some(origin) = self.origin {
            lifecycle::start(origin);
        }
        if let (Some(thread), Some(heard)) = (current_if_known(), &self.heard) {
            messages::come_after(thread, heard);
        }
        f()
    }
}

/// Takes note of the closure's end, also when it panics.
struct Returned(Ended);

impl Drop for Returned {
    fn drop(&mut self) {
        hands::closure_ended();
        let state = &self.0.0;
        if let Some(thread) = current_if_known() {
            record::ended(thread);
            let busy = thread.enter();
            *state.needs.lock() = Some(Needs::of(thread));
            *state.heard.lock() = messages::passed_on(thread);
            drop(busy);
            // Release pairs with the Acquire in `order`: who sees the point sees it filed.
            state.returned.store(knowledge::before(thread).0, Ordering::Release);
        }
        state.over.store(true, Ordering::Release);
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
        let ticket = self.0.waiters.enqueue();
        let result = self.awaited(site, || {
            if self.is_known() && !self.is_over() {
                ticket.wait(None);
            }
            join()
        });
        self.compare(site);
        self.order(site);
        result
    }

    /// Waits until the thread's closure has returned, in sight of others, and orders what follows after it. Any number
    /// of threads may.
    pub(crate) fn wait(&self, site: &'static Location<'static>) {
        let ticket = self.0.waiters.enqueue();
        if !self.is_over() {
            self.awaited(site, || ticket.wait(None));
        }
        self.compare(site);
        self.order(site);
    }

    /// Compares what the calling thread holds now, having waited for the end at `site`, with what the other asked for.
    fn compare(&self, site: Place) {
        if let Some(thread) = current().filter(|thread| self.is_known() && thread.held_len() > 0) {
            let end = waits::join_hold(thread, self.0.end, self.0.started, site);
            self.name_end(thread);
            let needs = self.0.needs.lock().take();
            needs.iter().for_each(|needs| wait_edges::joined(thread, end, self.0.id, needs));
        }
    }

    /// The thread, from before it starts.
    pub(crate) fn thread(&self) -> ThreadId {
        self.0.id
    }

    /// Whether the end will be told.
    fn is_known(&self) -> bool {
        self.0.id != ThreadId(0)
    }

    /// Whether the thread's closure has returned. Acquire pairs with the Release in `Returned::drop`.
    pub(crate) fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Acquire)
    }

    /// Orders what the calling thread does from here on after the thread's end, as far as that has come.
    fn order(&self, site: Place) {
        let gone = self.0.gone.load(Ordering::Acquire);
        let token = if gone != 0 { gone } else { self.0.returned.load(Ordering::Acquire) };
        if token != 0
            && let Some(thread) = current()
        {
            knowledge::after(thread, TokenId(token));
            messages::come_after(thread, &self.0.heard.lock());
            record::joined(thread, self.0.id, site);
        }
    }

    /// Runs `block`, visible to others as a wait for the thread's end.
    fn awaited<R>(&self, site: &'static Location<'static>, block: impl FnOnce() -> R) -> R {
        let Some(thread) = current().filter(|_| self.is_known() && !self.is_over()) else {
            return block();
        };
        let wanted = waits::join_hold(thread, self.0.end, self.0.started, site);
        self.name_end(thread);
        let since = notices::about_to_block(thread);
        let result = operation::wait_in_sight(thread, Wait::for_thread(wanted, self.0.id), block);
        notices::blocked(thread, &wanted, since);
        result
    }
}

impl Ended {
    /// Calls the end by the thread's name.
    fn name_end(&self, thread: &Thread) {
        let _busy = thread.enter();
        if !registry::LOCKS.contains_key(&self.0.end) {
            let name = Names.thread_name(self.0.id);
            registry::name_lock(self.0.end, LockKind::Thread, self.0.started, &name);
        }
    }
}

/// Runs `block`, in which the calling thread waits to be unparked, in sight of others.
pub(crate) fn parked(site: &'static Location<'static>, deadline: Option<Instant>, block: impl FnOnce()) {
    let Some(thread) = current() else { return block() };
    let wait = waits::publish(thread, Wait::for_anyone(waits::park_hold(thread, site, deadline.is_some())));
    if deadline.is_none() {
        standstill::rouse_another(thread);
    }
    block();
    drop(wait);
    // Whoever unparked it is not known, and may have done things first that this thread now comes after.
    messages::heard_from_anyone(thread);
    record::woken(thread, site);
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
            if child.is_known() && !child.is_over() {
                child.awaited(site, || ticket.wait(None));
            }
            child.compare(site);
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
pub(crate) fn scope_ended(children: Vec<Ended>, site: Place) {
    for child in children {
        child.order(site);
    }
}
