//! The trace file as its two users see it: what is acknowledged survives, and no bytes upset the reader.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use lockcheck_events::trace_file::{PAYLOAD_BYTES_MAX, TraceError, TraceReader, TraceWriter, VERSION};
use lockcheck_events::{
    Attempt, Hold, LockId, LockKind, Mode, RawSite, Record, Request, SiteId, StackId, ThreadId, TokenId,
};
use proptest::prelude::*;

const HEADER: usize = 64;

fn read_all(path: &Path) -> Vec<Record> {
    TraceReader::open(path).unwrap().map(Result::unwrap).collect()
}

fn site(number: u32, text: &str) -> Record {
    Record::Site { site: SiteId(number), raw: RawSite { file: text.to_owned(), line: number, column: 1 } }
}

/// Every fact about a record's encoding that matters here: no strings, strings, and nested lists.
fn any_record() -> impl Strategy<Value = Record> {
    let hold = (any::<u64>(), any::<u32>()).prop_map(|(lock, site)| Hold {
        lock: LockId(lock),
        mode: Mode::Shared,
        attempt: Attempt::Try,
        site: SiteId(site),
        event: 7,
    });
    prop_oneof![
        any::<u32>().prop_map(|thread| Record::ThreadEnd { thread: ThreadId(thread) }),
        (any::<u32>(), any::<u32>())
            .prop_map(|(thread, token)| Record::After { thread: ThreadId(thread), token: TokenId(token) }),
        (any::<u32>(), ".{0,60}").prop_map(|(number, text)| site(number, &text)),
        (any::<u32>(), prop::collection::vec(any::<u64>(), 0..40))
            .prop_map(|(stack, addresses)| Record::Stack { stack: StackId(stack), addresses }),
        (any::<u64>(), prop::option::of("[a-z]{0,9}")).prop_map(|(lock, name)| Record::Lock {
            lock: LockId(lock),
            kind: LockKind::RwLock,
            created: SiteId(3),
            name
        }),
        (any::<u32>(), any::<u64>(), prop::collection::vec(hold, 0..5)).prop_map(|(thread, lock, holds)| {
            Record::Request(Request {
                thread: ThreadId(thread),
                event: 1,
                lock: LockId(lock),
                mode: Mode::Exclusive,
                attempt: Attempt::Block,
                site: SiteId(2),
                stack: StackId(1),
                holds,
            })
        }),
    ]
}

fn write_trace(dir: &Path, records: &[Record]) -> PathBuf {
    let mut writer = TraceWriter::create(dir, std::process::id()).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.path().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(records in prop::collection::vec(any_record(), 0..200)) {
        let dir = tempfile::tempdir().unwrap();
        prop_assert_eq!(read_all(&write_trace(dir.path(), &records)), records);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300), headed: bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = write_trace(dir.path(), &[]);
        let mut content = if headed { fs::read(&path).unwrap() } else { Vec::new() };
        content.extend(bytes);
        fs::write(&path, &content).unwrap();
        drain(&path);
    }

    #[test]
    fn mutated_traces_are_refused_or_read(
        records in prop::collection::vec(any_record(), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = write_trace(dir.path(), &records);
        let mut content = fs::read(&path).unwrap();
        for (index, byte) in changes {
            let at = index.index(content.len());
            content[at] = byte;
        }
        if let Some(cut) = cut {
            content.truncate(cut.index(content.len()));
        }
        fs::write(&path, &content).unwrap();
        drain(&path);
    }

    #[test]
    fn a_cut_trace_gives_its_whole_frames_and_says_so(
        records in prop::collection::vec(any_record(), 1..20),
        cut: prop::sample::Index,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = write_trace(dir.path(), &records);
        let content = fs::read(&path).unwrap();
        let kept = HEADER + cut.index(content.len() - HEADER);
        fs::write(&path, &content[..kept]).unwrap();
        let mut reader = TraceReader::open(&path).unwrap();
        let read: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
        prop_assert!(read.len() < records.len() || !reader.truncated());
        prop_assert_eq!(&read[..], &records[..read.len()]);
        // Nothing is lost without a word: what is not a whole frame is called truncated, unless it is all gone.
        prop_assert!(reader.truncated() || reader.position() as usize >= kept);
    }
}

/// Reads to the end or the first error, which must name the file.
fn drain(path: &Path) {
    let result = TraceReader::open(path).and_then(|reader| reader.collect::<Result<Vec<_>, _>>());
    if let Err(error) = result {
        assert_eq!(error.file(), Some(path), "{error}");
    }
}

#[test]
fn each_trace_of_a_pid_gets_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let first = TraceWriter::create(dir.path(), 77).unwrap();
    let second = TraceWriter::create(dir.path(), 77).unwrap();
    assert_eq!(first.path(), dir.path().join("77-0.lctrace"));
    assert_eq!(second.path(), dir.path().join("77-1.lctrace"));
    assert!(!first.is_owner(), "pid 77 is not this process");
    assert_eq!(TraceReader::open(second.path()).unwrap().pid(), 77);
}

#[test]
fn a_trace_can_be_read_while_it_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = TraceWriter::create(dir.path(), std::process::id()).unwrap();
    let mut reader = TraceReader::open(writer.path()).unwrap();
    assert!(reader.next().is_none());
    // Frames of very different sizes, well beyond the first allocation and the reader's block.
    for round in 0..40_u32 {
        let record = site(round, &"x".repeat(round as usize * round as usize * 100));
        writer.append(&record).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), record);
        assert!(reader.next().is_none());
        assert!(!reader.truncated());
    }
    drop(writer);
    assert!(reader.next().is_none() && !reader.truncated());
}

#[test]
fn a_reader_beside_a_busy_writer_sees_only_whole_records_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = TraceWriter::create(dir.path(), std::process::id()).unwrap();
    let mut reader = TraceReader::open(writer.path()).unwrap();
    let count = 20_000;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..count {
                writer.append(&site(number, &"y".repeat(number as usize % 90))).unwrap();
            }
        });
        let mut expected = 0;
        while expected < count {
            match reader.next() {
                None => std::thread::yield_now(),
                Some(record) => {
                    assert_eq!(record.unwrap(), site(expected, &"y".repeat(expected as usize % 90)));
                    expected += 1;
                }
            }
        }
    });
}

#[test]
fn the_limit_closes_the_trace_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = TraceWriter::create_with_limit(dir.path(), std::process::id(), 400 << 10).unwrap();
    let record = site(1, &"z".repeat(1000));
    let mut written = 0;
    let error = loop {
        match writer.append(&record) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, TraceError::Full { .. }), "{error}");
    assert!(error.to_string().contains("409600 bytes"), "{error}");
    assert!(matches!(writer.append(&record), Err(TraceError::Closed)));
    let path = writer.path().to_owned();
    drop(writer);
    let records = read_all(&path);
    assert_eq!(records.len(), written + 1);
    assert!(written > 390, "{written}");
    assert!(matches!(records.last(), Some(Record::Dropped { what }) if what.contains("full")));
    assert!(fs::metadata(&path).unwrap().len() <= 400 << 10);
}

#[test]
fn a_record_beyond_reason_is_refused_and_the_trace_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = TraceWriter::create(dir.path(), std::process::id()).unwrap();
    let huge = site(1, &"h".repeat(PAYLOAD_BYTES_MAX as usize));
    assert!(matches!(writer.append(&huge), Err(TraceError::TooLarge { .. })));
    let large = site(2, &"l".repeat(PAYLOAD_BYTES_MAX as usize - 20));
    writer.append(&large).unwrap();
    assert!(matches!(writer.append(&huge), Err(TraceError::TooLarge { .. })));
    writer.append(&site(3, "small")).unwrap();
    let path = writer.path().to_owned();
    drop(writer);
    assert!(read_all(&path) == [large, site(3, "small")], "the records differ");
}

#[test]
fn a_file_that_was_replaced_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = TraceWriter::create(dir.path(), std::process::id()).unwrap();
    fs::remove_file(writer.path()).unwrap();
    fs::write(writer.path(), "someone else's").unwrap();
    let record = site(1, &"z".repeat(100_000));
    let error = (0..10).find_map(|_| writer.append(&record).err()).unwrap();
    assert!(error.to_string().contains("replaced"), "{error}");
    let path = writer.path().to_owned();
    drop(writer);
    assert_eq!(fs::read_to_string(path).unwrap(), "someone else's");
}

#[test]
fn other_files_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_trace(dir.path(), &[site(1, "a")]);
    let good = fs::read(&path).unwrap();
    let refuse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error =
            TraceReader::open(&path).and_then(|reader| reader.collect::<Result<Vec<_>, _>>()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(path.to_str().unwrap()), "{text}");
        text
    };
    assert!(refuse(&|bytes| bytes.clear()).contains("empty"));
    assert!(refuse(&|bytes| bytes[0] = b'L').contains("not a trace file"));
    assert!(refuse(&|bytes| bytes.truncate(10)).contains("not a trace file"));
    assert!(refuse(&|bytes| bytes[8..12].reverse()).contains("byte order"));
    let newer = refuse(&|bytes| bytes[12..16].copy_from_slice(&(VERSION + 1).to_ne_bytes()));
    assert!(
        newer.contains(&format!("version {}", VERSION + 1)) && newer.contains("update lockcheck"),
        "{newer}"
    );
    assert!(refuse(&|bytes| bytes[HEADER + 4] = 9).contains("byte 64: a frame of unknown kind 9"));
    assert!(refuse(&|bytes| bytes[HEADER + 8] = 200).contains("cannot be decoded"));
    assert!(refuse(&|bytes| bytes[HEADER + 3] = 0xff).contains("more than any writer makes"));
    let missing = dir.path().join("none.lctrace");
    assert!(TraceReader::open(&missing).unwrap_err().to_string().starts_with(missing.to_str().unwrap()));
}

/// The child acknowledges each record through a pipe and is killed without warning: all that it acknowledged, and
/// nothing half-written, must be in the file.
#[test]
#[cfg(target_os = "linux")]
fn kill_nine_loses_nothing_acknowledged() {
    use std::io::Read;
    use std::os::fd::AsRawFd;

    let dir = tempfile::tempdir().unwrap();
    let (mut reader, acknowledge) = std::io::pipe().unwrap();
    let record = site(7, &"k".repeat(333));
    // SAFETY: the child calls only what works after a fork of a threaded process: it writes to a mapping and to a
    // pipe, allocates through the C library's fork-aware allocator, and never returns.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        if let Ok(mut writer) = TraceWriter::create(dir.path(), std::process::id()) {
            while writer.append(&record).is_ok() {
                // SAFETY: one byte from a live buffer to an open pipe.
                unsafe { libc::write(acknowledge.as_raw_fd(), b"+".as_ptr().cast(), 1) };
            }
        }
        // SAFETY: leaves without running the parent's destructors.
        unsafe { libc::_exit(1) };
    }
    assert!(pid > 0);
    drop(acknowledge);
    let mut acknowledged = 0;
    let mut bytes = [0; 4096];
    while acknowledged < 5_000 {
        acknowledged += reader.read(&mut bytes).unwrap();
    }
    // SAFETY: the child is ours and not yet waited for.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    // SAFETY: as above.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    acknowledged += std::io::copy(&mut reader, &mut std::io::sink()).unwrap() as usize;

    let path = dir.path().join(format!("{pid}-0.lctrace"));
    let mut trace = TraceReader::open(&path).unwrap();
    let read = trace.by_ref().map(Result::unwrap).inspect(|read| assert_eq!(*read, record)).count();
    assert!(read == acknowledged || read == acknowledged + 1, "{read} read, {acknowledged} acknowledged");
    assert!(!trace.truncated());
}

/// A full disk is an error of `append`, not a signal. The child lowers its own limit on file sizes, which the
/// kernel would answer with SIGXFSZ if it were tried.
#[test]
#[cfg(target_os = "linux")]
fn a_limit_on_file_sizes_is_an_error_and_no_signal() {
    let dir = tempfile::tempdir().unwrap();
    let record = site(7, &"k".repeat(10_000));
    // SAFETY: see `kill_nine_loses_nothing_acknowledged`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let limit = libc::rlimit { rlim_cur: 600 << 10, rlim_max: 600 << 10 };
        // SAFETY: `limit` is a valid argument.
        unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
        let full = TraceWriter::create(dir.path(), std::process::id()).is_ok_and(|mut writer| {
            let error = (0..1000).find_map(|_| writer.append(&record).err());
            matches!(error, Some(TraceError::Full { .. }))
        });
        // SAFETY: leaves without running the parent's destructors.
        unsafe { libc::_exit(if full { 42 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the child is ours; `status` is a valid place for the answer.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42, "status {status:#x}");
    let records = read_all(&dir.path().join(format!("{pid}-0.lctrace")));
    assert!(matches!(records.last(), Some(Record::Dropped { what }) if what.contains("ulimit")));
}

#[test]
fn bytes_behind_the_end_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_trace(dir.path(), &[site(1, "a")]);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[0; 4096]).unwrap();
    let mut reader = TraceReader::open(&path).unwrap();
    assert_eq!(reader.by_ref().count(), 1);
    assert!(!reader.truncated());
}
