//! The trace file: an append-only shared mapping of framed records that survives the death of its writer.
//!
//! ```text
//! header   64 bytes: magic [8], byte order mark u32, version u32, pid u32, zeros
//! frame    [len: u32][kind: u32][payload: len bytes][zeros up to a multiple of 8]
//! end      a frame with len 0, or the end of the file
//! ```
//!
//! Integers are in the writer's byte order; a reader of the other one refuses. The payload of a frame is one
//! [`Record`] in postcard's encoding. A frame is committed by a release store of `len` after its payload and the
//! zero `len` of the frame behind it are in place: what [`TraceWriter::append`] has acknowledged is in the page
//! cache, and no way of killing the process can take it back.
//!
//! The writer maps the whole range up to its limit at once (address space costs nothing), and allocates the file
//! underneath in growing steps, so that frames are contiguous and a full disk is an error while growing rather
//! than a SIGBUS while writing. It keeps no file descriptor: the watched program may close, count or reuse them.
//!
//! The reader does not map: it reads with bounded memory, whatever the bytes are, while the file is being written,
//! truncated or neither. This module decides nothing about what records mean.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use memmap2::{MmapOptions, MmapRaw};
use thiserror::Error;

use crate::Record;

/// What trace files are called: `<pid>-<n>.lctrace`.
pub const EXTENSION: &str = "lctrace";
/// The version of the format that this code writes, and the newest that it reads.
pub const VERSION: u32 = 2;
/// A trace file never grows beyond this many bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// The payload of a frame is at most this many bytes long.
pub const PAYLOAD_BYTES_MAX: u32 = 16 << 20;

/// The first bytes of every trace file.
pub const MAGIC: [u8; 8] = *b"lctrace\0";
pub(crate) const BYTE_ORDER_MARK: u32 = 0x0102_0304;
/// Bytes of the file's header.
const HEADER: usize = 64;
/// Bytes of a frame's header.
const FRAME_HEADER: usize = 8;
/// The `kind` of a frame that holds a [`Record`].
const KIND_RECORD: u32 = 1;
/// How many bytes are allocated when the file is created.
const FIRST_STEP: u64 = 256 << 10;
/// The file doubles, yet grows by no more than this at a time.
const STEP_MAX: u64 = 32 << 20;
/// Kept free at the end for the frame that says why nothing follows.
const RESERVE: usize = 256;
/// How many files of one pid are tried before giving up: a pid that writes more traces than this into one folder
/// is not a process but a mistake.
const FILES_PER_PID_MAX: u32 = 100_000;
/// How many bytes the reader takes at a time.
const READ_BLOCK: usize = 64 << 10;

/// What can go wrong with a trace file.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The trace.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process was killed before it wrote the header.
    #[error("{}: the trace is empty: its process died before it wrote anything", file.display())]
    Empty {
        /// The trace.
        file: PathBuf,
    },
    /// Something else.
    #[error("{}: not a trace file: it does not start with `lctrace`", file.display())]
    NotATrace {
        /// The file.
        file: PathBuf,
    },
    /// Something else, where recorded events were looked for.
    #[error("{}: not a file of events: it does not start with `lcevent`", file.display())]
    NotEvents {
        /// The file.
        file: PathBuf,
    },
    /// Written by a newer toolkit.
    #[error(
        "{}: trace format version {found}, but this lockcheck reads versions up to {known}; update lockcheck",
        file.display()
    )]
    Newer {
        /// The trace.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is read here.
        known: u32,
    },
    /// Written on another kind of machine.
    #[error("{}: written on a machine of the other byte order; analyze it there", file.display())]
    ByteOrder {
        /// The trace.
        file: PathBuf,
    },
    /// Bytes that no writer writes.
    #[error("{}: byte {offset}: {what}; the file is damaged, record the run again", file.display())]
    Malformed {
        /// The trace.
        file: PathBuf,
        /// Where the frame starts, from 0.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The file has reached its limit or the disk is full. Said once; the writer is closed from here on.
    #[error("{}: the trace is full at {size} bytes: {reason}", file.display())]
    Full {
        /// The trace.
        file: PathBuf,
        /// How much of it is in use.
        size: u64,
        /// Which limit it was.
        reason: String,
    },
    /// A record beyond all reason. Only this one is lost.
    #[error("{}: a record is longer than {PAYLOAD_BYTES_MAX} bytes", file.display())]
    TooLarge {
        /// The trace.
        file: PathBuf,
    },
    /// The writer was closed by an earlier error.
    #[error("the trace is closed since it became full")]
    Closed,
}

impl TraceError {
    /// The file it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            TraceError::Io { file, .. }
            | TraceError::Empty { file }
            | TraceError::NotATrace { file }
            | TraceError::NotEvents { file }
            | TraceError::Newer { file, .. }
            | TraceError::ByteOrder { file }
            | TraceError::Malformed { file, .. }
            | TraceError::Full { file, .. }
            | TraceError::TooLarge { file } => Some(file),
            TraceError::Closed => None,
        }
    }
}

/// Appends records to the trace of one process.
///
/// Not synchronised: the caller holds it under a lock of its own. Neither allocates nor makes a system call unless
/// the file has to grow.
#[derive(Debug)]
pub struct TraceWriter {
    /// The file, from the limit's point of view: addresses beyond `allocated` have no storage yet and are never
    /// touched.
    map: MmapRaw,
    /// Absolute, so that growing works after the program has changed its folder.
    path: PathBuf,
    /// What the path must still lead to when the file grows.
    identity: Identity,
    /// The process that may write here.
    pid: u32,
    /// Where the next frame goes; a multiple of 8; the `len` that stands there is 0.
    end: usize,
    /// Bytes of the file that have storage. `end + FRAME_HEADER + RESERVE <= allocated` unless closed.
    allocated: usize,
    /// No more than this, and never more than what is mapped.
    limit: usize,
    /// Set by the first failure to grow.
    closed: bool,
}

impl TraceWriter {
    /// Creates `<pid>-<n>.lctrace` in `dir`, with the first `n` that is free: pids come round, and `exec` keeps them.
    pub fn create(dir: &Path, pid: u32) -> io::Result<TraceWriter> {
        TraceWriter::create_with_limit(dir, pid, FILE_BYTES_MAX)
    }

    /// As [`create`](Self::create), with another limit on the file's size.
    pub fn create_with_limit(dir: &Path, pid: u32, bytes_max: u64) -> io::Result<TraceWriter> {
        let dir = std::path::absolute(dir)?;
        let (path, mut file) = create_new(&dir, pid)?;
        file.write_all(&header(pid))?;
        let limit = bytes_max.clamp(FIRST_STEP, FILE_BYTES_MAX);
        allocate(&file, HEADER as u64, FIRST_STEP)?;
        let map = map_up_to(&file, limit)?;
        let identity = Identity::of(&file)?;
        let limit = map.len() / 8 * 8;
        Ok(TraceWriter {
            map,
            path,
            identity,
            pid,
            end: HEADER,
            allocated: FIRST_STEP as usize,
            limit,
            closed: false,
        })
    }

    /// Whether this process is the one that the file is named after. After a fork the child is not: it opens a file
    /// of its own.
    pub fn is_owner(&self) -> bool {
        self.pid == std::process::id()
    }

    /// Where the trace is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in use.
    pub fn size(&self) -> u64 {
        self.end as u64
    }

    /// Writes one record and commits it. When it returns `Ok`, the record outlives the process.
    ///
    /// The first time that the file cannot grow, the reason is appended as [`Record::Dropped`] and the writer is
    /// closed: records refer to earlier ones, so that one lost in the middle would spoil the rest.
    pub fn append(&mut self, record: &Record) -> Result<(), TraceError> {
        if self.closed {
            return Err(TraceError::Closed);
        }
        if self.try_append(record, RESERVE) {
            return Ok(());
        }
        let payload = encoded_size(record).filter(|&size| size <= PAYLOAD_BYTES_MAX as usize);
        let Some(payload) = payload else {
            return Err(TraceError::TooLarge { file: self.path.clone() });
        };
        if let Err(reason) = self.grow(payload) {
            return Err(self.close(reason));
        }
        if self.try_append(record, RESERVE) {
            Ok(())
        } else {
            Err(self.close("a frame did not fit".to_owned()))
        }
    }

    /// Encodes straight into the mapping; `false` where there is not enough room before the last `reserve` bytes.
    fn try_append(&mut self, record: &Record, reserve: usize) -> bool {
        let start = self.end + FRAME_HEADER;
        // Behind the payload stand its padding and the next frame's header.
        let Some(room) = self.allocated.checked_sub(start + FRAME_HEADER + reserve) else { return false };
        // SAFETY: `start + room` lies within the allocated part of the mapping, which this writer alone writes to
        // (`&mut self`, and a child process after a fork asks `is_owner` first); readers are other processes or
        // read through the file, and look at these bytes only after `len` is committed.
        let space = unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().add(start), room) };
        let Ok(payload) = postcard::to_slice(record, space) else { return false };
        let len = payload.len();
        if len > PAYLOAD_BYTES_MAX as usize {
            return false;
        }
        let next = start + len.next_multiple_of(8);
        // A longer record that did not fit may have left its bytes here.
        for offset in start + len..next {
            // SAFETY: as above; `next + FRAME_HEADER` is within the allocated part.
            unsafe { self.map.as_mut_ptr().add(offset).write(0) };
        }
        self.word(next).store(0, Ordering::Relaxed);
        self.word(self.end + 4).store(KIND_RECORD, Ordering::Relaxed);
        // Pairs with the reader's acquire fence: who sees the length sees the payload and the end behind it.
        self.word(self.end).store(len as u32, Ordering::Release);
        self.end = next;
        true
    }

    /// The 32-bit word at `offset`.
    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.allocated, "a word outside the trace");
        // SAFETY: in bounds and aligned as asserted (a mapping starts at a page), valid as long as the mapping, and
        // only ever accessed atomically while shared.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().add(offset).cast()) }
    }

    /// Makes room for a frame with `payload` bytes, or says which limit forbids it.
    fn grow(&mut self, payload: usize) -> Result<(), String> {
        let needed = self.end + FRAME_HEADER + payload.next_multiple_of(8) + FRAME_HEADER + RESERVE;
        if needed > self.limit {
            return Err(format!("a trace file may have {} bytes", self.limit));
        }
        let file = OpenOptions::new().read(true).write(true).open(&self.path).map_err(|e| e.to_string())?;
        if Identity::of(&file).ok() != Some(self.identity) {
            return Err("the file was replaced while it was written".to_owned());
        }
        let step = self.allocated.min(STEP_MAX as usize);
        let generous = (self.allocated + step).max(needed).min(self.limit);
        let allocated = self.allocated as u64;
        let grown = allocate(&file, allocated, generous as u64)
            .map(|()| generous)
            .or_else(|_| allocate(&file, allocated, needed as u64).map(|()| needed));
        self.allocated = grown.map_err(|e| e.to_string())?;
        Ok(())
    }

    /// Says in the trace that it ends early, and takes nothing more.
    fn close(&mut self, reason: String) -> TraceError {
        let mut what =
            format!("the trace file is full ({reason}); what the process learned later is missing");
        while what.len() > RESERVE - 2 * FRAME_HEADER - 8 {
            what.pop();
        }
        self.try_append(&Record::Dropped { what }, 0);
        self.closed = true;
        TraceError::Full { file: self.path.clone(), size: self.end as u64, reason }
    }
}

impl Drop for TraceWriter {
    /// Gives back what was allocated ahead. A process that is killed leaves zeros there instead, which read the same.
    fn drop(&mut self) {
        if !self.is_owner() {
            return;
        }
        if let Ok(file) = OpenOptions::new().write(true).open(&self.path)
            && Identity::of(&file).ok() == Some(self.identity)
        {
            // A failure leaves zeros at the end, nothing worse.
            let _ = file.set_len(self.end as u64);
        }
    }
}

/// The same file under the same name: device and inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(file: &File) -> io::Result<Identity> {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        Ok(Identity(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of(_file: &File) -> io::Result<Identity> {
        Ok(Identity(0, 0))
    }
}

fn create_new(dir: &Path, pid: u32) -> io::Result<(PathBuf, File)> {
    for n in 0..FILES_PER_PID_MAX {
        let path = dir.join(format!("{pid}-{n}.{EXTENSION}"));
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((path, file)),
        }
    }
    Err(io::Error::other(format!("{}: pid {pid} has {FILES_PER_PID_MAX} traces already", dir.display())))
}

fn header(pid: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&BYTE_ORDER_MARK.to_ne_bytes());
    header[12..16].copy_from_slice(&VERSION.to_ne_bytes());
    header[16..20].copy_from_slice(&pid.to_ne_bytes());
    header
}

/// Maps as much address space as one gets, up to `limit`: under `ulimit -v` it may be less.
pub(crate) fn map_up_to(file: &File, limit: u64) -> io::Result<MmapRaw> {
    let mut len = limit;
    loop {
        // Addresses beyond the end of the file are mapped but not touched before they have storage.
        match MmapOptions::new().len(len as usize).map_raw(file) {
            Err(_) if len / 2 >= FIRST_STEP => len /= 2,
            result => return result,
        }
    }
}

/// Gives the bytes `from..to` storage, so that writing to them cannot fail.
pub(crate) fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    if to > file_size_limit() {
        // Asking for more would raise SIGXFSZ in the watched program.
        return Err(io::Error::other("the process's limit on file sizes (ulimit -f)"));
    }
    #[cfg(target_os = "linux")]
    loop {
        use std::os::fd::AsRawFd;
        // SAFETY: a plain system call on a descriptor that is open for as long as `file` is borrowed.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), from as i64, (to - from) as i64) } {
            0 => return Ok(()),
            libc::EINTR => {}
            // musl does not fall back for file systems without the call.
            libc::EOPNOTSUPP => break,
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
    write_zeros(file, from, to)
}

/// Storage the slow way, for systems without `posix_fallocate`. The bytes are beyond what is in use.
fn write_zeros(mut file: &File, from: u64, to: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    file.seek(SeekFrom::Start(from))?;
    let mut left = to - from;
    while left > 0 {
        let step = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..step as usize])?;
        left -= step;
    }
    Ok(())
}

#[cfg(unix)]
fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } {
        0 => limit.rlim_cur,
        _ => u64::MAX,
    }
}

#[cfg(not(unix))]
fn file_size_limit() -> u64 {
    u64::MAX
}

/// How long the payload would be, without writing it anywhere.
fn encoded_size(record: &Record) -> Option<usize> {
    struct Count(usize);
    impl postcard::ser_flavors::Flavor for Count {
        type Output = usize;

        fn try_push(&mut self, _byte: u8) -> postcard::Result<()> {
            self.0 += 1;
            Ok(())
        }

        fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
            self.0 += bytes.len();
            Ok(())
        }

        fn finalize(self) -> postcard::Result<usize> {
            Ok(self.0)
        }
    }
    postcard::serialize_with_flavor(record, Count(0)).ok()
}

/// Reads the committed records of a trace, in order.
///
/// `next` gives `None` at the last committed frame; asked again later, it gives what has been committed since. After
/// an error it gives `None` for ever.
#[derive(Debug)]
pub struct TraceReader {
    file: File,
    path: PathBuf,
    pid: u32,
    /// The offset in the file of the first byte in `block`.
    base: u64,
    /// Bytes of the file; everything before `committed` is whole frames that are committed.
    block: Vec<u8>,
    /// Where in `block` the next frame starts.
    next: usize,
    /// Up to where `block` may be decoded.
    committed: usize,
    /// The file ended within a frame when it was last looked at.
    truncated: bool,
    failed: bool,
}

/// What stands at the end of the committed part of a block.
enum Scan {
    /// Frames up to the caller's next position.
    Frames,
    /// A frame of this many bytes, header included, that is longer than the block.
    Longer(usize),
    /// No committed frame yet.
    End,
}

impl TraceReader {
    /// Opens a trace and checks its header.
    pub fn open(path: &Path) -> Result<TraceReader, TraceError> {
        let io = |source| TraceError::Io { file: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let mut header = [0; HEADER];
        let got = read_at(&file, &mut header, 0).map_err(io)?;
        let pid = check_header(&header[..got], path)?;
        Ok(TraceReader {
            file,
            path: path.to_owned(),
            pid,
            base: HEADER as u64,
            block: Vec::new(),
            next: 0,
            committed: 0,
            truncated: false,
            failed: false,
        })
    }

    /// The process that wrote it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The offset in the file of the next frame.
    pub fn position(&self) -> u64 {
        self.base + self.next as u64
    }

    /// Whether the file ended in the middle of a frame when it was last read to its end: a copy that was cut short.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    fn malformed(&self, what: impl Into<String>) -> TraceError {
        TraceError::Malformed { file: self.path.clone(), offset: self.position(), what: what.into() }
    }

    fn read_next(&mut self) -> Result<Option<Record>, TraceError> {
        if self.next >= self.committed && !self.refill()? {
            return Ok(None);
        }
        let (len, kind) = frame_header(&self.block[self.next..]);
        if kind != KIND_RECORD {
            return Err(self.malformed(format!("a frame of unknown kind {kind}")));
        }
        let start = self.next + FRAME_HEADER;
        let payload = &self.block[start..start + len as usize];
        let record = match postcard::take_from_bytes::<Record>(payload) {
            Ok((record, [])) => record,
            Ok((_, rest)) => {
                return Err(self.malformed(format!("a record with {} bytes too many", rest.len())));
            }
            Err(error) => return Err(self.malformed(format!("a record that cannot be decoded ({error})"))),
        };
        // The file may end without the padding of its last frame.
        self.next = (start + (len as usize).next_multiple_of(8)).min(self.committed);
        Ok(Some(record))
    }

    /// Loads the next committed frames into `block`; `false` where there are none.
    fn refill(&mut self) -> Result<bool, TraceError> {
        self.base += self.next as u64;
        self.next = 0;
        self.committed = 0;
        self.truncated = false;
        let mut size = READ_BLOCK;
        loop {
            let got = self.load(size)?;
            match self.scan(got)? {
                Scan::Frames => break,
                Scan::End => return Ok(false),
                Scan::Longer(frame) => {
                    let left = self.file.metadata().map_err(|e| self.io(e))?.len().saturating_sub(self.base);
                    if left < frame as u64 {
                        self.truncated = true;
                        return Ok(false);
                    }
                    size = frame.next_multiple_of(8);
                }
            }
        }
        // The lengths seen are committed; what was read beside them may be older than they are. Pairs with the
        // writer's release store: what is read from here on is at least as new as the lengths.
        fence(Ordering::Acquire);
        let got = self.load(self.committed)?;
        if got < self.committed {
            return Err(self.malformed("the file shrank while it was read"));
        }
        Ok(true)
    }

    /// Reads up to `size` bytes from the reader's position into `block`.
    fn load(&mut self, size: usize) -> Result<usize, TraceError> {
        self.block.resize(size, 0);
        read_at(&self.file, &mut self.block, self.base).map_err(|e| self.io(e))
    }

    fn io(&self, source: io::Error) -> TraceError {
        TraceError::Io { file: self.path.clone(), source }
    }

    /// Finds how far the first `got` bytes of `block` are committed, and sets `committed`.
    fn scan(&mut self, got: usize) -> Result<Scan, TraceError> {
        let mut at = 0;
        let stop = loop {
            if got - at < FRAME_HEADER {
                self.truncated = at == 0 && got != 0;
                break Scan::End;
            }
            let (len, _) = frame_header(&self.block[at..]);
            if len == 0 {
                break Scan::End;
            }
            if len > PAYLOAD_BYTES_MAX {
                if at == 0 {
                    return Err(self.malformed(format!("a frame of {len} bytes, more than any writer makes")));
                }
                break Scan::End;
            }
            let frame = FRAME_HEADER + len as usize;
            if got - at < frame {
                break Scan::Longer(frame);
            }
            at = (at + frame.next_multiple_of(8)).min(got);
        };
        self.committed = at;
        Ok(if at > 0 { Scan::Frames } else { stop })
    }
}

impl Iterator for TraceReader {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let result = self.read_next();
        self.failed = result.is_err();
        result.transpose()
    }
}

fn frame_header(bytes: &[u8]) -> (u32, u32) {
    (word_at(bytes, 0), word_at(bytes, 4))
}

fn word_at(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_ne_bytes(word)
}

fn check_header(header: &[u8], path: &Path) -> Result<u32, TraceError> {
    let file = || path.to_owned();
    if header.is_empty() {
        return Err(TraceError::Empty { file: file() });
    }
    if header.len() < HEADER || header[..8] != MAGIC {
        return Err(TraceError::NotATrace { file: file() });
    }
    match word_at(header, 8) {
        BYTE_ORDER_MARK => {}
        mark if mark == BYTE_ORDER_MARK.swap_bytes() => return Err(TraceError::ByteOrder { file: file() }),
        mark => {
            let what = format!("the byte order mark is {mark:#010x}");
            return Err(TraceError::Malformed { file: file(), offset: 8, what });
        }
    }
    match word_at(header, 12) {
        VERSION => Ok(word_at(header, 16)),
        found if found > VERSION => Err(TraceError::Newer { file: file(), found, known: VERSION }),
        found => {
            let what = format!("the format version is {found}, which an older lockcheck wrote");
            Err(TraceError::Malformed { file: file(), offset: 12, what })
        }
    }
}

/// Fills `buffer` from `offset` as far as the file goes.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match read_some(file, &mut buffer[got..], offset + got as u64) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_some(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(buffer)
}
