//! The threads that are lent to workers: real ones, started when there are too few and used again from run to run, so
//! that a spawn under control costs no system call. They end with the exploration.
//!
//! What persists with them are native thread-locals and the operating system's idea of the thread; a worker with a name
//! or a stack size of its own gets a thread that was started with these. One that has made a value of
//! `tracked::thread_local!` is not lent again.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::carrier::Carrier;
use super::controller::Controller;
use super::seat::{Job, Order, Seat};

thread_local! {
    /// Whether the thread has made a value of a `tracked::thread_local!`.
    static HAS_ITS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread makes a value of a `tracked::thread_local!`, which only the mirrors have.
#[cfg(mirrored)]
pub fn thread_local_made() {
    HAS_ITS_OWN.set(true);
}

/// What a thread was started with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Make {
    pub name: Option<String>,
    pub stack_size: Option<usize>,
}

/// The idle threads of one exploration.
pub(crate) struct Pool {
    idle: Vec<(Make, Arc<Seat>)>,
    handles: Arc<Mutex<Vec<std::thread::JoinHandle<()>>>>,
    /// Each thread serves one worker only.
    fresh: bool,
    /// Who carries them, where they are carried.
    carrier: Option<Arc<Carrier>>,
    /// The processor that all of them run on.
    core: Option<usize>,
    /// A thread has ended before the exploration does.
    has_ended: bool,
    /// Every thread started so far.
    pub started: usize,
}

impl Pool {
    pub(crate) fn new(fresh: bool, carrier: Option<Arc<Carrier>>, core: Option<usize>) -> Pool {
        Pool {
            idle: Vec::new(),
            handles: Arc::new(Mutex::new(Vec::new())),
            fresh,
            carrier,
            core,
            has_ended: false,
            started: 0,
        }
    }

    /// An idle thread made like this.
    pub(super) fn take(&mut self, make: &Make) -> Option<Arc<Seat>> {
        let place = self.idle.iter().rposition(|(own, _)| own == make)?;
        Some(self.idle.swap_remove(place).1)
    }

    /// The calling thread is idle again.
    pub(super) fn give_back(&mut self, make: Make, seat: Arc<Seat>) {
        if self.fresh || HAS_ITS_OWN.get() {
            self.has_ended = true;
            seat.give(Order::Quit);
        } else {
            self.idle.push((make, seat));
        }
    }

    /// Everybody who is idle goes home; gives what to join.
    pub(super) fn close(&mut self) -> Vec<std::thread::JoinHandle<()>> {
        for (_, seat) in self.idle.drain(..) {
            seat.dismiss();
        }
        std::mem::take(&mut *self.handles.lock())
    }

    /// With whom a thread that is started runs, and where.
    pub(super) fn company(&self) -> (Option<Arc<Carrier>>, Option<usize>) {
        (self.carrier.clone(), self.core)
    }

    pub(super) fn keep(&mut self, handle: std::thread::JoinHandle<()>) {
        self.started += 1;
        let mut handles = self.handles.lock();
        if self.has_ended {
            // Those that have ended need not be waited for.
            handles.retain(|handle| !handle.is_finished());
        }
        handles.push(handle);
    }
}

/// Starts a thread for the pool; it sits down and waits.
pub(super) fn start(
    controller: &Weak<Controller>,
    make: &Make,
    (carrier, core): (Option<Arc<Carrier>>, Option<usize>),
) -> io::Result<(Arc<Seat>, std::thread::JoinHandle<()>)> {
    let seat = Arc::new(Seat::new(carrier.as_ref()));
    let mut builder = std::thread::Builder::new();
    if let Some(name) = &make.name {
        builder = builder.name(name.clone());
    }
    if let Some(size) = make.stack_size {
        builder = builder.stack_size(size);
    }
    let (own, controller, make) = (Arc::clone(&seat), controller.clone(), make.clone());
    let (ready, sat_down) = std::sync::mpsc::sync_channel(1);
    let handle = builder.spawn(move || {
        own.take();
        super::core::pin(core);
        let _ = ready.send(());
        serve(&own, &controller, &make);
    })?;
    // Its handle must be there before the first order.
    let _ = sat_down.recv();
    if let Some(carrier) = carrier {
        carrier.take_aboard(&seat);
    }
    Ok((seat, handle))
}

/// Does what the seat is ordered to, until it is sent home.
fn serve(seat: &Arc<Seat>, controller: &Weak<Controller>, make: &Make) {
    loop {
        let order = seat.wait();
        if order == Order::Quit {
            return;
        }
        let Some(controller) = controller.upgrade() else { return };
        let job = seat.job.lock().take();
        let Some((worker, job)) = job else { continue };
        // Before it has begun, a worker may be made to keep watch.
        let order = match order {
            Order::Watch | Order::Wait => {
                seat.give(order);
                controller.wait_at(worker, seat)
            }
            order => order,
        };
        run(&controller, seat, worker, order, job);
        let mut state = controller.state();
        super::ended(&mut state, worker);
        state.pool.give_back(make.clone(), Arc::clone(seat));
        controller.pass_away(state, worker);
    }
}

/// Runs the worker's closure under control. It catches the closure's own panics.
fn run(controller: &Arc<Controller>, seat: &Arc<Seat>, worker: u32, order: Order, job: Job) {
    let _under_control = super::Under::control(controller, seat, worker);
    let body = || {
        if order == Order::Go {
            job();
        } else {
            // The run was over before it began. What it would have owned goes all the same.
            drop(job);
        }
    };
    // Only a panic in a destructor of what was never run comes here.
    let _ = catch_unwind(AssertUnwindSafe(body));
}
