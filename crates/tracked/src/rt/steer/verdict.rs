//! What a run that cannot go on is called: the controller's own knowledge, as the checker's snapshot, and the finding
//! made of what it says.
//!
//! The checker decides; nothing is guessed here. The world is closed: every thread that could end a wait is under
//! control, or has been waited for.

use lockcheck_checker::finding::{CycleLink, NO_HOLD};
use lockcheck_checker::waits::{Snapshot, Stuck, Waiting};
use lockcheck_checker::{Code, Collection, Context, Finding, LockInfo, Tier};
use lockcheck_events::{
    Frame, LockId, LockKind, Request, Site, SiteId, StackId, StuckKind, StuckThread, ThreadId,
};

use super::controller::{Member, Obstacle, State};
use super::panics::Panicked;
use crate::rt::context::HeldLock;
use crate::rt::names::Names;
use crate::rt::{knowledge, output, registry};

/// The finding that these workers, each before an access of the same datum, race for it.
pub(super) fn race(state: &State, workers: &[u32]) -> Option<Finding> {
    let sides = sides_of(state, workers).into_iter();
    let links: Vec<CycleLink> = sides.map(|request| CycleLink { request, via: NO_HOLD }).collect();
    (links.len() > 1).then(|| Finding::from_cycle(Code::DataRace, Tier::Confirmed, &links, &Cast(state)))
}

/// The finding that a worker's panic is.
pub(super) fn panic(state: &State, worker: u32, heard: &Panicked) -> Option<Finding> {
    let request = heard.side.clone()?;
    let started = state.members[worker as usize].started.map_or(request.site, registry::site);
    registry::register_thread(request.lock, started, name_of(state, worker));
    let link = CycleLink { request, via: NO_HOLD };
    let finding = Finding::from_cycle(Code::Panic, Tier::Confirmed, &[link], &Cast(state));
    Some(finding.detailed(Some(&heard.line())))
}

/// The requests of these workers, as sides of a finding.
pub(super) fn sides_of(state: &State, workers: &[u32]) -> Vec<Request> {
    let sides = workers.iter().filter_map(|worker| waiting(&state.members[*worker as usize]));
    sides.map(|side| side.request).collect()
}

/// What the controller calls a worker.
pub(super) fn name_of(state: &State, worker: u32) -> String {
    let member = &state.members[worker as usize];
    match (&member.name, worker) {
        (Some(name), _) => name.clone(),
        (None, 0) => Names.thread_name(member.thread),
        (None, _) => format!("thread {worker}"),
    }
}

/// Which of the suspects can never go on, and how. `partial`: others could, so that only circles count.
pub(super) fn stuck(state: &State, suspects: &[u32], partial: bool) -> Vec<Stuck> {
    let mut snapshot = Snapshot::default();
    for &suspect in suspects {
        if let Some(waiting) = waiting(&state.members[suspect as usize]) {
            snapshot.waiting.push(waiting);
        }
    }
    let circle = snapshot.waiting.iter().find_map(|waiting| snapshot.circle_from(waiting.request.thread));
    if let Some(circle) = circle {
        return vec![own_kind(circle)];
    }
    if partial {
        return Vec::new();
    }
    snapshot.complete = true;
    let told = snapshot.standstill();
    // Threads that nobody waits for and that wait for a signal when the program is over are its background threads.
    let main_is_over = matches!(state.members.first().map(|main| main.obstacle), Some(Obstacle::Over));
    if !told.is_empty() {
        let counts = |stuck: &Stuck| !main_is_over || stuck.kind == StuckKind::Deadlock;
        return told.into_iter().filter(counts).collect();
    }
    if main_is_over || snapshot.waiting.is_empty() {
        return Vec::new();
    }
    let threads = snapshot.waiting.into_iter();
    let threads = threads.map(|waiting| StuckThread { request: waiting.request, waits_for: Vec::new() });
    vec![Stuck { kind: StuckKind::StuckWait, threads: threads.collect() }]
}

/// A circle of one is a thread that waits for itself.
fn own_kind(stuck: Stuck) -> Stuck {
    let alone = stuck.threads.len() == 1 && stuck.kind == StuckKind::Deadlock;
    Stuck { kind: if alone { StuckKind::SelfDeadlock } else { stuck.kind }, ..stuck }
}

/// The worker, as one that waits.
fn waiting(member: &Member) -> Option<Waiting> {
    let wait = member.wait.as_ref()?;
    // SAFETY: null, or the hold set of a live thread of this exploration, see `Member`.
    let holds = unsafe { member.holds.as_ref() }?;
    let wanted = wait.wanted();
    std::iter::once(wanted).chain(holds.iter()).for_each(|lock| register(&lock));
    let request = knowledge::request(member.thread, holds, &wanted, member.stack);
    Some(Waiting { request, enders: wait.enders(), lost: wait.lost_signal(), unused: wait.unused_signal() })
}

/// What these workers hold and want.
pub(super) fn locks_of(state: &State, workers: &[u32]) -> Vec<HeldLock> {
    let mut locks = Vec::new();
    for member in workers.iter().map(|worker| &state.members[*worker as usize]) {
        locks.extend(member.wait.as_ref().map(crate::rt::waits::Wait::wanted));
        // SAFETY: as in `waiting`.
        locks.extend(unsafe { member.holds.as_ref() }.into_iter().flat_map(|holds| holds.iter()));
    }
    locks
}

/// Lets reports name the lock.
fn register(lock: &HeldLock) {
    let (kind, created) = registry::origin(lock);
    registry::register_lock(lock.id, kind, created);
}

/// The registry, with the workers' names of this run.
struct Cast<'a>(&'a State);

impl Context for Cast<'_> {
    fn thread_name(&self, thread: ThreadId) -> String {
        let worker = self.0.members.iter().position(|member| member.thread == thread);
        worker.map_or_else(|| Names.thread_name(thread), |worker| name_of(self.0, worker as u32))
    }

    fn thread_scope(&self, _: ThreadId) -> Option<String> {
        self.0.members.first().and_then(|main| Names.thread_scope(main.thread))
    }

    fn lock(&self, lock: LockId) -> LockInfo {
        let mut info = Names.lock(lock);
        if info.kind == LockKind::Thread && info.name.is_none() {
            let ends = |member: &&Member| {
                member.wait.as_ref().is_some_and(|wait| wait.wanted().id == lock && wait.target().is_some())
            };
            let target = self.0.members.iter().find(ends).and_then(|member| member.wait.as_ref()?.target());
            info.name = target.map(|thread| self.thread_name(thread));
        }
        info
    }

    fn site(&self, site: SiteId) -> Site {
        Names.site(site)
    }

    /// Nothing where the CLI makes the report, from the trace: names take a hundred times as long as the run.
    fn backtrace(&self, stack: StackId) -> Vec<Frame> {
        if self.0.program && output::under_cli() { Vec::new() } else { Names.backtrace(stack) }
    }
}

/// The finding that a report shows, but for its schedule.
pub(super) fn finding(state: &State, stuck: &Stuck) -> Finding {
    let news = Collection::new().stuck(stuck.kind, &stuck.threads, None);
    let mut finding = news.map(|news| news.finding(&Cast(state))).expect("a stuck set has members");
    finding.tier = Tier::Confirmed;
    finding
}
