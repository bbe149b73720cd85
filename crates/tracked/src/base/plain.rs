//! The plain half of `base`: nothing is watched, and only what std lacks is written out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::park::{Parker, WaitQueue};
use super::{Guarded, Kind, Site, Step};

/// Nobody holds the lock.
const FREE: u8 = 0;
/// Somebody holds it and nobody waits.
const LOCKED: u8 = 1;
/// Somebody holds it and somebody may wait: the next unlock tells one.
const CONTENDED: u8 = 2;

/// A mutual-exclusion lock without data that can be waited for with a timeout, which std's cannot. Drepper's second
/// mutex ("Futexes Are Tricky", 2011) over a queue of parked threads.
pub(crate) struct RawLock<const REENTRANT: bool = false> {
    state: AtomicU8,
    queue: WaitQueue,
}

impl<const REENTRANT: bool> RawLock<REENTRANT> {
    pub(crate) const fn new() -> Self {
        RawLock { state: AtomicU8::new(FREE), queue: WaitQueue::new() }
    }

    #[inline]
    pub(crate) fn lock(&self, site: Site) -> Token {
        if self.try_lock(site).is_none() {
            self.lock_slow(None);
        }
        Token
    }

    #[inline]
    pub(crate) fn try_lock(&self, _site: Site) -> Option<Token> {
        // Acquire pairs with the Release in `unlock`.
        self.state.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).ok().map(|_| Token)
    }

    pub(crate) fn lock_for(&self, site: Site, timeout: Duration) -> Option<Token> {
        self.try_lock(site).or_else(|| self.lock_slow(Instant::now().checked_add(timeout)).then_some(Token))
    }

    #[cold]
    fn lock_slow(&self, deadline: Option<Instant>) -> bool {
        // Acquire pairs with the Release in `unlock`. Whoever gets it this way leaves the word at CONTENDED, because
        // others may wait behind it.
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            let still_taken = || self.state.load(Ordering::Relaxed) == CONTENDED;
            if let Some(ticket) = self.queue.enqueue_if(still_taken)
                && !ticket.wait(deadline)
            {
                return false;
            }
        }
        true
    }

    /// # Safety
    ///
    /// The lock is held, by an acquisition that nobody else gives up.
    #[inline]
    pub(crate) unsafe fn unlock(&self, _token: Token) {
        // Release pairs with the Acquire of the next holder.
        if self.state.swap(FREE, Ordering::Release) == CONTENDED {
            self.queue.tell_one();
        }
    }

    pub(crate) fn taking_back<R>(&self, wait: impl FnOnce() -> R) -> R {
        wait()
    }

    pub(crate) fn came_back(&self, _watch: &Watch, _site: Site, token: Token) -> Token {
        token
    }

    pub(crate) fn waits_again(&self) {}

    pub(crate) fn key(&self) -> Option<u64> {
        None
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) != FREE
    }

    pub(crate) fn name(&self, _name: &str) {}

    #[inline(always)]
    pub(crate) fn touched(&self, _token: Token, _write: bool, _site: Site) {}
}

/// What a guard remembers of its acquisition: nothing.
#[derive(Clone, Copy)]
pub(crate) struct Token;

impl Token {
    /// No acquisition.
    pub(crate) const UNWATCHED: Token = Token;
}

/// A thread, as one that takes tasks: of no interest here.
pub(crate) struct Hand;

impl Hand {
    #[inline(always)]
    pub(crate) fn own() -> Option<Hand> {
        None
    }

    pub(crate) fn is_same(&self, _other: &Hand) -> bool {
        true
    }

    pub(crate) fn is_dead(&self) -> bool {
        false
    }
}

#[inline(always)]
pub(crate) fn is_time_to_look(_since: Instant) -> bool {
    false
}

pub(crate) fn left_undone(_hand: &Hand, _taken_at: Site) {}

/// Who has the permits of a semaphore: of no interest here.
pub(crate) struct Permits;

impl Permits {
    pub(crate) const fn new() -> Permits {
        Permits
    }

    #[inline(always)]
    pub(crate) fn taken(&self, _site: Site) {}

    #[inline(always)]
    pub(crate) fn given(&self) {}

    #[inline(always)]
    pub(crate) fn opened(&self) {}
}

#[inline(always)]
pub(crate) fn look_for_a_circle(_since: Instant) {}

/// The identity of an object that threads wait for: of no interest here.
pub(crate) struct Watch;

impl Watch {
    pub(crate) const fn new(_kind: Kind) -> Watch {
        Watch
    }

    pub(crate) fn name(&self, _name: &str) {}

    #[inline(always)]
    pub(crate) fn step(&self, _: Step, _: Option<Site>) {}

    #[inline(always)]
    pub(crate) fn before_wait(&self, _: Site, _: Option<u64>) {}

    #[inline]
    pub(crate) fn signals(&self, _site: Site) {}

    #[inline]
    pub(crate) fn passes(&self, _site: Site) {}

    pub(crate) fn name_part(&self, _part: &Part, _name: &str) {}

    #[inline]
    pub(crate) fn hears(&self) {}

    #[inline]
    pub(crate) fn sends(&self) {}

    #[inline]
    pub(crate) fn part_sends(&self, _part: &Part) {}

    #[inline]
    pub(crate) fn part_ends(&self, _part: &Part) {}

    #[inline]
    pub(crate) fn part_asked(&self, _part: &Part, _site: Site) {}

    #[inline]
    pub(crate) fn part_signalled(&self, _part: &Part, _site: Site, _signal: &Signal, _turn: Turn) {}

    #[inline]
    pub(crate) fn part_awaited(&self, _part: &Part, _site: Site, _deadline: Option<Instant>, _turn: Turn) {}

    #[inline]
    pub(crate) fn part_hears(&self, _part: &Part) {}

    pub(crate) fn misused(&self, _site: Site, _how: &str) {}

    #[inline]
    pub(crate) fn unheard(&self, _site: Site) {}

    #[inline]
    pub(crate) fn heard(&self, _site: Site) {}

    #[inline]
    pub(crate) fn waiting_for_signal<R>(
        &self,
        _site: Site,
        _deadline: Option<Instant>,
        _guarded: Guarded,
        block: impl FnOnce() -> R,
    ) -> R {
        block()
    }

    #[inline]
    pub(crate) fn waiting_for_work<R>(&self, _site: Site, block: impl FnOnce() -> R) -> R {
        block()
    }

    #[inline]
    pub(crate) fn tasks_awaited(&self, _tasks: &[Post], _site: Site, _deadline: Option<Instant>) {}

    #[inline]
    pub(crate) fn waiting_for_tasks<R>(
        &self,
        _tasks: &[Post],
        _all: bool,
        _site: Site,
        _deadline: Option<Instant>,
        block: impl FnOnce() -> R,
    ) -> R {
        block()
    }

    #[inline]
    pub(crate) fn waiting_for_permit<R>(
        &self,
        _permits: &Permits,
        _site: Site,
        _deadline: Option<Instant>,
        block: impl FnOnce() -> R,
    ) -> R {
        block()
    }

    #[inline]
    pub(crate) fn waiting<R>(&self, _site: Site, _deadline: Option<Instant>, block: impl FnOnce() -> R) -> R {
        block()
    }
}

/// One of several things that an object is waited for: of no interest here.
pub(crate) struct Part;

impl Part {
    pub(crate) const fn new() -> Part {
        Part
    }

    pub(crate) const fn created_at(_site: Site) -> Part {
        Part
    }
}

/// The workers of a pool: of no interest here.
#[derive(Default)]
pub(crate) struct Crew(());

impl Crew {
    pub(crate) fn add(&self, _worker: &super::thread::JoinHandle<()>) {}
}

/// A task, as those who wait for it see it: of no interest here.
#[derive(Clone)]
pub(crate) struct Post;

impl Post {
    pub(crate) fn submitted(_crew: &Crew, _site: Site) -> Post {
        Post
    }

    pub(crate) fn begins(&self) {}

    pub(crate) fn ends(&self) {}

    pub(crate) fn is_settled(&self) {}
}

/// What a thread needed for a signal: of no interest here.
pub(crate) struct Signal;

impl Signal {
    #[inline]
    pub(crate) fn about_to() -> Signal {
        Signal
    }
}

/// Which signal ends a wait: of no interest here.
#[derive(Clone, Copy)]
pub(crate) struct Turn;

impl Turn {
    pub(crate) const ANY: Turn = Turn;
    pub(crate) const ALL: Turn = Turn;

    #[inline]
    pub(crate) fn number(_number: u64) -> Turn {
        Turn
    }
}

/// The identity of data whose accesses are recorded: of no interest here.
pub(crate) struct Datum;

impl Datum {
    #[inline(always)]
    pub(crate) fn before(&self, _: bool, _: Site) {}

    pub(crate) const fn new() -> Datum {
        Datum
    }

    pub(crate) fn name(&self, _name: &str) {}

    #[inline(always)]
    pub(crate) fn accessed(&self, _write: bool, _site: Site) {}
}

/// A region that is meant to be atomic: of no interest here.
pub(crate) struct Region;

impl Region {
    pub(crate) fn begin(_name: &str, _site: Site) -> Region {
        Region
    }
}

/// A point in a thread's life that others come after: of no interest here.
#[derive(Clone, Copy)]
pub(crate) struct Point;

impl Point {
    pub(crate) fn here() -> Point {
        Point
    }

    pub(crate) fn precedes(self) {}
}

/// What a thread does while it waits: nothing.
pub(crate) struct Vigil;

impl Vigil {
    #[inline]
    pub(crate) fn of_parked(_parker: &Arc<Parker>) -> Vigil {
        Vigil
    }

    #[inline]
    pub(crate) fn until(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn look(&mut self) {}

    pub(crate) fn poked(&mut self) {}
}

/// Of no interest here.
pub(crate) struct AboutToPark;

impl AboutToPark {
    #[inline]
    pub(crate) fn now() -> AboutToPark {
        AboutToPark
    }
}

/// Nothing is under control.
pub(crate) fn wait_under_control(_: Option<Instant>, _: &(dyn Fn() -> bool + Sync)) -> Option<bool> {
    None
}

/// The oldest.
pub(crate) fn choose_waiter(_: usize) -> usize {
    0
}

/// Only an exploration asks for that.
pub(crate) fn is_spurious() -> bool {
    false
}
