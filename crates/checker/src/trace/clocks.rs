//! Vector clocks for happens-before and its relatives, shared until they change.
//!
//! A thread's time is the number of its current event, so that an access is an epoch (thread, event) as in FastTrack
//! (Flanagan and Freund, PLDI 2009) and "before" is one comparison. A release or a write leaves a [`Stamp`]: the
//! epoch and a reference to the thread's row of foreign times. Rows are copied when their thread learns something new
//! while a stamp still refers to them, so leaving a stamp costs no copy, and a stamp that brings nothing new costs one
//! comparison. Rows are reused as soon as no stamp refers to them: memory follows threads, locks and variables, not
//! events.

/// What a release or a write leaves behind for those who come after it. Owned: give it back with
/// [`Clocks::drop_stamp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Who left it.
    pub(super) thread: u32,
    /// Number of the event, 0 for "no stamp".
    pub(super) index: u32,
    /// The row of what `thread` knew of the others.
    row: u32,
}

impl Stamp {
    /// A stamp that refers to no row: an epoch only.
    pub(super) fn bare(thread: u32, index: u32) -> Stamp {
        Stamp { thread, index, row: 0 }
    }

    /// Whether there is a stamp.
    pub(super) fn is_some(self) -> bool {
        self.index != 0
    }
}

/// The clocks of all threads.
#[derive(Default)]
pub(super) struct Clocks {
    /// Entries of a row; at least the number of threads.
    width: usize,
    /// Row after row. Entry `u` of a row: the events 1 to that number of thread `u` come before. The entry of the
    /// thread itself is not kept.
    times: Vec<u32>,
    /// By row: the stamps that refer to it, plus one for the thread whose row it is.
    references: Vec<u32>,
    /// Rows without references.
    free: Vec<u32>,
    /// By thread: its row.
    rows: Vec<u32>,
}

impl Clocks {
    /// Has a row for `thread`.
    pub(super) fn add_thread(&mut self, thread: u32) {
        let threads = thread as usize + 1;
        if threads > self.width {
            self.widen(threads.next_power_of_two().max(8));
        }
        while self.rows.len() < threads {
            let row = self.new_row();
            self.rows.push(row);
        }
    }

    /// Lays all rows out again with `width` entries.
    fn widen(&mut self, width: usize) {
        let mut times = vec![0; self.references.len() * width];
        for row in 0..self.references.len() {
            let old = &self.times[row * self.width..(row + 1) * self.width];
            times[row * width..row * width + self.width].copy_from_slice(old);
        }
        (self.width, self.times) = (width, times);
    }

    /// A row of zeroes with one reference.
    fn new_row(&mut self) -> u32 {
        if let Some(row) = self.free.pop() {
            let start = row as usize * self.width;
            self.times[start..start + self.width].fill(0);
            self.references[row as usize] = 1;
            return row;
        }
        let row = u32::try_from(self.references.len()).expect("fewer rows than events");
        self.times.resize(self.times.len() + self.width, 0);
        self.references.push(1);
        row
    }

    /// How many events of `of` come before whatever `thread` does now. Precondition: `of != thread`.
    #[inline]
    pub(super) fn known(&self, thread: u32, of: u32) -> u32 {
        debug_assert_ne!(thread, of);
        self.times[self.rows[thread as usize] as usize * self.width + of as usize]
    }

    /// By thread: how many of its events all the other `live` threads know of; `u32::MAX` where there are none.
    pub(super) fn floor(&self, live: impl Iterator<Item = u32>, floor: &mut Vec<u32>) {
        floor.clear();
        floor.resize(self.rows.len(), u32::MAX);
        for thread in live {
            let own = floor[thread as usize];
            let start = self.rows[thread as usize] as usize * self.width;
            for (floor, known) in floor.iter_mut().zip(&self.times[start..start + self.width]) {
                *floor = (*floor).min(*known);
            }
            floor[thread as usize] = own;
        }
    }

    /// The stamp of `thread` at its event `index`.
    #[inline]
    pub(super) fn stamp(&mut self, thread: u32, index: u32) -> Stamp {
        let row = self.rows[thread as usize];
        self.references[row as usize] += 1;
        Stamp { thread, index, row }
    }

    /// Gives a stamp back and leaves none in its place.
    #[inline]
    pub(super) fn drop_stamp(&mut self, stamp: &mut Stamp) {
        if stamp.is_some() {
            let references = &mut self.references[stamp.row as usize];
            *references -= 1;
            if *references == 0 {
                self.free.push(stamp.row);
            }
            *stamp = Stamp::default();
        }
    }

    /// Puts a new stamp of `thread` in the place of an old one.
    #[inline]
    pub(super) fn restamp(&mut self, stamp: &mut Stamp, thread: u32, index: u32) {
        if stamp.is_some() && stamp.row == self.rows[thread as usize] {
            (stamp.thread, stamp.index) = (thread, index);
            return;
        }
        self.drop_stamp(stamp);
        *stamp = self.stamp(thread, index);
    }

    /// From now on, everything before `stamp` comes before what `thread` does.
    #[inline]
    pub(super) fn receive(&mut self, thread: u32, stamp: Stamp) {
        if stamp.is_some() && stamp.thread != thread && self.known(thread, stamp.thread) < stamp.index {
            self.join(thread, stamp);
        }
    }

    /// The slow half of [`Clocks::receive`]: there is something new.
    fn join(&mut self, thread: u32, stamp: Stamp) {
        let width = self.width;
        let old = self.rows[thread as usize] as usize;
        let theirs = stamp.row as usize * width;
        let mine = if self.references[old] > 1 {
            self.references[old] -= 1;
            let row = self.new_row();
            self.rows[thread as usize] = row;
            let (mine, old) = (row as usize * width, old * width);
            let rows = [mine..mine + width, old..old + width, theirs..theirs + width];
            let rows = self.times.get_disjoint_mut(rows);
            let [mine_row, old, theirs] = rows.expect("threads do not share rows");
            for (mine, (old, theirs)) in mine_row.iter_mut().zip(old.iter().zip(theirs.iter())) {
                *mine = (*old).max(*theirs);
            }
            mine
        } else {
            let mine = old * width;
            let rows = self.times.get_disjoint_mut([mine..mine + width, theirs..theirs + width]);
            let [mine_row, theirs] = rows.expect("threads do not share rows");
            for (mine, theirs) in mine_row.iter_mut().zip(theirs) {
                *mine = (*mine).max(*theirs);
            }
            mine
        };
        let entry = &mut self.times[mine + stamp.thread as usize];
        *entry = (*entry).max(stamp.index);
    }
}

/// The order that one lock makes: what the next acquisition comes after.
#[derive(Clone, Default)]
pub(super) struct LockStamps {
    /// The last exclusive release.
    exclusive: Stamp,
    /// The shared releases since then, one for each thread.
    shared: Vec<Stamp>,
}

impl LockStamps {
    /// `thread` acquires the lock: after the last exclusive release, and exclusively also after the shared ones.
    #[inline]
    pub(super) fn acquire(&self, clocks: &mut Clocks, thread: u32, shared: bool) {
        clocks.receive(thread, self.exclusive);
        if !shared {
            for &stamp in &self.shared {
                clocks.receive(thread, stamp);
            }
        }
    }

    /// The shared releases since the last exclusive one, as (thread, event).
    pub(super) fn readers(&self) -> impl Iterator<Item = (u32, u32)> {
        self.shared.iter().map(|stamp| (stamp.thread, stamp.index))
    }

    /// `thread` releases the lock with its event `index`.
    #[inline]
    pub(super) fn release(&mut self, clocks: &mut Clocks, thread: u32, index: u32, shared: bool) {
        if !shared {
            clocks.restamp(&mut self.exclusive, thread, index);
            for mut stamp in self.shared.drain(..) {
                clocks.drop_stamp(&mut stamp);
            }
        } else if let Some(stamp) = self.shared.iter_mut().find(|stamp| stamp.thread == thread) {
            clocks.restamp(stamp, thread, index);
        } else {
            self.shared.push(clocks.stamp(thread, index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_what_was_known_when_it_was_left() {
        let mut clocks = Clocks::default();
        (0..3).for_each(|thread| clocks.add_thread(thread));
        let early = clocks.stamp(1, 4);
        let news = clocks.stamp(2, 9);
        clocks.receive(1, news);
        clocks.receive(0, early);
        assert_eq!((clocks.known(0, 1), clocks.known(0, 2)), (4, 0));
        let late = clocks.stamp(1, 5);
        clocks.receive(0, late);
        assert_eq!((clocks.known(0, 1), clocks.known(0, 2)), (5, 9));
    }

    #[test]
    fn rows_are_reused_and_clocks_widen() {
        let mut clocks = Clocks::default();
        clocks.add_thread(0);
        clocks.add_thread(1);
        let mut stamp = clocks.stamp(0, 1);
        for index in 2..10_000 {
            let mut other = clocks.stamp(1, index);
            clocks.receive(0, other);
            clocks.drop_stamp(&mut other);
            clocks.restamp(&mut stamp, 0, index);
        }
        assert!(clocks.references.len() < 8, "{}", clocks.references.len());
        clocks.add_thread(20);
        assert_eq!((clocks.known(0, 1), clocks.known(20, 0)), (9_999, 0));
    }

    #[test]
    fn readers_are_ordered_with_writers_only() {
        let mut clocks = Clocks::default();
        (0..4).for_each(|thread| clocks.add_thread(thread));
        let mut lock = LockStamps::default();
        lock.release(&mut clocks, 0, 3, false);
        lock.acquire(&mut clocks, 1, true);
        lock.acquire(&mut clocks, 2, true);
        lock.release(&mut clocks, 1, 5, true);
        lock.release(&mut clocks, 2, 6, true);
        assert_eq!((clocks.known(1, 0), clocks.known(2, 0), clocks.known(2, 1)), (3, 3, 0));
        lock.acquire(&mut clocks, 3, false);
        assert_eq!((clocks.known(3, 0), clocks.known(3, 1), clocks.known(3, 2)), (3, 5, 6));
    }
}
