//! What a strategy sees: the threads under control, each stopped before its next visible operation.
//!
//! A *worker* is a thread under control. The run-time lets exactly one of them go at a time; all others stand still
//! before an operation that others could notice. These types say what stands where. They do not know how threads are
//! held back, what a lock is, or where in the source an operation stands: that is the run-time's business.

/// A thread under control, numbered in the order in which this run spawned them. 0 runs the explored closure itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Worker(pub u32);

impl Worker {
    /// Its place in [`Moment::pending`].
    #[must_use]
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// Something that operations of several workers can meet at, numbered in the order of first use in this run.
///
/// The number is given when an operation that touches the object becomes pending, so that the same choices always
/// give the same numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Object(pub u32);

impl Object {
    /// No object.
    const NONE: Object = Object(u32::MAX);

    /// What every spawn writes to: workers are numbered in the order in which they are spawned, so no two spawns
    /// commute.
    pub const SPAWNS: Object = Object(u32::MAX - 1);

    const LIFE: u32 = 1 << 31;

    /// The life of a worker. A join reads it: it comes after everything that the worker did. The end itself need not
    /// be an operation.
    #[must_use]
    pub fn life(worker: Worker) -> Object {
        debug_assert!(worker.0 < Object::LIFE - 2);
        Object(Object::LIFE | worker.0)
    }

    /// Whose life it is, if it is one.
    #[must_use]
    pub fn whose_life(self) -> Option<Worker> {
        let is_life = self.0 & Object::LIFE != 0 && self.0 < Object::SPAWNS.0;
        is_life.then_some(Worker(self.0 & !Object::LIFE))
    }
}

/// What an operation does to an object: it decides which operations commute, and which can be reversed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Access {
    /// Looks at it: a load, a join.
    Read,
    /// Changes it, or changes it depending on what it finds: a store, a send, a notification, every try and every
    /// timed acquisition. When in doubt, this one: it commutes with nothing and may be reversed with everything.
    Write,
    /// Waits until nobody has acquired it, then has it alone.
    Acquire,
    /// Gives up what it acquired.
    Release,
    /// Waits until nobody has acquired it alone, then has it together with others.
    AcquireShared,
    /// Gives up what it acquired together with others.
    ReleaseShared,
}

impl Access {
    /// Whether two such accesses to one object, in either order, give the same state and hinder each other nowhere.
    #[must_use]
    pub fn commutes_with(self, other: Access) -> bool {
        use Access::{AcquireShared, Read, ReleaseShared};
        let shared = |access| matches!(access, AcquireShared | ReleaseShared);
        (self == Read && other == Read) || (shared(self) && shared(other))
    }

    /// Whether two such accesses that do not commute could both be possible in one state. A blocking acquisition and
    /// the release that it waits for never are: to turn them round one has to go back to the acquisition before.
    #[must_use]
    pub fn may_meet(self, other: Access) -> bool {
        use Access::{Acquire, AcquireShared, Release, ReleaseShared};
        !matches!(
            (self, other),
            (Acquire, Release | ReleaseShared)
                | (Release | ReleaseShared, Acquire)
                | (AcquireShared, Release)
                | (Release, AcquireShared)
                | (Release, Release | ReleaseShared)
                | (ReleaseShared, Release)
        )
    }

    /// An acquisition that blocks.
    #[must_use]
    pub fn acquires(self) -> bool {
        matches!(self, Access::Acquire | Access::AcquireShared)
    }

    /// The end of one.
    #[must_use]
    pub fn releases(self) -> bool {
        matches!(self, Access::Release | Access::ReleaseShared)
    }
}

/// What kind of thing a worker is about to do. For words only: strategies go by [`Touch`]es.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum OperationKind {
    /// The first thing a worker does, where the run-time makes it an operation.
    Begin,
    /// The last one.
    End,
    /// Starts a worker.
    Spawn,
    /// Waits for a worker's end.
    Join,
    /// Acquires, and blocks.
    Lock,
    /// Acquires if it can.
    TryLock,
    /// Acquires, or gives up after a while.
    TimedLock,
    /// Gives up a hold.
    Unlock,
    /// The first half of a wait: registers and gives up the lock.
    Wait,
    /// The second half of a wait: was roused, and takes the lock again.
    Resume,
    /// Wakes one waiter or all.
    Notify,
    /// Takes a permit.
    Acquire,
    /// Gives a permit.
    Release,
    /// Puts a message or an item.
    Send,
    /// Takes one.
    Receive,
    /// Arrives at a barrier.
    Arrive,
    /// Enters a once.
    Once,
    /// Sets a flag.
    Set,
    /// Clears a flag.
    Clear,
    /// Blocks until it is unparked.
    Park,
    /// Lets a worker out of `Park`, now or in advance.
    Unpark,
    /// Lets others go first.
    Yield,
    /// Lets virtual time pass.
    Sleep,
    /// Reads an atomic or a watched datum.
    Load,
    /// Writes one.
    Store,
    /// Reads and writes one.
    Update,
    /// Calls something that is not under control.
    External,
    /// Looks whether somebody has a lock, or has ended, and goes on either way.
    Peek,
    /// Anything else.
    Other,
}

impl OperationKind {
    /// Whether its outcome can tell the end of a hold, or of a worker, from the operation before: see
    /// [`Draw::Fine`](crate::Draw::Fine).
    #[must_use]
    pub fn sees_ends(self) -> bool {
        matches!(self, OperationKind::TryLock | OperationKind::TimedLock | OperationKind::Peek)
    }

    /// All of them, in order.
    pub(crate) const ALL: [OperationKind; 29] = [
        OperationKind::Begin,
        OperationKind::End,
        OperationKind::Spawn,
        OperationKind::Join,
        OperationKind::Lock,
        OperationKind::TryLock,
        OperationKind::TimedLock,
        OperationKind::Unlock,
        OperationKind::Wait,
        OperationKind::Resume,
        OperationKind::Notify,
        OperationKind::Acquire,
        OperationKind::Release,
        OperationKind::Send,
        OperationKind::Receive,
        OperationKind::Arrive,
        OperationKind::Once,
        OperationKind::Set,
        OperationKind::Clear,
        OperationKind::Park,
        OperationKind::Unpark,
        OperationKind::Yield,
        OperationKind::Sleep,
        OperationKind::Load,
        OperationKind::Store,
        OperationKind::Update,
        OperationKind::External,
        OperationKind::Peek,
        OperationKind::Other,
    ];
}

/// One object that an operation touches, and how.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Touch {
    /// Which object.
    pub object: Object,
    /// What is done to it.
    pub access: Access,
}

/// The next visible operation of a worker.
///
/// Invariant for the run-time: an operation that another one can enable, disable or change the outcome of touches an
/// object in common with it. What an operation might touch counts as touched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operation {
    /// For words only.
    pub kind: OperationKind,
    /// What it touches; unused places hold `Object::NONE`.
    touches: [Touch; 2],
}

impl Operation {
    const NOTHING: Touch = Touch { object: Object::NONE, access: Access::Read };

    /// An operation that no other one can notice.
    #[must_use]
    pub fn local(kind: OperationKind) -> Operation {
        Operation { kind, touches: [Self::NOTHING; 2] }
    }

    /// An operation on one object.
    #[must_use]
    pub fn on(kind: OperationKind, object: Object, access: Access) -> Operation {
        Operation { kind, touches: [Touch { object, access }, Self::NOTHING] }
    }

    /// The same operation, touching a second object too: a wait on a condition writes the condition and releases the
    /// lock; its second half reads the condition and acquires the lock.
    #[must_use]
    pub fn and(mut self, object: Object, access: Access) -> Operation {
        self.touches[1] = Touch { object, access };
        self
    }

    /// What it touches.
    pub fn touches(&self) -> impl Iterator<Item = Touch> + '_ {
        self.touches.iter().copied().filter(|touch| touch.object != Object::NONE)
    }

    /// The first object it touches: the one to name.
    #[must_use]
    pub fn object(&self) -> Option<Object> {
        self.touches().next().map(|touch| touch.object)
    }

    /// Whether no other operation can notice it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.touches[0].object == Object::NONE
    }

    /// Whether this and another worker's operation give the same state in either order.
    #[must_use]
    pub fn commutes_with(&self, other: &Operation) -> bool {
        !self.common(other).any(|(mine, theirs)| !mine.commutes_with(theirs))
    }

    /// Whether this and another worker's operation do not commute, yet could both be possible in one state.
    #[must_use]
    pub fn races_with(&self, other: &Operation) -> bool {
        !self.commutes_with(other) && self.common(other).all(|(mine, theirs)| mine.may_meet(theirs))
    }

    fn common(&self, other: &Operation) -> impl Iterator<Item = (Access, Access)> + '_ {
        let other = *other;
        self.touches().flat_map(move |mine| {
            let same = move |theirs: &Touch| theirs.object == mine.object && theirs.object != Object::NONE;
            other.touches.into_iter().filter(same).map(move |theirs| (mine.access, theirs.access))
        })
    }
}

/// Whether a worker can go on, and how willingly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Readiness {
    /// It can do its operation.
    Ready,
    /// It can, and asked that others go first (`yield_now`).
    Yielding,
    /// It can go on only by giving up (a timed operation), or by the passing of virtual time (a sleep).
    Timeout,
    /// It can, but to no effect: it repeats what it did, and nobody has changed since what it looks at. To pass over
    /// it while others can go loses nothing.
    Spinning,
    /// It cannot go on before another one acts.
    Blocked,
    /// It has ended.
    Finished,
}

/// A worker, stopped before its next operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// What it is about to do. Without meaning for a finished worker.
    pub operation: Operation,
    /// The operation's index among the events of its thread, as in a trace. Grows with each operation of the worker.
    pub index: u32,
    /// Whether it can.
    pub readiness: Readiness,
    /// Who spawned it; for worker 0, itself.
    pub parent: Worker,
    /// How many workers the parent had spawned before it.
    pub ordinal: u32,
    /// For `Timeout`: the virtual moment at which it would give up or wake.
    pub deadline: u64,
}

impl Pending {
    /// Whether it may be chosen at all.
    #[must_use]
    pub fn can_go(&self) -> bool {
        self.readiness < Readiness::Blocked
    }
}

/// All workers at a point of decision, every one of them stopped before its next operation.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// By worker number; finished workers keep their place.
    pub pending: &'a [Pending],
    /// Who ran last; worker 0 at the start.
    pub last: Worker,
}

impl<'a> Moment<'a> {
    /// What a worker is about to do.
    #[must_use]
    pub fn of(&self, worker: Worker) -> &'a Pending {
        &self.pending[worker.place()]
    }

    /// All workers with what they are about to do, the finished ones too.
    pub fn workers(&self) -> impl Iterator<Item = (Worker, &'a Pending)> + Clone + use<'a> {
        self.pending.iter().enumerate().map(|(place, pending)| (Worker(place as u32), pending))
    }

    /// Those that may be chosen: the best class of readiness that any worker is in, where `Ready` and `Yielding` are
    /// one class. Empty if nobody can go on.
    ///
    /// Timeouts are a class of their own for the default order; a strategy that wants timeouts to fire early takes
    /// them from [`Moment::workers`] itself.
    pub fn candidates(&self) -> impl Iterator<Item = (Worker, &'a Pending)> + Clone + use<'a> {
        let class = |readiness: Readiness| readiness.max(Readiness::Yielding);
        let best = self.pending.iter().map(|pending| class(pending.readiness)).min();
        let best = best.filter(|best| *best < Readiness::Blocked);
        self.workers().filter(move |(_, pending)| Some(class(pending.readiness)) == best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Access; 6] = [
        Access::Read,
        Access::Write,
        Access::Acquire,
        Access::Release,
        Access::AcquireShared,
        Access::ReleaseShared,
    ];

    #[test]
    fn relations_of_accesses_are_symmetric() {
        for a in ALL {
            for b in ALL {
                assert_eq!(a.commutes_with(b), b.commutes_with(a), "{a:?} {b:?}");
                assert_eq!(a.may_meet(b), b.may_meet(a), "{a:?} {b:?}");
            }
            assert!(a.may_meet(Access::Write) && !a.commutes_with(Access::Write), "{a:?}");
        }
    }

    #[test]
    fn operations_commute_unless_they_share_an_object() {
        let lock = |o| Operation::on(OperationKind::Lock, Object(o), Access::Acquire);
        let unlock = |o| Operation::on(OperationKind::Unlock, Object(o), Access::Release);
        assert!(lock(1).commutes_with(&lock(2)));
        assert!(lock(1).races_with(&lock(1)));
        assert!(!lock(1).commutes_with(&unlock(1)) && !lock(1).races_with(&unlock(1)));
        let wait =
            Operation::on(OperationKind::Wait, Object(3), Access::Write).and(Object(1), Access::Release);
        let notify = Operation::on(OperationKind::Notify, Object(3), Access::Write);
        assert!(wait.races_with(&notify));
        assert!(!wait.races_with(&lock(1)) && !wait.commutes_with(&lock(1)));
        let local = Operation::local(OperationKind::Yield);
        assert!(local.is_local() && local.commutes_with(&local));
    }

    #[test]
    fn a_life_is_not_the_counter_of_spawns() {
        assert_eq!(Object::life(Worker(7)).whose_life(), Some(Worker(7)));
        assert_eq!(Object::SPAWNS.whose_life(), None);
        assert_eq!(Object(7).whose_life(), None);
    }
}
