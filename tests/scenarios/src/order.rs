//! Lock orders of mutexes. None of these programs hangs.

use tracked::{Mutex, thread};

use crate::Scenario;
use crate::threads::{in_turn, lock, mutex, one_then_the_other};

pub const ALL: &[Scenario] = &[
    ("abba-one-thread", abba_one_thread),
    ("abba-after-join", abba_after_join),
    ("abba-after-scope", abba_after_scope),
    ("abba-concurrent", abba_concurrent),
    ("abba-in-unjoined-threads", abba_in_unjoined_threads),
    ("abba-gated", abba_gated),
    ("abba-gated-on-one-side", abba_gated_on_one_side),
    ("cycle-of-3", cycle_of_3),
    ("cycle-of-5-with-chords", cycle_of_5_with_chords),
    ("try-on-one-side", try_on_one_side),
    ("timed-on-both-sides", timed_on_both_sides),
    ("timed-on-one-side", timed_on_one_side),
    ("drop-the-middle", drop_the_middle),
    ("hand-over-hand-ring-2-threads", || hand_over_hand_ring(2)),
    ("hand-over-hand-ring-3-threads", || hand_over_hand_ring(3)),
    ("hand-over-hand-list", hand_over_hand_list),
    ("repeats-1000", repeats_1000),
    ("instances-100", instances_100),
    ("spawn-then-again", || spawn_then(true)),
    ("spawn-then-not-again", || spawn_then(false)),
    ("harmless-closing-edge-then-harm", || harmless_closing_edge(true)),
    ("harmless-closing-edge", || harmless_closing_edge(false)),
    ("closed-by-a-later-thread", closed_by_a_later_thread),
    ("new-locks-at-an-old-address", new_locks_at_an_old_address),
    ("hundred-held", hundred_held),
];

fn abba_one_thread() {
    let (a, b) = (mutex(), mutex());
    drop((lock(&a), lock(&b)));
    drop((lock(&b), lock(&a)));
}

fn abba_after_join() {
    let (a, b) = (mutex(), mutex());
    thread::scope(|scope| {
        scope.spawn(|| drop((lock(&a), lock(&b)))).join().expect("the first ends well");
        scope.spawn(|| drop((lock(&b), lock(&a)))).join().expect("the second ends well");
    });
}

fn abba_after_scope() {
    let (a, b) = (mutex(), mutex());
    thread::scope(|scope| {
        scope.spawn(|| drop((lock(&a), lock(&b))));
    });
    thread::scope(|scope| {
        scope.spawn(|| drop((lock(&b), lock(&a))));
    });
}

fn abba_concurrent() {
    let (a, b) = (mutex(), mutex());
    one_then_the_other(|| drop((lock(&a), lock(&b))), || drop((lock(&b), lock(&a))));
}

fn abba_in_unjoined_threads() {
    static A: Mutex<()> = Mutex::new(());
    static B: Mutex<()> = Mutex::new(());
    let (done, wait) = std::sync::mpsc::channel();
    let second = done.clone();
    thread::spawn(move || {
        drop((lock(&A), lock(&B)));
        done.send(()).expect("main waits");
    });
    wait.recv().expect("the first is through");
    thread::spawn(move || {
        drop((lock(&B), lock(&A)));
        second.send(()).expect("main waits");
    });
    wait.recv().expect("the second is through");
}

fn abba_gated() {
    let (gate, a, b) = (mutex(), mutex(), mutex());
    one_then_the_other(
        || drop((lock(&gate), lock(&a), lock(&b))),
        || drop((lock(&gate), lock(&b), lock(&a))),
    );
}

fn abba_gated_on_one_side() {
    let (gate, a, b) = (mutex(), mutex(), mutex());
    one_then_the_other(|| drop((lock(&gate), lock(&a), lock(&b))), || drop((lock(&b), lock(&a))));
}

fn cycle_of_3() {
    let (a, b, c) = (mutex(), mutex(), mutex());
    in_turn(vec![
        Box::new(|| drop((lock(&a), lock(&b)))),
        Box::new(|| drop((lock(&b), lock(&c)))),
        Box::new(|| drop((lock(&c), lock(&a)))),
    ]);
}

/// The chords lead forward only and save one of five steps; there are two such ways.
fn cycle_of_5_with_chords() {
    let locks: Vec<_> = (0..5).map(|_| mutex()).collect();
    let locks = &locks;
    let mut threads: Vec<Box<dyn FnOnce() + Send + '_>> = Vec::new();
    for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 4), (0, 2), (1, 3), (4, 0)] {
        threads.push(Box::new(move || drop((lock(&locks[from]), lock(&locks[to])))));
    }
    in_turn(threads);
}

fn try_on_one_side() {
    let (a, b) = (mutex(), mutex());
    one_then_the_other(|| drop((lock(&a), lock(&b))), || drop((lock(&b), a.try_lock())));
}

fn timed_on_both_sides() {
    let (a, b) = (tracked::Lock::new(()), tracked::Lock::new(()));
    let patience = std::time::Duration::from_millis(1);
    one_then_the_other(
        || drop((a.lock(), b.try_lock_for(patience))),
        || drop((b.lock(), a.try_lock_for(patience))),
    );
}

fn timed_on_one_side() {
    let (a, b) = (tracked::Lock::new(()), tracked::Lock::new(()));
    let patience = std::time::Duration::from_millis(1);
    one_then_the_other(|| drop((a.lock(), b.lock())), || drop((b.lock(), a.try_lock_for(patience))));
}

/// A, B, C in this order, B given up first, then C, A: only A -> C closes with C -> A.
fn drop_the_middle() {
    let (a, b, c) = (mutex(), mutex(), mutex());
    one_then_the_other(
        || {
            let held_a = lock(&a);
            let held_b = lock(&b);
            drop(held_b);
            drop((held_a, lock(&c)));
        },
        || drop((lock(&c), lock(&a))),
    );
}

/// Each thread goes once around a ring of three locks, holding two at a time. Three could hang, two cannot.
fn hand_over_hand_ring(threads: usize) {
    let locks = [mutex(), mutex(), mutex()];
    let around = || {
        let mut behind = lock(&locks[0]);
        for next in [1, 2, 0] {
            let ahead = if next == 0 {
                // The first was given up two steps ago.
                lock(&locks[0])
            } else {
                lock(&locks[next])
            };
            drop(std::mem::replace(&mut behind, ahead));
        }
    };
    in_turn((0..threads).map(|_| Box::new(around) as Box<dyn FnOnce() + Send + '_>).collect());
}

/// Two threads walk a list in the same direction.
fn hand_over_hand_list() {
    let nodes: Vec<_> = (0..20).map(|_| mutex()).collect();
    let walk = || {
        let mut behind = lock(&nodes[0]);
        for node in &nodes[1..] {
            let ahead = lock(node);
            drop(std::mem::replace(&mut behind, ahead));
        }
    };
    crate::threads::together(vec![Box::new(walk), Box::new(walk)]);
}

fn repeats_1000() {
    let (a, b) = (mutex(), mutex());
    for _ in 0..1000 {
        one_then_the_other(|| drop((lock(&a), lock(&b))), || drop((lock(&b), lock(&a))));
    }
}

fn instances_100() {
    let pairs: Vec<_> = (0..100).map(|_| (mutex(), mutex())).collect();
    one_then_the_other(
        || pairs.iter().for_each(|(a, b)| drop((lock(a), lock(b)))),
        || pairs.iter().for_each(|(a, b)| drop((lock(b), lock(a)))),
    );
}

/// a, b before the start of a thread that takes b, a; and perhaps the same again after it, on the same lines: only
/// that is concurrent.
fn spawn_then(again: bool) {
    let (a, b) = (mutex(), mutex());
    let in_order = || drop((lock(&a), lock(&b)));
    for _ in 0..3 {
        in_order();
    }
    thread::scope(|scope| {
        let thread = scope.spawn(|| drop((lock(&b), lock(&a))));
        if again {
            in_order();
        }
        thread.join().expect("the thread ends well");
    });
}

/// The cycle first closes under a gate, which is harmless; then the same order comes without it.
fn harmless_closing_edge(harm: bool) {
    let (gate, a, b) = (mutex(), mutex(), mutex());
    let backward = || drop((lock(&b), lock(&a)));
    one_then_the_other(
        || drop((lock(&gate), lock(&a), lock(&b))),
        || {
            let gated = lock(&gate);
            backward();
            drop(gated);
            if harm {
                backward();
            }
        },
    );
}

/// The first thread is long gone, unjoined, when the second is started by another one.
fn closed_by_a_later_thread() {
    static A: Mutex<()> = Mutex::new(());
    static B: Mutex<()> = Mutex::new(());
    let (ready, start) = std::sync::mpsc::channel::<()>();
    let starter = thread::spawn(move || {
        start.recv().expect("main says when");
        let second = thread::spawn(|| drop((lock(&B), lock(&A))));
        second.join().expect("the second ends well");
    });
    let (done, gone) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || {
        drop((lock(&A), lock(&B)));
        drop(done);
    });
    let _ = gone.recv();
    ready.send(()).expect("the starter waits");
    starter.join().expect("the starter ends well");
}

/// Each round's locks are new ones where the old ones lay, taken the other way round.
fn new_locks_at_an_old_address() {
    for round in 0..50 {
        let pair = Box::new((mutex(), mutex()));
        let swapped = round % 2 == 1;
        let (first, second) = if swapped { (&pair.1, &pair.0) } else { (&pair.0, &pair.1) };
        one_then_the_other(|| drop((lock(first), lock(second))), || drop((lock(first), lock(second))));
    }
}

/// Two threads hold a hundred locks each, in opposite order.
fn hundred_held() {
    let locks: Vec<_> = (0..100).map(|_| mutex()).collect();
    one_then_the_other(
        || drop(locks.iter().map(lock).collect::<Vec<_>>()),
        || drop(locks.iter().rev().map(lock).collect::<Vec<_>>()),
    );
}
