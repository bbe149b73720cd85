//! What a thread that stands still waits for: its system call, read from outside, as a wait and those who can end it.
//!
//! What is not understood, has a timeout, or depends on the world outside moves. Who has the other end of something is
//! settled later, by the handles of all processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;

use lockcheck_checker::world::{Call, Ender, Handle, HandleKind, State, Wait};

use super::handles::{self, Folder, Target};
use super::signals::Signals;
use super::sockets::Sockets;

/// How many descriptors of a poll set are looked at. A larger set moves.
const POLLED_MAX: usize = 4096;
/// How deep sets of descriptors may lie in each other.
const NESTED_MAX: usize = 4;

/// A process, as its threads' waits are read.
pub struct Process<'a> {
    /// Its number among the family's processes.
    pub index: usize,
    /// Its number.
    pub pid: i32,
    /// Where it shows itself.
    pub folder: Folder,
    /// The signals it handles.
    pub signals: Signals,
    /// The processes of the family by their numbers; `None` where the numbers that the process uses are others.
    pub numbers: Option<&'a BTreeMap<i32, usize>>,
    /// All sockets between processes of this system.
    pub sockets: &'a Sockets,
    /// Its threads whose waits have no timeout by their own word, though they sleep through them in parts.
    pub for_good: &'a BTreeSet<i32>,
}

/// A system call as the kernel shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    number: i64,
    arguments: [u64; 6],
}

impl Line {
    /// `number argument*6 stack-pointer instruction-pointer`; `running`, or -1, where there is no call.
    fn parse(text: &str) -> Option<Line> {
        let mut words = text.split_whitespace();
        let number = words.next()?.parse().ok().filter(|&number| number >= 0)?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
        }
        Some(Line { number, arguments })
    }

    /// A wait on a futex that has no timeout, whatever the call says, if `is` it.
    fn for_good(mut self, is: bool) -> Line {
        if is && self.number == libc::SYS_futex {
            self.arguments[3] = 0;
        }
        self
    }
}

const RUNS: State = State::Moves("runs");
const TIMED: State = State::Moves("waits with a timeout");
const OPEN: State = State::Moves("waits for something outside of the program");
const NAMED: State = State::Moves("waits for memory that has a name, by which anybody can have it");
const SYSTEM_V: State =
    State::Moves("waits for a semaphore or a message of System V's, which anybody can have");
const FROM_ANYBODY: State = State::Moves("waits for a connection, which anybody can make");
const OPENS: State = State::Moves("opens what anybody else can open, as a pipe that has a name");
const UNKNOWN: State = State::Moves("is in a call that is not understood");
const HIDDEN: State = State::Moves("may not be looked at");

/// Why a state is unknown: the system does not let us look.
pub fn is_hidden(state: &State) -> bool {
    *state == HIDDEN
}

/// What the thread does.
pub fn state(process: &Process<'_>, tid: i32) -> State {
    match std::fs::read_to_string(format!("/proc/{}/task/{tid}/syscall", process.pid)) {
        Ok(text) => {
            let line = Line::parse(&text).map(|line| line.for_good(process.for_good.contains(&tid)));
            line.map_or(RUNS, |line| process.call(&line))
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => HIDDEN,
        Err(_) => RUNS,
    }
}

fn waits(call: Call, enders: Vec<Ender>) -> State {
    State::Waits(Wait { call, enders })
}

impl Process<'_> {
    fn call(&self, Line { number, arguments }: &Line) -> State {
        let [first, second, third, fourth, fifth, sixth] = *arguments;
        let fd = first as i32;
        match *number {
            libc::SYS_futex => self.futex(first, second, fourth),
            libc::SYS_read | libc::SYS_readv => self.transfer(fd, true),
            libc::SYS_recvfrom | libc::SYS_recvmsg => self.transfer(fd, true),
            libc::SYS_write | libc::SYS_writev => self.transfer(fd, false),
            libc::SYS_sendto | libc::SYS_sendmsg => self.transfer(fd, false),
            libc::SYS_wait4 => self.child(first as i32),
            libc::SYS_waitid => match first as u32 {
                libc::P_PID => self.child(second as i32),
                libc::P_PIDFD => self.pid_of(second as i32).map_or(UNKNOWN, |pid| self.child(pid)),
                _ => self.child(-1),
            },
            libc::SYS_ppoll if third != 0 => TIMED,
            libc::SYS_ppoll => self.poll(first, second, fourth),
            libc::SYS_pselect6 if fifth != 0 => TIMED,
            libc::SYS_pselect6 => self.select(first, second, third, fourth, self.mask_of_pselect(sixth)),
            libc::SYS_epoll_pwait if (fourth as i32) >= 0 => TIMED,
            libc::SYS_epoll_pwait => self.epoll(fd, fifth),
            libc::SYS_epoll_pwait2 if fourth != 0 => TIMED,
            libc::SYS_epoll_pwait2 => self.epoll(fd, fifth),
            libc::SYS_rt_sigsuspend => self.signal(first),
            libc::SYS_flock => self.file_lock(fd),
            libc::SYS_fcntl if matches!(second as i32, libc::F_SETLKW | libc::F_OFD_SETLKW) => {
                self.file_lock(fd)
            }
            libc::SYS_nanosleep | libc::SYS_clock_nanosleep | libc::SYS_restart_syscall => TIMED,
            libc::SYS_accept | libc::SYS_accept4 => FROM_ANYBODY,
            libc::SYS_connect => OPEN,
            libc::SYS_openat => OPENS,
            libc::SYS_msgrcv | libc::SYS_msgsnd | libc::SYS_semop => SYSTEM_V,
            libc::SYS_semtimedop => {
                if fourth == 0 {
                    SYSTEM_V
                } else {
                    TIMED
                }
            }
            number => self.older_call(number, arguments),
        }
    }

    /// Calls that newer machines do not have.
    #[cfg(target_arch = "x86_64")]
    fn older_call(&self, number: i64, arguments: &[u64; 6]) -> State {
        let [first, second, third, fourth, fifth, _] = *arguments;
        match number {
            libc::SYS_poll if (third as i32) >= 0 => TIMED,
            libc::SYS_poll => self.poll(first, second, 0),
            libc::SYS_select if fifth != 0 => TIMED,
            libc::SYS_select => self.select(first, second, third, fourth, 0),
            libc::SYS_epoll_wait if (fourth as i32) >= 0 => TIMED,
            libc::SYS_epoll_wait => self.epoll(first as i32, 0),
            libc::SYS_pause => self.awaits_signals(0),
            libc::SYS_open => OPENS,
            _ => UNKNOWN,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn older_call(&self, _number: i64, _arguments: &[u64; 6]) -> State {
        UNKNOWN
    }

    fn futex(&self, address: u64, operation: u64, timeout: u64) -> State {
        const PRIVATE: i32 = 128;
        const CLOCK_REALTIME: i32 = 256;
        let operation = operation as i32;
        let waits_for_wake = matches!(
            operation & !(PRIVATE | CLOCK_REALTIME),
            libc::FUTEX_WAIT
                | libc::FUTEX_WAIT_BITSET
                | libc::FUTEX_LOCK_PI
                | libc::FUTEX_WAIT_REQUEUE_PI
                | 13
        );
        if !waits_for_wake {
            return UNKNOWN;
        }
        if timeout != 0 {
            return TIMED;
        }
        if operation & PRIVATE != 0 {
            return waits(Call::Futex(address), vec![Ender::Process(self.index)]);
        }
        let Some(mappings) = handles::mappings(&self.folder) else { return HIDDEN };
        let here = |mapping: &&handles::Mapping| (mapping.range.0..mapping.range.1).contains(&address);
        let Some(mapping) = mappings.iter().find(here) else { return UNKNOWN };
        match mapping.handle() {
            // Memory that only this process sees: `pthread_join` waits so.
            None => waits(Call::Futex(address), vec![Ender::Process(self.index)]),
            Some(_) if mapping.has_name() => NAMED,
            Some(_) if !is_plain_memory(&mapping.path) => UNKNOWN,
            Some(handle) => waits(Call::SharedFutex(handle), vec![Ender::Holder(handle)]),
        }
    }

    /// Reads from or writes to a descriptor.
    fn transfer(&self, fd: i32, read: bool) -> State {
        let target = self.folder.target(fd);
        let handle = match target {
            Some(Target::Pipe(inode)) if read => handles::pipe(HandleKind::PipeRead, inode),
            Some(Target::Pipe(inode)) => handles::pipe(HandleKind::PipeWrite, inode),
            Some(Target::Socket(inode)) if !self.sockets.never_times_out(self.pid, fd) => {
                return if self.sockets.peer(inode).is_some() { TIMED } else { OPEN };
            }
            Some(Target::Socket(inode)) => handles::socket(inode),
            Some(Target::EventFd) => handles::counter(&self.folder, fd),
            Some(Target::TimerFd) => handles::sort("timerfd"),
            Some(_) => return OPEN,
            None => return HIDDEN,
        };
        let Some(enders) = self.enders(fd, 0) else { return OPEN };
        waits(if read { Call::Read(handle) } else { Call::Write(handle) }, enders)
    }

    /// Who can make a descriptor ready; `None`: the world, or a clock.
    fn enders(&self, fd: i32, depth: usize) -> Option<Vec<Ender>> {
        let enders = match self.folder.target(fd)? {
            Target::Pipe(inode) => match self.folder.pipe_ends(fd, inode)[..] {
                [Handle { kind: HandleKind::PipeRead, .. }] => {
                    vec![Ender::Holder(handles::pipe(HandleKind::PipeWrite, inode))]
                }
                [Handle { kind: HandleKind::PipeWrite, .. }] => {
                    vec![Ender::Holder(handles::pipe(HandleKind::PipeRead, inode))]
                }
                // Opened again by way of /proc: it may be its own other end.
                ref both => both.iter().copied().map(Ender::Holder).collect(),
            },
            // Another thread may also shut the near end down.
            Target::Socket(inode) => {
                let peer = self.sockets.peer(inode)?;
                if self.sockets.is_tcp(inode) && !self.sockets.never_times_out(self.pid, fd) {
                    return None;
                }
                vec![Ender::Holder(handles::socket(peer)), Ender::Holder(handles::socket(inode))]
            }
            Target::EventFd => vec![Ender::Holder(handles::counter(&self.folder, fd))],
            Target::TimerFd => match self.folder.about(fd, "it_value")?.as_str() {
                "(0, 0)" => vec![Ender::Holder(handles::sort("timerfd"))],
                _ => return None,
            },
            Target::PidFd => {
                let pid = self.pid_of(fd)?;
                vec![Ender::Process(*self.numbers?.get(&pid)?)]
            }
            Target::Epoll if depth < NESTED_MAX => self.members(fd, depth + 1)?,
            Target::Epoll | Target::IoUring | Target::File | Target::Other => return None,
        };
        let by_own_signal = enders.iter().any(|ender| match ender {
            Ender::Holder(handle) => self.signals.asked_for() && self.writes_without_waiting(*handle),
            _ => false,
        });
        (!by_own_signal).then_some(enders)
    }

    /// Whether this process has such a handle that does not block: the usual way for a handler of signals to wake a
    /// thread of its own process.
    fn writes_without_waiting(&self, handle: Handle) -> bool {
        if !matches!(handle.kind, HandleKind::PipeWrite | HandleKind::Socket | HandleKind::Counter) {
            return false;
        }
        let nonblocking = |fd: i32| self.folder.flags(fd).is_none_or(|flags| flags & libc::O_NONBLOCK != 0);
        let is_it = |fd: &i32| match self.folder.target(*fd) {
            Some(Target::Pipe(inode)) => self.folder.pipe_ends(*fd, inode).contains(&handle),
            Some(Target::Socket(inode)) => handles::socket(inode) == handle,
            Some(Target::EventFd) => handles::counter(&self.folder, *fd) == handle,
            _ => false,
        };
        self.folder.fds().unwrap_or_default().iter().any(|fd| is_it(fd) && nonblocking(*fd))
    }

    /// Who can make a member of an epoll set ready, or change the set.
    fn members(&self, fd: i32, depth: usize) -> Option<Vec<Ender>> {
        let text = self.folder.text(&format!("fdinfo/{fd}"))?;
        let mut enders = vec![Ender::Holder(handles::sort("eventpoll")), Ender::Process(self.index)];
        for line in text.lines().filter(|line| line.starts_with("tfd:")) {
            let mut words = line.split_whitespace();
            let member: i32 = words.nth(1)?.parse().ok()?;
            let inode = words.find_map(|word| word.strip_prefix("ino:"))?;
            // The number is that of the moment in which it was added.
            let now = match self.folder.target(member)? {
                Target::Pipe(inode) | Target::Socket(inode) => Some(inode),
                _ => None,
            };
            if now.is_some_and(|now| u64::from_str_radix(inode, 16) != Ok(now)) {
                return None;
            }
            enders.extend(self.enders(member, depth)?);
        }
        Some(enders)
    }

    fn epoll(&self, fd: i32, mask: u64) -> State {
        if mask != 0 && self.wakes_by_mask(mask) {
            return OPEN;
        }
        match self.members(fd, 0) {
            Some(enders) => waits(Call::Poll, enders),
            None => OPEN,
        }
    }

    fn poll(&self, address: u64, count: u64, mask: u64) -> State {
        let count = count as usize;
        if count > POLLED_MAX || mask != 0 && self.wakes_by_mask(mask) {
            return OPEN;
        }
        // `struct pollfd`: an i32 and two i16.
        let Some(bytes) = self.memory(address, count * 8) else { return HIDDEN };
        let fds = bytes.as_chunks::<8>().0.iter().map(|&[a, b, c, d, ..]| i32::from_ne_bytes([a, b, c, d]));
        self.any_of(fds.filter(|&fd| fd >= 0))
    }

    fn select(&self, count: u64, read: u64, write: u64, except: u64, mask: u64) -> State {
        let count = count as usize;
        if count > POLLED_MAX || mask != 0 && self.wakes_by_mask(mask) {
            return OPEN;
        }
        let mut fds = Vec::new();
        for set in [read, write, except].into_iter().filter(|&set| set != 0) {
            let Some(bytes) = self.memory(set, count.div_ceil(64) * 8) else { return HIDDEN };
            fds.extend((0..count).filter(|&fd| bytes[fd / 8] >> (fd % 8) & 1 == 1).map(|fd| fd as i32));
        }
        self.any_of(fds.into_iter())
    }

    fn any_of(&self, fds: impl Iterator<Item = i32>) -> State {
        let mut all = Vec::new();
        for fd in fds {
            match self.enders(fd, 0) {
                Some(enders) => all.extend(enders),
                None => return OPEN,
            }
        }
        // With nothing to wait for, it waits for a signal.
        if all.is_empty() { self.awaits_signals(0) } else { waits(Call::Poll, all) }
    }

    /// Waits for the end of a child.
    fn child(&self, pid: i32) -> State {
        let known = self.numbers.and_then(|numbers| numbers.get(&pid));
        match known {
            Some(&child) if pid > 0 => waits(Call::Child(Some(child)), vec![Ender::Process(child)]),
            // All below, not the children alone: orphans may become its children.
            _ => waits(Call::Child(None), vec![Ender::Below(self.index)]),
        }
    }

    fn pid_of(&self, fd: i32) -> Option<i32> {
        self.folder.about(fd, "Pid")?.parse().ok()
    }

    fn file_lock(&self, fd: i32) -> State {
        let path = self.folder.path(&format!("fd/{fd}"));
        if !rustix::fs::statfs(&path).is_ok_and(|about| is_local(about.f_type)) {
            return OPEN;
        }
        match handles::file(&self.folder, fd, HandleKind::File) {
            Some(handle) => waits(Call::FileLock(handle), vec![Ender::Holder(handle)]),
            None => HIDDEN,
        }
    }

    /// Waits for a signal, with this mask at an address.
    fn signal(&self, mask: u64) -> State {
        match self.mask(mask) {
            Some(blocked) => self.awaits_signals(blocked),
            None => HIDDEN,
        }
    }

    /// Only a signal can end it. The end of a child is one of those that the family itself sends.
    fn awaits_signals(&self, blocked: u64) -> State {
        let awaited = self.signals.handled_but(blocked);
        if awaited.child_end_alone() {
            waits(Call::Child(None), vec![Ender::Below(self.index)])
        } else {
            OPEN
        }
    }

    /// Whether a mask that holds only during the call lets signals in that the process asks for.
    fn wakes_by_mask(&self, address: u64) -> bool {
        self.mask(address).is_none_or(|blocked| self.signals.handled_but(blocked).asked_for())
    }

    fn mask_of_pselect(&self, address: u64) -> u64 {
        // The sixth argument points to a pointer and a size.
        let pointer = (address != 0).then(|| self.mask(address)).flatten();
        pointer.unwrap_or(0)
    }

    fn mask(&self, address: u64) -> Option<u64> {
        let bytes = self.memory(address, 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }

    fn memory(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(self.folder.path("mem")).ok()?.read_exact_at(&mut bytes, address).ok()?;
        Some(bytes)
    }
}

/// Shared memory whose device and inode are the same however it is looked at.
fn is_plain_memory(path: &str) -> bool {
    ["/memfd:", "/dev/shm/", "/dev/zero", "/SYSV"].iter().any(|start| path.starts_with(start))
}

/// File systems whose locks only this system's processes hold.
fn is_local(kind: i64) -> bool {
    const EXT: i64 = 0xef53;
    const XFS: i64 = 0x5846_5342;
    const BTRFS: i64 = 0x9123_683e;
    const TMPFS: i64 = 0x0102_1994;
    const OVERLAY: i64 = 0x794c_7630;
    matches!(kind, EXT | XFS | BTRFS | TMPFS | OVERLAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_number_and_six_arguments() {
        let text = "202 0x7f6360000b70 0x189 0x0 0x0 0x0 0xffffffff 0x7ffc57c5bc40 0x7f63656a3f16\n";
        let line = Line::parse(text).unwrap();
        assert_eq!((line.number, line.arguments[1], line.arguments[5]), (202, 0x189, 0xffff_ffff));
        assert_eq!(line.clone().for_good(true).arguments[3], 0);
        let (timed, read) = (Line { number: 202, arguments: [7; 6] }, Line { number: 0, arguments: [7; 6] });
        assert_eq!(timed.clone().for_good(false), timed);
        assert_eq!((timed.for_good(true).arguments[3], read.clone().for_good(true)), (0, read));
        for none in ["running\n", "-1 0x7ffc 0x7f63\n", "", "202 0x1", "x 0x1 0x2"] {
            assert_eq!(Line::parse(none), None, "{none}");
        }
    }
}
