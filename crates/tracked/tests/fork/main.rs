//! A fork while other threads are in the middle of everything: the child, which has one thread and runs unwatched,
//! must not hang on what the others held of the run-time. Has no harness: its threads would be under way, too.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracked::{Condvar, Lock, Mutex, RwLock, Semaphore, thread};

/// A child that is not through by then hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Uses every type, new ones and one from before the fork, and ends without running any exit handler.
fn child(inherited: &Lock<u32>, known: Vec<Mutex<()>>) -> ! {
    *inherited.lock() += 1;
    drop(known);
    let (a, b) = (Mutex::new(1), RwLock::new(2));
    drop((a.lock(), b.write()));
    drop((b.read(), a.lock()));
    drop((a, b));
    let named = Lock::new(3).named("in the child");
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
    drop((named, gate, semaphore));
    // SAFETY: nothing in this process needs cleaning up.
    unsafe { libc::_exit(if *inherited.lock() == 1 { 0 } else { 1 }) }
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
fn keep_busy(stop: &AtomicBool) {
    let outer = Mutex::new(0);
    while !stop.load(Ordering::Relaxed) {
        let (a, b) = (Lock::new(0), RwLock::new(0).named("busy"));
        let _held = (outer.lock(), a.lock(), b.read());
        thread::scope(|scope| {
            scope.spawn(|| drop(b.read()));
        });
    }
}

fn main() {
    let (inherited, outer) = (Lock::new(0), Mutex::new(()));
    drop(inherited.lock());
    let stop = AtomicBool::new(false);
    let mut failures = Vec::new();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| keep_busy(&stop));
        }
        for round in 0..200 {
            // The run-time knows them: they were taken while another was held.
            let known: Vec<_> = (0..200).map(|_| Mutex::new(())).collect();
            known.iter().for_each(|lock| drop((outer.lock(), lock.lock())));
            // SAFETY: the child touches no lock of std's or of this program that another thread may hold but the
            // memory allocator's, which the C library makes good.
            let pid = unsafe { libc::fork() };
            match pid {
                0 => child(&inherited, known),
                -1 => failures.push(format!("round {round}: no fork")),
                pid => match status_of(pid) {
                    Some(0) => {}
                    Some(status) => failures.push(format!("round {round}: status {status:#x}")),
                    None => failures.push(format!("round {round}: the child hung")),
                },
            }
            if !failures.is_empty() {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(failures.is_empty(), "{failures:?}");
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
