//! The writing half: the file for the process, a lane for each thread.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use memmap2::MmapRaw;

use super::{
    CHUNKS, CLOSED_AT, EventKind, FILE_BYTES_MAX, HEADER, MAGIC, Manner, PLACE_HEADER, PLACES_USED_AT,
    RECORD, RecordedEvent, VERSION, chunk_bytes,
};
use crate::trace_file::{BYTE_ORDER_MARK, Identity, allocate, map_up_to};

/// Bytes that the file grows by, at the most.
const STEP_MAX: u64 = 16 << 20;
/// Bytes that the file has at first.
const FIRST_STEP: u64 = 2 << 20;

/// Why a file takes no more events. The numbers stand in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Closed {
    /// It has the size that it may have.
    Limit = 1,
    /// There is no room on the disk, or the process may not write files of this size.
    NoRoom = 2,
    /// Another file stands in its place.
    Replaced = 3,
    /// The process has ended in an orderly way.
    Ended = 4,
}

impl Closed {
    /// By the number in a file.
    pub(super) fn of_number(number: u32) -> Option<Closed> {
        [Closed::Limit, Closed::NoRoom, Closed::Replaced, Closed::Ended]
            .into_iter()
            .find(|closed| *closed as u32 == number)
    }
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Closed::Limit => "a file of events may have no more bytes",
            Closed::NoRoom => "the disk is full, or the process may write no larger file",
            Closed::Replaced => "another file was put in its place",
            Closed::Ended => "the process has ended",
        })
    }
}

/// The file, for all threads of the process that records.
#[derive(Debug)]
pub struct EventFile {
    /// Addresses beyond `Growth::allocated` have no storage yet and are never touched.
    map: MmapRaw,
    /// Absolute.
    path: PathBuf,
    /// What the path must still lead to when the file grows.
    identity: Identity,
    growth: Mutex<Growth>,
}

#[derive(Debug)]
struct Growth {
    /// Bytes of the file that have storage.
    allocated: u64,
    /// Where the next chunk starts.
    next: u64,
    /// Why no chunk is given any more.
    closed: Option<Closed>,
}

/// Where one thread writes.
#[derive(Debug)]
pub struct Lane {
    /// The next record's first word. Valid for records up to `end`, and one more if not null.
    at: *mut u64,
    end: *mut u64,
    /// Chunks used so far.
    ordinal: u32,
}

impl EventFile {
    /// Creates the file, which must not exist.
    pub fn create(path: &Path, pid: u32, bytes_max: u64) -> io::Result<EventFile> {
        let path = std::path::absolute(path)?;
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let mut header = [0; HEADER as usize];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&BYTE_ORDER_MARK.to_ne_bytes());
        header[12..16].copy_from_slice(&VERSION.to_ne_bytes());
        header[16..20].copy_from_slice(&pid.to_ne_bytes());
        file.write_all(&header)?;
        allocate(&file, HEADER, FIRST_STEP)?;
        let map = map_up_to(&file, bytes_max.clamp(FIRST_STEP, FILE_BYTES_MAX))?;
        let identity = Identity::of(&file)?;
        let growth = Mutex::new(Growth { allocated: FIRST_STEP, next: CHUNKS, closed: None });
        Ok(EventFile { map, path, identity, growth })
    }

    /// Names a place by its number. `false` where the area for that is full: then its events have a number without a
    /// name. Allocates nothing and waits for nobody.
    pub fn name_place(&self, number: u32, file: &str, line: u32, column: u32) -> bool {
        let bytes = PLACE_HEADER + (file.len() as u64).next_multiple_of(8);
        let used = self.word(PLACES_USED_AT);
        // Relaxed: only to be nobody else's; the entry is committed by its first word.
        let Ok(before) = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let after = u64::from(used) + bytes;
            (after <= CHUNKS - HEADER).then_some(after as u32)
        }) else {
            return false;
        };
        let at = (HEADER + u64::from(before)) as usize;
        self.word(at + 4).store(line, Ordering::Relaxed);
        self.word(at + 8).store(column, Ordering::Relaxed);
        self.word(at + 12).store(file.len() as u32, Ordering::Relaxed);
        // SAFETY: the entry lies within the area, as checked above, which has storage from the beginning, and is
        // nobody else's.
        let name = unsafe { self.map.as_mut_ptr().add(at + PLACE_HEADER as usize) };
        // SAFETY: as above; `file` is not part of the mapping.
        unsafe { std::ptr::copy_nonoverlapping(file.as_ptr(), name, file.len()) };
        // Release: the entry is whole for whoever sees its number.
        self.word(at).store(number, Ordering::Release);
        true
    }

    /// The 32-bit word at `offset` of the part before the chunks.
    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= CHUNKS as usize, "a word outside the header");
        // SAFETY: in bounds and aligned as asserted (a mapping starts at a page), valid as long as the mapping, and
        // only ever accessed atomically.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().add(offset).cast()) }
    }

    /// A chunk of so many bytes. The error says which limit forbids it; the first one that does closes the file for
    /// everybody.
    fn chunk(&self, bytes: u64) -> Result<*mut u64, Closed> {
        let mut growth = self.growth.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(reason) = growth.closed {
            return Err(reason);
        }
        if growth.next + bytes > growth.allocated
            && let Err(reason) = self.grow(&mut growth, bytes)
        {
            growth.closed = Some(reason);
            self.word(CLOSED_AT).store(reason as u32, Ordering::Relaxed);
            return Err(reason);
        }
        let start = growth.next as usize;
        growth.next += bytes;
        // SAFETY: the chunk lies within the allocated part of the mapping, and is given to nobody else; a mapping
        // starts at a page, and chunks are multiples of eight bytes.
        let at = unsafe { self.map.as_mut_ptr().add(start).cast::<u64>() };
        // The length, under the lock, so that whoever reads the file finds the next chunk.
        // SAFETY: the second word of the chunk.
        unsafe { AtomicU64::from_ptr(at.add(1)) }.store(bytes << 32, Ordering::Release);
        drop(growth);
        // One call rather than a page fault for each page. Not being able to is no harm.
        #[cfg(target_os = "linux")]
        let _ = self.map.advise_range(memmap2::Advice::PopulateWrite, start, bytes as usize);
        Ok(at)
    }

    fn grow(&self, growth: &mut Growth, bytes: u64) -> Result<(), Closed> {
        let limit = self.map.len() as u64;
        let needed = growth.next + bytes;
        if needed > limit {
            return Err(Closed::Limit);
        }
        let file =
            OpenOptions::new().read(true).write(true).open(&self.path).map_err(|_| Closed::Replaced)?;
        if Identity::of(&file).ok() != Some(self.identity) {
            return Err(Closed::Replaced);
        }
        let generous = (growth.allocated + growth.allocated.min(STEP_MAX)).max(needed).min(limit);
        let grown = allocate(&file, growth.allocated, generous)
            .map(|()| generous)
            .or_else(|_| allocate(&file, growth.allocated, needed).map(|()| needed));
        growth.allocated = grown.map_err(|_| Closed::NoRoom)?;
        Ok(())
    }

    /// The process ends in an orderly way: gives back what was allocated ahead.
    pub fn finish(&self) {
        let mut growth = self.growth.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if growth.closed.is_none() {
            growth.closed = Some(Closed::Ended);
            self.word(CLOSED_AT).store(Closed::Ended as u32, Ordering::Relaxed);
        }
        if let Ok(file) = OpenOptions::new().write(true).open(&self.path)
            && Identity::of(&file).ok() == Some(self.identity)
        {
            // Chunks in use stay. A failure leaves zeros at the end, nothing worse.
            let _ = file.set_len(growth.next);
        }
    }
}

impl Lane {
    /// A lane without room yet.
    pub const fn new() -> Lane {
        Lane { at: std::ptr::null_mut(), end: std::ptr::null_mut(), ordinal: 0 }
    }

    /// Whether the next record needs another chunk.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.at == self.end
    }

    /// Goes on to a fresh chunk for `thread`, whose next operation has this index. Where there is none, the lane says
    /// at its end, with a record numbered `stamp`, that something is missing, and stays full.
    pub fn refill(&mut self, file: &EventFile, thread: u32, index: u32, stamp: u32) -> Result<(), Closed> {
        let bytes = chunk_bytes(self.ordinal);
        let start = match file.chunk(bytes) {
            Ok(start) => start,
            Err(reason) => {
                if !self.at.is_null() {
                    let manner = Manner::of(EventKind::Lost);
                    let lost = RecordedEvent { stamp, thread, manner, object: 0, place: 0, index };
                    // SAFETY: each chunk has room for one record past `end`, which is written once: `at` becomes null.
                    unsafe { write(self.at, &lost) };
                }
                (self.at, self.end) = (std::ptr::null_mut(), std::ptr::null_mut());
                return Err(reason);
            }
        };
        self.ordinal += 1;
        // SAFETY: the chunk's second word, and its first, which is committed last: a chunk without one has no thread.
        unsafe {
            AtomicU64::from_ptr(start.add(1)).store(bytes << 32 | u64::from(index), Ordering::Relaxed);
            AtomicU64::from_ptr(start)
                .store(u64::from(thread) << 32 | u64::from(self.ordinal), Ordering::Release);
        }
        // SAFETY: records 1 to n of the chunk; the last one is for `Lost`.
        unsafe {
            self.at = start.add(RECORD as usize / 8);
            self.end = start.add((bytes - RECORD) as usize / 8);
        }
        Ok(())
    }

    /// Writes one record and commits it. When it returns, the record outlives the process.
    ///
    /// # Panics
    ///
    /// If the lane is full.
    #[inline(always)]
    pub fn append(&mut self, event: &RecordedEvent) {
        assert!(self.at != self.end, "a record outside its chunk");
        // SAFETY: there is room for a record, as asserted, in a chunk that this thread alone writes to.
        unsafe {
            write(self.at, event);
            self.at = self.at.add(RECORD as usize / 8);
        }
    }
}

impl Default for Lane {
    fn default() -> Lane {
        Lane::new()
    }
}

/// # Safety
///
/// `at` is aligned and valid for two words that nobody else writes.
#[inline(always)]
unsafe fn write(at: *mut u64, event: &RecordedEvent) {
    let [what, object] = event.words();
    // SAFETY: the caller's promise.
    unsafe {
        AtomicU64::from_ptr(at.add(1)).store(object, Ordering::Relaxed);
        // Release: the record is whole for whoever sees its first word, also in another process.
        AtomicU64::from_ptr(at).store(what, Ordering::Release);
    }
}
