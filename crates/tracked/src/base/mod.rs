//! What the threading vocabulary is built from, watched or plain: a raw lock, a queue of waiting threads, and the
//! identity under which an object shows up in reports.
//!
//! `watched` and `plain` have the same items with the same signatures; everything above is written once.

pub(crate) mod park;

#[cfg(not(instrumented))]
mod plain;
#[cfg(instrumented)]
mod watched;

#[cfg(not(instrumented))]
pub(crate) use plain::{
    AboutToPark, Crew, Datum, Hand, Part, Permits, Point, Post, RawLock, Region, Signal, Token, Turn, Vigil,
    Watch, choose_waiter, is_spurious, is_time_to_look, left_undone, look_for_a_circle, wait_under_control,
};
#[cfg(instrumented)]
pub(crate) use watched::{
    AboutToPark, Crew, Datum, Hand, Part, Permits, Point, Post, RawLock, Region, Signal, Token, Turn, Vigil,
    Watch, choose_waiter, is_spurious, is_time_to_look, left_undone, look_for_a_circle, wait_under_control,
};

#[cfg(instrumented)]
pub(crate) use crate::watched_thread as thread;
#[cfg(not(instrumented))]
pub(crate) use std::thread;

/// A place in the user's source.
pub(crate) type Site = &'static std::panic::Location<'static>;

/// What an object is called in reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Semaphore,
    Condition,
    Event,
    #[cfg(instrumented)]
    Barrier,
    Queue,
    Pool,
}

/// An operation that others could notice and that does not show otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Takes a permit or an item, and may have to wait.
    Take,
    /// Gives one.
    Give,
    /// Does either, if that is possible at once.
    Try,
    /// Looks.
    Look,
    /// Changes what others look at.
    Change,
}

/// Whether a waiting thread made sure, since the last signal, that it has to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guarded {
    /// It asked its predicate under the lock.
    Yes,
    /// It may just have begun to wait.
    Unknown,
}

/// A number that no other live thread has, valid also while thread-locals are torn down.
pub(crate) fn thread_token() -> usize {
    thread_local! {
        static TOKEN: u8 = const { 0 };
    }
    TOKEN.with(|token| std::ptr::from_ref(token).addr())
}
