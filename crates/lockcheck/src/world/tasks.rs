//! The family's threads, read cheaply and often: who is there, who waits, and who has run since the last look. What a
//! thread waits for is `calls`'s business.

use std::collections::BTreeMap;
use std::fs;

use crate::family;

/// What tells whether a thread has run: it has not while this stays the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// When it was started, in clock ticks: a number may be given again.
    started: u64,
    /// How often, and for how long, it was given a processor.
    ran: (u64, u64),
}

impl Progress {
    /// When the thread was started, in clock ticks.
    pub fn started(self) -> u64 {
        self.started
    }

    /// Of a thread that wakes now and then in the middle of a wait and says so itself: it has not got any further while
    /// the wait has this number.
    pub fn by_wait(self, sequence: u32) -> Progress {
        Progress { ran: (u64::MAX, sequence.into()), ..self }
    }
}

/// One process at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The process that it descends from directly.
    pub parent: i32,
    /// Its threads, those that have ended left out; `None` as soon as one of them did not wait.
    pub threads: Option<BTreeMap<i32, Progress>>,
}

/// All descendants of `root`, itself left out, with their threads.
pub fn family(root: i32) -> BTreeMap<i32, Seen> {
    let parents = parents(root);
    parents.into_iter().map(|(pid, parent)| (pid, Seen { parent, threads: threads(pid) })).collect()
}

/// The processes in the order in which they were started. That of their numbers is another one where the system has run
/// out of numbers in between.
pub fn oldest_first(family: &BTreeMap<i32, Seen>) -> Vec<i32> {
    let started = |pid: i32| Stat::read(&format!("/proc/{pid}/stat")).map_or(u64::MAX, |stat| stat.started);
    // A clock tick has time for several.
    let generation = |pid: i32| {
        let parent = |pid: &i32| family.get(pid).map(|seen| seen.parent);
        std::iter::successors(Some(pid), parent).take(family.len() + 1).count()
    };
    let mut pids: Vec<i32> = family.keys().copied().collect();
    pids.sort_by_cached_key(|&pid| (started(pid), generation(pid), pid));
    pids
}

/// The parent of each descendant of `root`.
fn parents(root: i32) -> BTreeMap<i32, i32> {
    if !std::path::Path::new("/proc/thread-self/children").exists() {
        // A kernel without lists of children: everybody is asked for its parent.
        let of = |pid: i32| Stat::read(&format!("/proc/{pid}/stat")).map(|stat| (pid, stat.parent));
        return family::descendants(root).into_iter().filter_map(of).collect();
    }
    let mut found = BTreeMap::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for tid in numbers_in(&format!("/proc/{pid}/task")) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{tid}/children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
                if found.insert(child, pid).is_none() {
                    open.push(child);
                }
            }
        }
    }
    found
}

/// The threads of a process, unless one of them runs or does not wait in the ordinary way.
fn threads(pid: i32) -> Option<BTreeMap<i32, Progress>> {
    let mut threads = BTreeMap::new();
    for tid in numbers_in(&format!("/proc/{pid}/task")) {
        let folder = format!("/proc/{pid}/task/{tid}");
        let stat = Stat::read(&format!("{folder}/stat"))?;
        match stat.state {
            'Z' | 'X' => continue,
            'S' => threads.insert(tid, Progress { started: stat.started, ran: ran(&folder)? }),
            _ => return None,
        };
    }
    Some(threads)
}

/// How long a thread has had a processor and how often; from the counts of context switches, where the system does not
/// keep the better ones.
fn ran(folder: &str) -> Option<(u64, u64)> {
    if let Ok(text) = fs::read_to_string(format!("{folder}/schedstat")) {
        let mut words = text.split_whitespace().map(|word| word.parse::<u64>().ok());
        let (on, _, times) = (words.next()??, words.next()??, words.next()??);
        if times > 0 {
            return Some((on, times));
        }
    }
    let status = fs::read_to_string(format!("{folder}/status")).ok()?;
    let count = |name: &str| super::status_field(&status, name)?.parse::<u64>().ok();
    Some((count("voluntary_ctxt_switches")?, count("nonvoluntary_ctxt_switches")?))
}

/// The entries of a folder that are numbers, in order.
pub fn numbers_in(folder: &str) -> Vec<i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut numbers: Vec<i32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// What `/proc/.../stat` tells.
struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

impl Stat {
    /// `pid (name) state ppid ...`; the name may hold anything, blanks and brackets included.
    fn read(path: &str) -> Option<Stat> {
        let bytes = fs::read(path).ok()?;
        let close = bytes.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        // The start time is field 22 of proc(5), the state field 3.
        let started = fields.nth(22 - 5)?.parse().ok()?;
        Some(Stat { state, parent, started })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn children_are_found_and_a_waiting_one_stands_still() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let (own, pid) = (std::process::id() as i32, child.id() as i32);
        // Of its input: its loader reads too.
        let read = format!("{} 0x0 ", libc::SYS_read);
        let waiting = loop {
            let family = family(own);
            assert_eq!(family[&pid].parent, own);
            assert!(!family.contains_key(&own));
            let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            let threads = family[&pid].threads.clone();
            // Before it has become another program, it may wait for something else.
            if let Some(threads) = threads.filter(|_| exe.ends_with("cat") || exe.ends_with("coreutils"))
                && fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default().starts_with(&read)
            {
                break threads;
            }
            std::thread::yield_now();
        };
        assert_eq!(waiting.keys().copied().collect::<Vec<_>>(), [pid]);
        assert_eq!(family(own)[&pid].threads.as_ref(), Some(&waiting));
        assert!(oldest_first(&family(own)).contains(&pid));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!family(own).contains_key(&pid));
    }

    #[test]
    fn the_oldest_comes_first_whatever_the_numbers_are() {
        let seen = |parent| Seen { parent, threads: None };
        // None of these is there, so that all begin at the same time, whenever that was.
        let gone = i32::MAX;
        let family =
            BTreeMap::from([(gone - 3, seen(gone - 1)), (gone - 2, seen(1)), (gone - 1, seen(gone - 2))]);
        assert_eq!(oldest_first(&family), [gone - 2, gone - 1, gone - 3]);
        // This process is older than what is not there, and its first thread has its number.
        let own = std::process::id() as i32;
        let family = BTreeMap::from([(1, seen(own)), (own, seen(1))]);
        let started = |pid: i32| Stat::read(&format!("/proc/{pid}/stat")).unwrap().started;
        assert!(started(1) <= started(own));
        assert_eq!(oldest_first(&family), if started(1) < started(own) { [1, own] } else { [own, 1] });
    }
}
