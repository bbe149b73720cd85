//! Deadlocks on every run: each of two threads takes its first lock before either asks for its second.

use std::sync::Barrier;

use tracked::{Mutex, thread};

fn main() {
    let (north, south) = (Mutex::new(()).named("north"), Mutex::new(()).named("south"));
    let both_hold_one = Barrier::new(2);
    thread::scope(|scope| {
        let train = |name: &str| thread::Builder::new().name(name.to_owned());
        let northbound = train("northbound").spawn_scoped(scope, || {
            let _first = south.lock();
            both_hold_one.wait();
            let _second = north.lock();
        });
        let southbound = train("southbound").spawn_scoped(scope, || {
            let _first = north.lock();
            both_hold_one.wait();
            let _second = south.lock();
        });
        northbound.unwrap();
        southbound.unwrap();
    });
    println!("never said, unless one of the threads is made to give up");
}
