//! Programs to explore, and what is asked of reports on them.

use std::sync::Arc;

use tracked::{Condvar, ExploreReport, Mutex, thread};

/// Two threads, two locks, opposite orders.
pub fn abba() {
    let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
    let theirs = Arc::clone(&locks);
    let one = thread::spawn(move || {
        let _a = theirs.0.lock().unwrap();
        let _b = theirs.1.lock().unwrap();
    });
    let theirs = Arc::clone(&locks);
    let other = thread::spawn(move || {
        let _b = theirs.1.lock().unwrap();
        let _a = theirs.0.lock().unwrap();
    });
    one.join().unwrap();
    other.join().unwrap();
}

/// The same under a lock of its own.
pub fn gated_abba() {
    let locks = Arc::new((Mutex::new(()), Mutex::new(0), Mutex::new(0)));
    let theirs = Arc::clone(&locks);
    let one = thread::spawn(move || {
        let _gate = theirs.0.lock().unwrap();
        let _a = theirs.1.lock().unwrap();
        let _b = theirs.2.lock().unwrap();
    });
    let theirs = Arc::clone(&locks);
    let other = thread::spawn(move || {
        let _gate = theirs.0.lock().unwrap();
        let _b = theirs.2.lock().unwrap();
        let _a = theirs.1.lock().unwrap();
    });
    one.join().unwrap();
    other.join().unwrap();
}

/// The kind of the only finding.
#[track_caller]
pub fn kind(report: &ExploreReport) -> String {
    let finding = report.finding().unwrap_or_else(|| panic!("nothing was found:\n{report}"));
    finding.kind.clone()
}

/// Each takes the fork at the left, then that at the right; the last one the other way round, if `polite`.
pub fn philosophers(count: usize, polite: bool) {
    let forks: Arc<Vec<Mutex<u32>>> = Arc::new((0..count).map(|_| Mutex::new(0)).collect());
    let eaters: Vec<_> = (0..count)
        .map(|seat| {
            let forks = Arc::clone(&forks);
            thread::spawn(move || {
                let (left, right) = (seat, (seat + 1) % count);
                let (first, second) = if polite && seat + 1 == count { (right, left) } else { (left, right) };
                let mut first = forks[first].lock().unwrap();
                let mut second = forks[second].lock().unwrap();
                *first += 1;
                *second += 1;
            })
        })
        .collect();
    eaters.into_iter().for_each(|eater| eater.join().unwrap());
}

/// A queue with room for so many and one condition for both sides, who are told one at a time.
pub struct Bounded {
    items: Mutex<Vec<u32>>,
    room: usize,
    changed: Condvar,
    everybody: bool,
}

impl Bounded {
    /// `everybody`: tells all who wait, not one of them.
    pub fn new(room: usize, everybody: bool) -> Bounded {
        Bounded { items: Mutex::new(Vec::new()), room, changed: Condvar::new(), everybody }
    }

    fn tell(&self) {
        if self.everybody { self.changed.notify_all() } else { self.changed.notify_one() }
    }

    /// Puts an item when there is room.
    pub fn put(&self, item: u32) {
        let mut items = self.items.lock().unwrap();
        while items.len() == self.room {
            items = self.changed.wait(items).unwrap();
        }
        items.push(item);
        self.tell();
    }

    /// Takes an item when there is one.
    pub fn get(&self) -> u32 {
        let mut items = self.items.lock().unwrap();
        while items.is_empty() {
            items = self.changed.wait(items).unwrap();
        }
        let item = items.remove(0);
        self.tell();
        item
    }
}
