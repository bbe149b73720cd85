//! Pools of processes: every call's results, and workers that fail, panic or die.

use std::collections::HashSet;
use std::time::Duration;

use tracked::executor::{TaskError, When, as_completed, wait};
use tracked::process::{self, Cause, Lock, Pool, ProcessPoolExecutor};

use crate::Test;

pub const TESTS: &[Test] = &[
    ("each_call_of_a_pool", each_call_of_a_pool),
    ("imap_is_lazy", imap_is_lazy),
    ("a_result_that_does_not_come_in_time", a_result_that_does_not_come_in_time),
    ("the_panic_of_a_worker_is_carried_back", the_panic_of_a_worker_is_carried_back),
    ("a_killed_worker_is_reported_and_replaced", a_killed_worker_is_reported_and_replaced),
    ("a_worker_killed_while_idle_is_replaced", a_worker_killed_while_idle_is_replaced),
    ("tasks_that_cannot_be_sent", tasks_that_cannot_be_sent),
    ("the_futures_are_those_of_threads", the_futures_are_those_of_threads),
    ("many_tasks_over_dying_workers", many_tasks_over_dying_workers),
];

#[process::entry]
fn square(n: u64) -> u64 {
    n * n
}

#[process::entry]
fn combine(a: u64, b: u64, c: u64) -> u64 {
    a + b * c
}

#[process::entry]
fn after(milliseconds: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

#[process::entry]
fn pid() -> u32 {
    std::process::id()
}

fn each_call_of_a_pool() {
    let pool = Pool::new(3).unwrap().named("squares");
    let squares: Vec<u64> = (0..20).map(|n| n * n).collect();
    assert_eq!(pool.map(square, 0..20).unwrap(), squares);
    let lazily: Vec<u64> = pool.imap(square, 0..20).map(Result::unwrap).collect();
    assert_eq!(lazily, squares);
    let mut unordered: Vec<u64> = pool.imap_unordered(square, 0..20).map(Result::unwrap).collect();
    unordered.sort_unstable();
    assert_eq!(unordered, squares);
    let arguments = (0..10).map(|i| (i, i + 1, i + 2));
    assert!(pool.starmap(combine, arguments).unwrap().into_iter().eq((0..10).map(|i| i + (i + 1) * (i + 2))));
    assert_eq!(pool.apply(combine, (1, 2, 3)).unwrap(), 7);
    let later = pool.apply_async(square, (9,));
    assert_eq!(later.result_for(Duration::from_secs(60)).unwrap().unwrap(), 81);
    let pids: HashSet<u32> = (0..20).map(|_| pool.apply(pid, ()).unwrap()).collect();
    assert!(pids.is_subset(&pool.idle_pids().into_iter().collect()));
    pool.join();
}

fn imap_is_lazy() {
    let pool = Pool::new(2).unwrap();
    let mut taken = 0;
    let mut results = pool.imap(square, (0..).inspect(|_| taken += 1));
    for n in 0..5 {
        assert_eq!(results.next().unwrap().unwrap(), n * n);
    }
    drop(results);
    assert!((5..=5 + 4).contains(&taken), "{taken} items were taken of an endless row");
}

fn a_result_that_does_not_come_in_time() {
    let pool = Pool::new(1).unwrap();
    let slow = pool.apply_async(after, (50,));
    let slow = slow.result_for(Duration::from_millis(1)).unwrap_err();
    let waiting = pool.apply_async(square, (1,));
    assert!(waiting.cancel(), "no worker has taken it");
    assert!(matches!(waiting.result(), Err(TaskError::Cancelled)));
    assert_eq!(slow.result().unwrap(), 50);
}

#[process::entry]
fn fails_at_three(n: u32) -> u32 {
    assert!(n != 3, "n == {n} is not accepted");
    n
}

fn the_panic_of_a_worker_is_carried_back() {
    let pool = Pool::new(2).unwrap();
    let before: HashSet<u32> = pool.idle_pids().into_iter().collect();
    let results: Vec<_> = pool.imap(fails_at_three, 1..=4).collect();
    assert_eq!(results.iter().filter_map(|result| result.as_ref().ok()).collect::<Vec<_>>(), [&1, &2, &4]);
    let error = results.into_iter().find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "the task panicked: n == 3 is not accepted");
    assert!(pool.map(fails_at_three, 1..=4).is_err());
    assert!(pool.map(fails_at_three, 5..=8).is_ok());
    assert_eq!(pool.idle_pids().into_iter().collect::<HashSet<_>>(), before, "the workers go on");
}

#[process::entry]
fn die(how: i32) {
    if how == 0 {
        std::process::abort();
    }
    std::process::exit(how);
}

fn a_killed_worker_is_reported_and_replaced() {
    let pool = Pool::new(1).unwrap();
    let before = pool.idle_pids();
    let error = pool.apply(die, (0,)).unwrap_err();
    let TaskError::Process(error) = error else { panic!("{error}") };
    assert!(matches!(error.cause(), Cause::Ended(_)));
    let said = error.to_string();
    assert!(
        said.starts_with("process `PoolWorker-1`: process::pool::die: it ended before the call"),
        "{said}"
    );
    assert!(said.contains("signal: 6"), "{said}");
    let said = pool.apply(die, (7,)).unwrap_err().to_string();
    assert!(said.starts_with("process `PoolWorker-2`") && said.contains("exit status: 7"), "{said}");
    assert_eq!(pool.apply(square, (4,)).unwrap(), 16);
    assert_ne!(pool.idle_pids(), before);
}

fn kill(pid: u32) {
    // SAFETY: a plain system call, on a child that nobody has waited for.
    assert_eq!(unsafe { libc::kill(pid as i32, libc::SIGKILL) }, 0);
}

/// It never got the task: another one does it.
fn a_worker_killed_while_idle_is_replaced() {
    let pool = Pool::new(1).unwrap();
    let victim = pool.idle_pids()[0];
    kill(victim);
    // Its end of the pipe is closed when its memory is.
    while std::fs::read_to_string(format!("/proc/{victim}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
    assert_eq!(pool.apply(square, (6,)).unwrap(), 36);
    assert_ne!(pool.idle_pids(), [victim]);
}

fn not_marked(n: u32) -> u32 {
    n
}

#[process::entry]
fn with_lock(_: Lock) {}

fn tasks_that_cannot_be_sent() {
    let pool = Pool::new(1).unwrap();
    let said = pool.apply(not_marked, (1,)).unwrap_err().to_string();
    assert!(said.starts_with("process `main`: process::pool::not_marked: unknown entry point"), "{said}");
    let said = pool.apply(with_lock, (Lock::new().unwrap(),)).unwrap_err().to_string();
    assert!(
        said.starts_with("process `main`: process::pool::with_lock: the arguments cannot be sent"),
        "{said}"
    );
    assert_eq!(pool.apply(square, (5,)).unwrap(), 25);
}

fn the_futures_are_those_of_threads() {
    let executor = ProcessPoolExecutor::new(2).unwrap().named("numbers");
    let futures: Vec<_> = [30u64, 1, 10].map(|n| executor.submit(after, (n,))).into();
    let waited = wait(futures, When::First, None);
    assert!(!waited.done.is_empty());
    let mut all: Vec<u64> = Vec::new();
    all.extend(waited.done.into_iter().map(|future| future.result().unwrap()));
    all.extend(as_completed(waited.not_done).map(|future| future.result().unwrap()));
    all.sort_unstable();
    assert_eq!(all, [1, 10, 30]);
    let squares: Vec<u64> = executor.map(0..20, square).map(Result::unwrap).collect();
    assert!(squares.into_iter().eq((0..20).map(|n| n * n)));
    let (tell, told) = std::sync::mpsc::channel();
    executor
        .submit(square, (3,))
        .add_done_callback(move |result| tell.send(*result.as_ref().unwrap()).unwrap());
    assert_eq!(told.recv().unwrap(), 9);
    executor.shutdown();
    assert!(matches!(executor.submit(square, (1,)).result(), Err(TaskError::ShutDown)));
}

/// A number of tasks, of which every tenth kills its worker: each gives its result or says what happened.
fn many_tasks_over_dying_workers() {
    let executor = ProcessPoolExecutor::new(3).unwrap();
    let futures: Vec<_> = (0..60u64).map(|n| (n, executor.submit(square_or_die, (n,)))).collect();
    for (n, future) in futures {
        match future.result() {
            Ok(square) => assert_eq!((square, n % 10 == 9), (n * n, false)),
            Err(error) => {
                assert!(n % 10 == 9 && error.to_string().contains("exit status: 3"), "{n}: {error}")
            }
        }
    }
    assert_eq!(executor.idle_pids().len(), 3);
}

#[process::entry]
fn square_or_die(n: u64) -> u64 {
    if n % 10 == 9 {
        std::process::exit(3);
    }
    n * n
}
