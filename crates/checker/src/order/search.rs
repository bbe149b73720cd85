//! Cycles of requests that could be pending together: the rule of the litmus notation, section 8.
//!
//! A search starts from one new piece of evidence and looks for the shortest cycles through it, length by length
//! (iterative deepening over the evidence of one component, cut off where the distance back to the start is too
//! long). Cycles are NP-hard to rule out once threads must differ, so steps are limited and running out of them
//! is said. It only looks: what has been reported before is `problems`' business.

use super::evidence::Evidence;
use super::graph::Graph;
use super::modes::Conflict;
use super::slab::NONE;
use crate::Tier;
use lockcheck_events::Attempt;

/// Complete cycles that one search gives back.
pub const CYCLES_MAX: usize = 32;

/// Comparisons of holds that count as one more step.
const COMPARISONS_A_STEP: u64 = 32;

/// Where a search begins and how far it may go.
pub struct Start {
    /// The edge.
    pub edge: u32,
    /// The new piece of evidence for it.
    pub ask: u32,
    /// How many pieces of evidence may be looked at.
    pub steps: u64,
    /// How many of them once the shortest cycles are known, to see what longer ones there are.
    pub more_steps: u64,
    /// Look at no threads but those of this scope; 0: at all.
    pub only: u32,
    /// Whether to look at what was done within an `ignore` too.
    pub ignored: bool,
}

/// One side of a cycle.
#[derive(Clone, Copy)]
pub struct Side {
    /// The order.
    pub edge: u32,
    /// The request that shows it.
    pub ask: u32,
}

/// What kind of cycle it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It counts.
    Cycle(Tier),
    /// Only a timeout breaks it.
    Masked,
}

/// A cycle, beginning with the new evidence.
pub struct Cycle {
    pub kind: Kind,
    pub sides: Vec<Side>,
    /// Whether no shorter cycle of its kind was found by this search.
    pub shortest: bool,
}

/// What a search came to.
pub struct Outcome {
    pub cycles: Vec<Cycle>,
    /// Pieces of evidence looked at.
    pub steps: u64,
    /// Whether it ended for want of steps before it knew the shortest cycles.
    pub cut: bool,
}

/// What the search knows of a lock.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The search that wrote it.
    stamp: u32,
    /// Edges to the goal; `u32::MAX` where it is not known.
    distance: u32,
    /// Whether the path passes through it.
    on_path: bool,
}

/// A side on the path, with what the sides up to it make of the cycle, and where to go on from it.
#[derive(Clone, Copy)]
struct Step {
    side: Side,
    thread: u32,
    /// All threads up to here differ.
    distinct: bool,
    /// All requests up to here block, where they have met their hold already.
    hard: bool,
    /// Some request up to here is timed.
    timed: bool,
    /// Holds of all requests up to here: what one more request is compared with.
    holds: u64,
    /// The edge to try next from the wanted lock, and which piece of its evidence.
    next: u32,
    piece: usize,
}

/// The searcher; keeps its buffers from one search to the next.
#[derive(Default)]
pub struct Search {
    places: Vec<Place>,
    stamp: u32,
    queue: Vec<u32>,
    path: Vec<Step>,
}

/// One search under way.
struct Run<'a> {
    graph: &'a Graph,
    evidence: &'a Evidence,
    search: &'a mut Search,
    /// The lock held by the start, at which the cycle closes.
    goal: u32,
    component: u64,
    /// A lock whose distance is not known is at least so far away.
    horizon: u32,
    /// Whether all distances are known.
    mapped: bool,
    steps: u64,
    limit: u64,
    only: u32,
    /// Whether what was done within an `ignore` is left out.
    skip_ignored: bool,
    /// Whether a path was given up at the current length only because of its length.
    deeper: bool,
    want: Want,
    cycles: Vec<Cycle>,
}

/// The kinds of cycles that are still looked for.
#[derive(Clone, Copy)]
struct Want {
    likely: bool,
    masked: bool,
    order: bool,
}

impl Search {
    /// Looks for the shortest cycles of each kind through the new evidence.
    pub fn run(&mut self, start: &Start, graph: &Graph, evidence: &Evidence) -> Outcome {
        let goal = graph.edges[start.edge].from;
        let component = graph.nodes[goal].component;
        let first = Step {
            side: Side { edge: start.edge, ask: start.ask },
            thread: evidence.thread(start.ask),
            distinct: true,
            hard: true,
            timed: evidence.manner(start.ask).attempt() == Attempt::Timed,
            holds: evidence.depth(start.ask),
            next: NONE,
            piece: 0,
        };
        self.new_stamp(graph.nodes.end());
        self.path.clear();
        self.path.push(first);
        let mut run = Run {
            graph,
            evidence,
            search: self,
            goal,
            component,
            horizon: 0,
            mapped: false,
            steps: 0,
            limit: start.steps,
            only: start.only,
            skip_ignored: !start.ignored && evidence.any_ignored(),
            deeper: false,
            want: Want { likely: !first.timed, masked: true, order: !first.timed },
            cycles: Vec::new(),
        };
        let cut = run.deepen(start);
        Outcome { steps: run.steps, cycles: run.cycles, cut }
    }

    fn new_stamp(&mut self, nodes: usize) {
        if self.places.len() < nodes {
            self.places.resize(nodes, Place::default());
        }
        if self.stamp == u32::MAX {
            self.stamp = 0;
            self.places.fill(Place::default());
        }
        self.stamp += 1;
    }
}

impl Run<'_> {
    /// Tries length after length; says whether the steps ran out before the shortest cycles were known.
    fn deepen(&mut self, start: &Start) -> bool {
        let mut longest = u32::MAX;
        let mut length = 2;
        while length <= longest {
            let found = self.cycles.len();
            self.deeper = false;
            self.walk(length);
            if self.steps >= self.limit {
                // A cycle that counts was found: the rest was only to see what else there is.
                return !self.found(|kind| kind == Kind::Cycle(Tier::Likely));
            }
            self.narrow(found, start);
            if !self.deeper || self.cycles.len() >= CYCLES_MAX || !self.wants_longer(length) {
                return false;
            }
            if !self.mapped && length == 2 {
                longest = self.map();
            }
            length += 1;
        }
        false
    }

    fn found(&self, is: impl Fn(Kind) -> bool) -> bool {
        self.cycles.iter().any(|cycle| is(cycle.kind))
    }

    /// After a length is done: a kind that was found at it is not looked for at longer ones. Cycles that count
    /// are, for a little while: they may hold other evidence that no shorter one does.
    fn narrow(&mut self, before: usize, start: &Start) {
        let news = |is: &dyn Fn(Kind) -> bool| self.cycles[before..].iter().any(|cycle| is(cycle.kind));
        let likely = news(&|kind| kind == Kind::Cycle(Tier::Likely));
        let order = news(&|kind| kind == Kind::Cycle(Tier::Order));
        let masked = news(&|kind| kind == Kind::Masked);
        if likely {
            self.want.order = false;
            self.want.masked = false;
            self.limit = self.limit.min(self.steps + start.more_steps);
        }
        self.want.order &= !order;
        self.want.masked &= !masked;
    }

    /// Whether any kind that is looked for can be longer than `length`: where threads differ, there must be as
    /// many of them.
    fn wants_longer(&self, length: u32) -> bool {
        let threads = self.evidence.history.threads();
        self.want.order || ((self.want.likely || self.want.masked) && (length as usize) < threads)
    }

    /// Learns distances to the goal by breadth-first search against the edges, as far as a quarter of the steps
    /// reaches; gives the length that no cycle can exceed.
    fn map(&mut self) -> u32 {
        let last = self.steps + (self.limit - self.steps) / 4;
        let stamp = self.search.stamp;
        let mut queue = std::mem::take(&mut self.search.queue);
        queue.clear();
        queue.push(self.goal);
        self.search.places[self.goal as usize] = Place { stamp, distance: 0, on_path: false };
        let mut at = 0;
        while at < queue.len() && self.steps < last {
            let node = queue[at];
            at += 1;
            let distance = self.search.places[node as usize].distance + 1;
            let mut next = self.graph.first_in(node);
            while next != NONE {
                self.steps += 1;
                let edge = &self.graph.edges[next];
                next = self.graph.next_in(node, next);
                if edge.from == NONE || self.graph.nodes[edge.from].component != self.component {
                    continue;
                }
                let place = &mut self.search.places[edge.from as usize];
                if place.stamp != stamp || place.distance == u32::MAX {
                    *place = Place { stamp, distance, on_path: place.stamp == stamp && place.on_path };
                    queue.push(edge.from);
                }
            }
        }
        self.mapped = at == queue.len();
        self.horizon = queue.get(at).map_or(0, |&node| self.search.places[node as usize].distance + 1);
        let longest = if self.mapped { queue.len() as u32 } else { u32::MAX };
        self.search.queue = queue;
        longest
    }

    /// A lower bound for the number of edges from the lock to the goal; `None` if there is no way.
    fn distance(&self, node: u32) -> Option<u32> {
        let place = self.search.places[node as usize];
        if place.stamp == self.search.stamp && place.distance != u32::MAX {
            return Some(place.distance);
        }
        (!self.mapped).then_some(self.horizon.max(1))
    }

    fn set_on_path(&mut self, node: u32, on_path: bool) {
        let stamp = self.search.stamp;
        let place = &mut self.search.places[node as usize];
        if place.stamp != stamp {
            *place = Place { stamp, distance: u32::MAX, on_path: false };
        }
        place.on_path = on_path;
    }

    fn is_on_path(&self, node: u32) -> bool {
        let place = self.search.places[node as usize];
        place.stamp == self.search.stamp && place.on_path
    }

    /// Depth-first search for all cycles of exactly this length. The path keeps its first side. The shortest
    /// possible cycles take one look-up and are never cut.
    fn walk(&mut self, length: u32) {
        self.open(length);
        while (self.steps < self.limit || length == 2) && self.cycles.len() < CYCLES_MAX {
            match self.search.path.last() {
                Some(&step) if step.next != NONE => self.advance(step, length),
                Some(_) if self.search.path.len() > 1 => self.close(),
                _ => break,
            }
        }
        while self.search.path.len() > 1 {
            self.close();
        }
    }

    /// Prepares the last side of the path for going on from it.
    fn open(&mut self, length: u32) {
        let depth = self.search.path.len() as u32;
        let Some(last) = self.search.path.last_mut() else { return };
        let wanted = self.graph.edges[last.side.edge].to;
        last.piece = 0;
        last.next = if depth + 1 == length {
            // One side is missing: there is only one edge that it can be.
            self.deeper = true;
            self.graph.find_between(wanted, self.goal).unwrap_or(NONE)
        } else {
            self.graph.first_out(wanted)
        };
        self.set_on_path(wanted, true);
    }

    /// Goes back by one side.
    fn close(&mut self) {
        if let Some(last) = self.search.path.pop() {
            self.set_on_path(self.graph.edges[last.side.edge].to, false);
        }
    }

    /// Tries the next piece of evidence after the last side of the path.
    fn advance(&mut self, step: Step, length: u32) {
        let depth = self.search.path.len() as u32;
        let edge = &self.graph.edges[step.next];
        let closing = depth + 1 == length;
        if step.piece == 0 && !closing && !self.may_pass(edge.to, length - depth - 1) {
            self.steps += 1;
            self.skip_edge();
            return;
        }
        let Some(ask) = self.graph.evidence(step.next).get(step.piece) else {
            if closing {
                self.set_next(NONE);
            } else {
                self.skip_edge();
            }
            return;
        };
        self.steps += 1 + step.holds * self.evidence.depth(ask) / COMPARISONS_A_STEP;
        self.set_piece(step.piece + 1);
        let side = Side { edge: step.next, ask };
        let Some(next) = self.extend(step, side, closing) else { return };
        if closing {
            self.record(next);
        } else {
            self.search.path.push(next);
            self.open(length);
        }
    }

    fn set_next(&mut self, edge: u32) {
        if let Some(last) = self.search.path.last_mut() {
            last.next = edge;
            last.piece = 0;
        }
    }

    fn set_piece(&mut self, piece: usize) {
        if let Some(last) = self.search.path.last_mut() {
            last.piece = piece;
        }
    }

    fn skip_edge(&mut self) {
        if let Some(last) = self.search.path.last_mut() {
            let wanted = self.graph.edges[last.side.edge].to;
            last.next = self.graph.next_out(wanted, last.next);
            last.piece = 0;
        }
    }

    /// Whether the path may go on to this lock with so many sides left.
    fn may_pass(&mut self, to: u32, left: u32) -> bool {
        if to == NONE
            || to == self.goal
            || self.graph.nodes[to].component != self.component
            || self.is_on_path(to)
        {
            return false;
        }
        match self.distance(to) {
            Some(distance) => {
                self.deeper |= distance > left;
                distance <= left
            }
            None => false,
        }
    }

    /// The side as the next step, if all sides so far can be pending together and the kind is looked for.
    fn extend(&self, last: Step, side: Side, closing: bool) -> Option<Step> {
        let evidence = self.evidence;
        if self.skip_ignored && evidence.ignored(side.ask) != 0 {
            return None;
        }
        let held = self.graph.nodes[self.graph.edges[side.edge].from].lock;
        let mut conflict = evidence.conflict(side.ask, held, evidence.manner(last.side.ask));
        if closing {
            let first = self.search.path[0].side.ask;
            let held = self.graph.nodes[self.goal].lock;
            conflict = conflict.min(evidence.conflict(first, held, evidence.manner(side.ask)));
        }
        if conflict == Conflict::Never {
            return None;
        }
        let thread = evidence.thread(side.ask);
        if self.only != 0 && evidence.history.scope(thread) != self.only {
            return None;
        }
        let path = &self.search.path;
        let step = Step {
            side,
            thread,
            distinct: last.distinct && path.iter().all(|step| step.thread != thread),
            hard: last.hard && conflict == Conflict::Blocks,
            timed: last.timed || evidence.manner(side.ask).attempt() == Attempt::Timed,
            holds: last.holds + evidence.depth(side.ask),
            next: NONE,
            piece: 0,
        };
        let counts = step.distinct && step.hard;
        let wanted = match (counts, step.timed) {
            (true, false) => true,
            (true, true) => self.want.masked,
            (false, false) => self.want.order,
            (false, true) => false,
        };
        let possible = wanted && path.iter().all(|other| !evidence.excluded(other.side.ask, side.ask));
        possible.then_some(step)
    }

    fn record(&mut self, last: Step) {
        let kind = match (last.distinct && last.hard, last.timed) {
            (true, true) => Kind::Masked,
            (true, false) => Kind::Cycle(Tier::Likely),
            (false, _) => Kind::Cycle(Tier::Order),
        };
        let wanted = match kind {
            Kind::Masked => self.want.masked,
            Kind::Cycle(Tier::Order) => self.want.order,
            Kind::Cycle(_) => self.want.likely,
        };
        if !wanted {
            return;
        }
        let mut sides: Vec<Side> = self.search.path.iter().map(|step| step.side).collect();
        sides.push(last.side);
        let shortest = self.cycles.iter().all(|cycle| cycle.kind != kind || cycle.sides.len() == sides.len());
        self.cycles.push(Cycle { kind, sides, shortest });
    }
}
