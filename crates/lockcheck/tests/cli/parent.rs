//! The command as the parent of a program at a terminal: the foreground, the keyboard's signals, job control, and what
//! is left behind.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::support::lockcheck;

/// A call at a terminal of its own, as the leader of its session.
struct AtTerminal {
    child: Child,
    keyboard: File,
    screen: String,
}

impl AtTerminal {
    fn start(arguments: &[&str]) -> AtTerminal {
        let (mut keyboard, mut terminal) = (-1, -1);
        let none = std::ptr::null_mut();
        // SAFETY: gives two descriptors; name, settings and size are left to the system.
        let opened = unsafe { libc::openpty(&mut keyboard, &mut terminal, none, none.cast(), none.cast()) };
        assert_eq!(opened, 0);
        // SAFETY: both were just opened, and are nobody else's.
        let (keyboard, terminal) = unsafe { (File::from_raw_fd(keyboard), OwnedFd::from_raw_fd(terminal)) };
        for fd in [keyboard.as_raw_fd(), terminal.as_raw_fd()] {
            // SAFETY: the descriptor is open.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = lockcheck();
        command.args(arguments).stdin(end()).stdout(end()).stderr(end());
        let take_terminal = || {
            // SAFETY: async-signal-safe calls on descriptors that are open.
            match unsafe { libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY, 0) != -1 } {
                true => Ok(()),
                false => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: what runs between fork and exec makes async-signal-safe calls only.
        unsafe { command.pre_exec(take_terminal) };
        AtTerminal { child: command.spawn().unwrap(), keyboard, screen: String::new() }
    }

    /// Reads the screen until it shows this; the terminal turns line ends into two characters.
    fn until(&mut self, text: &str) {
        let mut bytes = [0; 1024];
        while !self.screen.contains(text) {
            match self.keyboard.read(&mut bytes) {
                Ok(count @ 1..) => self.screen.push_str(&String::from_utf8_lossy(&bytes[..count])),
                _ => panic!("the terminal was closed without `{text}`: {}", self.screen),
            }
        }
    }

    fn types(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    /// The rest of the screen, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        let mut bytes = [0; 1024];
        // When the last one has left the terminal, reading from it is an error.
        while let Ok(count @ 1..) = self.keyboard.read(&mut bytes) {
            self.screen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        (self.screen.clone(), self.child.wait().unwrap().code())
    }
}

#[test]
fn an_interrupt_from_the_keyboard_comes_once() {
    let program = "trap 'echo caught' INT; echo ready; read a; read b; echo got $b; exit 5";
    let mut terminal = AtTerminal::start(&["run", "--", "bash", "-c", program]);
    terminal.until("ready\r\n");
    terminal.types(b"\x03");
    terminal.until("caught\r\n");
    terminal.types(b"one\ntwo\n");
    terminal.until("got");
    let (screen, code) = terminal.end();
    assert_eq!((screen.matches("caught\r").count(), code), (1, Some(100)), "{screen}");
}

#[test]
fn the_program_has_the_terminal() {
    let program = "test -t 0 && test -t 1 && echo it is one; read line; echo \"<$line>\"";
    let mut terminal = AtTerminal::start(&["run", "--", "sh", "-c", program]);
    terminal.until("it is one\r\n");
    terminal.types(b"typed\n");
    terminal.until("<typed>");
    assert_eq!(terminal.end().1, Some(0));
}

#[test]
fn a_shell_can_stop_it_and_have_it_go_on() {
    // An interactive shell puts each job into a group of its own, stops it and wakes it up.
    let lockcheck = env!("CARGO_BIN_EXE_lockcheck");
    let job = format!("{lockcheck} run -- sh -c 'echo ready; read line; echo \"<$line>\"'");
    let script = format!("set -m; {job}; echo stopped; fg; echo over");
    let mut terminal = AtTerminal::start(&["run", "--", "bash", "-c", &script]);
    terminal.until("ready\r\n");
    terminal.types(b"\x1a");
    terminal.until("stopped\r\n");
    terminal.types(b"typed\n");
    terminal.until("<typed>");
    terminal.until("over");
    terminal.end();
}

#[test]
fn a_signal_leaves_nothing_behind() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let place = tempfile::tempdir().unwrap();
        let mut command = lockcheck();
        let program = "echo $$; sleep 1000 & echo $!; wait";
        command.args(["run", "--", "sh", "-c", program]).env("TMPDIR", place.path()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        let pids = [(), ()].map(|()| {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
            line.trim().to_owned()
        });
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "the folder of traces");
        // SAFETY: the process is our child and not yet waited for.
        unsafe { libc::kill(child.id() as i32, signal) };
        assert_eq!(child.wait().unwrap().code(), Some(100));
        assert!(pids.iter().all(|pid| !Path::new("/proc").join(pid).exists()), "{pids:?}");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "temporary files stay behind");
    }
}
