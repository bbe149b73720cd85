//! Scopes: what belongs to one test. A scope is the thread that opens it with the threads it starts through
//! `tracked::thread`, and those of unknown origin that first show up while it is the only one open.
//!
//! In a scope the thread goes by another id, so that what it did before and does after is not the scope's.

use std::sync::atomic::{AtomicBool, Ordering};

use lockcheck_checker::{Finding, Tier};
use lockcheck_events::{Record, ThreadId};
use parking_lot::Mutex;

use super::context::{Thread, current};
use super::registry::{THREADS, ThreadEntry};
use super::{knowledge, lifecycle};

/// The names of the scopes that are open.
static OPEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether a scope was ever opened. Relaxed: a thread that has not heard of it yet began to wait before.
static EVER_OPENED: AtomicBool = AtomicBool::new(false);

/// Whether a scope was ever opened.
#[inline]
pub(crate) fn ever_opened() -> bool {
    EVER_OPENED.load(Ordering::Relaxed)
}

/// An open scope. It belongs to the thread that opened it.
pub(crate) struct Scope {
    /// The thread, if it is watched.
    inside: Option<Inside>,
    name: String,
}

struct Inside {
    thread: &'static Thread,
    /// Its id in the scope.
    id: ThreadId,
    /// Its id outside.
    outside: ThreadId,
}

impl Scope {
    /// Opens a scope in the calling thread.
    pub(crate) fn open(name: &str) -> Scope {
        let inside = current().map(|thread| {
            let _busy = thread.enter();
            let (outside, id) = (thread.id(), lifecycle::next_thread_id());
            let token = knowledge::before(thread);
            let thread_name = THREADS.get(&outside).and_then(|entry| entry.name.clone());
            let scope = Some(name.to_owned());
            let parent = Some(outside);
            THREADS.insert(id, ThreadEntry { name: thread_name.clone(), scope: scope.clone(), parent });
            let os_id = lifecycle::os_id();
            knowledge::file(Record::ThreadStart { thread: id, name: thread_name, parent, os_id, scope });
            thread.go_by(id);
            knowledge::after(thread, token);
            Inside { thread, id, outside }
        });
        EVER_OPENED.store(true, Ordering::Relaxed);
        OPEN.lock().push(name.to_owned());
        Scope { inside, name: name.to_owned() }
    }

    /// What was found in it at or above `tier`.
    pub(crate) fn findings(&self, tier: Tier) -> Vec<Finding> {
        let Some(inside) = &self.inside else { return Vec::new() };
        let mut findings = knowledge::findings_for(inside.id, &|_| false);
        findings.retain(|finding| !finding.code.is_lint() && finding.tier >= tier);
        findings
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let mut open = OPEN.lock();
        if let Some(place) = open.iter().position(|name| *name == self.name) {
            open.remove(place);
        }
        drop(open);
        if let Some(Inside { thread, id, outside }) = self.inside {
            let _busy = thread.enter();
            let token = knowledge::before(thread);
            thread.go_by(outside);
            knowledge::after(thread, token);
            knowledge::thread_ended(id);
        }
    }
}

/// The scope that a thread of unknown origin counts in.
pub(crate) fn only_open() -> Option<String> {
    let open = OPEN.lock();
    match open.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// Whether the thread counts in a scope that is open: its findings are that scope's to tell.
pub(crate) fn is_in_open(thread: ThreadId) -> bool {
    let scope = THREADS.get(&thread).and_then(|entry| entry.scope.clone());
    scope.is_some_and(|scope| OPEN.lock().contains(&scope))
}
