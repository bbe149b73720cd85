//! What to do about a finding, in one sentence. What could happen is the message's to say.

use lockcheck_events::Attempt;

use super::*;

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

fn mixed_advice(finding: &Finding) -> String {
    let waits = |&index: &usize| !asks_for_a_lock(&finding.evidence[index]);
    let Some(index) = (0..finding.evidence.len()).find(waits) else { return order_advice(finding) };
    let change = place(&finding.evidence[index].site);
    match linking_hold(finding, index) {
        Some(_) => format!("release {} before waiting at {change}", held_phrase(finding, index)),
        None => format!("do not wait at {change} for a thread that waits for this one"),
    }
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
