//! An exploration may have a million runs: what it keeps of them must not follow their number. Counts what is allocated
//! and not given back, so that it needs a process of its own and no clock. How much memory that is, the benchmark
//! `explore` of `lockcheck-bench` tells.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use tracked::explore::Strategy;
use tracked::{Condvar, Explore, Mutex, thread};

/// The system's allocator, with what it has given out.
struct Counting;

/// Bytes in use. Relaxed: read only when nobody else runs.
static IN_USE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is passed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A lock in a lock, a signal, and objects with names: something of everything that a run leaves a mark of.
fn body() {
    let shared = Arc::new((Mutex::new(false), Condvar::new(), Mutex::new(0).named("count")));
    let theirs = Arc::clone(&shared);
    let other = thread::Builder::new().name("other".to_owned()).spawn(move || {
        let mut ready = theirs.0.lock().unwrap();
        *theirs.2.lock().unwrap() += 1;
        *ready = true;
        theirs.1.notify_one();
    });
    drop(shared.1.wait_while(shared.0.lock().unwrap(), |ready| !*ready).unwrap());
    other.unwrap().join().unwrap();
}

fn in_use_after(runs: u64, strategy: Strategy) -> isize {
    let report = Explore::new().strategy(strategy).runs(runs).check(body);
    assert!(report.is_clean() && report.runs == runs, "{report}");
    drop(report);
    IN_USE.load(Ordering::Relaxed)
}

#[test]
fn memory_does_not_follow_the_number_of_runs() {
    for strategy in [Strategy::Random, Strategy::Pos, Strategy::Pct { depth: 3 }, Strategy::Weighted] {
        // Tables of a fixed size fill up.
        in_use_after(500, strategy);
        let before = in_use_after(500, strategy);
        let grown = in_use_after(4_000, strategy) - before;
        // Eight bytes a run would be 28,000 more.
        assert!(grown < 16 << 10, "{strategy:?}: {grown} bytes more after 3,500 more runs");
    }
}
