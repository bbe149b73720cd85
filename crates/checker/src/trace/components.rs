//! Strongly connected components of a graph that is a list of successors (Tarjan, SIAM J. Comput. 1972).
//!
//! The graph of the abstract acquires that block on each other has millions of edges in a long trace, and is needed
//! once: petgraph would have it copied into a graph of its own, of 24 bytes an edge. What this does not have is an order
//! of the components; who needs that, and the small graph of the locks, has petgraph.

/// The component of a node that is alone in its own.
pub(super) const NONE: u32 = u32::MAX;

/// Marks a node that was not reached.
const UNSEEN: u32 = u32::MAX;

/// What the search knows. Recursion is a list, for a path may be as long as there are nodes.
struct Search {
    /// By node: the smallest number that is known to be reachable and not in a component yet, at first its own;
    /// [`UNSEEN`] before it is reached.
    low: Vec<u32>,
    /// Nodes reached, in the order of their numbers, that are not in a component yet.
    open: Vec<u32>,
    /// By node: its component.
    component: Vec<u32>,
    /// Nodes reached so far.
    reached: u32,
    /// Components given so far.
    given: u32,
}

/// By node: a number of its component, [`NONE`] where that has no other node. `successors` are by node.
pub(super) fn components(successors: &[Vec<u32>]) -> Vec<u32> {
    let nodes = successors.len();
    let (low, component) = (vec![UNSEEN; nodes], vec![NONE; nodes]);
    let mut search = Search { low, open: Vec::new(), component, reached: 0, given: 0 };
    // Nodes whose successors are being looked at: the node, its number, the next successor.
    let mut path: Vec<(u32, u32, usize)> = Vec::new();
    for root in 0..nodes as u32 {
        if search.low[root as usize] == UNSEEN {
            path.push(search.reach(root));
        }
        while let Some((node, number, next)) = path.last_mut() {
            let (node, number) = (*node as usize, *number);
            let Some(&other) = successors[node].get(*next) else {
                path.pop();
                search.leave(node, number);
                if let Some(&(parent, ..)) = path.last() {
                    search.low[parent as usize] = search.low[parent as usize].min(search.low[node]);
                }
                continue;
            };
            *next += 1;
            match search.low[other as usize] {
                UNSEEN => path.push(search.reach(other)),
                low => search.low[node] = search.low[node].min(low),
            }
        }
    }
    search.component
}

impl Search {
    /// A node is reached first.
    fn reach(&mut self, node: u32) -> (u32, u32, usize) {
        let number = self.reached;
        self.reached += 1;
        self.low[node as usize] = number;
        self.open.push(node);
        (node, number, 0)
    }

    /// All successors of a node are looked at: if it reaches none that was reached before, it and the open nodes after
    /// it are a component. These are as if they had infinitely large numbers from then on.
    fn leave(&mut self, node: usize, number: u32) {
        if self.low[node] != number {
            return;
        }
        let from = self.open.iter().rposition(|&open| open as usize == node).expect("it is open");
        let several = self.open.len() - from > 1;
        for &member in &self.open[from..] {
            self.low[member as usize] = CLOSED;
            self.component[member as usize] = if several { self.given } else { NONE };
        }
        self.open.truncate(from);
        self.given += u32::from(several);
    }
}

/// The number of a node in a component that is complete: larger than any other but [`UNSEEN`].
const CLOSED: u32 = UNSEEN - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::random;

    #[test]
    fn components_are_what_reachability_says() {
        let mut below = random::numbers();
        for _ in 0..500 {
            let nodes = 1 + below(12);
            let mut successors = vec![Vec::new(); nodes as usize];
            for _ in 0..below(2 * nodes) {
                let other = below(nodes);
                successors[below(nodes) as usize].push(other);
            }
            let reach = |from: u32| {
                let (mut seen, mut todo) = (vec![false; nodes as usize], vec![from]);
                while let Some(node) = todo.pop() {
                    for &other in &successors[node as usize] {
                        if !std::mem::replace(&mut seen[other as usize], true) {
                            todo.push(other);
                        }
                    }
                }
                seen
            };
            let reach: Vec<Vec<bool>> = (0..nodes).map(reach).collect();
            let component = components(&successors);
            for a in 0..nodes as usize {
                let alone = (0..nodes as usize).all(|b| a == b || !(reach[a][b] && reach[b][a]));
                assert_eq!(component[a] == NONE, alone);
                for b in (0..nodes as usize).filter(|&b| b != a && !alone) {
                    assert_eq!(component[a] == component[b], reach[a][b] && reach[b][a]);
                }
            }
        }
    }
}
