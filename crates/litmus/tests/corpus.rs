//! Every sketch of the corpus against its known answers (`verdicts.tsv`): all flags, with and without reduction.

use lockcheck_litmus::{Limits, Program, parse, predict, search};
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/litmus")
}

struct Row {
    file: String,
    /// Column name to `y`, `n` or the tier.
    answers: Vec<(String, String)>,
}

fn rows() -> Vec<Row> {
    let table =
        std::fs::read_to_string(folder().join("verdicts.tsv")).expect("the table is in the repository");
    let mut lines = table.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let row = |cells: Vec<String>| Row {
        file: cells[0].clone(),
        answers: header[1..].iter().cloned().zip(cells[1..].iter().cloned()).collect(),
    };
    lines.map(row).collect()
}

fn program(file: &str) -> Program {
    let bytes = std::fs::read(folder().join("corpus").join(file)).expect("the sketch is in the repository");
    parse(file, &bytes).unwrap_or_else(|e| panic!("{e}"))
}

/// What the crate answers, by column.
fn answers(program: &Program, limits: &Limits) -> Vec<(&'static str, String)> {
    let verdict = search(program, limits);
    assert!(verdict.complete, "no sketch of the corpus is large");
    let flag = |holds: bool| (if holds { "y" } else { "n" }).to_owned();
    vec![
        ("deadlock", flag(verdict.deadlock)),
        ("self", flag(verdict.self_deadlock)),
        ("lost_wakeup", flag(verdict.lost_wakeup)),
        ("race", flag(verdict.race)),
        ("assertion", flag(verdict.assertion)),
        ("misuse", flag(verdict.misuse)),
        ("leak", flag(verdict.leak)),
        ("predicted", predict(program).tier.to_string()),
    ]
}

fn compare(limits: &Limits) {
    let rows = rows();
    assert!(rows.len() > 350, "the table is complete");
    let mut wrong = Vec::new();
    for row in &rows {
        let got = answers(&program(&row.file), limits);
        assert_eq!(got.len(), row.answers.len(), "every column is compared");
        for ((column, expected), (same, got)) in row.answers.iter().zip(&got) {
            assert_eq!(column, same, "the columns stand in the order of the table");
            if got != expected {
                wrong.push(format!("{}: {column} is {got}, expected {expected}", row.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn flags_agree() {
    compare(&Limits::default());
}

#[test]
fn flags_agree_without_reduction() {
    compare(&Limits { reduce: false, ..Limits::default() });
}
