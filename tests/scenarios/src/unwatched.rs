//! Threads that are known, because they have used a lock, and wait where nobody watches: in std's joins and channels, in
//! reads. Some waits that others do meanwhile have no end then; some do.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracked::{Condvar, Event, Mutex};

use crate::Scenario;
use crate::threads::{lock, mutex};

pub const ALL: &[Scenario] = &[
    ("one-of-three-told-before-an-unwatched-join", one_of_three_told_before_an_unwatched_join),
    ("event-nobody-sets-before-an-unwatched-join", event_nobody_sets_before_an_unwatched_join),
    ("event-under-an-unwatched-join-with-a-lock", event_under_an_unwatched_join_with_a_lock),
    ("event-set-after-an-unwatched-timed-wait", event_set_after_an_unwatched_timed_wait),
    ("event-set-after-a-child-has-spoken", event_set_after_a_child_has_spoken),
    ("event-set-after-a-signal", event_set_after_a_signal),
];

/// Makes the calling thread known.
fn become_known() {
    drop(lock(&mutex()));
}

/// Two of those who wait for the end are never told.
fn one_of_three_told_before_an_unwatched_join() {
    let shared = Arc::new((Mutex::new((0, false)), Condvar::new()));
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let shared = shared.clone();
            std::thread::spawn(move || {
                let Ok(mut state) = shared.0.lock() else { return };
                state.0 += 1;
                while !state.1 {
                    let Ok(woken) = shared.1.wait(state) else { return };
                    state = woken;
                }
            })
        })
        .collect();
    while shared.0.lock().expect("nobody has given way").0 < 3 {
        std::thread::yield_now();
    }
    shared.0.lock().expect("nobody has given way").1 = true;
    shared.1.notify_one();
    for waiter in waiters {
        let _ = waiter.join();
    }
}

fn event_nobody_sets_before_an_unwatched_join() {
    become_known();
    let waiter = std::thread::spawn(|| Event::new().wait());
    let _ = waiter.join();
}

/// What waits for the lock waits for the event in the end.
fn event_under_an_unwatched_join_with_a_lock() {
    let (held, event) = (Arc::new(mutex()), Arc::new(Event::new()));
    let guard = lock(&held);
    let waiter = std::thread::spawn(move || event.wait());
    let queued = held.clone();
    let behind = std::thread::spawn(move || drop(lock(&queued)));
    let _ = waiter.join();
    drop(guard);
    let _ = behind.join();
}

fn event_set_after_an_unwatched_timed_wait() {
    become_known();
    let event = Arc::new(Event::new());
    let awaited = event.clone();
    let waiter = std::thread::spawn(move || awaited.wait());
    let (_silent, nothing) = channel::<()>();
    let _ = nothing.recv_timeout(Duration::from_millis(700));
    event.set();
    let _ = waiter.join();
}

/// What a process outside may do is not known.
fn event_set_after_a_child_has_spoken() {
    become_known();
    let event = Arc::new(Event::new());
    let awaited = event.clone();
    let waiter = std::thread::spawn(move || awaited.wait());
    let mut command = Command::new("sh");
    let child = command.args(["-c", "sleep 0.7; echo"]).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("there is a shell");
    let mut said = Vec::new();
    child.stdout.take().expect("it is ours").read_to_end(&mut said).expect("a pipe can be read");
    child.wait().expect("it is ours");
    event.set();
    let _ = waiter.join();
}

/// Only a handler can wake the one who sets it.
fn event_set_after_a_signal() {
    static MAIN: OnceLock<std::thread::Thread> = OnceLock::new();
    extern "C" fn wake(_: libc::c_int) {
        if let Some(main) = MAIN.get() {
            main.unpark();
        }
    }
    become_known();
    MAIN.get_or_init(std::thread::current);
    // SAFETY: the handler stores to one word and wakes whoever sleeps on it.
    unsafe { libc::signal(libc::SIGUSR1, wake as *const () as libc::sighandler_t) };
    let event = Arc::new(Event::new());
    let awaited = event.clone();
    let waiter = std::thread::spawn(move || awaited.wait());
    let kill = format!("sleep 0.7; kill -USR1 {}", std::process::id());
    let mut child = Command::new("sh").args(["-c", &kill]).spawn().expect("there is a shell");
    std::thread::park();
    event.set();
    let _ = waiter.join();
    child.wait().expect("it is ours");
}
