//! The watched half of `base`.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockcheck_events::event_file::EventKind;
use lockcheck_events::{Attempt, LockKind, Mode, Notice, TokenId};
use lockcheck_explorer::{Access, OperationKind};

use super::{Guarded, Kind, Site, Step};
pub(crate) use crate::rt::Token;
pub(crate) use crate::rt::beside::look as look_for_a_circle;
use crate::rt::beside::{self, Source};
pub(crate) use crate::rt::hands::{Hand, is_time_to_look, left_undone};
use crate::rt::messages::Stamp;
use crate::rt::notices;
pub(crate) use crate::rt::permits::Permits;
use crate::rt::standstill;
pub(crate) use crate::rt::standstill::Vigil;
use crate::rt::steer;
pub(crate) use crate::rt::wait_edges::Turn;
use crate::rt::wait_edges::{self, Needs, Told};
use crate::rt::{self, HeldLock, LostSignal, Meta, Wait, knowledge, operation, pools, predicate, record};
use crate::sync::raw::RawTracked;

impl Kind {
    const fn lock_kind(self) -> LockKind {
        match self {
            Kind::Semaphore => LockKind::Semaphore,
            Kind::Condition => LockKind::Condition,
            Kind::Event => LockKind::Event,
            Kind::Barrier => LockKind::Barrier,
            Kind::Queue => LockKind::Queue,
            Kind::Pool => LockKind::Pool,
        }
    }
}

/// A mutual-exclusion lock without data, or, with the flag, one that a reentrant lock is made of. What it is called is in the
/// type, so that an acquisition has nothing to look up.
pub(crate) struct RawLock<const REENTRANT: bool = false> {
    raw: RawTracked,
}

impl<const REENTRANT: bool> RawLock<REENTRANT> {
    const KIND: LockKind = if REENTRANT { LockKind::Reentrant } else { LockKind::Mutex };

    #[track_caller]
    pub(crate) const fn new() -> Self {
        RawLock { raw: RawTracked::new() }
    }

    #[inline(always)]
    pub(crate) fn lock(&self, site: Site) -> Token {
        self.raw.lock(Self::KIND, site)
    }

    #[inline(always)]
    pub(crate) fn try_lock(&self, site: Site) -> Option<Token> {
        self.raw.try_lock(Self::KIND, site)
    }

    pub(crate) fn lock_for(&self, site: Site, timeout: Duration) -> Option<Token> {
        self.raw.lock_for(Self::KIND, site, timeout)
    }

    /// # Safety
    ///
    /// The lock is held, by the acquisition that gave `token`, which nobody else gives up.
    #[inline(always)]
    pub(crate) unsafe fn unlock(&self, token: Token) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock(token) };
    }

    /// The calling thread lets go of the lock and takes it back at the end of what `wait` waits for.
    pub(crate) fn taking_back<R>(&self, wait: impl FnOnce() -> R) -> R {
        self.raw.taking_back(wait)
    }

    /// A plain wait for `watch` came back with the lock, by the acquisition that gave `token`.
    pub(crate) fn came_back(&self, watch: &Watch, site: Site, token: Token) -> Token {
        watch.came_back(site, self.raw.known_as(), token)
    }

    /// The calling thread is about to give the lock up for a wait.
    pub(crate) fn waits_again(&self) {
        self.raw.known_as().into_iter().for_each(predicate::asked);
    }

    /// What the lock is known by in an exploration, if the calling thread is under control of one.
    pub(crate) fn key(&self) -> Option<u64> {
        self.raw.key()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Takes note that the data is read or may be written, by the acquisition that gave `token`.
    #[inline(always)]
    pub(crate) fn touched(&self, token: Token, write: bool, site: Site) {
        self.raw.touched(token, write, site);
    }

    pub(crate) fn name(&self, name: &str) {
        self.raw.name(Self::KIND, name);
    }
}

/// As long as it lives, the calling thread is about to park in a queue of ours: from there it looks itself whether
/// the world stands still.
pub(crate) struct AboutToPark(PhantomData<*const ()>);

thread_local! {
    /// How many of them the thread has.
    static ABOUT_TO_PARK: Cell<u32> = const { Cell::new(0) };
}

impl AboutToPark {
    pub(crate) fn now() -> AboutToPark {
        ABOUT_TO_PARK.with(|count| count.set(count.get() + 1));
        AboutToPark(PhantomData)
    }
}

impl Drop for AboutToPark {
    fn drop(&mut self) {
        ABOUT_TO_PARK.with(|count| count.set(count.get() - 1));
    }
}

/// Blocks a thread under control until `ready` or until the deadline, and says whether it was the former; `None`: the
/// calling thread is not under control.
pub(crate) fn wait_under_control(
    deadline: Option<Instant>,
    ready: &(dyn Fn() -> bool + Sync),
) -> Option<bool> {
    let own = steer::me()?;
    Some(steer::operations::wait_until(own, OperationKind::Resume, None, deadline, ready))
}

/// Which of so many waiters a signal reaches.
pub(crate) fn choose_waiter(waiters: usize) -> usize {
    steer::operations::choose_waiter(waiters)
}

/// The identity of an object that threads wait for.
pub(crate) struct Watch {
    meta: Meta,
    kind: LockKind,
    /// The last signal, if it found nobody.
    lost: LostSignal,
    /// The last signal that reached somebody.
    last: LostSignal,
    told: Told,
    stamp: Stamp,
}

thread_local! {
    /// Where the thread was last woken by a signal, and of which object: as long as it has signalled nothing since.
    static WOKEN: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

/// One of several things that an object is waited for: the room in a queue, an item. An object of its own where waits
/// are compared with what ends them.
pub(crate) struct Part {
    meta: Meta,
    told: Told,
    stamp: Stamp,
}

/// What the calling thread needed for a signal it is about to give.
pub(crate) struct Signal(Option<Needs>);

impl Signal {
    /// As of this moment: before the thread does anything for it.
    #[inline]
    pub(crate) fn about_to() -> Signal {
        Signal(watched().map(Needs::of))
    }
}

/// The calling thread, if it is watched and not under control: from one under control the detector learns nothing.
#[inline]
fn watched() -> Option<&'static rt::Thread> {
    rt::current().filter(|thread| !thread.is_steered())
}

impl Watch {
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> Watch {
        Watch::created_at(kind, std::panic::Location::caller())
    }

    /// For an object made in a constant: where it comes from is not known.
    #[cfg(all(parking_lot_mirrored, feature = "parking_lot_0_13"))]
    pub(crate) const fn nowhere(kind: Kind) -> Watch {
        Watch::created_at(kind, Meta::NOWHERE)
    }

    const fn created_at(kind: Kind, created: Site) -> Watch {
        Watch {
            meta: Meta::new(created),
            kind: kind.lock_kind(),
            lost: LostSignal::none(),
            last: LostSignal::none(),
            told: Told::nothing(),
            stamp: Stamp::new(),
        }
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(self.kind, name);
    }

    /// Gives a part the object's name.
    pub(crate) fn name_part(&self, part: &Part, name: &str) {
        part.meta.name(self.kind, name);
    }

    /// Takes note that an operation is about to be made that others could notice. Each is counted.
    #[inline]
    pub(crate) fn step(&self, step: Step, site: Option<Site>) {
        let Some(thread) = rt::current() else { return };
        if thread.is_steered() {
            let (kind, access) = match step {
                Step::Take => (OperationKind::Acquire, Access::Write),
                Step::Give => (OperationKind::Release, Access::Write),
                Step::Try => (OperationKind::TryLock, Access::Write),
                Step::Look => (OperationKind::Load, Access::Read),
                Step::Change => (OperationKind::Set, Access::Write),
            };
            steer::operations::visible(thread, kind, self.meta.id(thread).0, access, site);
        } else {
            thread.next_event();
        }
    }

    /// As [`step`](Self::step), in a destructor, and only under control.
    pub(crate) fn step_in_drop(&self) {
        if let Some((_, thread)) = steer::me() {
            steer::operations::visible_in_drop(self.meta.id(thread).0, Access::Write);
        }
    }

    /// The calling thread is about to wait for a signal, letting go of `lock`, which it takes back when it is told.
    /// The wait is counted when it begins.
    pub(crate) fn before_wait(&self, site: Site, lock: Option<u64>) {
        if let Some((me, thread)) = steer::me() {
            steer::operations::before_wait((me, thread), self.meta.id(thread).0, lock, site);
        }
    }

    /// Takes note that somebody is about to signal, at `site`.
    pub(crate) fn signals(&self, site: Site) {
        if let Some(thread) = rt::current() {
            if thread.is_steered() {
                let id = self.meta.id(thread).0;
                let kind = OperationKind::Notify;
                return steer::operations::visible(thread, kind, id, Access::Write, Some(site));
            }
            WOKEN.set((0, 0));
            let object = wanted(&self.meta, self.kind, thread, site, Attempt::Try);
            let object = wait_edges::signalled_at(object, site, thread.event());
            let notifies = self.kind == LockKind::Condition;
            record::left(thread, if notifies { EventKind::Notify } else { EventKind::Signal }, &object);
            self.told.signalled(thread, &object, &Needs::of(thread), self.turn());
            // Whoever hears of it comes after this operation.
            thread.next_event();
            self.stamp.leave(thread);
        }
    }

    /// Which of its signals end a wait.
    fn turn(&self) -> Turn {
        if self.kind == LockKind::Event { Turn::LASTING } else { Turn::ANY }
    }

    /// Takes note that a wait at `site` is over before it begins.
    pub(crate) fn passes(&self, site: Site) {
        if let Some(thread) = rt::current() {
            let object = wanted(&self.meta, self.kind, thread, site, Attempt::Block);
            thread.next_event();
            if !thread.is_steered() {
                record::received(thread, EventKind::Await, &object);
                self.told.waited(thread, &object, self.turn());
                self.stamp.take(thread);
            }
        }
    }

    /// What is done from here on comes after all that was signalled so far. For a condition, that is so because of
    /// the lock that goes with it.
    pub(crate) fn hears(&self) {
        if let Some(thread) = watched() {
            if self.kind != LockKind::Condition {
                self.record(thread, &self.meta, EventKind::Await);
            }
            self.stamp.take(thread);
        }
    }

    /// Takes note of a message that others may come after. Comes before anybody can receive it.
    pub(crate) fn sends(&self) {
        if let Some(thread) = watched() {
            self.record(thread, &self.meta, EventKind::Signal);
            self.stamp.leave(thread);
        }
    }

    /// The same for a message by a part of the object. Comes before anybody can receive it.
    pub(crate) fn part_sends(&self, part: &Part) {
        if let Some(thread) = watched() {
            self.record(thread, &part.meta, EventKind::Signal);
            part.stamp.leave(thread);
        }
    }

    /// Takes note that what a part stands for is about to be over, which some wait for and others ask for.
    pub(crate) fn part_ends(&self, part: &Part) {
        if let Some(thread) = rt::current() {
            steer::operations::ends_for(thread, &part.meta, &self.meta);
        }
    }

    /// Takes note that somebody asks whether it is over, and goes on either way.
    pub(crate) fn part_asked(&self, part: &Part, site: Site) {
        if let Some(thread) = rt::current() {
            steer::operations::looks(thread, OperationKind::Load, &part.meta, site);
        }
    }

    /// Takes note of the signal just given by a part.
    pub(crate) fn part_signalled(&self, part: &Part, site: Site, signal: &Signal, turn: Turn) {
        if let (Some(thread), Some(needs)) = (watched(), &signal.0) {
            let object = wanted(&part.meta, self.kind, thread, site, Attempt::Try);
            let object = wait_edges::signalled_at(object, site, thread.event());
            part.told.signalled(thread, &object, needs, turn);
        }
    }

    /// Takes note that a wait for a part begins, or is over before it does.
    pub(crate) fn part_awaited(&self, part: &Part, site: Site, deadline: Option<Instant>, turn: Turn) {
        if let Some(thread) = rt::current() {
            let object = wanted(&part.meta, self.kind, thread, site, attempt(deadline));
            thread.next_event();
            if !thread.is_steered() {
                part.told.waited(thread, &object, turn);
            }
        }
    }

    /// Takes note that a wait for a part is over.
    pub(crate) fn part_hears(&self, part: &Part) {
        if let Some(thread) = watched() {
            self.record(thread, &part.meta, EventKind::Await);
            part.stamp.take(thread);
        }
    }

    /// Records what is left in the object (or part) with this identity, or received from it.
    #[inline]
    fn record(&self, thread: &rt::Thread, meta: &Meta, kind: EventKind) {
        if thread.is_recording() {
            let object = record::object(meta, thread, self.kind, meta.created());
            match kind {
                EventKind::Signal => record::left(thread, kind, &object),
                _ => record::received(thread, kind, &object),
            }
        }
    }

    /// The calling thread does what it has no right to.
    #[cold]
    pub(crate) fn misused(&self, site: Site, how: &str) {
        if let Some(thread) = rt::current() {
            let object = wanted(&self.meta, self.kind, thread, site, Attempt::Try);
            notices::notice(thread, Notice::NotTheOwner, &object, how);
        }
    }

    /// A plain wait at `site` came back with the lock of this id, by the acquisition that gave `token`.
    pub(crate) fn came_back(&self, site: Site, lock: Option<u64>, token: Token) -> Token {
        match (watched(), lock) {
            (Some(thread), Some(lock)) if !token.is_unwatched() => {
                let condition = wanted(&self.meta, self.kind, thread, site, Attempt::Block);
                predicate::returned(lock, condition, token)
            }
            _ => token,
        }
    }

    /// Takes note of a signal that finds nobody. Called before anybody else can begin to wait.
    pub(crate) fn unheard(&self, site: Site) {
        if let Some(thread) = rt::current() {
            self.lost.set(thread, site);
            self.handed_over(thread);
        }
    }

    /// Takes note of a signal that reaches somebody.
    pub(crate) fn heard(&self, site: Site) {
        self.lost.clear();
        if let Some(thread) = rt::current() {
            self.last.set(thread, site);
            self.handed_over(thread);
        }
    }

    fn handed_over(&self, thread: &rt::Thread) {
        if self.kind == LockKind::Condition {
            wait_edges::handed_over(thread);
        }
    }

    /// Runs `block`, visible to others as a wait for this object that any thread could end, by one who made sure,
    /// since the last signal, that it has to wait.
    pub(crate) fn waiting<R>(&self, site: Site, deadline: Option<Instant>, block: impl FnOnce() -> R) -> R {
        self.in_sight(site, deadline, Wait::for_anyone, block)
    }

    /// As [`waiting`](Self::waiting), for one of these permits.
    pub(crate) fn waiting_for_permit<R>(
        &self,
        permits: &Permits,
        site: Site,
        deadline: Option<Instant>,
        block: impl FnOnce() -> R,
    ) -> R {
        self.waiting_for_the_likely(permits.source(), site, deadline, block)
    }

    /// As [`waiting`](Self::waiting), for what some are likely to do, see `beside`.
    pub(crate) fn waiting_for_the_likely<R>(
        &self,
        source: Option<Arc<dyn Source>>,
        site: Site,
        deadline: Option<Instant>,
        block: impl FnOnce() -> R,
    ) -> R {
        let mut ticket = None;
        let wait = |wanted: HeldLock| {
            let Some(thread) = rt::current() else { return Wait::for_anyone(wanted) };
            let busy = thread.enter();
            ticket = source.map(|source| beside::Ticket::new(source, wanted.id, thread.id()));
            drop(busy);
            ticket
                .as_ref()
                .map_or_else(|| Wait::for_anyone(wanted), |it| Wait::for_the_likely(wanted, it.number()))
        };
        self.in_sight(site, deadline, wait, block)
    }

    /// As [`waiting`](Self::waiting), for a signal, by one who may not have made sure.
    pub(crate) fn waiting_for_signal<R>(
        &self,
        site: Site,
        deadline: Option<Instant>,
        guarded: Guarded,
        block: impl FnOnce() -> R,
    ) -> R {
        let mut here = (0, 0);
        if let Some(thread) = watched() {
            let object = wanted(&self.meta, self.kind, thread, site, attempt(deadline));
            here = (object.id.0, std::ptr::from_ref(site).addr());
            self.told.waited(thread, &object, self.turn());
        }
        let again = here != (0, 0) && WOKEN.get() == here;
        // It has sent the signal itself, from under the lock that it has looked under again since.
        let own = watched().is_some_and(|thread| {
            self.lost.read().is_some_and(|(by, ..)| by == thread.id()) && wait_edges::is_handed_over(thread)
        });
        let wait = |wanted| {
            let wait = Wait::for_anyone(wanted);
            let wait = if guarded == Guarded::Unknown && !own { wait.after(&self.lost) } else { wait };
            if again { wait.again_after(&self.last) } else { wait }
        };
        let result = self.in_sight(site, deadline, wait, block);
        if let Some(thread) = watched() {
            self.stamp.take(thread);
        }
        WOKEN.set(if deadline.is_none() { here } else { (0, 0) });
        result
    }

    /// As [`waiting`](Self::waiting), for something to do.
    pub(crate) fn waiting_for_work<R>(&self, site: Site, block: impl FnOnce() -> R) -> R {
        self.in_sight(site, None, Wait::for_work, block)
    }

    /// Takes note that a wait for one of these tasks begins, or is over before it does.
    pub(crate) fn tasks_awaited(&self, tasks: &[Post], site: Site, deadline: Option<Instant>) {
        if let (Some(thread), None) = (watched(), deadline) {
            let object = wanted(&self.meta, self.kind, thread, site, Attempt::Block);
            pools::about_to_wait(thread, &object, tasks.iter().map(|task| &*task.0));
        }
    }

    /// As [`waiting`](Self::waiting), for all or any of these tasks, which only those who run them can end.
    pub(crate) fn waiting_for_tasks<R>(
        &self,
        tasks: &[Post],
        all: bool,
        site: Site,
        deadline: Option<Instant>,
        block: impl FnOnce() -> R,
    ) -> R {
        let Some(thread) = rt::current() else { return block() };
        let wanted = wanted(&self.meta, self.kind, thread, site, attempt(deadline));
        thread.next_event();
        let tasks = tasks.iter().map(|task| Arc::clone(&task.0)).collect();
        let busy = thread.enter();
        let ticket = pools::Ticket::new(tasks, all);
        drop(busy);
        if thread.is_steered() {
            return steer::operations::in_sight(Wait::for_tasks(wanted, ticket.number()), block);
        }
        let since = notices::about_to_block(thread);
        let result = operation::wait_in_sight(thread, Wait::for_tasks(wanted, ticket.number()), block);
        notices::blocked(thread, &wanted, since);
        thread.wait_slot().set_anchor(thread);
        result
    }

    fn in_sight<R>(
        &self,
        site: Site,
        deadline: Option<Instant>,
        wait: impl FnOnce(HeldLock) -> Wait,
        block: impl FnOnce() -> R,
    ) -> R {
        let Some(thread) = rt::current() else { return block() };
        let wanted = wanted(&self.meta, self.kind, thread, site, attempt(deadline));
        thread.next_event();
        if thread.is_steered() {
            return steer::operations::in_sight(wait(wanted), block);
        }
        let published = rt::publish(thread, wait(wanted));
        if wanted.attempt == Attempt::Block && ABOUT_TO_PARK.with(Cell::get) == 0 {
            // It will sleep in somebody else's code, where it cannot look.
            standstill::rouse_another(thread);
        }
        record::received(thread, EventKind::Wait, &wanted);
        let since = notices::about_to_block(thread);
        let result = block();
        drop(published);
        notices::blocked(thread, &wanted, since);
        record::received(thread, EventKind::Await, &wanted);
        // Whoever ended the wait may have done things first that this thread now comes after.
        thread.wait_slot().set_anchor(thread);
        result
    }
}

/// The workers of a pool.
#[derive(Default)]
pub(crate) struct Crew(Arc<pools::Crew>);

impl Crew {
    /// One more.
    pub(crate) fn add(&self, worker: &crate::watched_thread::JoinHandle<()>) {
        self.0.join(worker.watched_as());
    }
}

/// A task, as those who wait for it see it.
#[derive(Clone)]
pub(crate) struct Post(Arc<pools::Post>);

impl Post {
    /// The calling thread submits a task.
    pub(crate) fn submitted(crew: &Crew, site: Site) -> Post {
        Post(Arc::new(pools::Post::submitted(rt::current(), &crew.0, site)))
    }

    /// The calling thread begins to run it.
    pub(crate) fn begins(&self) {
        if let Some(thread) = rt::current() {
            self.0.begins(thread);
        }
    }

    /// The calling thread has run it.
    pub(crate) fn ends(&self) {
        pools::Post::ends();
    }

    /// Nobody needs to wait for it any more.
    pub(crate) fn is_settled(&self) {
        self.0.is_settled();
    }
}

impl Part {
    #[track_caller]
    pub(crate) const fn new() -> Part {
        Part::created_at(std::panic::Location::caller())
    }

    pub(crate) const fn created_at(site: Site) -> Part {
        Part { meta: Meta::new(site), told: Told::nothing(), stamp: Stamp::new() }
    }
}

fn attempt(deadline: Option<Instant>) -> Attempt {
    if deadline.is_some() { Attempt::Timed } else { Attempt::Block }
}

/// The object as one that the calling thread asks for now.
fn wanted(meta: &Meta, kind: LockKind, thread: &rt::Thread, site: Site, attempt: Attempt) -> HeldLock {
    HeldLock {
        id: meta.id(thread),
        site,
        created: meta.created(),
        event: thread.event(),
        mode: Mode::Exclusive,
        attempt,
        kind,
    }
}

/// The identity of data whose accesses are recorded.
pub(crate) struct Datum {
    meta: Meta,
}

impl Datum {
    #[track_caller]
    pub(crate) const fn new() -> Datum {
        Datum { meta: Meta::new(std::panic::Location::caller()) }
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(LockKind::Mutex, name);
    }

    /// The data is about to be read, or perhaps written: in an exploration, an operation.
    #[inline]
    pub(crate) fn before(&self, write: bool, site: Site) {
        if let Some((me, thread)) = steer::me() {
            let mode = if write { Mode::Exclusive } else { Mode::Shared };
            let object = wanted(&self.meta, LockKind::Variable, thread, site, Attempt::Block);
            let access = HeldLock { mode, event: thread.next_event(), ..object };
            steer::operations::accesses((me, thread), access);
        }
    }

    /// Takes note that the data is read, or may be written.
    #[inline(always)]
    pub(crate) fn accessed(&self, write: bool, site: Site) {
        if let Some(thread) = rt::current()
            && thread.is_recording()
        {
            let kind = if write { EventKind::Write } else { EventKind::Read };
            record::accessed(thread, self.meta.id(thread), self.meta.created(), kind, site);
        }
    }
}

/// A region that is meant to be atomic, as long as it lives.
pub(crate) struct Region;

impl Region {
    pub(crate) fn begin(name: &str, site: Site) -> Region {
        if let Some(thread) = rt::current() {
            record::region_begins(thread, name, site);
        }
        Region
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(thread) = rt::current() {
            record::region_ends(thread);
        }
    }
}

/// A point in a thread's life that others come after.
#[derive(Clone, Copy)]
pub(crate) struct Point(Option<TokenId>);

impl Point {
    /// This point of the calling thread's.
    pub(crate) fn here() -> Point {
        Point(watched().map(|thread| {
            let token = knowledge::before(thread);
            record::point(thread, token);
            token
        }))
    }

    /// What the calling thread does from here on comes after it.
    pub(crate) fn precedes(self) {
        if let (Some(token), Some(thread)) = (self.0, rt::current()) {
            knowledge::after(thread, token);
            record::after_point(thread, token);
        }
    }
}

/// Whether the wait that begins ends without a signal.
pub(crate) fn is_spurious() -> bool {
    steer::operations::is_spurious()
}
