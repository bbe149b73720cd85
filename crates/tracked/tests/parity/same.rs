//! Types that the mirrors take from std: nothing more can be asked of them than to be the same.

/// Functions that compile only where both paths name one type, and the list of the paths.
macro_rules! same {
    ($list:ident: $($first:ident $(:: $rest:ident)* $(<$($argument:tt),*>)?,)*) => {
        const $list: &[&str] = &[$(concat!("std::", stringify!($first) $(, "::", stringify!($rest))*)),*];
        const _: () = {
            $(
                const _: fn(
                    std::$first $(:: $rest)* $(<$($argument),*>)?,
                ) -> tracked::$first $(:: $rest)* $(<$($argument),*>)? = |same| same;
            )*
        };
    };
}

same! { ALWAYS:
    sync::Arc<u8>,
    sync::Weak<u8>,
    sync::OnceState,
    sync::PoisonError<u8>,
    sync::TryLockError<u8>,
    sync::LockResult<u8>,
    sync::TryLockResult<u8>,
    sync::mpsc::SendError<u8>,
    sync::mpsc::TrySendError<u8>,
    sync::mpsc::RecvError,
    sync::mpsc::TryRecvError,
    sync::mpsc::RecvTimeoutError,
    sync::atomic::Ordering,
    thread::ThreadId,
    thread::LocalKey<u8>,
    thread::AccessError,
    thread::Result<u8>,
}

#[cfg(not(any(feature = "check", lockcheck)))]
same! { WITHOUT_CHECK:
    sync::atomic::AtomicBool,
    sync::atomic::AtomicUsize,
    sync::atomic::AtomicPtr<u8>,
    sync::Mutex<u8>,
    sync::MutexGuard<'static, u8>,
    sync::RwLock<u8>,
    sync::RwLockReadGuard<'static, u8>,
    sync::RwLockWriteGuard<'static, u8>,
    sync::Condvar,
    sync::WaitTimeoutResult,
    sync::Once,
    sync::OnceLock<u8>,
    sync::LazyLock<u8>,
    sync::Barrier,
    sync::BarrierWaitResult,
    sync::mpsc::Sender<u8>,
    sync::mpsc::SyncSender<u8>,
    sync::mpsc::Receiver<u8>,
    sync::mpsc::Iter<'static, u8>,
    sync::mpsc::TryIter<'static, u8>,
    sync::mpsc::IntoIter<u8>,
    thread::Builder,
    thread::Thread,
    thread::JoinHandle<u8>,
    thread::Scope<'static, 'static>,
    thread::ScopedJoinHandle<'static, u8>,
}

/// Whether the type at this path is std's own, whatever the features.
pub fn is_same(path: &str) -> bool {
    ALWAYS.contains(&path)
}

/// The types that must be std's own with the feature off are exactly those that are watched with it on.
#[cfg(not(any(feature = "check", lockcheck)))]
#[test]
fn with_check_off_every_type_of_the_list_is_stds() {
    for row in crate::rows::read("std") {
        let declares = row.stable && row.item == "(decl)";
        assert!(
            !declares || is_same(&row.path) || WITHOUT_CHECK.contains(&row.path.as_str()),
            "{row}: is it std's own?"
        );
    }
}
