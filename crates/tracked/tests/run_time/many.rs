//! Many locks and many threads: nothing is lost in silence, and memory does not grow with what is gone.

use tracked::{Lock, Mutex, Tier, thread};

use crate::alone::alone;

/// Resident memory of this process in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize =
        text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// Asserts that `work` needs less than `limit` bytes when it is done again.
#[cfg(target_os = "linux")]
#[track_caller]
fn stays_below(limit: usize, work: impl Fn()) {
    work();
    let before = resident();
    work();
    let grown = resident().saturating_sub(before);
    assert!(grown < limit, "grew by {grown} bytes");
}

#[test]
fn a_hundred_locks_can_be_held_at_once() {
    alone("many::a_hundred_locks_can_be_held_at_once", &[], || {
        let locks: Vec<_> = (0..100).map(Mutex::new).collect();
        for _ in 0..10 {
            let held: Vec<_> = locks.iter().map(|lock| lock.lock().unwrap()).collect();
            drop(held);
        }
        let report = tracked::report();
        assert_eq!((report.findings.len(), report.notes.len()), (0, 0), "{:?}", report.notes);
        assert_eq!(report.stats.edges, 100 * 99 / 2);
    });
}

/// More than a thread's hold set keeps: the program works, and the report says what was not kept.
#[test]
fn five_thousand_locks_can_be_held_at_once() {
    alone("many::five_thousand_locks_can_be_held_at_once", &[], || {
        let locks: Vec<_> = (0..5000).map(Mutex::new).collect();
        let mut held: Vec<_> = locks.iter().map(|lock| Some(lock.lock().unwrap())).collect();
        for at in 0..held.len() {
            drop(held[at * 7919 % locks.len()].take());
        }
        assert!(locks.iter().all(|lock| lock.try_lock().is_ok()));
        let report = tracked::report();
        assert!(report.at_least(Tier::Likely).next().is_none());
        assert!(report.notes.iter().any(|note| note.contains("holds were not kept")), "{:?}", report.notes);
        // What comes after is watched as ever.
        let (a, b) = (Mutex::new(()), Mutex::new(()));
        drop((a.lock(), b.lock()));
        drop((b.lock(), a.lock()));
        assert!(tracked::report().findings.iter().any(|finding| finding.tier == Tier::Order));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn forgotten_guards_cost_a_bounded_amount() {
    alone("many::forgotten_guards_cost_a_bounded_amount", &[], || {
        stays_below(4 << 20, || {
            for _ in 0..20_000 {
                let lock = Lock::new(());
                std::mem::forget(lock.lock());
            }
        });
        // Locks that go on existing are held for good, as far as anybody can know.
        let leaked: Vec<_> = (0..5000).map(Lock::new).collect();
        stays_below(64 << 20, || leaked.iter().for_each(|lock| std::mem::forget(lock.try_lock())));
        assert_eq!(tracked::report().findings.len(), 0);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn short_lived_threads_leave_nothing_behind() {
    alone("many::short_lived_threads_leave_nothing_behind", &[], || {
        let (a, b) = (Mutex::new(0), Mutex::new(0));
        stays_below(4 << 20, || {
            for _ in 0..3000 {
                thread::spawn(|| ()).join().unwrap();
                thread::scope(|scope| {
                    scope.spawn(|| {
                        *a.lock().unwrap() += 1;
                        let _held = a.lock().unwrap();
                        *b.lock().unwrap() += 1;
                    });
                });
            }
        });
        assert_eq!(*a.lock().unwrap() + *b.lock().unwrap(), 12_000);
        let report = tracked::report();
        assert_eq!((report.findings.len(), report.notes.len()), (0, 0), "{:?}", report.notes);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn short_lived_locks_leave_nothing_behind() {
    alone("many::short_lived_locks_leave_nothing_behind", &[], || {
        let outer = Mutex::new(());
        stays_below(8 << 20, || {
            for _ in 0..20_000 {
                let (inner, innermost) = (Mutex::new(()), Lock::new(()).named("innermost"));
                let _held = (outer.lock().unwrap(), inner.lock().unwrap(), innermost.lock());
            }
        });
        assert_eq!(tracked::report().findings.len(), 0);
    });
}

/// One lock inside the other, as deep as the stack of a thread allows with room to spare.
#[test]
fn deep_recursion_with_a_lock_at_each_level() {
    fn descend(depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let lock = Lock::new(depth);
        let held = lock.lock();
        descend(depth - 1) + usize::from(*held == depth)
    }
    assert_eq!(descend(300), 300);
}
