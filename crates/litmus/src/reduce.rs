//! Partial-order reduction: which threads it suffices to let move next. Not the search itself.
//!
//! The sets are *persistent sets* computed from conflicting transitions (Godefroid, "Partial-Order Methods for the
//! Verification of Concurrent Systems", LNCS 1032, algorithm 1), with static knowledge of what each thread may still
//! touch. A set P of threads is good if some thread of P can move, and each thread outside P is *held back* (it
//! waits for what only a thread in P can give up, for instance a mutex) or can never again touch an object in a way
//! that conflicts with the next step of a thread in P. Then no run without P's next steps can influence them: who is
//! held back does not move in it, and whatever else happens first commutes with them.
//!
//! Why every verdict survives (runs are finite, so no transition is ignored for ever):
//!
//! * *deadlock, self, lost_wakeup, finally, can_finish* are about final states, and persistent sets reach all of them;
//! * *assertion, misuse, leak* belong to a step, and depend only on the thread's own state and on objects the step
//!   touches. Every maximal run has an equivalent one (same steps, conflicting ones in the same order) in the reduced
//!   graph, where the step sees the same;
//! * *race* asks for a state in which two conflicting accesses are both next. Let such a state be reachable from a
//!   visited state by w. If w contains a step of P, it can be moved to the front. If not, and P contains one of the
//!   two threads, then also the other (its future conflicts, and held back it would not be at its access), neither
//!   moves in w, and the visited state itself qualifies. Otherwise a step of P commutes with w and both accesses. By induction the race is seen.

use crate::ast::{Attempt, Kind};
use crate::code::{Code, ObjectId, Op, Pc, Role, ThreadId};
use crate::machine::Machine;
use crate::state::{Mode, State, Status};
use std::collections::HashMap;

/// How a step touches something. Two touches commute if both only read, or both only add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    Read,
    Add,
    Write,
}

/// A thing steps can conflict on: an object, the life of a declared thread, the finished tasks of a pool, or the
/// numbering of tasks.
type Resource = usize;

/// What a step touches.
type Touches = Vec<(Resource, Touch)>;

/// Index into `Reducer::futures`.
type FutureId = u32;

/// Static knowledge about one program.
pub(crate) struct Reducer<'m, 'c> {
    m: &'m Machine<'c>,
    /// Words in a third of a future.
    width: usize,
    /// Sets of resources that may still be touched: read, added to, written, `width` words each.
    futures: Vec<Box<[u64]>>,
    /// What may still happen from an instruction on, itself included.
    future_of: Vec<FutureId>,
    /// What a worker without a task may still do, by pool.
    idle_future: HashMap<ObjectId, FutureId>,
    /// The step of this instruction may finish its body.
    may_end: Vec<bool>,
}

impl<'m, 'c> Reducer<'m, 'c> {
    pub(crate) fn new(m: &'m Machine<'c>) -> Self {
        let code = m.code;
        let resources = 2 * code.objects.len() + code.declared + 1;
        let width = resources.div_ceil(64);
        let mut reducer = Reducer {
            m,
            width,
            futures: Vec::new(),
            future_of: vec![0; code.instructions.len()],
            idle_future: HashMap::new(),
            may_end: may_end(code),
        };
        reducer.compute_futures();
        reducer
    }

    /// Backward over the code until nothing changes; only `wait ... until` and task ends lead back.
    fn compute_futures(&mut self) {
        let code = self.m.code;
        let mut interner = Interner { ids: HashMap::new(), sets: Vec::new() };
        let empty = interner.id(vec![0; 3 * self.width]);
        self.future_of.fill(empty);
        let pools = code.object_ids().filter(|&o| code.kind(o) == Kind::Pool);
        self.idle_future = pools.map(|pool| (pool, empty)).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for index in (0..code.instructions.len()).rev() {
                let pc = Pc(index as u32);
                let mut set = vec![0; 3 * self.width];
                for (resource, touch) in self.touches_of(code.op(pc)) {
                    set[self.word(resource, touch)] |= 1 << (resource % 64);
                }
                for next in code.successors(pc) {
                    interner.join(&mut set, self.future_of[next.index()]);
                }
                if let Op::TaskEnd(pool) = code.op(pc) {
                    interner.join(&mut set, self.idle_future[&pool]);
                }
                let id = interner.id(set);
                changed |= id != self.future_of[index];
                self.future_of[index] = id;
            }
            changed |= self.update_idle(&mut interner);
        }
        self.futures = interner.sets;
    }

    fn update_idle(&mut self, interner: &mut Interner) -> bool {
        let code = self.m.code;
        let mut sets: HashMap<ObjectId, Vec<u64>> = HashMap::new();
        for &pool in self.idle_future.keys() {
            let mut set = vec![0; 3 * self.width];
            for (resource, touch) in self.task_touches(pool) {
                set[self.word(resource, touch)] |= 1 << (resource % 64);
            }
            sets.insert(pool, set);
        }
        for instruction in &code.instructions {
            if let Op::Submit { pool, body, .. } = instruction.op {
                let set = sets.get_mut(&pool).expect("every pool has a set");
                interner.join(set, self.future_of[body.entry.index()]);
            }
        }
        let mut changed = false;
        for (pool, set) in sets {
            let id = interner.id(set);
            changed |= self.idle_future.insert(pool, id) != Some(id);
        }
        changed
    }

    fn word(&self, resource: Resource, touch: Touch) -> usize {
        touch as usize * self.width + resource / 64
    }

    fn life(&self, t: ThreadId) -> Resource {
        self.m.code.objects.len() + t.index()
    }

    fn finished_tasks(&self, pool: ObjectId) -> Resource {
        self.m.code.objects.len() + self.m.code.declared + pool.index()
    }

    fn task_numbers(&self) -> Resource {
        2 * self.m.code.objects.len() + self.m.code.declared
    }

    /// Starting or finishing a task of this pool.
    fn task_touches(&self, pool: ObjectId) -> Touches {
        vec![(pool.index(), Touch::Write), (self.finished_tasks(pool), Touch::Add)]
    }

    /// What the instruction itself touches; not what finishing the body touches.
    fn touches_of(&self, op: Op) -> Touches {
        let one = |o: ObjectId, touch: Touch| vec![(o.index(), touch)];
        match op {
            // Giving up a read hold commutes with readers; who has a stronger hold is looked up in the state.
            Op::Unlock(o) if self.m.code.kind(o) == Kind::RwLock => one(o, Touch::Read),
            Op::Lock(o) | Op::Unlock(o) | Op::UpgradableRead(o) | Op::Write(o) | Op::Upgrade(o) => {
                one(o, Touch::Write)
            }
            Op::Downgrade(o) | Op::Acquire(o) | Op::Notify(o) | Op::NotifyAll(o) => one(o, Touch::Write),
            Op::Set(o) | Op::Clear(o) | Op::Arrive(o) | Op::OnceDone(o) | Op::Close(o) => {
                one(o, Touch::Write)
            }
            Op::Once { once: o, .. } | Op::Send { channel: o, .. } | Op::Recv { channel: o, .. } => {
                one(o, Touch::Write)
            }
            Op::Put { queue: o, .. } | Op::Get { queue: o, .. } | Op::TaskDone(o) => one(o, Touch::Write),
            Op::Store { object, .. } => one(object, Touch::Write),
            Op::Read(o) | Op::ReadRecursive(o) | Op::EventWait(o) | Op::QueueJoin(o) => one(o, Touch::Read),
            Op::Load { object, .. } => one(object, Touch::Read),
            Op::Try { attempt: Attempt::TryRead, object, .. } => one(object, Touch::Read),
            Op::Try { object, .. } => one(object, Touch::Write),
            // Whether a bounded release is misuse depends on the others.
            Op::Release(o) if self.m.code.objects[o.index()].bounded => one(o, Touch::Write),
            Op::Release(o) => one(o, Touch::Add),
            Op::Add { object, .. } => one(object, Touch::Add),
            Op::CondWait { condvar, lock, .. } => {
                vec![(condvar.index(), Touch::Write), (lock.index(), Touch::Write)]
            }
            Op::Spawn(t) => vec![(self.life(t), Touch::Write)],
            Op::Join(t) => vec![(self.life(t), Touch::Read)],
            Op::Submit { pool, .. } => {
                vec![(pool.index(), Touch::Write), (self.task_numbers(), Touch::Write)]
            }
            Op::Await { .. } => {
                let pools = self.m.code.object_ids().filter(|&o| self.m.code.kind(o) == Kind::Pool);
                pools.map(|pool| (self.finished_tasks(pool), Touch::Read)).collect()
            }
            Op::TaskEnd(pool) => self.task_touches(pool),
            // The end of a thread touches its life; which thread it is, the code does not know (bodies are shared).
            Op::End | Op::Yield | Op::Sleep | Op::Branch { .. } | Op::Jump(_) | Op::Assert { .. } => {
                Vec::new()
            }
        }
    }

    /// What the next step of a thread touches, or would touch if it could be taken.
    fn next_touches(&self, s: &State, t: ThreadId) -> Touches {
        let thread = s.thread(t);
        let pool = self.m.code.pool_of(t);
        let mut touches = match (thread.status, pool) {
            (Status::Idle, Some(pool)) => return self.task_touches(pool),
            (Status::Unborn, _) => return vec![(self.life(t), Touch::Write)],
            (Status::Notified, _) => match self.m.code.op(thread.pc) {
                Op::CondWait { lock, .. } => vec![(lock.index(), Touch::Write)],
                op => unreachable!("{op:?} is not notified"),
            },
            _ => match self.m.code.op(thread.pc) {
                Op::Unlock(o) if has_strong_hold(s, t, o) => vec![(o.index(), Touch::Write)],
                op => self.touches_of(op),
            },
        };
        if self.may_end[thread.pc.index()] {
            match pool {
                Some(pool) => touches.extend(self.task_touches(pool)),
                None => touches.push((self.life(t), Touch::Write)),
            }
        }
        touches
    }

    /// The thread may still do something that conflicts with one of these touches.
    fn may_conflict(&self, s: &State, t: ThreadId, touches: &Touches) -> bool {
        let future = match (s.thread(t).status, self.m.code.threads[t.index()].role) {
            (Status::Finished, _) => return false,
            (Status::Idle, Role::Worker(pool)) => self.idle_future[&pool],
            (Status::Unborn, Role::Spawned(body)) => self.future_of[body.entry.index()],
            _ => self.future_of[s.thread(t).pc.index()],
        };
        let set = &self.futures[future as usize];
        let touched =
            |resource: Resource, how: Touch| set[self.word(resource, how)] >> (resource % 64) & 1 != 0;
        touches.iter().any(|&(resource, touch)| {
            resource == self.life(t) && t.index() < self.m.code.declared
                || touched(resource, Touch::Write)
                || (touch != Touch::Read && touched(resource, Touch::Read))
                || (touch != Touch::Add && touched(resource, Touch::Add))
                || (touch == Touch::Read && self.gives_up_strong_hold(s, t, resource))
        })
    }

    /// The resource is an rwlock on which the thread has more than read holds: its next `unlock` is no reader's.
    fn gives_up_strong_hold(&self, s: &State, t: ThreadId, resource: Resource) -> bool {
        let is_rwlock = self.m.code.objects.get(resource).is_some_and(|o| o.kind == Kind::RwLock);
        is_rwlock && has_strong_hold(s, t, ObjectId(resource as u16))
    }

    /// Threads that suffice to be moved in this state; `ready` are all that can move. Not empty unless `ready` is.
    pub(crate) fn persistent(&self, s: &State, ready: &[ThreadId]) -> Vec<ThreadId> {
        if ready.len() < 2 {
            return ready.to_vec();
        }
        let alive = self.alive(s);
        let count = alive.len();
        let mut conflicts = Vec::with_capacity(count * count);
        for &t in &alive {
            let touches = self.next_touches(s, t);
            conflicts.extend(alive.iter().map(|&other| self.may_conflict(s, other, &touches)));
        }
        let mut best = ready.to_vec();
        for &seed in ready.iter().take(SEEDS) {
            let set = self.closure(s, &alive, &conflicts, seed);
            let moving: Vec<_> = ready.iter().copied().filter(|t| set.contains(t)).collect();
            if moving.len() < best.len() {
                best = moving;
            }
            if best.len() == 1 {
                break;
            }
        }
        best
    }

    /// The threads that can still move or be made to. Of the idle workers of a pool that hold nothing only the first
    /// is needed: all of them have the same next step and the same future.
    fn alive(&self, s: &State) -> Vec<ThreadId> {
        let mut idle_pools = Vec::new();
        let mut alive = Vec::new();
        for t in self.m.code.thread_ids() {
            match (s.thread(t).status, self.m.code.pool_of(t)) {
                (Status::Finished, _) => continue,
                (Status::Idle, Some(pool)) if self.m.holds(s, t).is_empty() => {
                    if idle_pools.contains(&pool) {
                        continue;
                    }
                    idle_pools.push(pool);
                }
                _ => {}
            }
            alive.push(t);
        }
        alive
    }

    /// The thread cannot move before one of `by` gives up what it waits for.
    fn is_held_back(&self, s: &State, t: ThreadId, by: &[ThreadId]) -> bool {
        let owner = |o: ObjectId| s.owner(o).is_some_and(|(owner, _)| owner != t && by.contains(&owner));
        let holder = |o: ObjectId, modes: &[Mode]| {
            s.holds_on(o).any(|(holder, mode)| holder != t && modes.contains(&mode) && by.contains(&holder))
        };
        let Some(op) = self.m.at(s, t) else { return false };
        match (s.thread(t).status, op) {
            (Status::Runs, Op::Lock(o)) => owner(o),
            // Notified or not, a condvar waiter needs its lock back before anything else.
            (Status::Parked | Status::Notified, Op::CondWait { lock, .. }) => owner(lock),
            (Status::Runs, Op::Read(o) | Op::ReadRecursive(o)) => holder(o, &[Mode::Exclusive]),
            (Status::Runs, Op::UpgradableRead(o)) => holder(o, &[Mode::Exclusive, Mode::Upgradable]),
            // Before it is parked, it can take the step by which it registers.
            (Status::Parked, Op::Write(o) | Op::Upgrade(o)) => {
                holder(o, &[Mode::Exclusive, Mode::Upgradable, Mode::Read])
            }
            (Status::Runs, Op::Once { once, .. }) => {
                s.once_runner(once).is_some_and(|runner| runner != t && by.contains(&runner))
            }
            (Status::Runs, Op::Join(other)) => {
                other != t && s.thread(other).is_under_way() && by.contains(&other)
            }
            (Status::Runs, Op::Await { task, .. }) => {
                let number = s.thread(t).locals[task.index()];
                number != 0 && by.iter().any(|&other| i64::from(s.thread(other).task) == number)
            }
            _ => false,
        }
    }

    /// A good set with this thread in it; not always the smallest. `conflicts` has a row for each alive thread: who
    /// may conflict with its next step.
    fn closure(&self, s: &State, alive: &[ThreadId], conflicts: &[bool], seed: ThreadId) -> Vec<ThreadId> {
        let mut inside = vec![seed];
        let place = |t: ThreadId| alive.iter().position(|&other| other == t).expect("it is alive");
        let mut outside: Vec<usize> = (0..alive.len()).filter(|&index| alive[index] != seed).collect();
        let mut done = 0;
        while done < inside.len() {
            let row = place(inside[done]) * alive.len();
            done += 1;
            outside.retain(|&index| {
                let joins = conflicts[row + index] && !self.is_held_back(s, alive[index], &inside);
                if joins {
                    inside.push(alive[index]);
                }
                !joins
            });
        }
        inside
    }
}

/// The thread has an upgradable or write hold on this rwlock.
fn has_strong_hold(s: &State, t: ThreadId, o: ObjectId) -> bool {
    s.newest_hold(o, t, &[Mode::Upgradable, Mode::Exclusive]).is_some()
}

/// How many ready threads are tried as the start of a set: with many threads the search would spend its time here.
const SEEDS: usize = 16;

/// Stores equal sets once.
struct Interner {
    ids: HashMap<Box<[u64]>, FutureId>,
    sets: Vec<Box<[u64]>>,
}

impl Interner {
    fn id(&mut self, set: Vec<u64>) -> FutureId {
        if let Some(&id) = self.ids.get(set.as_slice()) {
            return id;
        }
        let id = self.sets.len() as FutureId;
        self.sets.push(set.clone().into());
        self.ids.insert(set.into(), id);
        id
    }

    fn join(&self, set: &mut [u64], other: FutureId) {
        set.iter_mut().zip(&self.sets[other as usize]).for_each(|(a, b)| *a |= b);
    }
}

/// For each instruction: its step, with the pure instructions behind it, may finish the body.
fn may_end(code: &Code) -> Vec<bool> {
    // `ends[pc]`: from pc on, pure instructions may lead to the end.
    let mut ends = vec![false; code.instructions.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for index in (0..ends.len()).rev() {
            let pc = Pc(index as u32);
            let op = code.op(pc);
            let end = matches!(op, Op::End | Op::TaskEnd(_))
                || (op.is_pure() && code.successors(pc).any(|next| ends[next.index()]));
            changed |= end != ends[index];
            ends[index] = end;
        }
    }
    let step = |index: usize| code.successors(Pc(index as u32)).any(|next| ends[next.index()]);
    (0..ends.len()).map(step).collect()
}
