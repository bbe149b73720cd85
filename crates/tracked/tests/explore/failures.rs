//! Panics as findings, and what a run leaves behind that was ended in the middle.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracked::explore::{FailureKind, Strategy};
use tracked::sync::atomic::AtomicU32;
use tracked::{Explore, Mutex, thread};

use crate::program::{abba, kind};

#[test]
fn a_panic_is_a_failure_with_its_place_and_a_schedule() {
    let body = || {
        let value = Arc::new(Mutex::new(0));
        let theirs = Arc::clone(&value);
        let other = thread::spawn(move || *theirs.lock().unwrap() = 1);
        assert_eq!(*value.lock().unwrap(), 0, "the other was quicker");
        other.join().unwrap();
    };
    let report = Explore::new().strategy(Strategy::Random).check(body);
    let [failure] = report.failures.as_slice() else { panic!("{report}") };
    let FailureKind::Panic { message, place, .. } = &failure.kind else { panic!("{report}") };
    assert!(message.contains("the other was quicker"), "{message}");
    assert!(place.as_deref().is_some_and(|place| place.contains("failures.rs")), "{place:?}");
    let finding = failure.finding().expect("a panic is a finding");
    assert_eq!(
        (finding.code.as_str(), &*finding.kind, finding.tier.as_str()),
        ("LC0105", "panic", "confirmed")
    );
    assert!(finding.message.ends_with("the other was quicker left: 1 right: 0"), "{}", finding.message);
    assert_eq!(finding.schedule.as_deref(), Some(&*failure.schedule));
    let [side] = finding.evidence.as_slice() else { panic!("{finding:?}") };
    assert_eq!((side.site.file.as_str(), &*side.action), ("tests/explore/failures.rs", "panic"));
    assert!(failure.schedule.matches('>').count() <= 1, "{}", failure.schedule);
    let again = Explore::new().replay(&failure.schedule).check(body);
    assert!(again.to_string().contains("the other was quicker"), "{again}");
    assert_eq!(again.finding().unwrap().fingerprint, finding.fingerprint);
}

#[test]
fn a_panic_says_what_was_held() {
    let report = Explore::new().check(|| {
        let (outer, value) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let theirs = Arc::clone(&value);
        let other = thread::spawn(move || *theirs.lock().unwrap() = 1);
        {
            let _outer = outer.lock().unwrap();
            let seen = *value.lock().unwrap();
            assert_eq!(seen, 0);
        }
        other.join().unwrap();
    });
    let finding = report.finding().unwrap_or_else(|| panic!("{report}"));
    assert_eq!(finding.kind, "panic");
    let [hold] = finding.evidence[0].holds.as_slice() else { panic!("{finding:?}") };
    assert!(hold.site.file.ends_with("failures.rs") && hold.site.line < finding.evidence[0].site.line);
}

#[test]
fn a_panic_of_a_thread_is_told_in_its_own_words() {
    let report = Explore::new().check(|| {
        let other = thread::Builder::new().name("worker".to_owned());
        let other = other.spawn(|| panic!("out of paper")).unwrap();
        other.join().unwrap();
    });
    let text = report.to_string();
    assert!(text.contains("thread `worker` panicked") && text.contains("out of paper"), "{text}");
}

#[test]
fn a_panic_that_somebody_expects_is_none() {
    let report = Explore::new().runs(20).check(|| {
        let other = thread::spawn(|| panic!("as planned"));
        assert!(other.join().is_err());
        assert!(catch_unwind(|| panic!("as planned")).is_err());
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn the_report_is_the_message_of_the_panic() {
    let failed = catch_unwind(AssertUnwindSafe(|| tracked::explore(abba))).unwrap_err();
    let text = failed.downcast_ref::<String>().unwrap();
    assert!(text.contains("deadlock") && text.contains("LOCKCHECK_REPLAY='b1:"), "{text}");
    assert!(text.lines().count() < 80, "{text}");
}

#[test]
fn statics_survive_a_run_that_was_ended_in_the_middle() {
    static A: Mutex<u32> = Mutex::new(0);
    static B: Mutex<u32> = Mutex::new(0);
    let body = || {
        let other = thread::spawn(|| {
            let _a = A.lock().unwrap();
            let _b = B.lock().unwrap();
        });
        {
            let _b = B.lock().unwrap();
            let _a = A.lock().unwrap();
        }
        other.join().unwrap();
    };
    for _ in 0..3 {
        assert_eq!(kind(&Explore::new().strategy(Strategy::Random).check(body)), "deadlock");
        assert!(!A.is_poisoned() && !B.is_poisoned());
        drop((A.try_lock().unwrap(), B.try_lock().unwrap()));
    }
}

/// What an exhaustive search says of a program that does one thing more in every other run.
fn said_of_one_that_alternates(is_odd: fn() -> bool) -> String {
    let report = Explore::new().exhaustive().runs(50).check(|| {
        let own = Arc::new(Mutex::new(0));
        let (theirs, twice) = (Arc::clone(&own), is_odd());
        let other = thread::spawn(move || {
            *theirs.lock().unwrap() += 1;
            if twice {
                *theirs.lock().unwrap() += 1;
            }
        });
        *own.lock().unwrap() += 1;
        other.join().unwrap();
    });
    assert!(report.is_clean() && report.proof.is_none(), "{report}");
    let [note] = &report.notes[..] else { panic!("{report}") };
    assert!(note.starts_with("the program does not repeat itself"), "{note}");
    note.clone()
}

#[test]
fn what_outlives_a_run_is_named_where_runs_differ() {
    static LOCK: Mutex<u32> = Mutex::new(0);
    static ATOMIC: AtomicU32 = AtomicU32::new(0);
    const LOCKED_AT: u32 = line!() + 2;
    let note = said_of_one_that_alternates(|| {
        let mut runs = LOCK.lock().unwrap();
        *runs += 1;
        *runs % 2 == 1
    });
    let named = format!("; used at {}:{LOCKED_AT}:29 is what outlives", file!());
    assert!(note.contains(&named), "{note}");
    const COUNTED_AT: u32 = line!() + 1;
    let note = said_of_one_that_alternates(|| ATOMIC.fetch_add(1, Ordering::Relaxed) % 2 == 1);
    assert!(note.contains(&format!("; used at {}:{COUNTED_AT}:", file!())), "{note}");
    static UNWATCHED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let note = said_of_one_that_alternates(|| UNWATCHED.fetch_add(1, Ordering::Relaxed) % 2 == 1);
    assert!(note.ends_with("(time, random numbers, a static)"), "{note}");
}

#[test]
fn a_static_that_changes_nothing_is_not_mentioned() {
    static COUNTER: Mutex<u32> = Mutex::new(0);
    let report = Explore::new().exhaustive().check(|| {
        let other = thread::spawn(|| *COUNTER.lock().unwrap() += 1);
        *COUNTER.lock().unwrap() += 1;
        other.join().unwrap();
    });
    assert!(report.proof.is_some() && report.notes.is_empty(), "{report}");
}

#[test]
fn a_worker_that_catches_its_way_home_is_left_in_the_end() {
    let report = Explore::new().strategy(Strategy::Random).check(|| {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let other = thread::spawn(move || {
            loop {
                let attempt = catch_unwind(AssertUnwindSafe(|| {
                    let _a = theirs.0.lock().unwrap();
                    let _b = theirs.1.lock().unwrap();
                }));
                if attempt.is_ok() {
                    break;
                }
            }
        });
        {
            let _b = locks.1.lock().unwrap();
            let _a = locks.0.lock().unwrap();
        }
        other.join().unwrap();
    });
    assert_eq!(kind(&report), "deadlock");
}

#[test]
fn a_destructor_that_locks_does_not_end_the_process() {
    struct Locks(Arc<(Mutex<u32>, Mutex<u32>)>);
    impl Drop for Locks {
        fn drop(&mut self) {
            if let Ok(mut count) = self.0.0.lock() {
                *count += 1;
            }
        }
    }
    let report = Explore::new().strategy(Strategy::Random).check(|| {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let other = thread::spawn(move || {
            let _last = Locks(Arc::clone(&theirs));
            let _a = theirs.0.lock().unwrap();
            let _b = theirs.1.lock().unwrap();
        });
        {
            let _b = locks.1.lock().unwrap();
            let _a = locks.0.lock().unwrap();
            let _last = Locks(Arc::clone(&locks));
        }
        other.join().unwrap();
    });
    // With `_last` in the guards' scope, the destructor itself may be what is stuck.
    assert!(!report.is_clean(), "{report}");
}

#[test]
fn a_guard_that_is_forgotten_is_found_and_hurts_no_other_run() {
    let report = Explore::new().check(|| {
        let lock = Arc::new(Mutex::new(0));
        std::mem::forget(lock.lock().unwrap());
        let theirs = Arc::clone(&lock);
        thread::spawn(move || *theirs.lock().unwrap() += 1).join().unwrap();
    });
    assert!(!report.is_clean(), "{report}");
}

#[test]
fn a_detached_thread_that_waits_at_the_end_is_sent_home() {
    let report = Explore::new().strategy(Strategy::Random).runs(50).check(|| {
        let queue = Arc::new(tracked::queue::Queue::<u32>::unbounded());
        let theirs = Arc::clone(&queue);
        thread::spawn(move || {
            loop {
                theirs.get();
            }
        });
        queue.put(1);
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn threads_are_sent_home_one_at_a_time_the_youngest_first() {
    /// Leaves, and looks about for a moment while it does.
    struct Leaves(u32, Arc<std::sync::Mutex<Vec<u32>>>, Arc<std::sync::atomic::AtomicU32>);
    impl Drop for Leaves {
        fn drop(&mut self) {
            use std::sync::atomic::Ordering::SeqCst;
            assert_eq!(self.2.fetch_add(1, SeqCst), 0, "nobody else is leaving");
            thread::yield_now();
            self.1.lock().unwrap().push(self.0);
            self.2.fetch_sub(1, SeqCst);
        }
    }
    let left = Arc::new(std::sync::Mutex::new(Vec::new()));
    let leaving = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let report = Explore::new().shrink(false).strategy(Strategy::Random).check(|| {
        left.lock().unwrap().clear();
        let locks: Arc<Vec<Mutex<u32>>> = Arc::new((0..3).map(|_| Mutex::new(0)).collect());
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let locks = Arc::clone(&locks);
                let leaves = Leaves(number, Arc::clone(&left), Arc::clone(&leaving));
                thread::spawn(move || {
                    let _leaves = leaves;
                    let _left = locks[number as usize].lock().unwrap();
                    let _right = locks[(number as usize + 1) % 3].lock().unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(kind(&report), "deadlock");
    assert_eq!(*left.lock().unwrap(), [2, 1, 0]);
}

#[test]
fn a_panic_in_a_destructor_is_a_finding() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a guard's place");
        }
    }
    let report = Explore::new().check(|| {
        let lock = Mutex::new(Panics);
        drop(lock.lock().unwrap());
    });
    assert_eq!(kind(&report), "panic");
    assert!(report.to_string().contains("in a guard's place"), "{report}");
}

/// It was kept where it stood, with the lock of the panic hook, for which the test harness waited in the end.
#[test]
fn a_panic_that_is_caught_on_the_way_home_leaves_the_panic_hook_free() {
    struct Catches;
    impl Drop for Catches {
        fn drop(&mut self) {
            assert!(catch_unwind(|| panic!("on the way home")).is_err());
        }
    }
    let report = Explore::new().shrink(false).strategy(Strategy::Random).check(|| {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let other = thread::spawn(move || {
            let _catches = Catches;
            let _a = theirs.0.lock().unwrap();
            let _b = theirs.1.lock().unwrap();
        });
        {
            let _b = locks.1.lock().unwrap();
            let _a = locks.0.lock().unwrap();
        }
        other.join().unwrap();
    });
    // That the hook is free, the test harness shows, which takes it in the end.
    assert_eq!(kind(&report), "deadlock");
}

#[test]
fn a_changed_program_is_named_by_thread_and_line() {
    let program = |changed: bool| {
        move || {
            let lock = Arc::new(Mutex::new(0));
            let theirs = Arc::clone(&lock);
            let other = thread::Builder::new().name("other".to_owned());
            let other = other.spawn(move || {
                if !changed {
                    *theirs.lock().unwrap() += 1;
                }
            });
            let seen = {
                let guard = lock.lock().unwrap();
                *guard
            };
            other.unwrap().join().unwrap();
            assert_eq!(seen, 0);
        }
    };
    let report = Explore::new().strategy(Strategy::Random).check(program(false));
    let schedule = &report.failures.first().unwrap_or_else(|| panic!("{report}")).schedule;
    let again = Explore::new().replay(schedule).check(program(false));
    assert!(again.diverged.is_none() && !again.is_clean(), "{again}");
    // Its deviation is gone by, or somebody stands elsewhere: either way, who and where is said.
    let longer = format!("{schedule},1.1>0");
    let changed = Explore::new().replay(&longer).check(program(true));
    let said = changed.diverged.clone().unwrap_or_else(|| panic!("{changed}"));
    assert!(
        said.contains("the program differs") && said.contains("`other`") && said.contains("failures.rs:"),
        "{said}"
    );
}
