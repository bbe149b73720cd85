//! A test whose threads all wait for ever fails, and says why. In a binary of its own: a world in which another test
//! runs is not closed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracked::sync::mpsc::{RecvError, channel, sync_channel};
use tracked::{Barrier, Condvar, Event, Mutex, thread};

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

    // In places where std's own types cannot be roused.
    let result = catch_unwind(|| {
        tracked::__run_test("inner::keeps_the_sender", false, || {
            let (sender, receiver) = channel::<u32>();
            let receiver = receiver.named("orders");
            thread::scope(|scope| {
                scope.spawn(|| sender.send(1));
            });
            assert_eq!(receiver.iter().sum::<u32>(), 1, "the sender is alive, so that there is no end");
        });
    });
    let text = message(result);
    assert!(text.contains("LC0007") && text.contains("`orders`"), "{text}");

    let result = catch_unwind(|| {
        tracked::__run_test("inner::wait_for_each_other_s_messages", false, || {
            let ((to_there, there), (to_here, here)) = (channel::<()>(), channel::<()>());
            let other = thread::spawn(move || {
                there.recv().and_then(|()| to_here.send(()).map_err(|_| RecvError)).is_err()
            });
            let _answer = here.recv();
            drop(to_there);
            assert!(other.join().unwrap_or(true));
        });
    });
    let text = message(result);
    assert!(text.contains("LC0007"), "{text}");

    let result = catch_unwind(|| {
        tracked::__run_test("inner::sends_to_itself", false, || {
            let (sender, _receiver) = sync_channel::<()>(1);
            let sender = sender.named("full");
            sender.send(()).expect("there is room");
            sender.send(()).expect("the receiver is there");
        });
    });
    let text = message(result);
    assert!(text.contains("LC0007") && text.contains("`full`"), "{text}");

    let result = catch_unwind(|| {
        tracked::__run_test("inner::one_too_few", false, || {
            let all = Barrier::new(3).named("start line");
            thread::scope(|scope| {
                scope.spawn(|| catch_unwind(AssertUnwindSafe(|| all.wait())).is_err());
                all.wait();
            });
        });
    });
    let text = message(result);
    assert!(text.contains("LC0007") && text.contains("`start line`"), "{text}");
}
