//! What has a mirror: std's modules name by name, and parking_lot's lines. Everything else stays where it is.

/// The edition of a crate, as far as paths differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edition {
    /// Imports are relative to the crate's root, so that the root needs `extern crate tracked;`.
    E2015,
    /// Imports name crates.
    E2018,
}

/// A line of parking_lot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Line {
    /// 0.12, and 0.6 to 0.11, whose types the mirror of 0.12 has.
    V0_12,
    /// 0.13.
    V0_13,
}

impl Line {
    /// The module of `tracked` that mirrors it.
    pub fn module(self) -> &'static str {
        match self {
            Line::V0_12 => "parking_lot_0_12",
            Line::V0_13 => "parking_lot",
        }
    }

    /// The feature of `tracked` that has the module.
    pub fn feature(self) -> &'static str {
        match self {
            Line::V0_12 => "parking_lot_0_12",
            Line::V0_13 => "parking_lot_0_13",
        }
    }
}

/// parking_lot as a crate knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParkingLot {
    /// Under which name.
    pub name: String,
    /// Which line it is; none where it has no mirror.
    pub line: Option<Line>,
    /// As the manifest says it, for messages.
    pub requirement: String,
}

/// What paths mean in one crate, and what they become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mirrors {
    /// The crate's edition.
    pub edition: Edition,
    /// parking_lot under all of its names.
    pub parking_lots: Vec<ParkingLot>,
    /// Whether something of the crate's own is called `tracked`, so that the dependency must be `::tracked`.
    pub shadowed: bool,
    /// Whether the examples in its documentation are compiled and run.
    pub examples: bool,
}

/// The first word of a path that may have a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root<'a> {
    /// `std`.
    Std,
    /// parking_lot, under whatever name.
    ParkingLot(&'a ParkingLot),
    /// `core` or `alloc`, parts of which std re-exports.
    BelowStd(&'static str),
}

impl Mirrors {
    /// What a path begins with, if it concerns us.
    pub fn root(&self, name: &str) -> Option<Root<'_>> {
        if let Some(own) = self.parking_lots.iter().find(|own| own.name == name) {
            return Some(Root::ParkingLot(own));
        }
        match name {
            "std" => Some(Root::Std),
            "core" => Some(Root::BelowStd("core")),
            "alloc" => Some(Root::BelowStd("alloc")),
            _ => None,
        }
    }

    /// `tracked`, as the beginning of a path that has no `::` before it, or has.
    pub fn tracked(&self, after_colons: bool) -> &'static str {
        if self.shadowed && !after_colons && self.edition == Edition::E2018 { "::tracked" } else { "tracked" }
    }
}

/// What stands behind a root: swapped, left in silence, or left with a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is in the mirror.
    Mirrored,
    /// It is none of ours.
    Foreign,
    /// It concerns locks and is not in the mirror.
    Missing(String),
}

/// Whether the path that continues with `names` behind `root` has a mirror.
pub fn verdict(root: Root<'_>, names: &[&str]) -> Verdict {
    match (root, names) {
        (Root::Std, ["sync" | "thread"] | ["thread_local", ..]) => Verdict::Mirrored,
        (Root::Std, ["sync", name, ..]) => known(name, &SYNC, "sync"),
        (Root::Std, ["thread", name, ..]) => known(name, &THREAD, "thread"),
        (Root::Std | Root::ParkingLot(_), []) => Verdict::Foreign,
        (Root::Std, _) => Verdict::Foreign,
        (Root::ParkingLot(own), [name, ..]) => parking_lot(own, name),
        (Root::BelowStd(_), ["sync", ..]) => {
            Verdict::Missing("only paths that begin with `std` are swapped".to_owned())
        }
        (Root::BelowStd(_), _) => Verdict::Foreign,
    }
}

fn known(name: &str, names: &[&str], module: &str) -> Verdict {
    if name == "self" || names.contains(&name) {
        return Verdict::Mirrored;
    }
    Verdict::Missing(format!("`tracked::{module}` has no `{name}`"))
}

fn parking_lot(own: &ParkingLot, name: &str) -> Verdict {
    if own.line.is_none() {
        let requirement = &own.requirement;
        let why = format!(
            "parking_lot {requirement} has no mirror; 0.6 to 0.13 have one, below 0.11 only without `lock_api` beside it"
        );
        return Verdict::Missing(why);
    }
    if name == "ONCE_INIT" {
        return Verdict::Missing(
            "the mirror has no `ONCE_INIT`: `Once::new()` is a constant, too".to_owned(),
        );
    }
    if name == "deadlock" {
        return Verdict::Missing(
            "the mirror has no `deadlock`: to find deadlocks is what it does".to_owned(),
        );
    }
    Verdict::Mirrored
}

/// What is stable in `std::sync` in Rust 1.95.
const SYNC: [&str; 22] = [
    "Arc",
    "Barrier",
    "BarrierWaitResult",
    "Condvar",
    "LazyLock",
    "LockResult",
    "Mutex",
    "MutexGuard",
    "ONCE_INIT",
    "Once",
    "OnceLock",
    "OnceState",
    "PoisonError",
    "RwLock",
    "RwLockReadGuard",
    "RwLockWriteGuard",
    "TryLockError",
    "TryLockResult",
    "WaitTimeoutResult",
    "Weak",
    "atomic",
    "mpsc",
];

/// What is stable in `std::thread` in Rust 1.95.
const THREAD: [&str; 20] = [
    "AccessError",
    "Builder",
    "JoinHandle",
    "LocalKey",
    "Result",
    "Scope",
    "ScopedJoinHandle",
    "Thread",
    "ThreadId",
    "available_parallelism",
    "current",
    "panicking",
    "park",
    "park_timeout",
    "park_timeout_ms",
    "scope",
    "sleep",
    "sleep_ms",
    "spawn",
    "yield_now",
];
