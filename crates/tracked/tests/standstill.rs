//! A test whose threads all wait for ever fails, and says why. In a binary of its own: a world in which another test
//! runs is not closed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracked::{Condvar, Event, Mutex, thread};

fn message(result: std::thread::Result<()>) -> String {
    *result.expect_err("must panic").downcast::<String>().expect("a text")
}

/// Both in one test, so that none runs beside the other.
#[test]
fn a_wait_that_nobody_ends_fails_its_test_instead_of_hanging() {
    let result = catch_unwind(|| {
        tracked::__run_test("inner::waits_in_a_thread", false, || {
            let event = Event::new().named("start");
            thread::scope(|scope| {
                scope.spawn(|| catch_unwind(AssertUnwindSafe(|| event.wait())).is_err());
            });
        });
    });
    let text = message(result);
    assert!(text.contains("LC0007") && text.contains("`start`"), "{text}");

    let result = catch_unwind(|| {
        tracked::__run_test("inner::waits_itself", false, || {
            let (state, changed) = (Mutex::new(()), Condvar::new().named("changed"));
            changed.notify_all();
            drop(changed.wait(state.lock().unwrap()));
        });
    });
    let text = message(result);
    assert!(text.contains("LC0006") && text.contains("`changed`"), "{text}");
}
