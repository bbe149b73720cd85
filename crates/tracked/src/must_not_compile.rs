//! What must not compile, as documentation tests: nothing is covariant where std's is not. (That guards are not `Send`,
//! and the like, `tests/parity` proves.) Each example that fails has a twin beside it that differs in the lifetime
//! alone and compiles, so that it can fail for no other reason.

macro_rules! invariant {
    ($($name:ident: $type:literal;)*) => {$(
        #[doc = concat!("```\nfn same<'a>(long: ", $type, "<&'a u8>) -> ", $type, "<&'a u8> { long }\n```\n")]
        #[doc = concat!(
            "```compile_fail\nfn shorter<'a>(long: ", $type, "<&'static u8>) -> ", $type, "<&'a u8> { long }\n```\n"
        )]
        mod $name {}
    )*};
}

invariant! {
    mutex: "tracked::sync::Mutex";
    rw_lock: "tracked::sync::RwLock";
    once_lock: "tracked::sync::OnceLock";
    lazy_lock: "tracked::sync::LazyLock";
    sender: "tracked::sync::mpsc::Sender";
    sync_sender: "tracked::sync::mpsc::SyncSender";
    receiver: "tracked::sync::mpsc::Receiver";
    join_handle: "tracked::thread::JoinHandle";
}

macro_rules! invariant_guard {
    ($($name:ident: $type:literal;)*) => {$(
        #[doc = concat!(
            "```\nfn same<'a>(long: ", $type, "<'a, &'a u8>) -> ", $type, "<'a, &'a u8> { long }\n```\n"
        )]
        #[doc = concat!(
            "```compile_fail\nfn shorter<'a>(long: ", $type, "<'a, &'static u8>) -> ", $type,
            "<'a, &'a u8> { long }\n```\n"
        )]
        mod $name {}
    )*};
}

invariant_guard! {
    mutex_guard: "tracked::sync::MutexGuard";
    write_guard: "tracked::sync::RwLockWriteGuard";
    scoped_join_handle: "tracked::thread::ScopedJoinHandle";
}
