//! Redoes the practice: published crates with a known hang, and healthy ones with tests of their own, each with its lock
//! imports swapped by `lockcheck swap` and nothing else changed. `docs/practice.md` has the results.
//!
//! Not a test: it fetches crates from the registry, and it takes a while.
//!
//! ```sh
//! cargo build -p lockcheck && cargo run -p lockcheck-practice                 # all of it
//! cargo run -p lockcheck-practice -- indicatif flume-tests                    # some of it
//! ```
//!
//! What it builds lies in `target/practice`. It prints one line a row, and ends with 1 if one of them is not won.

mod cases;
mod program;
mod suite;
mod workshop;

use std::process::ExitCode;

use cases::{CASES, SUITES};
use workshop::Workshop;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let known = |name: &String| {
        CASES.iter().any(|case| case.name == name) || SUITES.iter().any(|suite| suite.name == name)
    };
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        eprintln!("practice: there is no `{unknown}`");
        CASES
            .iter()
            .map(|case| case.name)
            .chain(SUITES.iter().map(|suite| suite.name))
            .for_each(|name| eprintln!("  {name}"));
        return ExitCode::from(2);
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let workshop = match Workshop::open() {
        Ok(workshop) => workshop,
        Err(error) => {
            eprintln!("practice: {error}");
            return ExitCode::from(2);
        }
    };
    let mut won = true;
    for case in CASES.iter().filter(|case| is_wanted(case.name)) {
        let rows = program::practise(&workshop, case);
        won &= tell(case.name, rows);
    }
    for suite in SUITES.iter().filter(|suite| is_wanted(suite.name)) {
        let row = suite::practise(&workshop, suite);
        won &= tell(suite.name, row.map(|row| vec![row]));
    }
    if won { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line of the outcome.
struct Row {
    /// What was run.
    what: String,
    /// What was seen.
    seen: String,
    /// Why it is not won; empty where it is.
    lost: Vec<String>,
}

fn tell(name: &str, rows: Result<Vec<Row>, String>) -> bool {
    match rows {
        Ok(rows) => {
            for row in &rows {
                let verdict = if row.lost.is_empty() { "won " } else { "LOST" };
                println!("{verdict} | {name} {} | {}", row.what, row.seen);
                row.lost.iter().for_each(|why| println!("       {why}"));
            }
            rows.iter().all(|row| row.lost.is_empty())
        }
        Err(error) => {
            println!("LOST | {name} | {error}");
            false
        }
    }
}
