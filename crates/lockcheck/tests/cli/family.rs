//! Traces of several processes of one run, judged together.

use std::path::Path;

use lockcheck_events::trace_file::TraceWriter;
use lockcheck_events::{LockId, Record};

use crate::support::{beginning, call, cycle};

/// One of the two threads of a cycle alone, in a process of its own, with locks that lie in this file.
fn side(index: usize, inode: u64) -> Vec<Record> {
    let file = "/nowhere/src/main.rs";
    let mut records = beginning(file);
    for lock in [1, 2] {
        records.push(Record::Shared { lock: LockId(lock), device: 1, inode, offset: 64 * lock });
    }
    let requests = cycle(file).split_off(beginning(file).len());
    records.push(requests[index].clone());
    records
}

fn write(dir: &Path, pid: u32, records: &[Record]) {
    let mut writer = TraceWriter::create(dir, pid).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
}

#[test]
fn a_cycle_over_two_processes_is_found_from_their_traces() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 70, &side(0, 5));
    write(dir.path(), 80, &side(1, 5));
    let called = call(&["analyze", "--message-format", "json", dir.path().to_str().unwrap()]);
    let report = called.assert_code(1).json();
    assert_eq!(report["stats"]["processes"], 2);
    let [finding] = &report["findings"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&finding["code"], &finding["tier"]), (&"LC0010".into(), &"likely".into()));
    let sides = finding["evidence"].as_array().unwrap().iter();
    let sides: Vec<(u64, u64)> = sides
        .map(|side| (side["process"].as_u64().unwrap(), side["site"]["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(sides.len(), 2);
    assert!(sides.contains(&(0, 4)) && sides.contains(&(1, 6)), "{sides:?}");
}

#[test]
fn locks_that_only_look_alike_are_silent() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 70, &side(0, 5));
    write(dir.path(), 80, &side(1, 6));
    call(&["analyze", dir.path().to_str().unwrap()]).assert_code(0);
}
