//! What was seen from outside, as findings: joins what `/proc` shows with what the processes' own traces know.

use lockcheck_checker::Finding;
use lockcheck_checker::world::{self, Places, StuckSet};
use lockcheck_events::source::SourceMap;
use lockcheck_events::{Frame, Site};

use super::Closed;
use crate::symbols::Symbols;
use crate::traces::Traces;

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
        match self.traces.awaits(ids, self.sources, self.symbols) {
            Some((site, frames)) => (Some(site), frames),
            None => (None, Vec::new()),
        }
    }

    fn object(&self, thread: usize) -> Option<(Option<String>, Site)> {
        let thread = &self.closed.family.threads[thread];
        let ids = (self.closed.family.processes[thread.process].pid, thread.tid);
        self.traces.awaited(ids, self.sources, self.symbols)
    }
}
