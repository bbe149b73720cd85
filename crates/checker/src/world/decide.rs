//! Who can never move again: the fixed point, and the cores of what is left. Linear in threads, processes, handles and
//! who has them. Words are `words`'s business.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Ender, Family, Handle, ProcessIndex, State, ThreadIndex, Wait};

/// Threads that wait only for each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StuckSet {
    /// The core: each waits, directly or not, for each other one, and for nobody else. Sorted.
    pub core: Vec<ThreadIndex>,
    /// Those that are stuck because they wait for one of the core. Sorted; a thread may be behind several cores.
    pub behind: Vec<ThreadIndex>,
    /// Whether nobody of the whole family can move.
    pub everybody: bool,
}

/// The stuck sets of the family, by their first thread.
///
/// A lone thread that waits for nobody counts only where no process above it can move, left to itself: a process that
/// sleeps until its parent ends it is no mistake.
pub fn decide(family: &Family) -> Vec<StuckSet> {
    let now = movable(family, true);
    let everybody = !now.contains(&true);
    let mut sets = cores(family, &now);
    if sets.iter().any(|set| set.core.len() == 1) {
        // What only a signal may stir will not come to a child's rescue.
        let by_itself = movable(family, false);
        sets.retain(|set| match set.core[..] {
            [lone] => !moves_above(family, &by_itself, family.threads[lone].process),
            _ => true,
        });
    }
    for set in &mut sets {
        set.everybody = everybody;
    }
    sets.sort_by(|a, b| a.core.cmp(&b.core));
    sets
}

/// Every thread that can never move again.
pub fn stuck(family: &Family) -> Vec<ThreadIndex> {
    let movable = movable(family, true);
    (0..family.threads.len()).filter(|&thread| !movable[thread]).collect()
}

/// For each thread, whether it can move; with what may stir processes, or without.
fn movable(family: &Family, stirred: bool) -> Vec<bool> {
    let mut reach = Reach::new(family, stirred);
    loop {
        let before = reach.moved;
        for thread in 0..family.threads.len() {
            if !reach.threads[thread] && reach.can_move(family, thread) {
                reach.moves(family, thread);
            }
        }
        if reach.moved == before {
            return reach.threads;
        }
    }
}

/// What is known to be able to move, growing.
struct Reach {
    threads: Vec<bool>,
    processes: Vec<bool>,
    /// Whether a process below this one can move.
    below: Vec<bool>,
    /// Handles that somebody has who can move, those outside included.
    handles: BTreeSet<Handle>,
    moved: usize,
    /// Whether what may stir a process counts.
    stirred: bool,
}

impl Reach {
    fn new(family: &Family, stirred: bool) -> Reach {
        let processes = family.processes.len();
        Reach {
            stirred,
            threads: vec![false; family.threads.len()],
            processes: vec![false; processes],
            below: vec![false; processes],
            handles: family.outside.clone(),
            moved: 0,
        }
    }

    fn can_move(&self, family: &Family, thread: ThreadIndex) -> bool {
        let Some(wait) = waits(family, thread) else { return true };
        let process = family.threads[thread].process;
        self.stirred && family.processes[process].stirred_by.is_some()
            || enders(family, process, wait).any(|ender| match ender {
                Ender::Process(process) => self.processes[process],
                Ender::Below(process) => self.below[process],
                Ender::Holder(handle) => self.handles.contains(&handle),
            })
    }

    fn moves(&mut self, family: &Family, thread: ThreadIndex) {
        self.threads[thread] = true;
        self.moved += 1;
        let process = family.threads[thread].process;
        if std::mem::replace(&mut self.processes[process], true) {
            return;
        }
        self.handles.extend(&family.processes[process].handles);
        for above in above(family, process) {
            self.below[above] = true;
        }
    }
}

/// The thread's wait, unless it moves by itself.
fn waits(family: &Family, thread: ThreadIndex) -> Option<&Wait> {
    match &family.threads[thread].state {
        State::Moves(_) => None,
        State::Waits(wait) => Some(wait),
    }
}

/// Everybody who can end a wait in this process.
fn enders<'a>(family: &'a Family, process: ProcessIndex, wait: &'a Wait) -> impl Iterator<Item = Ender> + 'a {
    let by_signal = family.processes[process].handles_child_end.then_some(Ender::Below(process));
    wait.enders.iter().copied().chain(by_signal)
}

/// The processes above this one, nearest first.
fn above(family: &Family, process: ProcessIndex) -> impl Iterator<Item = ProcessIndex> + '_ {
    let parent = |&process: &ProcessIndex| family.processes[process].parent;
    // As many steps as there are processes: a description that goes in a circle does not hang us.
    std::iter::successors(parent(&process), parent).take(family.processes.len())
}

/// Whether a process above this one has a thread that moves by itself.
fn moves_above(family: &Family, movable: &[bool], process: ProcessIndex) -> bool {
    let above: BTreeSet<ProcessIndex> = above(family, process).collect();
    let mut threads = family.threads.iter().zip(movable);
    threads.any(|(thread, movable)| *movable && above.contains(&thread.process))
}

/// A node of the wait-for graph among the stuck.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Thread(ThreadIndex),
    /// Any thread of it.
    Process(ProcessIndex),
    /// Any process below it.
    Below(ProcessIndex),
    /// Any process that has it.
    Handle(Handle),
}

/// The components without a way out, each with those who wait for it.
fn cores(family: &Family, movable: &[bool]) -> Vec<StuckSet> {
    let graph = Graph::new(family, movable);
    let components = tarjan_scc(&graph.edges);
    let mut component_of = vec![0; graph.edges.node_count()];
    for (number, component) in components.iter().enumerate() {
        for node in component {
            component_of[node.index()] = number;
        }
    }
    // Components come with those they lead to before them. One that leads to no thread ends nobody's wait.
    let mut leads_to_thread = vec![false; components.len()];
    let mut leaves = vec![false; components.len()];
    for (number, component) in components.iter().enumerate() {
        let targets = component.iter().flat_map(|&node| graph.edges.neighbors(node));
        let mut others = targets.map(|to| component_of[to.index()]).filter(|&to| to != number);
        leaves[number] = others.any(|to| leads_to_thread[to]);
        leads_to_thread[number] = leaves[number] || !graph.threads(component.iter().copied()).is_empty();
    }
    let mut sets = Vec::new();
    for (number, component) in components.iter().enumerate() {
        let core = graph.threads(component.iter().copied());
        if core.is_empty() || leaves[number] {
            continue;
        }
        let behind = graph.threads(graph.behind(component));
        let behind = behind.into_iter().filter(|thread| !core.contains(thread)).collect();
        sets.push(StuckSet { core, behind, everybody: false });
    }
    sets
}

struct Graph {
    edges: DiGraph<Node, ()>,
    nodes: BTreeMap<Node, NodeIndex>,
}

impl Graph {
    fn new(family: &Family, movable: &[bool]) -> Graph {
        let mut graph = Graph { edges: DiGraph::new(), nodes: BTreeMap::new() };
        for (thread, state) in family.threads.iter().enumerate() {
            let Some(wait) = waits(family, thread).filter(|_| !movable[thread]) else { continue };
            let from = graph.node(Node::Thread(thread));
            for ender in enders(family, state.process, wait) {
                let to = graph.node(match ender {
                    Ender::Process(process) => Node::Process(process),
                    Ender::Below(process) => Node::Below(process),
                    Ender::Holder(handle) => Node::Handle(handle),
                });
                graph.edges.update_edge(from, to, ());
            }
        }
        graph.link_holders(family);
        for (thread, state) in family.threads.iter().enumerate() {
            if let Some(&process) = graph.nodes.get(&Node::Process(state.process)) {
                let thread = graph.node(Node::Thread(thread));
                graph.edges.update_edge(process, thread, ());
            }
        }
        graph
    }

    /// From handles to who has them, and from processes to those below.
    fn link_holders(&mut self, family: &Family) {
        let asked: Vec<Node> = self.nodes.keys().copied().collect();
        for (process, facts) in family.processes.iter().enumerate() {
            let handles = facts.handles.iter().map(|&handle| Node::Handle(handle));
            let over = above(family, process).map(Node::Below);
            for node in handles.chain(over).filter(|node| asked.binary_search(node).is_ok()) {
                let (from, to) = (self.node(node), self.node(Node::Process(process)));
                self.edges.update_edge(from, to, ());
            }
        }
    }

    fn node(&mut self, node: Node) -> NodeIndex {
        *self.nodes.entry(node).or_insert_with(|| self.edges.add_node(node))
    }

    fn threads(&self, nodes: impl IntoIterator<Item = NodeIndex>) -> Vec<ThreadIndex> {
        let thread = |node: NodeIndex| match self.edges[node] {
            Node::Thread(thread) => Some(thread),
            _ => None,
        };
        let mut threads: Vec<ThreadIndex> = nodes.into_iter().filter_map(thread).collect();
        threads.sort_unstable();
        threads
    }

    /// Everything from which the component can be reached.
    fn behind(&self, component: &[NodeIndex]) -> Vec<NodeIndex> {
        let mut seen: BTreeSet<NodeIndex> = component.iter().copied().collect();
        let mut open = component.to_vec();
        while let Some(node) = open.pop() {
            for before in self.edges.neighbors_directed(node, petgraph::Direction::Incoming) {
                if seen.insert(before) {
                    open.push(before);
                }
            }
        }
        seen.into_iter().collect()
    }
}
