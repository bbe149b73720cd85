//! Runs a program in the user's place: its terminal, its signals, its end. Knows nothing of findings; it tells its
//! caller when there is something to look at, and ends the family when told to.
//!
//! **Signals reach the family once.** Where there is a controlling terminal, the program stays in this process's
//! group: the terminal sends keyboard signals to both, and only what somebody sent to this process alone is passed
//! on. Where there is none, the program gets a group of its own, and whatever arrives here is passed on to it. This
//! process survives either way, because it has a report to make.
//!
//! **Nobody is left behind.** This process is the family's subreaper: orphans become its children, are reaped, and
//! are ended when the program has been gone for [`OUTLIVE`].
//!
//! The family is sampled from outside while it runs (`world`), which tells when part of it can never move again.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use lockcheck_checker::ProgramStatus;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::error::{CliError, Result};
use crate::family::{self, Task};
use crate::signals::{FORWARDED, Signals};
use crate::world::{Closed, World};

/// From the decision to end the family to its last moment.
const GRACE: Duration = Duration::from_millis(900);
/// How much of it passes before the family is asked to end: others may have something to say, or to finish.
const QUIET: Duration = Duration::from_millis(250);
/// How long processes may outlive the program.
const OUTLIVE: Duration = Duration::from_secs(1);
/// How long to wait for the killed to be gone. The kernel may hold a process in a system call.
const BURIAL: Duration = Duration::from_secs(2);
/// How often a family that is being killed is looked at: it may fork faster than it dies.
const KILL_AGAIN: Duration = Duration::from_millis(5);

/// Something the caller may want to act on.
pub enum Event {
    /// The family has sent a datagram: there is something new in its traces.
    Notified,
    /// No thread of the family has run for as long as the caller named. Who was there, and why one of them may go on all
    /// the same.
    Standstill(Vec<Task>, Vec<String>),
    /// Part of the family can never move again.
    Closed(Box<Closed>),
}

/// What the caller wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Let it run.
    Continue,
    /// End the family.
    End,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The program itself.
    pub status: ProgramStatus,
    /// Whether it was ended because the caller said so.
    pub by_tool: bool,
    /// How many processes outlived the program and had to be ended.
    pub outlived: usize,
    /// Whether the system did not let us see what threads wait for.
    pub blind: bool,
}

/// Runs `command` to its end. `notify` is where the family's datagrams arrive.
pub fn watch(
    command: &mut Command,
    notify: &UnixDatagram,
    hang_after: Option<Duration>,
    world: World,
    on_event: &mut dyn FnMut(Event) -> Action,
) -> Result<Ended> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| CliError::internal(format!("{what}: {error}"))
    };
    notify.set_nonblocking(true).map_err(failed("the notification socket"))?;
    let signals = Signals::listen().map_err(failed("cannot listen for signals"))?;
    let own_group = !has_terminal();
    prepare(command, own_group);
    let child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let mut watch = Watch {
        program: child.id() as i32,
        own_group,
        signals,
        status: None,
        ending: None,
        by_tool: false,
        outlived: 0,
        standstill: hang_after.map(Standstill::new),
        world,
    };
    watch.run(notify, on_event)
}

fn cannot_start(command: &Command, error: &io::Error) -> CliError {
    let program = command.get_program().to_string_lossy().into_owned();
    CliError::usage("cannot-start", format!("cannot start `{program}`: {error}")).at(program, 0, 0)
}

/// Whether a keyboard can send signals to this process's group.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

fn prepare(command: &mut Command, own_group: bool) {
    if own_group {
        command.process_group(0);
    }
    #[cfg(target_os = "linux")]
    {
        // Failing to become one only means that orphans go to init, as they do without this tool.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        let parent = rustix::process::getpid();
        let follow = move || {
            // If this tool is killed, nobody is left to end the program.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            match rustix::process::getppid() == Some(parent) {
                true => Ok(()),
                false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            }
        };
        // SAFETY: two system calls; nothing that is unsafe between fork and exec.
        unsafe { command.pre_exec(follow) };
    }
}

/// When to send what to a family that must end.
#[derive(Clone, Copy, Debug)]
struct Ending {
    /// Ask it; `None` once that is done.
    terminate: Option<Instant>,
    /// Do not ask.
    kill: Instant,
    /// Give up on it.
    give_up: Instant,
}

struct Watch {
    program: i32,
    own_group: bool,
    signals: Signals,
    /// How the program ended.
    status: Option<ProgramStatus>,
    ending: Option<Ending>,
    by_tool: bool,
    outlived: usize,
    standstill: Option<Standstill>,
    world: World,
}

impl Watch {
    fn run(&mut self, notify: &UnixDatagram, on_event: &mut dyn FnMut(Event) -> Action) -> Result<Ended> {
        loop {
            self.reap();
            if self.status.is_some() && self.is_over() {
                // Those that were dying while the family was counted.
                self.reap();
                break;
            }
            self.wait(notify);
            if drain(notify) && on_event(Event::Notified) == Action::End {
                self.end_now();
            }
            self.pass_signals_on();
            self.press_on();
            if let Some(closed) = self.closed()
                && on_event(Event::Closed(Box::new(closed))) == Action::End
            {
                self.end_now();
            }
            if let Some(tasks) = self.standing_still()
                && on_event(Event::Standstill(tasks, self.world.why_open())) == Action::End
            {
                self.end_now();
            }
        }
        // What the family sent with its last breath.
        if drain(notify) {
            on_event(Event::Notified);
        }
        let status = self.status.unwrap_or_default();
        let (by_tool, outlived, blind) = (self.by_tool, self.outlived, self.world.is_blind());
        Ok(Ended { status, by_tool, outlived, blind })
    }

    /// Takes leave of all children that have ended, adopted ones included.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if pid.as_raw_nonzero().get() == self.program && (status.exited() || status.signaled()) {
                self.status = Some(program_status(status));
            }
        }
    }

    /// The program has ended. Is the rest of the family gone, or given up on? Sets the clock for those that remain.
    fn is_over(&mut self) -> bool {
        let left = self.family();
        if left.is_empty() {
            return true;
        }
        let now = Instant::now();
        let ending = *self.ending.get_or_insert_with(|| {
            self.outlived = left.len();
            let terminate = now + OUTLIVE;
            Ending {
                terminate: Some(terminate),
                kill: terminate + QUIET,
                give_up: terminate + QUIET + BURIAL,
            }
        });
        now >= ending.give_up
    }

    fn family(&self) -> Vec<i32> {
        let family = family::descendants(rustix::process::getpid().as_raw_nonzero().get());
        match family.is_empty() && self.status.is_none() {
            true => vec![self.program],
            false => family,
        }
    }

    fn end_now(&mut self) {
        let now = Instant::now();
        self.by_tool = true;
        if self.ending.is_none() {
            let kill = now + GRACE;
            self.ending = Some(Ending { terminate: Some(now + QUIET), kill, give_up: kill + BURIAL });
        }
    }

    /// Carries out what is due of an ending.
    fn press_on(&mut self) {
        let now = Instant::now();
        let Some(ending) = &mut self.ending else { return };
        let (ask, kill) = (ending.terminate.is_some_and(|at| now >= at), now >= ending.kill);
        if ask {
            ending.terminate = None;
        }
        if kill {
            family::signal_all(&self.family(), Signal::KILL);
        } else if ask {
            family::signal_all(&self.family(), Signal::TERM);
        }
    }

    /// Sleeps until something happens or is due.
    fn wait(&self, notify: &UnixDatagram) {
        let now = Instant::now();
        let due = match self.ending {
            Some(Ending { terminate: Some(at), .. }) => Some(at),
            Some(Ending { kill, .. }) if now < kill => Some(kill),
            Some(_) => Some(now + KILL_AGAIN),
            // The program has ended, and with it the world.
            None if self.status.is_some() => None,
            None => {
                let standstill = self.standstill.as_ref().map(|standstill| standstill.next);
                Some(standstill.map_or(self.world.next(), |next| next.min(self.world.next())))
            }
        };
        let timeout = due.map(|at| at.saturating_duration_since(now) + Duration::from_millis(1));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut sources = [PollFd::new(&self.signals, PollFlags::IN), PollFd::new(notify, PollFlags::IN)];
        // An interrupted wait is as good as a finished one: the caller looks at everything anyway.
        let _ = rustix::event::poll(&mut sources, timeout.as_ref());
    }

    fn pass_signals_on(&mut self) {
        for arrived in self.signals.take() {
            let whole_group_has_it = !self.own_group && arrived.from_kernel;
            if !FORWARDED.contains(&arrived.signal) || whole_group_has_it {
                continue;
            }
            let Some(signal) = Signal::from_named_raw(arrived.signal) else { continue };
            if self.own_group
                && let Some(group) = Pid::from_raw(self.program)
                && rustix::process::kill_process_group(group, signal).is_ok()
            {
                continue;
            }
            let group = family::group_of(self.program);
            let members = self.family().into_iter().filter(|&pid| family::group_of(pid) == group);
            family::signal_all(&members.collect::<Vec<_>>(), signal);
        }
    }

    fn closed(&mut self) -> Option<Closed> {
        let over = self.ending.is_some() || self.status.is_some();
        if over { None } else { self.world.sample() }
    }

    fn standing_still(&mut self) -> Option<Vec<Task>> {
        let now = Instant::now();
        if self.ending.is_some() || self.status.is_some() || now < self.standstill.as_ref()?.next {
            return None;
        }
        let mut tasks = family::tasks(&self.family());
        self.world.believe(&mut tasks);
        self.standstill.as_mut()?.sample(tasks, now)
    }
}

fn program_status(status: WaitStatus) -> ProgramStatus {
    ProgramStatus { code: status.exit_status(), signal: status.terminating_signal() }
}

/// Whether there was anything.
fn drain(notify: &UnixDatagram) -> bool {
    let mut any = false;
    while notify.recv(&mut [0; 64]).is_ok() {
        any = true;
    }
    any
}

/// Looks at the family from time to time; it stands still when all that can be seen of it stays the same.
struct Standstill {
    after: Duration,
    next: Instant,
    /// What was seen last, and since when.
    seen: (Vec<Task>, Instant),
}

impl Standstill {
    fn new(after: Duration) -> Standstill {
        let now = Instant::now();
        Standstill { after, next: now + after / 8, seen: (Vec::new(), now) }
    }

    /// The family, once it has stood still for long enough.
    fn sample(&mut self, tasks: Vec<Task>, now: Instant) -> Option<Vec<Task>> {
        self.next = now + (self.after / 8).max(Duration::from_millis(5));
        let still = !tasks.is_empty() && tasks.iter().all(|task| task.waits) && tasks == self.seen.0;
        if !still {
            self.seen = (tasks, now);
            return None;
        }
        let long_enough = now.duration_since(self.seen.1) >= self.after;
        if long_enough {
            // Once is enough: if the caller lets it run, it is told again after the same time.
            self.seen.1 = now;
        }
        long_enough.then_some(tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(tid: i32, waits: bool, switches: u64) -> Task {
        Task { pid: 1, tid, name: "t".to_owned(), waits, progress: (3, switches) }
    }

    #[test]
    fn a_standstill_is_everything_waiting_and_nothing_changing() {
        let mut standstill = Standstill::new(Duration::from_secs(10));
        let start = Instant::now();
        let mut at = |second: u64, tasks: Vec<Task>| {
            standstill.sample(tasks, start + Duration::from_secs(second)).is_some()
        };
        assert!(!at(0, vec![task(1, true, 5), task(2, true, 9)]));
        assert!(!at(9, vec![task(1, true, 5), task(2, true, 9)]));
        assert!(at(10, vec![task(1, true, 5), task(2, true, 9)]));
        assert!(!at(11, vec![task(1, true, 5), task(2, true, 9)]), "said once");
        assert!(!at(12, vec![task(1, true, 5), task(2, true, 10)]), "one has run");
        assert!(!at(21, vec![task(1, true, 5), task(2, true, 10)]));
        assert!(!at(22, vec![task(1, true, 5), task(2, false, 10)]), "one runs");
        assert!(!at(33, vec![task(1, true, 5), task(2, false, 10)]));
        assert!(!at(40, vec![]) && !at(60, vec![]), "nobody is there");
    }
}
