//! The lock-order graph: knows every order in which locks were taken, and says when a new one closes a cycle.
//!
//! Pure and incremental. It is called under one mutex on the slow path of the watched program: it never panics,
//! its memory is bounded by named limits (each says when it is reached, see `notes`), a request that teaches
//! nothing costs a few look-ups, and a search for cycles has a budget. The rule for what counts is that of the
//! litmus notation, section 8: threads differ, no gate, not ordered by spawn, join or barrier, every request
//! really blocks.
//!
//! It does not see threads that are stuck: a request that waits for a hold of its own thread is the run-time's to
//! report.
//!
//! | part       | knows                                                      |
//! |------------|------------------------------------------------------------|
//! | `graph`    | locks, orders, and which of them can be part of a cycle    |
//! | `evidence` | the requests that show an order, and what was held         |
//! | `history`  | which requests come before which by spawn, join, barrier   |
//! | `search`   | how to find cycles of requests that can be pending together|
//! | `stated`   | what order the program says it intends                     |
//! | `problems` | what has been reported                                     |

mod clock;
mod evidence;
mod graph;
mod history;
mod modes;
mod problems;
mod search;
mod slab;
mod stated;

use hashbrown::HashMap;
use lockcheck_events::{Attempt, Intent, LockId, Request, SiteId, ThreadId, TokenId};

use crate::finding::CycleLink;
use crate::{Code, Tier};
use evidence::Evidence;
use graph::{Graph, Pieces, Placed};
use modes::{Conflict, Manner, conflict};
use problems::Problems;
pub(crate) use problems::locks_key;
pub use problems::{INSTANCES_MAX, Novelty, PROBLEMS_MAX};
use search::{Cycle, Kind, Search, Side, Start};
use stated::Stated;

pub use graph::DROPPED_MAX;
pub use history::TOKENS_MAX;

/// Pieces of evidence kept for one ordered pair of locks. The oldest two stay; of the others, those go first of
/// which there is another like it, then those of ended threads, then the oldest.
pub const EVIDENCE_MAX: usize = 16;

/// Ordered pairs of locks; further ones are not learned.
pub const EDGES_MAX: usize = 1 << 22;

/// Pieces of evidence that one search may look at.
pub const SEARCH_STEPS: u64 = 100_000;

/// The same where the two sites in question have been reported already.
const SEARCH_STEPS_REPORTED: u64 = 128;

/// How far a search goes on to longer cycles when it has found the shortest.
const SEARCH_STEPS_LONGER: u64 = 4_000;

/// What all searches together may look at to begin with, and how much more with each request that teaches
/// something inside a component: the average search is cheap, whatever the program does.
const CREDIT: u64 = 8_000_000;
const CREDIT_EACH: u64 = 128;

/// Why a cycle whose sides all follow their levels is only a note, as the end of a sentence.
const LEVELS_HOLD: &str = "each of the locks has only one of the levels that `nested` gives it at any time";

/// A cycle that counts, or a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderFinding {
    /// `LockOrderCycle`, `RwlockRecursion` or `MaskedByTimeout`.
    pub code: Code,
    /// `Likely` or `Order`.
    pub tier: Tier,
    /// The sides, in the order of the cycle.
    pub links: Vec<CycleLink>,
    /// The same for findings of one problem (one code and set of sites), numbered from 0 as they were found.
    pub problem: u32,
    /// Why it is reported.
    pub novelty: Novelty,
    /// The scope that all its threads count in; 0: none, or not one.
    pub scope: u32,
    /// What else there is to say, see `Finding::doubted`.
    pub remark: Option<String>,
}

/// Knows every lock order seen so far and says when a new one closes a cycle.
#[derive(Default)]
pub struct OrderChecker {
    graph: Graph,
    evidence: Evidence,
    problems: Problems,
    search: Search,
    /// What the request at hand is new evidence for; kept for its memory.
    fresh: Vec<Side>,
    /// Some scope that was named, and whether another one was.
    any_scope: Option<u32>,
    several_scopes: bool,
    /// Steps spent on searches, and requests that taught something inside a component.
    steps_spent: u64,
    steps_earned: u64,
    /// Searches that ended for want of steps.
    searches_cut: u64,
    /// Orders not learned because of `EDGES_MAX`.
    edges_lost: u64,
    /// How many cycles and breaches were kept silent, by the `ignore` that asks for it.
    silenced: HashMap<u32, u64>,
}

impl OrderChecker {
    /// A graph without edges.
    pub fn new() -> OrderChecker {
        OrderChecker::default()
    }

    /// Takes note of a request made while holding other locks; gives the cycles that it is the first to close.
    pub fn request(&mut self, request: &Request) -> Vec<OrderFinding> {
        self.request_under(request, None)
    }

    /// The same for a request about which something is stated.
    pub fn request_under(&mut self, request: &Request, intent: Option<&Intent>) -> Vec<OrderFinding> {
        if request.attempt == Attempt::Try || request.holds.is_empty() {
            return Vec::new();
        }
        let stated = intent.map(Stated::new);
        let digest = stated.as_ref().map_or(0, |stated| stated.digest);
        let youngest =
            request.holds.iter().rev().find(|hold| hold.lock != request.lock).map(|hold| hold.lock);
        // Looked up once, for both questions: is there anything to learn, and where does it go.
        let placed = youngest.and_then(|youngest| self.place_within_limit(youngest, request, digest));
        if let Some(Placed::Known(edge)) = placed
            && !self.is_new_for(edge, request, digest)
        {
            return Vec::new();
        }
        let mut findings = Vec::new();
        self.check_recursion(request, stated.as_ref(), &mut findings);
        if let Some(intent) = intent {
            self.check_stated(request, intent, &mut findings);
        }
        let (Some(youngest), Some(placed)) = (youngest, placed) else { return findings };
        self.learn(request, youngest, placed, stated);
        let fresh = std::mem::take(&mut self.fresh);
        for &side in &fresh {
            if self.graph.is_inside(side.edge) {
                self.search_from(side, request, &mut findings);
            }
        }
        self.fresh = fresh;
        findings
    }

    /// Two threads were in the gate at once: gives the cycles that it was believed to keep from closing.
    pub fn refute(&mut self, gate: LockId) -> Vec<OrderFinding> {
        self.evidence.refute(gate.0);
        let mut findings = Vec::new();
        for edge in self.graph.inside_edges() {
            let wanted = self.graph.nodes[self.graph.edges[edge].to].lock;
            let pieces: Vec<u32> = self.graph.evidence(edge).iter_back().collect();
            for ask in
                pieces.into_iter().filter(|&ask| self.evidence.is_under(ask, gate.0)).collect::<Vec<_>>()
            {
                let request = self.evidence.request(ask, wanted);
                self.search_from(Side { edge, ask }, &request, &mut findings);
            }
        }
        findings
    }

    /// How often each `ignore` that was of use kept something silent.
    pub fn silenced(&self, ignore: SiteId) -> u64 {
        self.silenced.get(&ignore.0).copied().unwrap_or_default()
    }

    /// Something was not told because of an `ignore`.
    pub(crate) fn silence(&mut self, ignore: SiteId) {
        *self.silenced.entry(ignore.0).or_default() += 1;
    }

    /// Says in which scope (test) the thread counts, from 1. A problem that lies within one scope is found there
    /// even where threads of others show it too.
    pub fn set_scope(&mut self, thread: ThreadId, scope: u32) {
        self.several_scopes |= self.any_scope.is_some_and(|other| other != scope);
        self.any_scope = Some(scope);
        self.evidence.history.set_scope(thread.0, scope);
    }

    /// The scope that all of these threads count in; 0: none, or not one.
    pub fn common_scope(&self, mut threads: impl Iterator<Item = ThreadId>) -> u32 {
        let scope_of = |thread: ThreadId| self.evidence.history.scope(thread.0);
        let Some(first) = threads.next().map(scope_of) else { return 0 };
        if threads.all(|thread| scope_of(thread) == first) { first } else { 0 }
    }

    /// Names this point of `thread`'s life, so that others can be ordered after all it did so far. Several threads
    /// may name one point (a barrier's round): it then comes after all of them. Must stand before `ended`.
    pub fn before(&mut self, thread: ThreadId, token: TokenId) {
        self.evidence.history.before(thread.0, token.0);
    }

    /// Orders what `thread` does from here on after the point `token`. Any number of threads may.
    pub fn after(&mut self, thread: ThreadId, token: TokenId) {
        self.evidence.history.after(thread.0, token.0);
    }

    /// No `after` will name this point any more.
    pub fn forget(&mut self, token: TokenId) {
        self.evidence.history.forget(token.0);
    }

    /// Where `thread` is now, to be compared with other places. To be given back.
    pub(crate) fn place(&mut self, thread: ThreadId) -> u32 {
        self.evidence.history.learn(thread.0)
    }

    /// Gives a place back.
    pub(crate) fn release(&mut self, place: u32) {
        self.evidence.history.release(place);
    }

    /// Whether one of two places in different threads' lives comes before the other.
    pub(crate) fn are_ordered(&self, one: u32, two: u32) -> bool {
        self.evidence.history.ordered(one, two)
    }

    /// The lock is gone: no later request names it. What was learned of it stays while it can matter.
    pub fn dropped(&mut self, lock: LockId) {
        let mut released = Vec::new();
        self.graph.drop_lock(lock.0, &mut released);
        for ask in released {
            self.evidence.release(ask);
        }
    }

    /// The thread has ended: no later request or `before` names it.
    pub fn ended(&mut self, thread: ThreadId) {
        self.evidence.history.ended(thread.0);
    }

    /// Distinct (held, wanted) pairs of locks seen so far, those of dropped locks included.
    pub fn edge_count(&self) -> usize {
        self.graph.edges_seen
    }

    /// Distinct (held, wanted) pairs of locks that are kept.
    pub fn live_edge_count(&self) -> usize {
        self.graph.edge_count()
    }

    /// Pieces of knowledge lost to limits.
    pub fn lost(&self) -> u64 {
        self.limits().iter().map(|(count, _)| count).sum()
    }

    /// What limits were reached, one sentence each.
    pub fn notes(&self) -> Vec<String> {
        self.limits().into_iter().filter(|(count, _)| *count > 0).map(|(_, note)| note).collect()
    }

    fn limits(&self) -> [(u64, String); 7] {
        let (pairs, cut, edges) = (self.graph.lossy_edges, self.searches_cut, self.edges_lost);
        let (locks, tokens) = (self.graph.locks_lost, self.evidence.history.tokens_lost);
        let (problems, full) = (self.problems.lost, self.problems.full);
        [
            (
                pairs,
                format!(
                    "of {pairs} pairs of locks not every way to take them is kept (limit: {EVIDENCE_MAX} a pair)"
                ),
            ),
            (
                cut,
                format!(
                    "{cut} searches for lock-order cycles ended early (limit: {SEARCH_STEPS} steps, fewer when many are made)"
                ),
            ),
            (edges, format!("{edges} lock orders were not learned (limit: {EDGES_MAX} pairs of locks)")),
            (
                locks,
                format!("{locks} dropped locks were forgotten (limit: {DROPPED_MAX} in possible cycles)"),
            ),
            (tokens, format!("{tokens} spawns, joins or barriers were forgotten (limit: {TOKENS_MAX})")),
            (
                problems,
                format!("{problems} lock-order cycles were not reported (limit: {PROBLEMS_MAX} problems)"),
            ),
            (
                full,
                format!(
                    "of {full} problems not every instance is counted (limit: {INSTANCES_MAX} sets of locks)"
                ),
            ),
        ]
    }

    /// A read of a lock that the thread reads already waits for ever if a writer queues in between.
    fn check_recursion(
        &mut self,
        request: &Request,
        stated: Option<&Stated>,
        findings: &mut Vec<OrderFinding>,
    ) {
        if request.attempt != Attempt::Block {
            return;
        }
        let own = |hold: &lockcheck_events::Hold| {
            if hold.lock == request.lock { conflict(hold.mode, request.mode) } else { Conflict::Never }
        };
        if request.holds.iter().map(own).max() != Some(Conflict::MayBlock) {
            return;
        }
        let Some(via) = request.holds.iter().position(|hold| own(hold) == Conflict::MayBlock) else { return };
        if let Some(ignored) = stated.map(|stated| stated.ignored).filter(|&ignored| ignored != 0) {
            return self.silence(SiteId(ignored));
        }
        let links = vec![CycleLink { request: request.clone(), via }];
        self.report(Code::RwlockRecursion, Tier::Order, links, None, findings);
    }

    /// A request against the order that is stated for it. Somebody said what the order is: this needs no second
    /// thread to be a mistake, in the code or in the statement.
    fn check_stated(&mut self, request: &Request, intent: &Intent, findings: &mut Vec<OrderFinding>) {
        let Some(breach) = stated::breach(request, intent) else { return };
        if let Some(ignored) = intent.ignored {
            return self.silence(ignored);
        }
        let tier = match request.attempt {
            Attempt::Block if breach.sure => Tier::Likely,
            Attempt::Block | Attempt::Timed => Tier::Order,
            Attempt::Try => return,
        };
        let links = vec![CycleLink { request: request.clone(), via: breach.via }];
        self.report(Code::LockOrderCycle, tier, links, Some(breach.ranks), findings);
    }

    fn report(
        &mut self,
        code: Code,
        tier: Tier,
        links: Vec<CycleLink>,
        remark: Option<String>,
        findings: &mut Vec<OrderFinding>,
    ) {
        let scope = self.common_scope(links.iter().map(|link| link.request.thread));
        if let Some((problem, novelty)) = self.problems.judge(code, tier, &links, scope) {
            findings.push(OrderFinding { code, tier, links, problem, novelty, scope, remark });
        }
    }

    /// The edge of the youngest hold; none where there is no room for what the request would teach.
    fn place_within_limit(&mut self, youngest: LockId, request: &Request, digest: u64) -> Option<Placed> {
        if self.graph.edge_count() < EDGES_MAX {
            return Some(self.graph.place(youngest.0, request.lock.0));
        }
        let edge = self.graph.find(youngest.0, request.lock.0);
        let known = edge.filter(|&edge| !self.is_new_for(edge, request, digest));
        self.edges_lost += u64::from(known.is_none());
        known.map(Placed::Known)
    }

    /// Adds an edge for each hold, that of `youngest` being `placed` already; those for which the request is new
    /// evidence are `fresh` then.
    fn learn(&mut self, request: &Request, youngest: LockId, placed: Placed, stated: Option<Stated>) {
        self.fresh.clear();
        let wanted = request.lock;
        let ask = self.evidence.add(request);
        let digest = stated.as_ref().map_or(0, |stated| stated.digest);
        if let Some(stated) = stated {
            self.evidence.state(ask, stated);
        }
        for (index, hold) in request.holds.iter().enumerate() {
            let again = request.holds[..index].iter().any(|other| other.lock == hold.lock);
            if hold.lock == wanted || again {
                continue;
            }
            let placed = if hold.lock == youngest { placed } else { self.graph.place(hold.lock.0, wanted.0) };
            let edge = match placed {
                Placed::New(edge) => {
                    self.graph.rest_on(edge, ask);
                    edge
                }
                Placed::Known(edge) if self.is_new_for(edge, request, digest) => {
                    self.add_evidence(edge, ask);
                    edge
                }
                Placed::Known(_) => continue,
            };
            self.evidence.retain(ask);
            self.fresh.push(Side { edge, ask });
        }
        // `add` gave a reference, which the edges have replaced; a request with a single hold counts none.
        if request.holds.len() > 1 {
            self.evidence.release(ask);
        }
    }

    fn is_new_for(&self, edge: u32, request: &Request, digest: u64) -> bool {
        !self.graph.evidence(edge).iter_back().any(|known| self.evidence.is_same(known, request, digest))
    }

    fn add_evidence(&mut self, edge: u32, ask: u32) {
        let victim = self.victim(edge, ask);
        if let Some(gone) = self.graph.add_evidence(edge, ask, victim.map(|(at, _)| at)) {
            let redundant = victim.is_some_and(|(_, redundant)| redundant);
            if !redundant {
                self.graph.set_lossy(edge);
            }
            self.evidence.release(gone);
        }
    }

    /// Which piece of evidence makes room for a new one, if one must, and whether there is another like it.
    fn victim(&self, edge: u32, new: u32) -> Option<(usize, bool)> {
        let Pieces::Many(list) = self.graph.evidence(edge) else { return None };
        if list.len() < EVIDENCE_MAX {
            return None;
        }
        let rank = |at: usize| {
            let piece = list[at];
            let like = |&&other: &&u32| self.evidence.same_class(piece, other);
            let redundant = list.iter().filter(like).count() > 1 || self.evidence.same_class(piece, new);
            (redundant, self.evidence.history.has_ended(self.evidence.ask(piece).segment))
        };
        let best = (2..list.len()).max_by_key(|&at| (rank(at), std::cmp::Reverse(at)))?;
        Some((best, rank(best).0))
    }

    /// Looks for the cycles that the new evidence closes: within its scope first.
    fn search_from(&mut self, side: Side, request: &Request, findings: &mut Vec<OrderFinding>) {
        self.steps_earned += CREDIT_EACH;
        if self.evidence.any_ignored() {
            self.search_ignored(side);
            if self.evidence.ignored(side.ask) != 0 {
                return;
            }
        }
        let scope = self.evidence.history.scope(request.thread.0);
        let own = scope != 0 && self.several_scopes && self.search_in(scope, side, request, findings);
        if !own {
            self.search_in(0, side, request, findings);
        }
    }

    /// Counts for each `ignore` what it keeps silent.
    fn search_ignored(&mut self, side: Side) {
        let credit = (CREDIT + self.steps_earned).saturating_sub(self.steps_spent);
        let start = Start {
            edge: side.edge,
            ask: side.ask,
            steps: SEARCH_STEPS_LONGER.min(credit.max(SEARCH_STEPS_REPORTED)),
            more_steps: SEARCH_STEPS_REPORTED,
            only: 0,
            ignored: true,
        };
        let outcome = self.search.run(&start, &self.graph, &self.evidence);
        self.steps_spent += outcome.steps;
        let sides = outcome.cycles.iter().flat_map(|cycle| &cycle.sides);
        let ignored: Vec<u32> =
            sides.map(|side| self.evidence.ignored(side.ask)).filter(|&by| by != 0).collect();
        ignored.into_iter().for_each(|by| self.silence(SiteId(by)));
    }

    /// Whether all sides of the cycle follow the levels stated for them.
    fn follows_levels(&self, cycle: &Cycle, links: &[CycleLink]) -> bool {
        cycle.sides.iter().zip(links).all(|(side, link)| {
            let held = link.request.holds.get(link.via).map(|hold| hold.event);
            let stated = self.evidence.stated(side.ask);
            stated.zip(held).is_some_and(|(stated, event)| stated.is_above(event))
        })
    }

    /// Looks for cycles among the threads of one scope, or of all (0); says whether one was found that counts.
    fn search_in(
        &mut self,
        only: u32,
        side: Side,
        request: &Request,
        findings: &mut Vec<OrderFinding>,
    ) -> bool {
        let credit = (CREDIT + self.steps_earned).saturating_sub(self.steps_spent);
        let held = self.graph.nodes[self.graph.edges[side.edge].from].lock;
        let via = request.holds.iter().position(|hold| hold.lock.0 == held);
        let reported = via.is_some_and(|via| self.problems.is_reported(request, via));
        let steps = if reported { SEARCH_STEPS_REPORTED } else { SEARCH_STEPS };
        let start = Start {
            edge: side.edge,
            ask: side.ask,
            steps: steps.min(credit.max(SEARCH_STEPS_REPORTED)),
            more_steps: SEARCH_STEPS_LONGER,
            only,
            ignored: false,
        };
        let outcome = self.search.run(&start, &self.graph, &self.evidence);
        self.steps_spent += outcome.steps;
        self.searches_cut += u64::from(outcome.cut && !reported);
        let mut counts = false;
        for cycle in outcome.cycles {
            let links = self.links(&cycle);
            let (code, mut tier) = match cycle.kind {
                Kind::Cycle(tier) => (Code::LockOrderCycle, tier),
                Kind::Masked => (Code::MaskedByTimeout, Tier::Order),
            };
            let remark = (tier >= Tier::Likely && self.follows_levels(&cycle, &links)).then(|| {
                tier = Tier::Order;
                LEVELS_HOLD.to_owned()
            });
            counts |= tier >= Tier::Likely;
            if cycle.shortest || self.problems.is_shortest_for_a_side(&links) {
                self.report(code, tier, links, remark, findings);
            }
        }
        counts
    }

    /// The sides as requests. Each is linked by the hold that its predecessor most surely waits for.
    fn links(&self, cycle: &Cycle) -> Vec<CycleLink> {
        let count = cycle.sides.len();
        let link = |(index, side): (usize, &Side)| {
            let edge = &self.graph.edges[side.edge];
            let held = self.graph.nodes[edge.from].lock;
            let request = self.evidence.request(side.ask, self.graph.nodes[edge.to].lock);
            let before: Manner = self.evidence.manner(cycle.sides[(index + count - 1) % count].ask);
            let via = (0..request.holds.len())
                .filter(|&at| request.holds[at].lock.0 == held)
                .max_by_key(|&at| (conflict(request.holds[at].mode, before.mode()), std::cmp::Reverse(at)))
                .unwrap_or(0);
            CycleLink { request, via }
        };
        cycle.sides.iter().enumerate().map(link).collect()
    }
}
