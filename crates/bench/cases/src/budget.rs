//! How long a measurement lasts. Locks differ a thousandfold in speed, so the number of calls follows the time.

use std::time::{Duration, Instant};

/// Calls of the first attempt.
const FIRST: u64 = 64;
/// How much a further attempt grows at the most: what is slow to start must not end up with far too many calls.
const GROWTH_MAX: u64 = 16;

/// How long a slice lasts at least: long enough for a lock's own periodic work to be in each, short enough for most of them
/// to run without being interrupted, however busy the machine.
const SLICE: Duration = Duration::from_millis(1);

/// How much work a measurement is.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// As many calls as take at least this long.
    Time(Duration),
    /// This many calls, for counting instructions.
    Calls(u64),
}

impl Budget {
    /// Nanoseconds of one call. `Time` finds out how many calls make a slice, by which whatever is done on first use has
    /// been done, and then gives the fastest of the slices that the time has room for.
    pub(crate) fn ns_per_call(self, mut call: impl FnMut()) -> f64 {
        let mut run = |calls: u64| {
            let start = Instant::now();
            for _ in 0..calls {
                call();
            }
            start.elapsed()
        };
        let per_call = |calls: u64, elapsed: Duration| elapsed.as_nanos() as f64 / calls as f64;
        let wanted = match self {
            Budget::Calls(calls) => return per_call(calls, run(calls)),
            Budget::Time(wanted) => wanted,
        };
        let mut calls = FIRST;
        let mut fastest = run(calls);
        while fastest < SLICE {
            calls *= growth(SLICE, fastest);
            fastest = run(calls);
        }
        let start = Instant::now();
        while start.elapsed() < wanted {
            fastest = fastest.min(run(calls));
        }
        per_call(calls, fastest)
    }
}

/// By how much more calls would last as long as wanted, a fifth added so that it is the last attempt.
fn growth(wanted: Duration, elapsed: Duration) -> u64 {
    let missing = wanted.as_nanos() * 6 / 5 / elapsed.as_nanos().max(1);
    (missing as u64 + 1).clamp(2, GROWTH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_calls_is_kept_to() {
        let mut called = 0;
        Budget::Calls(77).ns_per_call(|| called += 1);
        assert_eq!(called, 77);
    }

    #[test]
    fn growth_is_bounded_on_both_sides() {
        let ms = Duration::from_millis;
        assert_eq!(growth(ms(50), ms(49)), 2);
        assert_eq!(growth(ms(50), ms(10)), 7);
        assert_eq!(growth(ms(50), Duration::ZERO), GROWTH_MAX);
    }
}
