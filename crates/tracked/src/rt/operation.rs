//! Acquire and release, as the instrumented types call them: the fast path and the way into the slow one.
//!
//! | step of an acquisition | shared memory touched | when |
//! |---|---|---|
//! | try the real lock | the lock | always |
//! | push the hold | none | always |
//! | look the pair (hold set, request) up in the thread's own table | none | when something else is held |
//! | learn | the knowledge mutex | when the table does not know the pair |
//! | publish the wait, look whether a waiting thread has the lock | the thread's wait slot, a table of counts | when the real lock was taken |

use std::hint::cold_path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[cfg(parking_lot_mirrored)]
use lockcheck_events::Notice;
use lockcheck_events::{Attempt, LockId, LockKind, Mode};

use super::context::{HeldLock, IDS, Place, Quick, Thread, Token, current, pack, unpack};
use super::standstill::{self, Vigil};
use super::waits::{self, Circle, Wait};
use super::{
    classes, contention, intent, knowledge, notices, predicate, reaction, record, registry, steer, strays,
};

/// How long a suspected deadlock is watched before it is called one. The thread that does so is blocked anyway; a
/// real deadlock is still there afterwards.
pub(super) const CONFIRM: Duration = Duration::from_millis(1);

/// How often the processor is given away for a taken lock before the wait for it is published. Four threads on one
/// mutex then get x1.05 to x1.24 of what plain parking_lot does; without it, or with parking_lot's own mixture of
/// spinning and yielding, x0.5 to x0.75 (2026-11-22): every look at the lock takes its cache line from the holder.
const YIELDS: u32 = 10;

/// A tracked lock without data: the real lock and what the run-time keeps beside it.
pub(crate) trait Raw {
    /// Whether another process may hold it: then nobody here knows who could end a wait for it.
    const BETWEEN_PROCESSES: bool = false;
    /// The identity.
    fn meta(&self) -> &Meta;
    /// Whether nobody holds the real lock, as far as one look can tell.
    #[cfg(parking_lot_mirrored)]
    fn is_free(&self) -> bool {
        false
    }
    /// Takes the real lock if that is possible at once.
    fn try_acquire(&self, mode: Mode) -> bool;
    /// Takes the real lock, however long that takes.
    fn acquire(&self, mode: Mode);
    /// Takes the real lock unless `deadline` passes first.
    fn acquire_until(&self, mode: Mode, deadline: Instant) -> bool;
}

/// What a tracked lock carries besides the real lock: 16 bytes.
pub(crate) struct Meta {
    /// The id, with the number of the creation site above (see [`IDS`]); 0 until the first acquisition. Written once.
    word: AtomicU64,
    /// The line that created it.
    created: Place,
}

impl Meta {
    pub(crate) const fn new(created: Place) -> Meta {
        Meta { word: AtomicU64::new(0), created }
    }

    /// For a lock made in a place that says nothing of who wanted it, such as a constant.
    pub(crate) const NOWHERE: Place = std::panic::Location::caller();

    /// Whether this is [`NOWHERE`](Self::NOWHERE). By content: a constant has no address of its own.
    pub(crate) fn is_nowhere(place: Place) -> bool {
        *place == *Meta::NOWHERE
    }

    /// The line that created it.
    pub(crate) fn created(&self) -> Place {
        self.created
    }

    /// What the lock goes by in a hold; 0: by nothing yet. Relaxed: it carries nothing but itself.
    #[inline(always)]
    fn word(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    /// The lock's id, given now if it has none.
    #[inline(always)]
    pub(crate) fn id(&self, thread: &Thread) -> LockId {
        let word = match self.word() {
            0 => self.give_id(thread),
            word => word,
        };
        LockId(word % IDS)
    }

    /// The lock's id, if it has one.
    pub(crate) fn known_as(&self) -> Option<u64> {
        Some(self.word() % IDS).filter(|id| *id != 0)
    }

    /// The lock's word, with an id given now if it has none, unless giving one takes more than the thread has at hand.
    #[inline(always)]
    fn word_at_hand(&self, thread: &Thread) -> Option<u64> {
        match self.word() {
            0 if thread.has_lock_id() => Some(self.give_id(thread)),
            0 => None,
            word => Some(word),
        }
    }

    #[inline]
    fn give_id(&self, thread: &Thread) -> u64 {
        let fresh = classes::number(self.created) * IDS + thread.next_lock_id().0;
        match self.word.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => fresh,
            Err(word) => word,
        }
    }

    /// Gives the lock a name for reports.
    pub(crate) fn name(&self, kind: LockKind, name: &str) {
        self.name_at(kind, name, self.created);
    }

    /// As [`name`](Self::name), for a lock that was created at another line than it says.
    pub(crate) fn name_at(&self, kind: LockKind, name: &str, created: Place) {
        let Some(thread) = current() else { return };
        let recording = thread.is_recording();
        let _busy = thread.enter();
        registry::name_lock(self.id(thread), kind, created, name);
        if recording {
            // It may take part in no nesting, by which the trace would hear of it.
            knowledge::announce_one(&record::object(self, thread, kind, created));
        }
    }
}

impl Drop for Meta {
    #[inline]
    fn drop(&mut self) {
        let id = *self.word.get_mut() % IDS;
        if id != 0 {
            strays::forget(LockId(id));
            Thread::lock_dropped(id);
            if registry::may_be_registered(LockId(id)) {
                knowledge::lock_dropped(LockId(id));
            }
        }
    }
}

/// One acquisition, on its way: three words, so that it travels in registers.
pub(crate) struct Target<'a, R> {
    pub lock: &'a R,
    pub site: Place,
    pub manner: Manner,
}

/// What is asked for, besides which lock and where. One word, as a hold keeps it, so that it takes one register on the
/// way to the real lock.
#[derive(Clone, Copy)]
pub(crate) struct Manner(u32);

impl Manner {
    #[inline(always)]
    pub(crate) const fn of(kind: LockKind, mode: Mode) -> Manner {
        Manner(pack(0, mode, Attempt::Block, kind) as u32)
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> LockKind {
        unpack(self.0.into()).2
    }

    #[inline(always)]
    pub(crate) fn mode(self) -> Mode {
        unpack(self.0.into()).0
    }
}

impl<R> Clone for Target<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Target<'_, R> {}

impl<R: Raw> Target<'_, R> {
    #[inline(always)]
    fn hold(&self, id: LockId, event: u32, attempt: Attempt) -> HeldLock {
        HeldLock {
            id,
            site: self.site,
            created: self.lock.meta().created,
            event,
            mode: self.manner.mode(),
            attempt,
            kind: self.manner.kind(),
        }
    }

    /// The hold that a counted operation of `thread` is about to bring.
    #[inline]
    fn next_hold(&self, thread: &Thread, attempt: Attempt) -> HeldLock {
        self.hold(self.lock.meta().id(thread), thread.next_event(), attempt)
    }

    /// Takes note that the lock is held now.
    #[inline(always)]
    fn taken(&self, thread: &Thread, hold: HeldLock) -> Token {
        let token = thread.push(hold);
        if thread.is_recording() { record::acquired(thread, &hold, token) } else { token }
    }
}

/// Acquires, however long it takes.
///
/// The quick case, written so that everything it needs is loaded before the real lock's atomic operation and all
/// that is left behind it is stores: a lock that was used before, free now, wanted by a thread that holds nothing.
#[inline(always)]
pub(crate) fn lock<R: Raw>(target: Target<'_, R>) -> Token {
    let quick = Quick::current();
    if quick.is_idle() {
        let word = target.lock.meta().word();
        if Quick::takes(word) {
            quick.write_first(word, target.site, target.manner.0);
            if target.lock.try_acquire(target.manner.mode()) {
                return quick.push_first(target.manner.0);
            }
        }
    }
    cold_path();
    lock_second(target.lock, target.site, target.manner)
}

/// Acquires in every other case; the second quick one first, a known nesting in one other hold. Calls nothing but as
/// its last act and needs no more registers than a call may use up, so that nothing is saved on the stack: the real
/// lock's atomic operation waits until every store before it is done.
#[inline(never)]
fn lock_second<R: Raw>(lock: &R, site: Place, manner: Manner) -> Token {
    let quick = Quick::current();
    if !quick.has_one() {
        return if quick.is_idle() {
            lock_first(lock, site, manner)
        } else {
            lock_nested(lock, site, manner)
        };
    }
    let word = lock.meta().word();
    if !Quick::takes(word) {
        return lock_slowly(lock, site, manner);
    }
    let key = quick.write_second(word, site, manner.0);
    // Before the real lock is taken: this may be the allocator's own, and learning allocates.
    if !quick.thread().known().has_at_home(key) || !lock.try_acquire(manner.mode()) {
        return lock_slowly(lock, site, manner);
    }
    quick.push_second()
}

/// The third quick case: a known nesting in several other holds.
#[inline(never)]
fn lock_nested<R: Raw>(lock: &R, site: Place, manner: Manner) -> Token {
    let quick = Quick::current();
    if !quick.is_nesting() {
        return lock_slowly(lock, site, manner);
    }
    let word = lock.meta().word();
    if !Quick::takes(word) {
        return lock_slowly(lock, site, manner);
    }
    let key = quick.write_nested(word, site, manner.0);
    // Before the real lock is taken: this may be the allocator's own, and learning allocates.
    if !quick.thread().known().has_at_home(key) || !lock.try_acquire(manner.mode()) {
        return lock_slowly(lock, site, manner);
    }
    quick.push_nested()
}

/// The fourth quick case: a lock that was never used before, wanted by a thread that holds nothing.
#[inline(never)]
fn lock_first<R: Raw>(lock: &R, site: Place, manner: Manner) -> Token {
    let quick = Quick::current();
    if quick.is_idle()
        && let Some(word) = lock.meta().word_at_hand(quick.thread())
        && Quick::takes(word)
    {
        quick.write_first(word, site, manner.0);
        if lock.try_acquire(manner.mode()) {
            return quick.push_first(manner.0);
        }
    }
    lock_slowly(lock, site, manner)
}

#[inline(never)]
fn lock_slowly<R: Raw>(lock: &R, site: Place, manner: Manner) -> Token {
    let target = Target { lock, site, manner };
    let Some(thread) = current() else {
        lock.acquire(manner.mode());
        return Token::UNWATCHED;
    };
    let hold = target.next_hold(thread, Attempt::Block);
    if thread.is_steered() {
        if steer::program::is_under_control() {
            // A whole program leaves a trace, by which predictions find their places in runs under control.
            learn(thread, &hold);
        }
        steer::operations::acquire(target, thread, hold, false, None);
        return target.taken(thread, hold);
    }
    // Before the real lock is taken: this may be the allocator's own, and learning allocates.
    learn(thread, &hold);
    if lock.try_acquire(manner.mode()) {
        target.taken(thread, hold)
    } else {
        lock_contended(target, thread, hold)
    }
}

/// As [`try_lock`], in a thread under control.
#[cold]
fn try_lock_steered<R: Raw>(target: Target<'_, R>, thread: &Thread) -> Option<Token> {
    let hold = target.next_hold(thread, Attempt::Try);
    steer::operations::try_acquire(target, thread, hold).then(|| target.taken(thread, hold))
}

/// Acquires if that is possible at once.
#[inline]
pub(crate) fn try_lock<R: Raw>(target: Target<'_, R>) -> Option<Token> {
    let thread = current();
    if let Some(thread) = thread
        && thread.is_steered()
    {
        return try_lock_steered(target, thread);
    }
    if !target.lock.try_acquire(target.manner.mode()) {
        return None;
    }
    let Some(thread) = thread else { return Some(Token::UNWATCHED) };
    Some(target.taken(thread, target.next_hold(thread, Attempt::Try)))
}

/// Acquires unless `timeout` passes first.
pub(crate) fn lock_for<R: Raw>(target: Target<'_, R>, timeout: Duration) -> Option<Token> {
    let Some(thread) = current() else { return acquire_for(target, timeout).then_some(Token::UNWATCHED) };
    let hold = target.next_hold(thread, Attempt::Timed);
    if thread.is_steered() {
        return steer::operations::acquire(target, thread, hold, false, Some(timeout))
            .then(|| target.taken(thread, hold));
    }
    learn(thread, &hold);
    let taken = target.lock.try_acquire(target.manner.mode()) || {
        let _wait = waits::publish(thread, Wait::for_lock(hold));
        let taken = acquire_for(target, timeout);
        if !taken && waits::may_close_a_circle(hold.id) {
            masked(thread);
        }
        taken
    };
    taken.then(|| target.taken(thread, hold))
}

/// The calling thread has given up waiting for a lock: tells if it would have waited for ever.
#[cold]
fn masked(thread: &Thread) {
    if let Some(circle) = waits::circle_but_for_timeouts(thread) {
        notices::masked_by_timeout(thread, circle);
    }
}

/// A deadline past the clock's range means for ever.
fn acquire_for<R: Raw>(target: Target<'_, R>, timeout: Duration) -> bool {
    match Instant::now().checked_add(timeout) {
        Some(deadline) => target.lock.acquire_until(target.manner.mode(), deadline),
        None => {
            target.lock.acquire(target.manner.mode());
            true
        }
    }
}

/// Takes note that the lock is given up. Comes before the real release: nobody may see the lock free and its holder
/// still listed.
#[inline(always)]
pub(crate) fn released(meta: &Meta, token: Token) {
    if !Thread::release_top(token) {
        released_otherwise(meta, token);
    }
}

#[cold]
#[inline(never)]
fn released_otherwise(meta: &Meta, token: Token) {
    let id = meta.word() % IDS;
    if !token.is_unwatched() {
        Thread::release_older(token, id);
    }
    if token.is_unasked()
        && let Some(thread) = current()
    {
        predicate::given_up(thread, id);
    }
}

#[cfg(parking_lot_mirrored)]
/// The quick half of [`released_by_anyone`]: whether that was all.
#[inline(always)]
pub(crate) fn released_at_once(meta: &Meta, token: Option<Token>) -> bool {
    Thread::release_youngest(token, meta.word() % IDS)
}

#[cfg(parking_lot_mirrored)]
/// As [`released`], where the acquisition may have been another thread's, or its token is not known. The target says
/// where it is given up.
#[inline(always)]
pub(crate) fn released_by_anyone<R: Raw>(target: Target<'_, R>, token: Option<Token>) {
    let id = target.lock.meta().word() % IDS;
    if !Thread::release_youngest(token, id) {
        released_slowly(target.lock, target.site, target.manner, token);
    }
}

#[cfg(parking_lot_mirrored)]
#[cold]
#[inline(never)]
fn released_slowly<R: Raw>(lock: &R, site: Place, manner: Manner, token: Option<Token>) {
    let id = lock.meta().word() % IDS;
    if token.is_some_and(Token::is_unwatched) || id != 0 && Thread::release_any(id) {
        return;
    }
    if lock.is_free() {
        released_free(Target { lock, site, manner });
    } else if id != 0 {
        strays::released_elsewhere(LockId(id));
    }
}

/// A lock that nobody holds is given up.
#[cfg(parking_lot_mirrored)]
#[cold]
pub(crate) fn released_free<R: Raw>(target: Target<'_, R>) {
    if let Some(thread) = current() {
        let hold = target.next_hold(thread, Attempt::Try);
        notices::notice(thread, Notice::NotTheOwner, &hold, "nobody holds it");
    }
}

/// Learns what this acquisition teaches, if anything is held and it is new, and makes room for the hold.
#[inline]
pub(super) fn learn(thread: &Thread, wanted: &HeldLock) {
    strays::settle(thread);
    if thread.held_len() > 0 {
        thread.make_room();
        let key = intent::salted(thread, wanted, thread.key(wanted));
        if !thread.known().contains(key) {
            knowledge::learn(thread, wanted, key);
        }
    }
}

/// The real lock was taken. What is known about the order has been said; looks for a circle and blocks.
#[cold]
#[inline(never)]
fn lock_contended<R: Raw>(target: Target<'_, R>, thread: &Thread, hold: HeldLock) -> Token {
    record::requested(thread, &hold);
    if let Some(own) = thread.hold_against(&hold) {
        reaction::self_deadlock(thread, &hold, &own);
    }
    let sample = contention::begin(thread, &hold);
    if !spin(target) {
        block(target, thread, Wait::for_lock(hold));
    }
    contention::end(thread, &hold, sample);
    target.taken(thread, hold)
}

/// Looks a few times whether the lock is free by now. Most contention is over before there is anything to publish; a
/// deadlock stands a few microseconds longer unsaid.
fn spin<R: Raw>(target: Target<'_, R>) -> bool {
    (0..YIELDS).any(|_| {
        std::thread::yield_now();
        target.lock.try_acquire(target.manner.mode())
    })
}

/// Turns the calling thread's upgradable hold into an exclusive one, however long the other holders take. That hold
/// stands in nobody's way here: it is left out of what the request is made under.
pub(crate) fn upgrade<R: Raw>(target: Target<'_, R>) -> Token {
    let Some(thread) = current() else {
        target.lock.acquire(target.manner.mode());
        return Token::UNWATCHED;
    };
    let hold = target.next_hold(thread, Attempt::Block);
    if thread.is_steered() {
        steer::operations::acquire(target, thread, hold, true, None);
        thread.take(hold.id, Mode::Upgradable);
        return target.taken(thread, hold);
    }
    let upgradable = thread.take(hold.id, Mode::Upgradable);
    learn(thread, &hold);
    if !target.lock.try_acquire(target.manner.mode()) {
        record::requested(thread, &hold);
        if let Some(own) = thread.hold_against(&hold) {
            reaction::self_deadlock(thread, &hold, &own);
        }
        // While it waits, others wait for it because of that hold.
        if let Some(upgradable) = upgradable {
            thread.push(upgradable);
        }
        block(target, thread, Wait::for_upgrade(hold));
        thread.take(hold.id, Mode::Upgradable);
    }
    target.taken(thread, hold)
}

/// As [`upgrade`], in a thread under control, unless `timeout` passes first: then the hold is as it was.
#[cfg(parking_lot_mirrored)]
pub(crate) fn upgrade_for<R: Raw>(target: Target<'_, R>, timeout: Duration) -> Option<Token> {
    let thread = current()?;
    let hold = target.next_hold(thread, Attempt::Timed);
    if !steer::operations::acquire(target, thread, hold, true, Some(timeout)) {
        return None;
    }
    thread.take(hold.id, Mode::Upgradable);
    Some(target.taken(thread, hold))
}

/// Blocks until the real lock is there.
fn block<R: Raw>(target: Target<'_, R>, thread: &Thread, published: Wait) {
    let published = if R::BETWEEN_PROCESSES { published.ended_from_outside() } else { published };
    let wait = waits::publish(thread, published);
    let for_good = || {
        standstill::in_slices(|until| match until {
            Some(until) => target.lock.acquire_until(target.manner.mode(), until).then_some(()),
            None => {
                target.lock.acquire(target.manner.mode());
                Some(())
            }
        });
    };
    if !waits::may_close_a_circle(published.wanted().id) {
        return for_good();
    }
    if let Some(suspicion) = waits::circle(thread) {
        if target.lock.acquire_until(target.manner.mode(), Instant::now() + CONFIRM) {
            return;
        }
        if waits::circle(thread).as_ref() == Some(&suspicion) {
            reaction::deadlock(thread, suspicion, wait);
            let _wait = waits::publish(thread, published);
            return for_good();
        }
    }
    let mut vigil = Vigil::of_blocked();
    while let Some(moment) = vigil.until() {
        if target.lock.acquire_until(target.manner.mode(), moment) {
            return;
        }
        vigil.look();
    }
    drop(vigil);
    for_good();
}

/// Runs `block`, visible to others as `wait`, after looking whether it closes a circle.
pub(crate) fn wait_in_sight<R>(thread: &Thread, wait: Wait, block: impl FnOnce() -> R) -> R {
    let published = waits::publish(thread, wait);
    if let Some(circle) = lasting_circle(thread) {
        reaction::deadlock(thread, circle, published);
        let _published = waits::publish(thread, wait);
        return block();
    }
    block()
}

/// A circle that is still there after a moment.
pub(super) fn lasting_circle(thread: &Thread) -> Option<Circle> {
    let suspicion = waits::circle(thread)?;
    std::thread::sleep(CONFIRM);
    waits::circle(thread).filter(|circle| *circle == suspicion)
}

/// Takes note of a hold that came about by changing another one, without a wait.
#[cfg(parking_lot_mirrored)]
pub(crate) fn granted<R: Raw>(target: Target<'_, R>) -> Token {
    let Some(thread) = current() else { return Token::UNWATCHED };
    let hold = target.next_hold(thread, Attempt::Block);
    if thread.is_steered() {
        steer::operations::granted(thread, &hold);
    }
    target.taken(thread, hold)
}

/// Takes note that the hold `token`, in the mode `from`, becomes the one that `target` describes.
pub(crate) fn downgraded<R: Raw>(target: Target<'_, R>, from: Mode, token: Token) -> Token {
    let Some(thread) = current() else {
        released(target.lock.meta(), token);
        return Token::UNWATCHED;
    };
    let hold = target.next_hold(thread, Attempt::Block);
    if thread.is_steered() {
        steer::operations::released(thread, &HeldLock { mode: from, ..hold });
        steer::operations::granted(thread, &hold);
    }
    let token = thread.change(from, hold).unwrap_or_else(|| thread.push(hold));
    record::downgraded(thread, &hold, token)
}
