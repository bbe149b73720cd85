//! The mirror of `std::sync::mpsc`: std's channels inside. What would block is tried first, and only a real wait is
//! made visible to others. The errors are std's own types.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use crate::base::{Kind, Part, Signal, Site, Turn, Watch};
use crate::rt::standstill::in_slices;

/// A channel without a bound; see [`std::sync::mpsc::channel`]. The calling line is its creation site.
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = std_mpsc::channel();
    let core = Arc::new(Core::new(None));
    (Sender { inner: sender, core: Arc::clone(&core) }, Receiver { inner: receiver, core })
}

/// A channel with room for so many messages; see [`std::sync::mpsc::sync_channel`]. The calling line is its creation
/// site.
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = std_mpsc::sync_channel(bound);
    let core = Arc::new(Core::new(Some(bound)));
    (SyncSender { inner: sender, core: Arc::clone(&core) }, Receiver { inner: receiver, core })
}

/// What the two sides of a channel share, besides std's part.
struct Core {
    watch: Watch,
    /// What threads wait for: a message, and the room for one.
    message: Part,
    room: Part,
    /// Messages that the channel holds at the most.
    bound: Option<usize>,
    /// Messages sent and received. Counted beside std's channel: with several senders a number may be another's,
    /// which changes what is compared, and nothing else.
    sent: AtomicU64,
    received: AtomicU64,
}

impl Core {
    #[track_caller]
    fn new(bound: Option<usize>) -> Core {
        let (watch, message, room) = (Watch::new(Kind::Queue), Part::new(), Part::new());
        Core { watch, message, room, bound, sent: AtomicU64::new(0), received: AtomicU64::new(0) }
    }

    fn name(&self, name: &str) {
        self.watch.name(name);
        self.watch.name_part(&self.message, name);
        self.watch.name_part(&self.room, name);
    }

    /// A message was sent.
    fn sent(&self, site: Site, signal: &Signal) {
        // Relaxed, here and below: the numbers carry nothing but themselves.
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        if self.bound.is_some() {
            self.watch.part_hears(&self.room);
        }
        self.watch.part_signalled(&self.message, site, signal, Turn::number(number));
    }

    /// A message is about to be sent, or to be waited for with the room for it.
    fn sends(&self, site: Site) {
        if let Some(bound) = self.bound {
            let number = self.sent.load(Ordering::Relaxed);
            if let Some(before) = number.checked_sub(bound as u64) {
                self.watch.part_awaited(&self.room, site, None, Turn::number(before));
            }
        }
        self.watch.part_sends(&self.message);
    }

    /// A message is about to be received, or to be waited for.
    fn receives(&self, site: Site, deadline: Option<Instant>) {
        let number = self.received.load(Ordering::Relaxed);
        self.watch.part_awaited(&self.message, site, deadline, Turn::number(number));
        self.may_receive();
    }

    /// Whoever uses the room that may be made from here on comes later.
    fn may_receive(&self) {
        if self.bound.is_some() {
            self.watch.part_sends(&self.room);
        }
    }

    /// A message was received.
    fn received(&self, site: Site, signal: &Signal) {
        let number = self.received.fetch_add(1, Ordering::Relaxed);
        self.watch.part_hears(&self.message);
        if self.bound.is_some() {
            self.watch.part_signalled(&self.room, site, signal, Turn::number(number));
        }
    }
}

/// The sending side of an unbounded channel; see [`std::sync::mpsc::Sender`].
pub struct Sender<T> {
    inner: std_mpsc::Sender<T>,
    core: Arc<Core>,
}

/// The sending side of a bounded channel; see [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T> {
    inner: std_mpsc::SyncSender<T>,
    core: Arc<Core>,
}

/// The receiving side of a channel; see [`std::sync::mpsc::Receiver`].
pub struct Receiver<T> {
    inner: std_mpsc::Receiver<T>,
    core: Arc<Core>,
}

macro_rules! named {
    ($($type:ident)*) => {$(
        impl<T> $type<T> {
            /// Gives the channel a name for reports.
            #[must_use]
            pub fn named(self, name: &str) -> $type<T> {
                self.core.name(name);
                self
            }
        }

        impl<T> fmt::Debug for $type<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    )*};
}

named!(Sender SyncSender Receiver);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { inner: self.inner.clone(), core: Arc::clone(&self.core) }
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender { inner: self.inner.clone(), core: Arc::clone(&self.core) }
    }
}

/// Receives, and lets the thread look up now and then where it may have to give way.
fn patiently_receive<T>(inner: &std_mpsc::Receiver<T>) -> Result<T, RecvError> {
    in_slices(|until| match until {
        None => Some(inner.recv()),
        Some(until) => match inner.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(t) => Some(Ok(t)),
            Err(RecvTimeoutError::Disconnected) => Some(Err(RecvError)),
            Err(RecvTimeoutError::Timeout) => None,
        },
    })
}

macro_rules! the_last_word {
    ($($type:ident)*) => {$(
        impl<T> Drop for $type<T> {
            fn drop(&mut self) {
                // The receiver comes after the end of all senders.
                self.core.watch.part_sends(&self.core.message);
            }
        }
    )*};
}

the_last_word!(Sender SyncSender);

impl<T> Sender<T> {
    /// Sends without ever blocking.
    ///
    /// # Errors
    ///
    /// With the message, if the receiver is gone.
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.core.sends(site);
        self.inner.send(t).inspect(|()| self.core.sent(site, &signal))
    }
}

impl<T> SyncSender<T> {
    /// Sends, blocking until there is room.
    ///
    /// # Errors
    ///
    /// With the message, if the receiver is gone.
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.core.sends(site);
        let sent = match self.inner.try_send(t) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(t)) => Err(SendError(t)),
            Err(TrySendError::Full(t)) => self.core.watch.waiting(site, None, || self.inner.send(t)),
        };
        sent.inspect(|()| self.core.sent(site, &signal))
    }

    /// Sends if that is possible at once.
    ///
    /// # Errors
    ///
    /// With the message, if there is no room or the receiver is gone.
    #[track_caller]
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.core.watch.part_sends(&self.core.message);
        self.inner.try_send(t).inspect(|()| self.core.sent(site, &signal))
    }
}

impl<T> Receiver<T> {
    /// Receives if there is a message.
    ///
    /// # Errors
    ///
    /// If there is none, now or for ever.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.core.may_receive();
        let received = self.inner.try_recv();
        match &received {
            Ok(_) => self.core.received(site, &signal),
            // That there are no senders left is a message too.
            Err(_) => self.core.watch.part_hears(&self.core.message),
        }
        received
    }

    /// Receives, blocking until there is a message.
    ///
    /// # Errors
    ///
    /// If there will never be one: all senders are gone.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.core.receives(site, None);
        let received = match self.inner.try_recv() {
            Ok(t) => Ok(t),
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => {
                self.core.watch.waiting(site, None, || patiently_receive(&self.inner))
            }
        };
        match &received {
            Ok(_) => self.core.received(site, &signal),
            Err(RecvError) => self.core.watch.part_hears(&self.core.message),
        }
        received
    }

    /// Receives, blocking for `timeout` at the most.
    ///
    /// # Errors
    ///
    /// If it passed, or if all senders are gone.
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.core.may_receive();
        let received = match self.inner.try_recv() {
            Ok(t) => Ok(t),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {
                // A deadline past the clock's range means for ever, to std as well.
                let deadline = Instant::now().checked_add(timeout);
                self.core.watch.waiting(site, deadline, || self.inner.recv_timeout(timeout))
            }
        };
        match &received {
            Ok(_) => self.core.received(site, &signal),
            Err(_) => self.core.watch.part_hears(&self.core.message),
        }
        received
    }

    /// The messages to come, until all senders are gone.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// The messages that are there.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
    }
}

/// Blocks for each message; see [`std::sync::mpsc::Iter`].
#[derive(Debug)]
pub struct Iter<'a, T: 'a> {
    rx: &'a Receiver<T>,
}

/// Never blocks; see [`std::sync::mpsc::TryIter`].
#[derive(Debug)]
pub struct TryIter<'a, T: 'a> {
    rx: &'a Receiver<T>,
}

/// Blocks for each message and owns the receiver; see [`std::sync::mpsc::IntoIter`].
#[derive(Debug)]
pub struct IntoIter<T> {
    rx: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self }
    }
}
