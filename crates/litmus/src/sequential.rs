//! The one sequential run of section 8 of the notation: threads take turns in the order of the `order` line, each until
//! it finishes or blocks. What it foretells is in `predict`; another crate can follow it step by step with real locks.

use crate::Program;
use crate::code::{Code, Op, Pc, ThreadId};
use crate::machine::{Machine, Remark};
use crate::state::{State, Status, TaskStatus, ThreadState};

/// The steps of the sequential run, and what is still pending when nobody can move any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequentialRun {
    /// Threads that finish before the first step: their bodies have none.
    pub finished_at_once: Vec<ThreadId>,
    /// Every step, in order.
    pub steps: Vec<SequentialStep>,
    /// The bodies that are finished with a step, in the order of the steps.
    pub ends: Vec<BodyEnd>,
    /// The threads that are stuck, in the order of declaration.
    pub pending: Vec<Pending>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequentialStep {
    /// Who moves.
    pub thread: ThreadId,
    /// The instruction; for the start of a task, its `submit`. Pure instructions behind it are not listed.
    pub pc: Pc,
    /// The task that a worker starts with this step, numbered from 0 in the order of submission.
    pub starts_task: Option<usize>,
    /// The task that an `await` saw finished.
    pub awaited_task: Option<usize>,
    /// Which way the statement went.
    pub remark: Remark,
}

/// The end of a body: of a thread, or of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyEnd {
    /// Index of the step it is finished with: its own last one, or one that moves it on (`set`, a rendezvous, `spawn`).
    pub step: usize,
    /// The thread or worker.
    pub thread: ThreadId,
    /// The task, if it is one.
    pub task: Option<usize>,
}

/// A thread that is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Who.
    pub thread: ThreadId,
    /// The instruction that blocks.
    pub pc: Pc,
    /// The instruction's first step, by which it registers, has been taken.
    pub registered: bool,
}

/// Runs a program once.
#[must_use]
pub fn sequential(program: &Program) -> SequentialRun {
    let m = Machine::new(program.code());
    let (first, _) = m.initial();
    let is_finished = |t: &ThreadId| first.thread(*t).status == Status::Finished;
    let finished_at_once = m.code.thread_ids().filter(is_finished).collect();
    let (mut steps, mut ends) = (Vec::new(), Vec::new());
    let last = drive(&m, |before, after, step| {
        ends.extend(bodies_ended(before, after, step, steps.len()));
        steps.push(*step);
    });
    SequentialRun { finished_at_once, steps, ends, pending: pending(program.code(), &last) }
}

/// The bodies that are finished with `step`, whose index is `index`.
fn bodies_ended(before: &State, after: &State, step: &SequentialStep, index: usize) -> Vec<BodyEnd> {
    let mut ends = Vec::new();
    for (number, (was, is)) in before.threads.iter().zip(&after.threads).enumerate() {
        let thread = ThreadId(number as u16);
        if is.status == Status::Finished && was.status != Status::Finished {
            ends.push(BodyEnd { step: index, thread, task: None });
        }
        let started = step.starts_task.filter(|_| thread == step.thread);
        let ended =
            |&task: &usize| after.tasks[task] == TaskStatus::Done && before.tasks[task] != TaskStatus::Done;
        if let Some(task) = started.or((was.task as usize).checked_sub(1)).filter(ended) {
            ends.push(BodyEnd { step: index, thread, task: Some(task) });
        }
    }
    ends
}

/// The stuck threads of a final state.
pub(crate) fn pending(code: &Code, last: &State) -> Vec<Pending> {
    let stuck = code.thread_ids().filter(|&t| last.thread(t).is_under_way());
    stuck
        .map(|thread| {
            let ThreadState { pc, status, .. } = last.thread(thread);
            Pending { thread, pc: *pc, registered: *status != Status::Runs }
        })
        .collect()
}

/// Takes the first possible step of the thread whose turn it is until nobody can move. `watch` sees each step with the
/// states before and after it. Returns the last state.
pub(crate) fn drive(m: &Machine<'_>, mut watch: impl FnMut(&State, &State, &SequentialStep)) -> State {
    let (mut state, _) = m.initial();
    let mut incidents = Vec::new();
    let mut moved = true;
    while moved {
        moved = false;
        for &t in &m.code.order {
            while m.outcomes(&state, t) > 0 {
                moved = true;
                let before = state.clone();
                let task = m.code.pool_of(t).filter(|_| state.thread(t).status == Status::Idle);
                let starts = task.and_then(|pool| before.first_task(pool));
                let pc = starts.map_or(before.thread(t).pc, |(_, submit, _)| submit);
                let awaited = match m.code.op(pc) {
                    Op::Await { task, .. } if starts.is_none() => before.thread(t).locals[task.index()],
                    _ => 0,
                };
                let remark = m.step(&mut state, t, 0, &mut incidents);
                incidents.clear();
                let starts_task = starts.map(|(number, ..)| number);
                let awaited_task = (awaited as usize).checked_sub(1);
                watch(&before, &state, &SequentialStep { thread: t, pc, starts_task, awaited_task, remark });
            }
        }
    }
    state
}
