//! What the program says about its own locking, as records carry it: the order it intends, the acquisitions whose
//! findings it does not want, and gates that turned out to be none.
//!
//! These are statements, not facts. Whether they hold is the checker's business (`lockcheck-checker`, `order/stated`).

use serde::{Deserialize, Serialize};

use crate::{LockId, SiteId, ThreadId};

/// What is stated about one request and the holds it is made under. Stands right before the request that it is about,
/// which has the same thread and event.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Intent {
    /// Who asks.
    pub thread: ThreadId,
    /// The request's index among its thread's events.
    pub event: u32,
    /// The acquisitions with a rank: holds in any order, and the request itself, by their events.
    pub ranked: Vec<Ranked>,
    /// The `ignore` that the request is made within.
    pub ignored: Option<SiteId>,
}

/// One acquisition with the rank it was made at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ranked {
    /// The acquisition's index among its thread's events.
    pub event: u32,
    /// Where the rank is stated.
    pub stated: SiteId,
    /// Which of the thread's statements it is, told apart by when it was made.
    pub statement: u32,
    /// A number that is equal for all statements in one file; 0: none is made.
    pub file: u64,
    /// Where the lock was created.
    pub created: SiteId,
    /// Whether that is a place of the program's own: locks made by `.map(Mutex::new)` are all created at one of std's.
    pub own: bool,
    /// The same as a number that is equal for all locks created on one line.
    pub line: u64,
    /// A number that is equal for all locks of one name; 0: it has none.
    pub name: u64,
    /// The rank.
    pub rank: Rank,
}

/// A place in an intended order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rank {
    /// None is stated.
    Plain,
    /// `nested(level)`: below all higher levels.
    Level(u32),
    /// `ordered_by(key)`: the key, in a form whose bytes compare as the keys do, and as a reader knows it.
    Key {
        /// What is compared.
        order: Vec<u8>,
        /// What is shown.
        shown: String,
    },
}

/// One thread in a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inside {
    /// Who.
    pub thread: ThreadId,
    /// Where it entered.
    pub site: SiteId,
    /// The entry's index among its thread's events.
    pub event: u32,
}

/// Two threads were in one gate at once: it serialises nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refuted {
    /// The gate, as the holds of those inside name it.
    pub gate: LockId,
    /// Who was in it.
    pub first: Inside,
    /// Who came in.
    pub second: Inside,
}
