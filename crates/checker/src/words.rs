//! The sentences of a finding: what could happen, and what to do about it. Also the names that every form of a
//! report uses for the same lock and the same thread.
//!
//! Layout and escaping are the report crate's: what is written here still holds the user's names as they are,
//! only shortened.

use std::collections::HashMap;

use lockcheck_events::{Attempt, Mode, Site};

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
            format!("a notification of {what} was lost: {who} waits for it after it was sent")
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

/// What to do, in one sentence that fits this finding.
pub fn advice(finding: &Finding) -> String {
    let text = match finding.code {
        Code::Deadlock if !finding.evidence.iter().all(asks_for_a_lock) => return mixed_advice(finding),
        Code::LockOrderCycle | Code::Deadlock | Code::CrossProcessDeadlock if finding.evidence.len() > 1 => {
            return order_advice(finding);
        }
        Code::LockOrderCycle if is_breach(finding) => {
            "take the locks in the stated order, or state the order that is meant"
        }
        Code::SelfDeadlock | Code::Deadlock | Code::LockOrderCycle | Code::CrossProcessDeadlock => {
            return self_deadlock_advice(finding);
        }
        Code::MaskedByTimeout => {
            let order = order_advice(finding);
            return format!("{order}; the timeout only turns the deadlock into a delay and a retry");
        }
        Code::RwlockRecursion => return rwlock_recursion_advice(finding),
        Code::WaitWhileHolding => "release the lock before waiting, or wait on a condition that releases it",
        Code::LostWakeup => {
            "keep what is signalled in a variable under the lock, and check it in a loop around the wait"
        }
        Code::StuckWait => {
            "make every way out of the thread that should signal do so, errors and panics included"
        }
        Code::JoinDeadlock => "release the lock before joining",
        Code::ExecutorStarvation => {
            "do not wait inside the pool for the pool's own tasks, or give the inner tasks a pool of their own"
        }
        Code::DataRace => "guard all accesses with one lock, or make the datum atomic",
        Code::LostUpdate => "hold one lock from the read to the write, or use one atomic read-modify-write",
        Code::AtomicityViolation if is_gate(finding) => {
            "hold one lock throughout the gate, or take the gate away: what it kept silent is reported again"
        }
        Code::AtomicityViolation => "hold one lock across all the steps",
        Code::InconsistentLocking => "choose one lock for this datum and take it around every access",
        Code::NotTheOwner => match class(finding) {
            "condition" => "use a condition with one lock only, the one that guards what is waited for",
            "queue" => "call `task_done` once for each item that was taken",
            _ => "give back only what this thread took, once, best through a guard",
        },
        Code::Panic => {
            "make what it relies on hold in every order of the threads: keep the lock from looking to using, or join first"
        }
        Code::LockLeaked => "let the guard go out of scope on every way out of the thread",
        Code::WaitWithoutPredicate => "wait in a loop that checks the condition (`wait_while` does so)",
        Code::Contention => "hold the lock for less, or split what it guards",
        Code::BlockingWhileHolding => "make the blocking call before taking the lock or after releasing it",
    };
    text.to_owned()
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
    let happened = finding.code != Code::LockOrderCycle && finding.tier == Tier::Actual;
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

fn mixed_advice(finding: &Finding) -> String {
    let waits = |&index: &usize| !asks_for_a_lock(&finding.evidence[index]);
    let Some(index) = (0..finding.evidence.len()).find(waits) else { return order_advice(finding) };
    let change = place(&finding.evidence[index].site);
    match linking_hold(finding, index) {
        Some(_) => format!("release {} before waiting at {change}", held_phrase(finding, index)),
        None => format!("do not wait at {change} for a thread that waits for this one"),
    }
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

/// The function that a side's place stands in, as far as its stack tells.
fn function(side: &Evidence) -> Option<&str> {
    let frame = side.backtrace.iter().find(|frame| frame.user)?;
    let of_site = frame.file == side.site.file && !frame.function.is_empty();
    of_site.then_some(frame.function.as_str())
}

fn order_advice(finding: &Finding) -> String {
    let sides = &finding.evidence;
    if sides.len() < 2 {
        return "take the locks in one order everywhere".to_owned();
    }
    if is_upgrade(finding) {
        return "take the write lock from the start (or, with parking_lot, an upgradable read, of which there can be one)"
            .to_owned();
    }
    let many = if finding.locks.len() == 2 { "two locks" } else { "locks" };
    let key = "a fixed key (account number, index, address)";
    if same_places(finding) {
        let at_one_place = linking_hold(finding, 0).is_some_and(|hold| hold.site == sides[0].site);
        let both = if sides.len() == 2 { "both" } else { "all" };
        if at_one_place {
            return format!(
                "{both} sides take them in a loop at one place: sort the locks by {key} before the loop"
            );
        }
        return format!(
            "{both} sides run the same two lines with the roles swapped: order the {many} by {key} before taking them"
        );
    }
    if one_class(finding).is_some() {
        return format!(
            "the {many} are of one kind, so no fixed order of lines can help: order them by {key} at each of these places"
        );
    }
    let last = sides.len() - 1;
    let (first, second) = (wanted_phrase(finding, last), held_phrase(finding, last));
    let change = place(&sides[last].site);
    let change = match function(&sides[last]) {
        Some(function) => format!("in {} ({change})", quoted(function)),
        None => format!("at {change}"),
    };
    let like = if sides.len() == 2 {
        format!("as {} does", place(&sides[0].site))
    } else {
        "as the other sides' order needs".to_owned()
    };
    format!("{change}, take {first} before {second}, {like}")
}

fn self_deadlock_advice(finding: &Finding) -> String {
    let Some(side) = finding.evidence.first() else { return "do not take a lock twice".to_owned() };
    let class = finding.locks.first().map_or("lock", |lock| lock.class.as_str());
    let taken = linking_hold(finding, 0)
        .map_or_else(|| "before".to_owned(), |hold| format!("at {}", place(&hold.site)));
    let again = place(&side.site);
    match class {
        "rwlock" if is_own_upgrade(finding) => {
            format!("drop the read guard taken {taken} before asking to write, or take the write guard there")
        }
        "semaphore" => format!("give the permit taken {taken} back before asking for another at {again}"),
        "mutex" if taken == format!("at {again}") => {
            "the function calls itself under its own lock: hand the guard down to the inner call or drop it first; if nesting \
             is meant, use a re-entrant lock (`RLock`)"
                .to_owned()
        }
        "mutex" => {
            format!(
                "pass the guard taken {taken} on to {again} or drop it first; if nesting is meant, use a re-entrant lock (`RLock`)"
            )
        }
        _ => format!("pass the guard taken {taken} on to {again}, or drop it first"),
    }
}

fn rwlock_recursion_advice(finding: &Finding) -> String {
    let Some(reader) = finding.evidence.first() else {
        return "read once and pass the guard on".to_owned();
    };
    let again = place(&reader.site);
    let taken = linking_hold(finding, 0)
        .map_or_else(|| "before".to_owned(), |hold| format!("at {}", place(&hold.site)));
    let recursive = if reader.attempt == Attempt::Block {
        "; parking_lot's `read_recursive` also passes queued writers"
    } else {
        ""
    };
    format!("pass the read guard taken {taken} on to {again} instead of reading again{recursive}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(line: u32) -> Site {
        Site { package: "p".to_owned(), file: "src/a.rs".to_owned(), line, column: 0 }
    }

    fn lock(id: &str, name: Option<&str>, line: u32) -> LockDetail {
        let (id, class, name) = (id.to_owned(), "mutex".to_owned(), name.map(str::to_owned));
        LockDetail { id, class, name, created: site(line) }
    }

    /// `thread held line wanted line`, for instance `a 1 10 2 11`.
    fn side(text: &str) -> Evidence {
        let words: Vec<&str> = text.split(' ').collect();
        let hold = |lock: &str, line: &str| HeldLock {
            lock: lock.to_owned(),
            mode: Mode::Exclusive,
            event: 1,
            site: site(line.parse().unwrap()),
        };
        let wanted = hold(words[3], words[4]);
        Evidence {
            process: 0,
            thread: words[0].to_owned(),
            event: 2,
            action: "request".to_owned(),
            attempt: Attempt::Block,
            lock: wanted.lock,
            mode: wanted.mode,
            holds: vec![hold(words[1], words[2])],
            site: wanted.site,
            backtrace: Vec::new(),
        }
    }

    fn finding(code: Code, tier: Tier, locks: &[LockDetail], sides: &[&str]) -> Finding {
        Finding {
            code,
            kind: code.kind().to_owned(),
            tier,
            fingerprint: String::new(),
            instances: 1,
            scope: None,
            scopes: Vec::new(),
            message: String::new(),
            advice: String::new(),
            schedule: None,
            witness: None,
            locks: locks.to_vec(),
            evidence: sides.iter().map(|text| side(text)).collect(),
        }
    }

    fn named() -> [LockDetail; 2] {
        [lock("2", Some("B"), 2), lock("1", Some("A"), 1)]
    }

    #[test]
    fn every_code_has_words_for_every_shape_of_evidence() {
        let sides = ["t1 1 10 2 11", "t2 2 20 1 21", "t3 9 30 8 31"];
        for &code in Code::ALL {
            for tier in Tier::ALL {
                for count in 0..=sides.len() {
                    for locks in [&named()[..], &named()[..1], &[]] {
                        let finding = finding(code, tier, locks, &sides[..count]);
                        let (message, advice) = (message(&finding), advice(&finding));
                        assert!(!message.is_empty() && !advice.is_empty(), "{code}");
                        assert!(!message.contains('\n') && !message.ends_with('.'), "{message}");
                        let impersonal = [Code::InconsistentLocking].contains(&code);
                        assert!(count == 0 || impersonal || message.contains("t1"), "{message}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_sentence_depends_on_how_sure_it_is() {
        let sides = ["a 1 10 2 11", "b 2 20 1 21"];
        let say = |code, tier| message(&finding(code, tier, &named(), &sides));
        let order = "`a` takes `A`, then `B`; `b` takes them the other way round";
        assert_eq!(
            say(Code::LockOrderCycle, Tier::Likely),
            format!("threads `a` and `b` could deadlock: {order}")
        );
        assert_eq!(
            say(Code::LockOrderCycle, Tier::Predicted),
            format!("threads `a` and `b` can deadlock: {order}")
        );
        assert_eq!(
            say(Code::Deadlock, Tier::Actual),
            "threads `a` and `b` are deadlocked: `a` holds `A` and waits for `B`; `b` the other way round"
        );
        assert_eq!(
            say(Code::MaskedByTimeout, Tier::Likely),
            format!("only a timeout keeps threads `a` and `b` from a deadlock: {order}")
        );
        let one_thread =
            finding(Code::LockOrderCycle, Tier::Order, &named(), &["a 1 10 2 11", "a 2 20 1 21"]);
        assert_eq!(
            message(&one_thread),
            "thread `a` takes `B` and `A` in both orders: two threads doing so could deadlock"
        );
    }

    #[test]
    fn locks_without_a_name_are_known_by_where_they_were_created() {
        let locks = [lock("2", None, 2), lock("1", None, 1)];
        let two = finding(Code::LockOrderCycle, Tier::Likely, &locks, &["a 1 10 2 11", "a 2 20 1 21"]);
        assert_eq!(
            message(&two),
            "two threads named `a` could deadlock: one takes the mutex created at src/a.rs:1, then the mutex \
             created at src/a.rs:2; the other takes them the other way round"
        );
        assert_eq!(lock_labels(&two), ["mutex #2", "mutex #1"]);
        let twins = [lock("2", Some("account"), 2), lock("1", Some("account"), 2)];
        let twins = finding(Code::LockOrderCycle, Tier::Likely, &twins, &["a 1 10 2 11", "b 2 10 1 11"]);
        assert_eq!(
            message(&twins),
            "threads `a` and `b` could deadlock: they take two mutexes named `account` in opposite orders"
        );
        assert_eq!(lock_labels(&twins), ["`account` #2", "`account` #1"]);
    }

    #[test]
    fn the_advice_names_the_place_or_the_key() {
        let advise = |sides: &[&str]| advice(&finding(Code::LockOrderCycle, Tier::Likely, &named(), sides));
        assert_eq!(
            advise(&["a 1 10 2 11", "b 2 20 1 21"]),
            "at src/a.rs:21, take `A` before `B`, as src/a.rs:11 does"
        );
        assert!(advise(&["a 1 10 2 11", "b 2 10 1 11"]).starts_with("both sides run the same two lines"));
        assert!(advise(&["a 1 10 2 10", "b 2 10 1 10"]).contains("in a loop at one place"));
        let own = finding(Code::SelfDeadlock, Tier::Actual, &named()[1..], &["main 1 10 1 11"]);
        assert_eq!(
            message(&own),
            "the main thread waits for itself: it asks for `A` while it already holds it"
        );
        assert!(advice(&own).contains("taken at src/a.rs:10") && advice(&own).contains("RLock"));
    }

    #[test]
    fn long_names_and_long_lists_are_cut() {
        assert_eq!(quoted(&"ö".repeat(99)).chars().count(), NAME_CHARS_MAX + 2);
        let items: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        assert_eq!(list(&items), "0, 1, 2 and 6 more");
        assert_eq!(list(&items[..4]), "0, 1, 2 and 3");
        assert_eq!(list(&items[..1]), "0");
    }
}
