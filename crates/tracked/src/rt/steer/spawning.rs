//! Starting and joining under control: a spawn borrows a thread of the pool, a join waits for its worker's end.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Result as ThreadResult;

use lockcheck_events::{LockId, ThreadId};
use lockcheck_explorer::{Access, Object, OperationKind, Worker};
use parking_lot::{Condvar, Mutex};

use super::controller::{BY_ADDRESS, Member, Obstacle, Stand};
use super::operations::{self, Touched};
use super::pool::{self, Make};
use super::seat::{Job, Seat};
use super::{Me, SentHome, is_sent_home, panics};
use crate::rt::context::{Place, Thread};
use crate::rt::waits::{self, Wait};

/// What a worker leaves for whoever joins it.
struct Packet<T> {
    result: Mutex<Option<ThreadResult<T>>>,
    /// Set when the result is there. Release and Acquire: whoever sees it finds the result.
    over: AtomicBool,
    /// For joiners that are not under control.
    changed: Condvar,
}

impl<T> Packet<T> {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// What its being there is known by.
    fn key(&self) -> u64 {
        std::ptr::from_ref(&self.over).addr() as u64 | BY_ADDRESS
    }

    fn put(&self, result: ThreadResult<T>) {
        *self.result.lock() = Some(result);
        self.over.store(true, Ordering::Release);
        self.changed.notify_all();
    }
}

/// The right to wait for the end of a worker.
pub(crate) struct Lent<T> {
    packet: Arc<Packet<T>>,
    /// Set when the worker has ended.
    over: Arc<AtomicBool>,
    /// The thread that serves the worker.
    handle: std::thread::Thread,
    #[cfg(unix)]
    pub(crate) pthread: libc::pthread_t,
    worker: u32,
    thread: ThreadId,
    /// What stands for its end where that is waited for.
    end: LockId,
    started: Place,
}

// SAFETY: made only by `spawn`, where `T` may go from thread to thread; shared, it gives nothing of `T` away.
unsafe impl<T> Send for Lent<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Lent<T> {}

impl<T> std::panic::UnwindSafe for Lent<T> {}
impl<T> std::panic::RefUnwindSafe for Lent<T> {}

/// Starts a worker.
///
/// # Safety
///
/// What `f` borrows must live until the worker has ended.
pub(crate) unsafe fn spawn<'a, F, T>(
    (me, thread): (Me, &Thread),
    make: Make,
    started: Place,
    scope: Option<usize>,
    f: F,
) -> io::Result<Lent<T>>
where
    F: FnOnce() -> T + Send + 'a,
    T: Send + 'a,
{
    let index = thread.next_event();
    operations::stop_shortly(me, thread, &|| Stand {
        fixed: Some((Object::SPAWNS, Access::Write)),
        ..Stand::new(OperationKind::Spawn, index, Some(started))
    });
    let _busy = thread.enter();
    let seat = seat_for(me, &make)?;
    let packet =
        Arc::new(Packet { result: Mutex::new(None), over: AtomicBool::new(false), changed: Condvar::new() });
    let theirs = Arc::clone(&packet);
    let job: Box<dyn FnOnce() + Send + 'a> = Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(f));
        if let Err(payload) = &result {
            panics::note(&**payload);
        }
        operations::ends_finely(theirs.key());
        theirs.put(result);
    });
    // SAFETY: only the lifetime changes; the caller promises that what is borrowed outlives the worker, which runs or
    // drops the job before it ends.
    let job = unsafe { std::mem::transmute::<Box<dyn FnOnce() + Send + 'a>, Job>(job) };
    let id = ThreadId(seat.thread_id());
    let member = Member::new(Arc::clone(&seat), id, make.name, Some(started));
    let mut state = me.controller().state();
    let over = Arc::clone(&member.over);
    let worker = state.enrol(member, Worker(me.worker));
    if let Some(scope) = scope {
        state.scopes.push((scope, worker));
    }
    *seat.job.lock() = Some((worker, job));
    drop(state);
    let handle = seat.thread().cloned().unwrap_or_else(std::thread::current);
    Ok(Lent {
        packet,
        over,
        handle,
        #[cfg(unix)]
        pthread: seat.pthread(),
        worker,
        thread: id,
        end: thread.next_lock_id(),
        started,
    })
}

/// An idle thread, or a new one.
fn seat_for(me: Me, make: &Make) -> io::Result<Arc<Seat>> {
    let mut state = me.controller().state();
    if let Some(seat) = state.pool.take(make) {
        return Ok(seat);
    }
    let company = state.pool.company();
    drop(state);
    let (seat, handle) = pool::start(&me.controller().handle, make, company)?;
    me.controller().state().pool.keep(handle);
    Ok(seat)
}

impl<T> Lent<T> {
    /// The handle of the thread that serves the worker.
    pub(crate) fn handle(&self) -> &std::thread::Thread {
        &self.handle
    }

    /// The run-time's number for the thread that serves the worker.
    pub(crate) fn thread_id(&self) -> ThreadId {
        self.thread
    }

    /// Whether the closure has returned, for one who goes by it.
    pub(crate) fn asks_whether_over(&self, site: Place) -> bool {
        if let Some((_, thread)) = super::me() {
            let key = self.packet.key();
            operations::visible(thread, OperationKind::Peek, key, Access::Read, Some(site));
        }
        self.packet.is_over()
    }

    /// Waits for the worker's end.
    pub(crate) fn join(self, site: Place) -> ThreadResult<T> {
        match super::me() {
            Some(own) => {
                let over = &*self.over;
                let is_over = || over.load(Ordering::Acquire);
                wait_for_end(own, site, self.worker, self.end, self.started, self.thread, &is_over);
            }
            None => {
                let mut result = self.packet.result.lock();
                while result.is_none() {
                    self.packet.changed.wait(&mut result);
                }
            }
        }
        // Without a result, the one who waits is being sent home.
        self.packet.result.lock().take().unwrap_or_else(|| Err(Box::new(SentHome)))
    }
}

/// Waits, in sight, until `over`, which says whether the worker has ended.
fn wait_for_end(
    (me, thread): (Me, &Thread),
    site: Place,
    worker: u32,
    end: LockId,
    started: Place,
    target: ThreadId,
    over: &(dyn Fn() -> bool + Sync),
) {
    let wanted = waits::join_hold(thread, end, started, site);
    let life = Touched::Fixed(Object::life(Worker(worker)), Access::Read);
    operations::in_sight(Wait::for_thread(wanted, target), || {
        operations::wait_until((me, thread), OperationKind::Join, Some(life), None, over)
    });
    let _busy = thread.enter();
    if let Some(member) = me.controller().state().members.get_mut(worker as usize) {
        member.joined = true;
    }
}

/// A scope comes to its end: waits for its workers, also when the calling one is being sent home: they borrow from its
/// stack. Whether one of them panicked that nobody joined.
pub(crate) fn end_scope((me, thread): (Me, &Thread), address: usize, site: Place) -> bool {
    let mut sent_home = None;
    let mut panicked = false;
    while let Some((worker, over)) = next_of_scope(me, thread, address) {
        if over {
            panicked |= takes_panic(me, thread, worker);
            continue;
        }
        let (target, started) = {
            let _busy = thread.enter();
            let state = me.controller().state();
            let member = &state.members[worker as usize];
            (member.thread, member.started.unwrap_or(site))
        };
        let end = thread.next_lock_id();
        let waited = catch_unwind(AssertUnwindSafe(|| {
            wait_for_end_of_member((me, thread), site, worker, end, started, target);
        }));
        if let Err(payload) = waited {
            sent_home = Some(payload);
        }
    }
    match sent_home {
        Some(payload) if is_sent_home(&*payload) && !std::thread::panicking() => resume_unwind(payload),
        _ => panicked,
    }
}

/// As `wait_for_end`, by what the controller knows.
fn wait_for_end_of_member(
    own: (Me, &Thread),
    site: Place,
    worker: u32,
    end: LockId,
    started: Place,
    target: ThreadId,
) {
    let (me, thread) = own;
    let over = {
        let _busy = thread.enter();
        Arc::clone(&me.controller().state().members[worker as usize].over)
    };
    wait_for_end(own, site, worker, end, started, target, &|| over.load(Ordering::Acquire));
}

/// The next worker of the scope, and whether it has ended; one that has is taken off the list.
fn next_of_scope(me: Me, thread: &Thread, address: usize) -> Option<(u32, bool)> {
    let _busy = thread.enter();
    let mut state = me.controller().state();
    let place = state.scopes.iter().position(|(scope, _)| *scope == address)?;
    let worker = state.scopes[place].1;
    let member = &state.members[worker as usize];
    let over = matches!(member.obstacle, Obstacle::Over) || member.is_frozen();
    if over {
        state.scopes.remove(place);
    }
    Some((worker, over))
}

/// Whether the worker panicked and nobody has asked; from here on somebody has.
fn takes_panic(me: Me, thread: &Thread, worker: u32) -> bool {
    let _busy = thread.enter();
    let mut state = me.controller().state();
    let member = &mut state.members[worker as usize];
    member.panic.is_some() && !std::mem::replace(&mut member.joined, true)
}
