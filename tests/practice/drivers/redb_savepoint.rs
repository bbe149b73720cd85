//! redb: to restore a savepoint locks the savepoints, then the one writer; to make one locks them the other way round.
//!
//! `apart`: on two threads that do not meet. `hammer`: until they do.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use redb::{Database, TableDefinition};

const TABLE: TableDefinition<u64, u64> = TableDefinition::new("t");

#[cfg(not(feature = "fixed"))]
fn make(database: &Database) {
    // Not while somebody writes, which the caller sees to.
    drop(database.savepoint().unwrap());
}

#[cfg(not(feature = "fixed"))]
fn make_and_restore(database: &Database) {
    let savepoint = database.savepoint().unwrap();
    database.restore_savepoint(&savepoint).unwrap();
}

#[cfg(feature = "fixed")]
fn make(database: &Database) {
    let writer = database.begin_write().unwrap();
    drop(writer.savepoint().unwrap());
    writer.abort().unwrap();
}

#[cfg(feature = "fixed")]
fn make_and_restore(database: &Database) {
    let mut writer = database.begin_write().unwrap();
    let savepoint = writer.savepoint().unwrap();
    writer.restore_savepoint(&savepoint).unwrap();
    writer.commit().unwrap();
}

fn fill(database: &Database) {
    let writer = database.begin_write().unwrap();
    writer.open_table(TABLE).unwrap().insert(&1, &2).unwrap();
    writer.commit().unwrap();
}

fn main() {
    let hammer = std::env::args().nth(1).as_deref() == Some("hammer");
    let path: PathBuf = std::env::temp_dir().join(format!("lockcheck-practice-redb-{}", std::process::id()));
    // SAFETY: nobody else knows the file.
    let database = Arc::new(unsafe { Database::create(&path, 1 << 20) }.unwrap());
    fill(&database);
    let rounds = if hammer { 20_000 } else { 1 };
    let others = database.clone();
    let other = thread::spawn(move || (0..rounds).for_each(|_| make(&others)));
    while !hammer && !other.is_finished() {
        thread::yield_now();
    }
    (0..rounds).for_each(|_| make_and_restore(&database));
    if hammer {
        other.join().unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    println!("done");
}
