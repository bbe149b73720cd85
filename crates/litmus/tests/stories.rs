//! What a reader is told: the rendered judgement, the words of witness steps, the evidence of predictions, and the
//! sequential run that another crate follows. The sketches are small; the corpus has the large ones.

use lockcheck_litmus::{Judgement, Limits, Remark, Tier, judge, parse, predict, sequential};

fn judged(text: &str) -> Judgement {
    judge("sketch.litmus", text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn rendered(text: &str) -> String {
    judged(text).render(text.as_bytes())
}

/// All steps of all witnesses.
fn words(text: &str) -> Vec<String> {
    judged(text).verdict.findings.iter().flat_map(|f| f.witness.iter().map(ToString::to_string)).collect()
}

const ABBA: &str = "mutex a b\nthread T1: lock a\n  lock b; unlock b; unlock a\nthread T2: lock b; lock a; unlock a; unlock b\n";

#[test]
fn a_deadlock_is_told_with_holds_waits_and_schedule() {
    let expected = "\
sketch.litmus: deadlock (all runs; 17 states; predicted: likely)

deadlock (lock-cycle): T1 and T2 can never go on
  T1 holds a since line 2; waits at line 3 in `lock b`, for T2
      3 | lock b; unlock b; unlock a
  T2 holds b since line 4; waits at line 4 in `lock a`, for T1
      4 | thread T2: lock b; lock a; unlock a; unlock b
  schedule (2 steps):
    T1:lock a @2, T2:lock b @4
";
    assert_eq!(rendered(ABBA), expected);
}

#[test]
fn a_clean_sketch_is_one_line() {
    let text = "mutex a b\nthread T1 T2: lock a; lock b; unlock b; unlock a\n";
    assert_eq!(rendered(text), "sketch.litmus: clean (all runs; 16 states; predicted: none)\n");
    assert!(!judged(text).has_findings());
}

#[test]
fn a_lost_wake_up_is_told_as_one() {
    let text =
        rendered("mutex m\ncondvar c\nthread W: lock m; wait c with m; unlock m\nthread N: notify c\n");
    assert!(text.contains("deadlock (lost wake-up, orphan-wait): W can never go on"), "{text}");
    assert!(text.contains("W waits at line 3 in `wait c with m`, which nobody will end"), "{text}");
    assert!(text.contains("N:notify c (nobody) @4"), "{text}");
}

#[test]
fn a_predicted_cycle_is_shown_when_nothing_happens() {
    let gated = "event e\nmutex a b\nthread T1: lock a; lock b; unlock b; unlock a; set e\n\
                 thread T2: wait e; lock b; lock a; unlock a; unlock b\n";
    let text = rendered(gated);
    assert!(text.starts_with("sketch.litmus: clean ("), "{text}");
    assert!(text.contains("T1 holds a and wants b (`lock b`, line 3)"), "{text}");
    assert!(text.contains("T2 holds b and wants a (`lock a`, line 4)"), "{text}");
}

#[test]
fn a_long_story_fits_a_screen() {
    let text = "mutex m\nthread A: repeat 200 { lock m; unlock m }; lock m\nthread B: join A; lock m\n";
    let story = rendered(text);
    assert!(story.lines().count() < 40, "{story}");
    assert!(story.contains(" lines ..."), "{story}");
}

#[test]
fn an_incomplete_search_is_not_called_clean() {
    let limits = Limits { states: 3, ..Limits::default() };
    let judgement = judge("t", b"var v\nthread T: repeat 9 { yield }\n", &limits).expect("a sketch");
    assert!(!judgement.verdict.complete);
    assert!(judgement.summary().starts_with("t: nothing found (incomplete"), "{}", judgement.summary());
    assert!(judgement.flags().contains(&("complete", false)));
}

#[test]
fn steps_are_told_in_the_words_of_the_notation() {
    let cases = [
        ("rwlock x\nthread T: read x; write x", "T:write x (queued)"),
        ("event e\nthread T: wait e", "T:wait e (parked)"),
        ("mutex m\nthread T: try_lock m { assert 0 }", "T:try_lock m (got)"),
        ("mutex m\nthread T: lock m; try_lock m { } else { assert 0 }", "T:try_lock m (busy)"),
        ("mutex m\nthread T: lock m; lock_timeout m { } else { assert 0 }", "T:lock_timeout m (timed out)"),
        ("once o\nthread T: call_once o { yield }; assert 0", "T:call_once o (done)"),
        ("once o\nthread T: repeat 2 { call_once o { } }; assert 0", "T:call_once o (skips)"),
        ("barrier b = 1\nthread T: arrive b; assert 0", "T:arrive b (opens)"),
        ("channel c = 0\nthread T: close c; recv c as x; assert x", "T:recv c (closed)"),
        ("channel c = 0\nthread T: send c 0\nthread U: recv c as x; assert x", "T:send c (to U)"),
        ("mutex m\nthread T: unlock m", "T:unlock m (misuse)"),
        ("var v\nthread T: store v = 2 - 5; assert v > 0", "T:store v = -3"),
        ("atomic n\nthread T: add n 2; assert not n", "T:add n 2"),
        ("pool p = 1\nthread T: submit p { yield; assert 0 } as f", "p.1:start f"),
        ("pool p = 1\nthread T: yield\n submit p { yield; assert 0 }", "p.1:start task@3"),
        (
            "mutex m\ncondvar c\nthread T: lock m; wait c with m; assert 0\nthread N: notify_all c",
            "N:notify_all c (wakes T)",
        ),
        (
            "mutex m\ncondvar c\nthread T: lock m; wait c with m; assert 0\nthread N: notify c",
            "T:wait c with m (resumed)",
        ),
    ];
    for (text, step) in cases {
        let words = words(text);
        assert!(words.iter().any(|word| word == step), "{step} not in {words:?}");
    }
}

#[test]
fn a_race_witness_has_only_what_it_needs() {
    let text = "var v\nmutex m\nthread T1: yield; yield; lock m; store v = 1; unlock m\nthread T2: load v\n\
                thread T3: repeat 5 { yield }";
    let judgement = judged(text);
    let race = &judgement.verdict.findings[0];
    let steps: Vec<_> = race.witness.iter().map(ToString::to_string).collect();
    assert_eq!(steps, ["T1:yield", "T1:yield", "T1:lock m"]);
    assert_eq!((race.places[0].line, race.places[1].line), (3, 4));
}

#[test]
fn holds_are_told_with_mode_and_line() {
    let text = "rwlock x\nonce o\nthread T: read x\n call_once o {\n upgradable_read x\n lock_timeout m { }\n call_once o { } }\nmutex m\n";
    let finding = &judged(text).verdict.findings[0];
    let holds: Vec<_> = finding.threads[0].holds.iter().map(|h| (h.object.as_str(), h.since)).collect();
    assert_eq!(holds, [("x", 3), ("o", 4), ("x", 5), ("m", 6)]);
    assert!(finding.self_deadlock);
}

#[test]
fn predictions_carry_their_evidence() {
    let prediction = predict(&parse("t", ABBA.as_bytes()).expect("a sketch"));
    assert_eq!(prediction.tier, Tier::Likely);
    let [cycle] = &prediction.cycles[..] else { panic!("one cycle: {prediction:?}") };
    let told: Vec<_> = cycle
        .requests
        .iter()
        .map(|r| (r.thread.as_str(), r.line, r.via.as_str(), r.wants.as_str()))
        .collect();
    assert_eq!(told, [("T1", 3, "a", "b"), ("T2", 4, "b", "a")]);
}

#[test]
fn what_orders_or_gates_two_requests_discards_their_cycle() {
    let tier = |text: &str| predict(&parse("t", text.as_bytes()).expect("a sketch")).tier;
    let ab = "lock a; lock b; unlock b; unlock a";
    let ba = "lock b; lock a; unlock a; unlock b";
    assert_eq!(tier(&format!("mutex a b\nthread A: {ab}\nthread B: {ba}")), Tier::Likely);
    assert_eq!(tier(&format!("mutex a b\nthread A: {ab}; {ba}")), Tier::OrderOnly);
    assert_eq!(
        tier(&format!("mutex a b g\nthread A: lock g; {ab}; unlock g\nthread B: lock g; {ba}; unlock g")),
        Tier::None
    );
    assert_eq!(tier(&format!("mutex a b\nthread A: {ab}; spawn B\nthread B spawned: {ba}")), Tier::None);
    assert_eq!(tier(&format!("mutex a b\nthread A: spawn B; {ab}\nthread B spawned: {ba}")), Tier::Likely);
    assert_eq!(tier(&format!("mutex a b\nthread A: {ab}\nthread B: join A; {ba}")), Tier::None);
    assert_eq!(
        tier(&format!("mutex a b\nbarrier r = 2\nthread A: {ab}; arrive r\nthread B: arrive r; {ba}")),
        Tier::None
    );
    let pool = |workers: u8| {
        format!("mutex a b\npool p = {workers}\nthread A: submit p {{ {ab} }}; submit p {{ {ba} }}")
    };
    assert_eq!((tier(&pool(1)), tier(&pool(2))), (Tier::OrderOnly, Tier::Likely));
    assert_eq!(tier("mutex a\nthread A: lock a; lock a"), Tier::Likely);
    assert_eq!(tier("rwlock x\nthread A: read x; read x"), Tier::OrderOnly);
    assert_eq!(tier("rwlock x\nthread A: read x; read_recursive x"), Tier::None);
}

#[test]
fn the_sequential_run_takes_turns_in_the_given_order() {
    let text = "event e\nmutex m\nthread A: lock m; wait e; unlock m\nthread B: yield; set e; lock m\nthread C: lock m; lock m\norder B A\n";
    let program = parse("t", text.as_bytes()).expect("a sketch");
    let code = program.code();
    let run = sequential(&program);
    let told: Vec<_> = run
        .steps
        .iter()
        .map(|s| format!("{} {}", code.thread_name(s.thread), code.statement(s.pc)))
        .collect();
    assert_eq!(told, ["B yield", "B set e", "B lock m"]);
    assert!(run.steps.iter().all(|s| s.remark == Remark::None && s.starts_task.is_none()));
    let stuck: Vec<_> = run.pending.iter().map(|p| (code.thread_name(p.thread), p.registered)).collect();
    assert_eq!(stuck, [("A", false), ("C", false)]);
}
