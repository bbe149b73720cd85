//! While a program runs: signals, deadlocks, hangs, and what it leaves behind.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use crate::support::{Called, beginning, call, lockcheck, stuck, write_trace};

/// A call whose program has said its first line.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    first_line: String,
}

fn start(arguments: &[&str]) -> Running {
    let mut command = lockcheck();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first_line = String::new();
    stdout.read_line(&mut first_line).unwrap();
    Running { child, stdout, first_line: first_line.trim_end().to_owned() }
}

impl Running {
    fn signal(&self, signal: i32) {
        // SAFETY: the process is our child and not yet waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    fn finish(mut self) -> Called {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stdout, &mut rest).unwrap();
        let mut called = Called::of(self.child.wait_with_output().unwrap());
        called.stdout = rest;
        called
    }
}

#[test]
fn a_signal_to_the_tool_reaches_the_program_once_and_the_tool_reports() {
    // `read` is interrupted by the signal; the program goes on to the end of its input.
    let program = "trap 'echo caught' TERM INT HUP; echo ready; read a; read b; exit 5";
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let mut running = start(&["run", "--message-format", "json", "--", "bash", "-c", program]);
        assert_eq!(running.first_line, "ready");
        running.signal(signal);
        let mut line = String::new();
        running.stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "caught\n");
        drop(running.child.stdin.take());
        let called = running.finish();
        assert!(!called.stdout.lines().any(|line| line == "caught"), "twice: {}", called.stdout);
        assert_eq!(called.assert_code(100).json()["program"]["code"], 5);
    }
}

#[test]
fn a_program_that_a_signal_ends_is_reported_with_it() {
    let running = start(&["run", "--message-format", "json", "--", "sh", "-c", "echo ready; exec cat"]);
    running.signal(libc::SIGTERM);
    let program = running.finish().assert_code(100).json()["program"].clone();
    assert_eq!(program, serde_json::json!({"code": null, "signal": libc::SIGTERM}));
}

/// Plays the part of an instrumented program that has found itself deadlocked.
fn deadlock(folder: &str) {
    let mut records = beginning("/nowhere/src/main.rs");
    records.push(stuck());
    write_trace(Path::new(folder), &records);
    let socket = UnixDatagram::unbound().unwrap();
    socket.send_to(b"x", Path::new(folder).join("notify")).unwrap();
}

#[test]
fn a_deadlock_is_reported_and_the_family_ended() {
    // Neither asking nor closing its input ends it.
    let program = "trap '' TERM; echo $LOCKCHECK_OUT; (trap '' TERM; sleep 1000) & wait; wait";
    let running = start(&["run", "--message-format", "json", "--", "bash", "-c", program]);
    let folder = running.first_line.clone();
    deadlock(&folder);
    let called = running.finish();
    let report = called.assert_code(3).json();
    assert_eq!((&report["verdict"], &report["program"]["signal"]), (&"hang".into(), &libc::SIGKILL.into()));
    assert_eq!(report["findings"][0]["kind"], "deadlock");
    assert_eq!(report["findings"][0]["tier"], "actual");
    assert!(!Path::new(&folder).exists(), "temporary files stay behind");
}

#[test]
fn word_without_a_deadlock_ends_nothing() {
    let mut running = start(&["run", "--", "sh", "-c", "echo $LOCKCHECK_OUT; read a; exit 0"]);
    let socket = UnixDatagram::unbound().unwrap();
    socket.send_to(b"x", Path::new(&running.first_line).join("notify")).unwrap();
    drop(running.child.stdin.take());
    running.finish().assert_code(0);
}

#[test]
fn a_deadlock_can_be_left_alone() {
    let arguments = ["run", "--on-deadlock", "report", "--message-format", "json", "--", "sh", "-c"];
    let mut running = start(&[&arguments[..], &["echo $LOCKCHECK_OUT; read a; exit 0"]].concat());
    deadlock(&running.first_line);
    drop(running.child.stdin.take());
    let report = running.finish().assert_code(1).json();
    assert_eq!((&report["verdict"], &report["program"]["code"]), (&"findings".into(), &0.into()));
}

#[test]
fn the_human_report_of_a_deadlock_does_not_wait_for_the_end() {
    let running = start(&["run", "--on-deadlock", "report", "--", "sh", "-c", "echo $LOCKCHECK_OUT; read a"]);
    let mut running = running;
    deadlock(&running.first_line);
    let mut stderr = BufReader::new(running.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("error[LC0003]") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "no report");
    }
    // The program still waits for its input.
    drop(running.child.stdin.take());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut rest).unwrap();
    assert!(!rest.contains("error[LC0003]"), "told twice: {rest}");
    assert_eq!(running.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_standstill_is_a_hang_where_it_is_asked_for() {
    let arguments =
        ["run", "--hang-after", "200ms", "--message-format", "json", "--", "sh", "-c", "echo ready; read a"];
    let report = start(&arguments).finish();
    report.assert_code(3);
    assert_eq!(report.json()["verdict"], "hang");
    let notes = report.json()["notes"].to_string();
    assert!(
        notes.contains("no thread of the program has run for 0.2 s") && notes.contains("waits in"),
        "{notes}"
    );
    assert!(notes.contains("still open: process") && notes.contains("somebody outside"), "{notes}");
}

#[test]
fn processes_that_outlive_the_program_are_ended() {
    let called =
        call(&["run", "--message-format", "json", "--", "sh", "-c", "sleep 1000 >/dev/null & echo $!"]);
    called.assert_code(0);
    let orphan: PathBuf = ["/proc", called.stdout.lines().next().unwrap()].iter().collect();
    assert!(!orphan.exists());
    assert!(called.json()["notes"].to_string().contains("1 process outlived"), "{}", called.stdout);
}

#[test]
fn a_folder_too_deep_for_a_socket_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(120));
    let called = call(&["run", "--out", deep.to_str().unwrap(), "--", "true"]);
    assert!(called.assert_code(2).stderr.contains("too long"), "{}", called.stderr);
}
