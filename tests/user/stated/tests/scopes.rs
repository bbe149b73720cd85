//! Statements in tests: a finding belongs to the test that caused it, and gates of one name in two tests are two.

use std::sync::Barrier;

use tracked::Mutex;

static SHARED: [Mutex<u32>; 2] = [Mutex::new(0), Mutex::new(0)];
/// Not watched: keeps the two tests that share locks from deadlocking for real.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
static MEET: Barrier = Barrier::new(2);

#[tracked::test]
fn breaks_the_order() {
    let _turn = ONE_AT_A_TIME.lock();
    let _two = tracked::ordered_by(2).run(|| SHARED[1].lock().unwrap());
    let _one = tracked::ordered_by(1).run(|| SHARED[0].lock().unwrap());
}

#[tracked::test]
fn keeps_the_order() {
    let _turn = ONE_AT_A_TIME.lock();
    let _one = tracked::ordered_by(1).run(|| SHARED[0].lock().unwrap());
    let _two = tracked::ordered_by(2).run(|| SHARED[1].lock().unwrap());
}

#[tracked::test]
fn one_gate() {
    tracked::gate("of one name").run(|| MEET.wait().is_leader());
}

#[tracked::test]
fn another_gate() {
    tracked::gate("of one name").run(|| MEET.wait().is_leader());
}
