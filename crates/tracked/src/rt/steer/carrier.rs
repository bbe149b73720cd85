//! One kernel thread for all threads of an exploration: where it can ([`strand::is_possible`]), the thread that explores
//! takes up the strand of whoever has the baton, and no hand-off costs a system call.
//!
//! It does so until something needs kernel threads that run side by side: a worker that leaves control
//! ([`Berth::disembark`]). From then on, for the rest of the exploration, every thread runs on its own, and sleeps in the
//! kernel until the baton comes. A thread that ends does that on its own in any case.
//!
//! All of it but the sleep of those who board happens on the kernel thread that explores, which is why the words here
//! need no order among themselves.
//!
//! Not here: how a strand is put aside and taken up ([`super::strand`]); what orders there are ([`super::seat`]).

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::core;
use super::seat::Seat;
use super::strand::{self, Strand, TakenUp};

/// The kernel thread that explores, in its part as the one that carries the others.
pub(crate) struct Carrier {
    /// It still does. Release where it is unset pairs with the Acquire of those who come home.
    carries: AtomicBool,
    /// Who has been given an order and is taken up by whoever sleeps next. Relaxed, as the two below: one kernel thread.
    next: AtomicPtr<Strand>,
    /// Who is to be sent home as soon as nothing runs on its stack.
    leaving: AtomicPtr<Strand>,
    /// The strand of the thread that explores, which outlives the exploration.
    pilot: AtomicPtr<Strand>,
    /// The seats of the threads that have boarded, and have not ended for all that is known.
    crew: Mutex<Vec<Weak<Seat>>>,
    /// The processor to share from when nobody is carried any more.
    core: Option<usize>,
}

impl Carrier {
    /// `None` where the kernel has to switch threads.
    pub(super) fn new(core: Option<usize>) -> Option<Arc<Carrier>> {
        strand::is_possible().then(|| {
            Arc::new(Carrier {
                carries: AtomicBool::new(true),
                next: AtomicPtr::default(),
                leaving: AtomicPtr::default(),
                pilot: AtomicPtr::default(),
                crew: Mutex::new(Vec::new()),
                core,
            })
        })
    }

    fn carries(&self) -> bool {
        self.carries.load(Ordering::Acquire)
    }

    /// Adds a thread that is about to board, and waits until it has. If nobody is carried any more, it does not.
    pub(super) fn take_aboard(&self, seat: &Arc<Seat>) {
        let Some(berth) = seat.berth().filter(|_| self.carries()) else { return };
        berth.strand.wait_until_aboard();
        let mut crew = self.crew.lock();
        if crew.len() == crew.capacity() {
            crew.retain(|seat| seat.strong_count() > 0);
        }
        crew.push(Arc::downgrade(seat));
    }

    /// The strand to go on with; that of the thread that explores, where nobody was given an order.
    fn take_next(&self) -> *const Strand {
        let next = self.next.swap(std::ptr::null_mut(), Ordering::Relaxed);
        if next.is_null() { self.pilot.load(Ordering::Relaxed) } else { next }
    }
}

/// Where a thread's strand is while it waits for its turn.
pub(super) struct Berth {
    carrier: Arc<Carrier>,
    strand: Strand,
}

impl Berth {
    pub(super) fn new(carrier: &Arc<Carrier>) -> Berth {
        Berth { carrier: Arc::clone(carrier), strand: Strand::new() }
    }

    /// The berth is that of the calling thread, which explores and carries the others. It stays where it is from now on.
    pub(super) fn explores(&self) {
        self.strand.explores();
        self.carrier.pilot.store(std::ptr::from_ref(&self.strand).cast_mut(), Ordering::Relaxed);
    }

    /// Whoever sleeps next goes on with this strand; `false`: it runs, or sleeps, on its own.
    pub(super) fn rouse(&self) -> bool {
        let carried = self.carrier.carries() && self.strand.is_aboard();
        if carried {
            self.carrier.next.store(std::ptr::from_ref(&self.strand).cast_mut(), Ordering::Relaxed);
        }
        carried
    }

    /// Lets the others run until this strand is taken up again; `false`: it is not carried, and has to sleep.
    pub(super) fn sleep(&self) -> bool {
        if !self.carrier.carries() {
            return false;
        }
        if !self.strand.is_aboard() {
            // SAFETY: the calling thread's own, as a thread sleeps at its own seat only, which it keeps in memory.
            let taken_up = unsafe { self.strand.board() };
            self.arrive(taken_up);
            return true;
        }
        let next = self.carrier.take_next();
        if !std::ptr::eq(next, &self.strand) {
            self.switch(next);
        }
        true
    }

    /// The calling thread is about to end, and does so on its own.
    pub(super) fn land(&self) {
        let me = std::ptr::from_ref(&self.strand);
        if !self.carrier.carries() || !self.strand.is_aboard() || self.is_pilot() {
            return;
        }
        let next = match self.carrier.take_next() {
            own if std::ptr::eq(own, me) => self.carrier.pilot.load(Ordering::Relaxed),
            next => next,
        };
        self.carrier.leaving.store(me.cast_mut(), Ordering::Relaxed);
        self.switch(next);
    }

    /// Every thread runs on its own from now on, the calling one too.
    pub(super) fn disembark(&self) {
        if !self.carrier.carries() {
            return;
        }
        self.carrier.carries.store(false, Ordering::Release);
        for seat in self.carrier.crew.lock().drain(..).filter_map(|seat| seat.upgrade()) {
            let Some(berth) = seat.berth() else { continue };
            if berth.strand.is_aboard() && !std::ptr::eq(berth, self) {
                // SAFETY: it is not the pilot's, which is not among the crew, and not the one that runs.
                unsafe { Strand::send_home(&berth.strand) };
            }
        }
        if self.is_pilot() {
            core::pin(self.carrier.core);
        } else {
            self.carrier.leaving.store(std::ptr::from_ref(&self.strand).cast_mut(), Ordering::Relaxed);
            self.switch(self.carrier.pilot.load(Ordering::Relaxed));
        }
    }

    /// Has a thread that is idle go on by itself, with the order that it was given.
    pub(super) fn send_home(&self) -> bool {
        let carried = self.carrier.carries() && self.strand.is_aboard();
        if carried {
            // SAFETY: aboard, idle, and never the pilot.
            unsafe { Strand::send_home(&self.strand) };
        }
        carried
    }

    fn is_pilot(&self) -> bool {
        std::ptr::eq(self.carrier.pilot.load(Ordering::Relaxed), &self.strand)
    }

    /// Puts the calling strand aside, and goes on with another one.
    fn switch(&self, next: *const Strand) {
        // SAFETY: the pilot outlives the exploration; whoever was given an order sits where it was given to. It is not
        // the calling one, which is carried, so that this is the kernel thread that explores.
        let taken_up = unsafe { self.strand.switch_to(&*next) };
        self.arrive(taken_up);
    }

    /// The calling strand was taken up.
    fn arrive(&self, taken_up: TakenUp) {
        if taken_up == TakenUp::Carried {
            let leaving = self.carrier.leaving.swap(std::ptr::null_mut(), Ordering::Relaxed);
            if !leaving.is_null() {
                // SAFETY: it has just been put aside, in favour of the calling one.
                unsafe { Strand::send_home(leaving) };
            }
        }
        if !self.carrier.carries() {
            core::pin(self.carrier.core);
        }
    }
}
