//! A fixed number of worker processes that run tasks: `ProcessPoolExecutor`, with the futures of the thread one, and
//! `Pool`, with the calls of Python's `multiprocessing.Pool`.
//!
//! Each worker has a pipe to the parent, and each call keeps one thread of the parent's waiting at it: the tasks wait in
//! the queue of a [`ThreadPoolExecutor`], so that futures, cancelling and callbacks are its.
//!
//! | a worker | then |
//! |---|---|
//! | returns | its reply settles the future |
//! | panics | the message settles the future; the worker goes on |
//! | dies during a task | the future says how it died, and another worker takes its place |
//! | died before it got a task | another one takes its place and gets the task |
//!
//! A task's reply counts once it is whole in the pipe, whatever becomes of the worker then. Workers end when the parent
//! closes the pipe, or dies.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::call::{Call, Outcome};
use super::connection::{Connection, pipe};
use super::entry::{self, Arguments, Entry, Failed};
use super::error::{Cause, ProcessError};
use super::spawn::{Builder, Process};
use crate::base::park::ignore_poison;
use crate::executor::{Future, Map, TaskError, TaskPanic, ThreadPoolExecutor, When, wait};

/// What a worker is told to do: the entry point's name, and the arguments.
#[derive(Serialize, Deserialize)]
struct Task {
    entry: String,
    arguments: Vec<u8>,
}

/// A worker process, while nobody else uses it.
struct Worker {
    process: Process<()>,
    tasks: Connection<Task, Outcome>,
}

/// What the worker does: one task after the other, until the parent closes the pipe.
fn work(tasks: Connection<Outcome, Task>) {
    // An error is the parent's end: nobody is left to tell.
    while let Ok(task) = tasks.recv() {
        let outcome = match Entry::find(&task.entry) {
            Ok(entry) => entry.call(&task.arguments),
            Err(_) => Outcome::UnknownEntry,
        };
        if tasks.send(&outcome).is_err() {
            return;
        }
    }
}

/// What `#[entry]` makes of a function, for one of this crate's own.
fn run_work(arguments: Arguments<'_>) -> Result<Vec<u8>, Failed> {
    let (tasks,): (Connection<Outcome, Task>,) = arguments.decode()?;
    work(tasks);
    entry::encode(&())
}

inventory::submit! {
    Entry::new(|| std::any::type_name_of_val(&work), run_work)
}

impl Worker {
    fn start(number: u32) -> Result<Worker, ProcessError> {
        let name = format!("PoolWorker-{number}");
        let (here, there) = pipe()?;
        let process = Builder::new().name(&name).spawn(work, (there,))?;
        Ok(Worker { process, tasks: here.named(&name) })
    }

    /// Has the task done. An error says whether it may have begun.
    fn call(&mut self, task: &Task) -> Result<Outcome, Lost> {
        if self.tasks.send(task).is_err() {
            return Err(Lost::Before);
        }
        self.tasks.recv().map_err(|error| match error.cause() {
            // Something stands in the pipe that is no outcome: the worker cannot be understood any more.
            Cause::Decode { .. } => Lost::During(error),
            _ => Lost::During(self.death(&task.entry)),
        })
    }

    /// How the worker, whose end of the pipe is closed, has died.
    fn death(&mut self, call: &str) -> ProcessError {
        let name = self.process.name().to_owned();
        match self.process.wait() {
            Ok(status) => ProcessError::of(&name, call, Cause::Ended(status)),
            Err(error) => error,
        }
    }
}

/// A worker is gone.
enum Lost {
    /// It never got the task.
    Before,
    /// It had it.
    During(ProcessError),
}

/// The workers that are idle. There are as many as threads that use them.
struct Crew {
    idle: Mutex<Vec<Worker>>,
    /// Workers started so far.
    started: AtomicU32,
    /// No worker is replaced any more.
    closed: AtomicBool,
}

impl Crew {
    fn start_one(&self) -> Result<Worker, ProcessError> {
        // Relaxed: only uniqueness matters.
        Worker::start(self.started.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        ignore_poison(self.idle.lock())
    }

    /// Has the task done by one of the workers.
    fn call(&self, task: &Task) -> Result<Outcome, ProcessError> {
        loop {
            let idle = self.idle().pop();
            // There is none where a replacement could not be started.
            let mut worker = idle.map_or_else(|| self.start_one(), Ok)?;
            match worker.call(task) {
                Ok(outcome) => {
                    self.idle().push(worker);
                    return Ok(outcome);
                }
                Err(lost) => {
                    self.replace(worker);
                    if let Lost::During(error) = lost {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Starts another worker in the place of one that is gone.
    fn replace(&self, mut gone: Worker) {
        // It may be alive and beyond understanding.
        let _ = gone.process.kill();
        let _ = gone.process.wait();
        // Relaxed: a worker too many ends as soon as it is dropped.
        if !self.closed.load(Ordering::Relaxed)
            && let Ok(worker) = self.start_one()
        {
            self.idle().push(worker);
        }
    }

    fn run<R: DeserializeOwned>(&self, task: &Task) -> Result<R, TaskError> {
        let fail = |cause| TaskError::Process(ProcessError::here(&task.entry, cause));
        let decode = |what, reason| fail(Cause::Decode { what, reason });
        match self.call(task).map_err(TaskError::Process)? {
            Outcome::Returned(result) => entry::decode(&result).map_err(|reason| decode("result", reason)),
            Outcome::Panicked(message) => Err(TaskError::Panicked(TaskPanic::elsewhere(message))),
            Outcome::UnknownEntry => Err(fail(Cause::UnknownEntry)),
            Outcome::BadArguments(reason) => Err(decode("arguments", reason)),
            Outcome::BadResult(reason) => Err(fail(Cause::Encode { what: "result", reason })),
        }
    }
}

/// A fixed number of worker processes, with the futures of the [`ThreadPoolExecutor`]. Dropping it is the same as
/// [`shutdown`](Self::shutdown).
pub struct ProcessPoolExecutor {
    /// Declared first: its threads end before the workers do.
    threads: ThreadPoolExecutor,
    crew: Arc<Crew>,
}

impl ProcessPoolExecutor {
    /// Starts so many workers. The calling line is the executor's creation site.
    ///
    /// # Errors
    ///
    /// If a process cannot be started.
    ///
    /// # Panics
    ///
    /// If `workers` is 0, for nothing would ever run; or if the operating system cannot start a thread.
    #[track_caller]
    pub fn new(workers: usize) -> Result<ProcessPoolExecutor, ProcessError> {
        let crew =
            Crew { idle: Mutex::default(), started: AtomicU32::new(0), closed: AtomicBool::new(false) };
        // Processes first: then no thread has to be taken back where one cannot be started.
        let idle = (0..workers).map(|_| crew.start_one()).collect::<Result<Vec<_>, _>>()?;
        crew.idle().extend(idle);
        Ok(ProcessPoolExecutor { threads: ThreadPoolExecutor::new(workers), crew: Arc::new(crew) })
    }

    /// Gives the executor a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> ProcessPoolExecutor {
        self.threads.set_name(name);
        self
    }

    /// Has `function`, an [`entry`](macro@super::entry) point, called by a worker on these arguments: a tuple, one
    /// value for each. Whatever goes wrong, on the way there as well, is in the future.
    pub fn submit<F, A>(&self, function: F, arguments: A) -> Future<F::Output>
    where
        F: Call<A>,
        F::Output: Send + 'static,
        A: Serialize,
    {
        let entry = entry::name_of(&function);
        let encoded = Entry::find(entry).and_then(|_| {
            let encode =
                |error: postcard::Error| Cause::Encode { what: "arguments", reason: error.to_string() };
            postcard::to_stdvec(&arguments).map_err(encode)
        });
        let crew = Arc::clone(&self.crew);
        self.threads.submit_fallible(move || {
            let failed = |cause| TaskError::Process(ProcessError::here(entry, cause));
            crew.run(&Task { entry: entry.to_owned(), arguments: encoded.map_err(failed)? })
        })
    }

    /// Has `function` called on each item, and gives the results in the order of the items.
    pub fn map<I, F>(&self, items: I, function: F) -> Map<F::Output>
    where
        I: IntoIterator,
        I::Item: Serialize,
        F: Call<(I::Item,)> + Copy,
        F::Output: Send + 'static,
    {
        let futures: Vec<_> = items.into_iter().map(|item| self.submit(function, (item,))).collect();
        Map { futures: futures.into_iter() }
    }

    /// The numbers of the workers that are idle at this moment.
    pub fn idle_pids(&self) -> Vec<u32> {
        self.crew.idle().iter().map(|worker| worker.process.pid()).collect()
    }

    /// Takes no more tasks, and waits for those submitted so far and for the workers to end.
    #[track_caller]
    pub fn shutdown(&self) {
        self.threads.shutdown();
        self.crew.closed.store(true, Ordering::Relaxed);
        let workers = std::mem::take(&mut *self.crew.idle());
        for Worker { mut process, tasks } in workers {
            tasks.close();
            // It ends now; how is nobody's business any more.
            let _ = process.wait();
        }
    }
}

impl Drop for ProcessPoolExecutor {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for ProcessPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolExecutor").field("idle", &self.crew.idle().len()).finish_non_exhaustive()
    }
}

/// A fixed number of worker processes, with calls that give values. Dropping it waits for the tasks submitted so far
/// and for the workers to end.
#[derive(Debug)]
pub struct Pool {
    executor: ProcessPoolExecutor,
    workers: usize,
}

impl Pool {
    /// Starts so many workers. The calling line is the pool's creation site.
    ///
    /// # Errors
    ///
    /// If a process cannot be started.
    ///
    /// # Panics
    ///
    /// As [`ProcessPoolExecutor::new`].
    #[track_caller]
    pub fn new(workers: usize) -> Result<Pool, ProcessError> {
        Ok(Pool { executor: ProcessPoolExecutor::new(workers)?, workers })
    }

    /// Gives the pool a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Pool {
        Pool { executor: self.executor.named(name), workers: self.workers }
    }

    /// Calls `function` on these arguments, and waits for the result.
    ///
    /// # Errors
    ///
    /// If there is none.
    #[track_caller]
    pub fn apply<F, A>(&self, function: F, arguments: A) -> Result<F::Output, TaskError>
    where
        F: Call<A>,
        F::Output: Send + 'static,
        A: Serialize,
    {
        self.executor.submit(function, arguments).result()
    }

    /// Has `function` called on these arguments; the future can be waited for with a timeout.
    pub fn apply_async<F, A>(&self, function: F, arguments: A) -> Future<F::Output>
    where
        F: Call<A>,
        F::Output: Send + 'static,
        A: Serialize,
    {
        self.executor.submit(function, arguments)
    }

    /// Calls `function` on each item, and gives all results in the order of the items.
    ///
    /// # Errors
    ///
    /// The first there is, in that order; the others are run all the same.
    #[track_caller]
    pub fn map<I, F>(&self, function: F, items: I) -> Result<Vec<F::Output>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize,
        F: Call<(I::Item,)> + Copy,
        F::Output: Send + 'static,
    {
        all(self.executor.map(items, function).collect())
    }

    /// Calls `function` on each tuple of arguments, and gives all results in the order of the tuples.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map).
    #[track_caller]
    pub fn starmap<I, F>(&self, function: F, arguments: I) -> Result<Vec<F::Output>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize,
        F: Call<I::Item> + Copy,
        F::Output: Send + 'static,
    {
        let futures: Vec<_> =
            arguments.into_iter().map(|arguments| self.executor.submit(function, arguments)).collect();
        all(futures.into_iter().map(Future::result).collect())
    }

    /// Calls `function` on each item, a few ahead of who asks for the results, and gives these in the order of the
    /// items.
    pub fn imap<I, F>(&self, function: F, items: I) -> Imap<'_, I::IntoIter, F>
    where
        I: IntoIterator,
        I::Item: Serialize,
        F: Call<(I::Item,)> + Copy,
        F::Output: Send + 'static,
    {
        Imap { pool: self, function, items: items.into_iter(), ahead: VecDeque::new() }
    }

    /// The same, in the order in which the results come.
    pub fn imap_unordered<I, F>(&self, function: F, items: I) -> ImapUnordered<'_, I::IntoIter, F>
    where
        I: IntoIterator,
        I::Item: Serialize,
        F: Call<(I::Item,)> + Copy,
        F::Output: Send + 'static,
    {
        ImapUnordered { inner: self.imap(function, items), done: VecDeque::new() }
    }

    /// The numbers of the workers that are idle at this moment.
    pub fn idle_pids(&self) -> Vec<u32> {
        self.executor.idle_pids()
    }

    /// Takes no more tasks, and waits for those submitted so far and for the workers to end.
    #[track_caller]
    pub fn join(self) {
        self.executor.shutdown();
    }
}

/// All values, or the first error.
fn all<T>(results: Vec<Result<T, TaskError>>) -> Result<Vec<T>, TaskError> {
    results.into_iter().collect()
}

/// The results of [`Pool::imap`].
pub struct Imap<'a, I: Iterator, F: Call<(I::Item,)>> {
    pool: &'a Pool,
    function: F,
    items: I,
    /// Submitted and not given out yet: twice as many as there are workers, at the most.
    ahead: VecDeque<Future<F::Output>>,
}

impl<I, F> Imap<'_, I, F>
where
    I: Iterator<Item: Serialize>,
    F: Call<(I::Item,)> + Copy,
    F::Output: Send + 'static,
{
    /// Keeps the workers busy.
    fn submit_ahead(&mut self) {
        while self.ahead.len() < 2 * self.pool.workers
            && let Some(item) = self.items.next()
        {
            self.ahead.push_back(self.pool.executor.submit(self.function, (item,)));
        }
    }
}

impl<I, F> Iterator for Imap<'_, I, F>
where
    I: Iterator<Item: Serialize>,
    F: Call<(I::Item,)> + Copy,
    F::Output: Send + 'static,
{
    type Item = Result<F::Output, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<F::Output, TaskError>> {
        self.submit_ahead();
        let next = self.ahead.pop_front()?.result();
        self.submit_ahead();
        Some(next)
    }
}

/// The results of [`Pool::imap_unordered`].
pub struct ImapUnordered<'a, I: Iterator, F: Call<(I::Item,)>> {
    inner: Imap<'a, I, F>,
    done: VecDeque<Future<F::Output>>,
}

impl<I, F> Iterator for ImapUnordered<'_, I, F>
where
    I: Iterator<Item: Serialize>,
    F: Call<(I::Item,)> + Copy,
    F::Output: Send + 'static,
{
    type Item = Result<F::Output, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<F::Output, TaskError>> {
        self.inner.submit_ahead();
        if self.done.is_empty() {
            let waited = wait(self.inner.ahead.drain(..), When::First, None);
            self.done.extend(waited.done);
            self.inner.ahead.extend(waited.not_done);
        }
        Some(self.done.pop_front()?.result())
    }
}

macro_rules! debug {
    ($name:ident) => {
        impl<I: Iterator, F: Call<(I::Item,)>> fmt::Debug for $name<'_, I, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

debug!(Imap);
debug!(ImapUnordered);
