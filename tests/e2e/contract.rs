//! The published form of the JSON report, field by field: names, types, words. Readers may rely on it, so it is
//! checked here without the types that write it.

use serde_json::Value;

/// Fails unless `report` is a whole `lockcheck.report.v1`.
#[track_caller]
pub fn check(report: &Value) {
    assert_eq!(text(report, "schema"), "lockcheck.report.v1");
    text(report, "target");
    word(report, "verdict", &["clean", "findings", "hang", "inconclusive"]);
    let program = &report["program"];
    if !program.is_null() {
        assert!(program["code"].is_i64() != program["signal"].is_i64(), "one of the two: {program}");
        assert!(program.get("code").is_some() && program.get("signal").is_some(), "{program}");
    }
    for field in ["threads", "locks", "events", "edges", "processes", "dropped"] {
        number(&report["stats"], field);
    }
    let findings = list(report, "findings");
    findings.iter().for_each(finding);
    let fingerprints: Vec<&str> = findings.iter().map(|finding| text(finding, "fingerprint")).collect();
    assert!(fingerprints.is_sorted(), "sorted by fingerprint: {fingerprints:?}");
    let mut distinct = fingerprints.clone();
    distinct.dedup();
    assert_eq!(distinct, fingerprints, "each problem once");
}

#[track_caller]
fn finding(finding: &Value) {
    let code = text(finding, "code");
    let known = lockcheck_checker::Code::ALL.iter().find(|known| known.as_str() == code);
    assert_eq!(text(finding, "kind"), known.unwrap_or_else(|| panic!("{code}")).kind());
    word(finding, "tier", &["order", "likely", "predicted", "confirmed", "actual"]);
    let fingerprint = text(finding, "fingerprint");
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    assert!(fingerprint.len() == 16 && fingerprint.bytes().all(is_hex), "{fingerprint}");
    assert!(number(finding, "instances") >= 1);
    text_or_null(finding, "scope");
    text_or_null(finding, "schedule");
    assert!(!text(finding, "message").is_empty() && !text(finding, "advice").is_empty());
    let place = if may_come_from_outside(finding) { site_or_nowhere } else { site };
    let locks = list(finding, "locks");
    for lock in locks {
        text(lock, "id");
        text(lock, "class");
        text_or_null(lock, "name");
        place(&lock["created"]);
    }
    let ids: Vec<&str> = locks.iter().map(|lock| text(lock, "id")).collect();
    let sides = list(finding, "evidence");
    assert!(!sides.is_empty(), "a finding has evidence: {finding}");
    sides.iter().for_each(|side| evidence(side, &ids, place));
}

/// Whether it is of the kinds that are seen by looking at processes from outside.
fn may_come_from_outside(finding: &Value) -> bool {
    let kinds = ["deadlock", "stuck-wait", "cross-process-deadlock"];
    kinds.contains(&text(finding, "kind")) && text(finding, "tier") == "actual"
}

/// Whether all sides were seen from outside, in programs that are not watched.
pub fn is_from_outside(finding: &Value) -> bool {
    may_come_from_outside(finding) && list(finding, "evidence").iter().all(|side| is_nowhere(&side["site"]))
}

/// `locks`: the ids of the finding's locks, which every lock that is mentioned must be among.
#[track_caller]
fn evidence(side: &Value, locks: &[&str], place: fn(&Value)) {
    number(side, "process");
    text(side, "thread");
    number(side, "event");
    word(
        side,
        "action",
        &[
            "request", "acquire", "release", "wait", "notify", "join", "send", "recv", "read", "write",
            "panic",
        ],
    );
    word(side, "attempt", &["block", "try", "timed"]);
    assert!(locks.contains(&text(side, "lock")), "{side}");
    mode(side);
    for held in list(side, "holds") {
        text(held, "lock");
        mode(held);
        number(held, "event");
        site(&held["site"]);
    }
    place(&side["site"]);
    if is_nowhere(&side["site"]) {
        assert_eq!(
            (number(side, "event"), list(side, "holds").len()),
            (0, 0),
            "nothing else is known: {side}"
        );
    }
    for frame in list(side, "backtrace") {
        text(frame, "function");
        assert!(!text(frame, "file").starts_with('/'), "no absolute paths: {frame}");
        number(frame, "line");
    }
}

#[track_caller]
fn mode(value: &Value) {
    word(value, "mode", &["exclusive", "shared", "upgradable"]);
}

/// A place in the user's sources: relative to the package, counted from 1.
#[track_caller]
fn site(site: &Value) {
    assert!(!text(site, "package").is_empty(), "{site}");
    let file = text(site, "file");
    assert!(file.ends_with(".rs") && !file.starts_with('/') && !file.contains('\\'), "{site}");
    assert!(number(site, "line") >= 1 && number(site, "column") >= 1, "{site}");
}

/// As `site`, or what stands there for a side that was seen from outside: no package, the program in place of a file,
/// line and column 0.
#[track_caller]
fn site_or_nowhere(value: &Value) {
    if !is_nowhere(value) {
        return site(value);
    }
    let program = text(value, "file");
    assert!(!program.is_empty() && !program.contains('/'), "the program without its folder: {value}");
    assert_eq!((number(value, "line"), number(value, "column")), (0, 0), "{value}");
}

fn is_nowhere(site: &Value) -> bool {
    text(site, "package").is_empty()
}

/// `src/main.rs:31` of a site.
pub fn place(site: &Value) -> String {
    format!("{}:{}", text(site, "file"), number(site, "line"))
}

/// Each side of a finding: where the first lock it holds was taken, and where it asks for the other.
pub fn sides(finding: &Value) -> Vec<(String, String)> {
    let side = |side: &Value| (place(&list(side, "holds")[0]["site"]), place(&side["site"]));
    list(finding, "evidence").iter().map(side).collect()
}

/// A field that is a string.
#[track_caller]
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {value}"))
}

/// A field that is a list.
#[track_caller]
pub fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("no list `{field}` in {value}"))
}

#[track_caller]
fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("no number `{field}` in {value}"))
}

#[track_caller]
fn word(value: &Value, field: &str, words: &[&str]) {
    assert!(words.contains(&text(value, field)), "`{field}` in {value}");
}

#[track_caller]
fn text_or_null(value: &Value, field: &str) {
    let field_value = value.get(field);
    assert!(field_value.is_some_and(|it| it.is_null() || it.is_string()), "`{field}` in {value}");
}
