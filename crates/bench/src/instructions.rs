//! Counts the instructions of one call, under valgrind: the same on a busy machine as on a quiet one.
//!
//! A process of many calls less one of few leaves what the additional calls took. It says nothing of memory, of atomic
//! operations' cost or of how well instructions overlap: it is for telling versions apart, not for ratios of time.

use lockcheck_bench_cases::Case;

use crate::rounds::{Measured, Results};
use crate::workers::{Entrant, Error};

const VALGRIND: [&str; 3] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
/// Calls of the two processes whose difference counts; the first are enough for all that is done once.
const FEW: u64 = 2_000;
const MANY: u64 = 12_000;

/// Instructions of one call, for each entrant and case.
pub(crate) fn count(entrants: &[Entrant], cases: &[&'static Case]) -> Result<Results, Error> {
    std::process::Command::new("valgrind")
        .arg("--version")
        .output()
        .map_err(|error| Error::Start("valgrind".to_owned(), error))?;
    let mut measured = Vec::new();
    for &case in cases {
        eprintln!("{}: counting", case.name);
        let figures = entrants.iter().map(|entrant| one(entrant, case).into_iter().collect()).collect();
        measured.push(Measured { case, figures });
    }
    Ok(Results { method: "instructions of one call, by valgrind".to_owned(), cases: measured })
}

fn one(entrant: &Entrant, case: &Case) -> Option<f64> {
    let of =
        |calls: u64| collected(&entrant.ask(&VALGRIND, &["calls", case.name, &calls.to_string()])?.stderr);
    Some((of(MANY)? - of(FEW)?) / (MANY - FEW) as f64)
}

/// What valgrind says it has counted.
fn collected(log: &[u8]) -> Option<f64> {
    let log = String::from_utf8_lossy(log);
    let (_, count) = log.lines().find_map(|line| line.split_once("Collected : "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_the_log() {
        let log = b"==12== Events    : Ir\n==12== Collected : 248734\n==12== \n";
        assert_eq!(collected(log), Some(248_734.0));
        assert_eq!(collected(b"==12== \n"), None);
    }
}
