//! The descendants of this process, as /proc shows them: who they are, what their threads do, and signals to them.
//!
//! This process is their subreaper, so that nobody leaves the family by losing its parent. Where there is no
//! /proc, the family is the program itself, and nothing is known of its threads. Nothing here waits.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use rustix::process::{Pid, Signal};

/// One thread, as seen from outside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Task {
    /// Its process.
    pub pid: i32,
    /// Itself.
    pub tid: i32,
    /// The name the system has for it.
    pub name: String,
    /// Whether it waits for something, rather than runs or is about to.
    pub waits: bool,
    /// CPU time and context switches: a thread that has not run has the same as before.
    pub progress: (u64, u64),
}

/// Every process that descends from `root`, `root` itself left out, zombies left out.
pub fn descendants(root: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in numbers_in("/proc") {
        if let Some(stat) = Stat::read(&format!("/proc/{pid}/stat"))
            && stat.state != 'Z'
            && stat.state != 'X'
        {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        // Taken out, so that a pid that comes round while we read cannot make a circle.
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        open.extend(below);
    }
    found.sort_unstable();
    found
}

/// Every thread of these processes.
pub fn tasks(pids: &[i32]) -> Vec<Task> {
    let mut tasks = Vec::new();
    for &pid in pids {
        for tid in numbers_in(&format!("/proc/{pid}/task")) {
            let folder = format!("/proc/{pid}/task/{tid}");
            if let Some(stat) = Stat::read(&format!("{folder}/stat")) {
                tasks.push(Task {
                    pid,
                    tid,
                    waits: matches!(stat.state, 'S' | 'D'),
                    progress: (stat.cpu_ticks, context_switches(&folder)),
                    name: stat.name,
                });
            }
        }
    }
    tasks
}

/// What each thread waits in, for a reader: `worker (17) waits in futex`. Threads that wait alike stand together.
pub fn describe(tasks: &[Task]) -> Vec<String> {
    let mut groups: BTreeMap<(i32, String, String), Vec<i32>> = BTreeMap::new();
    for task in tasks {
        let call = system_call(task).unwrap_or("an unknown system call");
        groups.entry((task.pid, task.name.clone(), call.to_owned())).or_default().push(task.tid);
    }
    let line = |((pid, name, call), tids): (_, Vec<i32>)| match &tids[..] {
        [tid] => format!("process {pid}: thread `{name}` ({tid}) waits in {call}"),
        tids => format!("process {pid}: {} threads `{name}` wait in {call}", tids.len()),
    };
    groups.into_iter().map(line).collect()
}

/// Sends the signal to each; those that are gone already do not matter.
pub fn signal_all(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|&pid| Pid::from_raw(pid)) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// The process group of a process.
pub fn group_of(pid: i32) -> Option<i32> {
    let pid = Pid::from_raw(pid)?;
    rustix::process::getpgid(Some(pid)).ok().map(|group| group.as_raw_nonzero().get())
}

fn numbers_in(folder: &str) -> Vec<i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// What `/proc/.../stat` tells.
#[derive(PartialEq, Eq, Debug)]
struct Stat {
    name: String,
    state: char,
    parent: i32,
    cpu_ticks: u64,
}

impl Stat {
    fn read(path: &str) -> Option<Stat> {
        Stat::parse(&String::from_utf8_lossy(&fs::read(path).ok()?))
    }

    /// `pid (name) state ppid ...`; the name may hold anything, blanks and brackets included.
    fn parse(text: &str) -> Option<Stat> {
        let (open, close) = (text.find('(')?, text.rfind(')')?);
        let fields: Vec<&str> = text.get(close + 1..)?.split_whitespace().collect();
        // Counted from the state, which is field 3 of proc(5): utime is 14, stime 15.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Stat {
            name: text.get(open + 1..close)?.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            cpu_ticks: number(14)? + number(15)?,
        })
    }
}

/// Voluntary and forced ones together.
fn context_switches(folder: &str) -> u64 {
    let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
    let counts = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
    counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

/// The call a thread waits in, by name.
fn system_call(task: &Task) -> Option<&'static str> {
    let text = fs::read_to_string(format!("/proc/{}/task/{}/syscall", task.pid, task.tid)).ok()?;
    let number: i64 = text.split_whitespace().next()?.parse().ok()?;
    SYSTEM_CALLS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// The calls that programs wait in.
#[cfg(target_os = "linux")]
const SYSTEM_CALLS: &[(i64, &str)] = &[
    (libc::SYS_futex, "futex (a lock, a condition or a join)"),
    (libc::SYS_read, "read"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_wait4, "wait4 (for a child process)"),
    (libc::SYS_waitid, "waitid (for a child process)"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep (a sleep)"),
    (libc::SYS_nanosleep, "nanosleep (a sleep)"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_flock, "flock (a file lock)"),
    (libc::SYS_fcntl, "fcntl (a file lock)"),
    (libc::SYS_semtimedop, "semtimedop (a semaphore)"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_poll, "poll"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_select, "select"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, "epoll_wait"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_pause, "pause"),
];
#[cfg(not(target_os = "linux"))]
const SYSTEM_CALLS: &[(i64, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_do_not_confuse() {
        let text = "42 (a) (b) c) S 7 42 42 0 -1 4194304 100 0 0 0 30 12 0 0 20 0 1 0";
        let expected = Stat { name: "a) (b) c".to_owned(), state: 'S', parent: 7, cpu_ticks: 42 };
        assert_eq!(Stat::parse(text), Some(expected));
        for wrong in ["", "1 (", "1 )(", "1 (a) S", "1 (a) S x", "1 (a) S 1 2 3"] {
            assert_eq!(Stat::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_waiting_thread_is_seen_waiting() {
        let own = std::process::id() as i32;
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let (started, start) = std::sync::mpsc::channel();
        let name = "waits-here";
        let body = move || {
            started.send(()).unwrap();
            receive.recv().is_err()
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body).unwrap();
        start.recv().unwrap();
        let found = loop {
            let waiting: Vec<Task> =
                tasks(&[own]).into_iter().filter(|task| task.name == name && task.waits).collect();
            if !waiting.is_empty() {
                break waiting;
            }
            std::thread::yield_now();
        };
        let text = describe(&found);
        assert!(text.len() == 1 && text[0].contains("`waits-here`") && text[0].contains("wait"), "{text:?}");
        drop(send);
        assert!(thread.join().unwrap());
    }
}
