//! The published binary form of a trace, in and out: RAPID's, in which the benchmark traces of the literature come.
//!
//! Big-endian. A header of 18 bytes: threads u16, locks u32, variables u32, events u64. Then 8 bytes an event: bits
//! 0-9 thread, 10-13 operation, 14-47 operand, 48-62 location, bit 63 zero; operations 0-9 are those of [`Op`].
//! There are no names, no shared modes and no conditions: [`BinaryWriter`] refuses what the form cannot hold, and
//! says which event. The reader gives numbers of its own, dense and in the order of appearance, so that memory is
//! bounded by what the file really has and not by what its numbers claim.

use std::io::{Read, Seek, SeekFrom, Write};

use crate::std_text::WriteError;
use crate::trace_event::{Event, Located, MAX_EVENTS, Names, Op, ReadError, TargetKind, TraceReader};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 18;
/// Most threads the form can hold.
const MAX_THREADS: u32 = 1 << 10;
/// First location the form cannot hold.
const MAX_LOCATION: u32 = 1 << 15;

/// By operation: which of [`BinaryReader::known`] its operand is in. Those that are none of the form's are turned down
/// before it counts.
const KIND: [u8; 16] = [2, 2, 3, 3, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
/// Threads among [`BinaryReader::known`].
const THREAD: usize = 1;
/// Marks a gap in [`BinaryReader::known`].
const UNSEEN: u32 = u32::MAX;

/// Has `known` say that `operand` is `number`, unless the operand is far larger than any number so far: memory is to
/// follow what the file has.
fn keep(known: &mut Vec<u32>, operand: u64, number: u32) {
    if operand < 4 * u64::from(number) + 65_536 {
        let at = operand as usize;
        if at >= known.len() {
            known.resize(at + 1, UNSEEN);
        }
        known[at] = number;
    }
}

/// What the header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Distinct threads.
    pub threads: u16,
    /// Distinct locks.
    pub locks: u32,
    /// Distinct variables.
    pub variables: u32,
    /// Events that follow.
    pub events: u64,
}

impl Header {
    /// The header in its 18 bytes.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..2].copy_from_slice(&self.threads.to_be_bytes());
        bytes[2..6].copy_from_slice(&self.locks.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.variables.to_be_bytes());
        bytes[10..].copy_from_slice(&self.events.to_be_bytes());
        bytes
    }

    /// The header in these bytes.
    pub fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Header {
        let field = |from: usize, to: usize| {
            bytes[from..to].iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte))
        };
        Header {
            threads: field(0, 2) as u16,
            locks: field(2, 6) as u32,
            variables: field(6, 10) as u32,
            events: field(10, 18),
        }
    }
}

/// Reads the binary form, event by event.
pub struct BinaryReader<R> {
    /// The trace's name, for messages.
    file: String,
    /// Where the bytes come from.
    input: R,
    /// Bytes read and not yet used: `buffer[at..filled]`.
    buffer: Box<[u8]>,
    /// See `buffer`.
    at: usize,
    /// See `buffer`.
    filled: usize,
    /// What the header promised.
    header: Header,
    /// Events given so far.
    given: u64,
    /// The original numbers of threads, locks and variables.
    names: Names,
    /// By [`KIND`]: the number of each operand that was met and is small, [`UNSEEN`] for others. What stands here was
    /// checked when it was met first, so that an event of known operands is decoded without a decision.
    known: [Vec<u32>; 4],
    /// Set by the end or the first error.
    finished: bool,
}

impl<R: Read> BinaryReader<R> {
    /// Reads the header from `input`, which messages call `file`.
    pub fn new(file: impl Into<String>, input: R) -> Result<Self, ReadError> {
        let mut reader = BinaryReader {
            file: file.into(),
            input,
            buffer: vec![0; 1 << 16].into_boxed_slice(),
            at: 0,
            filled: 0,
            header: Header::default(),
            given: 0,
            names: Names::default(),
            known: [vec![0], Vec::new(), Vec::new(), Vec::new()],
            finished: false,
        };
        let have = reader.fill(HEADER_BYTES)?;
        if have < HEADER_BYTES {
            return Err(ReadError::Truncated {
                file: reader.file,
                at: format!("byte {have}"),
                expected: "a header of 18 bytes".to_owned(),
            });
        }
        let bytes = reader.buffer[..HEADER_BYTES].try_into().expect("the slice has this length");
        reader.header = Header::from_bytes(bytes);
        reader.at = HEADER_BYTES;
        if reader.header.events > u64::from(MAX_EVENTS) {
            return Err(ReadError::TooLong { file: reader.file });
        }
        Ok(reader)
    }

    /// What the header says.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Has at least `want` bytes at hand if the file does; how many there are.
    fn fill(&mut self, want: usize) -> Result<usize, ReadError> {
        if self.filled - self.at >= want {
            return Ok(self.filled - self.at);
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        (self.at, self.filled) = (0, self.filled - self.at);
        while self.filled < want {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(more) => self.filled += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { file: self.file.clone(), source }),
            }
        }
        Ok(self.filled)
    }

    /// The next event, or the end.
    #[cold]
    fn next_event(&mut self) -> Result<Option<Located>, ReadError> {
        if self.filled - self.at < 8 {
            let have = self.fill(8)?;
            if have < 8 && (self.given < self.header.events || have > 0) {
                return Err(self.cut_off(have));
            }
            if have == 0 {
                return Ok(None);
            }
        }
        if self.given == self.header.events {
            return Err(self.fault("the end of the file, as the header says", "more events"));
        }
        let word: [u8; 8] = self.buffer[self.at..self.at + 8].try_into().expect("eight bytes");
        let word = u64::from_be_bytes(word);
        let Some(event) = self.decode_new(word) else { return Err(self.explain(word)) };
        self.at += 8;
        self.given += 1;
        Ok(Some(Located { event, line: self.given as u32 }))
    }

    /// The event in `word`, if thread and operand were met before.
    #[inline(always)]
    fn decode(&self, word: u64) -> Option<Event> {
        let op = (word >> 10 & 0xF) as usize;
        let operand = (word >> 14 & ((1 << 34) - 1)) as usize;
        let target = *self.known[usize::from(KIND[op])].get(operand)?;
        let thread = *self.known[THREAD].get((word & 0x3FF) as usize)?;
        if target == UNSEEN || thread == UNSEEN || op > Op::Branch as usize || word >> 63 != 0 {
            return None;
        }
        Some(Event { thread, target, location: (word >> 48) as u32, op: Op::ALL[op] })
    }

    /// The event in `word`, if it is one; its operands are known from now on.
    fn decode_new(&mut self, word: u64) -> Option<Event> {
        let operand = word >> 14 & ((1 << 34) - 1);
        let op = *Op::ALL[..=Op::Branch as usize].get((word >> 10 & 0xF) as usize)?;
        if word >> 63 != 0 {
            return None;
        }
        let (table, limit) = match op.target_kind() {
            TargetKind::Lock => (&mut self.names.locks, self.header.locks),
            TargetKind::Variable => (&mut self.names.variables, self.header.variables),
            TargetKind::Thread => (&mut self.names.threads, MAX_THREADS),
            TargetKind::None | TargetKind::Condition => {
                let thread = self.thread(word);
                return Some(Event { thread, target: 0, location: (word >> 48) as u32, op });
            }
        };
        if operand >= u64::from(limit) {
            return None;
        }
        let target = table.intern_number(operand);
        keep(&mut self.known[usize::from(KIND[op as usize])], operand, target);
        let thread = self.thread(word);
        Some(Event { thread, target, location: (word >> 48) as u32, op })
    }

    /// The number of the thread in `word`, known from now on.
    fn thread(&mut self, word: u64) -> u32 {
        let thread = self.names.threads.intern_number(word & 0x3FF);
        keep(&mut self.known[THREAD], word & 0x3FF, thread);
        thread
    }

    /// Why `word` is not an event.
    #[cold]
    fn explain(&self, word: u64) -> ReadError {
        let operand = word >> 14 & ((1 << 34) - 1);
        let number = (word >> 10 & 0xF) as usize;
        if number > Op::Branch as usize {
            return self.fault("an operation from 0 to 9", &number.to_string());
        }
        if word >> 63 != 0 {
            return self.fault("bit 63 to be zero", "one");
        }
        let (what, limit) = match Op::ALL[number].target_kind() {
            TargetKind::Lock => ("lock", u64::from(self.header.locks)),
            TargetKind::Variable => ("variable", u64::from(self.header.variables)),
            _ => ("thread", u64::from(MAX_THREADS)),
        };
        self.fault(&format!("a {what} below {limit}"), &operand.to_string())
    }

    /// The error for a file that ends `have` bytes into an event.
    #[cold]
    fn cut_off(&self, have: usize) -> ReadError {
        ReadError::Truncated {
            file: self.file.clone(),
            at: format!("byte {}", self.offset() + have as u64),
            expected: format!("{} events, found {}", self.header.events, self.given),
        }
    }

    /// The error for the event at hand.
    #[cold]
    fn fault(&self, expected: &str, found: &str) -> ReadError {
        ReadError::Binary {
            file: self.file.clone(),
            offset: self.offset(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    /// Where the event at hand starts in the file.
    fn offset(&self) -> u64 {
        HEADER_BYTES as u64 + 8 * self.given
    }
}

impl<R: Read> Iterator for BinaryReader<R> {
    type Item = Result<Located, ReadError>;

    // In the caller's loop the event stays in registers. Handed back in memory, it is written in parts and copied as a
    // whole, which the processor cannot forward: it waits for the parts to reach its cache.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        // The common case by itself: an event that is at hand goes from register to caller.
        if self.filled - self.at >= 8
            && self.given < self.header.events
            && let word = self.buffer[self.at..self.at + 8].try_into().expect("eight bytes")
            && let Some(event) = self.decode(u64::from_be_bytes(word))
        {
            self.at += 8;
            self.given += 1;
            return Some(Ok(Located { event, line: self.given as u32 }));
        }
        let next = self.next_event().transpose();
        self.finished = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: Read> TraceReader for BinaryReader<R> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn threads(&self) -> Option<u32> {
        Some(self.header.threads.into())
    }
}

/// Writes the binary form: a blank header, the events, and then the header again with what was counted.
pub struct BinaryWriter<W> {
    /// Where the bytes go.
    output: W,
    /// What was counted so far.
    header: Header,
}

impl<W: Write + Seek> BinaryWriter<W> {
    /// Writes to `output`, from where it stands.
    pub fn new(mut output: W) -> Result<Self, WriteError> {
        output.write_all(&Header::default().to_bytes())?;
        Ok(BinaryWriter { output, header: Header::default() })
    }

    /// Writes one event, or says what of it the form cannot hold.
    pub fn write(&mut self, located: &Located) -> Result<(), WriteError> {
        let word = encode(&located.event).map_err(|(what, remedy)| WriteError::CannotHold {
            event: self.header.events + 1,
            line: located.line,
            what,
            remedy: remedy.to_owned(),
        })?;
        let Event { thread, target, op, .. } = located.event;
        let header = &mut self.header;
        header.events += 1;
        header.threads = header.threads.max(thread as u16 + 1);
        match op.target_kind() {
            TargetKind::Lock => header.locks = header.locks.max(target.saturating_add(1)),
            TargetKind::Variable => {
                header.variables = header.variables.max(target.saturating_add(1));
            }
            TargetKind::Thread => header.threads = header.threads.max(target as u16 + 1),
            TargetKind::None | TargetKind::Condition => {}
        }
        Ok(self.output.write_all(&word.to_be_bytes())?)
    }

    /// Writes the header over the blank one, and gives the output back, at its end.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let back = i64::try_from(HEADER_BYTES as u64 + 8 * self.header.events);
        let back = back.map_err(|_| std::io::Error::from(std::io::ErrorKind::FileTooLarge))?;
        self.output.seek(SeekFrom::Current(-back))?;
        self.output.write_all(&self.header.to_bytes())?;
        self.output.seek(SeekFrom::Current(back - HEADER_BYTES as i64))?;
        self.output.flush()?;
        Ok(self.output)
    }
}

/// The eight bytes of `event`, or what cannot be said and what can.
fn encode(event: &Event) -> Result<u64, (String, &'static str)> {
    let Event { thread, target, location, op } = *event;
    if op > Op::Branch {
        return Err((
            op.word().to_owned(),
            "the binary form has only acq, rel, r, w, fork, join, begin, end, req and branch: keep it as STD text",
        ));
    }
    let threads = "the binary form holds at most 1024 threads: split the trace";
    if thread >= MAX_THREADS {
        return Err((format!("thread number {thread}"), threads));
    }
    if op.target_kind() == TargetKind::Thread && target >= MAX_THREADS {
        return Err((format!("thread number {target}"), threads));
    }
    if location >= MAX_LOCATION {
        return Err((
            format!("location {location}"),
            "the binary form holds locations from 0 to 32767: renumber them",
        ));
    }
    Ok(u64::from(thread) | (op as u64) << 10 | u64::from(target) << 14 | u64::from(location) << 48)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::std_text::{TextReader, TextWriter};
    use crate::trace_event::Trace;

    /// The binary form of a text trace.
    fn binary(text: &str) -> Result<Vec<u8>, WriteError> {
        let trace = Trace::read(TextReader::new("t.std", text.as_bytes())).expect("it parses");
        let mut writer = BinaryWriter::new(Cursor::new(Vec::new()))?;
        for located in &trace.events {
            writer.write(located)?;
        }
        Ok(writer.finish()?.into_inner())
    }

    #[test]
    fn there_and_back_keeps_all_but_the_names() {
        let text = "T0|acq(L0)|0\nT0|fork(T1)|1\nT0|w(V0)|32767\nT1|r(V0)|3\nT0|begin|4\nT0|end|5\nT0|req(L1)|6\n\
                    T0|branch|7\nT0|rel(L0)|8\nT0|join(T1)|9\n";
        let bytes = binary(text).expect("the form holds it");
        assert_eq!(bytes.len(), HEADER_BYTES + 80);
        let reader = BinaryReader::new("t.bin", &bytes[..]).expect("there is a header");
        assert_eq!(reader.header(), Header { threads: 2, locks: 2, variables: 1, events: 10 });
        let trace = Trace::read(reader).expect("it is whole");
        let mut writer = TextWriter::new(Vec::new());
        for located in &trace.events {
            writer.write(&trace.names, located).expect("numbers make names");
        }
        assert_eq!(writer.finish().expect("memory takes it"), text.as_bytes());
    }

    #[test]
    fn bits_are_where_the_published_files_have_them() {
        let event = Event { thread: 3, target: 5, location: 7, op: Op::Write };
        assert_eq!(encode(&event), Ok(3 | 3 << 10 | 5 << 14 | 7 << 48));
    }

    #[test]
    fn refuses_what_the_form_cannot_hold_and_names_the_event() {
        for (text, expected) in [
            ("# c\nt1|w(x)|1\nt1|racq(a)|2", "event 2 (line 3), racq: the binary form has only"),
            ("t1|notify(c)|2", "event 1 (line 1), notify: the binary form has only"),
            ("t1|w(x)|32768", "event 1 (line 1), location 32768: the binary form holds locations"),
        ] {
            let error = binary(text).expect_err("it cannot be held").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let threads = (0..1025).map(|t| format!("t{t}|w(x)|1\n")).collect::<String>();
        let error = binary(&threads).expect_err("it cannot be held").to_string();
        assert!(error.starts_with("event 1025 (line 1025), thread number 1024"), "{error}");
    }

    #[test]
    fn names_the_byte_of_what_is_wrong() {
        let good = binary("t1|w(x)|1\nt1|w(x)|2").expect("the form holds it");
        let read = |bytes: &[u8]| match BinaryReader::new("t.bin", bytes) {
            Ok(reader) => Trace::read(reader).expect_err("it is damaged"),
            Err(error) => error,
        };
        assert!(read(&good[..7]).to_string().starts_with("t.bin: byte 7: the trace is cut off"));
        let cut = read(&good[..30]);
        assert!(cut.is_truncation());
        assert!(
            cut.to_string().starts_with("t.bin: byte 30: the trace is cut off: expected 2 events, found 1")
        );
        let mut wild = good.clone();
        wild[HEADER_BYTES + 6] |= 0x3C;
        assert_eq!(read(&wild).to_string(), "t.bin: byte 18: expected an operation from 0 to 9, found 15");
        let mut wild = good.clone();
        wild[HEADER_BYTES + 3] = 1;
        assert_eq!(read(&wild).to_string(), "t.bin: byte 18: expected a variable below 1, found 262144");
        let mut longer = good.clone();
        longer.extend([0; 8]);
        assert_eq!(
            read(&longer).to_string(),
            "t.bin: byte 34: expected the end of the file, as the header says, found more events"
        );
    }
}
