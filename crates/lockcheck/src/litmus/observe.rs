//! One run of a sketch with the real locks: what it foretells.
//!
//! A process cannot unlearn what it has learned nor free its stuck threads, so each sketch is run by a process of its
//! own: this program, called with a subcommand that people do not see. The sketch goes in on stdin, what was observed
//! comes out on stdout, and the process is ended if it takes too long, or if this one goes away.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use lockcheck_checker::Report;
use lockcheck_events::source::SourceMap;
use lockcheck_litmus::{limits, parse};
use lockcheck_observe::observe;
use lockcheck_report::{Options, human};
use serde::{Deserialize, Serialize};

use super::{Judged, Sketch, raw_site};
use crate::args::OBSERVE_ONE;
use crate::config::{Judgement, Style};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::outcome::{self, Facts};
use crate::output;

/// How long one sketch may take. The run itself gives up sooner when a thread does not move.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes that are read of what the process says.
const SAID_MAX: u64 = 64 << 20;
/// Findings that people are shown of one sketch.
const SHOWN_MAX: usize = 3;

/// What the process says.
#[derive(Serialize, Deserialize)]
struct Observed {
    /// In the notation's words.
    predicted: String,
    report: Report,
}

/// The hidden subcommand: runs the sketch on stdin and says what was observed.
pub fn observe_one(name: &str) -> Result<Exit> {
    end_with_parent();
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(limits::FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::internal(format!("cannot read the sketch: {error}")))?;
    let program = parse(name, &bytes).map_err(|error| CliError::usage("litmus", error.to_string()))?;
    let seen = observe(name, &program).map_err(|error| CliError::internal(error.to_string()))?;
    let said = Observed { predicted: seen.predicted.to_string(), report: seen.report };
    output::to_stdout(&serde_json::to_string(&said).unwrap_or_default())?;
    Ok(Exit::Clean)
}

/// Whoever called this process may be killed without a chance to end it.
fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        let parent = rustix::process::getppid();
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        // It may have gone before the line above.
        if rustix::process::getppid() != parent {
            std::process::exit(i32::from(Exit::Internal.code()));
        }
    }
}

/// Runs the sketch in a process of its own.
pub fn judge(
    sketch: &Sketch,
    own: &Path,
    sources: &SourceMap,
    style: Style,
    judgement: &Judgement,
) -> Result<Judged> {
    let Observed { predicted, mut report } = run(sketch, own)?;
    report.target = sketch.file();
    let litmus = serde_json::json!({ "file": sketch.file(), "predicted": &predicted });
    let found = report.findings.clone();
    judgement.suppress(&mut report, false);
    report.verdict = outcome::verdict(&report, Facts { recorded: true, ..Facts::default() }, judgement);
    let told = output::without_known(&report, judgement);
    let story = story(sketch, &predicted, &told, sources, style);
    Ok(Judged { report, found, litmus, story, assertion: false })
}

fn story(sketch: &Sketch, predicted: &str, report: &Report, sources: &SourceMap, style: Style) -> String {
    // Snippets come from files that the map has met.
    sources.locate(&raw_site(&sketch.file(), 1, 1));
    let options = Options { color: style.color, width: style.width, ..Options::new(sources) };
    let mut text = format!("{}: predicted: {predicted} (one run)\n", sketch.file());
    for finding in report.findings.iter().take(SHOWN_MAX) {
        text += &format!("\n{}\n", human::render_finding(finding, &options));
    }
    let rest = report.findings.len().saturating_sub(SHOWN_MAX);
    if rest > 0 {
        text += &format!("\n{rest} more; `--message-format short` lists them all\n");
    }
    text += &super::suppressed(report);
    for note in &report.notes {
        text += &format!("note: {note}\n");
    }
    text + "\n"
}

/// A process that does not outlive its observer.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(sketch: &Sketch, own: &Path) -> Result<Observed> {
    let name = sketch.file();
    let fault = |what: String| CliError::internal(format!("cannot run `{name}`: {what}"));
    let mut command = Command::new(own);
    command.arg(OBSERVE_ONE).arg(&sketch.path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("LOCKCHECK", "check").env("LOCKCHECK_BACKTRACE", "0").env("LOCKCHECK_ON_DEADLOCK", "report");
    command.env_remove("LOCKCHECK_OUT");
    let mut child = Ended(command.spawn().map_err(|error| fault(error.to_string()))?);
    let (said, complained) = (child.0.stdout.take(), child.0.stderr.take());
    let said = hear(said, complained);
    if let Some(mut stdin) = child.0.stdin.take() {
        // A process that ends early does not read it; it says why.
        let _ = stdin.write_all(&sketch.bytes);
    }
    let Ok((said, complained)) = said.recv_timeout(PATIENCE) else {
        return Err(fault(format!("it did not end within {PATIENCE:?}")));
    };
    let status = child.0.wait().map_err(|error| fault(error.to_string()))?;
    serde_json::from_slice(&said)
        .map_err(|error| fault(format!("{status}, {error}\n{}", String::from_utf8_lossy(&complained))))
}

/// Everything the process says, once it has said all.
fn hear(said: Option<ChildStdout>, complained: Option<ChildStderr>) -> mpsc::Receiver<(Vec<u8>, Vec<u8>)> {
    let (send, receive) = mpsc::channel();
    let complaints = std::thread::spawn(move || all_of(complained));
    std::thread::spawn(move || {
        let said = all_of(said);
        let _ = send.send((said, complaints.join().unwrap_or_default()));
    });
    receive
}

fn all_of(source: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(source) = source {
        // What could be read counts.
        let _ = source.take(SAID_MAX).read_to_end(&mut bytes);
    }
    bytes
}
