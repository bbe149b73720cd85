//! RLock, Semaphore, Event and Condition.

use std::cell::Cell;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tracked::{BoundedSemaphore, Condition, Event, OverRelease, RLock, Semaphore, thread};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

#[test]
fn a_thread_takes_its_rlock_again_and_others_wait_for_the_last_guard() {
    let lock = RLock::new(Cell::new(0));
    thread::scope(|scope| {
        let refused = || scope.spawn(|| lock.try_lock().is_none()).join().unwrap();
        let mut held =
            vec![lock.lock(), lock.try_lock().unwrap(), lock.try_lock_for(SHORT).unwrap(), lock.lock()];
        held[3].set(held[0].get() + 1);
        for first in [1, 0, 1, 0] {
            assert!(refused());
            drop(held.remove(first % held.len()));
        }
        assert!(!refused());
    });
    assert_eq!(lock.into_inner().get(), 1);
}

#[test]
fn rlock_guards_of_several_threads_in_any_order_keep_each_other_out() {
    let lock = RLock::new(Cell::new(0_u32));
    thread::scope(|scope| {
        for seed in 0..6_usize {
            let lock = &lock;
            scope.spawn(move || {
                for round in 0..200 {
                    let mut held = vec![lock.lock()];
                    let before = held[0].get();
                    for depth in 0..(seed + round) % 4 {
                        held.push(lock.lock());
                        held[depth].set(held[depth].get() + 1);
                        held[depth].set(held[depth].get() - 1);
                    }
                    held[0].set(before + 1);
                    while !held.is_empty() {
                        let at = (seed + round) % held.len();
                        drop(held.swap_remove(at));
                    }
                }
            });
        }
    });
    assert_eq!(lock.into_inner().get(), 1200);
}

#[test]
fn a_panic_under_a_lock_without_poison_leaves_it_usable() {
    let (lock, rlock) = (tracked::Lock::new(1), RLock::new(1));
    let result = thread::scope(|scope| {
        scope
            .spawn(|| {
                let _held = (lock.lock(), rlock.lock(), rlock.lock());
                std::panic::resume_unwind(Box::new(()));
            })
            .join()
    });
    assert!(result.is_err());
    assert_eq!((*lock.lock(), *rlock.lock()), (1, 1));
}

#[test]
fn a_semaphore_has_so_many_permits() {
    let semaphore = Semaphore::new(2);
    let first = semaphore.acquire();
    let second = semaphore.try_acquire().unwrap();
    let start = Instant::now();
    assert!(semaphore.try_acquire().is_none() && semaphore.try_acquire_for(SHORT).is_none());
    assert!(start.elapsed() >= SHORT);
    drop(first);
    assert!(semaphore.try_acquire_for(LONG).is_some());
    second.forget();
    assert_eq!(semaphore.available(), 1);
    semaphore.release();
    semaphore.release();
    assert_eq!(semaphore.available(), 3);
}

#[test]
fn a_bounded_semaphore_refuses_what_nobody_took() {
    let semaphore = BoundedSemaphore::new(2);
    assert_eq!(semaphore.release(), Err(OverRelease { bound: 2 }));
    semaphore.acquire().forget();
    assert_eq!(semaphore.release(), Ok(()));
    let refused = semaphore.release().unwrap_err();
    assert_eq!(semaphore.available(), 2);
    assert!(refused.to_string().contains("all 2 are available"), "{refused}");
    let permit = semaphore.try_acquire().unwrap();
    semaphore.acquire().forget();
    assert!(semaphore.try_acquire_for(SHORT).is_none());
    drop(permit);
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_permit_can_be_given_back_by_another_thread() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    let (give, take) = channel();
    let receiver = thread::spawn(move || drop(take.recv().unwrap()));
    give.send(SEMAPHORE.acquire()).unwrap();
    // Only the other thread can end this.
    drop(SEMAPHORE.acquire());
    receiver.join().unwrap();
    assert_eq!(SEMAPHORE.available(), 1);
}

#[test]
fn never_more_inside_than_there_are_permits() {
    let (semaphore, inside) = (Semaphore::new(3), std::sync::atomic::AtomicI32::new(0));
    let order = std::sync::atomic::Ordering::SeqCst;
    thread::scope(|scope| {
        for number in 0..8 {
            let (semaphore, inside) = (&semaphore, &inside);
            scope.spawn(move || {
                for round in 0..200 {
                    let timed = (number + round) % 3 == 0;
                    let permit = if timed {
                        semaphore.try_acquire_for(Duration::from_micros(50))
                    } else {
                        Some(semaphore.acquire())
                    };
                    if permit.is_some() {
                        assert!(inside.fetch_add(1, order) < 3);
                        thread::yield_now();
                        inside.fetch_sub(1, order);
                    }
                }
            });
        }
    });
    assert_eq!(semaphore.available(), 3);
}

#[test]
fn an_event_lets_all_pass_until_it_is_cleared() {
    let event = Event::new();
    let start = Instant::now();
    assert!(!event.wait_for(SHORT) && start.elapsed() >= SHORT);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| event.wait());
            scope.spawn(|| assert!(event.wait_for(LONG)));
        }
        event.set();
    });
    event.wait();
    event.clear();
    assert!(!event.is_set() && !event.wait_for(Duration::ZERO));
}

#[test]
fn a_condition_is_a_lock_and_its_queue() {
    let condition = Condition::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut guard = condition.lock();
                guard.wait_while(|tickets| *tickets == 0);
                *guard -= 1;
            });
        }
        for _ in 0..4 {
            *condition.lock() += 1;
            condition.notify_one();
        }
    });
    let mut guard = condition.lock();
    let start = Instant::now();
    assert!(!guard.wait_for(SHORT) && start.elapsed() >= SHORT);
    guard.notify_one();
    guard.notify_all();
    drop(guard);
    assert_eq!(condition.into_inner(), 0);
}

#[test]
fn a_waiting_condition_lets_others_in() {
    let (condition, waits) = (Condition::new(false), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut guard = condition.lock();
            waits.wait();
            while !*guard {
                guard.wait();
            }
        });
        waits.wait();
        *condition.lock() = true;
        condition.notify_all();
    });
}
