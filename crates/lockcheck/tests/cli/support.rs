//! Packages on the spot, calls of the command, and traces as an instrumented program writes them.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use lockcheck_events::trace_file::TraceWriter;
use lockcheck_events::{
    Attempt, Hold, LockId, LockKind, Mode, RawSite, Record, Request, SiteId, StackId, StuckKind, StuckThread,
    ThreadId,
};
use serde_json::Value;

/// A folder with one package in it.
pub struct Package {
    pub dir: tempfile::TempDir,
}

impl Package {
    /// A package without dependencies. `manifest` is added to its Cargo.toml; each file is (path, text).
    pub fn new(manifest: &str, files: &[(&str, &str)]) -> Package {
        let package = Package { dir: tempfile::tempdir().unwrap() };
        let head = "[package]\nname = 'sample'\nversion = '0.1.0'\nedition = '2024'\n";
        package.write("Cargo.toml", &format!("{head}{manifest}\n[workspace]\n"));
        for (path, text) in files {
            package.write(path, text);
        }
        package
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// The command, free of what the test run's own environment would change.
pub fn lockcheck() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockcheck"));
    let ours =
        ["LOCKCHECK", "LOCKCHECK_OUT", "LOCKCHECK_ON_DEADLOCK", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"];
    for name in ours {
        command.env_remove(name);
    }
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TERM_COLOR", "never").stdin(Stdio::null());
    let as_at_a_terminal = || {
        // A shell starts what runs in the background with these ignored, and what is ignored stays so.
        for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGTERM] {
            // SAFETY: resets a disposition; async-signal-safe.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: what runs between fork and exec makes async-signal-safe calls only.
    unsafe { command.pre_exec(as_at_a_terminal) };
    command
}

/// What a call gave.
pub struct Called {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Called {
    pub fn of(output: Output) -> Called {
        Called {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The JSON object on the last line of stdout.
    pub fn json(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Called {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Calls it in `folder`.
pub fn call_in<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S]) -> Called {
    Called::of(lockcheck().current_dir(folder).args(arguments).output().unwrap())
}

/// Calls it where it does not matter.
pub fn call(arguments: &[&str]) -> Called {
    static NOWHERE: OnceLock<tempfile::TempDir> = OnceLock::new();
    call_in(NOWHERE.get_or_init(|| tempfile::tempdir().unwrap()).path(), arguments)
}

fn site(number: u32, file: &str, line: u32) -> Record {
    Record::Site { site: SiteId(number), raw: RawSite { file: file.to_owned(), line, column: 5 } }
}

fn request(thread: u32, (held, held_site): (u64, u32), (wanted, wanted_site): (u64, u32)) -> Request {
    let held = Hold {
        lock: LockId(held),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        site: SiteId(held_site),
        event: 1,
    };
    Request {
        thread: ThreadId(thread),
        event: 2,
        lock: LockId(wanted),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        site: SiteId(wanted_site),
        stack: StackId(0),
        holds: vec![held],
    }
}

/// What the two threads of a cycle ask for.
pub fn both() -> [Request; 2] {
    [request(2, (1, 3), (2, 4)), request(3, (2, 5), (1, 6))]
}

/// What every trace here starts with: a process, two locks, two threads, and the places in `file`.
pub fn beginning(file: &str) -> Vec<Record> {
    let folder = Path::new(file).parent().unwrap().to_string_lossy().into_owned();
    let mut records =
        vec![Record::Process { pid: 1, exe: format!("{folder}/x"), cwd: folder, started_ns: u64::MAX / 4 }];
    records.extend((1..=6).map(|line| site(line, file, line)));
    for lock in [1, 2] {
        let (kind, created) = (LockKind::Mutex, SiteId(lock as u32));
        records.push(Record::Lock { lock: LockId(lock), kind, created, name: None });
    }
    for (thread, name) in [(1, "main"), (2, "left"), (3, "right")] {
        records.push(Record::ThreadStart {
            thread: ThreadId(thread),
            name: Some(name.to_owned()),
            parent: (thread > 1).then_some(ThreadId(1)),
            os_id: 0,
            scope: None,
        });
    }
    records
}

/// Two threads that take two locks in opposite orders.
pub fn cycle(file: &str) -> Vec<Record> {
    let mut records = beginning(file);
    records.extend(both().map(Record::Request));
    records
}

/// The same two threads, stuck.
pub fn stuck() -> Record {
    let [left, right] = both();
    let threads = vec![
        StuckThread { waits_for: vec![(ThreadId(3), right.holds[0])], request: left.clone() },
        StuckThread { waits_for: vec![(ThreadId(2), left.holds[0])], request: right },
    ];
    Record::Stuck { kind: StuckKind::Deadlock, threads, detected_after_ns: 1 }
}

pub fn write_trace(dir: &Path, records: &[Record]) -> PathBuf {
    let mut writer = TraceWriter::create(dir, std::process::id()).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.path().to_owned()
}

/// A program that acts as an instrumented one: it leaves the trace that lies beside its manifest.
pub const LEAVES_TRACE: &str = r#"
fn main() {
    let out = std::env::var("LOCKCHECK_OUT").unwrap();
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/trace.bin");
    std::fs::copy(trace, format!("{out}/{}-0.lctrace", std::process::id())).unwrap();
    let code = std::env::args().nth(1).map_or(0, |code| code.parse().unwrap());
    std::process::exit(code);
}
"#;

/// A package whose program leaves these records, with its lockcheck.toml.
pub fn package_with_trace(records: impl Fn(&str) -> Vec<Record>, expectations: &str) -> Package {
    let package = Package::new("", &[("src/main.rs", LEAVES_TRACE)]);
    if !expectations.is_empty() {
        package.write("lockcheck.toml", expectations);
    }
    let file = package.path().join("src/main.rs").to_string_lossy().into_owned();
    let scratch = tempfile::tempdir().unwrap();
    std::fs::copy(write_trace(scratch.path(), &records(&file)), package.path().join("trace.bin")).unwrap();
    package
}
