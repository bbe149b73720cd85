//! What the lock-order checker costs: time for a new and for a known pair of locks, memory for an edge.
//!
//! Prints, asserts no time. Times are those on the processor, where Linux tells them, so that a busy machine
//! disturbs them less. `cargo bench -p lockcheck-checker --bench order`.
//! Budget (2 shared vCPUs): 400 ns a new pair, 60 ns a known one, 60 bytes an edge with its evidence, for 10,000
//! locks and 100,000 ordered pairs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lockcheck_checker::OrderChecker;
use lockcheck_events::{Attempt, Hold, LockId, Mode, Request, SiteId, StackId, ThreadId};

/// Counts the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator unchanged; the count beside it has no influence.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed); // one thread: no pairing needed
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed); // one thread: no pairing needed
        // SAFETY: `pointer` came from `alloc` above with this `layout`, hence from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LOCKS: u64 = 10_000;
const PAIRS: usize = 100_000;

fn main() {
    println!("{LOCKS} locks, {PAIRS} distinct pairs (lower one first)");
    measure("one hold each", &pairs(1));
    measure("two holds each", &pairs(2));
    if std::env::args().all(|argument| argument != "--quick") {
        measure_inverted();
    }
}

/// Random requests in the direction of the locks' numbers, each with so many holds. All pairs differ.
fn pairs(holds: usize) -> Vec<Request> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % below
    };
    let mut seen = HashSet::new();
    let mut requests = Vec::new();
    let mut event = 0;
    while requests.len() * holds < PAIRS {
        let mut locks: Vec<u64> = (0..=holds).map(|_| roll(LOCKS) + 1).collect();
        locks.sort_unstable();
        let wanted = locks[holds];
        let fresh = locks.windows(2).all(|pair| pair[0] < pair[1])
            && locks[..holds].iter().all(|&held| !seen.contains(&(held, wanted)));
        if fresh {
            seen.extend(locks[..holds].iter().map(|&held| (held, wanted)));
            requests.push(request(1, event, &locks));
            event += locks.len() as u32;
        }
    }
    requests
}

fn request(thread: u32, event: u32, locks: &[u64]) -> Request {
    let hold = |(index, &lock): (usize, &u64)| Hold {
        lock: LockId(lock),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        site: SiteId(index as u32 + 1),
        event: event + index as u32,
    };
    let wanted = locks.len() - 1;
    Request {
        thread: ThreadId(thread),
        event: event + wanted as u32,
        lock: LockId(locks[wanted]),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        site: SiteId(wanted as u32 + 1),
        stack: StackId(1),
        holds: locks[..wanted].iter().enumerate().map(hold).collect(),
    }
}

fn measure(what: &str, requests: &[Request]) {
    let before = IN_USE.load(Ordering::Relaxed);
    let mut checker = OrderChecker::new();
    let start = Moment::now();
    let mut last_tenth = start;
    for (index, request) in requests.iter().enumerate() {
        if index == requests.len() * 9 / 10 {
            last_tenth = Moment::now();
        }
        assert!(checker.request(request).is_empty());
    }
    let tail = per(last_tenth, requests.len() / 10);
    let new = per(start, requests.len());
    let bytes = IN_USE.load(Ordering::Relaxed) - before;
    let known: Vec<f64> = (0..3).map(|_| repeat(&mut checker, requests)).collect();
    let edges = checker.edge_count();
    println!(
        "{what:>16}: new {new:6.1} ns a request ({:.1} a pair), last tenth {tail:6.1}; known {:.1} / {:.1} / {:.1} ns; \
         {:.1} bytes an edge ({edges} edges)",
        new * requests.len() as f64 / edges as f64,
        known[0],
        known[1],
        known[2],
        bytes as f64 / edges as f64,
    );
}

fn repeat(checker: &mut OrderChecker, requests: &[Request]) -> f64 {
    let before = IN_USE.load(Ordering::Relaxed);
    let start = Moment::now();
    for request in requests {
        black_box(checker.request(black_box(request)));
    }
    let time = per(start, requests.len());
    assert_eq!(IN_USE.load(Ordering::Relaxed), before, "a repeated request takes memory");
    time
}

/// A bank: many threads, the same two lines, random accounts in random order. Every pair is part of cycles.
fn measure_inverted() {
    let mut state = 88_172_645_463_325_252_u64;
    let mut roll = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % below
    };
    for gated in [false, true] {
        let mut checker = OrderChecker::new();
        let start = Moment::now();
        let mut findings = 0;
        for event in 0..PAIRS as u32 {
            let (from, to) = (roll(1000) + 1, roll(1000) + 1);
            if from != to {
                let gate = if gated { &[5000, from, to][..] } else { &[from, to][..] };
                findings += checker.request(&request(roll(8) as u32 + 1, event * 3, gate)).len();
            }
        }
        println!(
            "{:>16}: {:6.1} ns a request, {findings} findings, {} edges, limits {:?}",
            if gated { "gated bank" } else { "bank" },
            per(start, PAIRS),
            checker.edge_count(),
            checker.notes(),
        );
    }
}

/// A moment, by the processor's time of this thread and by the wall.
#[derive(Clone, Copy)]
struct Moment(Option<u64>, Instant);

impl Moment {
    fn now() -> Moment {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Moment(text.split_whitespace().next().and_then(|word| word.parse().ok()), Instant::now())
    }

    fn elapsed(self) -> Duration {
        match (self.0, Moment::now().0) {
            (Some(then), Some(now)) => Duration::from_nanos(now - then),
            _ => self.1.elapsed(),
        }
    }
}

fn per(start: Moment, count: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / count as f64
}
