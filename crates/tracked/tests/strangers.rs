//! Threads started past the tracked API, in a process of its own: where a scope is open, they would count there.

use std::panic::catch_unwind;
use std::sync::Barrier;

use tracked::Lock;

#[test]
fn threads_of_unknown_origin_count_where_they_have_no_name() {
    let (a, b) = (Lock::new(0).named("raw a"), Lock::new(0).named("raw b"));
    let between = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let outer = a.lock();
            drop(b.lock());
            drop(outer);
            between.wait();
        });
        scope.spawn(|| {
            between.wait();
            let _outer = b.lock();
            drop(a.lock());
        });
    });
    let error = catch_unwind(|| tracked::assert_no_cycles!()).expect_err("must panic");
    let message = *error.downcast::<String>().expect("a text");
    assert!(message.contains("raw a"), "{message}");
}
