//! The mirror of `std::sync::mpsc`: std's channels inside. What would block is tried first, and only a real wait is
//! made visible to others. The errors are std's own types.
//!
//! Under control of an exploration nobody blocks in std's channels: who finds a channel full or empty waits for it to
//! change and tries again. A channel without room, where sender and receiver meet, has room for one message there, and
//! its sender waits until that is taken.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use crate::base::{Kind, Site, Step, Watch, wait_under_control};
use crate::rt::steer;

/// A channel without a bound; see [`std::sync::mpsc::channel`]. The calling line is its creation site.
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = std_mpsc::channel();
    let channel = Arc::new(Channel::new(false));
    (Sender { inner: sender, channel: Arc::clone(&channel) }, Receiver { inner: receiver, channel })
}

/// A channel with room for so many messages; see [`std::sync::mpsc::sync_channel`]. The calling line is its creation
/// site.
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let meets = bound == 0 && steer::me().is_some();
    let (sender, receiver) = std_mpsc::sync_channel(if meets { 1 } else { bound });
    let channel = Arc::new(Channel::new(meets));
    (SyncSender { inner: sender, channel: Arc::clone(&channel) }, Receiver { inner: receiver, channel })
}

/// What a channel has besides std's own.
struct Channel {
    watch: Watch,
    /// Made under control, and without room.
    meets: bool,
    /// Moves whenever somebody under control does something to the channel. Relaxed, as all here: threads under control
    /// run one at a time, and handing on orders them.
    changes: AtomicU64,
    /// Messages that were put into, and taken out of, a channel that `meets`.
    put: AtomicU64,
    taken: AtomicU64,
    /// Receivers that wait.
    receiving: AtomicU64,
}

impl Channel {
    #[track_caller]
    fn new(meets: bool) -> Channel {
        Channel {
            watch: Watch::new(Kind::Queue),
            meets,
            changes: AtomicU64::new(0),
            put: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            receiving: AtomicU64::new(0),
        }
    }

    /// As `changed`, where the caller may not be under control, whose business it is not.
    fn changed_under_control(&self) {
        if steer::me().is_some() {
            self.changed();
        }
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Under control, blocks until `ready` or until the deadline, and says whether it was the former.
    fn wait(&self, site: Site, deadline: Option<Instant>, ready: &(dyn Fn() -> bool + Sync)) -> bool {
        self.watch.waiting(site, deadline, || wait_under_control(deadline, ready)) == Some(true)
    }

    /// As `wait`, until something is done to the channel.
    fn wait_for_change(&self, site: Site, deadline: Option<Instant>) -> bool {
        let seen = self.changes.load(Ordering::Relaxed);
        self.wait(site, deadline, &|| self.changes.load(Ordering::Relaxed) != seen)
    }

    /// An end of the channel is about to be dropped.
    fn dropped(&self) {
        if steer::me().is_some() {
            self.watch.step_in_drop();
            self.changed();
        }
    }
}

/// The sending side of an unbounded channel; see [`std::sync::mpsc::Sender`].
pub struct Sender<T> {
    inner: std_mpsc::Sender<T>,
    channel: Arc<Channel>,
}

/// The sending side of a bounded channel; see [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T> {
    inner: std_mpsc::SyncSender<T>,
    channel: Arc<Channel>,
}

/// The receiving side of a channel; see [`std::sync::mpsc::Receiver`].
pub struct Receiver<T> {
    inner: std_mpsc::Receiver<T>,
    channel: Arc<Channel>,
}

macro_rules! named {
    ($($type:ident)*) => {$(
        impl<T> $type<T> {
            /// Gives the channel a name for reports.
            #[must_use]
            pub fn named(self, name: &str) -> $type<T> {
                self.channel.watch.name(name);
                self
            }
        }

        impl<T> Drop for $type<T> {
            #[inline]
            fn drop(&mut self) {
                self.channel.dropped();
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
        Sender { inner: self.inner.clone(), channel: Arc::clone(&self.channel) }
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender { inner: self.inner.clone(), channel: Arc::clone(&self.channel) }
    }
}

impl<T> Sender<T> {
    /// Sends without ever blocking.
    ///
    /// # Errors
    ///
    /// With the message, if the receiver is gone.
    #[track_caller]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.channel.watch.step(Step::Give, Some(Location::caller()));
        let result = self.inner.send(t);
        self.channel.changed_under_control();
        result
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
        self.channel.watch.step(Step::Give, Some(Location::caller()));
        if steer::me().is_some() {
            return self.send_under_control(t, Location::caller());
        }
        match self.inner.try_send(t) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(t)) => Err(SendError(t)),
            Err(TrySendError::Full(t)) => {
                self.channel.watch.waiting(Location::caller(), None, || self.inner.send(t))
            }
        }
    }

    /// Sends if that is possible at once.
    ///
    /// # Errors
    ///
    /// With the message, if there is no room or the receiver is gone.
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.channel.watch.step(Step::Try, None);
        if self.channel.meets && self.channel.receiving.load(Ordering::Relaxed) == 0 {
            return Err(TrySendError::Full(t));
        }
        let result = self.inner.try_send(t);
        self.channel.changed_under_control();
        result
    }

    fn send_under_control(&self, mut t: T, site: Site) -> Result<(), SendError<T>> {
        let channel = &*self.channel;
        loop {
            t = match self.inner.try_send(t) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(t)) => return Err(SendError(t)),
                Err(TrySendError::Full(t)) => t,
            };
            if !channel.wait_for_change(site, None) {
                // The run is over.
                return Err(SendError(t));
            }
        }
        channel.changed();
        if channel.meets {
            let own = channel.put.fetch_add(1, Ordering::Relaxed) + 1;
            channel.wait(site, None, &|| channel.taken.load(Ordering::Relaxed) >= own);
        }
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Receives if there is a message.
    ///
    /// # Errors
    ///
    /// If there is none, now or for ever.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.watch.step(Step::Try, None);
        let result = self.inner.try_recv();
        if result.is_ok() && steer::me().is_some() {
            self.took();
        }
        result
    }

    /// A message was taken, under control.
    fn took(&self) {
        self.channel.taken.fetch_add(1, Ordering::Relaxed);
        self.channel.changed();
    }

    fn recv_under_control(&self, deadline: Option<Instant>, site: Site) -> Result<T, RecvTimeoutError> {
        let channel = &*self.channel;
        loop {
            match self.inner.try_recv() {
                Ok(t) => {
                    self.took();
                    return Ok(t);
                }
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {}
            }
            channel.receiving.fetch_add(1, Ordering::Relaxed);
            let changed = channel.wait_for_change(site, deadline);
            channel.receiving.fetch_sub(1, Ordering::Relaxed);
            if !changed {
                return Err(RecvTimeoutError::Timeout);
            }
        }
    }

    /// Receives, blocking until there is a message.
    ///
    /// # Errors
    ///
    /// If there will never be one: all senders are gone.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.channel.watch.step(Step::Take, Some(Location::caller()));
        if steer::me().is_some() {
            return self.recv_under_control(None, Location::caller()).map_err(|_| RecvError);
        }
        match self.inner.try_recv() {
            Ok(t) => Ok(t),
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => {
                self.channel.watch.waiting(Location::caller(), None, || self.inner.recv())
            }
        }
    }

    /// Receives, blocking for `timeout` at the most.
    ///
    /// # Errors
    ///
    /// If it passed, or if all senders are gone.
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.channel.watch.step(Step::Take, Some(Location::caller()));
        if steer::me().is_some() {
            let deadline = Instant::now().checked_add(timeout);
            return self.recv_under_control(deadline, Location::caller());
        }
        match self.inner.try_recv() {
            Ok(t) => Ok(t),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {
                // A deadline past the clock's range means for ever, to std as well.
                let deadline = Instant::now().checked_add(timeout);
                self.channel.watch.waiting(Location::caller(), deadline, || self.inner.recv_timeout(timeout))
            }
        }
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
