//! What a program can state about its own locking, which is then checked: the order it intends among locks of one
//! kind, regions that something else serialises, and acquisitions whose findings are not wanted.
//!
//! | statement | what it does | how it is checked |
//! |---|---|---|
//! | [`nested`], [`ordered_by`] | gives acquisitions a rank among the locks of their class | a request that is not above all of them is a finding |
//! | [`gate`] | keeps cycles silent whose sides are all in the gate | two threads in it at once are a finding, and what it kept silent is told |
//! | [`ignore`] | keeps silent what would be found of the acquisitions in it | at the end of the run it is said which ones had nothing to keep silent |
//!
//! With the feature `check` off all of it compiles to nothing. Statements are the calling thread's own.

use std::fmt::Debug;

/// What locks can be [ordered by](ordered_by): numbers of any integer type, texts, addresses, and pairs and triples of
/// these.
pub trait OrderKey: Debug {
    /// Appends bytes that compare as the keys do. No key's bytes begin with another one's.
    #[doc(hidden)]
    fn put(&self, order: &mut Vec<u8>);
}

fn put_number(sign: u8, number: u128, order: &mut Vec<u8>) {
    order.push(sign);
    order.extend(number.to_be_bytes());
}

macro_rules! order_keys {
    (unsigned $($unsigned:ty)*; signed $($signed:ty)*) => {
        $(impl OrderKey for $unsigned {
            fn put(&self, order: &mut Vec<u8>) {
                put_number(1, *self as u128, order);
            }
        })*
        $(impl OrderKey for $signed {
            fn put(&self, order: &mut Vec<u8>) {
                put_number(u8::from(*self >= 0), *self as i128 as u128, order);
            }
        })*
    };
}

order_keys!(unsigned u8 u16 u32 u64 u128 usize bool char; signed i8 i16 i32 i64 i128 isize);

impl OrderKey for str {
    fn put(&self, order: &mut Vec<u8>) {
        // A zero stands for the end, so that one in the text must be told from it.
        for &byte in self.as_bytes() {
            order.push(byte);
            if byte == 0 {
                order.push(0xff);
            }
        }
        order.extend([0, 0]);
    }
}

impl OrderKey for String {
    fn put(&self, order: &mut Vec<u8>) {
        self.as_str().put(order);
    }
}

impl<T> OrderKey for *const T {
    fn put(&self, order: &mut Vec<u8>) {
        self.addr().put(order);
    }
}

impl<T: OrderKey + ?Sized> OrderKey for &T {
    fn put(&self, order: &mut Vec<u8>) {
        (**self).put(order);
    }
}

impl<A: OrderKey, B: OrderKey> OrderKey for (A, B) {
    fn put(&self, order: &mut Vec<u8>) {
        self.0.put(order);
        self.1.put(order);
    }
}

impl<A: OrderKey, B: OrderKey, C: OrderKey> OrderKey for (A, B, C) {
    fn put(&self, order: &mut Vec<u8>) {
        self.0.put(order);
        self.1.put(order);
        self.2.put(order);
    }
}

#[cfg(instrumented)]
#[doc(hidden)]
pub mod watched {
    //! The statements where there is a run-time.

    use std::marker::PhantomData;
    use std::panic::Location;

    use lockcheck_events::Rank;

    use super::OrderKey;
    use crate::rt::gate::{self, Stay};
    use crate::rt::intent::{self, Living, Statement};

    /// Characters of a key that a report shows.
    const KEY_CHARS_MAX: usize = 40;

    /// A statement about the order of locks, made until this is dropped. It stays with its thread.
    #[must_use = "the statement holds as long as this lives: bind it, or use `run`"]
    pub struct Stated {
        _living: Option<Living>,
        not_send: PhantomData<*const ()>,
    }

    impl Stated {
        /// Runs `body` under the statement.
        pub fn run<R>(self, body: impl FnOnce() -> R) -> R {
            body()
        }
    }

    /// See [`crate::nested`].
    #[track_caller]
    pub fn nested(level: u32) -> Stated {
        stated(Rank::Level(level), Location::caller())
    }

    /// See [`crate::ordered_by`].
    #[track_caller]
    pub fn ordered_by<K: OrderKey>(key: K) -> Stated {
        let mut order = Vec::new();
        key.put(&mut order);
        let shown = format!("{key:?}").chars().take(KEY_CHARS_MAX).collect();
        stated(Rank::Key { order, shown }, Location::caller())
    }

    fn stated(rank: Rank, at: &'static Location<'static>) -> Stated {
        Stated { _living: intent::state(Statement::Rank(rank), at), not_send: PhantomData }
    }

    /// The calling thread is in a gate until this is dropped. It stays with its thread.
    #[must_use = "the gate is left when this is dropped: bind it, or use `run`"]
    pub struct Gated {
        _stay: Option<Stay>,
        not_send: PhantomData<*const ()>,
    }

    impl Gated {
        /// Runs `body` in the gate.
        pub fn run<R>(self, body: impl FnOnce() -> R) -> R {
            body()
        }
    }

    /// See [`crate::gate`].
    #[track_caller]
    pub fn gate(name: &str) -> Gated {
        Gated { _stay: gate::enter(name, Location::caller()), not_send: PhantomData }
    }

    /// See [`crate::ignore`].
    ///
    /// # Panics
    ///
    /// See there.
    #[track_caller]
    pub fn ignore<R>(reason: &str, body: impl FnOnce() -> R) -> R {
        assert!(
            !reason.trim().is_empty(),
            "`tracked::ignore` needs a reason: say why the findings are not wanted"
        );
        let _living = intent::ignore(reason, Location::caller());
        body()
    }
}

#[cfg(not(mirrored))]
mod plain {
    use super::OrderKey;

    /// A statement about the order of locks, which nobody checks here.
    #[must_use = "the statement holds as long as this lives: bind it, or use `run`"]
    pub struct Stated(());

    impl Stated {
        /// Runs `body` under the statement.
        #[inline(always)]
        pub fn run<R>(self, body: impl FnOnce() -> R) -> R {
            body()
        }
    }

    #[inline(always)]
    pub fn nested(_level: u32) -> Stated {
        Stated(())
    }

    #[inline(always)]
    pub fn ordered_by<K: OrderKey>(_key: K) -> Stated {
        Stated(())
    }

    /// The calling thread is in a gate, which nobody checks here.
    #[must_use = "the gate is left when this is dropped: bind it, or use `run`"]
    pub struct Gated(());

    impl Gated {
        /// Runs `body` in the gate.
        #[inline(always)]
        pub fn run<R>(self, body: impl FnOnce() -> R) -> R {
            body()
        }
    }

    #[inline(always)]
    pub fn gate(_name: &str) -> Gated {
        Gated(())
    }

    #[inline(always)]
    pub fn ignore<R>(_reason: &str, body: impl FnOnce() -> R) -> R {
        body()
    }
}

#[cfg(not(mirrored))]
use plain as chosen;
#[cfg(mirrored)]
use watched as chosen;

pub use chosen::{Gated, Stated};

/// States that what the calling thread acquires from here on has this level among the locks of its class: a lock may
/// only be asked for under locks of lower levels. For locks whose order follows from a structure: a parent before its
/// child, a table before its rows. The level holds until the result is dropped.
///
/// A lock that was taken without a statement counts as level 0. Locks are of one class if they were created at one
/// place, or on one line, or have one name, or if one and the same statement is made about them.
///
/// A request at a level that is not above all those held of its class is a finding (LC0001), in any one thread. A cycle
/// all of whose sides keep to their levels is a note: there some lock stood at two levels, as nodes do that change
/// places.
///
/// ```
/// let nodes: Vec<tracked::Mutex<u32>> = (0..2).map(tracked::Mutex::new).collect();
/// let parent = nodes[0].lock().unwrap();
/// let child = tracked::nested(1).run(|| nodes[1].lock().unwrap());
/// assert_eq!(*parent + *child, 1);
/// ```
#[must_use = "the statement holds as long as this lives: bind it, or use `run`"]
#[inline(always)]
#[track_caller]
pub fn nested(level: u32) -> Stated {
    chosen::nested(level)
}

/// States that what the calling thread acquires from here on has this key among the locks of its class: a lock may only
/// be asked for under locks of lower keys. For locks that are all alike: accounts by their number, anything by its
/// address. The key holds until the result is dropped, and belongs to the lock: the same lock has the same key always.
///
/// A request with a key that is not above all those held of its class is a finding (LC0001), in any one thread. Where
/// the keys are kept to and locks form a cycle all the same, some lock was given two keys: the cycle is reported as if
/// nothing had been stated. What a class is, see [`nested`].
///
/// ```
/// let accounts: Vec<tracked::Mutex<i64>> = [10, 20].map(tracked::Mutex::new).into();
/// let (from, to) = (1, 0);
/// let (low, high) = (from.min(to), from.max(to));
/// let first = tracked::ordered_by(low).run(|| accounts[low].lock().unwrap());
/// let second = tracked::ordered_by(high).run(|| accounts[high].lock().unwrap());
/// assert_eq!(*first + *second, 30);
/// ```
#[must_use = "the statement holds as long as this lives: bind it, or use `run`"]
#[inline(always)]
#[track_caller]
pub fn ordered_by<K: OrderKey>(key: K) -> Stated {
    chosen::ordered_by(key)
}

/// Declares that something keeps other threads out from here on, until the result is dropped: a lock that is not
/// watched (a file lock, a database's), or a protocol. Two sides of a cycle that are both in the gate cannot wait for
/// each other, so such a cycle is kept silent, as under a watched lock.
///
/// A gate is known by its name, in the whole process (in a `#[tracked::test]`, in that test). Two threads in it at once
/// refute it: that is a finding (LC0103), and the cycles that it kept silent are reported.
///
/// ```
/// let (a, b) = (tracked::Mutex::new(1), tracked::Mutex::new(2));
/// let sum = tracked::gate("the ledger's file lock").run(|| *b.lock().unwrap() + *a.lock().unwrap());
/// assert_eq!(sum, 3);
/// ```
#[must_use = "the gate is left when this is dropped: bind it, or use `run`"]
#[inline(always)]
#[track_caller]
pub fn gate(name: &str) -> Gated {
    chosen::gate(name)
}

/// Runs `body`; what would be foretold because of the locks it asks for, or the waits it makes under locks, is not
/// reported. A deadlock that happens is. At the end of the run it is said which `ignore`s kept nothing silent.
///
/// # Panics
///
/// When watched, if `reason` is empty.
///
/// ```
/// let (a, b) = (tracked::Mutex::new(1), tracked::Mutex::new(2));
/// let held = a.lock().unwrap();
/// let sum = tracked::ignore("start-up runs before any other thread", || *held + *b.lock().unwrap());
/// assert_eq!(sum, 3);
/// ```
#[inline(always)]
#[track_caller]
pub fn ignore<R>(reason: &str, body: impl FnOnce() -> R) -> R {
    chosen::ignore(reason, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(key: impl OrderKey) -> Vec<u8> {
        let mut order = Vec::new();
        key.put(&mut order);
        order
    }

    #[test]
    fn bytes_compare_as_the_keys_do() {
        let numbers = [i128::MIN, -300, -2, -1, 0, 1, 2, 255, 256, i128::MAX];
        assert!(numbers.map(bytes).is_sorted());
        assert_eq!(bytes(7_u8), bytes(7_i64));
        assert!(bytes(-1_i8) < bytes(0_usize) && bytes(u128::MAX) > bytes(u64::MAX));
        let texts = ["", "\0", "\0a", "a", "a\0", "a\0b", "aa", "b"];
        assert!(texts.map(bytes).is_sorted() && bytes("ab") == bytes("ab".to_owned()));
        let pairs = [("", 2), ("a", -1), ("a", 1), ("aa", 0)];
        assert!(pairs.map(bytes).is_sorted());
    }
}
