//! The sentences of a finding: what could happen, and what to do about it. Also the names that every form of a
//! report uses for the same lock and the same thread.
//!
//! Layout and escaping are the report crate's: what is written here still holds the user's names as they are,
//! only shortened.

mod advice;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use lockcheck_events::{Mode, Site};

pub use self::advice::advice;
use crate::finding::{Evidence, Finding, HeldLock, LockDetail};
use crate::{Code, Tier};

/// Characters of a user's name that a sentence shows.
const NAME_CHARS_MAX: usize = 40;
/// Names in a list before "and n more".
const LIST_MAX: usize = 4;

/// What could happen or did, in one sentence.
pub fn message(finding: &Finding) -> String {
    let Some(first) = finding.evidence.first() else { return finding.code.title().to_owned() };
    let who = thread_label(&first.thread);
    let what = wanted_phrase(finding, 0);
    match finding.code {
        Code::Deadlock if finding.evidence.len() > 1 && !finding.evidence.iter().all(asks_for_a_lock) => {
            mixed_message(finding)
        }
        Code::LockOrderCycle | Code::Deadlock | Code::CrossProcessDeadlock => cycle_message(finding),
        Code::SelfDeadlock => self_deadlock_message(finding),
        Code::RwlockRecursion => rwlock_recursion_message(finding),
        Code::MaskedByTimeout => {
            format!("only a timeout keeps {} from a deadlock: {}", threads(finding), orders(finding))
        }
        Code::WaitWhileHolding => {
            let waker = finding.evidence.get(1).map(|side| thread_label(&side.thread));
            let waker = waker.unwrap_or_else(|| "the waker".to_owned());
            let held = held_phrase(finding, 0);
            format!(
                "{who} waits for {what} while it holds {held}, which {waker} needs before it ends the wait"
            )
        }
        Code::LostWakeup => {
            // It came before the wait, or it woke another one.
            format!("a notification of {what} was lost: {who} waits, and did not get it")
        }
        Code::StuckWait if finding.evidence.len() > 1 => {
            format!("{} wait for {what}, and nobody is left who could end the wait", threads(finding))
        }
        Code::StuckWait => format!("{who} waits for {what}, and nobody is left who could end the wait"),
        Code::JoinDeadlock => join_message(finding),
        Code::ExecutorStarvation => starvation_message(finding),
        Code::DataRace => {
            format!(
                "{} access {what} without an order between them, at least one of them writing",
                threads(finding)
            )
        }
        Code::LostUpdate if finding.evidence.len() == 3 => {
            let other = thread_label(&finding.evidence[1].thread);
            format!(
                "an update of {what} can be lost: {who} reads it and writes it back, and {other} can write it in between"
            )
        }
        Code::LostUpdate => {
            format!("an update of {what} by {who} was overwritten by one that had not seen it")
        }
        Code::AtomicityViolation if is_gate(finding) => {
            format!("{} were in {what} at once, which is declared to serialise them", threads(finding))
        }
        Code::AtomicityViolation => {
            format!("steps of {who} on {what} that belong together can be interleaved")
        }
        Code::InconsistentLocking => format!("no one lock guards all accesses to {what}"),
        Code::NotTheOwner => match class(finding) {
            "condition" => format!("{who} waits for {what} with a lock of its own"),
            "semaphore" => format!("{who} gives a permit of {what} back that nobody has"),
            "queue" => format!("{who} calls a task of {what} done that was never taken"),
            _ => format!("{who} releases {what}, which it does not hold"),
        },
        Code::Panic => format!("{who} panicked"),
        Code::LockLeaked => format!("{who} ended while it held {what}"),
        Code::WaitWithoutPredicate => format!("{who} waits for {what} without checking its condition again"),
        Code::Contention => {
            format!("{what} serialises the program: {who} holds it longest, {} it", queue(finding))
        }
        Code::BlockingWhileHolding => {
            format!("{who} makes a blocking call while it holds {}", held_phrase(finding, 0))
        }
    }
}

/// The short names of `Finding::locks`, in the same order, each different: the user's name in quotes, else
/// `mutex #2`; a lone lock without a name is `the mutex`. The numbers rise in the order in which a reader meets
/// the locks: side by side, what it holds before what it asks for.
pub fn lock_labels(finding: &Finding) -> Vec<String> {
    let mut names: HashMap<Option<&str>, usize> = HashMap::new();
    for lock in &finding.locks {
        *names.entry(lock.name.as_deref()).or_default() += 1;
    }
    let numbers = reading_order(finding);
    let labels = finding.locks.iter().map(|lock| match &lock.name {
        Some(name) if names[&Some(name.as_str())] > 1 => format!("{} #{}", quoted(name), numbers[&*lock.id]),
        Some(name) => quoted(name),
        None if finding.locks.len() == 1 => format!("the {}", lock.class),
        None => format!("{} #{}", lock.class, numbers[&*lock.id]),
    });
    labels.collect()
}

/// The number of each lock of the finding, from 1.
fn reading_order(finding: &Finding) -> HashMap<&str, usize> {
    let sides = 0..finding.evidence.len();
    let met = sides.flat_map(|side| {
        let held = linking_hold(finding, side).map(|hold| hold.lock.as_str());
        held.into_iter().chain([finding.evidence[side].lock.as_str()])
    });
    let mut numbers = HashMap::new();
    for id in met.chain(finding.locks.iter().map(|lock| lock.id.as_str())) {
        if finding.locks.iter().any(|lock| lock.id == id) {
            let next = numbers.len() + 1;
            numbers.entry(id).or_insert(next);
        }
    }
    numbers
}

/// The lock as a sentence names it where nothing else explains it: its name, else where it was created.
pub fn lock_phrase(lock: &LockDetail) -> String {
    match &lock.name {
        Some(name) => quoted(name),
        None => format!("the {} created at {}", lock.class, place(&lock.created)),
    }
}

/// The thread as a sentence names it.
pub fn thread_label(name: &str) -> String {
    match name {
        "main" => "the main thread".to_owned(),
        name if name.starts_with("thread ") => shortened(name),
        name => format!("thread {}", quoted(name)),
    }
}

/// What a side does to its object, which has this label, where that is not asking for a lock.
pub fn deed(side: &Evidence, label: &str) -> Option<String> {
    Some(match side.action.as_str() {
        "read" => format!("reads {label}"),
        "write" => format!("writes {label}"),
        "join" => format!("waits for the end of {label}"),
        "panic" => "panics here".to_owned(),
        "begin" => "begins an atomic region".to_owned(),
        "release" => format!("releases {label}"),
        "acquire" => format!("acquires {label}"),
        "spawn" => format!("spawns {label}"),
        "recv" => format!("reads from {label}"),
        "send" => format!("writes to {label}"),
        "submit" => format!("submits a task to {label}"),
        _ => return None,
    })
}

/// Whether the side asks for what others hold, rather than for what they do.
pub fn asks_for_a_lock(side: &Evidence) -> bool {
    !matches!(side.action.as_str(), "join" | "wait" | "notify" | "submit" | "recv" | "send" | "panic")
}

/// The hold that links side `index` to the side before: the lock that one waits for, if it is one.
pub fn linking_hold(finding: &Finding, index: usize) -> Option<&HeldLock> {
    let sides = &finding.evidence;
    let side = sides.get(index)?;
    if matches!(
        finding.code,
        Code::StuckWait
            | Code::LostWakeup
            | Code::ExecutorStarvation
            | Code::Contention
            | Code::NotTheOwner
            | Code::LockLeaked
            | Code::Panic
            | Code::WaitWithoutPredicate
    ) {
        return None;
    }
    if finding.code == Code::BlockingWhileHolding {
        return side.holds.last();
    }
    let before = &sides[(index + sides.len() - 1) % sides.len()];
    if finding.code == Code::WaitWhileHolding {
        // What one holds and the other needs.
        let shared = |hold: &&HeldLock| before.holds.iter().any(|other| other.lock == hold.lock);
        return side.holds.iter().find(shared).or(side.holds.first());
    }
    if !asks_for_a_lock(before) {
        return side.holds.iter().find(|hold| hold.lock == before.lock);
    }
    let of_cycle = |hold: &&HeldLock| finding.locks.iter().any(|lock| lock.id == hold.lock);
    side.holds
        .iter()
        .find(|hold| hold.lock == before.lock)
        .or_else(|| side.holds.iter().find(of_cycle))
        .or(side.holds.last())
}

/// Whether all sides take their two locks at the same two places.
pub fn same_places(finding: &Finding) -> bool {
    let places: Vec<_> = (0..finding.evidence.len())
        .map(|side| (linking_hold(finding, side).map(|hold| &hold.site), &finding.evidence[side].site))
        .collect();
    places.len() > 1 && places.iter().all(|place| *place == places[0])
}

/// The user's name in backquotes, shortened.
pub fn quoted(name: &str) -> String {
    format!("`{}`", shortened(name))
}

/// `a`, `a and b`, `a, b and c`; long lists end in `and n more`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        items if items.len() > LIST_MAX => {
            format!("{} and {} more", items[..LIST_MAX - 1].join(", "), items.len() - (LIST_MAX - 1))
        }
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect()
}

/// A line, without the column: what a sentence says.
fn place(site: &Site) -> String {
    format!("{}:{}", site.file, site.line)
}

/// A small number as a word.
fn count(number: usize) -> String {
    let words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    words.get(number).map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

fn plural(class: &str) -> String {
    if class.ends_with('x') { format!("{class}es") } else { format!("{class}s") }
}

/// How sure it is, as a verb.
fn could(tier: Tier) -> &'static str {
    match tier {
        Tier::Order | Tier::Likely => "could",
        Tier::Predicted | Tier::Confirmed | Tier::Actual => "can",
    }
}

/// The phrase for the lock with this id: different from that of any other lock of the finding.
fn phrase_of(finding: &Finding, id: &str) -> String {
    let Some(index) = finding.locks.iter().position(|lock| lock.id == id) else {
        return "another lock".to_owned();
    };
    let phrase = lock_phrase(&finding.locks[index]);
    if finding.locks.iter().filter(|lock| lock_phrase(lock) == phrase).count() > 1 {
        return lock_labels(finding).swap_remove(index);
    }
    phrase
}

fn wanted_phrase(finding: &Finding, side: usize) -> String {
    phrase_of(finding, &finding.evidence[side].lock)
}

fn held_phrase(finding: &Finding, side: usize) -> String {
    linking_hold(finding, side).map_or_else(|| "a lock".to_owned(), |hold| phrase_of(finding, &hold.lock))
}

/// The threads of all sides as a subject: "threads `a` and `b`", "two threads named `worker`".
fn threads(finding: &Finding) -> String {
    let sides = &finding.evidence;
    let first = &sides[0].thread;
    if sides.len() > 1 && sides.iter().all(|side| side.thread == *first) {
        if finding.tier == Tier::Order {
            return thread_label(first);
        }
        return format!("{} threads named {}", count(sides.len()), quoted(first));
    }
    let names: Vec<String> = sides.iter().map(|side| quoted(&side.thread)).collect();
    match names.as_slice() {
        [_] => thread_label(first),
        _ => format!("threads {}", list(&names)),
    }
}

/// All but the holder, which comes first.
fn queue(finding: &Finding) -> String {
    let mut names: Vec<String> = finding.evidence.iter().skip(1).map(|side| quoted(&side.thread)).collect();
    names.sort();
    names.dedup();
    match names.as_slice() {
        [] => "others wait for".to_owned(),
        [one] => format!("thread {one} waits for"),
        names => format!("threads {} wait for", list(names)),
    }
}

/// The two sides' own subjects, for the second half of a sentence.
fn pair_names(finding: &Finding) -> [String; 2] {
    let (a, b) = (&finding.evidence[0].thread, &finding.evidence[1].thread);
    if a == b { ["one".to_owned(), "the other".to_owned()] } else { [quoted(a), quoted(b)] }
}

/// All locks are created at one place and have no names to tell them apart.
fn one_class(finding: &Finding) -> Option<&LockDetail> {
    let first = finding.locks.first()?;
    let same = |lock: &LockDetail| lock.created == first.created && lock.name == first.name;
    (finding.locks.len() > 1 && finding.locks.iter().all(same)).then_some(first)
}

/// The locks of the cycle as one noun: "two mutexes created at src/main.rs:12", "`A`, `B` and `C`".
fn locks(finding: &Finding) -> String {
    let number = count(finding.locks.len());
    if let Some(lock) = one_class(finding) {
        let named = lock.name.as_deref().map(|name| format!("named {}", quoted(name)));
        let origin = named.unwrap_or_else(|| format!("created at {}", place(&lock.created)));
        return format!("{number} {} {origin}", plural(&lock.class));
    }
    if finding.locks.is_empty() {
        return "locks".to_owned();
    }
    let long = finding.locks.len() > 2 && finding.locks.iter().any(|lock| lock.name.is_none());
    if long || finding.locks.len() > LIST_MAX {
        let class = &finding.locks[0].class;
        let alike = finding.locks.iter().all(|lock| lock.class == *class);
        return format!("{number} {}", if alike { plural(class) } else { "locks".to_owned() });
    }
    list(&finding.locks.iter().map(lock_phrase).collect::<Vec<_>>())
}

/// What each side of the circle asks for.
fn the_next(finding: &Finding) -> &'static str {
    if finding.locks.len() == 2 { "the other" } else { "the next" }
}

/// Who takes what in which order.
fn orders(finding: &Finding) -> String {
    if finding.evidence.len() != 2 || finding.locks.len() != 2 {
        return format!("each holds one of {} and asks for {}", locks(finding), the_next(finding));
    }
    if one_class(finding).is_some() {
        return format!("they take {} in opposite orders", locks(finding));
    }
    let [a, b] = pair_names(finding);
    let (held, wanted) = (held_phrase(finding, 0), wanted_phrase(finding, 0));
    format!("{a} takes {held}, then {wanted}; {b} takes them the other way round")
}

fn cycle_message(finding: &Finding) -> String {
    let sides = &finding.evidence;
    if is_breach(finding) {
        let who = thread_label(&sides[0].thread);
        let (held, wanted) = (held_phrase(finding, 0), wanted_phrase(finding, 0));
        return format!("{who} asks for {wanted} while it holds {held}, against the stated order");
    }
    if sides.len() == 1 {
        return self_deadlock_message(finding);
    }
    if finding.tier == Tier::Order && sides.iter().all(|side| side.thread == sides[0].thread) {
        let who = thread_label(&sides[0].thread);
        return format!("{who} takes {} in both orders: two threads doing so could deadlock", locks(finding));
    }
    let who = threads(finding);
    let happened = finding.code != Code::LockOrderCycle && is_under_way(finding);
    if is_upgrade(finding) {
        let what = wanted_phrase(finding, 0);
        let verb = if happened { "are deadlocked" } else { "could deadlock" };
        return format!(
            "{who} {verb}: each holds a read of {what} and asks to write it, which the other's read prevents"
        );
    }
    if !happened {
        return format!("{who} {} deadlock: {}", could(finding.tier), orders(finding));
    }
    if sides.len() != 2 || one_class(finding).is_some() {
        let (locks, next) = (locks(finding), the_next(finding));
        return format!("{who} are deadlocked: each holds one of {locks} and waits for {next}");
    }
    let [a, b] = pair_names(finding);
    let (held, wanted) = (held_phrase(finding, 0), wanted_phrase(finding, 0));
    format!("{who} are deadlocked: {a} holds {held} and waits for {wanted}; {b} the other way round")
}

/// What one side does, for a sentence about all of them.
fn part(finding: &Finding, index: usize) -> String {
    let side = &finding.evidence[index];
    let what = wanted_phrase(finding, index);
    let does = match side.action.as_str() {
        "join" => format!("joins {what}"),
        _ => format!("waits for {what}"),
    };
    match linking_hold(finding, index) {
        Some(hold) => {
            format!("{} {does} while it holds {}", quoted(&side.thread), phrase_of(finding, &hold.lock))
        }
        None => format!("{} {does}", quoted(&side.thread)),
    }
}

fn deeds(finding: &Finding) -> String {
    (0..finding.evidence.len()).map(|index| part(finding, index)).collect::<Vec<_>>().join("; ")
}

/// A deadlock in which not every side waits for a lock.
fn mixed_message(finding: &Finding) -> String {
    format!("{} are deadlocked: {}", threads(finding), deeds(finding))
}

fn join_message(finding: &Finding) -> String {
    let sides = &finding.evidence;
    let who = thread_label(&sides[0].thread);
    if sides.len() > 2 {
        return format!("{} are deadlocked: {}", threads(finding), deeds(finding));
    }
    let held = held_phrase(finding, 0);
    let needs = sides.get(1).map_or_else(|| "a thread".to_owned(), |side| thread_label(&side.thread));
    match finding.tier {
        Tier::Actual => format!("{who} joins {needs}, which waits for {held}, which {who} holds"),
        _ => format!("{who} joins {needs}, which needs {held}, while {who} holds it"),
    }
}

/// Whether its threads were seen waiting: also in a deadlock that is only likely, because somebody might yet end it.
pub fn is_under_way(finding: &Finding) -> bool {
    finding.tier == Tier::Actual || finding.code == Code::Deadlock && finding.tier == Tier::Likely
}

/// One thread that takes two locks against the order that is stated for them.
pub fn is_breach(finding: &Finding) -> bool {
    let [side] = &*finding.evidence else { return false };
    finding.code == Code::LockOrderCycle
        && linking_hold(finding, 0).is_some_and(|hold| hold.lock != side.lock)
}

/// The sides that wait come first, then the submissions of what they wait for.
fn starvation_message(finding: &Finding) -> String {
    let what = wanted_phrase(finding, 0);
    let waits = finding.evidence.iter().filter(|side| side.action != "submit");
    let names: Vec<String> = waits.map(|side| quoted(&side.thread)).collect();
    let (who, wait) = match names.as_slice() {
        [] | [_] => (thread_label(&finding.evidence[0].thread), "waits"),
        names => (format!("threads {}", list(names)), "wait"),
    };
    if finding.tier < Tier::Actual {
        return format!(
            "{who} could starve {what}: each runs a task that waits for one behind it, and together they are all its workers"
        );
    }
    format!("{who} {wait} for a task that stands in line, and no worker of {what} is free to run it")
}

/// What kind of object it is about.
fn class(finding: &Finding) -> &str {
    finding.locks.first().map_or("lock", |lock| lock.class.as_str())
}

/// Threads that were in a declared gate at once.
pub fn is_gate(finding: &Finding) -> bool {
    finding.code == Code::AtomicityViolation && finding.locks.first().is_some_and(|lock| lock.class == "gate")
}

/// Readers of one lock who all ask to write it.
fn is_upgrade(finding: &Finding) -> bool {
    finding.locks.len() == 1
        && finding.evidence.len() > 1
        && finding.evidence.iter().all(|side| side.mode == Mode::Exclusive)
}

/// Whether the side asks to write what it still reads.
fn is_own_upgrade(finding: &Finding) -> bool {
    let held = linking_hold(finding, 0).map(|hold| hold.mode);
    held.is_some_and(|held| held != Mode::Exclusive) && finding.evidence[0].mode == Mode::Exclusive
}

fn self_deadlock_message(finding: &Finding) -> String {
    let who = thread_label(&finding.evidence[0].thread);
    let what = wanted_phrase(finding, 0);
    let waits = if finding.tier == Tier::Actual { "waits" } else { "would wait" };
    if is_own_upgrade(finding) && finding.locks.first().is_some_and(|lock| lock.class == "rwlock") {
        return format!(
            "{who} {waits} for itself: it asks to write {what} while it still holds a read of it"
        );
    }
    if finding.evidence[0].action == "join" {
        return format!("{who} {waits} for itself: it joins the thread that it is");
    }
    format!("{who} {waits} for itself: it asks for {what} while it already holds it")
}

fn rwlock_recursion_message(finding: &Finding) -> String {
    let reader = thread_label(&finding.evidence[0].thread);
    let what = wanted_phrase(finding, 0);
    let writer = finding.evidence.iter().find(|side| side.mode == Mode::Exclusive);
    let writer = writer.map_or_else(|| "a writer".to_owned(), |side| thread_label(&side.thread));
    if finding.tier == Tier::Actual {
        return format!(
            "{reader} reads {what} again while it holds a read of it, behind {writer} that waits for the first read to end"
        );
    }
    format!(
        "{reader} reads {what} while it already holds a read of it: if {writer} queues between the two reads, both wait for ever"
    )
}
