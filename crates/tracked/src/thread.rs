//! The mirror of `std::thread`. With `check` on, starting and joining threads tells the detector what comes before
//! what, a join is a wait that others can see, and a child counts in its parent's scope.

use std::io;
use std::panic::Location;
use std::thread as std_thread;
use std::time::{Duration, Instant};

pub use std::thread::{
    AccessError, LocalKey, Result, Thread, ThreadId, available_parallelism, current, panicking, yield_now,
};

use crate::rt::notices;
use crate::rt::thread::{self as watch, Child, Ended};

/// Starts a thread; see [`std::thread::spawn`].
///
/// # Panics
///
/// If the operating system cannot start it.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f).expect("failed to spawn thread")
}

/// As [`sleep`], for so many milliseconds; see [`std::thread::sleep_ms`].
#[deprecated(note = "replaced by `sleep`")]
#[track_caller]
pub fn sleep_ms(ms: u32) {
    sleep(Duration::from_millis(ms.into()));
}

/// Blocks for this long; see [`std::thread::sleep`].
#[track_caller]
pub fn sleep(dur: Duration) {
    notices::sleeping(Location::caller(), dur, || std_thread::sleep(dur));
}

/// Blocks until the calling thread's token is there, and takes it; see [`std::thread::park`]. A visible wait.
#[track_caller]
pub fn park() {
    watch::parked(Location::caller(), None, std_thread::park);
}

/// As [`park`], for `dur` at the most; see [`std::thread::park_timeout`].
#[track_caller]
pub fn park_timeout(dur: Duration) {
    let deadline = Instant::now().checked_add(dur);
    watch::parked(Location::caller(), deadline, || std_thread::park_timeout(dur));
}

/// As [`park`], for so many milliseconds at the most; see [`std::thread::park_timeout_ms`].
#[deprecated(note = "replaced by `park_timeout`")]
#[track_caller]
pub fn park_timeout_ms(ms: u32) {
    park_timeout(Duration::from_millis(ms.into()));
}

/// How a thread is to be started; see [`std::thread::Builder`].
#[derive(Debug)]
#[must_use = "must eventually spawn the thread"]
pub struct Builder {
    inner: std_thread::Builder,
    name: Option<String>,
}

impl Builder {
    /// A thread without a name and with the default stack size.
    pub fn new() -> Builder {
        Builder { inner: std_thread::Builder::new(), name: None }
    }

    /// Names the thread.
    pub fn name(self, name: String) -> Builder {
        Builder { inner: self.inner.name(name.clone()), name: Some(name) }
    }

    /// Sets the stack size in bytes.
    pub fn stack_size(self, size: usize) -> Builder {
        Builder { inner: self.inner.stack_size(size), name: self.name }
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the operating system cannot start it.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (child, ended) = Child::of_this_thread(self.name);
        let inner = self.inner.spawn(move || child.run(f))?;
        Ok(JoinHandle { inner, ended })
    }

    /// Starts the thread without a bound on what it borrows.
    ///
    /// # Errors
    ///
    /// If the operating system cannot start it.
    ///
    /// # Safety
    ///
    /// As for [`std::thread::Builder::spawn_unchecked`]: the thread must not outlive what it borrows.
    #[track_caller]
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let (child, ended) = Child::of_this_thread(self.name);
        // SAFETY: the caller's promise; what is added borrows nothing.
        let inner = unsafe { self.inner.spawn_unchecked(move || child.run(f)) }?;
        Ok(JoinHandle { inner, ended })
    }

    /// Starts the thread in a scope.
    ///
    /// # Errors
    ///
    /// If the operating system cannot start it.
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let (child, ended) = Child::of_this_thread(self.name);
        let inner = self.inner.spawn_scoped(&scope.inner, move || child.run(f))?;
        // Only now, since nobody may wait for a thread that could not be started. The scope cannot end in between:
        // the calling thread is its owner or one of its threads.
        watch::started_in_scope(scope.address(), ended.clone());
        Ok(ScopedJoinHandle { inner, ended })
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

/// The right to wait for a thread's end; see [`std::thread::JoinHandle`].
pub struct JoinHandle<T> {
    inner: std_thread::JoinHandle<T>,
    pub(crate) ended: Ended,
}

impl<T> JoinHandle<T> {
    /// The thread's handle.
    pub fn thread(&self) -> &Thread {
        self.inner.thread()
    }

    /// Waits for the thread's end and gives its result.
    ///
    /// # Errors
    ///
    /// If the thread panicked; the error is its payload.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        let JoinHandle { inner, ended } = self;
        ended.joined(Location::caller(), || inner.join())
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }
}

impl<T> std::fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

#[cfg(unix)]
impl<T> std::os::unix::thread::JoinHandleExt for JoinHandle<T> {
    fn as_pthread_t(&self) -> std::os::unix::thread::RawPthread {
        self.inner.as_pthread_t()
    }

    fn into_pthread_t(self) -> std::os::unix::thread::RawPthread {
        self.inner.into_pthread_t()
    }
}

/// The right to wait for the end of a thread in a scope; see [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T> {
    inner: std_thread::ScopedJoinHandle<'scope, T>,
    ended: Ended,
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    /// The thread's handle.
    pub fn thread(&self) -> &Thread {
        self.inner.thread()
    }

    /// Waits for the thread's end and gives its result.
    ///
    /// # Errors
    ///
    /// If the thread panicked; the error is its payload.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        let ScopedJoinHandle { inner, ended } = self;
        ended.joined(Location::caller(), || inner.join())
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }
}

impl<T> std::fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}

/// A place to start threads that borrow from the outside; see [`std::thread::Scope`].
#[derive(Debug)]
#[repr(transparent)]
pub struct Scope<'scope, 'env: 'scope> {
    inner: std_thread::Scope<'scope, 'env>,
}

impl<'scope, 'env> Scope<'scope, 'env> {
    fn of(inner: &'scope std_thread::Scope<'scope, 'env>) -> &'scope Scope<'scope, 'env> {
        // SAFETY: `Scope` is a transparent wrapper, so that both references have the same meaning.
        unsafe { &*std::ptr::from_ref(inner).cast() }
    }

    /// What the run-time knows the scope by.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Starts a thread that ends before the scope does.
    ///
    /// # Panics
    ///
    /// If the operating system cannot start it.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new().spawn_scoped(self, f).expect("failed to spawn thread")
    }
}

/// Runs `f` with a scope whose threads all end before this returns; see [`std::thread::scope`].
///
/// # Panics
///
/// If one of the scope's threads panicked and nobody joined it.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let site = Location::caller();
    let mut children = Vec::new();
    let result = std_thread::scope(|inner| {
        let scope = Scope::of(inner);
        let result = f(scope);
        children = watch::wait_for_scope(scope.address(), site);
        result
    });
    watch::scope_ended(children);
    result
}
