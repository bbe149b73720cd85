//! `scenarios NAME`: one small program for each way locks go wrong, or look as if they did.
//!
//! Each is run as a process of its own, because what was found belongs to the process. Its threads are ordered by
//! std's barriers and channels, which nobody watches, so that what is found does not depend on luck. The last line
//! on standard output is the report as JSON. Which report is due is not known here: see `tests/matrix.rs`.
//!
//! Those of `explored` go wrong in some orders only, which `tests/e2e/explore.rs` has the tool find; the report is the
//! tool's.
//!
//! Those that really hang are meant for `LOCKCHECK_ON_DEADLOCK=panic`, which ends one side.

mod beside;
mod explored;
mod hang;
mod messages;
mod misuse;
mod order;
mod protocols;
mod rwlock;
mod threads;
mod unwatched;
mod waits;

use std::process::ExitCode;

/// A scenario by the name it is called with.
type Scenario = (&'static str, fn());

fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        order::ALL,
        rwlock::ALL,
        hang::ALL,
        waits::ALL,
        beside::ALL,
        unwatched::ALL,
        messages::ALL,
        misuse::ALL,
        protocols::ALL,
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let is_wanted = |scenario: &&Scenario| scenario.0 == wanted;
    if let Some((_, scenario)) = explored::ALL.iter().find(is_wanted) {
        scenario();
        return ExitCode::SUCCESS;
    }
    let Some((_, scenario)) = all().find(is_wanted) else {
        let names: Vec<_> = all().map(|(name, _)| *name).collect();
        eprintln!("`{wanted}` is not a scenario; expected one of {}", names.join(", "));
        return ExitCode::from(2);
    };
    scenario();
    println!("{}", lockcheck_report::json::render(&tracked::report()));
    ExitCode::SUCCESS
}
