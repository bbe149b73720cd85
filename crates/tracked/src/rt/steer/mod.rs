//! The controlled scheduler, the side that holds real threads: under [`explore`](crate::explore()) exactly one of them
//! runs at a time, and before each visible operation a strategy (in `lockcheck-explorer`) says which.
//!
//! | file | has |
//! |---|---|
//! | `controller` | who stands where, who has what, who goes on; deadlocks are seen here, when they form |
//! | `baton` | how an order goes from thread to thread; run by loom in `tests/baton.rs` |
//! | `seat`, `pool`, `core` | threads that wait for orders, lent from run to run, on one processor |
//! | `futex` | a word to sleep on in the kernel |
//! | `carrier`, `strand` | one kernel thread that goes from thread to thread, where that is possible |
//! | `verdict` | what a run that cannot go on is called |
//! | `panics` | what threads under control panic with, where, and holding what |
//! | `session` | one run after the other |
//! | `program` | a whole program as one run |
//! | `operations`, `spawning` | what a lock, a wait, a spawn is under control |
//!
//! A thread is under control from the moment its word has the flag `STEERED`, which takes it off the quick paths; what
//! it does is then decided here. Any other thread, in the same process, sees real locks that are sometimes held. Two
//! explorations know nothing of each other.
//!
//! What is not done: no instruction is interleaved that is not an operation of this crate; memory is sequentially
//! consistent; `Instant::now` is not virtual.

mod baton;
mod carrier;
pub(crate) mod controller;
pub(crate) mod core;
#[cfg(target_os = "linux")]
mod futex;
pub(crate) mod operations;
pub(crate) mod panics;
pub(crate) mod pool;
pub(crate) mod program;
pub(crate) mod seat;
pub(crate) mod session;
pub(crate) mod spawning;
#[cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), path = "no_strand.rs")]
pub(crate) mod strand;
mod verdict;

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::controller::{Controller, Obstacle, State};
use self::seat::Seat;
use super::context::{Thread, current};

/// Where the calling thread sits, while it is a worker.
#[derive(Clone, Copy)]
pub(crate) struct Me {
    controller: *const Controller,
    seat: *const Seat,
    pub worker: u32,
}

thread_local! {
    static ME: Cell<Option<Me>> = const { Cell::new(None) };
}

/// The payload with which a worker is sent home from a blocked call. Never seen by the panic hook.
pub(crate) struct SentHome;

/// Whether a panic is one by which a worker is sent home.
pub(crate) fn is_sent_home(payload: &(dyn Any + Send)) -> bool {
    payload.is::<SentHome>()
}

/// The calling thread as a worker, if it is under control now.
#[inline]
pub(crate) fn me() -> Option<(Me, &'static Thread)> {
    let thread = current()?;
    if !thread.is_steered() {
        return None;
    }
    ME.get().map(|me| (me, thread))
}

/// The same where the thread's flag is known.
fn own() -> Option<Me> {
    ME.get()
}

impl Me {
    fn controller(&self) -> &Controller {
        // SAFETY: whoever put the calling thread under control keeps the controller for as long (`Under`).
        unsafe { &*self.controller }
    }

    fn seat(&self) -> &Seat {
        // SAFETY: as above.
        unsafe { &*self.seat }
    }
}

/// The calling thread is a worker for as long as this lives.
pub(crate) struct Under {
    /// What `Me` points to.
    _controller: Arc<Controller>,
    _seat: Arc<Seat>,
    thread: Option<&'static Thread>,
    /// The thread's operations before.
    events: u32,
    /// Its holds before.
    holds: usize,
}

impl Under {
    pub(crate) fn control(controller: &Arc<Controller>, seat: &Arc<Seat>, worker: u32) -> Under {
        let thread = current();
        let (mut events, mut holds) = (0, 0);
        if let Some(thread) = thread {
            let busy = thread.enter();
            ME.set(Some(Me { controller: Arc::as_ptr(controller), seat: Arc::as_ptr(seat), worker }));
            {
                let mut state = controller.state();
                let member = &mut state.members[worker as usize];
                member.thread = thread.id();
                member.holds = thread.holds();
            }
            drop(busy);
            operations::begin();
            // A worker's first operation is that it begins.
            (events, holds) = (thread.steer(u32::from(worker != 0)), thread.held_len());
        }
        Under { _controller: Arc::clone(controller), _seat: Arc::clone(seat), thread, events, holds }
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        if let Some(thread) = self.thread {
            thread.unsteer(self.events, self.holds);
        }
        ME.set(None);
    }
}

/// The worker has ended.
fn ended(state: &mut State, worker: u32) {
    let member = &mut state.members[worker as usize];
    member.obstacle = Obstacle::Over;
    member.holds = std::ptr::null();
    // Release pairs with the Acquire of those who wait for it.
    member.over.store(true, Ordering::Release);
    state.wrote(worker);
}
