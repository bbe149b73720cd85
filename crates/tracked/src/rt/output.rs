//! What leaves the process: the trace for the CLI, or else the report on standard error.

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use lockcheck_checker::Finding;
use lockcheck_events::Record;
use lockcheck_events::trace_file::TraceWriter;
use lockcheck_events::wait_board::WaitBoard;
use lockcheck_report::{Options, human};

use super::{names, stack};

/// The socket in the trace folder on which the CLI waits for news.
const NOTIFY: &str = "notify";

/// The folder that the CLI asked for traces in.
fn out_dir() -> Option<&'static PathBuf> {
    static OUT: OnceLock<Option<PathBuf>> = OnceLock::new();
    OUT.get_or_init(|| std::env::var_os("LOCKCHECK_OUT").filter(|dir| !dir.is_empty()).map(PathBuf::from))
        .as_ref()
}

/// Whether the CLI prints the findings, from the trace.
pub(crate) fn under_cli() -> bool {
    out_dir().is_some()
}

/// Opens the trace, if one is asked for. A folder that cannot be written to costs the trace, not the program.
pub(crate) fn open_trace() -> Option<TraceWriter> {
    let dir = out_dir()?;
    match TraceWriter::create(dir, std::process::id()) {
        Ok(trace) => Some(trace),
        Err(error) => {
            print(&format!("lockcheck: cannot write a trace to {}: {error}\n", dir.display()));
            None
        }
    }
}

/// The records that every trace starts with.
pub(crate) fn process_records() -> Vec<Record> {
    if !under_cli() {
        return Vec::new();
    }
    let path = |path: std::io::Result<PathBuf>| {
        path.map(|path| OsString::from(path).to_string_lossy().into_owned()).unwrap_or_default()
    };
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut records = vec![Record::Process {
        pid: std::process::id(),
        exe: path(std::env::current_exe()),
        cwd: path(std::env::current_dir()),
        started_ns: since_epoch.as_nanos() as u64,
    }];
    records.extend(super::modules::loaded());
    records
}

/// The board beside the trace; `None` where nobody asked for one or it cannot be made.
pub(crate) fn open_board() -> Option<WaitBoard> {
    WaitBoard::create(out_dir()?, std::process::id()).ok()
}

/// Tells the CLI to look at the trace now.
pub(crate) fn notify() {
    let Some(dir) = out_dir() else { return };
    if let Ok(socket) = UnixDatagram::unbound() {
        // Without a listener the CLI reads the trace when the process has ended.
        let _ = socket.set_nonblocking(true);
        let _ = socket.send_to(&std::process::id().to_le_bytes(), dir.join(NOTIFY));
    }
}

/// The report on these findings, as the CLI would print it, without colour.
pub(crate) fn render(findings: &[Finding]) -> String {
    let mut options = Options::new(names::sources());
    options.backtrace = stack::wanted();
    findings.iter().map(|finding| human::render_finding(finding, &options)).collect::<Vec<_>>().join("\n")
}

/// Prints a rendered report, on lines of its own.
pub(crate) fn print_report(text: &str) {
    print(&format!("{text}\n\n"));
}

/// Writes to standard error past std's lock and buffers: a thread that waits for a lock of the program may hold
/// those.
pub(crate) fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// As `print`.
pub(crate) fn print_bytes(mut rest: &[u8]) {
    while !rest.is_empty() {
        // SAFETY: the pointer and length are those of a live slice.
        let written = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
        if written <= 0 {
            return;
        }
        rest = &rest[written as usize..];
    }
}
