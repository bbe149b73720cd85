//! The mirror of `std::sync::mpsc`: std's channels inside. What would block is tried first, and only a real wait is
//! made visible to others. The errors are std's own types.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use crate::base::{Kind, Watch};

/// A channel without a bound; see [`std::sync::mpsc::channel`]. The calling line is its creation site.
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = std_mpsc::channel();
    let watch = Arc::new(Watch::new(Kind::Queue));
    (Sender { inner: sender, watch: Arc::clone(&watch) }, Receiver { inner: receiver, watch })
}

/// A channel with room for so many messages; see [`std::sync::mpsc::sync_channel`]. The calling line is its creation
/// site.
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = std_mpsc::sync_channel(bound);
    let watch = Arc::new(Watch::new(Kind::Queue));
    (SyncSender { inner: sender, watch: Arc::clone(&watch) }, Receiver { inner: receiver, watch })
}

/// The sending side of an unbounded channel; see [`std::sync::mpsc::Sender`].
pub struct Sender<T> {
    inner: std_mpsc::Sender<T>,
    watch: Arc<Watch>,
}

/// The sending side of a bounded channel; see [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T> {
    inner: std_mpsc::SyncSender<T>,
    watch: Arc<Watch>,
}

/// The receiving side of a channel; see [`std::sync::mpsc::Receiver`].
pub struct Receiver<T> {
    inner: std_mpsc::Receiver<T>,
    watch: Arc<Watch>,
}

macro_rules! named {
    ($($type:ident)*) => {$(
        impl<T> $type<T> {
            /// Gives the channel a name for reports.
            #[must_use]
            pub fn named(self, name: &str) -> $type<T> {
                self.watch.name(name);
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
        Sender { inner: self.inner.clone(), watch: Arc::clone(&self.watch) }
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender { inner: self.inner.clone(), watch: Arc::clone(&self.watch) }
    }
}

impl<T> Sender<T> {
    /// Sends without ever blocking.
    ///
    /// # Errors
    ///
    /// With the message, if the receiver is gone.
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.watch.gives();
        self.inner.send(t)
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
        self.watch.gives();
        match self.inner.try_send(t) {
            Ok(()) => {
                self.watch.takes();
                Ok(())
            }
            Err(TrySendError::Disconnected(t)) => Err(SendError(t)),
            Err(TrySendError::Full(t)) => self.watch.waiting(Location::caller(), None, || self.inner.send(t)),
        }
    }

    /// Sends if that is possible at once.
    ///
    /// # Errors
    ///
    /// With the message, if there is no room or the receiver is gone.
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.watch.gives();
        self.inner.try_send(t)?;
        self.watch.takes();
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
        self.watch.gives();
        let message = self.inner.try_recv()?;
        self.watch.takes();
        Ok(message)
    }

    /// Receives, blocking until there is a message.
    ///
    /// # Errors
    ///
    /// If there will never be one: all senders are gone.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        match self.try_recv() {
            Ok(t) => Ok(t),
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => self.watch.waiting(Location::caller(), None, || self.inner.recv()),
        }
    }

    /// Receives, blocking for `timeout` at the most.
    ///
    /// # Errors
    ///
    /// If it passed, or if all senders are gone.
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self.try_recv() {
            Ok(t) => Ok(t),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {
                // A deadline past the clock's range means for ever, to std as well.
                let deadline = Instant::now().checked_add(timeout);
                self.watch.waiting(Location::caller(), deadline, || self.inner.recv_timeout(timeout))
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
