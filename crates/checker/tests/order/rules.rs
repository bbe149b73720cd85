//! One test a rule: where it must speak, and the nearest case where it must stay silent.

use crate::language::{Program, check, run, show};

#[test]
fn two_threads_in_opposite_order() {
    check("T1: a b\nT2: b a", "likely a b");
    check("T1: a b\nT2: a b", "");
    check("T1: a -a b\nT2: b -b a", "");
}

#[test]
fn one_thread_in_both_orders_is_a_note() {
    check("T1: a b\nT1: b a", "order a b");
}

#[test]
fn a_second_thread_lifts_the_tier() {
    check("T1@1: a b\nT1@2: b a\nT2@1: a b", "likely a b");
}

#[test]
fn three_threads_in_a_ring() {
    check("T1: a b\nT2: b c\nT3: c a", "likely a b c");
    check("T1: a b\nT2: b c\nT3: a c", "");
    check("T1: a b\nT2: b c\nT1: c a", "order a b c");
}

#[test]
fn a_ring_with_a_chord_is_two_problems_whichever_edge_comes_last() {
    let lines = ["T1: a b", "T2: b a", "T3: b c", "T4: c a"];
    for last in 0..4 {
        let mut order: Vec<&str> = lines.to_vec();
        order.rotate_left(last);
        check(&order.join("\n"), "likely a b\nlikely a b c");
    }
}

#[test]
fn a_gate_held_exclusively_by_two_sides_keeps_silent() {
    check("T1: g a b\nT2: g b a", "");
    check("T1: g a b\nT2: h b a", "likely a b");
    check("T1: g.r a b\nT2: g.r b a", "likely a b");
    check("T1: g.r a b\nT2: g a.r b", "");
    check("T1: g a b\nT2: g.r b a", "");
    check("T1: g.u a b\nT2: g.u b a", "");
    check("T1: g.u a b\nT2: g.r b a", "likely a b");
    check("T1: g.try a b\nT2: g b a", "");
    check("T1: a b\nT2: b c\nT3: c a\nT3: x c a", "likely a b c\nlikely a b c");
    check("T1: g a b\nT2: b c\nT3: g c a", "");
}

#[test]
fn a_gate_must_be_held_when_the_second_lock_is_asked_for() {
    check("T1: g a -g b\nT2: g b -g a", "likely a b");
    check("T1: g a -g b\nT2: g b a", "likely a b");
}

#[test]
fn one_ungated_side_is_found_beside_gated_ones() {
    check("T1: g a b\nT2: g b a\nT1: a b", "likely a b");
    check("T2: g b a\nT1: g a b\nT3: b a", "likely a b");
}

#[test]
fn readers_block_only_where_the_table_says_so() {
    check("T1: a b.r\nT2: b.r a", "order a b");
    check("T1: a b.rr\nT2: b.r a", "");
    check("T1: a b.r\nT2: b.rr a", "order a b");
    check("T1: a b.r\nT2: b a", "likely a b");
    check("T1: a b\nT2: b.r a", "likely a b");
    check("T1: a b.u\nT2: b.r a", "order a b");
    check("T1: a b.u\nT2: b.u a", "likely a b");
    check("T1: a b.r\nT2: b.u a", "order a b");
    check("T1: a b.rr\nT2: b.u a", "");
    check("T1: a b.rr\nT2: b a", "likely a b");
    check("T1: a.r b.r\nT2: b.r a.r", "order a b");
    check("T1: a.r b\nT2: b.r a", "likely a b");
}

/// Trap: a read order that is known must not swallow the write order.
#[test]
fn evidence_is_kept_by_mode() {
    check("T1@1: a b.rr\nT2: b.r a\nT1@1: a b", "likely a b");
    check("T1@1: a.rr b\nT2: b a.rr\nT1@1: a b", "likely a b");
}

#[test]
fn a_lock_taken_by_try_is_held_like_any_other_but_asks_for_nothing() {
    check("T1: a b.try\nT2: b a", "");
    check("T1: a.try b\nT2: b a", "likely a b");
    check("T1: a.try b.try\nT2: b.try a.try", "");
}

#[test]
fn timed_requests_give_the_lint() {
    check("T1: a b.timed\nT2: b a.timed", "masked a b");
    check("T1: a b.timed\nT2: b a", "masked a b");
    check("T1: a.timed b\nT2: b.timed a", "likely a b");
    check("T1: a b.timed\nT1: b a.timed", "");
    check("T1: g a b.timed\nT2: g b a.timed", "");
    check("T1: a b.timed\nT2: b a.try", "");
    check("T1: a b.r.timed\nT2: b.r a", "");
    check("T1: a b.timed\nT2: b a.timed\nT1: a b\nT2: b a", "masked a b\nmasked a b\nmasked a b\nlikely a b");
}

#[test]
fn spawn_orders_what_comes_before_it() {
    check("T1: a b\nT1: spawn T2\nT2: b a", "");
    check("T1: spawn T2\nT1: a b\nT2: b a", "likely a b");
    check("T1: a b\nT1: spawn T2\nT2: spawn T3\nT3: b a", "");
}

#[test]
fn join_orders_what_comes_after_it() {
    check("T1: spawn T2\nT2: b a\nT1: join T2\nT1: a b", "");
    check("T1: spawn T2\nT2: b a\nT1: a b\nT1: join T2", "likely a b");
    check("T1: spawn T2\nT2: b a\nT1: join T2\nT1: spawn T3\nT3: a b", "");
    check("T1: spawn T2\nT1: spawn T3\nT2: b a\nT1: join T2\nT3: a b\nT1: join T3", "likely a b");
}

#[test]
fn a_barrier_orders_its_rounds() {
    check("T1: a b\nbarrier T1 T2\nT2: b a", "");
    check("T1: a b\nbarrier T1 T2\nT2: a b\nT1: b a", "likely a b\norder a b");
    check("T1: a b\nbarrier T1 T3\nT2: b a", "likely a b");
    check("T1: a b\nbarrier T1 T2\nbarrier T2 T3\nT3: b a", "");
    check("T1: a b\nbarrier T2 T3\nbarrier T1 T2\nT3: b a", "likely a b");
}

#[test]
fn the_end_of_a_thread_can_be_joined_by_several() {
    let mut program = Program::parse("T1: b a\nT2: spawn T4\nT3: spawn T4\nT4: a b\nT2: c d\nT3: c d");
    // T1's end is one token that two threads wait for.
    let token = lockcheck_events::TokenId(99);
    let thread = lockcheck_events::ThreadId;
    program.calls.insert(1, crate::language::Call::Before(thread(1), token));
    program.calls.insert(2, crate::language::Call::After(thread(2), token));
    program.calls.insert(3, crate::language::Call::After(thread(3), token));
    assert_eq!(show(&program, &run(&program)), Vec::<String>::new());
}

/// Trap: the same order in a later segment of the same thread is new knowledge.
#[test]
fn evidence_is_kept_by_segment() {
    check("T1@1: a b\nT1: spawn T2\nT2: b a\nT1@1: a b", "likely a b");
    check("T1@1: a b\nT1: spawn T2\nT1@1: a b\nT2: b a", "likely a b");
    check("T1@1: a b\nT1@1: a b\nT1: spawn T2\nT2: b a", "");
}

/// Trap: a closing edge that was harmless is judged again when any edge of its component gets new evidence.
#[test]
fn harmless_closing_edges_are_judged_again() {
    check(
        "T1: g a b\nT2: g b c\nT3: g c a\nT1: a b\nT2: b c\nT3: c a",
        "likely a b c\nlikely a b c\nlikely a b c\nlikely a b c",
    );
    check("T1: g a b\nT2: g b a\nT3: b c\nT4: c a\nT5: a b", "likely a b\nlikely a b c\nlikely a b c");
    check("T1: a b\nT1: b a\nT1: b c\nT2: c d\nT3: d b", "order a b\nlikely b c d");
}

#[test]
fn a_new_forward_edge_closes_a_cycle_through_an_old_closing_edge() {
    // b -> a closes, but is gated. c -> b then runs with the order and closes a -> c -> b -> a.
    check("T1: g a b\nT2: g b a\nT3: a c\nT4: c b", "likely a b c");
}

#[test]
fn a_dropped_lock_still_links_what_it_linked() {
    check("T1: a b\nT2: b c\ndrop b\nT3: c a", "likely a b c");
    check("T1: a b\nT2: b c\ndrop c\ndrop b\nT3: c2 a", "");
    check("T1: g a b\ndrop g\nT2: b a", "likely a b");
}

#[test]
fn a_dropped_gate_is_still_a_gate() {
    check("T1: g a b\nT2: g b a\ndrop g", "");
    check("T1: g a b\nT2: g b c\ndrop g\nT3: c a", "");
}

#[test]
fn a_nested_read_is_a_note() {
    check("T1: x.r x.r", "recursion x");
    check("T1: x.u x.r", "recursion x");
    check("T1: x.r x.u", "recursion x");
    check("T1: x.r x.rr", "");
    check("T1: x.r x.r.try", "");
    check("T1: x.r x.r.timed", "");
    check("T1: x.r -x x.r", "");
    check("T1@1: x.r x.r\nT2@1: x.r x.r\nT1@1: y.r y.r", "recursion x x2");
}

#[test]
fn a_nested_read_under_another_lock_is_an_edge_too() {
    check("T1: x.r a x.r", "recursion x\norder a x");
    check("T1: a x.r x.r\nT2: x a", "recursion x\nlikely a x");
}

#[test]
fn every_hold_makes_an_edge() {
    check("T1: a x b\nT2: b y a", "likely a b");
    check("T1: a b c\nT2: c a", "likely a c");
    // b gates a against c.
    check("T1: a b c\nT2: c b a", "likely a b\nlikely b c");
}

#[test]
fn philosophers_are_one_problem() {
    let table: Vec<String> = (0..5).map(|seat| format!("T{seat}@1: f{seat} f{}", (seat + 1) % 5)).collect();
    check(&table.join("\n"), "likely f0 f1 f2 f3 f4");
    let repeated = vec![table.join("\n"); 20].join("\n");
    check(&repeated, "likely f0 f1 f2 f3 f4");
}

#[test]
fn a_bank_is_one_problem_with_an_instance_for_each_pair_of_accounts() {
    check("T1@1: a b\nT2@1: b a", "likely a b");
    check("T1@1: a b\nT2@1: b a\nT1@1: c d\nT2@1: d c\nT1@1: d c", "likely a b x2");
}

#[test]
fn a_thousand_repeats_are_one_report() {
    let mut text = String::new();
    for _ in 0..1000 {
        text.push_str("T1@1: a b\nT2@2: b a\n");
    }
    let program = Program::parse(&text);
    assert_eq!(run(&program).len(), 1);
}

#[test]
fn different_lines_are_different_problems() {
    check("T1: a b\nT2: b a\nT2: b a", "likely a b\nlikely a b");
}

#[test]
fn the_sides_are_linked_by_the_hold_that_is_waited_for() {
    let program = Program::parse("T1: x a y b\nT2: b z a");
    let findings = run(&program);
    assert_eq!(findings.len(), 1);
    let links = &findings[0].links;
    for (index, link) in links.iter().enumerate() {
        let before = &links[(index + links.len() - 1) % links.len()];
        assert_eq!(link.request.holds[link.via].lock, before.request.lock);
        assert!(link.request.holds.iter().all(|hold| hold.event < link.request.event));
    }
    let t1 = links.iter().find(|link| link.request.thread.0 == 1).expect("T1 takes part");
    let held: Vec<&str> = t1.request.holds.iter().map(|hold| program.lock_name(hold.lock)).collect();
    assert_eq!((held, t1.via), (vec!["x", "a", "y"], 1));
    assert_eq!(t1.request.holds.iter().map(|hold| hold.event).collect::<Vec<_>>(), [1, 2, 3]);
}
