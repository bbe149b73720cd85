// Included where `sync` and `thread` are std's modules or their mirrors, see `main.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError, channel, sync_channel};
use sync::{Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, RwLockWriteGuard};

/// Long enough for anything that does not hang.
const LONG: Duration = Duration::from_secs(60);

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned()),
    }
}

fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    message(catch_unwind(AssertUnwindSafe(f)).err().expect("it panics"))
}

#[test]
fn once_runs_once_and_is_poisoned_by_a_panic() {
    static ONCE: Once = Once::new();
    let runs = AtomicUsize::new(0);
    assert!(!ONCE.is_completed());
    assert_eq!(panic_of(|| ONCE.call_once(|| panic!("first"))), "first");
    assert_eq!(
        panic_of(|| ONCE.call_once(|| unreachable!("poisoned"))),
        "Once instance has previously been poisoned"
    );
    ONCE.call_once_force(|state| {
        assert!(state.is_poisoned());
        runs.fetch_add(1, Ordering::Relaxed);
    });
    ONCE.call_once(|| unreachable!("done"));
    ONCE.call_once_force(|_| unreachable!("done"));
    ONCE.wait();
    ONCE.wait_force();
    assert!(ONCE.is_completed());
    assert_eq!(runs.into_inner(), 1);
    assert_eq!(format!("{ONCE:?}"), "Once { .. }");
}

#[test]
fn once_makes_the_others_wait_until_it_is_done() {
    let once = Arc::new(Once::new());
    let done = Arc::new(AtomicUsize::new(0));
    let (started, begun) = channel();
    let (release, released) = channel::<()>();
    let runner = thread::spawn({
        let (once, done) = (Arc::clone(&once), Arc::clone(&done));
        move || {
            once.call_once(|| {
                started.send(()).unwrap();
                released.recv().unwrap();
                done.store(1, Ordering::Relaxed);
            });
        }
    });
    begun.recv().unwrap();
    let others: Vec<_> = (0..3)
        .map(|how| {
            let (once, done) = (Arc::clone(&once), Arc::clone(&done));
            thread::spawn(move || {
                match how {
                    0 => once.call_once(|| unreachable!("it runs already")),
                    1 => once.wait(),
                    _ => once.wait_force(),
                }
                done.load(Ordering::Relaxed)
            })
        })
        .collect();
    release.send(()).unwrap();
    runner.join().unwrap();
    for other in others {
        assert_eq!(other.join().unwrap(), 1);
    }
}

#[test]
fn a_waiter_wakes_when_the_initialiser_panics_and_the_next_takes_over() {
    let cell = Arc::new(OnceLock::new());
    let (started, begun) = channel();
    let (release, released) = channel::<()>();
    let runner = thread::spawn({
        let cell = Arc::clone(&cell);
        move || {
            cell.get_or_init(|| {
                started.send(()).unwrap();
                released.recv().unwrap();
                panic!("no value")
            });
        }
    });
    begun.recv().unwrap();
    let next = thread::spawn({
        let cell = Arc::clone(&cell);
        move || *cell.get_or_init(|| 2)
    });
    release.send(()).unwrap();
    assert_eq!(message(runner.join().unwrap_err()), "no value");
    assert_eq!(next.join().unwrap(), 2);
    assert_eq!(cell.get(), Some(&2));
}

#[test]
fn once_lock_is_written_once() {
    let mut cell: OnceLock<String> = OnceLock::new();
    assert_eq!((cell.get(), format!("{cell:?}")), (None, "OnceLock(<uninit>)".to_owned()));
    assert_eq!(panic_of(|| cell.get_or_init(|| panic!("no value")).len()), "no value");
    assert_eq!(cell.set(String::from("one")), Ok(()));
    assert_eq!(cell.set(String::from("two")), Err(String::from("two")));
    assert_eq!(cell.get_or_init(|| unreachable!("there is one")), "one");
    assert_eq!(cell.wait(), "one");
    assert_eq!(format!("{cell:?}"), "OnceLock(\"one\")");
    cell.get_mut().unwrap().push('!');
    assert_eq!(cell.clone(), OnceLock::from(String::from("one!")));
    assert_ne!(cell, OnceLock::default());
    assert_eq!(cell.take().as_deref(), Some("one!"));
    assert_eq!((cell.take(), cell.into_inner()), (None, None));
}

#[test]
fn once_lock_may_hold_what_does_not_outlive_it_long() {
    // std's `Drop` of `OnceLock` promises not to look at the value, which lets both be dropped together.
    let (cell, value);
    value = String::from("value");
    cell = OnceLock::new();
    cell.set(&value).unwrap();
    assert_eq!(*cell.get().unwrap(), "value");
}

#[test]
fn lazy_lock_is_made_once_and_poisoned_by_a_panic() {
    static LAZY: LazyLock<Vec<u8>> = LazyLock::new(|| vec![1, 2]);
    assert_eq!(LazyLock::get(&LAZY), None);
    assert_eq!(format!("{LAZY:?}"), "LazyLock(<uninit>)");
    assert_eq!(LAZY.len(), 2);
    assert_eq!(LazyLock::get(&LAZY), Some(&vec![1, 2]));
    assert_eq!(format!("{LAZY:?}"), "LazyLock([1, 2])");

    let mut own = LazyLock::new(|| String::from("a"));
    assert_eq!(LazyLock::get_mut(&mut own), None);
    LazyLock::force_mut(&mut own).push('b');
    own.push('c');
    assert_eq!(LazyLock::force(&own), "abc");
    assert_eq!(LazyLock::get_mut(&mut own).unwrap(), "abc");

    let mut bad: LazyLock<u8> = LazyLock::new(|| panic!("no value"));
    assert_eq!(panic_of(|| *bad), "no value");
    assert_eq!(panic_of(|| *bad), "LazyLock instance has previously been poisoned");
    assert_eq!(
        panic_of(|| *LazyLock::force_mut(&mut bad)),
        "LazyLock instance has previously been poisoned"
    );
    assert_eq!((LazyLock::get(&bad), format!("{bad:?}")), (None, "LazyLock(<uninit>)".to_owned()));
    assert_eq!(*LazyLock::<u8>::default(), 0);
}

#[test]
fn lazy_lock_drops_its_initialiser_or_its_value() {
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let captured = Counts(Arc::clone(&dropped));
    drop(LazyLock::new(move || captured.0.load(Ordering::Relaxed)));
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    let captured = Counts(Arc::clone(&dropped));
    let lazy = LazyLock::new(move || captured);
    assert_eq!(lazy.0.load(Ordering::Relaxed), 1);
    drop(lazy);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn a_barrier_lets_go_of_all_at_once_and_has_one_leader_a_round() {
    const ROUNDS: usize = 50;
    let barrier = Barrier::new(4);
    let (leaders, arrived) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    arrived.fetch_add(1, Ordering::Relaxed);
                    let leads = barrier.wait().is_leader();
                    leaders.fetch_add(leads.into(), Ordering::Relaxed);
                    assert!(arrived.load(Ordering::Relaxed) >= 4 * round);
                    barrier.wait();
                }
            });
        }
    });
    assert_eq!(leaders.into_inner(), ROUNDS);
    for alone in [0, 1] {
        let barrier = Barrier::new(alone);
        assert!(barrier.wait().is_leader() && barrier.wait().is_leader());
    }
    assert_eq!(format!("{:?}", Barrier::new(1).wait()), "BarrierWaitResult { is_leader: true }");
    assert_eq!(format!("{:?}", Barrier::new(1)), "Barrier { .. }");
}

#[test]
fn more_threads_than_places_share_a_barrier() {
    let barrier = Barrier::new(2);
    let leaders = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| leaders.fetch_add(barrier.wait().is_leader().into(), Ordering::Relaxed));
        }
    });
    assert_eq!(leaders.into_inner(), 3);
}

#[test]
fn a_channel_keeps_order_and_says_when_it_is_over() {
    let (sender, receiver) = channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    let second = sender.clone();
    sender.send(1).unwrap();
    second.send(2).unwrap();
    sender.send(3).unwrap();
    assert_eq!((receiver.recv(), receiver.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [3]);
    assert_eq!(format!("{sender:?} {receiver:?}"), "Sender { .. } Receiver { .. }");
    second.send(4).unwrap();
    drop((sender, second));
    assert_eq!(receiver.recv_timeout(LONG), Ok(4));
    assert_eq!(receiver.recv(), Err(RecvError));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(receiver.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    assert_eq!(receiver.iter().next(), None);
    assert_eq!(receiver.into_iter().next(), None);
}

#[test]
fn a_channel_gives_back_what_nobody_will_receive() {
    let (sender, receiver) = channel();
    drop(receiver);
    assert_eq!(sender.send("back"), Err(SendError("back")));
    let (sender, receiver) = sync_channel(1);
    drop(receiver);
    assert_eq!(sender.send("back"), Err(SendError("back")));
    assert_eq!(sender.try_send("back"), Err(TrySendError::Disconnected("back")));
}

#[test]
fn a_bounded_channel_blocks_when_it_is_full() {
    let (sender, receiver) = sync_channel(2);
    sender.send(1).unwrap();
    sender.try_send(2).unwrap();
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    let other = thread::spawn({
        let sender = sender.clone();
        move || (3..100).try_for_each(|n| sender.send(n))
    });
    drop(sender);
    assert!(receiver.iter().eq(1..100));
    other.join().unwrap().unwrap();
    assert_eq!(receiver.recv(), Err(RecvError));
}

#[test]
fn a_channel_without_room_is_a_meeting() {
    let (sender, receiver) = sync_channel(0);
    assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
    let other = thread::spawn(move || {
        let mut got = Vec::new();
        for n in &receiver {
            got.push(n);
            if got.len() == 2 {
                break;
            }
        }
        drop(receiver);
        got
    });
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(other.join().unwrap(), [1, 2]);
    assert_eq!(sender.send(3), Err(SendError(3)));
}

#[test]
fn a_blocked_receiver_wakes_when_the_last_sender_goes() {
    let (sender, receiver) = channel::<u8>();
    let waits = thread::spawn(move || receiver.recv());
    drop(sender);
    assert_eq!(waits.join().unwrap(), Err(RecvError));
    let (sender, receiver) = sync_channel(0);
    let waits = thread::spawn(move || sender.send(1));
    drop(receiver);
    assert_eq!(waits.join().unwrap(), Err(SendError(1)));
}

#[test]
fn what_a_panicking_thread_held_is_poisoned() {
    let mutex = Arc::new(Mutex::new(1));
    let lock = Arc::new(RwLock::new(1));
    let failed = thread::spawn({
        let (mutex, lock) = (Arc::clone(&mutex), Arc::clone(&lock));
        move || {
            let _guards = (mutex.lock().unwrap(), lock.write().unwrap());
            panic!("with both");
        }
    });
    assert_eq!(message(failed.join().unwrap_err()), "with both");
    assert!(mutex.is_poisoned() && mutex.lock().is_err() && mutex.try_lock().is_err());
    assert!(lock.is_poisoned() && lock.read().is_err() && lock.try_write().is_err());
    mutex.clear_poison();
    lock.clear_poison();
    assert_eq!((*mutex.lock().unwrap(), *lock.read().unwrap()), (1, 1));
    // A reader that panics leaves no poison, nor does a guard that was made while panicking.
    drop(catch_unwind(AssertUnwindSafe(|| {
        let _guard = lock.read().unwrap();
        panic!("reading");
    })));
    assert!(!lock.is_poisoned());
}

#[test]
fn a_downgraded_writer_keeps_writers_out_and_lets_readers_in() {
    let lock = RwLock::new(1);
    let mut writer = lock.write().unwrap();
    *writer = 2;
    assert!(lock.try_read().is_err());
    let reader = RwLockWriteGuard::downgrade(writer);
    assert!(lock.try_write().is_err());
    assert_eq!((*reader, *lock.try_read().unwrap()), (2, 2));
    drop(reader);
    assert_eq!(*lock.try_write().unwrap(), 2);
}

#[test]
fn a_condition_is_waited_for_with_and_without_a_limit() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let raiser = thread::spawn({
        let pair = Arc::clone(&pair);
        move || {
            let mut value = pair.0.lock().unwrap();
            *value = 1;
            pair.1.notify_all();
            value = pair.1.wait_while(value, |value| *value != 2).unwrap();
            *value = 3;
            pair.1.notify_one();
        }
    });
    let (mut value, timeout) =
        pair.1.wait_timeout_while(pair.0.lock().unwrap(), LONG, |value| *value == 0).unwrap();
    assert!(!timeout.timed_out());
    *value = 2;
    pair.1.notify_one();
    while *value != 3 {
        value = pair.1.wait(value).unwrap();
    }
    let before = Instant::now();
    let (value, timeout) = pair.1.wait_timeout(value, Duration::from_millis(5)).unwrap();
    assert!(timeout.timed_out() && before.elapsed() >= Duration::from_millis(5) && *value == 3);
    drop(value);
    raiser.join().unwrap();
}

#[test]
fn threads_have_names_results_and_a_token_to_park_on() {
    let parked = thread::Builder::new()
        .name("sleeper".to_owned())
        .stack_size(1 << 18)
        .spawn(|| {
            thread::park();
            thread::current().name().map(str::to_owned)
        })
        .unwrap();
    parked.thread().unpark();
    assert_eq!(parked.join().unwrap().as_deref(), Some("sleeper"));
    thread::current().unpark();
    thread::park();
    thread::current().unpark();
    let before = Instant::now();
    thread::park_timeout(LONG);
    assert!(before.elapsed() < LONG, "the token was there");
    let mut local = 1;
    // SAFETY: joined before `local` goes.
    let borrower = unsafe { thread::Builder::new().spawn_unchecked(|| local += 1) }.unwrap();
    borrower.join().unwrap();
    assert_eq!(local, 2);
}

#[test]
fn locks_work_in_thread_local_destructors_and_while_unwinding() {
    static SHARED: Mutex<u32> = Mutex::new(0);
    static ONCE: Once = Once::new();
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            *SHARED.lock().unwrap_or_else(sync::PoisonError::into_inner) += 1;
            ONCE.call_once(|| {});
            let (sender, receiver) = channel();
            sender.send(1).unwrap();
            assert_eq!(receiver.recv(), Ok(1));
            drop(sender);
            assert_eq!(receiver.recv(), Err(RecvError));
        }
    }
    std::thread_local!(static LATE: Late = const { Late });
    thread::spawn(|| LATE.with(|_| ())).join().unwrap();
    assert!(catch_unwind(|| {
        let _late = Late;
        panic!("unwinding");
    })
    .is_err());
    assert!(*SHARED.lock().unwrap() >= 1);
}
