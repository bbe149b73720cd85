//! A program under control: one process for each run, whose scheduling questions a strategy answers over a socket.
//!
//! The search itself is the explorer's, the control the run-time's. This module starts processes, keeps them from
//! hanging, ends them, and reads what they left behind.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lockcheck_checker::ProgramStatus;
use lockcheck_events::Record;
use lockcheck_events::source::SourceMap;
use lockcheck_events::trace_file::TraceReader;
use lockcheck_explorer::{RunEnd, Strategy, serve};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::args::SelectArgs;
use crate::build::{self, Built};
use crate::error::{CliError, Result};
use crate::package::{self, Program};
use crate::symbols::Symbols;
use crate::traces::{self, Traces};

/// The socket in the folder of traces.
const STEER: &str = "steer";
/// The socket in the same folder on which a process says that it is stuck.
const NOTIFY: &str = "notify";
/// How often a process that ends is looked at.
const GLANCE: Duration = Duration::from_millis(1);

/// What is run.
pub struct Subject {
    source: Source,
    arguments: Vec<OsString>,
    /// The options that choose it among others, as they were typed.
    selected: Vec<String>,
    /// What reports call it.
    pub target: String,
    /// Folders that source paths may start from.
    hints: Vec<PathBuf>,
    /// How long it may neither ask nor end.
    patience: Duration,
    pub symbols: Symbols,
    folder: TempDir,
}

enum Source {
    Package(Box<(Program, Built)>),
    /// What left a trace, and where it was started.
    Executable(PathBuf, PathBuf),
}

/// What the program may do with its terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Voice {
    /// Nothing: it runs many times.
    Silent,
    /// What it does anyway.
    Own,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// As the run-time said.
    Told(RunEnd),
    /// The process ended without a word: by a signal, or by an end that no program can hear of.
    Gone,
    /// It neither asked nor ended, and was ended.
    Hung,
    /// It ended without ever asking: nothing in it is watched.
    NotControlled,
}

/// One run.
pub struct Run {
    pub ending: Ending,
    /// How the process ended, unless it had to be ended.
    pub status: Option<ProgramStatus>,
    pub traces: Traces,
    /// The records of the first process, where they were asked for.
    pub records: Vec<Record>,
}

/// What of a run's traces is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wanted {
    /// What stands in them if something was found.
    Findings,
    /// What stands in them anyway.
    Traces,
    /// The single records too.
    Records,
}

impl Run {
    /// Whether the program itself failed: a panic of its main thread, an exit with an error, a signal.
    pub fn failed(&self) -> bool {
        self.status.is_some_and(|status| status.code != Some(0))
    }
}

impl Subject {
    /// Builds a package.
    pub fn of_package(
        path: &Path,
        select: &SelectArgs,
        arguments: &[OsString],
        patience: Duration,
    ) -> Result<Subject> {
        let current = current_folder()?;
        let manifest = package::find_manifest(path, &current)?;
        let program = package::select(&manifest, select)?;
        let built = build::build(&program, select)?;
        let hints = vec![program.workspace_root.clone(), program.folder.clone(), current];
        let symbols = Symbols::default();
        if let Some(executable) = built.executable.to_str() {
            symbols.preload(executable);
        }
        Ok(Subject {
            source: Source::Package(Box::new((program, built))),
            arguments: arguments.to_vec(),
            selected: selected(select),
            target: path.to_string_lossy().into_owned(),
            hints,
            patience,
            symbols,
            folder: folder()?,
        })
    }

    /// Takes what left a trace.
    pub fn of_executable(
        target: String,
        executable: &Path,
        started_in: &Path,
        arguments: &[OsString],
        patience: Duration,
    ) -> Result<Subject> {
        if !executable.is_file() {
            let message = format!("the program `{}` that left this trace is gone", executable.display());
            let help = "name the package instead of the trace";
            return Err(CliError::usage("no-such-path", message).at(&target, 0, 0).help(help));
        }
        Ok(Subject {
            source: Source::Executable(executable.to_owned(), started_in.to_owned()),
            arguments: arguments.to_vec(),
            selected: Vec::new(),
            target,
            hints: vec![started_in.to_owned(), current_folder()?],
            patience,
            symbols: Symbols::default(),
            folder: folder()?,
        })
    }

    /// What to type to see a run again.
    pub fn replay_command(&self, schedule: &str) -> String {
        let arguments: Vec<_> = self.arguments.iter().map(|word| word.to_string_lossy()).collect();
        let mut words = vec!["lockcheck", "replay", &self.target];
        words.extend(self.selected.iter().map(String::as_str));
        words.push(schedule);
        if !arguments.is_empty() {
            words.push("--");
            words.extend(arguments.iter().map(|word| &**word));
        }
        // No argument of a program has a nul in it. Unquoted, a shell takes the `>` of a schedule for a redirection.
        shlex::try_join(words.iter().copied()).unwrap_or_else(|_| words.join(" "))
    }

    /// Where settings are looked for: the package's folder, or that in which the program was started.
    pub fn package_folder(&self) -> &Path {
        match &self.source {
            Source::Package(package) => &package.0.folder,
            Source::Executable(_, started_in) => started_in,
        }
    }

    /// Where the sources of a run are.
    pub fn sources(&self, traces: &Traces) -> SourceMap {
        traces.sources(self.hints.iter().cloned())
    }

    fn command(&self) -> Command {
        match &self.source {
            Source::Package(package) => build::run_command(&package.0, &package.1, &self.arguments),
            Source::Executable(executable, started_in) => {
                let mut command = Command::new(executable);
                command.args(&self.arguments).current_dir(started_in);
                command
            }
        }
    }

    /// A run without control, of which every event is recorded; what it leaves stays until it is cleared away.
    pub fn observe(&self, patience: Duration) -> Result<(Ending, Traces)> {
        let mut command = self.command();
        command.env("LOCKCHECK", "record").env("LOCKCHECK_OUT", self.folder.path());
        let socket = self.folder.path().join(NOTIFY);
        let notify =
            UnixDatagram::bind(&socket).map_err(|error| CliError::io("make the socket", &socket, &error))?;
        let mut process = Process::start(command, Voice::Silent)?;
        let (ending, _) = self.await_end_or_word(&mut process, &notify, patience);
        drop(process);
        let _ = std::fs::remove_file(socket);
        Ok((ending, Traces::read(&traces::in_folder(self.folder.path())?)?))
    }

    /// Removes what an observed run left.
    pub fn clear(&self) {
        let entries = std::fs::read_dir(self.folder.path()).into_iter().flatten();
        for entry in entries.filter_map(std::result::Result::ok) {
            let _ = std::fs::remove_file(entry.path());
        }
    }

    /// Waits until the program has ended, or says that it is stuck, or takes too long.
    fn await_end_or_word(
        &self,
        process: &mut Process,
        notify: &UnixDatagram,
        patience: Duration,
    ) -> (Ending, Option<ProgramStatus>) {
        let deadline = Instant::now() + patience;
        let _ = notify.set_read_timeout(Some(GLANCE * 5));
        while Instant::now() < deadline {
            if let Some(status) = process.status() {
                return (Ending::Gone, Some(status));
            }
            let word = notify.recv(&mut [0; 8]).is_ok();
            let paths = traces::in_folder(self.folder.path()).unwrap_or_default();
            if word && Traces::read(&paths).is_ok_and(|traces| traces.stuck() > 0) {
                break;
            }
        }
        (Ending::Hung, None)
    }

    /// One run under a strategy whose `begin` has said yes.
    pub fn run(&self, strategy: &mut dyn Strategy, voice: Voice, wanted: Wanted) -> Result<Run> {
        let socket = self.folder.path().join(STEER);
        let _ = std::fs::remove_file(&socket);
        let failed = |error: io::Error| CliError::internal(format!("the socket `{STEER}`: {error}"));
        let listener = UnixListener::bind(&socket).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let mut command = self.command();
        command.env("LOCKCHECK", "explore");
        command.env("LOCKCHECK_OUT", self.folder.path()).env("LOCKCHECK_STEER", &socket);
        let mut process = Process::start(command, voice)?;
        let (ending, status) = match self.accept(&listener, &mut process).map_err(failed)? {
            None => match process.wait(Duration::ZERO) {
                Some(status) => (Ending::NotControlled, Some(status)),
                None => (Ending::Hung, None),
            },
            Some(mut stream) => {
                // Its children are not under control.
                let _ = std::fs::remove_file(&socket);
                stream.set_read_timeout(Some(self.patience)).map_err(failed)?;
                let end = serve(&mut stream, strategy).map_err(failed)?;
                self.end(&mut process, end)
            }
        };
        // Ends whatever is left of it.
        drop(process);
        let went_well = status.is_none_or(|status| status.code == Some(0));
        let nothing_found = went_well && matches!(ending, Ending::Told(RunEnd::Finished | RunEnd::Abandoned));
        let wanted = if nothing_found { wanted } else { wanted.max(Wanted::Traces) };
        let (traces, records) = self.take_traces(wanted)?;
        Ok(Run { ending, status, traces, records })
    }

    /// The program's connection; none if it ends without one, or waits too long.
    fn accept(&self, listener: &UnixListener, process: &mut Process) -> io::Result<Option<UnixStream>> {
        let began = Instant::now();
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if process.status().is_some() || began.elapsed() >= self.patience {
                return Ok(None);
            }
            let glance = Timespec::try_from(Duration::from_millis(5)).ok();
            let _ = rustix::event::poll(&mut [PollFd::new(listener, PollFlags::IN)], glance.as_ref());
        }
    }

    fn end(&self, process: &mut Process, end: Option<RunEnd>) -> (Ending, Option<ProgramStatus>) {
        match end {
            Some(RunEnd::Finished) => match process.wait(self.patience) {
                Some(status) => (Ending::Told(RunEnd::Finished), Some(status)),
                None => (Ending::Hung, None),
            },
            Some(end) => (Ending::Told(end), None),
            // A closed connection and the end of the process are two things.
            None => match process.wait(Duration::from_millis(200)) {
                Some(status) => (Ending::Gone, Some(status)),
                None => (Ending::Hung, None),
            },
        }
    }

    /// Reads and removes what the run left.
    fn take_traces(&self, wanted: Wanted) -> Result<(Traces, Vec<Record>)> {
        let paths = traces::in_folder(self.folder.path())?;
        let traces = if wanted >= Wanted::Traces { Traces::read(&paths)? } else { Traces::default() };
        let mut records = Vec::new();
        if let Some(first) = paths.first().filter(|_| wanted == Wanted::Records) {
            for record in TraceReader::open(first)? {
                records.push(record?);
            }
        }
        for path in paths {
            let _ = std::fs::remove_file(path);
        }
        Ok((traces, records))
    }
}

/// The options that tell what to build and run.
fn selected(select: &SelectArgs) -> Vec<String> {
    let named = [("--package", &select.package), ("--bin", &select.bin), ("--example", &select.example)];
    let named = named.into_iter().filter_map(|(option, name)| Some([option.to_owned(), name.clone()?]));
    let flags = [
        ("--release", select.release),
        ("--all-features", select.all_features),
        ("--no-default-features", select.no_default_features),
    ];
    let flags = flags.into_iter().filter(|flag| flag.1).map(|flag| flag.0.to_owned());
    let features = select.features.iter().flat_map(|features| ["--features".to_owned(), features.clone()]);
    named.flatten().chain(flags).chain(features).collect()
}

fn current_folder() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| CliError::io("find", Path::new("."), &error))
}

/// In `/tmp`: the path of a socket may not be long.
fn folder() -> Result<TempDir> {
    let place = Path::new("/tmp");
    let folder = tempfile::Builder::new().prefix("lockcheck-").tempdir_in(place);
    folder.map_err(|error| CliError::io("make a folder in", place, &error))
}

/// A process with all that it starts: ended when this is dropped.
struct Process {
    child: Child,
    status: Option<ProgramStatus>,
}

impl Process {
    fn start(mut command: Command, voice: Voice) -> Result<Process> {
        command.process_group(0);
        if voice == Voice::Silent {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        }
        #[cfg(target_os = "linux")]
        // SAFETY: one system call; nothing that is unsafe between fork and exec.
        unsafe {
            // If this tool is killed, nobody is left to end the program.
            command.pre_exec(|| Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let started = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            CliError::usage("cannot-start", format!("cannot start `{program}`: {error}")).at(program, 0, 0)
        });
        Ok(Process { child: started?, status: None })
    }

    fn status(&mut self) -> Option<ProgramStatus> {
        use std::os::unix::process::ExitStatusExt;
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.status = Some(ProgramStatus { code: status.code(), signal: status.signal() });
        }
        self.status
    }

    /// Waits for its end, for so long at the most.
    fn wait(&mut self, patience: Duration) -> Option<ProgramStatus> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.status();
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            std::thread::sleep(GLANCE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
