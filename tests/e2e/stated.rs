//! What a user's program states about its locking, as the command tells it; and the ways to live with findings that
//! the command has: an order written down, suppressions, baselines.

use serde_json::Value;

use crate::command::{BUILD, Ran, run};
use crate::contract::{list, text};
use crate::user::{folder, lockcheck_there, place};

fn call(arguments: &[&str]) -> Ran {
    run(lockcheck_there().args(arguments), BUILD)
}

fn report(arguments: &[&str], code: i32) -> Value {
    let ran = call(&[&["--message-format", "json"], arguments].concat()).expect_code(code);
    let report = ran.json();
    crate::contract::check(&report);
    report
}

const SOURCE: &str = "stated/src/main.rs";

#[test]
fn statements_are_checked_and_told() {
    let report = report(&["run", "stated"], 1);
    let mut told: Vec<String> = list(&report, "findings")
        .iter()
        .map(|finding| {
            format!("{} {}: {}", text(finding, "code"), text(finding, "tier"), text(finding, "message"))
        })
        .collect();
    told.sort();
    let notes =
        list(&report, "notes").iter().filter_map(Value::as_str).filter(|note| note.contains("ignore"));
    told.extend(notes.map(str::to_owned));
    insta::with_settings!({ filters => vec![(r"`?thread \d+`?", "[THREAD]")] }, {
        insta::assert_snapshot!("stated", told.join("\n"));
    });
    let sites: Vec<String> = list(&report, "findings")
        .iter()
        .flat_map(|finding| list(finding, "evidence"))
        .map(|side| format!("{}:{}", text(&side["site"], "file"), side["site"]["line"]))
        .collect();
    assert!(sites.contains(&place(SOURCE, "// breaks its level")), "{sites:?}");
    assert_eq!(sites.iter().filter(|site| **site == place(SOURCE, "// two at once")).count(), 2, "{sites:?}");
}

#[test]
fn tests_have_their_own_statements() {
    let ran = call(&[
        "--message-format",
        "json",
        "test",
        "--",
        "-p",
        "stated",
        "--test",
        "scopes",
        "--",
        "--test-threads=4",
    ]);
    let report = ran.json();
    // The two tests together take the locks in both orders, which is nobody's but the process's.
    let scopes: Vec<&Value> = list(&report, "findings").iter().map(|finding| &finding["scope"]).collect();
    let mine: Vec<&&Value> = scopes.iter().filter(|scope| !scope.is_null()).collect();
    assert_eq!(mine, [&"scopes::breaks_the_order"], "{ran}");
    assert!(ran.stdout.contains("3 passed; 1 failed"), "{ran}");
    let ran = ran.expect_code(1);
    assert!(ran.stdout.contains("key 1 is asked for under key 2"), "{ran}");
}

#[test]
fn an_order_is_written_from_a_run_and_followed_by_the_next() {
    let files = tempfile::tempdir().unwrap();
    let order = files.path().join("locks.toml");
    let order = order.to_str().unwrap();
    call(&["order", "--emit", order, "stated"]).expect_code(0);
    let text = std::fs::read_to_string(order).unwrap();
    insta::assert_snapshot!("stated_order", text);
    let checked = report(&["order", "--check", order, "stated"], 0);
    assert_eq!(list(&checked, "findings").len(), 0, "{checked}");
}

#[test]
fn findings_are_lived_with() {
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (baseline, suppressions) = (file("known"), file("s.toml"));
    call(&["run", "stated", "--baseline", &baseline, "--update-baseline"]).expect_code(0);
    report(&["run", "stated", "--baseline", &baseline], 0);
    let [child, parent] = ["let child", "// breaks its level"].map(|words| place(SOURCE, words));
    let gate = place(SOURCE, "// two at once");
    let entries = format!(
        "[[suppress]]\nreason = \"known\"\nkind = \"LC0001\"\nsites = [\"{child}\", \"{parent}\"]\n\
         [[suppress]]\nreason = \"known\"\nkind = \"atomicity-violation\"\nsites = [\"{gate}\", \"{gate}\"]\n"
    );
    std::fs::write(&suppressions, entries).unwrap();
    let report = report(&["run", "stated", "--suppressions", &suppressions], 0);
    assert_eq!((report["suppressed"].as_u64(), text(&report, "verdict")), (Some(2), "clean"), "{report}");
    assert!(folder().join("stated").is_dir());
}
