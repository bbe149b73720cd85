//! Each type of the mirrors goes by its own kind in reports: std's, the vocabulary's, and those of both lines of
//! parking_lot, however they were made and whichever guard holds them.

use tracked::{Lock, Mutex, Once, RLock, RwLock};

use crate::alone::alone;

/// What reports call the other lock in the cycle with the one of this name.
fn beside(name: &str) -> String {
    let report = tracked::report();
    let about = |finding: &&tracked::Finding| {
        finding.locks.iter().any(|lock| lock.name.as_deref() == Some(name)) && finding.locks.len() == 2
    };
    let finding =
        report.findings.iter().find(about).unwrap_or_else(|| panic!("{name}: no cycle is reported"));
    let object = finding.locks.iter().find(|lock| lock.name.as_deref() != Some(name)).expect("two locks");
    object.class.clone()
}

/// What reports call an object that is taken around another lock and under it, which these closures do. All of it has
/// the line of the macro's call: findings at the same lines are one.
macro_rules! kind {
    (around: $around:expr, under: $under:expr) => {{
        let name = concat!("line ", line!());
        let other = Lock::new(()).named(name);
        // An initialiser is held once and asked for ever after.
        $around(&|| drop(other.lock()));
        {
            let _held = other.lock();
            $under();
        }
        beside(name)
    }};
    ($take:expr) => {
        kind!(
            around: |inside: &dyn Fn()| {
                let _held = $take;
                inside();
            },
            under: || drop($take)
        )
    };
}

#[test]
fn those_of_std_and_of_the_vocabulary() {
    alone("kinds::those_of_std_and_of_the_vocabulary", &[], || {
        let (mutex, rwlock, once) = (Mutex::new(1), RwLock::new(1), Once::new());
        assert_eq!(kind!(mutex.lock()), "mutex");
        assert_eq!(kind!(rwlock.write()), "rwlock");
        let rlock = RLock::new(1);
        assert_eq!(kind!(rlock.lock()), "re-entrant lock");
        assert_eq!(
            kind!(around: |inside: &dyn Fn()| once.call_once(inside), under: || once.call_once(|| ())),
            "once"
        );
    });
}

#[cfg(feature = "parking_lot_0_12")]
mod line_0_12 {
    use std::sync::Arc;

    use tracked::parking_lot_0_12 as pl;
    use tracked::{Lock, Named};

    use super::{alone, beside};

    const NAME: &str = "kinds::line_0_12::each_says_its_own";

    // A file, because what a macro makes has no lines of its own.
    include!("kinds_of_parking_lot.rs");
}

#[cfg(feature = "parking_lot_0_13")]
mod line_0_13 {
    use std::sync::Arc;

    use tracked::parking_lot as pl;
    use tracked::{Lock, Named};

    use super::{alone, beside};

    const NAME: &str = "kinds::line_0_13::each_says_its_own";

    // A file, because what a macro makes has no lines of its own.
    include!("kinds_of_parking_lot.rs");
}

#[cfg(feature = "parking_lot_0_12")]
#[test]
fn those_made_by_functions_of_parking_lot_0_12() {
    use tracked::parking_lot_0_12 as pl;

    static MUTEX: pl::Mutex<u32> = pl::const_mutex(1);
    static FAIR: pl::FairMutex<u32> = pl::const_fair_mutex(1);
    static REENTRANT: pl::ReentrantMutex<u32> = pl::const_reentrant_mutex(1);
    static RWLOCK: pl::RwLock<u32> = pl::const_rwlock(1);
    alone("kinds::those_made_by_functions_of_parking_lot_0_12", &[], || {
        assert_eq!(kind!(MUTEX.lock()), "mutex");
        assert_eq!(kind!(FAIR.lock()), "mutex");
        assert_eq!(kind!(REENTRANT.lock()), "re-entrant lock");
        assert_eq!(kind!(RWLOCK.read()), "rwlock");
    });
}
