//! The real thing behind each declared object, and the place in the sketch of each statement.
//!
//! Everything is leaked: holds refer to it from threads that may be stuck for good, and the process ends soon.

use std::collections::HashMap;

use lockcheck_litmus::ast::Kind;
use lockcheck_litmus::code::{Code, Instruction, Object, ObjectId, Op, Pc, ThreadId};
use lockcheck_litmus::{Position, Program};
use tracked::tools::{self, Call, Lock, LockKind, Messages, Once, Place, RwLock, Signal};
use tracked::{BoundedSemaphore, Event, Semaphore};

/// The real thing.
pub enum Real {
    Lock(Lock),
    /// A lock that its holder may take again.
    Reentrant(Lock),
    RwLock(RwLock),
    Once(Once),
    Semaphore(Semaphore),
    Bounded(BoundedSemaphore),
    Signal(Signal),
    Event(Event),
    /// Something that carries values: who takes one comes after who gave it.
    Messages(Messages),
}

/// What the threads of a sketch share.
pub struct World {
    pub code: Code,
    /// By object.
    objects: Vec<Real>,
    /// Where each statement is; `None` where no lock is asked for.
    places: Vec<Option<Place>>,
    /// By thread: what ends its wait for a condition variable; nothing ever does that for a once.
    calls: Vec<Call>,
}

impl World {
    pub fn new(file: &str, program: &Program) -> &'static World {
        let code = program.code().clone();
        let mut known: HashMap<Position, Place> = HashMap::new();
        let mut place =
            |at: Position| *known.entry(at).or_insert_with(|| tools::place(file, at.line, at.column));
        let objects = code.objects.iter().map(|object| real(object, place(object.place))).collect();
        let asks =
            |instruction: &Instruction| asks_for_a_lock(instruction.op).then(|| place(instruction.place));
        let places = code.instructions.iter().map(asks).collect();
        let calls = code.threads.iter().map(|_| Call::default()).collect();
        Box::leak(Box::new(World { code, objects, places, calls }))
    }

    pub fn real(&self, object: ObjectId) -> &Real {
        &self.objects[object.index()]
    }

    pub fn op(&self, pc: Pc) -> Op {
        self.code.instructions[pc.index()].op
    }

    /// Where the statement is; a line of this file where it asks for no lock.
    pub fn place(&self, pc: Pc) -> Place {
        self.places[pc.index()].unwrap_or(std::panic::Location::caller())
    }

    pub fn call(&self, thread: ThreadId) -> &Call {
        &self.calls[thread.index()]
    }
}

fn real(object: &Object, declared: Place) -> Real {
    let name = object.name.as_str();
    let count = usize::try_from(object.value.unwrap_or(0)).unwrap_or(0);
    match object.kind {
        Kind::Mutex => Real::Lock(Lock::new(LockKind::Mutex, declared, name)),
        Kind::Once => Real::Once(Once::new(declared, name)),
        Kind::RLock => Real::Reentrant(Lock::new(LockKind::Reentrant, declared, name)),
        Kind::RwLock => Real::RwLock(RwLock::new(declared, name)),
        Kind::Semaphore if object.bounded => Real::Bounded(BoundedSemaphore::new(count).named(name)),
        Kind::Semaphore => Real::Semaphore(Semaphore::new(count).named(name)),
        Kind::Condvar => Real::Signal(Signal::new(name)),
        Kind::Event => Real::Event(Event::new().named(name)),
        Kind::Barrier | Kind::Channel | Kind::Queue | Kind::Pool | Kind::Var | Kind::Atomic => {
            Real::Messages(Messages::new())
        }
    }
}

/// Whether the detector learns where the statement is.
fn asks_for_a_lock(op: Op) -> bool {
    matches!(
        op,
        Op::Lock(_)
            | Op::Read(_)
            | Op::ReadRecursive(_)
            | Op::UpgradableRead(_)
            | Op::Write(_)
            | Op::Upgrade(_)
            | Op::Downgrade(_)
            | Op::Try { .. }
            | Op::CondWait { .. }
            | Op::Once { .. }
            | Op::Join(_)
    )
}
