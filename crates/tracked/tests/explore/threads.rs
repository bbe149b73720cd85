//! Threads under control: scopes, pools, what they leave behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tracked::executor::ThreadPoolExecutor;
use tracked::explore::Strategy;
use tracked::queue::Queue;
use tracked::{Explore, Mutex, Once, OnceLock, thread};

use crate::program::{abba, gated_abba, kind};

#[test]
fn a_scope_waits_for_its_threads() {
    let report = Explore::new().strategy(Strategy::Random).runs(200).check(|| {
        let total = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| *total.lock().unwrap() += 1);
            }
        });
        assert_eq!(total.into_inner().unwrap(), 3);
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_deadlock_in_a_scope_is_unwound_and_what_it_borrows_lives_on() {
    static WHOLE: AtomicU32 = AtomicU32::new(0);
    struct Whole(u32);
    impl Drop for Whole {
        fn drop(&mut self) {
            self.0 = 0;
        }
    }
    let report = Explore::new().strategy(Strategy::Random).check(|| {
        let (a, b, whole) = (Mutex::new(0), Mutex::new(0), Whole(7));
        struct Look<'a>(&'a Whole);
        impl Drop for Look<'_> {
            fn drop(&mut self) {
                WHOLE.fetch_add(u32::from(self.0.0 == 7), Ordering::Relaxed);
                assert_eq!(self.0.0, 7);
            }
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                let _look = Look(&whole);
                let _a = a.lock().unwrap();
                let _b = b.lock().unwrap();
            });
            let _b = b.lock().unwrap();
            let _a = a.lock().unwrap();
        });
    });
    assert_eq!(kind(&report), "deadlock");
    assert!(WHOLE.load(Ordering::Relaxed) >= 1);
}

#[test]
fn a_thousand_runs_leave_no_threads_behind() {
    let count = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let report = Explore::new().strategy(Strategy::Random).runs(1_000).check(gated_abba);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.runs, 1_000);
    assert!(report.threads <= 2, "{}", report.threads);
    // Other tests run their own; a leak would be a thousand.
    assert!(count() < 200, "{}", count());
}

#[test]
fn fresh_threads_have_fresh_thread_locals() {
    std::thread_local! {
        static SEEN: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }
    let count = || thread::spawn(|| SEEN.with(|seen| seen.replace(seen.get() + 1))).join().unwrap();
    let most = AtomicU32::new(0);
    let body = || {
        most.fetch_max(count(), Ordering::Relaxed);
    };
    assert!(Explore::new().runs(10).check(body).is_clean());
    assert!(most.swap(0, Ordering::Relaxed) > 0, "lent threads keep them");
    assert!(Explore::new().runs(10).fresh_threads(true).check(body).is_clean());
    assert_eq!(most.load(Ordering::Relaxed), 0);
}

#[test]
fn tracked_thread_locals_begin_anew_in_each_run() {
    static ENDED: AtomicU32 = AtomicU32::new(0);
    struct Counted(std::cell::Cell<u32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            ENDED.fetch_add(1, Ordering::Relaxed);
        }
    }
    tracked::thread_local! {
        static SEEN: Counted = const { Counted(std::cell::Cell::new(0)) };
        /// Declared as std lets it be.
        pub(crate) static OTHER: u32 = 7
    }
    let count = || thread::spawn(|| SEEN.with(|seen| seen.0.replace(seen.0.get() + 1))).join().unwrap();
    let most = AtomicU32::new(0);
    let report = Explore::new().runs(10).check(|| {
        most.fetch_max(count(), Ordering::Relaxed);
    });
    assert!(report.is_clean(), "{report}");
    assert_eq!((most.load(Ordering::Relaxed), OTHER.with(|other| *other)), (0, 7));
    // A finished thread is not waited for, but the last one is.
    assert!(ENDED.load(Ordering::Relaxed) > 0, "destructors run");
    assert_eq!(report.threads as u64, report.runs, "a thread for each run");
}

#[test]
fn two_explorations_at_once_do_not_see_each_other() {
    std::thread::scope(|scope| {
        let one = scope.spawn(|| Explore::new().strategy(Strategy::Random).runs(500).check(gated_abba));
        let other = scope.spawn(|| Explore::new().strategy(Strategy::Random).check(abba));
        assert_eq!(one.join().unwrap().runs, 500);
        assert_eq!(kind(&other.join().unwrap()), "deadlock");
    });
}

#[test]
fn pools_and_queues_are_under_control() {
    let report = Explore::new().strategy(Strategy::Random).runs(100).check(|| {
        let pool = ThreadPoolExecutor::new(2);
        let queue = Arc::new(Queue::bounded(1));
        let theirs = Arc::clone(&queue);
        let putting = pool.submit(move || (0..3).for_each(|item| theirs.put(item)));
        let sum: u32 = (0..3).map(|_| queue.get()).sum();
        putting.result().unwrap();
        assert_eq!(sum, 3);
        pool.shutdown();
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_task_that_waits_for_a_task_behind_it_starves() {
    let body = || {
        let pool = Arc::new(ThreadPoolExecutor::new(1));
        let theirs = Arc::clone(&pool);
        let outer = pool.submit(move || theirs.submit(|| 1).result().unwrap());
        outer.result().unwrap();
    };
    let report = Explore::new().check(body);
    assert_eq!(kind(&report), "executor-starvation");
    let finding = report.finding().unwrap();
    assert_eq!((finding.code.as_str(), finding.tier.as_str()), ("LC0009", "confirmed"));
    let again = Explore::new().replay(finding.schedule.as_deref().unwrap()).check(body);
    assert_eq!(again.finding().unwrap().fingerprint, finding.fingerprint);
}

#[test]
fn an_initialiser_runs_once_and_the_others_wait() {
    let report = Explore::new().strategy(Strategy::Random).runs(300).check(|| {
        let made = Arc::new((Once::new(), OnceLock::new(), Mutex::new(0)));
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let made = Arc::clone(&made);
                thread::spawn(move || {
                    made.0.call_once(|| *made.2.lock().unwrap() += 1);
                    *made.1.get_or_init(|| {
                        let _guard = made.2.lock().unwrap();
                        number
                    })
                })
            })
            .collect();
        let seen: Vec<u32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!((seen[0], *made.2.lock().unwrap()), (seen[1], 1));
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn an_initialiser_that_needs_what_its_waiter_holds_is_a_deadlock() {
    let report = Explore::new().strategy(Strategy::Random).check(|| {
        let made = Arc::new((Once::new(), Mutex::new(0)));
        let theirs = Arc::clone(&made);
        let other = thread::spawn(move || theirs.0.call_once(|| *theirs.1.lock().unwrap() += 1));
        {
            let _held = made.1.lock().unwrap();
            made.0.call_once(|| ());
        }
        other.join().unwrap();
    });
    assert_eq!(kind(&report), "deadlock");
}

#[test]
fn a_call_out_of_control_lets_others_run() {
    let report = Explore::new().strategy(Strategy::Random).runs(5).check(|| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = thread::spawn(move || sender.send(7).unwrap());
        assert_eq!(tracked::external(|| receiver.recv().unwrap()), 7);
        other.join().unwrap();
        assert_eq!(tracked::external(|| 1 + 1), 2);
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn numbers_are_drawn_and_replayed() {
    let body = || assert_ne!(tracked::explore::any_below(50), 33, "the one in fifty");
    let report = Explore::new().runs(5_000).check(body);
    assert!(report.to_string().contains("the one in fifty"), "{report}");
    assert!(!Explore::new().replay(&report.failures[0].schedule).check(body).is_clean());
}

#[test]
fn a_token_lets_one_park_through() {
    let report = Explore::new().strategy(Strategy::Random).runs(200).check(|| {
        let main = thread::current();
        let other = thread::spawn(move || main.unpark());
        thread::park();
        other.join().unwrap();
        let other = thread::spawn(thread::park);
        other.thread().unpark();
        other.join().unwrap();
        thread::park_timeout(std::time::Duration::from_secs(3_600));
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_park_that_nobody_ends_is_found_unless_std_does() {
    let report = Explore::new().runs(5).check(|| {
        let main = std::thread::current();
        let other = thread::spawn(move || main.unpark());
        thread::park();
        other.join().unwrap();
    });
    assert!(report.is_clean(), "{report}");
    let report = Explore::new().runs(5).check(thread::park);
    assert!(!report.is_clean(), "{report}");
}
