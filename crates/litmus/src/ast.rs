//! The syntax tree of a sketch: what was written, with positions, before any name is looked up. `Display` (in
//! `print`) writes it back. What it means is in [`crate::code`].
//!
//! Equality ignores positions: two trees are equal when they say the same thing.

use crate::error::Position;

/// A whole file. The order of items of different kinds does not matter in the notation and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// Objects, in the order of declaration.
    pub objects: Vec<Declaration>,
    /// `thread` items, in the order of declaration; each may name several threads.
    pub threads: Vec<ThreadItem>,
    /// The threads of the `order` line, if there is one.
    pub order: Option<Vec<Name>>,
    /// The `finally` lines.
    pub finals: Vec<Final>,
}

/// A name and where it stands.
#[derive(Debug, Clone, Eq)]
pub struct Name {
    /// How it is spelt.
    pub text: String,
    /// Where it stands.
    pub at: Position,
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.text == other.text
    }
}

/// The kinds of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `mutex`
    Mutex,
    /// `rlock`
    RLock,
    /// `rwlock`
    RwLock,
    /// `semaphore`
    Semaphore,
    /// `condvar`
    Condvar,
    /// `event`
    Event,
    /// `barrier`
    Barrier,
    /// `once`
    Once,
    /// `channel`
    Channel,
    /// `queue`
    Queue,
    /// `pool`
    Pool,
    /// `var`
    Var,
    /// `atomic`
    Atomic,
}

impl Kind {
    /// Every kind, in the order of the grammar.
    pub const ALL: [Kind; 13] = [
        Kind::Mutex,
        Kind::RLock,
        Kind::RwLock,
        Kind::Semaphore,
        Kind::Condvar,
        Kind::Event,
        Kind::Barrier,
        Kind::Once,
        Kind::Channel,
        Kind::Queue,
        Kind::Pool,
        Kind::Var,
        Kind::Atomic,
    ];

    /// The declaration word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Mutex => "mutex",
            Kind::RLock => "rlock",
            Kind::RwLock => "rwlock",
            Kind::Semaphore => "semaphore",
            Kind::Condvar => "condvar",
            Kind::Event => "event",
            Kind::Barrier => "barrier",
            Kind::Once => "once",
            Kind::Channel => "channel",
            Kind::Queue => "queue",
            Kind::Pool => "pool",
            Kind::Var => "var",
            Kind::Atomic => "atomic",
        }
    }
}

/// One declared object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// What stands after `=`.
    pub value: Option<Value>,
    /// The word `bounded` was given (semaphores only).
    pub bounded: bool,
}

/// The value of a declaration.
#[derive(Debug, Clone, Eq)]
pub struct Value {
    /// The number, or `None` for `inf`.
    pub number: Option<i64>,
    /// Where it stands (its sign, if it has one).
    pub at: Position,
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.number == other.number
    }
}

/// A `thread` item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadItem {
    /// The threads that have this body; at least one.
    pub names: Vec<Name>,
    /// They start by `spawn` only.
    pub spawned: bool,
    /// What each of them does.
    pub body: Block,
}

/// A `finally` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Final {
    /// What must hold at the end of every complete run.
    pub condition: Expr,
    /// The line of the word `finally`.
    pub line: Line,
}

/// A line number that takes no part in comparisons.
#[derive(Debug, Clone, Copy, Eq, Default)]
pub struct Line(pub u32);

impl PartialEq for Line {
    fn eq(&self, _: &Line) -> bool {
        true
    }
}

/// Statements in a row.
pub type Block = Vec<Statement>;

/// One statement.
#[derive(Debug, Clone, Eq)]
pub struct Statement {
    /// Where its first word stands.
    pub at: Position,
    /// What it says.
    pub action: Action,
}

impl PartialEq for Statement {
    fn eq(&self, other: &Statement) -> bool {
        self.action == other.action
    }
}

/// The forms of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A word and a name: `lock a`.
    Simple(Simple, Name),
    /// `try_lock a { } else { }` and its kin; a missing `else` is an empty block.
    Trying {
        /// Which of the conditional forms.
        attempt: Attempt,
        /// The object.
        object: Name,
        /// What happens on success.
        then: Block,
        /// What happens otherwise.
        otherwise: Block,
    },
    /// `wait e`: an event.
    Wait(Name),
    /// `wait c with a until E`.
    WaitWith {
        /// The condition variable.
        condvar: Name,
        /// The lock that is given up meanwhile.
        lock: Name,
        /// Wait until this holds.
        until: Option<Expr>,
    },
    /// `call_once o { }`.
    CallOnce(Name, Block),
    /// `send ch E`; no expression means 1.
    Send(Name, Option<Expr>),
    /// `put q E`; no expression means 1.
    Put(Name, Option<Expr>),
    /// `recv ch as x`.
    Recv(Name, Option<Name>),
    /// `get q as x`.
    Get(Name, Option<Name>),
    /// `load v as x`.
    Load(Name, Option<Name>),
    /// `submit p { } as f`.
    Submit {
        /// The pool.
        pool: Name,
        /// What the task does.
        body: Block,
        /// The local that names the task.
        task: Option<Name>,
    },
    /// `await f`.
    Await(Name),
    /// `store v = E`.
    Store(Name, Expr),
    /// `add v E`.
    Add(Name, Expr),
    /// `if E { } else { }`; a missing `else` is an empty block.
    If(Expr, Block, Block),
    /// `repeat N { }`.
    Repeat(Value, Block),
    /// `assert E`.
    Assert(Expr),
    /// `break`
    Break,
    /// `yield`
    Yield,
    /// `sleep`
    Sleep,
}

/// The statements that are a word and a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the statement word of the notation")]
pub enum Simple {
    Lock,
    Unlock,
    Read,
    ReadRecursive,
    UpgradableRead,
    Write,
    Upgrade,
    Downgrade,
    Acquire,
    Release,
    Notify,
    NotifyAll,
    Set,
    Clear,
    Arrive,
    Close,
    TaskDone,
    Spawn,
    Join,
}

impl Simple {
    const ALL: [Simple; 19] = [
        Simple::Lock,
        Simple::Unlock,
        Simple::Read,
        Simple::ReadRecursive,
        Simple::UpgradableRead,
        Simple::Write,
        Simple::Upgrade,
        Simple::Downgrade,
        Simple::Acquire,
        Simple::Release,
        Simple::Notify,
        Simple::NotifyAll,
        Simple::Set,
        Simple::Clear,
        Simple::Arrive,
        Simple::Close,
        Simple::TaskDone,
        Simple::Spawn,
        Simple::Join,
    ];

    /// The statement word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Simple::Lock => "lock",
            Simple::Unlock => "unlock",
            Simple::Read => "read",
            Simple::ReadRecursive => "read_recursive",
            Simple::UpgradableRead => "upgradable_read",
            Simple::Write => "write",
            Simple::Upgrade => "upgrade",
            Simple::Downgrade => "downgrade",
            Simple::Acquire => "acquire",
            Simple::Release => "release",
            Simple::Notify => "notify",
            Simple::NotifyAll => "notify_all",
            Simple::Set => "set",
            Simple::Clear => "clear",
            Simple::Arrive => "arrive",
            Simple::Close => "close",
            Simple::TaskDone => "task_done",
            Simple::Spawn => "spawn",
            Simple::Join => "join",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Simple> {
        Simple::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// The conditional forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the statement word of the notation")]
pub enum Attempt {
    TryLock,
    LockTimeout,
    TryRead,
    TryWrite,
    TryAcquire,
}

impl Attempt {
    const ALL: [Attempt; 5] =
        [Attempt::TryLock, Attempt::LockTimeout, Attempt::TryRead, Attempt::TryWrite, Attempt::TryAcquire];

    /// The statement word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Attempt::TryLock => "try_lock",
            Attempt::LockTimeout => "lock_timeout",
            Attempt::TryRead => "try_read",
            Attempt::TryWrite => "try_write",
            Attempt::TryAcquire => "try_acquire",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Attempt> {
        Attempt::ALL.into_iter().find(|a| a.as_str() == word)
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A number, never negative.
    Number(i64),
    /// A local, `var`, `atomic` or `event`.
    Name(Name),
    /// `- E`
    Negate(Box<Expr>),
    /// `not E`
    Not(Box<Expr>),
    /// `E op E`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
}

/// The operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the sign of the notation")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
}

impl BinaryOp {
    /// The sign or word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::Plus => "+",
            BinaryOp::Minus => "-",
            BinaryOp::Times => "*",
        }
    }

    /// The value on signed 64-bit integers that wrap around; truth is 1 or 0.
    #[must_use]
    pub fn apply(self, x: i64, y: i64) -> i64 {
        match self {
            BinaryOp::Or => i64::from(x != 0 || y != 0),
            BinaryOp::And => i64::from(x != 0 && y != 0),
            BinaryOp::Equal => i64::from(x == y),
            BinaryOp::NotEqual => i64::from(x != y),
            BinaryOp::Less => i64::from(x < y),
            BinaryOp::LessOrEqual => i64::from(x <= y),
            BinaryOp::Greater => i64::from(x > y),
            BinaryOp::GreaterOrEqual => i64::from(x >= y),
            BinaryOp::Plus => x.wrapping_add(y),
            BinaryOp::Minus => x.wrapping_sub(y),
            BinaryOp::Times => x.wrapping_mul(y),
        }
    }
}
