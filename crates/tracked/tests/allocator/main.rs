//! A global allocator that keeps its books under a tracked lock, as one with a lock of its own would once it was
//! swapped. The run-time allocates while it learns: it must not do so under that lock, nor wait for it in a circle.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::time::Duration;

use tracked::{Condvar, Lock, Mutex, RwLock, Tier, thread};

/// The system's allocator, counting under a lock.
struct Counting;

struct Books {
    allocated: u64,
    freed: u64,
}

static BOOKS: Lock<Books> = Lock::new(Books { allocated: 0, freed: 0 });

// SAFETY: all work is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BOOKS.lock().allocated += 1;
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BOOKS.lock().freed += 1;
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A program that is not through by then hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `body` in a thread; fails if it hangs.
#[track_caller]
fn in_time(body: impl FnOnce() + Send + 'static) {
    let (done, wait) = channel();
    let worker = std::thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    if wait.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        // A report of the failure would have to allocate, perhaps in vain.
        // SAFETY: as told; nothing needs to be cleaned up.
        unsafe {
            let text = "the allocator's lock and the run-time hang\n";
            libc::write(2, text.as_ptr().cast(), text.len());
            libc::_exit(101);
        }
    }
    worker.join().expect("the body ends well");
}

#[test]
fn allocating_under_tracked_locks() {
    in_time(|| {
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
        assert!(BOOKS.lock().allocated > 2400);
    });
}

/// The allocator's lock is the innermost everywhere, so that there is nothing to report but what is made here.
#[test]
fn findings_under_such_an_allocator() {
    in_time(|| {
        let (a, b) = (Mutex::new(()), Mutex::new(()));
        let (done, wait) = channel();
        thread::scope(|scope| {
            let (a, b) = (&a, &b);
            scope.spawn(move || {
                let _held = (a.lock(), b.lock());
                done.send(()).unwrap();
            });
            scope.spawn(move || {
                wait.recv().unwrap();
                let _held = (b.lock(), a.lock());
            });
        });
        let report = tracked::report();
        assert_eq!(report.at_least(Tier::Likely).count(), 1);
    });
}

/// More holds than a thread's own table has room for, the last one being the allocator's.
#[test]
fn many_holds_and_the_allocators_lock() {
    in_time(|| {
        let locks: Vec<_> = (0..100).map(Lock::new).collect();
        let mut held = Vec::new();
        for lock in &locks {
            held.push(lock.lock());
            drop(Box::new(0));
        }
    });
}

#[test]
fn threads_and_conditions_under_such_an_allocator() {
    in_time(|| {
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
    });
}
