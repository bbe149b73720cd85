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
named_elsewhere!(parking_lot_0_12: Mutex<T> FairMutex<T> RwLock<T> Condvar Once);
#[cfg(all(feature = "parking_lot_0_13", not(mirrored)))]
named_elsewhere!(parking_lot: Mutex<T> FairMutex<T> RwLock<T> RecursiveRwLock<T> Condvar Once);

/// All that was found in this process so far.
#[cfg(instrumented)]
pub fn report() -> lockcheck_checker::Report {
    crate::rt::knowledge::report()
}

#[cfg(mirrored)]
mod watched {
    use lockcheck_checker::{Finding, Tier};

    use super::report;
    use crate::rt::{mode, output};

    /// The body of [`assert_no_cycles!`](crate::assert_no_cycles).
    ///
    /// # Panics
    ///
    /// See there.
    #[track_caller]
    pub fn assert_no_cycles_now() {
        mode::decide();
        let report = report();
        fail_on(report.cycles().cloned().collect());
    }

    /// The body of [`assert_clean!`](crate::assert_clean).
    ///
    /// # Panics
    ///
    /// See there.
    #[track_caller]
    pub fn assert_clean_now() {
        mode::decide();
        let report = report();
        fail_on(report.at_least(Tier::Likely).cloned().collect());
    }

    #[track_caller]
    fn fail_on(findings: Vec<Finding>) {
        if !findings.is_empty() {
            panic!("{}", output::render(&findings));
        }
    }
}

#[cfg(mirrored)]
pub use watched::{assert_clean_now, assert_no_cycles_now};

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
}

#[cfg(not(mirrored))]
pub use plain::{assert_clean_now, assert_no_cycles_now};
