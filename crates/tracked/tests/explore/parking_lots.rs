//! parking_lot's mirrors under control.

use std::sync::Arc;

use tracked::explore::Strategy;
use tracked::parking_lot_0_12::{Condvar, Mutex, RwLock, RwLockUpgradableReadGuard};
use tracked::{Explore, thread};

use crate::program::kind;

#[test]
fn an_upgradable_reader_becomes_a_writer_when_the_readers_are_gone() {
    let report = Explore::new().strategy(Strategy::Random).runs(300).check(|| {
        let lock = Arc::new(RwLock::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || {
                    let reading = lock.upgradable_read();
                    let seen = *reading;
                    *RwLockUpgradableReadGuard::upgrade(reading) = seen + 1;
                    *lock.read()
                })
            })
            .collect();
        let last = threads.into_iter().map(|thread| thread.join().unwrap()).max();
        assert_eq!((last, *lock.read()), (Some(2), 2));
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn opposite_orders_are_found_and_signals_heard() {
    let report = Explore::new().strategy(Strategy::Random).check(|| {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let other = thread::spawn(move || {
            let _a = theirs.0.lock();
            let _b = theirs.1.lock();
        });
        {
            let _b = locks.1.lock();
            let _a = locks.0.lock();
        }
        other.join().unwrap();
    });
    assert_eq!(kind(&report), "deadlock");
    let report = Explore::new().strategy(Strategy::Random).runs(200).check(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = Arc::clone(&pair);
        let other = thread::spawn(move || {
            *theirs.0.lock() = true;
            theirs.1.notify_one();
        });
        let mut ready = pair.0.lock();
        while !*ready {
            pair.1.wait(&mut ready);
        }
        drop(ready);
        other.join().unwrap();
    });
    assert!(report.is_clean(), "{report}");
}
