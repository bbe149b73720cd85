//! Puts a report where it belongs: for people on stderr, for programs on stdout and in files. The forms themselves
//! are the report crate's.

use std::io::Write;
use std::path::Path;

use lockcheck_checker::Report;
use lockcheck_report::{Options, Sources, human, json, sarif, short};

use crate::args::Format;
use crate::config::{Judgement, Style};
use crate::error::{CliError, Result};

/// Writes to stderr. Nobody is left to be told when that fails.
pub fn to_stderr(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Writes to stdout; a reader that has gone away is no error of ours.
///
/// # Errors
///
/// If it cannot be written for another reason, such as a full disk: what was asked for is lost.
pub fn to_stdout(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::usage("io", format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// A remark outside of any report.
pub fn note(style: Style, text: &str) {
    if style.format != Format::Json {
        to_stderr(&format!("lockcheck: {text}\n"));
    }
}

/// The report for people, or one line per finding; nothing where only the JSON form is wanted.
pub fn show(report: &Report, sources: &dyn Sources, style: Style, judgement: &Judgement) {
    let report = without_known(report, judgement);
    let options = Options {
        color: style.color,
        backtrace: style.backtrace,
        all: judgement.all,
        width: style.width,
        ..Options::new(sources)
    };
    match style.format {
        Format::Human => to_stderr(&human::render(&report, &options)),
        Format::Short => to_stderr(&short::render(&report, &options)),
        Format::Json => {}
    }
}

/// Known findings make way for a note.
pub fn without_known(report: &Report, judgement: &Judgement) -> Report {
    let mut report = report.clone();
    let before = report.findings.len();
    report.findings.retain(|finding| !judgement.is_known(finding));
    let known = before - report.findings.len();
    if let Some(baseline) = &judgement.baseline
        && known > 0
    {
        let findings = if known == 1 { "1 finding".to_owned() } else { format!("{known} findings") };
        report.notes.push(format!("{findings} in the baseline {} left out", baseline.display()));
    }
    report
}

/// The forms for programs: `DIR/report.json`, the SARIF file, and JSON as the last line of stdout, in this order, so
/// that who reads the line finds the files.
pub fn deliver(report: &Report, sources: &dyn Sources, style: Style, judgement: &Judgement) -> Result<()> {
    let line = json_line(report, judgement);
    if let Some(folder) = &judgement.out {
        write(&folder.join("report.json"), &format!("{line}\n"))?;
    }
    if let Some(path) = &judgement.sarif {
        write(path, &sarif::render(&without_known(report, judgement), sources))?;
    }
    if style.format == Format::Json {
        // The program may have left its last line open.
        to_stdout(&format!("\n{line}\n"))?;
    }
    Ok(())
}

/// The report as one line; findings of the baseline are marked.
pub fn json_line(report: &Report, judgement: &Judgement) -> String {
    let line = match judgement.all {
        true => json::render(report),
        false => json::render(&without_instances(report)),
    };
    if !report.findings.iter().any(|finding| judgement.is_known(finding)) {
        return line;
    }
    let mut value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
    let findings = value.get_mut("findings").and_then(|findings| findings.as_array_mut());
    for (object, finding) in findings.into_iter().flatten().zip(&report.findings) {
        object["known"] = judgement.is_known(finding).into();
    }
    lockcheck_report::escape::json(&value.to_string()).into_owned()
}

/// Which instances a finding has is for those who ask for all.
fn without_instances(report: &Report) -> Report {
    let mut report = report.clone();
    report.findings.iter_mut().for_each(|finding| finding.instance_locks.clear());
    report
}

/// Writes a file that was asked for.
pub fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| CliError::io("write", path, &error))
}
