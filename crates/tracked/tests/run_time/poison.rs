//! Poisoning: each case is run on std's type and on ours, and must come out the same.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Panics, in a way that prints nothing.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("as asked"))
}

fn caught(body: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
}

/// Takes a guard while it is dropped, which is during a panic.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

macro_rules! cases {
    ($name:ident, $sync:path, $thread:path) => {
        mod $name {
            use $sync as sync;
            use $thread as thread;

            use super::*;

            fn poisoned_mutex() -> sync::Mutex<i32> {
                let mutex = sync::Mutex::new(1);
                caught(|| {
                    let _held = mutex.lock();
                    panic_quietly();
                });
                mutex
            }

            fn poisoned_rwlock() -> sync::RwLock<i32> {
                let lock = sync::RwLock::new(1);
                caught(|| {
                    let _held = lock.write();
                    panic_quietly();
                });
                lock
            }

            #[test]
            fn a_mutex_is_poisoned_by_a_panic_under_it() {
                let mut mutex = poisoned_mutex();
                assert!(mutex.is_poisoned());
                let error = mutex.lock().unwrap_err();
                assert_eq!(**error.get_ref(), 1);
                *error.into_inner() = 2;
                assert!(matches!(mutex.try_lock(), Err(sync::TryLockError::Poisoned(_))));
                assert_eq!(**mutex.get_mut().unwrap_err().get_ref(), 2);
                assert_eq!(mutex.into_inner().unwrap_err().into_inner(), 2);
            }

            #[test]
            fn a_held_mutex_that_is_poisoned_would_block() {
                let mutex = poisoned_mutex();
                let _held = mutex.lock().unwrap_err();
                assert!(matches!(mutex.try_lock(), Err(sync::TryLockError::WouldBlock)));
            }

            #[test]
            fn poison_can_be_cleared() {
                let mutex = poisoned_mutex();
                mutex.clear_poison();
                assert!(!mutex.is_poisoned() && mutex.lock().is_ok() && mutex.try_lock().is_ok());
                let lock = poisoned_rwlock();
                lock.clear_poison();
                assert!(!lock.is_poisoned() && lock.read().is_ok() && lock.write().is_ok());
            }

            #[test]
            fn a_guard_that_is_taken_during_a_panic_does_not_poison() {
                let (mutex, lock) = (sync::Mutex::new(1), sync::RwLock::new(1));
                caught(|| {
                    let _late = OnDrop(|| drop((mutex.lock(), lock.write())));
                    panic_quietly();
                });
                assert!(!mutex.is_poisoned() && !lock.is_poisoned());
            }

            #[test]
            fn a_guard_that_outlives_a_caught_panic_does_not_poison() {
                let mutex = sync::Mutex::new(1);
                let held = mutex.lock();
                caught(|| panic_quietly());
                drop(held);
                assert!(!mutex.is_poisoned());
            }

            #[test]
            fn a_panic_inside_a_panic_does_not_poison_what_was_taken_in_it() {
                let mutex = sync::Mutex::new(1);
                caught(|| {
                    let _late = OnDrop(|| {
                        caught(|| {
                            let _held = mutex.lock();
                            panic_quietly();
                        });
                    });
                    panic_quietly();
                });
                assert!(!mutex.is_poisoned());
            }

            #[test]
            fn a_reader_does_not_poison() {
                let lock = sync::RwLock::new(1);
                caught(|| {
                    let _held = lock.read();
                    panic_quietly();
                });
                assert!(!lock.is_poisoned() && lock.write().is_ok());
            }

            #[test]
            fn a_rwlock_is_poisoned_by_a_writer() {
                let mut lock = poisoned_rwlock();
                assert!(lock.is_poisoned() && lock.read().is_err() && lock.write().is_err());
                assert!(matches!(lock.try_read(), Err(sync::TryLockError::Poisoned(_))));
                assert!(matches!(lock.try_write(), Err(sync::TryLockError::Poisoned(_))));
                *lock.write().unwrap_err().into_inner() = 2;
                assert_eq!(**lock.get_mut().unwrap_err().get_ref(), 2);
                assert_eq!(lock.into_inner().unwrap_err().into_inner(), 2);
            }

            #[test]
            fn a_downgraded_guard_does_not_poison() {
                let lock = sync::RwLock::new(1);
                caught(|| {
                    let _held = sync::RwLockWriteGuard::downgrade(lock.write().unwrap());
                    panic_quietly();
                });
                assert!(!lock.is_poisoned());
            }

            #[test]
            fn a_panic_in_a_thread_poisons_and_is_its_result() {
                let mutex = sync::Mutex::new(1);
                let result = thread::scope(|scope| {
                    scope
                        .spawn(|| {
                            let _held = mutex.lock();
                            panic_quietly();
                        })
                        .join()
                });
                assert_eq!(result.unwrap_err().downcast_ref(), Some(&"as asked"));
                assert!(mutex.is_poisoned());
            }

            #[test]
            fn a_wait_gives_back_a_poisoned_guard() {
                let (mutex, changed) = (sync::Mutex::new(false), sync::Condvar::new());
                thread::scope(|scope| {
                    let waiter = scope.spawn(|| {
                        let guard = mutex.lock().unwrap();
                        let error = changed.wait_while(guard, |ready| !*ready).unwrap_err();
                        assert!(*error.into_inner());
                    });
                    let poisoner = scope.spawn(|| {
                        let mut guard = mutex.lock().unwrap_or_else(sync::PoisonError::into_inner);
                        *guard = true;
                        changed.notify_all();
                        panic_quietly();
                    });
                    assert!(poisoner.join().is_err());
                    // If the poisoner came first, the waiter met the poison when it locked.
                    let met_early = waiter.join().is_err();
                    assert!(mutex.is_poisoned() || met_early);
                });
            }
        }
    };
}

cases!(stds, std::sync, std::thread);
cases!(ours, tracked::sync, tracked::thread);
