//! With the feature `check` off, what std has is std's own, and nothing pretends to have watched.

use std::any::TypeId;

macro_rules! same {
    ($($name:ident $(<$($param:tt),+>)?),* $(,)?) => {$(
        assert_eq!(
            TypeId::of::<tracked::sync::$name $(<$($param),+>)?>(),
            TypeId::of::<std::sync::$name $(<$($param),+>)?>(),
            stringify!($name),
        );
    )*};
}

#[test]
fn the_types_are_std_s_own() {
    same!(
        Mutex<u8>,
        MutexGuard<'static, u8>,
        RwLock<u8>,
        RwLockReadGuard<'static, u8>,
        RwLockWriteGuard<'static, u8>,
        Condvar,
        WaitTimeoutResult,
        Barrier,
        Once,
        OnceLock<u8>,
        LazyLock<u8>,
        PoisonError<u8>,
    );
    assert_eq!(TypeId::of::<tracked::Mutex<u8>>(), TypeId::of::<std::sync::Mutex<u8>>());
    assert_eq!(TypeId::of::<tracked::RwLock<u8>>(), TypeId::of::<std::sync::RwLock<u8>>());
    assert_eq!(TypeId::of::<tracked::Condvar>(), TypeId::of::<std::sync::Condvar>());
    assert_eq!(TypeId::of::<tracked::thread::Builder>(), TypeId::of::<std::thread::Builder>());
    let joins =
        [TypeId::of::<tracked::thread::JoinHandle<u8>>(), TypeId::of::<std::thread::JoinHandle<u8>>()];
    assert_eq!(joins[0], joins[1]);
}

#[test]
fn the_vocabulary_works_without_being_watched() {
    use tracked::{BoundedSemaphore, Condition, Event, Lock, Named, RLock, Semaphore};
    static IN_A_STATIC: Lock<u32> = Lock::new(0);
    *IN_A_STATIC.lock() += 1;
    let re_entrant = RLock::new(1);
    assert_eq!(*re_entrant.lock() + *re_entrant.lock(), 2);
    let (condition, event) = (Condition::new(false), Event::new());
    let (permits, bounded) = (Semaphore::new(1), BoundedSemaphore::new(1));
    tracked::thread::scope(|scope| {
        scope.spawn(|| {
            event.wait();
            *condition.lock() = true;
            condition.notify_all();
        });
        let _permit = permits.acquire();
        assert!(permits.try_acquire().is_none());
        event.set();
        condition.lock().wait_while(|done| !*done);
    });
    assert!(bounded.release().is_err());
    assert_eq!(*Named::named(tracked::Mutex::new(1), "goes nowhere").lock().unwrap(), 1);
}

/// Passes only where the environment says `LOCKCHECK=off`: the caller runs it with and without.
#[test]
fn asserts_nothing() {
    tracked::assert_no_cycles!();
}

/// The same.
#[test]
fn asserts_nothing_to_be_clean() {
    tracked::assert_clean!();
}

#[test]
fn statements_are_nothing() {
    use std::mem::{needs_drop, size_of};
    assert_eq!(size_of::<tracked::Stated>() + size_of::<tracked::Gated>(), 0);
    assert!(!needs_drop::<tracked::Stated>() && !needs_drop::<tracked::Gated>());
    let locks = [tracked::Mutex::new(1), tracked::Mutex::new(2)];
    let high = tracked::nested(1).run(|| locks[1].lock().unwrap());
    let low = tracked::ordered_by("a").run(|| locks[0].lock().unwrap());
    assert_eq!(*high + *low, 3);
    drop((high, low));
    let _gate = tracked::gate("nothing");
    assert_eq!(tracked::ignore("nobody looks", || *locks[0].lock().unwrap()), 1);
}
