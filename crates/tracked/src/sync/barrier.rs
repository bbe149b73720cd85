//! `Barrier`, the mirror of `std::sync::Barrier`. A wait is visible to others, and what comes before a round comes
//! before what follows it. std's own is not inside: who waits in it can neither look whether all others wait as well,
//! nor give way.
//!
//! That order is certain only where the barrier has as many threads as places: with more, another run could put
//! others together. It is told the detector as long as no more threads were seen.

use std::fmt;
use std::panic::{Location, RefUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lockcheck_checker::waits::{Enders, Task};
use lockcheck_events::{ThreadId, TokenId};

use crate::base::park::{WaitQueue, ignore_poison};
use crate::base::{Kind, Part, Signal, Site, Step, Turn, Watch, wait_under_control};
use crate::rt::beside::Source;
use crate::rt::{self, knowledge, record, steer};

/// A watched meeting point of several threads; see [`std::sync::Barrier`].
pub struct Barrier {
    /// Those who have arrived in the present round: fewer than there are places.
    queue: WaitQueue,
    places: usize,
    rounds: Mutex<Rounds>,
    watch: Watch,
    /// That all have arrived.
    all: Part,
    /// Rounds that came to their end in an exploration.
    generation: AtomicUsize,
}

/// What is known of the threads that met here.
struct Rounds {
    /// How many arrived in the present round, and who of those that are known.
    arrived: usize,
    here: Vec<ThreadId>,
    /// The point they all come before; `None` before the first arrival.
    token: Option<TokenId>,
    /// All who were ever here; one more than there are places at the most.
    threads: Vec<ThreadId>,
    /// Rounds that came to their end with all of those, each once.
    repeated: usize,
    /// Those who wait in an exploration, where nobody queues.
    under_control: usize,
}

impl RefUnwindSafe for Barrier {}

/// Whether the thread was the last to arrive; see [`std::sync::BarrierWaitResult`].
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// True for exactly one thread of each round.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.is_leader()).finish()
    }
}

impl Rounds {
    /// One more arrival; gives the point of its round, if the order is certain.
    fn arrive(&mut self, places: usize, thread: ThreadId) -> Option<TokenId> {
        let token = *self.token.get_or_insert_with(knowledge::fresh_token);
        self.arrived += 1;
        self.here.push(thread);
        if !self.threads.contains(&thread) && self.threads.len() <= places {
            self.threads.push(thread);
        }
        if self.arrived >= places {
            let all_here =
                self.threads.len() == places && self.threads.iter().all(|it| self.here.contains(it));
            self.repeated += usize::from(all_here);
            self.arrived = 0;
            self.here.clear();
            self.token = None;
        }
        (self.threads.len() <= places).then_some(token)
    }

    /// Those for whom the round has to wait, where as many threads as there are places meet again and again, and nobody
    /// else.
    fn missing(&self, places: usize) -> Option<Arc<dyn Source>> {
        let is_missing = |thread: &&ThreadId| !self.here.contains(thread);
        let missing: Vec<ThreadId> = self.threads.iter().filter(is_missing).copied().collect();
        (self.threads.len() == places && self.repeated > 1 && !missing.is_empty())
            .then(|| Arc::new(Missing(missing)) as Arc<dyn Source>)
    }
}

/// Threads without whom a round does not come to its end, if it is the same threads that meet.
struct Missing(Vec<ThreadId>);

impl Source for Missing {
    /// All of them. One who has arrived since waits like the others.
    fn enders(&self) -> Enders {
        let tasks = self.0.iter().map(|&thread| Task { runners: vec![thread], in_line: None });
        Enders::Tasks { tasks: tasks.collect(), all: true }
    }

    fn doubt(&self) -> &'static str {
        "another thread takes a place at the barrier"
    }
}

impl Barrier {
    /// A barrier for so many threads. The calling line is its creation site.
    #[must_use]
    #[track_caller]
    pub const fn new(n: usize) -> Barrier {
        Barrier {
            queue: WaitQueue::new(),
            places: n,
            rounds: Mutex::new(Rounds {
                arrived: 0,
                here: Vec::new(),
                token: None,
                threads: Vec::new(),
                repeated: 0,
                under_control: 0,
            }),
            watch: Watch::new(Kind::Barrier),
            all: Part::new(),
            generation: AtomicUsize::new(0),
        }
    }

    /// Gives the barrier a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Barrier {
        self.watch.name(name);
        self.watch.name_part(&self.all, name);
        self
    }

    /// Waits until all have arrived.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let site = Location::caller();
        self.watch.step(Step::Change, Some(site));
        if steer::me().is_some() {
            return BarrierWaitResult(self.wait_under_control(site));
        }
        let signal = Signal::about_to();
        let mut missing = None;
        let token = rt::current().and_then(|thread| {
            let busy = thread.enter();
            let mut rounds = ignore_poison(self.rounds.lock());
            let token = rounds.arrive(self.places, thread.id());
            missing = rounds.missing(self.places);
            drop(rounds);
            drop(busy);
            let token = token?;
            // With more threads than places, others could open it.
            self.watch.part_awaited(&self.all, site, None, Turn::ALL);
            self.watch.part_signalled(&self.all, site, &signal, Turn::ALL);
            knowledge::before_at(thread, token);
            record::point(thread, token);
            Some(token)
        });
        self.watch.part_sends(&self.all);
        let ticket = self.queue.enqueue_or_tell(self.places.saturating_sub(1));
        let is_leader = ticket.is_none();
        if let Some(ticket) = ticket {
            self.watch.waiting_for_the_likely(missing, site, None, || ticket.wait(None));
        } else {
            // In sight of others, if only for a moment.
            self.watch.waiting(site, None, || ());
        }
        self.watch.part_hears(&self.all);
        if let (Some(thread), Some(token)) = (rt::current(), token) {
            knowledge::after(thread, token);
            record::after_point(thread, token);
        }
        BarrierWaitResult(is_leader)
    }
}

impl Barrier {
    /// Whether the calling thread is the last to arrive.
    fn wait_under_control(&self, site: Site) -> bool {
        // Relaxed, here and below: threads under control run one at a time, and handing on orders them.
        let round = self.generation.load(Ordering::Relaxed);
        let mut rounds = ignore_poison(self.rounds.lock());
        rounds.under_control += 1;
        let last = rounds.under_control >= self.places;
        if last {
            rounds.under_control = 0;
            self.generation.fetch_add(1, Ordering::Relaxed);
        }
        drop(rounds);
        if !last {
            let is_over = || self.generation.load(Ordering::Relaxed) != round;
            self.watch.waiting(site, None, || wait_under_control(None, &is_over));
        }
        last
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}
