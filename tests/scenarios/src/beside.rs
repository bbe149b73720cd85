//! Threads that wait for each other through channels and barriers, beside one that never sleeps for good, so that the process
//! does not stand still; and those that somebody helps in the end. Those that hang do so always.

use std::sync::Barrier;

use tracked::sync::mpsc::{channel, sync_channel};
use tracked::thread;

use crate::Scenario;
use crate::threads::{lock, mutex};
use crate::waits::{beside_one_that_polls, poll_for_a_good_while};

pub const ALL: &[Scenario] = &[
    ("channels-crossed-beside-one-that-polls", channels_crossed),
    ("channel-and-mutex-beside-one-that-polls", channel_and_mutex),
    ("barrier-and-mutex-beside-one-that-polls", barrier_and_mutex),
    ("full-channel-and-mutex-beside-one-that-polls", full_channel_and_mutex),
    ("channels-crossed-until-a-third-sends", channels_crossed_until_a_third_sends),
    ("channels-crossed-with-a-shared-sender", channels_crossed_with_a_shared_sender),
    ("sender-taken-along-by-one-that-polls", sender_taken_along),
    ("barrier-with-a-place-for-one-that-polls", barrier_with_a_place_for_another),
];

/// Each waits for the other's second message.
fn channels_crossed() {
    let ((to_left, left), (to_right, right)) = (channel(), channel());
    beside_one_that_polls(vec![
        Box::new(move || {
            let _ = to_right.send(1);
            left.iter().take(2).for_each(drop);
        }),
        Box::new(move || {
            let _ = to_left.send(1);
            right.iter().take(2).for_each(drop);
        }),
    ]);
}

/// The consumer keeps the lock that the producer needs before its second message.
fn channel_and_mutex() {
    let (state, held) = (mutex(), Barrier::new(2));
    let (sender, receiver) = channel();
    let (state, held) = (&state, &held);
    beside_one_that_polls(vec![
        Box::new(move || {
            let _ = sender.send(1);
            held.wait();
            // Not where the other had to give way.
            if let Ok(_state) = state.lock() {
                let _ = sender.send(2);
            }
        }),
        Box::new(move || {
            let _state = lock(state);
            held.wait();
            let _ = receiver.recv();
            let _ = receiver.recv();
        }),
    ]);
}

/// The producer finds the channel full with the lock in its hands that the consumer needs. Neither can look: main does.
fn full_channel_and_mutex() {
    let (state, held) = (mutex(), Barrier::new(2));
    let (sender, receiver) = sync_channel(1);
    let (state, held) = (&state, &held);
    beside_one_that_polls(vec![
        Box::new(move || {
            let _ = sender.send(1);
            held.wait();
            let _state = lock(state);
            held.wait();
            let _ = sender.send(2);
            let _ = sender.send(3);
        }),
        Box::new(move || {
            let _ = receiver.recv();
            held.wait();
            held.wait();
            // Not where it had to give way; that ends the other's wait as well.
            drop(lock(state));
            let _ = receiver.recv();
        }),
    ]);
}

/// One keeps, in the third round, the lock that the other needs before it comes.
fn barrier_and_mutex() {
    let (state, held, round) = (mutex(), Barrier::new(2), tracked::Barrier::new(2));
    let rounds = || {
        round.wait();
        round.wait();
    };
    beside_one_that_polls(vec![
        Box::new(|| {
            rounds();
            let _state = lock(&state);
            held.wait();
            round.wait();
        }),
        Box::new(|| {
            rounds();
            held.wait();
            // Not where the other had to give way.
            if state.lock().is_ok() {
                round.wait();
            }
        }),
    ]);
}

/// Two that have nothing to do until somebody outside says so for the first time.
fn channels_crossed_until_a_third_sends() {
    let ((to_left, left), (to_right, right)) = (channel(), channel());
    // Main has used the first end to make these, which nobody has used.
    let (third, to_left) = {
        let first = to_left;
        (first.clone(), first.clone())
    };
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = to_right.send(1);
            left.iter().take(2).for_each(drop);
            let _ = to_right.send(2);
        });
        scope.spawn(move || {
            let _ = to_left.send(1);
            right.iter().take(2).for_each(drop);
        });
        scope.spawn(move || {
            poll_for_a_good_while();
            let _ = third.send(2);
        });
    });
}

/// The same, by a sender that two threads have in common.
fn channels_crossed_with_a_shared_sender() {
    let ((to_left, left), (to_right, right)) = (channel(), channel());
    let shared = &to_left;
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = to_right.send(1);
            left.iter().take(3).for_each(drop);
            let _ = to_right.send(2);
        });
        scope.spawn(|| {
            let _ = shared.send(1);
            poll_for_a_good_while();
            let _ = shared.send(3);
        });
        scope.spawn(move || {
            let _ = shared.send(2);
            right.iter().take(2).for_each(drop);
        });
    });
}

/// A thread that waits for a lock has used the sender that its holder waits for, and has given it to a thread that it started.
fn sender_taken_along() {
    let (state, held) = (mutex(), Barrier::new(2));
    let (sender, receiver) = channel();
    let (state, held) = (&state, &held);
    thread::scope(|scope| {
        scope.spawn(move || {
            let _state = lock(state);
            held.wait();
            receiver.iter().for_each(drop);
        });
        scope.spawn(move || {
            let _ = sender.send(1);
            held.wait();
            let other = thread::spawn(move || {
                poll_for_a_good_while();
                let _ = sender.send(2);
            });
            drop(lock(state));
            let _ = other.join();
        });
    });
}

/// A third takes the place of the one that waits for the lock.
fn barrier_with_a_place_for_another() {
    let (state, held, round) = (mutex(), Barrier::new(2), tracked::Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            round.wait();
            let _state = lock(&state);
            held.wait();
            round.wait();
        });
        scope.spawn(|| {
            round.wait();
            held.wait();
            drop(lock(&state));
        });
        scope.spawn(|| {
            poll_for_a_good_while();
            round.wait();
        });
    });
}
