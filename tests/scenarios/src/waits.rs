//! Waits that are not for locks: conditions, channels. Those that hang do so always.

use std::sync::Barrier;
use std::sync::mpsc::sync_channel;

use tracked::{Condvar, Event, Semaphore, thread};

use crate::Scenario;
use crate::threads::{lock, mutex, one_then_the_other, together};

pub const ALL: &[Scenario] = &[
    ("lost-wakeup", lost_wakeup),
    ("wait-holding-what-the-notifier-needs", wait_holding_what_the_notifier_needs),
    ("send-holding-a-lock", send_holding_a_lock),
    ("event-nobody-sets", event_nobody_sets),
    ("semaphores-in-opposite-order", semaphores_in_opposite_order),
    ("condvar-with-predicate", condvar_with_predicate),
    ("semaphore-as-a-gate", semaphore_as_a_gate),
];

/// The only notification comes before the wait, which asks no predicate.
fn lost_wakeup() {
    let (state, changed) = (mutex(), Condvar::new());
    let between = Barrier::new(2);
    together(vec![
        Box::new(|| {
            changed.notify_one();
            between.wait();
        }),
        Box::new(|| {
            between.wait();
            drop(changed.wait(lock(&state)));
        }),
    ]);
}

fn wait_holding_what_the_notifier_needs() {
    let (outer, state, changed) = (mutex(), mutex(), Condvar::new());
    let held = Barrier::new(2);
    together(vec![
        Box::new(|| {
            let _held = lock(&outer);
            let guard = lock(&state);
            held.wait();
            drop(changed.wait(guard));
        }),
        Box::new(|| {
            held.wait();
            let _outer = lock(&outer);
            changed.notify_one();
        }),
    ]);
}

fn send_holding_a_lock() {
    let a = mutex();
    let held = Barrier::new(2);
    let (sender, receiver) = sync_channel(0);
    together(vec![
        Box::new(|| {
            let _held = lock(&a);
            held.wait();
            let _ = sender.send(());
        }),
        Box::new(|| {
            let receiver = receiver;
            held.wait();
            drop(lock(&a));
            let _ = receiver.recv();
        }),
    ]);
}

fn event_nobody_sets() {
    let event = Event::new();
    together(vec![Box::new(|| event.wait())]);
}

fn semaphores_in_opposite_order() {
    let (a, b) = (Semaphore::new(1), Semaphore::new(1));
    one_then_the_other(|| drop((a.acquire(), b.acquire())), || drop((b.acquire(), a.acquire())));
}

/// The healthy form of it all.
fn condvar_with_predicate() {
    let (state, changed) = (tracked::Mutex::new(false), Condvar::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            let guard = state.lock().expect("nobody panics");
            drop(changed.wait_while(guard, |ready| !*ready));
        });
        *state.lock().expect("nobody panics") = true;
        changed.notify_one();
    });
}

/// One permit, taken by both sides around opposite orders.
fn semaphore_as_a_gate() {
    let (gate, a, b) = (Semaphore::new(1), mutex(), mutex());
    one_then_the_other(
        || drop((gate.acquire(), lock(&a), lock(&b))),
        || drop((gate.acquire(), lock(&b), lock(&a))),
    );
}
