//! How fast runs are explored: `cargo run --release -p lockcheck-bench --bin explore`.
//!
//! All threads of an exploration share one processor, so that processor time is what counts on a machine that does other
//! things as well; wall time stands beside it. `kernel`: the same with threads that the kernel switches, as it has to
//! on other processors than x86-64.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use tracked::explore::Strategy;
use tracked::{Explore, Mutex, thread};

/// Two threads, two locks; `opposite`: in opposite orders, which can deadlock.
fn two_locks(opposite: bool) {
    let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
    let theirs = Arc::clone(&locks);
    let one = thread::spawn(move || {
        let _a = theirs.0.lock().unwrap();
        let _b = theirs.1.lock().unwrap();
    });
    let theirs = Arc::clone(&locks);
    let other = thread::spawn(move || {
        let (first, second) = if opposite { (&theirs.1, &theirs.0) } else { (&theirs.0, &theirs.1) };
        let _first = first.lock().unwrap();
        let _second = second.lock().unwrap();
    });
    one.join().unwrap();
    other.join().unwrap();
}

/// Three philosophers, one of whom is left-handed.
fn philosophers() {
    let forks: Arc<[Mutex<u32>; 3]> = Arc::new([Mutex::new(0), Mutex::new(0), Mutex::new(0)]);
    let eaters = [(0, 1), (1, 2), (0, 2)].map(|(first, second)| {
        let forks = Arc::clone(&forks);
        thread::spawn(move || {
            let _first = forks[first].lock().unwrap();
            let _second = forks[second].lock().unwrap();
        })
    });
    eaters.into_iter().for_each(|eater| eater.join().unwrap());
}

/// What the process has used so far.
struct Used {
    /// Processor time, in seconds.
    seconds: f64,
    /// How often a thread of it slept: under control, a hand-off.
    slept: i64,
    /// How often one was interrupted in favour of another, be it one of its own.
    interrupted: i64,
}

fn used() -> Used {
    // SAFETY: zeros are a value of this plain structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is valid for writing.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Used {
        seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        slept: usage.ru_nvcsw,
        interrupted: usage.ru_nivcsw,
    }
}

/// One system call on the futex at `word`.
fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word outlives the call, and no time is given.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            std::ptr::null::<libc::timespec>(),
        );
    }
}

/// What a hand-off costs without anything of ours: so many threads on one processor, each of which wakes the next one and
/// sleeps, as the threads of an exploration do and in the same scheduling class. Between three it costs more than between
/// two: a thread that sleeps stays in the scheduler's queue for a while, where it is met again.
fn ring(size: usize, turns: u32) {
    // SAFETY: takes no arguments; an array of integers, for which zeros are a value; and a processor that exists.
    unsafe {
        let mut only: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu() as usize, &mut only);
        let mut before: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut before);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &only);
        let words: Vec<AtomicU32> = (0..size).map(|_| AtomicU32::new(0)).collect();
        let take = |own: usize| {
            while words[own].swap(0, Ordering::Acquire) == 0 {
                futex(&words[own], libc::FUTEX_WAIT, 0);
            }
        };
        let give = |own: usize| {
            let next = &words[(own + 1) % size];
            next.store(1, Ordering::Release);
            futex(next, libc::FUTEX_WAKE, 1);
        };
        let batch = || {
            let plain: libc::sched_param = std::mem::zeroed();
            libc::sched_setscheduler(0, libc::SCHED_BATCH, &plain);
        };
        let (began, before_it) = (Instant::now(), used());
        std::thread::scope(|scope| {
            for own in 1..size {
                let turn = move || (take(own), give(own)).1;
                scope.spawn(move || (batch(), (0..turns).for_each(|_| turn())).1);
            }
            let first = scope.spawn(|| (batch(), (0..turns).for_each(|_| (give(0), take(0)).1)).1);
            let _ = first.join();
        });
        let hand_offs = size as f64 * f64::from(turns);
        println!(
            "a bare hand-off among {size} threads on one processor: {:.2} us of processor, {:.2} us of wall",
            (used().seconds - before_it.seconds) * 1e6 / hand_offs,
            began.elapsed().as_secs_f64() * 1e6 / hand_offs,
        );
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &before);
    }
}

/// Resident memory, in kilobytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn measure(name: &str, explore: &Explore, body: fn()) {
    let (began, before) = (Instant::now(), used());
    let report = explore.clone().check(body);
    let (wall, after) = (began.elapsed().as_secs_f64(), used());
    let rate = |time: f64| report.runs as f64 / time;
    let each = |count: i64| count as f64 / report.runs as f64;
    println!(
        "{name:<42} {:>8} runs {:>7.0} a second of processor {:>7.0} of wall; a run: {:.1} steps, {:.1} hand-offs, \
         {:.1} interruptions; {} kB{}",
        report.runs,
        rate(after.seconds - before.seconds),
        rate(wall),
        report.steps as f64 / report.runs as f64,
        each(after.slept - before.slept),
        each(after.interrupted - before.interrupted),
        memory(),
        if report.is_clean() { "" } else { "  found something" },
    );
}

fn main() {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(100_000);
    ring(2, 200_000);
    ring(3, 200_000);
    let explore = Explore::new().runs(runs);
    measure("two locks in one order, default portfolio", &explore, || two_locks(false));
    for (name, strategy) in [
        ("two locks in one order, random", Strategy::Random),
        ("two locks in one order, pos", Strategy::Pos),
        ("two locks in one order, pct", Strategy::Pct { depth: 2 }),
    ] {
        measure(name, &explore.clone().strategy(strategy), || two_locks(false));
        let by_kernel = explore.clone().strategy(strategy).kernel_switches(true);
        measure(&format!("{name}, kernel"), &by_kernel, || two_locks(false));
    }
    let random = explore.clone().strategy(Strategy::Random);
    measure("three philosophers, random", &random, philosophers);
    measure("three philosophers, random, kernel", &random.kernel_switches(true), philosophers);
    measure("three philosophers, exhaustive", &explore.clone().exhaustive(), philosophers);
    measure("two locks in opposite orders, until found", &explore, || two_locks(true));
}
