//! How locks leave the graph: at once where no cycle can pass through them any more, else after a while.
//!
//! Lists are singly linked, so an edge whose one end goes stays in the list of the other, dead, until that list has
//! more dead edges than live ones and is swept.

use super::{DROPPED, DROPPED_MAX, Graph, INNER_IN, INNER_OUT, LIST, MARKS, Node, edge_hash};
use crate::order::slab::{NONE, mix};

/// Dead edges that a lock's lists may hold beside as many as live ones before they are swept.
const DEAD_MAX: u32 = 8;

impl Node {
    /// Whether the lists have come to hold more dead edges than live ones.
    fn is_cluttered(&self) -> bool {
        self.dead & !DROPPED > self.out_live + self.in_live + DEAD_MAX
    }
}

impl Graph {
    /// The lock makes no more edges. It goes at once if no cycle can pass through it any more, and with it all
    /// dropped locks for which that becomes true; their evidence is added to `released`.
    pub fn drop_lock(&mut self, lock: u64, released: &mut Vec<u32>) {
        let Some(node) = self.find_node(lock) else { return };
        if self.nodes[node].is_dropped() {
            return;
        }
        self.nodes[node].dead |= DROPPED;
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
            if forced || (at.is_dropped() && dead_end) {
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
        self.dropped_live -= usize::from(self.nodes[node].is_dropped());
        self.nodes.remove(node);
    }

    fn cut_out_edges(&mut self, node: u32, neighbours: &mut Vec<u32>, released: &mut Vec<u32>) {
        let mut next = self.first_out(node);
        while next != NONE {
            let index = next;
            next = self.next_out(node, index);
            let to = self.edges[index].to;
            if to == NONE {
                self.edges.remove(index);
                continue;
            }
            self.forget_edge(index, released);
            self.edges[index].from = NONE;
            let other = &mut self.nodes[to];
            other.in_live -= 1;
            other.dead += 1;
            neighbours.push(to);
            if other.is_cluttered() {
                self.sweep(to);
            }
        }
    }

    fn cut_in_edges(&mut self, node: u32, neighbours: &mut Vec<u32>, released: &mut Vec<u32>) {
        let mut next = self.first_in(node);
        while next != NONE {
            let index = next;
            next = self.next_in(node, index);
            let from = self.edges[index].from;
            if from == NONE {
                self.edges.remove(index);
                continue;
            }
            self.forget_edge(index, released);
            self.edges[index].to = NONE;
            let other = &mut self.nodes[from];
            other.out_live -= 1;
            other.dead += 1;
            neighbours.push(from);
            if other.is_cluttered() {
                self.sweep(from);
            }
        }
    }

    /// Takes the edge out of the index and hands its evidence on.
    fn forget_edge(&mut self, edge: u32, released: &mut Vec<u32>) {
        let hash = edge_hash(self.edges[edge].from, self.edges[edge].to);
        if let Ok(entry) = self.edge_index.find_entry(hash, |&other| other == edge) {
            entry.remove();
        }
        released.extend(self.evidence(edge).iter_back());
        let evidence = self.edges[edge].evidence;
        if evidence & LIST != 0 {
            self.lists.remove(evidence & !MARKS);
        }
    }

    /// Takes the dead edges out of a lock's lists.
    fn sweep(&mut self, node: u32) {
        self.sweep_out(node);
        self.sweep_in(node);
        self.nodes[node].dead &= DROPPED;
    }

    /// Takes the dead edges out of a lock's lists of edges that lead away.
    fn sweep_out(&mut self, node: u32) {
        let mut all = Vec::new();
        let mut next = self.first_out(node);
        while next != NONE {
            all.push(next);
            next = self.next_out(node, next);
        }
        let at = &mut self.nodes[node];
        (at.inner_out, at.first_out) = (NONE, NONE);
        for index in all {
            let edge = &mut self.edges[index];
            if edge.to == NONE {
                self.edges.remove(index);
                continue;
            }
            let inner = edge.evidence & INNER_OUT != 0;
            let head = if inner { &mut at.inner_out } else { &mut at.first_out };
            edge.next_out = std::mem::replace(head, index);
        }
    }

    /// Takes the dead edges out of a lock's lists of edges that lead to it.
    fn sweep_in(&mut self, node: u32) {
        let mut all = Vec::new();
        let mut next = self.first_in(node);
        while next != NONE {
            all.push(next);
            next = self.next_in(node, next);
        }
        let at = &mut self.nodes[node];
        (at.inner_in, at.first_in) = (NONE, NONE);
        for index in all {
            let edge = &mut self.edges[index];
            if edge.from == NONE {
                self.edges.remove(index);
                continue;
            }
            let inner = edge.evidence & INNER_IN != 0;
            let head = if inner { &mut at.inner_in } else { &mut at.first_in };
            edge.next_in = std::mem::replace(head, index);
        }
    }
}
