//! The lock-order graph of a trace, its strongly connected components, and the deadlock patterns inside them.
//!
//! A node of the graph is a lock, or the end of a thread that is joined while locks are held; an edge says that one was
//! held while the other was wanted. A deadlock pattern is a cycle of abstract acquires by distinct threads, whose hold
//! sets can be held at once, each wanting what the next one holds. Patterns are enumerated only inside strongly
//! connected components, first of locks, then of abstract acquires. Whether a pattern can be reached is not decided
//! here but in [`super::judge`].

use hashbrown::{HashMap, HashSet};
use lockcheck_events::trace_event::TargetKind;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::acquires::{Kind, Want};
use super::components::{NONE, components};
use super::holds::{EMPTY, HoldSets};

/// Most steps of the pattern enumeration, over the whole trace. The number of cycles is exponential in the worst case.
pub const MAX_PATTERN_STEPS: u32 = 2_000_000;

/// The lock-order graph.
pub(super) struct LockOrder<'a> {
    /// All abstract acquires.
    kinds: &'a [Kind],
    /// Their hold sets.
    sets: &'a HoldSets,
    /// Number of locks: object `lock` is a lock, object `locks + t` the end of thread `t`.
    locks: u32,
    /// By thread: whether it is joined by a thread that holds a lock, or that is joined so itself.
    joined_under_lock: Vec<bool>,
    /// Edges held -> wanted, each with the first abstract acquire that shows it, in the order of appearance.
    edges: Vec<(u32, u32, u32)>,
    /// By object: its strongly connected component; components of one object have none.
    component: HashMap<u32, u32>,
    /// Number of components with more than one object.
    components: u32,
}

impl<'a> LockOrder<'a> {
    /// The graph of `kinds`.
    pub(super) fn new(kinds: &'a [Kind], sets: &'a HoldSets, locks: u32, threads: usize) -> Self {
        let joined_under_lock = joined_under_lock(kinds, threads);
        let mut order = LockOrder {
            kinds,
            sets,
            locks,
            joined_under_lock,
            edges: Vec::new(),
            component: HashMap::new(),
            components: 0,
        };
        order.add_edges();
        order.find_components();
        order
    }

    /// The object that `kind` wants.
    fn wanted(&self, kind: &Kind) -> u32 {
        match kind.want {
            Want::Lock(hold) => hold.lock(),
            Want::End(thread) => self.locks + thread,
        }
    }

    /// The objects that `kind` holds: its locks, and the end of its thread where somebody waits for that.
    fn held(&self, kind: &Kind) -> impl Iterator<Item = u32> {
        let end = self.joined_under_lock[kind.thread as usize].then(|| self.locks + kind.thread);
        self.sets.get(kind.set).iter().map(|hold| hold.lock()).chain(end)
    }

    /// Collects the edges.
    fn add_edges(&mut self) {
        let mut seen = HashSet::new();
        for (number, kind) in self.kinds.iter().enumerate() {
            let wanted = self.wanted(kind);
            let held: Vec<u32> = self.held(kind).collect();
            for held in held {
                if held != wanted && seen.insert((held, wanted)) {
                    self.edges.push((held, wanted, number as u32));
                }
            }
        }
    }

    /// Finds the components, numbered by their first edge.
    fn find_components(&mut self) {
        let mut graph = DiGraph::<u32, ()>::new();
        let mut nodes = HashMap::new();
        for &(held, wanted, _) in &self.edges {
            let [from, to] =
                [held, wanted].map(|object| *nodes.entry(object).or_insert_with(|| graph.add_node(object)));
            graph.add_edge(from, to, ());
        }
        for component in kosaraju_scc(&graph) {
            if component.len() > 1 {
                for node in component {
                    self.component.insert(graph[node], self.components);
                }
                self.components += 1;
            }
        }
    }

    /// Number of edges between locks.
    pub(super) fn lock_edges(&self) -> u32 {
        let between = |edge: &&(u32, u32, u32)| edge.0 < self.locks && edge.1 < self.locks;
        self.edges.iter().filter(between).count() as u32
    }

    /// Whether some cycle exists.
    pub(super) fn has_cycle(&self) -> bool {
        self.components > 0
    }

    /// The component of an object, if it lies on a cycle.
    fn component(&self, object: u32) -> Option<u32> {
        self.component.get(&object).copied()
    }

    /// The component in which `kind` is an edge.
    pub(super) fn component_of(&self, kind: &Kind) -> Option<u32> {
        let component = self.component(self.wanted(kind))?;
        self.held(kind).any(|held| self.component(held) == Some(component)).then_some(component)
    }

    /// For each component that is not in `explained`, a shortest cycle through its first edge, as abstract acquires.
    pub(super) fn unexplained(&self, explained: &HashSet<u32>) -> Vec<Vec<u32>> {
        let mut done = explained.clone();
        let mut cycles = Vec::new();
        for &(held, wanted, kind) in &self.edges {
            let component = self.component(held);
            if let Some(component) = component.filter(|_| component == self.component(wanted))
                && done.insert(component)
            {
                let mut cycle = self.path(wanted, held, component);
                cycle.push(kind);
                cycle.reverse();
                cycles.push(cycle);
            }
        }
        cycles
    }

    /// The edges of a shortest path from `from` to `to` within `component`, by their first abstract acquires.
    fn path(&self, from: u32, to: u32, component: u32) -> Vec<u32> {
        let mut successors: HashMap<u32, Vec<(u32, u32)>> = HashMap::new();
        for &(held, wanted, kind) in &self.edges {
            if self.component(held) == Some(component) && self.component(wanted) == Some(component) {
                successors.entry(held).or_default().push((wanted, kind));
            }
        }
        let mut came: HashMap<u32, (u32, u32)> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(object) = queue.pop_front() {
            for &(next, kind) in successors.get(&object).map_or(&[][..], |list| list) {
                if next != from && !came.contains_key(&next) {
                    came.insert(next, (object, kind));
                    queue.push_back(next);
                }
            }
        }
        let mut path = Vec::new();
        let mut object = to;
        while object != from {
            let (before, kind) = came[&object];
            path.push(kind);
            object = before;
        }
        path.reverse();
        path
    }

    /// Whether `a` blocks for as long as the thread of `b` stays where it is.
    fn blocks(&self, a: &Kind, b: &Kind) -> bool {
        if a.thread == b.thread {
            return false;
        }
        match a.want {
            Want::End(thread) => thread == b.thread,
            Want::Lock(want) => {
                let held = self.sets.get(b.set).iter().find(|hold| hold.lock() == want.lock());
                held.is_some_and(|held| !want.compatible(*held))
            }
        }
    }

    /// Whether two sides of a pattern can be reached at once as far as threads and hold sets tell.
    fn can_coexist(&self, a: &Kind, b: &Kind) -> bool {
        a.thread != b.thread && self.wanted(a) != self.wanted(b) && self.sets.compatible(a.set, b.set)
    }

    /// Calls `found` with each pattern: abstract acquires in the order of the cycle, smallest number first. Returns
    /// whether all were enumerated.
    pub(super) fn patterns(&self, mut found: impl FnMut(&[u32])) -> bool {
        let nodes = self.pattern_nodes();
        let mut steps = MAX_PATTERN_STEPS;
        for root in 0..nodes.kinds.len() {
            if !self.patterns_from(root, &nodes, &mut steps, &mut found) {
                return false;
            }
        }
        true
    }

    /// The abstract acquires that can be part of a pattern, and which blocks on which.
    fn pattern_nodes(&self) -> PatternNodes {
        let inside = |number: &u32| self.component_of(&self.kinds[*number as usize]).is_some();
        let kinds: Vec<u32> = (0..self.kinds.len() as u32).filter(inside).collect();
        let mut holders: HashMap<u32, Vec<u32>> = HashMap::new();
        for (node, &kind) in kinds.iter().enumerate() {
            for held in self.held(&self.kinds[kind as usize]) {
                holders.entry(held).or_default().push(node as u32);
            }
        }
        let mut successors = Vec::with_capacity(kinds.len());
        for kind in kinds.iter().map(|&kind| &self.kinds[kind as usize]) {
            let blocking = |&&other: &&u32| {
                let twin = &self.kinds[kinds[other as usize] as usize];
                self.blocks(kind, twin) && self.can_coexist(kind, twin)
            };
            let holders = holders.get(&self.wanted(kind)).map_or(&[][..], |list| list);
            successors.push(holders.iter().filter(blocking).copied().collect::<Vec<u32>>());
        }
        let component = components(&successors);
        for (node, list) in successors.iter_mut().enumerate() {
            list.retain(|&other| component[node] != NONE && component[node] == component[other as usize]);
        }
        PatternNodes { kinds, successors }
    }

    /// The patterns whose smallest node is `root`; depth first, without recursion. False when out of steps.
    fn patterns_from(
        &self,
        root: usize,
        nodes: &PatternNodes,
        steps: &mut u32,
        found: &mut impl FnMut(&[u32]),
    ) -> bool {
        let kind = |node: u32| &self.kinds[nodes.kinds[node as usize] as usize];
        let mut path = vec![root as u32];
        let mut next = vec![0usize];
        while let Some(at) = next.last_mut() {
            let node = path[path.len() - 1];
            let Some(&other) = nodes.successors[node as usize].get(*at) else {
                path.pop();
                next.pop();
                continue;
            };
            *at += 1;
            if *steps == 0 {
                return false;
            }
            *steps -= 1;
            if other == root as u32 {
                let pattern: Vec<u32> = path.iter().map(|&node| nodes.kinds[node as usize]).collect();
                found(&pattern);
            } else if other > root as u32
                && path.iter().all(|&node| self.can_coexist(kind(node), kind(other)))
            {
                path.push(other);
                next.push(0);
            }
        }
        true
    }
}

/// By thread: whether it is joined by a thread that holds a lock, or that is joined so itself: then its end is an object
/// of the lock-order graph.
pub(super) fn joined_under_lock(kinds: &[Kind], threads: usize) -> Vec<bool> {
    let mut joined = vec![false; threads];
    let joins = kinds.iter().filter_map(|kind| match kind.want {
        Want::End(thread) => Some((kind, thread as usize)),
        Want::Lock(_) => None,
    });
    let joins: Vec<(&Kind, usize)> = joins.collect();
    loop {
        let before = joined.iter().filter(|&&joined| joined).count();
        for &(kind, thread) in &joins {
            joined[thread] |= kind.set != EMPTY || joined[kind.thread as usize];
        }
        if joined.iter().filter(|&&joined| joined).count() == before {
            return joined;
        }
    }
}

/// The graph in which patterns are cycles.
struct PatternNodes {
    /// By node: the abstract acquire. Ascending.
    kinds: Vec<u32>,
    /// By node: the nodes it blocks on, of its own component.
    successors: Vec<Vec<u32>>,
}

/// What a pattern wants, as a sorted set of objects: two patterns with the same locations and different objects are
/// instances of one problem.
pub(super) fn objects(pattern: &[u32], kinds: &[Kind]) -> Vec<(TargetKind, u32)> {
    let mut objects: Vec<(TargetKind, u32)> = pattern
        .iter()
        .map(|&kind| match kinds[kind as usize].want {
            Want::Lock(hold) => (TargetKind::Lock, hold.lock()),
            Want::End(thread) => (TargetKind::Thread, thread),
        })
        .collect();
    objects.sort_unstable();
    objects
}
