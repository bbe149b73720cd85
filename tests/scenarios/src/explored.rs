//! Programs that go wrong in some orders of their threads only: for `lockcheck explore`, `replay` and `confirm`, which
//! find the order. On their own they end well, nearly always.

use std::sync::{Arc, PoisonError};

use tracked::cell::Shared;
use tracked::{Event, Mutex, MutexGuard, thread};

use crate::Scenario;
use crate::threads::{lock, mutex, one_then_the_other};

pub const ALL: &[Scenario] = &[
    ("explored-assertion", assertion),
    ("explored-panic-nobody-joins", panic_nobody_joins),
    ("explored-panic-caught", panic_caught),
    ("explored-race", race),
    ("explored-exit-code", exit_code),
    ("explored-ordered-by-event", ordered_by_event),
    ("explored-many-orders", many_orders),
    ("explored-beside-a-deadlock", beside_a_deadlock),
    ("explored-differs", differs),
    ("explored-wait-under-lock", wait_under_lock),
    ("explored-outside", blocks_outside),
    ("explored-kept-apart-outside", kept_apart_outside),
];

static LOG: Mutex<()> = Mutex::new(());

#[track_caller]
fn number(value: &Mutex<u32>) -> MutexGuard<'_, u32> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What main relies on holds unless the other is quicker.
fn assertion() {
    let value = Arc::new(Mutex::new(0));
    let theirs = Arc::clone(&value);
    let other = thread::Builder::new().name("other".to_owned());
    let other = other.spawn(move || *number(&theirs) += 1).expect("it starts");
    {
        let _log = lock(&LOG);
        assert_eq!(*number(&value), 0, "the other was quicker");
    }
    other.join().expect("it ends well");
}

/// A thread panics if main was quicker, and nobody ever looks at how it ended.
fn panic_nobody_joins() {
    struct Tells(Arc<Event>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.set();
        }
    }
    let (value, over) = (Arc::new(Mutex::new(0_u32)), Arc::new(Event::new()));
    let (theirs, tells) = (Arc::clone(&value), Tells(Arc::clone(&over)));
    let worker = thread::Builder::new().name("worker".to_owned());
    let worker = worker.spawn(move || {
        let _tells = tells;
        let seen = *number(&theirs);
        assert_eq!(seen, 0, "main was quicker");
    });
    drop(worker.expect("it starts"));
    *number(&value) = 1;
    over.wait();
}

/// The same, with somebody who looks, and a panic of main's own that it catches.
fn panic_caught() {
    let value = Arc::new(mutex());
    let theirs = Arc::clone(&value);
    let worker = thread::spawn(move || {
        drop(lock(&theirs));
        panic!("as planned");
    });
    assert!(worker.join().is_err());
    assert!(std::panic::catch_unwind(|| panic!("as planned too")).is_err());
}

/// Two threads write what nothing guards.
fn race() {
    let data = Shared::new(0).named("data");
    thread::scope(|scope| {
        scope.spawn(|| data.set(1));
        scope.spawn(|| data.set(2));
    });
}

/// No panic, but an end that says that something went wrong.
fn exit_code() {
    let value = Arc::new(Mutex::new(0));
    let theirs = Arc::clone(&value);
    let other = thread::spawn(move || *number(&theirs) = 1);
    if *number(&value) == 1 {
        std::process::exit(7);
    }
    other.join().expect("it ends well");
}

/// Opposite orders, which an event keeps apart whatever happens: no lock order tells of it.
fn ordered_by_event() {
    let (a, b, ready) = (mutex().named("a"), mutex().named("b"), Event::new());
    thread::scope(|scope| {
        let first = thread::Builder::new().name("first".to_owned());
        let first = first.spawn_scoped(scope, || {
            drop((lock(&a), lock(&b)));
            ready.set();
        });
        let second = thread::Builder::new().name("second".to_owned());
        let second = second.spawn_scoped(scope, || {
            ready.wait();
            drop((lock(&b), lock(&a)));
        });
        drop((first.expect("it starts"), second.expect("it starts")));
    });
}

/// The same beside threads that make more orders than anybody tries.
fn many_orders() {
    let shared = mutex();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..10).for_each(|_| drop(lock(&shared))));
        }
        ordered_by_event();
    });
}

/// Opposite orders that an event keeps apart, and then two threads that come to a deadlock in some orders.
fn beside_a_deadlock() {
    ordered_by_event();
    if is_explored() {
        let (c, d) = (mutex(), mutex());
        thread::scope(|scope| {
            scope.spawn(|| drop((lock(&c), lock(&d))));
            scope.spawn(|| drop((lock(&d), lock(&c))));
        });
    }
}

/// Whether this run is under control.
fn is_explored() -> bool {
    std::env::var_os("LOCKCHECK").is_some_and(|mode| mode == "explore")
}

/// Opposite orders, but not where somebody tries to bring them about.
fn differs() {
    let (a, b) = (mutex(), mutex());
    if is_explored() {
        thread::scope(|scope| drop(scope.spawn(|| drop(lock(&a)))));
    } else {
        one_then_the_other(|| drop((lock(&a), lock(&b))), || drop((lock(&b), lock(&a))));
    }
}

/// One waits under a lock that the other takes before it ends the wait: well where the other comes first, as in the run
/// that is observed.
fn wait_under_lock() {
    let (guard, ready) = (mutex().named("guard"), Event::new().named("ready"));
    let set = || {
        drop(lock(&guard));
        ready.set();
    };
    let wait = || {
        let _guard = lock(&guard);
        ready.wait();
    };
    if is_explored() {
        thread::scope(|scope| drop((scope.spawn(set), scope.spawn(wait))));
    } else {
        one_then_the_other(set, wait);
    }
}

/// Nobody can go on until a call comes back that is not under control.
fn blocks_outside() {
    let wanted = mutex();
    thread::scope(|scope| {
        let held = lock(&wanted);
        scope.spawn(|| drop(lock(&wanted)));
        tracked::external(|| std::thread::sleep(std::time::Duration::from_millis(1500)));
        drop(held);
    });
}

/// Two locks in both orders, one after the other because of something that nobody watches: under control, who waits
/// there keeps the turn.
fn kept_apart_outside() {
    let (a, b, between) = (mutex(), mutex(), std::sync::Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let outer = lock(&a);
            drop(lock(&b));
            drop(outer);
            between.wait();
        });
        scope.spawn(|| {
            between.wait();
            let _outer = lock(&b);
            drop(lock(&a));
        });
    });
}
