//! `lockcheck analyze`, `graph` and `explain`.

use crate::support::{beginning, call, cycle, stuck, write_trace};

#[test]
fn traces_are_judged_like_runs() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    call(&["analyze", folder]).assert_code(4);
    write_trace(dir.path(), &beginning("/nowhere/src/main.rs"));
    assert_eq!(
        call(&["analyze", folder, "--message-format", "json"]).assert_code(0).json()["verdict"],
        "clean"
    );
    let trace = write_trace(dir.path(), &cycle("/nowhere/src/main.rs"));
    let both = call(&["analyze", folder, "--message-format", "json"]);
    assert_eq!(both.assert_code(1).json()["stats"]["processes"], 2);
    assert_eq!(both.json()["program"], serde_json::Value::Null);
    let one = call(&["analyze", trace.to_str().unwrap(), "--message-format", "json"]).assert_code(1).json();
    assert_eq!(one["findings"][0]["fingerprint"], both.json()["findings"][0]["fingerprint"]);
}

#[test]
fn a_recorded_deadlock_is_a_finding_and_no_hang() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = beginning("/nowhere/src/main.rs");
    records.push(stuck());
    let trace = write_trace(dir.path(), &records);
    let called = call(&["analyze", trace.to_str().unwrap(), "--message-format", "json"]);
    assert_eq!(called.assert_code(1).json()["findings"][0]["tier"], "actual");
}

#[test]
fn what_is_no_trace_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.lctrace");
    std::fs::write(&path, "not at all").unwrap();
    let called = call(&["analyze", path.to_str().unwrap(), "--message-format", "json"]);
    let error = called.assert_code(2).json();
    assert_eq!((&error["schema"], &error["code"]), (&"lockcheck.error.v1".into(), &"trace-malformed".into()));
    assert_eq!(error["file"], path.to_str().unwrap());
    call(&["analyze", "/no/such/trace"]).assert_code(2);
    call(&["analyze"]).assert_code(2);
}

#[test]
fn the_graph_has_both_orders() {
    let dir = tempfile::tempdir().unwrap();
    let trace = write_trace(dir.path(), &cycle("/nowhere/src/main.rs"));
    let called = call(&["graph", trace.to_str().unwrap()]);
    let dot = &called.assert_code(0).stdout;
    assert!(dot.starts_with("digraph"), "{dot}");
    assert!(
        dot.contains("g0n0 -> g0n1") && dot.contains("g0n1 -> g0n0") && dot.contains("main.rs:3"),
        "{dot}"
    );
    let object = call(&["graph", "--message-format", "json", trace.to_str().unwrap()]).assert_code(0).json();
    assert_eq!(object["schema"], "lockcheck.graph.v1");
    let edges = object["groups"][0]["edges"].as_array().unwrap();
    let ends: Vec<_> = edges.iter().map(|edge| (edge["from"].as_u64(), edge["to"].as_u64())).collect();
    assert_eq!(ends, [(Some(0), Some(1)), (Some(1), Some(0))]);
    assert_eq!(object["groups"][0]["locks"].as_array().map(Vec::len), Some(2));
    call(&["graph", tempfile::tempdir().unwrap().path().to_str().unwrap()]).assert_code(4);
}

#[test]
fn codes_are_listed_and_explained() {
    let list = call(&["explain"]);
    assert!(list.assert_code(0).stdout.contains("LC0001  lock-order-cycle"), "{}", list.stdout);
    let page = call(&["explain", "Self-Deadlock"]);
    assert!(page.assert_code(0).stdout.starts_with("# LC0002"), "{}", page.stdout);
    assert!(call(&["explain", "LC9999"]).assert_code(2).stderr.contains("lockcheck explain"));
}

#[test]
fn the_cargo_subcommand_is_the_same() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cargo-lockcheck"));
    let output = command.args(["lockcheck", "explain", "LC0003"]).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("# LC0003"));
}
