//! `lockcheck analyze`, `graph` and `convert` on traces of events, as a user sees them: every row of the conformance
//! sketches, the published counts, what malformed files give, and that nothing depends on chance.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lockcheck_events::Record;
use lockcheck_events::event_file::{EventFile, EventKind, Lane, Manner, RecordedEvent};
use serde_json::{Value, json};

use crate::support::{Called, call, call_in, cycle, write_trace};

/// Properties of `verdicts.tsv` that `analyze` does not decide.
const NOT_JUDGED: [&str; 3] =
    ["deadlock_predictable_writer_preferring", "lost_notify_or_stuck_wait", "race_wcp_racy_events"];

fn conformance(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/traces").join(folder)
}

/// The report on one trace with one rule for races.
fn report(folder: &str, name: &str, race: &str) -> Value {
    let file = format!("{name}.std");
    let arguments = ["analyze", &file, "--race", race, "--message-format", "json"];
    let called = call_in(&conformance(folder), &arguments);
    assert!(matches!(called.code, 0 | 1), "{name}: {}{}", called.stdout, called.stderr);
    called.json()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn of_kind<'a>(report: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(report, "findings").iter().filter(move |finding| finding["kind"] == kind)
}

/// The lines of the evidence of these findings, as the table writes them.
fn tuples<'a>(findings: impl Iterator<Item = &'a Value>) -> String {
    let tuple = |finding: &Value| {
        let events = list(finding, "evidence").iter().map(|side| side["event"].as_u64().unwrap());
        events.collect::<BTreeSet<u64>>().into_iter().collect::<Vec<_>>()
    };
    let sorted: BTreeSet<Vec<u64>> = findings.map(tuple).collect();
    let text =
        |tuple: &Vec<u64>| format!("<{}>", tuple.iter().map(u64::to_string).collect::<Vec<_>>().join(","));
    match sorted.is_empty() {
        true => "none".to_owned(),
        false => sorted.iter().map(text).collect::<Vec<_>>().join(" "),
    }
}

fn yes(condition: bool) -> String {
    if condition { "yes" } else { "no" }.to_owned()
}

/// What the tool says about one property of one sketch; `None` if it does not judge it.
fn answer(reports: &BTreeMap<&str, Value>, property: &str) -> Option<String> {
    let all = &reports["all"];
    let cycles = || of_kind(all, "lock-order-cycle");
    Some(match property {
        "lock_order_cycle" => yes(cycles().next().is_some()),
        "deadlock_sync_preserving" | "deadlock_predictable" => {
            tuples(cycles().filter(|finding| finding["tier"] == "predicted"))
        }
        "deadlock_via_join" => {
            tuples(of_kind(all, "join-deadlock").filter(|finding| finding["tier"] == "predicted"))
        }
        "race_hb" => tuples(of_kind(&reports["hb"], "data-race")),
        "race_shb" => tuples(of_kind(&reports["shb"], "data-race")),
        "race_sync_preserving" => tuples(of_kind(&reports["syncp"], "data-race")),
        "race_osr_racy_events" => {
            let later = |finding: &Value| {
                list(finding, "evidence").iter().map(|side| side["event"].as_u64().unwrap()).max().unwrap()
            };
            let lines: BTreeSet<u64> = of_kind(&reports["osr"], "data-race").map(later).collect();
            let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
            if lines.is_empty() { "none".to_owned() } else { lines.join(" ") }
        }
        "race_predictable" => {
            tuples(of_kind(all, "data-race").filter(|finding| finding["tier"] == "predicted"))
        }
        "lockset_violation" => {
            let names: BTreeSet<&str> = of_kind(all, "inconsistent-locking")
                .filter_map(|finding| list(finding, "evidence")[0]["lock"].as_str())
                .collect();
            match names.is_empty() {
                true => "none".to_owned(),
                false => names.into_iter().collect::<Vec<_>>().join(" "),
            }
        }
        "atomicity_violation" => {
            yes(of_kind(all, "atomicity-violation").any(|finding| finding["tier"] == "actual"))
        }
        _ => return None,
    })
}

#[test]
fn every_row_of_the_sketches() {
    let table = std::fs::read_to_string(conformance("sketches").join("verdicts.tsv")).unwrap();
    let mut reports: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    let (mut wrong, mut judged, mut unjudged) = (Vec::new(), 0, BTreeSet::new());
    for row in table.lines().skip(1) {
        let [name, property, expected, _] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a row has four columns: {row}");
        };
        let of_sketch = reports.entry(name).or_insert_with(|| {
            ["hb", "shb", "syncp", "osr", "all"].map(|race| (race, report("sketches", name, race))).into()
        });
        let entries = |text: &str| {
            text.split(' ').filter(|entry| *entry != "none").map(str::to_owned).collect::<BTreeSet<_>>()
        };
        if property == "deadlock_patterns" {
            // Those that fork, join or a parent's lock separate are notes, as are cycles that are no pattern.
            let cycles = || of_kind(&of_sketch["all"], "lock-order-cycle");
            let (counted, all) =
                (tuples(cycles().filter(|finding| finding["tier"] != "order")), tuples(cycles()));
            let good = entries(&counted).is_subset(&entries(expected))
                && entries(expected).is_subset(&entries(&all));
            if !good {
                wrong.push(format!("{name} {property}: found {counted} of {all}, expected {expected}"));
            }
            judged += 1;
            continue;
        }
        let Some(found) = answer(of_sketch, property) else {
            unjudged.insert(property);
            continue;
        };
        judged += 1;
        // What is predictable bounds from above what is found soundly.
        let bound = property.ends_with("_predictable");
        let good = if bound { entries(&found).is_subset(&entries(expected)) } else { found == expected };
        if !good {
            wrong.push(format!("{name} {property}: found {found}, expected {expected}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(unjudged, NOT_JUDGED.into(), "update NOT_JUDGED");
    assert!(judged >= 200, "{judged}");
}

#[test]
fn the_published_counts() {
    let table = std::fs::read_to_string(conformance("published").join("spd_pldi23_table1.tsv")).unwrap();
    for name in ["Bensalem", "Transfer", "StringBuffer", "DiningPhil", "Deadlock"] {
        let row = table.lines().find(|row| row.starts_with(&format!("{name}\t"))).unwrap();
        let expected: usize = row.split('\t').nth(13).unwrap().parse().unwrap();
        let report = report("published", name, "all");
        let predicted = of_kind(&report, "lock-order-cycle").filter(|finding| finding["tier"] == "predicted");
        let predicted: Vec<&Value> = predicted.collect();
        assert_eq!(predicted.len(), expected, "{name}: {predicted:#?}");
        if name == "DiningPhil" {
            assert_eq!(list(predicted[0], "evidence").len(), 5);
        }
    }
}

/// One small trace, under this name in a folder of its own.
fn trace(name: &str, text: impl AsRef<[u8]>) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

const CYCLE: &str = "# two orders\nt1|acq(a)|11\nt1|acq(b)|12\nt1|w(x)|13\nt1|rel(b)|14\nt1|rel(a)|15\n\
                     t2|acq(b)|21\nt2|acq(a)|22\nt2|rel(a)|23\nt2|rel(b)|24\n";

#[test]
fn evidence_is_in_lines_and_locations() {
    let (_dir, path) = trace("run.std", CYCLE);
    let called = call(&["analyze", &path, "--message-format", "json"]);
    let report = called.assert_code(1).json();
    let finding = of_kind(&report, "lock-order-cycle").next().unwrap();
    assert_eq!((&finding["code"], &finding["tier"]), (&"LC0001".into(), &"predicted".into()));
    let side = &list(finding, "evidence")[0];
    assert_eq!(
        (&side["thread"], &side["event"], &side["action"]),
        (&"t1".into(), &3.into(), &"request".into())
    );
    let site = |line: u32| serde_json::json!({"package": "", "file": path, "line": line, "column": 0});
    assert_eq!(side["site"], site(12));
    let hold = &list(side, "holds")[0];
    assert_eq!((&hold["lock"], &hold["event"], &hold["site"]), (&"a".into(), &2.into(), &site(11)));
    assert_eq!(finding["witness"], serde_json::json!([["t1", 1], ["t2", 1]]));
    assert_eq!(report["stats"]["events"], 9);
    assert_eq!(report["notes"], serde_json::json!([]));
}

#[test]
fn a_verdict_from_locks_alone_is_said_to_be_unsound() {
    let text: String =
        CYCLE.lines().filter(|line| !line.contains("w(x)")).map(|l| format!("{l}\n")).collect();
    let (_dir, path) = trace("run.std", text);
    let report = call(&["analyze", &path, "--message-format", "json"]).assert_code(1).json();
    assert!(
        list(&report, "notes").iter().any(|note| note.as_str().unwrap().contains("not sound")),
        "{report}"
    );
}

#[test]
fn the_same_bytes_on_every_run_and_the_same_fingerprint_anywhere() {
    let folder = conformance("sketches");
    let whole = || call_in(&folder, &["analyze", ".", "--message-format", "json"]);
    assert_eq!(whole().assert_code(1).stdout, whole().stdout);
    let fingerprints = |called: &Called| {
        let report = called.json();
        list(&report, "findings").iter().map(|finding| finding["fingerprint"].clone()).collect::<Vec<_>>()
    };
    let (one, other) = (trace("run.std", CYCLE), trace("run.std", CYCLE));
    let [one, other] = [&one.1, &other.1].map(|path| call(&["analyze", path, "--message-format", "json"]));
    assert_eq!(fingerprints(&one), fingerprints(&other));
    assert!(!fingerprints(&one).is_empty());
}

#[test]
fn several_traces_make_one_report_beside_that_of_a_process() {
    let (dir, path) = trace("run.std", CYCLE);
    std::fs::write(dir.path().join("other.std"), CYCLE).unwrap();
    write_trace(dir.path(), &cycle("/nowhere/src/main.rs"));
    let folder = dir.path().to_str().unwrap();
    let report = call(&["analyze", folder, "--message-format", "json"]).assert_code(1).json();
    assert_eq!(report["stats"]["processes"], 3);
    let tiers: BTreeSet<&str> =
        of_kind(&report, "lock-order-cycle").filter_map(|finding| finding["tier"].as_str()).collect();
    assert_eq!(tiers, ["likely", "predicted"].into());
    let sorted: Vec<&str> =
        list(&report, "findings").iter().filter_map(|finding| finding["fingerprint"].as_str()).collect();
    assert!(sorted.is_sorted());
    assert_eq!(
        list(&call(&["analyze", &path, &path, "--message-format", "json"]).json(), "findings").len(),
        1
    );
}

#[test]
fn every_form_of_the_report_takes_them() {
    let (dir, path) = trace("run.std", CYCLE);
    let human = call(&["analyze", &path]);
    assert!(
        human.assert_code(1).stderr.contains("can deadlock: `t1` takes `a`, then `b`"),
        "{}",
        human.stderr
    );
    assert!(human.stderr.contains("run.std:12") && !human.stderr.contains("created"), "{}", human.stderr);
    let short = call(&["analyze", &path, "--message-format", "short"]);
    assert!(
        short.assert_code(1).stderr.starts_with(&format!("{path}:12: warning[LC0001]: ")),
        "{}",
        short.stderr
    );
    let sarif = dir.path().join("run.sarif");
    call(&["analyze", &path, "--sarif", sarif.to_str().unwrap()]).assert_code(1);
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(sarif).unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "LC0001");
    let dot = call(&["graph", &path]);
    assert!(
        dot.assert_code(0).stdout.contains("held at location 11\\lasked at location 12"),
        "{}",
        dot.stdout
    );
    assert!(!human.stderr.contains('\r') && !human.stderr.contains('\x1b'), "no bar without a terminal");
}

#[test]
fn exit_codes_follow_the_contract() {
    let (_dir, path) = trace("run.std", CYCLE);
    call(&["analyze", &path, "--fail-on", "actual"]).assert_code(0);
    call(&["analyze", &path, "--fail-on", "never"]).assert_code(0);
    call(&["analyze", &path, "--race", "wcp"]).assert_code(2);
    let (_dir, clean) = trace("clean.std", "t1|acq(a)|1\nt1|w(x)|2\nt1|rel(a)|3\n");
    call(&["analyze", &clean]).assert_code(0);
    let (_dir, empty) = trace("empty.std", "# nothing happened\n\n");
    let called = call(&["analyze", &empty, "--message-format", "json"]);
    assert_eq!(called.assert_code(4).json()["verdict"], "inconclusive");
}

#[test]
fn malformed_traces_name_file_line_and_what_was_expected() {
    let cases: [(&str, &[u8], u64, u64, &str); 9] = [
        ("run.std", b"t1|acq(a)|1\n\nt1|grab(b)|2\n", 3, 4, "expected one of acq, rel"),
        ("run.std", b"t1|acq(a)|x\n", 1, 11, "a location"),
        ("run.std", b"t1 acquires a\n", 1, 1, "thread|op(arg)|location"),
        ("run.std", b"t1|acq(a)|1\nnonsense", 2, 1, "thread|op(arg)|location"),
        ("run.std", b"t1|acq(a)|1\nt2|acq(a)|2\n", 2, 0, "expected a free lock"),
        ("run.std", b"t1|rel(a)|1\n", 1, 0, "expected an acq"),
        ("run.log", b"once upon a time\n", 1, 1, "thread|op(arg)|location"),
        ("run.bin", &[0; 30], 0, 0, "byte 18: expected the end of the file"),
        ("run.log", b"\x00\x01\x02", 0, 0, "not a trace in any form"),
    ];
    for (name, bytes, line, column, expected) in cases {
        let (_dir, path) = trace(name, bytes);
        let called = call(&["analyze", &path, "--message-format", "json"]);
        let error = called.assert_code(2).json();
        assert_eq!(
            (&error["schema"], &error["code"]),
            (&"lockcheck.error.v1".into(), &"trace-malformed".into())
        );
        assert_eq!(error["file"], path);
        assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (Some(line), Some(column)), "{error}");
        assert!(error["message"].as_str().unwrap().contains(expected), "{error}");
        let human = call(&["analyze", &path]);
        assert!(human.assert_code(2).stderr.contains(expected), "{}", human.stderr);
    }
}

#[test]
fn a_trace_that_is_cut_off_is_judged_up_to_there() {
    for end in ["t", "t1", "t2|", "t2|ac", "t2|acq(", "t1|acq(c)|"] {
        let (_dir, path) = trace("run.std", format!("{CYCLE}{end}"));
        let report = call(&["analyze", &path, "--message-format", "json"]).assert_code(1).json();
        let note = list(&report, "notes").iter().find(|note| note.as_str().unwrap().contains("cut off"));
        assert!(note.is_some_and(|note| note.as_str().unwrap().contains("line 11")), "{end}: {report}");
    }
}

#[test]
fn text_and_binary_hold_the_same_trace() {
    let (dir, path) = trace("run.std", CYCLE);
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (binary, back, again) = (file("run.bin"), file("back.std"), file("again.rapid"));
    call(&["convert", &path, &binary]).assert_code(0);
    call(&["convert", &binary, &back]).assert_code(0);
    call(&["convert", &back, &again]).assert_code(0);
    assert_eq!(std::fs::read(&binary).unwrap(), std::fs::read(&again).unwrap());
    let text = std::fs::read_to_string(&back).unwrap();
    assert!(text.starts_with("T0|acq(L0)|11\nT0|acq(L1)|12\nT0|w(V0)|13\n"), "{text}");
    let report = call(&["analyze", &binary, "--message-format", "json"]).assert_code(1).json();
    let finding = of_kind(&report, "lock-order-cycle").next().unwrap();
    assert_eq!(list(finding, "evidence")[0]["event"], 2, "the number of the event");
    // The content tells the form where the extension does not.
    let unnamed = file("run.unknown");
    std::fs::copy(&binary, &unnamed).unwrap();
    assert_eq!(
        call(&["analyze", &unnamed, "--message-format", "json"]).assert_code(1).json()["stats"],
        report["stats"]
    );
}

#[test]
fn convert_refuses_what_the_target_cannot_hold_and_leaves_nothing() {
    let (dir, path) = trace("run.std", "# c\nt1|w(x)|1\nt1|racq(a)|2\n");
    let out = dir.path().join("run.bin");
    let arguments = ["convert", &path, out.to_str().unwrap(), "--message-format", "json"];
    let error = call(&arguments).assert_code(2).json();
    assert_eq!((&error["code"], &error["line"]), (&"cannot-hold".into(), &3.into()));
    assert!(error["message"].as_str().unwrap().contains("event 2 (line 3), racq"), "{error}");
    assert!(!out.exists());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no file is left half written");
    let process = write_trace(dir.path(), &cycle("/nowhere/src/main.rs"));
    let refused = call(&["convert", process.to_str().unwrap(), out.to_str().unwrap()]);
    assert!(refused.assert_code(2).stderr.contains("not its events"), "{}", refused.stderr);
    call(&["convert", &path, dir.path().join("run.xyz").to_str().unwrap()]).assert_code(2);
    call(&["convert", "/no/such.std", out.to_str().unwrap()]).assert_code(2);
}

/// Records the acquisitions of `cycle` as events beside its trace.
fn record_cycle(trace: &Path, records: &[Record]) -> PathBuf {
    use EventKind::{Acquire, Release};
    let path = trace.with_extension("lcevents");
    let file = EventFile::create(&path, std::process::id(), u64::MAX).unwrap();
    for record in records {
        if let Record::Site { site, raw } = record {
            assert!(file.name_place(site.0, &raw.file, raw.line, raw.column));
        }
    }
    // (thread, outer (lock, site), inner (lock, site)), as the records have them.
    let mut lanes = [Lane::new(), Lane::new()];
    let requests = records.iter().filter_map(|record| match record {
        Record::Request(request) => Some(request),
        _ => None,
    });
    let mut stamp = 0;
    for (request, lane) in requests.zip(&mut lanes) {
        let outer = (request.holds[0].lock.0, request.holds[0].site.0);
        let inner = (request.lock.0, request.site.0);
        let thread = request.thread.0;
        lane.refill(&file, thread, 0, 1).unwrap();
        for (kind, (object, place)) in
            [(Acquire, outer), (Acquire, inner), (Release, inner), (Release, outer)]
        {
            stamp += 1;
            lane.append(&RecordedEvent {
                stamp,
                thread,
                manner: Manner::of(kind),
                object,
                place,
                index: stamp,
            });
        }
    }
    path
}

#[test]
fn recorded_events_make_a_likely_finding_a_predicted_one() {
    let dir = tempfile::tempdir().unwrap();
    let records = cycle("/nowhere/src/main.rs");
    let trace = write_trace(dir.path(), &records);
    let arguments = ["analyze", dir.path().to_str().unwrap(), "--message-format", "json"];
    let checked = call(&arguments).assert_code(1).json();
    let events = record_cycle(&trace, &records);
    let recorded = call(&arguments).assert_code(1).json();
    assert_eq!((list(&checked, "findings").len(), list(&recorded, "findings").len()), (1, 1), "{recorded}");
    let [before, after] = [&checked, &recorded].map(|report| &list(report, "findings")[0]);
    assert_eq!((&before["tier"], &after["tier"]), (&"likely".into(), &"predicted".into()));
    assert_eq!(before["fingerprint"], after["fingerprint"]);
    assert_eq!(before["evidence"], after["evidence"], "with the stacks that the process has captured");
    assert_eq!(after["witness"], serde_json::json!([["2", 1], ["3", 1]]));
    // The file of events alone brings its trace along.
    let alone =
        call(&["analyze", events.to_str().unwrap(), "--message-format", "json"]).assert_code(1).json();
    assert_eq!(alone["findings"], recorded["findings"]);
    let text = dir.path().join("out.std");
    call(&["convert", events.to_str().unwrap(), text.to_str().unwrap()]).assert_code(0);
    let text = std::fs::read_to_string(text).unwrap();
    assert!(text.starts_with("T2|acq(L1)|") && text.lines().count() == 8, "{text}");
}

/// Whoever reads stderr through a pipe gets no byte of a bar, however long the reading takes.
#[test]
fn no_bar_where_there_is_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.std");
    let mut text = String::new();
    for event in 0..400_000 {
        text += &format!("t{}|r(x{})|{}\n", event % 3, event % 50, event % 7);
    }
    std::fs::write(&path, text).unwrap();
    let (from, to) = (path.to_str().unwrap(), folder.path().join("long.rapid"));
    for called in [call(&["analyze", from]), call(&["convert", from, to.to_str().unwrap()])] {
        let stderr = &called.assert_code(0).stderr;
        assert!(!stderr.contains(['\r', '\x1b', '%', '[']), "{stderr:?}");
    }
}

/// A header that promises fewer threads than there are costs no finding: a thread that nobody started races with what
/// all known threads had come after.
#[test]
fn a_header_that_is_wrong_about_threads_costs_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let (text, binary) = (folder.path().join("t.std"), folder.path().join("t.rapid"));
    let mut events = String::new();
    for event in 0..300 {
        events += &format!("t1|w(x)|{}\n", event % 20);
    }
    events += "t2|w(x)|30\n";
    std::fs::write(&text, events).unwrap();
    call(&["convert", text.to_str().unwrap(), binary.to_str().unwrap()]).assert_code(0);
    let races = || {
        let called =
            call(&["analyze", binary.to_str().unwrap(), "--message-format", "json"]).assert_code(1).json();
        called["findings"].clone()
    };
    let told = races();
    assert_eq!(list_of(&told).filter(|finding| finding["kind"] == "data-race").count(), 20, "{told}");
    let mut bytes = std::fs::read(&binary).unwrap();
    assert_eq!(bytes[..2], [0, 2]);
    bytes[1] = 1;
    std::fs::write(&binary, bytes).unwrap();
    assert_eq!(races(), told);
}

fn list_of(findings: &Value) -> impl Iterator<Item = &Value> {
    findings.as_array().unwrap().iter()
}

/// Two pairs of locks in opposite orders at the same places, and two variables that race at the same places.
#[test]
fn all_lists_every_instance() {
    let mut trace = String::new();
    for (one, other) in [("a", "b"), ("c", "d")] {
        for (thread, first, second, at) in [("t1", one, other, 10), ("t2", other, one, 20)] {
            trace += &format!(
                "{thread}|acq({first})|{}\n{thread}|acq({second})|{}\n{thread}|rel({second})|{}\n{thread}|rel({first})|{}\n",
                at,
                at + 1,
                at + 2,
                at + 3
            );
        }
    }
    for variable in ["x", "y"] {
        trace += &format!("t1|w({variable})|30\nt2|w({variable})|31\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.std");
    std::fs::write(&path, trace).unwrap();
    let path = path.to_str().unwrap();
    let found = |arguments: &[&str], kind: &str| -> Value {
        let called = call(&[&["analyze", path, "--message-format", "json"], arguments].concat());
        let report = called.assert_code(1).json();
        let findings = report["findings"].as_array().unwrap().iter();
        findings.clone().find(|finding| finding["kind"] == kind).unwrap_or_else(|| panic!("{report}")).clone()
    };
    for (kind, instances) in
        [("lock-order-cycle", json!([["a", "b"], ["c", "d"]])), ("data-race", json!([["x"], ["y"]]))]
    {
        let (some, all) = (found(&[], kind), found(&["--all"], kind));
        assert_eq!((&some["instances"], some.get("instance_locks")), (&json!(2), None), "{some}");
        assert_eq!((&all["instances"], &all["instance_locks"]), (&json!(2), &instances), "{all}");
    }
}
