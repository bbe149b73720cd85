//! The cases of several threads: how many operations a second all of them do together.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::{Budget, Lock};

/// Operations between two looks at the stop flag.
const BATCH: u64 = 16;

/// A lock, or two, on cache lines of their own, as the data of independent threads would be.
#[repr(align(256))]
struct Apart<T>(T);

/// Million operations a second of `count` threads, each of which calls `work` with its index as long as the time lasts.
///
/// All stop at the same moment: with a number of calls each, the last thread would run without the others.
fn mops(budget: Budget, count: usize, work: impl Fn(usize) + Sync) -> f64 {
    let Budget::Time(time) = budget else { return f64::NAN };
    let (start, stop) = (Barrier::new(count + 1), AtomicBool::new(false));
    let runs: Vec<(u64, Duration)> = std::thread::scope(|scope| {
        let one = |index| {
            // First uses are not what is measured.
            work(index);
            start.wait();
            let (begin, mut done) = (Instant::now(), 0);
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..BATCH {
                    work(index);
                }
                done += BATCH;
            }
            (done, begin.elapsed())
        };
        let threads: Vec<_> = (0..count).map(|index| scope.spawn(move || one(index))).collect();
        start.wait();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let done: u64 = runs.iter().map(|run| run.0).sum();
    let longest = runs.iter().map(|run| run.1).max().unwrap_or_default();
    done as f64 * 1e3 / longest.as_nanos().max(1) as f64
}

/// Each thread locks a mutex of its own.
pub(crate) fn own<L: Lock>(budget: Budget, count: usize) -> f64 {
    let locks: Vec<_> = (0..count).map(|_| Apart(L::create())).collect();
    mops(budget, count, |index| *locks[index].0.lock() += 1)
}

/// Each thread locks two mutexes of its own, one inside the other.
pub(crate) fn own_nested<L: Lock>(budget: Budget, count: usize) -> f64 {
    let pairs: Vec<_> = (0..count).map(|_| Apart((L::create(), L::create()))).collect();
    mops(budget, count, |index| {
        let (outer, inner) = &pairs[index].0;
        let mut outer = outer.lock();
        *outer += *inner.lock();
    })
}

/// All threads lock the same mutex.
pub(crate) fn contended<L: Lock>(budget: Budget, count: usize) -> f64 {
    let lock = Apart(L::create());
    mops(budget, count, |_| *lock.0.lock() += 1)
}
