//! Where locks are used although hardly anything works there: while a thread ends, while a panic is under way.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use tracked::{Lock, Mutex, MutexGuard, Tier, thread};

use crate::alone::alone;

static OUTER: Mutex<usize> = Mutex::new(0);
static INNER: Mutex<usize> = Mutex::new(0);

/// Counts under two nested locks.
fn count() {
    let mut outer = OUTER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *outer += 1;
    *INNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
}

/// Uses locks when it is dropped.
struct CountsOnDrop;

impl Drop for CountsOnDrop {
    fn drop(&mut self) {
        count();
    }
}

thread_local! {
    static FIRST: RefCell<Option<CountsOnDrop>> = const { RefCell::new(None) };
    static LAST: RefCell<Option<CountsOnDrop>> = const { RefCell::new(None) };
    static GUARD: RefCell<Option<MutexGuard<'static, usize>>> = const { RefCell::new(None) };
}

#[test]
fn locks_work_in_thread_local_destructors() {
    alone("corners::locks_work_in_thread_local_destructors", &[], || {
        let before = 10;
        for round in 0..before {
            let body = move || {
                // Destructors run in the reverse order of first use.
                LAST.set(Some(CountsOnDrop));
                if round % 2 == 0 {
                    count();
                }
                FIRST.set(Some(CountsOnDrop));
                if round % 3 == 0 {
                    thread::scope(|scope| {
                        scope.spawn(count);
                    });
                }
            };
            if round % 2 == 0 {
                thread::spawn(body).join().unwrap();
            } else {
                std::thread::spawn(body).join().unwrap();
            }
        }
        assert_eq!(*INNER.lock().unwrap(), 2 * before + 5 + 4);
        let report = tracked::report();
        assert_eq!((report.findings.len(), report.notes.len()), (0, 0));
        assert_eq!(report.stats.edges, 1, "watched there as anywhere");
    });
}

/// What a destructor does in the wrong order is found as well.
#[test]
fn thread_local_destructors_are_watched() {
    struct WrongWayRound(std::sync::mpsc::Sender<()>);
    impl Drop for WrongWayRound {
        fn drop(&mut self) {
            let inner = INNER.lock().unwrap();
            *OUTER.lock().unwrap() += 1;
            drop(inner);
            self.0.send(()).unwrap();
        }
    }
    thread_local! {
        static WRONG: RefCell<Option<WrongWayRound>> = const { RefCell::new(None) };
    }
    alone("corners::thread_local_destructors_are_watched", &[], || {
        let (done, wait) = std::sync::mpsc::channel();
        let wrong = thread::spawn(move || WRONG.set(Some(WrongWayRound(done))));
        // So that they do not meet; a join would order them.
        wait.recv().unwrap();
        count();
        wrong.join().unwrap();
        assert_eq!(tracked::report().at_least(Tier::Likely).count(), 1);
    });
}

#[test]
fn a_guard_can_live_in_a_thread_local() {
    static OWN: Mutex<usize> = Mutex::new(0);
    for _ in 0..3 {
        thread::spawn(|| GUARD.set(Some(OWN.lock().unwrap()))).join().unwrap();
        *OWN.lock().unwrap() += 1;
    }
    assert_eq!(*OWN.lock().unwrap(), 3);
}

/// The run-time itself leaves through a pthread key; destructors of other keys come before and after it.
#[test]
fn locks_work_in_pthread_key_destructors() {
    static LATE: Lock<usize> = Lock::new(0);
    static KEY: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn late(rounds_left: *mut c_void) {
        let _outer = LATE.lock();
        *INNER.lock().unwrap() += 1;
        let rounds = rounds_left.addr();
        if rounds > 1 {
            let key = KEY.load(Ordering::SeqCst) as libc::pthread_key_t;
            // SAFETY: the key exists; asking for another round is what POSIX allows a destructor to do.
            unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(rounds - 1)) };
        }
    }
    alone("corners::locks_work_in_pthread_key_destructors", &[], || {
        let mut key = 0;
        // SAFETY: `key` can be written to and `late` is what the system wants.
        assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(late)) }, 0);
        KEY.store(key as usize, Ordering::SeqCst);
        for threads in 1..=20 {
            thread::spawn(move || {
                count();
                // SAFETY: the key was created above.
                unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(3)) };
            })
            .join()
            .unwrap();
            // join may come back before the last destructor is through with the lock, not before it began.
            let _quiet = LATE.lock();
            assert!(*INNER.lock().unwrap() <= 4 * threads);
        }
        assert_eq!(*INNER.lock().unwrap(), 4 * 20);
        assert_eq!(tracked::report().at_least(Tier::Likely).count(), 0);
    });
}

#[test]
fn locks_work_in_a_panic_hook() {
    alone("corners::locks_work_in_a_panic_hook", &[], || {
        std::panic::set_hook(Box::new(|_| count()));
        for _ in 0..3 {
            let result = thread::spawn(|| {
                let _other = Mutex::new(());
                let _held = _other.lock();
                panic!("as asked");
            })
            .join();
            assert!(result.is_err());
        }
        let _ = std::panic::take_hook();
        assert_eq!(*INNER.lock().unwrap(), 3);
        assert_eq!(tracked::report().findings.len(), 0);
    });
}

/// The hook takes a lock that the panicking thread holds: said before it hangs, here with an end.
#[test]
fn a_panic_hook_that_relocks_is_reported() {
    alone("corners::a_panic_hook_that_relocks_is_reported", &[], || {
        static HELD: Lock<()> = Lock::new(());
        std::panic::set_hook(Box::new(|_| assert!(HELD.try_lock().is_none())));
        let _held = HELD.lock();
        assert!(catch_unwind(|| panic!("as asked")).is_err());
        let _ = std::panic::take_hook();
        assert_eq!(tracked::report().findings.len(), 0, "a try is refused without a word");
    });
}

#[test]
fn locks_work_while_a_panic_unwinds() {
    alone("corners::locks_work_while_a_panic_unwinds", &[], || {
        for _ in 0..5 {
            let result = catch_unwind(|| {
                let _first = CountsOnDrop;
                let other = Mutex::new(());
                let _held = other.lock();
                let _second = CountsOnDrop;
                resume_unwind(Box::new(()));
            });
            assert!(result.is_err());
        }
        assert_eq!(*INNER.lock().unwrap(), 10);
        assert!(!OUTER.is_poisoned() && tracked::report().findings.is_empty());
    });
}

#[test]
fn a_lock_can_be_dropped_while_its_guard_is_forgotten() {
    alone("corners::a_lock_can_be_dropped_while_its_guard_is_forgotten", &[], || {
        for _ in 0..100 {
            let lock = Box::new(Mutex::new(1));
            std::mem::forget(lock.lock());
            drop(lock);
            // At the same address, perhaps; another lock all the same.
            let lock = Box::new(Mutex::new(1));
            assert_eq!(*lock.lock().unwrap(), 1);
            std::mem::forget(lock.lock());
            assert_eq!(lock.into_inner().unwrap(), 1);
        }
        count();
        assert_eq!(tracked::report().findings.len(), 0);
    });
}

#[test]
fn a_lock_that_is_moved_stays_the_same() {
    alone("corners::a_lock_that_is_moved_stays_the_same", &[], || {
        let (a, b) = (Mutex::new(()), Mutex::new(()));
        drop((a.lock(), b.lock()));
        let mut moved = [b, a];
        moved.reverse();
        drop((moved[1].lock(), moved[0].lock()));
        let (first, second) = moved.split_at_mut(1);
        std::mem::swap(&mut first[0], &mut second[0]);
        drop((moved[0].lock(), moved[1].lock()));
        let report = tracked::report();
        assert!(!report.findings.is_empty() && report.at_least(Tier::Likely).next().is_none());
        assert_eq!((report.stats.locks, report.stats.edges), (2, 2));
    });
}

/// Code of the user that formats itself under a lock, in a thread that is panicking, in a report: all of it nests.
#[test]
fn user_code_that_locks_inside_debug_and_drop_nests() {
    struct Locks<'a>(&'a Mutex<usize>);
    impl std::fmt::Debug for Locks<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}", self.0.lock().unwrap())
        }
    }
    let inner = Mutex::new(3);
    let outer = Mutex::new(Locks(&inner));
    assert_eq!(format!("{outer:?}"), "Mutex { data: 3, poisoned: false, .. }");
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _held = outer.lock();
        resume_unwind(Box::new(()));
    }));
    assert!(result.is_err() && outer.is_poisoned());
    assert_eq!(format!("{outer:?}"), "Mutex { data: 3, poisoned: true, .. }");
}
