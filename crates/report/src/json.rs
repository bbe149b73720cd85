//! The report as one line of JSON (design contract 5.3). The fields are those of `lockcheck_checker::finding`; this
//! module only makes sure that it is one line for every reader.

use lockcheck_checker::Report;

use crate::escape;

/// One line, without a line break at its end.
pub fn render(report: &Report) -> String {
    let text = serde_json::to_string(report).expect("a report holds nothing but text, numbers and lists");
    escape::json(&text).into_owned()
}
