//! `thread`: what std does, and no hang of our own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use tracked::{Mutex, thread};

use crate::alone::{eventually, within};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_thread_gives_its_result_or_its_panic() {
    assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
    let payload = thread::spawn(|| std::panic::resume_unwind(Box::new(7_u64))).join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&7_u64));
}

#[test]
fn a_thread_knows_its_name() {
    let builder = thread::Builder::new().name("miller".to_owned()).stack_size(1 << 18);
    let thread = builder.spawn(|| thread::current().name().map(str::to_owned)).unwrap();
    assert_eq!(thread.thread().name(), Some("miller"));
    assert_eq!(thread.join().unwrap().as_deref(), Some("miller"));
    assert_eq!(thread::spawn(|| thread::current().name().map(str::to_owned)).join().unwrap(), None);
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("baker".to_owned());
        let thread = builder.spawn_scoped(scope, || thread::current().name().map(str::to_owned)).unwrap();
        assert_eq!(thread.thread().name(), Some("baker"));
        assert_eq!(thread.join().unwrap().as_deref(), Some("baker"));
    });
}

#[test]
fn a_thread_is_finished_when_it_is() {
    let (go, wait) = channel::<()>();
    let thread = thread::spawn(move || wait.recv());
    assert!(!thread.is_finished());
    drop(go);
    eventually(|| thread.is_finished());
    assert!(thread.join().unwrap().is_err());
    thread::scope(|scope| {
        let (go, wait) = channel::<()>();
        let thread = scope.spawn(move || wait.recv());
        assert!(!thread.is_finished());
        drop(go);
        eventually(|| thread.is_finished());
    });
}

#[test]
fn a_scope_waits_for_all_its_threads() {
    let count = AtomicUsize::new(0);
    let result = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                thread::yield_now();
                count.fetch_add(1, Ordering::SeqCst);
            });
        }
        "result"
    });
    assert_eq!((result, count.load(Ordering::SeqCst)), ("result", 4));
}

#[test]
fn threads_of_a_scope_start_others_in_it() {
    let count = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        scope.spawn(|| *count.lock().unwrap() += 1);
                        *count.lock().unwrap() += 1;
                    });
                }
                *count.lock().unwrap() += 1;
            });
        }
    });
    assert_eq!(count.into_inner().unwrap(), 3 + 9 + 9);
}

#[test]
fn scopes_nest() {
    let count = Mutex::new(0);
    thread::scope(|outer| {
        outer.spawn(|| {
            thread::scope(|inner| {
                inner.spawn(|| *count.lock().unwrap() += 1);
                outer.spawn(|| *count.lock().unwrap() += 1);
            });
        });
        thread::scope(|inner| {
            inner.spawn(|| *count.lock().unwrap() += 1);
        });
    });
    assert_eq!(count.into_inner().unwrap(), 3);
}

/// A panic that nobody joined becomes the scope's, after all threads have ended.
#[test]
fn a_panic_in_a_scope_is_the_scopes_unless_joined() {
    let ended = AtomicUsize::new(0);
    let scope = |join: bool| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            thread::scope(|scope| {
                let thread = scope.spawn(|| std::panic::resume_unwind(Box::new(())));
                scope.spawn(|| ended.fetch_add(1, Ordering::SeqCst));
                if join {
                    assert!(thread.join().is_err());
                }
            });
        }))
    };
    assert!(scope(false).is_err() && ended.load(Ordering::SeqCst) == 1);
    assert!(scope(true).is_ok() && ended.load(Ordering::SeqCst) == 2);
}

/// The scope's own panic comes out as it is, also after its threads have ended.
#[test]
fn a_panic_of_the_scope_itself_waits_for_its_threads() {
    let ended = AtomicUsize::new(0);
    for round in 1..=3 {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            thread::scope(|scope| {
                scope.spawn(|| ended.fetch_add(1, Ordering::SeqCst));
                std::panic::resume_unwind(Box::new("own"))
            })
        }));
        let payload: Box<dyn std::any::Any + Send> = match result {
            Ok(()) => panic!("the panic was lost"),
            Err(payload) => payload,
        };
        assert_eq!((payload.downcast_ref(), ended.load(Ordering::SeqCst)), (Some(&"own"), round));
    }
}

/// A thread that could not be started is not waited for.
#[test]
fn a_scope_does_not_wait_for_a_thread_that_never_started() {
    let ended = within(PATIENCE, || {
        // So that the run-time knows the calling thread.
        drop(Mutex::new(()).lock());
        thread::scope(|scope| {
            let huge = thread::Builder::new().stack_size(usize::MAX / 4);
            huge.spawn_scoped(scope, || ()).is_err()
        })
    });
    assert_eq!(ended, Some(true), "no such stack can be had, and the scope must end");
    let huge = thread::Builder::new().stack_size(usize::MAX / 4);
    assert!(huge.spawn(|| ()).is_err());
}

/// Plain std threads are welcome, too.
#[test]
fn threads_of_unknown_origin_take_part() {
    let count = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    *count.lock().unwrap() += 1;
                }
            });
        }
    });
    assert_eq!(count.into_inner().unwrap(), 400);
}

#[test]
fn a_detached_thread_outlives_its_handle() {
    let (done, wait) = channel();
    drop(thread::spawn(move || done.send(7)));
    assert_eq!(wait.recv(), Ok(7));
}
