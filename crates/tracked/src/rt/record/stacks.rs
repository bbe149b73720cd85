//! With which stack a thread makes its accesses: what is told apart, and when one is captured.
//!
//! A stack is walked the first time that a thread accesses data at a place, and again when it comes there by another
//! way. That it is the same way is seen without walking: the stack pointer is where it was, and the return addresses
//! of the nearest callers are where they were found then. Which stack is the place's at the moment is said in the file
//! each time it changes. Nothing here allocates; a place that has had its share of stacks, or a thread that has, goes on
//! with "not captured" rather than with somebody else's.
//!
//! Where return addresses are not kept just below the caller's part of the stack (processors other than x86-64), the
//! stack pointer alone has to do.

use std::cell::Cell;

use lockcheck_events::event_file::FRAMES_MAX;

use super::super::stack;

/// Stacks that a thread keeps apart; a power of two.
const STACKS_MAX: usize = 128;
/// Stacks that it keeps apart at one place, and those at places whose hashes are neighbours.
const NEIGHBOURS: usize = 8;
/// Callers whose return addresses are compared.
const CALLERS_MAX: usize = 16;

/// A return address on the stack: how many words above the stack pointer, and its lower half word.
type Caller = (u16, u16);

/// One stack at one place.
struct Entry {
    /// The number of the place; 0: no entry.
    place: Cell<u32>,
    /// The stack's number, from 1.
    number: Cell<u16>,
    /// Whether the file says that accesses at the place are made with this one now.
    now: Cell<bool>,
    /// How many callers are compared.
    count: Cell<u8>,
    /// The stack pointer, or what stands for it: an aligned address in the frame of who asks.
    depth: Cell<usize>,
    /// Innermost first.
    callers: [Cell<Caller>; CALLERS_MAX],
}

impl Entry {
    const fn vacant() -> Entry {
        Entry {
            place: Cell::new(0),
            number: Cell::new(0),
            now: Cell::new(false),
            count: Cell::new(0),
            depth: Cell::new(0),
            callers: [const { Cell::new((0, 0)) }; CALLERS_MAX],
        }
    }

    /// Whether this is the stack of an access at `place`.
    #[inline(always)]
    fn is_of(&self, place: u32, depth: usize) -> bool {
        self.place.get() == place && self.depth.get() == depth && self.has_same_callers()
    }

    /// Precondition: the caller's stack pointer is at `self.depth`.
    #[inline(always)]
    fn has_same_callers(&self) -> bool {
        self.callers[..usize::from(self.count.get())].iter().all(|caller| {
            let (words, address) = caller.get();
            let at = (self.depth.get() + usize::from(words) * size_of::<usize>()) as *const usize;
            // SAFETY: part of this thread's stack, above its stack pointer: that is where it was when the stack was
            // captured, and the functions from there to here are the same ones, as the return addresses before this
            // one say, with frames of the same sizes; so their caller has its own return address here too. Volatile,
            // as the compiler knows nothing of it.
            (unsafe { at.read_volatile() }) as u16 == address
        })
    }
}

/// What is to be written before an access.
pub(super) enum Say {
    /// Nothing: the stack is the one that the file last named for the place.
    Nothing,
    /// The stack with this number, which the file has; 0: one that is not captured.
    Known(u16),
    /// A new stack, with this number, which is kept at this entry and is to be captured.
    New(u16, usize),
}

/// The stacks of one thread.
pub(super) struct Stacks {
    entries: [Entry; STACKS_MAX],
    /// How many numbers were given.
    count: Cell<u16>,
    /// Whether anybody wants stacks. Asked when the thread arrives, for the answer may come from the environment.
    wanted: bool,
}

impl Stacks {
    pub(super) fn new() -> Stacks {
        let wanted = stack::wanted() != lockcheck_report::Backtrace::None;
        Stacks { entries: [const { Entry::vacant() }; STACKS_MAX], count: Cell::new(0), wanted }
    }

    /// The thread is about to access data at `place`, with its stack pointer at `depth`, or always as far from there.
    #[inline(always)]
    pub(super) fn at(&self, place: u32, depth: usize) -> Say {
        let home = place as usize % STACKS_MAX;
        let entry = &self.entries[home];
        let same = entry.now.get() && entry.is_of(place, depth);
        if same || !self.wanted || place == 0 { Say::Nothing } else { self.search(home, place, depth) }
    }

    /// The slow half of [`Stacks::at`]. Of the entries of a place at most one is the present one.
    #[inline(never)]
    fn search(&self, home: usize, place: u32, depth: usize) -> Say {
        let (mut found, mut vacant, mut present) = (None, None, None);
        for at in (home..home + NEIGHBOURS).map(|at| at % STACKS_MAX) {
            let entry = &self.entries[at];
            if entry.place.get() == 0 {
                vacant = Some(at);
                break;
            }
            if entry.place.get() == place {
                present = if entry.now.get() { Some(at) } else { present };
                found = if entry.is_of(place, depth) { Some(at) } else { found };
            }
        }
        if found.is_some() && found == present {
            return Say::Nothing;
        }
        if let Some(at) = present {
            self.entries[at].now.set(false);
        }
        if let Some(at) = found {
            self.entries[at].now.set(true);
            return Say::Known(self.entries[at].number.get());
        }
        let Some(at) = vacant else {
            return if present.is_some() { Say::Known(0) } else { Say::Nothing };
        };
        let number = self.count.get() + 1;
        self.count.set(number);
        let entry = &self.entries[at];
        entry.place.set(place);
        entry.depth.set(depth);
        entry.number.set(number);
        entry.now.set(true);
        Say::New(number, at)
    }

    /// Captures the stack of a new entry: calls `each` with its return addresses, innermost first.
    pub(super) fn capture(&self, entry: usize, each: impl FnMut(u64)) {
        let entry = &self.entries[entry];
        let mut addresses = [0; FRAMES_MAX];
        let (mut number, mut count, mut in_place) = (0, 0, cfg!(target_arch = "x86_64"));
        stack::walk(|ip, pointer| {
            addresses[number] = ip as u64;
            number += 1;
            let slot = pointer.wrapping_sub(size_of::<usize>());
            // Frames below are those of the walk itself.
            if in_place && slot > entry.depth.get() && slot < pointer {
                let words = (slot - entry.depth.get()) / size_of::<usize>();
                // SAFETY: the unwinder has just read a frame of this thread's stack that ends there.
                let there = unsafe { (slot as *const usize).read_volatile() };
                in_place = there == ip && words <= usize::from(u16::MAX) && count < CALLERS_MAX;
                if in_place {
                    entry.callers[count].set((words as u16, ip as u16));
                    count += 1;
                }
            }
            number < FRAMES_MAX
        });
        entry.count.set(count as u8);
        addresses[..number].iter().copied().for_each(each);
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// What is said, as text.
    fn say(stacks: &Stacks, place: u32, depth: usize) -> String {
        match stacks.at(place, depth) {
            Say::Nothing => "-".to_owned(),
            Say::Known(number) => format!("known {number}"),
            Say::New(number, _) => format!("new {number}"),
        }
    }

    #[test]
    fn a_place_says_when_its_stack_changes_and_has_its_share() {
        let stacks = Stacks { wanted: true, ..Stacks::new() };
        let said: Vec<String> = [10, 10, 20, 10, 10].iter().map(|&depth| say(&stacks, 7, depth)).collect();
        assert_eq!(said, ["new 1", "-", "new 2", "known 1", "-"]);
        for depth in 100..100 + NEIGHBOURS - 2 {
            assert!(say(&stacks, 7, depth).starts_with("new"));
        }
        assert_eq!(
            [500, 501, 20, 500].map(|depth| say(&stacks, 7, depth)),
            ["known 0", "-", "known 2", "known 0"]
        );
        // A neighbour finds no room, and claims nothing of what it shares its room with.
        assert_eq!([1, 2].map(|depth| say(&stacks, 7 + STACKS_MAX as u32, depth)), ["-", "-"]);
        assert_eq!([1, 1].map(|depth| say(&stacks, 7 + NEIGHBOURS as u32, depth)), ["new 9", "-"]);
        assert_eq!(say(&stacks, 0, 1), "-");
    }

    #[test]
    fn nobody_who_wants_none_gets_one() {
        let stacks = Stacks { wanted: false, ..Stacks::new() };
        assert_eq!(say(&stacks, 7, 1), "-");
    }

    /// An access at one place; the number of the stack, if something is said.
    #[inline(never)]
    fn access(stacks: &Stacks) -> Option<u16> {
        let marker = 0_usize;
        let said = match stacks.at(7, std::ptr::from_ref(black_box(&marker)).addr()) {
            Say::Nothing => None,
            Say::Known(number) => Some(number),
            Say::New(number, entry) => {
                let mut frames = 0;
                stacks.capture(entry, |_| frames += 1);
                assert!(frames > 0);
                Some(number)
            }
        };
        black_box(said)
    }

    #[inline(never)]
    fn one_way(stacks: &Stacks) -> Option<u16> {
        black_box(access(black_box(stacks)))
    }

    #[inline(never)]
    fn other_way(stacks: &Stacks) -> Option<u16> {
        black_box(access(black_box(stacks)))
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn callers_with_frames_of_one_size_are_told_apart() {
        let stacks = Stacks { wanted: true, ..Stacks::new() };
        let ways: [fn(&Stacks) -> Option<u16>; 5] = [one_way, one_way, other_way, other_way, one_way];
        let mut said = Vec::new();
        for way in black_box(ways) {
            said.push(way(&stacks));
        }
        assert_eq!(said, [Some(1), None, Some(2), None, Some(1)]);
    }
}
