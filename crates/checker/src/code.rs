//! The one table of finding codes, and the tiers of certainty. Docs, CLI help and JSON follow from it.

use std::fmt;
use std::str::FromStr;

/// How sure a finding is, surest first in meaning; `Ord` puts the surest last, so that `tier >= Tier::Likely`
/// reads as it sounds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Tier {
    /// Inconsistent order only: one thread, or a "may block". Shown as a note.
    Order,
    /// Distinct threads, no gate, unordered by spawn and join.
    Likely,
    /// A valid reordering of the recorded events reaches it.
    Predicted,
    /// The program was driven into it.
    Confirmed,
    /// It happened.
    Actual,
}

impl Tier {
    /// All tiers, least sure first.
    pub const ALL: [Tier; 5] = [Tier::Order, Tier::Likely, Tier::Predicted, Tier::Confirmed, Tier::Actual];

    /// The contract's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Order => "order",
            Tier::Likely => "likely",
            Tier::Predicted => "predicted",
            Tier::Confirmed => "confirmed",
            Tier::Actual => "actual",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Tier, String> {
        Tier::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or_else(|| {
            let words: Vec<_> = Tier::ALL.iter().map(|tier| tier.as_str()).collect();
            format!("`{text}` is not a tier; expected one of {}", words.join(", "))
        })
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $kind:literal, $lint:literal, $title:literal;)*) => {
        /// What was found. One entry per kind of problem; `docs/findings/` has a page for each.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The stable number, for instance `LC0001`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// The stable word, for instance `lock-order-cycle`.
            pub fn kind(self) -> &'static str {
                match self { $(Code::$name => $kind,)* }
            }

            /// Whether it is a lint, which counts for the exit code only where `--deny` names it.
            pub fn is_lint(self) -> bool {
                match self { $(Code::$name => $lint,)* }
            }

            /// One line that says what it is, for lists.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// Locks taken in an order that can deadlock.
    LockOrderCycle = "LC0001", "lock-order-cycle", false, "locks are taken in an order that can deadlock";
    /// A thread waits for what only it could give up.
    SelfDeadlock = "LC0002", "self-deadlock", false, "a thread waits for a lock it holds itself";
    /// Threads wait for each other.
    Deadlock = "LC0003", "deadlock", false, "threads wait for each other";
    /// A nested read that a queued writer would block.
    RwlockRecursion = "LC0004", "rwlock-recursion", false, "a nested read deadlocks when a writer queues in between";
    /// A wait under a lock that the waker needs.
    WaitWhileHolding = "LC0005", "wait-while-holding", false, "waits while holding a lock that the waker needs";
    /// A notification nobody received, then a wait nobody ends.
    LostWakeup = "LC0006", "lost-wakeup", false, "a notification was lost and a thread waits for it";
    /// A wait that nobody is left to end.
    StuckWait = "LC0007", "stuck-wait", false, "nobody is left who could end a wait";
    /// A join of a thread that needs what the joiner holds.
    JoinDeadlock = "LC0008", "join-deadlock", false, "joins a thread that needs what the joiner holds";
    /// A task waits for a task behind it in its own pool.
    ExecutorStarvation = "LC0009", "executor-starvation", false, "a task waits for a task that no worker is free to run";
    /// Processes wait for each other.
    CrossProcessDeadlock = "LC0010", "cross-process-deadlock", false, "processes wait for each other";
    /// Two unordered accesses, one of them a write.
    DataRace = "LC0101", "data-race", false, "two unordered accesses to the same data, one of them a write";
    /// A write based on a value that has changed meanwhile.
    LostUpdate = "LC0102", "lost-update", false, "an update was overwritten by one based on an older value";
    /// A block that is not atomic although it is meant to be.
    AtomicityViolation = "LC0103", "atomicity-violation", false, "steps that belong together can be interleaved";
    /// A datum not guarded by one lock throughout.
    InconsistentLocking = "LC0104", "inconsistent-locking", false, "no one lock guards all accesses to a datum";
    /// A panic that nobody caught, in an order of the threads that was tried out.
    Panic = "LC0105", "panic", false, "a check fails or a thread panics in some order of the threads";
    /// An operation by a thread that has no right to it.
    NotTheOwner = "LC0201", "not-the-owner", false, "a lock, permit or task is given back by one who does not have it";
    /// A thread ended while holding a lock.
    LockLeaked = "LC0202", "lock-leaked", false, "a thread ended while holding a lock";
    /// A wait that does not check its condition.
    WaitWithoutPredicate = "LC0203", "wait-without-predicate", true, "a wait does not check its condition again";
    /// One lock that serialises the program.
    Contention = "LC0301", "contention", true, "one lock serialises the program";
    /// A blocking call under a lock.
    BlockingWhileHolding = "LC0302", "blocking-while-holding", true, "a blocking call is made while a lock is held";
    /// A deadlock that only a timeout breaks.
    MaskedByTimeout = "LC0303", "masked-by-timeout", true, "only a timeout keeps this from being a deadlock";
}

impl Code {
    /// Whether it is measured in time, so that how busy the machine is has a part in it.
    pub fn is_timed(self) -> bool {
        matches!(self, Code::Contention | Code::BlockingWhileHolding)
    }

    /// Whether it says, where it has happened, that threads wait for ever.
    pub fn is_a_hang(self) -> bool {
        use Code::{
            CrossProcessDeadlock, Deadlock, ExecutorStarvation, JoinDeadlock, LostWakeup, SelfDeadlock,
            StuckWait,
        };
        matches!(
            self,
            Deadlock
                | SelfDeadlock
                | JoinDeadlock
                | StuckWait
                | LostWakeup
                | ExecutorStarvation
                | CrossProcessDeadlock
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = String;

    /// Takes the number or the kind, in any case.
    fn from_str(text: &str) -> Result<Code, String> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.as_str().eq_ignore_ascii_case(text) || code.kind().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is not a finding code; `lockcheck explain` lists them"))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_kinds_are_unique_and_parse_back() {
        for (index, &code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.as_str().parse(), Ok(code));
            assert_eq!(code.kind().to_uppercase().parse(), Ok(code));
            assert!(Code::ALL[..index].iter().all(|other| other.as_str() < code.as_str()));
            assert!(Code::ALL[..index].iter().all(|other| other.kind() != code.kind()));
        }
        assert!("LC9999".parse::<Code>().unwrap_err().contains("explain"));
    }

    #[test]
    fn tiers_rise_from_order_to_actual() {
        assert!(Tier::Likely > Tier::Order && Tier::Actual > Tier::Confirmed);
        assert_eq!("likely".parse(), Ok(Tier::Likely));
        assert!("maybe".parse::<Tier>().unwrap_err().contains("predicted"));
    }
}
