//! What the watched types do in a thread under control: every operation stops first, and a blocking one is an obstacle
//! that the controller knows, never a real wait.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lockcheck_events::{LockKind, Mode, StackId};
use lockcheck_explorer::{Access, Draw, Object, OperationKind};

use super::controller::{BY_ADDRESS, Obstacle, Stand, key_of};
use super::seat::{Order, Seat};
use super::{Me, SentHome, own};
use crate::rt::context::{HeldLock, Place, Thread};
use crate::rt::operation::{Meta, Raw, Target};
use crate::rt::stack;
use crate::rt::waits::{self, Wait};

/// How long a real lock is waited for that somebody has who is not under control, before the others go on.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a thread that seems to be parked for ever is given to find a real token.
const TOKEN_PATIENCE: Duration = Duration::from_millis(50);

thread_local! {
    /// The worker is being sent home.
    static GOING_HOME: Cell<bool> = const { Cell::new(false) };
    /// It is on its way: a panic of the scheduler's runs up its stack, or did and was caught.
    static UNWINDING: Cell<bool> = const { Cell::new(false) };
    /// What the next park waits for, as evidence.
    static AWAITED: Cell<Option<Wait>> = const { Cell::new(None) };
    /// A park has taken a lock back, which is asked for next.
    static TOOK_BACK: Cell<bool> = const { Cell::new(false) };
    /// The lock that the next park takes back.
    static TAKES_BACK: Cell<Option<(u64, Mode)>> = const { Cell::new(None) };
}

/// A worker begins: nothing of the one before it counts.
pub(super) fn begin() {
    GOING_HOME.set(false);
    UNWINDING.set(false);
    AWAITED.set(None);
    TAKES_BACK.set(None);
    TOOK_BACK.set(false);
}

/// Whether the calling worker is being sent home.
pub(crate) fn is_going_home() -> bool {
    GOING_HOME.get()
}

/// Ends the worker's work by a panic that nobody hears of.
fn go_home(me: Me) -> ! {
    if !me.controller().may_raise(me.worker) {
        me.controller().freeze(me.worker, me.seat());
    }
    UNWINDING.set(true);
    resume_unwind(Box::new(SentHome))
}

/// The calling worker panics. On its way home that is a destructor's doing, and the end of the process unless it is
/// caught there: which is said, since the program never panics so by itself. Keeping the thread where it is would be
/// worse: std holds the lock of the panic hook meanwhile, for which the test harness waits at its end.
pub(super) fn panics(me: Me) {
    if UNWINDING.get() && std::thread::panicking() {
        let name = me.controller().name_of(me.worker);
        crate::rt::output::print(&format!(
            "lockcheck: {name} is stuck and sent home by a panic, and a destructor on its way panics too; unless it is \
             caught, the process ends here\n"
        ));
    }
}

/// Stops before an operation. `hear` is asked, where the worker seems to be stuck, whether it is not; then it has what
/// it waited for.
fn stop(me: Me, thread: &Thread, make: &dyn Fn() -> Stand, hear: &dyn Fn() -> bool) -> Order {
    let _busy = thread.enter();
    loop {
        if GOING_HOME.get() && !std::thread::panicking() {
            go_home(me);
        }
        let mut order = me.controller().stop(me.worker, me.seat(), make());
        if order == Order::Testify {
            let can_go_on = hear();
            let stack = if can_go_on { StackId(0) } else { stack::capture(&mut Vec::new()) };
            order = me.controller().testify(me.worker, me.seat(), stack, can_go_on);
        }
        if order == Order::Unwind {
            GOING_HOME.set(true);
            continue;
        }
        return order;
    }
}

/// Stops before an operation that cannot block.
pub(super) fn stop_shortly(me: Me, thread: &Thread, make: &dyn Fn() -> Stand) -> Order {
    stop(me, thread, make, &|| true)
}

/// Counts the steps that the worker made in its sleep.
fn count_silent_steps(me: Me, thread: &Thread) {
    for _ in 0..me.controller().state().silent_steps(me.worker) {
        thread.next_event();
    }
}

/// What is done with the lock by whoever acquires it in this mode.
fn access(mode: Mode) -> Access {
    match mode {
        Mode::Shared | Mode::SharedRecursive => Access::AcquireShared,
        // Upgradable holds live beside shared ones, but not beside each other.
        Mode::Exclusive | Mode::Upgradable => Access::Acquire,
    }
}

/// A stand before a blocking acquisition.
fn before_lock(hold: &HeldLock, upgrade: bool, timeout: Option<Duration>) -> Stand {
    let kind = if timeout.is_some() { OperationKind::TimedLock } else { OperationKind::Lock };
    let access = if timeout.is_some() || hold.mode == Mode::Upgradable || upgrade {
        Access::Write
    } else {
        access(hold.mode)
    };
    let mut stand = Stand::new(kind, hold.event, Some(hold.site)).on(key_of(hold), access);
    stand.obstacle = Obstacle::Lock { object: 0, mode: hold.mode, upgrade, queued: false };
    stand.timeout = timeout;
    stand.wait = Some(if upgrade { Wait::for_upgrade(*hold) } else { Wait::for_lock(*hold) });
    stand
}

/// Acquires, or gives up where that is allowed: whether the lock is had. The operation was counted.
pub(crate) fn acquire<R: Raw>(
    target: Target<'_, R>,
    thread: &Thread,
    hold: HeldLock,
    upgrade: bool,
    timeout: Option<Duration>,
) -> bool {
    let Some(me) = own() else { return acquire_for_real(target, timeout) };
    if TOOK_BACK.replace(false) && me.controller().state().was_granted(me.worker, key_of(&hold)) {
        return settle(me, thread, target, hold, Order::Go);
    }
    let heard = Cell::new(false);
    let hear = || {
        // The controller takes it for held. If it is not, somebody else has given it up, out of control.
        let passed_over = me.controller().state().is_passed_over(key_of(&hold), hold.mode);
        heard.set(!passed_over && target.lock.try_acquire(hold.mode));
        heard.get()
    };
    let order = stop(me, thread, &|| before_lock(&hold, upgrade, timeout), &hear);
    if hold.kind == LockKind::RwLock {
        count_silent_steps(me, thread);
    }
    if heard.get() {
        let mut state = me.controller().state();
        state.clear_claims(key_of(&hold));
        state.claim(me.worker, key_of(&hold), hold.mode);
        return true;
    }
    settle(me, thread, target, hold, order)
}

/// The controller has said that the lock is the worker's: takes the real one.
fn settle<R: Raw>(me: Me, thread: &Thread, target: Target<'_, R>, hold: HeldLock, order: Order) -> bool {
    if order == Order::Late {
        return false;
    }
    let _busy = thread.enter();
    while !target.lock.try_acquire(hold.mode) {
        if order == Order::Seize {
            // Whoever has it is frozen and will never touch what it guards.
            return true;
        }
        // Somebody has it who is not under control.
        let taken =
            out_of_control(me, hold.site, || target.lock.acquire_until(hold.mode, Instant::now() + PATIENCE));
        if taken {
            break;
        }
    }
    if GOING_HOME.get() {
        // Claims are made by those who choose, and nobody chooses any more.
        me.controller().state().claim(me.worker, key_of(&hold), hold.mode);
    }
    true
}

fn acquire_for_real<R: Raw>(target: Target<'_, R>, timeout: Option<Duration>) -> bool {
    match timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
        Some(deadline) => target.lock.acquire_until(target.manner.mode(), deadline),
        None => {
            target.lock.acquire(target.manner.mode());
            true
        }
    }
}

/// Tries to acquire. The operation is counted here.
pub(crate) fn try_acquire<R: Raw>(target: Target<'_, R>, thread: &Thread, hold: HeldLock) -> bool {
    let Some(me) = own() else { return target.lock.try_acquire(hold.mode) };
    let make =
        || Stand::new(OperationKind::TryLock, hold.event, Some(hold.site)).on(key_of(&hold), Access::Write);
    stop_shortly(me, thread, &make);
    let taken = target.lock.try_acquire(hold.mode);
    if taken {
        me.controller().state().claim(me.worker, key_of(&hold), hold.mode);
    }
    taken
}

/// Waits until nobody runs the body of this initialiser. The operation was counted.
pub(crate) fn pass_gate((me, thread): (Me, &Thread), gate: &HeldLock) {
    let make = || {
        let stand =
            Stand::new(OperationKind::Once, gate.event, Some(gate.site)).on(key_of(gate), Access::Acquire);
        let obstacle = Obstacle::Gate { object: 0 };
        Stand { obstacle, wait: Some(Wait::for_lock(*gate)), ..stand }
    };
    stop(me, thread, &make, &|| false);
}

/// A hold came about without a wait.
pub(crate) fn granted(thread: &Thread, hold: &HeldLock) {
    if let Some(me) = own() {
        let _busy = thread.enter();
        me.controller().state().claim(me.worker, key_of(hold), hold.mode);
    }
}

/// The worker is about to give up a hold. That is a point of decision only where somebody tries to get the lock: for
/// all others it is as good as the point before the next operation. In runs that are made of [fine](Draw::Fine) steps,
/// it always is one.
#[cold]
pub(crate) fn releases(thread: &Thread, id: u64, mode: Mode) {
    let Some(me) = own() else { return };
    if std::thread::panicking() || GOING_HOME.get() {
        return;
    }
    if !me.controller().may_be_tried() {
        return;
    }
    let busy = thread.enter();
    if me.controller().state().is_tried(me.worker, id) {
        let access = match mode {
            Mode::Shared | Mode::SharedRecursive => Access::ReleaseShared,
            Mode::Exclusive | Mode::Upgradable => Access::Release,
        };
        let stand = Stand::new(OperationKind::Unlock, thread.next_event(), None).on(id, access);
        if me.controller().stop(me.worker, me.seat(), stand) == Order::Unwind {
            // A destructor is no place to panic in: at the next operation.
            GOING_HOME.set(true);
        }
    }
    drop(busy);
}

/// As [`visible`], in a destructor: one who is sent home there goes at the next operation.
pub(crate) fn visible_in_drop(key: u64, access: Access) {
    let Some((me, thread)) = super::me() else { return };
    if std::thread::panicking() || GOING_HOME.get() {
        return;
    }
    let index = thread.next_event();
    stand_at_last((me, thread), Stand::new(OperationKind::Other, index, None).on(key, access));
}

/// What the object stands for is about to be over; counts it.
pub(crate) fn ends(thread: &Thread, meta: &Meta) {
    ends_at(thread, meta, None);
}

/// As [`ends`], of what is waited for by way of another object.
pub(crate) fn ends_for(thread: &Thread, meta: &Meta, awaited: &Meta) {
    ends_at(thread, meta, Some(awaited));
}

fn ends_at(thread: &Thread, meta: &Meta, awaited: Option<&Meta>) {
    let index = thread.next_event();
    if let Some(me) = own()
        && thread.is_steered()
        && !std::thread::panicking()
        && !GOING_HOME.get()
    {
        let mut stand = Stand::new(OperationKind::Other, index, None).on(meta.id(thread).0, Access::Write);
        if let Some(awaited) = awaited {
            stand = stand.on(awaited.id(thread).0, Access::Write);
        }
        stand_at_last((me, thread), stand);
    }
}

/// The worker has done what it was started for. Who asks whether that is so, and does not wait for it, can tell that
/// from the last thing that it did: an operation in runs that are made of [fine](Draw::Fine) steps.
pub(super) fn ends_finely(key: u64) {
    if own().is_some_and(|me| me.controller().state().is_fine()) {
        visible_in_drop(key, Access::Write);
    }
}

fn stand_at_last((me, thread): (Me, &Thread), stand: Stand) {
    let _busy = thread.enter();
    if me.controller().stop(me.worker, me.seat(), stand) == Order::Unwind {
        GOING_HOME.set(true);
    }
}

/// A hold was given up.
#[cold]
pub(crate) fn released(thread: &Thread, hold: &HeldLock) {
    if let Some(me) = own() {
        let _busy = thread.enter();
        me.controller().state().disclaim(me.worker, key_of(hold), hold.mode);
    }
}

/// An operation that cannot block, on the object of this id, is about to be made; counts it.
pub(crate) fn visible(thread: &Thread, kind: OperationKind, key: u64, access: Access, site: Option<Place>) {
    let index = thread.next_event();
    if let Some(me) = own() {
        stop_shortly(me, thread, &|| Stand::new(kind, index, site).on(key, access));
    }
}

/// The object is about to be looked at, by one who goes on whatever there is to see; counts it.
pub(crate) fn looks(thread: &Thread, kind: OperationKind, meta: &Meta, site: Place) {
    visible(thread, kind, meta.id(thread).0, Access::Read, Some(site));
}

/// As [`looks`], of one who asks whether somebody has the lock, or left it poisoned. Counted where that is of use.
#[inline]
pub(crate) fn peeks(meta: &Meta, site: Option<Place>) {
    if is_seen()
        && let Some(thread) = crate::rt::current()
    {
        visible(thread, OperationKind::Peek, meta.id(thread).0, Access::Read, site);
    }
}

/// Runs `block`, in which the worker parks: for what `wait` says.
pub(crate) fn in_sight<R>(wait: Wait, block: impl FnOnce() -> R) -> R {
    AWAITED.set(Some(wait));
    let result = block();
    AWAITED.set(None);
    result
}

/// Runs `wait`, in which the worker parks, and after which it asks for this lock again: the end of the wait and the
/// lock are one step.
pub(crate) fn taking_back<R>(key: u64, mode: Mode, wait: impl FnOnce() -> R) -> R {
    TAKES_BACK.set(Some((key, mode)));
    let result = wait();
    TAKES_BACK.set(None);
    result
}

/// The first half of a wait for a signal: the worker is about to let go of `lock` and to be told from then on. Counted
/// when the wait begins.
pub(crate) fn before_wait((me, thread): (Me, &Thread), object: u64, lock: Option<u64>, site: Place) {
    let index = thread.event();
    stop_shortly(me, thread, &|| {
        let stand = Stand::new(OperationKind::Wait, index, Some(site)).on(object, Access::Write);
        match lock {
            Some(lock) => stand.on(lock, Access::Release),
            None => stand,
        }
    });
}

/// Blocks until `ready` or until the deadline; whether it was the former. `kind` and `touched` say what for.
pub(crate) fn wait_until(
    (me, thread): (Me, &Thread),
    kind: OperationKind,
    touched: Option<Touched>,
    deadline: Option<Instant>,
    ready: &(dyn Fn() -> bool + Sync),
) -> bool {
    let wait = AWAITED.get();
    let takes_back = TAKES_BACK.get();
    let object = wait.map(|wait| wait.wanted().id.0);
    // Who takes a lock back is roused and takes it in one step, which is counted when it asks for it.
    let index = match (takes_back, wait) {
        (None, Some(wait)) => wait.wanted().event,
        (None, None) => thread.next_event(),
        (Some(_), _) => thread.event(),
    };
    let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let make = || {
        let site = wait.map(|wait| wait.wanted().site);
        let mut stand = Stand::new(kind, index, site);
        match touched {
            Some(Touched::Fixed(object, access)) => stand.fixed = Some((object, access)),
            None => {}
        }
        if let Some(object) = object.filter(|_| touched.is_none()) {
            // Whether it was told depends on the object; a timed one gives up depending on it, and one who is told of
            // an item takes what is there when it looks.
            let takes =
                wait.is_some_and(|wait| matches!(wait.wanted().kind, LockKind::Queue | LockKind::Pool));
            let changes = timeout.is_some() || takes;
            stand = stand.on(object, if changes { Access::Write } else { Access::Read });
        }
        let relock = takes_back.map(|(key, mode)| {
            stand.touches = [stand.touches[0], Some((key, Access::Acquire))];
            let _busy = thread.enter();
            (me.controller().state().object(key), mode)
        });
        stand.timeout = timeout;
        stand.wait = wait;
        stand.until(ready, relock)
    };
    let order = stop(me, thread, &make, &|| ready());
    TOOK_BACK.set(takes_back.is_some());
    if order == Order::Late && takes_back.is_some() {
        let _busy = thread.enter();
        if me.controller().state().has_yet_to_ask(me.worker) {
            // To give up and to take the lock are two steps then.
            thread.next_event();
        }
    }
    // One that is late may have been told all the same; one that is going home, or the last one left, was not.
    ready()
}

/// What a wait is for.
#[derive(Clone, Copy)]
pub(crate) enum Touched {
    /// An object that is there without being used first.
    Fixed(Object, Access),
}

/// Whether the calling thread is under control: a look at its word, which meets nobody.
#[inline]
pub(crate) fn is_under_control() -> bool {
    crate::rt::context::is_steered()
}

/// Whether the calling thread is under control, or records.
#[inline(always)]
pub(crate) fn is_seen() -> bool {
    crate::rt::context::is_steered_or_recording()
}

/// An operation on what lies at this address is about to be made; counts it.
pub(crate) fn on_address(address: usize, kind: OperationKind, access: Access, site: Place) {
    if let Some((_, thread)) = super::me() {
        visible(thread, kind, address as u64 | BY_ADDRESS, access, Some(site));
    }
}

/// What the worker tried has succeeded: it does not spin.
pub(crate) fn succeeded() {
    if let Some((me, thread)) = super::me() {
        let _busy = thread.enter();
        me.controller().state().succeeded(me.worker);
    }
}

/// Unsynchronised data is about to be accessed, exclusively or together with others. The operation was counted.
///
/// Two workers that stand before accesses of one datum, of which one is a write, race: either could go first. As every
/// order is tried, no clocks are needed to see that nothing orders them.
pub(crate) fn accesses((me, thread): (Me, &Thread), access: HeldLock) {
    let write = access.mode == Mode::Exclusive;
    let (kind, how) =
        if write { (OperationKind::Store, Access::Write) } else { (OperationKind::Load, Access::Read) };
    let make = || Stand {
        datum: true,
        wait: Some(Wait::for_anyone(access)),
        ..Stand::new(kind, access.event, Some(access.site)).on(key_of(&access), how)
    };
    stop(me, thread, &make, &|| false);
}

/// Which of so many waiters is told.
pub(crate) fn choose_waiter(waiters: usize) -> usize {
    draw(Draw::Notified, waiters)
}

/// Whether the wait that begins ends for no reason at all.
pub(crate) fn is_spurious() -> bool {
    let Some((me, thread)) = super::me() else { return false };
    let _busy = thread.enter();
    if me.controller().state().spurious_left == 0 {
        return false;
    }
    let spurious = me.controller().draw(me.worker, Draw::Spurious, 2) == 1;
    me.controller().state().spurious_left -= u32::from(spurious);
    spurious
}

/// One of so many, by the strategy; 0 in a thread that is not under control.
pub(crate) fn draw(draw: Draw, options: usize) -> usize {
    let Some((me, thread)) = super::me().filter(|_| options > 1) else { return 0 };
    let _busy = thread.enter();
    let options = u32::try_from(options).unwrap_or(u32::MAX);
    me.controller().draw(me.worker, draw, options) as usize
}

/// What the parks of whoever sits there are known by.
fn parks_of(seat: &Seat) -> u64 {
    std::ptr::from_ref(seat).addr() as u64 | BY_ADDRESS
}

/// Blocks until the worker's token is there, and takes it.
pub(crate) fn park((me, thread): (Me, &Thread), site: Place, timeout: Option<Duration>) {
    let busy = thread.enter();
    let token = Arc::clone(&me.controller().state().members[me.worker as usize].token);
    drop(busy);
    let wanted = waits::park_hold(thread, site, timeout.is_some());
    let is_there = || token.load(Ordering::Relaxed);
    let make = || Stand {
        timeout,
        wait: Some(Wait::for_anyone(wanted)),
        ..Stand::new(OperationKind::Park, wanted.event, Some(site))
            .on(parks_of(me.seat()), Access::Write)
            .until(&is_there, None)
    };
    let hear = || {
        // Somebody may have used std's own handle, or not be under control: then the real token is there.
        let began = Instant::now();
        std::thread::park_timeout(TOKEN_PATIENCE);
        is_there() || began.elapsed() < TOKEN_PATIENCE / 2
    };
    stop(me, thread, &make, &hear);
    token.store(false, Ordering::Relaxed);
}

/// Gives the worker that this thread serves its token; `false`: it serves none, as far as is known.
pub(crate) fn unpark(target: &std::thread::Thread, site: Place) -> bool {
    let Some((me, thread)) = super::me() else { return false };
    let busy = thread.enter();
    let seat = me.controller().state().serving(target).map(|member| Arc::clone(&member.seat));
    drop(busy);
    let Some(seat) = seat else { return false };
    visible(thread, OperationKind::Unpark, parks_of(&seat), Access::Write, Some(site));
    let _busy = thread.enter();
    // It may have ended meanwhile, which is as good.
    if let Some(member) = me.controller().state().serving(target) {
        member.token.store(true, Ordering::Relaxed);
    }
    true
}

/// A number below `options`, for the program; an operation of its own.
pub(crate) fn number(options: usize, site: Place) -> usize {
    let Some((me, thread)) = super::me() else { return 0 };
    let index = thread.next_event();
    stop_shortly(me, thread, &|| Stand::new(OperationKind::Other, index, Some(site)));
    draw(Draw::Number, options)
}

/// Lets others go first.
pub(crate) fn yields((me, thread): (Me, &Thread), site: Place) {
    let index = thread.next_event();
    stop_shortly(me, thread, &|| Stand {
        obstacle: Obstacle::Yielding,
        ..Stand::new(OperationKind::Yield, index, Some(site))
    });
}

/// Lets virtual time pass.
pub(crate) fn sleeps((me, thread): (Me, &Thread), site: Place, time: Duration) {
    let index = thread.next_event();
    stop_shortly(me, thread, &|| Stand {
        obstacle: Obstacle::Sleep,
        timeout: Some(time),
        ..Stand::new(OperationKind::Sleep, index, Some(site))
    });
}

/// Runs `call`, which may block, out of control.
pub(crate) fn external<R>((me, thread): (Me, &Thread), site: Place, call: impl FnOnce() -> R) -> R {
    let index = thread.next_event();
    stop_shortly(me, thread, &|| Stand::new(OperationKind::External, index, Some(site)));
    /// Back under control, also when the call panics.
    struct Steered<'a>(&'a Thread);
    impl Drop for Steered<'_> {
        fn drop(&mut self) {
            self.0.steer_again();
        }
    }
    // In case it takes long: nobody else can ask this thread where it is.
    let busy = thread.enter();
    let stack = stack::capture(&mut Vec::new());
    me.controller().state().members[me.worker as usize].stack = stack;
    drop(busy);
    thread.unsteer_for_now();
    let _steered = Steered(thread);
    out_of_control(me, site, call)
}

/// Runs `call` while others may run.
fn out_of_control<R>(me: Me, site: Place, call: impl FnOnce() -> R) -> R {
    /// Comes back, also when the call panics.
    struct Return(Me);
    impl Drop for Return {
        fn drop(&mut self) {
            if self.0.controller().come_back(self.0.worker, self.0.seat()) == Order::Unwind {
                GOING_HOME.set(true);
            }
        }
    }
    me.seat().disembark();
    me.controller().leave(me.worker, site);
    let _return = Return(me);
    call()
}
