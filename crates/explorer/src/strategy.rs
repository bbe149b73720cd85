//! The interface between the run-time, which holds threads back, and whoever decides which of them goes on.

use crate::moment::{Moment, Worker};

/// A choice other than who runs next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Draw {
    /// Which of the waiters a notification wakes, by order of arrival.
    Notified,
    /// Whether a timed operation that could succeed gives up all the same (1) or not (0).
    Timeout,
    /// Whether a wait ends without a notification (1) or not (0).
    Spurious,
    /// A random number that the program asks for.
    Number,
    /// Anything else.
    Other,
    /// Before the first operation of a run: whether the end of a hold, and of a worker, is an operation of its own (1),
    /// or one with the operation before (0), which is as good for all who wait for it but not for who only
    /// [looks](crate::OperationKind::sees_ends) whether it has come.
    Fine,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RunEnd {
    /// All workers have ended.
    Finished,
    /// Nobody can go on. A finding; the run is nevertheless complete, since there is nothing more to it.
    Deadlock,
    /// The run-time ended the run because of something it found, while some could still go on.
    Found,
    /// The strategy gave it up.
    Abandoned,
    /// It took more operations than it is allowed to.
    TooLong,
}

impl RunEnd {
    /// Whether something was found.
    #[must_use]
    pub fn is_finding(self) -> bool {
        matches!(self, RunEnd::Found | RunEnd::Deadlock)
    }
}

/// Decides who runs. One object sees many runs of one program, one after the other:
///
/// ```text
/// while strategy.begin() {
///     loop {
///         // every worker is stopped before its next operation
///         if nobody can go on { break }
///         match strategy.choose(&moment) { Some(worker) => let it do its operation, None => give the run up }
///         // during the operation: strategy.draw(...) for each choice in it
///     }
///     strategy.end(&moment, how);
/// }
/// ```
///
/// `choose` and `draw` are called for every operation, also where there is only one option: strategies count and
/// remember. They take well below 100 ns and do not allocate once the buffers have grown to the program's size.
pub trait Strategy {
    /// Prepares for another run; false: there is nothing left to try.
    fn begin(&mut self) -> bool;

    /// Who does its operation next: a worker that [can go](crate::Pending::can_go). At least one can. `None` gives the
    /// run up because it would teach nothing new.
    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker>;

    /// One of `options` (at least 1), in the course of `worker`'s operation; 0 is the default. `moment` is the one at
    /// which the worker was chosen.
    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32;

    /// The run is over. `moment` is its last: who has ended, and before what everybody else stands.
    fn end(&mut self, moment: &Moment<'_>, how: RunEnd);

    /// After the end: a worker whose name and line are to be said, by [`hear`](Strategy::hear).
    fn asks_for(&self) -> Option<Worker> {
        None
    }

    /// What the worker that was asked for is called, and where it stood in the end: the subject of a sentence.
    fn hear(&mut self, _whereabouts: String) {}

    /// After the end, and what was heard: what the program did that this strategy has no use for.
    fn complaint(&self) -> Option<String> {
        None
    }
}

/// Whoever has a strategy in hand is one.
macro_rules! forwards {
    ($($owner:ty),*) => {
        $(
            impl<S: Strategy + ?Sized> Strategy for $owner {
                fn begin(&mut self) -> bool {
                    (**self).begin()
                }

                fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
                    (**self).choose(moment)
                }

                fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
                    (**self).draw(moment, worker, draw, options)
                }

                fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
                    (**self).end(moment, how);
                }

                fn asks_for(&self) -> Option<Worker> {
                    (**self).asks_for()
                }

                fn hear(&mut self, whereabouts: String) {
                    (**self).hear(whereabouts);
                }

                fn complaint(&self) -> Option<String> {
                    (**self).complaint()
                }
            }
        )*
    };
}

forwards!(&mut S, Box<S>);
