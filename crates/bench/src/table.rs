//! The figures as Markdown tables, or as JSON. Judges nothing.

use std::fmt::Write;

use lockcheck_bench_cases::Unit;
use serde_json::{Value, json};

use crate::rounds::Results;
use crate::workers::Entrant;

/// Columns of a table at the most.
const WIDTH: usize = 7;

/// One column of a table, over all entrants.
struct Figures {
    title: &'static str,
    unit: Unit,
    /// `None` where the entrant failed.
    values: Vec<Option<f64>>,
}

fn columns(results: &Results) -> Vec<Figures> {
    let mut all = Vec::new();
    for measured in &results.cases {
        for (index, column) in measured.case.columns.iter().enumerate() {
            let values = measured.figures.iter().map(|figures| figures.get(index).copied()).collect();
            all.push(Figures { title: column.title, unit: column.unit, values });
        }
    }
    all
}

/// Tables with a row for each entrant. The first entrant is what the others are compared with.
pub(crate) fn markdown(results: &Results, entrants: &[Entrant]) -> String {
    let mut text = format!("{}; {}; times {}\n", results.method, machine(), entrants[0].name);
    for columns in columns(results).chunks(WIDTH) {
        let heads: String = columns.iter().map(|column| format!(" {} |", heading(column))).collect();
        let _ = writeln!(text, "\n| |{heads}\n|---|{}", "---|".repeat(columns.len()));
        for (row, entrant) in entrants.iter().enumerate() {
            let cells: String = columns.iter().map(|column| format!(" {} |", cell(column, row))).collect();
            let _ = writeln!(text, "| {} |{cells}", entrant.name);
        }
    }
    text
}

fn heading(column: &Figures) -> String {
    match column.unit {
        Unit::Ns | Unit::Bytes => column.title.to_owned(),
        Unit::Mops => format!("{} (M/s)", column.title),
        Unit::Megabytes => format!("{} (MB)", column.title),
    }
}

/// The figure, and how many times the first entrant's it is where that says anything.
fn cell(column: &Figures, row: usize) -> String {
    match (column.values[row], column.values[0]) {
        (None, _) => "failed".to_owned(),
        (Some(value), Some(plain)) if row > 0 && matches!(column.unit, Unit::Ns | Unit::Mops) => {
            format!("{} x{}", rounded(value), rounded_ratio(value / plain))
        }
        (Some(value), _) => rounded(value),
    }
}

/// Three digits are more than such a measurement bears.
fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 0.095 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}

fn rounded_ratio(ratio: f64) -> String {
    if ratio >= 9.95 { format!("{ratio:.0}") } else { format!("{ratio:.2}") }
}

/// One object with everything.
pub(crate) fn json(results: &Results, entrants: &[Entrant]) -> Value {
    let figures: Vec<Value> = columns(results)
        .iter()
        .flat_map(|column| {
            entrants.iter().zip(&column.values).map(|(entrant, value)| {
                json!({
                    "case": column.title, "unit": format!("{:?}", column.unit), "lock": entrant.name,
                    "value": value, "ratio": value.zip(column.values[0]).map(|(value, plain)| value / plain),
                })
            })
        })
        .collect();
    json!({ "method": results.method, "machine": machine(), "figures": figures })
}

/// What it ran on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("unknown").to_owned();
    format!("{cpus} x {model}, load {load} at the end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_compares_with_the_first_row_where_that_says_something() {
        let column = |unit, values: &[Option<f64>]| Figures { title: "t", unit, values: values.to_vec() };
        let times = column(Unit::Ns, &[Some(16.4), Some(2490.0), None]);
        assert_eq!([cell(&times, 0), cell(&times, 1), cell(&times, 2)], ["16.4", "2490 x152", "failed"]);
        let sizes = column(Unit::Bytes, &[Some(16.0), Some(32.0)]);
        assert_eq!([cell(&sizes, 0), cell(&sizes, 1)], ["16", "32"]);
        let rates = column(Unit::Mops, &[Some(37.7), Some(0.0002)]);
        assert_eq!(cell(&rates, 1), "0.0002 x0.00");
    }
}
