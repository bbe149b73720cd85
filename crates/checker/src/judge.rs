//! Records in, report out: what the CLI knows of a process comes from here.
//!
//! `Collection` gathers what the detectors say into findings and is shared with the run-time, which feeds its
//! checker itself; `Judge` is a checker and a collection behind the records of one process. Neither reads files
//! nor merges processes: that is the CLI's.

use std::collections::{BTreeMap, BTreeSet};

use lockcheck_events::{
    Hold, Inside, Intent, LockId, LockKind, Mode, Notice, Record, Refuted, Request, SiteId, StackId,
    StuckKind, StuckThread, ThreadId, TokenId,
};

use crate::finding::{Context, CycleLink, Finding, NO_HOLD, Report, Stats, Verdict};
use crate::ignores::{Ignore, Ignores};
use crate::instances::Instances;
use crate::order::{Novelty, OrderChecker, OrderFinding};
use crate::updates::{DATA_MAX, Updates};
use crate::wait_edges::{EdgeFinding, OBJECTS_MAX, Seen, WaitEdges};
use crate::{Code, Tier};

/// Stuck sets that are told apart in one process; further ones are counted as lost.
const STUCK_MAX: usize = 1 << 10;

/// Remarks of the run-time that are kept word for word.
const NOTES_MAX: usize = 100;

/// What was found: one entry a problem, with the surest and shortest evidence for it.
#[derive(Clone, Default)]
pub struct Collection {
    /// By the checker's number of the problem.
    cycles: BTreeMap<u32, Collected>,
    /// Stuck sets, and waits that could end in one, in the order in which they were seen.
    stuck: Vec<Collected>,
    /// What else was noticed, in the order in which it was.
    noticed: Vec<Collected>,
    /// Stuck sets and notices beyond `STUCK_MAX`.
    lost: u64,
}

/// A problem seen for the first time, or at a higher tier than before.
#[derive(Clone, Debug)]
pub struct News {
    /// What kind of problem.
    pub code: Code,
    /// How sure it is.
    pub tier: Tier,
    /// The evidence.
    pub links: Vec<CycleLink>,
    /// Why it is no surer, as the end of a sentence.
    pub doubt: Option<String>,
    /// More about it, as the end of a sentence.
    pub detail: Option<String>,
}

impl News {
    /// The finding that a report would show.
    pub fn finding(&self, context: &dyn Context) -> Finding {
        let finding = Finding::from_cycle(self.code, self.tier, &self.links, context);
        finding.doubted(self.doubt.as_deref()).detailed(self.detail.as_deref())
    }
}

#[derive(Clone)]
struct Collected {
    code: Code,
    tier: Tier,
    links: Vec<CycleLink>,
    /// As in `News`.
    doubt: Option<String>,
    /// As in `News`.
    detail: Option<String>,
    /// The sets of locks that show it at this tier.
    locks: Instances,
}

impl Collection {
    /// Nothing found yet.
    pub fn new() -> Collection {
        Collection::default()
    }

    /// Takes a finding of the lock-order checker.
    pub fn take(&mut self, finding: &OrderFinding) {
        let fresh = || Collected {
            code: finding.code,
            tier: finding.tier,
            links: finding.links.clone(),
            doubt: finding.remark.clone(),
            detail: None,
            locks: Instances::default(),
        };
        let known = self.cycles.entry(finding.problem).or_insert_with(fresh);
        if finding.tier > known.tier {
            *known = fresh();
        } else if finding.tier == known.tier && finding.links.len() < known.links.len() {
            known.links = finding.links.clone();
            known.doubt = finding.remark.clone();
        }
        if finding.tier == known.tier {
            known.locks.insert(&finding.links);
        }
    }

    /// Takes a stuck set, its members in the order of the circle, and perhaps why it may be none; gives it as news.
    pub fn stuck(&mut self, kind: StuckKind, threads: &[StuckThread], doubt: Option<&str>) -> Option<News> {
        let code = match kind {
            StuckKind::Deadlock => Code::Deadlock,
            StuckKind::SelfDeadlock => Code::SelfDeadlock,
            StuckKind::JoinDeadlock => Code::JoinDeadlock,
            StuckKind::StuckWait => Code::StuckWait,
            StuckKind::LostWakeup => Code::LostWakeup,
            StuckKind::Starvation => Code::ExecutorStarvation,
        };
        let links = stuck_links(kind, threads);
        if links.is_empty() {
            return None;
        }
        if self.stuck.len() >= STUCK_MAX {
            self.lost += 1;
            return None;
        }
        let locks = Instances::of(&links);
        let tier = if doubt.is_some() { Tier::Likely } else { Tier::Actual };
        let doubt = doubt.map(str::to_owned);
        let news = News { code, tier, links: links.clone(), doubt: doubt.clone(), detail: None };
        self.stuck.push(Collected { code, tier, links, doubt, detail: None, locks });
        Some(news)
    }

    /// Takes what the run-time has noticed by itself; the same again counts once.
    fn notice(&mut self, news: &News) {
        if self.noticed.len() >= STUCK_MAX {
            self.lost += 1;
            return;
        }
        let News { code, tier, links, doubt, detail } = news.clone();
        let locks = Instances::of(&links);
        self.noticed.push(Collected { code, tier, links, doubt, detail, locks });
    }

    /// Takes a wait whose end needs what the waiter holds.
    pub fn edge(&mut self, code: Code, links: &[CycleLink]) {
        if self.stuck.len() >= STUCK_MAX {
            self.lost += 1;
            return;
        }
        let (links, locks) = (links.to_vec(), Instances::of(links));
        let (doubt, detail) = (None, None);
        self.stuck.push(Collected { code, tier: Tier::Likely, links, doubt, detail, locks });
    }

    /// Takes two entries of a gate that overlap.
    fn gate_refuted(&mut self, news: &News) {
        if self.stuck.len() >= STUCK_MAX {
            self.lost += 1;
            return;
        }
        let News { code, tier, links, doubt, detail } = news.clone();
        let locks = Instances::of(&links);
        self.stuck.push(Collected { code, tier, links, doubt, detail, locks });
    }

    /// Whether a finding names the lock.
    pub fn mentions_lock(&self, lock: LockId) -> bool {
        self.sides().any(|request| request.lock == lock || request.holds.iter().any(|hold| hold.lock == lock))
    }

    /// Whether a finding names the thread.
    pub fn mentions_thread(&self, thread: ThreadId) -> bool {
        self.sides().any(|request| request.thread == thread)
    }

    fn sides(&self) -> impl Iterator<Item = &Request> {
        let all = self.stuck.iter().chain(&self.noticed).chain(self.cycles.values());
        all.flat_map(|found| &found.links).map(|link| &link.request)
    }

    /// The lock-order problems with their tiers, those that have come true since included.
    pub fn cycles(&self) -> impl Iterator<Item = (Code, Tier)> {
        self.cycles.values().map(|cycle| (cycle.code, cycle.tier))
    }

    /// Whether some threads are stuck for certain.
    pub fn is_stuck(&self) -> bool {
        self.stuck.iter().any(|stuck| stuck.tier == Tier::Actual)
    }

    /// The findings, sorted by fingerprint. A cycle that has happened stands as the deadlock; a cycle all of whose
    /// sides stand in shorter ones is left out.
    pub fn findings(&self, context: &dyn Context) -> Vec<Finding> {
        self.findings_among(context, &|_| true)
    }

    /// The findings of which `belongs` says so for each of their threads.
    pub fn findings_among(&self, context: &dyn Context, belongs: &dyn Fn(ThreadId) -> bool) -> Vec<Finding> {
        let shortest = self.shortest_by_side();
        let cycles = self.cycles.values().filter(|cycle| {
            cycle.is_shortest_for_a_side(&shortest) && !self.stuck.iter().any(|stuck| stuck.replaces(cycle))
        });
        let stuck = self.stuck.iter().filter(|found| !self.stuck.iter().any(|stuck| stuck.replaces(found)));
        let noticed =
            self.noticed.iter().filter(|found| !self.stuck.iter().any(|stuck| stuck.replaces(found)));
        let mine = |found: &&Collected| found.links.iter().all(|link| belongs(link.request.thread));
        let mut findings: BTreeMap<String, (Finding, Instances)> = BTreeMap::new();
        for found in stuck.chain(cycles).chain(noticed).filter(mine) {
            let finding = Finding::from_cycle(found.code, found.tier, &found.links, context)
                .doubted(found.doubt.as_deref())
                .detailed(found.detail.as_deref());
            let (known, locks) = findings
                .entry(finding.fingerprint.clone())
                .or_insert_with(|| (finding.clone(), Instances::default()));
            // Of a stuck set, the first report tells the most: some may have been made to give way since.
            let length = |finding: &Finding| match finding.code {
                Code::StuckWait => 0,
                // A stated order broken at places that two threads can deadlock at: that says more.
                Code::LockOrderCycle if finding.evidence.len() == 1 => usize::MAX,
                _ => finding.evidence.len(),
            };
            // What is measured is told again when more is known.
            let fresher = finding.code == Code::Contention && finding.tier == known.tier;
            let better = fresher
                || (finding.tier, std::cmp::Reverse(length(&finding)))
                    > (known.tier, std::cmp::Reverse(length(known)));
            if finding.tier > known.tier {
                locks.clear();
            }
            if finding.tier >= known.tier {
                locks.extend(&found.locks);
            }
            if better {
                *known = finding;
            }
            known.instances = locks.len();
        }
        let listed = |(finding, locks): (Finding, Instances)| Finding {
            instance_locks: locks.named(context),
            ..finding
        };
        findings.into_values().map(listed).collect()
    }

    /// For each side of a cycle that counts, the length of the shortest such cycle.
    fn shortest_by_side(&self) -> BTreeMap<Side, usize> {
        let mut shortest = BTreeMap::new();
        for cycle in self.cycles.values().filter(|cycle| cycle.counts()) {
            for side in cycle.sides() {
                let length = shortest.entry(side).or_insert(cycle.links.len());
                *length = cycle.links.len().min(*length);
            }
        }
        shortest
    }
}

/// Where a side holds and where it asks.
type Side = (Option<(SiteId, lockcheck_events::Mode)>, (SiteId, lockcheck_events::Mode));

impl Collected {
    /// A single side is no cycle but a breach of a stated order.
    fn counts(&self) -> bool {
        self.code == Code::LockOrderCycle && self.tier >= Tier::Likely && self.links.len() > 1
    }

    fn sides(&self) -> impl Iterator<Item = Side> {
        self.links.iter().map(|link| {
            let held = link.request.holds.get(link.via).map(|hold| (hold.site, hold.mode));
            (held, (link.request.site, link.request.mode))
        })
    }

    fn is_shortest_for_a_side(&self, shortest: &BTreeMap<Side, usize>) -> bool {
        let length = self.links.len();
        !self.counts()
            || self.sides().any(|side| shortest.get(&side).is_none_or(|&shortest| shortest >= length))
    }

    fn sites(&self) -> BTreeSet<SiteId> {
        self.sides()
            .flat_map(|(held, (wanted, _))| held.map(|(site, _)| site).into_iter().chain([wanted]))
            .collect()
    }

    /// Whether this stuck set is the cycle, or the wait, come true: the same locks at the same sites, as far as both
    /// name them.
    fn replaces(&self, cycle: &Collected) -> bool {
        if self.tier < Tier::Actual {
            return false;
        }
        if cycle.code == Code::WaitWhileHolding {
            // By the line: a queue's room and its items are objects of their own where waits are foretold.
            return self.links.iter().any(|link| link.request.site == cycle.links[0].request.site);
        }
        if cycle.code == Code::ExecutorStarvation {
            let same_pool = |link: &CycleLink| link.request.lock == cycle.links[0].request.lock;
            return self.code == cycle.code && cycle.tier < self.tier && self.links.iter().any(same_pool);
        }
        let (mine, theirs) = (self.sites(), cycle.sites());
        matches!(cycle.code, Code::LockOrderCycle | Code::RwlockRecursion)
            && self.locks.meet(&cycle.locks)
            && (mine.is_subset(&theirs) || theirs.is_subset(&mine))
    }
}

/// The members of a stuck set as sides of a cycle.
fn stuck_links(kind: StuckKind, threads: &[StuckThread]) -> Vec<CycleLink> {
    let count = threads.len();
    let circle = !matches!(kind, StuckKind::StuckWait | StuckKind::LostWakeup | StuckKind::Starvation);
    let link = |(index, member): (usize, &StuckThread)| {
        let before = &threads[(index + count - 1) % count];
        let mut request = member.request.clone();
        let mut via = || {
            via_of(&mut request, before)
                .or_else(|| threads.iter().find_map(|other| via_of(&mut request, other)))
        };
        let via = if circle { via() } else { None };
        CycleLink { via: via.unwrap_or(NO_HOLD), request }
    };
    threads.iter().enumerate().map(link).collect()
}

/// Which hold of the request's thread the other member waits for. A hold that the request does not list (that of
/// an upgrade) is added to it.
fn via_of(request: &mut Request, waiter: &StuckThread) -> Option<usize> {
    let listed = |hold: &Hold| {
        waiter.waits_for.iter().any(|(thread, awaited)| *thread == request.thread && awaited == hold)
    };
    let same_lock = |hold: &Hold| hold.lock == waiter.request.lock;
    let holds = &request.holds;
    if let Some(via) = holds.iter().position(listed).or_else(|| holds.iter().position(same_lock)) {
        return Some(via);
    }
    let mine = |(thread, _): &&(ThreadId, Hold)| *thread == request.thread;
    let (_, hold) = waiter.waits_for.iter().find(mine)?;
    let at = request.holds.partition_point(|other| other.event < hold.event);
    request.holds.insert(at, *hold);
    Some(at)
}

/// The entry into a gate, as a side. Nobody waits there.
fn entry(gate: LockId, inside: &Inside) -> CycleLink {
    let request = Request {
        thread: inside.thread,
        event: inside.event,
        lock: gate,
        mode: Mode::Exclusive,
        attempt: lockcheck_events::Attempt::Try,
        site: inside.site,
        stack: StackId(0),
        holds: Vec::new(),
    };
    CycleLink { via: NO_HOLD, request }
}

/// What was found in a process, by scope. Putting it into words resolves symbols, which takes time: whoever holds a
/// lock over the judge clones this first.
#[derive(Clone, Default)]
pub struct Found {
    /// Everything.
    all: Collection,
    /// What lies within one scope, by the scope's number.
    within: BTreeMap<u32, Collection>,
    /// The numbers of the named scopes.
    scopes: BTreeMap<String, u32>,
    /// The scopes of the threads that findings name.
    scope_of: BTreeMap<ThreadId, u32>,
}

impl Found {
    /// The findings of the process, each with the scopes that show it.
    pub fn findings(&self, context: &dyn Context) -> Vec<Finding> {
        let mut findings = self.all.findings(context);
        for (name, number) in &self.scopes {
            let Some(found) = self.within.get(number) else { continue };
            for shown in found.findings(context) {
                let same = |finding: &&mut Finding| finding.fingerprint == shown.fingerprint;
                if let Some(finding) = findings.iter_mut().find(same)
                    && !finding.scopes.contains(name)
                {
                    finding.scopes.push(name.clone());
                    finding.scopes.sort();
                }
            }
        }
        findings
    }

    /// What was found within a scope, and beyond it among threads of which `belongs` says so.
    pub fn findings_for(
        &self,
        scope: u32,
        context: &dyn Context,
        belongs: &dyn Fn(ThreadId) -> bool,
    ) -> Vec<Finding> {
        let mut all = self.within.get(&scope).map(|found| found.findings(context)).unwrap_or_default();
        let is_own = |thread| self.scope_of.get(&thread) == Some(&scope);
        let beyond = self.all.findings_among(context, &|thread| is_own(thread) || belongs(thread));
        for finding in beyond {
            if all.iter().all(|known| known.fingerprint != finding.fingerprint) {
                all.push(finding);
            }
        }
        all.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
        all
    }

    /// The lock-order problems with their tiers, those that have come true since included.
    pub fn cycles(&self) -> impl Iterator<Item = (Code, Tier)> {
        self.all.cycles()
    }

    /// Whether a finding names the lock.
    pub fn mentions_lock(&self, lock: LockId) -> bool {
        self.all.mentions_lock(lock)
    }

    /// Whether a finding names the thread.
    pub fn mentions_thread(&self, thread: ThreadId) -> bool {
        self.all.mentions_thread(thread)
    }

    /// The collections that a finding with this common scope goes into.
    fn collect(&mut self, scope: u32, mut take: impl FnMut(&mut Collection)) {
        take(&mut self.all);
        if scope != 0 {
            take(self.within.entry(scope).or_default());
        }
    }
}

/// Whether it is something that a thread holds, rather than something that threads wait for.
fn is_held(kind: LockKind) -> bool {
    matches!(kind, LockKind::Mutex | LockKind::Reentrant | LockKind::RwLock | LockKind::Once)
}

/// Feeds the records of one process to the checkers and collects what they say.
#[derive(Default)]
pub struct Judge {
    order: OrderChecker,
    edges: WaitEdges,
    updates: Updates,
    found: Found,
    /// Numbers given to scopes, named or not: threads of unknown origin have one each, with all they start.
    last_scope: u32,
    /// What the program stated about the next request.
    intent: Option<Intent>,
    ignores: Ignores,
    /// What the run-time said about its own limits.
    notes: Vec<String>,
    threads: u64,
    locks: u64,
    records: u64,
    /// The process's own counts, from its last record.
    ended: Option<Stats>,
    /// `Record::Dropped` seen.
    dropped: u64,
}

impl Judge {
    /// Nothing known yet.
    pub fn new() -> Judge {
        Judge::default()
    }

    /// Takes the next record; gives what it brings to light.
    pub fn feed(&mut self, record: &Record) -> Vec<News> {
        self.records += 1;
        let mut news = Vec::new();
        match record {
            Record::ThreadStart { thread, parent, scope, .. } => {
                self.threads += 1;
                let number = self.scope_number(*parent, scope.as_deref());
                self.order.set_scope(*thread, number);
            }
            Record::ThreadEnd { thread } => self.order.ended(*thread),
            Record::Before { thread, token } => self.order.before(*thread, *token),
            Record::After { thread, token } => self.order.after(*thread, *token),
            // What is waited for depends on who comes first; what is held in a nesting does not.
            Record::Lock { kind, .. } => self.locks += u64::from(is_held(*kind)),
            Record::LockDropped { lock } => {
                self.order.dropped(*lock);
                self.edges.dropped(*lock, &mut self.order);
                self.updates.dropped(*lock, &mut self.order);
            }
            Record::Wait { request, join, ends, turn, heard } => {
                if let Some(ignored) = self.intent_of(request).and_then(|intent| intent.ignored) {
                    self.ignores.wait(request, ignored);
                }
                let wait = Seen { request, turn: *turn, heard };
                let found = self.edges.wait(wait, *join, *ends, &mut self.order);
                news.extend(found.and_then(|found| self.edge(found)));
            }
            Record::Access { request, writes } => {
                let found = self.updates.access(request, *writes, &mut self.order);
                news.extend(found.into_iter().filter_map(|found| self.edge(found)));
            }
            Record::Signal { request, ends, turn, heard } => {
                let signal = Seen { request, turn: *turn, heard };
                let found = self.edges.signal(signal, *ends, &mut self.order);
                news.extend(found.and_then(|found| self.edge(found)));
            }
            Record::Notice { notice, sides, detail } => news.extend(self.notice(*notice, sides, detail)),
            Record::Request(request) => {
                let intent = self.intent_of(request);
                let findings = self.order.request_under(request, intent.as_ref());
                self.order_findings(findings, &mut news);
            }
            Record::Intent(intent) => self.intent = Some(intent.clone()),
            Record::Ignore { site, reason } => self.ignores.meet(*site, reason),
            Record::GateRefuted(refuted) => {
                news.push(self.gate_refuted(refuted));
                let findings = self.order.refute(refuted.gate);
                self.order_findings(findings, &mut news);
            }
            Record::Stuck { kind, threads, .. } => news.extend(self.stuck(*kind, threads, None)),
            Record::MaybeStuck { kind, threads, doubt } => {
                news.extend(self.stuck(*kind, threads, Some(doubt)));
            }
            Record::Dropped { what } => {
                self.dropped += 1;
                if self.notes.len() < NOTES_MAX && !self.notes.contains(what) {
                    self.notes.push(what.clone());
                }
            }
            Record::End { threads, locks, edges, events } => {
                self.ended = Some(Stats {
                    threads: (*threads).into(),
                    locks: *locks,
                    edges: *edges,
                    events: *events,
                    ..Stats::default()
                });
            }
            // Names and places: the context's.
            Record::Process { .. } | Record::Module { .. } | Record::Site { .. } | Record::Stack { .. } => {}
            // One process alone: what it shares with others is the business of whoever has the traces of all.
            Record::Shared { .. } | Record::Parent { .. } | Record::Joined { .. } => {}
        }
        news
    }

    /// What is stated about this request, if anything is.
    fn intent_of(&mut self, request: &Request) -> Option<Intent> {
        let intent = self.intent.take()?;
        (intent.thread == request.thread && intent.event == request.event).then_some(intent)
    }

    fn order_findings(&mut self, findings: Vec<OrderFinding>, news: &mut Vec<News>) {
        for finding in findings {
            self.found.collect(finding.scope, |found| found.take(&finding));
            self.note_scopes(finding.links.iter().map(|link| link.request.thread));
            if finding.novelty != Novelty::Locks {
                let OrderFinding { code, tier, links, remark, .. } = finding;
                news.push(News { code, tier, links, doubt: remark, detail: None });
            }
        }
    }

    /// A region was said to be serialised, and two threads were in it.
    fn gate_refuted(&mut self, refuted: &Refuted) -> News {
        let links = vec![entry(refuted.gate, &refuted.first), entry(refuted.gate, &refuted.second)];
        let doubt = None;
        let news = News { code: Code::AtomicityViolation, tier: Tier::Likely, links, doubt, detail: None };
        let members = || [refuted.first.thread, refuted.second.thread].into_iter();
        let scope = self.order.common_scope(members());
        self.found.collect(scope, |found| found.gate_refuted(&news));
        self.note_scopes(members());
        news
    }

    /// The `ignore`s that the program has entered, with what they were good for.
    pub fn ignores(&self) -> Vec<Ignore<SiteId>> {
        self.ignores.list(&|site| self.order.silenced(site))
    }

    fn edge(&mut self, EdgeFinding { code, links }: EdgeFinding) -> Option<News> {
        if let Some(ignored) = links.first().and_then(|wait| self.ignores.of_wait(&wait.request)) {
            self.order.silence(ignored);
            return None;
        }
        let members = || links.iter().map(|link| link.request.thread);
        let scope = self.order.common_scope(members());
        self.found.collect(scope, |found| found.edge(code, &links));
        self.note_scopes(members());
        Some(News { code, tier: Tier::Likely, links, doubt: None, detail: None })
    }

    fn notice(&mut self, notice: Notice, sides: &[Request], detail: &str) -> Option<News> {
        let (code, tier) = match notice {
            Notice::NotTheOwner => (Code::NotTheOwner, Tier::Actual),
            Notice::LockLeaked => (Code::LockLeaked, Tier::Actual),
            Notice::ExecutorStarvation => (Code::ExecutorStarvation, Tier::Likely),
            Notice::WaitWithoutPredicate => (Code::WaitWithoutPredicate, Tier::Order),
            Notice::Contention => (Code::Contention, Tier::Order),
            Notice::BlockingWhileHolding => (Code::BlockingWhileHolding, Tier::Order),
            Notice::MaskedByTimeout => (Code::MaskedByTimeout, Tier::Order),
            Notice::Panic => (Code::Panic, Tier::Actual),
            Notice::DataRace => (Code::DataRace, Tier::Actual),
        };
        // In a circle, the hold that the side before waits for; else the innermost.
        let via = |index: usize| {
            if matches!(notice, Notice::Panic | Notice::DataRace) {
                return NO_HOLD;
            }
            let before = &sides[(index + sides.len() - 1) % sides.len()];
            let holds = &sides[index].holds;
            let awaited = holds.iter().position(|hold| hold.lock == before.lock);
            awaited.or(holds.len().checked_sub(1)).unwrap_or(NO_HOLD)
        };
        let link =
            |(index, request): (usize, &Request)| CycleLink { via: via(index), request: request.clone() };
        let links: Vec<CycleLink> = sides.iter().enumerate().map(link).collect();
        if links.is_empty() {
            return None;
        }
        // What happened is told all the same; what is only foretold or advised is what an `ignore` is for.
        let stated = self.intent.take();
        let ignored = stated.filter(|_| tier < Tier::Actual).and_then(|intent| {
            let is_its = |side: &&Request| side.thread == intent.thread && side.event == intent.event;
            sides.iter().find(is_its).and(intent.ignored)
        });
        if let Some(ignored) = ignored {
            self.order.silence(ignored);
            return None;
        }
        let detail = (!detail.is_empty()).then(|| detail.to_owned());
        let news = News { code, tier, links, doubt: None, detail };
        let members = || sides.iter().map(|side| side.thread);
        let scope = self.order.common_scope(members());
        self.found.collect(scope, |found| found.notice(&news));
        self.note_scopes(members());
        Some(news)
    }

    fn stuck(&mut self, kind: StuckKind, threads: &[StuckThread], doubt: Option<&str>) -> Option<News> {
        let members = || threads.iter().map(|side| side.request.thread);
        let scope = self.order.common_scope(members());
        let mut news = None;
        self.found.collect(scope, |found| news = found.stuck(kind, threads, doubt));
        self.note_scopes(members());
        news
    }

    /// Takes note of the scopes of threads that a finding names.
    fn note_scopes(&mut self, threads: impl Iterator<Item = ThreadId>) {
        for thread in threads {
            self.found.scope_of.insert(thread, self.scope_of(thread));
        }
    }

    /// The number of the scope that the thread counts in; 0: none that is known.
    pub fn scope_of(&self, thread: ThreadId) -> u32 {
        self.order.common_scope([thread].into_iter())
    }

    /// A thread counts in the scope it names, else in that of the thread that started it, else in one of its own.
    fn scope_number(&mut self, parent: Option<ThreadId>, name: Option<&str>) -> u32 {
        if let Some(known) = name.and_then(|name| self.found.scopes.get(name)) {
            return *known;
        }
        if let (Some(parent), None) = (parent, name) {
            return self.scope_of(parent);
        }
        self.last_scope += 1;
        if let Some(name) = name {
            self.found.scopes.insert(name.to_owned(), self.last_scope);
        }
        self.last_scope
    }

    /// Nobody will be ordered after this point any more: it need not be kept.
    pub fn forget(&mut self, token: TokenId) {
        self.order.forget(token);
    }

    /// What was found so far, before it is put into words.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// What was found so far. The verdict is that of the records alone: how the program ended, and whether
    /// anything was watched at all, the caller knows better.
    pub fn report(&self, target: &str, context: &dyn Context) -> Report {
        let mut report = Report::empty(target);
        report.findings = self.found.findings(context);
        report.verdict = if self.found.all.is_stuck() {
            Verdict::Hang
        } else if report.at_least(Tier::Likely).next().is_some() {
            Verdict::Findings
        } else {
            Verdict::Clean
        };
        report.stats = self.stats();
        report.notes = self.notes();
        report
    }

    /// Limits that were reached, one sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        notes.extend(self.order.notes());
        if self.edges.lost() > 0 {
            let lost = self.edges.lost();
            notes.push(format!("{lost} waits or signals were not looked at (limit: {OBJECTS_MAX} objects)"));
        }
        if self.updates.lost() > 0 {
            let lost = self.updates.lost();
            notes.push(format!("{lost} reads or writes were not looked at (limit: {DATA_MAX} data)"));
        }
        if self.found.all.lost > 0 {
            let lost = self.found.all.lost;
            notes.push(format!("{lost} stuck sets were not reported (limit: {STUCK_MAX})"));
        }
        notes
    }

    /// Counts.
    pub fn stats(&self) -> Stats {
        let ended = self.ended.unwrap_or_default();
        Stats {
            threads: self.threads.max(ended.threads),
            locks: self.locks.max(ended.locks),
            events: self.records.max(ended.events),
            edges: (self.order.edge_count() as u64).max(ended.edges),
            processes: 1,
            dropped: self.dropped + self.order.lost() + self.edges.lost() + self.found.all.lost,
        }
    }
}
