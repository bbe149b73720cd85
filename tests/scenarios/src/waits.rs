//! Waits that are not for locks: conditions, channels. Those that hang do so always.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use tracked::sync::mpsc::sync_channel;
use tracked::{Condition, Condvar, Event, Mutex, Semaphore, thread};

use crate::Scenario;
use crate::threads::{in_turn, lock, mutex, one_then_the_other, together};

pub const ALL: &[Scenario] = &[
    ("lost-wakeup", lost_wakeup),
    ("wait-holding-what-the-notifier-needs", wait_holding_what_the_notifier_needs),
    ("send-holding-a-lock", send_holding_a_lock),
    ("event-nobody-sets", event_nobody_sets),
    ("event-nobody-sets-last-one-leaves", event_nobody_sets_last_one_leaves),
    ("event-nobody-sets-beside-an-unwatched-sleeper", event_nobody_sets_beside_an_unwatched_sleeper),
    ("event-nobody-sets-with-a-signal-handler", event_nobody_sets_with_a_signal_handler),
    ("pulse-nobody-sees", pulse_nobody_sees),
    ("consumers-left-alone", consumers_left_alone),
    ("consumer-woken-for-a-producer", consumer_woken_for_a_producer),
    ("permit-nobody-gives-back", permit_nobody_gives_back),
    ("two-ways-to-be-stuck", two_ways_to_be_stuck),
    ("event-set-after-a-timed-wait", event_set_after_a_timed_wait),
    ("event-set-by-an-unwatched-thread", event_set_by_an_unwatched_thread),
    ("event-set-by-a-reader", event_set_by_a_reader),
    ("ping-pong", ping_pong),
    ("event-under-a-lock-its-setter-needs", event_under_a_lock_its_setter_needs),
    ("event-under-a-lock-its-setter-holds", event_under_a_lock_its_setter_holds),
    ("event-under-a-lock-not-every-setter-needs", event_under_a_lock_not_every_setter_needs),
    ("event-under-a-lock-its-setter-took-before", event_under_a_lock_its_setter_took_before),
    ("condition-under-a-lock-its-notifier-needs-not", condition_under_a_lock_its_notifier_needs_not),
    ("join-under-a-lock-the-worker-took", join_under_a_lock_the_worker_took),
    ("scope-under-a-lock-the-worker-took", scope_under_a_lock_the_worker_took),
    ("wait-after-one-s-own-notification", wait_after_one_s_own_notification),
    ("join-under-a-lock-handed-over", || join_under_a_lock_that_says_when(false)),
    ("join-under-a-lock-taken-again-after-that", || join_under_a_lock_that_says_when(true)),
    ("join-under-another-lock", join_under_another_lock),
    ("semaphores-in-opposite-order", semaphores_in_opposite_order),
    ("real-semaphores-beside-one-that-polls", real_semaphores_beside_one_that_polls),
    ("real-semaphore-and-mutex-beside-one-that-polls", real_semaphore_and_mutex_beside_one_that_polls),
    ("semaphores-opened-by-one-that-polls", semaphores_opened_by_one_that_polls),
    ("permit-handed-on-to-one-that-polls", permit_handed_on_to_one_that_polls),
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
        // Each has its end to itself: whoever gives way, the other one is not left to wait.
        Box::new(|| {
            let sender = sender;
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

/// Whoever comes last, the waiter or the one who leaves.
fn event_nobody_sets_last_one_leaves() {
    let event = Arc::new(Event::new());
    let inner = event.clone();
    thread::spawn(move || {
        for _ in 0..1000 {
            thread::yield_now();
        }
        drop(inner);
    });
    together(vec![Box::new(|| event.wait())]);
}

/// A thread that nobody watches sleeps as well, and there is nobody to wake it.
fn event_nobody_sets_beside_an_unwatched_sleeper() {
    let (stop, stopped) = channel::<()>();
    let sleeper = std::thread::spawn(move || stopped.recv());
    event_nobody_sets();
    drop(stop);
    let _ = sleeper.join();
}

/// The handler could set it, for all that is known.
fn event_nobody_sets_with_a_signal_handler() {
    extern "C" fn handler(_: libc::c_int) {}
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t) };
    event_nobody_sets();
}

/// Set and cleared before anybody waits.
fn pulse_nobody_sees() {
    let event = Event::new();
    let between = Barrier::new(2);
    together(vec![
        Box::new(|| {
            event.set();
            event.clear();
            between.wait();
        }),
        Box::new(|| {
            between.wait();
            event.wait();
        }),
    ]);
}

/// The producer ends without a word to those who wait; what it said before found nobody, and nobody missed it.
fn consumers_left_alone() {
    let items = Condition::new(0);
    let between = Barrier::new(4);
    let consume = || {
        between.wait();
        let mut items = items.lock();
        items.wait_while(|items| *items == 0);
        *items -= 1;
    };
    together(vec![
        Box::new(consume),
        Box::new(consume),
        Box::new(consume),
        Box::new(|| {
            items.notify_all();
            between.wait();
        }),
    ]);
}

/// The room that one consumer makes is told to the other, who waits on, and not to the producer.
fn consumer_woken_for_a_producer() {
    /// Lets the other consumer go when the producer has been made to give way.
    struct Rescue<'a>(&'a Condition<(u32, u32)>);
    impl Drop for Rescue<'_> {
        fn drop(&mut self) {
            self.0.lock().0 = 2;
            self.0.notify_all();
        }
    }
    let state = Condition::new((0, 0));
    let get = || {
        let mut state = state.lock();
        while state.0 == 0 {
            state.1 += 1;
            state.wait();
        }
        state.0 -= 1;
        state.notify_one();
    };
    together(vec![
        Box::new(get),
        Box::new(get),
        Box::new(|| {
            let _rescue = Rescue(&state);
            let mut state = loop {
                let state = state.lock();
                if state.1 == 2 {
                    break state;
                }
                drop(state);
                thread::yield_now();
            };
            state.0 += 1;
            state.notify_one();
            while state.0 > 0 {
                state.wait();
            }
        }),
    ]);
}

fn permit_nobody_gives_back() {
    let permits = Semaphore::new(1);
    let between = Barrier::new(2);
    together(vec![
        Box::new(|| {
            permits.acquire().forget();
            between.wait();
        }),
        Box::new(|| {
            between.wait();
            drop(permits.acquire());
        }),
    ]);
}

/// Two objects, and nobody for either.
fn two_ways_to_be_stuck() {
    let (one, other) = (Event::new(), Semaphore::new(0));
    together(vec![Box::new(|| one.wait()), Box::new(|| drop(other.acquire()))]);
}

/// A wait with a timeout is not for ever: what comes after it can end another.
fn event_set_after_a_timed_wait() {
    let (never, event) = (Event::new(), Event::new());
    together(vec![
        Box::new(|| {
            assert!(!never.wait_for(Duration::from_millis(40)));
            event.set();
        }),
        Box::new(|| event.wait()),
    ]);
}

/// A thread that nobody watches sleeps for a while, as timers do, first in one way and then in another.
fn event_set_by_an_unwatched_thread() {
    let event = Arc::new(Event::new());
    let unwatched = event.clone();
    let timer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        let (_keep, nothing) = channel::<()>();
        assert!(nothing.recv_timeout(Duration::from_millis(20)).is_err());
        unwatched.set();
    });
    event.wait();
    timer.join().expect("it sets the event");
}

/// A thread that nobody watches waits for bytes, which come from outside for all that is known.
fn event_set_by_a_reader() {
    use std::io::{Read, Write};
    let (mut reader, mut writer) = std::os::unix::net::UnixStream::pair().expect("two sockets can be had");
    let event = Arc::new(Event::new());
    let unwatched = event.clone();
    let reader = std::thread::spawn(move || {
        reader.read_exact(&mut [0]).expect("a byte comes");
        unwatched.set();
    });
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(40));
        writer.write_all(&[1]).expect("somebody reads");
    });
    event.wait();
    reader.join().expect("it sets the event");
    writer.join().expect("it writes");
}

/// At any moment one of the two waits and the other has just been told.
fn ping_pong() {
    const ROUNDS: u32 = 20_000;
    let ball = Condition::new(0);
    let play = |own: u32| {
        let ball = &ball;
        move || {
            for round in 0..ROUNDS {
                let mut at = ball.lock();
                at.wait_while(|at| *at != 2 * round + own);
                *at += 1;
                at.notify_one();
            }
        }
    };
    together(vec![Box::new(play(0)), Box::new(play(1))]);
}

/// Would hang if the waiter got the lock first.
fn event_under_a_lock_its_setter_needs() {
    let (a, event) = (mutex(), Event::new());
    one_then_the_other(
        || {
            drop(lock(&a));
            event.set();
        },
        || {
            let _held = lock(&a);
            event.wait();
        },
    );
}

fn event_under_a_lock_its_setter_holds() {
    let (a, event) = (mutex(), Event::new());
    one_then_the_other(
        || {
            let _held = lock(&a);
            event.set();
        },
        || {
            let _held = lock(&a);
            event.wait();
        },
    );
}

/// Somebody can set it who needs nothing.
fn event_under_a_lock_not_every_setter_needs() {
    let (a, event) = (mutex(), Event::new());
    in_turn(vec![
        Box::new(|| event.set()),
        Box::new(|| {
            drop(lock(&a));
            event.set();
        }),
        Box::new(|| {
            let _held = lock(&a);
            event.wait();
        }),
    ]);
}

/// The setter is through with the lock before the waiter is there.
fn event_under_a_lock_its_setter_took_before() {
    let (a, event) = (mutex(), Event::new());
    drop(lock(&a));
    thread::scope(|scope| {
        scope.spawn(|| {
            let _held = lock(&a);
            event.wait();
        });
        event.set();
    });
}

/// The usual way to use a condition, under a lock that has nothing to do with it.
fn condition_under_a_lock_its_notifier_needs_not() {
    let (a, ready) = (mutex(), Condition::new(false));
    together(vec![
        Box::new(|| {
            let _held = lock(&a);
            ready.lock().wait_while(|ready| !*ready);
        }),
        Box::new(|| {
            let mut ready = ready.lock();
            *ready = true;
            ready.notify_all();
        }),
    ]);
}

/// Would hang if this thread got the lock first.
fn join_under_a_lock_the_worker_took() {
    let a = Arc::new(mutex());
    let inner = a.clone();
    let worker = thread::spawn(move || drop(lock(&inner)));
    while !worker.is_finished() {
        thread::yield_now();
    }
    let _held = lock(&a);
    worker.join().expect("it does not panic");
}

/// redb's writer waits for its own end: the notification that found nobody was its own, and is none that it lost.
fn wait_after_one_s_own_notification() {
    let (writes, through) = (Mutex::new(false), Condvar::new());
    together(vec![Box::new(|| {
        let mut held = writes.lock().expect("nobody panics");
        *held = true;
        through.notify_one();
        drop(held);
        let mut held = writes.lock().expect("nobody panics");
        while *held {
            held = through.wait(held).expect("nobody panics");
        }
    })]);
}

/// jobserver's helper thread says under the lock, last of all, that it is through, and notifies; who joins it sees that
/// under the lock. `again`: the worker takes the lock once more, which nothing of it says.
fn join_under_a_lock_that_says_when(again: bool) {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let inner = shared.clone();
    let worker = thread::spawn(move || {
        *inner.0.lock().expect("nobody panics") = true;
        inner.1.notify_one();
        if again {
            drop(inner.0.lock());
        }
    });
    while !worker.is_finished() {
        thread::yield_now();
    }
    let mut through = shared.0.lock().expect("nobody panics");
    while !*through {
        through = shared.1.wait(through).expect("nobody panics");
    }
    worker.join().expect("it does not panic");
}

/// The same with a scope in the place of the join.
fn scope_under_a_lock_the_worker_took() {
    let a = mutex();
    let through = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            drop(lock(&a));
            through.wait();
        });
        through.wait();
        std::mem::forget(lock(&a));
    });
}

fn join_under_another_lock() {
    let (a, b) = (Arc::new(mutex()), mutex());
    let inner = a.clone();
    let worker = thread::spawn(move || drop(lock(&inner)));
    let _held = lock(&b);
    worker.join().expect("it does not panic");
}

fn semaphores_in_opposite_order() {
    let (a, b) = (Semaphore::new(1), Semaphore::new(1));
    one_then_the_other(|| drop((a.acquire(), b.acquire())), || drop((b.acquire(), a.acquire())));
}

/// Each has what the other asks for, and a third thread never sleeps for good, so that the process does not stand still.
fn real_semaphores_beside_one_that_polls() {
    let (a, b, both) = (Semaphore::new(1), Semaphore::new(1), Barrier::new(2));
    beside_one_that_polls(vec![
        Box::new(|| {
            let _held = a.acquire();
            both.wait();
            drop(b.acquire());
        }),
        Box::new(|| {
            let _held = b.acquire();
            both.wait();
            drop(a.acquire());
        }),
    ]);
}

fn real_semaphore_and_mutex_beside_one_that_polls() {
    let (a, b, both) = (Semaphore::new(1), mutex(), Barrier::new(2));
    beside_one_that_polls(vec![
        Box::new(|| {
            let _held = a.acquire();
            both.wait();
            drop(lock(&b));
        }),
        Box::new(|| {
            let _held = lock(&b);
            both.wait();
            drop(a.acquire());
        }),
    ]);
}

/// The permits are a signal as well: they were given by somebody else before, and are again in the end.
fn semaphores_opened_by_one_that_polls() {
    let (a, b, both) = (Semaphore::new(0), Semaphore::new(1), Barrier::new(2));
    a.release();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _held = a.acquire();
            both.wait();
            drop(b.acquire());
        });
        scope.spawn(|| {
            let _held = b.acquire();
            both.wait();
            drop(a.acquire());
        });
        poll_for_a_good_while();
        a.release();
    });
}

/// Main waits for a thread that waits for main's permit, which is in other hands.
fn permit_handed_on_to_one_that_polls() {
    let permits = Semaphore::new(1);
    thread::scope(|scope| {
        let permit = permits.acquire();
        scope.spawn(move || {
            let _permit = permit;
            poll_for_a_good_while();
        });
        scope.spawn(|| drop(permits.acquire())).join().expect("it does not panic");
    });
}

/// For longer than the detector's patience with those who wait beside threads that run.
pub fn poll_for_a_good_while() {
    let nothing = channel::<()>();
    let _ = nothing.1.recv_timeout(Duration::from_millis(2_500));
}

/// Runs these beside a thread that polls until both are through, by a panic too.
pub fn beside_one_that_polls(bodies: Vec<Box<dyn FnOnce() + Send + '_>>) {
    let (through, all) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(
            move || {
                while all.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {}
            },
        );
        together(bodies);
        drop(through);
    });
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
