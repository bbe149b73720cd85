//! A worker of `lockcheck-bench` with the neighbours' locks. Which of them, its features say; it does nothing but answer
//! that program.

use std::process::ExitCode;

use lockcheck_bench_cases::{Subject, worker};
#[cfg(any(feature = "plain", feature = "deadlock-detection", feature = "deloxide"))]
use lockcheck_bench_cases::{lock, subject};

#[cfg(feature = "plain")]
mod plain {
    use super::*;
    use tracing_mutex::{parkinglot, stdsync};

    lock!(ParkingLot, parking_lot_013::Mutex<u64>, parking_lot_013::MutexGuard, lock => lock.lock());
    lock!(Traced, stdsync::tracing::Mutex<u64>, stdsync::tracing::MutexGuard, lock => lock.lock().unwrap());
    lock!(TracedParkingLot, parkinglot::tracing::Mutex<u64>, parkinglot::tracing::MutexGuard, lock => lock.lock());
    lock!(NoDeadlocks, no_deadlocks::Mutex<u64>, no_deadlocks::MutexGuard, lock => lock.lock().unwrap());

    pub(super) const SUBJECTS: &[Subject] = &[
        subject::<ParkingLot>("parking_lot 0.13"),
        subject::<Traced>("tracing-mutex 0.3, std"),
        subject::<TracedParkingLot>("tracing-mutex 0.3, parking_lot"),
        subject::<NoDeadlocks>("no_deadlocks 1.3"),
    ];
}

#[cfg(feature = "deadlock-detection")]
mod deadlock_detection {
    use super::*;

    lock!(Old, parking_lot_012::Mutex<u64>, parking_lot_012::MutexGuard, lock => lock.lock());
    lock!(New, parking_lot_013::Mutex<u64>, parking_lot_013::MutexGuard, lock => lock.lock());

    pub(super) const SUBJECTS: &[Subject] = &[
        subject::<Old>("parking_lot 0.12, deadlock_detection"),
        subject::<New>("parking_lot 0.13, deadlock_detection"),
    ];
}

#[cfg(feature = "deloxide")]
mod deloxide_ {
    use super::*;
    use deloxide::{Deloxide, Mutex, MutexGuard};

    lock!(
        Detected, Mutex<u64>, MutexGuard, lock => lock.lock(),
        prepare: Deloxide::new()
            .callback(|info| eprintln!("deloxide reports {:?}", info.thread_cycle))
            .start()
            .expect("the detector starts once")
    );

    const NAME: &str =
        if cfg!(feature = "deloxide-order") { "deloxide 1.1, lock-order-graph" } else { "deloxide 1.1" };

    pub(super) const SUBJECTS: &[Subject] = &[subject::<Detected>(NAME)];
}

fn main() -> ExitCode {
    let builds: &[&[Subject]] = &[
        #[cfg(feature = "plain")]
        plain::SUBJECTS,
        #[cfg(feature = "deadlock-detection")]
        deadlock_detection::SUBJECTS,
        #[cfg(feature = "deloxide")]
        deloxide_::SUBJECTS,
    ];
    let arguments: Vec<String> = std::env::args().collect();
    // The first argument is the word that makes a program a worker; this one is nothing else.
    worker(&builds.concat(), arguments.get(2..).unwrap_or_default())
}
