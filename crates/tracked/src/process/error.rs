//! What goes wrong between processes. Each error names the process it is about and the call that was made.

use std::fmt;
use std::io;
use std::process::ExitStatus;

use thiserror::Error;

/// Something went wrong in or with a process.
#[derive(Debug, Error)]
#[error("process `{process}`: {call}: {cause}")]
pub struct ProcessError {
    process: String,
    call: String,
    #[source]
    cause: Cause,
}

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Cause {
    /// The function is not one that a process can be started with.
    #[error("unknown entry point: put `#[tracked::process::entry]` above the function")]
    UnknownEntry,
    /// Two functions have the same name, so that a child could not tell them apart.
    #[error("two entry points have this name: rename one of them")]
    AmbiguousEntry,
    /// The program has not called [`init`](super::init).
    #[error("the program cannot start processes: call `tracked::process::init()` first in `main`")]
    NotInitialised,
    /// A value could not be turned into bytes.
    #[error("the {what} cannot be sent: {reason}")]
    Encode {
        /// Which value.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// Bytes could not be turned into a value.
    #[error("the {what} cannot be deserialised: {reason}")]
    Decode {
        /// Which value.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The function panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// The process ended before the call returned.
    #[error("it ended before the call returned: {0}")]
    Ended(ExitStatus),
    /// The other end is gone.
    #[error("the other end is closed")]
    Closed,
    /// The other end is gone, and left half a message.
    #[error("the other end was closed in the middle of a message")]
    ClosedMidway,
    /// `task_done` was called more often than items were put.
    #[error("called more often than items were put")]
    TooManyTasksDone,
    /// A shared-memory name that somebody else has.
    #[error("the shared-memory name is already taken: remove /dev/shm/{0} or choose another name")]
    NameTaken(String),
    /// Shared memory that is something else than what was asked for.
    #[error("the shared memory is not what was asked for: {0}")]
    WrongMemory(String),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ProcessError {
    /// Something went wrong in this process.
    pub(super) fn here(call: impl fmt::Display, cause: impl Into<Cause>) -> ProcessError {
        ProcessError::of(super::name(), call, cause)
    }

    /// Something went wrong with the process of this name.
    pub(super) fn of(process: &str, call: impl fmt::Display, cause: impl Into<Cause>) -> ProcessError {
        ProcessError { process: process.to_owned(), call: call.to_string(), cause: cause.into() }
    }

    /// The process it is about.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// The call that was made: an entry point, or an operation on a shared object.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// What went wrong.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl From<rustix::io::Errno> for Cause {
    fn from(error: rustix::io::Errno) -> Cause {
        Cause::Io(error.into())
    }
}

/// A process died while it held the lock: what the lock protects may be half changed. Said to everybody who locks it
/// until somebody [recovers](Self::recover) it.
pub struct OwnerDied<G> {
    pub(super) guard: G,
    pub(super) lock: String,
    pub(super) owner: String,
    pub(super) clear: fn(&G),
}

impl<G> OwnerDied<G> {
    /// The lock, which is held now, as if nothing had happened. The next one to lock it is told again.
    pub fn into_guard(self) -> G {
        self.guard
    }

    /// The lock, which is held now, when what it protects has been put right: nobody is told any more.
    pub fn recover(self) -> G {
        (self.clear)(&self.guard);
        self.guard
    }

    /// The process that died, and where it took the lock.
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl<G> fmt::Display for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process `{}`: lock of {}: {} died while it held it", super::name(), self.lock, self.owner)
    }
}

impl<G> fmt::Debug for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied")
            .field("lock", &self.lock)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl<G> std::error::Error for OwnerDied<G> {}
