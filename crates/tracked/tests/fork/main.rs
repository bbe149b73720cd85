//! A fork while other threads are in the middle of everything: the child, which has one thread and runs unwatched,
//! must not hang on what the others held of the run-time. Has no harness: its threads would be under way, too.
//!
//! Where a thread is being started or ends during the fork, the child can start none itself, whoever watches: std keeps a
//! list of threads under a lock of its own. So the one is tried first, and then the other.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracked::{Barrier, Condvar, Lock, Mutex, RwLock, Semaphore, thread};

/// A child that is not through by then hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Threads of the parent that are in the middle of something.
const BUSY: usize = 3;

/// In which of the processes threads are started.
#[derive(Clone, Copy, PartialEq)]
enum Starts {
    Parent,
    Child,
}

/// Uses every type, new ones and one from before the fork, and ends without running any exit handler.
fn child(inherited: &Lock<u32>, known: Vec<Mutex<()>>, starts: Starts) -> ! {
    *inherited.lock() += 1;
    drop(known);
    let (a, b) = (Mutex::new(1), RwLock::new(2));
    drop((a.lock(), b.write()));
    drop((b.read(), a.lock()));
    drop((a, b));
    let named = Lock::new(3).named("in the child");
    drop(named.lock());
    if starts == Starts::Child {
        with_threads(&named);
    }
    drop(named);
    // SAFETY: nothing in this process needs cleaning up.
    unsafe { libc::_exit(if *inherited.lock() == 1 { 0 } else { 1 }) }
}

/// Uses every type with others.
fn with_threads(named: &Lock<u32>) {
    let condvar = Condvar::new();
    let semaphore = Semaphore::new(1);
    let gate = Mutex::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            *gate.lock().unwrap() = true;
            condvar.notify_one();
            drop((named.lock(), semaphore.acquire()));
        });
        drop(condvar.wait_while(gate.lock().unwrap(), |open| !*open).unwrap());
    });
    thread::spawn(|| ()).join().unwrap();
    parking_lots();
}

/// The same of the mirrors of parking_lot, where they are there.
fn parking_lots() {
    #[cfg(feature = "parking_lot_0_12")]
    {
        use tracked::parking_lot_0_12 as pl;
        use_all!(pl);
    }
    #[cfg(feature = "parking_lot_0_13")]
    {
        use tracked::parking_lot as pl;
        use_all!(pl);
    }
}

/// Uses every type of a line.
#[cfg(any(feature = "parking_lot_0_12", feature = "parking_lot_0_13"))]
macro_rules! use_all {
    ($pl:ident) => {
        let (mutex, rwlock, changed) = ($pl::Mutex::new(false), $pl::RwLock::new(1), $pl::Condvar::new());
        let (again, once) = ($pl::ReentrantMutex::new(1), $pl::Once::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                *mutex.lock() = true;
                changed.notify_one();
                drop((again.lock(), again.lock(), rwlock.upgradable_read()));
                once.call_once(|| *rwlock.write() += 1);
            });
            changed.wait_while(&mut mutex.lock(), |open| !*open);
        });
    };
}
#[cfg(any(feature = "parking_lot_0_12", feature = "parking_lot_0_13"))]
use use_all;

/// Waits for `pid`; `None` if that takes too long.
fn status_of(pid: libc::pid_t) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut status = 0;
        // SAFETY: `status` can be written to.
        if unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == pid {
            return Some(status);
        }
        if Instant::now() > deadline {
            // SAFETY: the child was not waited for, so that its id is still its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the run-time is asked for all the time: new locks, new orders, new threads, drops.
fn keep_busy(stop: &AtomicBool, starts: Starts) {
    let outer = Mutex::new(0);
    while !stop.load(Ordering::Relaxed) {
        let (a, b) = (Lock::new(0), RwLock::new(0).named("busy"));
        let _held = (outer.lock(), a.lock(), b.read());
        if starts == Starts::Parent {
            // Joined, as a scope does not wait for the end of a thread but for that of its closure.
            thread::scope(|scope| scope.spawn(|| drop(b.read())).join().unwrap());
        }
    }
}

/// Forks again and again beside threads that are busy; what went wrong, if something did.
fn rounds(inherited: &Lock<u32>, starts: Starts) -> Result<(), String> {
    let (outer, stop) = (Mutex::new(()), AtomicBool::new(false));
    let are_there = Barrier::new(BUSY + 1);
    thread::scope(|scope| {
        let busy = || {
            are_there.wait();
            keep_busy(&stop, starts);
        };
        let threads: Vec<_> = (0..BUSY).map(|_| scope.spawn(busy)).collect();
        are_there.wait();
        let result = (0..100).try_for_each(|round| {
            // The run-time knows them: they were taken while another was held.
            let known: Vec<_> = (0..200).map(|_| Mutex::new(())).collect();
            known.iter().for_each(|lock| drop((outer.lock(), lock.lock())));
            // SAFETY: the child touches no lock of std's or of this program that another thread may hold but the
            // memory allocator's, which the C library makes good.
            let pid = unsafe { libc::fork() };
            match pid {
                0 => child(inherited, known, starts),
                -1 => Err(format!("round {round}: no fork")),
                pid => match status_of(pid) {
                    Some(0) => Ok(()),
                    Some(status) => Err(format!("round {round}: status {status:#x}")),
                    None => Err(format!("round {round}: the child hung")),
                },
            }
        });
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        result
    })
}

fn main() {
    let inherited = Lock::new(0);
    drop(inherited.lock());
    rounds(&inherited, Starts::Parent).expect("while the parent starts threads");
    rounds(&inherited, Starts::Child).expect("with threads in the child");
    // The parent is watched as before.
    let (a, b) = (Mutex::new(()), Mutex::new(()));
    drop((a.lock(), b.lock()));
    drop((b.lock(), a.lock()));
    // A lint about how long the busy threads waited says how loaded the machine is.
    let mut found = tracked::report().findings;
    found.retain(|finding| !finding.code.is_lint());
    assert_eq!(found.len(), 1, "{found:#?}");
    let _ = writeln!(std::io::stdout(), "200 forks, all children came back");
}
