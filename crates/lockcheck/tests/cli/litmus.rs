//! `lockcheck litmus`, with and without `--observe`: against the known answers of the corpus, against the prediction on
//! random sketches, and what a user sees.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lockcheck_litmus::testing::{self, Random};
use lockcheck_litmus::{parse, predict};
use serde_json::Value;

use crate::support::{Called, call_in, lockcheck};

fn conformance() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/litmus")
}

/// Calls `lockcheck litmus` in `folder`.
fn litmus(folder: &Path, arguments: &[&str]) -> Called {
    call_in(folder, &[&["litmus"], arguments].concat())
}

/// The lines of the JSON form.
fn lines(called: &Called) -> Vec<Value> {
    called.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn name_of(line: &Value) -> &str {
    let file = line["litmus"]["file"].as_str().unwrap_or_else(|| panic!("no file in {line}"));
    file.rsplit('/').next().unwrap()
}

/// The table of known answers: file name to column to answer.
fn answers() -> BTreeMap<String, BTreeMap<String, String>> {
    let table = std::fs::read_to_string(conformance().join("verdicts.tsv")).unwrap();
    let mut rows = table.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let row = |cells: Vec<String>| {
        (cells[0].clone(), header[1..].iter().cloned().zip(cells[1..].iter().cloned()).collect())
    };
    rows.map(row).collect()
}

#[test]
fn one_run_of_each_sketch_of_the_corpus_foretells_what_the_table_says() {
    let answers = answers();
    let called = litmus(&conformance(), &["--observe", "corpus", "--message-format", "json"]);
    assert_eq!((called.code, called.stderr.as_str()), (1, ""));
    let lines = lines(&called);
    let names: BTreeSet<&str> = lines.iter().map(name_of).collect();
    assert_eq!(names, answers.keys().map(String::as_str).collect());
    let mut wrong = Vec::new();
    for line in &lines {
        let row = &answers[name_of(line)];
        if line["litmus"]["predicted"] != row["predicted"].as_str() {
            wrong.push(format!("{}: expected {}", line["litmus"], row["predicted"]));
        }
        wrong.extend(false_alarms(line, row));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a case cannot deadlock, nothing but lock orders may say that it can; and a misuse or a leak is told only where
/// there is one.
fn false_alarms(line: &Value, row: &BTreeMap<String, String>) -> Vec<String> {
    let counts = |finding: &&Value| {
        let right = match finding["code"].as_str().unwrap() {
            "LC0001" | "LC0002" | "LC0004" => true,
            "LC0201" => row["misuse"] == "y",
            "LC0202" => row["leak"] == "y",
            _ => false,
        };
        !right && finding["tier"] != "order"
    };
    let found = line["findings"].as_array().unwrap().iter().filter(counts);
    let alarms = found.map(|finding| format!("{}: {}", name_of(line), finding["message"]));
    if row["deadlock"] == "n" { alarms.collect() } else { Vec::new() }
}

#[test]
fn all_runs_of_each_sketch_of_the_corpus_give_the_flags_of_the_table() {
    let answers = answers();
    let called = litmus(&conformance(), &["corpus", "--message-format", "json"]);
    assert_eq!((called.code, called.stderr.as_str()), (1, ""));
    let lines = lines(&called);
    assert_eq!(lines.len(), answers.len());
    for line in &lines {
        let (name, row) = (name_of(line), &answers[name_of(line)]);
        let flags =
            ["deadlock", "lost_wakeup", "race", "assertion", "misuse", "leak"].map(|flag| (flag, flag));
        for (column, flag) in flags.into_iter().chain([("self", "self_deadlock")]) {
            assert_eq!(line["litmus"][flag], row[column] == "y", "{name}: {flag}");
        }
        assert_eq!(line["litmus"]["complete"], true, "{name}");
        findings_fit_the_flags(line, row);
    }
}

/// Each flag has findings of its kind and the other way round; each finding has a schedule and its sites.
fn findings_fit_the_flags(line: &Value, row: &BTreeMap<String, String>) {
    let findings = line["findings"].as_array().unwrap();
    let has = |kinds: &[&str]| findings.iter().any(|f| kinds.contains(&f["kind"].as_str().unwrap()));
    let deadlocks = ["deadlock", "self-deadlock", "lost-wakeup"];
    for (column, kinds) in [
        ("deadlock", &deadlocks[..]),
        ("self", &["self-deadlock"]),
        ("race", &["data-race"]),
        ("misuse", &["not-the-owner"]),
        ("leak", &["lock-leaked"]),
    ] {
        assert_eq!(has(kinds), row[column] == "y", "{}: {column}", name_of(line));
    }
    let notes = line["notes"].as_array().unwrap();
    let asserted = notes.iter().any(|note| note.as_str().unwrap().starts_with("assertion"));
    assert_eq!(asserted, row["assertion"] == "y", "{}", name_of(line));
    let found = row.iter().any(|(column, answer)| column != "predicted" && answer == "y");
    assert_eq!(line["verdict"], if found { "findings" } else { "clean" });
    for finding in findings {
        assert_eq!(finding["tier"], "confirmed");
        assert!(finding["schedule"].is_string() && finding["fingerprint"].as_str().unwrap().len() == 16);
        let evidence = finding["evidence"].as_array().unwrap();
        assert!(!evidence.is_empty() && evidence.iter().all(|side| side["site"]["line"].as_u64() > Some(0)));
    }
}

/// What the prediction says of random sketches, and what the detector says of the same run. `LITMUS_SEEDS` may name
/// other seeds: `1000..3000`.
#[test]
fn the_detector_and_the_prediction_agree_on_random_sketches() {
    let seeds = std::env::var("LITMUS_SEEDS").unwrap_or_else(|_| "1..151".to_owned());
    let (from, to) = seeds.split_once("..").expect("seeds are `FROM..TO`");
    let seeds: Vec<u64> = (from.parse().unwrap()..to.parse().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    for &seed in &seeds {
        for (what, text) in [("any", testing::sketch(seed, 6)), ("sections", testing::sections(seed, 4))] {
            let prediction = predict(&parse("random", text.as_bytes()).unwrap());
            let name = format!("{seed:08}-{what}.litmus");
            std::fs::write(folder.path().join(&name), &text).unwrap();
            if !prediction.truncated {
                expected.insert(name, (prediction.tier.to_string(), text));
            }
        }
    }
    let called = litmus(folder.path(), &["--observe", ".", "--message-format", "json"]);
    assert_eq!(called.stderr, "");
    let mut wrong = Vec::new();
    for line in lines(&called) {
        let Some((tier, text)) = expected.remove(name_of(&line)) else { continue };
        if line["litmus"]["predicted"] != tier.as_str() {
            wrong.push(format!("{}: predicted {tier}\n{text}\n{}", line["litmus"], line["findings"]));
        }
    }
    assert!(expected.is_empty(), "every sketch gets its line");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// A sketch of a few threads that take locks one at a time, wait for events and for each other's ends under them or not,
/// and exchange messages in between: through channels, semaphores and variables.
fn waits(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut text = String::from("mutex a b\nevent e f\nchannel ch = inf\nsemaphore s = 0\natomic n\n");
    for thread in 1..=3 {
        let mut steps = Vec::new();
        for _ in 0..=random.below(4) {
            let lock = ["a", "b"][random.below(2)];
            let event = ["e", "f"][random.below(2)];
            let step = match random.below(12) {
                0 | 1 => format!("lock {lock}; unlock {lock}"),
                2 => format!("lock {lock}; wait {event}; unlock {lock}"),
                3 => format!("lock {lock}; set {event}; unlock {lock}"),
                4 | 5 => format!("set {event}"),
                6 => "send ch".to_owned(),
                7 => "recv ch".to_owned(),
                8 => "release s".to_owned(),
                9 => "acquire s".to_owned(),
                10 => format!("load n as x; if x == {thread} {{ lock {lock}; wait {event}; unlock {lock} }}"),
                _ => format!("store n = {}", thread % 3 + 1),
            };
            steps.push(step);
        }
        if thread == 3 && random.below(2) == 0 {
            steps.push("lock a; join T1; unlock a".to_owned());
        }
        text += &format!("thread T{thread}: {}\n", steps.join("; "));
    }
    text
}

/// Where no run of a random sketch gets stuck, nothing but lock orders may say that one could; where one run gets
/// stuck, so does the one that is observed or another. `LITMUS_WAIT_SEEDS` may name other seeds: `1000..3000`.
#[test]
fn what_the_detector_says_of_waits_in_random_sketches_can_happen() {
    let seeds = std::env::var("LITMUS_WAIT_SEEDS").unwrap_or_else(|_| "1..301".to_owned());
    let (from, to) = seeds.split_once("..").expect("seeds are `FROM..TO`");
    let folder = tempfile::tempdir().unwrap();
    let mut texts = BTreeMap::new();
    for seed in from.parse().unwrap()..to.parse::<u64>().unwrap() {
        let name = format!("{seed:08}.litmus");
        std::fs::write(folder.path().join(&name), waits(seed)).unwrap();
        texts.insert(name, waits(seed));
    }
    let truth = litmus(folder.path(), &[".", "--message-format", "json"]);
    let flags = ["deadlock", "self_deadlock", "lost_wakeup"];
    let truth = lines(&truth);
    let judged: BTreeMap<&str, &Value> = truth
        .iter()
        .filter(|line| line["litmus"]["complete"] == true)
        .map(|line| (name_of(line), &line["litmus"]))
        .collect();
    let (mut wrong, mut foretold, mut silent) = (Vec::new(), 0, 0);
    let observed = litmus(folder.path(), &["--observe", ".", "--message-format", "json"]);
    for line in lines(&observed) {
        let Some(&judged) = judged.get(name_of(&line)) else { continue };
        let stuck = flags.iter().any(|flag| judged[flag] == true);
        let answer = |flag: &str| (flag.to_owned(), if judged[flag] == true { "y" } else { "n" }.to_owned());
        let never = ("deadlock".to_owned(), "n".to_owned());
        let alarms = false_alarms(&line, &BTreeMap::from([never, answer("misuse"), answer("leak")]));
        foretold += u32::from(stuck && !alarms.is_empty());
        silent += u32::from(!stuck && alarms.is_empty());
        if !stuck && !alarms.is_empty() {
            wrong.push(format!("{}\n{}", alarms.join("\n"), texts[name_of(&line)]));
        }
    }
    assert!(wrong.is_empty(), "{} false alarms:\n{}", wrong.len(), wrong.join("\n"));
    assert!(foretold > 20 && silent > 20, "the sketches tell nothing apart: {foretold} and {silent}");
}

const ABBA: &str = "\
# two workers take two locks in opposite order
mutex a b
thread T1: lock a; lock b; unlock b; unlock a
thread T2: lock b; lock a; unlock a; unlock b
";
const GATED: &str = "\
mutex a b gate
thread T1: lock gate; lock a; lock b; unlock b; unlock a; unlock gate
thread T2: lock gate; lock b; lock a; unlock a; unlock b; unlock gate
";
/// Really gets stuck in its sequential run.
const STUCK: &str = "\
mutex a b
event e f
thread T1: lock a; set e; wait f; lock b; unlock b; unlock a
thread T2: wait e; lock b; set f; lock a; unlock a; unlock b
";
const UNKNOWN: &str = "mutex a\nthread T1: lock a; lock zz; unlock a\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn people_read_who_holds_what_who_waits_and_how_it_comes_to_that() {
    let folder = folder(&[("abba.litmus", ABBA), ("gated.litmus", GATED)]);
    let called = litmus(folder.path(), &["abba.litmus", "gated.litmus"]);
    called.assert_code(1);
    assert_eq!(called.stdout, "");
    insta::assert_snapshot!("all_runs", called.stderr);
    litmus(folder.path(), &["gated.litmus"]).assert_code(0);
}

#[test]
fn people_read_what_one_run_foretells_with_the_lines_of_the_sketch() {
    let folder = folder(&[("abba.litmus", ABBA), ("gated.litmus", GATED), ("stuck.litmus", STUCK)]);
    let called = litmus(folder.path(), &["--observe", "abba.litmus", "gated.litmus", "stuck.litmus"]);
    called.assert_code(1);
    assert_eq!(called.stdout, "");
    insta::assert_snapshot!("one_run", called.stderr);
    litmus(folder.path(), &["--observe", "gated.litmus"]).assert_code(0);
}

#[test]
fn the_short_form_is_one_line_for_each_finding() {
    let folder = folder(&[("abba.litmus", ABBA), ("gated.litmus", GATED)]);
    let called = litmus(folder.path(), &["--message-format", "short", "."]);
    called.assert_code(1);
    assert!(called.stderr.starts_with("abba.litmus:3:20: error[LC0003]: T1 and T2 can never go on ["));
    let called = litmus(folder.path(), &["--message-format", "short", "--observe", "."]);
    called.assert_code(1);
    assert!(called.stderr.starts_with("abba.litmus:3:20: warning[LC0001]: threads `T1` and `T2` could"));
    assert_eq!(called.stderr.lines().count(), 1);
}

#[test]
fn a_finding_has_its_evidence_and_its_schedule_in_the_notation_s_words() {
    let folder = folder(&[("abba.litmus", ABBA)]);
    let called = litmus(folder.path(), &["abba.litmus", "--message-format", "json"]);
    insta::assert_json_snapshot!("all_runs_json", lines(called.assert_code(1)));
    let called = litmus(folder.path(), &["--observe", "abba.litmus", "--message-format", "json"]);
    let observed = &lines(called.assert_code(1))[0];
    assert_eq!(observed["litmus"], serde_json::json!({"file": "abba.litmus", "predicted": "likely"}));
    let finding = &observed["findings"][0];
    assert_eq!((&finding["code"], &finding["tier"]), (&"LC0001".into(), &"likely".into()));
    assert_eq!(finding["evidence"][0]["holds"][0]["site"]["line"], 3);
    assert_eq!(finding["locks"][1]["name"], "a");
}

#[test]
fn a_malformed_sketch_is_told_with_its_place_and_does_not_keep_others_from_being_judged() {
    let files =
        [("a/bad.litmus", UNKNOWN), ("a/good.litmus", ABBA), ("b/also.litmus", "mutex\n"), ("c.txt", "")];
    let folder = folder(&files);
    for form in [&["."][..], &[".", "--observe"]] {
        let called = litmus(folder.path(), form);
        called.assert_code(2);
        assert!(called.stderr.contains("./a/good.litmus: "), "{}", called.stderr);
        assert!(called.stderr.contains("./b/also.litmus:1:6: error[syntax]: "), "{}", called.stderr);
        let error = "./a/bad.litmus:2:25: error[unknown]: `zz` is not declared; declare it, or bind it with `as` before\n\
                     \x20   2 | thread T1: lock a; lock zz; unlock a\n      |                         ^\n";
        assert!(called.stderr.starts_with(error), "{}", called.stderr);
    }
    let called = litmus(folder.path(), &[".", "--message-format", "json"]);
    let lines = lines(called.assert_code(2));
    let error = serde_json::json!({
        "schema": "lockcheck.error.v1", "file": "./a/bad.litmus", "line": 2, "column": 25, "code": "unknown",
        "message": "`zz` is not declared; declare it, or bind it with `as` before",
    });
    assert_eq!((lines.len(), &lines[0]), (3, &error));
    assert_eq!((&lines[1]["litmus"]["deadlock"], &lines[2]["code"]), (&true.into(), &"syntax".into()));
}

#[test]
fn what_is_not_there_is_said_and_what_is_too_large_is_not_read() {
    let folder = folder(&[("empty/readme", ""), ("large.litmus", &"#".repeat(70_000))]);
    let called = litmus(folder.path(), &["nowhere.litmus"]);
    assert!(called.assert_code(2).stderr.contains("nowhere.litmus"));
    let called = litmus(folder.path(), &["empty"]);
    assert!(called.assert_code(2).stderr.contains("there is no sketch under `empty`"));
    let called = litmus(folder.path(), &["large.litmus"]);
    assert!(called.assert_code(2).stderr.contains("error[limit]"), "{}", called.stderr);
    litmus(folder.path(), &[]).assert_code(2);
    litmus(folder.path(), &["large.litmus", "--limit", "0"]).assert_code(2);
    litmus(folder.path(), &["large.litmus", "--limit", "5", "--observe"]).assert_code(2);
}

#[test]
fn a_search_that_stops_at_its_limit_says_so_and_claims_nothing() {
    let folder = folder(&[("gated.litmus", GATED)]);
    let called = litmus(folder.path(), &["gated.litmus", "--limit", "3", "--message-format", "json"]);
    let line = &lines(called.assert_code(0))[0];
    assert_eq!((&line["litmus"]["complete"], &line["verdict"]), (&false.into(), &"inconclusive".into()));
    assert!(line["notes"][0].as_str().unwrap().contains("after 3 states"));
}

/// The run-time speaks to whoever watches the process; here that is the tool itself, and nobody else.
#[test]
fn an_observed_sketch_keeps_to_itself() {
    let sketches = folder(&[("stuck.litmus", STUCK), ("abba.litmus", ABBA)]);
    let out = tempfile::tempdir().unwrap();
    let mut command = lockcheck();
    command.current_dir(sketches.path()).args(["litmus", "--observe", ".", "--message-format", "json"]);
    command.env("LOCKCHECK_OUT", out.path()).env("LOCKCHECK_ON_DEADLOCK", "abort").env("LOCKCHECK", "off");
    let called = Called::of(command.output().unwrap());
    assert_eq!(called.assert_code(1).stderr, "");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0, "no trace is left");
    let lines = lines(&called);
    let stuck = &lines[1];
    assert_eq!(stuck["litmus"]["predicted"], "likely");
    assert_eq!(
        (&stuck["findings"][0]["code"], &stuck["findings"][0]["tier"]),
        (&"LC0003".into(), &"actual".into())
    );
}

#[test]
fn the_same_call_says_the_same() {
    let sketches = folder(&[("stuck.litmus", STUCK), ("abba.litmus", ABBA), ("gated.litmus", GATED)]);
    let say = || litmus(sketches.path(), &["--observe", ".", "--message-format", "json"]).stdout;
    let first = say();
    assert!((0..5).all(|_| say() == first));
}
