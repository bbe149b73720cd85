// Included where `sync` and `thread` are std's modules or their mirrors: what is stable in them and has no row in the
// list, because it is one of many of a kind, a constant, or a type alias.

use sync::atomic::{self, Ordering};

macro_rules! integers {
    ($($name:ident $value:ident)*) => {$(
        const _: () = {
            use sync::atomic::$name;

            const fn in_a_constant() -> $value {
                $name::new(1).into_inner()
            }
            const _: $value = in_a_constant();
            static STATIC: $name = $name::new(2);
            fn has<T: Default + From<$value> + std::fmt::Debug + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
            fn every_method(one: &mut $name) -> Result<$value, $value> {
                has::<$name>();
                let pointer: *mut $value = one.as_ptr();
                // SAFETY: it is borrowed exclusively.
                let same: &$name = unsafe { $name::from_ptr(pointer) };
                same.store(STATIC.load(Ordering::Acquire), Ordering::Release);
                let _: [$value; 9] = [
                    same.swap(1, Ordering::SeqCst),
                    same.fetch_add(1, Ordering::SeqCst),
                    same.fetch_sub(1, Ordering::SeqCst),
                    same.fetch_and(1, Ordering::SeqCst),
                    same.fetch_nand(1, Ordering::SeqCst),
                    same.fetch_or(1, Ordering::SeqCst),
                    same.fetch_xor(1, Ordering::SeqCst),
                    same.fetch_max(1, Ordering::SeqCst),
                    same.fetch_min(1, Ordering::SeqCst),
                ];
                same.compare_exchange(1, 2, Ordering::AcqRel, Ordering::Relaxed)?;
                same.compare_exchange_weak(1, 2, Ordering::AcqRel, Ordering::Relaxed)?;
                *one.get_mut() += 1;
                let own: $name = std::mem::take(one);
                Ok(own.into_inner())
            }
        };
    )*};
}

integers! {
    AtomicI8 i8 AtomicI16 i16 AtomicI32 i32 AtomicI64 i64 AtomicIsize isize
    AtomicU8 u8 AtomicU16 u16 AtomicU32 u32 AtomicU64 u64 AtomicUsize usize
}

#[expect(deprecated, reason = "they must be there all the same")]
fn constants() -> (bool, isize, usize) {
    static FLAG: atomic::AtomicBool = atomic::ATOMIC_BOOL_INIT;
    static SIGNED: atomic::AtomicIsize = atomic::ATOMIC_ISIZE_INIT;
    static UNSIGNED: atomic::AtomicUsize = atomic::ATOMIC_USIZE_INIT;
    static ONCE: sync::Once = sync::ONCE_INIT;
    atomic::spin_loop_hint();
    ONCE.call_once(|| atomic::compiler_fence(Ordering::SeqCst));
    atomic::fence(Ordering::SeqCst);
    (FLAG.load(Ordering::SeqCst), SIGNED.load(Ordering::SeqCst), UNSIGNED.load(Ordering::SeqCst))
}

fn names_of_results(joined: thread::Result<u8>, locked: sync::LockResult<u8>) -> sync::TryLockResult<u8> {
    let poisoned: sync::PoisonError<u8> = sync::PoisonError::new(joined.unwrap_or_default());
    let value = locked.unwrap_or_else(sync::PoisonError::into_inner);
    if value == 0 { Err(sync::TryLockError::Poisoned(poisoned)) } else { Err(sync::TryLockError::WouldBlock) }
}

fn shared_pointers() -> sync::Arc<sync::Weak<u8>> {
    let mut shared = sync::Arc::new(1_u8);
    *sync::Arc::make_mut(&mut shared) += 1;
    let cyclic = sync::Arc::new_cyclic(|own: &sync::Weak<u8>| u8::from(own.upgrade().is_none()));
    sync::Arc::new(sync::Arc::downgrade(if sync::Arc::ptr_eq(&shared, &cyclic) { &shared } else { &cyclic }))
}

fn variants(error: sync::mpsc::TryRecvError, full: sync::mpsc::TrySendError<u8>) -> bool {
    use sync::mpsc::{RecvTimeoutError, TryRecvError, TrySendError};

    let timeout = RecvTimeoutError::Timeout != RecvTimeoutError::Disconnected;
    match (error, full) {
        (TryRecvError::Empty, TrySendError::Full(_)) => timeout,
        (TryRecvError::Disconnected, TrySendError::Disconnected(_)) => !timeout,
        _ => false,
    }
}

fn of_threads() -> Result<(), thread::AccessError> {
    thread::park_timeout(Duration::ZERO);
    thread::yield_now();
    let _: io::Result<NonZero<usize>> = thread::available_parallelism();
    let _: thread::ThreadId = thread::current().id();
    if thread::panicking() {
        thread::sleep(Duration::ZERO);
    }
    static KEY: thread::LocalKey<u8> = {
        std::thread_local!(static OWN: u8 = const { 1 });
        OWN
    };
    KEY.try_with(|_| ())
}
