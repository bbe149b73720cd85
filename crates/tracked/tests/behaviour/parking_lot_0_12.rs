// Included after `parking_lot.rs`: what only the 0.12 line has.

#[test]
fn a_recursive_read_passes_a_queued_writer() {
    static LOCK: RwLock<u32> = pl::const_rwlock(1);
    let outer = LOCK.read();
    let (about_to, writes) = channel();
    let writer = thread::spawn(move || {
        about_to.send(()).unwrap();
        *LOCK.write() += 1;
    });
    writes.recv().unwrap();
    assert_eq!((*LOCK.read_recursive(), *LOCK.try_read_recursive().unwrap()), (1, 1));
    assert!(LOCK.try_read_recursive_for(LONG).is_some());
    drop(outer);
    writer.join().unwrap();
    assert_eq!(*LOCK.read(), 2);
}

#[test]
fn locks_are_made_in_constants() {
    static MUTEX: Mutex<u32> = pl::const_mutex(1);
    static FAIR: FairMutex<u32> = pl::const_fair_mutex(2);
    static REENTRANT: ReentrantMutex<u32> = pl::const_reentrant_mutex(3);
    assert_eq!((*MUTEX.lock(), *FAIR.lock(), *REENTRANT.lock()), (1, 2, 3));
}
