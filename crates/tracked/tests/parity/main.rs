//! Every stable item of std's `sync` and `thread`, and every item of parking_lot's two lines, is in the mirrors, with
//! its signature, `const`-ness, auto traits and trait impls, with the feature `check` and without.
//!
//! `tests/conformance/api_parity.tsv` lists the items. Types that the mirrors take from std are shown to be the same
//! type (`same`). For the others, `generate` turns each row into Rust that compiles only where the row is true:
//! `of_*.rs`, which are committed. Each is compiled twice, against the original itself, which shows that the rows are
//! understood, and against the mirror. A test generates it anew and compares
//! (`PARITY_WRITE=1 cargo test -p tracked --test parity` writes them; where
//! one does not compile, empty it first).
//!
//! What the list does not say, variance, is in `variance`; what is stable and has no row, such as the other integers
//! among the atomics, in `unlisted_of_std.rs`.

mod generate;
mod rows;
mod same;
mod variance;
mod witnesses;

use std::path::Path;

use rows::Row;

/// The generated file against the originals.
#[expect(dead_code, reason = "to compile is all that is asked of it")]
#[expect(
    clippy::needless_lifetimes,
    clippy::multiple_bound_locations,
    clippy::needless_maybe_sized,
    reason = "the signatures are those of the list, word for word"
)]
mod originals {
    use std::{sync, thread};

    include!("of_std.rs");

    mod unlisted {
        use std::panic::{RefUnwindSafe, UnwindSafe};

        use super::{Duration, NonZero, io, sync, thread};

        include!("unlisted_of_std.rs");
    }
}

/// The generated file against the mirrors.
#[expect(dead_code, reason = "to compile is all that is asked of it")]
#[expect(
    clippy::needless_lifetimes,
    clippy::multiple_bound_locations,
    clippy::needless_maybe_sized,
    reason = "the signatures are those of the list, word for word"
)]
mod mirrors {
    use tracked::{sync, thread};

    include!("of_std.rs");

    mod unlisted {
        use std::panic::{RefUnwindSafe, UnwindSafe};

        use super::{Duration, NonZero, io, sync, thread};

        include!("unlisted_of_std.rs");
    }
}

/// The generated files against parking_lot's lines and their mirrors.
macro_rules! parking_lot {
    ($feature:literal, $file:literal, $original:path, $mirror:path, $module:ident) => {
        #[cfg(feature = $feature)]
        mod $module {
            #[expect(dead_code, reason = "to compile is all that is asked of it")]
            #[expect(
                clippy::needless_lifetimes,
                clippy::needless_maybe_sized,
                reason = "the signatures are those of the list, word for word"
            )]
            mod original {
                use $original as pl;

                include!($file);
            }

            #[expect(dead_code, reason = "to compile is all that is asked of it")]
            #[expect(
                clippy::needless_lifetimes,
                clippy::needless_maybe_sized,
                reason = "the signatures are those of the list, word for word"
            )]
            mod mirror {
                use $mirror as pl;

                include!($file);
            }
        }
    };
}

parking_lot!("parking_lot_0_12", "of_parking_lot_0_12.rs", parking_lot, tracked::parking_lot_0_12, line_0_12);
parking_lot!("parking_lot_0_13", "of_parking_lot_0_13.rs", parking_lot_0_13, tracked::parking_lot, line_0_13);

/// All rows, with lock_api's condition variable turned into parking_lot's.
fn all_rows(source: &str) -> Vec<Row> {
    let own = |row: Row| if is_condvars(&row) { of_parking_lots_condvar(row) } else { row };
    rows::read(source).into_iter().map(own).collect()
}

/// Whether it is parking_lot's own; what is lock_api's is the original's. Its deadlock detection is what is replaced.
fn is_parking_lots(row: &Row) -> bool {
    row.path == "parking_lot" || (row.path.starts_with("parking_lot::") && !row.path.contains("deadlock"))
}

/// Whether it is an item of lock_api's condition variable, which parking_lot 0.13 has made its own.
fn is_condvars(row: &Row) -> bool {
    row.source.contains("0.13") && row.path == "lock_api::Condvar"
}

/// What parking_lot's own condition variable makes of an item of lock_api's.
fn of_parking_lots_condvar(mut row: Row) -> Row {
    let replaced = [
        ("C::RawMutex, ", ""),
        ("<C::RawMutex as RawMutexTimed>::", ""),
        ("<C: RawCondvar>", ""),
        ("<C>", ""),
        ("&C", "&RawCondvar"),
    ];
    for (generic, own) in replaced {
        row.signature = row.signature.replace(generic, own);
    }
    if let Some((implemented, _)) = row.signature.split_once(" where C:") {
        row.signature = implemented.to_owned();
    }
    row
}

/// One of the generated files.
struct Proof {
    /// The originals, as the list names them.
    source: &'static str,
    file: &'static str,
    head: &'static str,
    /// Which rows must be true of the mirrors one by one.
    asks: fn(&Row) -> bool,
    /// Rows proved, and rows that stable Rust cannot see: a change in the list is noticed.
    counts: (usize, usize),
}

const PROOFS: &[Proof] = &[
    Proof {
        source: "std",
        file: "of_std.rs",
        head: STD,
        asks: |row| row.stable && !same::is_same(&row.path),
        counts: (327, 28),
    },
    Proof {
        source: "parking_lot 0.12.5 / lock_api 0.4.14",
        file: "of_parking_lot_0_12.rs",
        head: PARKING_LOT_0_12,
        asks: |row| is_parking_lots(row),
        counts: (106, 10),
    },
    Proof {
        source: "parking_lot 0.13.0 / lock_api 0.5.0",
        file: "of_parking_lot_0_13.rs",
        head: PARKING_LOT_0_13,
        // The condition variable is no alias but a type of its own, with what lock_api's has.
        asks: |row| (is_parking_lots(row) && row.path != "parking_lot::Condvar") || is_condvars(row),
        counts: (121, 11),
    },
];

const STD: &str = "\
// Generated from tests/conformance/api_parity.tsv by `generate.rs`, see `main.rs`; changed by no hand.
// Included where `sync` and `thread` are std's modules or their mirrors.

use std::fmt::{Debug, Display};
use std::io;
use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::os::unix::thread::JoinHandleExt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use sync::atomic::{self, AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use sync::mpsc::{
    self, IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryIter,
    TryRecvError, TrySendError,
};
use sync::{
    Barrier, BarrierWaitResult, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock, OnceState,
    RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockResult, WaitTimeoutResult,
};
use thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, Thread, ThreadId};

use crate::witnesses::{Bare, LacksRefUnwindSafe, LacksSend, LacksSync, LacksUnpin, LacksUnwindSafe, lacks};

";

const PARKING_LOT_0_12: &str = "\
// Generated from tests/conformance/api_parity.tsv by `generate.rs`, see `main.rs`; changed by no hand.
// Included where `pl` is parking_lot or its mirror.

use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use pl::{
    Condvar, FairMutex, FairMutexGuard, MappedFairMutexGuard, MappedMutexGuard, MappedReentrantMutexGuard,
    MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, Once, OnceState, RawFairMutex, RawMutex,
    RawRwLock, RawThreadId, ReentrantMutex, ReentrantMutexGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};

";

const PARKING_LOT_0_13: &str = "\
// Generated from tests/conformance/api_parity.tsv by `generate.rs`, see `main.rs`; changed by no hand.
// Included where `pl` is parking_lot or its mirror.

use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use pl::{
    Condvar, FairMutex, FairMutexGuard, MappedFairMutexGuard, MappedMutexGuard, MappedReentrantMutexGuard,
    MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, Once, OnceState, RawFairMutex, RawMutex,
    RawRwLock, RawThreadId, ReentrantMutex, ReentrantMutexGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard, WaitTimeoutResult,
    MappedRecursiveRwLockReadGuard, MappedRecursiveRwLockWriteGuard, RawCondvar, RawRwLockRecursive,
    RecursiveRwLock, RecursiveRwLockReadGuard, RecursiveRwLockUpgradableReadGuard, RecursiveRwLockWriteGuard,
};

";

impl Proof {
    fn rows(&self) -> Vec<Row> {
        let mut rows = all_rows(self.source);
        assert!(rows.len() > 600, "the list is complete");
        rows.retain(self.asks);
        rows
    }

    fn types(&self) -> generate::Types {
        generate::Types::of(&all_rows(self.source))
    }

    fn generated(&self) -> String {
        let types = self.types();
        let items = self.rows().iter().filter_map(|row| generate::code(row, &types).ok()).collect();
        let file = syn::parse2(items).expect("what is generated is Rust");
        // Tokens carry no comments.
        let text = prettyplease::unparse(&file)
            .replace("    unsafe {", "    // SAFETY: the caller's promise, whatever it is.\n    unsafe {");
        format!("{}{text}", self.head)
    }
}

#[test]
fn the_generated_files_say_what_the_list_says() {
    for proof in PROOFS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(proof.file);
        let generated = proof.generated();
        if std::env::var_os("PARITY_WRITE").is_some() {
            std::fs::write(&path, &generated).expect("the file can be written");
        }
        let committed = std::fs::read_to_string(&path).expect("the file can be read");
        assert!(committed == generated, "{} is out of date; write it with PARITY_WRITE=1", proof.file);
    }
}

#[test]
fn every_row_is_proved_or_the_reason_is_known() {
    for proof in PROOFS {
        let types = proof.types();
        let (mut proved, mut unseen) = (0, 0);
        for row in proof.rows() {
            match generate::code(&row, &types) {
                Ok(_) => proved += 1,
                Err(generate::Silent::Unseen) => unseen += 1,
                Err(generate::Silent::Declaration) => {}
            }
        }
        assert_eq!(
            (proved, unseen),
            proof.counts,
            "{}: rows proved, and rows that cannot be seen",
            proof.source
        );
    }
}
