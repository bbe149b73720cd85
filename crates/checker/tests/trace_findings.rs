//! What the analysis must say, and where it must stay silent: one small trace each, with everything it gives.

use lockcheck_checker::trace::{
    Access, Analysis, BrokenUpdate, Config, Cycle, Harmless, TraceFindings, TraceTier, Wanted,
};
use lockcheck_events::std_text::TextReader;
use lockcheck_events::trace_event::{Names, Trace};

/// The findings of a trace written in short: `t1 acq a; t2 begin; ...`, locations being line numbers.
fn analyse(short: &str) -> (TraceFindings, Names) {
    let mut text = String::new();
    for (line, step) in (1..).zip(short.split(';')) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words[..] {
            [thread, op] => text.push_str(&format!("{thread}|{op}|{line}\n")),
            [thread, op, target] => text.push_str(&format!("{thread}|{op}({target})|{line}\n")),
            _ => panic!("a step is a thread, an operation and perhaps a target: {step}"),
        }
    }
    let trace = Trace::read(TextReader::new("t.std", text.as_bytes())).expect("it parses");
    let mut analysis = Analysis::new(Config::default());
    for located in &trace.events {
        analysis.event(located).expect("it is well-formed");
    }
    (analysis.finish(), trace.names)
}

/// One line for each finding but races and hints.
fn summary(short: &str) -> String {
    let (findings, names) = analyse(short);
    let lines = |accesses: [&Access; 3]| accesses.map(|access| access.line.to_string()).join(" ");
    let lock = |lock: u32| names.locks.name(lock).expect("it has a name");
    let cycle = |cycle: &Cycle| {
        let kind = if cycle.has_join() { "join-deadlock" } else { "lock-order-cycle" };
        let tier = match (cycle.tier, cycle.harmless) {
            (TraceTier::Predicted, _) => "predicted",
            (TraceTier::Likely, _) => "likely",
            (_, Some(Harmless::NoPattern)) => "no-pattern",
            (_, Some(Harmless::Ordered)) => "ordered",
            (_, Some(Harmless::GuardedByParent)) => "guarded",
            (_, None) => "order",
        };
        let lines: Vec<String> = cycle.lines().iter().map(u32::to_string).collect();
        format!("{kind} {tier} {}", lines.join(" "))
    };
    let update = |update: &BrokenUpdate| {
        let [read, intruder, write] = [&update.read, &update.intruder, &update.write];
        match update.lock {
            Some(of) => format!("atomicity-violation {} in {}", lines([read, intruder, write]), lock(of)),
            None => format!("lost-update {}", lines([read, intruder, write])),
        }
    };
    let mut all: Vec<String> = findings.cycles.iter().map(cycle).collect();
    all.extend(findings.lost_updates.iter().chain(&findings.stale_updates).map(update));
    all.extend(
        findings
            .broken_regions
            .iter()
            .map(|r| format!("region {} broken by {} at {}", r.begin, r.intruder.line, r.closing.line)),
    );
    all.join("\n")
}

#[test]
fn tiers_of_cycles() {
    for (short, expected) in [
        // Two threads, two orders.
        (
            "t1 acq a; t1 acq b; t1 rel b; t1 rel a; t2 acq b; t2 acq a; t2 rel a; t2 rel b",
            "lock-order-cycle predicted 2 6",
        ),
        // One thread alone.
        (
            "t1 acq a; t1 acq b; t1 rel b; t1 rel a; t1 acq b; t1 acq a; t1 rel a; t1 rel b",
            "lock-order-cycle no-pattern 2 6",
        ),
        // A flag orders the sides: not sound to predict, but flags do not discard a cycle.
        (
            "t1 acq a; t1 acq b; t1 rel b; t1 rel a; t1 w f; t2 r f; t2 acq b; t2 acq a",
            "lock-order-cycle likely 2 8",
        ),
        // Fork orders them.
        (
            "t1 acq a; t1 acq b; t1 rel b; t1 rel a; t1 fork t2; t2 acq b; t2 acq a",
            "lock-order-cycle ordered 2 7",
        ),
        // The parent holds a gate around the whole life of its child.
        (
            "t0 acq g; t0 fork t1; t1 acq a; t1 acq b; t1 rel b; t1 rel a; t0 join t1; t0 rel g; \
             t2 acq g; t2 acq b; t2 acq a",
            "lock-order-cycle guarded 4 11",
        ),
        // It gives the gate up before it joins: no gate. (The order on g is kept, so that it is not predicted.)
        (
            "t0 acq g; t0 fork t1; t0 rel g; t1 acq a; t1 acq b; t1 rel b; t1 rel a; t0 join t1; \
             t2 acq g; t2 acq b; t2 acq a",
            "lock-order-cycle predicted 5 11",
        ),
        // Two children under the same gate of their parent are not separated by it.
        (
            "t0 acq g; t0 fork t1; t0 fork t2; t1 acq a; t1 acq b; t1 rel b; t1 rel a; t1 w f; t2 r f; \
             t2 acq b; t2 acq a; t2 rel a; t2 rel b; t0 join t1; t0 join t2; t0 rel g",
            "lock-order-cycle likely 5 11",
        ),
        // The run ends in the deadlock: nobody acquires, both only ask.
        ("t1 acq a; t2 acq b; t1 req b; t2 req a", "lock-order-cycle predicted 3 4"),
        // A granted request is no second request.
        ("t1 req a; t1 acq a; t1 req b; t1 acq b", ""),
        // A re-entrant acquisition is no edge.
        ("t1 acq a; t1 acq b; t1 acq a; t1 rel a; t1 rel b; t1 rel a", ""),
        // Waiting for a thread that needs what one holds.
        ("t0 fork t1; t1 acq a; t1 rel a; t0 acq a; t0 join t1; t0 rel a", "join-deadlock predicted 2 5"),
        // The same in a chain: the end of t1 is held up by its own join.
        (
            "t0 fork t1; t1 fork t2; t2 acq a; t2 rel a; t1 join t2; t0 acq a; t0 join t1; t0 rel a",
            "join-deadlock predicted 3 7 5",
        ),
        ("t0 fork t1; t1 acq a; t1 rel a; t0 join t1; t0 acq a; t0 rel a", ""),
    ] {
        assert_eq!(summary(short), expected, "{short}");
    }
}

#[test]
fn broken_updates() {
    for (short, expected) in [
        // A load, somebody's store, the store of a stale value.
        ("t1 r x; t2 w x; t1 w x", "lost-update 1 2 3"),
        // Read again before the write: validated.
        ("t1 r x; t2 w x; t1 r x; t1 w x", ""),
        // Nobody between.
        ("t2 w x; t1 r x; t1 w x; t2 w x", ""),
        // A blind write.
        ("t2 w x; t1 w x", ""),
        // The value was written back already; the second write is another matter.
        ("t1 r x; t1 w x; t2 w x; t1 w x", ""),
        // Handed over to a child and back.
        ("t1 r x; t1 fork t2; t2 w x; t1 join t2; t1 w x", ""),
        // Handed to a child and not waited for.
        ("t1 r x; t1 fork t2; t2 w x; t1 w x", "lost-update 1 3 4"),
        // Carried from one section of m to the next.
        (
            "t1 acq m; t1 r x; t1 rel m; t2 acq m; t2 w x; t2 rel m; t1 acq m; t1 w x; t1 rel m",
            "atomicity-violation 2 5 8 in m",
        ),
        // Checked again in the second section, as double-checked initialisation does.
        ("t1 acq m; t1 r x; t1 rel m; t2 acq m; t2 w x; t2 rel m; t1 acq m; t1 r x; t1 w x; t1 rel m", ""),
        // An unlocked first check, then a check under the lock.
        ("t1 r x; t2 acq m; t2 r x; t2 w x; t2 rel m; t1 acq m; t1 r x; t1 w x; t1 rel m", ""),
        // One section: the intruder is a race, not this.
        ("t1 acq m; t1 r x; t2 w x; t1 w x; t1 rel m", ""),
    ] {
        assert_eq!(summary(short), expected, "{short}");
    }
}

#[test]
fn regions() {
    for (short, expected) in [
        ("t1 begin; t1 w x; t2 w x; t1 end", ""),
        ("t1 begin; t1 w x; t2 w y; t1 r y; t1 end", ""),
        ("t1 begin; t1 w x; t2 r x; t2 w y; t1 r y; t1 end", "region 1 broken by 4 at 5"),
        // Only the outermost region counts.
        ("t1 begin; t1 begin; t1 w x; t1 end; t2 r x; t2 w y; t1 r y; t1 end", "region 1 broken by 6 at 7"),
        ("t1 begin; t1 w x; t1 end; t2 r x; t2 w y; t1 begin; t1 r y; t1 end", ""),
        // A child that did nothing closes no cycle.
        ("t1 begin; t1 fork t2; t1 join t2; t1 w x; t1 end", ""),
    ] {
        assert_eq!(summary(short), expected, "{short}");
    }
}

#[test]
fn evidence_names_holds_and_instances() {
    let (findings, names) = analyse(
        "t1 acq g; t1 racq r; t1 acq b; t1 rel b; t1 rrel r; t1 rel g; t2 acq b; t2 acq r; t2 rel r; t2 rel b",
    );
    let cycle = &findings.cycles[0];
    let holds: Vec<(&str, u32)> = cycle.edges[0]
        .holds
        .iter()
        .map(|held| (names.locks.name(held.lock).expect("it has a name"), held.line))
        .collect();
    assert_eq!(holds, [("g", 1), ("r", 2)]);
    assert!(matches!(cycle.edges[1].wants, Wanted::Lock(..)));
    assert!(findings.lock_only, "no data was recorded");
    let race = analyse("t1 w x; t2 w x").0;
    assert!(!race.lock_only);
    assert_eq!((race.races.len(), race.races[0].instances.len()), (1, 1));
}

#[test]
fn a_woken_thread_comes_after_its_notification() {
    let woken = "t1 acq m; t1 rel m; t1 wait c; t2 w x; t2 notify c; t1 acq m; t1 rel m; t1 w x";
    assert_eq!(analyse(woken).0.races.len(), 0);
    let not_woken = "t1 acq m; t1 rel m; t1 wait c; t2 w x; t1 acq m; t1 rel m; t2 notify c; t1 w x";
    assert_eq!(analyse(not_woken).0.races.len(), 1);
}

#[test]
fn an_event_that_breaks_the_rules_is_refused() {
    let trace = Trace::read(TextReader::new("t.std", &b"t1|acq(a)|1\nt2|rel(a)|2\n"[..]));
    let trace = trace.expect("it parses");
    let mut analysis = Analysis::new(Config::default());
    analysis.event(&trace.events[0]).expect("the first event is good");
    let rejected = analysis.event(&trace.events[1]).expect_err("the second is not");
    assert_eq!(rejected.at.line, 2);
    assert_eq!(analysis.finish().stats.events, 1);
}
