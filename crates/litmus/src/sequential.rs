//! The one sequential run of section 8 of the notation: threads take turns in the order of the `order` line, each until
//! it finishes or blocks. What it foretells is in `predict`; another crate can follow it step by step with real locks.

use crate::Program;
use crate::code::{Code, Pc, ThreadId};
use crate::machine::{Machine, Remark};
use crate::state::{State, Status, ThreadState};

/// The steps of the sequential run, and what is still pending when nobody can move any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequentialRun {
    /// Every step, in order.
    pub steps: Vec<SequentialStep>,
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
    /// Which way the statement went.
    pub remark: Remark,
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
    let mut run = SequentialRun { steps: Vec::new(), pending: Vec::new() };
    let m = Machine::new(program.code());
    let last = drive(&m, |_, _, step| run.steps.push(*step));
    run.pending = pending(program.code(), &last);
    run
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
                let remark = m.step(&mut state, t, 0, &mut incidents);
                incidents.clear();
                let starts_task = starts.map(|(number, ..)| number);
                watch(&before, &state, &SequentialStep { thread: t, pc, starts_task, remark });
            }
        }
    }
    state
}
