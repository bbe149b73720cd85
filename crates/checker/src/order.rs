//! The lock-order graph.

use lockcheck_events::{LockId, Request, ThreadId, TokenId};

use crate::finding::CycleLink;
use crate::{Code, Tier};

/// A cycle that counts, or a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderFinding {
    /// `LockOrderCycle`, `RwlockRecursion` or `MaskedByTimeout`.
    pub code: Code,
    /// `Likely` or `Order`.
    pub tier: Tier,
    /// The sides, in the order of the cycle.
    pub links: Vec<CycleLink>,
}

/// Knows every lock order seen so far and says when a new one closes a cycle.
#[derive(Default)]
pub struct OrderChecker {}

impl OrderChecker {
    /// A graph without edges.
    pub fn new() -> OrderChecker {
        OrderChecker::default()
    }

    /// Takes note of a request made while holding other locks; gives the cycles that it is the first to close.
    pub fn request(&mut self, _request: &Request) -> Vec<OrderFinding> {
        Vec::new()
    }

    /// Names this point of `thread`'s life, so that others can be ordered after all it did so far.
    pub fn before(&mut self, _thread: ThreadId, _token: TokenId) {}

    /// Orders what `thread` does from here on after the point `token`.
    pub fn after(&mut self, _thread: ThreadId, _token: TokenId) {}

    /// The lock is gone: no later request names it.
    pub fn dropped(&mut self, _lock: LockId) {}

    /// The thread has ended.
    pub fn ended(&mut self, _thread: ThreadId) {}

    /// Distinct (held, wanted) pairs of locks.
    pub fn edge_count(&self) -> usize {
        0
    }
}
