//! What the program states about the order of its own locks, held against what it does.
//!
//! `nested(level)` and `ordered_by(key)` give acquisitions a rank among the locks of one class. Two things follow:
//!
//! | a request whose rank is | does |
//! |---|---|
//! | above that of each hold of its class | follows the statement |
//! | not above that of some hold of its class | breaks it, and is reported at once: no second thread is needed |
//!
//! A statement is about an order of locks, so following it everywhere should leave no cycle of locks. Where there is
//! one all the same, some lock stood at two ranks. For keys, which belong to a lock, that refutes the statement, and
//! the cycle counts. Levels belong to a role that a lock plays (parent, child), which may change hands in a
//! restructured tree: there the cycle is a note. The idea of levels is that of the kernel's lockdep
//! (`mutex_lock_nested`), which takes them on trust.
//!
//! Locks are of one class if they were created at one place of the program's; under two statements also if on one line,
//! under one name, if both statements are the same line, or if std created both (`.map(Mutex::new)`) and the statements
//! stand in one file. Where no more than that is common to the two, they may be of one class: breaking an order is then
//! a note, unless they have different names. Nothing here looks for cycles.

use lockcheck_events::{Intent, Rank, Ranked, Request};

use super::slab::mix;

/// What is remembered of an intent with the evidence that it is about.
#[derive(Clone, Default)]
pub struct Stated {
    /// The same for intents that state the same, whenever.
    pub digest: u64,
    /// The `ignore` that the request was made within; 0: none.
    pub ignored: u32,
    /// The events of the holds that the request is ranked above by levels.
    above: Vec<u32>,
}

impl Stated {
    /// What `intent` says about the request that it precedes.
    pub fn new(intent: &Intent) -> Stated {
        let wanted = wanted(intent);
        let holds = holds(intent);
        let follows = |hold: &&Ranked| {
            let relation = wanted.map(|wanted| compare(hold, wanted));
            matches!(relation, Some((Relation::Follows, true))) && is_level(wanted)
        };
        Stated {
            digest: digest(intent),
            ignored: intent.ignored.map_or(0, |site| site.0),
            above: holds.filter(follows).map(|hold| hold.event).collect(),
        }
    }

    /// Whether the request follows the levels stated for it and for the hold with this event.
    pub fn is_above(&self, event: u32) -> bool {
        self.above.contains(&event)
    }
}

/// How a hold and a request stand to each other by what is stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    /// Nothing is stated about the two.
    Unstated,
    /// As stated.
    Follows,
    /// The other way round, or at one rank.
    Breaks,
}

/// A hold that the request should not have been made under, by what is stated.
pub struct Breach {
    /// Index into the request's holds.
    pub via: usize,
    /// Whether the two locks are of one class for sure.
    pub sure: bool,
    /// The two ranks, as the end of a sentence.
    pub ranks: String,
}

/// The youngest hold that the request is not ranked above although it should be, for sure if there is one.
pub fn breach(request: &Request, intent: &Intent) -> Option<Breach> {
    let wanted = wanted(intent)?;
    let ranked = |event: u32| intent.ranked.iter().find(|ranked| ranked.event == event);
    let broken = |via: usize| {
        let hold = &request.holds[via];
        let held = ranked(hold.event).filter(|_| hold.lock != request.lock)?;
        let (relation, sure) = compare(held, wanted);
        let ranks = || format!("{} is asked for under {}", shown(&wanted.rank), shown(&held.rank));
        (relation == Relation::Breaks).then(|| Breach { via, sure, ranks: ranks() })
    };
    let mut breaches: Vec<Breach> = (0..request.holds.len()).rev().filter_map(broken).collect();
    let at = breaches.iter().position(|breach| breach.sure).unwrap_or(0);
    (!breaches.is_empty()).then(|| breaches.swap_remove(at))
}

fn wanted(intent: &Intent) -> Option<&Ranked> {
    intent.ranked.iter().find(|ranked| ranked.event == intent.event)
}

fn holds(intent: &Intent) -> impl Iterator<Item = &Ranked> {
    intent.ranked.iter().filter(|ranked| ranked.event != intent.event)
}

fn is_level(ranked: Option<&Ranked>) -> bool {
    ranked.is_some_and(|ranked| matches!(ranked.rank, Rank::Level(_)))
}

/// How the two stand to each other, and whether they are of one class for sure.
fn compare(held: &Ranked, wanted: &Ranked) -> (Relation, bool) {
    let sure = match one_class(held, wanted) {
        Class::One => true,
        Class::Perhaps => false,
        Class::Different => return (Relation::Unstated, true),
    };
    let above = match (&held.rank, &wanted.rank) {
        // Without a level of its own, a lock is at the bottom, as in lockdep.
        (Rank::Plain, Rank::Level(wanted)) if *wanted > 0 => true,
        (Rank::Level(held), Rank::Level(wanted)) => wanted > held,
        (Rank::Key { order: held, .. }, Rank::Key { order: wanted, .. }) => wanted > held,
        _ => return (Relation::Unstated, true),
    };
    (if above { Relation::Follows } else { Relation::Breaks }, sure)
}

/// Whether two locks are of one class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    One,
    Perhaps,
    Different,
}

/// Under one statement, a lock of another kind may come along (a logger's), which is not what the statement is about.
fn one_class(held: &Ranked, wanted: &Ranked) -> Class {
    let together = held.created == wanted.created;
    if together && held.own {
        return Class::One;
    }
    if held.statement == wanted.statement || matches!(held.rank, Rank::Plain) {
        return Class::Different;
    }
    let (same_line, same_name) = (held.own && held.line == wanted.line, held.name == wanted.name);
    let named = held.name != 0 && wanted.name != 0;
    if same_line || (named && same_name) || held.stated == wanted.stated {
        return Class::One;
    }
    match held.file == wanted.file && (same_name || !named) {
        true if together => Class::One,
        true => Class::Perhaps,
        false => Class::Different,
    }
}

fn shown(rank: &Rank) -> String {
    match rank {
        Rank::Plain => "no level".to_owned(),
        Rank::Level(level) => format!("level {level}"),
        Rank::Key { shown, .. } => format!("key {shown}"),
    }
}

fn digest(intent: &Intent) -> u64 {
    let rank = |ranked: &Ranked| {
        let value = match &ranked.rank {
            Rank::Plain => 1,
            Rank::Level(level) => mix(2, (*level).into()),
            Rank::Key { order, .. } => order.iter().fold(3, |sum, &byte| mix(sum, byte.into())),
        };
        mix(value, ranked.stated.0.into())
    };
    let ignored = intent.ignored.map_or(0, |site| u64::from(site.0));
    // Never 0, which stands for no intent at all.
    intent.ranked.iter().fold(mix(4, ignored), |sum, ranked| mix(sum, rank(ranked))) | 1
}

#[cfg(test)]
mod tests {
    use lockcheck_events::SiteId;

    use super::*;

    fn key(number: u64) -> Rank {
        Rank::Key { order: number.to_be_bytes().to_vec(), shown: number.to_string() }
    }

    fn ranked(event: u32, rank: Rank) -> Ranked {
        let (stated, created) = (SiteId(event), SiteId(7));
        Ranked { event, stated, statement: event, file: 1, created, own: true, line: 7, name: 0, rank }
    }

    #[test]
    fn ranks_of_one_kind_are_compared_and_no_others() {
        let relation = |held: Rank, wanted: Rank| compare(&ranked(1, held), &ranked(2, wanted)).0;
        use Relation::{Breaks, Follows, Unstated};
        assert_eq!(relation(Rank::Level(0), Rank::Level(1)), Follows);
        assert_eq!(relation(Rank::Level(1), Rank::Level(1)), Breaks);
        assert_eq!(relation(Rank::Level(2), Rank::Level(1)), Breaks);
        assert_eq!(relation(Rank::Plain, Rank::Level(1)), Follows);
        assert_eq!(relation(Rank::Plain, Rank::Level(0)), Unstated);
        assert_eq!(relation(Rank::Level(1), Rank::Plain), Unstated);
        assert_eq!(relation(key(3), key(4)), Follows);
        assert_eq!(relation(key(4), key(4)), Breaks);
        assert_eq!(relation(key(256), key(3)), Breaks);
        assert_eq!(relation(Rank::Plain, key(4)), Unstated);
        assert_eq!(relation(Rank::Level(9), key(4)), Unstated);
    }

    #[test]
    fn what_is_of_one_class_depends_on_the_statements() {
        let other = |change: &dyn Fn(&mut Ranked)| {
            let mut held =
                Ranked { created: SiteId(8), line: 8, name: 5, file: 2, ..ranked(1, Rank::Level(1)) };
            change(&mut held);
            one_class(&held, &Ranked { name: 6, ..ranked(2, Rank::Level(0)) })
        };
        assert_eq!(other(&|_| {}), Class::Different);
        assert_eq!(other(&|held| held.created = SiteId(7)), Class::One);
        assert_eq!(other(&|held| held.line = 7), Class::One);
        assert_eq!(other(&|held| held.name = 6), Class::One);
        assert_eq!(other(&|held| held.stated = SiteId(2)), Class::One);
        let same_statement = |held: &mut Ranked| (held.line, held.statement) = (7, 2);
        assert_eq!(
            other(&same_statement),
            Class::Different,
            "under one statement only the very place counts"
        );
        assert_eq!(other(&|held| held.file = 1), Class::Different, "the names tell them apart");
        assert_eq!(other(&|held| (held.file, held.name) = (1, 0)), Class::Perhaps);
        let plain = |held: &mut Ranked| (held.rank, held.line) = (Rank::Plain, 7);
        assert_eq!(other(&plain), Class::Different);
    }

    #[test]
    fn what_std_creates_is_of_one_class_only_by_the_statements() {
        let of_std = |file: u64, statement: u32| {
            let wanted = Ranked { own: false, ..ranked(2, Rank::Level(0)) };
            one_class(
                &Ranked { file, statement, event: 1, ..wanted.clone() },
                &Ranked { stated: SiteId(3), ..wanted },
            )
        };
        assert_eq!(of_std(1, 1), Class::One, "two statements in one file");
        assert_eq!(of_std(2, 1), Class::Different);
        assert_eq!(of_std(1, 2), Class::Different, "one statement");
    }
}
