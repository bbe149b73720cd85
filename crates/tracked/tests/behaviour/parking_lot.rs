// Included where `pl` is one of parking_lot's lines or its mirror, see `main.rs`. What both lines have.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use pl::{
    Condvar, FairMutex, MappedMutexGuard, Mutex, MutexGuard, Once, OnceState, ReentrantMutex,
    ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

#[test]
fn a_mutex_is_locked_tried_timed_and_never_poisoned() {
    static MUTEX: Mutex<u32> = Mutex::new(0);
    let guard = MUTEX.lock();
    assert!(MUTEX.is_locked() && MUTEX.try_lock().is_none());
    thread::scope(|scope| {
        scope.spawn(|| {
            let before = Instant::now();
            assert!(MUTEX.try_lock_for(SHORT).is_none() && before.elapsed() >= SHORT);
            assert!(MUTEX.try_lock_until(Instant::now() + SHORT).is_none());
        });
    });
    MutexGuard::unlock_fair(guard);
    assert!(catch_unwind(|| {
        let _guard = MUTEX.lock();
        panic!("under the lock");
    })
    .is_err());
    *MUTEX.try_lock_for(LONG).unwrap() += 1;
    let mut guard = MUTEX.try_lock().unwrap();
    MutexGuard::unlocked(&mut guard, || *MUTEX.lock() += 1);
    MutexGuard::unlocked_fair(&mut guard, || assert!(!MUTEX.is_locked()));
    MutexGuard::bump(&mut guard);
    assert_eq!((*guard, format!("{guard:?}")), (2, "2".to_owned()));
    drop(guard);
    assert_eq!(format!("{MUTEX:?}"), "Mutex { data: 2 }");
    assert_eq!(Mutex::new(3).into_inner(), 3);
}

#[test]
fn guards_are_mapped() {
    let mutex = Mutex::new((1, 2));
    let mut second: MappedMutexGuard<'_, i32> = MutexGuard::map(mutex.lock(), |pair| &mut pair.1);
    *second += 1;
    assert!(mutex.is_locked());
    drop(second);
    assert!(MutexGuard::try_map(mutex.lock(), |_| None::<&mut i32>).is_err());
    assert_eq!(*mutex.lock(), (1, 3));
    let lock = RwLock::new((1, 2));
    let first = RwLockReadGuard::map(lock.read(), |pair| &pair.0);
    assert!(lock.try_write().is_none() && *first == 1);
    drop(first);
    *RwLockWriteGuard::map(lock.write(), |pair| &mut pair.1) = 5;
    assert_eq!(lock.into_inner(), (1, 5));
}

#[test]
fn a_fair_mutex_is_a_mutex() {
    let mutex = FairMutex::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| *mutex.lock() += 1));
        }
    });
    assert!(mutex.try_lock_for(LONG).is_some());
    assert_eq!(*mutex.lock(), 200);
}

#[test]
fn a_reentrant_mutex_lets_its_holder_in_again() {
    let mutex = ReentrantMutex::new(Cell::new(0));
    let outer = mutex.lock();
    let inner = mutex.try_lock().unwrap();
    inner.set(outer.get() + 1);
    assert!(mutex.is_owned_by_current_thread());
    let elsewhere = || thread::scope(|scope| scope.spawn(|| mutex.try_lock().is_some()).join().unwrap());
    drop(outer);
    assert!(!elsewhere());
    assert_eq!(ReentrantMutexGuard::map(inner, |cell| cell).get(), 1);
    assert!(elsewhere() && !mutex.is_locked());
}

#[test]
fn readers_share_and_an_upgradable_one_becomes_a_writer() {
    let lock = RwLock::new(1);
    let (one, two) = (lock.read(), lock.try_read_for(LONG).unwrap());
    assert!(lock.is_locked() && !lock.is_locked_exclusive() && lock.try_write_for(SHORT).is_none());
    let upgradable = lock.upgradable_read();
    assert!(lock.try_upgradable_read().is_none());
    let Err(upgradable) = RwLockUpgradableReadGuard::try_upgrade(upgradable) else { panic!("readers") };
    let Err(upgradable) = RwLockUpgradableReadGuard::try_upgrade_for(upgradable, SHORT) else {
        panic!("readers")
    };
    drop((one, two));
    let mut writer = RwLockUpgradableReadGuard::upgrade(upgradable);
    *writer += 1;
    assert!(lock.is_locked_exclusive() && lock.try_read().is_none());
    let upgradable = RwLockWriteGuard::downgrade_to_upgradable(writer);
    assert!(lock.try_read().is_some() && lock.try_write().is_none());
    let reader = RwLockUpgradableReadGuard::downgrade(upgradable);
    assert!(lock.try_upgradable_read().is_some());
    drop(reader);
    let mut writer = lock.write();
    RwLockWriteGuard::bump(&mut writer);
    *writer += 1;
    let reader = RwLockWriteGuard::downgrade(writer);
    assert_eq!((*reader, *lock.read()), (3, 3));
    RwLockReadGuard::unlock_fair(reader);
    RwLockWriteGuard::unlock_fair(lock.write());
    let writer = RwLockUpgradableReadGuard::try_upgrade(lock.upgradable_read()).unwrap();
    RwLockWriteGuard::unlock_fair(writer);
    assert!(!lock.is_locked());
}

#[test]
fn an_upgrade_waits_for_the_readers_alone() {
    let lock = Arc::new(RwLock::new(0));
    let reader = lock.read();
    let (about_to, asks) = channel();
    let upgrades = thread::spawn({
        let lock = Arc::clone(&lock);
        move || {
            let upgradable = lock.upgradable_read();
            about_to.send(()).unwrap();
            *RwLockUpgradableReadGuard::upgrade(upgradable) += 1;
        }
    });
    asks.recv().unwrap();
    drop(reader);
    upgrades.join().unwrap();
    assert_eq!(*lock.read(), 1);
}

#[test]
fn a_condvar_counts_whom_it_wakes_and_knows_its_mutex() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    assert!(!pair.1.notify_one());
    assert_eq!(pair.1.notify_all(), 0);
    let (ready, is_ready) = channel();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let (pair, ready) = (Arc::clone(&pair), ready.clone());
            thread::spawn(move || {
                let mut guard = pair.0.lock();
                ready.send(()).unwrap();
                pair.1.wait_while(&mut guard, |value| *value == 0);
                *guard
            })
        })
        .collect();
    waiters.iter().for_each(|_| is_ready.recv().unwrap());
    let mut guard = pair.0.lock();
    // They have said so under the mutex, and only the wait lets go of it.
    let other = Mutex::new(());
    assert!(catch_unwind(AssertUnwindSafe(|| pair.1.wait(&mut other.lock()))).is_err());
    assert!(!other.is_locked());
    *guard = 7;
    assert!(pair.1.notify_one());
    assert_eq!(pair.1.notify_all(), 2);
    drop(guard);
    assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == 7));
    let mut guard = pair.0.lock();
    let before = Instant::now();
    assert!(pair.1.wait_for(&mut guard, SHORT).timed_out() && before.elapsed() >= SHORT);
    assert!(pair.1.wait_until(&mut guard, Instant::now() + SHORT).timed_out());
    assert!(pair.1.wait_while_for(&mut guard, |_| true, SHORT).timed_out());
    assert!(!pair.1.wait_while_until(&mut guard, |_| false, Instant::now()).timed_out());
    assert_eq!(format!("{:?}", pair.1), "Condvar { .. }");
}

#[test]
fn a_once_tells_its_state() {
    static ONCE: Once = Once::new();
    assert_eq!(ONCE.state(), OnceState::New);
    assert!(catch_unwind(|| ONCE.call_once(|| panic!("first"))).is_err());
    assert!(ONCE.state().poisoned() && catch_unwind(|| ONCE.call_once(|| {})).is_err());
    ONCE.call_once_force(|state| {
        assert!(state.poisoned() && ONCE.state() == OnceState::InProgress);
    });
    assert!(ONCE.state().done());
    ONCE.call_once(|| unreachable!("done"));
    assert_eq!(format!("{ONCE:?}"), "Once { state: Done }");
}

#[test]
fn generic_code_over_the_raw_locks_works() {
    fn twice<R: pl::lock_api::RawMutex>(mutex: &pl::lock_api::Mutex<R, u32>) -> u32 {
        *mutex.lock() *= 2;
        *mutex.lock()
    }
    assert_eq!((twice(&Mutex::new(2)), twice(&FairMutex::new(3))), (4, 6));
}

#[cfg(feature = "arc_lock")]
#[test]
fn guards_may_own_the_lock() {
    let lock = Arc::new(RwLock::new(1));
    let guard = RwLock::read_arc(&lock);
    assert!(lock.try_write().is_none() && *guard == 1);
    drop(guard);
    let mutex = Arc::new(Mutex::new(1));
    *Mutex::lock_arc(&mutex) += 1;
    assert_eq!(*mutex.lock(), 2);
}

#[cfg(feature = "send_guard")]
#[test]
fn a_guard_may_be_released_elsewhere() {
    static MUTEX: Mutex<u32> = Mutex::new(0);
    static LOCK: RwLock<u32> = RwLock::new(0);
    for _ in 0..3 {
        let guards = (MUTEX.lock(), LOCK.read());
        thread::spawn(move || drop(guards)).join().unwrap();
        assert!(!MUTEX.is_locked());
        *LOCK.write() += 1;
    }
    assert_eq!((*MUTEX.lock(), *LOCK.read()), (0, 3));
}
