//! `pipe`: two connected ends that send each other messages, in both directions at once. Two kernel pipes, so that the
//! death of whoever has the other end is seen as its close.
//!
//! A message is its length (u32) and its bytes. Each end belongs to one process; its threads may use it at the same
//! time, and then each message is sent and received whole.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::Location;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::entry;
use super::error::{Cause, ProcessError};
use super::handle::Handle;
use super::locks::label;
use super::spawn::ready_until;
use super::watch::{Awaited, Identity, Kind, Label, Watch};
use crate::base::Site;
use crate::base::park::ignore_poison;
use crate::vocabulary::deadline;

/// Bytes of a message's length.
const LENGTH: usize = 4;
/// So many bytes go into a pipe that has any room at all without a wait: `PIPE_BUF` of Linux.
const AT_ONCE: usize = 4096;

/// One end of a [`pipe`]: sends `S`, receives `R`. Travels in the arguments of a process, which then has this end.
pub struct Connection<S, R> {
    incoming: End,
    outgoing: End,
    label: Mutex<Label>,
    messages: PhantomData<fn(S) -> R>,
}

/// One end of one kernel pipe.
struct End {
    file: File,
    watch: Watch,
    /// For the reading end, what has come of a message so far. Held by the thread that reads or writes a message.
    partial: Mutex<Vec<u8>>,
}

impl End {
    fn new(fd: OwnedFd, make: impl FnOnce(Identity) -> Watch) -> io::Result<End> {
        let status = rustix::fs::fstat(&fd)?;
        let watch = make(Identity { device: status.st_dev, inode: status.st_ino, offset: 0 });
        Ok(End { file: File::from(fd), watch, partial: Mutex::default() })
    }
}

/// What one end sends, the other receives.
type Ends<S, R> = (Connection<S, R>, Connection<R, S>);

/// A pipe with two ends. The calling line is its creation site.
///
/// # Errors
///
/// If the operating system cannot make one.
#[track_caller]
pub fn pipe<S, R>() -> Result<Ends<S, R>, ProcessError> {
    let site = Location::caller();
    let make = || {
        let (here_in, there_out) = pipe_with(PipeFlags::CLOEXEC)?;
        let (there_in, here_out) = pipe_with(PipeFlags::CLOEXEC)?;
        let end = |fd| End::new(fd, |identity| Watch::new(Kind::Pipe, Some(identity), site));
        let connect = |incoming, outgoing| -> io::Result<_> {
            Ok((end(incoming)?, end(outgoing)?, Label::at(site).into()))
        };
        Ok((connect(here_in, here_out)?, connect(there_in, there_out)?))
    };
    let (here, there) = make().map_err(|error: io::Error| ProcessError::here("making a pipe", error))?;
    Ok((Connection::of(here), Connection::of(there)))
}

impl<S, R> Connection<S, R> {
    fn of((incoming, outgoing, label): (End, End, Mutex<Label>)) -> Connection<S, R> {
        Connection { incoming, outgoing, label, messages: PhantomData }
    }

    /// Gives this end a name for reports and errors.
    #[must_use]
    pub fn named(self, name: &str) -> Connection<S, R> {
        label(&self.label).name = Some(name.to_owned());
        self.incoming.watch.name(name);
        self.outgoing.watch.name(name);
        self
    }

    /// Closes this end: the other one is told.
    pub fn close(self) {}

    fn fail(&self, call: &str, cause: Cause) -> ProcessError {
        ProcessError::here(format_args!("`{call}` on {}", label(&self.label).describe(Kind::Pipe)), cause)
    }
}

impl<S: Serialize, R> Connection<S, R> {
    /// Sends a message, blocking as long as there is no room for it.
    ///
    /// # Errors
    ///
    /// If it does not serialise, or the other end is closed.
    #[track_caller]
    pub fn send(&self, message: &S) -> Result<(), ProcessError> {
        let site = Location::caller();
        let fail = |cause| self.fail("send", cause);
        let encode = |reason| fail(Cause::Encode { what: "message", reason });
        entry::with_encoded(message, |bytes| {
            let length =
                u32::try_from(bytes.len()).map_err(|_| encode("it is longer than 4 GiB".to_owned()))?;
            let frame = [&length.to_ne_bytes(), bytes].concat();
            self.outgoing.write(&frame, site).map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => fail(Cause::Closed),
                _ => fail(error.into()),
            })
        })
        .map_err(encode)?
    }
}

impl<S, R: DeserializeOwned> Connection<S, R> {
    /// Receives the next message, blocking until there is one.
    ///
    /// # Errors
    ///
    /// If the other end is closed, or the message, which is then gone, does not deserialise.
    #[track_caller]
    pub fn recv(&self) -> Result<R, ProcessError> {
        let received = self.receive(Location::caller(), None)?;
        received.ok_or_else(|| self.fail("recv", Cause::Closed))
    }

    /// As [`recv`](Self::recv), for `timeout` at the most; `None` if no message came whole.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    #[track_caller]
    pub fn recv_for(&self, timeout: Duration) -> Result<Option<R>, ProcessError> {
        self.receive(Location::caller(), deadline(timeout))
    }

    /// Whether something comes within `timeout`: a message, or the other end's close.
    ///
    /// # Errors
    ///
    /// If the operating system cannot say.
    #[track_caller]
    pub fn poll(&self, timeout: Duration) -> Result<bool, ProcessError> {
        let (site, until) = (Location::caller(), deadline(timeout));
        let ready = self.incoming.readable(site, until);
        ready.map_err(|error| self.fail("poll", error.into()))
    }

    fn receive(&self, site: Site, until: Option<Instant>) -> Result<Option<R>, ProcessError> {
        let fail = |cause| self.fail("recv", cause);
        match self.incoming.read(site, until).map_err(|error| fail(error.into()))? {
            Come::Message(bytes) => {
                let decoded = entry::decode(&bytes);
                decoded.map(Some).map_err(|reason| fail(Cause::Decode { what: "message", reason }))
            }
            Come::Nothing => Ok(None),
            Come::End { midway: false } => Err(fail(Cause::Closed)),
            Come::End { midway: true } => Err(fail(Cause::ClosedMidway)),
        }
    }
}

/// What a look at a pipe's reading end gives.
enum Come {
    Message(Vec<u8>),
    /// Not in time.
    Nothing,
    /// The other end is closed, perhaps in the middle of a message.
    End {
        midway: bool,
    },
}

impl End {
    /// Writes a whole message.
    fn write(&self, frame: &[u8], site: Site) -> io::Result<()> {
        let _whole = ignore_poison(self.partial.lock());
        let mut file = &self.file;
        if frame.len() <= AT_ONCE && ready_until(self.file.as_fd(), PollFlags::OUT, Some(Instant::now()))? {
            return file.write_all(frame);
        }
        self.watch.waiting(site, None, Awaited::Room, || file.write_all(frame))
    }

    /// Waits until something can be read, if only the end, or `until` has come.
    fn readable(&self, site: Site, until: Option<Instant>) -> io::Result<bool> {
        let ready = |until| ready_until(self.file.as_fd(), PollFlags::IN, until);
        if ready(Some(Instant::now()))? {
            return Ok(true);
        }
        self.watch.waiting(site, until, Awaited::Item, || ready(until))
    }

    /// Reads a whole message, unless `until` comes first. What has come of it by then is kept.
    fn read(&self, site: Site, until: Option<Instant>) -> io::Result<Come> {
        let mut partial = ignore_poison(self.partial.lock());
        loop {
            let wanted = match partial.first_chunk() {
                Some(length) => LENGTH + u32::from_ne_bytes(*length) as usize,
                None => LENGTH,
            };
            if partial.len() >= LENGTH && partial.len() == wanted {
                let message = partial.split_off(LENGTH);
                partial.clear();
                return Ok(Come::Message(message));
            }
            if until.is_some() && !self.readable(site, until)? {
                return Ok(Come::Nothing);
            }
            if !self.read_some(&mut partial, wanted, site)? {
                return Ok(Come::End { midway: !partial.is_empty() });
            }
        }
    }

    /// Reads what there is, up to a length of `wanted`; `false` at the end. Memory follows what has come, not what was
    /// announced.
    fn read_some(&self, partial: &mut Vec<u8>, wanted: usize, site: Site) -> io::Result<bool> {
        let mut block = [0; 16 << 10];
        let block = &mut block[..(wanted - partial.len()).min(16 << 10)];
        let mut file = &self.file;
        let ready = ready_until(self.file.as_fd(), PollFlags::IN, Some(Instant::now()))?;
        let mut read = || loop {
            match file.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        };
        let read = if ready { read()? } else { self.watch.waiting(site, None, Awaited::Item, read)? };
        partial.extend_from_slice(&block[..read]);
        Ok(read > 0)
    }
}

impl<S, R> Serialize for Connection<S, R> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let label = label(&self.label).clone();
        (Handle::Lent(self.incoming.file.as_fd()), Handle::Lent(self.outgoing.file.as_fd()), label)
            .serialize(serializer)
    }
}

impl<'de, S, R> Deserialize<'de> for Connection<S, R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Connection<S, R>, D::Error> {
        let (incoming, outgoing, label) =
            <(Handle<'static>, Handle<'static>, Label)>::deserialize(deserializer)?;
        let end = |handle: Handle<'static>| {
            End::new(handle.into_owned()?, |identity| Watch::known(Kind::Pipe, identity, &label))
        };
        let ends = (end(incoming).map_err(de::Error::custom)?, end(outgoing).map_err(de::Error::custom)?);
        Ok(Connection::of((ends.0, ends.1, label.into())))
    }
}

impl<S, R> fmt::Debug for Connection<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &label(&self.label).name).finish_non_exhaustive()
    }
}
