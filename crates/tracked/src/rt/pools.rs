//! Pools of workers and the tasks that threads wait for: who could run a task, for the wait-for graph, and tasks that
//! wait for tasks behind them in their own pool.
//!
//! | a task | its wait is ended by |
//! |---|---|
//! | stands in line | any worker of its pool that gets to it |
//! | runs | the worker that runs it |
//! | is done | nobody waits for it |
//!
//! A pool whose workers all wait for tasks in its line has starved, whatever other threads do: that is found when the
//! last of them begins to wait, like any circle. One that could starve is foretold: as many tasks as there are
//! workers wait for tasks behind them, and no message orders one of those waits after another.
//!
//! What runs tasks, and in which order, is not here: see `crate::executor`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use lockcheck_checker::waits::Task;
use lockcheck_events::{Request, ThreadId};
use parking_lot::Mutex;

use super::context::{HeldLock, Place, Thread};
use super::messages::{self, Clock};
use super::{knowledge, notices, waits};

/// Waits for tasks in their own pool that are remembered of each pool, to be compared.
const NESTED_MAX: usize = 32;

/// The workers of one pool.
#[derive(Default)]
pub(crate) struct Crew {
    workers: Mutex<Vec<ThreadId>>,
    /// Tasks submitted so far.
    submitted: AtomicU64,
    /// Tasks that waited for one behind them.
    nested: Mutex<Vec<Nested>>,
}

/// A task's wait for one behind it.
struct Nested {
    /// The waiting task's number.
    task: u64,
    request: Request,
    /// What the wait came after.
    heard: Vec<(ThreadId, u32)>,
}

impl Nested {
    /// Whether it comes after the other by messages.
    fn is_after(&self, other: &Nested) -> bool {
        let heard = self.heard.iter().find(|(thread, _)| *thread == other.request.thread);
        heard.is_some_and(|&(_, event)| event > other.request.event)
    }

    fn is_ordered_with(&self, other: &Nested) -> bool {
        self.task == other.task || self.is_after(other) || other.is_after(self)
    }
}

impl Crew {
    pub(crate) fn join(&self, worker: ThreadId) {
        self.workers.lock().push(worker);
    }
}

/// In the place of a runner: the task is done, or was cancelled.
const DONE: u32 = u32::MAX;

/// A task, as those who wait for it see it.
pub(crate) struct Post {
    crew: Arc<Crew>,
    /// Its number among the tasks of its pool, in the order of submission.
    number: u64,
    /// Who runs it; 0: it stands in line; `DONE`.
    runner: AtomicU32,
    submitter: ThreadId,
    event: u32,
    site: Place,
    /// What comes before it.
    before: Option<Clock>,
}

thread_local! {
    /// The task that the calling thread runs.
    static RUNNING: RefCell<Option<Arc<Post>>> = const { RefCell::new(None) };
}

impl Post {
    /// The calling thread submits a task at `site`.
    pub(crate) fn submitted(thread: Option<&Thread>, crew: &Arc<Crew>, site: Place) -> Post {
        Post {
            crew: Arc::clone(crew),
            // Relaxed: only the order of each task's own submitter matters.
            number: crew.submitted.fetch_add(1, Ordering::Relaxed),
            runner: AtomicU32::new(0),
            submitter: thread.map_or(ThreadId(0), Thread::id),
            event: thread.map_or(0, Thread::next_event),
            site,
            before: thread.map(messages::passed_on),
        }
    }

    /// The calling thread begins to run the task.
    pub(crate) fn begins(self: &Arc<Post>, thread: &Thread) {
        // Relaxed: who must see it is ordered after it by the thread's wait slot.
        self.runner.store(thread.id().0, Ordering::Relaxed);
        if let Some(before) = &self.before {
            if self.crew.workers.lock().len() > 1 {
                // Another worker could have run it: what this one did before does not come before it.
                messages::begin_after(thread, before);
            } else {
                messages::come_after(thread, before);
            }
        }
        let _ = RUNNING.try_with(|running| running.replace(Some(Arc::clone(self))));
    }

    /// It has been run.
    pub(crate) fn ends() {
        let _ = RUNNING.try_with(|running| running.take());
    }

    /// Nobody needs to wait for it any more.
    pub(crate) fn is_settled(&self) {
        self.runner.store(DONE, Ordering::Relaxed);
    }

    fn is_done(&self) -> bool {
        self.runner.load(Ordering::Relaxed) == DONE
    }

    /// The task as the checker knows it. `wanted`: the object that stands for it.
    fn describe(&self, wanted: &HeldLock) -> Task {
        match self.runner.load(Ordering::Relaxed) {
            0 => {
                let submitted = waits::signal(self.submitter, self.event, self.site, wanted);
                Task { runners: self.crew.workers.lock().clone(), in_line: Some(submitted) }
            }
            runner => Task { runners: vec![ThreadId(runner)], in_line: None },
        }
    }
}

/// Several tasks that a thread waits for.
struct Awaited {
    tasks: Vec<Arc<Post>>,
    /// It waits for all of them; else for any.
    all: bool,
}

/// The waits for tasks, by the number that stands in the wait slot.
static AWAITED: Mutex<Option<HashMap<u32, Awaited>>> = Mutex::new(None);

/// A wait for tasks, as long as it lives.
pub(crate) struct Ticket(u32);

impl Ticket {
    pub(crate) fn new(mut tasks: Vec<Arc<Post>>, all: bool) -> Ticket {
        tasks.retain(|task| !task.is_done());
        // Relaxed: only uniqueness among the waits under way matters. From 1: 0 is none.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        AWAITED.lock().get_or_insert_default().insert(number, Awaited { tasks, all });
        Ticket(number)
    }

    /// What the wait slot refers to it by.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let tasks = AWAITED.lock().as_mut().and_then(|awaited| awaited.remove(&self.0));
        // Freed when the table is free again.
        drop(tasks);
    }
}

/// What the wait is for, and whether for all of it; `None` if it is about to end.
pub(crate) fn awaited(number: u32, wanted: &HeldLock) -> Option<(Vec<Task>, bool)> {
    let table = AWAITED.lock();
    let Awaited { tasks, all } = table.as_ref()?.get(&number)?;
    let left: Vec<_> = tasks.iter().filter(|task| !task.is_done()).collect();
    let is_over = left.is_empty() || !all && left.len() < tasks.len();
    (!is_over).then(|| (left.iter().map(|task| task.describe(wanted)).collect(), *all))
}

/// The calling thread waits, as long as it takes, for one of these: compares with what others of its pool did if it
/// runs a task that comes before it in the line.
pub(crate) fn about_to_wait<'a>(
    thread: &Thread,
    wanted: &HeldLock,
    mut tasks: impl Iterator<Item = &'a Post>,
) {
    let Some(own) = RUNNING.try_with(|running| running.borrow().clone()).ok().flatten() else { return };
    let is_behind = |task: &Post| Arc::ptr_eq(&task.crew, &own.crew) && task.number > own.number;
    let Some(heard) = messages::heard(thread).filter(|_| tasks.any(is_behind)) else { return };
    thread.next_event();
    let busy = thread.enter();
    let (request, records) = knowledge::prepare(thread, wanted);
    knowledge::file_all(records);
    let nested = Nested { task: own.number, request, heard };
    let sides = starve(&own.crew, nested);
    drop(busy);
    if let Some(sides) = sides {
        notices::starvation(thread, wanted, sides);
    }
}

/// Remembers the wait; gives as many that could all last at once as the pool has workers.
fn starve(crew: &Crew, new: Nested) -> Option<Vec<Request>> {
    let workers = crew.workers.lock().len();
    let mut nested = crew.nested.lock();
    let mut at_once = vec![&new];
    for other in nested.iter() {
        if at_once.len() < workers && at_once.iter().all(|known| !known.is_ordered_with(other)) {
            at_once.push(other);
        }
    }
    // Of one worker, the real thing is seen at once.
    let starves = workers > 1 && at_once.len() >= workers;
    let sides = starves.then(|| at_once.iter().map(|side| side.request.clone()).collect());
    if nested.len() < NESTED_MAX {
        nested.push(new);
    }
    sides
}
