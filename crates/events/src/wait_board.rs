//! The wait board: what the threads of one process wait for that other processes could end, as a reader outside sees
//! it at any moment, the process alive or dead.
//!
//! A trace is a log, and a wait for another process is not worth a line of it each time. The board has one line for
//! each thread instead, overwritten by the next wait. It says which thread waits for which object from which site, in
//! the ids of the trace beside it, whose records `Lock`, `Site`, `Stack` and `Shared` stand in the trace before the
//! line is published.
//!
//! ```text
//! header   64 bytes: magic [8], byte order mark u32, version u32, pid u32, zeros
//! line     64 bytes, one for each of LINES threads:
//!          sequence u32 (odd: the thread waits), task u32, thread u32, event u32, lock u64, site u32, stack u32,
//!          what u32, target u32, zeros
//! ```
//!
//! A line is a sequence lock: its fields stand still while the sequence is odd and unchanged. Waits that involve
//! another process stand here, and of those for threads of the own process the ones that have lasted for some time and
//! that the thread sleeps through in parts, each with an end ([`Awaited::Within`]). The file is `<pid>.waits`, made on the
//! first such wait.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use memmap2::MmapRaw;

use crate::{LockId, SiteId, StackId, ThreadId};

/// What wait boards are called: `<pid>.waits`.
pub const EXTENSION: &str = "waits";
/// Threads that have a line; the waits of further ones are not seen.
pub const LINES: usize = 1023;

/// The first bytes of every board.
const MAGIC: [u8; 8] = *b"lcwaits\0";
const BYTE_ORDER_MARK: u32 = 0x0102_0304;
const VERSION: u32 = 1;
/// Bytes of the header, and of a line.
const LINE: usize = 64;
const BYTES: usize = LINE * (LINES + 1);
/// Words of a line.
const WORDS: usize = LINE / 4;
/// How often a line that moves is read again.
const TRIES: usize = 8;

/// What a thread waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Awaited {
    /// The release of a lock that processes share.
    Lock,
    /// The end of a process.
    Exit {
        /// Its number.
        pid: u32,
    },
    /// Something to take out of a queue or pipe: the thread is at its reading end.
    Item,
    /// Room in a queue or pipe: the thread is at its writing end.
    Room,
    /// A signal, a permit, or the last task: whatever another thread of any process could give.
    Signal,
    /// Whatever another thread of its own process could do, and nobody else. The wait has no timeout, whatever the
    /// operating system says of the call that the thread is in.
    Within,
}

impl Awaited {
    fn words(self) -> [u32; 2] {
        match self {
            Awaited::Lock => [1, 0],
            Awaited::Exit { pid } => [2, pid],
            Awaited::Item => [3, 0],
            Awaited::Room => [4, 0],
            Awaited::Signal => [5, 0],
            Awaited::Within => [6, 0],
        }
    }

    fn from_words([what, target]: [u32; 2]) -> Option<Awaited> {
        Some(match what {
            1 => Awaited::Lock,
            2 => Awaited::Exit { pid: target },
            3 => Awaited::Item,
            4 => Awaited::Room,
            5 => Awaited::Signal,
            6 => Awaited::Within,
            _ => return None,
        })
    }
}

/// One published wait, without a timeout.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PublishedWait {
    /// Moves with every wait of the thread: equal numbers mean one and the same wait.
    pub sequence: u32,
    /// The operating system's number for the thread.
    pub task: u32,
    /// The thread, as its trace calls it.
    pub thread: ThreadId,
    /// The wait's index among the thread's events.
    pub event: u32,
    /// The object. Its identity across processes is in the trace, see `Record::Shared`.
    pub lock: LockId,
    /// Where the thread waits.
    pub site: SiteId,
    /// Its stack; 0 where none was captured.
    pub stack: StackId,
    /// What of the object it waits for.
    pub awaited: Awaited,
}

/// The board of the calling process.
pub struct WaitBoard {
    map: MmapRaw,
}

impl WaitBoard {
    /// Makes the board of process `pid` in `folder`, empty, in place of an older one of the same pid.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub fn create(folder: &Path, pid: u32) -> io::Result<WaitBoard> {
        let path = path_of(folder, pid);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let mut bytes = vec![0; BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        for (word, value) in [BYTE_ORDER_MARK, VERSION, pid].into_iter().enumerate() {
            bytes[8 + 4 * word..12 + 4 * word].copy_from_slice(&value.to_ne_bytes());
        }
        // Written, not only made longer: a full disk is an error here rather than a SIGBUS later.
        file.write_all(&bytes)?;
        Ok(WaitBoard { map: MmapRaw::map_raw(&file)? })
    }

    /// The words of the line numbered `line`, from 0.
    fn line(&self, line: usize) -> Option<&[AtomicU32; WORDS]> {
        let start = LINE * (line + 1);
        if line >= LINES || start + LINE > self.map.len() {
            return None;
        }
        // SAFETY: the line lies within the mapping, which lives as long as `self` and is page-aligned, so that a
        // multiple of 64 bytes is aligned for words; all access in this process goes through atomics.
        Some(unsafe { &*self.map.as_mut_ptr().add(start).cast() })
    }

    /// Publishes the calling thread's wait on its own line; its `sequence` is chosen here. `false` where the thread
    /// has no line.
    pub fn publish(&self, line: usize, wait: &PublishedWait) -> bool {
        let Some(words) = self.line(line) else { return false };
        let [what, target] = wait.awaited.words();
        let fields = [
            wait.task,
            wait.thread.0,
            wait.event,
            wait.lock.0 as u32,
            (wait.lock.0 >> 32) as u32,
            wait.site.0,
            wait.stack.0,
            what,
            target,
        ];
        for (word, field) in words[1..].iter().zip(fields) {
            word.store(field, Ordering::Relaxed);
        }
        let sequence = words[0].load(Ordering::Relaxed);
        // Release pairs with the reader, which takes the bytes twice: who sees the odd number sees the fields.
        words[0].store(sequence.wrapping_add(1) | 1, Ordering::Release);
        true
    }

    /// Ends the wait on the calling thread's own line.
    pub fn retract(&self, line: usize) {
        let Some(words) = self.line(line) else { return };
        let sequence = words[0].load(Ordering::Relaxed);
        words[0].store(sequence.wrapping_add(sequence % 2), Ordering::Relaxed);
        // Pairs with the reader's second look: whoever sees a later field sees the sequence move.
        fence(Ordering::Release);
    }
}

/// The board of process `pid` in `folder`.
fn path_of(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.{EXTENSION}"))
}

/// What the threads of process `pid` wait for at this moment, or waited for when it died. Empty where it has no
/// board, as for a process that never waited for another one.
///
/// # Errors
///
/// If the file cannot be read, or is not a board.
pub fn read(folder: &Path, pid: u32) -> io::Result<Vec<PublishedWait>> {
    let path = path_of(folder, pid);
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let bad = |what: &str| {
        let text = format!("{}: not a wait board of this toolkit: {what}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    if file.metadata()?.len() < BYTES as u64 {
        return Err(bad("it is too short"));
    }
    let mut header = [0; 16];
    read_at(&file, 0, &mut header)?;
    let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if header[..8] != MAGIC || word(8) != BYTE_ORDER_MARK || word(12) != VERSION {
        return Err(bad("its header is that of something else"));
    }
    let mut all = Vec::new();
    let mut block = vec![0; BYTES - LINE];
    read_at(&file, LINE as u64, &mut block)?;
    for (line, bytes) in block.chunks_exact(LINE).enumerate() {
        if bytes[0] % 2 == 1 || bytes[3] % 2 == 1 {
            all.extend(read_line(&file, line)?);
        }
    }
    Ok(all)
}

/// The wait on one line, if there is one and it stood still.
fn read_line(file: &fs::File, line: usize) -> io::Result<Option<PublishedWait>> {
    let at = LINE as u64 * (line as u64 + 1);
    let mut first = [0; LINE];
    read_at(file, at, &mut first)?;
    for _ in 0..TRIES {
        let mut again = [0; LINE];
        read_at(file, at, &mut again)?;
        if again == first {
            return Ok(PublishedWait::from_bytes(&first));
        }
        first = again;
    }
    Ok(None)
}

impl PublishedWait {
    fn from_bytes(bytes: &[u8; LINE]) -> Option<PublishedWait> {
        let word = |word: usize| {
            let at = 4 * word;
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if word(0) % 2 == 0 {
            return None;
        }
        Some(PublishedWait {
            sequence: word(0),
            task: word(1),
            thread: ThreadId(word(2)),
            event: word(3),
            lock: LockId(u64::from(word(4)) | u64::from(word(5)) << 32),
            site: SiteId(word(6)),
            stack: StackId(word(7)),
            awaited: Awaited::from_words([word(8), word(9)])?,
        })
    }
}

#[cfg(unix)]
fn read_at(file: &fs::File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &fs::File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(lock: u64) -> PublishedWait {
        PublishedWait {
            sequence: 0,
            task: 7,
            thread: ThreadId(1),
            event: 3,
            lock: LockId(lock),
            site: SiteId(4),
            stack: StackId(5),
            awaited: Awaited::Exit { pid: 99 },
        }
    }

    #[test]
    fn what_is_published_is_read_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), 42).unwrap(), [], "no board, no waits");
        let board = WaitBoard::create(folder.path(), 42).unwrap();
        assert_eq!(read(folder.path(), 42).unwrap(), []);
        assert!(board.publish(0, &wait(1 << 40 | 9)) && board.publish(LINES - 1, &wait(2)));
        assert!(!board.publish(LINES, &wait(3)), "no line is left");
        let read_back = read(folder.path(), 42).unwrap();
        assert_eq!(
            read_back,
            [PublishedWait { sequence: 1, ..wait(1 << 40 | 9) }, PublishedWait { sequence: 1, ..wait(2) }]
        );
        board.retract(0);
        board.retract(0);
        assert_eq!(read(folder.path(), 42).unwrap().len(), 1);
        board.publish(0, &wait(5));
        assert_eq!(read(folder.path(), 42).unwrap()[0].sequence, 3, "another wait has another number");
    }

    #[test]
    fn any_bytes_give_an_error_or_no_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(folder.path(), 1);
        for bytes in [Vec::new(), vec![0xff; 100], vec![0xff; BYTES]] {
            fs::write(&path, &bytes).unwrap();
            let text = read(folder.path(), 1).unwrap_err().to_string();
            assert!(text.contains("1.waits: not a wait board"), "{text}");
        }
        let _board = WaitBoard::create(folder.path(), 1).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[LINE..].fill(0xff);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(folder.path(), 1).unwrap(), [], "a wait for nothing that is known");
    }
}
