//! A proof covers what a program sees when it looks without waiting: whether a value is there, whether somebody has a
//! lock or has ended, and whether time ran out while somebody else had the lock.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tracked::executor::ThreadPoolExecutor;
use tracked::queue::Queue;
use tracked::sync::atomic::{AtomicBool, Ordering};
use tracked::{Condvar, Explore, LazyLock, Lock, Mutex, Once, OnceLock, RwLock, thread};

/// All that `body` gives in any order, which an exhaustive search claims to have seen.
fn outcomes<T: Ord + Debug>(body: impl Fn() -> T) -> Vec<T> {
    let seen = StdMutex::new(BTreeSet::new());
    let report = Explore::new().exhaustive().check(|| {
        let outcome = body();
        seen.lock().unwrap().insert(outcome);
    });
    assert!(report.is_clean() && report.proof.is_some(), "{report}");
    seen.into_inner().unwrap().into_iter().collect()
}

/// What `look` gives while another thread does `work` with the same object, and what it gives after the last thing that
/// `work` does was seen.
fn looks<O: Send + Sync + 'static>(
    make: fn() -> O,
    work: fn(&O, &dyn Fn()),
    look: fn(&O) -> bool,
) -> (Vec<bool>, Vec<Option<bool>>) {
    let start = |say: bool| {
        let shared = Arc::new((make(), AtomicBool::new(false)));
        let theirs = Arc::clone(&shared);
        let other = thread::spawn(move || {
            work(&theirs.0, &|| {
                if say {
                    theirs.1.store(true, Ordering::SeqCst);
                }
            });
        });
        (shared, other)
    };
    let alone = outcomes(|| {
        let (shared, other) = start(false);
        let seen = look(&shared.0);
        other.join().unwrap();
        seen
    });
    let after = outcomes(|| {
        let (shared, other) = start(true);
        let seen = shared.1.load(Ordering::SeqCst).then(|| look(&shared.0));
        other.join().unwrap();
        seen
    });
    (alone, after)
}

const ALL: [Option<bool>; 3] = [None, Some(false), Some(true)];

#[test]
fn a_value_may_not_be_there_yet_for_who_only_gets_it() {
    let (alone, after) = looks(
        OnceLock::<u32>::new,
        |cell, say| {
            cell.get_or_init(|| {
                say();
                1
            });
        },
        |cell| cell.get().is_some(),
    );
    assert_eq!((&alone[..], &after[..]), (&[false, true][..], &ALL[..]));
    let (alone, after) = looks(Once::new, |once, say| once.call_once(say), Once::is_completed);
    assert_eq!((&alone[..], &after[..]), (&[false, true][..], &ALL[..]));
    let (alone, _) = looks(
        || LazyLock::<u32>::new(|| 1),
        |lazy, _| assert_eq!(**lazy, 1),
        |lazy| LazyLock::get(lazy).is_some(),
    );
    assert_eq!(alone, [false, true]);
}

#[test]
fn either_of_two_may_be_the_one_who_makes_the_value() {
    let made = outcomes(|| {
        let cell = Arc::new(OnceLock::new());
        let theirs = Arc::clone(&cell);
        let other = thread::spawn(move || theirs.set(1).is_ok());
        let made = *cell.get_or_init(|| 2);
        assert_eq!(other.join().unwrap(), made == 1);
        made
    });
    assert_eq!(made, [1, 2]);
}

#[test]
fn an_attempt_fails_also_between_the_last_thing_done_under_a_lock_and_its_release() {
    let (alone, after) = looks(
        || Mutex::new(()),
        |mutex, say| {
            let _guard = mutex.lock().unwrap();
            say();
        },
        |mutex| mutex.try_lock().is_ok(),
    );
    assert_eq!((&alone[..], &after[..]), (&[false, true][..], &ALL[..]));
    let (alone, after) = looks(
        || RwLock::new(()),
        |lock, say| {
            let _guard = lock.read().unwrap();
            say();
        },
        |lock| lock.try_write().is_ok(),
    );
    assert_eq!((&alone[..], &after[..]), (&[false, true][..], &ALL[..]));
    let (alone, after) = looks(
        || Lock::new(()),
        |lock, say| {
            let _guard = lock.lock();
            say();
        },
        Lock::is_locked,
    );
    assert_eq!((&alone[..], &after[..]), (&[false, true][..], &ALL[..]));
}

#[test]
fn what_needs_fine_steps_is_replayed_from_its_schedule() {
    let body = || {
        let shared = Arc::new((Mutex::new(()), AtomicBool::new(false)));
        let theirs = Arc::clone(&shared);
        let other = thread::spawn(move || {
            let _guard = theirs.0.lock().unwrap();
            theirs.1.store(true, Ordering::SeqCst);
        });
        if shared.1.load(Ordering::SeqCst) {
            assert!(shared.0.try_lock().is_ok(), "not given up yet");
        }
        other.join().unwrap();
    };
    let report = Explore::new().exhaustive().check(body);
    assert!(report.to_string().contains("not given up yet"), "{report}");
    let again = Explore::new().replay(&report.failures[0].schedule).check(body);
    assert!(again.to_string().contains("not given up yet") && again.diverged.is_none(), "{again}");
    let found = Explore::new().check(body);
    assert!(found.to_string().contains("not given up yet"), "{found}");
}

#[test]
fn a_thread_may_not_have_ended_although_it_has_done_all() {
    let finished = |say: bool| {
        outcomes(move || {
            let done = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&done);
            let other = thread::spawn(move || theirs.store(true, Ordering::SeqCst));
            let finished = (!say || done.load(Ordering::SeqCst)).then(|| other.is_finished());
            other.join().unwrap();
            finished
        })
    };
    assert_eq!(finished(false), ALL[1..]);
    assert_eq!(finished(true), ALL);
}

#[test]
fn who_spins_on_a_look_lets_the_others_go_on() {
    let report = Explore::new().exhaustive().check(|| {
        let shared = Arc::new((OnceLock::new(), Queue::unbounded()));
        let theirs = Arc::clone(&shared);
        let other = thread::spawn(move || {
            theirs.0.set(1).unwrap();
            theirs.1.put(2);
        });
        while shared.0.get().is_none() {}
        while shared.1.is_empty() {}
        while !other.is_finished() {}
    });
    assert!(report.is_clean() && report.proof.is_some(), "{report}");
}

#[test]
fn a_lock_may_be_poisoned_before_somebody_asks_or_after() {
    let poisoned = outcomes(|| {
        let mutex = Arc::new(Mutex::new(()));
        let theirs = Arc::clone(&mutex);
        let other = thread::spawn(move || {
            let _guard = theirs.lock().unwrap();
            std::panic::resume_unwind(Box::new(()));
        });
        let poisoned = mutex.is_poisoned();
        assert!(other.join().is_err());
        poisoned
    });
    assert_eq!(poisoned, [false, true]);
}

#[test]
fn a_queue_is_as_long_as_it_was_when_somebody_looked() {
    let lengths = outcomes(|| {
        let queue = Arc::new(Queue::unbounded());
        let theirs = Arc::clone(&queue);
        let other = thread::spawn(move || theirs.put(1));
        let length = queue.len();
        other.join().unwrap();
        length
    });
    assert_eq!(lengths, [0, 1]);
}

#[test]
fn of_two_who_wait_for_items_either_may_take_the_first() {
    let taken = outcomes(|| {
        let queue = Arc::new(Queue::unbounded());
        let threads = [0; 2].map(|_| {
            let theirs = Arc::clone(&queue);
            thread::spawn(move || theirs.get())
        });
        queue.put('a');
        queue.put('b');
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(taken, [['a', 'b'], ['b', 'a']]);
}

#[test]
fn a_task_may_be_cancelled_in_time_or_too_late_and_be_done_or_not() {
    let cancelled = outcomes(|| {
        let pool = ThreadPoolExecutor::new(1);
        let task = pool.submit(|| ());
        let cancelled = task.cancel();
        assert_eq!(task.result().is_err(), cancelled);
        cancelled
    });
    assert_eq!(cancelled, [false, true]);
    let done = outcomes(|| {
        let pool = ThreadPoolExecutor::new(1);
        let ran = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&ran);
        let task = pool.submit(move || theirs.store(true, Ordering::SeqCst));
        let done = ran.load(Ordering::SeqCst).then(|| task.is_done());
        task.result().unwrap();
        done
    });
    assert_eq!(done, ALL);
}

#[test]
fn tasks_of_two_who_submit_run_in_either_order() {
    let orders = outcomes(|| {
        let pool = Arc::new(ThreadPoolExecutor::new(1));
        let order = Arc::new(StdMutex::new(Vec::new()));
        let submit = |number: u32| {
            let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
            move || pool.submit(move || order.lock().unwrap().push(number)).result().unwrap()
        };
        let other = thread::spawn(submit(1));
        submit(2)();
        other.join().unwrap();
        pool.shutdown();
        order.lock().unwrap().clone()
    });
    assert_eq!(orders, [[1, 2], [2, 1]]);
}

#[test]
fn time_can_run_out_while_somebody_has_the_lock_and_signals() {
    let outcomes = outcomes(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = Arc::clone(&pair);
        let other = thread::spawn(move || {
            let mut ready = theirs.0.lock().unwrap();
            *ready = true;
            theirs.1.notify_one();
        });
        let guard = pair.0.lock().unwrap();
        let seen = (!*guard).then(|| {
            let (ready, result) = pair.1.wait_timeout(guard, Duration::from_secs(1)).unwrap();
            (result.timed_out(), *ready)
        });
        other.join().unwrap();
        seen
    });
    // The third: too late to be told, and yet it is so.
    assert_eq!(outcomes, [None, Some((false, true)), Some((true, false)), Some((true, true))]);
}
