//! What must come before what, by the names that events have in a trace, and its text.
//!
//! ```text
//! d1:/0.4</1.7,/1.4</0.7      what /0 does as its operation 4 comes before what /1 does as its operation 7, ...
//! ```
//!
//! A thread is named by its path: `/` is the thread that runs the program, `/0` the first one that it spawned, `/0/2`
//! the third one that this one spawned. Unlike a number in order of spawning, a path does not depend on who spawns first.

use std::fmt;
use std::str::FromStr;

use crate::moment::{Moment, Readiness, Worker};

/// A thread, by who spawned it as which of its own, from the first thread on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ThreadPath(pub Vec<u32>);

impl ThreadPath {
    /// The worker of this path, if it has been spawned.
    #[must_use]
    pub fn find(&self, moment: &Moment<'_>) -> Option<Worker> {
        let (worker, found) = self.find_nearest(moment);
        found.then_some(worker)
    }

    /// The worker of this path, or the last of its ancestors that has been spawned.
    pub(super) fn find_nearest(&self, moment: &Moment<'_>) -> (Worker, bool) {
        let mut worker = Worker(0);
        for ordinal in &self.0 {
            let child = moment.workers().skip(1).find(|(_, p)| p.parent == worker && p.ordinal == *ordinal);
            match child {
                Some((child, _)) => worker = child,
                None => return (worker, false),
            }
        }
        (worker, true)
    }

    /// The path of a worker.
    #[must_use]
    pub fn of(moment: &Moment<'_>, worker: Worker) -> ThreadPath {
        let mut path = Vec::new();
        let mut at = worker;
        while at != Worker(0) {
            let pending = moment.of(at);
            path.push(pending.ordinal);
            at = pending.parent;
        }
        path.reverse();
        ThreadPath(path)
    }
}

impl fmt::Display for ThreadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|ordinal| write!(f, "/{ordinal}"))
    }
}

/// An operation of a thread.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Point {
    /// Whose.
    pub thread: ThreadPath,
    /// Its index among the thread's events.
    pub index: u32,
}

impl Point {
    /// Whether the operation is done, or the thread has ended without it.
    pub(super) fn is_past(&self, moment: &Moment<'_>) -> bool {
        self.thread.find(moment).is_some_and(|worker| {
            let pending = moment.of(worker);
            pending.index > self.index || pending.readiness == Readiness::Finished
        })
    }

    /// Whether the operation has been done.
    pub(super) fn was_done(&self, moment: &Moment<'_>) -> bool {
        self.thread.find(moment).is_some_and(|worker| moment.of(worker).index > self.index)
    }

    /// Whether this worker, which stands before the operation `index`, stands before this one or a later one.
    pub(super) fn is_reached_by(&self, moment: &Moment<'_>, worker: Worker, index: u32) -> bool {
        self.index <= index && self.thread.find(moment) == Some(worker)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.thread, self.index)
    }
}

/// One operation comes before another one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Before {
    /// The earlier one.
    pub first: Point,
    /// The later one.
    pub then: Point,
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}<{}", self.first, self.then)
    }
}

/// One side of a cycle.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Side {
    /// Whose side it is.
    pub thread: ThreadPath,
    /// The indices of the operations by which it got what it holds.
    pub holds: Vec<u32>,
    /// The index of the operation that blocks.
    pub request: u32,
}

/// What must come before what.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Constraints {
    orders: Vec<Before>,
}

/// More constraints than any finding has.
const ORDERS_MAX: usize = 4096;

const PREFIX: &str = "d1:";

impl Constraints {
    /// Every side has acquired what it holds before any side makes its request.
    #[must_use]
    pub fn of_cycle(sides: &[Side]) -> Constraints {
        let mut orders = Vec::new();
        for (place, side) in sides.iter().enumerate() {
            // The last of its acquisitions comes after the others anyway.
            let Some(&last) = side.holds.iter().max() else { continue };
            for (other_place, other) in sides.iter().enumerate() {
                if place != other_place {
                    let first = Point { thread: side.thread.clone(), index: last };
                    let then = Point { thread: other.thread.clone(), index: other.request };
                    orders.push(Before { first, then });
                }
            }
        }
        Constraints { orders }
    }

    /// The constraints.
    #[must_use]
    pub fn orders(&self) -> &[Before] {
        &self.orders
    }
}

impl FromIterator<Before> for Constraints {
    fn from_iter<I: IntoIterator<Item = Before>>(orders: I) -> Constraints {
        Constraints { orders: orders.into_iter().collect() }
    }
}

impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for (place, before) in self.orders.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            write!(f, "{before}")?;
        }
        Ok(())
    }
}

/// Why a text does not say what must come before what.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConstraintsError {
    /// It begins otherwise.
    #[error("constraints begin with `d1:`, as in `d1:/0.4</1.7`")]
    Prefix,
    /// A part that is not a constraint.
    #[error("column {column}: expected `PATH.OPERATION<PATH.OPERATION`, as in `/0.4</1.7`")]
    Part {
        /// Where it begins, from 1.
        column: usize,
    },
    /// Too long.
    #[error("more than {ORDERS_MAX} constraints")]
    TooMany,
}

impl FromStr for Constraints {
    type Err = ConstraintsError;

    fn from_str(text: &str) -> Result<Constraints, ConstraintsError> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(ConstraintsError::Prefix)?;
        let mut orders = Vec::new();
        let mut column = PREFIX.len() + 1;
        for part in rest.split(',').filter(|_| !rest.is_empty()) {
            if orders.len() == ORDERS_MAX {
                return Err(ConstraintsError::TooMany);
            }
            let sides = part.split_once('<').and_then(|(first, then)| Some((point(first)?, point(then)?)));
            let (first, then) = sides.ok_or(ConstraintsError::Part { column })?;
            orders.push(Before { first, then });
            column += part.chars().count() + 1;
        }
        Ok(Constraints { orders })
    }
}

fn point(text: &str) -> Option<Point> {
    let (path, index) = text.split_once('.')?;
    let steps = path.strip_prefix('/')?;
    let path: Option<Vec<u32>> = match steps {
        "" => Some(Vec::new()),
        _ => steps.split('/').map(number).collect(),
    };
    Some(Point { thread: ThreadPath(path?), index: number(index)? })
}

fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_cycle_reads_back() {
        let side = |path: &[u32], holds: &[u32], request| Side {
            thread: ThreadPath(path.to_vec()),
            holds: holds.to_vec(),
            request,
        };
        let constraints =
            Constraints::of_cycle(&[side(&[0], &[1, 4], 7), side(&[1, 2], &[3], 5), side(&[], &[9], 11)]);
        let text = constraints.to_string();
        assert_eq!(text, "d1:/0.4</1/2.5,/0.4</.11,/1/2.3</0.7,/1/2.3</.11,/.9</0.7,/.9</1/2.5");
        assert_eq!(text.parse(), Ok(constraints));
        assert_eq!("d1:".parse(), Ok(Constraints::default()));
    }

    #[test]
    fn errors_name_the_place() {
        let error = |text: &str| text.parse::<Constraints>().unwrap_err().to_string();
        assert_eq!(error("b1:"), "constraints begin with `d1:`, as in `d1:/0.4</1.7`");
        let expected = "expected `PATH.OPERATION<PATH.OPERATION`, as in `/0.4</1.7`";
        assert_eq!(error("d1:/0.4</1.7,/0.4"), format!("column 14: {expected}"));
        assert_eq!(error("d1:0.4</1.7"), format!("column 4: {expected}"));
        assert_eq!(error("d1:/0.+4</1.7"), format!("column 4: {expected}"));
    }
}
