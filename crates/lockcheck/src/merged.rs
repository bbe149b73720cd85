//! What the traces of a family say together that none of them says alone: an order cycle, or an update that can be
//! lost, with sides in different processes.
//!
//! The records of all processes that share anything are told to one judge, as those of one process: ids are made
//! distinct, except that a shared lock (`Record::Shared`) is the same in all of them, and a line the same line. They are
//! told in an order that could have been: a process after the point at which it was started (`Record::Parent`), and all
//! of it before whoever waited for its end goes on (`Record::Joined`). What the judge finds among threads of one process
//! is left out: that process's own judge has found it.
//!
//! Two passes over the traces: which to read is known from the first, and the second holds no records in memory.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::Path;

use lockcheck_checker::{Context, Finding, Judge, LockInfo};
use lockcheck_events::trace_file::TraceReader;
use lockcheck_events::{
    Frame, Hold, LockId, RawSite, Record, Request, Site, SiteId, StackId, ThreadId, TokenId,
};

use crate::records::RecordContext;

/// Where an object lies that processes share.
type Place = (u64, u64, u64);

/// The processes of a family as one.
#[derive(Default)]
pub struct Merged {
    judge: Judge,
    /// What a merged id was before: in the process at this position of the family.
    threads: Origins<ThreadId>,
    locks: Origins<LockId>,
    sites: Origins<SiteId>,
    stacks: Origins<StackId>,
}

/// For each merged number, from 1: whose it was, and which.
struct Origins<Id>(Vec<(usize, Id)>);

impl<Id> Default for Origins<Id> {
    fn default() -> Origins<Id> {
        Origins(Vec::new())
    }
}

impl<Id: Copy> Origins<Id> {
    /// A number for an id that has none.
    fn add(&mut self, process: usize, id: Id) -> u64 {
        self.0.push((process, id));
        self.0.len() as u64
    }

    fn get(&self, number: u64) -> Option<(usize, Id)> {
        usize::try_from(number).ok()?.checked_sub(1).and_then(|index| self.0.get(index)).copied()
    }
}

/// A process on its way into the judge.
struct Side {
    /// Its position in the family.
    position: usize,
    pid: u32,
    records: TraceReader,
    /// The point it starts from, if that is one of another side's.
    parent: Option<(usize, TokenId)>,
    /// The record to be told next, once it was looked at.
    next: Option<Record>,
    /// Whether all of it has been told.
    over: bool,
    /// The points that have been told, by their own tokens.
    told: HashSet<TokenId>,
    tokens: HashMap<TokenId, TokenId>,
    threads: HashMap<ThreadId, ThreadId>,
    locks: HashMap<LockId, LockId>,
    sites: HashMap<SiteId, SiteId>,
    stacks: HashMap<StackId, StackId>,
}

/// What is known of a trace before it is merged.
pub struct Source<'a> {
    /// The process's position in the family.
    pub position: usize,
    /// Its number.
    pub pid: u32,
    /// When it was started, in nanoseconds.
    pub started_ns: u64,
    /// The process and the point that it was started from.
    pub parent: Option<(u32, TokenId)>,
    /// Its trace.
    pub path: &'a Path,
}

impl Merged {
    /// Merges the traces of processes that share something. A trace that can no longer be read is left out.
    pub fn read(sources: &[Source<'_>]) -> Merged {
        let mut merger = Merger::default();
        for source in sources {
            let Ok(records) = TraceReader::open(source.path) else { continue };
            merger.sides.push(Side::new(source, records));
        }
        let positions: Vec<usize> = merger.sides.iter().map(|side| side.position).collect();
        for side in &mut merger.sides {
            let own = sources.iter().find(|source| source.position == side.position);
            side.parent = own.and_then(|own| {
                let (pid, token) = own.parent?;
                // A number may have been given again: the last one started before this process is its parent.
                let older = sources.iter().filter(|source| source.started_ns <= own.started_ns);
                let parent =
                    older.filter(|source| source.pid == pid).max_by_key(|source| source.started_ns)?;
                Some((positions.iter().position(|&position| position == parent.position)?, token))
            });
        }
        merger.run();
        merger.merged
    }

    /// What was found among threads of several processes. `contexts`: those of all processes of the family.
    pub fn findings(&self, contexts: &[RecordContext<'_>]) -> Vec<Finding> {
        let context = MergedContext { merged: self, contexts };
        let mut findings = self.judge.found().findings(&context);
        findings.retain(|finding| {
            let mut processes = finding.evidence.iter().map(|side| side.process);
            let first = processes.next();
            processes.any(|process| Some(process) != first)
        });
        findings
    }
}

/// The merge under way.
#[derive(Default)]
struct Merger {
    merged: Merged,
    sides: Vec<Side>,
    /// Merged ids of what is the same in all processes.
    shared: HashMap<Place, LockId>,
    lines: HashMap<RawSite, SiteId>,
    tokens: u32,
    /// The last points of each process's threads, once it is over.
    ends: HashMap<usize, Vec<TokenId>>,
}

impl Side {
    fn new(source: &Source<'_>, records: TraceReader) -> Side {
        Side {
            position: source.position,
            pid: source.pid,
            records,
            parent: None,
            next: None,
            over: false,
            told: HashSet::new(),
            tokens: HashMap::new(),
            threads: HashMap::new(),
            locks: HashMap::new(),
            sites: HashMap::new(),
            stacks: HashMap::new(),
        }
    }

    /// The next record, which stays the next one. A trace ends where it cannot be read.
    fn peek(&mut self) -> Option<&Record> {
        if self.next.is_none() {
            self.next = self.records.next().and_then(Result::ok);
        }
        self.next.as_ref()
    }
}

impl Merger {
    fn run(&mut self) {
        loop {
            let mut moved = false;
            for side in 0..self.sides.len() {
                moved |= self.advance(side, false);
            }
            if moved {
                continue;
            }
            // Each waits for another one, as only damaged traces do: one of them goes first all the same.
            let Some(held_up) = (0..self.sides.len()).find(|&side| !self.sides[side].over) else { return };
            self.advance(held_up, true);
        }
    }

    /// Tells as much of a process as can be told; `force`: one record at least. Says whether that was anything.
    fn advance(&mut self, side: usize, mut force: bool) -> bool {
        let mut moved = false;
        loop {
            if self.sides[side].over || (!force && self.is_held_up(side)) {
                return moved;
            }
            (moved, force) = (true, false);
            self.sides[side].peek();
            match self.sides[side].next.take() {
                Some(record) => self.tell(side, record),
                None => self.end(side),
            }
        }
    }

    /// Whether the next record of a process comes after something that has not been told.
    fn is_held_up(&mut self, side: usize) -> bool {
        if let Some((parent, token)) = self.sides[side].parent
            && !self.sides[parent].over
            && !self.sides[parent].told.contains(&token)
        {
            return true;
        }
        match self.sides[side].peek() {
            Some(&Record::Joined { pid, .. }) => {
                self.child(side, pid).is_some_and(|child| !self.sides[child].over)
            }
            _ => false,
        }
    }

    /// The child of a process that has this number, and that nobody has waited for.
    fn child(&self, side: usize, pid: u32) -> Option<usize> {
        let is_it = |child: &Side| child.pid == pid && child.parent.is_some_and(|(parent, _)| parent == side);
        (0..self.sides.len()).find(|&child| is_it(&self.sides[child]))
    }

    fn fresh_token(&mut self) -> TokenId {
        self.tokens += 1;
        TokenId(self.tokens)
    }

    fn feed(&mut self, record: &Record) {
        self.merged.judge.feed(record);
    }

    /// A process is over: others may come after all of its threads.
    fn end(&mut self, side: usize) {
        let mut threads: Vec<ThreadId> = self.sides[side].threads.values().copied().collect();
        threads.sort_unstable();
        let mut ends = Vec::new();
        for thread in threads {
            let token = self.fresh_token();
            self.feed(&Record::Before { thread, token });
            ends.push(token);
        }
        self.ends.insert(side, ends);
        self.sides[side].over = true;
    }

    /// Tells the judge a record in merged ids, if it is one for it.
    fn tell(&mut self, side: usize, record: Record) {
        match record {
            Record::ThreadStart { thread, name, parent, os_id, .. } => {
                let merged = self.thread(side, thread);
                let known = parent.map(|parent| self.thread(side, parent));
                self.feed(&Record::ThreadStart { thread: merged, name, parent: known, os_id, scope: None });
                if let (None, Some((parent, token))) = (parent, self.sides[side].parent) {
                    let token = self.token(parent, token);
                    self.feed(&Record::After { thread: merged, token });
                }
            }
            Record::Before { thread, token } => {
                self.sides[side].told.insert(token);
                let (thread, token) = (self.thread(side, thread), self.token(side, token));
                self.feed(&Record::Before { thread, token });
            }
            Record::After { thread, token } => {
                let (thread, token) = (self.thread(side, thread), self.token(side, token));
                self.feed(&Record::After { thread, token });
            }
            Record::Joined { thread, pid } => {
                let thread = self.thread(side, thread);
                let ends = self.child(side, pid).and_then(|child| self.ends.get(&child)).cloned();
                for token in ends.unwrap_or_default() {
                    self.feed(&Record::After { thread, token });
                }
            }
            Record::Site { site, raw } => self.line(side, site, raw),
            Record::Shared { lock, device, inode, offset } => self.share(side, lock, (device, inode, offset)),
            Record::Request(request) => {
                let request = self.request(side, request);
                self.feed(&Record::Request(request));
            }
            Record::Access { request, writes } => {
                let request = self.request(side, request);
                self.feed(&Record::Access { request, writes });
            }
            Record::Intent(mut intent) => {
                intent.thread = self.thread(side, intent.thread);
                intent.ignored = intent.ignored.map(|site| self.site(side, site));
                for ranked in &mut intent.ranked {
                    ranked.stated = self.site(side, ranked.stated);
                    ranked.created = self.site(side, ranked.created);
                }
                self.feed(&Record::Intent(intent));
            }
            Record::Ignore { site, reason } => {
                let site = self.site(side, site);
                self.feed(&Record::Ignore { site, reason });
            }
            // Names are asked of the processes' own tables; a lock that one process has dropped may be another's yet;
            // waits and gates are within one process.
            _ => {}
        }
    }

    fn request(&mut self, side: usize, request: Request) -> Request {
        let hold = |merger: &mut Merger, hold: Hold| Hold {
            lock: merger.lock(side, hold.lock),
            site: merger.site(side, hold.site),
            ..hold
        };
        let holds = request.holds.iter().map(|&held| hold(self, held)).collect();
        Request {
            thread: self.thread(side, request.thread),
            lock: self.lock(side, request.lock),
            site: self.site(side, request.site),
            stack: self.stack(side, request.stack),
            holds,
            ..request
        }
    }

    fn thread(&mut self, side: usize, id: ThreadId) -> ThreadId {
        let Side { threads, position, .. } = &mut self.sides[side];
        let origins = &mut self.merged.threads;
        *threads.entry(id).or_insert_with(|| ThreadId(origins.add(*position, id) as u32))
    }

    fn lock(&mut self, side: usize, id: LockId) -> LockId {
        let Side { locks, position, .. } = &mut self.sides[side];
        let origins = &mut self.merged.locks;
        *locks.entry(id).or_insert_with(|| LockId(origins.add(*position, id)))
    }

    fn share(&mut self, side: usize, id: LockId, place: Place) {
        let Side { locks, position, .. } = &mut self.sides[side];
        let origins = &mut self.merged.locks;
        let merged = *self.shared.entry(place).or_insert_with(|| LockId(origins.add(*position, id)));
        locks.insert(id, merged);
    }

    fn site(&mut self, side: usize, id: SiteId) -> SiteId {
        let Side { sites, position, .. } = &mut self.sides[side];
        let origins = &mut self.merged.sites;
        *sites.entry(id).or_insert_with(|| SiteId(origins.add(*position, id) as u32))
    }

    fn line(&mut self, side: usize, id: SiteId, raw: RawSite) {
        let Side { sites, position, .. } = &mut self.sides[side];
        let origins = &mut self.merged.sites;
        let merged = *self.lines.entry(raw).or_insert_with(|| SiteId(origins.add(*position, id) as u32));
        sites.insert(id, merged);
    }

    fn stack(&mut self, side: usize, id: StackId) -> StackId {
        if id == StackId(0) {
            return id;
        }
        let Side { stacks, position, .. } = &mut self.sides[side];
        let origins = &mut self.merged.stacks;
        *stacks.entry(id).or_insert_with(|| StackId(origins.add(*position, id) as u32))
    }

    fn token(&mut self, side: usize, id: TokenId) -> TokenId {
        if let Some(&known) = self.sides[side].tokens.get(&id) {
            return known;
        }
        let token = self.fresh_token();
        self.sides[side].tokens.insert(id, token);
        token
    }
}

/// The tables of all processes, asked for by merged ids.
struct MergedContext<'a> {
    merged: &'a Merged,
    contexts: &'a [RecordContext<'a>],
}

impl MergedContext<'_> {
    /// The table and the id there.
    fn find<Id: Copy + Hash>(&self, origins: &Origins<Id>, number: u64) -> Option<(&RecordContext<'_>, Id)> {
        let (process, id) = origins.get(number)?;
        Some((self.contexts.get(process)?, id))
    }
}

impl Context for MergedContext<'_> {
    fn thread_name(&self, thread: ThreadId) -> String {
        let found = self.find(&self.merged.threads, thread.0.into());
        found.map_or_else(|| format!("thread {}", thread.0), |(context, thread)| context.thread_name(thread))
    }

    fn thread_scope(&self, thread: ThreadId) -> Option<String> {
        let (context, thread) = self.find(&self.merged.threads, thread.0.into())?;
        context.thread_scope(thread)
    }

    fn lock(&self, lock: LockId) -> LockInfo {
        match self.find(&self.merged.locks, lock.0) {
            Some((context, lock)) => context.lock(lock),
            None => crate::records::unknown_lock(),
        }
    }

    fn site(&self, site: SiteId) -> Site {
        let found = self.find(&self.merged.sites, site.0.into());
        found.map_or_else(crate::records::unknown_site, |(context, site)| context.site(site))
    }

    fn backtrace(&self, stack: StackId) -> Vec<Frame> {
        let found = self.find(&self.merged.stacks, stack.0.into());
        found.map_or_else(Vec::new, |(context, stack)| context.backtrace(stack))
    }

    fn process_of(&self, thread: ThreadId) -> u32 {
        let found = self.find(&self.merged.threads, thread.0.into());
        found.map_or(0, |(context, _)| context.process())
    }

    fn lock_name(&self, lock: LockId) -> String {
        format!("family.{}", lock.0)
    }
}

#[cfg(test)]
mod tests {
    use lockcheck_events::trace_file::TraceWriter;
    use lockcheck_events::{Attempt, LockKind, Mode};

    use crate::symbols::Symbols;
    use crate::traces::{Traces, expand};

    use super::*;

    /// The traces of processes in a few words, one event a line: `10 parent 9 7` (process 10 was started at the point 7
    /// of process 9), `9 before 7`, `9 joined 10`, `9 a b` (holding the shared lock `a`, asks for `b`), `9 r x` and `9 w x`
    /// (an access of the shared datum `x`). Locks and data in capitals are the process's own. Gives what is found: its
    /// code, and the pids of its sides.
    fn check(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut writers: Vec<(u32, TraceWriter, u32)> = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let words: Vec<&str> = text.split_whitespace().collect();
            let pid = words[0].parse().unwrap();
            if !writers.iter().any(|(known, ..)| *known == pid) {
                let mut writer = TraceWriter::create(folder.path(), pid).unwrap();
                begin(&mut writer, pid, writers.len() as u64);
                writers.push((pid, writer, 0));
            }
            let (_, writer, event) = writers.iter_mut().find(|(known, ..)| *known == pid).unwrap();
            *event += 1;
            for record in records(&words, *event, line as u32) {
                writer.append(&record).unwrap();
            }
        }
        drop(writers);
        let traces = Traces::read(&expand(&[folder.path().to_owned()]).unwrap()).unwrap();
        let (sources, symbols) = (traces.sources([]), Symbols::default());
        let report = traces.report("test", &sources, &symbols);
        let pids: Vec<u32> = traces.pids().collect();
        let tell = |finding: &Finding| {
            let mut sides: Vec<u32> =
                finding.evidence.iter().map(|side| pids[side.process as usize]).collect();
            sides.sort_unstable();
            format!("{} {sides:?}", finding.code)
        };
        report.findings.iter().map(tell).collect()
    }

    fn begin(writer: &mut TraceWriter, pid: u32, order: u64) {
        let process =
            Record::Process { pid, exe: "/x".to_owned(), cwd: "/".to_owned(), started_ns: 1000 + order };
        let thread = ThreadId(1);
        let start = Record::ThreadStart { thread, name: None, parent: None, os_id: pid.into(), scope: None };
        // Ids differ from process to process, places do not.
        let own = |lock: u64| LockId(u64::from(pid) + lock);
        let shared = |lock: u64| Record::Shared { lock: own(lock), device: 1, inode: lock, offset: 64 };
        let lock = |lock: u64, kind| Record::Lock { lock: own(lock), kind, created: SiteId(0), name: None };
        let mut all = vec![process, start];
        all.extend(('a'..='c').flat_map(|name| [lock(name as u64, LockKind::Mutex), shared(name as u64)]));
        all.extend([lock('x' as u64, LockKind::Variable), shared('x' as u64)]);
        all.extend(('A'..='C').map(|name| lock(name as u64, LockKind::Mutex)));
        all.iter().for_each(|record| writer.append(record).unwrap());
    }

    fn records(words: &[&str], event: u32, line: u32) -> Vec<Record> {
        let pid: u32 = words[0].parse().unwrap();
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        let own = |name: &str| LockId(u64::from(pid) + u64::from(name.as_bytes()[0]));
        let thread = ThreadId(1);
        let site = |column: u32| {
            let site = SiteId(1000 * pid + 10 * line + column);
            let raw = RawSite { file: "/src/main.rs".to_owned(), line: line + 1, column: column + 1 };
            (site, Record::Site { site, raw })
        };
        let request = |lock: LockId, mode, holds| Request {
            thread,
            event,
            lock,
            mode,
            attempt: Attempt::Block,
            site: site(1).0,
            stack: StackId(0),
            holds,
        };
        match words[1] {
            "parent" => vec![Record::Parent { pid: number(2), token: TokenId(number(3)) }],
            "before" => vec![Record::Before { thread, token: TokenId(number(2)) }],
            "joined" => vec![Record::Joined { thread, pid: number(2) }],
            access @ ("r" | "w") => {
                let mode = if access == "r" { Mode::Shared } else { Mode::Exclusive };
                let request = request(own(words[2]), mode, Vec::new());
                vec![site(1).1, Record::Access { request, writes: access == "w" }]
            }
            held => {
                let (attempt, mode, site_of) = (Attempt::Block, Mode::Exclusive, site(0).0);
                let hold = Hold { lock: own(held), mode, attempt, site: site_of, event: event - 1 };
                let request = request(own(words[2]), Mode::Exclusive, vec![hold]);
                vec![site(0).1, site(1).1, Record::Request(request)]
            }
        }
    }

    #[test]
    fn two_orders_in_two_processes_are_a_cycle() {
        assert_eq!(check("9 a b\n10 b a"), ["LC0001 [9, 10]"]);
        assert_eq!(check("9 before 7\n10 parent 9 7\n11 parent 9 7\n10 a b\n11 b a"), ["LC0001 [10, 11]"]);
        assert_eq!(check("9 a b\n10 b c\n11 c a"), ["LC0001 [9, 10, 11]"]);
    }

    #[test]
    fn locks_that_are_not_shared_have_nothing_to_do_with_each_other() {
        assert_eq!(check("9 A B\n10 B A"), [] as [&str; 0]);
        assert_eq!(check("9 a B\n10 B a"), [] as [&str; 0]);
        assert_eq!(check("9 a B\n9 B b\n10 b a"), ["LC0001 [9, 9, 10]"], "on the way through one's own");
    }

    #[test]
    fn a_common_order_is_fine() {
        assert_eq!(check("9 a b\n10 a b\n11 b c"), [] as [&str; 0]);
    }

    #[test]
    fn what_comes_before_a_start_or_after_a_join_is_not_concurrent() {
        assert_eq!(check("9 a b\n9 before 7\n10 parent 9 7\n10 b a"), [] as [&str; 0]);
        assert_eq!(check("9 before 7\n10 parent 9 7\n10 b a\n9 joined 10\n9 a b"), [] as [&str; 0]);
        let one_after_the_other =
            "9 before 7\n10 parent 9 7\n10 b a\n9 joined 10\n9 before 8\n11 parent 9 8\n11 a b";
        assert_eq!(check(one_after_the_other), [] as [&str; 0]);
        assert_eq!(check("9 before 7\n9 a b\n10 parent 9 7\n10 b a\n9 joined 10"), ["LC0001 [9, 10]"]);
    }

    #[test]
    fn updates_of_two_processes_can_be_lost() {
        let counts = "10 r x\n10 w x\n11 r x\n11 w x";
        let started = "9 w x\n9 before 7\n10 parent 9 7\n11 parent 9 7\n";
        assert_eq!(check(&format!("{started}{counts}\n9 joined 10\n9 joined 11\n9 r x")).len(), 2);
        assert_eq!(
            check("9 w x\n9 before 7\n10 parent 9 7\n10 r x\n10 w x\n9 joined 10\n9 r x\n9 w x"),
            ["" as &str; 0]
        );
    }

    /// Nothing is known of a parent or child that left no trace, and a circle of joins is nobody's.
    #[test]
    fn missing_and_damaged_traces_are_no_obstacle() {
        assert_eq!(check("10 parent 9 7\n10 a b\n11 parent 9 7\n11 b a"), ["LC0001 [10, 11]"]);
        assert_eq!(check("9 joined 77\n9 a b\n10 b a"), ["LC0001 [9, 10]"]);
        let each_other = "9 parent 10 1\n10 parent 9 1\n9 a b\n10 b a\n9 joined 10\n10 joined 9";
        assert_eq!(check(each_other).len(), 1);
    }
}
