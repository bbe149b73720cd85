//! A program that knows nothing of this toolkit is swapped, builds, is watched, and is what it was after `--undo`.

use std::fs;
use std::path::PathBuf;

use crate::command::{BUILD, lockcheck, root, run, scratch};
use crate::contract::{list, text};

/// Two locks, one of std's and one that a macro makes, in opposite orders.
const PROGRAM: &str = r#"use std::{
    io,
    sync::{Arc, Mutex},
    thread,
};

macro_rules! slot {
    ($value:expr) => { Arc::new(std::sync::Mutex::new($value)) };
}

thread_local! {
    static TURN: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn main() -> io::Result<()> {
    let a: Arc<Mutex<u32>> = slot!(1);
    let b = slot!(2);
    let (a2, b2) = (a.clone(), b.clone());
    let first = thread::spawn(move || {
        let _a = a2.lock().unwrap();
        TURN.set(*b2.lock().unwrap());
    });
    let second = std::thread::Builder::new().spawn(move || {
        while !first.is_finished() {
            thread::yield_now();
        }
        let _b = b.lock().unwrap();
        TURN.set(*a.lock().unwrap());
    })?;
    second.join().unwrap();
    println!("done");
    Ok(())
}
"#;

/// What it has in its library: an example passes mutexes to a function of the crate, in opposite orders.
const LIBRARY: &str = r#"//! ```
//! use std::{
//!     sync::{Arc, Mutex},
//!     thread,
//! };
//!
//! let (a, b) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
//! let (a2, b2) = (a.clone(), b.clone());
//! let first = thread::spawn(move || to_be_swapped::both(&a2, &b2));
//! # while !first.is_finished() { std::thread::yield_now(); }
//! let second = thread::spawn(move || to_be_swapped::both(&b, &a));
//! assert_eq!(second.join().unwrap(), 3);
//! ```

use std::sync::Mutex;

/// Their sum.
pub fn both(a: &Mutex<u32>, b: &Mutex<u32>) -> u32 {
    let a = a.lock().unwrap();
    *a + *b.lock().unwrap()
}
"#;

fn package() -> PathBuf {
    let folder = scratch().join("to_be_swapped");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"to_be_swapped\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/main.rs"), PROGRAM).unwrap();
    fs::write(folder.join("src/lib.rs"), LIBRARY).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

#[test]
fn a_program_is_swapped_watched_and_restored() {
    let folder = package();
    let tracked = root().join("crates/tracked");
    let there = |arguments: &[&str]| run(lockcheck().current_dir(&folder).args(arguments), BUILD);
    let swapped = there(&["swap", ".", "--tracked-path", tracked.to_str().unwrap()]).expect_code(0);
    swapped.expect_stderr(&["src/main.rs: 4 places", "src/lib.rs: 3 places", "Cargo.toml: `tracked` from"]);
    let ran = there(&["run", ".", "--message-format", "json"]).expect_code(1);
    assert!(ran.stdout.starts_with("done\n"), "{ran}");
    let report = ran.json();
    let [finding] = list(&report, "findings") else { panic!("{ran}") };
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("lock-order-cycle", "likely"));
    let lines: Vec<&str> = list(finding, "evidence").iter().map(|side| text(&side["site"], "file")).collect();
    assert_eq!(lines, ["src/main.rs", "src/main.rs"]);
    let examples = there(&["test", "--message-format", "json", "--", "--doc"]).expect_code(1);
    assert!(examples.stdout.contains("1 passed"), "{examples}");
    assert_eq!(sites(&examples), ["to_be_swapped/src/lib.rs:20", "to_be_swapped/src/lib.rs:20"]);
    there(&["swap", ".", "--undo"]).expect_code(0);
    assert_eq!(fs::read_to_string(folder.join("src/main.rs")).unwrap(), PROGRAM);
    assert_eq!(fs::read_to_string(folder.join("src/lib.rs")).unwrap(), LIBRARY);
}

/// Both lines of parking_lot, one of them in another package.
const MANIFEST: &str = r#"[package]
name = "both_lines"
version = "0.1.0"
edition = "2021"

[dependencies]
parking_lot = "0.13"
inner = { path = "inner" }

[workspace]
"#;
const MAIN: &str = r#"use parking_lot::Mutex;

static C: Mutex<u32> = Mutex::new(1);
static D: Mutex<u32> = Mutex::new(1);

fn main() {
    let first = std::thread::spawn(|| {
        inner::forth();
        let _c = C.lock();
        let _d = D.lock();
    });
    while !first.is_finished() {
        std::thread::yield_now();
    }
    let second = std::thread::spawn(|| {
        inner::back();
        let _d = D.lock();
        let _c = C.lock();
    });
    second.join().unwrap();
    println!("done in {}", std::env::current_dir().unwrap().display());
}

#[test]
fn orders() {
    main();
}
"#;
const INNER_MANIFEST: &str = r#"[package]
name = "inner"
version = "0.1.0"
edition = "2021"

[dependencies.parking_lot]
version = "0.12"
features = ["arc_lock", "deadlock_detection", "nightly"]
"#;
const INNER: &str = r#"use parking_lot::{Mutex, RwLock};

static A: Mutex<u32> = Mutex::new(1);
static B: RwLock<u32> = RwLock::new(1);

pub fn forth() {
    let _a = A.lock();
    *B.write() += 1;
}

pub fn back() {
    let _b = B.write();
    *A.lock() += parking_lot::deadlock::check_deadlock().len() as u32;
}
"#;

fn package_of_both_lines() -> PathBuf {
    let folder = scratch().join("both_lines");
    let files = [
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", MAIN),
        ("inner/Cargo.toml", INNER_MANIFEST),
        ("inner/src/lib.rs", INNER),
    ];
    for (path, text) in files {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), text).unwrap();
    }
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

/// Where the findings' sites are.
fn sites(ran: &crate::command::Ran) -> Vec<String> {
    let report = ran.json();
    let findings = list(&report, "findings").iter().flat_map(|finding| list(finding, "evidence"));
    let site = |side: &serde_json::Value| {
        format!("{}/{}:{}", text(&side["site"], "package"), text(&side["site"], "file"), side["site"]["line"])
    };
    let mut sites: Vec<String> = findings.map(site).collect();
    sites.sort();
    sites
}

/// The whole tree, without an edit: neither sources nor Cargo.lock change, and reports name the original files.
#[test]
fn parking_lot_is_swapped_in_a_whole_tree() {
    let folder = package_of_both_lines();
    let read = |path: &str| fs::read(folder.join(path)).unwrap();
    let before = ["Cargo.toml", "Cargo.lock", "src/main.rs", "inner/Cargo.toml"].map(read);
    let there = |arguments: &[&str]| {
        // Beside it, not in the workspace's: the copy lies below the target directory.
        run(lockcheck().current_dir(&folder).env_remove("CARGO_TARGET_DIR").args(arguments), BUILD)
    };
    let expected = [
        "both_lines/src/main.rs:10",
        "both_lines/src/main.rs:18",
        "inner/src/lib.rs:13",
        "inner/src/lib.rs:8",
    ];
    let ran = there(&["run", ".", "--swap", "parking_lot", "--message-format", "json"]).expect_code(1);
    assert!(ran.stdout.starts_with(&format!("done in {}", folder.display())), "{ran}");
    assert_eq!(sites(&ran), expected, "{ran}");
    let tested = there(&["test", "--swap", "parking_lot", "--message-format", "json"]).expect_code(1);
    assert_eq!(sites(&tested), expected, "{tested}");
    assert_eq!(["Cargo.toml", "Cargo.lock", "src/main.rs", "inner/Cargo.toml"].map(read), before);
}
