//! What recording costs over mode `check`, in nanoseconds an event.
//!
//! `cargo bench -p tracked --features check --bench record`. Each figure is the fastest of several short runs of this
//! program in either mode, taken in turn; the machine may be noisy, and only their difference means much.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracked::{Lock, thread};

/// Which part a process plays: a case, by name.
const PART: &str = "RECORD_BENCH_PART";
/// Calls of one slice, and slices of a process: 16 bytes an event stay far below what a file may have.
const CALLS: u64 = 20_000;
const SLICES: u32 = 40;
/// Processes of each kind.
const ROUNDS: u32 = 5;

/// A case: its name, events of a call, and what is called in each of so many threads.
struct Case {
    name: &'static str,
    events: u32,
    threads: u32,
    call: fn(&[Lock<u64>; 2]),
}

const CASES: [Case; 5] = [
    Case { name: "lock + unlock", events: 2, threads: 1, call: |locks| drop(locks[0].lock()) },
    Case { name: "lock + write + unlock", events: 3, threads: 1, call: |locks| *locks[0].lock() += 1 },
    Case { name: "nested pair", events: 4, threads: 1, call: nested },
    Case {
        name: "lock + unlock, 2 threads on their own",
        events: 2,
        threads: 2,
        call: |locks| drop(locks[0].lock()),
    },
    Case { name: "nested pair, 2 threads on their own", events: 4, threads: 2, call: nested },
];

fn nested(locks: &[Lock<u64>; 2]) {
    let _outer = locks[0].lock();
    drop(locks[1].lock());
}

/// Nanoseconds of a call, in this process.
fn measure(case: &Case) -> f64 {
    let run = |call: fn(&[Lock<u64>; 2])| {
        let locks = Arc::new([Lock::new(0), Lock::new(0)]);
        let mut fastest = Duration::MAX;
        for _ in 0..SLICES {
            let start = Instant::now();
            for _ in 0..CALLS {
                call(&locks);
            }
            fastest = fastest.min(start.elapsed());
        }
        fastest
    };
    let call = case.call;
    let started: Vec<_> = (0..case.threads).map(|_| thread::spawn(move || run(call))).collect();
    let slowest = started.into_iter().map(|started| started.join().expect("it measures")).max();
    slowest.unwrap_or_default().as_nanos() as f64 / CALLS as f64
}

/// Nanoseconds of a call, in a process of that mode.
fn ask(case: &Case, mode: &str) -> f64 {
    let folder = tempfile::tempdir().expect("a folder for traces");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(PART, case.name).env("LOCKCHECK", mode).env("LOCKCHECK_OUT", folder.path());
    let output = command.output().expect("a process of this program");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("a figure")
}

fn main() {
    if let Ok(part) = std::env::var(PART) {
        let case = CASES.iter().find(|case| case.name == part).expect("a case of this name");
        println!("{}", measure(case));
        return;
    }
    println!("| case | check, ns a call | record, ns a call | ns more an event |");
    println!("|---|---|---|---|");
    for case in &CASES {
        let (mut check, mut record) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            check = check.min(ask(case, "check"));
            record = record.min(ask(case, "record"));
        }
        let more = (record - check) / f64::from(case.events);
        println!("| {} | {check:.1} | {record:.1} | {more:.1} |", case.name);
    }
}
