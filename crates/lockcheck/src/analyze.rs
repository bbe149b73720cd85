//! `lockcheck analyze` and `lockcheck graph`: what recorded traces say, without running anything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lockcheck_checker::Context;
use lockcheck_events::source::SourceMap;
use lockcheck_events::trace_file::{TraceError, TraceReader};
use lockcheck_events::{LockId, Record, SiteId};
use lockcheck_report::dot;

use crate::args::AnalyzeArgs;
use crate::config::{Judgement, Style};
use crate::error::Result;
use crate::exit::Exit;
use crate::outcome::{self, Facts};
use crate::output;
use crate::records::Records;
use crate::symbols::Symbols;
use crate::traces::{self, Traces};

/// Edges drawn at most: beyond that, no one can read the picture.
const EDGES_MAX: usize = 10_000;

/// Judges the traces as one run.
pub fn analyze(args: &AnalyzeArgs, style: Style) -> Result<Exit> {
    let judgement = Judgement::new(&args.judge)?;
    let traces = Traces::read(&traces::expand(&args.traces)?)?;
    let facts = Facts { recorded: !traces.is_empty(), must_record: true, ..Facts::default() };
    let sources = traces.sources(std::env::current_dir());
    let mut report = traces.report(&target(&args.traces), &sources, &Symbols::default());
    if traces.is_empty() {
        report.notes.push(
            "there is no trace here: an instrumented program leaves one in the folder that LOCKCHECK_OUT or `lockcheck \
             run --out` names"
                .to_owned(),
        );
    }
    report.verdict = outcome::verdict(&report, facts, &judgement);
    output::show(&report, &sources, style, &judgement);
    output::deliver(&report, &sources, style, &judgement)?;
    Ok(outcome::exit(&report, facts, &judgement))
}

fn target(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Prints the lock-order graph of the traces as DOT.
pub fn graph(paths: &[PathBuf]) -> Result<Exit> {
    let files = traces::expand(paths)?;
    let mut groups = Vec::new();
    for file in &files {
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
        let title = (files.len() > 1).then(|| format!("process {}", reader.pid()));
        groups.push(edges.group(title, &context));
    }
    if groups.is_empty() {
        output::to_stderr("lockcheck: there is no trace here\n");
        return Ok(Exit::NothingRecorded);
    }
    output::to_stdout(&dot::graph(&dot::Graph { groups }));
    Ok(Exit::Clean)
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
            let pair = (hold.lock, request.lock);
            if self.places.len() < EDGES_MAX || self.places.contains_key(&pair) {
                self.places.entry(pair).or_insert((hold.site, request.site));
            } else {
                self.left_out += 1;
            }
        }
    }

    fn group(&self, title: Option<String>, context: &dyn Context) -> dot::Group {
        let mut numbers: BTreeMap<LockId, usize> = BTreeMap::new();
        let mut nodes = Vec::new();
        for lock in self.places.keys().flat_map(|&(from, to)| [from, to]) {
            numbers.entry(lock).or_insert_with(|| {
                nodes.push(label(lock, context));
                nodes.len() - 1
            });
        }
        let edges = self.places.iter().map(|((from, to), (held, wanted))| dot::Edge {
            from: numbers[from],
            to: numbers[to],
            label: vec![format!("held {}", context.site(*held)), format!("asked {}", context.site(*wanted))],
        });
        let edges = edges.collect();
        if self.left_out > 0 {
            nodes.push(vec![format!("{} more edges are left out", self.left_out)]);
        }
        dot::Group { title, nodes, edges }
    }
}

/// What a lock's box says.
fn label(lock: LockId, context: &dyn Context) -> Vec<String> {
    let info = context.lock(lock);
    let name = info.name.unwrap_or_else(|| format!("{} {}", info.kind.as_str(), lock.0));
    vec![name, info.created.to_string()]
}
