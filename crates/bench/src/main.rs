//! What watching costs: each case on plain locks, on watched ones and on the neighbours', interleaved in one run.
//!
//! `cargo run --release -p lockcheck-bench` builds the neighbours first (`crates/bench/neighbours`, a workspace of its
//! own that nothing else builds). The machine may be noisy: only ratios of one run mean anything, and only those of a
//! quiet machine mean much; `--instructions` counts what noise cannot change.

mod instructions;
mod rounds;
mod table;
mod workers;

use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use clap::Parser;
use lockcheck_bench_cases::{CASES, Case, Subject, case, lock, subject, worker};

use rounds::Results;
use workers::Entrant;

lock!(ParkingLot, parking_lot::Mutex<u64>, parking_lot::MutexGuard, lock => lock.lock());
lock!(Std, Mutex<u64>, MutexGuard, lock => lock.lock().unwrap());
lock!(TrackedLock, tracked::Lock<u64>, tracked::Guard, lock => lock.lock());
lock!(TrackedParkingLot, tracked::parking_lot::Mutex<u64>, tracked::parking_lot::MutexGuard, lock => lock.lock());
lock!(TrackedMutex, tracked::Mutex<u64>, tracked::MutexGuard, lock => lock.lock().unwrap());

/// Our own locks and the plain ones; the first is what all others are compared with.
const OWN: [Subject; 5] = [
    subject::<ParkingLot>("parking_lot 0.12"),
    subject::<Std>("std"),
    subject::<TrackedLock>("tracked::Lock"),
    subject::<TrackedMutex>("tracked::Mutex"),
    subject::<TrackedParkingLot>("tracked::parking_lot::Mutex"),
];

/// What watching costs, against plain locks and the neighbours in the same run.
#[derive(Parser)]
struct Options {
    /// Three short rounds instead of nine longer ones: an impression, not a measurement
    #[arg(long)]
    quick: bool,
    /// Only this case; can be given several times
    #[arg(long, value_name = "CASE", value_parser = known_case)]
    only: Vec<&'static Case>,
    /// Do not build and run the neighbours
    #[arg(long)]
    no_neighbours: bool,
    /// Count the instructions of one call under valgrind instead of measuring time
    #[arg(long)]
    instructions: bool,
    /// Print the figures as one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

fn known_case(name: &str) -> Result<&'static Case, String> {
    case(name).ok_or_else(|| {
        let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        format!("there is no such case; the cases are {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == workers::WORKER) {
        return worker(&OWN, &arguments[2..]);
    }
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockcheck-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), workers::Error> {
    let entrants = workers::entrants(!options.no_neighbours)?;
    let cases = CASES
        .iter()
        .filter(|case| options.only.is_empty() || options.only.iter().any(|only| only.name == case.name));
    let results = if options.instructions {
        let cases: Vec<_> = cases.filter(|case| case.countable).collect();
        instructions::count(&entrants, &cases)?
    } else {
        let (rounds, time) =
            if options.quick { (3, Duration::from_millis(10)) } else { (9, Duration::from_millis(50)) };
        rounds::measure(&entrants, &cases.collect::<Vec<_>>(), rounds, time)
    };
    print(&results, &entrants, options.json);
    Ok(())
}

fn print(results: &Results, entrants: &[Entrant], json: bool) {
    if json {
        println!("{}", table::json(results, entrants));
    } else {
        print!("{}", table::markdown(results, entrants));
    }
}
