//! The threads of this process as the kernel sees them: who there is, and who sleeps until somebody wakes it.
//!
//! Linux only; elsewhere nothing is known, and nothing that needs it is said. What is read is a moment's truth: who
//! wants to know that a thread slept all the time between two looks compares its switches.

/// Whether anything can be known of them.
pub(crate) const CAN_BE_SEEN: bool = cfg!(target_os = "linux");

/// A thread that sleeps on a futex without a timeout, or with one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sleep {
    /// How often it has gone to sleep so far: the same number twice means one and the same sleep.
    pub switches: u64,
    /// Whether it wakes by itself one day.
    pub timed: bool,
    /// Whether a process outside could wake it.
    pub shared: bool,
}

/// The operating system's numbers of all threads; `None` where they cannot be had.
#[cfg(target_os = "linux")]
pub(crate) fn all() -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task").ok()? {
        all.push(entry.ok()?.file_name().to_str()?.parse().ok()?);
    }
    all.sort_unstable();
    Some(all)
}

/// How the thread sleeps, `None` if it does not, or sleeps on something other than a futex. `tasks`: all threads.
#[cfg(target_os = "linux")]
pub(crate) fn sleep(task: u32, tasks: &[u32]) -> Option<Sleep> {
    let call = std::fs::read_to_string(format!("/proc/self/task/{task}/syscall")).ok()?;
    let (timed, shared) = futex_wait(&call, tasks)?;
    let status = std::fs::read_to_string(format!("/proc/self/task/{task}/status")).ok()?;
    let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    Some(Sleep { switches: switches.trim().parse().ok()?, timed, shared })
}

/// Whether a wait on a futex, given as the kernel does, has a timeout, and whether other processes could end it. A
/// join waits on a shared futex for a thread of our own, whose number is the value it expects there.
#[cfg(target_os = "linux")]
fn futex_wait(call: &str, tasks: &[u32]) -> Option<(bool, bool)> {
    /// `FUTEX_PRIVATE_FLAG` of the operation.
    const PRIVATE: u64 = 128;
    let mut words = call.split_whitespace();
    if words.next()?.parse::<i64>().ok()? != libc::SYS_futex {
        return None;
    }
    let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (_address, operation, value, timeout) = (argument()?, argument()?, argument()?, argument()?);
    let join = tasks.iter().any(|&task| u64::from(task) == value);
    Some((timeout != 0, operation & PRIVATE == 0 && !join))
}

/// Whether the program handles signals that come from outside: such a handler is code that no thread waits for.
#[cfg(target_os = "linux")]
pub(crate) fn handles_signals() -> bool {
    /// Those that stand for the thread's own mistakes, and the two that the C library keeps for itself.
    const OWN: [i32; 9] = [
        libc::SIGILL,
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGSEGV,
        libc::SIGSYS,
        32,
        33,
    ];
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let own: u64 = OWN.iter().map(|signal| 1 << (signal - 1)).sum();
    let own = own | super::dump::own_signals();
    caught.is_none_or(|caught| caught & !own != 0)
}

/// Whether a timer of the process's is running: an alarm, or one that `timer_create` has made. What it does when it runs
/// out, nobody can know.
#[cfg(target_os = "linux")]
pub(crate) fn has_timer() -> bool {
    // Interval and time left. `libc` has names for this only since a version that programs need not have locked.
    let mut alarm = [libc::timeval { tv_sec: 0, tv_usec: 0 }; 2];
    const ITIMER_REAL: libc::c_long = 0;
    // SAFETY: the kernel fills in the two values that are given.
    let known = unsafe { libc::syscall(libc::SYS_getitimer, ITIMER_REAL, alarm.as_mut_ptr()) } == 0;
    let is_set = alarm[1].tv_sec != 0 || alarm[1].tv_usec != 0;
    !known || is_set || std::fs::read("/proc/self/timers").is_ok_and(|timers| !timers.is_empty())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn has_timer() -> bool {
    true
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn all() -> Option<Vec<u32>> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn sleep(_task: u32, _tasks: &[u32]) -> Option<Sleep> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn handles_signals() -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::rt::lifecycle::os_id;

    #[test]
    fn a_futex_wait_tells_its_timeout_and_its_scope() {
        let call = |op: &str, value: &str, timeout: &str| {
            futex_wait(&format!("{} 0x7f01 {op} {value} {timeout} 0x0 0x0 0x1 0x2\n", libc::SYS_futex), &[77])
        };
        assert_eq!(call("0x89", "0x0", "0x0"), Some((false, false)));
        assert_eq!(call("0x89", "0x0", "0x7f55"), Some((true, false)));
        assert_eq!(call("0x9", "0x1", "0x0"), Some((false, true)));
        assert_eq!(call("0x109", "0x4d", "0x0"), Some((false, false)), "a join of thread 77");
        assert_eq!(futex_wait("running\n", &[]), None);
        assert_eq!(futex_wait("0 0x4 0x7f 0x20 0x0 0x0 0x0 0x1 0x2\n", &[]), None);
        assert_eq!(futex_wait("", &[]), None);
    }

    #[test]
    fn an_alarm_is_seen_until_it_is_taken_back() {
        assert!(!has_timer());
        // SAFETY: takes a number. Nobody here lives to hear of it.
        unsafe { libc::alarm(100_000) };
        assert!(has_timer());
        // SAFETY: takes a number.
        assert!(unsafe { libc::alarm(0) } > 0);
        assert!(!has_timer());
    }

    #[test]
    fn a_thread_that_waits_for_a_message_sleeps_and_one_that_looks_does_not() {
        let (tell, told) = channel();
        let (stop, stopped) = channel::<()>();
        let child = std::thread::spawn(move || {
            tell.send(os_id() as u32).unwrap();
            let _ = stopped.recv();
        });
        let task = told.recv().unwrap();
        let tasks = all().unwrap();
        assert!(tasks.contains(&task) && tasks.contains(&(os_id() as u32)));
        assert_eq!(sleep(os_id() as u32, &tasks), None);
        let asleep = loop {
            match sleep(task, &tasks) {
                Some(asleep) => break asleep,
                None => std::thread::yield_now(),
            }
        };
        assert!(!asleep.timed && !asleep.shared);
        drop(stop);
        child.join().unwrap();
        assert_eq!(sleep(task, &tasks), None, "it is gone");
    }
}
