//! How threads and the process come and go, as the run-time sees it.
//!
//! A thread arrives with its first tracked operation and leaves through a pthread key, whose destructor runs after
//! all of Rust's thread-locals are gone: locks used in their destructors are still watched. Locks used even later
//! are plain ones.

use std::ffi::c_void;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use lockcheck_events::{Record, ThreadId, TokenId};

use super::context::{Thread, current_if_known, newcomer};
use super::registry::ThreadEntry;
use super::thread::Ended;
use super::{
    contention, dump, family, knowledge, mode, notices, record, registry, standstill, steer, strays,
};

/// What a thread that was started through the tracked API knows of its start.
#[derive(Clone)]
pub(crate) struct Origin {
    /// The id it was given before it started.
    pub id: ThreadId,
    /// Its parent.
    pub parent: ThreadId,
    /// The point in its parent's life that it comes after.
    pub token: TokenId,
    /// The scope it inherits.
    pub scope: Option<String>,
    /// The name it was given.
    pub name: Option<String>,
    /// Where its end is noted.
    pub ended: Ended,
}

/// A thread id nobody else has.
pub(crate) fn next_thread_id() -> ThreadId {
    // Relaxed: only uniqueness matters. From 1: 0 is nobody.
    static NEXT: AtomicU32 = AtomicU32::new(1);
    ThreadId(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The calling thread's first tracked operation.
#[cold]
pub(crate) fn arrive(thread: &'static Thread) -> Option<&'static Thread> {
    thread.meet();
    if !mode::decide() {
        thread.unmeet();
        return None;
    }
    enlist(thread, None);
    steer::program::arrive(thread);
    Some(thread)
}

/// The calling thread's first moment, for one that was started through the tracked API.
pub(crate) fn start(origin: Origin) {
    if let Some(thread) = newcomer() {
        thread.meet();
        enlist(thread, Some(origin));
    }
}

fn enlist(thread: &'static Thread, origin: Option<Origin>) {
    prepare_process();
    let id = origin.as_ref().map_or_else(next_thread_id, |origin| origin.id);
    thread.begin(id, registry::idle_shared(), origin.as_ref().map(|origin| origin.ended.clone()));
    call_on_exit();
    let (parent, token, scope, name) = match origin {
        Some(Origin { parent, token, scope, name, .. }) => (Some(parent), Some(token), scope, name),
        None => {
            let name = own_name();
            (None, None, family::scope_of_stranger(name.as_deref()), name)
        }
    };
    registry::THREADS.insert(id, ThreadEntry { name: name.clone(), scope: scope.clone(), parent });
    knowledge::file(Record::ThreadStart { thread: id, name, parent, os_id: os_id(), scope });
    if let Some(token) = token {
        knowledge::after(thread, token);
        knowledge::forget(&[token]);
    }
    record::arrive(thread, parent.is_some());
    thread.watch();
}

/// What the main thread goes by, where the whole process has a name.
static PROCESS_NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Names the process, in whose main thread this is, before anything of it is watched.
#[cfg(all(feature = "process", target_os = "linux"))]
pub(crate) fn name_process(name: &str) {
    // The second name of a process would be as good as the first.
    let _ = PROCESS_NAME.set(name.to_owned());
}

/// The name std knows; the main thread has one too, that of the process if it was given one.
fn own_name() -> Option<String> {
    if let Some(name) = PROCESS_NAME.get()
        && os_id() == u64::from(std::process::id())
    {
        return Some(name.clone());
    }
    std::thread::current().name().map(str::to_owned)
}

/// The operating system's number for the calling thread, be it another kernel thread that runs it now.
pub(crate) fn os_id() -> u64 {
    #[cfg(target_os = "linux")]
    // SAFETY: takes no arguments and cannot fail.
    return steer::strand::task().map_or_else(|| unsafe { libc::gettid() } as u64, u64::from);
    #[cfg(not(target_os = "linux"))]
    0
}

/// Once for the process: what must happen when it forks or ends.
fn prepare_process() {
    static PREPARE: Once = Once::new();
    PREPARE.call_once(|| {
        // SAFETY: both functions are `extern "C"`, touch only atomics or the run-time's own state, and live as long
        // as the program.
        unsafe {
            libc::pthread_atfork(None, None, Some(forked));
            libc::atexit(exiting);
        }
        dump::prepare();
    });
}

/// In the child of a fork only the calling thread lives on, and any lock of the run-time may be held by one that
/// does not: the child runs unwatched.
extern "C" fn forked() {
    mode::turn_off();
    if let Some(thread) = current_if_known() {
        thread.stay_busy();
    }
}

extern "C" fn exiting() {
    if mode::watching() {
        steer::program::exiting();
        knowledge::finish();
        record::finish();
    }
}

/// Sees to it that `leave` runs when the calling thread ends.
fn call_on_exit() {
    static KEY: std::sync::OnceLock<libc::pthread_key_t> = std::sync::OnceLock::new();
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: `key` is valid for writing and `leave` has the required type.
        unsafe { libc::pthread_key_create(&mut key, Some(leave)) };
        key
    });
    // SAFETY: the key was created above. Any value but null makes the destructor run.
    unsafe { libc::pthread_setspecific(key, std::ptr::dangling()) };
}

unsafe extern "C" fn leave(_: *mut c_void) {
    let Some(thread) = current_if_known() else { return };
    let id = thread.id();
    record::leave(thread);
    if mode::watching() {
        let busy = thread.enter();
        if let Some(ended) = thread.take_ended() {
            ended.gone(thread);
        }
        contention::tell(thread);
        notices::leaked(thread);
        strays::abandon(thread);
        knowledge::thread_ended(id);
        drop(busy);
    }
    thread.end();
    if mode::watching() {
        standstill::left(id);
    }
}
