//! Who switches from thread to thread, the kernel or the thread that explores, makes no difference to what is found, nor
//! to what a thread sees of itself; and each has its own kernel thread where it needs one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tracked::explore::{ExploreReport, Strategy, external};
use tracked::{Condvar, Explore, Mutex, thread};

use crate::program::gated_abba;

/// What a thread of a random program does.
#[derive(Clone, Copy)]
enum Step {
    Lock(usize),
    Unlock,
    Try(usize),
    Signal,
    Wait,
    Panic,
    Yield,
}

/// The next one of a series without a period worth mentioning (Marsaglia, 2003).
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 33) as usize
}

fn steps(state: &mut u64) -> Vec<Step> {
    (0..3 + next(state) % 5)
        .map(|_| match next(state) % 16 {
            0..6 => Step::Lock(next(state) % 3),
            6..9 => Step::Unlock,
            9..11 => Step::Try(next(state) % 3),
            11 | 12 => Step::Signal,
            13 => Step::Wait,
            14 => Step::Yield,
            _ => Step::Panic,
        })
        .collect()
}

struct World {
    locks: [Mutex<u32>; 3],
    told: (Mutex<bool>, Condvar),
}

fn act(world: &World, steps: &[Step]) {
    let mut held = Vec::new();
    for step in steps {
        match *step {
            Step::Lock(place) => {
                held.push(world.locks[place].lock().unwrap_or_else(|error| error.into_inner()))
            }
            Step::Unlock => drop(held.pop()),
            Step::Try(place) => held.extend(world.locks[place].try_lock().ok()),
            Step::Signal => {
                *world.told.0.lock().unwrap() = true;
                world.told.1.notify_one();
            }
            Step::Wait => {
                let told = world.told.0.lock().unwrap();
                let limit = Duration::from_millis(5);
                drop(world.told.1.wait_timeout_while(told, limit, |told| !*told).unwrap());
            }
            Step::Panic => {
                let caught = std::panic::catch_unwind(|| {
                    thread::yield_now();
                    std::panic::panic_any(7_u32);
                });
                let payload = caught.unwrap_err();
                if !payload.is::<u32>() {
                    // Not its own: it is sent home.
                    std::panic::resume_unwind(payload);
                }
            }
            Step::Yield => thread::yield_now(),
        }
    }
}

/// So many threads, each of which does its steps.
fn run(all: &Arc<Vec<Vec<Step>>>) {
    let world = World {
        locks: [Mutex::new(0), Mutex::new(0), Mutex::new(0)],
        told: (Mutex::new(false), Condvar::new()),
    };
    let world = Arc::new(world);
    let threads: Vec<_> = (0..all.len())
        .map(|own| {
            let (world, all) = (Arc::clone(&world), Arc::clone(all));
            thread::spawn(move || act(&world, &all[own]))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn told(report: &ExploreReport) -> (u64, u64, usize, Vec<String>, Vec<String>) {
    let schedules = report.failures.iter().map(|failure| failure.schedule.clone()).collect();
    let titles = report.failures.iter().filter_map(|failure| failure.finding());
    let titles = titles.map(|finding| format!("{} {:?}", finding.code, finding.tier)).collect();
    (report.runs, report.steps, report.threads, schedules, titles)
}

#[test]
fn random_programs_do_the_same_whoever_switches() {
    let (mut found, mut clean) = (0, 0);
    for seed in 1..=120_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let all: Arc<Vec<_>> = Arc::new((0..2 + next(&mut state) % 3).map(|_| steps(&mut state)).collect());
        let explore = Explore::new().seed(seed).runs(40).strategy(match seed % 4 {
            0 => Strategy::Random,
            1 => Strategy::Pos,
            2 => Strategy::Pct { depth: 3 },
            _ => Strategy::Portfolio,
        });
        let carried = explore.clone().check(|| run(&all));
        let switched = explore.kernel_switches(true).check(|| run(&all));
        let (carried, switched) = (told(&carried), told(&switched));
        assert_eq!(carried, switched, "seed {seed}");
        if carried.3.is_empty() { clean += 1 } else { found += 1 }
    }
    assert!(found > 10 && clean > 10, "{found} of them found something, {clean} nothing");
}

/// The number by which the kernel knows who runs now.
fn task() -> libc::pid_t {
    // SAFETY: takes no arguments and cannot fail.
    unsafe { libc::gettid() }
}

/// Whether this machine, and this test run, can do without the kernel; known from what a worker is told.
fn is_carried() -> bool {
    let other = AtomicU32::new(0);
    let report = Explore::new().runs(1).check(|| {
        thread::scope(|scope| {
            scope.spawn(|| other.store(task() as u32, Ordering::Relaxed));
        });
    });
    assert!(report.is_clean(), "{report}");
    other.load(Ordering::Relaxed) == task() as u32
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn the_kernel_switches_where_that_is_asked_for_and_else_only_where_it_must() {
    // SAFETY: reads a table that the kernel made when the program started.
    let possible = unsafe { libc::getauxval(libc::AT_HWCAP2) } & 2 != 0
        && std::env::var_os("LOCKCHECK_SWITCHES").is_none()
        && std::env::var_os("LD_PRELOAD").is_none();
    assert_eq!(is_carried(), possible);
    let other = AtomicU32::new(0);
    let body = || {
        thread::scope(|scope| {
            scope.spawn(|| other.store(task() as u32, Ordering::Relaxed));
        });
    };
    assert!(Explore::new().runs(1).kernel_switches(true).check(body).is_clean());
    assert_ne!(other.swap(0, Ordering::Relaxed), task() as u32);
    // A debugger is to find each thread where it is.
    assert!(Explore::new().replay("b1:").check(body).failures.is_empty());
    assert_ne!(other.load(Ordering::Relaxed), task() as u32);
}

#[test]
fn a_thread_is_itself_across_switches() {
    std::thread_local! {
        static OWN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }
    #[inline(never)]
    fn look(number: usize) {
        OWN.set(number);
        // SAFETY: takes no arguments and cannot fail.
        let pthread = unsafe { libc::pthread_self() };
        let (id, address) = (std::thread::current().id(), OWN.with(std::ptr::from_ref).addr());
        let on_stack = [number; 64];
        for _ in 0..3 {
            thread::yield_now();
            assert_eq!(OWN.get(), number);
            assert_eq!(OWN.with(std::ptr::from_ref).addr(), address);
            // SAFETY: as above.
            assert_eq!(unsafe { libc::pthread_self() }, pthread);
            assert_eq!(std::thread::current().id(), id);
            assert_eq!(std::thread::current().name(), Some(format!("number {number}").as_str()));
            assert!(std::hint::black_box(&on_stack).iter().all(|word| *word == number));
        }
        let frames = std::backtrace::Backtrace::force_capture().to_string();
        assert!(frames.contains("a_thread_is_itself_across_switches"), "{frames}");
    }
    let report = Explore::new().strategy(Strategy::Random).runs(50).check(|| {
        let make = |number| {
            let builder = thread::Builder::new().name(format!("number {number}"));
            builder.spawn(move || look(number)).unwrap()
        };
        let threads: Vec<_> = (1..=3).map(make).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn each_thread_rounds_its_own_way() {
    fn control() -> u32 {
        let mut word = 0_u32;
        // SAFETY: writes one word, which is there.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack)) };
        word & !0x3f
    }
    fn set(word: u32) {
        // SAFETY: reads one word, which is one that was read before, but for the direction of rounding.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &word, options(nostack)) };
    }
    let report = Explore::new().strategy(Strategy::Random).runs(50).check(|| {
        let make = |way: u32| {
            thread::spawn(move || {
                let before = control();
                set((before & !0x6000) | way << 13);
                for _ in 0..3 {
                    thread::yield_now();
                    assert_eq!(control() >> 13 & 3, way);
                }
                set(before);
            })
        };
        let threads: Vec<_> = (0..4).map(make).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(control() >> 13 & 3, 0);
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn who_leaves_control_runs_on_its_own_and_so_do_all_from_then_on() {
    let explorer = task();
    let report = Explore::new().strategy(Strategy::Random).runs(30).check(|| {
        let lock = Arc::new(Mutex::new(0));
        let others: Vec<_> = (0..3)
            .map(|own| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || {
                    *lock.lock().unwrap() += 1;
                    if own == 1 {
                        let (outside, blocked) = external(|| {
                            // SAFETY: zeros are a set of signals, which is valid for writing.
                            let mut blocked: libc::sigset_t = unsafe { std::mem::zeroed() };
                            // SAFETY: only asks; the set is one.
                            let blocks = unsafe {
                                libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut blocked);
                                libc::sigismember(&blocked, libc::SIGUSR1)
                            };
                            (task(), blocks)
                        });
                        assert_eq!((outside, blocked), (task(), 0));
                    }
                    *lock.lock().unwrap() += 1;
                    task()
                })
            })
            .collect();
        let tasks: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
        assert_eq!(*lock.lock().unwrap(), 6);
        assert_ne!(tasks[1], explorer);
        assert_eq!(task(), explorer);
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn threads_that_are_put_aside_take_part_in_what_libc_does_to_all() {
    let report = Explore::new().strategy(Strategy::Random).runs(5).check(|| {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                thread::spawn(|| {
                    thread::yield_now();
                })
            })
            .collect();
        thread::yield_now();
        // SAFETY: changes nothing: the user that the process is.
        assert_eq!(unsafe { libc::setuid(libc::getuid()) }, 0);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_child_of_fork_is_the_thread_that_forked() {
    let report = Explore::new().runs(3).check(|| {
        thread::spawn(|| {
            let own = std::thread::current().id();
            // SAFETY: the child does nothing but compare and end.
            let status = unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(if std::thread::current().id() == own { 42 } else { 1 });
                }
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                status
            };
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42, "{status}");
        })
        .join()
        .unwrap();
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn explorations_side_by_side_carry_their_own_threads() {
    std::thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || {
                let explore = Explore::new().strategy(Strategy::Random).seed(seed).runs(300);
                let report = explore.fresh_threads(seed % 2 == 0).check(gated_abba);
                assert!(report.is_clean(), "{report}");
                assert_eq!(report.runs, 300);
            });
        }
    });
}
