//! What a decision costs: strategies over a program of four threads that is not there. No threads, no locks: what is
//! measured is the explorer alone, beside the same loop in the default order.
//!
//! `cargo bench -p lockcheck-explorer`

use std::time::Instant;

use lockcheck_explorer::{
    Access, Draw, Exhaustive, Moment, Object, Operation, OperationKind, Pct, Pending, Pos, Random, Readiness,
    Recording, RunEnd, Strategy, Weighted, Worker, default_choice,
};

/// The default order, as often as it is asked.
struct Default;

impl Strategy for Default {
    fn begin(&mut self) -> bool {
        true
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        default_choice(moment)
    }

    fn draw(&mut self, _: &Moment<'_>, _: Worker, _: Draw, _: u32) -> u32 {
        0
    }

    fn end(&mut self, _: &Moment<'_>, _: RunEnd) {}
}

const WORKERS: u32 = 4;
/// Operations of each worker in a run: as many as a philosopher has, and his start and end.
const STEPS: u32 = 6;
const RUNS: u64 = 50_000;

fn operation(worker: u32, step: u32) -> Operation {
    let lock = Object((worker + step / 2) % WORKERS);
    match step {
        0 | 5 => Operation::local(OperationKind::Begin),
        1 | 2 => Operation::on(OperationKind::Load, lock, Access::Read),
        _ => Operation::on(OperationKind::Store, lock, Access::Write),
    }
}

/// One run; how many decisions it took.
fn run(strategy: &mut dyn Strategy, pending: &mut Vec<Pending>) -> Option<u64> {
    if !strategy.begin() {
        return None;
    }
    pending.clear();
    pending.extend((0..WORKERS).map(|worker| Pending {
        operation: operation(worker, 0),
        index: 0,
        readiness: Readiness::Ready,
        parent: Worker(0),
        ordinal: worker.saturating_sub(1),
        deadline: 0,
    }));
    let mut last = Worker(0);
    let mut decisions = 0;
    let mut how = RunEnd::Finished;
    while pending.iter().any(Pending::can_go) {
        let Some(worker) = strategy.choose(&Moment { pending, last }) else {
            how = RunEnd::Abandoned;
            break;
        };
        decisions += 1;
        last = worker;
        let next = &mut pending[worker.place()];
        next.index += 1;
        if next.index == STEPS {
            next.readiness = Readiness::Finished;
        } else {
            next.operation = operation(worker.0, next.index);
        }
    }
    strategy.end(&Moment { pending, last }, how);
    Some(decisions)
}

fn measure(name: &str, strategy: &mut dyn Strategy) {
    let mut pending = Vec::new();
    let began = Instant::now();
    let (mut runs, mut decisions) = (0_u64, 0_u64);
    while runs < RUNS
        && let Some(made) = run(strategy, &mut pending)
    {
        runs += 1;
        decisions += made;
    }
    let elapsed = began.elapsed();
    let each = |count: u64| elapsed.as_nanos() as f64 / count as f64;
    println!("{name:<24} {:>7.1} ns a decision {:>9.0} ns a run {runs:>7} runs", each(decisions), each(runs));
}

fn main() {
    measure("default order", &mut Default);
    measure("default order, recorded", &mut Recording::new(Default));
    measure("random", &mut Random::new(1, u64::MAX));
    measure("random, recorded", &mut Recording::new(Random::new(1, u64::MAX)));
    measure("pct", &mut Pct::new(1, u64::MAX, 3));
    measure("pos", &mut Pos::new(1, u64::MAX));
    measure("urw", &mut Weighted::urw(1, u64::MAX));
    measure("surw", &mut Weighted::surw(1, u64::MAX));
    measure("exhaustive", &mut Exhaustive::new(u64::MAX));
}
