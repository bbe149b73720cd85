//! Every finding code has its page, and the pages keep to the one table and to one layout.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lockcheck_checker::Code;

/// What a page of a code that is not reported yet says instead of how it is found.
const NOT_REPORTED: &str = "Not reported by this version.";
/// How the line begins that says that a command reports it from a text, and no run of a program.
const REPORTED_ELSEWHERE: &str = "Reported by `lockcheck ";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings")
}

#[test]
fn every_code_has_a_page_with_the_tables_title() {
    for code in Code::ALL {
        let path = folder().join(format!("{code}.md"));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let title = format!("# {code} {}: {}", code.kind(), code.title());
        assert_eq!(page.lines().next(), Some(title.as_str()));
    }
}

#[test]
fn no_page_is_left_over() {
    let pages: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(pages, codes);
}

#[test]
fn a_page_says_how_its_finding_is_found_or_that_it_is_not() {
    let always = ["What it means", "Example", "How to fix it"];
    let reported = ["How it is found", "How to say it is intended", "What it cannot see"];
    for code in Code::ALL {
        let page = fs::read_to_string(folder().join(format!("{code}.md"))).unwrap();
        let has = |heading: &&str| page.lines().any(|line| line.strip_prefix("## ") == Some(*heading));
        assert!(always.iter().all(has), "{code}");
        let found = !page.lines().any(|line| line == NOT_REPORTED || line.starts_with(REPORTED_ELSEWHERE));
        assert!(reported.iter().all(|heading| has(heading) == found), "{code}");
        assert!(page.contains("```rust\n"), "{code}");
    }
}
