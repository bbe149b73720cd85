//! Every stable item of std's `sync` and `thread` is in the mirrors, with its signature, `const`-ness, auto traits and
//! trait impls, with the feature `check` and without.
//!
//! `tests/conformance/api_parity.tsv` lists the items. Types that the mirrors take from std are shown to be the same
//! type (`same`). For the others, `generate` turns each row into Rust that compiles only where the row is true:
//! `of_std.rs`, which is committed. It is compiled twice, against std itself, which shows that the rows are
//! understood, and against the mirrors. A test generates it anew and compares
//! (`PARITY_WRITE=1 cargo test -p tracked --test parity` writes it).
//!
//! What the list does not say, variance, is in `variance`.

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
}

/// The rows that must be true of the mirrors one by one.
fn rows_to_prove() -> Vec<Row> {
    let mut rows = rows::read("std");
    assert!(rows.len() > 700, "the list is complete");
    rows.retain(|row| row.stable && !same::is_same(&row.path));
    rows
}

const HEAD: &str = "\
// Generated from tests/conformance/api_parity.tsv by `generate.rs`, see `main.rs`; changed by no hand.
// Included where `sync` and `thread` are std's modules or their mirrors.

use std::fmt::{Debug, Display};
use std::io;
use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::os::unix::thread::JoinHandleExt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use sync::atomic::{self, Ordering};
use sync::mpsc::{
    self, IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryIter,
    TryRecvError, TrySendError,
};
use sync::{
    Barrier, BarrierWaitResult, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock, OnceState,
    RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockResult, WaitTimeoutResult,
};
use thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, Thread};

use crate::witnesses::{Bare, LacksRefUnwindSafe, LacksSend, LacksSync, LacksUnpin, LacksUnwindSafe, lacks};

";

fn generated() -> String {
    let types = generate::Types::of(&rows::read("std"));
    let items = rows_to_prove().iter().filter_map(|row| generate::code(row, &types).ok()).collect();
    let file = syn::parse2(items).expect("what is generated is Rust");
    // Tokens carry no comments.
    let text = prettyplease::unparse(&file)
        .replace("    unsafe {", "    // SAFETY: the caller's promise, whatever it is.\n    unsafe {");
    format!("{HEAD}{text}")
}

#[test]
fn the_generated_file_says_what_the_list_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/of_std.rs");
    let generated = generated();
    if std::env::var_os("PARITY_WRITE").is_some() {
        std::fs::write(&path, &generated).expect("of_std.rs can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("of_std.rs can be read");
    assert!(committed == generated, "of_std.rs is out of date; write it with PARITY_WRITE=1");
}

#[test]
fn every_row_is_proved_or_the_reason_is_known() {
    let types = generate::Types::of(&rows::read("std"));
    let (mut proved, mut unseen) = (0, 0);
    for row in rows_to_prove() {
        match generate::code(&row, &types) {
            Ok(_) => proved += 1,
            Err(generate::Silent::Unseen) => unseen += 1,
            Err(generate::Silent::Declaration) => {}
        }
    }
    assert_eq!((proved, unseen), (255, 27), "rows proved, and rows that stable Rust cannot see");
}
