//! Measures every entrant in every round, so that what happens to the machine happens to all of them.

use std::time::Duration;

use lockcheck_bench_cases::Case;

use crate::workers::Entrant;

/// What was measured of a case.
pub(crate) struct Measured {
    pub case: &'static Case,
    /// For each entrant, one figure for each of the case's columns; empty where the entrant failed.
    pub figures: Vec<Vec<f64>>,
}

/// All that was measured, and how.
pub(crate) struct Results {
    pub method: String,
    pub cases: Vec<Measured>,
}

/// Medians of `rounds` rounds, each measurement lasting at least `time`.
pub(crate) fn measure(
    entrants: &[Entrant],
    cases: &[&'static Case],
    rounds: usize,
    time: Duration,
) -> Results {
    let cases = cases.iter().map(|case| measure_case(entrants, case, rounds, time)).collect();
    Results { method: format!("medians of {rounds} interleaved rounds of {time:?} each"), cases }
}

fn measure_case(entrants: &[Entrant], case: &'static Case, rounds: usize, time: Duration) -> Measured {
    let ms = time.as_millis().to_string();
    let mut samples: Vec<Vec<Vec<f64>>> = entrants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", case.name, round + 1);
        // Each round begins with another one, so that nobody always comes after the same neighbour.
        for index in (0..entrants.len()).map(|index| (index + round) % entrants.len()) {
            let output = entrants[index].ask(&[], &["time", case.name, &ms]);
            let figures = output.map(|output| figures(&output.stdout)).unwrap_or_default();
            if figures.len() == case.columns.len() {
                samples[index].push(figures);
            }
        }
    }
    Measured { case, figures: samples.iter().map(|samples| medians(samples)).collect() }
}

/// The numbers of a worker's answer, which is its last line: some neighbours print a greeting.
fn figures(output: &[u8]) -> Vec<f64> {
    let output = String::from_utf8_lossy(output);
    let answer = output.lines().next_back().unwrap_or_default();
    answer.split_whitespace().map_while(|word| word.parse().ok()).collect()
}

/// The median of each column.
fn medians(samples: &[Vec<f64>]) -> Vec<f64> {
    let columns = samples.first().map_or(0, Vec::len);
    let median = |column: usize| {
        let mut values: Vec<f64> = samples.iter().map(|sample| sample[column]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (0..columns).map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_taken_column_by_column() {
        let samples = [vec![1.0, 30.0], vec![9.0, 10.0], vec![2.0, 20.0]];
        assert_eq!(medians(&samples), [2.0, 20.0]);
        assert!(medians(&[]).is_empty());
    }

    #[test]
    fn an_answer_is_the_last_line_up_to_the_first_word_that_is_no_number() {
        assert_eq!(figures(b"1.5 2\n"), [1.5, 2.0]);
        assert_eq!(figures(b"\nWelcome 7\n\n1.5 2\n"), [1.5, 2.0]);
        assert!(figures(b"error: 7").is_empty());
    }
}
