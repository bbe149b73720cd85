//! The closed world: given what every thread of a family of processes waits for, as seen from outside, who of them
//! can never move again?
//!
//! A thread can move if it runs, if a clock wakes it, or if somebody outside the family may; and a waiting thread can
//! move if somebody who can end its wait can move. What remains when this has been carried to its end is stuck: a
//! greatest fixed point, as in the wait-for graphs with OR-waits of distributed deadlock detection (Knapp 1987). Of
//! the stuck threads, those that everybody else is only queued behind are the *core*: the strongly connected
//! components without a way out (petgraph).
//!
//! Whatever is not known counts as able to move. Signals sent from outside of the family are left out of the argument,
//! unless a thread waits for one explicitly or its process asks for them ([`Process::stirred_by`]).
//!
//! This module reads nothing: the caller describes the family ([`Family`]).

mod decide;
mod words;

pub use decide::{StuckSet, decide, stuck};
pub use words::{EVIDENCE_MAX, Places, finding, lines, openings};

use std::collections::BTreeSet;

/// Index of a process in [`Family::processes`].
pub type ProcessIndex = usize;
/// Index of a thread in [`Family::threads`].
pub type ThreadIndex = usize;

/// What one sort of handle on a shared object lets its holder do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HandleKind {
    /// The end of a pipe that is read from.
    PipeRead,
    /// The end of a pipe that is written to.
    PipeWrite,
    /// A socket.
    Socket,
    /// A counter that is waited for (`eventfd`).
    Counter,
    /// Memory that several processes map.
    Memory,
    /// A file that locks may be held on.
    File,
    /// Something that all handles of its sort are taken to stand for, because they cannot be told apart.
    Sort(&'static str),
}

/// One handle on one object; equal handles of two processes are handles on the same object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Handle {
    /// What it lets its holder do.
    pub kind: HandleKind,
    /// Which object: device, inode and offset, as far as they matter.
    pub object: (u64, u64, u64),
}

/// Who can end a wait, by moving.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ender {
    /// Any thread of this process; for a wait for its end, all that it takes is there too.
    Process(ProcessIndex),
    /// Any thread of a process below this one.
    Below(ProcessIndex),
    /// Any thread of a process that has this handle, or anybody outside who has it.
    Holder(Handle),
}

/// What a thread does, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It runs, or something that is not looked at any further may make it run. The reason completes "it ...".
    Moves(&'static str),
    /// It stands still, and only these can end that.
    Waits(Wait),
}

/// A wait without a timeout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    /// What it does: decides words, never a verdict.
    pub call: Call,
    /// Every one who can end it: one that moves is enough.
    pub enders: Vec<Ender>,
}

/// The kinds of waits that are understood.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Call {
    /// For a word in the process's own memory, at this address: a lock, a condition, a join.
    Futex(u64),
    /// For a word in memory that processes share.
    SharedFutex(Handle),
    /// To read from it.
    Read(Handle),
    /// To write to it.
    Write(Handle),
    /// For the end of this process; `None`: of a child.
    Child(Option<ProcessIndex>),
    /// For one of several handles to become ready.
    Poll,
    /// For a lock on a file.
    FileLock(Handle),
}

/// One process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// The system's number for it.
    pub pid: i32,
    /// What it runs, the same on every machine: part of a finding's identity.
    pub program: String,
    /// The process that started it, if that belongs to the family.
    pub parent: Option<ProcessIndex>,
    /// Every handle it has.
    pub handles: BTreeSet<Handle>,
    /// Why any of its threads may move although it seems to stand still; completes "it ...".
    pub stirred_by: Option<&'static str>,
    /// Whether it handles the signal that tells of a child's end: then any process below may stir it.
    pub handles_child_end: bool,
}

/// One thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thread {
    /// Whose it is.
    pub process: ProcessIndex,
    /// The system's number for it.
    pub tid: i32,
    /// The name the system has for it.
    pub name: String,
    /// What it does.
    pub state: State,
}

/// Everything that descends from one program, at one moment in which those that wait did not move.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Family {
    /// Its processes.
    pub processes: Vec<Process>,
    /// Their threads. A thread that is not here cannot do anything.
    pub threads: Vec<Thread>,
    /// The handles that somebody outside has too, or may have.
    pub outside: BTreeSet<Handle>,
}
