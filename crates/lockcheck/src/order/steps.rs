//! Requests under holds, from traces: of processes (`.lctrace`) and of events. What is said of them is not decided here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use lockcheck_checker::declared::{LockClass, Step};
use lockcheck_checker::{Code, Context, CycleLink, Finding, LockInfo, Stats, Tier};
use lockcheck_events::source::SourceMap;
use lockcheck_events::trace_event::{Event, Op, TargetKind, TraceReader as _};
use lockcheck_events::trace_file::{TraceError, TraceReader};
use lockcheck_events::{
    Attempt, Frame, Hold, LockId, LockKind, Mode, Record, Request, Site, SiteId, StackId, ThreadId,
};

use crate::analyze::Texts;
use crate::args::Format;
use crate::error::Result;
use crate::event_trace::{self, Form, Reader};
use crate::records::Records;
use crate::symbols::Symbols;

/// Steps that differ in their classes or places; further ones are counted.
const STEPS_MAX: usize = 200_000;

/// All steps of some traces, those of the same classes at the same places once.
pub struct Steps {
    /// What was held and what was asked for.
    pub steps: Vec<Step>,
    /// For each step, where it comes from.
    origins: Vec<Origin>,
    sources: Vec<Source>,
    /// How many traces there were.
    pub traces: usize,
    /// Counts over all of them.
    pub stats: Stats,
    /// Limits that were reached.
    pub notes: Vec<String>,
    /// Source text, for findings.
    pub texts: Texts,
}

/// The request of a step, and which of its holds it is about.
struct Origin {
    source: usize,
    link: CycleLink,
    /// How many pairs of locks do so.
    instances: u64,
}

/// What a trace's ids mean.
enum Source {
    Process(Box<Records>),
    Events(Names),
}

/// What tells steps of one trace apart: names and places of creation of both locks, and the two sites.
type Key = ([Option<String>; 2], [SiteId; 2], [SiteId; 2]);

/// The steps of one trace.
#[derive(Default)]
struct Found {
    links: BTreeMap<Key, (CycleLink, BTreeSet<(LockId, LockId)>)>,
    /// Pairs of locks; bounded as the steps are.
    pairs: BTreeSet<(LockId, LockId)>,
    threads: u64,
    left_out: usize,
}

impl Found {
    fn add(&mut self, key: Key, request: &Request, via: usize) {
        let pair = (request.holds[via].lock, request.lock);
        if self.pairs.len() < STEPS_MAX {
            self.pairs.insert(pair);
        }
        if let Some((_, pairs)) = self.links.get_mut(&key) {
            if pairs.len() < STEPS_MAX {
                pairs.insert(pair);
            }
        } else if self.links.len() < STEPS_MAX {
            let link = CycleLink { request: request.clone(), via };
            self.links.insert(key, (link, BTreeSet::from([pair])));
        } else {
            self.left_out += 1;
        }
    }
}

impl Steps {
    /// Reads these traces.
    pub fn read(paths: Vec<PathBuf>) -> Result<Steps> {
        let (processes, events) = event_trace::split(paths)?;
        let mut read = Vec::new();
        for path in &processes {
            read.extend(of_process(path)?);
        }
        for (path, form) in &events {
            read.push(of_events(path, *form)?);
        }
        let folders = read.iter().filter_map(|(source, _)| match source {
            Source::Process(records) => records.process.as_ref().map(|process| PathBuf::from(&process.cwd)),
            Source::Events(_) => None,
        });
        let sources = SourceMap::new(folders.chain(std::env::current_dir()));
        let mut steps = Steps {
            steps: Vec::new(),
            origins: Vec::new(),
            sources: Vec::new(),
            traces: read.len(),
            stats: Stats { processes: read.len() as u64, ..Stats::default() },
            notes: Vec::new(),
            texts: Texts { sources, traces: events.into_iter().map(|(path, _)| path).collect() },
        };
        for (source, found) in read {
            steps.add(source, found);
        }
        Ok(steps)
    }

    fn add(&mut self, source: Source, found: Found) {
        let number = self.sources.len();
        self.sources.push(source);
        self.stats.threads += found.threads;
        self.stats.edges += found.pairs.len() as u64;
        let locks: BTreeSet<LockId> = found.pairs.iter().flat_map(|&(held, wanted)| [held, wanted]).collect();
        self.stats.locks += locks.len() as u64;
        if found.left_out > 0 {
            let left_out = found.left_out;
            self.notes
                .push(format!("{left_out} steps were left out (limit: {STEPS_MAX} of different places)"));
        }
        let mut unknown = 0_usize;
        for (link, pairs) in found.links.into_values() {
            let step = self.with_context(number, |context| step(&link, context));
            // All that `.map(Mutex::new)` makes is created at one line of std's.
            let is_unknown = |lock: &LockClass| {
                lock.name.is_none() && (lock.created.line == 0 || lock.created.package == "std")
            };
            if is_unknown(&step.held) || is_unknown(&step.wanted) {
                unknown += 1;
                continue;
            }
            self.steps.push(step);
            self.origins.push(Origin { source: number, link, instances: pairs.len() as u64 });
        }
        if unknown > 0 {
            self.notes.push(format!("{unknown} steps were left out: their locks have no name and were created inside of the standard library \
                 (`.map(Mutex::new)`), or nowhere that is known; `.named(..)` tells them apart"));
        }
    }

    fn with_context<R>(&self, source: usize, tell: impl FnOnce(&dyn Context) -> R) -> R {
        match &self.sources[source] {
            Source::Process(records) => {
                tell(&records.context(source as u32, &self.texts.sources, &Symbols::default()))
            }
            Source::Events(names) => tell(names),
        }
    }

    /// The step as a breach of an order; `remark` says of which.
    pub fn finding(&self, step: usize, remark: &str) -> Finding {
        let origin = &self.origins[step];
        let mut finding = self.with_context(origin.source, |context| {
            let links = std::slice::from_ref(&origin.link);
            Finding::from_cycle(Code::LockOrderCycle, Tier::Likely, links, context).doubted(Some(remark))
        });
        finding.instances = origin.instances;
        finding
    }
}

fn step(link: &CycleLink, context: &dyn Context) -> Step {
    let class = |lock| {
        let LockInfo { name, created, .. } = context.lock(lock);
        LockClass { name, created }
    };
    let hold = &link.request.holds[link.via];
    Step {
        held: class(hold.lock),
        wanted: class(link.request.lock),
        places: (context.site(hold.site), context.site(link.request.site)),
    }
}

/// The steps of a process; `None` where it was killed before it wrote anything.
fn of_process(path: &Path) -> Result<Option<(Source, Found)>> {
    let mut reader = match TraceReader::open(path) {
        Err(TraceError::Empty { .. }) => return Ok(None),
        result => result?,
    };
    let mut records = Records::default();
    let mut found = Found::default();
    let mut gates: BTreeSet<LockId> = BTreeSet::new();
    for record in reader.by_ref() {
        let record = record?;
        records.feed(&record);
        match &record {
            // What a gate is about is no order of locks.
            Record::Lock { lock, kind: LockKind::Gate, .. } => drop(gates.insert(*lock)),
            Record::Request(request) => of_request(request, &records, &gates, &mut found),
            Record::ThreadStart { .. } => found.threads += 1,
            _ => {}
        }
    }
    Ok(Some((Source::Process(Box::new(records)), found)))
}

fn of_request(request: &Request, records: &Records, gates: &BTreeSet<LockId>, found: &mut Found) {
    let known = |lock| {
        records.lock(lock).map_or((SiteId(0), None), |(created, name)| (created, name.map(str::to_owned)))
    };
    let (wanted, wanted_name) = known(request.lock);
    for (via, hold) in request.holds.iter().enumerate() {
        if hold.lock == request.lock || gates.contains(&hold.lock) {
            continue;
        }
        let (held, held_name) = known(hold.lock);
        let key = ([held_name, wanted_name.clone()], [held, wanted], [hold.site, request.site]);
        found.add(key, request, via);
    }
}

/// What the ids of a trace of events mean. Its locks are their names, its sites its locations.
struct Names {
    file: String,
    locks: HashMap<LockId, String>,
    threads: HashMap<ThreadId, String>,
}

impl Context for Names {
    fn thread_name(&self, thread: ThreadId) -> String {
        self.threads.get(&thread).cloned().unwrap_or_else(|| format!("thread {}", thread.0))
    }

    fn thread_scope(&self, _: ThreadId) -> Option<String> {
        None
    }

    fn lock(&self, lock: LockId) -> LockInfo {
        LockInfo {
            kind: LockKind::Mutex,
            name: self.locks.get(&lock).cloned(),
            created: self.site(SiteId(0)),
        }
    }

    fn site(&self, site: SiteId) -> Site {
        Site { package: String::new(), file: self.file.clone(), line: site.0, column: 0 }
    }

    fn backtrace(&self, _: StackId) -> Vec<Frame> {
        Vec::new()
    }
}

/// The steps in a trace of events.
fn of_events(path: &Path, form: Form) -> Result<(Source, Found)> {
    let mut reader = Reader::open(path, form, Format::Json)?;
    let mut found = Found::default();
    let mut names =
        Names { file: path.display().to_string(), locks: HashMap::new(), threads: HashMap::new() };
    let mut holds: HashMap<u32, Vec<Hold>> = HashMap::new();
    let mut number = 0_u32;
    while let Some(located) = reader.next() {
        let Event { thread, target, location, op } = match located {
            Ok(located) => located.event,
            Err(error) if error.is_truncation() => break,
            Err(error) => return Err(event_trace::of_read(path, &error)),
        };
        number = number.saturating_add(1);
        let (lock, held) = (LockId(target.into()), holds.entry(thread).or_default());
        let mode = match op {
            Op::Acquire => Mode::Exclusive,
            Op::SharedAcquire => Mode::Shared,
            Op::Release | Op::SharedRelease => {
                if let Some(at) = held.iter().rposition(|hold| hold.lock == lock) {
                    held.remove(at);
                }
                continue;
            }
            _ => continue,
        };
        if !held.is_empty() {
            let (attempt, site, stack) = (Attempt::Block, SiteId(location), StackId(0));
            let (thread, holds) = (ThreadId(thread), held.clone());
            let request = Request { thread, event: number, lock, mode, attempt, site, stack, holds };
            let name = |lock: LockId| reader.names().target(TargetKind::Lock, lock.0 as u32);
            names.threads.entry(thread).or_insert_with(|| reader.names().thread(thread.0));
            for (via, hold) in request.holds.iter().enumerate().filter(|(_, hold)| hold.lock != lock) {
                for lock in [hold.lock, lock] {
                    names.locks.entry(lock).or_insert_with(|| name(lock));
                }
                let created = [SiteId(hold.lock.0 as u32), SiteId(lock.0 as u32)];
                found.add(([None, None], created, [hold.site, site]), &request, via);
            }
        }
        held.push(Hold { lock, mode, attempt: Attempt::Block, site: SiteId(location), event: number });
    }
    found.threads = holds.len() as u64;
    Ok((Source::Events(names), found))
}
