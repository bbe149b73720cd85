//! The path of a depth-first search: the states that the current run passes, what has been tried in each, and which
//! operation on the path happened before which. No policy: who is tried first is decided in `exhaustive`.
//!
//! All tables are flat and keep their memory from run to run; the path of a program of `n` steps and `w` workers takes
//! some 30 `n * w` bytes.

use crate::moment::{Access, Moment, Object, Operation, Pending, Worker};

/// A worker in a state.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// What it stands before.
    operation: Operation,
    flags: u8,
}

/// It may be tried.
const ENABLED: u8 = 1;
/// It is to be tried.
const NOTED: u8 = 2;
/// All that begins with it has been seen.
const TRIED: u8 = 4;
/// All that begins with it would repeat what has been seen.
const ASLEEP: u8 = 8;

impl Cell {
    fn is(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// A state on the path, and the operation that leaves it.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Where its workers begin in `cells`, and its operation's clock in `clocks`; both have `workers` entries.
    start: u32,
    workers: u32,
    chosen: Worker,
    /// The operation has been entered in `lists`, `latest` and `clocks`.
    done: bool,
    /// The chosen worker's previous operation: its state's number plus 1; 0: none.
    previous: u32,
    /// Where its operation's draws begin.
    draws: u32,
    /// Preemptions before this state, and with its operation.
    preemptions: (u32, u32),
}

/// How an operation is entered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Steps {
    /// With its place in the happens-before order, and the orders that could be reversed noted.
    Ordered,
    /// Only with whether it is a preemption.
    Counted(bool),
}

/// A choice within an operation.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    value: u32,
    options: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Path {
    states: Vec<State>,
    cells: Vec<Cell>,
    /// For the operation of a state and each worker: the number plus 1 of the last state whose operation is the worker's
    /// and happened before (or is) this one; 0: none.
    clocks: Vec<u32>,
    draws: Vec<Drawn>,
    /// By object: the numbers of the states whose operations touch it, ascending.
    lists: Vec<Vec<u32>>,
    lives: Vec<Vec<u32>>,
    spawns: Vec<u32>,
    /// By worker: the number plus 1 of the state of its last operation on the path; 0: none.
    latest: Vec<u32>,
    /// By worker: the number of the first state it is in.
    born: Vec<u32>,
    /// The clock under construction.
    scratch: Vec<u32>,
    /// Buffer of `weigh`: the operations that could be reversed with one.
    races: Vec<u32>,
    /// Buffer of `note_reversal`: workers with their first operations in `v`.
    first: Vec<(Worker, u32)>,
}

impl Path {
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn chosen(&self, at: usize) -> Worker {
        self.states[at].chosen
    }

    fn cell(&self, at: usize, worker: Worker) -> &Cell {
        &self.cells[self.states[at].start as usize + worker.place()]
    }

    fn operation(&self, at: usize) -> Operation {
        self.cell(at, self.states[at].chosen).operation
    }

    fn last(&self) -> usize {
        self.states.len() - 1
    }

    fn cells_of(&self, at: usize) -> &[Cell] {
        let state = self.states[at];
        &self.cells[state.start as usize..][..state.workers as usize]
    }

    fn cells_of_mut(&mut self, at: usize) -> &mut [Cell] {
        let state = self.states[at];
        &mut self.cells[state.start as usize..][..state.workers as usize]
    }

    /// Whether the program stands where it stood when this state was entered.
    pub(super) fn fits(&self, at: usize, moment: &Moment<'_>) -> bool {
        let state = self.states[at];
        moment.pending.len() == state.workers as usize && {
            let pending = moment.of(state.chosen);
            pending.can_go() && pending.operation == self.operation(at)
        }
    }

    /// Adds a state. With `sleep`, workers that sleep go on sleeping unless the last operation has roused them.
    pub(super) fn push_state(
        &mut self,
        moment: &Moment<'_>,
        enabled: &impl Fn(&Pending) -> bool,
        sleep: bool,
    ) {
        let start = self.cells.len();
        let before = self.states.last().copied();
        for pending in moment.pending {
            let flags = if enabled(pending) { ENABLED } else { 0 };
            self.cells.push(Cell { operation: pending.operation, flags });
        }
        if let Some(before) = before.filter(|_| sleep) {
            let done = self.operation(self.last());
            let (old, new) = self.cells.split_at_mut(start);
            let old = &old[before.start as usize..][..before.workers as usize];
            for (place, (cell, new)) in old.iter().zip(new).enumerate() {
                let sleeps = cell.flags & (ASLEEP | TRIED) != 0 && place != before.chosen.place();
                if sleeps && new.is(ENABLED) && cell.operation.commutes_with(&done) {
                    new.flags |= ASLEEP;
                }
            }
        }
        let number = self.states.len() as u32;
        while self.born.len() < moment.pending.len() {
            self.born.push(number);
            self.latest.push(0);
        }
        self.clocks.resize(self.cells.len(), 0);
        let preemptions = before.map_or(0, |before| before.preemptions.1);
        self.states.push(State {
            start: start as u32,
            workers: moment.pending.len() as u32,
            chosen: Worker(0),
            done: false,
            previous: 0,
            draws: self.draws.len() as u32,
            preemptions: (preemptions, preemptions),
        });
    }

    /// The first worker to try in the last state: `preferred` if it may be, else the lowest.
    pub(super) fn first_awake(&self, preferred: Worker) -> Option<Worker> {
        let awake = |cell: &Cell| cell.flags & (ENABLED | ASLEEP) == ENABLED;
        let cells = self.cells_of(self.last());
        if awake(&cells[preferred.place()]) {
            return Some(preferred);
        }
        cells.iter().position(awake).map(|place| Worker(place as u32))
    }

    /// In the last state, the worker is to be tried if it may be.
    pub(super) fn note(&mut self, worker: Worker) {
        let last = self.last();
        let cell = &mut self.cells_of_mut(last)[worker.place()];
        if cell.is(ENABLED) {
            cell.flags |= NOTED;
        }
    }

    /// The last state's operation is this worker's.
    pub(super) fn choose(&mut self, worker: Worker) {
        let last = self.last();
        self.states[last].chosen = worker;
    }

    pub(super) fn preemptions(&self) -> u32 {
        self.states[self.last()].preemptions.0
    }

    /// Whether the last state's operation has been entered.
    pub(super) fn is_done(&self) -> bool {
        self.states[self.last()].done
    }

    /// Enters the last state's operation.
    pub(super) fn perform(&mut self, steps: Steps) {
        let last = self.last();
        match steps {
            Steps::Counted(preempts) => {
                let before = self.states[last].preemptions.0;
                self.states[last].preemptions.1 = before + u32::from(preempts);
            }
            Steps::Ordered => {
                let (worker, operation) = (self.states[last].chosen, self.operation(last));
                self.clock_before(worker);
                self.weigh(worker, &operation);
                self.enter(last, worker, &operation);
            }
        }
        self.states[last].done = true;
    }

    /// Puts into `scratch` what happened before the worker's next operation by what the worker did so far.
    fn clock_before(&mut self, worker: Worker) {
        self.scratch.clear();
        let workers = self.states.last().map_or(0, |state| state.workers as usize);
        self.scratch.resize(workers.max(worker.place() + 1), 0);
        self.join_worker(worker);
    }

    /// Adds to `scratch` all that the worker did so far and what happened before it.
    fn join_worker(&mut self, worker: Worker) {
        let latest = self.latest.get(worker.place()).copied().unwrap_or(0);
        let born = self.born.get(worker.place()).copied().unwrap_or(0);
        // A worker that has done nothing yet comes after the operation that made it appear.
        let number = if latest > 0 { latest } else { born };
        if number > 0 {
            self.join_operation(number as usize - 1);
        }
    }

    fn join_operation(&mut self, at: usize) {
        let state = self.states[at];
        let clock = &self.clocks[state.start as usize..][..state.workers as usize];
        for (mine, theirs) in self.scratch.iter_mut().zip(clock) {
            *mine = (*mine).max(*theirs);
        }
    }

    fn list(&self, object: Object) -> &[u32] {
        if let Some(worker) = object.whose_life() {
            return self.lives.get(worker.place()).map_or(&[], |list| list);
        }
        if object == Object::SPAWNS {
            return &self.spawns;
        }
        self.lists.get(object.0 as usize).map_or(&[], |list| list)
    }

    fn list_mut(&mut self, object: Object) -> &mut Vec<u32> {
        let (lists, place) = match object.whose_life() {
            Some(worker) => (&mut self.lives, worker.place()),
            None if object == Object::SPAWNS => return &mut self.spawns,
            None => (&mut self.lists, object.0 as usize),
        };
        if lists.len() <= place {
            lists.resize_with(place + 1, Vec::new);
        }
        &mut lists[place]
    }

    /// With the worker's past in `scratch`: notes where the order of its next operation and an earlier one could be
    /// reversed. Of the operations that could, only those count that did not happen before another such one: the others
    /// are found when that one is reversed. (If it can be: the worker may have waited for that very one.)
    fn weigh(&mut self, worker: Worker, operation: &Operation) {
        let mut races = std::mem::take(&mut self.races);
        races.clear();
        for touch in operation.touches() {
            for &at in self.list(touch.object).iter().rev() {
                let (other, theirs) = (self.states[at as usize].chosen, self.operation(at as usize));
                let ordered = self.scratch[other.place()] > at;
                if ordered && is_exclusive(&theirs, touch.object) {
                    break;
                }
                if !ordered && operation.races_with(&theirs) && !races.contains(&at) {
                    races.push(at);
                }
            }
        }
        for &at in &races {
            let other = self.states[at as usize].chosen;
            let hides = |later: &u32| {
                *later > at
                    && self.clock(*later as usize)[other.place()] > at
                    && !self.was_blocked(*later as usize, worker)
            };
            if !races.iter().any(hides) {
                self.note_reversal(at as usize, worker, operation);
            }
        }
        self.races = races;
    }

    /// Whether the worker stood before its next operation in this state already and could not do it, so that the
    /// operation done there may be what it waited for.
    fn was_blocked(&self, at: usize, worker: Worker) -> bool {
        let waits = self.latest[worker.place()] as usize <= at;
        waits && self.cells_of(at).get(worker.place()).is_some_and(|cell| !cell.is(ENABLED))
    }

    fn clock(&self, at: usize) -> &[u32] {
        let state = self.states[at];
        &self.clocks[state.start as usize..][..state.workers as usize]
    }

    /// Notes, in the state `at`, somebody who leads to the worker's next operation coming before the one done there.
    ///
    /// What must come before it is `v`: the operations after `at` that did not happen after the one done there, then
    /// the worker's. Who could do the first operation of `v`, or of a sequence that differs from it only in the order of
    /// operations that commute (an *initial*), is as good as anybody else who could: source sets (Abdulla, Aronis,
    /// Jonsson and Sagonas, POPL 2014). Nothing is to be done if one of them is noted already or sleeps.
    fn note_reversal(&mut self, at: usize, worker: Worker, operation: &Operation) {
        let reversed = self.states[at].chosen;
        let mut first = std::mem::take(&mut self.first);
        first.clear();
        let mut last_is_initial = true;
        let mut best = None;
        let mut covered = false;
        for later in at + 1..self.states.len() {
            if !self.states[later].done || self.clock(later)[reversed.place()] as usize > at {
                continue;
            }
            let candidate = self.states[later].chosen;
            let clock = self.clock(later);
            last_is_initial &= candidate != worker
                && self.scratch[candidate.place()] as usize <= later
                && self.operation(later).commutes_with(operation);
            if first.iter().any(|(earlier, _)| *earlier == candidate) {
                continue;
            }
            if first.iter().all(|(earlier, number)| clock.get(earlier.place()).is_none_or(|n| n <= number)) {
                covered |= self.is_covered(at, candidate, &mut best);
            }
            first.push((candidate, later as u32));
        }
        if last_is_initial {
            covered |= self.is_covered(at, worker, &mut best);
        }
        self.first = first;
        if covered {
            return;
        }
        match best {
            Some(best) => self.cells_of_mut(at)[best.place()].flags |= NOTED,
            None => {
                for cell in self.cells_of_mut(at).iter_mut().filter(|cell| cell.is(ENABLED)) {
                    cell.flags |= NOTED;
                }
            }
        }
    }

    /// Whether this initial is noted or sleeps in the state; if not, and it may be tried, it is the best so far.
    fn is_covered(&self, at: usize, initial: Worker, best: &mut Option<Worker>) -> bool {
        let Some(cell) = self.cells_of(at).get(initial.place()) else { return false };
        if cell.is(ENABLED) {
            *best = best.or(Some(initial));
        }
        cell.flags & (NOTED | ASLEEP) != 0
    }

    /// With the worker's past in `scratch`: enters its operation in the happens-before order.
    fn enter(&mut self, at: usize, worker: Worker, operation: &Operation) {
        for touch in operation.touches() {
            let mut place = self.list(touch.object).len();
            while place > 0 {
                place -= 1;
                let earlier = self.list(touch.object)[place] as usize;
                let theirs = self.operation(earlier);
                if !theirs.commutes_with(operation) {
                    self.join_operation(earlier);
                }
                if is_exclusive(&theirs, touch.object) {
                    break;
                }
            }
            if let Some(ended) = touch.object.whose_life() {
                self.join_worker(ended);
            }
            self.list_mut(touch.object).push(at as u32);
        }
        self.scratch[worker.place()] = at as u32 + 1;
        let state = &mut self.states[at];
        state.previous = std::mem::replace(&mut self.latest[worker.place()], at as u32 + 1);
        let workers = state.workers as usize;
        self.clocks[state.start as usize..][..workers].copy_from_slice(&self.scratch[..workers]);
    }

    /// The run is over: what those who still stand before an operation would do counts as done for step 1.
    pub(super) fn weigh_pending(&mut self, moment: &Moment<'_>) {
        if self.states.is_empty() {
            return;
        }
        for (worker, pending) in moment.workers() {
            if pending.readiness == crate::Readiness::Finished {
                continue;
            }
            // Whoever appeared with the last operation has no past on the path but that operation.
            while self.born.len() <= worker.place() {
                self.born.push(self.states.len() as u32);
                self.latest.push(0);
            }
            self.clock_before(worker);
            self.scratch.resize(moment.pending.len().max(self.scratch.len()), 0);
            self.weigh(worker, &pending.operation);
        }
    }

    /// The `drawn`-th draw of the operation of the state `at`; `None` if it is not what it was.
    pub(super) fn draw(&mut self, at: usize, drawn: usize, options: u32) -> Option<u32> {
        let start = self.states[at].draws as usize + drawn;
        let end = self.states.get(at + 1).map_or(self.draws.len(), |next| next.draws as usize);
        if start < end {
            let known = self.draws[start];
            return (known.options == options).then_some(known.value);
        }
        if at != self.last() {
            return None;
        }
        self.draws.push(Drawn { value: 0, options });
        Some(0)
    }

    /// Goes to the next thing to try; false: nothing is left.
    pub(super) fn advance(&mut self) -> bool {
        while let Some(state) = self.states.last().copied() {
            while let Some(draw) = self.draws.get_mut(state.draws as usize..).and_then(|own| own.last_mut()) {
                if draw.value + 1 < draw.options {
                    draw.value += 1;
                    return true;
                }
                self.draws.pop();
            }
            let at = self.last();
            if state.done {
                self.undo(at);
                self.cells_of_mut(at)[state.chosen.place()].flags |= TRIED;
            }
            let next = |cell: &Cell| cell.flags & (NOTED | TRIED | ASLEEP) == NOTED;
            if let Some(place) = self.cells_of(at).iter().position(next) {
                self.states[at].chosen = Worker(place as u32);
                return true;
            }
            self.pop();
        }
        false
    }

    /// Takes the last state's operation back.
    fn undo(&mut self, at: usize) {
        let (worker, operation) = (self.states[at].chosen, self.operation(at));
        self.states[at].done = false;
        for touch in operation.touches() {
            let list = self.list_mut(touch.object);
            if list.last() == Some(&(at as u32)) {
                list.pop();
            }
        }
        if self.latest[worker.place()] == at as u32 + 1 {
            self.latest[worker.place()] = self.states[at].previous;
        }
        // Whoever appeared with this operation appears anew.
        while self.born.last().is_some_and(|born| *born as usize > at) {
            self.born.pop();
            self.latest.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(state) = self.states.pop() {
            self.cells.truncate(state.start as usize);
            self.clocks.truncate(state.start as usize);
            self.draws.truncate(state.draws as usize);
        }
    }

    /// Forgets everything from this state on.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.states.len() > len {
            let at = self.last();
            if self.states[at].done {
                self.undo(at);
            }
            self.pop();
        }
    }
}

/// Whether the operation's access to the object commutes with no other.
fn is_exclusive(operation: &Operation, object: Object) -> bool {
    let exclusive = |access: Access| matches!(access, Access::Write | Access::Acquire | Access::Release);
    operation.touches().any(|touch| touch.object == object && exclusive(touch.access))
}
