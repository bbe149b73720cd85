// Included after `parking_lot.rs`: what only the 0.13 line has.

#[test]
fn a_recursive_lock_lets_readers_pass_a_queued_writer() {
    static LOCK: pl::RecursiveRwLock<u32> = pl::RecursiveRwLock::new(1);
    let outer = LOCK.read();
    let (about_to, writes) = channel();
    let writer = thread::spawn(move || {
        about_to.send(()).unwrap();
        *LOCK.write() += 1;
    });
    writes.recv().unwrap();
    assert_eq!(*LOCK.read(), 1);
    drop(outer);
    writer.join().unwrap();
    assert_eq!(*LOCK.read(), 2);
}

#[test]
fn a_once_is_waited_for_and_may_be_done_from_the_start() {
    static DONE: Once = Once::new_completed();
    DONE.call_once(|| unreachable!("done"));
    DONE.wait();
    assert!(DONE.is_completed() && DONE.state().is_completed());
    let once = Once::new();
    thread::scope(|scope| {
        scope.spawn(|| once.wait_force());
        scope.spawn(|| once.wait());
        once.call_once(|| {});
    });
}
