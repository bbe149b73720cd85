//! `tracked::process`: children run what they are given, what is shared is shared, and what goes wrong is said, watched
//! or not.
//!
//! Children execute this program once more, so that it has a `main` of its own, which begins with `init`; the tests run
//! one after the other.

mod bad;
mod manager;
mod pool;
mod shared;
mod talk;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Duration;

use tracked::process;

/// Nothing here takes nearly so long.
const TOO_LONG: Duration = Duration::from_secs(120);

type Test = (&'static str, fn());

fn main() -> ExitCode {
    process::init();
    std::thread::spawn(|| {
        std::thread::sleep(TOO_LONG);
        eprintln!("the tests hang");
        std::process::abort();
    });
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    let tests = [talk::TESTS, shared::TESTS, bad::TESTS, pool::TESTS, manager::TESTS].concat();
    let mut failed = false;
    for (name, test) in tests.into_iter().filter(|(name, _)| chosen(name)) {
        let ok = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed |= !ok;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
