//! The cases: what is done with a lock, and what is measured of it.

use std::hint::black_box;
use std::time::Instant;

use crate::{Budget, Lock, threads};

/// What a figure counts, and which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Nanoseconds, less is better.
    Ns,
    /// Million operations a second, more is better.
    Mops,
    /// Bytes.
    Bytes,
    /// Megabytes (10^6 bytes).
    Megabytes,
}

/// One figure of a case.
#[derive(Debug)]
pub struct Column {
    /// What it says, as a table's heading.
    pub title: &'static str,
    /// What it counts.
    pub unit: Unit,
}

/// Something that is done with a lock.
#[derive(Debug)]
pub struct Case {
    /// Its name on the command line.
    pub name: &'static str,
    /// The figures that it gives, in this order.
    pub columns: &'static [Column],
    /// Whether it is one thread calling the same thing again and again, so that instructions of a call can be counted.
    pub countable: bool,
}

const fn ns(title: &'static str) -> Column {
    Column { title, unit: Unit::Ns }
}

const fn mops(title: &'static str) -> Column {
    Column { title, unit: Unit::Mops }
}

const fn case_of(name: &'static str, columns: &'static [Column], countable: bool) -> Case {
    Case { name, columns, countable }
}

/// All cases.
pub const CASES: &[Case] = &[
    case_of("uncontended", &[ns("uncontended")], true),
    case_of("nested", &[ns("nested pair")], true),
    case_of("chain", &[ns("chain of 8")], true),
    case_of("create", &[ns("create + lock + drop")], true),
    case_of("create-nested", &[ns("create nested pair + drop")], true),
    case_of(
        "size",
        &[
            Column { title: "size of Mutex<u64>", unit: Unit::Bytes },
            Column { title: "size of guard", unit: Unit::Bytes },
        ],
        false,
    ),
    case_of("own-1", &[mops("own mutex, 1 thread")], false),
    case_of("own-2", &[mops("own mutex, 2 threads")], false),
    case_of("own-4", &[mops("own mutex, 4 threads")], false),
    case_of("own-nested-1", &[mops("own nested pair, 1 thread")], false),
    case_of("own-nested-2", &[mops("own nested pair, 2 threads")], false),
    case_of("own-nested-4", &[mops("own nested pair, 4 threads")], false),
    case_of("contended-4", &[mops("one mutex, 4 threads")], false),
    case_of(
        "graph",
        &[
            ns("10,000 locks: a pair, mean"),
            ns("its last tenth"),
            ns("repeat pass"),
            Column { title: "memory grown", unit: Unit::Megabytes },
        ],
        false,
    ),
];

/// The case of this name.
pub fn case(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

/// Measures `case` on `L`: one figure for each of its columns.
pub(crate) fn measure<L: Lock>(case: &Case, budget: Budget) -> Vec<f64> {
    match case.name {
        "uncontended" => vec![uncontended::<L>(budget)],
        "nested" => vec![nested::<L>(budget)],
        "chain" => vec![chain_of_8::<L>(budget)],
        "create" => vec![create::<L>(budget)],
        "create-nested" => vec![create_nested::<L>(budget)],
        "size" => vec![size_of::<L>() as f64, size_of::<L::Guard<'static>>() as f64],
        "own-1" => vec![threads::own::<L>(budget, 1)],
        "own-2" => vec![threads::own::<L>(budget, 2)],
        "own-4" => vec![threads::own::<L>(budget, 4)],
        "own-nested-1" => vec![threads::own_nested::<L>(budget, 1)],
        "own-nested-2" => vec![threads::own_nested::<L>(budget, 2)],
        "own-nested-4" => vec![threads::own_nested::<L>(budget, 4)],
        "contended-4" => vec![threads::contended::<L>(budget, 4)],
        "graph" => graph::<L>(),
        other => unreachable!("the case {other} stands in CASES and nowhere else"),
    }
}

fn uncontended<L: Lock>(budget: Budget) -> f64 {
    let lock = L::create();
    budget.ns_per_call(|| *black_box(&lock).lock() += 1)
}

fn nested<L: Lock>(budget: Budget) -> f64 {
    let (outer, inner) = (L::create(), L::create());
    budget.ns_per_call(|| {
        let mut outer = black_box(&outer).lock();
        *outer += *black_box(&inner).lock();
    })
}

fn chain_of_8<L: Lock>(budget: Budget) -> f64 {
    fn down<L: Lock>(locks: &[L]) {
        if let Some((first, rest)) = locks.split_first() {
            let mut guard = first.lock();
            *guard += 1;
            down(rest);
        }
    }
    let locks: Vec<L> = (0..8).map(|_| L::create()).collect();
    budget.ns_per_call(|| down(black_box(&locks)))
}

fn create<L: Lock>(budget: Budget) -> f64 {
    budget.ns_per_call(|| {
        let lock = L::create();
        *black_box(&lock).lock() += 1;
    })
}

fn create_nested<L: Lock>(budget: Budget) -> f64 {
    budget.ns_per_call(|| {
        let (outer, inner) = (L::create(), L::create());
        let mut guard = black_box(&outer).lock();
        *guard += *black_box(&inner).lock();
    })
}

const LOCKS: u64 = 10_000;
const PAIRS: usize = 100_000;

/// Random pairs of 10,000 locks, always the earlier one first, and then the same pairs again.
fn graph<L: Lock>() -> Vec<f64> {
    let pairs = ordered_pairs();
    let locks: Vec<L> = (0..LOCKS).map(|_| L::create()).collect();
    let before = resident_bytes();
    let tenths: Vec<f64> = pairs.chunks(PAIRS / 10).map(|tenth| ns_per_pair(&locks, tenth)).collect();
    let grown = resident_bytes() - before;
    let mean = tenths.iter().sum::<f64>() / tenths.len() as f64;
    vec![mean, tenths[9], ns_per_pair(&locks, &pairs), grown / 1e6]
}

/// Never inlined: both passes must come from the same two lines as compiled, for a line that is compiled twice is two
/// places to whoever tells places apart by address.
#[inline(never)]
fn ns_per_pair<L: Lock>(locks: &[L], pairs: &[(usize, usize)]) -> f64 {
    let start = Instant::now();
    for &(outer, inner) in pairs {
        let mut outer = locks[outer].lock();
        *outer += *locks[inner].lock();
    }
    start.elapsed().as_nanos() as f64 / pairs.len() as f64
}

/// The same pairs in every process: a linear congruential generator's upper bits.
fn ordered_pairs() -> Vec<(usize, usize)> {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % LOCKS
    };
    let mut pairs = Vec::with_capacity(PAIRS);
    while pairs.len() < PAIRS {
        let (one, other) = (random(), random());
        if one != other {
            pairs.push((one.min(other) as usize, one.max(other) as usize));
        }
    }
    pairs
}

/// The process's resident memory; not a number where there is no `/proc`.
fn resident_bytes() -> f64 {
    const PAGE: f64 = 4096.0;
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1)?.parse::<f64>().ok());
    pages.map_or(f64::NAN, |pages| pages * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::lock!(Std, std::sync::Mutex<u64>, std::sync::MutexGuard, lock => lock.lock().unwrap());

    #[test]
    fn every_case_gives_a_figure_for_each_column() {
        for case in CASES {
            let figures = measure::<Std>(case, Budget::Time(std::time::Duration::from_millis(1)));
            assert_eq!(figures.len(), case.columns.len(), "{}", case.name);
            assert!(figures.iter().all(|figure| figure.is_finite()), "{}: {figures:?}", case.name);
        }
    }

    #[test]
    fn pairs_are_ordered_and_nearly_all_different() {
        let mut pairs = ordered_pairs();
        assert!(pairs.iter().all(|(one, other)| one < other && *other < LOCKS as usize));
        pairs.sort_unstable();
        pairs.dedup();
        assert!(pairs.len() > PAIRS * 99 / 100, "{}", pairs.len());
    }
}
