//! The lock order of a whole family of processes: the records of each, with their ids mapped to ids of the family, fed to
//! one judge. A lock that processes share is one lock there, whatever each of them calls it.
//!
//! Each process's own findings are its own judge's; this one gives only those that cross processes. What a process did
//! before it started another comes before everything in that one, and everything in a process comes before what its
//! parent does after having waited for its end: the traces are interleaved so that these points meet.

use std::collections::{BTreeSet, HashMap, VecDeque};

use lockcheck_events::{
    Frame, Hold, Intent, LockId, RawSite, Record, Request, Site, SiteId, StackId, ThreadId, TokenId,
};

use crate::finding::fingerprint_of;
use crate::words::linking_hold;
use crate::{Code, Context, Finding, Judge, LockInfo};

/// The records of one process, in order.
pub struct Source<'a> {
    /// The system's number for it; a number may be given again.
    pub pid: u32,
    /// What it wrote.
    pub records: Box<dyn Iterator<Item = Record> + 'a>,
}

/// Judges the processes together. They stand in the order in which they were started.
pub fn judge(sources: Vec<Source<'_>>) -> FamilyJudge {
    let mut family = FamilyJudge::default();
    let mut open: Vec<Reading<'_>> = sources.into_iter().map(Reading::new).collect();
    family.processes =
        open.iter().map(|reading| Process { pid: reading.pid, ..Process::default() }).collect();
    loop {
        let mut moved = false;
        for (index, reading) in open.iter_mut().enumerate() {
            while let Some(record) = reading.next(|record| family.may_take(index, record)) {
                family.take(index, &record);
                moved = true;
            }
            family.processes[index].ended |= reading.ended;
        }
        if open.iter().all(|reading| reading.ended) {
            return family;
        }
        if !moved {
            // What one waits for is missing from the other's trace: it goes on without.
            let Some((index, reading)) = open.iter_mut().enumerate().find(|(_, reading)| !reading.ended)
            else {
                return family;
            };
            if let Some(record) = reading.next(|_| true) {
                family.take(index, &record);
            }
        }
    }
}

/// A trace that is being read, up to a record that must wait for another process.
struct Reading<'a> {
    pid: u32,
    records: Box<dyn Iterator<Item = Record> + 'a>,
    held_back: VecDeque<Record>,
    ended: bool,
}

impl<'a> Reading<'a> {
    fn new(source: Source<'a>) -> Reading<'a> {
        Reading { pid: source.pid, records: source.records, held_back: VecDeque::new(), ended: false }
    }

    /// The next record, if it may be taken now.
    fn next(&mut self, may: impl FnOnce(&Record) -> bool) -> Option<Record> {
        let Some(record) = self.held_back.pop_front().or_else(|| self.records.next()) else {
            self.ended = true;
            return None;
        };
        if may(&record) {
            return Some(record);
        }
        self.held_back.push_front(record);
        None
    }
}

/// What is known of one process.
#[derive(Default)]
struct Process {
    pid: u32,
    /// Its names for things, as the family's.
    threads: HashMap<ThreadId, ThreadId>,
    locks: HashMap<LockId, LockId>,
    sites: HashMap<SiteId, SiteId>,
    stacks: HashMap<StackId, StackId>,
    tokens: HashMap<TokenId, TokenId>,
    /// The point of its parent that it began at.
    began: Option<TokenId>,
    /// Whether its trace has been read to its end.
    ended: bool,
    /// Whether somebody waited for its end.
    joined: bool,
}

/// Which process an id comes from, and what it is there.
type Origin<T> = (usize, T);

/// The family's records, judged. Ids are the family's own, numbered from 1.
#[derive(Default)]
pub struct FamilyJudge {
    judge: Judge,
    processes: Vec<Process>,
    threads: Vec<Origin<ThreadId>>,
    locks: Vec<Origin<LockId>>,
    sites: Vec<Origin<SiteId>>,
    stacks: Vec<Origin<StackId>>,
    tokens: u32,
    /// The locks that processes share, by device, inode and offset.
    shared: HashMap<(u64, u64, u64), LockId>,
    /// Sites are equal by content, in whatever process.
    by_place: HashMap<RawSite, SiteId>,
}

impl FamilyJudge {
    /// Whether nothing must come before this record that has not come yet.
    fn may_take(&self, index: usize, record: &Record) -> bool {
        match record {
            Record::Parent { pid, token } => match self.parent(index, *pid) {
                Some(parent) => {
                    self.processes[parent].tokens.contains_key(token) || self.processes[parent].ended
                }
                None => true,
            },
            Record::Joined { pid, .. } => {
                self.child(index, *pid).is_none_or(|child| self.processes[child].ended)
            }
            _ => true,
        }
    }

    /// The process with this number that was there when this one was started.
    fn parent(&self, index: usize, pid: u32) -> Option<usize> {
        (0..index).rev().find(|&other| self.processes[other].pid == pid)
    }

    /// The process with this number that was started after this one and that nobody has waited for.
    fn child(&self, index: usize, pid: u32) -> Option<usize> {
        let is_it = |other: &usize| self.processes[*other].pid == pid && !self.processes[*other].joined;
        (index + 1..self.processes.len()).find(is_it)
    }

    fn take(&mut self, index: usize, record: &Record) {
        match record {
            Record::Site { site, raw } => self.site_is(index, *site, raw),
            Record::Shared { lock, device, inode, offset } => {
                let id = match self.shared.get(&(*device, *inode, *offset)) {
                    Some(&known) => known,
                    None => self.lock(index, *lock),
                };
                self.shared.insert((*device, *inode, *offset), id);
                self.processes[index].locks.insert(*lock, id);
            }
            Record::Parent { pid, token } => self.begins(index, *pid, *token),
            Record::Joined { thread, pid } => self.joins(index, *thread, *pid),
            Record::ThreadStart { thread, name, parent, os_id, scope } => {
                let own = self.thread(index, *thread);
                let parent = parent.map(|parent| self.thread(index, parent));
                let (name, os_id, scope) = (name.clone(), *os_id, scope.clone());
                self.judge.feed(&Record::ThreadStart { thread: own, name, parent, os_id, scope });
                if let Some(token) = self.processes[index].began.filter(|_| parent.is_none()) {
                    self.judge.feed(&Record::After { thread: own, token });
                }
            }
            Record::Before { thread, token } => {
                let (thread, token) = (self.thread(index, *thread), self.token(index, *token));
                self.judge.feed(&Record::Before { thread, token });
            }
            Record::After { thread, token } => {
                let (thread, token) = (self.thread(index, *thread), self.token(index, *token));
                self.judge.feed(&Record::After { thread, token });
            }
            Record::Lock { lock, kind, created, name } => {
                let (lock, created) = (self.lock(index, *lock), self.site(index, *created));
                self.judge.feed(&Record::Lock { lock, kind: *kind, created, name: name.clone() });
            }
            Record::LockDropped { lock } => {
                let lock = self.lock(index, *lock);
                // Others may still have what they share.
                if !self.shared.values().any(|shared| *shared == lock) {
                    self.judge.feed(&Record::LockDropped { lock });
                }
            }
            Record::Request(request) => {
                let request = self.request(index, request);
                self.judge.feed(&Record::Request(request));
            }
            Record::Access { request, writes } => {
                let request = self.request(index, request);
                self.judge.feed(&Record::Access { request, writes: *writes });
            }
            Record::Intent(intent) => {
                let intent = self.intent(index, intent);
                self.judge.feed(&Record::Intent(intent));
            }
            // What concerns one process alone is its own judge's. A thread that has ended keeps its past. Waits for
            // signals are not followed across processes.
            _ => {}
        }
    }

    /// The process goes on from this point of another one.
    fn begins(&mut self, index: usize, pid: u32, token: TokenId) {
        let Some(parent) = self.parent(index, pid) else { return };
        let token = self.token(parent, token);
        self.processes[index].began = Some(token);
        let threads: BTreeSet<ThreadId> = self.processes[index].threads.values().copied().collect();
        for thread in threads {
            self.judge.feed(&Record::After { thread, token });
        }
    }

    /// The thread goes on after everything in another process.
    fn joins(&mut self, index: usize, thread: ThreadId, pid: u32) {
        let Some(child) = self.child(index, pid) else { return };
        self.processes[child].joined = true;
        let thread = self.thread(index, thread);
        let ended: BTreeSet<ThreadId> = self.processes[child].threads.values().copied().collect();
        for other in ended {
            let token = self.new_token();
            self.judge.feed(&Record::Before { thread: other, token });
            self.judge.feed(&Record::After { thread, token });
        }
    }

    fn request(&mut self, index: usize, request: &Request) -> Request {
        let hold = |family: &mut FamilyJudge, hold: &Hold| Hold {
            lock: family.lock(index, hold.lock),
            site: family.site(index, hold.site),
            ..*hold
        };
        Request {
            thread: self.thread(index, request.thread),
            lock: self.lock(index, request.lock),
            site: self.site(index, request.site),
            stack: self.stack(index, request.stack),
            holds: request.holds.iter().map(|held| hold(self, held)).collect(),
            ..request.clone()
        }
    }

    fn intent(&mut self, index: usize, intent: &Intent) -> Intent {
        let mut intent = intent.clone();
        intent.thread = self.thread(index, intent.thread);
        intent.ignored = intent.ignored.map(|site| self.site(index, site));
        for ranked in &mut intent.ranked {
            ranked.stated = self.site(index, ranked.stated);
            ranked.created = self.site(index, ranked.created);
        }
        intent
    }

    fn thread(&mut self, index: usize, thread: ThreadId) -> ThreadId {
        let threads = &mut self.threads;
        *self.processes[index].threads.entry(thread).or_insert_with(|| {
            threads.push((index, thread));
            ThreadId(threads.len() as u32)
        })
    }

    fn lock(&mut self, index: usize, lock: LockId) -> LockId {
        let locks = &mut self.locks;
        *self.processes[index].locks.entry(lock).or_insert_with(|| {
            locks.push((index, lock));
            LockId(locks.len() as u64)
        })
    }

    fn site(&mut self, index: usize, site: SiteId) -> SiteId {
        let sites = &mut self.sites;
        *self.processes[index].sites.entry(site).or_insert_with(|| {
            sites.push((index, site));
            SiteId(sites.len() as u32)
        })
    }

    fn site_is(&mut self, index: usize, site: SiteId, raw: &RawSite) {
        match self.by_place.get(raw) {
            Some(&known) => drop(self.processes[index].sites.insert(site, known)),
            None => {
                let id = self.site(index, site);
                self.by_place.insert(raw.clone(), id);
            }
        }
    }

    fn stack(&mut self, index: usize, stack: StackId) -> StackId {
        if stack.0 == 0 {
            return stack;
        }
        let stacks = &mut self.stacks;
        *self.processes[index].stacks.entry(stack).or_insert_with(|| {
            stacks.push((index, stack));
            StackId(stacks.len() as u32)
        })
    }

    fn token(&mut self, index: usize, token: TokenId) -> TokenId {
        let tokens = &mut self.tokens;
        *self.processes[index].tokens.entry(token).or_insert_with(|| {
            *tokens += 1;
            TokenId(*tokens)
        })
    }

    fn new_token(&mut self) -> TokenId {
        self.tokens += 1;
        TokenId(self.tokens)
    }

    /// The findings whose sides lie in different processes. `contexts`: what each process's ids stand for.
    pub fn findings(&self, contexts: &[&dyn Context]) -> Vec<Finding> {
        let context = FamilyContext { judge: self, contexts };
        let mut findings = self.judge.found().findings(&context);
        findings.retain(|finding| {
            let mut processes = finding.evidence.iter().map(|side| side.process);
            let first = processes.next();
            processes.any(|other| Some(other) != first)
        });
        let mut findings: Vec<Finding> = findings.into_iter().map(across).collect();
        findings.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
        findings
    }
}

/// A cycle over several processes has a code of its own.
fn across(mut finding: Finding) -> Finding {
    if finding.code == Code::LockOrderCycle {
        finding.code = Code::CrossProcessDeadlock;
        finding.kind = finding.code.kind().to_owned();
        let sides = 0..finding.evidence.len();
        let sites = sides.flat_map(|side| {
            let held = linking_hold(&finding, side).map(|hold| (hold.site.clone(), hold.mode.as_str()));
            let evidence = &finding.evidence[side];
            held.into_iter().chain([(evidence.site.clone(), evidence.mode.as_str())])
        });
        finding.fingerprint = fingerprint_of(finding.code, sites.collect());
        finding.message = crate::words::message(&finding);
        finding.advice = crate::words::advice(&finding);
    }
    finding
}

/// What the family's ids stand for: asked of the process that each comes from.
struct FamilyContext<'a> {
    judge: &'a FamilyJudge,
    contexts: &'a [&'a dyn Context],
}

impl FamilyContext<'_> {
    fn ask<T: Copy, R>(
        &self,
        origins: &[Origin<T>],
        number: usize,
        ask: impl FnOnce(&dyn Context, T) -> R,
    ) -> Option<R> {
        let (index, id) = *origins.get(number.checked_sub(1)?)?;
        Some(ask(*self.contexts.get(index)?, id))
    }
}

impl Context for FamilyContext<'_> {
    fn thread_name(&self, thread: ThreadId) -> String {
        let named = |context: &dyn Context, id| {
            format!("{} of process {}", context.thread_name(id), context.process())
        };
        self.ask(&self.judge.threads, thread.0 as usize, named)
            .unwrap_or_else(|| format!("thread {}", thread.0))
    }

    fn thread_scope(&self, thread: ThreadId) -> Option<String> {
        self.ask(&self.judge.threads, thread.0 as usize, |context, id| context.thread_scope(id)).flatten()
    }

    fn lock(&self, lock: LockId) -> LockInfo {
        let unknown = || LockInfo {
            kind: lockcheck_events::LockKind::Mutex,
            name: None,
            created: Site { package: String::new(), file: "<unknown>".to_owned(), line: 0, column: 0 },
        };
        let asked = self.ask(&self.judge.locks, lock.0 as usize, |context, id| context.lock(id));
        asked.unwrap_or_else(unknown)
    }

    fn site(&self, site: SiteId) -> Site {
        let unknown = || Site { package: String::new(), file: "<unknown>".to_owned(), line: 0, column: 0 };
        self.ask(&self.judge.sites, site.0 as usize, |context, id| context.site(id)).unwrap_or_else(unknown)
    }

    fn backtrace(&self, stack: StackId) -> Vec<Frame> {
        let frames = self.ask(&self.judge.stacks, stack.0 as usize, |context, id| context.backtrace(id));
        frames.unwrap_or_default()
    }

    fn process_of(&self, thread: ThreadId) -> u32 {
        self.ask(&self.judge.threads, thread.0 as usize, |context, _| context.process()).unwrap_or(0)
    }

    fn lock_name(&self, lock: LockId) -> String {
        if self.judge.shared.values().any(|shared| *shared == lock) {
            return format!("shared.{}", lock.0);
        }
        let name = self.ask(&self.judge.locks, lock.0 as usize, |context, id| context.lock_name(id));
        name.unwrap_or_else(|| lock.0.to_string())
    }
}
