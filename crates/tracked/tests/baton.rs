//! The scheduler's lock-free part under loom: every interleaving, and every value that the memory model lets a load see.
//!
//! It is the run-time's own source, with a word of loom's in the place of the kernel's futex. That loom would notice is
//! tested with words that are too weak. Nothing here runs a thread of the operating system.

#[path = "../src/rt/steer/baton.rs"]
#[expect(dead_code, reason = "a sleep that ends by itself has no place in a model without time")]
mod baton;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use baton::{Baton, Word};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;
use loom::sync::{Condvar, Mutex};

/// What a futex is to those who use it: the kernel looks at the word and puts the thread to sleep in one step, and wakes
/// it in another.
struct Futex {
    word: AtomicU32,
    kernel: Mutex<()>,
    roused: Condvar,
    flaw: Flaw,
}

/// What is wrong with it.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// Nothing is ordered.
    Relaxed,
    /// The word is not looked at again before falling asleep.
    SleepsBlindly,
}

impl Futex {
    fn new(flaw: Flaw) -> Futex {
        Futex { word: AtomicU32::new(0), kernel: Mutex::new(()), roused: Condvar::new(), flaw }
    }

    fn order(&self, asked: Ordering) -> Ordering {
        if self.flaw == Flaw::Relaxed { Ordering::Relaxed } else { asked }
    }
}

impl Word for Futex {
    fn load(&self, order: Ordering) -> u32 {
        self.word.load(self.order(order))
    }

    fn store(&self, value: u32, order: Ordering) {
        self.word.store(value, self.order(order));
    }

    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.word.swap(value, self.order(order))
    }

    fn rouse(&self) {
        if self.flaw == Flaw::Relaxed {
            // The kernel's own lock would order what the word does not.
            return;
        }
        let _kernel = self.kernel.lock().unwrap();
        self.roused.notify_one();
    }

    fn sleep_while_zero(&self, _: Option<Duration>) {
        if self.flaw == Flaw::Relaxed {
            return loom::thread::yield_now();
        }
        let kernel = self.kernel.lock().unwrap();
        if self.flaw == Flaw::SleepsBlindly || self.word.load(Ordering::Relaxed) == 0 {
            drop(self.roused.wait(kernel).unwrap());
        }
    }
}

/// What the holder of the baton may touch, and the seats of two threads.
struct Table {
    shared: UnsafeCell<u32>,
    seats: [Baton<Futex>; 2],
}

// SAFETY: `shared` is touched by whoever has the baton only, which is what the test is about.
unsafe impl Sync for Table {}
// SAFETY: as above.
unsafe impl Send for Table {}

impl Table {
    fn new(flaw: Flaw) -> Arc<Table> {
        let seats = [Baton(Futex::new(flaw)), Baton(Futex::new(flaw))];
        Arc::new(Table { shared: UnsafeCell::new(0), seats })
    }

    /// What one does who runs.
    fn touch(&self) -> u32 {
        self.shared.with_mut(|shared| {
            // SAFETY: as above; loom looks whether it is true.
            unsafe {
                *shared += 1;
                *shared
            }
        })
    }
}

/// The first hands the baton to the second, and gets it back, so many times.
fn hand_over(flaw: Flaw, rounds: u32) {
    let table = Table::new(flaw);
    let theirs = Arc::clone(&table);
    let other = loom::thread::spawn(move || {
        for round in 0..rounds {
            assert_eq!(theirs.seats[1].wait(), 7);
            assert_eq!(theirs.touch(), 2 * round + 2);
            theirs.seats[0].give(3);
        }
    });
    for round in 0..rounds {
        assert_eq!(table.touch(), 2 * round + 1);
        table.seats[1].give(7);
        assert_eq!(table.seats[0].wait(), 3);
    }
    assert_eq!(table.touch(), 2 * rounds + 1);
    other.join().unwrap();
}

#[test]
fn an_order_carries_what_its_giver_did_and_is_never_missed() {
    loom::model(|| hand_over(Flaw::None, 1));
}

#[test]
fn a_seat_is_used_again() {
    // All interleavings of two rounds take minutes.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| hand_over(Flaw::None, 2));
}

#[test]
fn an_order_given_before_anybody_waits_is_taken() {
    loom::model(|| {
        let table = Table::new(Flaw::None);
        let theirs = Arc::clone(&table);
        let giver = loom::thread::spawn(move || {
            theirs.touch();
            theirs.seats[0].give(1);
        });
        while table.seats[0].poll() != 1 {
            loom::thread::yield_now();
        }
        assert_eq!(table.touch(), 2);
        assert_eq!(table.seats[0].poll(), 0, "it is taken once");
        giver.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_notices_an_order_that_carries_nothing() {
    loom::model(|| hand_over(Flaw::Relaxed, 1));
}

#[test]
#[should_panic(expected = "deadlock")]
fn loom_notices_an_order_that_is_slept_through() {
    loom::model(|| hand_over(Flaw::SleepsBlindly, 1));
}
