//! The compiled form of a sketch: names resolved, `repeat` unrolled, every step of the notation one instruction.
//!
//! It is public so that another crate can execute a sketch with real locks: an instruction with a step of its own is
//! one operation on one object; the instructions for which [`Op::is_pure`] holds (branches, jumps, assertions, ends)
//! belong to the step before them. Not here: what an operation does (`machine`), and the text form (`ast`).

use crate::ast::{Attempt, BinaryOp, Kind};

/// Index of an object in [`Code::objects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u16);

/// Index of a thread in [`Code::threads`]: declared threads first, then pool workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(pub u16);

/// Index of an instruction in [`Code::instructions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pc(pub u32);

/// Index of a local of a thread or task. A task starts with the submitter's locals below `inherit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// Index of a formula in [`Code::formulas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormulaId(pub u32);

/// Index of a text in [`Code::texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextId(pub u32);

macro_rules! indices {
    ($($id:ident),*) => { $(impl $id {
        /// The index as such.
        #[must_use]
        pub fn index(self) -> usize {
            self.0 as usize
        }
    })* };
}
indices!(ObjectId, ThreadId, Pc, Slot, FormulaId, TextId);

/// A compiled sketch.
#[derive(Debug, Clone)]
pub struct Code {
    /// The declared objects, in order.
    pub objects: Vec<Object>,
    /// The declared threads in order, then the workers of each pool in order.
    pub threads: Vec<Thread>,
    /// How many of `threads` were declared; the rest are workers.
    pub declared: usize,
    /// All bodies, one after the other; each ends with `End` or `TaskEnd`. Threads that were declared together share
    /// one body.
    pub instructions: Vec<Instruction>,
    /// The formulas the instructions refer to.
    pub formulas: Vec<Formula>,
    /// The texts the instructions refer to: asserted expressions and names of tasks.
    pub texts: Vec<String>,
    /// What must hold at the end of every complete run.
    pub finals: Vec<FinalCheck>,
    /// Every thread once: the `order` line, then the other declared threads, then the workers.
    pub order: Vec<ThreadId>,
}

/// An object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Permits, arrivals, capacity, workers or initial value; `None` is an unlimited capacity. 0 for other kinds.
    pub value: Option<i64>,
    /// A semaphore that may not go above its value.
    pub bounded: bool,
    /// The line of its declaration.
    pub line: u32,
}

/// A thread or pool worker.
#[derive(Debug, Clone)]
pub struct Thread {
    /// `T1`, or `p.1` for a worker.
    pub name: String,
    /// How it starts.
    pub role: Role,
}

/// How a thread comes to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs from the start.
    Starts(Body),
    /// Runs when some thread executes `spawn`.
    Spawned(Body),
    /// Takes tasks of this pool.
    Worker(ObjectId),
}

/// Where a body begins and how much it remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// Its first instruction.
    pub entry: Pc,
    /// Number of its locals, inherited ones included.
    pub locals: u16,
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// The source line.
    pub line: u32,
}

/// Where a loaded value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Nowhere.
    Nothing,
    /// Into a local.
    Local(Slot),
    /// On the list of values the statement has loaded so far; the statement empties it.
    Temporary,
}

/// The operations. Jumps go to instructions of the same body; without one, the next instruction follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "variants and fields are named after the statements of the notation")]
pub enum Op {
    Lock(ObjectId),
    Unlock(ObjectId),
    Read(ObjectId),
    ReadRecursive(ObjectId),
    UpgradableRead(ObjectId),
    Write(ObjectId),
    Upgrade(ObjectId),
    Downgrade(ObjectId),
    /// Success goes on with the next instruction.
    Try {
        attempt: Attempt,
        object: ObjectId,
        otherwise: Pc,
    },
    Acquire(ObjectId),
    Release(ObjectId),
    /// After a wait the next instruction follows (for `until`: the test again); after a misuse, `misused`.
    CondWait {
        condvar: ObjectId,
        lock: ObjectId,
        misused: Pc,
    },
    Notify(ObjectId),
    NotifyAll(ObjectId),
    Set(ObjectId),
    Clear(ObjectId),
    EventWait(ObjectId),
    Arrive(ObjectId),
    /// Runs the body that follows, or goes to `skip`.
    Once {
        once: ObjectId,
        skip: Pc,
    },
    OnceDone(ObjectId),
    Send {
        channel: ObjectId,
        value: FormulaId,
    },
    Recv {
        channel: ObjectId,
        into: Target,
    },
    Close(ObjectId),
    Put {
        queue: ObjectId,
        value: FormulaId,
    },
    Get {
        queue: ObjectId,
        into: Target,
    },
    TaskDone(ObjectId),
    QueueJoin(ObjectId),
    Spawn(ThreadId),
    Join(ThreadId),
    /// The task starts at `body.entry` with a copy of the locals below `inherit` (all it can use), the rest 0.
    Submit {
        pool: ObjectId,
        body: Body,
        inherit: u16,
        into: Option<Slot>,
        name: TextId,
    },
    Await {
        task: Slot,
        name: TextId,
    },
    Load {
        object: ObjectId,
        into: Target,
    },
    Store {
        object: ObjectId,
        value: FormulaId,
    },
    /// On an atomic; on a plain `var`, `add` is a load and a store.
    Add {
        object: ObjectId,
        value: FormulaId,
    },
    Yield,
    Sleep,
    /// Pure: false goes to `otherwise`.
    Branch {
        condition: FormulaId,
        otherwise: Pc,
    },
    /// Pure.
    Jump(Pc),
    /// Pure.
    Assert {
        condition: FormulaId,
        text: TextId,
    },
    /// Pure: the thread finishes.
    End,
    /// Pure: the task finishes and the worker of this pool is idle again.
    TaskEnd(ObjectId),
}

impl Op {
    /// The instruction has no step of its own: it acts together with the step before it.
    #[must_use]
    pub fn is_pure(self) -> bool {
        matches!(self, Op::Branch { .. } | Op::Jump(_) | Op::Assert { .. } | Op::End | Op::TaskEnd(_))
    }
}

/// An expression in postfix form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Formula(pub Box<[Term]>);

/// One element of a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Term {
    /// A constant.
    Number(i64),
    /// The value of a local.
    Local(Slot),
    /// The n-th value the statement has loaded.
    Temporary(u16),
    /// The value of an object (only in `finally`).
    Object(ObjectId),
    /// Minus the value on top.
    Negate,
    /// 1 if the value on top is 0, else 0.
    Not,
    /// Two values to one.
    Binary(BinaryOp),
}

/// The operands of one expression, and the variable itself in `add v E`.
const STACK: usize = crate::limits::OPERANDS + 1;

impl Formula {
    /// The value. `object` is asked for `Term::Object` only.
    #[must_use]
    pub fn value(&self, locals: &[i64], temporaries: &[i64], object: impl Fn(ObjectId) -> i64) -> i64 {
        let mut stack = [0_i64; STACK];
        let mut top = 0;
        for term in &self.0 {
            let value = match *term {
                Term::Number(n) => n,
                Term::Local(slot) => locals[slot.index()],
                Term::Temporary(n) => temporaries[usize::from(n)],
                Term::Object(o) => object(o),
                Term::Negate => {
                    stack[top - 1] = stack[top - 1].wrapping_neg();
                    continue;
                }
                Term::Not => {
                    stack[top - 1] = i64::from(stack[top - 1] == 0);
                    continue;
                }
                Term::Binary(op) => {
                    top -= 1;
                    stack[top - 1] = op.apply(stack[top - 1], stack[top]);
                    continue;
                }
            };
            stack[top] = value;
            top += 1;
        }
        stack[0]
    }
}

/// A `finally` line.
#[derive(Debug, Clone)]
pub struct FinalCheck {
    /// What must hold.
    pub condition: Formula,
    /// The expression as it was written.
    pub text: String,
    /// The source line.
    pub line: u32,
}

impl Code {
    pub(crate) fn op(&self, pc: Pc) -> Op {
        self.instructions[pc.index()].op
    }

    pub(crate) fn line(&self, pc: Pc) -> u32 {
        self.instructions[pc.index()].line
    }

    /// The name of an object.
    #[must_use]
    pub fn object_name(&self, o: ObjectId) -> &str {
        &self.objects[o.index()].name
    }

    /// The name of a thread.
    #[must_use]
    pub fn thread_name(&self, t: ThreadId) -> &str {
        &self.threads[t.index()].name
    }

    pub(crate) fn kind(&self, o: ObjectId) -> Kind {
        self.objects[o.index()].kind
    }

    pub(crate) fn thread_ids(&self) -> impl Iterator<Item = ThreadId> + use<> {
        (0..self.threads.len() as u16).map(ThreadId)
    }

    pub(crate) fn object_ids(&self) -> impl Iterator<Item = ObjectId> + use<> {
        (0..self.objects.len() as u16).map(ObjectId)
    }

    /// The pool a worker belongs to; `None` for a declared thread.
    #[must_use]
    pub fn pool_of(&self, t: ThreadId) -> Option<ObjectId> {
        match self.threads[t.index()].role {
            Role::Worker(pool) => Some(pool),
            _ => None,
        }
    }

    /// Where an instruction may lead within its own body. A submitted task is not among them.
    pub(crate) fn successors(&self, pc: Pc) -> impl Iterator<Item = Pc> + use<> {
        let next = Pc(pc.0 + 1);
        let (one, two) = match self.op(pc) {
            Op::End | Op::TaskEnd(_) => (None, None),
            Op::Jump(to) => (Some(to), None),
            Op::Branch { otherwise, .. } | Op::Try { otherwise, .. } => (Some(next), Some(otherwise)),
            Op::Once { skip, .. } => (Some(next), Some(skip)),
            Op::CondWait { misused, .. } => (Some(next), Some(misused)),
            _ => (Some(next), None),
        };
        one.into_iter().chain(two)
    }

    /// The statement as a witness names it, without remarks: `lock a`, `load v`, `submit p (f)`.
    #[must_use]
    pub fn statement(&self, pc: Pc) -> String {
        let object = |word: &str, o: ObjectId| format!("{word} {}", self.object_name(o));
        match self.op(pc) {
            Op::Lock(o) => object("lock", o),
            Op::Unlock(o) => object("unlock", o),
            Op::Read(o) => object("read", o),
            Op::ReadRecursive(o) => object("read_recursive", o),
            Op::UpgradableRead(o) => object("upgradable_read", o),
            Op::Write(o) => object("write", o),
            Op::Upgrade(o) => object("upgrade", o),
            Op::Downgrade(o) => object("downgrade", o),
            Op::Try { attempt, object: o, .. } => object(attempt.as_str(), o),
            Op::Acquire(o) => object("acquire", o),
            Op::Release(o) => object("release", o),
            Op::CondWait { condvar, lock, .. } => {
                format!("wait {} with {}", self.object_name(condvar), self.object_name(lock))
            }
            Op::Notify(o) => object("notify", o),
            Op::NotifyAll(o) => object("notify_all", o),
            Op::Set(o) => object("set", o),
            Op::Clear(o) => object("clear", o),
            Op::EventWait(o) => object("wait", o),
            Op::Arrive(o) => object("arrive", o),
            Op::Once { once, .. } | Op::OnceDone(once) => object("call_once", once),
            Op::Send { channel, .. } => object("send", channel),
            Op::Recv { channel, .. } => object("recv", channel),
            Op::Close(o) => object("close", o),
            Op::Put { queue, .. } => object("put", queue),
            Op::Get { queue, .. } => object("get", queue),
            Op::TaskDone(o) => object("task_done", o),
            Op::QueueJoin(o) => object("join", o),
            Op::Spawn(t) => format!("spawn {}", self.thread_name(t)),
            Op::Join(t) => format!("join {}", self.thread_name(t)),
            Op::Submit { pool, name, .. } => {
                format!("submit {} ({})", self.object_name(pool), self.texts[name.index()])
            }
            Op::Await { name, .. } => format!("await {}", self.texts[name.index()]),
            Op::Load { object: o, .. } => object("load", o),
            Op::Store { object: o, .. } => object("store", o),
            Op::Add { object: o, .. } => object("add", o),
            Op::Yield => "yield".to_owned(),
            Op::Sleep => "sleep".to_owned(),
            Op::Assert { text, .. } => format!("assert {}", self.texts[text.index()]),
            Op::Branch { .. } => "if".to_owned(),
            Op::Jump(_) => "break".to_owned(),
            Op::End | Op::TaskEnd(_) => "end".to_owned(),
        }
    }
}
