//! The rule of the litmus notation, section 8, written down as naively as it reads: every sequence of requests is
//! tried. The checker under test must agree with it on small programs.

use std::collections::{BTreeMap, BTreeSet};

use lockcheck_checker::OrderFinding;
use lockcheck_events::{Attempt, Hold, Mode, Request};

use crate::language::{Call, Program};

/// A pair of sites with their modes.
pub type SideKey = (u32, Mode, u32, Mode);

/// A request with the clock of its thread.
struct Made {
    request: Request,
    clock: BTreeMap<u32, u32>,
}

/// What the rule makes of a program.
#[derive(Default, Debug)]
pub struct Truth {
    /// The sides of every cycle that is `likely`, and its length.
    pub likely: BTreeSet<(Vec<SideKey>, usize)>,
    pub order: BTreeSet<(Vec<SideKey>, usize)>,
    pub masked: BTreeSet<(Vec<SideKey>, usize)>,
    pub recursion: bool,
}

/// Judges the program.
pub fn judge(program: &Program) -> Truth {
    let made = requests(program);
    let mut truth = Truth::default();
    for one in &made {
        let own = one.request.holds.iter().filter(|hold| hold.lock == one.request.lock);
        let worst = own.map(|hold| blocks(hold.mode, one.request.mode)).max();
        truth.recursion |= worst == Some(1) && one.request.attempt == Attempt::Block;
    }
    for start in 0..made.len() {
        for via in 0..made[start].request.holds.len() {
            extend(&made, &mut vec![(start, via)], &mut truth);
        }
    }
    truth
}

/// The sides of a cycle, sorted.
pub fn sides(links: &[(&Request, usize)]) -> Vec<SideKey> {
    let mut sides: Vec<SideKey> =
        links.iter().map(|(request, via)| side(request, &request.holds[*via])).collect();
    sides.sort_unstable();
    sides
}

/// The sides of a finding, sorted.
pub fn sides_of(finding: &OrderFinding) -> Vec<SideKey> {
    let links: Vec<_> = finding.links.iter().map(|link| (&link.request, link.via)).collect();
    sides(&links)
}

fn side(request: &Request, hold: &Hold) -> SideKey {
    (hold.site.0, hold.mode, request.site.0, request.mode)
}

fn requests(program: &Program) -> Vec<Made> {
    let mut clocks: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    let mut tokens: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    let mut made = Vec::new();
    for call in &program.calls {
        match call {
            Call::Request(request) if request.attempt != Attempt::Try => {
                let thread = request.thread.0;
                let clock = clocks.entry(thread).or_insert_with(|| BTreeMap::from([(thread, 1)]));
                made.push(Made { request: request.clone(), clock: clock.clone() });
            }
            Call::Before(thread, token) => {
                let clock = clocks.entry(thread.0).or_insert_with(|| BTreeMap::from([(thread.0, 1)]));
                merge(tokens.entry(token.0).or_default(), clock);
                *clock.entry(thread.0).or_default() += 1;
            }
            Call::After(thread, token) => {
                let clock = clocks.entry(thread.0).or_insert_with(|| BTreeMap::from([(thread.0, 1)]));
                merge(clock, &tokens[&token.0]);
                *clock.entry(thread.0).or_default() += 1;
            }
            Call::Request(_) | Call::Dropped(_) | Call::Ended(_) => {}
        }
    }
    made
}

fn merge(clock: &mut BTreeMap<u32, u32>, other: &BTreeMap<u32, u32>) {
    for (&thread, &segment) in other {
        let entry = clock.entry(thread).or_default();
        *entry = segment.max(*entry);
    }
}

/// 2: waits, 1: waits if a writer queues in between, 0: does not.
fn blocks(held: Mode, wanted: Mode) -> u32 {
    use Mode::{Exclusive, Shared, Upgradable};
    if held == Exclusive || wanted == Exclusive || (held == Upgradable && wanted == Upgradable) {
        2
    } else if wanted == Shared || wanted == Upgradable {
        1
    } else {
        0
    }
}

fn gated(one: &Request, two: &Request) -> bool {
    one.holds.iter().any(|a| {
        two.holds.iter().any(|b| a.lock == b.lock && blocks(a.mode, b.mode) == 2 && a.mode.excludes(b.mode))
    })
}

fn ordered(one: &Made, two: &Made) -> bool {
    let before = |one: &Made, two: &Made| {
        let thread = one.request.thread.0;
        two.clock.get(&thread).is_some_and(|&segment| segment >= one.clock[&thread])
    };
    one.request.thread != two.request.thread && (before(one, two) || before(two, one))
}

fn extend(made: &[Made], path: &mut Vec<(usize, usize)>, truth: &mut Truth) {
    let (last, _) = path[path.len() - 1];
    let wanted = made[last].request.lock;
    let (first, first_via) = path[0];
    if path.len() > 1 && made[first].request.holds[first_via].lock == wanted {
        judge_cycle(made, path, truth);
        return;
    }
    for (next, candidate) in made.iter().enumerate() {
        for (via, hold) in candidate.request.holds.iter().enumerate() {
            let held_by = |&(index, via): &(usize, usize)| made[index].request.holds[via].lock;
            let fits = hold.lock == wanted
                && candidate.request.lock != wanted
                && path.iter().all(|side| held_by(side) != wanted)
                && path.iter().all(|&(index, _)| !gated(&made[index].request, &candidate.request))
                && path.iter().all(|&(index, _)| !ordered(&made[index], candidate));
            if fits {
                path.push((next, via));
                extend(made, path, truth);
                path.pop();
            }
        }
    }
}

fn judge_cycle(made: &[Made], path: &[(usize, usize)], truth: &mut Truth) {
    let threads: BTreeSet<_> = path.iter().map(|&(index, _)| made[index].request.thread).collect();
    let distinct = threads.len() == path.len();
    let timed = path.iter().any(|&(index, _)| made[index].request.attempt == Attempt::Timed);
    let mut weakest = 2;
    for (position, &(index, _)) in path.iter().enumerate() {
        let (next, via) = path[(position + 1) % path.len()];
        let held = made[next].request.holds[via].mode;
        weakest = weakest.min(blocks(held, made[index].request.mode));
    }
    if weakest == 0 {
        return;
    }
    let links: Vec<_> = path.iter().map(|&(index, via)| (&made[index].request, via)).collect();
    let cycle = (sides(&links), path.len());
    match (distinct && weakest == 2, timed) {
        (true, false) => truth.likely.insert(cycle),
        (true, true) => truth.masked.insert(cycle),
        (false, false) => truth.order.insert(cycle),
        (false, true) => false,
    };
}
