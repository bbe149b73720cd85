//! Waits for signals: lost ones, ones that reach the wrong thread, ones that come too late.

use std::sync::Arc;
use std::time::Duration;

use tracked::explore::Strategy;
use tracked::{Condvar, Event, Explore, Mutex, Semaphore, thread};

use crate::program::{Bounded, kind};

#[test]
fn a_notification_that_finds_nobody_is_a_lost_wakeup() {
    let report = Explore::new().strategy(Strategy::Random).check(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = Arc::clone(&pair);
        let other = thread::spawn(move || {
            let guard = theirs.0.lock().unwrap();
            // No predicate: what was said before is not heard.
            drop(theirs.1.wait(guard).unwrap());
        });
        pair.1.notify_one();
        other.join().unwrap();
    });
    assert_eq!(kind(&report), "lost-wakeup");
}

#[test]
fn one_who_asks_a_predicate_misses_nothing() {
    let report = Explore::new().strategy(Strategy::Random).runs(300).check(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = Arc::clone(&pair);
        let other = thread::spawn(move || {
            let guard = theirs.0.lock().unwrap();
            drop(theirs.1.wait_while(guard, |ready| !*ready).unwrap());
        });
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
        other.join().unwrap();
    });
    assert!(report.is_clean(), "{report}");
}

fn through_a_queue(everybody: bool) {
    let queue = Arc::new(Bounded::new(1, everybody));
    let start = |work: fn(&Bounded)| {
        let queue = Arc::clone(&queue);
        thread::spawn(move || work(&queue))
    };
    let threads = [
        start(|queue| queue.put(1)),
        start(|queue| queue.put(2)),
        start(|queue| assert!(queue.get() > 0)),
        start(|queue| assert!(queue.get() > 0)),
    ];
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_notification_that_reaches_the_wrong_side_leaves_everybody_waiting() {
    let report = Explore::new().strategy(Strategy::Random).runs(20_000).check(|| through_a_queue(false));
    assert!(!report.is_clean(), "{report}");
    let schedule = report.failures[0].schedule.clone();
    assert!(!Explore::new().replay(&schedule).check(|| through_a_queue(false)).is_clean());
}

#[test]
fn a_notification_to_all_reaches_the_right_side() {
    let report = Explore::new().strategy(Strategy::Random).runs(500).check(|| through_a_queue(true));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_timed_wait_that_nobody_ends_ends_in_virtual_time() {
    let began = std::time::Instant::now();
    let report = Explore::new().runs(20).check(|| {
        let pair = (Mutex::new(()), Condvar::new());
        let guard = pair.0.lock().unwrap();
        let (guard, result) = pair.1.wait_timeout(guard, Duration::from_secs(3_600)).unwrap();
        assert!(result.timed_out());
        let (_guard, result) =
            pair.1.wait_timeout_while(guard, Duration::from_secs(3_600), |()| true).unwrap();
        assert!(result.timed_out());
        thread::sleep(Duration::from_secs(3_600));
        assert!(!Event::new().wait_for(Duration::from_secs(3_600)));
        let semaphore = Semaphore::new(0);
        assert!(semaphore.try_acquire_for(Duration::from_secs(3_600)).is_none());
    });
    assert!(report.is_clean(), "{report}");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_timeout_can_fire_before_a_signal_that_comes() {
    let report = Explore::new().strategy(Strategy::Random).check(|| {
        let event = Arc::new(Event::new());
        let theirs = Arc::clone(&event);
        let other = thread::spawn(move || theirs.set());
        assert!(event.wait_for(Duration::from_secs(1)), "too late");
        other.join().unwrap();
    });
    assert!(report.to_string().contains("too late"), "{report}");
}

#[test]
fn permits_that_nobody_gives_are_waited_for_in_vain() {
    let report = Explore::new().check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let theirs = Arc::clone(&semaphore);
        let other = thread::spawn(move || theirs.acquire().forget());
        semaphore.acquire().forget();
        other.join().unwrap();
    });
    assert!(!report.is_clean(), "{report}");
}

#[test]
fn a_wait_may_end_for_no_reason_where_that_is_asked_for() {
    let body = || {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = Arc::clone(&pair);
        let other = thread::spawn(move || {
            *theirs.0.lock().unwrap() = true;
            theirs.1.notify_one();
        });
        let mut guard = pair.0.lock().unwrap();
        if !*guard {
            guard = pair.1.wait(guard).unwrap();
        }
        assert!(*guard, "woken for nothing");
        drop(guard);
        other.join().unwrap();
    };
    let explore = || Explore::new().strategy(Strategy::Random).runs(500);
    assert!(explore().check(body).is_clean());
    let report = explore().spurious(1).check(body);
    assert!(report.to_string().contains("woken for nothing"), "{report}");
}
