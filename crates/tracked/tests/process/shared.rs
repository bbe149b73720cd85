//! Locks, values and events between processes.

use std::sync::Arc;
use std::time::Duration;

use tracked::process::{self, Array, Condition, Event, Lock, Process, RLock, Semaphore, Value};

use crate::Test;

pub const TESTS: &[Test] = &[
    ("a_value_is_changed_by_one_at_a_time", a_value_is_changed_by_one_at_a_time),
    ("a_lock_excludes", a_lock_excludes),
    ("one_object_however_often_it_is_given", one_object_however_often_it_is_given),
    ("an_array_is_filled_by_many", an_array_is_filled_by_many),
    ("a_condition_wakes_the_other_process", a_condition_wakes_the_other_process),
    ("a_semaphore_counts_over_processes", a_semaphore_counts_over_processes),
    ("an_event_is_seen_everywhere", an_event_is_seen_everywhere),
    ("threads_of_one_process_share_too", threads_of_one_process_share_too),
];

#[process::entry]
fn increment(counter: Value<u64>, lock: Lock, times: u32) {
    for _ in 0..times {
        *counter.lock().unwrap() += 1;
        let _held = lock.lock().unwrap();
        counter.set(counter.get() + 1);
    }
}

fn a_value_is_changed_by_one_at_a_time() {
    let counter = Value::new(0u64).unwrap();
    let locks = [Lock::new().unwrap(), Lock::new().unwrap()];
    let only_own: Vec<_> = (0..4).map(|_| Process::spawn(add, (counter.clone(), 1000)).unwrap()).collect();
    for child in only_own {
        child.join().unwrap();
    }
    assert_eq!(counter.get(), 4000);
    let alone = Process::spawn(increment, (counter.clone(), locks[0].clone(), 500)).unwrap();
    alone.join().unwrap();
    assert_eq!(counter.get(), 5000);
}

#[process::entry]
fn add(counter: Value<u64>, times: u32) {
    for _ in 0..times {
        *counter.lock().unwrap() += 1;
    }
}

#[process::entry]
fn add_under(lock: Lock, counter: Value<u64>, times: u32) {
    for _ in 0..times {
        let _held = lock.lock().unwrap();
        counter.set(counter.get() + 1);
    }
}

fn a_lock_excludes() {
    let (lock, counter) = (Lock::new().unwrap(), Value::new(0).unwrap());
    let children = [0; 4].map(|_| Process::spawn(add_under, (lock.clone(), counter.clone(), 500)).unwrap());
    for child in children {
        child.join().unwrap();
    }
    assert_eq!(counter.get(), 2000);
    let held = lock.lock().unwrap();
    assert!(lock.try_lock().unwrap().is_none());
    assert!(lock.try_lock_for(Duration::from_millis(5)).unwrap().is_none());
    drop(held);
    assert!(lock.try_lock().unwrap().is_some());
}

#[process::entry]
fn twice(one: RLock, other: RLock, value: Value<i32>, same: Value<i32>) -> bool {
    // With two objects this would wait for itself.
    let _one = one.lock().unwrap();
    let _other = other.lock().unwrap();
    let _again = one.try_lock().unwrap().expect("a re-entrant lock");
    value.set(17);
    same.get() == 17 && one.try_lock_for(Duration::ZERO).unwrap().is_some()
}

fn one_object_however_often_it_is_given() {
    let (lock, value) = (RLock::new().unwrap(), Value::new(0).unwrap());
    let arguments = (lock.clone(), lock.clone(), value.clone(), value.clone());
    assert!(Process::spawn(twice, arguments).unwrap().join().unwrap());
    assert_eq!(value.get(), 17);
    let _held = lock.lock().unwrap();
    let elsewhere = lock.clone();
    let tried = std::thread::spawn(move || elsewhere.try_lock().unwrap().is_some());
    assert!(!tried.join().unwrap(), "re-entrant for one thread only");
}

#[process::entry]
fn fill(squares: Array<u64>, from: usize, upto: usize) {
    for n in from..upto {
        squares.lock().unwrap()[n] = (n * n) as u64;
    }
}

fn an_array_is_filled_by_many() {
    let squares = Array::new(0, 100).unwrap().named("squares");
    let quarter = |part: usize| Process::spawn(fill, (squares.clone(), 25 * part, 25 * part + 25)).unwrap();
    for child in [0, 1, 2, 3].map(quarter) {
        child.join().unwrap();
    }
    assert!(squares.to_vec().into_iter().eq((0..100).map(|n| n * n)));
    assert_eq!((squares.len(), squares.is_empty()), (100, false));
}

#[process::entry]
fn play(turn: Condition<u64>, own: u64, rounds: u64) {
    for _ in 0..rounds {
        let mut turn = turn.lock().unwrap();
        turn.wait_while(|turn| *turn % 2 != own);
        *turn += 1;
        turn.notify_all();
    }
}

fn a_condition_wakes_the_other_process() {
    let turn = Condition::new(0).unwrap();
    let children = [0, 1].map(|own| Process::spawn(play, (turn.clone(), own, 100)).unwrap());
    for child in children {
        child.join().unwrap();
    }
    assert_eq!(*turn.lock().unwrap(), 200);
    assert!(!turn.lock().unwrap().wait_for(Duration::from_millis(5)));
}

#[process::entry]
fn enter(room: Semaphore, inside: Value<[u32; 2]>) {
    for _ in 0..20 {
        let _permit = room.acquire();
        {
            let mut inside = inside.lock().unwrap();
            inside[0] += 1;
            inside[1] = inside[1].max(inside[0]);
        }
        std::thread::yield_now();
        inside.lock().unwrap()[0] -= 1;
    }
}

fn a_semaphore_counts_over_processes() {
    let (room, inside) = (Semaphore::new(2).unwrap(), Value::new([0; 2]).unwrap());
    let children = [0; 5].map(|_| Process::spawn(enter, (room.clone(), inside.clone())).unwrap());
    for child in children {
        child.join().unwrap();
    }
    let [now, most] = inside.get();
    assert_eq!((now, room.available()), (0, 2));
    assert!((1..=2).contains(&most), "{most}");
    let (one, _other) = (room.try_acquire().unwrap(), room.acquire());
    assert!(room.try_acquire().is_none() && room.try_acquire_for(Duration::from_millis(5)).is_none());
    one.forget();
    assert_eq!(room.available(), 0);
    room.release();
    assert_eq!(room.available(), 1);
}

#[process::entry]
fn answer(asked: Event, answered: Event) {
    asked.wait();
    answered.set();
}

fn an_event_is_seen_everywhere() {
    let (asked, answered) = (Event::new().unwrap(), Event::new().unwrap().named("answered"));
    let child = Process::spawn(answer, (asked.clone(), answered.clone())).unwrap();
    assert!(!answered.wait_for(Duration::from_millis(5)) && !answered.is_set());
    asked.set();
    answered.wait();
    assert!(answered.is_set());
    answered.clear();
    assert!(!answered.is_set());
    child.join().unwrap();
}

fn threads_of_one_process_share_too() {
    let counter = Arc::new(Value::new(0u64).unwrap());
    let threads = [0; 4].map(|_| {
        let counter = Arc::clone(&counter);
        tracked::thread::spawn(move || (0..500).for_each(|_| *counter.lock().unwrap() += 1))
    });
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(counter.get(), 2000);
}
