//! The hold set by example: what is written reads back, and a context is a function of the set.

use std::panic::Location;

use lockcheck_events::{Attempt, LockId, LockKind, Mode};

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

/// What a lock that has this hold goes by.
fn word_of(hold: &HeldLock) -> u64 {
    crate::rt::classes::number(hold.created) * IDS + hold.id.0
}

/// Numbers below what is asked for, the same each time: a linear congruential generator's upper bits.
fn numbers(mut state: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
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
    let first = hold(1);
    let manner = pack(0, first.mode, first.attempt, first.kind) as u32;
    idle.write_first(word_of(&first), first.site, manner);
    assert_eq!(idle.push_first(manner).0, 1);
    let nesting = Quick { thread: &straight, word: straight.holds.word() };
    let third = hold(3);
    let manner = pack(0, third.mode, third.attempt, third.kind) as u32;
    assert_eq!(nesting.write_second(word_of(&third), third.site, manner), straight.key(&third));
    assert_eq!(nesting.push_second().0, 2);
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

/// However guards come and go, the quick way and the slow one together leave what the guards that are left stand for: each
/// its own hold in its order, and of a lock that is held more than once as many holds as there are guards.
#[test]
fn the_holds_left_are_those_of_the_guards_left() {
    let thread = seen();
    let mut next = numbers(1);
    let mut guards: Vec<(u64, Token)> = Vec::new();
    let (mut quickly, mut slowly) = (0, 0);
    for step in 1..400_000 {
        // Now few, now more than a thread keeps in its own body.
        let most = if step % 1_000 < 900 { 6 } else { 40 };
        if guards.is_empty() || guards.len() < most && next(100) < 49 {
            // Some locks are taken again and again, as by readers.
            let id = if next(2) == 0 { 1 + next(3) } else { 100 + step };
            guards.push((id, thread.push(hold(id))));
        } else {
            // More often than not the youngest.
            let at = if next(3) == 0 { next(guards.len() as u64) as usize } else { guards.len() - 1 };
            let (id, token) = guards.remove(at);
            if next(10) == 0 {
                assert!(thread.pop(id), "what is held is found, whichever guard it is for");
            } else if thread.give_up_top(token) {
                quickly += 1;
            } else {
                thread.give_up_older(token, id);
                slowly += 1;
            }
        }
        let mut left: Vec<u64> = thread.holds().ids().map(|id| id.0).collect();
        let mut expected: Vec<u64> = guards.iter().map(|(id, _)| *id).collect();
        let once = |ids: &[u64]| ids.iter().copied().filter(|id| *id >= 100).collect::<Vec<_>>();
        assert_eq!(once(&left), once(&expected), "step {step}");
        left.sort_unstable();
        expected.sort_unstable();
        assert_eq!(left, expected, "step {step}");
        if guards.is_empty() {
            assert!(
                Quick { thread: &thread, word: thread.holds.word() }.is_idle(),
                "nothing is left of what was"
            );
        }
    }
    assert!(quickly > 2_000 && slowly > 2_000, "both ways were gone: {quickly}, {slowly}");
    thread.holds.shrink();
}

/// Whichever way they come, and whatever else the thread counts meanwhile, holds say when and how they were asked for; also
/// the lowest one, of which the quickest way writes only what cannot be had from the thread's word.
#[test]
fn holds_say_when_they_were_asked_for_whichever_way_they_came() {
    let thread = seen();
    let mut next = numbers(7);
    let mut events = 0_u32;
    let mut guards: Vec<(HeldLock, Token)> = Vec::new();
    // What was last at the lowest place.
    let mut lowest = None;
    for step in 1..100_000_u64 {
        match next(5) {
            0 => {
                assert_eq!(thread.next_event(), events, "step {step}");
                events += 1;
            }
            1 | 2 if guards.len() < 4 => {
                let mut hold = HeldLock { event: events, attempt: Attempt::Block, ..hold(step) };
                if next(2) == 0 {
                    (hold.mode, hold.kind) = (Mode::Exclusive, LockKind::Mutex);
                }
                let manner = pack(0, hold.mode, hold.attempt, hold.kind) as u32;
                let quick = Quick { thread: &thread, word: thread.holds.word() };
                let token = match next(3) {
                    0 if quick.is_idle() => {
                        quick.write_first(word_of(&hold), hold.site, manner);
                        quick.push_first(manner)
                    }
                    0 if quick.has_one() => {
                        let key = quick.write_second(word_of(&hold), hold.site, manner);
                        assert_eq!(key, thread.key(&hold), "step {step}");
                        quick.push_second()
                    }
                    1 if quick.is_nesting() => {
                        let key = quick.write_nested(word_of(&hold), hold.site, manner);
                        assert_eq!(key, thread.key(&hold), "step {step}");
                        quick.push_nested()
                    }
                    _ => {
                        assert_eq!(thread.next_event(), events, "step {step}");
                        thread.push(hold)
                    }
                };
                events += 1;
                guards.push((hold, token));
            }
            _ if !guards.is_empty() => {
                let at = if next(4) == 0 { next(guards.len() as u64) as usize } else { guards.len() - 1 };
                let (hold, token) = guards.remove(at);
                if !thread.give_up_top(token) {
                    thread.give_up_older(token, hold.id.0);
                }
            }
            _ => {}
        }
        lowest = guards.first().map(|(hold, _)| *hold).or(lowest);
        assert_eq!(thread.event(), events, "step {step}");
        let said = |hold: &HeldLock| (hold.id, hold.event, hold.mode, hold.attempt, hold.kind, hold.created);
        let found: Vec<_> = thread.holds().iter().map(|hold| said(&hold)).collect();
        let due: Vec<_> = guards.iter().map(|(hold, _)| said(hold)).collect();
        assert_eq!(found, due, "step {step}");
        let first = thread.holds().with_given_back().next();
        assert_eq!(first.as_ref().map(said), lowest.as_ref().map(said), "step {step}");
    }
}
