//! A schedule: the list of deviations from the default order that replays a run, and its text.
//!
//! ```text
//! b1:                    the default order
//! b1:0.102>1             when worker 0 would be about to do its operation 102, run worker 1 instead
//! b1:0.102>1,1.7>0       two deviations
//! b1:0.3=2               in the course of worker 0's operation 3, the first draw is 2 (the default is 0)
//! b1:0.3#1=1             the second draw of that operation is 1
//! b1:0.0#99=1            the ends of holds and of workers are operations too
//! ```
//!
//! The one that "would be about to" is the [default choice](crate::default_choice) of the moment, which need not be
//! the worker that ran last. Operations have the indices of their thread's events. Nothing here knows programs; whether
//! a schedule still fits one is found out by [`Replay`](crate::Replay).

use std::fmt;
use std::str::FromStr;

use crate::moment::Worker;

/// One deviation from the default order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Deviation {
    /// Another worker runs than the default choice.
    Run {
        /// The default choice.
        instead_of: Worker,
        /// The index of the operation that it would be about to do.
        index: u32,
        /// Who runs.
        run: Worker,
    },
    /// A draw is not 0.
    Draw {
        /// Whose operation it is.
        worker: Worker,
        /// The index of the operation.
        index: u32,
        /// How many draws there were in this operation before.
        ordinal: u32,
        /// What is drawn.
        value: u32,
    },
}

impl Deviation {
    /// The worker and the operation that the deviation names, whose turn it would have been or whose draw it is.
    #[must_use]
    pub fn place(&self) -> (Worker, u32) {
        match *self {
            Deviation::Run { instead_of, index, .. } => (instead_of, index),
            Deviation::Draw { worker, index, .. } => (worker, index),
        }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Deviation::Run { instead_of, index, run } => write!(f, "{}.{index}>{}", instead_of.0, run.0),
            Deviation::Draw { worker, index, ordinal, value } => {
                write!(f, "{}.{index}", worker.0)?;
                if ordinal > 0 {
                    write!(f, "#{ordinal}")?;
                }
                write!(f, "={value}")
            }
        }
    }
}

/// What replays a run: its deviations from the default order, in the order in which they took place.
///
/// Deviations of one worker have indices that do not fall.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Schedule {
    deviations: Vec<Deviation>,
}

/// More deviations than any recorded run has: what is longer is not a schedule.
const DEVIATIONS_MAX: usize = 1 << 20;

/// The draw of worker 0's first operation that stands for [`Draw::Fine`](crate::Draw::Fine), which is made before it.
/// No operation has so many of its own.
pub(crate) const FINE_ORDINAL: u32 = 99;

/// The version of the text form, and of the default order it stands on.
const PREFIX: &str = "b1:";

impl Schedule {
    /// The default order.
    #[must_use]
    pub fn new() -> Schedule {
        Schedule::default()
    }

    /// The deviations, in the order in which they take place.
    #[must_use]
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// Number of deviations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deviations.len()
    }

    /// Whether it is the default order.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deviations.is_empty()
    }

    /// Forgets all deviations; keeps the buffer.
    pub(crate) fn clear(&mut self) {
        self.deviations.clear();
    }

    /// Adds what took place next.
    pub(crate) fn push(&mut self, deviation: Deviation) {
        self.deviations.push(deviation);
    }
}

impl FromIterator<Deviation> for Schedule {
    fn from_iter<I: IntoIterator<Item = Deviation>>(deviations: I) -> Schedule {
        Schedule { deviations: deviations.into_iter().collect() }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for (place, deviation) in self.deviations.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            write!(f, "{deviation}")?;
        }
        Ok(())
    }
}

/// Why a text is not a schedule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not a schedule at all.
    #[error("a schedule begins with `b1:`, as in `b1:0.102>1`; this begins with `{0}`")]
    Prefix(String),
    /// A part that is not a deviation.
    #[error(
        "column {column}: `{part}` is not a deviation: expected `THREAD.OPERATION>THREAD`, `THREAD.OPERATION=CHOICE` \
         or `THREAD.OPERATION#DRAW=CHOICE`"
    )]
    Deviation {
        /// Where it begins, from 1.
        column: usize,
        /// What stands there.
        part: String,
    },
    /// A number that is none or too large.
    #[error("column {column}: `{part}` is not a number below 4294967296")]
    Number {
        /// Where it begins, from 1.
        column: usize,
        /// What stands there.
        part: String,
    },
    /// Deviations that no run can have in this order.
    #[error(
        "column {column}: thread {worker} is past its operation {index} here: its operations come in ascending order"
    )]
    Order {
        /// Where it begins, from 1.
        column: usize,
        /// Whose deviation it is.
        worker: u32,
        /// The index that is too small.
        index: u32,
    },
    /// Too long.
    #[error("more than {DEVIATIONS_MAX} deviations")]
    TooMany,
}

/// At most so much of a bad text stands in a message.
const SHOWN_CHARS: usize = 24;

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        let text = text.trim();
        let rest = text.strip_prefix(PREFIX).ok_or_else(|| ScheduleError::Prefix(shown(text)))?;
        let mut schedule = Schedule::new();
        if rest.is_empty() {
            return Ok(schedule);
        }
        let mut reached: Vec<(u32, u32)> = Vec::new();
        let mut column = PREFIX.len() + 1;
        for part in rest.split(',') {
            if schedule.len() == DEVIATIONS_MAX {
                return Err(ScheduleError::TooMany);
            }
            let deviation = deviation(part, column)?;
            let (Worker(worker), index) = deviation.place();
            match reached.iter_mut().find(|(known, _)| *known == worker) {
                Some((_, last)) if *last > index => {
                    return Err(ScheduleError::Order { column, worker, index });
                }
                Some((_, last)) => *last = index,
                None => reached.push((worker, index)),
            }
            schedule.push(deviation);
            column += part.chars().count() + 1;
        }
        Ok(schedule)
    }
}

/// One deviation, whose text begins at this column.
fn deviation(part: &str, column: usize) -> Result<Deviation, ScheduleError> {
    let not_one = || ScheduleError::Deviation { column, part: shown(part) };
    let number = |text: &str, after: usize| {
        if text.is_empty() {
            return Err(not_one());
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let column = column + after;
        let bad = || ScheduleError::Number { column, part: shown(text) };
        if is_number { text.parse::<u32>().map_err(|_| bad()) } else { Err(bad()) }
    };
    let (worker, rest) = part.split_once('.').ok_or_else(not_one)?;
    let instead_of = Worker(number(worker, 0)?);
    let after_worker = worker.chars().count() + 1;
    if let Some((index, run)) = rest.split_once('>') {
        let after_index = after_worker + index.chars().count() + 1;
        let (index, run) = (number(index, after_worker)?, Worker(number(run, after_index)?));
        if run == instead_of {
            return Err(not_one());
        }
        return Ok(Deviation::Run { instead_of, index, run });
    }
    let (key, value) = rest.split_once('=').ok_or_else(not_one)?;
    let (index, ordinal) = match key.split_once('#') {
        Some((index, ordinal)) => (index, number(ordinal, after_worker + index.chars().count() + 1)?),
        None => (key, 0),
    };
    let value = number(value, after_worker + key.chars().count() + 1)?;
    Ok(Deviation::Draw { worker: instead_of, index: number(index, after_worker)?, ordinal, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, error: &str) {
        assert_eq!(text.parse::<Schedule>().unwrap_err().to_string(), error, "{text}");
    }

    #[test]
    fn the_text_is_the_one_of_the_docs() {
        let schedule: Schedule = "b1:0.102>1,1.7>0,0.103=2,0.103#1=4".parse().unwrap();
        assert_eq!(
            schedule.deviations()[0],
            Deviation::Run { instead_of: Worker(0), index: 102, run: Worker(1) }
        );
        assert_eq!(
            schedule.deviations()[3],
            Deviation::Draw { worker: Worker(0), index: 103, ordinal: 1, value: 4 }
        );
        assert_eq!(schedule.to_string(), "b1:0.102>1,1.7>0,0.103=2,0.103#1=4");
        assert_eq!("b1:".parse(), Ok(Schedule::new()));
        assert_eq!(" b1:0.1>2\n".parse::<Schedule>().unwrap().len(), 1);
    }

    #[test]
    fn errors_name_the_place_and_what_was_expected() {
        check("0.1>2", "a schedule begins with `b1:`, as in `b1:0.102>1`; this begins with `0.1>2`");
        let expected =
            "expected `THREAD.OPERATION>THREAD`, `THREAD.OPERATION=CHOICE` or `THREAD.OPERATION#DRAW=CHOICE`";
        check("b1:0.1>2,", &format!("column 10: `` is not a deviation: {expected}"));
        check("b1:0.1", &format!("column 4: `0.1` is not a deviation: {expected}"));
        check("b1:1.1>1", &format!("column 4: `1.1>1` is not a deviation: {expected}"));
        check("b1:0.1>x", "column 8: `x` is not a number below 4294967296");
        check("b1:0.99999999999>1", "column 6: `99999999999` is not a number below 4294967296");
        check("b1:0.-1=1", "column 6: `-1` is not a number below 4294967296");
        check(
            "b1:0.5>1,0.4>1",
            "column 10: thread 0 is past its operation 4 here: its operations come in ascending order",
        );
    }
}
