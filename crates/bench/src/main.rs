//! What watching costs: each case on plain and on watched locks, interleaved in one run, as medians and ratios.
//!
//! `cargo run --release -p lockcheck-bench`. The machine may be noisy: only ratios of one run mean anything.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant;

/// Rounds of each case; the median counts.
const ROUNDS: usize = 9;

/// A lock that a case can be run on.
trait Bench: Send + Sync + 'static {
    const NAME: &'static str;
    fn create() -> Self;
    fn with<R>(&self, work: impl FnOnce(&mut u64) -> R) -> R;
}

macro_rules! bench_lock {
    ($name:ident, $label:literal, $lock:ty, $guard:ident => $locked:expr) => {
        struct $name($lock);

        impl Bench for $name {
            const NAME: &'static str = $label;

            #[inline(always)]
            fn create() -> Self {
                $name(<$lock>::new(0))
            }

            #[inline(always)]
            fn with<R>(&self, work: impl FnOnce(&mut u64) -> R) -> R {
                let $guard = &self.0;
                work(&mut *$locked)
            }
        }
    };
}

bench_lock!(ParkingLot, "parking_lot", parking_lot::Mutex<u64>, lock => lock.lock());
bench_lock!(Std, "std", std::sync::Mutex<u64>, lock => lock.lock().unwrap());
bench_lock!(TrackedLock, "tracked::Lock", tracked::Lock<u64>, lock => lock.lock());
bench_lock!(TrackedMutex, "tracked::Mutex", tracked::Mutex<u64>, lock => lock.lock().unwrap());

/// Nanoseconds for one of `count` calls.
fn time(count: u64, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        work();
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

fn uncontended<L: Bench>() -> f64 {
    let lock = L::create();
    time(2_000_000, || black_box(&lock).with(|value| *value += 1))
}

fn nested<L: Bench>() -> f64 {
    let (outer, inner) = (L::create(), L::create());
    time(1_000_000, || {
        black_box(&outer).with(|value| *value += black_box(&inner).with(|value| *value));
    })
}

fn chain_of_8<L: Bench>() -> f64 {
    fn down<L: Bench>(locks: &[L]) {
        if let Some((first, rest)) = locks.split_first() {
            first.with(|value| {
                *value += 1;
                down(rest);
            });
        }
    }
    let locks: Vec<L> = (0..8).map(|_| L::create()).collect();
    time(200_000, || down(black_box(&locks)))
}

fn create_lock_drop<L: Bench>() -> f64 {
    time(1_000_000, || {
        let lock = L::create();
        black_box(&lock).with(|value| *value += 1);
    })
}

fn create_nested_drop<L: Bench>() -> f64 {
    time(200_000, || {
        let (outer, inner) = (L::create(), L::create());
        black_box(&outer).with(|value| *value += black_box(&inner).with(|value| *value));
    })
}

/// Nanoseconds of wall-clock time for one operation of all threads together.
fn threads<L: Bench>(count: usize, work: impl Fn(usize, u64) + Send + Sync + 'static) -> f64 {
    const EACH: u64 = 500_000;
    let work = Arc::new(work);
    let start = Arc::new(Barrier::new(count + 1));
    let handles: Vec<_> = (0..count)
        .map(|index| {
            let (work, start) = (Arc::clone(&work), Arc::clone(&start));
            std::thread::spawn(move || {
                work(index, 1);
                start.wait();
                work(index, EACH);
            })
        })
        .collect();
    start.wait();
    let begin = Instant::now();
    for handle in handles {
        handle.join().unwrap();
    }
    begin.elapsed().as_nanos() as f64 / (EACH * count as u64) as f64
}

fn own_nested<L: Bench>(count: usize) -> f64 {
    // On a line of their own each, as independent data would be.
    let pairs: Vec<Box<([u64; 16], L, L, [u64; 16])>> =
        (0..count).map(|_| Box::new(([0; 16], L::create(), L::create(), [0; 16]))).collect();
    threads::<L>(count, move |index, each| {
        let (_, outer, inner, _) = &*pairs[index];
        for _ in 0..each {
            outer.with(|value| *value += inner.with(|value| *value));
        }
    })
}

fn own<L: Bench>(count: usize) -> f64 {
    let locks: Vec<Box<([u64; 16], L, [u64; 16])>> =
        (0..count).map(|_| Box::new(([0; 16], L::create(), [0; 16]))).collect();
    threads::<L>(count, move |index, each| {
        for _ in 0..each {
            locks[index].1.with(|value| *value += 1);
        }
    })
}

fn contended<L: Bench>(count: usize) -> f64 {
    let lock = L::create();
    threads::<L>(count, move |_, each| {
        for _ in 0..each {
            lock.with(|value| *value += 1);
        }
    })
}

type Case = (&'static str, [fn() -> f64; 4]);

macro_rules! case {
    ($name:literal, $function:ident $(, $argument:literal)?) => {
        (
            $name,
            [
                || $function::<ParkingLot>($($argument)?),
                || $function::<Std>($($argument)?),
                || $function::<TrackedLock>($($argument)?),
                || $function::<TrackedMutex>($($argument)?),
            ],
        )
    };
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let cases: [Case; 12] = [
        case!("uncontended", uncontended),
        case!("nested pair", nested),
        case!("chain of 8", chain_of_8),
        case!("create + lock + drop", create_lock_drop),
        case!("create nested pair + drop", create_nested_drop),
        case!("own mutex, 1 thread", own, 1),
        case!("own mutex, 2 threads", own, 2),
        case!("own mutex, 4 threads", own, 4),
        case!("own nested pair, 1 thread", own_nested, 1),
        case!("own nested pair, 2 threads", own_nested, 2),
        case!("own nested pair, 4 threads", own_nested, 4),
        case!("one contended mutex, 4 threads", contended, 4),
    ];
    let names = [ParkingLot::NAME, Std::NAME, TrackedLock::NAME, TrackedMutex::NAME];
    println!("nanoseconds an operation, and times parking_lot; medians of {ROUNDS} interleaved rounds");
    print!("{:32}", "");
    for name in names {
        print!("{name:>22}");
    }
    println!();
    for (name, runs) in cases {
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            for (times, run) in times.iter_mut().zip(runs) {
                times.push(run());
            }
        }
        let times = times.map(median);
        print!("{name:32}");
        for value in times {
            print!("{value:>14.2}  x{:<5.2}", value / times[0]);
        }
        println!();
    }
}
