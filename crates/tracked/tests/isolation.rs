//! Tests that run side by side in one process do not see each other's findings.
//!
//! The tests here are run by the harness in parallel or one after the other, and share static locks on purpose.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;

use tracked::{Lock, Tier, thread};

static SHARED: [Lock<u32>; 2] = [Lock::new(0), Lock::new(0)];

/// One thread after the other, unordered for the detector: a raw std barrier is none of its business.
fn opposite_orders(first: &Lock<u32>, second: &Lock<u32>) {
    let between = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _outer = first.lock();
            drop(second.lock());
            drop(_outer);
            between.wait();
        });
        scope.spawn(|| {
            between.wait();
            let _outer = second.lock();
            drop(first.lock());
        });
    });
}

fn same_order(first: &Lock<u32>, second: &Lock<u32>) {
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let _outer = first.lock();
                drop(second.lock());
            });
        }
    });
}

fn message(result: std::thread::Result<()>) -> String {
    *result.expect_err("must panic").downcast::<String>().expect("a text")
}

#[test]
fn a_plain_test_fails_on_its_own_cycle_with_the_report() {
    let (a, b) = (Lock::new(0).named("own a"), Lock::new(0).named("own b"));
    opposite_orders(&a, &b);
    let message = message(catch_unwind(|| tracked::assert_no_cycles!()));
    assert!(
        message.contains("LC0001") && message.contains("own a") && message.contains("own b"),
        "{message}"
    );
    assert!(!message.contains("neighbour"), "{message}");
}

#[test]
fn a_plain_test_does_not_see_its_neighbours() {
    let (a, b) = (Lock::new(0).named("neighbour a"), Lock::new(0).named("neighbour b"));
    // A thread that looks like another test: named after a function, started past the tracked API.
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("some::other_test".to_owned())
            .spawn_scoped(scope, || opposite_orders(&a, &b))
            .unwrap();
    });
    thread::Builder::new()
        .name("clean".to_owned())
        .spawn(|| {
            let (c, d) = (Lock::new(0), Lock::new(0));
            same_order(&c, &d);
        })
        .unwrap()
        .join()
        .unwrap();
    let fails =
        catch_unwind(|| tracked::assert_no_cycles!()).err().map(|error| *error.downcast::<String>().unwrap());
    assert!(fails.as_ref().is_none_or(|message| !message.contains("neighbour")), "{fails:?}");
}

#[tracked::test]
fn a_clean_scope_passes() {
    let (a, b) = (Lock::new(0), Lock::new(0));
    same_order(&a, &b);
}

#[tracked::test]
fn a_scope_with_a_result_passes() -> Result<(), std::num::ParseIntError> {
    let number: u32 = "7".parse()?;
    assert_eq!(number, 7);
    Ok(())
}

#[tracked::test]
#[should_panic(expected = "as it should")]
fn a_clean_scope_that_should_panic_passes() {
    panic!("as it should");
}

mod nested {
    use super::{Lock, SHARED, opposite_orders, same_order};

    #[tracked::test]
    #[should_panic(expected = "not ordered")]
    fn other_words_in_a_panic_are_kept() {
        panic!("not ordered");
    }

    #[tracked::test]
    fn statics_in_the_good_order() {
        // Not those of the other test: the two together would deadlock for real now and then.
        static GOOD: [Lock<u32>; 2] = [Lock::new(0), Lock::new(0)];
        same_order(&GOOD[0], &GOOD[1]);
    }

    #[test]
    fn each_scope_that_shows_a_problem_on_shared_statics_is_told() {
        for name in ["first", "second", "third"] {
            let result = std::panic::catch_unwind(|| {
                tracked::__run_test(&format!("inner::{name}"), false, || {
                    opposite_orders(&SHARED[0], &SHARED[1])
                });
            });
            let message = super::message(result);
            assert!(message.contains("LC0001"), "{name}: {message}");
        }
        let report = tracked::report();
        for name in ["inner::first", "inner::second", "inner::third"] {
            assert!(report.findings.iter().any(|finding| finding.scopes.iter().any(|scope| scope == name)));
        }
    }
}

#[test]
fn a_cycle_across_scopes_is_the_process_s_only() {
    const HERE: u32 = line!() + 1;
    static ACROSS: [Lock<u32>; 2] = [Lock::new(0), Lock::new(0)];
    let between = Barrier::new(2);
    let run = |name: &str, first: usize, second: usize, wait_first: bool| {
        catch_unwind(AssertUnwindSafe(|| {
            tracked::__run_test(name, false, || {
                if wait_first {
                    between.wait();
                }
                let outer = ACROSS[first].lock();
                drop(ACROSS[second].lock());
                drop(outer);
                if !wait_first {
                    between.wait();
                }
            });
        }))
    };
    std::thread::scope(|scope| {
        let one = scope.spawn(|| run("across::one", 0, 1, false).is_ok());
        let two = scope.spawn(|| run("across::two", 1, 0, true).is_ok());
        assert!(one.join().unwrap() && two.join().unwrap(), "neither scope is to blame");
    });
    let report = tracked::report();
    let line = |site: &lockcheck_events::Site| site.line;
    let across = report.findings.iter().find(|finding| {
        finding.tier == Tier::Likely && finding.locks.iter().all(|lock| line(&lock.created) == HERE)
    });
    assert_eq!(across.map(|finding| finding.scope.clone()), Some(None), "it stands in the process's report");
}

#[test]
fn gates_of_one_name_in_two_scopes_are_two() {
    let meet = Barrier::new(2);
    let enter = |name: &str| {
        tracked::__run_test(name, false, || {
            tracked::gate("isolated").run(|| meet.wait().is_leader());
        });
    };
    std::thread::scope(|scope| {
        let scopes = ["gates::one", "gates::two"].map(|name| scope.spawn(move || enter(name)));
        assert!(scopes.into_iter().all(|scope| scope.join().is_ok()));
    });
    let refuted = |finding: &tracked::Finding| finding.message.contains("`isolated`");
    assert!(!tracked::report().findings.iter().any(refuted));
}

#[test]
fn a_statement_broken_in_a_scope_is_that_scope_s_only() {
    static STATED: [Lock<u32>; 2] = [Lock::new(0), Lock::new(0)];
    let take = |name: &str, keys: [u32; 2]| {
        catch_unwind(AssertUnwindSafe(|| {
            tracked::__run_test(name, false, || {
                let _one = tracked::ordered_by(keys[0]).run(|| STATED[0].lock());
                let _two = tracked::ordered_by(keys[1]).run(|| STATED[1].lock());
            });
        }))
    };
    let broken = message(take("stated::broken", [2, 1]));
    assert!(
        broken.contains("key 1 is asked for under key 2") && broken.contains("`stated::broken`"),
        "{broken}"
    );
    assert!(take("stated::kept", [1, 2]).is_ok());
}

#[test]
fn a_deadlock_in_a_scope_fails_the_test_instead_of_hanging() {
    let result = catch_unwind(|| {
        tracked::__run_test("inner::deadlock", false, || {
            let (a, b) = (Lock::new(0), Lock::new(0));
            let both = Barrier::new(2);
            thread::scope(|scope| {
                for (first, second) in [(&a, &b), (&b, &a)] {
                    let both = &both;
                    let child = move || {
                        let _outer = first.lock();
                        both.wait();
                        drop(second.lock());
                    };
                    scope.spawn(move || catch_unwind(AssertUnwindSafe(child)).is_err());
                }
            });
        });
    });
    let message = message(result);
    assert!(message.contains("LC0003"), "{message}");
}
