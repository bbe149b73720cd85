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

#[test]
fn generic_code_over_the_raw_condition_works() {
    use pl::lock_api::{RawCondvar, RawMutex};

    fn wait_for_one<C: RawCondvar<RawMutex = R>, R: RawMutex>(
        changed: &pl::lock_api::Condvar<C>,
        mutex: &pl::lock_api::Mutex<R, u32>,
    ) -> u32 {
        let mut guard = mutex.lock();
        changed.wait_while(&mut guard, |count| *count == 0);
        *guard
    }
    let (mutex, changed) = (Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| wait_for_one(&changed, &mutex));
        *mutex.lock() += 1;
        changed.notify_all();
        assert_eq!(waiter.join().unwrap(), 1);
    });
    static OTHER: pl::lock_api::Condvar<pl::RawCondvar> = pl::lock_api::Condvar::new();
    assert!(!OTHER.notify_one());
}
