//! The hold set by example: what is written reads back, and a context is a function of the set.

use std::panic::Location;

use lockcheck_events::{LockId, Mode};

use super::hold::{ATTEMPTS, Held, HeldLock, KINDS, MODES};
use super::hold_set::HELD_MAX;
use super::*;

fn hold(id: u64) -> HeldLock {
    HeldLock {
        id: LockId(id),
        site: Location::caller(),
        created: Location::caller(),
        event: id as u32,
        mode: MODES[id as usize % 4],
        attempt: ATTEMPTS[id as usize % 3],
        kind: KINDS[id as usize % KINDS.len()],
    }
}

fn seen() -> Thread {
    let thread = Thread::new();
    thread.meet();
    thread.watch();
    thread
}

#[test]
fn a_hold_reads_back_as_it_was_written() {
    for id in 1..200 {
        let entry = Held::EMPTY;
        assert!(entry.read().is_none());
        let written = hold(id);
        entry.write(written);
        let read = entry.read().unwrap();
        assert_eq!((read.id, read.event, read.mode), (written.id, written.event, written.mode));
        assert_eq!((read.attempt, read.kind), (written.attempt, written.kind));
    }
}

#[test]
fn the_context_is_a_function_of_the_set_however_it_came_about() {
    let wanted = hold(99);
    let straight = seen();
    let idle = Quick { thread: &straight, word: straight.holds.word() };
    idle.write_first(hold(1));
    assert_eq!(idle.push_first().0, 0);
    let nesting = Quick { thread: &straight, word: straight.holds.word() };
    let third = hold(3);
    let manner = pack(0, third.mode, third.attempt, third.kind) as u32;
    assert_eq!(nesting.write_nested(third.id, third.site, third.created, manner), straight.key(&third));
    assert_eq!(nesting.push_nested().0, 1);
    assert_eq!(straight.next_event(), 2, "both operations are counted");
    let expected = straight.key(&wanted);

    let detour = seen();
    for id in [1, 2, 3, 4] {
        detour.push(hold(id));
    }
    assert!(detour.pop(2) && detour.pop(4) && !detour.pop(7));
    assert_eq!(detour.key(&wanted), expected);
    assert!(detour.pop(1) && detour.pop(3));
    assert_eq!(detour.held_len(), 0);
}

#[test]
fn held_and_wanted_are_not_exchangeable() {
    let one = seen();
    one.push(hold(5));
    let other = seen();
    other.push(hold(6));
    assert_ne!(one.key(&hold(6)), other.key(&hold(5)));
}

#[test]
fn a_changed_hold_keeps_its_place_and_is_hashed_anew() {
    let with = |id: u64, mode: Mode| HeldLock { mode, ..hold(id) };
    let changed = seen();
    for id in [1, 2, 1, 3] {
        changed.push(with(id, Mode::Upgradable));
    }
    changed.key(&hold(9));
    assert!(changed.change(Mode::Exclusive, with(1, Mode::Shared)).is_none());
    assert!(changed.change(Mode::Upgradable, with(1, Mode::Shared)).is_some());
    let modes: Vec<_> = changed.holds().iter().map(|hold| (hold.id.0, hold.mode)).collect();
    use Mode::{Shared, Upgradable};
    assert_eq!(modes, [(1, Upgradable), (2, Upgradable), (1, Shared), (3, Upgradable)]);

    let straight = seen();
    for &(id, mode) in &modes {
        straight.push(with(id, mode));
    }
    assert_eq!(changed.key(&hold(9)), straight.key(&hold(9)));
    assert_eq!(changed.take(LockId(1), Upgradable).map(|hold| hold.event), Some(1));
    assert!(changed.take(LockId(1), Upgradable).is_none());
    assert_eq!(changed.hold_against(&with(2, Mode::Exclusive)).map(|hold| hold.id.0), Some(2));
    assert!(changed.hold_against(&with(1, Mode::Shared)).is_none(), "readers do not exclude each other");
}

#[test]
fn holds_past_the_inline_ones_are_kept_up_to_the_limit() {
    let thread = seen();
    for id in 1..=HELD_MAX as u64 + 10 {
        thread.push(hold(id));
    }
    assert_eq!(thread.held_len(), HELD_MAX);
    assert!(thread.pop(40) && thread.pop(HELD_MAX as u64) && !thread.pop(HELD_MAX as u64 + 1));
    assert_eq!(thread.holds().iter().count(), HELD_MAX - 2);
    let has = |id: u64| thread.find(|hold| hold.id == LockId(id)).is_some();
    assert!(has(41) && !has(40));
    thread.holds.shrink();
}
