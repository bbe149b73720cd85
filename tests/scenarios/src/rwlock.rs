//! Orders and recursion of readers-writer locks. None of these programs hangs.

use tracked::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::Scenario;
use crate::threads::{one_then_the_other, read, write};

pub const ALL: &[Scenario] = &[
    ("read-read-no-writer", read_read_no_writer),
    ("read-read-writer-elsewhere", read_read_writer_elsewhere),
    ("read-read-writer-joined-before", read_read_writer_joined_before),
    ("read-inversion-no-writer", read_inversion_no_writer),
    ("read-inversion-with-writers", read_inversion_with_writers),
    ("rwlock-abba-write-write", abba_write_write),
    ("rwlock-abba-write-read", abba_write_read),
    ("rwlock-abba-read-write", abba_read_write),
    ("rwlock-abba-read-held-read-wanted", abba_read_held_read_wanted),
    ("rwlock-abba-reader-gate", || abba_with_gate(false)),
    ("rwlock-abba-writer-gate", || abba_with_gate(true)),
    ("read-edge-then-write-edge", read_edge_then_write_edge),
    ("downgrade-then-order", downgrade_then_order),
];

fn rwlock() -> RwLock<()> {
    RwLock::new(())
}

fn read_read_no_writer() {
    let a = rwlock();
    one_then_the_other(|| drop((read(&a), read(&a))), || drop(read(&a)));
}

/// A writer exists, although it never waits while somebody reads.
fn read_read_writer_elsewhere() {
    let a = rwlock();
    one_then_the_other(|| drop((read(&a), read(&a))), || drop(write(&a)));
}

/// The only writer is gone before there is a reader.
fn read_read_writer_joined_before() {
    let a = rwlock();
    tracked::thread::scope(|scope| {
        scope.spawn(|| drop(write(&a))).join().expect("the writer ends well");
        scope.spawn(|| drop((read(&a), read(&a)))).join().expect("the reader ends well");
    });
}

fn read_inversion_no_writer() {
    let (a, b) = (rwlock(), rwlock());
    one_then_the_other(|| drop((read(&a), read(&b))), || drop((read(&b), read(&a))));
}

/// A writer of each, queued between the two reads, would hold both readers back.
fn read_inversion_with_writers() {
    let (a, b) = (rwlock(), rwlock());
    crate::threads::in_turn(vec![
        Box::new(|| drop((read(&a), read(&b)))),
        Box::new(|| drop((read(&b), read(&a)))),
        Box::new(|| drop(write(&a))),
        Box::new(|| drop(write(&b))),
    ]);
}

fn abba_write_write() {
    let (a, b) = (rwlock(), rwlock());
    one_then_the_other(|| drop((write(&a), write(&b))), || drop((write(&b), write(&a))));
}

fn abba_write_read() {
    let (a, b) = (rwlock(), rwlock());
    one_then_the_other(|| drop((write(&a), read(&b))), || drop((write(&b), read(&a))));
}

fn abba_read_write() {
    let (a, b) = (rwlock(), rwlock());
    one_then_the_other(|| drop((read(&a), write(&b))), || drop((read(&b), write(&a))));
}

/// One side holds and wants both as a reader, the other as a writer.
fn abba_read_held_read_wanted() {
    let (a, b) = (rwlock(), rwlock());
    one_then_the_other(|| drop((read(&a), read(&b))), || drop((write(&b), write(&a))));
}

/// Readers do not keep each other out, so that only a gate held for writing is one.
fn abba_with_gate(exclusive: bool) {
    let (gate, a, b) = (rwlock(), rwlock(), rwlock());
    if exclusive {
        one_then_the_other(
            || drop((write(&gate), write(&a), write(&b))),
            || drop((write(&gate), write(&b), write(&a))),
        );
    } else {
        one_then_the_other(
            || drop((read(&gate), write(&a), write(&b))),
            || drop((read(&gate), write(&b), write(&a))),
        );
    }
}

/// Either kind of guard.
#[expect(dead_code, reason = "held, not looked at")]
enum Held<'a> {
    Shared(RwLockReadGuard<'a, ()>),
    Exclusive(RwLockWriteGuard<'a, ()>),
}

/// Both modes at the line of the caller.
#[track_caller]
fn take(lock: &RwLock<()>, exclusive: bool) -> Held<'_> {
    if exclusive { Held::Exclusive(write(lock)) } else { Held::Shared(read(lock)) }
}

/// What was learned of reading must not stand for writing, although locks, lines and thread are the same.
fn read_edge_then_write_edge() {
    let (a, b) = (rwlock(), rwlock());
    one_then_the_other(
        || {
            for exclusive in [false, false, true] {
                drop((take(&a, false), take(&b, exclusive)));
            }
        },
        || drop((read(&b), write(&a))),
    );
}

/// After the downgrade the lock is held for reading, and a writer waits for that.
fn downgrade_then_order() {
    let (a, b) = (rwlock(), rwlock());
    one_then_the_other(
        || {
            let held = RwLockWriteGuard::downgrade(write(&a));
            drop((held, write(&b)));
        },
        || drop((write(&b), write(&a))),
    );
}
