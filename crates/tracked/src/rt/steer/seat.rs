//! Where a thread under control waits for its turn. Nothing spins: a thread that has to wait is put aside by the kernel
//! thread that carries it, or sleeps in the kernel ([`super::carrier`]).
//!
//! The sleep is not std's `park`: its token is the program's own.
//!
//! An order is given to a seat by whoever runs, and taken by the one thread that sits there. There is never more than
//! one order under way: whoever gives it stops running.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::baton::{Baton, Word};
use super::carrier::{Berth, Carrier};
#[cfg(target_os = "linux")]
use super::futex;

/// What a thread that sat still is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Order {
    /// Nothing was ordered.
    None = 0,
    /// Do the operation.
    Go = 1,
    /// Give the operation up: its time is over.
    Late = 2,
    /// Say where you stand, and sit down again.
    Testify = 3,
    /// The run is over: unwind.
    Unwind = 4,
    /// Go on without what you asked for: who has it will never run again.
    Seize = 5,
    /// Go home.
    Quit = 6,
    /// Keep watch over one who is out of control, and sit down again.
    Watch = 7,
    /// Wait, loudly, until one who is out of control comes back.
    Wait = 8,
}

const ORDERS: [Order; 9] = [
    Order::None,
    Order::Go,
    Order::Late,
    Order::Testify,
    Order::Unwind,
    Order::Seize,
    Order::Quit,
    Order::Watch,
    Order::Wait,
];

/// What a thread of the pool is lent for.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The word of a seat, on which whoever sits there sleeps.
struct Bed {
    word: AtomicU32,
    /// Who sits here; set before the first order can be given.
    thread: OnceLock<Thread>,
    /// Where threads are carried: its place there.
    berth: Option<Berth>,
}

/// The place of one thread.
pub(crate) struct Seat {
    baton: Baton<Bed>,
    /// The run-time's number for it.
    id: AtomicU32,
    #[cfg(unix)]
    pthread: std::sync::atomic::AtomicUsize,
    /// For a thread of the pool: what to do at the next order, and as which worker.
    pub(super) job: Mutex<Option<(u32, Job)>>,
}

impl Seat {
    /// A seat among those that the carrier carries, if there is one.
    pub(crate) fn new(carrier: Option<&Arc<Carrier>>) -> Seat {
        Seat {
            baton: Baton(Bed {
                word: AtomicU32::new(Order::None as u32),
                thread: OnceLock::new(),
                berth: carrier.map(Berth::new),
            }),
            id: AtomicU32::new(0),
            #[cfg(unix)]
            pthread: std::sync::atomic::AtomicUsize::new(0),
            job: Mutex::new(None),
        }
    }

    /// The calling thread sits here from now on.
    pub(crate) fn take(&self) {
        self.baton.0.thread.get_or_init(std::thread::current);
        // Relaxed, here and below: whoever asks has the seat from this thread, or from who waited for it to sit down.
        if let Some(thread) = crate::rt::current() {
            self.id.store(thread.id().0, Ordering::Relaxed);
        }
        // SAFETY: takes no arguments and cannot fail.
        #[cfg(unix)]
        self.pthread.store(unsafe { libc::pthread_self() } as usize, Ordering::Relaxed);
    }

    /// The calling thread, which sits here, explores: it carries the others, where they are carried.
    pub(crate) fn explores(&self) {
        if let Some(berth) = self.berth() {
            berth.explores();
        }
    }

    /// Its place among those who are carried.
    pub(super) fn berth(&self) -> Option<&Berth> {
        self.baton.0.berth.as_ref()
    }

    /// From now on each thread runs on its own, as the calling one, which sits here, needs to.
    pub(super) fn disembark(&self) {
        if let Some(berth) = self.berth() {
            berth.disembark();
        }
    }

    /// The run-time's number for who sits here.
    pub(crate) fn thread_id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    /// The system's handle for who sits here.
    #[cfg(unix)]
    pub(crate) fn pthread(&self) -> libc::pthread_t {
        self.pthread.load(Ordering::Relaxed) as libc::pthread_t
    }

    /// The handle of the thread that sits here.
    pub(crate) fn thread(&self) -> Option<&Thread> {
        self.baton.0.thread.get()
    }

    /// Gives an order.
    pub(crate) fn give(&self, order: Order) {
        self.baton.give(order as u32);
    }

    /// Whoever sits here idly goes home.
    pub(super) fn dismiss(&self) {
        self.baton.0.word.store(Order::Quit as u32, Ordering::Release);
        if !self.berth().is_some_and(Berth::send_home) {
            self.baton.0.rouse();
        }
    }

    /// Sleeps until an order comes. One who goes home does so by itself from here on.
    pub(crate) fn wait(&self) -> Order {
        let order = order_of(self.baton.wait());
        if order == Order::Quit
            && let Some(berth) = self.berth()
        {
            berth.land();
        }
        order
    }

    /// The same, for so long at the most.
    pub(crate) fn wait_for(&self, patience: Duration) -> Order {
        order_of(self.baton.wait_for(patience))
    }
}

fn order_of(word: u32) -> Order {
    ORDERS[word as usize % ORDERS.len()]
}

impl Word for Bed {
    fn load(&self, order: Ordering) -> u32 {
        self.word.load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        self.word.store(value, order);
    }

    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.word.swap(value, order)
    }

    fn rouse(&self) {
        if !self.berth.as_ref().is_some_and(Berth::rouse) {
            self.rouse_in_kernel();
        }
    }

    fn sleep_while_zero(&self, patience: Option<Duration>) {
        match (&self.berth, patience) {
            (Some(berth), None) if berth.sleep() => {}
            _ => self.sleep_in_kernel(patience),
        }
    }
}

#[cfg(target_os = "linux")]
impl Bed {
    fn rouse_in_kernel(&self) {
        futex::wake(self.word.as_ptr());
    }

    fn sleep_in_kernel(&self, patience: Option<Duration>) {
        futex::wait(&self.word, Order::None as u32, patience);
    }
}

#[cfg(not(target_os = "linux"))]
impl Bed {
    fn rouse_in_kernel(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn sleep_in_kernel(&self, patience: Option<Duration>) {
        match patience {
            None => std::thread::park(),
            Some(patience) => std::thread::park_timeout(patience),
        }
    }
}
