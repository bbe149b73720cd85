//! `Process`: a child that runs one entry point, and the right to wait for its end.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::Location;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::{Block, Call, Invocation, Outcome};
use super::entry::{self, Entry, MARK};
use super::error::{Cause, ProcessError};
use super::handle;
use super::watch::{Awaited, Kind, Origin, Watch};
use crate::base::Site;
use crate::base::park::ignore_poison;
use crate::vocabulary::deadline;

/// Children that nobody waits for any more. Each is taken off when it has ended and another process is started, so
/// that no dead one is left behind.
static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// A process that runs an entry point of the same program. Dropping it lets the process run on.
pub struct Process<R> {
    name: String,
    entry: &'static str,
    block: Block,
    /// `None` once its end has been seen by the handle that is dropped.
    child: Option<Child>,
    ended: Option<ExitStatus>,
    watch: Watch,
    result: PhantomData<fn() -> R>,
}

/// How a process is to be started.
#[derive(Debug, Default)]
#[must_use = "must eventually spawn the process"]
pub struct Builder {
    name: Option<String>,
}

impl Builder {
    /// A process called `Process-1`, `Process-2` and so on.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the process.
    pub fn name(self, name: impl Into<String>) -> Builder {
        Builder { name: Some(name.into()) }
    }

    /// Starts the process.
    ///
    /// # Errors
    ///
    /// If `function` is no entry point, the arguments cannot be sent, or the operating system cannot start it.
    #[track_caller]
    pub fn spawn<F, A>(self, function: F, arguments: A) -> Result<Process<F::Output>, ProcessError>
    where
        F: Call<A>,
        A: Serialize,
    {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = || NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = self.name.unwrap_or_else(|| format!("Process-{}", number()));
        let entry = entry::name_of(&function);
        let fail = |cause: Cause| ProcessError::of(&name, entry, cause);
        Entry::find(entry).map_err(fail)?;
        if !entry::is_initialised() {
            return Err(fail(Cause::NotInitialised));
        }
        let (encoded, handles) = handle::collecting(|| postcard::to_stdvec(&arguments));
        let encoded =
            encoded.map_err(|error| fail(Cause::Encode { what: "arguments", reason: error.to_string() }))?;
        let invocation = Invocation {
            name: name.clone(),
            entry: entry.to_owned(),
            origin: Origin::here(),
            handles,
            arguments: encoded,
        };
        let block = Block::create(&invocation).map_err(|error| fail(error.into()))?;
        let child = start(&name, &block, invocation.handles).map_err(|error| fail(error.into()))?;
        let watch = Watch::new(Kind::Process, None, Location::caller());
        watch.name(&name);
        // Up to here the objects among them had to be open.
        drop(arguments);
        Ok(Process { name, entry, block, child: Some(child), ended: None, watch, result: PhantomData })
    }
}

/// Executes the running program once more, with these descriptors left open.
fn start(name: &str, block: &Block, mut handles: Vec<i32>) -> io::Result<Child> {
    ignore_poison(LEFT.lock()).retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    // The program that runs, even if its file has been replaced or removed meanwhile.
    let mut command = Command::new("/proc/self/exe");
    if let Some(own_name) = std::env::args_os().next() {
        command.arg0(own_name);
    }
    command.arg(MARK).arg(block.number().to_string()).arg(name).stdin(Stdio::null());
    handles.push(block.number());
    let leave_open = move || {
        for &number in &handles {
            // SAFETY: open in the parent for as long as this runs in the child, whose copy it is.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls on numbers that it owns; it neither allocates nor
    // locks.
    unsafe { command.pre_exec(leave_open) };
    command.spawn()
}

impl<R: DeserializeOwned> Process<R> {
    /// Starts a process that runs `function`, which must be an [`entry`](macro@super::entry) point, on these
    /// arguments: a tuple, one value for each. Shared objects among them are cloned first where the caller wants to
    /// keep them.
    ///
    /// # Errors
    ///
    /// If `function` is no entry point, the arguments cannot be sent, or the operating system cannot start it.
    #[track_caller]
    pub fn spawn<F, A>(function: F, arguments: A) -> Result<Process<R>, ProcessError>
    where
        F: Call<A, Output = R>,
        A: Serialize,
    {
        Builder::new().spawn(function, arguments)
    }

    /// Waits for the process's end and gives the function's result.
    ///
    /// # Errors
    ///
    /// If it has none: the function panicked, the process died before, or the result does not deserialise.
    #[track_caller]
    pub fn join(mut self) -> Result<R, ProcessError> {
        self.end(Location::caller(), None)?;
        self.outcome()
    }

    /// As [`join`](Self::join), for `timeout` at the most; `None` if the process goes on.
    #[track_caller]
    pub fn join_for(&mut self, timeout: Duration) -> Option<Result<R, ProcessError>> {
        let ended = self.end(Location::caller(), deadline(timeout)).transpose()?;
        Some(ended.and_then(|_| self.outcome()))
    }

    fn outcome(&self) -> Result<R, ProcessError> {
        let fail = |cause: Cause| ProcessError::of(&self.name, self.entry, cause);
        let decode = |reason| Cause::Decode { what: "result", reason };
        match self.block.outcome().map_err(|reason| fail(decode(reason)))? {
            Some(Outcome::Returned(result)) => entry::decode(&result).map_err(|reason| fail(decode(reason))),
            Some(Outcome::Panicked(message)) => Err(fail(Cause::Panicked(message))),
            Some(Outcome::UnknownEntry) => Err(fail(Cause::UnknownEntry)),
            Some(Outcome::BadArguments(reason)) => Err(fail(Cause::Decode { what: "arguments", reason })),
            Some(Outcome::BadResult(reason)) => Err(fail(Cause::Encode { what: "result", reason })),
            None => Err(fail(Cause::Ended(self.ended.unwrap_or_default()))),
        }
    }
}

impl<R> Process<R> {
    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operating system's number for it. Free to be another process's once its end has been waited for.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Waits for the process's end, and says how it ended.
    ///
    /// # Errors
    ///
    /// If the operating system cannot say.
    #[track_caller]
    pub fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        self.end(Location::caller(), None).map(Option::unwrap_or_default)
    }

    /// As [`wait`](Self::wait), for `timeout` at the most; `None` if the process goes on.
    ///
    /// # Errors
    ///
    /// If the operating system cannot say.
    #[track_caller]
    pub fn wait_for(&mut self, timeout: Duration) -> Result<Option<ExitStatus>, ProcessError> {
        self.end(Location::caller(), deadline(timeout))
    }

    /// Whether the process has not ended yet.
    pub fn is_alive(&mut self) -> bool {
        self.look().is_ok_and(|ended| ended.is_none())
    }

    /// How the process ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.look().ok().flatten()
    }

    /// Kills the process: it cannot prevent it. Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        self.signal("kill", Signal::KILL)
    }

    /// Asks the process to end, with SIGTERM. Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn terminate(&mut self) -> Result<(), ProcessError> {
        self.signal("terminate", Signal::TERM)
    }

    fn signal(&mut self, call: &str, signal: Signal) -> Result<(), ProcessError> {
        if self.look()?.is_some() {
            return Ok(());
        }
        // Not reaped: the number is still this process's.
        let pid = Pid::from_raw(self.pid().cast_signed());
        let sent = pid.map_or(Ok(()), |pid| kill_process(pid, signal));
        sent.map_err(|error| ProcessError::of(&self.name, call, error))
    }

    fn look(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        if let (None, Some(child)) = (self.ended, &mut self.child) {
            let ended = child.try_wait();
            self.ended = ended.map_err(|error| ProcessError::of(&self.name, "try_wait", error))?;
        }
        Ok(self.ended)
    }

    /// Waits for the end, until `deadline` if there is one; orders what follows after it.
    fn end(&mut self, site: Site, until: Option<Instant>) -> Result<Option<ExitStatus>, ProcessError> {
        let pid = self.pid();
        if self.look()?.is_none()
            && let Some(child) = &mut self.child
        {
            let awaited = Awaited::Exit { pid };
            let ended = self.watch.waiting(site, until, awaited, || match until {
                None => child.wait().map(Some),
                Some(until) => wait_until(child, until),
            });
            self.ended = ended.map_err(|error| ProcessError::of(&self.name, "wait", error))?;
        }
        if self.ended.is_some() {
            Origin::ended(pid);
        }
        Ok(self.ended)
    }
}

/// The child's end, unless `until` comes first.
fn wait_until(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    let Some(pid) = Pid::from_raw(child.id().cast_signed()) else { return child.try_wait() };
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    ready_until(ended.as_fd(), PollFlags::IN, Some(until))?;
    child.try_wait()
}

/// Waits until something can be done with `fd` (`true`) or `until` has come.
pub(super) fn ready_until(fd: BorrowedFd<'_>, what: PollFlags, until: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(&mut [PollFd::from_borrowed_fd(fd, what)], timeout.as_ref()) {
            Ok(0) if left.is_none_or(|left| !left.is_zero()) => {}
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        if let (None, Some(mut child)) = (self.ended, self.child.take())
            && matches!(child.try_wait(), Ok(None))
        {
            ignore_poison(LEFT.lock()).push(child);
        }
    }
}

impl<R> std::fmt::Debug for Process<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ended = self.ended.map(|status| (status.code(), status.signal()));
        let mut fields = f.debug_struct("Process");
        fields.field("name", &self.name).field("entry", &self.entry).field("ended", &ended);
        fields.finish_non_exhaustive()
    }
}
