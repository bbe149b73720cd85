//! What a test asks for: findings as values, assertions on them, names for locks.

/// Fails the test if locks were taken in an order that can deadlock, or did deadlock. The panic's message is the
/// report.
///
/// # Panics
///
/// If such a problem was found, and if nothing was watched (the feature `check` is off), unless `LOCKCHECK=off`.
#[macro_export]
macro_rules! assert_no_cycles {
    () => {
        $crate::assert_no_cycles_now()
    };
}

/// Fails the test if anything was found at or above the tier `likely`. The panic's message is the report.
///
/// # Panics
///
/// If anything was found, and if nothing was watched (the feature `check` is off), unless `LOCKCHECK=off`.
#[macro_export]
macro_rules! assert_clean {
    () => {
        $crate::assert_clean_now()
    };
}

/// Gives any of std's types a name for reports, also where the feature `check` is off and the name goes nowhere.
pub trait Named: Sized {
    /// The same object, under this name.
    #[must_use]
    fn named(self, name: &str) -> Self;
}

macro_rules! named {
    ($($type:ident $(<$param:ident>)?)*) => {$(
        impl $(<$param>)? Named for crate::$type $(<$param>)? {
            #[cfg(mirrored)]
            fn named(self, name: &str) -> Self {
                <crate::$type $(<$param>)?>::named(self, name)
            }

            #[cfg(not(mirrored))]
            fn named(self, _name: &str) -> Self {
                self
            }
        }
    )*};
}

named!(Mutex<T> RwLock<T> Condvar Barrier Once OnceLock<T>);

macro_rules! named_channel {
    ($($type:ident)*) => {$(
        impl<T> Named for crate::sync::mpsc::$type<T> {
            #[cfg(mirrored)]
            fn named(self, name: &str) -> Self {
                Self::named(self, name)
            }

            #[cfg(not(mirrored))]
            fn named(self, _name: &str) -> Self {
                self
            }
        }
    )*};
}

named_channel!(Sender SyncSender Receiver);

impl<T, F: FnOnce() -> T> Named for crate::LazyLock<T, F> {
    #[cfg(mirrored)]
    fn named(self, name: &str) -> Self {
        Self::named(self, name)
    }

    #[cfg(not(mirrored))]
    fn named(self, _name: &str) -> Self {
        self
    }
}

/// parking_lot's own types, where its mirrors are parking_lot itself.
#[cfg(not(mirrored))]
#[cfg_attr(
    not(any(feature = "parking_lot_0_12", feature = "parking_lot_0_13")),
    expect(unused_macros, reason = "without a mirror there is nothing to name")
)]
macro_rules! named_elsewhere {
    ($line:ident: $($type:ident $(<$param:ident>)?)*) => {$(
        impl $(<$param>)? Named for crate::$line::$type $(<$param>)? {
            fn named(self, _name: &str) -> Self {
                self
            }
        }
    )*};
}

#[cfg(all(feature = "parking_lot_0_12", not(mirrored)))]
named_elsewhere!(parking_lot_0_12: Mutex<T> FairMutex<T> ReentrantMutex<T> RwLock<T> Condvar Once);
#[cfg(all(feature = "parking_lot_0_13", not(mirrored)))]
named_elsewhere!(parking_lot: Mutex<T> FairMutex<T> ReentrantMutex<T> RwLock<T> RecursiveRwLock<T> Condvar Once);

/// All that was found in this process so far.
#[cfg(instrumented)]
pub fn report() -> lockcheck_checker::Report {
    crate::rt::knowledge::report()
}

#[cfg(instrumented)]
#[doc(hidden)]
pub mod watched {
    //! What the assertions do where there is a run-time.

    use std::any::Any;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::process::{ExitCode, Termination};

    use lockcheck_checker::{Code, Finding, Tier};

    use crate::rt::{family, mode, output, scope::Scope};

    /// The body of [`assert_no_cycles!`](crate::assert_no_cycles).
    ///
    /// # Panics
    ///
    /// See there.
    #[track_caller]
    pub fn assert_no_cycles_now() {
        let is_cycle = |finding: &Finding| {
            use Code::{
                CrossProcessDeadlock, Deadlock, JoinDeadlock, LockOrderCycle, RwlockRecursion, SelfDeadlock,
            };
            let code = finding.code;
            matches!(
                code,
                LockOrderCycle
                    | SelfDeadlock
                    | Deadlock
                    | RwlockRecursion
                    | JoinDeadlock
                    | CrossProcessDeadlock
            )
        };
        fail_on(own_findings(Some(Tier::Likely)).into_iter().filter(is_cycle).collect());
    }

    /// The body of [`assert_clean!`](crate::assert_clean).
    ///
    /// # Panics
    ///
    /// See there.
    #[track_caller]
    pub fn assert_clean_now() {
        fail_on(own_findings(Some(Tier::Likely)));
    }

    /// What counts at or above `tier` and belongs to the calling thread's family.
    fn own_findings(tier: Option<Tier>) -> Vec<Finding> {
        mode::decide();
        let Some(tier) = tier else { return Vec::new() };
        let mut findings = family::findings();
        findings.retain(|finding| !finding.code.is_lint() && finding.tier >= tier);
        findings
    }

    #[track_caller]
    fn fail_on(findings: Vec<Finding>) {
        if !findings.is_empty() {
            panic!("{}", output::render(&findings));
        }
    }

    /// The tier from which a finding fails a test; `None`: none does.
    fn fail_on_tier() -> Option<Tier> {
        match std::env::var("LOCKCHECK_FAIL_ON").as_deref() {
            Ok("never") => None,
            Ok("") | Err(_) => Some(Tier::Likely),
            Ok(word) => match word.parse() {
                Ok(tier) => Some(tier),
                Err(error) => panic!("LOCKCHECK_FAIL_ON: {error}, or `never`"),
            },
        }
    }

    /// What [`test`](crate::test) with `explore` expands to: explores the test, in a scope of its own. A run that returns
    /// an error fails.
    ///
    /// # Panics
    ///
    /// With the report, if anything went wrong.
    #[doc(hidden)]
    pub fn __explore_test<T: Termination>(name: &str, runs: u64, test: impl Fn() -> T) -> T {
        let scope = Scope::open(name);
        let last = std::cell::Cell::new(None);
        let report = crate::Explore::new().runs(runs).check(|| {
            let value = test();
            // What the harness asks of the function's own value is asked of that of the last run.
            let before = last.replace(Some(value));
            if let Some(before) = before {
                assert!(before.report() == ExitCode::SUCCESS, "a run of the test returned an error");
            }
        });
        drop(scope);
        assert!(report.is_clean(), "{report}");
        last.into_inner().expect("a test that is explored has one run at least")
    }

    /// What [`test`](crate::test) expands to: runs the test in a scope of its own and fails on what is found in it.
    ///
    /// # Panics
    ///
    /// As the test does, and on findings.
    #[doc(hidden)]
    pub fn __run_test<T: 'static>(name: &str, should_panic: bool, test: impl FnOnce() -> T) -> T {
        let tier = fail_on_tier();
        let scope = Scope::open(name);
        let result = catch_unwind(AssertUnwindSafe(test));
        let findings = tier.map(|tier| scope.findings(tier)).unwrap_or_default();
        drop(scope);
        match result {
            result if findings.is_empty() => result.unwrap_or_else(|panic| resume_unwind(panic)),
            // A test that should panic fails by not panicking.
            Ok(value) if should_panic => {
                output::print(&format!("in test `{name}`:\n{}", output::render(&findings)));
                value
            }
            Ok(_) => panic!("{}", output::render(&findings)),
            Err(panic) => {
                output::print(&format!("in test `{name}`:\n{}", output::render(&findings)));
                // The same here. Such a test returns nothing: the harness sees to that.
                let nothing = should_panic.then(|| Box::new(()) as Box<dyn Any>);
                match nothing.and_then(|nothing| nothing.downcast().ok()) {
                    Some(nothing) => *nothing,
                    None => resume_unwind(panic),
                }
            }
        }
    }
}

#[cfg(mirrored)]
pub use watched::{__explore_test, __run_test, assert_clean_now, assert_no_cycles_now};

#[cfg(not(mirrored))]
mod plain {
    /// The body of [`assert_no_cycles!`](crate::assert_no_cycles).
    ///
    /// # Panics
    ///
    /// See there.
    #[track_caller]
    pub fn assert_no_cycles_now() {
        if std::env::var_os("LOCKCHECK").is_none_or(|word| word != "off") {
            panic!(
                "nothing was watched: turn on the feature `check` of `tracked` for tests \
                 (`[dev-dependencies] tracked = {{ features = [\"check\"] }}`), or set LOCKCHECK=off to go on without"
            );
        }
    }

    /// The body of [`assert_clean!`](crate::assert_clean).
    ///
    /// # Panics
    ///
    /// See there.
    #[track_caller]
    pub fn assert_clean_now() {
        assert_no_cycles_now();
    }

    /// What [`test`](crate::test) expands to: without a run-time there is nothing to assert.
    ///
    /// # Panics
    ///
    /// As [`assert_no_cycles!`](crate::assert_no_cycles) does, and as the test does.
    #[doc(hidden)]
    #[track_caller]
    pub fn __run_test<T>(_name: &str, _should_panic: bool, test: impl FnOnce() -> T) -> T {
        assert_no_cycles_now();
        test()
    }

    /// What [`test`](crate::test) with `explore` expands to: the same.
    ///
    /// # Panics
    ///
    /// As [`assert_no_cycles!`](crate::assert_no_cycles) does, and as the test does.
    #[doc(hidden)]
    #[track_caller]
    pub fn __explore_test<T>(_name: &str, _runs: u64, test: impl Fn() -> T) -> T {
        assert_no_cycles_now();
        test()
    }
}

#[cfg(not(mirrored))]
pub use plain::{__explore_test, __run_test, assert_clean_now, assert_no_cycles_now};
