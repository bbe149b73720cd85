//! How fast runs are explored: `cargo run --release -p lockcheck-bench --bin explore`.
//!
//! All threads of an exploration share one processor, so that processor time is what counts on a machine that does other
//! things as well; wall time stands beside it.

use std::sync::Arc;
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

/// Processor time of the process, in seconds.
fn processor_time() -> f64 {
    // SAFETY: zeros are a value of this plain structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is valid for writing.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Resident memory, in kilobytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn measure(name: &str, explore: &Explore, body: fn()) {
    let (began, before) = (Instant::now(), processor_time());
    let report = explore.clone().check(body);
    let (wall, cpu) = (began.elapsed().as_secs_f64(), processor_time() - before);
    let rate = |time: f64| report.runs as f64 / time;
    println!(
        "{name:<44} {:>9} runs {:>9.0} a second of processor {:>9.0} of wall {:>7} kB{}",
        report.runs,
        rate(cpu),
        rate(wall),
        memory(),
        if report.is_clean() { "" } else { "  found something" },
    );
}

fn main() {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(100_000);
    let explore = Explore::new().runs(runs);
    measure("two locks in one order, default portfolio", &explore, || two_locks(false));
    for (name, strategy) in [
        ("two locks in one order, random", Strategy::Random),
        ("two locks in one order, pos", Strategy::Pos),
        ("two locks in one order, pct", Strategy::Pct { depth: 2 }),
    ] {
        measure(name, &explore.clone().strategy(strategy), || two_locks(false));
    }
    measure("three philosophers, random", &explore.clone().strategy(Strategy::Random), philosophers);
    measure("three philosophers, exhaustive", &explore.clone().exhaustive(), philosophers);
    measure("two locks in opposite orders, until found", &explore, || two_locks(true));
}
