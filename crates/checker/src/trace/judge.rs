//! The end of an analysis: which patterns and pairs can be reached, and everything put into order.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};
use lockcheck_events::trace_event::{Op, TargetKind};

use super::acquires::{Kind, Shape, Unfinished, Want};
use super::analysis::Analysis;
use super::atomicity::Place;
use super::closure::{Candidate, Closure, Downset, Ideal, first_tuple};
use super::findings::{
    Access, BrokenRegion, BrokenUpdate, Cycle, CycleEdge, Harmless, HeldLock, HoldMode, InconsistentLocking,
    Limit, Race, RaceRelations, TraceFindings, TraceStats, TraceTier, Wanted, Witness,
};
use super::history::{EdgeIndex, NEVER, SectionIndex};
use super::holds::{Hold, HoldSets, SetId};
use super::order::{LockOrder, joined_under_lock, objects};
use super::races::{AccessList, ListKey, RaceKey, Races, Seen, race_key, sound};
use super::reversal::{MAX_REVERSAL_PAIRS, Reversals};
use super::shapes::Update;

/// Most searches with the closure, over the whole trace.
pub const MAX_SEARCHES: u32 = 20_000;

/// Most steps of these searches, of some nanoseconds each.
pub const MAX_SEARCH_STEPS: u64 = 1_000_000_000;

/// Most searches for further instances of a deadlock that is already predicted.
pub const MAX_INSTANCE_SEARCHES: u32 = 32;

/// Judges everything that `analysis` has collected.
pub(super) fn judge(mut analysis: Analysis) -> TraceFindings {
    let mut races = std::mem::take(&mut analysis.races);
    note_requests(&mut analysis);
    name_unnested(&mut analysis);
    analysis.regions.finish();
    let analysis = &analysis;
    let locks = analysis.locks;
    let threads = analysis.threads.len();
    let order = LockOrder::new(&analysis.acquires.kinds, &analysis.sets, locks, threads);
    let search = analysis.config.closure()
        && (order.has_cycle() && analysis.config.deadlocks
            || analysis.config.syncp
            || analysis.config.osr
            || races.found.values().any(|found| sound(found.relations)));
    let index = search.then(|| {
        let shapes = &analysis.acquires.shapes;
        (EdgeIndex::new(&analysis.depends), SectionIndex::new(&analysis.sections, shapes))
    });
    let mut judge = Judge {
        analysis,
        index: index.as_ref(),
        searches: MAX_SEARCHES,
        limits: Vec::new(),
        stats: TraceStats {
            events: analysis.events,
            threads: threads as u32,
            locks,
            variables: races.variables.len() as u32,
            abstract_acquires: analysis.acquires.kinds.len() as u32,
            order_edges: order.lock_edges(),
            history_bytes: (analysis.sections.bytes() + analysis.depends.bytes()) as u64,
            ..TraceStats::default()
        },
    };
    let history = analysis.config.history;
    let deadlocks = analysis.config.deadlocks && history;
    let cycles = if deadlocks { judge.cycles(&order) } else { Vec::new() };
    if analysis.config.syncp && history {
        judge.sync_preserving_races(&mut races);
    }
    if analysis.config.osr && history {
        judge.reversing_races(&mut races);
    }
    judge.findings(&races, cycles)
}

/// Makes acquisitions of the requests at which threads ended: whoever asked for a lock last may be blocked on it.
fn note_requests(analysis: &mut Analysis) {
    for thread in 0..analysis.threads.len() as u32 {
        let Some((request, held)) = analysis.pending_request(thread) else { continue };
        if held {
            continue;
        }
        // The request does not say its mode. A lock that is ever shared may be wanted so, which blocks least.
        let shared = Hold::new(request.lock, true);
        let ever = analysis.acquires.shapes.iter().any(|shape| shape.hold == shared);
        analysis.locks = analysis.locks.max(request.lock + 1);
        let want = Want::Lock(Hold::new(request.lock, ever));
        let kind = Kind { thread, want, set: request.set, location: request.location };
        analysis.acquires.unfinished(kind, request.index, request.line);
    }
}

/// Makes abstract acquires of the unnested acquisitions of threads that somebody waits for while holding a lock.
fn name_unnested(analysis: &mut Analysis) {
    let joined = joined_under_lock(&analysis.acquires.kinds, analysis.threads.len());
    let sections = &analysis.sections.of_thread;
    for (thread, sections) in sections.iter().enumerate().filter(|&(thread, _)| joined[thread]) {
        for section in sections {
            if !analysis.acquires.shapes[section.shape as usize].is_nested() {
                analysis.acquires.note(thread as u32, section.shape);
            }
        }
    }
}

/// What the judgements share.
struct Judge<'a> {
    /// What was collected.
    analysis: &'a Analysis,
    /// Edges by thread, sections by thread and lock, if anything is to be searched.
    index: Option<&'a (EdgeIndex<'a>, SectionIndex<'a>)>,
    /// Searches left.
    searches: u32,
    /// Limits reached.
    limits: Vec<Limit>,
    /// What was seen.
    stats: TraceStats,
}

impl<'a> Judge<'a> {
    /// A closure to search with.
    fn closure(&self) -> Option<Closure<'a>> {
        self.index.map(|(edges, sections)| Closure::new(edges, sections))
    }

    /// Counts one search with `closure`; false when there are none left.
    fn may_search(&mut self, closure: &Closure<'_>) -> bool {
        if self.searches == 0 || closure.work > MAX_SEARCH_STEPS {
            self.limits.push(Limit::Searches);
            return false;
        }
        self.searches -= 1;
        self.stats.searches += 1;
        true
    }

    /// Puts everything together.
    fn findings(mut self, races: &Races, cycles: Vec<Cycle>) -> TraceFindings {
        let analysis = self.analysis;
        let updates = &analysis.updates.found;
        let (stale, lost) = updates.iter().partition::<Vec<&Update>, _>(|u| u.lock.is_some());
        if races.dropped || analysis.updates.dropped || analysis.regions.dropped {
            self.limits.push(Limit::Findings);
        }
        if analysis.surprised {
            self.limits.push(Limit::Threads);
        }
        self.limits.sort_unstable();
        self.limits.dedup();
        TraceFindings {
            cycles,
            races: self.races(races),
            inconsistent_locking: self.hints(races),
            lost_updates: lost.into_iter().map(|update| self.update(update)).collect(),
            stale_updates: stale.into_iter().map(|update| self.update(update)).collect(),
            broken_regions: self.regions(),
            lock_only: !analysis.data,
            limits: std::mem::take(&mut self.limits),
            stats: self.stats,
        }
    }

    /// Every lock-order cycle worth a word.
    fn cycles(&mut self, order: &LockOrder<'_>) -> Vec<Cycle> {
        if !order.has_cycle() {
            return Vec::new();
        }
        let kinds = &self.analysis.acquires.kinds;
        let mut patterns = Patterns::default();
        if !order.patterns(|pattern| patterns.add(pattern, kinds)) {
            self.limits.push(Limit::PatternSteps);
        }
        self.stats.patterns = patterns.groups.len() as u32;
        let lists = self.candidates(&patterns);
        let mut explained = HashSet::new();
        let mut cycles = Vec::new();
        let mut closure = self.closure().expect("a cycle is to be searched");
        let mut forks = Downset::new(&self.analysis.forks, self.analysis.threads.len());
        for group in &patterns.groups {
            let components = group.patterns.iter().map(|pattern| &kinds[pattern[0] as usize]);
            explained.extend(components.filter_map(|kind| order.component_of(kind)));
            cycles.push(self.judge_group(group, &lists, &mut closure, &mut forks));
        }
        cycles.extend(order.unexplained(&explained).iter().map(|cycle| self.note(cycle)));
        cycles.sort_by_key(|cycle| (std::cmp::Reverse(cycle.tier), cycle.lines()));
        cycles
    }

    /// The candidates of each abstract acquire that is part of a pattern, in order.
    fn candidates(&self, patterns: &Patterns) -> HashMap<u32, Vec<Candidate>> {
        let acquires = &self.analysis.acquires;
        let mut lists: HashMap<u32, Vec<Candidate>> = HashMap::new();
        // By thread: its shapes that are part of a pattern, with the abstract acquire.
        let mut wanted: Vec<Vec<(u32, u32)>> = vec![Vec::new(); self.analysis.threads.len()];
        for &number in patterns.groups.iter().flat_map(|g| &g.patterns).flatten() {
            lists.entry(number).or_insert_with(|| {
                let kind = &acquires.kinds[number as usize];
                let shape = acquires.shape_of(kind);
                wanted[kind.thread as usize].extend(shape.map(|shape| (shape, number)));
                Vec::new()
            });
        }
        // By shape: the place in `found` of the thread at hand.
        let mut place = vec![NEVER; acquires.shapes.len()];
        for (sections, wanted) in self.analysis.sections.of_thread.iter().zip(&wanted) {
            if wanted.is_empty() {
                continue;
            }
            let mut found: Vec<Vec<Candidate>> = vec![Vec::new(); wanted.len()];
            wanted.iter().zip(0..).for_each(|(&(shape, _), at)| place[shape as usize] = at);
            for section in sections {
                if let Some(found) = found.get_mut(place[section.shape as usize] as usize) {
                    found.push(Candidate { index: section.acquired, line: section.line });
                }
            }
            for (&(shape, number), found) in wanted.iter().zip(found) {
                place[shape as usize] = NEVER;
                lists.insert(number, found);
            }
        }
        for &Unfinished { kind, index, line } in &acquires.unfinished {
            if let Some(list) = lists.get_mut(&kind) {
                list.push(Candidate { index, line });
            }
        }
        lists
    }

    /// Finds the surest tier that a pattern of the group reaches, and how many instances reach it.
    fn judge_group(
        &mut self,
        group: &Group,
        lists: &HashMap<u32, Vec<Candidate>>,
        closure: &mut Closure<'_>,
        forks: &mut Downset<'_>,
    ) -> Cycle {
        let kinds = &self.analysis.acquires.kinds;
        let mut best: Option<Cycle> = None;
        let mut instances: BTreeSet<Vec<(TargetKind, u32)>> = BTreeSet::new();
        let mut further = MAX_INSTANCE_SEARCHES;
        for pattern in &group.patterns {
            let objects = objects(pattern, kinds);
            let tier = best.as_ref().map(|cycle| cycle.tier);
            if tier == Some(TraceTier::Predicted) {
                if instances.contains(&objects) {
                    continue;
                }
                if further == 0 {
                    self.limits.push(Limit::Instances);
                    break;
                }
                further -= 1;
            }
            let cycle = self.judge_pattern(pattern, lists, closure, forks);
            if Some(cycle.tier) > tier {
                instances.clear();
                instances.insert(objects);
                best = Some(cycle);
            } else if Some(cycle.tier) == tier {
                instances.insert(objects);
            }
        }
        let best = best.expect("a group has at least one pattern");
        Cycle { instances: instances.into_iter().collect(), ..best }
    }

    /// Judges one pattern. Which instances there are is known to who judges the group.
    fn judge_pattern(
        &mut self,
        pattern: &[u32],
        lists: &HashMap<u32, Vec<Candidate>>,
        closure: &mut Closure<'_>,
        forks: &mut Downset<'_>,
    ) -> Cycle {
        let kinds = &self.analysis.acquires.kinds;
        let lists: Vec<(u32, &[Candidate])> =
            pattern.iter().map(|&kind| (kinds[kind as usize].thread, &lists[&kind][..])).collect();
        if self.may_search(closure)
            && let Some(at) = first_tuple(closure, &lists)
        {
            let witness = Witness { events: closure.counts(), stages: Vec::new() };
            let edges = self.edges(pattern, &lists, &at);
            let tier = TraceTier::Predicted;
            return Cycle { tier, edges, instances: Vec::new(), harmless: None, witness: Some(witness) };
        }
        let (at, harmless) = match first_tuple(forks, &lists) {
            Some(at) if self.guarded(pattern) => (at, Some(Harmless::GuardedByParent)),
            Some(at) => (at, None),
            None => (vec![0; lists.len()], Some(Harmless::Ordered)),
        };
        let tier = if harmless.is_some() { TraceTier::Order } else { TraceTier::Likely };
        let edges = self.edges(pattern, &lists, &at);
        Cycle { tier, edges, instances: Vec::new(), harmless, witness: None }
    }

    /// Whether a lock held around a thread's whole life separates two sides of a pattern.
    fn guarded(&self, pattern: &[u32]) -> bool {
        let kind = |number: u32| &self.analysis.acquires.kinds[number as usize];
        let guards = |number: u32| &self.analysis.threads[kind(number).thread as usize].guards;
        let excludes = |a: u32, b: u32| {
            guards(a).iter().any(|&(guard, owner)| {
                let held = self.analysis.sets.get(kind(b).set);
                let by_thread = owner != kind(b).thread && held.iter().any(|hold| !guard.compatible(*hold));
                by_thread || guards(b).iter().any(|&(other, of)| of != owner && !guard.compatible(other))
            })
        };
        pattern.iter().any(|&a| pattern.iter().any(|&b| a != b && excludes(a, b)))
    }

    /// The edges of a pattern at these positions of its lists, starting with the smallest line.
    fn edges(&self, pattern: &[u32], lists: &[(u32, &[Candidate])], at: &[usize]) -> Vec<CycleEdge> {
        let mut edges: Vec<CycleEdge> = pattern
            .iter()
            .zip(lists)
            .zip(at)
            .map(|((&kind, &(_, list)), &at)| self.edge(kind, list[at]))
            .collect();
        let first = (0..edges.len()).min_by_key(|&at| edges[at].line).unwrap_or(0);
        edges.rotate_left(first);
        edges
    }

    /// One edge: an instance of an abstract acquire.
    fn edge(&self, kind: u32, candidate: Candidate) -> CycleEdge {
        let kind = &self.analysis.acquires.kinds[kind as usize];
        let wants = match kind.want {
            Want::Lock(hold) => Wanted::Lock(hold.lock(), mode(hold)),
            Want::End(thread) => Wanted::End(thread),
        };
        let holds = self.holds_at(kind.thread, kind.set, candidate.index);
        let Candidate { index, line } = candidate;
        CycleEdge { thread: kind.thread, wants, line, location: kind.location, index, holds }
    }

    /// Where the holds of `set`, held by `thread` at its event `index`, were acquired.
    fn holds_at(&self, thread: u32, set: SetId, index: u32) -> Vec<HeldLock> {
        let sections = &self.analysis.sections.of_thread[thread as usize];
        let before = sections.partition_point(|section| section.acquired < index);
        let mut missing = self.analysis.sets.get(set).to_vec();
        let mut holds = Vec::new();
        for section in sections[..before].iter().rev() {
            if missing.is_empty() {
                break;
            }
            let Shape { hold, location, .. } = self.analysis.acquires.shapes[section.shape as usize];
            if let Some(at) = missing.iter().position(|other| *other == hold) {
                missing.swap_remove(at);
                holds.push(HeldLock { lock: hold.lock(), mode: mode(hold), line: section.line, location });
            }
        }
        holds.reverse();
        holds
    }

    /// A cycle that no pattern explains, from the first instances of its abstract acquires.
    fn note(&self, cycle: &[u32]) -> Cycle {
        let edges = cycle.iter().map(|&kind| self.edge(kind, self.first_instance(kind)));
        let mut edges: Vec<CycleEdge> = edges.collect();
        let first = (0..edges.len()).min_by_key(|&at| edges[at].line).unwrap_or(0);
        edges.rotate_left(first);
        let harmless = Some(Harmless::NoPattern);
        let instances = vec![objects(cycle, &self.analysis.acquires.kinds)];
        Cycle { tier: TraceTier::Order, edges, instances, harmless, witness: None }
    }

    /// The first instance of an abstract acquire.
    fn first_instance(&self, kind: u32) -> Candidate {
        let acquires = &self.analysis.acquires;
        let thread = acquires.kinds[kind as usize].thread;
        let shape = acquires.shape_of(&acquires.kinds[kind as usize]);
        let sections = &self.analysis.sections.of_thread[thread as usize];
        let section = sections.iter().find(|section| Some(section.shape) == shape);
        let section = section.map(|s| Candidate { index: s.acquired, line: s.line });
        let unfinished = acquires.unfinished.iter().find(|u| u.kind == kind);
        let unfinished = unfinished.map(|u| Candidate { index: u.index, line: u.line });
        section.or(unfinished).expect("a kind is made for an instance")
    }

    /// Searches each pair of conflicting accesses that no hold set separates.
    fn sync_preserving_races(&mut self, races: &mut Races) {
        let by_variable = lists_by_variable(races);
        let mut closure = self.closure().expect("races are to be searched");
        let mut forks = Downset::new(&self.analysis.forks, self.analysis.threads.len());
        for (variable, lists) in by_variable.iter().enumerate() {
            for (at, &a) in lists.iter().enumerate() {
                for &b in &lists[at + 1..] {
                    let found = self.race_of_lists(races, (a, b), &mut closure, &mut forks);
                    if let Some((a, b)) = found {
                        let relations = RaceRelations { syncp: true, ..Default::default() };
                        races.report(variable as u32, a, b, relations, None);
                    }
                }
            }
        }
    }

    /// The first racing pair of two lists of equivalent accesses.
    fn race_of_lists(
        &mut self,
        races: &Races,
        (a, b): (u32, u32),
        closure: &mut Closure<'_>,
        forks: &mut Downset<'_>,
    ) -> Option<(Seen, Seen)> {
        let (a, b) = (&races.lists[a as usize], &races.lists[b as usize]);
        if !self.may_race(a, b) || races.known(&key_of(a, b), a.key.0) {
            return None;
        }
        let lists = [(a.key.1, &a.accesses[..]), (b.key.1, &b.accesses[..])];
        first_tuple(forks, &lists)?;
        if !self.may_search(closure) {
            return None;
        }
        let at = first_tuple(closure, &lists)?;
        Some((seen_of(&a.key, a.accesses[at[0]]), seen_of(&b.key, b.accesses[at[1]])))
    }

    /// Whether fork and join apart something could bring accesses of the two lists together.
    fn may_race(&self, a: &AccessList, b: &AccessList) -> bool {
        a.key.1 != b.key.1 && (a.key.2 || b.key.2) && self.analysis.sets.compatible(a.key.4, b.key.4)
    }

    /// Tries pairs of conflicting accesses that no hold set separates, and that nothing sound reports yet, for a run
    /// that may reverse critical sections.
    fn reversing_races(&mut self, races: &mut Races) {
        let (edges, _) = self.index.expect("races are to be searched");
        let closure = self.closure().expect("races are to be searched");
        let mut reversals = Reversals::new(&self.analysis.log, edges, closure);
        let mut forks = Downset::new(&self.analysis.forks, self.analysis.threads.len());
        for (variable, lists) in lists_by_variable(races).iter().enumerate() {
            for (at, &a) in lists.iter().enumerate() {
                for &b in &lists[at + 1..] {
                    let (a, b) = (&races.lists[a as usize], &races.lists[b as usize]);
                    if !self.may_race(a, b) || races.known_soundly(&key_of(a, b), variable as u32) {
                        continue;
                    }
                    let found = reversing_pair(a, b, &mut reversals, &mut forks);
                    if let Some((a, b, witness)) = found {
                        let relations = RaceRelations { osr: true, ..Default::default() };
                        races.report(variable as u32, a, b, relations, Some(witness));
                    }
                }
            }
        }
        if reversals.limited {
            self.limits.push(Limit::Reversals);
        }
    }

    /// The races found, with witnesses.
    fn races(&self, races: &Races) -> Vec<Race> {
        let mut closure = self.closure();
        let mut out: Vec<Race> =
            races.order.iter().map(|key| self.race(races, key, closure.as_mut())).collect();
        out.sort_by_key(|race| (race.first.line, race.second.line));
        out
    }

    /// One race. A sound one has a witness: the smallest closed set before both accesses.
    fn race(&self, races: &Races, key: &RaceKey, closure: Option<&mut Closure<'_>>) -> Race {
        let found = &races.found[key];
        let (first, second) = (found.pair.0, found.pair.1);
        let sound = sound(found.relations);
        let witness = closure.filter(|_| sound && found.witness.is_none()).map(|closure| {
            closure.clear();
            closure.deepen();
            closure.include(first.thread, first.index - 1);
            closure.include(second.thread, second.index - 1);
            debug_assert!(closure.included(first.thread) < first.index);
            debug_assert!(closure.included(second.thread) < second.index);
            Witness { events: closure.counts(), stages: Vec::new() }
        });
        let witness = found.witness.clone().or(witness);
        Race {
            tier: if sound { TraceTier::Predicted } else { TraceTier::Likely },
            relations: found.relations,
            variable: found.variable,
            first: access(&self.analysis.sets, &first),
            second: access(&self.analysis.sets, &second),
            instances: found.variables.clone(),
            witness,
        }
    }

    /// The variables without a common lock.
    fn hints(&self, races: &Races) -> Vec<InconsistentLocking> {
        let mut hints: Vec<InconsistentLocking> = races
            .hints
            .iter()
            .filter(|_| self.analysis.config.locksets)
            .map(|hint| InconsistentLocking {
                variable: hint.variable,
                access: access(&self.analysis.sets, &hint.seen),
                ever_locked: races.ever_locked(hint.variable),
            })
            .collect();
        hints.sort_by_key(|hint| hint.variable);
        hints
    }

    /// A broken update in the words of the findings.
    fn update(&self, update: &Update) -> BrokenUpdate {
        let access = |seen| access(&self.analysis.sets, seen);
        BrokenUpdate {
            variable: update.variable,
            lock: update.lock,
            read: access(&update.read),
            intruder: access(&update.intruder),
            write: access(&update.write),
            instances: update.variables.clone(),
        }
    }

    /// The regions that are not serialisable.
    fn regions(&self) -> Vec<BrokenRegion> {
        let sets = &self.analysis.sets;
        let region = |broken: &super::atomicity::Broken| BrokenRegion {
            thread: broken.begin.thread,
            begin: broken.begin.line,
            location: broken.begin.location,
            intruder: place(sets, &broken.intruder),
            closing: place(sets, &broken.closing),
            instances: broken.instances,
        };
        self.analysis.regions.found.iter().map(region).collect()
    }
}

/// By variable: its lists of equivalent accesses, by number.
fn lists_by_variable(races: &Races) -> Vec<Vec<u32>> {
    let mut by_variable: Vec<Vec<u32>> = vec![Vec::new(); races.variables.len()];
    for (number, list) in races.lists.iter().enumerate() {
        by_variable[list.key.0 as usize].push(number as u32);
    }
    by_variable
}

/// The key of all pairs of two lists.
fn key_of(a: &AccessList, b: &AccessList) -> RaceKey {
    race_key(&seen_of(&a.key, a.accesses[0]), &seen_of(&b.key, b.accesses[0]))
}

/// The first pair of two lists that a run with reversals brings together: of all pairs, or, where these are too many,
/// of those next to each other in the trace.
fn reversing_pair(
    a: &AccessList,
    b: &AccessList,
    reversals: &mut Reversals<'_>,
    forks: &mut Downset<'_>,
) -> Option<(Seen, Seen, Witness)> {
    // Nothing that fork and join order is tried.
    let first = first_tuple(forks, &[(a.key.1, &a.accesses[..]), (b.key.1, &b.accesses[..])])?;
    let (of_a, of_b) = (&a.accesses[first[0]..], &b.accesses[first[1]..]);
    let mut attempt = |x: Candidate, y: Candidate| {
        let (x, y) = (seen_of(&a.key, x), seen_of(&b.key, y));
        let witness = reversals.witness(&x, &y)?;
        Some((x, y, witness))
    };
    if of_a.len().saturating_mul(of_b.len()) <= MAX_REVERSAL_PAIRS {
        let mut pairs = of_a.iter().flat_map(|&x| of_b.iter().map(move |&y| (x, y)));
        return pairs.find_map(|(x, y)| attempt(x, y));
    }
    let (mut i, mut j) = (0, 0);
    let mut found = None;
    for _ in 0..MAX_REVERSAL_PAIRS {
        let (Some(&x), Some(&y)) = (of_a.get(i), of_b.get(j)) else { break };
        found = attempt(x, y);
        if found.is_some() {
            break;
        }
        // On to the next one of the list that lags behind.
        if x.line < y.line {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

/// Patterns at the same locations: one finding.
struct Group {
    /// At least one, in the order of enumeration.
    patterns: Vec<Vec<u32>>,
}

/// All patterns by their locations.
#[derive(Default)]
struct Patterns {
    /// In the order of their first pattern.
    groups: Vec<Group>,
    /// Sorted locations to the group.
    numbers: HashMap<Vec<u32>, usize>,
}

impl Patterns {
    /// Adds a pattern to its group.
    fn add(&mut self, pattern: &[u32], kinds: &[Kind]) {
        let mut key: Vec<u32> = pattern.iter().map(|&kind| kinds[kind as usize].location).collect();
        key.sort_unstable();
        let number = *self.numbers.entry(key).or_insert_with(|| {
            self.groups.push(Group { patterns: Vec::new() });
            self.groups.len() - 1
        });
        self.groups[number].patterns.push(pattern.to_vec());
    }
}

/// The mode of a hold.
fn mode(hold: Hold) -> HoldMode {
    if hold.shared() { HoldMode::Shared } else { HoldMode::Exclusive }
}

/// The locks of a set, for a finding.
fn holds(sets: &HoldSets, set: SetId) -> Vec<(u32, HoldMode)> {
    sets.get(set).iter().map(|&hold| (hold.lock(), mode(hold))).collect()
}

/// An access in the words of the findings.
fn access(sets: &HoldSets, seen: &Seen) -> Access {
    let &Seen { thread, location, index, line, set, .. } = seen;
    Access { thread, op: seen.op(), line, location, index, holds: holds(sets, set) }
}

/// An event of a region in the words of the findings.
fn place(sets: &HoldSets, place: &Place) -> Access {
    let &Place { thread, index, line, location, op, set } = place;
    Access { thread, op: Op::ALL[op as usize], line, location, index, holds: holds(sets, set) }
}

/// One access of a list.
fn seen_of(key: &ListKey, at: Candidate) -> Seen {
    let &(_, thread, write, location, set) = key;
    Seen { thread, write, location, index: at.index, line: at.line, set }
}
