//! A sketch of the litmus notation, run once with the real watched locks: what does the online detector foretell?
//!
//! The problem: prediction (section 8 of the notation, [`lockcheck_litmus::predict`]) and the online detector are two
//! pieces of code that must agree. Here the detector is made to see exactly the run that the notation describes: real
//! threads, real locks, one after the other.
//!
//! | module | part |
//! |---|---|
//! | `objects` | the real thing behind each declared object, and a place in the sketch for each statement |
//! | `player` | what a thread of the sketch does, on a thread of its own |
//! | `director` | whose turn it is: follows [`lockcheck_litmus::sequential`] step by step |
//!
//! A statement is carried out when the notation takes its step, so that it finds the lock free. What registers to be
//! woken later (`wait`) really blocks meanwhile, and what is still pending when nobody can move any more is really
//! asked for in the end: those threads block for good, and the detector sees the deadlock if it is one.
//!
//! Two things follow. What a process has learned cannot be unlearned, and its stuck threads cannot be freed: a process
//! runs [`observe`] once and then ends. And values do not matter here: loads and stores, channels and queues are not
//! carried out, but told to the detector as messages that may order threads; barriers, tasks and joins are told to it
//! as the order of threads that the notation says they are.

mod director;
mod objects;
mod player;

use lockcheck_checker::{Code, Report};
use lockcheck_litmus::{Program, Tier};

pub use director::ObserveError;

/// What one run foretells.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The highest tier of what the detector foretold, in the notation's words.
    pub predicted: Tier,
    /// Everything it found.
    pub report: Report,
}

/// Runs the sketch. `file` is what its places are called in the report.
///
/// # Errors
///
/// If a thread cannot be started, or does not do in time what the notation says it can.
pub fn observe(file: &str, program: &Program) -> Result<Observation, ObserveError> {
    let ran = director::run(file, program)?;
    let mut report = tracked::report();
    // A sketch has no clock: what is measured in time is this machine's, not the sketch's.
    report.findings.retain(|finding| !finding.code.is_timed());
    // The detector counts the thread that directs and the records it was given; the reader knows the sketch's.
    report.stats.threads = ran.threads;
    report.stats.events = ran.steps;
    let predicted = predicted(&tracked::tools::foretold(), &report);
    Ok(Observation { predicted, report })
}

/// What the notation calls it: a cycle that counts, or a thread that has run into its own hold, is `likely`; a mere
/// note is `order-only`. A cycle that has happened counts as what was known about it before it did.
fn predicted(foretold: &[(Code, lockcheck_checker::Tier)], report: &Report) -> Tier {
    let cycles = foretold.iter().filter_map(|&(code, tier)| match code {
        Code::LockOrderCycle | Code::RwlockRecursion if tier >= lockcheck_checker::Tier::Likely => {
            Some(Tier::Likely)
        }
        Code::LockOrderCycle | Code::RwlockRecursion => Some(Tier::OrderOnly),
        _ => None,
    });
    let own = report.findings.iter().any(|finding| finding.code == Code::SelfDeadlock);
    cycles.chain(own.then_some(Tier::Likely)).max().unwrap_or(Tier::None)
}
