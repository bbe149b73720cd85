//! A program that is stuck in its allocator still says who holds and who waits, asked by a call and by a signal that comes
//! to the very thread that waits inside of the allocator.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tracked::{Lock, thread};

use super::{ALLOCATED, ALONE, MUST_NOT, WAITS};

/// Set in the process that gets stuck.
pub const CHILD: &str = "TRACKED_TEST_STUCK";
/// What the process says before each dump.
const BY_CALL: &str = "by a call";
const BY_SIGNAL: &str = "by a signal";

static DATA: Lock<u32> = Lock::new(0);
/// The thread that is stuck in the allocator, as the system calls it.
static STUCK: AtomicI32 = AtomicI32::new(0);

/// Gets two threads stuck, one of them in the allocator, and dumps without end.
pub fn child() -> ! {
    tracked::dump_on_signal(libc::SIGUSR1).unwrap();
    assert!(tracked::dump_on_signal(libc::SIGKILL).is_err());
    ALONE.store(false, Ordering::Relaxed);
    let both = &*Box::leak(Box::new(Barrier::new(2)));
    let busy: &'static Lock<u32> = Box::leak(Box::new(Lock::new(0)));
    let _held = busy.lock();
    thread::spawn(move || {
        prepare(busy);
        // The detector hears of both orders while nobody else wants the locks, and has nothing to learn from them
        // later, for which it would allocate.
        (0..2).for_each(|_| allocate_under_data(|| ()));
        both.wait();
        both.wait();
        allocate_under_data(|| {
            // SAFETY: takes no arguments.
            STUCK.store(unsafe { libc::gettid() }, Ordering::Relaxed);
            both.wait();
        });
    });
    thread::spawn(move || {
        prepare(busy);
        both.wait();
        (0..2).for_each(|_| use_data_under_the_allocator(|| ()));
        both.wait();
        use_data_under_the_allocator(|| {
            both.wait();
        });
    });
    loop {
        say(BY_CALL);
        MUST_NOT.set(true);
        tracked::dump();
        MUST_NOT.set(false);
        nap();
        say(BY_SIGNAL);
        let stuck = STUCK.load(Ordering::Relaxed);
        // SAFETY: the thread never ends; before it has begun, there is none of the number 0.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), stuck, libc::SIGUSR1) };
        nap();
    }
}

fn allocate_under_data(between: impl FnOnce()) {
    let _held = DATA.lock();
    between();
    WAITS.set(true);
    drop(Box::new(0));
    WAITS.set(false);
}

fn use_data_under_the_allocator(between: impl FnOnce()) {
    let _held = ALLOCATED.lock();
    between();
    *DATA.lock() += 1;
}

/// parking_lot allocates when a thread waits for the first time: here, where the allocator does not wait.
fn prepare(busy: &Lock<u32>) {
    assert!(busy.try_lock_for(Duration::from_millis(1)).is_none());
}

/// Not to order anything: so that the parent can keep up.
fn nap() {
    // SAFETY: waits for no more than the time.
    unsafe { libc::usleep(20_000) };
}

fn say(text: &str) {
    let line = [text.as_bytes(), b"\n"].concat();
    // SAFETY: the pointer and the length are those of a live slice.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}

pub fn a_dump_comes_out_of_a_program_that_is_stuck_in_its_allocator() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .env_remove("LOCKCHECK")
        .env("LOCKCHECK_ON_DEADLOCK", "report")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (mut seen, mut way, mut waits) = (Vec::new(), "", 0);
    for line in lines.map_while(Result::ok) {
        if let Some(said) = [BY_CALL, BY_SIGNAL].into_iter().find(|way| line == *way) {
            (way, waits) = (said, 0);
        }
        waits += usize::from(line.contains(" waits at ") && line.contains(", held by thread "));
        if waits == 2 && !seen.contains(&way) {
            seen.push(way);
        }
        if seen.len() == 2 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(seen.len(), 2, "dumps came {seen:?}");
}
