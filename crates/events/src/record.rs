//! What a watched process writes down in mode `check`: knowledge, not every event.
//!
//! The order of records is the order in which the run-time learned them, under one lock; a reader that feeds them
//! to the checker in this order gets the findings the process itself had. Strings and stacks stand before the
//! first record that refers to them.

use serde::{Deserialize, Serialize};

use crate::{Attempt, Intent, LockId, LockKind, Mode, RawSite, Refuted, SiteId, StackId, ThreadId, TokenId};

/// One hold of a lock by the requesting thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// The lock that is held.
    pub lock: LockId,
    /// How it is held.
    pub mode: Mode,
    /// How it was asked for.
    pub attempt: Attempt,
    /// Where it was asked for.
    pub site: SiteId,
    /// The acquisition's index among its thread's events.
    pub event: u32,
}

/// A thread asks for a lock while it holds others: the stuff that lock-order edges are made of.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub thread: ThreadId,
    /// The request's index among its thread's events.
    pub event: u32,
    /// What is asked for.
    pub lock: LockId,
    /// How.
    pub mode: Mode,
    /// For how long.
    pub attempt: Attempt,
    /// Where.
    pub site: SiteId,
    /// The stack of the request; one stack stands for all requests with the same pair of sites.
    pub stack: StackId,
    /// Everything the thread holds at this moment, oldest first, the wanted lock's own upgradable hold left out.
    pub holds: Vec<Hold>,
}

/// One member of a stuck set.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct StuckThread {
    /// What it asks for and what it holds.
    pub request: Request,
    /// The members of the set that could end its wait by giving up a lock, and with them the holds that stand in the
    /// way. Empty where it waits for something else: the end of the next member, or a signal.
    pub waits_for: Vec<(ThreadId, Hold)>,
}

/// What kind of stuck set it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum StuckKind {
    /// Threads that wait for each other.
    Deadlock,
    /// A thread that waits for what only it could give up.
    SelfDeadlock,
    /// Threads that wait for each other, one of them for the end of the next, which needs a lock.
    JoinDeadlock,
    /// Threads that wait for one thing which nobody is left to do.
    StuckWait,
    /// The same, after a notification that nobody received. The last member is the notifier; its request, with the
    /// attempt `Try`, is the notification.
    LostWakeup,
    /// Threads of a pool that wait for tasks which only they could run. The last members, with the attempt `Try`, are
    /// the submissions of such tasks.
    Starvation,
}

/// Something that one thread does, or does not do, which the run-time sees by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Notice {
    /// Gives back what it does not have.
    NotTheOwner,
    /// Ended while it held a lock.
    LockLeaked,
    /// Waited once and did not ask again.
    WaitWithoutPredicate,
    /// Threads queue for a lock. The first side holds it longest.
    Contention,
    /// Blocks on something else while it holds a lock: the side's last hold.
    BlockingWhileHolding,
    /// Threads that waited for each other until a timeout passed.
    MaskedByTimeout,
    /// Tasks wait for tasks behind them in their own pool.
    ExecutorStarvation,
    /// Panicked, in a run under control. Its object stands for the thread; the detail is what it said.
    Panic,
    /// Stood before an access of a datum at the same time as another side, one of both a write.
    DataRace,
}

/// Which signals of an object end a wait for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Ends {
    /// Any one that comes while it lasts: a condition that is notified, a thread or a task that ends.
    ByAny,
    /// Any one, also one that came before: an event that is set.
    Lasting,
    /// The one with the wait's number: the item that is put, the room that is made.
    InTurn,
    /// It takes all of them: a barrier, a queue's tasks.
    ByAll,
}

/// What a thread may come after because of messages: of each other thread, the first of its operations that it need
/// not come after. Sorted by thread.
pub type Heard = Vec<(ThreadId, u32)>;

/// One piece of knowledge.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Record {
    /// The process, once, first.
    Process {
        /// The operating system's number for it.
        pid: u32,
        /// The executable's path.
        exe: String,
        /// The folder it was started in.
        cwd: String,
        /// Nanoseconds since the epoch, for the reader's eyes only.
        started_ns: u64,
    },
    /// A loaded executable segment, so that addresses can be resolved when the process is gone.
    Module {
        /// The file it was loaded from.
        path: String,
        /// The address its file addresses (svma) are relative to.
        base: u64,
        /// The range of addresses it covers.
        range: (u64, u64),
    },
    /// A thread was seen for the first time.
    ThreadStart {
        /// Its id.
        thread: ThreadId,
        /// Its name; `None` where it has none.
        name: Option<String>,
        /// The thread that started it through the tracked API; `None`: of unknown origin.
        parent: Option<ThreadId>,
        /// The operating system's number for it.
        os_id: u64,
        /// The name of the scope (test) that it counts in.
        scope: Option<String>,
    },
    /// A thread ended.
    ThreadEnd {
        /// Its id.
        thread: ThreadId,
    },
    /// Everything `thread` did so far comes before what follows the matching `After`: a spawn, an end, a barrier.
    Before {
        /// Whose past it is.
        thread: ThreadId,
        /// The name of this point.
        token: TokenId,
    },
    /// What `thread` does from here on comes after the point `token`.
    After {
        /// Whose future it is.
        thread: ThreadId,
        /// The point, from an earlier `Before`.
        token: TokenId,
    },
    /// A site was seen for the first time.
    Site {
        /// Its id.
        site: SiteId,
        /// Where it is.
        raw: RawSite,
    },
    /// A stack was captured.
    Stack {
        /// Its id.
        stack: StackId,
        /// Return addresses, innermost first.
        addresses: Vec<u64>,
    },
    /// A lock took part in a nesting or a contention for the first time.
    Lock {
        /// Its id.
        lock: LockId,
        /// What it is.
        kind: LockKind,
        /// Where it was created.
        created: SiteId,
        /// The name the user gave it.
        name: Option<String>,
    },
    /// A lock was dropped: no later record names it.
    LockDropped {
        /// Its id.
        lock: LockId,
    },
    /// New knowledge about lock order.
    Request(Request),
    /// A stuck set has formed.
    Stuck {
        /// What kind.
        kind: StuckKind,
        /// Its members, in the order of the circle.
        threads: Vec<StuckThread>,
        /// Nanoseconds from the moment the last member asked to the moment this was written.
        detected_after_ns: u64,
    },
    /// A stuck set has formed, unless somebody of whom too little is known can end it.
    MaybeStuck {
        /// What kind.
        kind: StuckKind,
        /// As in `Stuck`.
        threads: Vec<StuckThread>,
        /// Who or what could, as the end of a sentence.
        doubt: String,
    },
    /// A thread waited for an object while it held locks.
    Wait {
        /// What for, and what it held.
        request: Request,
        /// The object is the end of a thread.
        join: bool,
        /// Who ends such a wait.
        ends: Ends,
        /// The number of the signal it is for, where that matters.
        turn: u64,
        /// What it came after.
        heard: Heard,
    },
    /// A thread gave a signal that such a wait may be for.
    Signal {
        /// Its holds are the locks that it asked for since the last point that orders it after others, held or
        /// released since; its attempt is `Try`.
        request: Request,
        /// Which waits it ends.
        ends: Ends,
        /// Its number, where that matters.
        turn: u64,
        /// What it came after when it asked for the locks.
        heard: Heard,
    },
    /// Something was noticed.
    Notice {
        /// What.
        notice: Notice,
        /// By whom and where, the one it is about first.
        sides: Vec<Request>,
        /// More about it, as the end of a sentence; empty: nothing.
        detail: String,
    },
    /// A named limit was reached and knowledge is missing from here on.
    Dropped {
        /// The limit's name and value, for the report.
        what: String,
    },
    /// The process ended in an orderly way, with these counts.
    End {
        /// Threads seen.
        threads: u32,
        /// Locks that took part in a nesting or a contention.
        locks: u64,
        /// Distinct lock-order edges.
        edges: u64,
        /// Operations on tracked objects, as far as they are counted.
        events: u64,
    },
    /// What the program states about the next request of this thread.
    Intent(Intent),
    /// An `ignore` was entered for the first time.
    Ignore {
        /// Where it stands.
        site: SiteId,
        /// Why, in the program's words.
        reason: String,
    },
    /// A gate does not serialise what is in it.
    GateRefuted(Refuted),
    /// A lock (or queue, pipe, ...) is one that other processes can have as well: it is the same object as every other
    /// one with this place, in whatever process.
    Shared {
        /// Its id in this process.
        lock: LockId,
        /// The device of the file that it lies in.
        device: u64,
        /// The file.
        inode: u64,
        /// Where in the file, in bytes.
        offset: u64,
    },
    /// The process was started by a watched one: everything in it comes after the point `token` of that process.
    Parent {
        /// The other process.
        pid: u32,
        /// A point from an earlier `Before` in its trace.
        token: TokenId,
    },
    /// A thread reads or writes a datum that is watched for lost updates.
    Access {
        /// Which datum, and what it holds. The mode is shared for a read.
        request: Request,
        /// It writes.
        writes: bool,
    },
    /// `thread` has waited for the end of process `pid`: what it does from here on comes after everything in that
    /// process.
    Joined {
        /// Who waited.
        thread: ThreadId,
        /// The process that has ended.
        pid: u32,
    },
}
