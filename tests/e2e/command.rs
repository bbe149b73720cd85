//! Running programs with a bound on their time: the built `lockcheck`, cargo, and what they build.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// For a call that may build something first, beside other builds that hold cargo's lock.
pub const BUILD: Duration = Duration::from_secs(600);
/// For a program that is built already.
pub const RUN: Duration = Duration::from_secs(60);
/// How much of a line the message of a failed test shows, in bytes.
const LINE_SHOWN: usize = 400;

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace").to_owned()
}

/// The target directory that this test was built in.
pub fn target_dir() -> PathBuf {
    scratch().parent().expect("it is in the target directory").to_owned()
}

/// A folder for what tests build; it outlives them, so that the next run finds it built.
pub fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Whoever runs the tests in the background may have these ignored, and a program leaves that so.
fn obey_signals() -> std::io::Result<()> {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: no handler is replaced: the process is about to become another program.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(())
}

/// A command in the workspace's folder, with an environment that does not depend on who runs the test.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    let inherited = ["CARGO_HOME", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_JOBS"];
    for (name, _) in std::env::vars_os() {
        let word = name.to_string_lossy();
        let own =
            ["CARGO", "LOCKCHECK", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "INSTA", "CLICOLOR", "NO_COLOR"];
        if own.iter().any(|own| word.starts_with(own)) && !inherited.contains(&&*word) {
            command.env_remove(name);
        }
    }
    command
        .current_dir(root())
        .env("CARGO", cargo_path())
        .env("CARGO_TARGET_DIR", target_dir())
        // What a nested call builds is built once, from sources that do not change under it.
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null());
    command
}

fn cargo_path() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Cargo, in the workspace's folder.
pub fn cargo() -> Command {
    command(cargo_path())
}

/// A fixture's executable, once it has been run through its package.
pub fn built(name: &str) -> String {
    target_dir().join("lockcheck/debug").join(name).to_str().unwrap().to_owned()
}

/// The command under test, built once, in the workspace's folder.
pub fn lockcheck() -> Command {
    command(lockcheck_path())
}

/// Where it lies.
pub fn lockcheck_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        run(cargo().args(["build", "--quiet", "-p", "lockcheck", "--bins"]), BUILD).expect_code(0);
        target_dir().join("debug/lockcheck")
    })
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said.
    pub stdout: String,
    /// And there.
    pub stderr: String,
}

impl Ran {
    /// The exit code; none after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Fails, with all that was said, unless this is how it ended.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Ran {
        assert!(self.code() == Some(code), "expected exit code {code}, not {:?}\n{self}", self.code());
        self
    }

    /// Fails unless the words stand on stderr.
    #[track_caller]
    pub fn expect_stderr(self, words: &[&str]) -> Ran {
        for word in words {
            assert!(self.stderr.contains(word), "expected `{word}` on stderr\n{self}");
        }
        self
    }

    /// The JSON object on the last line of stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        let last = self.stdout.lines().next_back().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in the last line\n{self}"))
    }

    /// What stands on stderr behind cargo's words.
    pub fn report(&self) -> String {
        let is_cargo_s = |line: &str| line.trim_start().starts_with("Finished `");
        let lines: Vec<&str> = self.stderr.lines().collect();
        let start = lines.iter().rposition(|line| is_cargo_s(line)).map_or(0, |index| index + 1);
        lines[start..].join("\n")
    }
}

/// For the message of a failed test. A report for programs is one line, of which the beginning is enough.
impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            writeln!(f, "--- {name}")?;
            for line in text.lines() {
                let (shown, rest) = line.split_at(line.floor_char_boundary(LINE_SHOWN));
                writeln!(f, "{shown}{}", if rest.is_empty() { "" } else { " ..." })?;
            }
        }
        Ok(())
    }
}

/// Runs it to its end, and fails if that takes longer than `limit`.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Ran {
    let running = Running::start(command);
    running.end(limit)
}

/// A program that has been started. Dropping it ends it and what it has started.
pub struct Running {
    child: Child,
    line: String,
    output: tempfile::TempDir,
}

impl Running {
    /// Starts it. Its output goes to files: nothing it leaves behind can keep a test waiting.
    pub fn start(command: &mut Command) -> Running {
        let output = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        command.stdout(file("stdout")).stderr(file("stderr")).process_group(0);
        let line = format!("{command:?}");
        // SAFETY: `signal` may be called between fork and exec.
        unsafe { command.pre_exec(obey_signals) };
        let child = command.spawn().unwrap_or_else(|error| panic!("{error}: {line}"));
        Running { child, line, output }
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// What it has said on stdout so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// Sends it a signal, and nobody else.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.output.path().join(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether it has not ended.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Returns as soon as `done` holds of it, and fails if it does not within `limit`.
    #[track_caller]
    pub fn until(&mut self, limit: Duration, mut done: impl FnMut(&mut Running) -> bool) {
        let start = std::time::Instant::now();
        while !done(self) {
            if start.elapsed() > limit {
                panic!("not within {limit:?}: {}\n{}", self.line, self.stderr());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, and fails if that takes longer than `limit`.
    #[track_caller]
    pub fn end(mut self, limit: Duration) -> Ran {
        let pid = self.group();
        let (send, ended) = mpsc::channel::<()>();
        // Ends the group when the time is up, and itself when the wait below is over.
        let watchdog = std::thread::spawn(move || {
            let late = ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            late
        });
        let status = self.child.wait().unwrap();
        drop(send);
        let late = watchdog.join().unwrap();
        let ran = Ran { status, stdout: self.read("stdout"), stderr: self.stderr() };
        assert!(!late, "not within {limit:?}: {}\n{ran}", self.line);
        ran
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_alive() {
            let _ = kill_process_group(self.group(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
