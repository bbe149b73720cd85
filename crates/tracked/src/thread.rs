//! The mirror of `std::thread`. With `check` on, starting and joining threads tells the detector what comes before
//! what, a join is a wait that others can see, and a child counts in its parent's scope.

use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::thread as std_thread;
use std::time::{Duration, Instant};

pub use std::thread::{AccessError, LocalKey, Result, ThreadId, available_parallelism, panicking};

use crate::rt::notices;
use crate::rt::steer;
use crate::rt::steer::pool::Make;
use crate::rt::steer::spawning::{self, Lent};
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

/// Blocks until the calling thread's token is there, and takes it; see [`std::thread::park`]. A visible wait.
#[track_caller]
pub fn park() {
    if let Some(own) = steer::me() {
        return steer::operations::park(own, Location::caller(), None);
    }
    watch::parked(Location::caller(), None, std_thread::park);
}

/// As [`park`], for `dur` at the most; see [`std::thread::park_timeout`].
#[track_caller]
pub fn park_timeout(dur: Duration) {
    if let Some(own) = steer::me() {
        return steer::operations::park(own, Location::caller(), Some(dur));
    }
    let deadline = Instant::now().checked_add(dur);
    watch::parked(Location::caller(), deadline, || std_thread::park_timeout(dur));
}

/// As [`park`], for so many milliseconds at the most; see [`std::thread::park_timeout_ms`].
#[deprecated(note = "replaced by `park_timeout`")]
#[track_caller]
pub fn park_timeout_ms(ms: u32) {
    park_timeout(Duration::from_millis(ms.into()));
}

/// The handle of a thread; see [`std::thread::Thread`]. Std's own inside, so that an exploration hears of an `unpark`.
#[derive(Clone)]
#[repr(transparent)]
pub struct Thread(std_thread::Thread);

impl Thread {
    fn of(inner: &std_thread::Thread) -> &Thread {
        // SAFETY: `Thread` is a transparent wrapper, so that both references have the same meaning.
        unsafe { &*std::ptr::from_ref(inner).cast() }
    }

    /// Lets the thread out of [`park`], now or the next time.
    #[track_caller]
    pub fn unpark(&self) {
        if !steer::operations::unpark(&self.0, Location::caller()) {
            self.0.unpark();
        }
    }

    /// What no other thread of the process is known by.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        self.0.id()
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }
}

impl std::fmt::Debug for Thread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The handle of the calling thread; see [`std::thread::current`].
#[must_use]
pub fn current() -> Thread {
    Thread(std_thread::current())
}

/// Lets others run; see [`std::thread::yield_now`].
#[track_caller]
pub fn yield_now() {
    match steer::me() {
        Some(own) => steer::operations::yields(own, Location::caller()),
        None => std_thread::yield_now(),
    }
}

/// Lets time pass; see [`std::thread::sleep`]. In an exploration, that time is virtual.
#[track_caller]
pub fn sleep(dur: Duration) {
    match steer::me() {
        Some(own) => steer::operations::sleeps(own, Location::caller(), dur),
        None => notices::sleeping(Location::caller(), dur, || std_thread::sleep(dur)),
    }
}

/// As [`sleep`], for so many milliseconds; see [`std::thread::sleep_ms`].
#[deprecated(note = "replaced by `sleep`")]
#[track_caller]
pub fn sleep_ms(ms: u32) {
    sleep(Duration::from_millis(ms.into()));
}

/// How a thread is to be started; see [`std::thread::Builder`].
#[derive(Debug)]
#[must_use = "must eventually spawn the thread"]
pub struct Builder {
    inner: std_thread::Builder,
    make: Make,
}

impl Builder {
    /// A thread without a name and with the default stack size.
    pub fn new() -> Builder {
        Builder { inner: std_thread::Builder::new(), make: Make::default() }
    }

    /// Names the thread.
    pub fn name(self, name: String) -> Builder {
        Builder { inner: self.inner.name(name.clone()), make: Make { name: Some(name), ..self.make } }
    }

    /// Sets the stack size in bytes.
    pub fn stack_size(self, size: usize) -> Builder {
        Builder { inner: self.inner.stack_size(size), make: Make { stack_size: Some(size), ..self.make } }
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
        if let Some(own) = steer::me() {
            // SAFETY: `f` borrows nothing that ends.
            let lent = unsafe { spawning::spawn(own, self.make, Location::caller(), None, f) }?;
            return Ok(JoinHandle { inner: Inner::Lent(lent) });
        }
        let (child, ended) = Child::of_this_thread(self.make.name);
        let inner = self.inner.spawn(move || child.run(f))?;
        Ok(JoinHandle { inner: Inner::Own(inner, ended) })
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
        if let Some(own) = steer::me() {
            // SAFETY: the caller's promise.
            let lent = unsafe { spawning::spawn(own, self.make, Location::caller(), None, f) }?;
            return Ok(JoinHandle { inner: Inner::Lent(lent) });
        }
        let (child, ended) = Child::of_this_thread(self.make.name);
        // SAFETY: the caller's promise; what is added borrows nothing.
        let inner = unsafe { self.inner.spawn_unchecked(move || child.run(f)) }?;
        Ok(JoinHandle { inner: Inner::Own(inner, ended) })
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
        if let Some(own) = steer::me() {
            // SAFETY: the scope waits for the worker before it ends, whatever happens (`scope`).
            let lent =
                unsafe { spawning::spawn(own, self.make, Location::caller(), Some(scope.address()), f) }?;
            return Ok(ScopedJoinHandle { inner: ScopedInner::Lent(lent) });
        }
        let (child, ended) = Child::of_this_thread(self.make.name);
        let inner = self.inner.spawn_scoped(&scope.inner, move || child.run(f))?;
        // Only now, since nobody may wait for a thread that could not be started. The scope cannot end in between:
        // the calling thread is its owner or one of its threads.
        watch::started_in_scope(scope.address(), ended.clone());
        Ok(ScopedJoinHandle { inner: ScopedInner::Own(inner, ended) })
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

/// The right to wait for a thread's end; see [`std::thread::JoinHandle`].
pub struct JoinHandle<T> {
    inner: Inner<T>,
}

/// Where the thread comes from.
enum Inner<T> {
    /// It was started for this.
    Own(std_thread::JoinHandle<T>, Ended),
    /// An exploration has lent one.
    Lent(Lent<T>),
}

impl<T> JoinHandle<T> {
    /// What others may wait for, of a thread that was started for this.
    pub(crate) fn ended(&self) -> Option<&Ended> {
        match &self.inner {
            Inner::Own(_, ended) => Some(ended),
            Inner::Lent(_) => None,
        }
    }

    /// The run-time's number for the thread.
    pub(crate) fn watched_as(&self) -> lockcheck_events::ThreadId {
        match &self.inner {
            Inner::Own(_, ended) => ended.thread(),
            Inner::Lent(lent) => lent.thread_id(),
        }
    }

    /// The thread's handle.
    pub fn thread(&self) -> &Thread {
        match &self.inner {
            Inner::Own(inner, _) => Thread::of(inner.thread()),
            Inner::Lent(lent) => Thread::of(lent.handle()),
        }
    }

    /// Waits for the thread's end and gives its result.
    ///
    /// # Errors
    ///
    /// If the thread panicked; the error is its payload.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        let site = Location::caller();
        match self.inner {
            Inner::Own(inner, ended) => ended.joined(site, || inner.join()),
            Inner::Lent(lent) => lent.join(site),
        }
    }

    /// Whether the thread has ended.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        match &self.inner {
            Inner::Own(inner, _) => inner.is_finished(),
            Inner::Lent(lent) => lent.asks_whether_over(Location::caller()),
        }
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
        match &self.inner {
            Inner::Own(inner, _) => inner.as_pthread_t(),
            Inner::Lent(lent) => lent.pthread as _,
        }
    }

    fn into_pthread_t(self) -> std::os::unix::thread::RawPthread {
        match self.inner {
            Inner::Own(inner, _) => inner.into_pthread_t(),
            Inner::Lent(lent) => lent.pthread as _,
        }
    }
}

/// The right to wait for the end of a thread in a scope; see [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T> {
    inner: ScopedInner<'scope, T>,
}

/// As `Inner`.
enum ScopedInner<'scope, T> {
    Own(std_thread::ScopedJoinHandle<'scope, T>, Ended),
    Lent(Lent<T>),
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    /// The thread's handle.
    pub fn thread(&self) -> &Thread {
        match &self.inner {
            ScopedInner::Own(inner, _) => Thread::of(inner.thread()),
            ScopedInner::Lent(lent) => Thread::of(lent.handle()),
        }
    }

    /// Waits for the thread's end and gives its result.
    ///
    /// # Errors
    ///
    /// If the thread panicked; the error is its payload.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        let site = Location::caller();
        match self.inner {
            ScopedInner::Own(inner, ended) => ended.joined(site, || inner.join()),
            ScopedInner::Lent(lent) => lent.join(site),
        }
    }

    /// Whether the thread has ended.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        match &self.inner {
            ScopedInner::Own(inner, _) => inner.is_finished(),
            ScopedInner::Lent(lent) => lent.asks_whether_over(Location::caller()),
        }
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
    if let Some(own) = steer::me() {
        return scope_under_control(own, site, f);
    }
    let mut children = Vec::new();
    let result = std_thread::scope(|inner| {
        let scope = Scope::of(inner);
        let result = f(scope);
        children = watch::wait_for_scope(scope.address(), site);
        result
    });
    watch::scope_ended(children, site);
    result
}

/// As [`scope`], where the threads are lent: std's scope has none, and the waiting is done here.
fn scope_under_control<'env, F, T>(
    own: (steer::Me, &crate::rt::Thread),
    site: &'static Location<'static>,
    f: F,
) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    std_thread::scope(|inner| {
        let scope = Scope::of(inner);
        let result = catch_unwind(AssertUnwindSafe(|| f(scope)));
        let panicked = spawning::end_scope(own, scope.address(), site);
        match result {
            Err(payload) => resume_unwind(payload),
            Ok(_) if panicked => panic!("a scoped thread panicked"),
            Ok(result) => result,
        }
    })
}
