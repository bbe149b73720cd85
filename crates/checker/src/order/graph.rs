//! The locks and their observed orders, and which of them can be part of a cycle at all.
//!
//! Components of locks that reach each other are kept contracted, in a topological order that is mended when an
//! edge runs against it (Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", JEA
//! 2006; with contraction of cycles as in Pearce, Kelly and Hankin, "Online cycle detection and difference
//! propagation", 2003). So no edge is ever refused, closing edges are edges like any other, and whether a new one
//! can be part of a cycle is one comparison. This is what petgraph's `Acyclic` does for graphs without cycles, in a
//! third of its memory.
//!
//! Removing a lock may leave a component larger than it need be: that costs a search, never a finding. This module
//! judges nothing: whether a cycle of edges is a finding depends on evidence, of which it knows only the numbers.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::slab::{NONE, Slab, mix};

/// Marks `Edge::evidence` as the number of a list.
const LIST: u32 = 1 << 31;

/// Marks a list from which something was lost that nothing else in it stands for.
const LOSSY: u32 = 1 << 30;

/// Removed edges that a lock's list may hold beside as many live ones before it is swept.
const DEAD_MAX: u32 = 8;

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
    pub first_out: u32,
    pub first_in: u32,
    /// Live edges in the two lists, and dead ones that still stand in them.
    out_live: u32,
    in_live: u32,
    out_dead: u32,
    in_dead: u32,
    /// The last pass that came by.
    mark: u32,
    dropped: bool,
}

/// An observed order: `to` was wanted while `from` was held. A dead edge has lost one end and stands in the list
/// of the other until that is swept.
#[derive(Default)]
pub struct Edge {
    /// `NONE` where the lock is gone.
    pub from: u32,
    /// `NONE` where the lock is gone.
    pub to: u32,
    pub next_out: u32,
    pub next_in: u32,
    /// The one piece of evidence, or a list of them.
    evidence: u32,
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
    pub fn evidence(&self, edge: u32) -> &[u32] {
        let evidence = &self.edges[edge].evidence;
        if evidence & LIST == 0 {
            std::slice::from_ref(evidence)
        } else {
            &self.lists[evidence & !(LIST | LOSSY)]
        }
    }

    /// Adds a piece of evidence; the piece at `instead_of` makes room and is returned.
    pub fn add_evidence(&mut self, edge: u32, ask: u32, instead_of: Option<usize>) -> Option<u32> {
        let evidence = &mut self.edges[edge].evidence;
        if *evidence & LIST == 0 {
            *evidence = LIST | self.lists.insert(vec![*evidence, ask]);
            return None;
        }
        let list = &mut self.lists[*evidence & !(LIST | LOSSY)];
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

    /// Finds or makes the edge; a new one rests on `ask`.
    pub fn place(&mut self, from: u64, to: u64, ask: u32) -> Placed {
        // A lock that is first held stands before all others, one that is first wanted behind them.
        let from = self.node(from, true);
        let to = self.node(to, false);
        match self.find_between(from, to) {
            Some(edge) => Placed::Known(edge),
            None => Placed::New(self.connect(from, to, ask)),
        }
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
            first_out: NONE,
            first_in: NONE,
            ..Node::default()
        });
        self.nodes[node].next = node;
        self.nodes[node].previous = node;
        let nodes = &self.nodes;
        self.node_index.insert_unique(mix(lock, 1), node, |&node| mix(nodes[node].lock, 1));
        node
    }

    fn connect(&mut self, from: u32, to: u32, ask: u32) -> u32 {
        let edge = self.edges.insert(Edge {
            from,
            to,
            next_out: self.nodes[from].first_out,
            next_in: self.nodes[to].first_in,
            evidence: ask,
        });
        self.nodes[from].first_out = edge;
        self.nodes[from].out_live += 1;
        self.nodes[to].first_in = edge;
        self.nodes[to].in_live += 1;
        let edges = &self.edges;
        self.edge_index
            .insert_unique(edge_hash(from, to), edge, |&edge| edge_hash(edges[edge].from, edges[edge].to));
        self.mend(from, to);
        edge
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
            let mut next = self.nodes[node].first_out;
            while next != NONE {
                let edge = &self.edges[next];
                let to = edge.to;
                next = edge.next_out;
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
            let mut next = self.nodes[node].first_in;
            while next != NONE {
                let edge = &self.edges[next];
                let from = edge.from;
                next = edge.next_in;
                if from != NONE && self.nodes[from].mark != mark && self.nodes[from].position >= low {
                    self.enter(from, mark, &mut scratch.stack, &mut scratch.behind);
                }
            }
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
            self.set_position(first, position);
            self.set_component(first, self.components);
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

    fn set_component(&mut self, node: u32, component: u64) {
        self.for_members(node, |member| member.component = component);
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

    /// The lock makes no more edges. It goes at once if no cycle can pass through it any more, and with it all
    /// dropped locks for which that becomes true; their evidence is added to `released`.
    pub fn drop_lock(&mut self, lock: u64, released: &mut Vec<u32>) {
        let nodes = &self.nodes;
        let Some(&node) = self.node_index.find(mix(lock, 1), |&node| nodes[node].lock == lock) else {
            return;
        };
        if self.nodes[node].dropped {
            return;
        }
        self.nodes[node].dropped = true;
        self.dropped_live += 1;
        self.dropped.push_back(lock);
        self.remove_ends(node, false, released);
        while self.dropped_live > DROPPED_MAX {
            let Some(oldest) = self.dropped.pop_front() else { break };
            if let Some(node) = self.find_node(oldest) {
                self.locks_lost += 1;
                self.remove_ends(node, true, released);
            }
        }
        if self.dropped.len() > 2 * self.dropped_live + DROPPED_MAX {
            let (nodes, index) = (&self.nodes, &self.node_index);
            self.dropped.retain(|&lock| index.find(mix(lock, 1), |&node| nodes[node].lock == lock).is_some());
        }
    }

    /// Removes the node if it is a dropped dead end (or in any case), then its neighbours that have become one.
    /// A node may come up again after its removal: its place is empty then, and counts as not dropped.
    fn remove_ends(&mut self, node: u32, in_any_case: bool, released: &mut Vec<u32>) {
        let mut pending = vec![node];
        let mut forced = in_any_case;
        while let Some(node) = pending.pop() {
            let at = &self.nodes[node];
            let dead_end = at.out_live == 0 || at.in_live == 0;
            if forced || (at.dropped && dead_end) {
                self.remove_node(node, &mut pending, released);
            }
            forced = false;
        }
    }

    fn remove_node(&mut self, node: u32, neighbours: &mut Vec<u32>, released: &mut Vec<u32>) {
        let lock = self.nodes[node].lock;
        self.cut_out_edges(node, neighbours, released);
        self.cut_in_edges(node, neighbours, released);
        if let Ok(entry) = self.node_index.find_entry(mix(lock, 1), |&other| other == node) {
            entry.remove();
        }
        let (next, previous) = (self.nodes[node].next, self.nodes[node].previous);
        self.nodes[previous].next = next;
        self.nodes[next].previous = previous;
        self.dropped_live -= usize::from(self.nodes[node].dropped);
        self.nodes.remove(node);
    }

    fn cut_out_edges(&mut self, node: u32, neighbours: &mut Vec<u32>, released: &mut Vec<u32>) {
        let mut next = self.nodes[node].first_out;
        while next != NONE {
            let index = next;
            next = self.edges[index].next_out;
            let to = self.edges[index].to;
            if to == NONE {
                self.edges.remove(index);
                continue;
            }
            self.forget_edge(index, released);
            self.edges[index].from = NONE;
            let other = &mut self.nodes[to];
            other.in_live -= 1;
            other.in_dead += 1;
            neighbours.push(to);
            if other.in_dead > other.in_live + DEAD_MAX {
                self.sweep_in(to);
            }
        }
    }

    fn cut_in_edges(&mut self, node: u32, neighbours: &mut Vec<u32>, released: &mut Vec<u32>) {
        let mut next = self.nodes[node].first_in;
        while next != NONE {
            let index = next;
            next = self.edges[index].next_in;
            let from = self.edges[index].from;
            if from == NONE {
                self.edges.remove(index);
                continue;
            }
            self.forget_edge(index, released);
            self.edges[index].to = NONE;
            let other = &mut self.nodes[from];
            other.out_live -= 1;
            other.out_dead += 1;
            neighbours.push(from);
            if other.out_dead > other.out_live + DEAD_MAX {
                self.sweep_out(from);
            }
        }
    }

    /// Takes the edge out of the index and hands its evidence on.
    fn forget_edge(&mut self, edge: u32, released: &mut Vec<u32>) {
        let hash = edge_hash(self.edges[edge].from, self.edges[edge].to);
        if let Ok(entry) = self.edge_index.find_entry(hash, |&other| other == edge) {
            entry.remove();
        }
        released.extend_from_slice(self.evidence(edge));
        let evidence = self.edges[edge].evidence;
        if evidence & LIST != 0 {
            self.lists.remove(evidence & !(LIST | LOSSY));
        }
    }

    /// Takes the dead edges out of a lock's list of edges that lead away.
    fn sweep_out(&mut self, node: u32) {
        let mut next = self.nodes[node].first_out;
        let mut last = NONE;
        self.nodes[node].first_out = NONE;
        while next != NONE {
            let index = next;
            next = self.edges[index].next_out;
            if self.edges[index].to == NONE {
                self.edges.remove(index);
                continue;
            }
            match last {
                NONE => self.nodes[node].first_out = index,
                last => self.edges[last].next_out = index,
            }
            self.edges[index].next_out = NONE;
            last = index;
        }
        self.nodes[node].out_dead = 0;
    }

    /// Takes the dead edges out of a lock's list of edges that lead to it.
    fn sweep_in(&mut self, node: u32) {
        let mut next = self.nodes[node].first_in;
        let mut last = NONE;
        self.nodes[node].first_in = NONE;
        while next != NONE {
            let index = next;
            next = self.edges[index].next_in;
            if self.edges[index].from == NONE {
                self.edges.remove(index);
                continue;
            }
            match last {
                NONE => self.nodes[node].first_in = index,
                last => self.edges[last].next_in = index,
            }
            self.edges[index].next_in = NONE;
            last = index;
        }
        self.nodes[node].in_dead = 0;
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
