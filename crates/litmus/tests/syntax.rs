//! Every file of the syntax folder: the bad ones give the error that `errors.tsv` names, the good ones none.
//! What well-formed programs mean is tested in `corpus`.

use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/litmus/syntax")
}

/// File name to (code, line, column).
fn expected() -> BTreeMap<String, (String, u32, u32)> {
    let table = std::fs::read_to_string(folder().join("errors.tsv")).expect("the table is in the repository");
    let mut rows = BTreeMap::new();
    for row in table.lines().skip(1) {
        let [file, code, line, column] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a row has four columns: {row}");
        };
        let place = (code.to_owned(), line.parse().expect("a line"), column.parse().expect("a column"));
        rows.insert(file.to_owned(), place);
    }
    rows
}

#[test]
fn errors_are_found_where_they_are() {
    let mut wrong = Vec::new();
    let expected = expected();
    assert!(expected.len() > 40, "the table is complete");
    for (file, (code, line, column)) in &expected {
        let bytes = std::fs::read(folder().join(file)).expect("the file is in the repository");
        match lockcheck_litmus::parse(file, &bytes) {
            Ok(_) => wrong.push(format!("{file}: accepted, {line}:{column} {code} expected")),
            Err(e) if (e.code.as_str(), e.line(), e.column()) == (code.as_str(), *line, *column) => {
                assert!(
                    e.to_string().starts_with(&format!("{file}:{line}:{column}: error[{code}]: ")),
                    "{e}"
                );
            }
            Err(e) => wrong.push(format!("{e}: {line}:{column} {code} expected")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_files_are_accepted() {
    let expected = expected();
    let mut good = 0;
    for entry in std::fs::read_dir(folder()).expect("the folder is in the repository") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        if !name.ends_with(".litmus") || expected.contains_key(&name) {
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        let program = lockcheck_litmus::parse(&name, &bytes).unwrap_or_else(|e| panic!("{e}"));
        let again =
            lockcheck_litmus::parse(&name, program.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(again.tree(), program.tree(), "{name}");
        good += 1;
    }
    assert!(good >= 10, "{good} good files");
}

/// The error of a one-off text, as `line:column code`.
fn error(text: &[u8]) -> String {
    match lockcheck_litmus::parse("t", text) {
        Ok(program) => panic!("accepted: {program}"),
        Err(e) => format!("{}:{} {}", e.line(), e.column(), e.code),
    }
}

#[test]
fn columns_count_characters() {
    assert_eq!(error(b"\xef\xbb\xbfmutex a\xc3\xa9"), "1:8 character");
    assert_eq!(error(b"# \xff\xfe\nmutex a; \xff"), "2:10 character");
    assert_eq!(error("thread T: lock # é".as_bytes()), "1:19 syntax");
    assert_eq!(error(b"thread T: lock   \r\n"), "1:18 syntax");
    assert_eq!(error(b"thread T: add v !"), "1:17 character");
}

#[test]
fn item_words_start_their_line() {
    assert_eq!(error(b"mutex a; mutex b\nthread T: yield"), "1:10 syntax");
    assert_eq!(error(b"thread T: yield; mutex b"), "1:18 syntax");
    assert_eq!(error(b"thread T { mutex b }"), "1:12 syntax");
    assert_eq!(error(b"mutex a\nthread T: try_lock a { unlock a };\nelse { yield }"), "3:1 syntax");
}

#[test]
fn limits_hold_and_hold_exactly() {
    let nested =
        |depth: usize| format!("thread T: {}yield{}", "repeat 1 { ".repeat(depth), " }".repeat(depth));
    assert!(lockcheck_litmus::parse("t", nested(16).as_bytes()).is_ok());
    assert_eq!(error(nested(17).as_bytes()), "1:196 limit");
    let many = |n: usize| format!("thread T: {}", "yield;".repeat(n));
    assert!(lockcheck_litmus::parse("t", many(4096).as_bytes()).is_ok());
    assert_eq!(error(many(4097).as_bytes()), format!("1:{} limit", 11 + 6 * 4096));
    let deep = |n: usize| format!("thread T: assert {}1", "not ".repeat(n));
    assert!(lockcheck_litmus::parse("t", deep(32).as_bytes()).is_ok());
    assert_eq!(error(deep(33).as_bytes()), format!("1:{} limit", 18 + 4 * 33));
    assert_eq!(error(&[b' '; 65_537]), "1:1 limit");
    assert_eq!(error(b"var v = 1000001\nthread T: yield"), "1:9 number");
    let names = (0..17).map(|i| format!(" T{i}")).collect::<String>();
    assert_eq!(error(format!("thread{names}: yield").as_bytes()), "1:62 limit");
    assert_eq!(error(b"thread T: repeat 1000000 { repeat 1000000 { yield } }"), "1:8 limit");
}
