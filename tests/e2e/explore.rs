//! Whole programs under control: what `explore`, `confirm` and `replay` say of the fixtures, word for word where it does
//! not depend on chance.

use serde_json::Value;

use crate::command::{BUILD, RUN, Ran, built, command, lockcheck, run};
use crate::contract::{self, list, text};

fn call(command: &str, fixture: &str, arguments: &[&str]) -> Ran {
    run(lockcheck().arg(command).arg(format!("fixtures/{fixture}")).args(arguments), BUILD)
}

/// The last line of the report, which says how to see it again; the schedule in it.
fn schedule(ran: &Ran, fixture: &str) -> String {
    let start = format!("replay: lockcheck replay fixtures/{fixture} ");
    let report = ran.report();
    let last = report.lines().last().unwrap_or_default();
    let schedule = last.strip_prefix(&start).unwrap_or_else(|| panic!("expected `{start}...` last\n{ran}"));
    schedule.trim_matches('\'').to_owned()
}

/// Besides what was measured: on a busy machine a lock is held for as long as its holder is kept from running.
fn only_finding(report: &Value) -> &Value {
    contract::check(report);
    let found: Vec<&Value> =
        list(report, "findings").iter().filter(|finding| finding["kind"] != "contention").collect();
    assert_eq!(found.len(), 1, "{report}");
    found[0]
}

#[test]
fn a_prediction_is_confirmed_and_replayed() {
    let ran = call("confirm", "bank", &[]).expect_code(1);
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!("confirm_bank", ran.report()) });
    let schedule = schedule(&ran, "bank");

    let ran = call("replay", "bank", &[&schedule]).expect_code(3);
    assert!(ran.stdout.starts_with("final balance: 51000\n"), "the program's output is its own\n{ran}");
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!("replay_bank", ran.report()) });

    let ran = call("confirm", "bank", &["6fc5", "--message-format", "json"]).expect_code(1);
    let report = ran.json();
    let finding = only_finding(&report);
    assert_eq!(text(finding, "tier"), "confirmed");
    assert_eq!(text(finding, "kind"), "lock-order-cycle");
    assert_eq!(text(finding, "schedule"), schedule, "the same every time");
    assert_eq!(text(&report, "verdict"), "findings");
}

#[test]
fn a_search_comes_upon_a_deadlock() {
    let ran = call("explore", "bad_workers", &["--runs", "100", "--seed", "3"]).expect_code(1);
    insta::with_settings!({ omit_expression => true, filters => [(r"in run \d+", "in run N")] }, {
        insta::assert_snapshot!("explore_bad_workers", ran.report());
    });
    let schedule = schedule(&ran, "bad_workers");
    for _ in 0..3 {
        let ran = call("replay", "bad_workers", &[&schedule, "--message-format", "json"]).expect_code(3);
        let report = ran.json();
        let finding = only_finding(&report);
        assert_eq!((text(finding, "kind"), text(finding, "schedule")), ("deadlock", schedule.as_str()));
        assert_eq!(text(&report, "verdict"), "hang");
    }
}

#[test]
fn what_is_clean_is_proved() {
    let ran = call("explore", "good_workers", &["--strategy", "exhaustive"]).expect_code(0);
    insta::with_settings!({ omit_expression => true, filters => [
        (r"\d+ threads?, \d+ locks?, \d+ lock-order edges?", "COUNTS"),
    ] }, { insta::assert_snapshot!("explore_good_workers", ran.report()) });
    let ran = call("explore", "good_workers", &["--strategy", "exhaustive", "--bound", "1"]).expect_code(0);
    assert!(ran.report().contains("with at most 1 preemption: clean"), "{ran}");
    let ran = call("confirm", "good_workers", &[]).expect_code(0);
    assert!(ran.report().contains("nothing was predicted"), "{ran}");
}

#[test]
fn mistakes_are_named() {
    let bad = "column 4: `1` is not a deviation: expected `THREAD.OPERATION>THREAD`";
    call("replay", "bank", &["b1:1"]).expect_code(2).expect_stderr(&[bad]);
    call("replay", "bank", &["0.1>2"]).expect_code(2).expect_stderr(&["a schedule begins with `b1:`"]);
    let ran = call("confirm", "bank", &["0000"]).expect_code(2);
    ran.expect_stderr(&["no finding's fingerprint begins with `0000`", "there are 6fc521e652041171"]);
    let ran = run(lockcheck().args(["confirm", "tests/conformance/no-such-trace.lctrace"]), RUN);
    ran.expect_code(2);
}

#[test]
fn a_changed_program_is_recognised_by_name_and_line() {
    let other = [
        "the program differs from the one this schedule was made for at `0.9>7`: thread 0's turn for operation 9 never \
         came; thread 0 is `main` at fixtures/good_workers/src/main.rs:34:5, before its operation 3\n",
    ];
    call("replay", "good_workers", &["b1:0.9>7"]).expect_code(0).expect_stderr(&other);
    // Without the command, the program says so itself.
    let mut alone = command(built("good_workers"));
    let alone = alone.env("LOCKCHECK", "explore").env("LOCKCHECK_REPLAY", "b1:1.1000>0");
    let never = "lockcheck: the program differs from the one this schedule was made for at `1.1000>0`: thread 1's turn for \
                 operation 1000 never came; thread 1 is `";
    run(alone, RUN).expect_code(0).expect_stderr(&[never]);
}

/// One of the programs that go wrong in some orders only.
fn scenario(command: &str, name: &str, options: &[&str]) -> Ran {
    run(lockcheck().args([command, "tests/scenarios"]).args(options).args(["--", name]), BUILD)
}

#[test]
fn a_panic_is_a_finding_with_a_schedule() {
    let ran = scenario("explore", "explored-assertion", &["--strategy", "exhaustive"]).expect_code(1);
    let filters = [(r"in run \d+", "in run N")];
    insta::with_settings!({ omit_expression => true, filters => filters }, {
        insta::assert_snapshot!("explore_assertion", ran.report());
    });
    let report = ran.report();
    let (_, schedule) = report.rsplit_once("tests/scenarios ").unwrap_or_else(|| panic!("{ran}"));
    let (schedule, name) = schedule.trim().split_once(" -- ").unwrap_or_else(|| panic!("{ran}"));
    let schedule = schedule.trim_matches('\'');
    assert_eq!(name, "explored-assertion", "with the program's arguments");
    let ran = run(
        lockcheck().args([
            "replay",
            "tests/scenarios",
            schedule,
            "--message-format",
            "json",
            "--",
            "explored-assertion",
        ]),
        BUILD,
    );
    let ran = ran.expect_code(1);
    let report = ran.json();
    let finding = only_finding(&report);
    assert_eq!((text(finding, "code"), text(finding, "tier")), ("LC0105", "actual"));
    assert_eq!(text(finding, "schedule"), schedule);
    assert_eq!(report["program"]["code"], 101);
    assert!(ran.stderr.contains("the other was quicker"), "the program's words are its own\n{ran}");
    assert!(
        list(finding, "evidence")[0]["holds"].as_array().is_some_and(|holds| holds.len() == 2),
        "{finding}"
    );

    let ran =
        scenario("explore", "explored-panic-nobody-joins", &["--message-format", "json"]).expect_code(1);
    let report = ran.json();
    let finding = only_finding(&report);
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("panic", "confirmed"));
    assert!(
        text(finding, "message").contains("`worker` panicked: ") && finding["schedule"].is_string(),
        "{finding}"
    );
}

#[test]
fn a_panic_that_is_caught_is_none() {
    let ran = scenario("explore", "explored-panic-caught", &["--strategy", "exhaustive"]).expect_code(0);
    assert!(ran.report().contains("all 1 interleaving: clean"), "{ran}");
}

#[test]
fn an_end_that_says_failure_is_replayed_too() {
    let ran = scenario("explore", "explored-exit-code", &["--strategy", "exhaustive"]).expect_code(100);
    assert!(ran.report().contains("exit code 7") && ran.report().contains("lockcheck replay"), "{ran}");
}

#[test]
fn a_race_is_met_under_control() {
    let ran = scenario("explore", "explored-race", &["--message-format", "json"]).expect_code(1);
    let report = ran.json();
    let finding = only_finding(&report);
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("data-race", "confirmed"));
    assert!(list(finding, "evidence").iter().all(|side| text(side, "action") == "write"), "{finding}");
    let schedule = text(finding, "schedule");
    let ran = run(lockcheck().args(["replay", "tests/scenarios", schedule, "--", "explored-race"]), BUILD);
    ran.expect_code(1).expect_stderr(&["data-race"]);
}

/// What confirm says of the only prediction, without its name.
fn verdict(name: &str, options: &[&str], code: i32) -> String {
    let ran = scenario("confirm", name, options).expect_code(code);
    let report = ran.report();
    let line = report.lines().find_map(|line| {
        let (_, verdict) = line.split_once(": ")?.1.split_once(": ")?;
        ["confirmed", "refuted", "diverged", "unconfirmed"]
            .iter()
            .any(|word| verdict.starts_with(word))
            .then_some(verdict)
    });
    line.unwrap_or_else(|| panic!("no verdict\n{ran}")).to_owned()
}

#[test]
fn what_no_order_leads_to_is_refuted_with_the_order_that_forbids_it() {
    let said = verdict("explored-ordered-by-event", &[], 0);
    assert!(said.starts_with("refuted: `second` never comes past src/explored.rs:"), "{said}");
    assert!(
        said.contains(" before `first` has passed src/explored.rs:") && said.contains(", in all "),
        "{said}"
    );
}

#[test]
fn what_the_runs_allowed_do_not_settle_is_unconfirmed() {
    let said = verdict("explored-many-orders", &["--runs", "12"], 1);
    assert!(said.starts_with("unconfirmed: neither reached nor refuted in 12 runs"), "{said}");
}

#[test]
fn a_search_of_which_some_runs_end_in_something_else_refutes_nothing() {
    let said = verdict("explored-beside-a-deadlock", &["--runs", "200"], 1);
    assert!(said.starts_with("unconfirmed: not reached in "), "{said}");
    assert!(said.ends_with(" nor to be refuted: some of them ended in something else first"), "{said}");
}

#[test]
fn a_program_each_run_of_which_hangs_is_soon_given_up() {
    let said = verdict("explored-kept-apart-outside", &["--hang-after", "300ms"], 1);
    assert!(said.starts_with("unconfirmed: neither reached nor refuted in "), "{said}");
    assert!(said.contains("too many had hung") && said.contains("`tracked::external`"), "{said}");
}

#[test]
fn a_program_that_does_something_else_has_diverged() {
    let said = verdict("explored-differs", &["--runs", "12"], 1);
    assert!(said.starts_with("diverged: no run under control came to all of its places"), "{said}");
}

#[test]
fn predictions_of_other_kinds_are_driven_too() {
    let said = verdict("explored-race", &[], 1);
    assert!(said.starts_with("confirmed in "), "{said}");
    let said = verdict("explored-wait-under-lock", &[], 1);
    assert!(said.starts_with("confirmed in "), "{said}");
}

#[test]
fn what_no_run_shows_is_named_as_such() {
    let ran = call("confirm", "bank_account_racy", &["--runs", "60"]).expect_code(1);
    assert!(ran.report().contains("data-race") && ran.report().contains(": confirmed in "), "{ran}");
    assert!(
        !ran.report().contains("lost-update")
            || ran.report().contains("unconfirmed: steps that were interleaved"),
        "{ran}"
    );
}

#[test]
fn a_trace_is_confirmed_by_the_program_that_left_it() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    run(lockcheck().args(["run", "fixtures/bank", "--out", path]), BUILD).expect_code(1);
    let ran = run(lockcheck().args(["confirm", path, "--message-format", "json"]), BUILD).expect_code(1);
    let report = ran.json();
    let finding = only_finding(&report);
    assert_eq!((text(finding, "kind"), text(finding, "tier")), ("lock-order-cycle", "confirmed"));
    let schedule = text(finding, "schedule");
    // The command that a report ends with.
    let ran =
        run(lockcheck().args(["replay", path, schedule, "--message-format", "json"]), BUILD).expect_code(3);
    assert_eq!(text(only_finding(&ran.json()), "kind"), "deadlock");
}

#[test]
fn a_call_out_of_control_that_takes_long_is_named_with_its_stack() {
    let ran = run(lockcheck().args(["replay", "tests/scenarios", "b1:", "--", "explored-outside"]), BUILD);
    let ran = ran.expect_code(0);
    ran.expect_stderr(&[
        "lockcheck: the exploration waits for calls out of control:",
        "tests/scenarios/src/explored.rs:",
        "blocks_outside at src/explored.rs:",
    ]);
}
