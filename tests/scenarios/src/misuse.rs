//! Permits, tasks and conditions used as they must not be, locks that a thread takes with it when it ends, and what is
//! worth a word though nothing is wrong with the result.

use std::sync::Arc;
use std::sync::Barrier as Unwatched;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tracked::queue::Queue;
use tracked::{BoundedSemaphore, Condvar, Lock, Mutex, thread};

use crate::Scenario;
use crate::threads::{lock, mutex, together};

pub const ALL: &[Scenario] = &[
    ("permit-given-back-twice", permit_given_back_twice),
    ("permit-given-back", permit_given_back),
    ("task-done-too-often", task_done_too_often),
    ("condition-with-two-mutexes", condition_with_two_mutexes),
    ("condition-with-one-mutex-after-another", condition_with_one_mutex_after_another),
    ("guard-forgotten", guard_forgotten),
    ("guard-forgotten-and-lock-dropped", guard_forgotten_and_lock_dropped),
    ("sleep-under-a-lock", sleep_under_a_lock),
    ("sleep-beside-a-lock", sleep_beside_a_lock),
    ("join-under-a-lock-for-long", join_under_a_lock_for_long),
    ("one-lock-for-all", one_lock_for_all),
    ("one-lock-now-and-then", one_lock_now_and_then),
    ("timeout-breaks-a-deadlock", timeout_breaks_a_deadlock),
    ("callback", callback),
];

fn permit_given_back_twice() {
    let permits = BoundedSemaphore::new(1);
    drop(permits.acquire());
    assert!(permits.release().is_err());
}

fn permit_given_back() {
    let permits = BoundedSemaphore::new(1);
    permits.acquire().forget();
    permits.release().expect("it was taken");
}

fn task_done_too_often() {
    let queue = Queue::unbounded();
    queue.put(1);
    queue.get();
    queue.task_done().expect("it was put");
    assert!(queue.task_done().is_err());
}

/// Both wait at once, each with a mutex of its own.
fn condition_with_two_mutexes() {
    let (one, other, changed, waiting) = (mutex(), mutex(), Condvar::new(), AtomicU32::new(0));
    let wait = |mutex: &Mutex<()>| {
        let guard = lock(mutex);
        waiting.fetch_add(1, Ordering::SeqCst);
        drop(changed.wait_timeout(guard, Duration::from_secs(20)));
    };
    together(vec![
        Box::new(|| wait(&one)),
        Box::new(|| {
            while waiting.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            // The other one waits when its mutex is free.
            drop(lock(&one));
            wait(&other);
        }),
        Box::new(|| {
            while waiting.load(Ordering::SeqCst) < 2 {
                thread::yield_now();
            }
            drop(lock(&other));
            changed.notify_all();
        }),
    ]);
}

fn condition_with_one_mutex_after_another() {
    let (one, other, changed) = (mutex(), mutex(), Condvar::new());
    for mutex in [&one, &other] {
        drop(changed.wait_timeout(lock(mutex), Duration::from_millis(1)));
    }
}

fn guard_forgotten() {
    let a = Arc::new(Lock::new(0));
    let inner = a.clone();
    thread::spawn(move || std::mem::forget(inner.lock())).join().expect("it does not panic");
    assert!(a.try_lock().is_none());
}

/// Nobody can want it any more.
fn guard_forgotten_and_lock_dropped() {
    thread::spawn(|| {
        let own = Lock::new(0);
        std::mem::forget(own.lock());
    })
    .join()
    .expect("it does not panic");
}

fn sleep_under_a_lock() {
    let a = mutex();
    let _held = lock(&a);
    thread::sleep(Duration::from_millis(15));
}

fn sleep_beside_a_lock() {
    let a = mutex();
    drop(lock(&a));
    thread::sleep(Duration::from_millis(15));
    let _held = lock(&a);
    thread::sleep(Duration::from_millis(1));
}

fn join_under_a_lock_for_long() {
    let a = mutex();
    let worker = thread::spawn(|| thread::sleep(Duration::from_millis(40)));
    let _held = lock(&a);
    worker.join().expect("it does not panic");
}

fn busy(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// All that the threads do they do under the lock.
fn one_lock_for_all() {
    let (all, start) = (Lock::new(0).named("all"), Unwatched::new(4));
    let work = || {
        start.wait();
        for _ in 0..20 {
            let _held = all.lock();
            busy(Duration::from_millis(2));
        }
    };
    together(vec![Box::new(work), Box::new(work), Box::new(work), Box::new(work)]);
}

fn one_lock_now_and_then() {
    let some = Lock::new(0);
    let work = || {
        for _ in 0..20 {
            busy(Duration::from_millis(2));
            *some.lock() += 1;
        }
    };
    together(vec![Box::new(work), Box::new(work)]);
}

/// Each has what the other wants, and one gives up after a while.
fn timeout_breaks_a_deadlock() {
    let (a, b, both) = (Lock::new(0), Lock::new(0), Unwatched::new(2));
    together(vec![
        Box::new(|| {
            let _held = a.lock();
            both.wait();
            assert!(b.try_lock_for(Duration::from_millis(300)).is_none());
        }),
        Box::new(|| {
            let _held = b.lock();
            both.wait();
            drop(a.lock());
        }),
    ]);
}

/// The program is called with what is found, and can use the lock that it is about.
fn callback() {
    static CALLED: AtomicU32 = AtomicU32::new(0);
    let queue: Arc<Queue<u32>> = Arc::new(Queue::unbounded());
    let inner = queue.clone();
    tracked::on_finding(move |finding| {
        assert_eq!(finding.kind, "not-the-owner");
        inner.put(1);
        CALLED.fetch_add(1, Ordering::SeqCst);
    });
    assert!(queue.task_done().is_err());
    assert_eq!((CALLED.load(Ordering::SeqCst), queue.len()), (1, 1));
}
