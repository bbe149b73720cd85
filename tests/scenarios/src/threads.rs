//! How the threads of a scenario are arranged. Who comes when is said through std's channels and barriers only.

use std::sync::PoisonError;
use std::sync::mpsc::channel;

use tracked::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, thread};

/// A mutex and what it is created with: nothing matters but the lock.
pub fn mutex() -> Mutex<()> {
    Mutex::new(())
}

/// Takes the lock; that a side of a deadlock panicked under it is no news.
#[track_caller]
pub fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`].
#[track_caller]
pub fn read(lock: &RwLock<()>) -> RwLockReadGuard<'_, ()> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`].
#[track_caller]
pub fn write(lock: &RwLock<()>) -> RwLockWriteGuard<'_, ()> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Runs all at once, each in a thread of its own, and waits for them; one that panicked was the side of a deadlock
/// that was made to give way.
pub fn together(bodies: Vec<Box<dyn FnOnce() + Send + '_>>) {
    thread::scope(|scope| {
        let threads: Vec<_> = bodies.into_iter().map(|body| scope.spawn(body)).collect();
        for thread in threads {
            let _ = thread.join();
        }
    });
}

/// Both threads live all the time, but `second` begins when `first` is through: nothing overlaps, and no join or
/// spawn keeps it from doing so.
pub fn one_then_the_other(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    in_turn(vec![Box::new(first), Box::new(second)]);
}

/// As [`one_then_the_other`], for any number.
pub fn in_turn(bodies: Vec<Box<dyn FnOnce() + Send + '_>>) {
    let (go, first) = channel();
    let mut turn = first;
    let mut waiting: Vec<Box<dyn FnOnce() + Send + '_>> = Vec::new();
    for body in bodies {
        let (done, next) = channel();
        let mine = std::mem::replace(&mut turn, next);
        waiting.push(Box::new(move || {
            mine.recv().expect("the one before is through");
            body();
            done.send(()).expect("somebody waits");
        }));
    }
    // Keeps the last one's receiver alive.
    let last = turn;
    go.send(()).expect("the first waits");
    together(waiting);
    last.recv().expect("all are through");
}
