//! The closed world: when every thread of the process waits without a timeout, nobody is left to end any of the
//! waits.
//!
//! | who | does |
//! |---|---|
//! | a thread that is about to wait, when all others that are known wait | keeps vigil: it looks again after a moment, and a few times more at growing distances |
//! | a thread that leaves, when all others that are known wait | rouses one of them to keep vigil |
//! | a thread that is about to wait in code that is not ours, where it cannot look | the same |
//! | a thread that keeps vigil | compares two looks; if nothing has moved between them, the world stands still |
//!
//! So nobody polls: a look is taken by a thread that waits anyway, in place of sleeping on, and only for a bounded time
//! after something has happened. A wait that ends within the first moment costs a look at the others' wait slots and
//! nothing else. One thread keeps vigil at a time ([`ON_WATCH`]): its own sleep has an end, for which the others
//! would not take it for stuck.
//!
//! **Why two equal looks are enough.** A look finds all of the kernel's threads of this process asleep on futexes
//! without a timeout, but for the one who looks. If each of them has slept from its place in the first look until its place
//! in the second (the kernel counts how often a thread goes to sleep), then there was a moment between the two in
//! which all slept, and who could have woken one of them was asleep himself. The published waits say what for.
//!
//! What stays possible is said as a doubt, and the finding is only a likely one: a signal handler, another process
//! that shares the futex, the test harness's own thread (asleep with a timeout, to say that a test takes long).
//! A thread that sleeps in any other system call, or runs, can do anything: then nothing is said.
//!
//! Linux only, see [`super::tasks`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

use lockcheck_checker::waits::Stuck;
use lockcheck_events::{StuckKind, ThreadId};

use super::context::{Thread, current_if_known};
use super::waits::{self, Scene, WaitSlot, everybody_waits};
use super::{family, reaction, registry, tasks};
use crate::base::park::Parker;

/// How long a wait lasts before the first look: most are over by then.
const FIRST_LOOK: Duration = Duration::from_millis(1);
/// Looks of one vigil. The distance doubles from the second on: the last is a second after the first.
const LOOKS: u32 = 11;

/// Why it may not be a standstill: the thread that waits for the tests looks at the clock now and then.
const HARNESS: &str = "the test harness can";

/// The slot number of the thread that keeps vigil; 0: none does.
///
/// Sequentially consistent, as are the fences beside it: a thread that goes off watch and then finds that everybody
/// waits, and one that publishes its wait and then finds somebody on watch, cannot both miss each other.
static ON_WATCH: AtomicU32 = AtomicU32::new(0);

/// What a thread does while it waits: nothing, or it looks whether the world stands still.
pub(crate) struct Vigil {
    /// The place from which it can be roused.
    seat: Option<&'static WaitSlot>,
    watch: Option<Watch>,
}

/// The thread is on watch.
struct Watch {
    thread: &'static Thread,
    began: Instant,
    next: Instant,
    looks: u32,
    last: Option<Look>,
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
        let Some(thread) = waiting() else { return Vigil { seat: None, watch: None } };
        let slot = thread.wait_slot();
        slot.seat().lock().parker = Some(Arc::clone(parker));
        Vigil { seat: Some(slot), watch: Watch::go_on(thread) }
    }

    /// Of a thread about to block on something else.
    pub(crate) fn of_blocked() -> Vigil {
        Vigil { seat: None, watch: waiting().and_then(Watch::go_on) }
    }

    /// When to look next; `None`: never, unless roused.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.watch.as_ref().map(|watch| watch.next)
    }

    /// It is time to look.
    pub(crate) fn look(&mut self) {
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

    /// Somebody has roused the thread.
    pub(crate) fn poked(&mut self) {
        let (Some(slot), Some(thread)) = (self.seat, waiting()) else { return };
        let text = slot.seat().lock().give_way.take();
        if let Some(text) = text {
            self.watch = None;
            give_way(thread, text);
        }
        if self.watch.is_none() {
            self.watch = Watch::go_on(thread);
        }
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        self.watch = None;
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
    let thread = reaction::somebody_may_give_way().then(waiting).flatten().filter(|thread| {
        let _busy = thread.enter();
        reaction::may_give_way(thread.id())
    });
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

/// Whoever sits there leaves when this is dropped.
struct OutOfSeat(&'static WaitSlot);

impl Drop for OutOfSeat {
    fn drop(&mut self) {
        // Freed when the lock is free again.
        let _old = std::mem::take(&mut *self.0.seat().lock());
    }
}

/// The thread ends its wait by a panic.
fn give_way(thread: &Thread, text: String) {
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
        Some(Watch { thread, began: now, next: now + FIRST_LOOK, looks: 0, last: None })
    }

    fn look(&mut self) -> Outlook {
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
        let distance = FIRST_LOOK * (1 << (self.looks - 1));
        self.next = Instant::now() + distance;
        Outlook::Again
    }

    /// Says who is stuck, and makes somebody give way where that is asked for.
    fn stands_still(&mut self) -> Outlook {
        let mut scene = waits::scene();
        scene.snapshot.complete = true;
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

/// What a reader should hear of: the waits for signals, and a circle that was not seen when it closed.
fn told(scene: &Scene, thread: &Thread) -> Vec<Stuck> {
    let all = scene.snapshot.standstill();
    if all.is_empty() { scene.snapshot.circle_from(thread.id()).into_iter().collect() } else { all }
}

/// Makes the thread panic out of its wait, if it can be roused.
fn make_give_way(thread: ThreadId, text: &str) -> bool {
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
        let own = super::lifecycle::os_id() as u32;
        for &task in all.iter().filter(|&&task| task != own) {
            let asleep = tasks::sleep(task, &all)?;
            let is_known = waits.iter().any(|(_, _, known)| *known == task);
            // One that is known waits for good, and sleeps in slices.
            if asleep.timed && !is_known {
                let is_harness = task == std::process::id() && family::in_test_harness();
                look.doubt = Some(is_harness.then_some(HARNESS)?);
            }
            if asleep.shared && !is_known {
                look.doubt = look.doubt.or(Some("another process can"));
            }
            look.tasks.push((task, asleep.switches));
        }
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

/// The published waits, each with its sequence number and the kernel's number of its thread; `None` if some thread
/// that is known does not wait.
fn published(thread: &Thread) -> Option<Vec<(ThreadId, u32, u32)>> {
    let mut all = Vec::new();
    let mut complete = true;
    registry::for_each_thread(|shared, _| {
        let slot = &shared.wait;
        complete &= slot.is_waiting_for_good();
        all.push((shared.id(), slot.sequence(), slot.task()));
    });
    (complete && all.iter().any(|(id, _, _)| *id == thread.id())).then_some(all)
}
