//! Programs that really hang on locks and joins, always, and not by luck: each side has what the others want before
//! any of them asks.

use std::sync::Barrier;
use std::sync::mpsc::channel;

use tracked::{Lock, RLock, RwLock, thread};

use crate::Scenario;
use crate::threads::{lock, mutex, read, together, write};

pub const ALL: &[Scenario] = &[
    ("real-abba", real_abba),
    ("real-abba-beside-running-threads", real_abba_beside_running_threads),
    ("real-abba-with-one-behind", real_abba_with_one_behind),
    ("real-cycle-of-5", real_cycle_of_5),
    ("real-abba-of-lock-and-rlock", real_abba_of_lock_and_rlock),
    ("self-relock", self_relock),
    ("self-relock-after-contention", self_relock_after_contention),
    ("read-then-write", read_then_write),
    ("write-then-read", write_then_read),
    ("two-readers-upgrade", two_readers_upgrade),
    ("two-upgraders", two_upgraders),
    ("read-read-while-a-writer-waits", read_read_while_a_writer_waits),
    ("read-read-while-a-writer-waits-written-before", read_read_after_somebody_wrote),
    ("real-rwlock-abba", real_rwlock_abba),
    ("real-rwlock-abba-written-before", real_rwlock_abba_written_before),
    ("join-holding-a-lock", join_holding_a_lock),
    ("join-holding-a-lock-blocked-first", join_holding_a_lock_blocked_first),
    ("join-each-other", join_each_other),
    ("dump-of-a-deadlock", dump_of_a_deadlock),
];

fn real_abba() {
    let (a, b, both) = (mutex(), mutex(), Barrier::new(2));
    together(vec![
        Box::new(|| {
            let _held = lock(&a);
            both.wait();
            drop(lock(&b));
        }),
        Box::new(|| {
            let _held = lock(&b);
            both.wait();
            drop(lock(&a));
        }),
    ]);
}

/// A deadlock of two is one although a third thread runs on.
fn real_abba_beside_running_threads() {
    let (stop, stopped) = channel::<()>();
    let (busy, locked) = (mutex(), std::sync::atomic::AtomicBool::new(true));
    thread::scope(|scope| {
        scope.spawn(|| {
            while locked.load(std::sync::atomic::Ordering::Relaxed) {
                drop(lock(&busy));
                thread::yield_now();
            }
        });
        scope.spawn(move || stopped.recv());
        real_abba();
        locked.store(false, std::sync::atomic::Ordering::Relaxed);
        drop(stop);
    });
}

/// Others queue up behind the circle, where they are no part of it.
fn real_abba_with_one_behind() {
    let (a, b, all) = (mutex(), mutex(), Barrier::new(6));
    let behind = || {
        all.wait();
        drop(lock(&a));
    };
    together(vec![
        Box::new(behind),
        Box::new(behind),
        Box::new(|| {
            let _held = lock(&a);
            all.wait();
            drop(lock(&b));
        }),
        Box::new(|| {
            let _held = lock(&b);
            all.wait();
            drop(lock(&a));
        }),
        Box::new(behind),
        Box::new(behind),
    ]);
}

fn real_cycle_of_5() {
    let (locks, all) = ([mutex(), mutex(), mutex(), mutex(), mutex()], Barrier::new(5));
    let (locks, all) = (&locks, &all);
    let side = |at: usize| -> Box<dyn FnOnce() + Send + '_> {
        Box::new(move || {
            let _held = lock(&locks[at]);
            all.wait();
            drop(lock(&locks[(at + 1) % locks.len()]));
        })
    };
    together((0..locks.len()).map(side).collect());
}

fn real_abba_of_lock_and_rlock() {
    let (a, b, both) = (Lock::new(()), RLock::new(()), Barrier::new(2));
    together(vec![
        Box::new(|| {
            let _held = a.lock();
            both.wait();
            drop(b.lock());
        }),
        Box::new(|| {
            let _held = (b.lock(), b.lock());
            both.wait();
            drop(a.lock());
        }),
    ]);
}

fn self_relock() {
    let a = mutex();
    together(vec![Box::new(|| drop((lock(&a), lock(&a))))]);
}

/// The lock's state remembers that others waited for it.
fn self_relock_after_contention() {
    let a = mutex();
    let (held, turn) = (Barrier::new(2), Barrier::new(2));
    together(vec![
        Box::new(|| {
            let first = lock(&a);
            held.wait();
            while a.try_lock().is_ok() {}
            turn.wait();
            drop(first);
            drop((lock(&a), lock(&a)));
        }),
        Box::new(|| {
            held.wait();
            turn.wait();
            for _ in 0..100 {
                drop(lock(&a));
            }
        }),
    ]);
}

fn read_then_write() {
    let a = RwLock::new(());
    together(vec![Box::new(|| drop((read(&a), write(&a))))]);
}

fn write_then_read() {
    let a = RwLock::new(());
    together(vec![Box::new(|| drop((write(&a), read(&a))))]);
}

fn two_readers_upgrade() {
    let (a, both) = (RwLock::new(()), Barrier::new(2));
    let upgrade = || {
        let _held = read(&a);
        both.wait();
        drop(write(&a));
    };
    together(vec![Box::new(upgrade), Box::new(upgrade)]);
}

fn read_read_while_a_writer_waits() {
    nested_read_behind_a_writer(&RwLock::new(()));
}

/// As above, and the thread that wrote last is alive and at work: it has nothing to do with the deadlock.
fn read_read_after_somebody_wrote() {
    let a = RwLock::new(());
    beside_its_last_writer(&[&a], || nested_read_behind_a_writer(&a));
}

fn nested_read_behind_a_writer(a: &RwLock<()>) {
    let held = Barrier::new(2);
    together(vec![
        Box::new(|| {
            let _held = read(a);
            held.wait();
            // A queued writer holds new readers back.
            while a.try_read().is_ok() {
                thread::yield_now();
            }
            drop(read(a));
        }),
        Box::new(|| {
            held.wait();
            drop(write(a));
        }),
    ]);
}

/// Runs `body` while the thread that wrote to `locks` before goes on with something else.
fn beside_its_last_writer(locks: &[&RwLock<()>], body: impl FnOnce()) {
    let (stop, stopped) = channel::<()>();
    let wrote = &Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(move || {
            locks.iter().for_each(|lock| drop(write(lock)));
            wrote.wait();
            let _ = stopped.recv();
        });
        wrote.wait();
        body();
        drop(stop);
    });
}

fn real_rwlock_abba() {
    cross(&RwLock::new(()), &RwLock::new(()));
}

/// As above, and the thread that wrote last is alive and at work: it has nothing to do with the deadlock.
fn real_rwlock_abba_written_before() {
    let (a, b) = (RwLock::new(()), RwLock::new(()));
    beside_its_last_writer(&[&a, &b], || cross(&a, &b));
}

/// Each side reads one and wants to write the other.
fn cross(a: &RwLock<()>, b: &RwLock<()>) {
    let both = Barrier::new(2);
    together(vec![
        Box::new(|| {
            let _held = read(a);
            both.wait();
            drop(write(b));
        }),
        Box::new(|| {
            let _held = read(b);
            both.wait();
            drop(write(a));
        }),
    ]);
}

fn join_holding_a_lock() {
    let (a, held) = (std::sync::Arc::new(mutex()), std::sync::Arc::new(Barrier::new(2)));
    together(vec![Box::new(|| {
        let _held = lock(&a);
        let (a, held_too) = (a.clone(), held.clone());
        let worker = thread::spawn(move || {
            held_too.wait();
            drop(lock(&a));
        });
        held.wait();
        let _ = worker.join();
    })]);
}

/// The worker asks for the lock for certain before it is waited for.
fn join_holding_a_lock_blocked_first() {
    let a = std::sync::Arc::new(mutex());
    together(vec![Box::new(|| {
        let _held = lock(&a);
        let inner = a.clone();
        let (asks, asked) = channel();
        let worker = thread::spawn(move || {
            asks.send(()).expect("the other side waits");
            drop(lock(&inner));
        });
        asked.recv().expect("the worker runs");
        for _ in 0..1000 {
            thread::yield_now();
        }
        let _ = worker.join();
    })]);
}

/// The main thread lives on and asks who holds and who waits.
fn dump_of_a_deadlock() {
    let locks = std::sync::Arc::new((Lock::new(()).named("left"), Lock::new(()).named("right")));
    let both = std::sync::Arc::new(Barrier::new(2));
    for turned in [false, true] {
        let (locks, both) = (locks.clone(), both.clone());
        thread::spawn(move || {
            let (first, second) = if turned { (&locks.1, &locks.0) } else { (&locks.0, &locks.1) };
            let _held = first.lock();
            both.wait();
            drop(second.lock());
        });
    }
    while !tracked::report().findings.iter().any(|finding| finding.tier == tracked::Tier::Actual) {
        thread::yield_now();
    }
    tracked::dump();
}

fn join_each_other() {
    let (to_first, first_gets) = channel::<thread::JoinHandle<()>>();
    let (to_second, second_gets) = channel::<thread::JoinHandle<()>>();
    let join = |gets: std::sync::mpsc::Receiver<thread::JoinHandle<()>>| {
        move || {
            if let Ok(other) = gets.recv() {
                let _ = other.join();
            }
        }
    };
    let (first, second) = (thread::spawn(join(first_gets)), thread::spawn(join(second_gets)));
    to_first.send(second).expect("the first runs");
    to_second.send(first).expect("the second runs");
    // Nobody else can join them: they are waited for by what they own.
    while tracked::report().findings.is_empty() {
        thread::yield_now();
    }
}

/// One holds an upgradable read and asks to write; the other reads, and asks for an upgradable read to do the same.
fn two_upgraders() {
    use tracked::parking_lot::{RwLock, RwLockUpgradableReadGuard};
    let (shared, both) = (RwLock::new(0), Barrier::new(2));
    together(vec![
        Box::new(|| {
            let read = shared.upgradable_read();
            both.wait();
            *RwLockUpgradableReadGuard::upgrade(read) += 1;
        }),
        Box::new(|| {
            let _read = shared.read();
            both.wait();
            *RwLockUpgradableReadGuard::upgrade(shared.upgradable_read()) += 1;
        }),
    ]);
}
