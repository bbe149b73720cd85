//! What a program that listens is told of. In a binary of its own: a process has one listener.

use std::sync::{Arc, Barrier, Mutex as Unwatched};
use std::time::Duration;

use tracked::{Code, Lock, Tier, thread};

/// Both at once would hear each other's.
#[test]
fn each_finding_is_told_once_and_what_the_listener_does_is_its_own_business() {
    let told: Arc<Unwatched<Vec<(Code, Tier, usize)>>> = Arc::default();
    let (there, own) = (Arc::clone(&told), Lock::new(0));
    tracked::on_finding(move |finding| {
        // Neither is watched, and both work, whatever the thread holds.
        *own.lock() += 1;
        let known = tracked::report().findings.len();
        there.lock().expect("nobody panics with it").push((finding.code, finding.tier, known));
        panic!("heard by nobody");
    });

    // Foretold when the order is seen, and come upon by each side when its time is over.
    let (a, b, both) = (Lock::new(0).named("a"), Lock::new(0).named("b"), Barrier::new(2));
    let short = Duration::from_millis(50);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _outer = a.lock();
            both.wait();
            drop(b.try_lock_for(short));
        });
        scope.spawn(|| {
            let _outer = b.lock();
            both.wait();
            drop(a.try_lock_for(short));
        });
    });
    assert_eq!(*told.lock().unwrap(), [(Code::MaskedByTimeout, Tier::Order, 1)]);
    assert!(!thread::panicking());

    tracked::on_finding(|_| ());
    assert_eq!(Arc::strong_count(&told), 1, "the one before is gone");
}
