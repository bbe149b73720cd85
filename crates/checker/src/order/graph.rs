//! The locks and their observed orders, and which of them can be part of a cycle at all.
//!
//! Components of locks that reach each other are kept contracted, in a topological order that is mended when an
//! edge runs against it (Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", JEA
//! 2006; with contraction of cycles as in Pearce, Kelly and Hankin, "Online cycle detection and difference
//! propagation", 2003). So no edge is ever refused, closing edges are edges like any other, and whether a new one
//! can be part of a cycle is one comparison. This is what petgraph's `Acyclic` does for graphs without cycles, in a
//! third of its memory.
//!
//! A component is walked through, lock by lock, when it grows: one of n locks that forms a lock at a time costs n^2
//! steps in all. Removing a lock may leave a component larger than it need be: that costs a search, never a finding. This module
//! judges nothing: whether a cycle of edges is a finding depends on evidence, of which it knows only the numbers.

mod removal;

use std::collections::VecDeque;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::slab::{NONE, Slab, mix};

/// Marks `Edge::evidence` as the number of a list.
const LIST: u32 = 1 << 31;

/// Marks a list from which something was lost that nothing else in it stands for.
const LOSSY: u32 = 1 << 30;

/// Marks an edge that stands in its start's (its end's) list of edges within the component.
const INNER_OUT: u32 = 1 << 29;
const INNER_IN: u32 = 1 << 28;

/// All marks; what is left is a number.
const MARKS: u32 = LIST | LOSSY | INNER_OUT | INNER_IN;

/// Locks that were dropped but may still be part of a cycle; of more, the oldest are forgotten.
pub const DROPPED_MAX: usize = 4096;

/// A lock.
#[derive(Default)]
pub struct Node {
    pub lock: u64,
    /// The component's position in the topological order; the same in all its members.
    position: i64,
    /// The component's name, unique for ever; the same in all its members.
    pub component: u64,
    /// Ring of the component's members.
    next: u32,
    previous: u32,
    /// Edges that lead away: within the component as far as that has been noticed, and the others.
    inner_out: u32,
    first_out: u32,
    /// Edges that lead here, likewise.
    inner_in: u32,
    first_in: u32,
    /// Live edges.
    out_live: u32,
    in_live: u32,
    /// Dead edges that still stand in the lists, and the mark of a dropped lock.
    dead: u32,
    /// The last pass that came by.
    mark: u32,
}

/// Marks `Node::dead` of a dropped lock.
const DROPPED: u32 = 1 << 31;

impl Node {
    fn is_dropped(&self) -> bool {
        self.dead & DROPPED != 0
    }
}

/// An observed order: `to` was wanted while `from` was held. A dead edge has lost one end and stands in the list
/// of the other until that is swept.
pub struct Edge {
    /// `NONE` where the lock is gone.
    pub from: u32,
    /// `NONE` where the lock is gone.
    pub to: u32,
    next_out: u32,
    next_in: u32,
    /// The one piece of evidence, or a list of them, with marks in the upper bits.
    evidence: u32,
}

/// What stands in the place of an edge that was swept: it has no ends.
impl Default for Edge {
    fn default() -> Self {
        Edge { from: NONE, to: NONE, next_out: NONE, next_in: NONE, evidence: 0 }
    }
}

/// The graph.
#[derive(Default)]
pub struct Graph {
    pub nodes: Slab<Node>,
    node_index: HashTable<u32>,
    pub edges: Slab<Edge>,
    /// Live edges by their two locks.
    edge_index: HashTable<u32>,
    /// Evidence of the edges that have more than one piece, oldest first.
    lists: Slab<Vec<u32>>,
    /// The ends of the topological order.
    front: i64,
    back: i64,
    /// The name of the next component.
    components: u64,
    /// The last pass.
    mark: u32,
    /// Dropped locks that are still here, oldest first; some may be gone meanwhile.
    dropped: VecDeque<u64>,
    /// How many of them are.
    dropped_live: usize,
    /// Locks forgotten although they could still have been part of a cycle.
    pub locks_lost: u64,
    /// Edges ever made.
    pub edges_seen: usize,
    /// Edges whose evidence is not complete, dead ones included.
    pub lossy_edges: u64,
    scratch: Scratch,
}

/// Buffers of the two passes, kept for their memory.
#[derive(Default)]
struct Scratch {
    ahead: Vec<(i64, u32)>,
    behind: Vec<(i64, u32)>,
    stack: Vec<u32>,
    slots: Vec<i64>,
}

/// What became of a request's edge.
#[derive(Clone, Copy)]
pub enum Placed {
    /// It is new.
    New(u32),
    /// It was there.
    Known(u32),
}

impl Graph {
    /// Live edges.
    pub fn edge_count(&self) -> usize {
        self.edge_index.len()
    }

    /// The edge between two locks.
    #[inline]
    pub fn find(&self, from: u64, to: u64) -> Option<u32> {
        self.find_between(self.find_node(from)?, self.find_node(to)?)
    }

    /// The edge between two nodes.
    #[inline]
    pub fn find_between(&self, from: u32, to: u32) -> Option<u32> {
        let edges = &self.edges;
        let is = |&edge: &u32| edges[edge].from == from && edges[edge].to == to;
        self.edge_index.find(edge_hash(from, to), is).copied()
    }

    /// The edge's evidence, oldest first.
    #[inline]
    pub fn evidence(&self, edge: u32) -> Pieces<'_> {
        let evidence = self.edges[edge].evidence;
        if evidence & LIST == 0 {
            Pieces::One(evidence & !MARKS)
        } else {
            Pieces::Many(&self.lists[evidence & !MARKS])
        }
    }

    /// Adds a piece of evidence; the piece at `instead_of` makes room and is returned.
    pub fn add_evidence(&mut self, edge: u32, ask: u32, instead_of: Option<usize>) -> Option<u32> {
        let evidence = &mut self.edges[edge].evidence;
        if *evidence & LIST == 0 {
            let list = self.lists.insert(vec![*evidence & !MARKS, ask]);
            *evidence = (*evidence & MARKS) | LIST | list;
            return None;
        }
        let list = &mut self.lists[*evidence & !MARKS];
        let gone = instead_of.map(|at| list.remove(at));
        list.push(ask);
        gone
    }

    /// Notes that the edge's evidence is not complete.
    pub fn set_lossy(&mut self, edge: u32) {
        let evidence = &mut self.edges[edge].evidence;
        if *evidence & (LIST | LOSSY) == LIST {
            *evidence |= LOSSY;
            self.lossy_edges += 1;
        }
    }

    /// Finds or makes the edge; a new one is to be told at once what it rests on.
    pub fn place(&mut self, from: u64, to: u64) -> Placed {
        // A lock that is first held stands before all others, one that is first wanted behind them.
        let from = self.node(from, true);
        let to = self.node(to, false);
        let edges = &self.edges;
        let is = |&edge: &u32| edges[edge].from == from && edges[edge].to == to;
        let rehash = |&edge: &u32| edge_hash(edges[edge].from, edges[edge].to);
        match self.edge_index.entry(edge_hash(from, to), is, rehash) {
            Entry::Occupied(known) => Placed::Known(*known.get()),
            Entry::Vacant(room) => {
                let edge = self.edges.insert(Edge { from, to, ..Edge::default() });
                room.insert(edge);
                self.connect(from, to, edge);
                Placed::New(edge)
            }
        }
    }

    /// What a new edge rests on.
    pub fn rest_on(&mut self, edge: u32, ask: u32) {
        self.edges[edge].evidence |= ask;
    }

    /// All live edges with both ends in one component.
    pub fn inside_edges(&self) -> Vec<u32> {
        let is_live = |&edge: &u32| self.edges[edge].from != NONE && self.edges[edge].to != NONE;
        (0..self.edges.end() as u32).filter(is_live).filter(|&edge| self.is_inside(edge)).collect()
    }

    /// Whether both ends of the edge can be part of one cycle.
    #[inline]
    pub fn is_inside(&self, edge: u32) -> bool {
        let edge = &self.edges[edge];
        self.nodes[edge.from].component == self.nodes[edge.to].component
    }

    #[inline]
    fn find_node(&self, lock: u64) -> Option<u32> {
        self.node_index.find(mix(lock, 1), |&node| self.nodes[node].lock == lock).copied()
    }

    fn node(&mut self, lock: u64, first_held: bool) -> u32 {
        if let Some(node) = self.find_node(lock) {
            return node;
        }
        let position = if first_held {
            self.front -= 1;
            self.front
        } else {
            self.back += 1;
            self.back
        };
        self.components += 1;
        let component = self.components;
        let node = self.nodes.insert(Node {
            lock,
            position,
            component,
            inner_out: NONE,
            first_out: NONE,
            inner_in: NONE,
            first_in: NONE,
            ..Node::default()
        });
        self.nodes[node].next = node;
        self.nodes[node].previous = node;
        let nodes = &self.nodes;
        self.node_index.insert_unique(mix(lock, 1), node, |&node| mix(nodes[node].lock, 1));
        node
    }

    fn connect(&mut self, from: u32, to: u32, edge: u32) {
        let start = &mut self.nodes[from];
        let next_out = std::mem::replace(&mut start.first_out, edge);
        start.out_live += 1;
        let end = &mut self.nodes[to];
        let next_in = std::mem::replace(&mut end.first_in, edge);
        end.in_live += 1;
        let made = &mut self.edges[edge];
        (made.next_out, made.next_in) = (next_out, next_in);
        self.edges_seen += 1;
        self.mend(from, to);
    }

    /// Restores the topological order after an edge was added; contracts the cycle if it closes one.
    fn mend(&mut self, from: u32, to: u32) {
        let (low, high) = (self.nodes[to].position, self.nodes[from].position);
        if low > high || self.nodes[from].component == self.nodes[to].component {
            return;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let ahead_mark = self.next_mark();
        let behind_mark = self.next_mark();
        self.pass_ahead(to, high, ahead_mark, &mut scratch);
        let closes = self.nodes[from].mark == ahead_mark;
        self.pass_behind(from, low, behind_mark, &mut scratch);
        scratch.ahead.sort_unstable();
        scratch.behind.sort_unstable();
        scratch.slots.extend(scratch.ahead.iter().chain(&scratch.behind).map(|&(position, _)| position));
        scratch.slots.sort_unstable();
        if closes {
            self.contract(ahead_mark, &mut scratch);
        } else {
            self.reorder(&scratch);
        }
        scratch.clear();
        self.scratch = scratch;
    }

    /// Collects the components that `start` reaches at positions up to `high`, one member of each.
    fn pass_ahead(&mut self, start: u32, high: i64, mark: u32, scratch: &mut Scratch) {
        self.enter(start, mark, &mut scratch.stack, &mut scratch.ahead);
        while let Some(node) = scratch.stack.pop() {
            let component = self.nodes[node].component;
            let (mut last, mut next) = (NONE, self.nodes[node].first_out);
            while next != NONE {
                let (index, to) = (next, self.edges[next].to);
                next = self.edges[index].next_out;
                if to != NONE && self.nodes[to].component == component {
                    self.set_inner_out(node, last, index);
                    continue;
                }
                last = index;
                if to != NONE && self.nodes[to].mark != mark && self.nodes[to].position <= high {
                    self.enter(to, mark, &mut scratch.stack, &mut scratch.ahead);
                }
            }
        }
    }

    /// Collects the components that reach `start` from positions down to `low`, one member of each.
    fn pass_behind(&mut self, start: u32, low: i64, mark: u32, scratch: &mut Scratch) {
        self.enter(start, mark, &mut scratch.stack, &mut scratch.behind);
        while let Some(node) = scratch.stack.pop() {
            let component = self.nodes[node].component;
            let (mut last, mut next) = (NONE, self.nodes[node].first_in);
            while next != NONE {
                let (index, from) = (next, self.edges[next].from);
                next = self.edges[index].next_in;
                if from != NONE && self.nodes[from].component == component {
                    self.set_inner_in(node, last, index);
                    continue;
                }
                last = index;
                if from != NONE && self.nodes[from].mark != mark && self.nodes[from].position >= low {
                    self.enter(from, mark, &mut scratch.stack, &mut scratch.behind);
                }
            }
        }
    }

    /// Moves an edge, which stands after `last`, to where no pass will meet it again: a large component is not
    /// walked through edge by edge each time it grows.
    fn set_inner_out(&mut self, node: u32, last: u32, edge: u32) {
        let next = self.edges[edge].next_out;
        match last {
            NONE => self.nodes[node].first_out = next,
            last => self.edges[last].next_out = next,
        }
        self.edges[edge].next_out = self.nodes[node].inner_out;
        self.edges[edge].evidence |= INNER_OUT;
        self.nodes[node].inner_out = edge;
    }

    /// As `set_inner_out`, at the edge's end.
    fn set_inner_in(&mut self, node: u32, last: u32, edge: u32) {
        let next = self.edges[edge].next_in;
        match last {
            NONE => self.nodes[node].first_in = next,
            last => self.edges[last].next_in = next,
        }
        self.edges[edge].next_in = self.nodes[node].inner_in;
        self.edges[edge].evidence |= INNER_IN;
        self.nodes[node].inner_in = edge;
    }

    /// The first edge that leads away from the node, dead ones included; `NONE` if there is none.
    #[inline]
    pub fn first_out(&self, node: u32) -> u32 {
        let node = &self.nodes[node];
        if node.inner_out == NONE { node.first_out } else { node.inner_out }
    }

    /// The edge after this one among those that lead away from the node.
    #[inline]
    pub fn next_out(&self, node: u32, edge: u32) -> u32 {
        let edge = &self.edges[edge];
        if edge.next_out == NONE && edge.evidence & INNER_OUT != 0 {
            self.nodes[node].first_out
        } else {
            edge.next_out
        }
    }

    /// The first edge that leads to the node, dead ones included; `NONE` if there is none.
    #[inline]
    pub fn first_in(&self, node: u32) -> u32 {
        let node = &self.nodes[node];
        if node.inner_in == NONE { node.first_in } else { node.inner_in }
    }

    /// The edge after this one among those that lead to the node.
    #[inline]
    pub fn next_in(&self, node: u32, edge: u32) -> u32 {
        let edge = &self.edges[edge];
        if edge.next_in == NONE && edge.evidence & INNER_IN != 0 {
            self.nodes[node].first_in
        } else {
            edge.next_in
        }
    }

    /// Marks all members of a component and puts them on the stack.
    fn enter(&mut self, node: u32, mark: u32, stack: &mut Vec<u32>, found: &mut Vec<(i64, u32)>) {
        found.push((self.nodes[node].position, node));
        let mut member = node;
        loop {
            self.nodes[member].mark = mark;
            stack.push(member);
            member = self.nodes[member].next;
            if member == node {
                return;
            }
        }
    }

    /// What leads to the edge's start moves before what follows from its end, within the positions both have.
    fn reorder(&mut self, scratch: &Scratch) {
        let in_order = scratch.behind.iter().chain(&scratch.ahead);
        for (&(_, node), &position) in in_order.zip(&scratch.slots) {
            self.set_position(node, position);
        }
    }

    /// What both passes met becomes one component, between what leads to it and what follows from it.
    fn contract(&mut self, ahead_mark: u32, scratch: &mut Scratch) {
        // The pass behind came second: a component that still bears the mark of the first was met only by that.
        // One that both met stands in both lists and bears the mark of the second.
        scratch.ahead.retain(|&(_, node)| self.nodes[node].mark == ahead_mark);
        let mut cycle = Vec::new();
        let slots = &scratch.slots;
        let mut only_behind = Vec::new();
        for &(position, node) in &scratch.behind {
            // Every position of a component met by both passes stands twice among the slots.
            let first = slots.partition_point(|&slot| slot < position);
            if slots.get(first + 1) == Some(&position) {
                cycle.push(node);
            } else {
                only_behind.push(node);
            }
        }
        scratch.slots.dedup();
        let slots = &scratch.slots;
        for (&node, &position) in only_behind.iter().zip(slots) {
            self.set_position(node, position);
        }
        if let (Some(&first), Some(&position)) = (cycle.first(), slots.get(only_behind.len())) {
            self.components += 1;
            for &other in &cycle[1..] {
                self.splice(first, other);
            }
            let component = self.components;
            self.for_members(first, |member| (member.position, member.component) = (position, component));
        }
        for (&(_, node), &position) in scratch.ahead.iter().rev().zip(slots.iter().rev()) {
            self.set_position(node, position);
        }
    }

    /// Joins the rings of two components.
    fn splice(&mut self, one: u32, two: u32) {
        let (after_one, before_two) = (self.nodes[one].next, self.nodes[two].previous);
        self.nodes[one].next = two;
        self.nodes[two].previous = one;
        self.nodes[before_two].next = after_one;
        self.nodes[after_one].previous = before_two;
    }

    fn set_position(&mut self, node: u32, position: i64) {
        self.for_members(node, |member| member.position = position);
    }

    fn for_members(&mut self, node: u32, mut change: impl FnMut(&mut Node)) {
        let mut member = node;
        loop {
            change(&mut self.nodes[member]);
            member = self.nodes[member].next;
            if member == node {
                return;
            }
        }
    }

    fn next_mark(&mut self) -> u32 {
        if self.mark == u32::MAX {
            self.mark = 0;
            self.nodes.iter_mut().for_each(|node| node.mark = 0);
        }
        self.mark += 1;
        self.mark
    }
}

/// The evidence of an edge, oldest first.
#[derive(Clone, Copy)]
pub enum Pieces<'a> {
    One(u32),
    Many(&'a [u32]),
}

impl Pieces<'_> {
    pub fn len(self) -> usize {
        match self {
            Pieces::One(_) => 1,
            Pieces::Many(list) => list.len(),
        }
    }

    #[inline]
    pub fn get(self, at: usize) -> Option<u32> {
        match self {
            Pieces::One(piece) => (at == 0).then_some(piece),
            Pieces::Many(list) => list.get(at).copied(),
        }
    }

    /// Youngest first: what is asked for most often stands at the end.
    #[inline]
    pub fn iter_back(self) -> impl Iterator<Item = u32> {
        (0..self.len()).rev().filter_map(move |at| self.get(at))
    }
}

#[inline]
fn edge_hash(from: u32, to: u32) -> u64 {
    mix(from.into(), to.into())
}

impl Scratch {
    fn clear(&mut self) {
        self.ahead.clear();
        self.behind.clear();
        self.stack.clear();
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use petgraph::algo::tarjan_scc;
    use petgraph::graphmap::DiGraphMap;

    use super::*;

    /// Small xorshift; the seed stands in the assertion messages.
    fn roll(state: &mut u64, below: u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 16) % below
    }

    /// The edges as the lists have them, from both ends.
    fn listed(graph: &Graph, locks: u64) -> [BTreeSet<(u64, u64)>; 2] {
        let (mut out, mut into) = (BTreeSet::new(), BTreeSet::new());
        for node in (0..locks).filter_map(|lock| graph.find_node(lock)) {
            let mut next = graph.first_out(node);
            while next != NONE {
                let edge = &graph.edges[next];
                if edge.to != NONE {
                    out.insert((graph.nodes[node].lock, graph.nodes[edge.to].lock));
                }
                next = graph.next_out(node, next);
            }
            let mut next = graph.first_in(node);
            while next != NONE {
                let edge = &graph.edges[next];
                if edge.from != NONE {
                    into.insert((graph.nodes[edge.from].lock, graph.nodes[node].lock));
                }
                next = graph.next_in(node, next);
            }
        }
        [out, into]
    }

    fn check_invariants(graph: &Graph, locks: u64, edges: &BTreeSet<(u64, u64)>, dropped: bool, seed: u64) {
        let [out, into] = listed(graph, locks);
        assert_eq!((&out, &into), (edges, edges), "lists, seed {seed}");
        assert_eq!(graph.edge_count(), edges.len(), "seed {seed}");
        let node = |lock| &graph.nodes[graph.find_node(lock).expect("it has an edge")];
        for &(from, to) in edges {
            assert!(graph.find(from, to).is_some(), "seed {seed}");
            let (from, to) = (node(from), node(to));
            let inside = from.component == to.component;
            assert_eq!(inside, from.position == to.position, "seed {seed}");
            assert!(inside || from.position < to.position, "order, seed {seed}");
        }
        let twin: DiGraphMap<u64, ()> = DiGraphMap::from_edges(edges.iter().copied());
        let mut seen = BTreeMap::new();
        for (number, members) in tarjan_scc(&twin).into_iter().enumerate() {
            let names: BTreeSet<u64> = members.iter().map(|&lock| node(lock).component).collect();
            assert_eq!(names.len(), 1, "a component is torn, seed {seed}");
            let other = seen.insert(names, number);
            assert!(dropped || other.is_none(), "two components are one, seed {seed}");
        }
    }

    #[test]
    fn components_and_order_agree_with_tarjan() {
        for seed in 0..120_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let locks = [5, 12, 40][seed as usize % 3];
            let drops = seed % 2 == 1;
            let (mut graph, mut edges, mut gone) = (Graph::default(), BTreeSet::new(), BTreeSet::new());
            for ask in 0..120 {
                let (from, to) = (roll(&mut state, locks), roll(&mut state, locks));
                if drops && roll(&mut state, 6) == 0 && gone.insert(from) {
                    graph.drop_lock(from, &mut Vec::new());
                    trim(&mut edges, &gone);
                } else if from != to && !gone.contains(&from) && !gone.contains(&to) {
                    let new = matches!(graph.place(from, to), Placed::New(_));
                    assert_eq!(new, edges.insert((from, to)), "seed {seed}");
                }
                if ask % 3 == 0 {
                    check_invariants(&graph, locks, &edges, drops, seed);
                }
            }
        }
    }

    /// Removes the edges of dropped locks through which no path leads.
    fn trim(edges: &mut BTreeSet<(u64, u64)>, gone: &BTreeSet<u64>) {
        loop {
            let starts: BTreeSet<u64> = edges.iter().map(|&(from, _)| from).collect();
            let ends: BTreeSet<u64> = edges.iter().map(|&(_, to)| to).collect();
            let useless = |lock: &u64| gone.contains(lock) && !(starts.contains(lock) && ends.contains(lock));
            let before = edges.len();
            edges.retain(|(from, to)| !useless(from) && !useless(to));
            if edges.len() == before {
                return;
            }
        }
    }
}
