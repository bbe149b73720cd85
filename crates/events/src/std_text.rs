//! The STD text form of a trace, in and out: one event per line, `thread|op(arg)|location`.
//!
//! `begin`, `end` and `branch` have no argument. `#` comments and blank lines are skipped but counted; lines end in
//! LF or CRLF, and a byte order mark at the start is ignored. A line that is not an event is an error that names line
//! and column, never a guess. The reader holds one line and the names, nothing that follows the file's length; it
//! checks spelling only, the order of events is the business of [`crate::trace_event::WellFormed`].

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::trace_event::{
    Event, Interner, Located, MAX_EVENTS, Names, Op, ReadError, TargetKind, TraceReader,
};

/// Longest line, in bytes, so that a file without line ends costs no memory.
pub const MAX_LINE: usize = 65_536;

/// What may stand before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads STD text, event by event.
pub struct TextReader<R> {
    /// The trace's name, for messages.
    file: String,
    /// Where the bytes come from.
    input: BufReader<R>,
    /// The line at hand, with its end. Reused.
    buffer: Vec<u8>,
    /// 1-based number of the line at hand.
    line: u32,
    /// The names met so far.
    names: Names,
    /// The thread of the line before, as text and number: the next line is mostly of the same thread.
    last_thread: (String, u32),
    /// Set by the first error: there is nothing to read after it.
    finished: bool,
}

/// What a line should have had, the column where it did not (from 0), and what stood there.
type Fault<'a> = (&'static str, usize, &'a [u8]);

impl<R: Read> TextReader<R> {
    /// Reads `input`, which messages call `file`.
    pub fn new(file: impl Into<String>, input: R) -> Self {
        TextReader {
            file: file.into(),
            input: BufReader::with_capacity(1 << 18, input),
            buffer: Vec::new(),
            line: 0,
            names: Names::default(),
            last_thread: (String::new(), 0),
            finished: false,
        }
    }

    /// Reads one line into the buffer; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        self.buffer.clear();
        let io_error = |source| ReadError::Io { file: self.file.clone(), source };
        let mut limited = self.input.by_ref().take(MAX_LINE as u64 + 1);
        let length = limited.read_until(b'\n', &mut self.buffer).map_err(io_error)?;
        if length == 0 {
            return Ok(false);
        }
        if self.line >= MAX_EVENTS {
            return Err(ReadError::TooLong { file: self.file.clone() });
        }
        self.line += 1;
        if length > MAX_LINE {
            return Err(self.syntax(("a line of at most 65536 bytes", MAX_LINE, b"more")));
        }
        Ok(true)
    }

    /// The event on the next line that has one.
    fn next_event(&mut self) -> Result<Option<Located>, ReadError> {
        while self.read_line()? {
            let buffer = std::mem::take(&mut self.buffer);
            let line = buffer.strip_suffix(b"\n").unwrap_or(&buffer);
            let complete = line.len() < buffer.len();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // A byte order mark, which editors put there, is not seen by anybody: no name begins with it.
            let line = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| self.line == 1).unwrap_or(line);
            let parsed = match line.trim_ascii_start().first() {
                None | Some(b'#') => Ok(None),
                Some(_) => split(line).and_then(|parts| self.intern(line, parts)).map(Some),
            };
            let result = match parsed {
                Ok(event) => Ok(event),
                Err(fault) if complete || !self.is_cut(line) => Err(self.syntax(fault)),
                Err(fault) => Err(ReadError::Truncated {
                    file: self.file.clone(),
                    at: format!("line {}", self.line),
                    expected: format!("{} and a line end", fault.0),
                }),
            };
            self.buffer = buffer;
            if let Some(event) = result? {
                return Ok(Some(Located { event, line: self.line }));
            }
        }
        Ok(None)
    }

    /// Whether the last line, which has no end, is the beginning of an event of a thread known by now. Any other text
    /// is no trace that was cut off, but a mistake.
    fn is_cut(&self, line: &[u8]) -> bool {
        let threads = &self.names.threads;
        let mut parts = line.splitn(3, |&byte| byte == b'|');
        let thread = parts.next().unwrap_or_default();
        let Some(op) = parts.next() else {
            let mut known = (0..threads.len() as u32).filter_map(|number| threads.name(number));
            return known.any(|name| name.as_bytes().starts_with(thread));
        };
        let known = std::str::from_utf8(thread).is_ok_and(|thread| threads.find(thread).is_some());
        known
            && match parts.next() {
                Some(location) => location.is_empty() && operation(op, 0).is_ok(),
                None => begins_operation(op),
            }
    }

    /// Numbers for the names of one line.
    fn intern<'a>(&mut self, line: &'a [u8], parts: Parts<'a>) -> Result<Event, Fault<'a>> {
        let thread = if parts.thread == self.last_thread.0.as_bytes() {
            self.last_thread.1
        } else {
            let name = name_of(line, parts.thread)?;
            let number = self.names.threads.intern(name);
            self.last_thread = (name.to_owned(), number);
            number
        };
        let argument = name_of(line, parts.argument)?;
        let target = match parts.op.target_kind() {
            TargetKind::None => 0,
            TargetKind::Lock => self.names.locks.intern(argument),
            TargetKind::Variable => self.names.variables.intern(argument),
            TargetKind::Thread => self.names.threads.intern(argument),
            TargetKind::Condition => self.names.conditions.intern(argument),
        };
        Ok(Event { thread, target, location: parts.location, op: parts.op })
    }

    /// The error for a fault on the line at hand.
    fn syntax(&self, (expected, at, found): Fault<'_>) -> ReadError {
        let found = if found.is_empty() {
            "the end of the line".to_owned()
        } else {
            let shown = &found[..found.len().min(40)];
            format!("'{}'{}", shown.escape_ascii(), if found.len() > 40 { "..." } else { "" })
        };
        let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
        ReadError::Syntax { file: self.file.clone(), line: self.line, column, expected, found }
    }
}

impl<R: Read> Iterator for TextReader<R> {
    type Item = Result<Located, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let next = self.next_event().transpose();
        self.finished = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: Read> TraceReader for TextReader<R> {
    fn names(&self) -> &Names {
        &self.names
    }
}

/// The parts of one line, still as bytes.
struct Parts<'a> {
    /// The name before the first bar.
    thread: &'a [u8],
    /// The operation.
    op: Op,
    /// What stands between the parentheses; empty where the operation has no argument.
    argument: &'a [u8],
    /// The number after the second bar.
    location: u32,
}

/// Takes a line apart.
fn split(line: &[u8]) -> Result<Parts<'_>, Fault<'_>> {
    let bar = position(line, 0, b'|').ok_or(("thread|op(arg)|location", 0, line))?;
    let thread = &line[..bar];
    if !is_name(thread) {
        return Err(("a thread name without spaces or any of |()", 0, thread));
    }
    let start = bar + 1;
    let second = position(line, start, b'|').ok_or(("a second '|'", line.len(), &b""[..]))?;
    let (op, argument) = operation(&line[start..second], start)?;
    let digits = &line[second + 1..];
    let location = number(digits).ok_or(("a location: a number from 0 to 4294967295", second + 1, digits))?;
    Ok(Parts { thread, op, argument, location })
}

/// The operation and its argument; `start` is the column of `text`.
fn operation(text: &[u8], start: usize) -> Result<(Op, &[u8]), Fault<'_>> {
    const EXPECTED: &str = "one of acq, rel, r, w, fork, join, begin, end, req, branch, racq, rrel, wait, notify, \
                            notifyAll";
    let open = position(text, 0, b'(').unwrap_or(text.len());
    let op = op_of(&text[..open]).ok_or((EXPECTED, start, text))?;
    if op.target_kind() == TargetKind::None {
        if open < text.len() {
            return Err(("no argument here", start + open, &text[open..]));
        }
        return Ok((op, &text[..0]));
    }
    let rest = &text[open..];
    let argument = rest.strip_prefix(b"(").ok_or(("'(' and an argument", start + open, rest))?;
    let argument = argument.strip_suffix(b")");
    let argument = argument.ok_or(("')' after the argument", start + text.len(), &b""[..]))?;
    if !is_name(argument) {
        return Err(("a name without spaces or any of |()", start + open + 1, argument));
    }
    Ok((op, argument))
}

/// Whether more text makes an operation of `text`.
fn begins_operation(text: &[u8]) -> bool {
    match position(text, 0, b'(') {
        None => Op::ALL.into_iter().any(|op| op.word().as_bytes().starts_with(text)),
        Some(open) => {
            let argument = text[open + 1..].strip_suffix(b")").unwrap_or(&text[open + 1..]);
            let takes_one = op_of(&text[..open]).is_some_and(|op| op.target_kind() != TargetKind::None);
            takes_one && (argument.is_empty() || is_name(argument))
        }
    }
}

/// The operation with this spelling.
fn op_of(word: &[u8]) -> Option<Op> {
    Some(match word {
        b"r" => Op::Read,
        b"w" => Op::Write,
        b"acq" => Op::Acquire,
        b"rel" => Op::Release,
        _ => Op::ALL.into_iter().find(|op| op.word().as_bytes() == word)?,
    })
}

/// The first `byte` at or after `from`. Lines are short: a plain loop beats anything that has to set itself up.
fn position(line: &[u8], from: usize, byte: u8) -> Option<usize> {
    line[from..].iter().position(|&b| b == byte).map(|at| at + from)
}

/// Whether `text` can be a name: not empty, no blanks or control characters, none of the characters of the form. A
/// thread's name also does not start with `#`, which would make its lines comments.
fn is_name(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| !matches!(b, 0..=b' ' | 0x7F | b'|' | b'(' | b')'))
}

/// A decimal number that fits, without sign.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 {
        return None;
    }
    let mut value = 0u64;
    for digit in digits {
        value = value * 10 + u64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    u32::try_from(value).ok()
}

/// `part` of `line` as text.
fn name_of<'a>(line: &'a [u8], part: &'a [u8]) -> Result<&'a str, Fault<'a>> {
    let column = part.as_ptr() as usize - line.as_ptr() as usize;
    std::str::from_utf8(part).map_err(|_| ("a name in UTF-8", column, part))
}

/// Writes events as STD text.
pub struct TextWriter<W> {
    /// Where the text goes.
    output: W,
    /// Events written so far, for messages.
    written: u64,
}

/// Why an event cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The target form has no way to say this.
    #[error("event {event} (line {line}), {what}: {remedy}")]
    CannotHold {
        /// 1-based number of the event.
        event: u64,
        /// The line it came from.
        line: u32,
        /// The event or the part of it.
        what: String,
        /// What the form can hold instead.
        remedy: String,
    },
}

impl<W: Write> TextWriter<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> Self {
        TextWriter { output, written: 0 }
    }

    /// Writes one event.
    pub fn write(&mut self, names: &Names, located: &Located) -> Result<(), WriteError> {
        let event = &located.event;
        self.written += 1;
        let kind = event.op.target_kind();
        let thread = Name(&names.threads, 'T', event.thread);
        let target = match kind {
            TargetKind::None => None,
            TargetKind::Thread => Some(Name(&names.threads, 'T', event.target)),
            TargetKind::Lock => Some(Name(&names.locks, 'L', event.target)),
            TargetKind::Variable => Some(Name(&names.variables, 'V', event.target)),
            TargetKind::Condition => Some(Name(&names.conditions, 'C', event.target)),
        };
        let comment = Some(&thread).filter(|name| name.starts_with('#'));
        for (name, hidden) in [(Some(&thread), comment.is_some()), (target.as_ref(), false)] {
            if let Some(text) = name.and_then(|name| name.unwritable(hidden)) {
                return Err(WriteError::CannotHold {
                    event: self.written,
                    line: located.line,
                    what: format!("the name '{}'", text.escape_debug()),
                    remedy: "STD text has names without spaces or any of |()".to_owned(),
                });
            }
        }
        let (word, location) = (event.op.word(), event.location);
        match target {
            None => writeln!(self.output, "{thread}|{word}|{location}")?,
            Some(target) => writeln!(self.output, "{thread}|{word}({target})|{location}")?,
        }
        Ok(())
    }

    /// Flushes, and gives the output back.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.output.flush()?;
        Ok(self.output)
    }
}

/// A name as it is printed: the table, the letter for a trace without names, the number.
struct Name<'a>(&'a Interner, char, u32);

impl Name<'_> {
    /// The name, where it is one that the form cannot hold, or would be read as a comment.
    fn unwritable(&self, comment: bool) -> Option<&str> {
        self.0.name(self.2).filter(|name| comment || !is_name(name.as_bytes()))
    }

    /// Whether there is a name and it starts with `first`.
    fn starts_with(&self, first: char) -> bool {
        self.0.name(self.2).is_some_and(|name| name.starts_with(first))
    }
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.name(self.2), self.0.original(self.2)) {
            (Some(name), _) => f.write_str(name),
            (None, Some(original)) => write!(f, "{}{original}", self.1),
            (None, None) => write!(f, "{}{}", self.1, self.2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace_event::Trace;

    /// Reads `text` and writes it again, or gives the error's message.
    fn round(text: &[u8]) -> String {
        let trace = match Trace::read(TextReader::new("t.std", text)) {
            Ok(trace) => trace,
            Err(error) => return error.to_string(),
        };
        let mut writer = TextWriter::new(Vec::new());
        for located in &trace.events {
            writer.write(&trace.names, located).expect("names that were read can be written");
        }
        String::from_utf8(writer.finish().expect("memory takes it")).expect("names are text")
    }

    #[test]
    fn every_operation_survives_the_round() {
        let text = "t1|acq(a)|1\nt1|rel(a)|2\nt1|r(x)|3\nt1|w(x)|4\nt1|fork(t2)|5\nt1|join(t2)|6\nt1|begin|7\n\
                    t1|end|8\nt1|req(a)|9\nt1|branch|10\nt1|racq(a)|11\nt1|rrel(a)|12\nt1|wait(c)|13\n\
                    t1|notify(c)|14\nt1|notifyAll(c)|4294967295\n";
        assert_eq!(round(text.as_bytes()), text);
    }

    #[test]
    fn skips_and_counts_comments_blanks_and_carriage_returns() {
        let text = "# head\r\n\r\n  # indented\nt1|w(x)|7\r\n   \nt1|end|8";
        let trace = Trace::read(TextReader::new("t.std", text.as_bytes())).expect("it parses");
        assert_eq!(trace.events.iter().map(|e| e.line).collect::<Vec<_>>(), [4, 6]);
    }

    #[test]
    fn says_where_and_what_it_expected() {
        for (text, expected) in [
            ("nonsense\n", "t.std:1:1: expected thread|op(arg)|location, found 'nonsense'"),
            ("t1|w(x)|1\nt1|w(x)\n", "t.std:2:8: expected a second '|', found the end of the line"),
            ("t1|w(x)|one\n", "t.std:1:9: expected a location: a number from 0 to 4294967295, found 'one'"),
            ("t1|w(x)|-1\n", "t.std:1:9: expected a location: a number from 0 to 4294967295, found '-1'"),
            (
                "t1|w(x)|4294967296\n",
                "t.std:1:9: expected a location: a number from 0 to 4294967295, found '4294967296'",
            ),
            ("t1|w|1\n", "t.std:1:5: expected '(' and an argument, found the end of the line"),
            ("t1|w(x|1\n", "t.std:1:7: expected ')' after the argument, found the end of the line"),
            (
                "t1|w()|1\n",
                "t.std:1:6: expected a name without spaces or any of |(), found the end of the line",
            ),
            ("t1|begin(x)|1\n", "t.std:1:9: expected no argument here, found '(x)'"),
            (
                "|w(x)|1\n",
                "t.std:1:1: expected a thread name without spaces or any of |(), found the end of the line",
            ),
            ("t1|w(x)|1|2\n", "t.std:1:9: expected a location: a number from 0 to 4294967295, found '1|2'"),
        ] {
            assert_eq!(round(text.as_bytes()), expected, "{text:?}");
        }
        let unknown = round(b"t1|lock(a)|1\n");
        assert!(unknown.starts_with("t.std:1:4: expected one of acq, rel,"), "{unknown}");
        let binary = round(b"t\xFF|w(x)|1\n");
        assert_eq!(binary, "t.std:1:1: expected a name in UTF-8, found 't\\xff'");
    }

    #[test]
    fn a_half_written_last_line_is_a_truncation() {
        let mut reader = TextReader::new("t.std", &b"t1|w(x)|1\nt1|w("[..]);
        assert!(matches!(reader.next(), Some(Ok(_))));
        let error = reader.next().expect("there is more").expect_err("it is cut off");
        assert!(error.is_truncation(), "{error}");
        assert!(reader.next().is_none());
    }

    #[test]
    fn a_file_without_line_ends_costs_one_line() {
        let mut reader = TextReader::new("t.std", io::repeat(b'x').take(1 << 26));
        let error = reader.next().expect("there is something").expect_err("it is no event");
        assert!(error.to_string().contains("a line of at most 65536 bytes"), "{error}");
        assert!(reader.buffer.capacity() < 4 * MAX_LINE);
    }
}
