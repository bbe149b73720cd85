//! A worker: the process that measures one case on one of the locks it links.
//!
//! | arguments | answer, one line each |
//! |---|---|
//! | `subjects` | the names of its locks |
//! | `time CASE MILLISECONDS SUBJECT` | the figures of the case, separated by blanks |
//! | `calls CASE CALLS SUBJECT` | the same, after so many calls |

use std::process::ExitCode;
use std::time::Duration;

use crate::{Budget, Case, Lock, case, cases};

/// A lock that a worker can measure.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Its name in tables.
    pub name: &'static str,
    measure: fn(&Case, Budget) -> Vec<f64>,
}

/// `L`, under a name.
pub const fn subject<L: Lock>(name: &'static str) -> Subject {
    Subject {
        name,
        measure: |case, budget| {
            L::prepare();
            cases::measure::<L>(case, budget)
        },
    }
}

/// Does what the arguments after `worker` say.
pub fn worker(subjects: &[Subject], arguments: &[String]) -> ExitCode {
    match answer(subjects, arguments) {
        Some(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("a worker does not understand {arguments:?}");
            ExitCode::from(2)
        }
    }
}

fn answer(subjects: &[Subject], arguments: &[String]) -> Option<String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (budget, case_name, name) = match *arguments {
        ["subjects"] => {
            return Some(subjects.iter().map(|subject| subject.name).collect::<Vec<_>>().join("\n"));
        }
        ["time", case, ms, subject] => (Budget::Time(Duration::from_millis(ms.parse().ok()?)), case, subject),
        ["calls", case, calls, subject] => (Budget::Calls(calls.parse().ok()?), case, subject),
        _ => return None,
    };
    let subject = subjects.iter().find(|subject| subject.name == name)?;
    let figures = (subject.measure)(case(case_name)?, budget);
    Some(figures.iter().map(f64::to_string).collect::<Vec<_>>().join(" "))
}
