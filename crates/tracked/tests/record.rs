//! Mode `record`: what was acknowledged is in the file, whatever happens to the process.
//!
//! The recording processes are this program again, told by an environment variable which part to play.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use lockcheck_events::LockKind;
use lockcheck_events::event_file::{Closed, EventKind, EventReader, FRAMES_MAX, RecordedEvent};
use lockcheck_events::recorded::RecordedReader;
use lockcheck_events::trace_event::Op;
use tracked::{Barrier, Lock, thread};

/// Which part a process plays.
const PART: &str = "RECORD_TEST_PART";
/// How often a process is killed.
const KILLS: u64 = 100;

/// This program as a process that records into `folder`.
fn part(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "plays_its_part", "--nocapture", "--test-threads=1"]);
    command.env(PART, name).env("LOCKCHECK", "record").env("LOCKCHECK_OUT", folder);
    command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    command
}

fn file_in(folder: &Path, extension: &str) -> PathBuf {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn events(folder: &Path) -> Vec<RecordedEvent> {
    let reader = EventReader::open(&file_in(folder, "lcevents")).unwrap();
    reader.map(|event| event.unwrap()).collect()
}

/// Takes two locks in their order for ever, and says after each time how often it did; two others do so silently.
fn for_ever() {
    let locks = Arc::new([Lock::new(0), Lock::new(0)]);
    for _ in 0..2 {
        let locks = Arc::clone(&locks);
        thread::spawn(move || {
            loop {
                let _outer = locks[0].lock();
                *locks[1].lock() += 1;
            }
        });
    }
    let own = [Lock::new(0), Lock::new(0)];
    for round in 1_u64.. {
        let outer = own[0].lock();
        *own[1].lock() += 1;
        drop(outer);
        println!("{round}");
    }
}

fn many(number: u32) {
    let lock = Lock::new(0);
    for _ in 0..number {
        *lock.lock() += 1;
    }
}

/// Two threads, one after the other, in opposite orders.
fn opposite_orders() {
    let locks = Arc::new([Lock::new(0), Lock::new(0)]);
    for (first, second) in [(0, 1), (1, 0)] {
        let locks = Arc::clone(&locks);
        let started = thread::spawn(move || {
            let _outer = locks[first].lock();
            *locks[second].lock() += 1;
        });
        started.join().unwrap();
    }
}

fn a_thousand_threads() {
    let lock = Arc::new(Lock::new(0));
    let all = Arc::new(Barrier::new(1000));
    let start = |_| {
        let (lock, all) = (Arc::clone(&lock), Arc::clone(&all));
        thread::spawn(move || {
            *lock.lock() += 1;
            all.wait();
            *lock.lock() += 1;
        })
    };
    let started: Vec<_> = (0..1000).map(start).collect();
    started.into_iter().for_each(|started| started.join().unwrap());
}

fn fork_and_exec() {
    let lock = Lock::new(0);
    *lock.lock() += 1;
    // SAFETY: the child takes a lock that is free, and ends or becomes another program at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        *lock.lock() += 1;
        let folder = std::env::var_os("LOCKCHECK_OUT").unwrap();
        use std::os::unix::process::CommandExt;
        let error = part("opposite orders", Path::new(&folder)).stdout(Stdio::null()).exec();
        panic!("{error}");
    }
    let mut status = 0;
    // SAFETY: the child is ours, `status` a place for the answer.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    *lock.lock() += 1;
}

#[test]
fn plays_its_part() {
    match std::env::var(PART).as_deref() {
        Ok("for ever") => for_ever(),
        Ok("many") => many(100_000),
        Ok("opposite orders") => opposite_orders(),
        Ok("a thousand threads") => a_thousand_threads(),
        Ok("fork and exec") => fork_and_exec(),
        _ => {}
    }
}

#[test]
fn a_kill_at_any_moment_costs_nothing_that_was_acknowledged() {
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for kill in 0..KILLS {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(kill | 1);
        let until = 1 + (chance >> 33) % 300;
        let folder = tempfile::tempdir().unwrap();
        let mut child = part("for ever", folder.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        let mut next = || lines.find_map(|line| line.ok()?.trim().parse::<u64>().ok());
        while acknowledged < until {
            acknowledged = next().expect("it says how far it is until it is killed");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = next_to_last(acknowledged, &mut next);
        let events = events(folder.path());
        let own = events.iter().find(|event| event.manner.kind == EventKind::Fork).unwrap().thread;
        let released =
            events.iter().filter(|e| e.thread == own && e.manner.kind == EventKind::Release).count();
        assert!(released as u64 >= 2 * acknowledged, "{released} of {acknowledged} rounds, kill {kill}");
        assert!(events.is_sorted_by_key(|event| event.stamp));
        // What is there contradicts neither locks nor threads.
        let mut reader = RecordedReader::open(&file_in(folder.path(), "lcevents")).unwrap();
        assert_eq!(reader.by_ref().filter(|event| event.is_err()).count(), 0);
        assert_eq!(reader.left_out(), 0, "kill {kill}");
    }
}

/// The last number that was said before the process died.
fn next_to_last(mut last: u64, next: &mut impl FnMut() -> Option<u64>) -> u64 {
    while let Some(number) = next() {
        // The very last line may have been cut.
        if number == last + 1 {
            last = number;
        }
    }
    last
}

#[test]
fn every_event_of_every_thread_is_there_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let output = part("opposite orders", folder.path()).output().unwrap();
    assert!(output.status.success());
    use EventKind::{Acquire, Arrive, Fork, Frame, Join, Object, Read, Release, Signal, Stack, Write};
    let mut events = events(folder.path());
    let frames = events.iter().filter(|event| event.manner.kind == Frame).count();
    assert!((4..=2 * FRAMES_MAX).contains(&frames), "each thread has a stack: {frames} frames");
    events.retain(|event| ![Object, Frame].contains(&event.manner.kind));
    let kinds: Vec<EventKind> = events.iter().map(|event| event.manner.kind).collect();
    let once = [Fork, Acquire, Acquire, Stack, Read, Write, Release, Release, Join];
    // The thread that plays the part was started by the test harness, of which nothing is known.
    let expected: Vec<EventKind> = [Arrive].into_iter().chain(once).chain(once).chain([Signal]).collect();
    assert_eq!(kinds, expected);
    let acquired: Vec<u64> =
        events.iter().filter(|event| event.manner.kind == Acquire).map(|event| event.object).collect();
    assert_eq!((acquired[0], acquired[1]), (acquired[3], acquired[2]), "opposite orders");
    // Each is said to be where it is, and each object to be what it is.
    let reader = EventReader::open(&file_in(folder.path(), "lcevents")).unwrap();
    for event in events.iter().filter(|event| ![Arrive, Signal].contains(&event.manner.kind)) {
        assert!(reader.places()[&event.place].file.ends_with("tests/record.rs"), "{event:?}");
    }
    let mut recorded = RecordedReader::open(&file_in(folder.path(), "lcevents")).unwrap();
    while let Some(event) = recorded.next() {
        let accesses = matches!(event.unwrap().event.op, Op::Read | Op::Write);
        assert_eq!(recorded.stack().is_empty(), !accesses, "accesses have stacks");
    }
    assert_eq!((recorded.left_out(), recorded.lost()), (0, None));
    for lock in acquired {
        assert_eq!(recorded.object(lock).unwrap().kind, Some(LockKind::Mutex));
    }
}

#[test]
fn without_room_it_goes_on_in_mode_check_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // Blocks of 512 bytes: 3 MiB for each file.
    let plain = part("many", folder.path());
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -f 6144; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap());
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut reader = EventReader::open(&file_in(folder.path(), "lcevents")).unwrap();
    let events: Vec<RecordedEvent> = reader.by_ref().map(|event| event.unwrap()).collect();
    assert_eq!((reader.closed(), reader.lost()), (Some(Closed::NoRoom), 1));
    assert!((100_000..200_000).contains(&events.len()), "the beginning is kept: {}", events.len());
    let own = events.last().unwrap().thread;
    let stamps = events.iter().filter(|event| event.thread == own).map(|event| event.stamp);
    assert!(stamps.eq(1..=events.len() as u32), "without a gap");
}

#[test]
fn a_thousand_threads_have_a_lane_each() {
    let folder = tempfile::tempdir().unwrap();
    let output = part("a thousand threads", folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut recorded = RecordedReader::open(&file_in(folder.path(), "lcevents")).unwrap();
    let events: Vec<_> = recorded.by_ref().map(|event| event.unwrap().event).collect();
    assert_eq!((recorded.left_out(), recorded.lost()), (0, None));
    let count = |op: Op| events.iter().filter(|event| event.op == op).count();
    assert_eq!((count(Op::Fork), count(Op::Join), count(Op::Acquire)), (1000, 1000, 2000));
    assert_eq!(count(Op::Release), 2000);
}

#[test]
fn a_fork_is_survived_and_an_exec_has_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let output = part("fork and exec", folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let files = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let recordings: Vec<PathBuf> =
        files().filter(|path| path.extension().is_some_and(|e| e == "lcevents")).collect();
    assert_eq!(recordings.len(), 2, "{recordings:?}");
    for path in recordings {
        let mut recorded = RecordedReader::open(&path).unwrap();
        let events: Vec<_> = recorded.by_ref().map(|event| event.unwrap().event).collect();
        assert_eq!(recorded.left_out(), 0);
        let acquired = events.iter().filter(|event| event.op == Op::Acquire).count();
        // The parent's own two, and what "opposite orders" does; nothing of the child between fork and exec.
        assert!([2, 4].contains(&acquired), "{acquired} in {path:?}");
    }
}
