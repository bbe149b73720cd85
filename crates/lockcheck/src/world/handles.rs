//! Which pipes, sockets, counters, mappings and files a process has in its hands, and what a wait on one of them depends
//! on. Reads /proc; decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use lockcheck_checker::world::{Handle, HandleKind};

use super::status_field;
use super::tasks::numbers_in;

/// What a file descriptor stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// An end of a pipe without a name; which, the access mode says.
    Pipe(u64),
    /// A socket.
    Socket(u64),
    /// Waits for many descriptors at once.
    Epoll,
    /// A counter.
    EventFd,
    /// A clock.
    TimerFd,
    /// A process.
    PidFd,
    /// Asynchronous work for the kernel: what it may do is not looked at.
    IoUring,
    /// A regular file.
    File,
    /// Anything else.
    Other,
}

/// One process's folder in /proc, that of a thread which is alive: a process whose first thread has ended shows
/// nothing in its own.
#[derive(Clone, Debug)]
pub struct Folder(String);

impl Folder {
    /// Of a process with this thread.
    pub fn new(pid: i32, tid: i32) -> Folder {
        Folder(format!("/proc/{pid}/task/{tid}"))
    }

    /// Of any process; by its first thread that is alive.
    pub fn of(pid: i32) -> Folder {
        let alive = |tid: &i32| fs::read_link(format!("/proc/{pid}/task/{tid}/cwd")).is_ok();
        let tid = numbers_in(&format!("/proc/{pid}/task")).into_iter().find(alive);
        Folder::new(pid, tid.unwrap_or(pid))
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    /// The text of a file in it.
    pub fn text(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.path(name)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What a descriptor stands for; `None` where it is not there or must not be looked at.
    pub fn target(&self, fd: i32) -> Option<Target> {
        let path = self.path(&format!("fd/{fd}"));
        let link = fs::read_link(&path).ok()?;
        let link = link.to_string_lossy();
        let inode = |prefix: &str| link.strip_prefix(prefix)?.strip_suffix(']')?.parse().ok();
        if let Some(inode) = inode("pipe:[") {
            return Some(Target::Pipe(inode));
        }
        if let Some(inode) = inode("socket:[") {
            return Some(Target::Socket(inode));
        }
        Some(match link.strip_prefix("anon_inode:") {
            Some("[eventpoll]") => Target::Epoll,
            Some("[eventfd]") => Target::EventFd,
            Some("[timerfd]") => Target::TimerFd,
            Some("[pidfd]") => Target::PidFd,
            Some("[io_uring]") => Target::IoUring,
            _ if link.starts_with("pidfd:") => Target::PidFd,
            _ => match fs::metadata(&path) {
                Ok(about) if about.file_type().is_file() => Target::File,
                Ok(about) if about.file_type().is_fifo() => Target::Other,
                _ => Target::Other,
            },
        })
    }

    /// A field of what the system tells about a descriptor.
    pub fn about(&self, fd: i32, field: &str) -> Option<String> {
        let text = self.text(&format!("fdinfo/{fd}"))?;
        status_field(&text, field).map(str::to_owned)
    }

    /// The flags that a descriptor was opened with.
    pub fn flags(&self, fd: i32) -> Option<i32> {
        i32::from_str_radix(&self.about(fd, "flags")?, 8).ok()
    }

    /// Its descriptors; `None` where they must not be looked at.
    pub fn fds(&self) -> Option<Vec<i32>> {
        fs::read_dir(self.path("fd")).ok()?;
        Some(numbers_in(&self.path("fd")))
    }

    /// The ends of a pipe that this descriptor is.
    pub fn pipe_ends(&self, fd: i32, inode: u64) -> Vec<Handle> {
        let (read, write) = (pipe(HandleKind::PipeRead, inode), pipe(HandleKind::PipeWrite, inode));
        match self.flags(fd).map(|flags| flags & libc::O_ACCMODE) {
            Some(libc::O_RDONLY) => vec![read],
            Some(libc::O_WRONLY) => vec![write],
            _ => vec![read, write],
        }
    }
}

/// A handle on a pipe.
pub fn pipe(kind: HandleKind, inode: u64) -> Handle {
    Handle { kind, object: (0, inode, 0) }
}

/// A handle on a socket.
pub fn socket(inode: u64) -> Handle {
    Handle { kind: HandleKind::Socket, object: (0, inode, 0) }
}

/// What all descriptors of one sort are taken for, because they cannot be told apart.
pub fn sort(name: &'static str) -> Handle {
    Handle { kind: HandleKind::Sort(name), object: (0, 0, 0) }
}

/// A counter, by the number that the system has for it.
pub fn counter(folder: &Folder, fd: i32) -> Handle {
    match folder.about(fd, "eventfd-id").and_then(|id| id.parse().ok()) {
        Some(id) => Handle { kind: HandleKind::Counter, object: (0, id, 0) },
        None => sort("eventfd"),
    }
}

/// A handle on the file behind a descriptor: for locks on it, or for memory that is mapped from it.
pub fn file(folder: &Folder, fd: i32, kind: HandleKind) -> Option<Handle> {
    let about = fs::metadata(folder.path(&format!("fd/{fd}"))).ok()?;
    Some(Handle { kind, object: (about.dev(), about.ino(), 0) })
}

/// Handles of files and mappings are many; only these are of interest.
pub type Wanted = BTreeSet<Handle>;

/// Everything a process has in its hands that a wait can depend on; `None` where it must not be looked at.
pub fn all(folder: &Folder, wanted: &Wanted) -> Option<BTreeSet<Handle>> {
    let mut found = BTreeSet::new();
    for fd in folder.fds()? {
        match folder.target(fd) {
            Some(Target::Pipe(inode)) => found.extend(folder.pipe_ends(fd, inode)),
            Some(Target::Socket(inode)) => drop(found.insert(socket(inode))),
            Some(Target::Epoll) => drop(found.insert(sort("eventpoll"))),
            Some(Target::TimerFd) => drop(found.insert(sort("timerfd"))),
            Some(Target::EventFd) => {
                found.insert(sort("eventfd"));
                found.insert(counter(folder, fd));
            }
            Some(Target::File | Target::Other) => {
                let kinds = [HandleKind::File, HandleKind::Memory];
                let handles = kinds.into_iter().filter_map(|kind| file(folder, fd, kind));
                found.extend(handles.filter(|handle| wanted.contains(handle)));
            }
            Some(Target::PidFd | Target::IoUring) | None => {}
        }
    }
    if wanted.iter().any(|handle| handle.kind == HandleKind::Memory) {
        let mapped = mappings(folder)?.into_iter().filter_map(|mapping| mapping.handle());
        found.extend(mapped.filter(|handle| wanted.contains(handle)));
    }
    Some(found)
}

/// A range of a process's memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// From, up to.
    pub range: (u64, u64),
    /// Whether others see what is written to it.
    pub shared: bool,
    /// Device and inode of what it is mapped from.
    pub object: (u64, u64),
    /// Its name.
    pub path: String,
}

impl Mapping {
    /// Of memory that is shared.
    pub fn handle(&self) -> Option<Handle> {
        let (device, inode) = self.object;
        self.shared.then_some(Handle { kind: HandleKind::Memory, object: (device, inode, 0) })
    }

    /// Whether whoever knows its name can map it too.
    pub fn has_name(&self) -> bool {
        !self.path.ends_with(" (deleted)")
    }

    /// `start-end perms offset dev inode path`.
    fn parse(line: &str) -> Option<Mapping> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let shared = words.next()?.ends_with('s');
        let (major, minor) = words.nth(1)?.split_once(':')?;
        let hex = |word| u64::from_str_radix(word, 16).ok();
        let device = rustix::fs::makedev(hex(major)? as u32, hex(minor)? as u32);
        let inode = words.next()?.parse().ok()?;
        let path = words.next().unwrap_or_default().trim_start().to_owned();
        Some(Mapping { range: (hex(start)?, hex(end)?), shared, object: (device, inode), path })
    }
}

/// The memory of a process; `None` where it must not be looked at.
pub fn mappings(folder: &Folder) -> Option<Vec<Mapping>> {
    Some(folder.text("maps")?.lines().filter_map(Mapping::parse).collect())
}

/// What somebody outside the family has, of what is of interest, and whether there was anybody who must not be looked at.
pub fn outside(family: &BTreeMap<i32, super::tasks::Seen>, wanted: &Wanted) -> (BTreeSet<Handle>, bool) {
    let own = std::process::id() as i32;
    let mut found = BTreeSet::new();
    let mut hidden = false;
    for pid in numbers_in("/proc").into_iter().filter(|pid| !family.contains_key(pid)) {
        match all(&Folder::of(pid), wanted) {
            Some(handles) if pid == own => found.extend(handles.into_iter().flat_map(both_ends)),
            Some(handles) => found.extend(handles.intersection(wanted)),
            None => hidden |= fs::exists(format!("/proc/{pid}/fd")).unwrap_or(true),
        }
    }
    (found, hidden)
}

/// What this process was given by others it has no business with: the other end is theirs, seen or not.
fn both_ends(handle: Handle) -> Vec<Handle> {
    match handle.kind {
        HandleKind::PipeRead | HandleKind::PipeWrite => {
            let inode = handle.object.1;
            vec![pipe(HandleKind::PipeRead, inode), pipe(HandleKind::PipeWrite, inode)]
        }
        _ => vec![handle],
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn mappings_are_read_as_the_system_writes_them() {
        let line = "7f00-7f10 rw-s 00001000 00:1a 77                 /dev/shm/a b (deleted)";
        let expected = Mapping {
            range: (0x7f00, 0x7f10),
            shared: true,
            object: (rustix::fs::makedev(0, 0x1a), 77),
            path: "/dev/shm/a b (deleted)".to_owned(),
        };
        assert_eq!(Mapping::parse(line), Some(expected.clone()));
        assert!(!expected.has_name() && expected.handle().is_some());
        let private = Mapping::parse("55-66 r--p 00000000 00:00 0 ").unwrap();
        assert_eq!((private.handle(), private.path.as_str()), (None, ""));
        for wrong in ["", "1-2", "x-y rw-p 0 0:0 0", "1-2 rw-p 0 00 0"] {
            assert_eq!(Mapping::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_ends_of_a_pipe_are_told_apart() {
        let (reader, writer) = std::io::pipe().unwrap();
        let folder = Folder::of(std::process::id() as i32);
        let Some(Target::Pipe(inode)) = folder.target(reader.as_raw_fd()) else { panic!() };
        assert_eq!(folder.target(writer.as_raw_fd()), Some(Target::Pipe(inode)));
        assert_eq!(folder.pipe_ends(reader.as_raw_fd(), inode), [pipe(HandleKind::PipeRead, inode)]);
        assert_eq!(folder.pipe_ends(writer.as_raw_fd(), inode), [pipe(HandleKind::PipeWrite, inode)]);
        let all = all(&folder, &Wanted::new()).unwrap();
        assert!(
            all.contains(&pipe(HandleKind::PipeRead, inode))
                && all.contains(&pipe(HandleKind::PipeWrite, inode))
        );
        drop((reader, writer));
    }

    #[test]
    fn this_process_counts_as_outside() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let folder = Folder::of(std::process::id() as i32);
        let Some(Target::Pipe(inode)) = folder.target(reader.as_raw_fd()) else { panic!() };
        let wanted = Wanted::from([pipe(HandleKind::PipeWrite, inode)]);
        assert!(outside(&BTreeMap::new(), &wanted).0.contains(&pipe(HandleKind::PipeWrite, inode)));
    }
}
