//! The watched locks without guards, and the run-time's view of threads: for a tool that executes something other than
//! Rust source (a sketch in the litmus notation) with the real locks. Not for programs, and no stable API.
//!
//! What it is made from is the same as under the mirrors; it adds places that no Rust file has, holds that are not
//! scoped, and the means to say that a thread comes after another or stands for a new one.

use std::marker::PhantomData;
use std::time::Duration;

use lockcheck_checker::{Code, Tier};
use lockcheck_events::{RawSite, Record, TokenId};

use crate::base::park::WaitQueue;
use crate::base::{Kind, Watch};
use crate::rt::context::{Shared, current, current_if_known};
use crate::rt::messages::Stamp;
use crate::rt::once::{Gate, Running};
use crate::rt::registry::{self, ThreadEntry};
use crate::rt::thread::Ended;
use crate::rt::{Token, knowledge, lifecycle, waits};
use crate::sync::raw::{RawTracked, RawTrackedRw};
use crate::watched_thread::JoinHandle;

pub use crate::rt::Place;
pub use lockcheck_events::{LockKind, Mode};

/// The place that reports name as this file, line and column. Never freed.
#[must_use]
pub fn place(file: &str, line: u32, column: u32) -> Place {
    registry::place_for(RawSite { file: file.to_owned(), line, column })
}

/// A mutual-exclusion lock without data and guards.
pub struct Lock {
    raw: RawTracked,
    kind: LockKind,
}

/// One hold of a [`Lock`]. It stays where it was taken; forgetting it leaves the lock locked.
#[must_use = "forgetting it leaves the lock locked"]
pub struct Hold<'a> {
    lock: &'a Lock,
    token: Token,
    not_send: PhantomData<*const ()>,
}

impl Lock {
    /// A lock that reports call `name`.
    #[must_use]
    pub fn new(kind: LockKind, created: Place, name: &str) -> Lock {
        let lock = Lock { raw: RawTracked::created_at(created), kind };
        lock.raw.name(kind, name);
        lock
    }

    /// Locks it, blocking as long as it takes.
    pub fn lock(&self, at: Place) -> Hold<'_> {
        self.hold(self.raw.lock(self.kind, at))
    }

    /// Locks it if that is possible at once.
    pub fn try_lock(&self, at: Place) -> Option<Hold<'_>> {
        self.raw.try_lock(self.kind, at).map(|token| self.hold(token))
    }

    /// Locks it unless `timeout` passes first.
    pub fn try_lock_for(&self, at: Place, timeout: Duration) -> Option<Hold<'_>> {
        self.raw.lock_for(self.kind, at, timeout).map(|token| self.hold(token))
    }

    fn hold(&self, token: Token) -> Hold<'_> {
        Hold { lock: self, token, not_send: PhantomData }
    }
}

impl Hold<'_> {
    /// Gives it up.
    pub fn unlock(self) {
        // SAFETY: made by an acquisition of this lock, and consumed here.
        unsafe { self.lock.raw.unlock(self.token) };
    }
}

/// A readers-writer lock without data and guards.
pub struct RwLock {
    raw: RawTrackedRw,
}

/// One hold of an [`RwLock`]; see [`Hold`].
#[must_use = "forgetting it leaves the lock locked"]
pub struct RwHold<'a> {
    lock: &'a RwLock,
    mode: Mode,
    token: Token,
    not_send: PhantomData<*const ()>,
}

impl RwLock {
    /// A lock that reports call `name`.
    #[must_use]
    pub fn new(created: Place, name: &str) -> RwLock {
        let lock = RwLock { raw: RawTrackedRw::created_at(created) };
        lock.raw.name(name);
        lock
    }

    /// Locks it in this mode, blocking as long as it takes.
    pub fn lock(&self, mode: Mode, at: Place) -> RwHold<'_> {
        self.hold(mode, self.raw.lock(mode, at))
    }

    /// Locks it in this mode if that is possible at once.
    pub fn try_lock(&self, mode: Mode, at: Place) -> Option<RwHold<'_>> {
        self.raw.try_lock(mode, at).map(|token| self.hold(mode, token))
    }

    fn hold(&self, mode: Mode, token: Token) -> RwHold<'_> {
        RwHold { lock: self, mode, token, not_send: PhantomData }
    }
}

impl<'a> RwHold<'a> {
    /// How it holds.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Gives it up.
    pub fn unlock(self) {
        // SAFETY: made by an acquisition of this lock in this mode, and consumed here.
        unsafe { self.lock.raw.unlock(self.mode, self.token) };
    }

    /// Turns an upgradable hold into an exclusive one, blocking as long as it takes.
    ///
    /// # Panics
    ///
    /// If the hold is not upgradable.
    pub fn upgrade(self, at: Place) -> RwHold<'a> {
        assert_eq!(self.mode, Mode::Upgradable, "only an upgradable hold can be upgraded");
        // SAFETY: an upgradable hold of the calling thread (it is not `Send`), consumed here.
        let token = unsafe { self.lock.raw.upgrade(at) };
        self.lock.hold(Mode::Exclusive, token)
    }

    /// Turns an exclusive or upgradable hold into a shared one.
    ///
    /// # Panics
    ///
    /// If the hold is neither.
    pub fn downgrade(self, at: Place) -> RwHold<'a> {
        assert!(
            matches!(self.mode, Mode::Exclusive | Mode::Upgradable),
            "a shared hold cannot be downgraded"
        );
        // SAFETY: a hold of this mode, consumed here.
        let token = unsafe { self.lock.raw.downgrade(self.mode, at, self.token) };
        self.lock.hold(Mode::Shared, token)
    }
}

/// A one-time initialiser without its memory of what is done: the caller knows whether the body is to be run.
pub struct Once {
    gate: Gate,
}

/// The body of a [`Once`] runs, in the thread that began it, as long as this lives.
#[must_use = "the body is over when it is dropped"]
pub struct OnceBody<'a> {
    _running: Running<'a>,
    not_send: PhantomData<*const ()>,
}

impl Once {
    /// An initialiser that reports call `name`.
    #[must_use]
    pub fn new(created: Place, name: &str) -> Once {
        let once = Once { gate: Gate::created_at(created) };
        once.gate.name(name);
        once
    }

    /// A call that finds it not begun.
    pub fn begin(&self, at: Place) -> OnceBody<'_> {
        OnceBody { _running: self.gate.turn(at).begin(), not_send: PhantomData }
    }

    /// A call that finds it done.
    pub fn pass(&self, at: Place) {
        self.gate.passed(at);
    }

    /// A call that finds it begun, and waits until called.
    pub fn wait(&self, at: Place, call: &Call) {
        let ticket = call.queue.enqueue();
        let _turn = self.gate.turn(at);
        ticket.wait(None);
    }
}

/// What threads wait for until they are called, each by itself: the part of a condition variable that is not its lock.
pub struct Signal {
    watch: Watch,
}

/// One wait for a [`Signal`], shared between the one that waits and the one that calls.
pub struct Call {
    queue: WaitQueue,
    messages: Messages,
}

impl Default for Call {
    fn default() -> Call {
        Call { queue: WaitQueue::new(), messages: Messages::new() }
    }
}

/// What orders threads without being a lock: a channel, a variable.
pub struct Messages(Stamp);

impl Messages {
    /// Nothing sent yet.
    #[must_use]
    pub const fn new() -> Messages {
        Messages(Stamp::new())
    }

    /// The calling thread sends one. Comes before anybody can receive it.
    pub fn sent(&self) {
        current().iter().for_each(|thread| self.0.leave(thread));
    }

    /// The calling thread comes after all that were sent.
    pub fn received(&self) {
        current().iter().for_each(|thread| self.0.take(thread));
    }
}

impl Default for Messages {
    fn default() -> Messages {
        Messages::new()
    }
}

impl Signal {
    /// A signal that reports call `name`.
    #[must_use]
    pub fn new(name: &str) -> Signal {
        let signal = Signal { watch: Watch::new(Kind::Condition) };
        signal.watch.name(name);
        signal
    }

    /// Blocks until called.
    pub fn wait(&self, at: Place, call: &Call) {
        let ticket = call.queue.enqueue();
        self.watch.waiting(at, None, || ticket.wait(None));
        call.messages.received();
    }
}

impl Call {
    /// Ends the wait; `false` if nobody waits.
    pub fn end(&self) -> bool {
        self.messages.sent();
        self.queue.tell_one()
    }
}

/// A point in a thread's life.
#[derive(Clone, Copy, Debug)]
pub struct Point(TokenId);

/// The point at which the calling thread is; `None` if it is not watched.
#[must_use]
pub fn point() -> Option<Point> {
    current().map(|thread| Point(knowledge::before(thread)))
}

/// Orders what the calling thread does from here on after `point`.
pub fn comes_after(point: Point) {
    if let Some(thread) = current() {
        knowledge::after(thread, point.0);
    }
}

/// From here on the calling thread counts as another one of this name, with the holds it has: a worker that takes up a
/// task. Nothing orders the two.
pub fn become_thread(name: &str) {
    let Some(thread) = current() else { return };
    let _busy = thread.enter();
    let (before, id) = (thread.id(), lifecycle::next_thread_id());
    thread.go_by(id);
    registry::THREADS.insert(id, ThreadEntry { name: Some(name.to_owned()), scope: None, parent: None });
    let os_id = lifecycle::os_id();
    knowledge::file(Record::ThreadStart {
        thread: id,
        name: Some(name.to_owned()),
        parent: None,
        os_id,
        scope: None,
    });
    knowledge::thread_ended(before);
}

/// The end of a thread, for any number of threads to wait for.
#[derive(Clone)]
pub struct End(Ended);

/// The end of the thread behind this handle.
///
/// # Panics
///
/// If the thread was started in an exploration.
#[must_use]
pub fn end_of<T>(handle: &JoinHandle<T>) -> End {
    End(handle.ended().expect("threads of an exploration are joined by their handles").clone())
}

impl End {
    /// Whether it has come.
    #[must_use]
    pub fn has_come(&self) -> bool {
        self.0.is_over()
    }

    /// Waits for it; what the calling thread does from here on comes after all the other did.
    pub fn join(&self, at: Place) {
        self.0.wait(at);
    }
}

/// A thread as others see it.
#[derive(Clone, Copy)]
pub struct View(&'static Shared);

/// The calling thread; `None` if it is not watched.
#[must_use]
pub fn this_thread() -> Option<View> {
    current()?.visible().map(View)
}

impl View {
    /// A number that is odd while the thread waits for another to do something, and moves on with each change.
    #[must_use]
    pub fn waits(self) -> u32 {
        self.0.wait.sequence()
    }

    /// Whether it is caught in a circle of waiting threads, or behind one.
    #[must_use]
    pub fn is_stuck(self) -> bool {
        let busy = current_if_known().map(|thread| thread.enter());
        let circle = waits::circle_behind(self.0.id());
        drop(busy);
        circle.is_some()
    }
}

/// The lock-order problems known so far, with their tiers: those that have come true since, too, which a report shows
/// as deadlocks.
#[must_use]
pub fn foretold() -> Vec<(Code, Tier)> {
    knowledge::foretold()
}
