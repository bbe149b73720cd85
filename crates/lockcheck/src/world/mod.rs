//! The closed world, from outside: samples the family of processes and says when a part of it can never move again.
//! Works for any program, instrumented or not; nothing is put into it, and nothing of it is stopped before the verdict.
//!
//! **Sampling** is cheap: a thread has not run while the time it had a processor stays the same (`tasks`). Only where
//! all threads of some process have stood still for [`STILL_SAMPLES`] samples is looked at what they wait for
//! (`calls`), and who has the other ends (`handles`, `sockets`). What follows from that is the checker's to say
//! (`lockcheck_checker::world`). A stuck set is believed when a second look, at least one sample later, finds the same
//! threads in the same waits and none of them has run in between.
//!
//! A watched process may say of a thread that its wait has no timeout although its sleep has one (`wait_board`): then the
//! number of the wait stands for the thread's progress.
//!
//! **Cost**: after each sample it rests for at least [`REST`] times as long as the sample took of the processor.
//!
//! What cannot be seen (no /proc, no permission) counts as able to move: then nothing is said.

mod calls;
mod handles;
mod report;
mod signals;
mod sockets;
mod stacks;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use lockcheck_checker::world::{self, Ender, Family, Handle, HandleKind, Process, State, StuckSet, Thread};
use lockcheck_events::wait_board::{self, Awaited};

pub use report::standing;

use handles::{Folder, Target, Wanted};
use signals::Signals;
use sockets::Sockets;
use tasks::Seen;

use crate::family::Task;

/// Time between two samples, at least.
const EVERY: Duration = Duration::from_millis(150);
/// How many times as long as a sample's work took is rested after it: less than 1 % of one processor.
const REST: u32 = 120;
/// How many samples in a row a process must stand still before anybody asks what it waits for.
const STILL_SAMPLES: u32 = 3;
/// After a look without result, the same picture is looked at again after this, then twice as long, up to the longest.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(8);
/// How long a process that watches itself is given to tell by itself that it stands still: longer than its threads sleep
/// between two looks.
const BY_ITSELF: Duration = Duration::from_secs(4);
/// The variable by which a family knows its own watcher.
const OWN_FOLDER: &str = "LOCKCHECK_OUT=";

/// Processes that can never move again.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Who was there.
    pub family: Family,
    /// What is stuck among them.
    pub sets: Vec<StuckSet>,
    /// Where the stuck stand, by thread, innermost first; those of whom it could be had.
    pub stacks: BTreeMap<i32, Vec<stacks::Place>>,
}

/// Samples a family.
pub struct World {
    root: i32,
    /// The folder of traces of this run: how the family is told from that of a watcher within it.
    folder: String,
    next: Instant,
    last: BTreeMap<i32, Seen>,
    /// The threads that wait for good by their own word, though the system sees a timeout.
    for_good: BTreeSet<i32>,
    /// For how many samples in a row a process has stood still.
    still: BTreeMap<i32, u32>,
    /// The picture that was looked at, when to do so again, and the pause after that.
    looked: Option<(Picture, Instant, Duration)>,
    /// What the last look found stuck, each since when.
    suspects: Vec<(Suspect, Instant)>,
    /// What was told already.
    told: Vec<Suspect>,
    /// Processor time that has not been rested from yet.
    debt: Duration,
    /// Whether some thread that stood still could not be asked what it waits for.
    blind: bool,
}

/// All that a look depends on, as far as the family shows it: who is there, and what stands still since when.
type Picture = BTreeMap<i32, Option<Seen>>;
/// A core: its threads, with their waits.
type Suspect = Vec<(i32, State, tasks::Progress)>;

impl World {
    /// All descendants of this process, whose traces go to `folder`.
    pub fn new(folder: &std::path::Path) -> World {
        World {
            root: std::process::id() as i32,
            folder: folder.to_string_lossy().into_owned(),
            next: Instant::now() + EVERY,
            last: BTreeMap::new(),
            for_good: BTreeSet::new(),
            still: BTreeMap::new(),
            looked: None,
            suspects: Vec::new(),
            told: Vec::new(),
            debt: Duration::ZERO,
            blind: false,
        }
    }

    /// Whether the system did not let us see what threads wait for.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    /// Why somebody may still move although all stand still, line by line.
    pub fn why_open(&self) -> Vec<String> {
        let mut seen = tasks::family(self.root);
        let for_good = believe(&self.folder, &mut seen);
        let picture: Picture = seen.iter().map(|(pid, seen)| (*pid, Some(seen.clone()))).collect();
        let mut family = describe(&seen, &picture, &self.folder, &for_good);
        look_outside(&mut family, &seen);
        world::openings(&family)
    }

    /// Has the number of the wait stand for the progress of threads that say that they wait for good.
    pub fn believe(&self, tasks: &mut [Task]) {
        let mut known: BTreeMap<i32, BTreeMap<i32, u32>> = BTreeMap::new();
        for task in tasks {
            let waits = known.entry(task.pid).or_insert_with(|| for_good(&self.folder, task.pid).collect());
            if let Some(&sequence) = waits.get(&task.tid) {
                task.progress = (u64::MAX, sequence.into());
            }
        }
    }

    /// When the next sample is due.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Takes a sample, if one is due; gives what is certain to be stuck, once.
    pub fn sample(&mut self) -> Option<Closed> {
        let now = Instant::now();
        if now < self.next {
            return None;
        }
        let before = cpu_time();
        let mut seen = tasks::family(self.root);
        self.for_good = believe(&self.folder, &mut seen);
        let found = self.look(seen, now);
        self.debt += cpu_time().saturating_sub(before);
        let rest = match self.suspects.is_empty() {
            true => std::mem::take(&mut self.debt) * REST,
            // A suspicion is looked into at once, and rested from afterwards.
            false => Duration::ZERO,
        };
        self.next = Instant::now() + EVERY.max(rest);
        found
    }

    fn look(&mut self, seen: BTreeMap<i32, Seen>, now: Instant) -> Option<Closed> {
        let still = |(pid, process): (&i32, &Seen)| {
            let same = process.threads.is_some() && self.last.get(pid) == Some(process);
            (*pid, if same { self.still.get(pid).copied().unwrap_or(0).saturating_add(1) } else { 0 })
        };
        self.still = seen.iter().map(still).collect();
        self.last = seen;
        let is_still = |pid: &i32| self.still.get(pid).is_some_and(|&samples| samples >= STILL_SAMPLES);
        if !self.last.keys().any(is_still) {
            self.suspects.clear();
            return None;
        }
        let picture: Picture =
            self.last.iter().map(|(pid, seen)| (*pid, is_still(pid).then(|| seen.clone()))).collect();
        let pause = match &self.looked {
            Some((known, again, _)) if *known == picture && now < *again => return None,
            Some((known, _, pause)) if *known == picture => (*pause * 2).min(LOOK_AGAIN_MAX),
            _ => LOOK_AGAIN,
        };
        let closed = self.closed(&picture);
        // A suspicion is looked into with the next sample.
        let confirmed = self.confirm(&closed, &picture, now);
        let again = if self.suspects.is_empty() { now + pause } else { now };
        self.looked = Some((picture, again, pause));
        confirmed
    }

    /// The stuck sets that were there at the last look too and have not been told.
    fn confirm(&mut self, closed: &Closed, picture: &Picture, now: Instant) -> Option<Closed> {
        let suspect = |set: &StuckSet| -> Suspect {
            let threads = set.core.iter().map(|&thread| &closed.family.threads[thread]);
            let with_progress = threads.filter_map(|thread| {
                let pid = closed.family.processes[thread.process].pid;
                let progress = picture.get(&pid)?.as_ref()?.threads.as_ref()?.get(&thread.tid)?;
                Some((thread.tid, thread.state.clone(), *progress))
            });
            with_progress.collect()
        };
        let (mut sets, mut suspects) = (Vec::new(), Vec::new());
        for set in &closed.sets {
            let suspect = suspect(set);
            if self.told.contains(&suspect) {
                continue;
            }
            let known = self.suspects.iter().find(|(known, _)| *known == suspect);
            let since = known.map_or(now, |(_, since)| *since);
            let patience = if self.may_tell(&closed.family, set) { BY_ITSELF } else { Duration::ZERO };
            if known.is_some() && now >= since + patience {
                sets.push(set.clone());
                self.told.push(suspect);
            } else {
                suspects.push((suspect, since));
            }
        }
        self.suspects = suspects;
        (!sets.is_empty()).then(|| Closed {
            stacks: stacks_of(&closed.family, &sets),
            family: closed.family.clone(),
            sets,
        })
    }

    /// Whether the process is about to say by itself that it stands still, and will know more of it: all its threads
    /// wait for each other, and one of them looks for that now and then.
    fn may_tell(&self, family: &Family, set: &StuckSet) -> bool {
        let threads = || set.core.iter().map(|&thread| &family.threads[thread]);
        let own = |thread: &Thread| threads().all(|other| other.process == thread.process);
        let by_futex = |thread: &Thread| matches!(&thread.state, State::Waits(wait) if matches!(wait.call, world::Call::Futex(_)));
        threads().all(|thread| own(thread) && by_futex(thread))
            && threads().any(|thread| self.for_good.contains(&thread.tid))
    }

    /// What the processes that stand still wait for, and what follows.
    fn closed(&mut self, picture: &Picture) -> Closed {
        let mut family = describe(&self.last, picture, &self.folder, &self.for_good);
        self.blind |= family.threads.iter().any(|thread| calls::is_hidden(&thread.state));
        let mut sets = world::decide(&family);
        if !sets.is_empty() && depends_on_handles(&family) {
            // Only now is it worth while to ask everybody else.
            look_outside(&mut family, &self.last);
            sets = world::decide(&family);
        }
        Closed { family, sets, stacks: BTreeMap::new() }
    }
}

/// Where those of the cores stand that a finding shows.
fn stacks_of(family: &Family, sets: &[StuckSet]) -> BTreeMap<i32, Vec<stacks::Place>> {
    let mut by_process: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for &thread in sets.iter().flat_map(|set| set.core.iter().take(world::EVIDENCE_MAX)) {
        let Thread { process, tid, .. } = family.threads[thread];
        by_process.entry(family.processes[process].pid).or_default().push(tid);
    }
    by_process.into_iter().flat_map(|(pid, tids)| stacks::take(pid, &tids)).collect()
}

/// Takes the processes at their word where they say that threads wait for good; gives those threads.
fn believe(folder: &str, seen: &mut BTreeMap<i32, Seen>) -> BTreeSet<i32> {
    let mut believed = BTreeSet::new();
    for (&pid, process) in seen {
        let Some(threads) = &mut process.threads else { continue };
        for (tid, sequence) in for_good(folder, pid) {
            if let Some(progress) = threads.get_mut(&tid) {
                *progress = progress.by_wait(sequence);
                believed.insert(tid);
            }
        }
    }
    believed
}

/// The threads of a process that say that they wait for good, each with the number of its wait.
fn for_good(folder: &str, pid: i32) -> impl Iterator<Item = (i32, u32)> {
    // One that cannot be read says nothing.
    let board = wait_board::read(std::path::Path::new(folder), pid.unsigned_abs()).unwrap_or_default();
    let within = board.into_iter().filter(|wait| wait.awaited == Awaited::Within);
    within.map(|wait| (wait.task as i32, wait.sequence))
}

/// The family, as far as its own processes tell. `picture` has the threads of those that stand still.
fn describe(
    seen: &BTreeMap<i32, Seen>,
    picture: &Picture,
    own_folder: &str,
    for_good: &BTreeSet<i32>,
) -> Family {
    let oldest_first = tasks::oldest_first(seen);
    let index: BTreeMap<i32, usize> = oldest_first.iter().copied().zip(0..).collect();
    let own_numbers = std::fs::read_link("/proc/self/ns/pid").ok();
    let mut family = Family::default();
    let mut sockets = None;
    let mut signals = Vec::new();
    for pid in oldest_first {
        let still = picture.get(&pid).cloned().flatten().and_then(|seen| seen.threads);
        let number = family.processes.len();
        let folder = match still.as_ref().and_then(|threads| threads.keys().next()) {
            Some(&tid) => Folder::new(pid, tid),
            None => Folder::of(pid),
        };
        let handled = handled_signals(&folder);
        let parent = index.get(&seen[&pid].parent).copied();
        family.processes.push(about(pid, parent, &folder, handled, own_folder));
        signals.push(handled);
        let Some(threads) = still else {
            let state = State::Moves("runs");
            family.threads.push(Thread { process: number, tid: pid, name: thread_name(pid, pid), state });
            continue;
        };
        let numbers =
            std::fs::read_link(folder.path("ns/pid")).ok().filter(|own| Some(own) == own_numbers.as_ref());
        let context = calls::Process {
            index: number,
            pid,
            folder,
            signals: handled.unwrap_or_default(),
            numbers: numbers.map(|_| &index),
            sockets: sockets.get_or_insert_with(Sockets::read),
            for_good,
        };
        let mut tids: Vec<i32> = threads.keys().copied().collect();
        tids.sort_by_key(|tid| (*tid != pid, threads[tid].started(), *tid));
        for tid in tids {
            let state = calls::state(&context, tid);
            family.threads.push(Thread { process: number, tid, name: thread_name(pid, tid), state });
        }
    }
    if depends_on_handles(&family) {
        let wanted = wanted(&family);
        for process in &mut family.processes {
            match handles::all(&Folder::of(process.pid), &wanted) {
                Some(handles) => process.handles = handles,
                // It may have any of them.
                None => family.outside.extend(&wanted),
            }
        }
    }
    family
}

/// One process, its handles left out.
fn about(
    pid: i32,
    parent: Option<usize>,
    folder: &Folder,
    signals: Option<Signals>,
    own_folder: &str,
) -> Process {
    Process {
        pid,
        program: program(pid),
        parent,
        handles: BTreeSet::new(),
        stirred_by: stirred_by(pid, folder, signals, own_folder),
        handles_child_end: signals.is_none_or(Signals::child_end),
    }
}

fn handled_signals(folder: &Folder) -> Option<Signals> {
    Signals::parse(status_field(&folder.text("status")?, "SigCgt")?)
}

/// Why a process that seems to stand still may move after all.
fn stirred_by(pid: i32, folder: &Folder, signals: Option<Signals>, own_folder: &str) -> Option<&'static str> {
    let Some(signals) = signals else { return Some("may not be looked at") };
    let status = folder.text("status").unwrap_or_default();
    if status_field(&status, "TracerPid") != Some("0") {
        return Some("is being debugged");
    }
    let python = || {
        let is_python = |name: &str| ["python", "pypy"].iter().any(|start| name.starts_with(start));
        let exe = std::fs::read_link(folder.path("exe")).ok();
        exe.and_then(|exe| Some(is_python(exe.file_name()?.to_str()?))).unwrap_or(false)
            || folder.text("maps").is_some_and(|maps| maps.contains("/libpython"))
    };
    if signals.asked_for_beside_interrupt() || signals.asked_for() && !python() {
        return Some("handles signals, one of which may end its wait");
    }
    if std::fs::read_to_string(format!("/proc/{pid}/timers")).is_ok_and(|timers| !timers.is_empty()) {
        return Some("has a timer");
    }
    let environment = folder.text("environ").unwrap_or_default();
    let watched_by = environment.split('\0').find_map(|variable| variable.strip_prefix(OWN_FOLDER));
    if watched_by.is_some_and(|folder| folder != own_folder) {
        return Some("is watched by another lockcheck");
    }
    if folder.text("maps").is_some_and(|maps| maps.contains("[aio]")) {
        return Some("has asynchronous input or output");
    }
    let fds = folder.fds().unwrap_or_default();
    if fds.into_iter().any(|fd| folder.target(fd) == Some(Target::IoUring)) {
        return Some("has asynchronous input or output");
    }
    shares_memory(pid).then_some("shares its memory with another process")
}

/// Whether the process has its memory in common with its parent, as between `vfork` and `exec`: then threads of the
/// other can end its waits.
fn shares_memory(pid: i32) -> bool {
    const KCMP_VM: i64 = 1;
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return true };
    let parent: Option<i32> = status_field(&status, "PPid").and_then(|parent| parent.parse().ok());
    let Some(parent) = parent else { return true };
    // SAFETY: compares two kernel objects; takes numbers only.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, pid, parent, KCMP_VM, 0_u64, 0_u64) };
    if order >= 0 {
        return order == 0;
    }
    // Without an answer: as long as the parent is in a call that starts a process, or may not be looked at.
    let call = |tid: i32| std::fs::read_to_string(format!("/proc/{parent}/task/{tid}/syscall"));
    let starts = |tid: i32| {
        let text = call(tid).unwrap_or_default();
        let number = text.split_whitespace().next().and_then(|word| word.parse::<i64>().ok());
        number.is_some_and(|number| CLONES.contains(&number))
    };
    tasks::numbers_in(&format!("/proc/{parent}/task")).into_iter().any(starts)
}

#[cfg(target_arch = "x86_64")]
const CLONES: [i64; 4] = [libc::SYS_clone, libc::SYS_clone3, libc::SYS_vfork, libc::SYS_fork];
#[cfg(not(target_arch = "x86_64"))]
const CLONES: [i64; 2] = [libc::SYS_clone, libc::SYS_clone3];

/// What a process runs: its program and the first file it was given, without folders.
fn program(pid: i32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split('\0').filter(|word| !word.is_empty()).collect();
    let Some((program, arguments)) = words.split_first() else { return thread_name(pid, pid) };
    let base = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let is_file = |word: &&&str| !word.starts_with('-') && !word.contains(' ') && word.contains('.');
    match arguments.iter().find(is_file) {
        Some(file) => format!("{} {}", base(program), base(file)),
        None => base(program),
    }
}

fn thread_name(pid: i32, tid: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// The handles that waits depend on.
fn wanted(family: &Family) -> Wanted {
    let waits = family.threads.iter().filter_map(|thread| match &thread.state {
        State::Waits(wait) => Some(wait),
        State::Moves(_) => None,
    });
    let handles = waits.flat_map(|wait| &wait.enders).filter_map(|ender| match ender {
        Ender::Holder(handle) => Some(*handle),
        _ => None,
    });
    handles.collect()
}

fn depends_on_handles(family: &Family) -> bool {
    !wanted(family).is_empty()
}

/// Finds out which handles others have too.
fn look_outside(family: &mut Family, seen: &BTreeMap<i32, Seen>) {
    let wanted = wanted(family);
    let (outside, hidden) = handles::outside(seen, &wanted);
    family.outside.extend(outside);
    let sockets = Sockets::read();
    // What we were given has its other end elsewhere.
    let ours: Vec<Handle> = family.outside.iter().copied().collect();
    let peers = ours.iter().filter(|handle| handle.kind == HandleKind::Socket);
    let peers: Vec<Handle> =
        peers.filter_map(|handle| sockets.peer(handle.object.1)).map(handles::socket).collect();
    family.outside.extend(peers);
    for handle in wanted {
        let holders = || family.processes.iter().filter(|process| process.handles.contains(&handle));
        // Nobody to be seen has it, and yet a wait depends on it: it is on its way between two processes, or hidden.
        let nobody = holders().next().is_none();
        let passed_on = hidden && holders().any(|process| talks_to_strangers(family, process, &sockets));
        if nobody || passed_on {
            family.outside.insert(handle);
        }
    }
}

/// Whether the process could have given a handle to somebody outside who may not be looked at.
fn talks_to_strangers(family: &Family, process: &Process, sockets: &Sockets) -> bool {
    let ours =
        |peer: u64| family.processes.iter().any(|other| other.handles.contains(&handles::socket(peer)));
    let mut peers = process.handles.iter().filter(|handle| handle.kind == HandleKind::Socket);
    peers.any(|handle| sockets.peer(handle.object.1).is_some_and(|peer| !ours(peer)))
}

/// The value of a line `name:   value`.
fn status_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Processor time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// The samples after which a thing that moves all the time counts as seen.
    const ENOUGH: u32 = 20;

    /// A program of `tests/programs`, below a shell that is the family's root and stays out of it.
    struct Watched {
        shell: Child,
        world: World,
    }

    impl Watched {
        fn start(arguments: &str) -> Watched {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/programs");
            let mut shell = Command::new("sh");
            // What is at the end of its input is somebody else's business, namely ours.
            shell.args(["-c", &format!("exec 3<&0; python3 {folder}/{arguments} <&3 & wait")]);
            shell.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut shell = shell.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n", "{arguments}");
            let mut world = World::new(std::path::Path::new("/none"));
            world.root = shell.id() as i32;
            Watched { shell, world }
        }

        /// Samples until all has been looked at twice.
        fn look(&mut self) -> Option<Closed> {
            let mut samples = 0;
            loop {
                std::thread::sleep(self.world.next().saturating_duration_since(Instant::now()));
                if let Some(closed) = self.world.sample() {
                    return Some(closed);
                }
                samples += 1;
                let looked_twice =
                    self.world.looked.as_ref().is_some_and(|(_, _, pause)| *pause > LOOK_AGAIN);
                if looked_twice || samples > ENOUGH {
                    return None;
                }
            }
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            for pid in tasks::family(self.world.root).into_keys() {
                // SAFETY: ends processes that this test has started.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
            let _ = self.shell.wait();
        }
    }

    fn silent(what: &str) {
        let mut watched = Watched::start(&format!("waits.py {what}"));
        let found = watched.look();
        assert!(found.is_none(), "{what}: {found:?}");
        assert!(!watched.world.last.is_empty(), "{what}: it is still there");
    }

    macro_rules! silent {
        ($($what:ident)*) => {$(
            #[test]
            fn $what() {
                silent(stringify!($what));
            }
        )*};
    }

    silent! {
        a_busy_thread
        a_child_that_reads_its_input
        a_child_that_sleeps
        a_connection
        a_connection_in_a_thread
        a_connection_that_gives_up
        a_connection_that_is_not_accepted_yet
        a_connection_whose_other_end_sleeps
        a_connection_with_a_timeout
        a_lock_with_a_timeout
        a_named_pipe
        a_polled_input
        a_signal
        a_signal_that_is_handled
        a_socket_with_a_timeout
        an_alarm
        an_event_loop
        some_input
        time_to_pass
    }
}
