// Included in `parking_lots.rs` where `pl` is a mirror of parking_lot and `PATH` the path of the module.

static OUTER: pl::Mutex<usize> = pl::Mutex::new(0);
static INNER: pl::RwLock<usize> = pl::RwLock::new(0);
static AGAIN: pl::ReentrantMutex<Cell<usize>> = pl::ReentrantMutex::new(Cell::new(0));

// What std's mutex and guard may take, these may.
const _: () = assert!(size_of::<pl::Mutex<u64>>() <= 32);
const _: () = assert!(size_of::<pl::MutexGuard<'_, u64>>() <= 24);
const _: () = assert!(size_of::<pl::RwLock<u64>>() <= 40);
const _: () = assert!(size_of::<pl::RwLockWriteGuard<'_, u64>>() <= 24);

/// Counts under all of them, the last one taken twice.
fn count() {
    let mut outer = OUTER.lock();
    *outer += 1;
    *INNER.write() += 1;
    let again = AGAIN.lock();
    let inner = AGAIN.lock();
    inner.set(again.get() + 1);
}

struct CountsOnDrop;

impl Drop for CountsOnDrop {
    fn drop(&mut self) {
        count();
    }
}

fn counted() -> [usize; 3] {
    [*OUTER.lock(), *INNER.read(), AGAIN.lock().get()]
}

fn nothing_counts() {
    let report = tracked::report();
    assert_eq!(report.at_least(Tier::Likely).count(), 0, "{report:#?}");
}

fn own(name: &str) -> String {
    format!("{PATH}::{name}")
}

#[test]
fn locks_work_in_thread_local_destructors() {
    thread_local! {
        static FIRST: RefCell<Option<CountsOnDrop>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<CountsOnDrop>> = const { RefCell::new(None) };
    }
    alone(&own("locks_work_in_thread_local_destructors"), &[], || {
        for round in 0..10 {
            let body = move || {
                LAST.set(Some(CountsOnDrop));
                if round % 2 == 0 {
                    count();
                }
                FIRST.set(Some(CountsOnDrop));
            };
            if round % 3 == 0 {
                thread::spawn(body).join().unwrap();
            } else {
                std::thread::spawn(body).join().unwrap();
            }
        }
        assert_eq!(counted(), [25; 3]);
        nothing_counts();
    });
}

#[test]
fn locks_work_in_a_panic_hook_and_while_a_panic_unwinds() {
    alone(&own("locks_work_in_a_panic_hook_and_while_a_panic_unwinds"), &[], || {
        std::panic::set_hook(Box::new(|_| count()));
        let other = pl::Mutex::new(());
        for _ in 0..5 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                let _first = CountsOnDrop;
                let _held = other.lock();
                let _second = CountsOnDrop;
                panic!("as asked");
            }));
            assert!(result.is_err());
        }
        let _ = std::panic::take_hook();
        assert_eq!(counted(), [15; 3]);
        assert!(!other.is_locked(), "the guard was dropped");
        nothing_counts();
    });
}

#[test]
fn forgotten_guards_cost_nothing_for_long() {
    alone(&own("forgotten_guards_cost_nothing_for_long"), &[], || {
        let forget = || {
            let (mutex, rwlock) = (Box::new(pl::Mutex::new([0_u8; 64])), Box::new(pl::RwLock::new([0_u8; 64])));
            std::mem::forget(mutex.lock());
            std::mem::forget(rwlock.upgradable_read());
            std::mem::forget(rwlock.read());
        };
        // Until every table has the size that it keeps.
        (0..40_000).for_each(|_| forget());
        let before = crate::forgotten::resident_kb();
        (0..20_000).for_each(|_| forget());
        let grown = crate::forgotten::resident_kb().saturating_sub(before);
        assert!(grown < 4_000, "{grown} kB more after 60,000 guards");
        count();
        nothing_counts();
    });
}

/// Nobody can wait for it to end, and everybody can try.
#[test]
fn a_hold_may_stay_when_its_thread_is_gone() {
    alone(&own("a_hold_may_stay_when_its_thread_is_gone"), &[], || {
        let mutex = Arc::new(pl::Mutex::new(1));
        let inner = mutex.clone();
        thread::spawn(move || std::mem::forget(inner.lock())).join().unwrap();
        assert!(mutex.try_lock().is_none() && mutex.is_locked());
        assert!(mutex.try_lock_for(Duration::from_millis(5)).is_none());
        count();
        nothing_counts();
    });
}

#[test]
fn a_try_is_refused_without_a_word() {
    alone(&own("a_try_is_refused_without_a_word"), &[], || {
        let (a, b) = (pl::Mutex::new(()), pl::RwLock::new(()));
        {
            let _held = (a.lock(), b.write());
            assert!(a.try_lock().is_none() && b.try_read().is_none() && b.try_write().is_none());
        }
        {
            let _held = (b.write(), a.try_lock().unwrap());
        }
        let upgradable = b.upgradable_read();
        assert!(b.try_upgradable_read().is_none() && b.try_read().is_some());
        drop(upgradable);
        assert_eq!(tracked::report().findings.len(), 0);
    });
}

#[test]
fn timed_forms_return_in_time_and_not_before() {
    const WAIT: Duration = Duration::from_millis(30);
    alone(&own("timed_forms_return_in_time_and_not_before"), &[], || {
        let (mutex, rwlock, condvar) = (pl::Mutex::new(()), pl::RwLock::new(()), pl::Condvar::new());
        let waits = |wait: &mut dyn FnMut()| {
            let start = Instant::now();
            wait();
            let took = start.elapsed();
            assert!((WAIT..WAIT * 100).contains(&took), "{took:?}");
        };
        let held = (mutex.lock(), rwlock.write());
        thread::scope(|scope| {
            scope.spawn(|| {
                waits(&mut || assert!(mutex.try_lock_for(WAIT).is_none()));
                waits(&mut || assert!(mutex.try_lock_until(Instant::now() + WAIT).is_none()));
                waits(&mut || assert!(rwlock.try_read_for(WAIT).is_none()));
                waits(&mut || assert!(rwlock.try_write_until(Instant::now() + WAIT).is_none()));
                waits(&mut || assert!(rwlock.try_upgradable_read_for(WAIT).is_none()));
            });
        });
        drop(held);
        let (upgradable, reader) = (rwlock.upgradable_read(), rwlock.read());
        let mut upgradable = Some(upgradable);
        waits(&mut || {
            let tried = pl::RwLockUpgradableReadGuard::try_upgrade_for(upgradable.take().unwrap(), WAIT);
            upgradable = tried.err();
        });
        drop(reader);
        assert!(pl::RwLockUpgradableReadGuard::try_upgrade(upgradable.unwrap()).is_ok());
        let mut guard = mutex.lock();
        waits(&mut || assert!(condvar.wait_for(&mut guard, WAIT).timed_out()));
        waits(&mut || assert!(condvar.wait_while_for(&mut guard, |()| true, WAIT).timed_out()));
    });
}

/// A panic, as documented, and no finding.
#[test]
fn a_condvar_with_two_mutexes_panics() {
    alone(&own("a_condvar_with_two_mutexes_panics"), &[], || {
        let shared = Arc::new((pl::Mutex::new(()), pl::Condvar::new()));
        let (locked, is_locked) = std::sync::mpsc::channel();
        let waiter = thread::spawn({
            let shared = shared.clone();
            move || {
                let mut guard = shared.0.lock();
                locked.send(()).unwrap();
                shared.1.wait(&mut guard);
            }
        });
        is_locked.recv().unwrap();
        // Free only once the thread waits.
        drop(shared.0.lock());
        let other = pl::Mutex::new(());
        let wait = AssertUnwindSafe(|| shared.1.wait(&mut other.lock()));
        assert!(catch_unwind(wait).is_err());
        drop(other.try_lock().expect("the guard was dropped"));
        assert_eq!(shared.1.notify_all(), 1);
        waiter.join().unwrap();
        nothing_counts();
    });
}
