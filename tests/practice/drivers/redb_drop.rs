//! redb: to drop a database writes once more, and waits for the writer that the same thread has not ended yet.

use redb::{Database, TableDefinition};

const TABLE: TableDefinition<u64, u64> = TableDefinition::new("t");

fn main() {
    let path = std::env::temp_dir().join(format!("lockcheck-practice-redb-{}", std::process::id()));
    let database = Database::create(&path).unwrap();
    let writer = database.begin_write().unwrap();
    writer.open_table(TABLE).unwrap().insert(&1, &2).unwrap();
    // So that nothing stays when it hangs; the file is open.
    std::fs::remove_file(&path).unwrap();
    drop(database);
    writer.commit().unwrap();
    println!("done");
}
