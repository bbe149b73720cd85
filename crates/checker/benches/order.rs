//! What the lock-order checker costs: time for a new and for a known pair of locks, memory for an edge.
//!
//! Prints, asserts no time. `cargo bench -p lockcheck-checker --bench order`.
//! Budget (2 shared vCPUs): 400 ns a new pair, 60 ns a known one, 60 bytes an edge with its evidence, for 10,000
//! locks and 100,000 ordered pairs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lockcheck_checker::OrderChecker;
use lockcheck_events::{Attempt, Hold, LockId, Mode, Request, SiteId, StackId, ThreadId};
use petgraph::acyclic::Acyclic;
use petgraph::data::Build;
use petgraph::stable_graph::StableDiGraph;

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
    measure_acyclic(&pairs(1));
    measure("one hold each", &pairs(1));
    measure("two holds each", &pairs(2));
    measure_components();
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

/// The best of several rounds: what disturbs a round only adds to it.
const ROUNDS: usize = 7;

fn measure(what: &str, requests: &[Request]) {
    let (mut new, mut tail, mut known) = (f64::MAX, f64::MAX, f64::MAX);
    let (mut bytes, mut edges) = (0, 0);
    for _ in 0..ROUNDS {
        let before = IN_USE.load(Ordering::Relaxed);
        let mut checker = OrderChecker::new();
        let (first, last_tenth) = requests.split_at(requests.len() * 9 / 10);
        let start = Instant::now();
        first.iter().for_each(|request| assert!(checker.request(request).is_empty()));
        let middle = Instant::now();
        last_tenth.iter().for_each(|request| assert!(checker.request(request).is_empty()));
        tail = tail.min(per(middle, last_tenth.len()));
        new = new.min(per(start, requests.len()));
        bytes = IN_USE.load(Ordering::Relaxed) - before;
        edges = checker.edge_count();
        known = known.min(repeat(&mut checker, requests));
    }
    println!(
        "{what:>16}: new {:.1} ns a pair, {new:.1} a request, {tail:.1} in the last tenth; known {known:.1} ns a request; \
         {:.1} bytes an edge ({edges} edges)",
        new * requests.len() as f64 / edges as f64,
        bytes as f64 / edges as f64,
    );
}

/// For comparison in the same minute: petgraph's Pearce-Kelly without any evidence.
fn measure_acyclic(requests: &[Request]) {
    let (mut new, mut bytes) = (f64::MAX, 0);
    for _ in 0..ROUNDS {
        let before = IN_USE.load(Ordering::Relaxed);
        let mut graph = Acyclic::<StableDiGraph<(), ()>>::new();
        let mut nodes = HashMap::new();
        let mut edges = HashSet::new();
        let start = Instant::now();
        for request in requests {
            let ends = [request.holds[0].lock, request.lock];
            if edges.insert(ends) {
                let [from, to] = ends.map(|lock| *nodes.entry(lock).or_insert_with(|| graph.add_node(())));
                black_box(graph.try_add_edge(from, to, ()).is_ok());
            }
        }
        new = new.min(per(start, requests.len()));
        bytes = IN_USE.load(Ordering::Relaxed) - before;
    }
    let bytes = bytes as f64 / requests.len() as f64;
    println!("{:>16}: new {new:.1} ns a pair; {bytes:.1} bytes an edge", "petgraph alone");
}

fn repeat(checker: &mut OrderChecker, requests: &[Request]) -> f64 {
    let before = IN_USE.load(Ordering::Relaxed);
    let start = Instant::now();
    for request in requests {
        black_box(checker.request(black_box(request)));
    }
    let time = per(start, requests.len());
    assert_eq!(IN_USE.load(Ordering::Relaxed), before, "a repeated request takes memory");
    time
}

/// One component that grows by a lock at a time, by one thread: nothing to report but notes.
fn measure_components() {
    let mut checker = OrderChecker::new();
    let start = Instant::now();
    for lock in 1..LOCKS {
        black_box(checker.request(&request(1, 0, &[lock, lock + 1])));
        black_box(checker.request(&request(1, 0, &[lock + 1, lock])));
    }
    println!("{:>16}: {:6.1} ns a request", "one component", per(start, 2 * LOCKS as usize));
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
        let start = Instant::now();
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

fn per(start: Instant, count: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / count as f64
}
