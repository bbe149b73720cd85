//! What was seen from outside, as findings: joins what `/proc` shows with what the processes' own traces know.

use std::collections::BTreeMap;

use lockcheck_checker::Finding;
use lockcheck_checker::world::{self, Places, StuckSet};
use lockcheck_events::source::SourceMap;
use lockcheck_events::{Frame, RawSite, Site};

use super::Closed;
use super::stacks::{self, Place};
use crate::family::Task;
use crate::symbols::{Symbol, Symbols};
use crate::traces::Traces;

/// Functions that a line names.
const FRAMES_IN_A_LINE: usize = 4;

impl Closed {
    /// The processes of a core.
    pub fn pids(&self, set: &StuckSet) -> Vec<i32> {
        let pid = |&thread: &usize| self.family.processes[self.family.threads[thread].process].pid;
        let mut pids: Vec<i32> = set.core.iter().map(pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// The finding for one of the sets.
    pub fn finding(
        &self,
        set: &StuckSet,
        traces: &Traces,
        sources: &SourceMap,
        symbols: &Symbols,
    ) -> Finding {
        world::finding(&self.family, set, &Known { closed: self, traces, sources, symbols })
    }

    /// Who waits for what, line by line.
    pub fn lines(&self, set: &StuckSet) -> Vec<String> {
        world::lines(&self.family, set)
    }
}

/// What the traces know. Positions of processes: those with a trace first, as the report counts them, then the others.
struct Known<'a> {
    closed: &'a Closed,
    traces: &'a Traces,
    sources: &'a SourceMap,
    symbols: &'a Symbols,
}

impl Known<'_> {
    /// The user's line in which the thread waits, and its stack.
    fn seen_from_outside(&self, tid: i32) -> (Option<Site>, Vec<Frame>) {
        let places = self.closed.stacks.get(&tid).map_or(&[][..], Vec::as_slice);
        named(places, self.sources, self.symbols)
    }
}

/// The user's line that a stack ends in, and its frames. Nothing where none of them lies in a package: the insides of an
/// interpreter say nothing of the program that it runs.
fn named(places: &[Place], sources: &SourceMap, symbols: &Symbols) -> (Option<Site>, Vec<Frame>) {
    let (mut site, mut frames) = (None, Vec::new());
    for Place { path, address } in places {
        for symbol in symbols.resolve(path, *address) {
            let (frame, place) = frame(symbol, sources);
            site = site.or(place.filter(|_| frame.user));
            frames.push(frame);
        }
    }
    if site.is_some() { (site, frames) } else { (None, Vec::new()) }
}

/// A function as reports show it, and its place if that lies in a package.
fn frame(symbol: Symbol, sources: &SourceMap) -> (Frame, Option<Site>) {
    let mut frame = sources.frame(&symbol.function, symbol.file.as_deref(), symbol.line);
    let raw = symbol.file.map(|file| RawSite { file, line: symbol.line, column: symbol.column });
    let site = raw.map(|raw| sources.site(&raw)).filter(|site| !site.package.is_empty());
    if site.is_none() {
        // A path that is the same on no other machine.
        frame.file = frame.file.rsplit('/').next().unwrap_or_default().to_owned();
        frame.user = false;
    }
    (frame, site.filter(|site| site.line > 0 && site.column > 0))
}

/// Where these threads stand, a line for each that stands in the user's code. They are stopped for a moment, each in its
/// turn: for programs that are to be ended.
pub fn standing(tasks: &[Task], sources: &SourceMap, symbols: &Symbols) -> Vec<String> {
    let mut by_process: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for task in tasks.iter().take(world::EVIDENCE_MAX) {
        by_process.entry(task.pid).or_default().push(task.tid);
    }
    let stacks: BTreeMap<i32, Vec<Place>> =
        by_process.into_iter().flat_map(|(pid, tids)| stacks::take(pid, &tids)).collect();
    let line = |task: &Task| {
        let (_, frames) = named(stacks.get(&task.tid)?, sources, symbols);
        let user = frames.iter().filter(|frame| frame.user).take(FRAMES_IN_A_LINE);
        let user: Vec<String> =
            user.map(|frame| format!("{} at {}:{}", frame.function, frame.file, frame.line)).collect();
        let Task { pid, tid, name, .. } = task;
        (!user.is_empty())
            .then(|| format!("process {pid}: thread `{name}` ({tid}) is in {}", user.join(", called by ")))
    };
    tasks.iter().filter_map(line).collect()
}

impl Places for Known<'_> {
    fn index(&self, process: usize) -> u32 {
        let processes = &self.closed.family.processes;
        let position = |at: usize| self.traces.position(processes[at].pid);
        let before = || (0..process).filter(|&at| position(at).is_none()).count();
        position(process).unwrap_or_else(|| self.traces.count() + before()) as u32
    }

    fn stack(&self, thread: usize) -> (Option<Site>, Vec<Frame>) {
        let thread = &self.closed.family.threads[thread];
        let ids = (self.closed.family.processes[thread.process].pid, thread.tid);
        let seen = || self.seen_from_outside(thread.tid);
        match self.traces.awaits(ids, self.sources, self.symbols) {
            Some((site, frames)) if frames.is_empty() => (Some(site), seen().1),
            Some((site, frames)) => (Some(site), frames),
            None => {
                let (site, frames) = seen();
                // A program that is not watched has no packages that reports could name.
                (site.filter(|_| self.traces.position(ids.0).is_some()), frames)
            }
        }
    }

    fn object(&self, thread: usize) -> Option<(Option<String>, Site)> {
        let thread = &self.closed.family.threads[thread];
        let ids = (self.closed.family.processes[thread.process].pid, thread.tid);
        self.traces.awaited(ids, self.sources, self.symbols)
    }
}
