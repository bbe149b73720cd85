//! Mutex, RwLock and Lock: who gets in, who does not, and for how long.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use tracked::sync::TryLockError;
use tracked::{Lock, Mutex, RwLock, RwLockWriteGuard, thread};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

/// What `body` gives in a thread of its own.
fn elsewhere<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(body).join().unwrap())
}

#[test]
fn a_mutex_lets_one_in() {
    let mutex = Mutex::new(5);
    let held = mutex.try_lock().unwrap();
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    assert!(elsewhere(|| matches!(mutex.try_lock(), Err(TryLockError::WouldBlock))));
    drop(held);
    assert_eq!(elsewhere(|| *mutex.try_lock().unwrap()), 5);
    assert_eq!(mutex.into_inner().unwrap(), 5);
}

#[test]
fn a_rwlock_lets_readers_or_one_writer_in() {
    let lock = RwLock::new(5);
    let (first, second) = (lock.read().unwrap(), lock.try_read().unwrap());
    assert!(elsewhere(|| lock.try_read().is_ok() && lock.try_write().is_err()));
    drop(first);
    assert!(elsewhere(|| lock.try_write().is_err()));
    drop(second);
    *lock.try_write().unwrap() = 6;
    let held = lock.write().unwrap();
    assert!(elsewhere(|| lock.try_read().is_err() && lock.try_write().is_err()));
    drop(held);
    assert_eq!(lock.into_inner().unwrap(), 6);
}

#[test]
fn a_downgraded_lock_lets_readers_in_and_writers_not() {
    let lock = RwLock::new(5);
    let mut held = lock.write().unwrap();
    *held += 1;
    let held = RwLockWriteGuard::downgrade(held);
    assert!(elsewhere(|| *lock.try_read().unwrap() == 6 && lock.try_write().is_err()));
    drop(held);
    assert!(elsewhere(|| lock.try_write().is_ok()));
}

#[test]
fn a_writer_that_downgrades_is_not_overtaken_by_a_queued_one() {
    let (lock, queued) = (RwLock::new(0), Barrier::new(2));
    thread::scope(|scope| {
        let mut held = lock.write().unwrap();
        scope.spawn(|| {
            queued.wait();
            *lock.write().unwrap() = 2;
        });
        queued.wait();
        *held = 1;
        let held = RwLockWriteGuard::downgrade(held);
        assert_eq!(*held, 1);
    });
    assert_eq!(*lock.read().unwrap(), 2);
}

#[test]
fn a_timed_lock_gives_up_in_time_and_not_before() {
    let lock = Lock::new(5);
    let held = lock.lock();
    assert!(lock.try_lock().is_none() && lock.is_locked());
    let (refused, took) = elsewhere(|| {
        let start = Instant::now();
        (lock.try_lock_for(SHORT).is_none(), start.elapsed())
    });
    assert!(refused && took >= SHORT);
    assert!(elsewhere(|| lock.try_lock_for(Duration::ZERO).is_none()));
    drop(held);
    assert_eq!(elsewhere(|| *lock.try_lock_for(LONG).unwrap()), 5);
}

#[test]
fn a_timeout_past_the_end_of_the_clock_means_for_ever() {
    let (lock, asks) = (Lock::new(5), Barrier::new(2));
    thread::scope(|scope| {
        let held = lock.lock();
        let waiter = scope.spawn(|| {
            asks.wait();
            *lock.try_lock_for(Duration::MAX).unwrap()
        });
        asks.wait();
        drop(held);
        assert_eq!(waiter.join().unwrap(), 5);
    });
}

/// A thread that tries a lock it already holds just does not get it.
#[test]
fn a_try_of_an_own_lock_is_refused_without_a_word() {
    let (mutex, lock, rwlock) = (Mutex::new(()), Lock::new(()), RwLock::new(()));
    let _held = (mutex.lock().unwrap(), lock.lock(), rwlock.write().unwrap());
    assert!(mutex.try_lock().is_err() && lock.try_lock().is_none());
    assert!(rwlock.try_read().is_err() && rwlock.try_write().is_err());
    assert!(lock.try_lock_for(Duration::from_millis(1)).is_none());
}

#[test]
fn guards_are_dropped_in_any_order() {
    let locks: Vec<_> = (0..40).map(Mutex::new).collect();
    for stride in [1, 3, 7, 11, 39] {
        let mut held: Vec<_> = locks.iter().map(|lock| Some(lock.lock().unwrap())).collect();
        for at in 0..held.len() {
            drop(held[at * stride % locks.len()].take());
        }
        assert!(held.iter().all(Option::is_none), "the strides share no factor with 40");
        drop(held);
        assert!(locks.iter().all(|lock| lock.try_lock().is_ok()));
    }
}

#[test]
fn many_threads_count_right() {
    let (mutex, rwlock, lock) = (Mutex::new(0), RwLock::new(0), Lock::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    *mutex.lock().unwrap() += 1;
                    *rwlock.write().unwrap() += 1;
                    assert!(*rwlock.read().unwrap() > 0);
                    *lock.lock() += 1;
                }
            });
        }
    });
    let counts = [mutex.into_inner().unwrap(), rwlock.into_inner().unwrap(), lock.into_inner()];
    assert_eq!(counts, [4000; 3]);
}

#[test]
fn data_is_reached_without_locking_where_the_borrow_allows_it() {
    let (mut mutex, mut rwlock, mut lock) = (Mutex::from(1), RwLock::from(1), Lock::from(1));
    *mutex.get_mut().unwrap() += 1;
    *rwlock.get_mut().unwrap() += 1;
    *lock.get_mut() += 1;
    assert_eq!((*mutex.lock().unwrap(), *rwlock.read().unwrap(), *lock.lock()), (2, 2, 2));
    let defaults = (Mutex::<u8>::default(), RwLock::<u8>::default(), Lock::<u8>::default());
    assert_eq!((*defaults.0.lock().unwrap(), *defaults.1.read().unwrap(), *defaults.2.lock()), (0, 0, 0));
}
