//! A strategy that sits at the other end of a connection: the program asks, another process decides.
//!
//! Whole programs run in a fresh process each, while a search goes on from run to run: it therefore lives with whoever
//! starts the processes. [`Remote`] is the program's end, [`serve`] the other. Neither opens a connection, nor knows
//! what kind it is.
//!
//! A question is a frame: its length (u32), a tag (u8), its arguments, and the moment it refers to. An answer is a u32.
//! The answer to the end of the run may be the number of a worker: then one more frame follows, with a text, its
//! whereabouts.
//! All numbers are little-endian. Both ends are built from the same sources; a frame that makes no sense ends the
//! conversation.

use std::io::{self, Read, Write};

use crate::moment::{Access, Moment, Object, Operation, OperationKind, Pending, Readiness, Worker};
use crate::strategy::{Draw, RunEnd, Strategy};

/// The version of the protocol, sent first.
pub const HELLO: u32 = 0x6231_0003;

/// The answer that gives the run up; after its end, that nobody is asked for.
const ABANDON: u32 = u32::MAX;

/// No frame is longer: some hundred thousand workers.
const FRAME_MAX: usize = 1 << 22;

const CHOOSE: u8 = 0;
const DRAW: u8 = 1;
const END: u8 = 2;

/// The program's end of the connection: a strategy for one run.
#[derive(Debug)]
pub struct Remote<C> {
    connection: C,
    buffer: Vec<u8>,
    begun: bool,
    /// The worker that the other end asks for.
    asked_for: Option<Worker>,
    /// The other end has gone.
    lost: bool,
}

impl<C: Read + Write> Remote<C> {
    /// Asks whoever is at the other end.
    pub fn new(connection: C) -> Remote<C> {
        Remote { connection, buffer: Vec::new(), begun: false, asked_for: None, lost: false }
    }

    fn ask(&mut self, tag: u8, arguments: [u32; 3], moment: &Moment<'_>) -> Option<u32> {
        if self.lost {
            return None;
        }
        self.buffer.clear();
        self.buffer.extend([0; 4]);
        self.buffer.push(tag);
        arguments.iter().for_each(|argument| self.buffer.extend(argument.to_le_bytes()));
        put_moment(&mut self.buffer, moment);
        let length = (self.buffer.len() - 4) as u32;
        self.buffer[..4].copy_from_slice(&length.to_le_bytes());
        let sent = self.connection.write_all(&self.buffer);
        let answer = sent.and_then(|()| get_u32(&mut self.connection));
        self.lost |= answer.is_err();
        answer.ok()
    }
}

impl<C: Read + Write> Strategy for Remote<C> {
    fn begin(&mut self) -> bool {
        let first = !std::mem::replace(&mut self.begun, true);
        first && self.connection.write_all(&HELLO.to_le_bytes()).is_ok()
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        let answer = self.ask(CHOOSE, [0; 3], moment)?;
        (answer != ABANDON).then_some(Worker(answer))
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        self.ask(DRAW, [worker.0, draw as u32, options], moment).unwrap_or(0)
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        let answer = self.ask(END, [how as u32, 0, 0], moment);
        self.asked_for = answer.filter(|answer| *answer != ABANDON).map(Worker);
    }

    fn asks_for(&self) -> Option<Worker> {
        self.asked_for
    }

    fn hear(&mut self, whereabouts: String) {
        let length = (whereabouts.len().min(FRAME_MAX) as u32).to_le_bytes();
        self.buffer.clear();
        self.buffer.extend(length);
        self.buffer.extend(whereabouts.bytes().take(FRAME_MAX));
        self.lost |= self.connection.write_all(&self.buffer).is_err();
    }
}

/// Answers one run's questions by a strategy whose `begin` has just said yes. `Ok(None)`: the program went away in the
/// middle of the run, without an end, or asked nothing for as long as the connection waits; the strategy has been told
/// that the run was cut.
pub fn serve(
    connection: &mut (impl Read + Write),
    strategy: &mut dyn Strategy,
) -> io::Result<Option<RunEnd>> {
    if get_u32(connection)? != HELLO {
        return Err(bad("the program's run-time speaks another version of the protocol"));
    }
    let mut frame = Vec::new();
    let mut pending = Vec::new();
    let mut last = Worker(0);
    loop {
        let question = match get_frame(connection, &mut frame) {
            Ok(()) => Question::read(&frame, &mut pending, &mut last)?,
            Err(error) if is_gone(&error) => {
                strategy.end(&Moment { pending: &pending, last }, RunEnd::TooLong);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let moment = Moment { pending: &pending, last };
        let answer = match question {
            Question::Choose => strategy.choose(&moment).map_or(ABANDON, |worker| worker.0),
            Question::Draw(worker, draw, options) => strategy.draw(&moment, worker, draw, options),
            Question::End(how) => {
                strategy.end(&moment, how);
                return match say_end(connection, &mut frame, strategy) {
                    Err(error) if !is_gone(&error) => Err(error),
                    _ => Ok(Some(how)),
                };
            }
        };
        match connection.write_all(&answer.to_le_bytes()) {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
}

/// Answers the end of the run, and hears of the worker that the strategy asks for.
fn say_end(
    connection: &mut (impl Read + Write),
    frame: &mut Vec<u8>,
    strategy: &mut dyn Strategy,
) -> io::Result<()> {
    let asked_for = strategy.asks_for();
    connection.write_all(&asked_for.map_or(ABANDON, |worker| worker.0).to_le_bytes())?;
    if asked_for.is_some() {
        get_frame(connection, frame)?;
        strategy.hear(String::from_utf8_lossy(frame).into_owned());
    }
    Ok(())
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::WouldBlock
            | io::ErrorKind::TimedOut
    )
}

enum Question {
    Choose,
    Draw(Worker, Draw, u32),
    End(RunEnd),
}

impl Question {
    fn read(frame: &[u8], pending: &mut Vec<Pending>, last: &mut Worker) -> io::Result<Question> {
        let mut bytes = Bytes(frame);
        let tag = bytes.u8()?;
        let arguments = [bytes.u32()?, bytes.u32()?, bytes.u32()?];
        *last = Worker(bytes.u32()?);
        pending.clear();
        while !bytes.0.is_empty() {
            pending.push(bytes.pending()?);
        }
        let worker = Worker(arguments[0]);
        let workers = pending.len() as u32;
        let known = last.0 < workers && pending.iter().all(|pending| pending.parent.0 < workers);
        match tag {
            CHOOSE if known => Ok(Question::Choose),
            DRAW if known && worker.0 < workers && arguments[2] > 0 => {
                Ok(Question::Draw(worker, pick(&DRAWS, arguments[1])?, arguments[2]))
            }
            END if known || workers == 0 => Ok(Question::End(pick(&ENDS, arguments[0])?)),
            _ => Err(bad("a question that makes no sense")),
        }
    }
}

/// In the order of the enumeration, so that a place is a value.
const DRAWS: [Draw; 6] =
    [Draw::Notified, Draw::Timeout, Draw::Spurious, Draw::Number, Draw::Other, Draw::Fine];
const ENDS: [RunEnd; 5] =
    [RunEnd::Finished, RunEnd::Deadlock, RunEnd::Found, RunEnd::Abandoned, RunEnd::TooLong];
const ACCESSES: [Access; 6] = [
    Access::Read,
    Access::Write,
    Access::Acquire,
    Access::Release,
    Access::AcquireShared,
    Access::ReleaseShared,
];
const READINESS: [Readiness; 6] = [
    Readiness::Ready,
    Readiness::Yielding,
    Readiness::Timeout,
    Readiness::Spinning,
    Readiness::Blocked,
    Readiness::Finished,
];

fn pick<T: Copy>(all: &[T], place: u32) -> io::Result<T> {
    all.get(place as usize).copied().ok_or_else(|| bad("a number that stands for nothing"))
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn put_moment(out: &mut Vec<u8>, moment: &Moment<'_>) {
    out.extend(moment.last.0.to_le_bytes());
    for pending in moment.pending {
        out.extend([pending.operation.kind as u8, pending.readiness as u8]);
        let mut touches = pending.operation.touches();
        for _ in 0..2 {
            let touch = touches.next();
            out.push(touch.map_or(u8::MAX, |touch| touch.access as u8));
            out.extend(touch.map_or(0, |touch| touch.object.0).to_le_bytes());
        }
        for number in [pending.index, pending.parent.0, pending.ordinal] {
            out.extend(number.to_le_bytes());
        }
        out.extend(pending.deadline.to_le_bytes());
    }
}

fn get_u32(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn get_frame(from: &mut impl Read, frame: &mut Vec<u8>) -> io::Result<()> {
    let length = get_u32(from)? as usize;
    if length > FRAME_MAX {
        return Err(bad("a question that is too long"));
    }
    frame.resize(length, 0);
    from.read_exact(frame)
}

/// What is left of a frame.
struct Bytes<'f>(&'f [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (first, rest) =
            self.0.split_first_chunk::<N>().ok_or_else(|| bad("a question that breaks off"))?;
        self.0 = rest;
        Ok(*first)
    }

    fn u8(&mut self) -> io::Result<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn pending(&mut self) -> io::Result<Pending> {
        let kind = pick(&OperationKind::ALL, u32::from(self.u8()?))?;
        let readiness = pick(&READINESS, u32::from(self.u8()?))?;
        let mut operation = Operation::local(kind);
        for place in 0..2 {
            let (access, object) = (self.u8()?, Object(self.u32()?));
            if access != u8::MAX {
                let access = pick(&ACCESSES, u32::from(access))?;
                operation = match place {
                    0 => Operation::on(kind, object, access),
                    _ => operation.and(object, access),
                };
            }
        }
        let [index, parent, ordinal] = [self.u32()?, self.u32()?, self.u32()?];
        let deadline = self.take().map(u64::from_le_bytes)?;
        Ok(Pending { operation, index, readiness, parent: Worker(parent), ordinal, deadline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_their_enumerations() {
        assert!(DRAWS.iter().enumerate().all(|(place, draw)| *draw as usize == place));
        assert!(ENDS.iter().enumerate().all(|(place, end)| *end as usize == place));
        assert!(ACCESSES.iter().enumerate().all(|(place, access)| *access as usize == place));
        assert!(READINESS.iter().enumerate().all(|(place, readiness)| *readiness as usize == place));
        assert!(OperationKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }

    #[test]
    fn a_moment_reads_back() {
        let pending = |operation, parent| Pending {
            operation,
            index: 7,
            readiness: Readiness::Timeout,
            parent: Worker(parent),
            ordinal: 3,
            deadline: 1 << 40,
        };
        let wait =
            Operation::on(OperationKind::Wait, Object(3), Access::Write).and(Object(1), Access::Release);
        let sent = [
            pending(wait, 0),
            pending(Operation::local(OperationKind::Yield), 0),
            pending(Operation::on(OperationKind::Join, Object::life(Worker(1)), Access::Read), 1),
        ];
        let mut frame = vec![DRAW];
        [1u32, 0, 5].iter().for_each(|argument| frame.extend(argument.to_le_bytes()));
        put_moment(&mut frame, &Moment { pending: &sent, last: Worker(2) });
        let (mut read, mut last) = (Vec::new(), Worker(0));
        let question = Question::read(&frame, &mut read, &mut last).unwrap();
        assert!(matches!(question, Question::Draw(Worker(1), Draw::Notified, 5)));
        assert_eq!((read.as_slice(), last), (&sent[..], Worker(2)));
        for length in 0..frame.len() {
            // Whole workers may be missing at the end; nothing panics.
            let _ = Question::read(&frame[..length], &mut read, &mut last);
        }
    }
}
