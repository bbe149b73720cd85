//! The list of the fixtures, `docs/fixtures.md`, says what their sources and their `lockcheck.toml` say.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use toml::Value;

use crate::command::{root, scratch};

const HEAD: &str = "\
# Fixtures

Small programs, each a system from a tutorial on threads and processes: `lockcheck run fixtures/NAME` runs one and gives the
verdict in the last column, `lockcheck verify fixtures` runs them all. The sections are the tutorial's own headings. This list
is made from the first lines of each program and from its `lockcheck.toml`.

| fixture | what it shows | section | verdict |
|---|---|---|---|
";

/// What it shows and the section it comes from: the first paragraph of the program.
fn origin(folder: &Path) -> (String, String) {
    let source = fs::read_to_string(folder.join("src/main.rs")).expect("a fixture has a program");
    let lines = source.lines().map_while(|line| line.strip_prefix("//! "));
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    let (shows, from) = paragraph.split_once(" From the ").unwrap_or_else(|| {
        panic!("{}: the first paragraph does not say which section it is from: {paragraph}", folder.display())
    });
    let section = from.split('"').rev().nth(1).expect("the section is quoted");
    (shows.to_owned(), section.to_owned())
}

/// The kinds of what is expected, those of which one will do joined by `or`.
fn verdict(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("lockcheck.toml")).expect("a fixture says what is expected");
    let expected: toml::Table = text.parse().expect("it is TOML");
    let kind = |value: &Value| value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let kinds = |one: &Value| match one.get("any_of").and_then(Value::as_array) {
        Some(any) => any.iter().map(kind).collect::<Vec<_>>().join(" or "),
        None => kind(one),
    };
    let all = expected.get("expect").and_then(Value::as_array).into_iter().flatten();
    let mut said: Vec<String> = all.map(kinds).collect::<BTreeSet<_>>().into_iter().collect();
    if expected.get("clean").and_then(Value::as_bool) == Some(true) {
        said.insert(0, "clean".to_owned());
    }
    said.join(", ")
}

#[test]
fn every_fixture_has_its_line() {
    let folder = root().join("fixtures");
    let entries =
        fs::read_dir(&folder).expect("it is there").map(|entry| entry.expect("it can be read").path());
    let mut fixtures: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    fixtures.sort();
    let mut list = HEAD.to_owned();
    for fixture in fixtures {
        let name = fixture.file_name().expect("it has a name").to_string_lossy().into_owned();
        let ((shows, section), verdict) = (origin(&fixture), verdict(&fixture));
        writeln!(list, "| [`{name}`](../fixtures/{name}/src/main.rs) | {shows} | {section} | {verdict} |")
            .expect("a string takes all");
    }
    let path = root().join("docs/fixtures.md");
    let there = fs::read_to_string(&path).unwrap_or_default();
    if there != list {
        let new = scratch().join("fixtures.md");
        fs::write(&new, &list).expect("the target directory can be written");
        panic!("docs/fixtures.md is not what the fixtures say; {} is", new.display());
    }
}
