// Included in `kinds.rs` where `pl` is a mirror of parking_lot and `NAME` this test's path.

#[test]
fn each_says_its_own() {
    static MUTEX: pl::Mutex<u32> = pl::Mutex::new(1);
    static FAIR: pl::FairMutex<u32> = pl::FairMutex::new(1);
    static REENTRANT: pl::ReentrantMutex<u32> = pl::ReentrantMutex::new(1);
    static RWLOCK: pl::RwLock<u32> = pl::RwLock::new(1);
    alone(NAME, &[], || {
        assert_eq!(kind!(MUTEX.lock()), "mutex");
        assert_eq!(kind!(FAIR.lock()), "mutex");
        assert_eq!(kind!(REENTRANT.lock()), "re-entrant lock");
        assert_eq!(kind!(RWLOCK.upgradable_read()), "rwlock");
        let reentrant = Arc::new(pl::ReentrantMutex::new(1));
        assert_eq!(kind!(reentrant.lock()), "re-entrant lock");
        let reentrant = Arc::new(pl::ReentrantMutex::new(1));
        assert_eq!(
            kind!(pl::ReentrantMutexGuard::map(reentrant.lock(), |one| one)),
            "re-entrant lock"
        );
        let named = pl::ReentrantMutex::new(1).named("own name");
        assert_eq!(kind!(named.lock()), "re-entrant lock");
        let generic = pl::lock_api::ReentrantMutex::<pl::RawMutex, pl::RawThreadId, _>::new(1);
        assert_eq!(kind!(generic.lock()), "re-entrant lock");
        let generic = pl::lock_api::Mutex::<pl::RawMutex, _>::new(1);
        assert_eq!(kind!(pl::MutexGuard::map(generic.lock(), |one| one)), "mutex");
        let rwlock = pl::RwLock::new(1);
        assert_eq!(kind!(pl::RwLockWriteGuard::map(rwlock.write(), |one| one)), "rwlock");
        let once = pl::Once::new();
        assert_eq!(
            kind!(around: |inside: &dyn Fn()| once.call_once(inside), under: || once.call_once(|| ())),
            "once"
        );
        #[cfg(feature = "arc_lock")]
        {
            let mutex = Arc::new(pl::Mutex::new(1));
            assert_eq!(kind!(mutex.lock_arc()), "mutex");
            let rwlock = Arc::new(pl::RwLock::new(1));
            assert_eq!(kind!(rwlock.write_arc()), "rwlock");
            let reentrant = Arc::new(pl::ReentrantMutex::new(1));
            assert_eq!(kind!(reentrant.lock_arc()), "re-entrant lock");
        }
    });
}
