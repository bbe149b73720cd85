//! Which parts of different threads' lives come before which: by spawn, join and barrier, and by nothing else.
//!
//! A thread's life is cut into segments at each such point. Two requests are ordered when the segment of one is in
//! the vector clock of the other (vector clocks: Fidge 1988, Mattern 1989). Only segments in which something was
//! learned are stored, and only threads that have such segments take room in clocks. Locks order nothing here: a
//! prediction is about other orders of the same locks.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::clock::Clock;
use super::slab::Slab;

/// How many points can be waited for at the same time; of more, the oldest are forgotten.
pub const TOKENS_MAX: usize = 1 << 20;

/// After this many threads have lost their last evidence, clocks are cleared of their entries; after this many
/// have ended without any, they are forgotten.
const PRUNE_EVERY: usize = 64;

/// A segment in which something was learned.
#[derive(Default)]
pub struct Segment {
    /// Whose.
    pub thread: u32,
    /// Its number in that thread, from 1.
    number: u32,
    /// The segments of other threads that come before all of it.
    clock: Clock,
    /// Pieces of evidence made in it; with the last one the segment goes.
    refs: u32,
    /// Whether the thread is still in it.
    pub current: bool,
}

/// What is known of a thread.
struct Thread {
    /// The segment it is in. Advances only past segments that are stored.
    number: u32,
    /// What comes before it, without the thread itself.
    clock: Clock,
    /// Where the current segment is stored, if anything was learned in it.
    current: Option<u32>,
    /// Stored segments; a thread without any takes no room in clocks.
    stored: u32,
    /// Whether it has ended.
    ended: bool,
    /// The scope it counts in; 0: none.
    scope: u32,
    /// The pruning that its clock has seen.
    pruned: u64,
}

/// The order of the threads' segments.
#[derive(Default)]
pub struct History {
    threads: HashMap<u32, Thread>,
    segments: Slab<Segment>,
    /// What comes before a point. A point that nothing comes before is not stored.
    tokens: HashMap<u32, Clock>,
    /// The points in the order of their making, forgotten ones included.
    token_ages: VecDeque<u32>,
    /// Threads that have stored segments.
    learned_from: usize,
    /// Threads that lost their last stored segment since the last pruning.
    faded: usize,
    /// Threads that have ended and have no stored segment.
    idle: usize,
    /// How many prunings there were.
    prunings: u64,
    /// Points forgotten because of `TOKENS_MAX`.
    pub tokens_lost: u64,
}

impl History {
    /// Says in which scope the thread counts.
    pub fn set_scope(&mut self, thread: u32, scope: u32) {
        self.threads.entry(thread).or_insert_with(Thread::new).scope = scope;
    }

    /// The scope the thread counts in; 0: none.
    pub fn scope(&self, thread: u32) -> u32 {
        self.threads.get(&thread).map_or(0, |state| state.scope)
    }

    /// Names this point of `thread`'s life. A token that is used again (a barrier's next round, several threads
    /// that arrive) adds to what the point knows.
    pub fn before(&mut self, thread: u32, token: u32) {
        let Some(state) = self.threads.get_mut(&thread) else { return };
        let mut clock = state.clock.clone();
        if state.stored > 0 {
            let last = if state.current.is_some() { state.number } else { state.number - 1 };
            clock.set(thread, last);
            state.advance(&mut self.segments);
        }
        if clock.is_empty() {
            return;
        }
        if let Some(known) = self.tokens.get_mut(&token) {
            known.merge(&clock);
            return;
        }
        self.tokens.insert(token, clock);
        self.token_ages.push_back(token);
        self.limit_tokens();
    }

    /// Orders what `thread` does from here on after the point `token`.
    pub fn after(&mut self, thread: u32, token: u32) {
        let Some(clock) = self.tokens.get(&token) else { return };
        let state = self.threads.entry(thread).or_insert_with(Thread::new);
        if state.clock.merge(clock) {
            state.advance(&mut self.segments);
            self.prune(thread);
        }
    }

    /// Nobody will be ordered after this point any more.
    pub fn forget(&mut self, token: u32) {
        self.tokens.remove(&token);
        if self.token_ages.len() > 2 * self.tokens.len() + PRUNE_EVERY {
            let tokens = &self.tokens;
            self.token_ages.retain(|token| tokens.contains_key(token));
        }
    }

    /// The thread makes no more requests. Its end should have been named by then; what comes before it is kept a
    /// little longer all the same.
    pub fn ended(&mut self, thread: u32) {
        let Some(state) = self.threads.get_mut(&thread) else { return };
        if !std::mem::replace(&mut state.ended, true) {
            state.advance(&mut self.segments);
            self.idle += usize::from(state.stored == 0);
            self.bury();
        }
    }

    /// The current segment of `thread`, stored from now on, with one more piece of evidence in it.
    pub fn learn(&mut self, thread: u32) -> u32 {
        let state = self.threads.entry(thread).or_insert_with(Thread::new);
        let index = *state.current.get_or_insert_with(|| {
            if state.stored == 0 {
                self.learned_from += 1;
            }
            state.stored += 1;
            let (number, clock) = (state.number, state.clock.clone());
            self.segments.insert(Segment { thread, number, clock, refs: 0, current: true })
        });
        self.segments[index].refs += 1;
        index
    }

    /// One piece of evidence of this segment is gone.
    pub fn release(&mut self, segment: u32) {
        let stored = &mut self.segments[segment];
        stored.refs = stored.refs.saturating_sub(1);
        if stored.refs > 0 {
            return;
        }
        let gone = self.segments.remove(segment);
        let Some(state) = self.threads.get_mut(&gone.thread) else { return };
        if state.current == Some(segment) {
            // The number was perhaps never named by a point; passing it by does no harm.
            state.current = None;
            state.number = state.number.saturating_add(1);
        }
        state.stored = state.stored.saturating_sub(1);
        if state.stored == 0 {
            self.learned_from = self.learned_from.saturating_sub(1);
            self.faded += 1;
            self.idle += usize::from(state.ended);
            self.bury();
        }
    }

    /// The stored segment.
    #[inline]
    pub fn segment(&self, segment: u32) -> &Segment {
        &self.segments[segment]
    }

    /// Whether the segment's thread has ended.
    pub fn has_ended(&self, segment: u32) -> bool {
        self.threads.get(&self.segments[segment].thread).is_none_or(|state| state.ended)
    }

    /// Whether one of two segments of different threads comes before the other.
    pub fn ordered(&self, one: u32, two: u32) -> bool {
        let (one, two) = (&self.segments[one], &self.segments[two]);
        one.thread != two.thread
            && (two.clock.get(one.thread) >= one.number || one.clock.get(two.thread) >= two.number)
    }

    /// Threads that something was learned from and is still known.
    pub fn threads(&self) -> usize {
        self.learned_from
    }

    fn limit_tokens(&mut self) {
        while self.tokens.len() > TOKENS_MAX {
            match self.token_ages.pop_front() {
                Some(oldest) => self.tokens_lost += u64::from(self.tokens.remove(&oldest).is_some()),
                None => return,
            }
        }
    }

    /// Forgets the threads that have ended and that nothing is known from, now and then.
    fn bury(&mut self) {
        if self.idle >= PRUNE_EVERY.max(self.learned_from) {
            self.idle = 0;
            self.threads.retain(|_, state| !state.ended || state.stored > 0);
        }
    }

    /// Clears `thread`'s clock of threads that nothing is known from, now and then.
    fn prune(&mut self, thread: u32) {
        if self.faded >= PRUNE_EVERY.max(self.learned_from) {
            self.faded = 0;
            self.prunings += 1;
        }
        let Some(state) = self.threads.get_mut(&thread) else { return };
        if state.pruned == self.prunings {
            return;
        }
        state.pruned = self.prunings;
        let mut clock = std::mem::take(&mut state.clock);
        clock.retain(&mut |other| self.threads.get(&other).is_some_and(|state| state.stored > 0));
        if let Some(state) = self.threads.get_mut(&thread) {
            state.clock = clock;
        }
    }
}

impl Thread {
    fn new() -> Thread {
        Thread {
            number: 1,
            clock: Clock::default(),
            current: None,
            stored: 0,
            ended: false,
            scope: 0,
            pruned: 0,
        }
    }

    /// Leaves the current segment if anything was learned in it.
    fn advance(&mut self, segments: &mut Slab<Segment>) {
        if let Some(index) = self.current.take() {
            segments[index].current = false;
            self.number = self.number.saturating_add(1);
        }
    }
}
