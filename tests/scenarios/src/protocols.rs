//! Protocols that programs follow around locks: predicates, raw unlocks, upgrades, ends of channels, parties of
//! barriers, initialisers, parking; each kept and each broken.

use std::sync::Barrier as Unwatched;
use std::sync::atomic::{AtomicBool, Ordering};

use tracked::parking_lot_0_12 as raw;
use tracked::sync::mpsc::{channel, sync_channel};
use tracked::sync::{Barrier, LazyLock, Once};
use tracked::{Condition, Condvar, Mutex, MutexGuard, parking_lot, thread};

use crate::Scenario;
use crate::threads::{lock, mutex, together};

pub const ALL: &[Scenario] = &[
    ("wait-that-asks-nothing", || notified(|guard, changed| drop(changed.wait(guard)))),
    ("wait-that-asked-before", wait_that_asked_before),
    ("wait-whose-data-is-used", wait_whose_data_is_used),
    ("wait-in-a-loop", wait_in_a_loop),
    ("wait-for-a-predicate-elsewhere", wait_for_a_predicate_elsewhere),
    ("condition-that-asks-nothing", || condition(false)),
    ("condition-that-is-asked", || condition(true)),
    ("free-lock-unlocked", free_lock_unlocked),
    ("forgotten-guard-unlocked", forgotten_guard_unlocked),
    ("lock-unlocked-elsewhere", lock_unlocked_elsewhere),
    ("real-upgrade-against-a-reader", real_upgrade_against_a_reader),
    ("upgrade-after-a-reader", upgrade_after_a_reader),
    ("read-recursively-while-a-writer-waits", read_recursively_while_a_writer_waits),
    ("recv-beside-its-own-sender", recv_beside_its_own_sender),
    ("recv-after-all-senders", recv_after_all_senders),
    ("send-after-the-receiver", send_after_the_receiver),
    ("barrier-short-of-one", barrier_short_of_one),
    ("once-in-itself", once_in_itself),
    ("real-lazies-in-a-circle", real_lazies_in_a_circle),
    ("lazies-in-a-row", lazies_in_a_row),
    ("real-scope-holding-a-lock", real_scope_holding_a_lock),
    ("park-nobody-unparks", park_nobody_unparks),
    ("unpark-before-park", unpark_before_park),
    ("notify-one-of-two", notify_one_of_two),
];

/// Runs `wait` with a guard, and notifies for as long as it has not come back.
fn notified(wait: impl FnOnce(MutexGuard<'_, u32>, &Condvar) + Send) {
    let (state, changed, back) = (Mutex::new(0), Condvar::new(), AtomicBool::new(false));
    together(vec![
        Box::new(|| {
            wait(state.lock().expect("nobody panics"), &changed);
            back.store(true, Ordering::SeqCst);
        }),
        Box::new(|| {
            while !back.load(Ordering::SeqCst) {
                *state.lock().expect("nobody panics") += 1;
                changed.notify_all();
                thread::yield_now();
            }
        }),
    ]);
}

/// Once is not enough: nothing keeps the state as it was when the notification was sent.
fn wait_that_asked_before() {
    notified(|mut guard, changed| {
        if *guard < u32::MAX {
            guard = changed.wait(guard).expect("nobody panics");
        }
        drop(guard);
    });
}

fn wait_whose_data_is_used() {
    notified(|guard, changed| assert!(*changed.wait(guard).expect("nobody panics") > 0));
}

fn wait_in_a_loop() {
    notified(|mut guard, changed| {
        while *guard < 10 {
            guard = changed.wait(guard).expect("nobody panics");
        }
    });
}

/// The mutex guards no data: what is waited for lies elsewhere, and is asked there.
fn wait_for_a_predicate_elsewhere() {
    let (state, changed, ready) = (mutex(), Condvar::new(), AtomicBool::new(false));
    together(vec![
        Box::new(|| {
            let mut guard = lock(&state);
            while !ready.load(Ordering::SeqCst) {
                guard = changed.wait(guard).expect("nobody panics");
            }
        }),
        Box::new(|| {
            let _held = lock(&state);
            ready.store(true, Ordering::SeqCst);
            changed.notify_all();
        }),
    ]);
}

fn condition(asks: bool) {
    let (state, back) = (Condition::new(0), AtomicBool::new(false));
    together(vec![
        Box::new(|| {
            let mut guard = state.lock();
            guard.wait();
            assert!(!asks || *guard > 0);
            drop(guard);
            back.store(true, Ordering::SeqCst);
        }),
        Box::new(|| {
            while !back.load(Ordering::SeqCst) {
                *state.lock() += 1;
                state.notify_one();
                thread::yield_now();
            }
        }),
    ]);
}

/// One that was used before and one that never was.
fn free_lock_unlocked() {
    let (used, fresh) = (raw::Mutex::new(0), raw::Mutex::new(0));
    *used.lock() += 1;
    // SAFETY: it is not, which is the point; parking_lot's unlock of a free mutex leaves it free.
    unsafe { used.force_unlock() };
    // SAFETY: as above.
    unsafe { fresh.force_unlock() };
    *used.lock() += *fresh.lock();
}

fn forgotten_guard_unlocked() {
    let lock = raw::Mutex::new(0);
    std::mem::forget(lock.lock());
    // SAFETY: the guard was forgotten.
    unsafe { lock.force_unlock() };
    *lock.lock() += 1;
}

/// For all that is known, the guard was handed over.
fn lock_unlocked_elsewhere() {
    let (lock, taken) = (raw::Mutex::new(0), Unwatched::new(2));
    together(vec![
        Box::new(|| {
            std::mem::forget(lock.lock());
            taken.wait();
            taken.wait();
        }),
        Box::new(|| {
            taken.wait();
            // SAFETY: the guard was forgotten by a thread that does nothing with the lock any more.
            unsafe { lock.force_unlock() };
            *lock.lock() += 1;
            taken.wait();
        }),
    ]);
}

/// The reader wants what the one who upgrades holds.
fn real_upgrade_against_a_reader() {
    let (data, other, both) = (parking_lot::RwLock::new(()), parking_lot::Mutex::new(()), Unwatched::new(2));
    together(vec![
        Box::new(|| {
            let _other = other.lock();
            let upgradable = data.upgradable_read();
            both.wait();
            drop(parking_lot::RwLockUpgradableReadGuard::upgrade(upgradable));
        }),
        Box::new(|| {
            let _read = data.read();
            both.wait();
            drop(other.lock());
        }),
    ]);
}

fn upgrade_after_a_reader() {
    let (data, both) = (parking_lot::RwLock::new(()), Unwatched::new(2));
    together(vec![
        Box::new(|| {
            let upgradable = data.upgradable_read();
            both.wait();
            drop(parking_lot::RwLockUpgradableReadGuard::upgrade(upgradable));
        }),
        Box::new(|| {
            let _read = data.read();
            both.wait();
        }),
    ]);
}

fn read_recursively_while_a_writer_waits() {
    let (data, held) = (raw::RwLock::new(()), Unwatched::new(2));
    together(vec![
        Box::new(|| {
            let _held = data.read();
            held.wait();
            // A queued writer holds new readers back, but not those who read again.
            while data.try_read().is_some() {
                thread::yield_now();
            }
            drop(data.read_recursive());
        }),
        Box::new(|| {
            held.wait();
            drop(data.write());
        }),
    ]);
}

/// The only one who could send is the one who waits.
fn recv_beside_its_own_sender() {
    together(vec![Box::new(|| {
        let (sender, receiver) = channel::<()>();
        let _ = receiver.recv();
        drop(sender);
    })]);
}

fn recv_after_all_senders() {
    let (sender, receiver) = channel();
    together(vec![
        Box::new(move || sender.send(1).expect("the receiver lives")),
        Box::new(move || assert_eq!(receiver.iter().count(), 1)),
    ]);
}

/// It would wait for ever if the other end were there and did nothing.
fn send_after_the_receiver() {
    let (sender, receiver) = sync_channel(0);
    together(vec![Box::new(move || drop(receiver)), Box::new(move || assert!(sender.send(1).is_err()))]);
}

fn barrier_short_of_one() {
    let all = Barrier::new(3);
    let pass = || {
        all.wait();
    };
    together(vec![Box::new(pass), Box::new(pass)]);
}

fn once_in_itself() {
    static ONCE: Once = Once::new();
    together(vec![Box::new(|| ONCE.call_once(|| ONCE.call_once(|| ())))]);
}

/// Each is made from the other, by two threads that begin at different ends.
fn real_lazies_in_a_circle() {
    static BOTH: LazyLock<Unwatched> = LazyLock::new(|| Unwatched::new(2));
    static ONE: LazyLock<u32> = LazyLock::new(|| {
        BOTH.wait();
        *OTHER
    });
    static OTHER: LazyLock<u32> = LazyLock::new(|| {
        BOTH.wait();
        *ONE
    });
    LazyLock::force(&BOTH);
    together(vec![Box::new(|| assert_eq!(*ONE, 0)), Box::new(|| assert_eq!(*OTHER, 0))]);
}

fn lazies_in_a_row() {
    static FIRST: LazyLock<u32> = LazyLock::new(|| 1);
    static SECOND: LazyLock<u32> = LazyLock::new(|| *FIRST + 1);
    together(vec![Box::new(|| assert_eq!(*SECOND, 2)), Box::new(|| assert_eq!(*FIRST, 1))]);
}

/// The end of the scope waits for the thread, which waits for the lock.
fn real_scope_holding_a_lock() {
    let a = mutex();
    together(vec![Box::new(|| {
        let _held = lock(&a);
        thread::scope(|scope| {
            scope.spawn(|| drop(lock(&a)));
        });
    })]);
}

fn park_nobody_unparks() {
    together(vec![Box::new(|| thread::park())]);
}

fn unpark_before_park() {
    together(vec![Box::new(|| {
        thread::current().unpark();
        thread::park();
    })]);
}

/// Two wait for the same change, and one of them is told.
fn notify_one_of_two() {
    let state = Condition::new((0, false));
    let wait = || {
        let mut state = state.lock();
        state.0 += 1;
        state.wait_while(|state| !state.1);
    };
    together(vec![
        Box::new(wait),
        Box::new(wait),
        Box::new(|| {
            while state.lock().0 < 2 {
                thread::yield_now();
            }
            state.lock().1 = true;
            state.notify_one();
        }),
    ]);
}
