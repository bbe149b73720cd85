//! Findings as data: what the JSON report holds and what every other form is made from (design contract 5.3).
//!
//! This module knows how to build a finding from evidence; it does not look for problems and does not lay out
//! text.

use std::collections::BTreeMap;

use lockcheck_events::{Attempt, Frame, LockId, LockKind, Mode, Request, Site, SiteId, StackId, ThreadId};

use crate::instances::INSTANCES_NAMED;
use crate::suppress::Suppressed;
use crate::{Code, Tier};

/// What evidence refers to by id, resolved. Implemented by the run-time for its own process and by the CLI for a
/// process that is dead.
pub trait Context {
    /// The name a reader knows the thread by; never empty.
    fn thread_name(&self, thread: ThreadId) -> String;
    /// The scope (test) the thread counts in.
    fn thread_scope(&self, thread: ThreadId) -> Option<String>;
    /// The lock's kind, name and creation site.
    fn lock(&self, lock: LockId) -> LockInfo;
    /// The place.
    fn site(&self, site: SiteId) -> Site;
    /// The stack's frames, innermost first, all of them; empty where none was captured.
    fn backtrace(&self, stack: StackId) -> Vec<Frame>;
    /// The position of the process in the family; 0 for a single one.
    fn process(&self) -> u32 {
        0
    }
    /// That of the process which the thread belongs to.
    fn process_of(&self, _thread: ThreadId) -> u32 {
        self.process()
    }
    /// The id under which a lock stands in a report.
    fn lock_name(&self, lock: LockId) -> String {
        match self.process() {
            0 => format!("{}", lock.0),
            process => format!("{process}.{}", lock.0),
        }
    }
}

/// What `Context` knows of a lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockInfo {
    /// What it is.
    pub kind: LockKind,
    /// The name the user gave it.
    pub name: Option<String>,
    /// Where it was created.
    pub created: Site,
}

/// One side of a cycle: a request, and which of its holds links it to the side before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CycleLink {
    /// The request that would block, or does.
    pub request: Request,
    /// Index into `request.holds` of the lock that the side before waits for; [`NO_HOLD`] where that is not a lock.
    pub via: usize,
}

/// What links a side to the one before is nothing that it holds.
pub const NO_HOLD: usize = usize::MAX;

/// One distinct problem.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Finding {
    /// The stable number.
    pub code: Code,
    /// The stable word that goes with `code`.
    pub kind: String,
    /// How sure it is.
    pub tier: Tier,
    /// 16 hex digits over the code and the sorted sites; the same on every run and machine.
    pub fingerprint: String,
    /// How many distinct sets of lock instances show it.
    pub instances: u64,
    /// The ids of the locks of each such set, where there are several; beyond a thousand they are only counted, and so
    /// are regions that were not atomic.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub instance_locks: Vec<Vec<String>>,
    /// The scope (test) it belongs to; `None`: to the process.
    pub scope: Option<String>,
    /// Every scope (test) that shows it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub scopes: Vec<String>,
    /// What could happen or did, in one sentence.
    pub message: String,
    /// What to do, in one sentence.
    pub advice: String,
    /// The schedule that replays it.
    pub schedule: Option<String>,
    /// Of a predicted one: a run of the same program that reaches it, step by step.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub witness: Option<Vec<Step>>,
    /// The locks of the cycle, in its order.
    pub locks: Vec<LockDetail>,
    /// One entry per edge of a cycle, one per access of a race.
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// Adds the instances of the same problem found elsewhere: in another process, or in another part of a trace. Those
    /// of a side that only counts its own stay counted, and then none is named.
    pub fn add_instances(&mut self, other: &Finding) {
        // Each names its sets only where it has several.
        let sets = |finding: &Finding| match finding.instance_locks.is_empty() {
            true if finding.instances > 1 => None,
            true => Some(vec![finding.locks.iter().map(|lock| lock.id.clone()).collect()]),
            false => Some(finding.instance_locks.clone()),
        };
        let both = sets(self).zip(sets(other)).map(|(own, others)| [own, others].concat());
        self.instance_locks = both.unwrap_or_default();
        self.instance_locks.truncate(INSTANCES_NAMED);
        self.instances += other.instances;
    }
}

/// One step of a witness: the thread by its name, and which of its events it does next, counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Step(pub String, pub u32);

/// A lock that takes part in a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LockDetail {
    /// Its id, unique within the report.
    pub id: String,
    /// The everyday word for what it is.
    pub class: String,
    /// The name the user gave it.
    pub name: Option<String>,
    /// Where it was created.
    pub created: Site,
}

/// One operation that takes part in a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Evidence {
    /// The position of the process in the family.
    pub process: u32,
    /// The thread's name.
    pub thread: String,
    /// The operation's index among its thread's events; the line number in a text trace.
    pub event: u64,
    /// `request`, `acquire`, `wait`, `notify`, `join`, `send`, `recv`, `read`, `write`, ...
    pub action: String,
    /// How long it was ready to wait.
    pub attempt: Attempt,
    /// The id of the lock or datum, as in `Finding::locks`.
    pub lock: String,
    /// How.
    #[cfg_attr(feature = "serde", serde(serialize_with = "contract_mode"))]
    pub mode: Mode,
    /// Everything the thread held, oldest first.
    pub holds: Vec<HeldLock>,
    /// Where.
    pub site: Site,
    /// All frames, innermost first; which are the user's is marked.
    pub backtrace: Vec<Frame>,
}

/// A lock that was held when the operation was made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HeldLock {
    /// The id of the lock; described in `Finding::locks` if it is part of the cycle.
    pub lock: String,
    /// How it was held.
    #[cfg_attr(feature = "serde", serde(serialize_with = "contract_mode"))]
    pub mode: Mode,
    /// The acquisition's index among its thread's events.
    pub event: u64,
    /// Where it was asked for.
    pub site: Site,
}

/// The contract knows one word for both kinds of shared holds.
#[cfg(feature = "serde")]
fn contract_mode<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.as_str())
}

/// How much is suppressed: what it is, is told in other forms.
#[cfg(feature = "serde")]
fn as_number<S: serde::Serializer>(suppressed: &[Suppressed], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(suppressed.len() as u64)
}

/// What the whole run comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Verdict {
    /// Nothing that counts was found.
    Clean,
    /// Something that counts was found.
    Findings,
    /// The program was deadlocked or hung.
    Hang,
    /// Nothing was watched, so nothing can be said.
    Inconclusive,
}

/// How the program itself ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProgramStatus {
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// Counts over the whole run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stats {
    /// Threads seen.
    pub threads: u64,
    /// Locks that took part in a nesting or a contention.
    pub locks: u64,
    /// Records read, or events of a full recording.
    pub events: u64,
    /// Distinct lock-order edges.
    pub edges: u64,
    /// Processes of the family.
    pub processes: u64,
    /// Pieces of knowledge lost to a named limit.
    pub dropped: u64,
}

/// The result of a run: everything a reader of any form gets.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Report {
    /// Always `lockcheck.report.v1`.
    pub schema: String,
    /// What was run or read.
    pub target: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// How the program ended; `None` where none was run.
    pub program: Option<ProgramStatus>,
    /// Counts.
    pub stats: Stats,
    /// Sorted by fingerprint.
    pub findings: Vec<Finding>,
    /// What a project has decided to live with; for programs, how much of it there is.
    #[cfg_attr(feature = "serde", serde(default, skip_deserializing, serialize_with = "as_number"))]
    pub suppressed: Vec<Suppressed>,
    /// Limits that were reached and other remarks about the run as a whole.
    #[cfg_attr(feature = "serde", serde(default))]
    pub notes: Vec<String>,
}

impl Report {
    /// The schema's name and version.
    pub const SCHEMA: &'static str = "lockcheck.report.v1";

    /// A report without findings.
    pub fn empty(target: impl Into<String>) -> Report {
        Report {
            schema: Report::SCHEMA.to_owned(),
            target: target.into(),
            verdict: Verdict::Clean,
            program: None,
            stats: Stats::default(),
            findings: Vec::new(),
            suppressed: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The findings that are cycles or stuck sets of locks: what `assert_no_cycles!` looks for.
    pub fn cycles(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| {
            finding.tier >= Tier::Likely
                && matches!(
                    finding.code,
                    Code::LockOrderCycle
                        | Code::SelfDeadlock
                        | Code::Deadlock
                        | Code::RwlockRecursion
                        | Code::JoinDeadlock
                        | Code::CrossProcessDeadlock
                )
        })
    }

    /// The findings that count at this tier: lints never do.
    pub fn at_least(&self, tier: Tier) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| !finding.code.is_lint() && finding.tier >= tier)
    }
}

impl Finding {
    /// The same finding, with the reason why it is no surer; where a stated order was broken, with what was stated.
    #[must_use]
    pub fn doubted(mut self, doubt: Option<&str>) -> Finding {
        if let Some(doubt) = doubt {
            let is_breach = self.code == Code::LockOrderCycle && self.evidence.len() == 1;
            self.message.push_str(if is_breach { ": " } else { ", unless " });
            self.message.push_str(doubt);
        }
        self
    }

    /// The same finding, with more about it.
    #[must_use]
    pub fn detailed(mut self, detail: Option<&str>) -> Finding {
        if let Some(detail) = detail {
            self.message.push_str(if self.code == Code::Panic { ": " } else { "; " });
            self.message.push_str(detail);
        }
        self
    }

    /// What it is and how sure; nothing yet of where, who and in what words.
    pub fn bare(code: Code, tier: Tier) -> Finding {
        Finding {
            code,
            kind: code.kind().to_owned(),
            tier,
            fingerprint: String::new(),
            instances: 1,
            instance_locks: Vec::new(),
            scope: None,
            scopes: Vec::new(),
            message: String::new(),
            advice: String::new(),
            schedule: None,
            witness: None,
            locks: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Builds a finding from the sides of a cycle (or of a stuck set), in the cycle's order.
    ///
    /// The sides are rotated so that the one with the smallest sites comes first: which of them closed the cycle
    /// is chance, and a report must not depend on it. Where the sides have roles, the one who waits comes first.
    pub fn from_cycle(code: Code, tier: Tier, links: &[CycleLink], context: &dyn Context) -> Finding {
        let mut links = links.to_vec();
        arrange(code, &mut links, context);
        let mut locks: BTreeMap<LockId, String> = BTreeMap::new();
        let mut details = Vec::new();
        // Where the second side asks for another object, the held lock is a part of it as well.
        let is_breach = code == Code::LockOrderCycle && links.len() == 1;
        let names_holds = is_breach || matches!(code, Code::WaitWhileHolding | Code::BlockingWhileHolding);
        let held = links.iter().filter(|_| names_holds);
        let held = held.filter_map(|link| link.request.holds.get(link.via));
        let panic = links.iter().filter(|_| code == Code::Panic).flat_map(|link| &link.request.holds);
        let held = held.chain(panic).map(|hold| hold.lock);
        for lock in links.iter().map(|link| link.request.lock).chain(held) {
            locks.entry(lock).or_insert_with(|| {
                let id = context.lock_name(lock);
                let info = context.lock(lock);
                details.push(LockDetail {
                    id: id.clone(),
                    class: info.kind.as_str().to_owned(),
                    name: info.name,
                    created: info.created,
                });
                id
            });
        }
        let evidence: Vec<Evidence> = links.iter().map(|link| evidence(code, link, context)).collect();
        let scopes: Vec<Option<String>> =
            links.iter().map(|link| context.thread_scope(link.request.thread)).collect();
        let scope = scopes
            .first()
            .cloned()
            .flatten()
            .filter(|first| scopes.iter().all(|other| other.as_ref() == Some(first)));
        let mut finding = Finding {
            fingerprint: fingerprint(code, &links, context),
            scopes: scope.iter().cloned().collect(),
            scope,
            locks: details,
            evidence,
            ..Finding::bare(code, tier)
        };
        finding.message = crate::words::message(&finding);
        finding.advice = crate::words::advice(&finding);
        finding
    }
}

fn evidence(code: Code, link: &CycleLink, context: &dyn Context) -> Evidence {
    let request = &link.request;
    Evidence {
        process: context.process_of(request.thread),
        thread: context.thread_name(request.thread),
        event: request.event.into(),
        action: match code {
            Code::NotTheOwner => "release",
            Code::LockLeaked => "acquire",
            Code::Panic => "panic",
            Code::DataRace if request.mode == Mode::Exclusive => "write",
            Code::DataRace => "read",
            _ => action(context.lock(request.lock).kind, request.mode, request.attempt),
        }
        .to_owned(),
        attempt: request.attempt,
        lock: context.lock_name(request.lock),
        mode: request.mode,
        holds: request
            .holds
            .iter()
            .map(|hold| HeldLock {
                lock: context.lock_name(hold.lock),
                mode: hold.mode,
                event: hold.event.into(),
                site: context.site(hold.site),
            })
            .collect(),
        site: context.site(request.site),
        backtrace: context.backtrace(request.stack),
    }
}

/// What a request for an object of this kind does. A condition or event is not tried: that is a notification.
fn action(kind: LockKind, mode: Mode, attempt: Attempt) -> &'static str {
    match kind {
        LockKind::Variable if mode == Mode::Shared => "read",
        LockKind::Variable => "write",
        LockKind::Gate => "acquire",
        LockKind::Thread | LockKind::Process => "join",
        LockKind::Pipe => "wait",
        LockKind::Condition | LockKind::Event if attempt == Attempt::Try => "notify",
        LockKind::Queue if attempt == Attempt::Try => "notify",
        LockKind::Pool if attempt == Attempt::Try => "submit",
        LockKind::Condition | LockKind::Event | LockKind::Barrier | LockKind::Queue | LockKind::Pool => {
            "wait"
        }
        LockKind::Mutex | LockKind::Reentrant | LockKind::RwLock | LockKind::Semaphore | LockKind::Once => {
            "request"
        }
    }
}

/// What a side contributes to identity: its two sites with their modes. A member of a stuck set may hold nothing;
/// it has one.
fn side_key(link: &CycleLink, context: &dyn Context) -> Vec<(Site, &'static str)> {
    let held = link.request.holds.get(link.via).map(|hold| (hold.site, hold.mode));
    let wanted = (link.request.site, link.request.mode);
    held.into_iter().chain([wanted]).map(|(site, mode)| (context.site(site), mode.as_str())).collect()
}

/// Puts the sides into an order that does not depend on chance.
fn arrange(code: Code, links: &mut [CycleLink], context: &dyn Context) {
    let key = |link: &CycleLink| (side_key(link, context), context.thread_name(link.request.thread));
    match code {
        // The waiter, then the notifier; who reads, who comes in between, who writes.
        Code::LostWakeup
        | Code::WaitWhileHolding
        | Code::ExecutorStarvation
        | Code::Contention
        | Code::LostUpdate => {}
        Code::StuckWait => links.sort_by_cached_key(key),
        Code::JoinDeadlock => {
            let joins = |link: &CycleLink| context.lock(link.request.lock).kind == LockKind::Thread;
            let first = (0..links.len()).filter(|&at| joins(&links[at])).min_by_key(|&at| key(&links[at]));
            links.rotate_left(first.unwrap_or(0));
        }
        _ => rotate_to_smallest(links, &key),
    }
}

fn rotate_to_smallest<K: Ord>(links: &mut [CycleLink], key: &dyn Fn(&CycleLink) -> K) {
    let keys: Vec<K> = links.iter().map(key).collect();
    let start = (0..links.len()).min_by_key(|&start| {
        (0..keys.len()).map(|step| &keys[(start + step) % keys.len()]).collect::<Vec<_>>()
    });
    links.rotate_left(start.unwrap_or(0));
}

/// Hashes the code and the sorted (package, file, line, column, mode) of all sites.
fn fingerprint(code: Code, links: &[CycleLink], context: &dyn Context) -> String {
    let sites = links.iter().flat_map(|link| side_key(link, context)).collect();
    fingerprint_of(code, sites)
}

/// The fingerprint of a finding with these sites and modes: 16 hex digits, stable over runs, machines and
/// versions (64-bit FNV-1a over a length-free, separator-terminated text).
pub fn fingerprint_of(code: Code, mut sites: Vec<(Site, &'static str)>) -> String {
    // How many threads took part is not identity: five philosophers and three are one problem.
    sites.sort();
    sites.dedup();
    let mut hash = Fnv::new();
    hash.write(code.as_str());
    for (site, mode) in &sites {
        hash.write(&site.package);
        hash.write(&site.file);
        hash.write(&site.line.to_string());
        hash.write(&site.column.to_string());
        hash.write(mode);
    }
    format!("{:016x}", hash.0)
}

/// 64-bit FNV-1a: std's hashers promise no stable result.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    /// Hashes the text and a separator that no text contains.
    fn write(&mut self, text: &str) {
        for &byte in text.as_bytes().iter().chain(&[0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(instances: u64, named: &[&[&str]]) -> Finding {
        let ids = |set: &&[&str]| set.iter().map(|&id| id.to_owned()).collect();
        let instance_locks = named.iter().map(ids).collect();
        Finding { instances, instance_locks, ..Finding::bare(Code::DataRace, Tier::Likely) }
    }

    #[test]
    fn instances_are_named_where_both_sides_name_theirs() {
        let mut found = seen(2, &[&["a", "b"], &["c"]]);
        found.add_instances(&seen(2, &[&["d"], &["e"]]));
        assert_eq!((found.instances, found.instance_locks.len()), (4, 4));
        // One is named by the finding itself.
        found.add_instances(&seen(1, &[]));
        assert_eq!((found.instances, found.instance_locks.len()), (5, 5));
        found.add_instances(&seen(3, &[]));
        assert_eq!((found.instances, found.instance_locks.len()), (8, 0), "which three, nobody knows");
        let most: Vec<&[&str]> = vec![&["x"]; INSTANCES_NAMED];
        let mut many = seen(INSTANCES_NAMED as u64, &most);
        many.add_instances(&seen(1, &[]));
        assert_eq!(
            (many.instances, many.instance_locks.len()),
            (INSTANCES_NAMED as u64 + 1, INSTANCES_NAMED)
        );
    }
}
