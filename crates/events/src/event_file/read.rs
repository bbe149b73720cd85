//! The reading half: merges the threads' records by their numbers, with a bounded part of each in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::{
    CHUNKS, CLOSED_AT, Closed, EventKind, HEADER, MAGIC, PLACE_HEADER, PLACES_MAX, PLACES_USED_AT, RECORD,
    RecordedEvent, VERSION, chunk_bytes,
};
use crate::RawSite;
use crate::trace_file::{BYTE_ORDER_MARK, TraceError, read_at};

/// Records that are read of a thread at a time.
const READ_AHEAD: u64 = 256;
/// The largest chunk that is believed.
const CHUNK_MAX: u64 = 64 << 10;

/// Reads the committed events of a file in the order of their numbers.
#[derive(Debug)]
pub struct EventReader {
    file: File,
    path: PathBuf,
    /// Places by number.
    places: HashMap<u32, RawSite>,
    /// Why the writer closed the file, if it did.
    closed: Option<Closed>,
    /// By thread: what is left to read of it.
    lanes: Vec<Source>,
    /// The next event of each thread that has one: the smallest number first.
    heap: BinaryHeap<Reverse<(u32, usize)>>,
    /// The threads that lost events, met so far.
    lost: u32,
}

/// What is left to read of one thread.
#[derive(Debug)]
struct Source {
    thread: u32,
    /// Offset, length and first index of its chunks, the next one last.
    chunks: Vec<(u64, u64, u32)>,
    /// Where the next block of the present chunk starts, and how many records are behind it.
    at: u64,
    left: u64,
    /// The index of the last operation read.
    index: u32,
    /// The number of the last event read.
    stamp: u32,
    /// Events read and not yet given, the next one last.
    ready: Vec<RecordedEvent>,
}

impl EventReader {
    /// Opens the file and looks at its chunks, not at what is in them.
    pub fn open(path: &Path) -> Result<EventReader, TraceError> {
        let fault = |source| TraceError::Io { file: path.to_owned(), source };
        let file = File::open(path).map_err(fault)?;
        let length = file.metadata().map_err(fault)?.len();
        let mut header = [0; HEADER as usize];
        let read = read_at(&file, &mut header, 0).map_err(fault)?;
        if read == 0 {
            return Err(TraceError::Empty { file: path.to_owned() });
        }
        if read < header.len() || header[..8] != MAGIC {
            return Err(TraceError::NotEvents { file: path.to_owned() });
        }
        let word = |at: usize| u32::from_ne_bytes(header[at..at + 4].try_into().expect("four bytes"));
        if word(8) != BYTE_ORDER_MARK {
            return Err(TraceError::ByteOrder { file: path.to_owned() });
        }
        if word(12) > VERSION {
            return Err(TraceError::Newer { file: path.to_owned(), found: word(12), known: VERSION });
        }
        let mut reader = EventReader {
            places: places(&file, word(PLACES_USED_AT)).map_err(fault)?,
            closed: Closed::of_number(word(CLOSED_AT)),
            file,
            path: path.to_owned(),
            lanes: Vec::new(),
            heap: BinaryHeap::new(),
            lost: 0,
        };
        reader.find_chunks(length)?;
        for lane in 0..reader.lanes.len() {
            reader.refill(lane)?;
        }
        Ok(reader)
    }

    /// The places that events name by number.
    pub fn places(&self) -> &HashMap<u32, RawSite> {
        &self.places
    }

    /// Why the writer takes no more events, if it says so; `None` also where it was killed.
    pub fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// How many threads lost events for want of room, as far as was read.
    pub fn lost(&self) -> u32 {
        self.lost
    }

    fn find_chunks(&mut self, length: u64) -> Result<(), TraceError> {
        let fault = |source| TraceError::Io { file: self.path.clone(), source };
        let mut threads: BTreeMap<u32, Vec<(u32, u64, u64, u32)>> = BTreeMap::new();
        let mut offset = CHUNKS;
        while offset + RECORD <= length {
            let mut start = [0; RECORD as usize];
            if read_at(&self.file, &mut start, offset).map_err(fault)? < start.len() {
                break;
            }
            let [owner, size] = two_words(&start);
            let (bytes, index) = (size >> 32, size as u32);
            if bytes == 0 {
                // Never given to anybody, and no chunk behind it either.
                break;
            }
            if bytes % RECORD != 0 || !(chunk_bytes(0)..=CHUNK_MAX).contains(&bytes) {
                let what = format!("expected the length of a chunk, found {bytes}");
                return Err(TraceError::Malformed { file: self.path.clone(), offset, what });
            }
            if owner != 0 {
                let chunk = (owner as u32, offset, bytes, index);
                threads.entry((owner >> 32) as u32).or_default().push(chunk);
            }
            offset += bytes;
        }
        let lanes = threads.into_iter().map(|(thread, mut chunks)| {
            chunks.sort_by_key(|chunk| Reverse(chunk.0));
            let chunks = chunks.into_iter().map(|(_, offset, bytes, index)| (offset, bytes, index)).collect();
            Source { thread, chunks, at: 0, left: 0, index: 0, stamp: 0, ready: Vec::new() }
        });
        self.lanes = lanes.collect();
        Ok(())
    }

    /// Reads the next block of a thread, if there is one, and puts the thread into the heap.
    fn refill(&mut self, number: usize) -> Result<(), TraceError> {
        let lane = &mut self.lanes[number];
        while lane.ready.is_empty() {
            if lane.left == 0 {
                let Some((offset, bytes, index)) = lane.chunks.pop() else { return Ok(()) };
                (lane.at, lane.left, lane.index) = (offset + RECORD, bytes / RECORD - 1, index);
            }
            let records = lane.left.min(READ_AHEAD);
            let mut block = [0; (READ_AHEAD * RECORD) as usize];
            let block = &mut block[..(records * RECORD) as usize];
            let fault = |source| TraceError::Io { file: self.path.clone(), source };
            let read = read_at(&self.file, block, lane.at).map_err(fault)?;
            let start = lane.at;
            lane.at += records * RECORD;
            lane.left -= records;
            for (at, record) in (start..).step_by(RECORD as usize).zip(block[..read].chunks_exact(16)) {
                let words = two_words(record);
                if words[0] == 0 {
                    // Nothing behind it was committed either: the thread was here when the process ended.
                    lane.left = 0;
                    break;
                }
                match RecordedEvent::of_words(lane.thread, lane.index, words) {
                    Some(event) if event.stamp > lane.stamp => {
                        (lane.index, lane.stamp) = (event.index, event.stamp);
                        lane.ready.push(event);
                    }
                    _ => {
                        let what =
                            format!("expected an event numbered above {}, found {:#x}", lane.stamp, words[0]);
                        return Err(TraceError::Malformed { file: self.path.clone(), offset: at, what });
                    }
                }
            }
            if (read as u64) < records * RECORD {
                lane.left = 0;
                lane.chunks.clear();
            }
            lane.ready.reverse();
        }
        if let Some(event) = lane.ready.last() {
            self.heap.push(Reverse((event.stamp, number)));
        }
        Ok(())
    }
}

impl Iterator for EventReader {
    type Item = Result<RecordedEvent, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut first = self.heap.peek_mut()?;
        let number = first.0.1;
        let event = self.lanes[number].ready.pop()?;
        if let Some(next) = self.lanes[number].ready.last() {
            first.0.0 = next.stamp;
            drop(first);
        } else {
            std::collections::binary_heap::PeekMut::pop(first);
            if let Err(error) = self.refill(number) {
                self.heap.clear();
                return Some(Err(error));
            }
        }
        self.lost += u32::from(event.manner.kind == EventKind::Lost);
        Some(Ok(event))
    }
}

fn two_words(bytes: &[u8]) -> [u64; 2] {
    let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    [word(0), word(8)]
}

/// The places in the area of `used` bytes.
fn places(file: &File, used: u32) -> std::io::Result<HashMap<u32, RawSite>> {
    let mut bytes = vec![0; u64::from(used).min(CHUNKS - HEADER) as usize];
    let read = read_at(file, &mut bytes, HEADER)?;
    let mut rest = &bytes[..read];
    let mut places = HashMap::new();
    while let Some((header, behind)) = rest.split_at_checked(PLACE_HEADER as usize) {
        let word = |at: usize| u32::from_ne_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let (number, length) = (word(0), word(12) as usize);
        let Some(name) = behind.get(..length) else { break };
        if number == 0 && length == 0 {
            // The process was killed while it wrote this one.
            break;
        }
        if (1..=PLACES_MAX).contains(&number) {
            let file = String::from_utf8_lossy(name).into_owned();
            places.insert(number, RawSite { file, line: word(4), column: word(8) });
        }
        rest = behind.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::super::{EventFile, FILE_BYTES_MAX, Lane, Manner};
    use super::*;

    fn event(stamp: u32, thread: u32) -> RecordedEvent {
        let kinds = [EventKind::Acquire, EventKind::Release, EventKind::Read];
        let manner = Manner { kind: kinds[stamp as usize % 3], mode: 1, attempt: 2, lock_kind: 10 };
        RecordedEvent {
            stamp,
            thread,
            manner,
            object: u64::from(stamp) << 8,
            place: stamp % 7,
            index: stamp / 2,
        }
    }

    /// Writes events 1.. of these threads, as they come.
    fn write(file: &EventFile, threads: &[u32]) -> Vec<RecordedEvent> {
        let mut lanes: BTreeMap<u32, Lane> = BTreeMap::new();
        let mut written = Vec::new();
        for (stamp, &thread) in (1..).zip(threads) {
            let lane = lanes.entry(thread).or_default();
            if lane.is_full() {
                lane.refill(file, thread, stamp / 2, stamp).unwrap();
            }
            lane.append(&event(stamp, thread));
            written.push(event(stamp, thread));
        }
        written
    }

    fn read(path: &Path) -> Vec<RecordedEvent> {
        EventReader::open(path).unwrap().map(|event| event.unwrap()).collect()
    }

    #[test]
    fn events_of_many_threads_come_back_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-0.lcevents");
        let file = EventFile::create(&path, 1, FILE_BYTES_MAX).unwrap();
        let threads: Vec<u32> = (0..40_000u32).map(|n| n.wrapping_mul(2_654_435_761) >> 29).collect();
        let written = write(&file, &threads);
        assert!(file.name_place(3, "src/main.rs", 7, 9) && file.name_place(4, "", 1, 2));
        for finish in [false, true] {
            if finish {
                file.finish();
                assert_eq!(Lane::new().refill(&file, 1, 0, 1), Err(Closed::Ended));
            }
            assert_eq!(read(&path), written);
        }
        let reader = EventReader::open(&path).unwrap();
        assert_eq!(reader.closed(), Some(Closed::Ended));
        assert_eq!(reader.places()[&3], RawSite { file: "src/main.rs".to_owned(), line: 7, column: 9 });
        assert_eq!(reader.places().len(), 2);
    }

    #[test]
    fn a_limit_closes_the_file_keeps_the_beginning_and_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-0.lcevents");
        let file = EventFile::create(&path, 1, 0).unwrap();
        let mut lane = Lane::new();
        let mut written = 0;
        let reason = loop {
            if lane.is_full()
                && let Err(reason) = lane.refill(&file, 1, written / 2, written + 1)
            {
                break reason;
            }
            written += 1;
            lane.append(&event(written, 1));
        };
        assert_eq!(reason, Closed::Limit);
        assert_eq!(Lane::new().refill(&file, 2, 0, 1), Err(Closed::Limit));
        let mut reader = EventReader::open(&path).unwrap();
        let events: Vec<_> = reader.by_ref().map(|event| event.unwrap()).collect();
        assert_eq!((events.len() as u32, reader.lost()), (written + 1, 1));
        assert_eq!(reader.closed(), Some(Closed::Limit));
    }

    #[test]
    fn what_is_no_file_of_events_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lcevents");
        drop(EventFile::create(&path, 1, FILE_BYTES_MAX).unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[12..16].copy_from_slice(&(VERSION + 1).to_ne_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let error = EventReader::open(&path).unwrap_err();
        assert!(matches!(error, TraceError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("x.lcevents"), "{error}");
        for cut in [0, 10, 63] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert!(EventReader::open(&path).is_err());
        }
        std::fs::write(&path, [7; 5000]).unwrap();
        assert!(EventReader::open(&path).is_err());
    }

    #[test]
    fn a_file_that_was_cut_anywhere_gives_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-0.lcevents");
        let file = EventFile::create(&path, 1, FILE_BYTES_MAX).unwrap();
        let written = write(&file, &[1; 500]);
        file.finish();
        let bytes = std::fs::read(&path).unwrap();
        for cut in [CHUNKS as usize + 3, CHUNKS as usize + 16, CHUNKS as usize + 16 * 9 + 5, bytes.len() - 1]
        {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let events = read(&path);
            assert!(written.starts_with(&events));
        }
    }
}
