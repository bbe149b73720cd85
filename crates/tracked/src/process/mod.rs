//! Processes that run functions of the same program, and what they share: after Python's `multiprocessing`.
//!
//! ```no_run
//! use tracked::process::{self, Process, Queue};
//!
//! #[process::entry]
//! fn squares(upto: u64, results: Queue<u64>) -> u64 {
//!     (0..upto).for_each(|n| results.put(&(n * n)).unwrap());
//!     upto
//! }
//!
//! fn main() -> Result<(), process::ProcessError> {
//!     process::init();
//!     let results = Queue::new()?;
//!     let worker = Process::spawn(squares, (5, results.clone()))?;
//!     let sum: u64 = (0..5).map(|_| results.get().unwrap()).sum();
//!     assert_eq!((sum, worker.join()?), (30, 5));
//!     Ok(())
//! }
//! ```
//!
//! A process is started by executing the running program once more; there is no fork of a process with threads. What
//! runs in it is a function that is marked as an entry point, found by its name, with arguments and result in serde's
//! hands. So a program that uses this calls [`init`] first in `main`: in a child, that call runs the entry point and
//! does not return.
//!
//! What processes share lies in memory that the kernel keeps for whoever has it open, and travels as a descriptor in
//! the arguments of a process, and only there:
//!
//! | object | what it is | when its holder dies |
//! |---|---|---|
//! | [`Lock`], [`RLock`], [`Condition`], [`Value`], [`Array`] | a robust mutex of the C library | the next one to lock it is told: [`OwnerDied`] |
//! | [`Semaphore`], [`Event`] | a word under such a mutex | nothing is lost but the permits it had |
//! | [`Queue`], [`JoinableQueue`] | a ring of bytes under such a mutex | a message is there whole or not at all |
//! | [`Connection`] | two kernel pipes | the other end is told that it is closed |
//!
//! What is not plain data can be kept by a [`Manager`], a process that others ask for it.
//!
//! Under `lockcheck`, each process is watched as every other one; what it shares is one object in all of them.
//!
//! This is not a job system: nothing here retries a function or moves it to another machine.

mod call;
mod connection;
mod entry;
mod error;
mod handle;
mod locks;
mod manager;
mod monitor;
mod pool;
mod queue;
mod raw;
mod segment;
mod spawn;
mod watch;
mod words;

pub use call::Call;
pub use connection::{Connection, pipe};
pub use entry::{init, name};
pub use error::{Cause, OwnerDied, ProcessError};
pub use locks::{
    Array, ArrayGuard, Condition, ConditionGuard, Lock, LockGuard, Plain, RLock, RLockGuard, Value,
    ValueGuard,
};
pub use manager::{DictProxy, ListProxy, Manager, Namespace};
pub use monitor::{Event, Permit, Semaphore};
pub use pool::{Imap, ImapUnordered, Pool, ProcessPoolExecutor};
pub use queue::{JoinableQueue, Queue};
pub use spawn::{Builder, Process};
/// Marks a function as one that a process can be started with: its arguments and its result travel through serde, so
/// they are owned. References, generics and `async` are refused.
pub use tracked_macros::process_entry as entry;

/// What the attribute expands to.
#[doc(hidden)]
pub mod __private {
    pub use super::entry::{Arguments, Entry, Failed, encode};
    pub use inventory::submit;
}
