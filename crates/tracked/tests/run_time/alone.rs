//! Tests that need a process of their own: what was found, the settings and the memory are the process's.

use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A process that is not through by then hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Set in the process that runs the body.
const MARK: &str = "TRACKED_TEST_ALONE";

/// Runs `body` in a process of its own, which runs the test `name` (its path) and no other, with these settings.
pub fn alone(name: &str, settings: &[(&str, &str)], body: impl FnOnce()) {
    if std::env::var_os(MARK).is_some() {
        return body();
    }
    let mut command = Command::new(std::env::current_exe().expect("a running program has a file"));
    command.args([name, "--exact", "--nocapture"]).env(MARK, "1").stdin(Stdio::null());
    for setting in ["LOCKCHECK", "LOCKCHECK_OUT", "LOCKCHECK_ON_DEADLOCK", "RUST_BACKTRACE"] {
        command.env_remove(setting);
    }
    command.env("LOCKCHECK_BACKTRACE", "0").envs(settings.iter().copied());
    let child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a program can run itself");
    let id = child.id();
    let output = within(PATIENCE, move || {
        let output = child.wait_with_output().expect("the child is ours");
        (output.status, String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    });
    let Some((status, text)) = output else {
        // SAFETY: the child was not waited for to its end, so that its id is still its own.
        unsafe { libc::kill(id as libc::pid_t, libc::SIGKILL) };
        panic!("{name} hung");
    };
    assert!(status.success(), "{name} ended with {status}:\n{text}");
    assert!(text.contains("1 passed"), "`{name}` is not the path of a test:\n{text}");
}

/// Runs `body` in a thread and gives its result, unless that takes too long: then the thread is left behind.
pub fn within<R: Send + 'static>(patience: Duration, body: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(body()));
    receiver.recv_timeout(patience).ok()
}

/// Waits until `holds`, but not for ever.
#[track_caller]
pub fn eventually(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came about");
        std::thread::yield_now();
    }
}
