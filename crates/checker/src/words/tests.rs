//! The sentences by example.

use lockcheck_events::Attempt;

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
        locks: locks.to_vec(),
        evidence: sides.iter().map(|text| side(text)).collect(),
        ..Finding::bare(code, tier)
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
        say(Code::Deadlock, Tier::Likely),
        "threads `a` and `b` are deadlocked: `a` holds `A` and waits for `B`; `b` the other way round"
    );
    assert_eq!(
        say(Code::LostWakeup, Tier::Actual),
        "a notification of `B` was lost: thread `a` waits, and did not get it"
    );
    assert_eq!(
        say(Code::MaskedByTimeout, Tier::Likely),
        format!("only a timeout keeps threads `a` and `b` from a deadlock: {order}")
    );
    let one_thread = finding(Code::LockOrderCycle, Tier::Order, &named(), &["a 1 10 2 11", "a 2 20 1 21"]);
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
    assert_eq!(message(&own), "the main thread waits for itself: it asks for `A` while it already holds it");
    assert!(advice(&own).contains("taken at src/a.rs:10") && advice(&own).contains("RLock"));
}

/// A thread is not held, by itself least of all.
#[test]
fn a_thread_that_joins_itself_is_not_said_to_hold_itself() {
    let mut own = finding(Code::Deadlock, Tier::Actual, &named()[1..], &["a 1 10 1 11"]);
    own.evidence[0].action = "join".to_owned();
    assert_eq!(message(&own), "thread `a` waits for itself: it joins the thread that it is");
}

#[test]
fn long_names_and_long_lists_are_cut() {
    assert_eq!(quoted(&"ö".repeat(99)).chars().count(), NAME_CHARS_MAX + 2);
    let items: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    assert_eq!(list(&items), "0, 1, 2 and 6 more");
    assert_eq!(list(&items[..4]), "0, 1, 2 and 3");
    assert_eq!(list(&items[..1]), "0");
}
