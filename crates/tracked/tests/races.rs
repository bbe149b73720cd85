//! What recordings say of data races: silent about whatever hands data over in order, loud about the same without.
//!
//! The recording process is this program again. Each hand-over has a cell of its own, created at a line of its own.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lockcheck_checker::trace::{Analysis, Config, TraceFindings};
use lockcheck_events::recorded::RecordedReader;
use lockcheck_events::trace_event::TraceReader as _;
use tracked::cell::Shared;
use tracked::executor::ThreadPoolExecutor;
use tracked::queue::Queue;
use tracked::sync::atomic::{AtomicU32, Ordering};
use tracked::sync::{Barrier, Condvar, Mutex, Once, OnceLock, RwLock, mpsc};
use tracked::{Condition, Event, Lock, Semaphore, thread};

/// Which part a process plays.
const PART: &str = "RACES_TEST_PART";

type Cell = Arc<Shared<u64>>;

/// Writes the cell in a thread of its own and here, in the order that `first` and `second` make.
fn hand_over<T: Send + Sync + 'static>(
    by: T,
    first: impl FnOnce(&Cell, &T) + Send + 'static,
    second: impl FnOnce(&Cell, &T),
) {
    let (cell, by) = (Arc::new(Shared::new(0)), Arc::new(by));
    let other = {
        let (cell, by) = (Arc::clone(&cell), Arc::clone(&by));
        thread::spawn(move || first(&cell, &by))
    };
    second(&cell, &by);
    other.join().unwrap();
}

fn in_order() {
    hand_over(Mutex::new(()), under_mutex, under_mutex);
    hand_over(Lock::new(()), under_lock, under_lock);
    hand_over(RwLock::new(()), under_rwlock, |cell, lock| {
        let _guard = lock.read().unwrap();
        cell.get();
    });
    hand_over(Semaphore::new(1), with_permit, with_permit);
    hand_over(
        Event::new(),
        |cell, event| {
            cell.set(1);
            event.set();
        },
        |cell, event| {
            event.wait();
            cell.set(2);
        },
    );
    hand_over(
        Barrier::new(2),
        |cell, barrier| {
            cell.set(1);
            barrier.wait();
        },
        |cell, barrier| {
            barrier.wait();
            cell.set(2);
        },
    );
    hand_over(
        (Mutex::new(false), Condvar::new()),
        |cell, (lock, condvar)| {
            cell.set(1);
            *lock.lock().unwrap() = true;
            condvar.notify_one();
        },
        |cell, (lock, condvar)| {
            let _ready = condvar.wait_while(lock.lock().unwrap(), |ready| !*ready).unwrap();
            cell.set(2);
        },
    );
    hand_over(
        Condition::new(false),
        |cell, condition| {
            cell.set(1);
            *condition.lock() = true;
            condition.notify_all();
        },
        |cell, condition| {
            condition.lock().wait_while(|ready| !*ready);
            cell.set(2);
        },
    );
    hand_over(
        Queue::bounded(1),
        |cell, queue| {
            cell.set(1);
            queue.put(());
        },
        |cell, queue| {
            queue.get();
            cell.set(2);
        },
    );
    hand_over(OnceLock::new(), initialise, initialise);
    hand_over(Once::new(), run_once, run_once);
    by_looking();
    by_channel();
    by_threads();
    by_parking();
    by_task();
    by_threads_of_std();
}

fn under_mutex(cell: &Cell, lock: &Mutex<()>) {
    let _guard = lock.lock().unwrap();
    cell.with_mut(|value| *value += 1);
}

fn under_lock(cell: &Cell, lock: &Lock<()>) {
    let _guard = lock.lock();
    cell.with_mut(|value| *value += 1);
}

fn under_rwlock(cell: &Cell, lock: &RwLock<()>) {
    let _guard = lock.write().unwrap();
    cell.set(1);
}

fn with_permit(cell: &Cell, permits: &Semaphore) {
    let _permit = permits.acquire();
    cell.set(1);
}

fn initialise(cell: &Cell, once: &OnceLock<()>) {
    once.get_or_init(|| cell.set(1));
    cell.get();
}

fn run_once(cell: &Cell, once: &Once) {
    once.call_once(|| cell.set(1));
    cell.get();
}

/// Who only looks, and sees that it is so, comes after what made it so.
fn by_looking() {
    hand_over(
        OnceLock::new(),
        |cell, once| {
            cell.set(1);
            once.set(()).unwrap();
        },
        |cell, once| {
            while once.get().is_none() {
                std::thread::yield_now();
            }
            cell.set(2);
        },
    );
    hand_over(
        Once::new(),
        |cell, once| once.call_once(|| cell.set(1)),
        |cell, once| {
            while !once.is_completed() {
                std::thread::yield_now();
            }
            cell.set(2);
        },
    );
    let cell = Arc::new(Shared::new(0));
    let pool = ThreadPoolExecutor::new(1);
    let written = Arc::clone(&cell);
    let task = pool.submit(move || written.set(1));
    while !task.is_done() {
        std::thread::yield_now();
    }
    cell.set(2);
    task.result().unwrap();
}

fn by_channel() {
    for bound in [None, Some(0), Some(3)] {
        let cell = Arc::new(Shared::new(0));
        let written = Arc::clone(&cell);
        let other = match bound {
            None => {
                let (sender, receiver) = mpsc::channel();
                thread::spawn(move || {
                    written.set(1);
                    sender.send(()).unwrap();
                });
                receiver.recv()
            }
            Some(bound) => {
                let (sender, receiver) = mpsc::sync_channel(bound);
                thread::spawn(move || {
                    written.set(1);
                    sender.send(()).unwrap();
                });
                receiver.recv()
            }
        };
        other.unwrap();
        cell.set(2);
    }
}

fn by_threads() {
    let cell = Arc::new(Shared::new(0));
    cell.set(1);
    let child = Arc::clone(&cell);
    thread::spawn(move || child.set(2)).join().unwrap();
    cell.set(3);
    thread::scope(|scope| {
        scope.spawn(|| cell.set(4));
    });
    cell.set(5);
}

/// Whoever is unparked comes after all that was recorded so far: the handle is std's, and nobody sees who used it.
fn by_parking() {
    let cell = Arc::new(Shared::new(0));
    let written = Arc::clone(&cell);
    let done = Arc::new(AtomicBool::new(false));
    let (tell, main) = (Arc::clone(&done), thread::current());
    let other = thread::spawn(move || {
        written.set(1);
        tell.store(true, Ordering::Release);
        main.unpark();
    });
    // std uses the same token, so that parking can end early; and the last time must be behind the flag.
    while !done.load(Ordering::Acquire) {
        thread::park();
    }
    thread::park_timeout(Duration::ZERO);
    cell.set(2);
    other.join().unwrap();
}

fn by_task() {
    let cell = Arc::new(Shared::new(0));
    let pool = ThreadPoolExecutor::new(2);
    cell.set(1);
    let written = Arc::clone(&cell);
    pool.submit(move || written.set(2)).result().unwrap();
    cell.set(3);
    pool.shutdown();
}

/// Nothing is known of how they start and end, which counts against a race.
fn by_threads_of_std() {
    let cell = Arc::new(Shared::new(0));
    cell.set(1);
    let written = Arc::clone(&cell);
    std::thread::spawn(move || written.set(2)).join().unwrap();
    cell.set(3);
}

fn out_of_order() {
    // No order at all.
    hand_over((), |cell, ()| cell.set(1), |cell, ()| cell.set(2));
    // A read and a write.
    hand_over((), |cell, ()| assert!(cell.get() < 3), |cell, ()| cell.set(2));
    // Locks that are not the same one.
    hand_over(
        [Lock::new(()), Lock::new(())],
        |cell, locks| under_lock(cell, &locks[0]),
        |cell, locks| under_lock(cell, &locks[1]),
    );
    // Readers of a lock do not exclude each other.
    let write_as_reader = |cell: &Cell, lock: &RwLock<()>| {
        let _guard = lock.read().unwrap();
        cell.set(1);
    };
    hand_over(RwLock::new(()), write_as_reader, write_as_reader);
    // The write comes after the signal.
    hand_over(
        Event::new(),
        |cell, event| {
            event.set();
            cell.set(1);
        },
        |cell, event| {
            event.wait();
            cell.set(2);
        },
    );
}

/// Adds one in two threads that take turns: whoever is asked to reads, and writes when the other has written.
fn lost_update(counter: &'static AtomicU32, add: fn(&AtomicU32, &dyn Fn())) {
    let [read, written] = [const { Event::new() }; 2].map(Arc::new);
    let (tell, wait) = (Arc::clone(&read), Arc::clone(&written));
    let other = thread::spawn(move || {
        add(counter, &|| {
            tell.set();
            wait.wait();
        });
        tell.set();
    });
    read.wait();
    counter.store(10, Ordering::Relaxed);
    written.set();
    other.join().unwrap();
}

fn updates(lose: bool) {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    if lose {
        lost_update(&COUNTER, |counter, pause| {
            let before = counter.load(Ordering::Relaxed);
            pause();
            counter.store(before + 1, Ordering::Relaxed);
        });
    } else {
        lost_update(&COUNTER, |counter, pause| {
            pause();
            counter.fetch_add(1, Ordering::Relaxed);
        });
        lost_update(&COUNTER, |counter, pause| {
            let mut before = counter.load(Ordering::Relaxed);
            pause();
            while let Err(now) =
                counter.compare_exchange(before, before + 1, Ordering::Relaxed, Ordering::Relaxed)
            {
                before = now;
            }
        });
    }
}

#[test]
fn plays_its_part() {
    match std::env::var(PART).as_deref() {
        Ok("in order") => in_order(),
        Ok("out of order") => out_of_order(),
        Ok("lost update") => updates(true),
        Ok("updates") => updates(false),
        _ => {}
    }
}

/// What is found in the recording of this part; and, of each racy variable, the line that created the cell.
fn found(name: &str) -> (TraceFindings, BTreeSet<u32>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "plays_its_part", "--test-threads=1"]);
    command.env(PART, name).env("LOCKCHECK", "record").env("LOCKCHECK_OUT", folder.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut paths = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let path = paths.find(|path| path.extension().is_some_and(|e| e == "lcevents")).unwrap();
    let mut recorded = RecordedReader::open(&path).unwrap();
    let mut analysis = Analysis::new(Config::default());
    for located in recorded.by_ref() {
        analysis.event(&located.unwrap()).unwrap();
    }
    assert_eq!((recorded.left_out(), recorded.lost()), (0, None));
    let found = analysis.finish();
    let line = |location: u32| recorded.site(location).map_or(0, |site| site.line);
    let races = found.races.iter().flat_map(|race| [line(race.first.location), line(race.second.location)]);
    let lines = races.collect();
    assert!(!recorded.names().variables.is_empty());
    (found, lines)
}

#[test]
fn what_is_handed_over_in_order_does_not_race() {
    for _ in 0..5 {
        let (found, lines) = found("in order");
        assert!(found.races.is_empty(), "accesses at lines {lines:?} race: {:?}", found.races);
        assert!(found.lost_updates.is_empty(), "{:?}", found.lost_updates);
    }
}

#[test]
fn what_is_not_races() {
    for _ in 0..5 {
        let (found, lines) = found("out of order");
        let variables: BTreeSet<u32> = found.races.iter().map(|race| race.variable).collect();
        assert_eq!(variables.len(), 5, "{lines:?} {:?}", found.races);
    }
}

#[test]
fn a_load_and_a_store_lose_what_was_stored_between_them_and_updates_do_not() {
    let (lost, _) = found("lost update");
    assert_eq!((lost.lost_updates.len(), lost.races.len()), (1, 0), "{:?}", lost.lost_updates);
    let (kept, _) = found("updates");
    assert_eq!((kept.lost_updates.len(), kept.races.len()), (0, 0), "{:?}", kept.lost_updates);
}
