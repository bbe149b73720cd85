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

use crate::base::{Kind, Part, Signal, Site, Step, Turn, Watch, look_for_a_circle, wait_under_control};
use crate::rt::ends::{End, Ends};
use crate::rt::standstill::{Vigil, patiently};
use crate::rt::steer;

/// A channel without a bound; see [`std::sync::mpsc::channel`]. The calling line is its creation site.
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = std_mpsc::channel();
    let core = Arc::new(Core::new(None));
    let (sending, receiving) = core.ends();
    (
        Sender { inner: sender, end: sending, core: Arc::clone(&core) },
        Receiver { inner: receiver, end: receiving, core },
    )
}

/// A channel with room for so many messages; see [`std::sync::mpsc::sync_channel`]. The calling line is its creation
/// site.
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let meets = bound == 0 && steer::me().is_some();
    let (sender, receiver) = std_mpsc::sync_channel(if meets { 1 } else { bound });
    let core = Arc::new(Core::new(Some(bound)));
    let (sending, receiving) = core.ends();
    (
        SyncSender { inner: sender, end: sending, core: Arc::clone(&core) },
        Receiver { inner: receiver, end: receiving, core },
    )
}

/// What the two sides of a channel share, besides std's part.
struct Core {
    watch: Watch,
    /// What threads wait for: a message, and the room for one.
    message: Part,
    room: Part,
    /// Who could send the one, and make the other.
    senders: Arc<Ends>,
    receivers: Arc<Ends>,
    /// Messages that the channel holds at the most.
    bound: Option<usize>,
    /// Messages sent and received. Counted beside std's channel: with several senders a number may be another's,
    /// which changes what is compared, and nothing else.
    sent: AtomicU64,
    received: AtomicU64,
    control: Control,
}

/// What is known of a channel under control. Relaxed throughout: threads under control run one at a time, and handing
/// on orders them.
struct Control {
    /// The channel was made under control, and has no room.
    meets: bool,
    /// Moves whenever somebody under control does something to the channel.
    changes: AtomicU64,
    /// Messages that were put into it, and taken out.
    put: AtomicU64,
    taken: AtomicU64,
    /// Receivers that wait.
    receiving: AtomicU64,
}

impl Control {
    fn of(bound: Option<usize>) -> Control {
        Control {
            meets: bound == Some(0) && steer::me().is_some(),
            changes: AtomicU64::new(0),
            put: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            receiving: AtomicU64::new(0),
        }
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Core {
    /// As `changed`, where the caller may not be under control, whose business it is not.
    fn changed_under_control(&self) {
        if steer::me().is_some() {
            self.control.changed();
        }
    }

    /// Under control, blocks until `ready` or until the deadline, and says whether it was the former.
    fn wait(&self, site: Site, deadline: Option<Instant>, ready: &(dyn Fn() -> bool + Sync)) -> bool {
        self.watch.waiting(site, deadline, || wait_under_control(deadline, ready)) == Some(true)
    }

    /// As `wait`, until something is done to the channel.
    fn wait_for_change(&self, site: Site, deadline: Option<Instant>) -> bool {
        let changes = &self.control.changes;
        let seen = changes.load(Ordering::Relaxed);
        self.wait(site, deadline, &|| changes.load(Ordering::Relaxed) != seen)
    }

    /// An end of the channel is about to be dropped.
    fn dropped(&self) {
        if steer::me().is_some() {
            self.watch.step_in_drop();
            self.control.changed();
        }
    }
}

impl Core {
    #[track_caller]
    fn new(bound: Option<usize>) -> Core {
        let (watch, message, room) = (Watch::new(Kind::Queue), Part::new(), Part::new());
        let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
        let (senders, receivers) = Default::default();
        Core { watch, message, room, senders, receivers, bound, sent, received, control: Control::of(bound) }
    }

    /// The first end of each side.
    fn ends(&self) -> (End, End) {
        (End::of(&self.senders), End::of(&self.receivers))
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
    end: End,
    core: Arc<Core>,
}

/// The sending side of a bounded channel; see [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T> {
    inner: std_mpsc::SyncSender<T>,
    end: End,
    core: Arc<Core>,
}

/// The receiving side of a channel; see [`std::sync::mpsc::Receiver`].
pub struct Receiver<T> {
    inner: std_mpsc::Receiver<T>,
    end: End,
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
        Sender { inner: self.inner.clone(), end: self.end.another(), core: Arc::clone(&self.core) }
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender { inner: self.inner.clone(), end: self.end.another(), core: Arc::clone(&self.core) }
    }
}

/// Receives, and lets the thread look up now and then whether anybody is left who could send.
fn patiently_receive<T>(inner: &std_mpsc::Receiver<T>) -> Result<T, RecvError> {
    let since = Instant::now();
    patiently(&|| look_for_a_circle(since), |until| match until {
        None => Some(inner.recv()),
        Some(until) => match inner.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(t) => Some(Ok(t)),
            Err(RecvTimeoutError::Disconnected) => Some(Err(RecvError)),
            Err(RecvTimeoutError::Timeout) => None,
        },
    })
}

/// How often a sender that found the channel full, while all others waited too, tries again before it blocks where it
/// cannot look. The looks of a standstill are over by then.
const LOOKS_BEFORE_SENDING: usize = 4;

/// Sends what found the channel full. The thread that comes last to a standstill is the one that sees it, and std's send
/// has no timeout: where all others wait, it looks before it blocks.
fn watchfully_send<T>(inner: &std_mpsc::SyncSender<T>, mut message: T) -> Result<(), SendError<T>> {
    let mut vigil = Vigil::of_blocked();
    for _ in 0..LOOKS_BEFORE_SENDING {
        let Some(moment) = vigil.until() else { break };
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
        message = match inner.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(message)) => return Err(SendError(message)),
            Err(TrySendError::Full(message)) => message,
        };
        vigil.look();
    }
    drop(vigil);
    inner.send(message)
}

macro_rules! the_last_word {
    ($($type:ident)*) => {$(
        impl<T> Drop for $type<T> {
            fn drop(&mut self) {
                // The receiver comes after the end of all senders.
                self.core.watch.part_sends(&self.core.message);
                self.core.dropped();
            }
        }
    )*};
}

the_last_word!(Sender SyncSender);

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.core.dropped();
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
        self.core.watch.step(Step::Give, Some(Location::caller()));
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.end.used();
        self.core.sends(site);
        let sent = self.inner.send(t).inspect(|()| self.core.sent(site, &signal));
        self.core.changed_under_control();
        sent
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
        self.core.watch.step(Step::Give, Some(Location::caller()));
        if steer::me().is_some() {
            return self.send_under_control(t, Location::caller());
        }
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.end.used();
        self.core.sends(site);
        let sent = match self.inner.try_send(t) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(t)) => Err(SendError(t)),
            Err(TrySendError::Full(t)) => {
                let receivers = self.core.receivers.clone();
                self.core
                    .watch
                    .waiting_for_the_likely(Some(receivers), site, None, || watchfully_send(&self.inner, t))
            }
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
        self.core.watch.step(Step::Try, Some(Location::caller()));
        let control = &self.core.control;
        if control.meets && control.receiving.load(Ordering::Relaxed) == 0 {
            return Err(TrySendError::Full(t));
        }
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.end.used();
        self.core.watch.part_sends(&self.core.message);
        let sent = self.inner.try_send(t).inspect(|()| self.core.sent(site, &signal));
        self.core.changed_under_control();
        sent
    }

    fn send_under_control(&self, mut t: T, site: Site) -> Result<(), SendError<T>> {
        let Core { control, .. } = &*self.core;
        loop {
            t = match self.inner.try_send(t) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(t)) => return Err(SendError(t)),
                Err(TrySendError::Full(t)) => t,
            };
            if !self.core.wait_for_change(site, None) {
                // The run is over.
                return Err(SendError(t));
            }
        }
        control.changed();
        if control.meets {
            let own = control.put.fetch_add(1, Ordering::Relaxed) + 1;
            self.core.wait(site, None, &|| control.taken.load(Ordering::Relaxed) >= own);
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
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.core.watch.step(Step::Try, Some(Location::caller()));
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.end.used();
        self.core.may_receive();
        let received = self.inner.try_recv();
        if received.is_ok() && steer::me().is_some() {
            self.took();
        }
        match &received {
            Ok(_) => self.core.received(site, &signal),
            // That there are no senders left is a message too.
            Err(_) => self.core.watch.part_hears(&self.core.message),
        }
        received
    }

    /// A message was taken, under control.
    fn took(&self) {
        self.core.control.taken.fetch_add(1, Ordering::Relaxed);
        self.core.control.changed();
    }

    fn recv_under_control(&self, deadline: Option<Instant>, site: Site) -> Result<T, RecvTimeoutError> {
        loop {
            match self.inner.try_recv() {
                Ok(t) => {
                    self.took();
                    return Ok(t);
                }
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {}
            }
            let receiving = &self.core.control.receiving;
            receiving.fetch_add(1, Ordering::Relaxed);
            let changed = self.core.wait_for_change(site, deadline);
            receiving.fetch_sub(1, Ordering::Relaxed);
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
        self.core.watch.step(Step::Take, Some(Location::caller()));
        if steer::me().is_some() {
            return self.recv_under_control(None, Location::caller()).map_err(|_| RecvError);
        }
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.end.used();
        self.core.receives(site, None);
        let received = match self.inner.try_recv() {
            Ok(t) => Ok(t),
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => {
                let senders = self.core.senders.clone();
                self.core
                    .watch
                    .waiting_for_the_likely(Some(senders), site, None, || patiently_receive(&self.inner))
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
        self.core.watch.step(Step::Take, Some(Location::caller()));
        if steer::me().is_some() {
            let deadline = Instant::now().checked_add(timeout);
            return self.recv_under_control(deadline, Location::caller());
        }
        let (site, signal) = (Location::caller(), Signal::about_to());
        self.end.used();
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
