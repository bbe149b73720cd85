//! What a program can state about its locking: kept to, broken, refuted and of no use.

use std::sync::Barrier;

use tracked::{Mutex, thread};

/// Runs the two one after the other, in threads that nothing orders for the detector.
fn one_after_the_other(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    let between = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            first();
            between.wait();
        });
        scope.spawn(|| {
            between.wait();
            second();
        });
    });
}

fn both(first: &Mutex<u32>, second: &Mutex<u32>) {
    let _first = first.lock().unwrap();
    drop(second.lock().unwrap());
}

/// By rising account number, whichever way the money goes.
fn transfer(accounts: &[Mutex<u32>], from: usize, to: usize) {
    let low = tracked::ordered_by(from.min(to)).run(|| accounts[from.min(to)].lock().unwrap());
    let high = tracked::ordered_by(from.max(to)).run(|| accounts[from.max(to)].lock().unwrap());
    drop((low, high));
}

fn main() {
    let accounts: Vec<Mutex<u32>> = (0..3).map(Mutex::new).collect();
    one_after_the_other(|| transfer(&accounts, 0, 1), || transfer(&accounts, 1, 0));

    let nodes: Vec<Mutex<u32>> = (0..2).map(Mutex::new).collect();
    let child = tracked::nested(1).run(|| nodes[1].lock().unwrap());
    let parent = tracked::nested(0).run(|| nodes[0].lock().unwrap()); // breaks its level
    drop((child, parent));

    let (a, b) = (Mutex::new(1).named("a"), Mutex::new(2).named("b"));
    one_after_the_other(
        || tracked::gate("file lock").run(|| both(&a, &b)),
        || tracked::gate("file lock").run(|| both(&b, &a)),
    );
    let (c, d) = (Mutex::new(1).named("c"), Mutex::new(2).named("d"));
    one_after_the_other(
        || both(&c, &d),
        || tracked::ignore("the second thread starts later", || both(&d, &c)),
    );
    tracked::ignore("nothing is wrong here", || drop(a.lock().unwrap()));

    let meet = Barrier::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| tracked::gate("no gate").run(|| meet.wait().is_leader())); // two at once
        }
    });
}
