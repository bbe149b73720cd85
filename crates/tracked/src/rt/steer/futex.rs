//! A word that threads of this process sleep on in the kernel: Linux's futex, for [`super::seat`] and [`super::strand`].
//!
//! Not here: what the words mean, and who may look at them when.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while the word has this value, which is looked at in one step with falling asleep, or for so long at the most. May
/// end for no reason.
pub(super) fn wait(word: &AtomicU32, value: u32, patience: Option<Duration>) {
    let patience = patience.map(|patience| libc::timespec {
        tv_sec: patience.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(patience.subsec_nanos()),
    });
    let until = patience.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word and the time live longer than the call.
    unsafe {
        let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, until);
    }
}

/// Ends the sleep of all who sleep on the word. It need not be there any more: nothing but its address is used.
pub(super) fn wake(word: *const u32) {
    // SAFETY: the kernel reads nothing at the address.
    unsafe {
        libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX);
    }
}
