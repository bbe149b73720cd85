//! `lockcheck analyze` and `lockcheck graph`: what recorded traces say, without running anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lockcheck_checker::{Code, Context, Finding, Report, Tier};
use lockcheck_events::source::SourceMap;
use lockcheck_events::trace_event::{Event, Op, TargetKind, TraceReader as _};
use lockcheck_events::trace_file::{EXTENSION, TraceError, TraceReader};
use lockcheck_events::{LockId, Record, Site, SiteId};
use lockcheck_report::{Sources, dot, escape};

use crate::args::{AnalyzeArgs, Format};
use crate::config::{Judgement, Style};
use crate::error::Result;
use crate::event_trace::{self, EventFile, Form, Origin, Predicted, Reader, Rules};
use crate::exit::Exit;
use crate::outcome::{self, Facts};
use crate::output;
use crate::records::Records;
use crate::symbols::Symbols;
use crate::traces::{self, Traces};

/// Edges drawn at most: beyond that, no one can read the picture.
const EDGES_MAX: usize = 10_000;

/// Judges the traces together: those of processes as one run, those of events each for itself.
pub fn analyze(args: &AnalyzeArgs, style: Style) -> Result<Exit> {
    let mut judgement = Judgement::new(&args.judge, &std::env::current_dir().unwrap_or_default())?;
    let (processes, events) = event_trace::split(traces::expand(&args.traces)?)?;
    let traces = Traces::read(&processes)?;
    let sources = traces.sources(std::env::current_dir());
    let mut report = traces.report(&target(&args.traces), &sources, &Symbols::default());
    let rules = Rules { race: args.race, format: style.format };
    predict(&events, &traces, &sources, rules, &mut report)?;
    let sources = Texts { sources, traces: events.into_iter().map(|(path, _)| path).collect() };
    let recorded = !traces.is_empty() || report.stats.events > 0;
    let facts = Facts { recorded, must_record: true, ..Facts::default() };
    if !recorded {
        report.notes.push(
            "there is no trace here: an instrumented program leaves one in the folder that LOCKCHECK_OUT or `lockcheck \
             run --out` names"
                .to_owned(),
        );
    }
    judgement.suppress(&mut report, true);
    judgement.settle(&report)?;
    report.verdict = outcome::verdict(&report, facts, &judgement);
    output::show(&report, &sources, style, &judgement);
    output::deliver(&report, &sources, style, &judgement)?;
    Ok(outcome::exit(&report, facts, &judgement))
}

/// Adds what the traces of events foretell.
pub fn predict(
    events: &[EventFile],
    traces: &Traces,
    sources: &SourceMap,
    rules: Rules,
    report: &mut Report,
) -> Result<()> {
    let symbols = Symbols::default();
    let mut notes: Vec<(String, &Path)> = Vec::new();
    for (path, form) in events {
        let known = match form {
            Form::Recorded => traces.process(&path.with_extension(EXTENSION)),
            _ => None,
        };
        let context = known.map(|(index, records)| records.context(index, sources, &symbols));
        let process = known.map_or(report.stats.processes as u32, |(index, _)| index);
        let origin = Origin { process, sources, context: context.as_ref() };
        let predicted = event_trace::judge(path, *form, rules, origin)?;
        let of_trace = match known {
            Some(_) => merge(report, predicted),
            None => add(report, predicted),
        };
        notes.extend(of_trace.into_iter().map(|note| (note, path.as_path())));
    }
    report.notes.extend(together(notes, report.stats.processes as usize));
    report.findings.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    Ok(())
}

/// Adds what was predicted from the events of a process whose knowledge was judged already: what both found is one
/// finding, as sure as the surer of the two, with the stacks of the one that has some.
fn merge(report: &mut Report, predicted: Predicted) -> Vec<String> {
    for finding in predicted.findings {
        if has_happened(report, &finding) {
            continue;
        }
        match report.findings.iter_mut().find(|known| known.fingerprint == finding.fingerprint) {
            Some(known) => {
                if finding.tier > known.tier {
                    known.tier = finding.tier;
                    known.message = lockcheck_checker::words::message(known);
                }
                known.witness = finding.witness;
                if finding.instances > known.instances {
                    (known.instances, known.instance_locks) = (finding.instances, finding.instance_locks);
                }
            }
            None => report.findings.push(finding),
        }
    }
    report.stats.events = report.stats.events.max(predicted.stats.events);
    report.stats.dropped += predicted.stats.dropped;
    predicted.notes
}

/// Whether a deadlock at the sites of this cycle is in the report as one that happened: it stands for the cycle then.
fn has_happened(report: &Report, cycle: &Finding) -> bool {
    let sites = |finding: &Finding| -> BTreeSet<Site> {
        finding.evidence.iter().map(|side| side.site.clone()).collect()
    };
    let of_cycle = sites(cycle);
    let is_it = |known: &Finding| {
        let (same, deadlock) = (sites(known), known.code == Code::Deadlock && known.tier == Tier::Actual);
        deadlock && (same.is_subset(&of_cycle) || of_cycle.is_subset(&same))
    };
    cycle.code == Code::LockOrderCycle && report.findings.iter().any(is_it)
}

/// Adds what was predicted from one trace, but for the notes, which it gives back.
fn add(report: &mut Report, predicted: Predicted) -> Vec<String> {
    report.findings.extend(predicted.findings);
    traces::add(&mut report.stats, &predicted.stats);
    report.stats.processes += predicted.stats.processes;
    predicted.notes
}

/// One note for what is said of several traces alike, with the first of them. `of` are how many there are.
fn together(notes: Vec<(String, &Path)>, of: usize) -> Vec<String> {
    let mut distinct: Vec<(String, &Path, usize)> = Vec::new();
    for (note, path) in notes {
        match distinct.iter_mut().find(|(other, ..)| *other == note) {
            Some((.., number)) => *number += 1,
            None => distinct.push((note, path, 1)),
        }
    }
    let say = |(note, path, number): (String, &Path, usize)| {
        let named = note.starts_with(&*path.to_string_lossy());
        match number {
            _ if named || of == 1 => note,
            1 => format!("{}: {note}", path.display()),
            _ => format!("{} and {} more: {note}", path.display(), number - 1),
        }
    };
    distinct.into_iter().map(say).collect()
}

/// Source text as it is found, but none for a trace: the line of a site in one is a location number.
pub struct Texts {
    /// Where the files are.
    pub sources: SourceMap,
    /// The traces of events.
    pub traces: BTreeSet<PathBuf>,
}

impl Sources for Texts {
    fn text(&self, package: &str, file: &str) -> Option<String> {
        if self.traces.contains(Path::new(file)) {
            return None;
        }
        Sources::text(&self.sources, package, file)
    }

    fn path(&self, package: &str, file: &str) -> Option<String> {
        if self.traces.contains(Path::new(file)) {
            return None;
        }
        Sources::path(&self.sources, package, file)
    }
}

fn target(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Prints the lock-order graph of the traces as DOT, or as one object for programs.
pub fn graph(paths: &[PathBuf], style: Style) -> Result<Exit> {
    let (processes, events) = event_trace::split(traces::expand(paths)?)?;
    let several = processes.len() + events.len() > 1;
    let mut groups = Vec::new();
    for file in &processes {
        let mut edges = Edges::default();
        let mut records = Records::default();
        let mut reader = match TraceReader::open(file) {
            Err(TraceError::Empty { .. }) => continue,
            result => result?,
        };
        for record in reader.by_ref() {
            let record = record?;
            records.feed(&record);
            edges.feed(&record);
        }
        let folder = records.process.as_ref().map(|process| PathBuf::from(&process.cwd));
        let sources = SourceMap::new(folder.into_iter().chain(std::env::current_dir()));
        let symbols = Symbols::default();
        let context = records.context(0, &sources, &symbols);
        let title = several.then(|| format!("process {}", reader.pid()));
        let label = |lock| label(lock, &context);
        groups.push(edges.group(title, &label, &|site| context.site(site).to_string()));
    }
    for (path, form) in &events {
        groups.push(group_of_events(path, *form, several)?);
    }
    if groups.is_empty() {
        output::to_stderr("lockcheck: there is no trace here\n");
        return Ok(Exit::NothingRecorded);
    }
    let graph = dot::Graph { groups };
    output::to_stdout(&match style.format {
        Format::Json => format!("{}\n", escape::json(&object(&graph).to_string())),
        Format::Human | Format::Short => dot::graph(&graph),
    })?;
    Ok(Exit::Clean)
}

/// The graph as `lockcheck.graph.v1`: for each process its locks, of which each is a list of lines that describe it, and
/// its edges, whose ends are places in that list.
fn object(graph: &dot::Graph) -> serde_json::Value {
    let edge = |edge: &dot::Edge| serde_json::json!({"from": edge.from, "to": edge.to, "label": edge.label});
    let group = |group: &dot::Group| {
        let edges: Vec<_> = group.edges.iter().map(edge).collect();
        serde_json::json!({"title": group.title, "locks": group.nodes, "edges": edges})
    };
    let groups: Vec<_> = graph.groups.iter().map(group).collect();
    serde_json::json!({"schema": "lockcheck.graph.v1", "groups": groups})
}

/// Who was held while who was asked for.
#[derive(Default)]
struct Edges {
    /// For each pair, the first places where it was seen: of the hold and of the request.
    places: BTreeMap<(LockId, LockId), (SiteId, SiteId)>,
    /// Pairs beyond the limit.
    left_out: usize,
}

impl Edges {
    fn feed(&mut self, record: &Record) {
        let Record::Request(request) = record else { return };
        for hold in &request.holds {
            self.add((hold.lock, request.lock), (hold.site, request.site));
        }
    }

    fn add(&mut self, pair: (LockId, LockId), places: (SiteId, SiteId)) {
        if self.places.len() < EDGES_MAX || self.places.contains_key(&pair) {
            self.places.entry(pair).or_insert(places);
        } else {
            self.left_out += 1;
        }
    }

    fn group(
        &self,
        title: Option<String>,
        label: &dyn Fn(LockId) -> Vec<String>,
        place: &dyn Fn(SiteId) -> String,
    ) -> dot::Group {
        let mut numbers: BTreeMap<LockId, usize> = BTreeMap::new();
        let mut nodes = Vec::new();
        for lock in self.places.keys().flat_map(|&(from, to)| [from, to]) {
            numbers.entry(lock).or_insert_with(|| {
                nodes.push(label(lock));
                nodes.len() - 1
            });
        }
        let edges = self.places.iter().map(|((from, to), (held, wanted))| dot::Edge {
            from: numbers[from],
            to: numbers[to],
            label: vec![format!("held {}", place(*held)), format!("asked {}", place(*wanted))],
        });
        let edges = edges.collect();
        if self.left_out > 0 {
            nodes.push(vec![format!("{} more edges are left out", self.left_out)]);
        }
        dot::Group { title, nodes, edges }
    }
}

/// The lock order in a trace of events.
fn group_of_events(path: &Path, form: Form, titled: bool) -> Result<dot::Group> {
    let mut edges = Edges::default();
    let mut holds: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
    let mut reader = Reader::open(path, form, Format::Json)?;
    for located in reader.by_ref() {
        let Event { thread, target, location, op } = match located {
            Ok(located) => located.event,
            Err(error) if error.is_truncation() => break,
            Err(error) => return Err(event_trace::of_read(path, &error)),
        };
        let holds = holds.entry(thread).or_default();
        match op {
            Op::Acquire | Op::SharedAcquire => {
                for &(held, at) in holds.iter().filter(|(held, _)| *held != target) {
                    let pair = (LockId(held.into()), LockId(target.into()));
                    edges.add(pair, (SiteId(at), SiteId(location)));
                }
                holds.push((target, location));
            }
            Op::Release | Op::SharedRelease => {
                if let Some(at) = holds.iter().rposition(|(held, _)| *held == target) {
                    holds.remove(at);
                }
            }
            _ => {}
        }
    }
    let title = titled.then(|| path.display().to_string());
    let label = |lock: LockId| vec![reader.names().target(TargetKind::Lock, lock.0 as u32)];
    Ok(edges.group(title, &label, &|site| format!("at location {}", site.0)))
}

/// What a lock's box says.
fn label(lock: LockId, context: &dyn Context) -> Vec<String> {
    let info = context.lock(lock);
    let name = info.name.unwrap_or_else(|| format!("{} {}", info.kind.as_str(), lock.0));
    vec![name, info.created.to_string()]
}
