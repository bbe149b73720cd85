//! A global allocator that keeps its books under a tracked lock, as one with a lock of its own would once it was
//! swapped. The run-time allocates while it learns: it must not do so while it holds that lock, nor wait for it in a
//! circle.
//!
//! Has no harness, because as long as the allocator blocks there must be one thread: parking_lot, which the locks
//! are made of, allocates itself when a thread waits for the first time. With several the allocator only tries.

mod stuck;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;

use tracked::{Condvar, Lock, Mutex, RwLock, Tier, thread};

/// The system's allocator, counting under a lock.
struct Counting;

static ALLOCATED: Lock<u64> = Lock::new(0);
/// Allocations that went uncounted, since another thread was counting.
static UNCOUNTED: AtomicU64 = AtomicU64::new(0);
/// Whether there is one thread only.
static ALONE: AtomicBool = AtomicBool::new(true);

thread_local! {
    /// Whether the thread's allocations wait for the lock though there are others.
    static WAITS: Cell<bool> = const { Cell::new(false) };
    /// Whether the thread must not allocate at all.
    static MUST_NOT: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if MUST_NOT.get() {
        // SAFETY: ends the process, with which this test has failed.
        unsafe { libc::abort() };
    }
    if ALONE.load(Ordering::Relaxed) || WAITS.get() {
        *ALLOCATED.lock() += 1;
    } else if let Some(mut allocated) = ALLOCATED.try_lock() {
        *allocated += 1;
    } else {
        UNCOUNTED.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: all work is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// New orders all the time, each of which leads to the allocator's lock.
fn alone() {
    let (outer, inner) = (Mutex::new(HashMap::new()), RwLock::new(Vec::new()));
    for round in 0..200 {
        let own = Mutex::new(Box::new(round));
        let mut map = outer.lock().unwrap();
        map.insert(round, vec![0_u8; round]);
        inner.write().unwrap().push(format!("{round}"));
        drop((own.lock().unwrap(), map));
    }
    // More holds than a thread's own table has room for, the last one being the allocator's.
    let locks: Vec<_> = (0..100).map(Lock::new).collect();
    let mut held = Vec::new();
    for lock in &locks {
        held.push(lock.lock());
        drop(Box::new(0));
    }
    drop(held);
    let a_note = (Mutex::new(()), Mutex::new(()));
    drop((a_note.0.lock(), a_note.1.lock()));
    drop((a_note.1.lock(), a_note.0.lock()));
    assert_eq!(tracked::report().at_least(Tier::Order).count(), 1);
}

fn with_others() {
    let (outer, inner) = (Mutex::new(HashMap::new()), RwLock::new(Vec::new()));
    thread::scope(|scope| {
        for number in 0..6_usize {
            let (outer, inner) = (&outer, &inner);
            scope.spawn(move || {
                for round in 0..200 {
                    let mut map = outer.lock().unwrap();
                    map.insert((number, round), vec![0_u8; round]);
                    inner.write().unwrap().push(format!("{round}"));
                    drop(map);
                    assert!(!inner.read().unwrap().is_empty());
                }
            });
        }
    });
    assert_eq!(outer.lock().unwrap().len(), 1200);
    for _ in 0..50 {
        let (ready, changed) = (Mutex::new(false), Condvar::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                let _text = vec![String::from("some"); 3];
                *ready.lock().unwrap() = true;
                changed.notify_all();
            });
            let guard = ready.lock().unwrap();
            drop(changed.wait_while(guard, |ready| !*ready).unwrap());
        });
    }
    assert_eq!(tracked::report().at_least(Tier::Likely).count(), 0);
    let (a, b) = (&Mutex::new(()), &Mutex::new(()));
    let (done, wait) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            drop((a.lock(), b.lock()));
            done.send(()).unwrap();
        });
        scope.spawn(move || {
            wait.recv().unwrap();
            drop((b.lock(), a.lock()));
        });
    });
    assert_eq!(tracked::report().at_least(Tier::Likely).count(), 1);
}

fn main() {
    // A program that is not through by then hangs, and is ended by the signal.
    // SAFETY: sets a timer, nothing else.
    unsafe { libc::alarm(120) };
    if std::env::var_os(stuck::CHILD).is_some() {
        stuck::child();
    }
    alone();
    assert_eq!(UNCOUNTED.load(Ordering::Relaxed), 0);
    ALONE.store(false, Ordering::Relaxed);
    with_others();
    assert!(*ALLOCATED.lock() > 2400);
    println!("{} allocations were counted", *ALLOCATED.lock());
    stuck::a_dump_comes_out_of_a_program_that_is_stuck_in_its_allocator();
}
