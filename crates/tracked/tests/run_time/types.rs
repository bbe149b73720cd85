//! What the compiler knows of the types: marker traits as std's, sizes, const constructors.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};

use tracked::{
    BoundedSemaphore, Condition, ConditionGuard, Condvar, Event, Guard, Lock, Mutex, MutexGuard, Permit,
    RLock, RLockGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, thread,
};

/// What holds where nothing else does. (The underscore: an answer that is not asked for is no dead code.)
trait Otherwise {
    const _YES: bool = false;
}

impl<T: ?Sized> Otherwise for T {}

/// Whether a type has a trait, as a constant: the inherent constant wins where its bound holds.
macro_rules! has {
    ($type:ty, $($bound:tt)+) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        impl<T: ?Sized + $($bound)+> Probe<T> {
            const _YES: bool = true;
        }
        <Probe<$type>>::_YES
    }};
}

macro_rules! same_markers {
    ($ours:ty, $stds:ty) => {
        const _: () = {
            assert!(has!($ours, Send) == has!($stds, Send), "Send");
            assert!(has!($ours, Sync) == has!($stds, Sync), "Sync");
            assert!(has!($ours, Unpin) == has!($stds, Unpin), "Unpin");
            assert!(has!($ours, UnwindSafe) == has!($stds, UnwindSafe), "UnwindSafe");
            assert!(has!($ours, RefUnwindSafe) == has!($stds, RefUnwindSafe), "RefUnwindSafe");
        };
    };
}

/// Not Send, but Sync.
type SyncOnly = std::sync::MutexGuard<'static, u8>;
/// Send, but not Sync.
type SendOnly = Cell<u8>;
/// Neither.
type Neither = *const u8;
/// Not unwind-safe.
type Unsafe = &'static mut u8;

macro_rules! same_markers_for_all_data {
    ($ours:ident, $stds:ident) => {
        same_markers_for_all_data!($ours, $stds; u8 SyncOnly SendOnly Neither Unsafe);
    };
    ($ours:ident, $stds:ident; $($data:ty)*) => {
        $(same_markers!($ours<$data>, $stds<$data>);)*
    };
}

macro_rules! same_markers_for_all_borrows {
    ($ours:ident, $stds:ident) => {
        same_markers_for_all_borrows!($ours, $stds; u8 SyncOnly SendOnly Neither Unsafe);
    };
    ($ours:ident, $stds:ident; $($data:ty)*) => {
        $(same_markers!($ours<'static, $data>, $stds<'static, $data>);)*
    };
}

mod std_types {
    pub use std::sync::{
        Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
    };
    pub use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};
}
use std_types::{
    Mutex as StdMutex, MutexGuard as StdMutexGuard, RwLock as StdRwLock,
    RwLockReadGuard as StdRwLockReadGuard, RwLockWriteGuard as StdRwLockWriteGuard,
};
use thread::{JoinHandle, ScopedJoinHandle};
type StdJoinHandle<T> = std_types::JoinHandle<T>;
type StdScopedJoinHandle<'a, T> = std_types::ScopedJoinHandle<'a, T>;

same_markers_for_all_data!(Mutex, StdMutex);
same_markers_for_all_data!(RwLock, StdRwLock);
same_markers_for_all_data!(JoinHandle, StdJoinHandle);
same_markers_for_all_borrows!(MutexGuard, StdMutexGuard);
same_markers_for_all_borrows!(RwLockReadGuard, StdRwLockReadGuard);
same_markers_for_all_borrows!(RwLockWriteGuard, StdRwLockWriteGuard);
same_markers_for_all_borrows!(ScopedJoinHandle, StdScopedJoinHandle);
same_markers!(Condvar, std_types::Condvar);
same_markers!(tracked::sync::WaitTimeoutResult, std_types::WaitTimeoutResult);
same_markers!(thread::Builder, std_types::Builder);
same_markers!(thread::Scope<'static, 'static>, std_types::Scope<'static, 'static>);

macro_rules! is {
    ($type:ty: $($bound:ident)*; not $($other:ident)*) => {
        const _: () = {
            $(assert!(has!($type, $bound), stringify!($bound));)*
            $(assert!(!has!($type, $other), stringify!($other));)*
        };
    };
}

// The vocabulary: a lock goes where a mutex goes. Without poison a panic under it can leave the data broken, so that
// it is no more unwind-safe than a cell.
is!(Lock<SendOnly>: Send Sync UnwindSafe; not RefUnwindSafe);
is!(Lock<SyncOnly>: ; not Send Sync);
is!(Lock<Neither>: ; not Send Sync);
is!(Condition<SendOnly>: Send Sync UnwindSafe; not RefUnwindSafe);
is!(Condition<SyncOnly>: ; not Send Sync);
is!(Guard<'static, u8>: Sync; not Send UnwindSafe);
is!(Guard<'static, SendOnly>: ; not Send Sync);
is!(ConditionGuard<'static, u8>: Sync; not Send UnwindSafe);
is!(ConditionGuard<'static, SendOnly>: ; not Send Sync);

// What one thread after the other may read and change through a shared borrow has to be Send, no more.
is!(RLock<SendOnly>: Send Sync; not);
is!(RLock<Neither>: ; not Send Sync);
is!(RLock<SyncOnly>: ; not Send Sync);
is!(RLockGuard<'static, u8>: Sync; not Send);
is!(RLockGuard<'static, SendOnly>: ; not Send Sync);
is!(Semaphore: Send Sync UnwindSafe RefUnwindSafe; not);
is!(BoundedSemaphore: Send Sync UnwindSafe RefUnwindSafe; not);
is!(Permit<'static>: Send Sync UnwindSafe RefUnwindSafe; not);
is!(tracked::cell::UnsafeCell<u8>: Send; not Sync);
is!(Event: Send Sync UnwindSafe RefUnwindSafe; not);

// A lock in an array of small structures is still small.
const _: () = assert!(size_of::<Mutex<u64>>() <= 32);
const _: () = assert!(size_of::<MutexGuard<'_, u64>>() <= 24);
const _: () = assert!(size_of::<RwLockWriteGuard<'_, u64>>() <= 24);
const _: () = assert!(size_of::<RwLock<u64>>() <= 40);

static MUTEX: Mutex<u32> = Mutex::new(1);
static RWLOCK: RwLock<u32> = RwLock::new(1);
static CONDVAR: Condvar = Condvar::new();
static LOCK: Lock<u32> = Lock::new(1);
static RLOCK: RLock<Cell<u32>> = RLock::new(Cell::new(1));
static CONDITION: Condition<u32> = Condition::new(1);
static SEMAPHORE: Semaphore = Semaphore::new(1);
static BOUNDED: BoundedSemaphore = BoundedSemaphore::new(1);
static EVENT: Event = Event::new();

#[test]
fn constructors_are_const_and_statics_work() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..100 {
                    *MUTEX.lock().unwrap() += 1;
                    *RWLOCK.write().unwrap() += 1;
                    *LOCK.lock() += 1;
                    let counter = RLOCK.lock();
                    counter.set(counter.get() + 1);
                    *CONDITION.lock() += 1;
                    drop((SEMAPHORE.acquire(), BOUNDED.acquire()));
                }
                CONDVAR.notify_all();
                EVENT.set();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let counts = [*MUTEX.lock().unwrap(), *RWLOCK.read().unwrap(), *LOCK.lock(), RLOCK.lock().get()];
    assert_eq!(counts, [401; 4]);
    assert_eq!((*CONDITION.lock(), SEMAPHORE.available(), BOUNDED.available()), (401, 1, 1));
    assert!(EVENT.is_set());
}

#[test]
fn what_is_not_sized_can_be_locked() {
    let slice: Box<Mutex<[u8]>> = Box::new(Mutex::new([1, 2, 3]));
    slice.lock().unwrap()[1] = 9;
    assert_eq!(*slice.lock().unwrap(), [1, 9, 3]);
    let show: Box<RwLock<dyn std::fmt::Debug>> = Box::new(RwLock::new("text"));
    assert_eq!(format!("{:?}", &*show.read().unwrap()), "\"text\"");
    let lock: Box<Lock<[u8]>> = Box::new(Lock::new([1, 2]));
    assert_eq!(lock.lock().len(), 2);
}

#[test]
fn they_show_as_stds_do() {
    let (ours, stds) = (Mutex::new(7), StdMutex::new(7));
    assert_eq!(format!("{ours:?}"), format!("{stds:?}"));
    assert_eq!(format!("{:?} {}", ours.lock().unwrap(), ours.try_lock().is_err()), "7 true");
    let held = (ours.lock().unwrap(), stds.lock().unwrap());
    assert_eq!(format!("{ours:#?}"), format!("{stds:#?}"));
    drop(held);
    let (ours, stds) = (RwLock::new(7), StdRwLock::new(7));
    assert_eq!(format!("{ours:?}"), format!("{stds:?}"));
    let held = (ours.write().unwrap(), stds.write().unwrap());
    assert_eq!(format!("{ours:?} {}", held.0), format!("{stds:?} {}", held.1));
    assert_eq!(format!("{:?}", Condvar::new()), format!("{:?}", std_types::Condvar::new()));
}
