//! The closed world: when every thread of the process waits without a timeout, nobody is left to end any of the
//! waits.
//!
//! | who | does |
//! |---|---|
//! | a thread that is about to wait, when all others that are known wait | keeps vigil: it looks again after a moment, and a few times more at growing distances |
//! | a thread that leaves, when all others that are known wait | rouses one of them to keep vigil |
//! | a thread that is about to wait in code that is not ours, where it cannot look | the same |
//! | a thread that keeps vigil | compares two looks; if nothing has moved between them, the world stands still |
//! | a thread that has been parked for long, while one that is known seems not to wait | keeps vigil for two looks: the other may wait where nobody watches, as in `std::thread::join` |
//!
//! No thread is there to poll: a look is taken by a thread that waits anyway, in place of sleeping on, and only for a bounded time
//! after something has happened, or, rarely, when it has been parked for long: each time that its wait has become twice
//! as long, and later every [`SLEEP_MAX`], or as often as all parked threads together come to [`WAKES`] a second. A wait
//! that ends within the first moment costs a look at the others' wait slots and nothing else. One thread keeps vigil at a
//! time ([`ON_WATCH`]): its own sleep has an end, for which the others would not take it for stuck. All looks of the
//! second kind together take at most one part in [`REST`] of one processor.
//!
//! **Why two equal looks are enough.** A look finds all of the kernel's threads of this process asleep on futexes
//! without a timeout, but for the one who looks, and those whose published wait has none and is only slept through in
//! parts. A thread that is known and has published nothing is taken at the kernel's word, like one that is not known. If each of them has slept from its place in the first look until its place
//! in the second (the kernel counts how often a thread goes to sleep), then there was a moment between the two in
//! which all slept, and who could have woken one of them was asleep himself. The published waits say what for.
//!
//! What stays possible is said as a doubt, and the finding is only a likely one, or none where some thread that is known
//! has published no wait: a signal handler, another process
//! that shares the futex, the test harness's own thread (asleep with a timeout, to say that a test takes long).
//! A thread that sleeps in any other system call, or runs, can do anything, and so can a timer or an alarm of the process's:
//! then nothing is said.
//!
//! Linux only, see [`super::tasks`].

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lockcheck_checker::waits::Stuck;
use lockcheck_events::wait_board::Awaited;
use lockcheck_events::{StuckKind, ThreadId};

use super::context::{Thread, current_if_known};
use super::operation::CONFIRM;
use super::waits::{self, Scene, Seat, WaitSlot, everybody_waits, known_threads};
use super::{board, family, lifecycle, reaction, registry, tasks};
use crate::base::park::Parker;

/// How long a wait lasts before the first look: most are over by then.
const FIRST_LOOK: Duration = Duration::from_millis(1);
/// How long after the first look the second one is. Longer than a member of a circle watches it before it says so itself:
/// who is seen asleep in both looks sleeps for good, where it can be made to give way.
const APART: Duration = CONFIRM.saturating_mul(3);
/// Looks of one vigil. The distance doubles from the second on: the last is a second and a half after the first.
const LOOKS: u32 = 10;

/// How long a thread is parked before it looks whether one that seems not to wait does so where nobody watches.
const PATIENCE: Duration = Duration::from_millis(100);
/// The longest part of a long sleep, where few threads are parked.
const SLEEP_MAX: Duration = Duration::from_secs(2);
/// How often a second all that are parked may look up together, at most.
const WAKES: u32 = 20;
/// How many times as long as such a look took nobody takes another one.
const REST: u32 = 100;

/// Why it may not be a standstill: the thread that waits for the tests looks at the clock now and then.
const HARNESS: &str = "the test harness can";

/// The slot number of the thread that keeps vigil; 0: none does.
///
/// Sequentially consistent, as are the fences beside it: a thread that goes off watch and then finds that everybody
/// waits, and one that publishes its wait and then finds somebody on watch, cannot both miss each other.
static ON_WATCH: AtomicU32 = AtomicU32::new(0);

/// Until when nobody looks for waits that are not watched: milliseconds since some moment of the process's. Relaxed: it
/// spares work and decides nothing.
static RESTS_UNTIL: AtomicU64 = AtomicU64::new(0);

/// What a thread does while it waits: nothing, or it looks whether the world stands still.
pub(crate) struct Vigil {
    /// The place from which it can be roused.
    seat: Option<&'static WaitSlot>,
    watch: Option<Watch>,
    patience: Option<Patience>,
}

/// A thread that is parked without a timeout sleeps in parts, each as long as all before it, up to a limit.
struct Patience {
    next: Instant,
    slept: Duration,
    /// From the first part's end on, the CLI is told that the wait has no timeout.
    _posted: Option<board::Posted>,
}

/// The thread is on watch.
struct Watch {
    thread: &'static Thread,
    began: Instant,
    next: Instant,
    looks: u32,
    last: Option<Look>,
    /// Some thread that is known has not published a wait: two looks must do.
    stray: bool,
}

/// What one look has seen of a world in which all are asleep.
#[derive(PartialEq, Eq)]
struct Look {
    /// The waits that are published.
    waits: Vec<(ThreadId, u32)>,
    /// The other threads that the kernel knows, and how often each has gone to sleep.
    tasks: Vec<(u32, u64)>,
    /// Who might wake one of them nevertheless.
    doubt: Option<&'static str>,
}

impl Vigil {
    /// Of a thread about to park, which others can rouse.
    pub(crate) fn of_parked(parker: &Arc<Parker>) -> Vigil {
        Vigil::seated(|seat| seat.parker = Some(Arc::clone(parker)))
    }

    /// Of a thread about to block for a limited time, again and again: nobody can rouse it, and it looks up by itself.
    fn of_sliced() -> Vigil {
        Vigil::seated(|seat| seat.looks_up = true)
    }

    fn seated(sit_down: impl FnOnce(&mut Seat)) -> Vigil {
        let Some(thread) = waiting() else { return Vigil { seat: None, watch: None, patience: None } };
        let slot = thread.wait_slot();
        sit_down(&mut slot.seat().lock());
        let patience = tasks::CAN_BE_SEEN.then(|| Patience {
            next: Instant::now() + PATIENCE,
            slept: PATIENCE,
            _posted: None,
        });
        Vigil { seat: Some(slot), watch: Watch::go_on(thread), patience }
    }

    /// Of a thread about to block on something else.
    pub(crate) fn of_blocked() -> Vigil {
        Vigil { seat: None, watch: waiting().and_then(Watch::go_on), patience: None }
    }

    /// When to look next; `None`: never, unless roused.
    pub(crate) fn until(&self) -> Option<Instant> {
        let watch = self.watch.as_ref().map(|watch| watch.next);
        watch.or_else(|| self.patience.as_ref().map(|patience| patience.next))
    }

    /// It is time to look.
    pub(crate) fn look(&mut self) {
        if self.watch.is_none() && !self.loses_patience() {
            return;
        }
        let Some(watch) = &mut self.watch else { return };
        let thread = watch.thread;
        match watch.look() {
            Outlook::Again => {}
            Outlook::Over => {
                self.watch = None;
                // Somebody may have found this thread on watch a moment ago, and relied on it.
                self.watch = Watch::go_on(thread);
            }
            Outlook::Done => self.watch = None,
            Outlook::GiveWay(text) => {
                self.watch = None;
                give_way(thread, text);
            }
        }
    }

    /// A part of a long sleep is over. Whether the thread is on watch from here on.
    fn loses_patience(&mut self) -> bool {
        let (Some(patience), Some(thread)) = (&mut self.patience, waiting()) else { return false };
        let now = Instant::now();
        patience.next = now + patience.slept;
        patience.slept =
            (patience.slept * 2).min(SLEEP_MAX.max(Duration::from_secs(1) * known_threads() / WAKES));
        if let Some(rest) = rests_for(now) {
            // Somebody has just looked, and it was dear.
            patience.next = now + rest.min(patience.slept);
        }
        let _busy = thread.enter();
        // One that may have to panic is not there for good.
        if patience._posted.is_none() && !reaction::may_give_way(thread.id()) {
            patience._posted = board::post(thread, Awaited::Within);
        }
        self.watch = Watch::go_on(thread).or_else(|| Watch::look_for_strays(thread));
        self.watch.is_some()
    }

    /// Somebody has roused the thread.
    pub(crate) fn poked(&mut self) {
        self.may_have_to_give_way();
        if let (None, Some(thread)) = (&self.watch, self.seat.and_then(|_| waiting())) {
            self.watch = Watch::go_on(thread);
        }
    }

    /// The thread has slept for a while, and looks up by itself.
    fn looks_up(&mut self) {
        self.may_have_to_give_way();
        if self.until().is_some_and(|moment| moment <= Instant::now()) {
            self.look();
        }
    }

    fn may_have_to_give_way(&mut self) {
        let (Some(slot), Some(thread)) = (self.seat, waiting()) else { return };
        let text = slot.seat().lock().give_way.take();
        if let Some(text) = text {
            self.watch = None;
            give_way(thread, text);
        }
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        self.watch = None;
        // The board is left before the wait is over for the process's own threads.
        self.patience = None;
        if let Some(slot) = self.seat {
            // Freed when the lock is free again.
            let _old = std::mem::take(&mut *slot.seat().lock());
        }
    }
}

/// The calling thread, if others can see it wait for as long as it takes.
fn waiting() -> Option<&'static Thread> {
    current_if_known().filter(|thread| thread.wait_slot().is_waiting_for_good())
}

/// How long a wait that nobody can rouse goes on before its thread looks whether it is to give way. Longer than the
/// first looks of a vigil, for which the thread must seem to sleep all the time.
const SLICE: Duration = Duration::from_millis(300);

/// Runs `wait` until it says that the wait is over. The calling thread cannot be roused meanwhile: where it may have
/// to give way, it waits for a slice at a time, until the moment it is given; else for as long as it takes (`None`).
pub(crate) fn in_slices<R>(mut wait: impl FnMut(Option<Instant>) -> Option<R>) -> R {
    let thread = may_give_way();
    if let Some(slot) = thread.map(Thread::wait_slot) {
        slot.seat().lock().looks_up = true;
    }
    let _seat = thread.map(|thread| OutOfSeat(thread.wait_slot()));
    loop {
        if let Some(result) = wait(thread.map(|_| Instant::now() + SLICE)) {
            return result;
        }
        if let Some(thread) = thread {
            let text = thread.wait_slot().seat().lock().give_way.take();
            text.into_iter().for_each(|text| give_way(thread, text));
        }
    }
}

/// As [`in_slices`], and keeps vigil between the slices, as a thread that is parked does. One who waits for long calls
/// `look` now and then.
pub(crate) fn patiently<R>(look: &dyn Fn(), mut wait: impl FnMut(Option<Instant>) -> Option<R>) -> R {
    let mut vigil = Vigil::of_sliced();
    let slice = may_give_way().map(|_| SLICE);
    loop {
        let next = vigil.until();
        let until = slice.map(|slice| Instant::now() + slice);
        let until = next.map_or(until, |next| Some(until.map_or(next, |until| until.min(next))));
        if let Some(result) = wait(until) {
            return result;
        }
        vigil.looks_up();
        look();
    }
}

/// The calling thread, if it waits for as long as it takes and may have to panic out of that.
fn may_give_way() -> Option<&'static Thread> {
    reaction::somebody_may_give_way().then(waiting).flatten().filter(|thread| {
        let _busy = thread.enter();
        reaction::may_give_way(thread.id())
    })
}

/// Whoever sits there leaves when this is dropped.
struct OutOfSeat(&'static WaitSlot);

impl Drop for OutOfSeat {
    fn drop(&mut self) {
        // Freed when the lock is free again.
        let _old = std::mem::take(&mut *self.0.seat().lock());
    }
}

/// The thread ends its wait by a panic.
pub(super) fn give_way(thread: &Thread, text: String) {
    thread.wait_slot().retract();
    panic!("{text}");
}

/// What follows from a look.
enum Outlook {
    /// Nothing yet.
    Again,
    /// Somebody runs who will look himself.
    Over,
    /// All there is to say has been said, or there was time enough.
    Done,
    /// The world stands still, and the calling thread is to give way.
    GiveWay(String),
}

impl Watch {
    /// Goes on watch, if everybody waits and nobody else is.
    fn go_on(thread: &'static Thread) -> Option<Watch> {
        // Pairs with the fence of `Watch::drop`, see `ON_WATCH`; the wait was published before.
        fence(Ordering::SeqCst);
        let slot = thread.slot();
        if !everybody_waits(slot)
            || ON_WATCH.compare_exchange(0, slot, Ordering::SeqCst, Ordering::SeqCst).is_err()
        {
            return None;
        }
        let now = Instant::now();
        Some(Watch { thread, began: now, next: now + FIRST_LOOK, looks: 0, last: None, stray: false })
    }

    /// Goes on watch for two looks, although somebody seems not to wait.
    fn look_for_strays(thread: &'static Thread) -> Option<Watch> {
        let now = Instant::now();
        if rests_for(now).is_some()
            || ON_WATCH.compare_exchange(0, thread.slot(), Ordering::SeqCst, Ordering::SeqCst).is_err()
        {
            return None;
        }
        Some(Watch { thread, began: now, next: now, looks: 0, last: None, stray: true })
    }

    /// One of the two. The world that is found to move is left alone, until the wait has become twice as long.
    fn look_once_or_twice(&mut self) -> Outlook {
        let _busy = self.thread.enter();
        if everybody_waits(self.thread.slot()) {
            return Outlook::Over;
        }
        let began = Instant::now();
        // Somebody who may wake one that nobody watches is a reason to say nothing.
        let is_believed = |look: &Look| look.doubt.is_none_or(|doubt| doubt == HARNESS);
        let look = Look::take(self.thread).filter(is_believed);
        let now = Instant::now();
        let rest = since_the_first(now + (now - began) * REST);
        RESTS_UNTIL.fetch_max(rest, Ordering::Relaxed);
        if look.is_none() || self.last.is_some() && look != self.last {
            return Outlook::Over;
        }
        if look == self.last {
            return self.stands_still();
        }
        self.last = look;
        self.next = now + APART;
        Outlook::Again
    }

    fn look(&mut self) -> Outlook {
        if self.stray {
            return self.look_once_or_twice();
        }
        let _busy = self.thread.enter();
        if !everybody_waits(self.thread.slot()) {
            return Outlook::Over;
        }
        let look = Look::take(self.thread);
        if look.is_some() && look == self.last {
            return self.stands_still();
        }
        self.last = look;
        self.looks += 1;
        if self.looks >= LOOKS {
            return Outlook::Done;
        }
        let distance = APART * (1 << (self.looks - 1));
        self.next = Instant::now() + distance;
        Outlook::Again
    }

    /// Says who is stuck, and makes somebody give way where that is asked for.
    fn stands_still(&mut self) -> Outlook {
        let mut scene = waits::scene();
        scene.snapshot.complete = true;
        scene.snapshot.held_aside = waits::held_aside();
        let doubt = match &self.last {
            Some(look) if look.waits == scene.sequences => look.doubt,
            _ => return Outlook::Over,
        };
        let mut own = None;
        for stuck in told(&scene, self.thread) {
            let locks = scene.locks_of(&stuck.threads);
            let mut sides: Vec<ThreadId> = stuck.threads.iter().map(|side| side.request.thread).collect();
            if stuck.kind == StuckKind::LostWakeup {
                // The notifier has nothing to give up.
                sides.truncate(1);
            }
            let text = reaction::standstill(stuck, &locks, doubt.map(str::to_owned), self.began);
            let Some(text) = text else { continue };
            let taken = sides.into_iter().any(|side| {
                if side == self.thread.id() {
                    own = Some(text.clone());
                    return true;
                }
                make_give_way(side, &text)
            });
            if !taken && own.is_none() && doubt.is_none_or(|doubt| doubt == HARNESS) {
                reaction::nobody_can_give_way();
            }
        }
        own.map_or(Outlook::Done, Outlook::GiveWay)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        ON_WATCH.store(0, Ordering::SeqCst);
        // Pairs with the fence of `go_on`, see `ON_WATCH`.
        fence(Ordering::SeqCst);
    }
}

/// For how long nobody is to look for waits that are not watched.
fn rests_for(now: Instant) -> Option<Duration> {
    let left = RESTS_UNTIL.load(Ordering::Relaxed).checked_sub(since_the_first(now))?;
    (left > 0).then(|| Duration::from_millis(left))
}

/// Milliseconds since the first call.
fn since_the_first(moment: Instant) -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    moment.saturating_duration_since(*FIRST.get_or_init(Instant::now)).as_millis() as u64
}

/// What a reader should hear of: the waits for signals, and a circle that was not seen when it closed.
fn told(scene: &Scene, thread: &Thread) -> Vec<Stuck> {
    let all = scene.snapshot.standstill();
    if all.is_empty() { scene.snapshot.circle_from(thread.id()).into_iter().collect() } else { all }
}

/// Makes the thread panic out of its wait, if it can be roused.
pub(super) fn make_give_way(thread: ThreadId, text: &str) -> bool {
    let mut done = false;
    registry::for_each_thread(|shared, _| {
        if shared.id() == thread {
            let mut seat = shared.wait.seat().lock();
            let parker = seat.parker.clone();
            if parker.is_some() || seat.looks_up {
                seat.give_way = Some(text.to_owned());
                done = true;
            }
            drop(seat);
            parker.iter().for_each(|parker| parker.poke());
        }
    });
    done
}

/// A thread leaves. It is not among those who are known any more.
pub(crate) fn left(thread: ThreadId) {
    // Pairs with the fence of `Watch::drop`, see `ON_WATCH`.
    fence(Ordering::SeqCst);
    if everybody_waits(0) {
        rouse(|waiter| !waiter.waits_for_the_end_of(thread));
    }
}

/// A thread is about to wait where it cannot look itself. Its wait is published.
pub(crate) fn rouse_another(thread: &Thread) {
    fence(Ordering::SeqCst);
    // One who is on watch looks again.
    if ON_WATCH.load(Ordering::SeqCst) == 0 && everybody_waits(thread.slot()) {
        let _busy = thread.enter();
        rouse(|_| true);
    }
}

/// Makes somebody who waits go on watch, as long as `each` of those who wait has no reason against it.
fn rouse(each: impl Fn(&WaitSlot) -> bool) {
    let mut somebody = None;
    let mut good = true;
    registry::for_each_thread(|shared, _| {
        good &= each(&shared.wait);
        if somebody.is_none() {
            somebody = shared.wait.seat().lock().parker.clone();
        }
    });
    if good && let Some(parker) = somebody {
        parker.poke();
    }
}

impl Look {
    /// `None` if somebody is awake, or asleep in a way that says nothing.
    fn take(thread: &Thread) -> Option<Look> {
        let waits = published(thread)?;
        let mut look = Look { waits: Vec::new(), tasks: Vec::new(), doubt: None };
        let all = tasks::all()?;
        let own = lifecycle::os_id() as u32;
        let is_known = |task: u32| waits.iter().any(|(_, _, known)| *known == task);
        // Those of whom nothing is known come first: they are the ones who are awake, if anybody is.
        let (known, others): (Vec<u32>, Vec<u32>) =
            all.iter().filter(|&&task| task != own).partition(|&&task| is_known(task));
        for &task in others.iter().chain(&known) {
            let asleep = tasks::sleep(task, &all)?;
            let is_known = is_known(task);
            // One that is known waits for good, and sleeps in slices.
            if asleep.timed && !is_known {
                let is_harness = task == std::process::id() && family::in_test_harness();
                look.doubt = Some(is_harness.then_some(HARNESS)?);
            }
            if asleep.shared && !is_known {
                look.doubt = look.doubt.or(Some("another process can"));
            }
            look.tasks.push((task, if is_known { 0 } else { asleep.switches }));
        }
        if tasks::has_timer() {
            return None;
        }
        look.tasks.sort_unstable();
        // Every published wait is that of a thread that is there.
        let there = |known: u32| known == own || all.contains(&known);
        if !waits.iter().all(|(_, _, known)| there(*known)) {
            return None;
        }
        if tasks::handles_signals() {
            look.doubt = look.doubt.or(Some("a signal handler can"));
        }
        look.waits = waits.into_iter().map(|(thread, sequence, _)| (thread, sequence)).collect();
        Some(look)
    }
}

/// The published waits, each with its sequence number and the kernel's number of its thread; `None` if one of them
/// may end by itself, or from outside. Who has published none is not there: the kernel knows whether he sleeps.
fn published(thread: &Thread) -> Option<Vec<(ThreadId, u32, u32)>> {
    let mut all = Vec::new();
    let mut for_good = true;
    registry::for_each_thread(|shared, _| {
        let slot = &shared.wait;
        // The number first: a wait that is published after it was read counts as none, and its thread has moved.
        let sequence = slot.sequence();
        if sequence % 2 == 1 {
            for_good &= slot.is_waiting_for_good();
            all.push((shared.id(), sequence, slot.task()));
        }
    });
    (for_good && all.iter().any(|(id, _, _)| *id == thread.id())).then_some(all)
}
