//! What exploring is where nothing is watched: an error, as an assertion is.

/// Fails: without the feature `check` there is no scheduler. With `LOCKCHECK=off`, runs the closure once.
///
/// # Panics
///
/// As [`assert_no_cycles!`](crate::assert_no_cycles) does, and as the closure does.
#[track_caller]
pub fn explore(body: impl Fn()) {
    crate::assert_no_cycles_now();
    body();
}

/// As [`explore`].
///
/// # Panics
///
/// As [`explore`] does.
#[track_caller]
pub fn replay(_schedule: &str, body: impl Fn()) {
    explore(body);
}

/// Runs `call`.
pub fn external<R>(call: impl FnOnce() -> R) -> R {
    call()
}
