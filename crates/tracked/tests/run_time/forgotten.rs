//! What is dropped in an order that std accepts, or never.

use tracked::{Lock, Mutex, RwLock, Tier};

use crate::alone::alone;

/// The data may borrow what dies before the lock does: there is no `Drop` on the generic type. Compiles with std's
/// types, hence with these.
#[test]
fn a_lock_may_outlive_what_its_data_borrows() {
    let (mutex, rwlock, lock, text);
    text = String::from("x");
    mutex = Mutex::new(&text);
    rwlock = RwLock::new(&text);
    lock = Lock::new(&text);
    assert_eq!(mutex.lock().unwrap().len() + rwlock.read().unwrap().len() + lock.lock().len(), 3);
}

/// How much memory the process has in use.
pub fn resident_kb() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn forgotten_guards_of_locks_that_are_gone_cost_nothing_for_long() {
    alone("forgotten::forgotten_guards_of_locks_that_are_gone_cost_nothing_for_long", &[], || {
        let forget_one = || {
            let lock = Box::new(Mutex::new([0u8; 64]));
            std::mem::forget(lock.lock());
        };
        // Until every table has the size that it keeps.
        (0..150_000).for_each(|_| forget_one());
        let before = resident_kb();
        (0..100_000).for_each(|_| forget_one());
        let grown = resident_kb().saturating_sub(before);
        assert!(grown < 4_000, "{grown} kB more after 100,000 guards");
        assert_eq!(tracked::report().at_least(Tier::Likely).count(), 0);
    });
}

/// A thread that holds more locks than anybody does goes on locking; what is not kept of it is said.
#[test]
fn forgotten_guards_of_locks_that_stay_are_bounded() {
    alone("forgotten::forgotten_guards_of_locks_that_stay_are_bounded", &[], || {
        let locks: &'static [Mutex<u8>] = (0..3_000).map(|_| Mutex::new(0)).collect::<Vec<_>>().leak();
        locks.iter().for_each(|lock| std::mem::forget(lock.lock()));
        let last = Mutex::new(1);
        assert_eq!(*last.lock().unwrap(), 1);
        let report = tracked::report();
        assert!(report.notes.iter().any(|note| note.contains("holds were not kept")), "{:?}", report.notes);
        assert_eq!(report.at_least(Tier::Likely).count(), 0);
    });
}
