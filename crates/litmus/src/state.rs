//! The state of a program (section 5 of the notation) and its compact byte form, by which the search stores and
//! compares states. What changes a state is in `machine`.

use crate::ast::Kind;
use crate::code::{Code, ObjectId, Pc, Role, ThreadId};

/// Where a thread is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Before the instruction at `pc`.
    Runs,
    /// Registered in the instruction at `pc` (`write`, `upgrade`, `wait`, `arrive`).
    Parked,
    /// In a condvar wait, notified, without its lock.
    Notified,
    Finished,
    /// Not spawned yet.
    Unborn,
    /// A worker without a task.
    Idle,
}

const STATUSES: [Status; 6] =
    [Status::Runs, Status::Parked, Status::Notified, Status::Finished, Status::Unborn, Status::Idle];

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A read hold of an rwlock.
    Read,
    /// An upgradable hold of an rwlock.
    Upgradable,
    /// A write hold, a mutex, an rlock, a once while its body runs.
    Exclusive,
}

const MODES: [Mode; 3] = [Mode::Read, Mode::Upgradable, Mode::Exclusive];

/// One thread.
#[derive(Debug)]
pub(crate) struct ThreadState {
    pub(crate) status: Status,
    /// Meaningful in the statuses `Runs`, `Parked` and `Notified`; else 0.
    pub(crate) pc: Pc,
    /// The depth of the rlock given up by a condvar wait; else 0.
    pub(crate) depth: u32,
    /// The task a worker runs, counted from 1; else 0.
    pub(crate) task: u32,
    /// Values of the locals (a task: its number); empty unless the thread is in a body.
    pub(crate) locals: Vec<i64>,
    /// What the current statement has loaded so far.
    pub(crate) temporaries: Vec<i64>,
}

impl ThreadState {
    fn at_rest(status: Status) -> Self {
        ThreadState { status, pc: Pc(0), depth: 0, task: 0, locals: Vec::new(), temporaries: Vec::new() }
    }

    /// The thread is somewhere in a body.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.status, Status::Runs | Status::Parked | Status::Notified)
    }

    /// Leaves the body.
    pub(crate) fn rest(&mut self, status: Status) {
        *self = ThreadState::at_rest(status);
    }
}

impl Clone for ThreadState {
    fn clone(&self) -> Self {
        let mut copy = ThreadState::at_rest(self.status);
        copy.clone_from(self);
        copy
    }

    /// Keeps the buffers: the search copies states all the time.
    fn clone_from(&mut self, other: &Self) {
        let ThreadState { status, pc, depth, task, locals, temporaries } = other;
        (self.status, self.pc, self.depth, self.task) = (*status, *pc, *depth, *task);
        self.locals.clone_from(locals);
        self.temporaries.clone_from(temporaries);
    }
}

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskStatus {
    Waiting,
    Running,
    Done,
}

/// Marks of a `once`; anything above is 2 plus the thread that runs it.
pub(crate) const ONCE_NEW: i64 = 0;
pub(crate) const ONCE_DONE: i64 = 1;

/// The state of a program. Equal states have equal bytes and the other way round.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// One number per object:
    ///
    /// | kind | number |
    /// |---|---|
    /// | mutex, rlock | 0 free, else holder + 1 + depth * 65536 |
    /// | rwlock | registered writers |
    /// | semaphore | permits |
    /// | event | 1 set, 0 clear |
    /// | barrier | arrived |
    /// | once | `ONCE_NEW`, `ONCE_DONE` or 2 + thread |
    /// | channel | 1 closed, 0 open |
    /// | queue | unfinished items |
    /// | var, atomic | value |
    pub(crate) words: Vec<i64>,
    /// One list per object:
    ///
    /// | kind | list |
    /// |---|---|
    /// | rwlock | holds, thread * 4 + mode, by thread, then oldest first |
    /// | channel, queue | values, oldest first |
    /// | pool | waiting tasks, oldest first: number from 0, pc of the submit, count of locals, locals |
    pub(crate) lists: Vec<Vec<i64>>,
    /// One entry per thread and worker.
    pub(crate) threads: Vec<ThreadState>,
    /// One entry per submitted task.
    pub(crate) tasks: Vec<TaskStatus>,
}

impl Clone for State {
    fn clone(&self) -> Self {
        let mut copy = State::default();
        copy.clone_from(self);
        copy
    }

    fn clone_from(&mut self, other: &Self) {
        let State { words, lists, threads, tasks } = other;
        self.words.clone_from(words);
        self.lists.clone_from(lists);
        self.threads.clone_from(threads);
        self.tasks.clone_from(tasks);
    }
}

impl State {
    /// Every thread that starts by itself stands before its first instruction.
    pub(crate) fn initial(code: &Code) -> State {
        let words = code.objects.iter().map(|o| match o.kind {
            Kind::Semaphore | Kind::Var | Kind::Atomic => o.value.unwrap_or(0),
            _ => 0,
        });
        let threads = code.threads.iter().map(|t| match t.role {
            Role::Starts(body) => ThreadState {
                pc: body.entry,
                locals: vec![0; usize::from(body.locals)],
                ..ThreadState::at_rest(Status::Runs)
            },
            Role::Spawned(_) => ThreadState::at_rest(Status::Unborn),
            Role::Worker(_) => ThreadState::at_rest(Status::Idle),
        });
        State {
            words: words.collect(),
            lists: vec![Vec::new(); code.objects.len()],
            threads: threads.collect(),
            tasks: Vec::new(),
        }
    }

    pub(crate) fn word(&self, o: ObjectId) -> i64 {
        self.words[o.index()]
    }

    pub(crate) fn list(&self, o: ObjectId) -> &[i64] {
        &self.lists[o.index()]
    }

    pub(crate) fn thread(&self, t: ThreadId) -> &ThreadState {
        &self.threads[t.index()]
    }

    pub(crate) fn thread_mut(&mut self, t: ThreadId) -> &mut ThreadState {
        &mut self.threads[t.index()]
    }

    /// Holder and depth of a mutex or rlock.
    pub(crate) fn owner(&self, o: ObjectId) -> Option<(ThreadId, u32)> {
        let word = self.word(o);
        (word != 0).then(|| (ThreadId(((word & 0xffff) - 1) as u16), (word >> 16) as u32))
    }

    pub(crate) fn set_owner(&mut self, o: ObjectId, owner: Option<(ThreadId, u32)>) {
        self.words[o.index()] =
            owner.map_or(0, |(thread, depth)| i64::from(thread.0) + 1 + (i64::from(depth) << 16));
    }

    /// Holds of an rwlock: by thread, then oldest first.
    pub(crate) fn holds_on(&self, o: ObjectId) -> impl Iterator<Item = (ThreadId, Mode)> + '_ {
        self.list(o).iter().map(|&hold| (ThreadId((hold >> 2) as u16), MODES[(hold & 3) as usize]))
    }

    /// The thread that runs the body of a once.
    pub(crate) fn once_runner(&self, o: ObjectId) -> Option<ThreadId> {
        let word = self.word(o);
        (word > ONCE_DONE).then(|| ThreadId((word - 2) as u16))
    }

    /// Adds the newest hold of a thread on an rwlock.
    pub(crate) fn add_hold(&mut self, o: ObjectId, t: ThreadId, mode: Mode) {
        let list = &mut self.lists[o.index()];
        let place = list.iter().position(|&hold| hold >> 2 > i64::from(t.0)).unwrap_or(list.len());
        list.insert(place, encode_hold(t, mode));
    }

    /// Index in the list of the newest hold that `t` has on an rwlock in one of these modes.
    pub(crate) fn newest_hold(&self, o: ObjectId, t: ThreadId, modes: &[Mode]) -> Option<usize> {
        let mine = |hold: i64| hold >> 2 == i64::from(t.0) && modes.contains(&MODES[(hold & 3) as usize]);
        self.list(o).iter().rposition(|&hold| mine(hold))
    }

    pub(crate) fn set_hold(&mut self, o: ObjectId, index: usize, t: ThreadId, mode: Mode) {
        self.lists[o.index()][index] = encode_hold(t, mode);
    }

    /// The number of the first waiting task of a pool, its submit, and its locals.
    pub(crate) fn first_task(&self, pool: ObjectId) -> Option<(usize, Pc, &[i64])> {
        match self.list(pool) {
            [number, submit, count, rest @ ..] => {
                Some((*number as usize, Pc(*submit as u32), &rest[..*count as usize]))
            }
            _ => None,
        }
    }

    /// The numbers and submits of all waiting tasks of a pool, oldest first.
    pub(crate) fn waiting_tasks(&self, pool: ObjectId) -> Vec<(usize, Pc)> {
        let mut tasks = Vec::new();
        let mut rest = self.list(pool);
        while let [number, submit, count, tail @ ..] = rest {
            tasks.push((*number as usize, Pc(*submit as u32)));
            rest = &tail[*count as usize..];
        }
        tasks
    }

    /// Writes the byte form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.words.iter().for_each(|&word| put(out, word));
        for list in &self.lists {
            put_list(out, list);
        }
        for thread in &self.threads {
            out.push(thread.status as u8);
            if thread.is_under_way() {
                put(out, i64::from(thread.pc.0));
                put(out, i64::from(thread.depth));
                put(out, i64::from(thread.task));
                put_list(out, &thread.locals);
                put_list(out, &thread.temporaries);
            }
        }
        put(out, self.tasks.len() as i64);
        out.extend(self.tasks.iter().map(|&status| status as u8));
    }

    /// Reads the byte form of a state of the same program; keeps the buffers of `self`.
    pub(crate) fn decode(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        self.words.iter_mut().for_each(|word| *word = get(&mut rest));
        self.lists.iter_mut().for_each(|list| get_list(&mut rest, list));
        for thread in &mut self.threads {
            let status = STATUSES[usize::from(rest[0])];
            rest = &rest[1..];
            if !matches!(status, Status::Runs | Status::Parked | Status::Notified) {
                thread.rest(status);
                continue;
            }
            thread.status = status;
            thread.pc = Pc(get(&mut rest) as u32);
            thread.depth = get(&mut rest) as u32;
            thread.task = get(&mut rest) as u32;
            get_list(&mut rest, &mut thread.locals);
            get_list(&mut rest, &mut thread.temporaries);
        }
        let tasks = get(&mut rest) as usize;
        let status = |&b: &u8| [TaskStatus::Waiting, TaskStatus::Running, TaskStatus::Done][usize::from(b)];
        self.tasks.clear();
        self.tasks.extend(rest[..tasks].iter().map(status));
    }
}

fn encode_hold(t: ThreadId, mode: Mode) -> i64 {
    i64::from(t.0) * 4 + mode as i64
}

/// Zigzag, then seven bits a byte, low ones first.
fn put(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

fn get(rest: &mut &[u8]) -> i64 {
    let mut bits = 0_u64;
    for shift in (0..).step_by(7) {
        let byte = rest[0];
        *rest = &rest[1..];
        bits |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    (bits >> 1) as i64 ^ -((bits & 1) as i64)
}

fn put_list(out: &mut Vec<u8>, list: &[i64]) {
    put(out, list.len() as i64);
    list.iter().for_each(|&value| put(out, value));
}

fn get_list(rest: &mut &[u8], list: &mut Vec<i64>) {
    let length = get(rest) as usize;
    list.clear();
    list.extend((0..length).map(|_| get(rest)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_byte_form() {
        for value in [0, 1, -1, 63, 64, -64, -65, 1 << 40, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            let mut rest = &bytes[..];
            assert_eq!(get(&mut rest), value);
            assert!(rest.is_empty());
        }
    }
}
