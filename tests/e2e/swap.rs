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

fn package() -> PathBuf {
    let folder = scratch().join("to_be_swapped");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"to_be_swapped\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/main.rs"), PROGRAM).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

#[test]
fn a_program_is_swapped_watched_and_restored() {
    let folder = package();
    let tracked = root().join("crates/tracked");
    let there = |arguments: &[&str]| run(lockcheck().current_dir(&folder).args(arguments), BUILD);
    let swapped = there(&["swap", ".", "--tracked-path", tracked.to_str().unwrap()]).expect_code(0);
    swapped.expect_stderr(&["src/main.rs: 4 places", "Cargo.toml: `tracked` from"]);
    let ran = there(&["run", ".", "--message-format", "json"]).expect_code(1);
    assert!(ran.stdout.starts_with("done\n"), "{ran}");
    let report = ran.json();
    let [finding] = list(&report, "findings") else { panic!("{ran}") };
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("lock-order-cycle", "likely"));
    let lines: Vec<&str> = list(finding, "evidence").iter().map(|side| text(&side["site"], "file")).collect();
    assert_eq!(lines, ["src/main.rs", "src/main.rs"]);
    there(&["swap", ".", "--undo"]).expect_code(0);
    assert_eq!(fs::read_to_string(folder.join("src/main.rs")).unwrap(), PROGRAM);
}
