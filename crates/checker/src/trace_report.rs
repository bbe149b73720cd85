//! From the numbers of [`TraceFindings`] to the findings of a report: codes, tiers, evidence, fingerprints, witnesses.
//!
//! A trace has no source text: `event` is the line of the trace (the number of the event in a binary one), `site.file`
//! the trace itself, `site.line` the location number, the column 0. Nobody knows where an object was created, which
//! is line 0. This module decides nothing: what was found, and how surely, is [`crate::trace`]'s business.

use std::collections::BTreeMap;

use lockcheck_events::trace_event::{Event, Located, Names, Op, TargetKind};
use lockcheck_events::{Attempt, Frame, Mode, Site};

use crate::finding::{Step, fingerprint_of};
use crate::instances::INSTANCES_NAMED;
use crate::trace::{
    Access, BrokenRegion, BrokenUpdate, Cycle, CycleEdge, HoldMode, InconsistentLocking, Limit, Race,
    TraceFindings, TraceTier, Wanted, Witness,
};
use crate::words::{self, quoted, thread_label};
use crate::{Code, Evidence, Finding, HeldLock, LockDetail, Tier};

/// Longest witness that is written out. A longer one says nothing to a reader and much to a disk.
pub const WITNESS_STEPS_MAX: usize = 10_000;
/// Steps of all witnesses of one trace together.
pub const WITNESSES_STEPS_MAX: usize = 1_000_000;

/// What is recorded about accesses, by line.
type Stacks = BTreeMap<u32, Option<Recollection>>;

/// What the second pass finds out about an access.
#[derive(Clone, Debug, Default)]
struct Recollection {
    /// The return addresses of the stack that it was made with.
    addresses: Vec<u64>,
    /// The locks that its thread held, oldest first.
    holds: Vec<HeldThere>,
}

/// A lock that a thread holds.
#[derive(Clone, Copy, Debug)]
struct HeldThere {
    lock: u32,
    /// Where it was acquired, and by which event of the thread.
    location: u32,
    index: u32,
    /// How often more than once.
    again: u32,
}

/// What the second pass over a trace looks up: the steps of the witnesses, and the events behind some lines.
///
/// The first pass keeps neither, so that memory does not follow the trace.
#[derive(Debug, Default)]
pub struct SecondPass {
    /// By witness, in the order of [`witnesses`]: its steps so far; `None` where it is too long.
    steps: Vec<Option<Vec<(u32, u32)>>>,
    /// By thread: (how many of its events, which witness), the shortest last. Those that are through are gone.
    open: Vec<Vec<(u32, usize)>>,
    /// By thread: events so far.
    seen: Vec<u32>,
    /// Lines asked for, with the event once it is known.
    lines: BTreeMap<u32, Option<Event>>,
    /// Lines of accesses that are asked about, with the answer once it is known.
    stacks: Stacks,
    /// By thread, where accesses are asked about: what it holds.
    holding: Vec<Vec<HeldThere>>,
    /// Witnesses left out because of a limit.
    pub left_out: usize,
}

impl SecondPass {
    /// What a second pass has to look up; `None` where nothing. `stacks` says whether the trace may have any.
    pub fn new(found: &TraceFindings, stacks: bool) -> Option<SecondPass> {
        let mut pass = SecondPass::default();
        let mut budget = WITNESSES_STEPS_MAX;
        for (number, witness) in witnesses(found).enumerate() {
            let events = witness.map_or(&[][..], |witness| &witness.events);
            let length: usize = events.iter().map(|&count| count as usize).sum();
            let fits = witness.is_some() && length <= WITNESS_STEPS_MAX.min(budget);
            pass.left_out += usize::from(witness.is_some() && !fits);
            pass.steps.push(fits.then(Vec::new));
            let Some(witness) = witness.filter(|_| fits) else { continue };
            budget -= length;
            pass.await_steps(number, witness);
        }
        for open in &mut pass.open {
            open.sort_unstable_by(|a, b| b.cmp(a));
        }
        let regions = found.broken_regions.iter().flat_map(|region| [&region.intruder, &region.closing]);
        pass.lines = regions.map(|access| (access.line, None)).collect();
        if stacks {
            pass.stacks = accesses(found).map(|access| (access.line, None)).collect();
        }
        let idle = pass.lines.is_empty() && pass.stacks.is_empty() && pass.open.iter().all(Vec::is_empty);
        (!idle || pass.steps.iter().any(Option::is_some) || pass.left_out > 0).then_some(pass)
    }

    fn await_steps(&mut self, number: usize, witness: &Witness) {
        if self.open.len() < witness.events.len() {
            self.open.resize_with(witness.events.len(), Vec::new);
        }
        for (open, &count) in self.open.iter_mut().zip(&witness.events) {
            if count > 0 {
                open.push((count, number));
            }
        }
    }

    /// Whether nothing further is looked for: the rest of the trace need not be read.
    pub fn is_complete(&self) -> bool {
        let known = self.lines.values().all(Option::is_some) && self.stacks.values().all(Option::is_some);
        known && self.open.iter().all(Vec::is_empty)
    }

    /// The number of the event at hand among those of its thread, from 1.
    fn count(&mut self, thread: usize) -> u32 {
        if self.seen.len() <= thread {
            self.seen.resize(thread + 1, 0);
        }
        self.seen[thread] += 1;
        self.seen[thread]
    }

    /// Notes what the thread holds after the event.
    fn hold(&mut self, event: &Event) {
        let thread = event.thread as usize;
        if self.holding.len() <= thread {
            self.holding.resize_with(thread + 1, Vec::new);
        }
        let index = self.seen.get(thread).map_or(0, |seen| *seen) + 1;
        let holding = &mut self.holding[thread];
        let held = holding.iter().position(|held| held.lock == event.target);
        match (event.op, held) {
            (Op::Acquire | Op::SharedAcquire, Some(at)) => holding[at].again += 1,
            (Op::Acquire | Op::SharedAcquire, None) => {
                let (lock, location) = (event.target, event.location);
                holding.push(HeldThere { lock, location, index, again: 0 });
            }
            (Op::Release | Op::SharedRelease, Some(at)) if holding[at].again > 0 => holding[at].again -= 1,
            (Op::Release | Op::SharedRelease, Some(at)) => drop(holding.remove(at)),
            _ => {}
        }
    }

    /// Takes the next event; `stack` gives the return addresses of the stack that it was made with.
    pub fn event<'a>(&mut self, located: &Located, stack: impl FnOnce() -> &'a [u64]) {
        if !self.stacks.is_empty() {
            self.hold(&located.event);
        }
        if let Some(known) = self.stacks.get_mut(&located.line) {
            let holds = self.holding[located.event.thread as usize].clone();
            *known = Some(Recollection { addresses: stack().to_vec(), holds });
        }
        if let Some(event) = self.lines.get_mut(&located.line) {
            *event = Some(located.event);
        }
        let thread = located.event.thread as usize;
        let index = self.count(thread);
        if thread >= self.open.len() || self.open[thread].is_empty() {
            return;
        }
        let open = &mut self.open[thread];
        for &(_, number) in open.iter() {
            if let Some(steps) = &mut self.steps[number] {
                steps.push((located.event.thread, index));
            }
        }
        while open.last().is_some_and(|&(count, _)| count <= index) {
            open.pop();
        }
    }
}

/// Every access that findings show, but for those of regions, which need not be accesses.
fn accesses(found: &TraceFindings) -> impl Iterator<Item = &Access> {
    let races = found.races.iter().flat_map(|race| [&race.first, &race.second]);
    let hints = found.inconsistent_locking.iter().map(|hint| &hint.access);
    let updates = found.lost_updates.iter().chain(&found.stale_updates);
    races.chain(hints).chain(updates.flat_map(|update| [&update.read, &update.intruder, &update.write]))
}

/// The witness of each cycle, then of each race.
fn witnesses(found: &TraceFindings) -> impl Iterator<Item = Option<&Witness>> {
    let cycles = found.cycles.iter().map(|cycle| cycle.witness.as_ref());
    cycles.chain(found.races.iter().map(|race| race.witness.as_ref()))
}

/// What the numbers of recorded events stand for, beyond what a trace says by itself.
pub trait Recorded {
    /// The name of a thread.
    fn thread(&self, id: u64) -> String;
    /// A location.
    fn site(&self, location: u32) -> Site;
    /// What an object is: a lock, what a lock guards, or a thread.
    fn object(&self, kind: TargetKind, id: u64) -> LockDetail;
    /// The name of the regions that begin at a location.
    fn region(&self, location: u32) -> Option<String>;
    /// The frames at these return addresses, innermost first.
    fn frames(&self, addresses: &[u64]) -> Vec<Frame>;
}

/// What a trace calls its parts.
pub struct TraceSource<'a> {
    /// The trace's path, as the reader of the report knows it.
    pub file: &'a str,
    /// Its names.
    pub names: &'a Names,
    /// Its position among the traces that are judged together.
    pub process: u32,
    /// Of recorded events: what their numbers stand for.
    pub recorded: Option<&'a dyn Recorded>,
}

impl TraceSource<'_> {
    /// Every finding of a trace, sorted by fingerprint. Those with the same one are the same.
    pub fn findings(&self, found: &TraceFindings, second: Option<SecondPass>) -> Vec<Finding> {
        let SecondPass { steps, lines, stacks, .. } = second.unwrap_or_default();
        let steps = steps.into_iter().zip(witnesses(found));
        let steps = steps.map(|(steps, witness)| Some(witness?.arrange(steps?)));
        let mut steps = steps.chain(std::iter::repeat(None));
        let mut all: Vec<Finding> = Vec::new();
        for cycle in &found.cycles {
            all.push(self.cycle(cycle, steps.next().flatten()));
        }
        for race in &found.races {
            all.push(self.race(race, steps.next().flatten(), &stacks));
        }
        all.extend(found.inconsistent_locking.iter().map(|hint| self.hint(hint, &stacks)));
        let updates = found.lost_updates.iter().chain(&found.stale_updates);
        all.extend(updates.map(|update| self.update(update, &stacks)));
        all.extend(found.broken_regions.iter().map(|region| self.region(region, &lines)));
        let mut distinct: BTreeMap<String, Finding> = BTreeMap::new();
        for finding in all {
            match distinct.get_mut(&finding.fingerprint) {
                // The surest comes first in each list, and brings the evidence that shows it.
                Some(known) if known.tier >= finding.tier => unite(known, &finding),
                Some(known) => {
                    let weaker = std::mem::replace(known, finding);
                    unite(known, &weaker);
                }
                None => drop(distinct.insert(finding.fingerprint.clone(), finding)),
            }
        }
        distinct.into_values().collect()
    }

    fn cycle(&self, cycle: &Cycle, steps: Option<Vec<(u32, u32)>>) -> Finding {
        let code = if cycle.has_join() { Code::JoinDeadlock } else { Code::LockOrderCycle };
        let evidence: Vec<Evidence> = cycle.edges.iter().map(|edge| self.edge(edge)).collect();
        let mut sites = Vec::new();
        for (index, (edge, side)) in cycle.edges.iter().zip(&evidence).enumerate() {
            let before = &evidence[(index + evidence.len() - 1) % evidence.len()];
            let held = edge.holds.iter().zip(&side.holds).find(|(_, hold)| hold.lock == before.lock);
            sites.extend(held.map(|(held, _)| (self.fingerprint_site(held.location), mode(held.mode))));
            sites.push((self.fingerprint_site(edge.location), side.mode));
        }
        let locks = cycle.edges.iter().map(|edge| match edge.wants {
            Wanted::Lock(lock, _) => (TargetKind::Lock, lock),
            Wanted::End(thread) => (TargetKind::Thread, thread),
        });
        let locks = locks.collect();
        let mut finding = self.finding(code, tier(cycle.tier), locks, evidence, sites);
        self.list(&mut finding, &cycle.instances);
        if let (Code::JoinDeadlock, Some(message)) = (code, join_message(&finding)) {
            finding.message = message;
        }
        finding.witness = self.witness(steps);
        finding
    }

    fn edge(&self, edge: &CycleEdge) -> Evidence {
        let (action, lock, mode_wanted) = match edge.wants {
            Wanted::Lock(lock, wanted) => ("request", self.id(TargetKind::Lock, lock), mode(wanted)),
            Wanted::End(thread) => ("join", self.id(TargetKind::Thread, thread), Mode::Exclusive),
        };
        let holds = edge.holds.iter().map(|held| HeldLock {
            lock: self.id(TargetKind::Lock, held.lock),
            mode: mode(held.mode),
            event: held.line.into(),
            site: self.site(held.location),
        });
        Evidence {
            process: self.process,
            thread: self.thread(edge.thread),
            event: self.event(edge.line, edge.index),
            action: action.to_owned(),
            attempt: Attempt::Block,
            lock,
            mode: mode_wanted,
            holds: holds.collect(),
            site: self.site(edge.location),
            backtrace: Vec::new(),
        }
    }

    fn race(&self, race: &Race, steps: Option<Vec<(u32, u32)>>, stacks: &Stacks) -> Finding {
        let object = (TargetKind::Variable, race.variable);
        let accesses = [&race.first, &race.second];
        let evidence = accesses.map(|access| self.access(access, Some(object), stacks)).into();
        let sites = self.sites_of(&accesses);
        let mut finding = self.finding(Code::DataRace, tier(race.tier), vec![object], evidence, sites);
        self.list(&mut finding, &variables(&race.instances));
        finding.advice = format!("{}: {}", finding.advice, self.would_order(race));
        finding.witness = self.witness(steps);
        finding
    }

    /// What would have kept the two sides of a race apart.
    fn would_order(&self, race: &Race) -> String {
        let [first, second] = [&race.first, &race.second];
        let who = [first, second].map(|access| thread_label(&self.thread(access.thread)));
        let held = |access: &Access| {
            let names = access.holds.iter().map(|&(lock, _)| self.phrase(TargetKind::Lock, lock));
            words::list(&names.collect::<Vec<_>>())
        };
        let both = first.holds.iter().find(|hold| second.holds.iter().any(|other| other.0 == hold.0));
        let mut text = match (both, first.holds.is_empty(), second.holds.is_empty()) {
            (Some(&(lock, _)), ..) => {
                let lock = self.phrase(TargetKind::Lock, lock);
                format!("both hold {lock} shared, and exclusively it would have ordered them")
            }
            (None, true, true) => {
                "no lock is held at either, and one that is held at both, or a join or a message \
                                   from one to the other, would have ordered them"
                    .to_owned()
            }
            (None, false, false) => format!(
                "{} holds {} and {} holds {}, and one of these at both would have ordered them",
                who[0],
                held(first),
                who[1],
                held(second)
            ),
            (None, of_first, _) => {
                let (holder, other) = if of_first { (1, 0) } else { (0, 1) };
                let held = held([first, second][holder]);
                format!("{} holds {held}, which {} would have had to hold too", who[holder], who[other])
            }
        };
        if !race.relations.hb && race.tier == TraceTier::Predicted {
            text += "; in this run it was only the order of critical sections that kept them apart";
        }
        text
    }

    fn hint(&self, hint: &InconsistentLocking, stacks: &Stacks) -> Finding {
        let object = (TargetKind::Variable, hint.variable);
        let evidence = vec![self.access(&hint.access, Some(object), stacks)];
        let sites = self.sites_of(&[&hint.access]);
        let mut finding = self.finding(Code::InconsistentLocking, Tier::Order, vec![object], evidence, sites);
        if !hint.ever_locked {
            finding.message += ", and none was ever taken around one";
        }
        finding
    }

    fn update(&self, update: &BrokenUpdate, stacks: &Stacks) -> Finding {
        let object = (TargetKind::Variable, update.variable);
        let accesses = [&update.read, &update.intruder, &update.write];
        let evidence = accesses.map(|access| self.access(access, Some(object), stacks)).into();
        let sites = self.sites_of(&accesses);
        let code = if update.lock.is_some() { Code::AtomicityViolation } else { Code::LostUpdate };
        let mut finding = self.finding(code, Tier::Likely, vec![object], evidence, sites);
        self.list(&mut finding, &variables(&update.instances));
        let what = self.phrase(TargetKind::Variable, update.variable);
        let [who, other] = [&update.read, &update.intruder].map(|a| thread_label(&self.thread(a.thread)));
        let lock = update.lock.map(|lock| self.phrase(TargetKind::Lock, lock));
        let between = match lock {
            Some(lock) => format!(" and gives {lock} up; {other} writes it under {lock}; then"),
            None => format!("; {other} writes it; then"),
        };
        finding.message = format!("{who} reads {what}{between} {who} writes back without having read that");
        finding
    }

    fn region(&self, region: &BrokenRegion, lines: &BTreeMap<u32, Option<Event>>) -> Finding {
        let object = |access: &Access| {
            let event = lines.get(&access.line).copied().flatten()?;
            let kind = event.op.target_kind();
            (kind != TargetKind::None).then_some((kind, event.target))
        };
        let begin = Access {
            thread: region.thread,
            op: Op::Begin,
            line: region.begin,
            location: region.location,
            index: 0,
            holds: Vec::new(),
        };
        let accesses = [&begin, &region.intruder, &region.closing];
        let objects = [None, object(&region.intruder), object(&region.closing)];
        let unknown = Stacks::new();
        let evidence =
            accesses.iter().zip(objects).map(|(access, object)| self.access(access, object, &unknown));
        let evidence = evidence.collect();
        let sites = self.sites_of(&accesses);
        let mut finding = self.finding(
            Code::AtomicityViolation,
            Tier::Actual,
            objects.into_iter().flatten().collect(),
            evidence,
            sites,
        );
        let who = thread_label(&self.thread(region.thread));
        let other = thread_label(&self.thread(region.intruder.thread));
        let name = self.recorded.and_then(|recorded| recorded.region(region.location));
        let name = name.map(|name| format!(" {}", quoted(&name))).unwrap_or_default();
        finding.instances = region.instances.into();
        finding.message = format!(
            "the atomic region{name} of {who} was not atomic: {other} came in between, and no order of whole \
                     regions gives what happened"
        );
        finding
    }

    fn access(&self, access: &Access, object: Option<(TargetKind, u32)>, stacks: &Stacks) -> Evidence {
        let known = stacks.get(&access.line).and_then(Option::as_ref);
        let frames = |known: &Recollection| Some(self.recorded?.frames(&known.addresses));
        let backtrace = known.and_then(frames);
        let holds = access.holds.iter().map(|&(lock, held)| {
            // The first pass does not keep where a lock held around an access was taken: millions of accesses share
            // few hold sets.
            let there = known.and_then(|known| known.holds.iter().find(|there| there.lock == lock));
            HeldLock {
                lock: self.id(TargetKind::Lock, lock),
                mode: mode(held),
                event: there.map_or(0, |there| there.index.into()),
                site: there.map_or_else(|| self.unknown_site(), |there| self.site(there.location)),
            }
        });
        Evidence {
            process: self.process,
            thread: self.thread(access.thread),
            event: self.event(access.line, access.index),
            action: action(access.op).to_owned(),
            attempt: Attempt::Block,
            lock: object.map_or_else(String::new, |(kind, number)| self.id(kind, number)),
            mode: mode_of(access.op),
            holds: holds.collect(),
            site: self.site(access.location),
            backtrace: backtrace.unwrap_or_default(),
        }
    }

    fn sites_of(&self, accesses: &[&Access]) -> Vec<(Site, Mode)> {
        accesses.iter().map(|access| (self.fingerprint_site(access.location), mode_of(access.op))).collect()
    }

    fn finding(
        &self,
        code: Code,
        tier: Tier,
        objects: Vec<(TargetKind, u32)>,
        evidence: Vec<Evidence>,
        sites: Vec<(Site, Mode)>,
    ) -> Finding {
        let mut locks: Vec<LockDetail> = Vec::new();
        for (kind, number) in objects {
            let id = self.id(kind, number);
            if locks.iter().all(|lock| lock.id != id) {
                locks.push(self.detail(kind, number));
            }
        }
        let sites = sites.into_iter().map(|(site, mode)| (site, mode.as_str())).collect();
        let mut finding = Finding {
            fingerprint: fingerprint_of(code, sites),
            locks,
            evidence,
            ..Finding::bare(code, tier)
        };
        finding.message = words::message(&finding);
        finding.advice = words::advice(&finding);
        finding
    }

    /// The sets of objects that show it: how many, and, where there are several, which.
    fn list(&self, finding: &mut Finding, sets: &[Vec<(TargetKind, u32)>]) {
        finding.instances = sets.len() as u64;
        if sets.len() > 1 {
            let named = |set: &Vec<(TargetKind, u32)>| {
                set.iter().map(|&(kind, number)| self.id(kind, number)).collect()
            };
            finding.instance_locks = sets.iter().take(INSTANCES_NAMED).map(named).collect();
        }
    }

    fn witness(&self, steps: Option<Vec<(u32, u32)>>) -> Option<Vec<Step>> {
        // Threads of a process may share a name; for whoever replays the steps, the number is the one to go by.
        let original = |thread| self.recorded.and_then(|_| self.names.threads.original(thread));
        let name = |thread| original(thread).map_or_else(|| self.names.thread(thread), |id| id.to_string());
        let step = |(thread, index)| Step(name(thread), index);
        steps.map(|steps| steps.into_iter().map(step).collect())
    }

    /// The name of a thread.
    fn thread(&self, number: u32) -> String {
        match self.recorded_as(TargetKind::Thread, number) {
            Some((recorded, id)) => recorded.thread(id),
            None => self.names.thread(number),
        }
    }

    /// Which event it is: by its line in a trace, by its place among its thread's in a recording.
    fn event(&self, line: u32, index: u32) -> u64 {
        if self.recorded.is_some() { index.into() } else { line.into() }
    }

    /// The object as the process that recorded the events knows it, if one did.
    fn recorded_as(&self, kind: TargetKind, number: u32) -> Option<(&dyn Recorded, u64)> {
        let table = match kind {
            TargetKind::Thread => &self.names.threads,
            TargetKind::Lock => &self.names.locks,
            TargetKind::Variable => &self.names.variables,
            TargetKind::Condition => &self.names.conditions,
            TargetKind::None => return None,
        };
        Some((self.recorded?, table.original(number)?))
    }

    fn detail(&self, kind: TargetKind, number: u32) -> LockDetail {
        match self.recorded_as(kind, number) {
            Some((recorded, id)) => recorded.object(kind, id),
            None => LockDetail {
                id: self.id(kind, number),
                class: class(kind).to_owned(),
                name: Some(self.names.target(kind, number)),
                created: self.unknown_site(),
            },
        }
    }

    /// An object as a sentence names it.
    fn phrase(&self, kind: TargetKind, number: u32) -> String {
        words::lock_phrase(&self.detail(kind, number))
    }

    fn unknown_site(&self) -> Site {
        Site { package: String::new(), file: self.file.to_owned(), line: 0, column: 0 }
    }

    /// The name of an object; with its kind before it where an object of another kind has the same name.
    fn id(&self, kind: TargetKind, number: u32) -> String {
        if let Some((recorded, id)) = self.recorded_as(kind, number) {
            return recorded.object(kind, id).id;
        }
        let name = self.names.target(kind, number);
        let names = self.names;
        let earlier = [
            (TargetKind::Lock, &names.locks),
            (TargetKind::Variable, &names.variables),
            (TargetKind::Condition, &names.conditions),
            (TargetKind::Thread, &names.threads),
        ];
        let mut earlier = earlier.into_iter().take_while(|(other, _)| *other != kind);
        match earlier.any(|(_, table)| table.find(&name).is_some()) {
            true => format!("{} {name}", class(kind)),
            false => name,
        }
    }

    fn site(&self, location: u32) -> Site {
        if let Some(recorded) = self.recorded {
            return recorded.site(location);
        }
        Site { package: String::new(), file: self.file.to_owned(), line: location, column: 0 }
    }

    /// The site as the fingerprint has it: with the trace's name, but not where on this machine it lies.
    fn fingerprint_site(&self, location: u32) -> Site {
        if let Some(recorded) = self.recorded {
            return recorded.site(location);
        }
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or(self.file);
        Site { package: String::new(), file: name.to_owned(), line: location, column: 0 }
    }
}

/// What is to be said about the analysis of a trace as a whole.
pub fn notes(found: &TraceFindings, left_out: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if found.lock_only && found.stats.events > 0 {
        notes.push(
            "no read and no write is recorded: predictions rest on locks, forks and joins alone and are not sound, for \
             data that orders the threads is invisible"
                .to_owned(),
        );
    }
    for limit in &found.limits {
        notes.push(
            match limit {
                Limit::PatternSteps => "there are too many lock-order cycles: not all were enumerated",
                Limit::Searches => {
                    "there are too many candidates: some were left unjudged and are `likely` at most"
                }
                Limit::Reversals => {
                    "there are too many candidates for races that reverse critical sections: not all were tried"
                }
                Limit::Threads => {
                    "the trace has more threads than its header says: races of the others with what came before them \
                     may be missing"
                }
                Limit::Instances => "there are too many instances of a deadlock: not all were counted",
                Limit::Findings => "there are too many findings of one kind: the rest were left out",
            }
            .to_owned(),
        );
    }
    if left_out > 0 {
        notes.push(format!(
            "{left_out} witnesses are left out: one has at most {WITNESS_STEPS_MAX} steps, all together \
             {WITNESSES_STEPS_MAX}"
        ));
    }
    notes
}

/// Who waits for whose end, and for what the last of the chain asks.
fn join_message(finding: &Finding) -> Option<String> {
    let joiner = finding.evidence.iter().find(|side| side.action == "join")?;
    let asks = finding.evidence.iter().find(|side| side.action != "join")?;
    let name =
        |id: &str| finding.locks.iter().find(|lock| lock.id == id).and_then(|lock| lock.name.as_deref());
    let joined = thread_label(name(&joiner.lock)?);
    let what = quoted(name(&asks.lock)?);
    let holder = finding.evidence.iter().find(|side| side.holds.iter().any(|hold| hold.lock == asks.lock))?;
    let (who, holder) = (thread_label(&joiner.thread), thread_label(&holder.thread));
    let asker = thread_label(&asks.thread);
    Some(format!("{who} waits for the end of {joined} while {asker} needs {what}, which {holder} holds"))
}

fn tier(tier: TraceTier) -> Tier {
    match tier {
        TraceTier::Order => Tier::Order,
        TraceTier::Likely => Tier::Likely,
        TraceTier::Predicted => Tier::Predicted,
    }
}

fn mode(mode: HoldMode) -> Mode {
    match mode {
        HoldMode::Exclusive => Mode::Exclusive,
        HoldMode::Shared => Mode::Shared,
    }
}

/// Adds the instances of the same problem in the same trace: what both name is one.
fn unite(known: &mut Finding, other: &Finding) {
    known.add_instances(other);
    let named = known.instance_locks.len();
    known.instance_locks.iter_mut().for_each(|set| set.sort_unstable());
    known.instance_locks.sort_unstable();
    known.instance_locks.dedup();
    known.instances -= (named - known.instance_locks.len()) as u64;
}

/// Each variable as the one object of an instance.
fn variables(numbers: &[u32]) -> Vec<Vec<(TargetKind, u32)>> {
    numbers.iter().map(|&number| vec![(TargetKind::Variable, number)]).collect()
}

fn mode_of(op: Op) -> Mode {
    match op {
        Op::Read | Op::AtomicRead | Op::SharedAcquire | Op::SharedRelease => Mode::Shared,
        _ => Mode::Exclusive,
    }
}

/// The contract's word for an operation.
fn action(op: Op) -> &'static str {
    match op {
        Op::Acquire | Op::SharedAcquire => "acquire",
        Op::Release | Op::SharedRelease => "release",
        Op::Read | Op::AtomicRead => "read",
        Op::Write | Op::AtomicWrite | Op::AtomicUpdate => "write",
        Op::Fork => "spawn",
        Op::Join => "join",
        Op::Begin => "begin",
        Op::End => "end",
        Op::Request => "request",
        Op::Branch => "branch",
        Op::Wait | Op::Await | Op::After | Op::Fence => "wait",
        Op::Notify | Op::NotifyAll | Op::Signal | Op::Before => "notify",
    }
}

fn class(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::None => "region",
        TargetKind::Lock => "lock",
        TargetKind::Variable => "variable",
        TargetKind::Thread => "thread",
        TargetKind::Condition => "condition",
    }
}
