//! A pool of worker threads that run tasks, and the futures that carry what becomes of them. Written once over
//! [`crate::base`], watched or plain.
//!
//! After Python's `concurrent.futures`. These futures are waited for by blocking; they have nothing to do with
//! `async`.
//!
//! | a task is | becomes | when |
//! |---|---|---|
//! | waiting | running | a worker takes it |
//! | waiting | settling | it is cancelled |
//! | running | settling | it returned or panicked |
//! | settling | done | its callbacks have run |

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::base::park::{WaitQueue, ignore_poison};
use crate::base::{Crew, Kind, Part, Point, Post, Signal, Site, Step, Turn, Watch, thread};
use crate::vocabulary::deadline;

/// Why a task has no value.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// It panicked.
    Panicked(TaskPanic),
    /// It was cancelled before a worker took it.
    Cancelled,
    /// The executor was shut down before it was submitted.
    ShutDown,
    /// Something went wrong with the process that it ran in, or on the way there or back.
    #[cfg(all(feature = "process", target_os = "linux"))]
    Process(crate::process::ProcessError),
}

/// The panic of a task.
pub struct TaskPanic(Mutex<Box<dyn Any + Send>>);

impl TaskPanic {
    /// A panic in another process, of which there is only the message.
    #[cfg(all(feature = "process", target_os = "linux"))]
    pub(crate) fn elsewhere(message: String) -> TaskPanic {
        TaskPanic(Mutex::new(Box::new(message)))
    }

    /// The panic's message, if it has one.
    pub fn message(&self) -> Option<String> {
        let payload = ignore_poison(self.0.lock());
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
    }

    /// What the task panicked with, as [`std::thread::JoinHandle::join`] gives it.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        ignore_poison(self.0.into_inner())
    }
}

impl fmt::Debug for TaskPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskPanic").field(&self.message()).finish()
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Panicked(panic) => match panic.message() {
                Some(message) => write!(f, "the task panicked: {message}"),
                None => f.write_str("the task panicked"),
            },
            TaskError::Cancelled => f.write_str("the task was cancelled before it began"),
            TaskError::ShutDown => f.write_str("the executor was shut down before the task was submitted"),
            #[cfg(all(feature = "process", target_os = "linux"))]
            TaskError::Process(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TaskError {}

/// A task on its way to a worker.
struct Job {
    /// What comes before it: its submission.
    submitted: Point,
    run: Box<dyn FnOnce() + Send>,
}

/// What an executor, its workers and its futures share.
struct Pool {
    state: Mutex<PoolState>,
    /// Workers without a task.
    idle: WaitQueue,
    watch: Watch,
    crew: Crew,
}

struct PoolState {
    jobs: VecDeque<Job>,
    /// No job comes any more.
    closed: bool,
}

impl Pool {
    /// The next job; `None` when there will be none.
    fn next(&self) -> Option<Job> {
        self.watch.step(Step::Take, None);
        loop {
            let ticket = {
                let mut state = self.state();
                if let Some(job) = state.jobs.pop_front() {
                    return Some(job);
                }
                if state.closed {
                    return None;
                }
                self.idle.enqueue()
            };
            self.watch.waiting_for_work(Location::caller(), || ticket.wait(None));
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        ignore_poison(self.state.lock())
    }

    /// Hands the job to the workers; gives it back if no more are taken.
    fn add(&self, job: Job) -> Result<(), Job> {
        self.watch.step(Step::Give, None);
        let mut state = self.state();
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        drop(state);
        self.idle.tell_one();
        Ok(())
    }
}

/// A fixed number of worker threads. Dropping it is the same as [`shutdown`](Self::shutdown).
pub struct ThreadPoolExecutor {
    pool: Arc<Pool>,
    workers: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl ThreadPoolExecutor {
    /// Starts so many workers. The calling line is the executor's creation site.
    ///
    /// # Panics
    ///
    /// If `workers` is 0, for nothing would ever run; or if the operating system cannot start a thread.
    #[must_use]
    #[track_caller]
    pub fn new(workers: usize) -> ThreadPoolExecutor {
        assert!(workers > 0, "an executor needs one worker at least");
        let state = Mutex::new(PoolState { jobs: VecDeque::new(), closed: false });
        let (watch, crew) = (Watch::new(Kind::Pool), Crew::default());
        let pool = Arc::new(Pool { state, idle: WaitQueue::new(), watch, crew });
        let executor = ThreadPoolExecutor { pool, workers: Mutex::default() };
        for number in 1..=workers {
            let pool = Arc::clone(&executor.pool);
            let work = move || {
                while let Some(job) = pool.next() {
                    job.submitted.precedes();
                    (job.run)();
                }
            };
            let worker = thread::Builder::new().name(format!("pool worker {number}")).spawn(work);
            let worker = worker.expect("failed to spawn thread");
            executor.pool.crew.add(&worker);
            ignore_poison(executor.workers.lock()).push(worker);
        }
        executor
    }

    /// Gives the executor a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> ThreadPoolExecutor {
        self.pool.watch.name(name);
        self
    }

    /// What [`named`](Self::named) does.
    #[cfg(all(feature = "process", target_os = "linux"))]
    pub(crate) fn set_name(&self, name: &str) {
        self.pool.watch.name(name);
    }

    /// Has `f` run by a worker. After [`shutdown`](Self::shutdown) it does not run: the future says so.
    #[track_caller]
    pub fn submit<F, T>(&self, f: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_at(|| Ok(f()), Location::caller())
    }

    /// As [`submit`](Self::submit), for a task that may have no value without a panic.
    #[cfg(all(feature = "process", target_os = "linux"))]
    #[track_caller]
    pub(crate) fn submit_fallible<F, T>(&self, f: F) -> Future<T>
    where
        F: FnOnce() -> Result<T, TaskError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit_at(f, Location::caller())
    }

    fn submit_at<F, T>(&self, f: F, site: Site) -> Future<T>
    where
        F: FnOnce() -> Result<T, TaskError> + Send + 'static,
        T: Send + 'static,
    {
        let task = Arc::new(Task::new(Arc::clone(&self.pool), site));
        let run = {
            let task = Arc::clone(&task);
            Box::new(move || {
                if task.begin(Phase::Running) {
                    task.post.begins();
                    let result = catch_unwind(AssertUnwindSafe(f));
                    let panicked = |panic| Err(TaskError::Panicked(TaskPanic(Mutex::new(panic))));
                    task.settle(result.unwrap_or_else(panicked));
                    task.post.ends();
                }
            })
        };
        if self.pool.add(Job { submitted: Point::here(), run }).is_err() && task.begin(Phase::Settling) {
            task.settle(Err(TaskError::ShutDown));
        }
        Future { task }
    }

    /// Has `f` run on each item, and gives the results in the order of the items.
    #[track_caller]
    pub fn map<I, F, T>(&self, items: I, f: F) -> Map<T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        let (f, site) = (Arc::new(f), Location::caller());
        let submit = |item| {
            let f = Arc::clone(&f);
            self.submit_at(move || Ok(f(item)), site)
        };
        let futures: Vec<_> = items.into_iter().map(submit).collect();
        Map { futures: futures.into_iter() }
    }

    /// Takes no more tasks, and waits for those submitted so far and for the workers to end. Called by one of the
    /// workers, it does not wait for that one; of several calls, one waits.
    #[track_caller]
    pub fn shutdown(&self) {
        self.pool.watch.step(Step::Change, Some(Location::caller()));
        self.pool.state().closed = true;
        self.pool.idle.tell_all();
        let workers = std::mem::take(&mut *ignore_poison(self.workers.lock()));
        let me = std::thread::current().id();
        for worker in workers.into_iter().filter(|worker| worker.thread().id() != me) {
            // A worker catches the panics of its tasks; one of its own was printed when it happened.
            drop(worker.join());
        }
    }
}

impl Drop for ThreadPoolExecutor {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor").finish_non_exhaustive()
    }
}

/// The results of [`ThreadPoolExecutor::map`], in the order of the items.
pub struct Map<T> {
    pub(crate) futures: std::vec::IntoIter<Future<T>>,
}

impl<T> Iterator for Map<T> {
    type Item = Result<T, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<T, TaskError>> {
        Some(self.futures.next()?.result())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.futures.size_hint()
    }
}

impl<T> ExactSizeIterator for Map<T> {}

impl<T> fmt::Debug for Map<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("left", &self.futures.len()).finish_non_exhaustive()
    }
}

/// See the table at the top.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Waiting,
    Running,
    Settling,
    Done,
}

type Callback<T> = Box<dyn FnOnce(&Result<T, TaskError>) + Send>;

/// What becomes of a task.
struct Task<T> {
    state: Mutex<TaskState<T>>,
    /// Threads that wait for it to be done.
    waiters: WaitQueue,
    pool: Arc<Pool>,
    /// The line that submitted it.
    submitted: Site,
    post: Post,
    /// Its end, as something to wait for.
    end: Part,
}

struct TaskState<T> {
    phase: Phase,
    /// There when it is done, except while callbacks that came late look at it.
    result: Option<Result<T, TaskError>>,
    /// The end of the task, for others to come after.
    ended: Option<Point>,
    /// Not run yet.
    callbacks: Vec<Callback<T>>,
    /// Those who wait for several tasks, with the number that this one has among them.
    crowds: Vec<(Arc<Crowd>, usize)>,
}

impl<T> Task<T> {
    fn new(pool: Arc<Pool>, submitted: Site) -> Task<T> {
        let state = TaskState {
            phase: Phase::Waiting,
            result: None,
            ended: None,
            callbacks: Vec::new(),
            crowds: Vec::new(),
        };
        let post = Post::submitted(&pool.crew, submitted);
        let (waiters, end) = (WaitQueue::new(), Part::created_at(submitted));
        Task { state: Mutex::new(state), waiters, pool, submitted, post, end }
    }

    fn state(&self) -> MutexGuard<'_, TaskState<T>> {
        ignore_poison(self.state.lock())
    }

    /// Takes the task out of waiting; `false` if somebody else did.
    fn begin(&self, phase: Phase) -> bool {
        let mut state = self.state();
        let waits = state.phase == Phase::Waiting;
        if waits {
            state.phase = phase;
        }
        waits
    }

    /// Shows the result to all callbacks, then to everybody.
    fn settle(&self, result: Result<T, TaskError>) {
        let (signal, ended, mut state) = loop {
            self.pool.watch.part_ends(&self.end);
            // Whoever finds the task done comes after its callbacks too, so this is taken anew after each of them.
            let (signal, ended) = (Signal::about_to(), Point::here());
            let mut state = self.state();
            let callbacks = std::mem::take(&mut state.callbacks);
            if callbacks.is_empty() {
                break (signal, ended, state);
            }
            drop(state);
            for callback in callbacks {
                // Its panic was printed when it happened; it is nobody else's business.
                drop(catch_unwind(AssertUnwindSafe(|| callback(&result))));
            }
        };
        self.pool.watch.part_sends(&self.end);
        self.post.is_settled();
        state.result = Some(result);
        state.ended.get_or_insert(ended);
        state.phase = Phase::Done;
        let crowds = std::mem::take(&mut state.crowds);
        drop(state);
        self.waiters.tell_all();
        for (crowd, number) in crowds {
            crowd.add(number);
        }
        self.pool.watch.part_signalled(&self.end, self.submitted, &signal, Turn::ANY);
    }

    /// The calling thread, which has waited until the task is done, comes after it.
    fn is_followed(&self) {
        let ended = self.state().ended;
        if let Some(ended) = ended {
            ended.precedes();
        }
        self.pool.watch.part_hears(&self.end);
    }

    fn is_done(&self) -> bool {
        self.state().phase == Phase::Done
    }

    /// The calling thread is about to wait for it, or finds that it need not.
    fn is_awaited(&self, site: Site, deadline: Option<Instant>) {
        self.pool.watch.part_awaited(&self.end, site, deadline, Turn::ANY);
    }

    /// Waits until it is done (`true`) or the deadline has passed.
    fn wait(&self, site: Site, deadline: Option<Instant>) -> bool {
        let watch = &self.pool.watch;
        let task = std::slice::from_ref(&self.post);
        self.is_awaited(site, deadline);
        watch.tasks_awaited(task, site, deadline);
        let ticket = {
            let state = self.state();
            if state.phase == Phase::Done {
                return true;
            }
            self.waiters.enqueue()
        };
        watch.waiting_for_tasks(task, true, site, deadline, || ticket.wait(deadline))
    }
}

/// What will become of a task. Dropping it changes nothing for the task.
#[must_use = "the task's result, or its panic, is in the future"]
pub struct Future<T> {
    task: Arc<Task<T>>,
}

impl<T> Future<T> {
    /// What became of the task, as soon as it is done.
    ///
    /// # Errors
    ///
    /// If the task has no value.
    #[track_caller]
    pub fn result(self) -> Result<T, TaskError> {
        self.task.wait(Location::caller(), None);
        self.take()
    }

    /// What became of the task, unless `timeout` passes first.
    ///
    /// # Errors
    ///
    /// With the future, if it did.
    #[track_caller]
    pub fn result_for(self, timeout: Duration) -> Result<Result<T, TaskError>, Future<T>> {
        if self.task.wait(Location::caller(), deadline(timeout)) { Ok(self.take()) } else { Err(self) }
    }

    fn take(self) -> Result<T, TaskError> {
        self.task.is_followed();
        let result = self.task.state().result.take();
        result.expect("done, and nobody else has the future")
    }

    /// Whether the task is done, one way or another.
    #[track_caller]
    pub fn is_done(&self) -> bool {
        let watch = &self.task.pool.watch;
        watch.part_asked(&self.task.end, Location::caller());
        let done = self.task.is_done();
        if done {
            // All that the task did may be built on from here on.
            watch.part_hears(&self.task.end);
        }
        done
    }

    /// Cancels the task if no worker has taken it yet; says whether that was so.
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.task.pool.watch.step(Step::Change, Some(Location::caller()));
        let cancelled = self.task.begin(Phase::Settling);
        if cancelled {
            self.task.settle(Err(TaskError::Cancelled));
        }
        cancelled
    }

    /// Has `callback` look at the result before anybody who waits for it: on the thread that finishes the task, or at
    /// once if it is done. Its panics are not passed on.
    pub fn add_done_callback(&self, callback: impl FnOnce(&Result<T, TaskError>) + Send + 'static) {
        let mut state = self.task.state();
        state.callbacks.push(Box::new(callback));
        // The result is missing while another thread shows it to a callback: that thread comes to this one as well.
        if state.phase == Phase::Done
            && let Some(result) = state.result.take()
        {
            drop(state);
            self.task.is_followed();
            self.task.settle(result);
        }
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Future").field("phase", &self.task.state().phase).finish_non_exhaustive()
    }
}

/// Threads that wait for several tasks.
struct Crowd {
    /// The numbers of tasks that are done, in the order in which they came to be.
    done: Mutex<VecDeque<usize>>,
    waiters: WaitQueue,
    /// By number.
    tasks: Vec<Post>,
}

impl Crowd {
    /// Waits for all of these.
    fn around<T>(futures: &[Future<T>]) -> Arc<Crowd> {
        let tasks = futures.iter().map(|future| future.task.post.clone()).collect();
        let crowd = Arc::new(Crowd { done: Mutex::default(), waiters: WaitQueue::new(), tasks });
        for (number, future) in futures.iter().enumerate() {
            let mut state = future.task.state();
            if state.phase != Phase::Done {
                state.crowds.push((Arc::clone(&crowd), number));
                continue;
            }
            drop(state);
            crowd.add(number);
        }
        crowd
    }

    fn add(&self, number: usize) {
        ignore_poison(self.done.lock()).push_back(number);
        self.waiters.tell_all();
    }

    /// Waits until so many are done (`true`) or the deadline has passed.
    fn wait(&self, number: usize, watch: &Watch, site: Site, deadline: Option<Instant>) -> bool {
        watch.tasks_awaited(&self.tasks, site, deadline);
        loop {
            let ticket = {
                let done = ignore_poison(self.done.lock());
                if done.len() >= number {
                    return true;
                }
                self.waiters.enqueue()
            };
            let all = number == self.tasks.len();
            if !watch.waiting_for_tasks(&self.tasks, all, site, deadline, || ticket.wait(deadline)) {
                return false;
            }
        }
    }
}

/// How many to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// One, whichever is done first.
    First,
    /// All of them.
    All,
}

/// What [`wait`] gives back.
#[derive(Debug)]
pub struct Waited<T> {
    /// Those that are done, in the order in which they were given.
    pub done: Vec<Future<T>>,
    /// The others.
    pub not_done: Vec<Future<T>>,
}

/// Waits until one or all of the futures are done, or until `timeout` has passed.
#[track_caller]
pub fn wait<T>(
    futures: impl IntoIterator<Item = Future<T>>,
    when: When,
    timeout: Option<Duration>,
) -> Waited<T> {
    let futures: Vec<_> = futures.into_iter().collect();
    if let Some(first) = futures.first() {
        let number = if when == When::First { 1 } else { futures.len() };
        let crowd = Crowd::around(&futures);
        let (site, deadline) = (Location::caller(), timeout.and_then(deadline));
        if number == futures.len() {
            futures.iter().for_each(|future| future.task.is_awaited(site, deadline));
        }
        crowd.wait(number, &first.task.pool.watch, site, deadline);
        for future in &futures {
            future.task.state().crowds.retain(|(other, _)| !Arc::ptr_eq(other, &crowd));
        }
    }
    let (done, not_done): (Vec<_>, _) = futures.into_iter().partition(Future::is_done);
    done.iter().for_each(|future: &Future<T>| future.task.is_followed());
    Waited { done, not_done }
}

/// Gives the futures one by one as they come to be done.
pub fn as_completed<T>(futures: impl IntoIterator<Item = Future<T>>) -> AsCompleted<T> {
    let futures: Vec<_> = futures.into_iter().collect();
    let crowd = Crowd::around(&futures);
    let pool = futures.first().map(|future| Arc::clone(&future.task.pool));
    AsCompleted { left: futures.len(), futures: futures.into_iter().map(Some).collect(), crowd, pool }
}

/// The futures of [`as_completed`].
pub struct AsCompleted<T> {
    /// By number; `None` for those that were given out.
    futures: Vec<Option<Future<T>>>,
    left: usize,
    crowd: Arc<Crowd>,
    /// The one that the first future came from: what a wait is called in reports.
    pool: Option<Arc<Pool>>,
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Future<T>;

    #[track_caller]
    fn next(&mut self) -> Option<Future<T>> {
        let pool = self.pool.as_ref().filter(|_| self.left > 0)?;
        self.crowd.wait(1, &pool.watch, Location::caller(), None);
        let number = ignore_poison(self.crowd.done.lock()).pop_front()?;
        self.left -= 1;
        let future = self.futures[number].take()?;
        future.task.is_followed();
        Some(future)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}
