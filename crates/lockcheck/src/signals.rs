//! Turns signals into bytes on a socket, so that one `poll` waits for signals and everything else, and tells those
//! that the terminal sent to the whole foreground group from those that somebody sent to this process.
//!
//! Signals that are ignored when the tool starts (`nohup`) stay ignored, for the program too. Dropping [`Signals`]
//! puts the former dispositions back. What a signal means is `process`'s business.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};

/// Signals that are meant for the watched program.
pub const FORWARDED: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP];

/// Where the handler writes; -1 while nobody listens. The descriptor it names is never closed while it stands here.
static SINK: AtomicI32 = AtomicI32::new(-1);

/// A signal that came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// Its number.
    pub signal: i32,
    /// Whether the kernel sent it, which for a keyboard signal means: to the whole foreground process group.
    pub from_kernel: bool,
}

/// Listens as long as it lives. At most one at a time.
pub struct Signals {
    source: UnixStream,
    former: Vec<(i32, libc::sigaction)>,
}

impl Signals {
    /// Starts to listen for SIGCHLD and all of [`FORWARDED`] that are not ignored.
    pub fn listen() -> io::Result<Signals> {
        let (source, sink) = UnixStream::pair()?;
        source.set_nonblocking(true)?;
        sink.set_nonblocking(true)?;
        if SINK.load(Ordering::Acquire) != -1 {
            return Err(io::Error::other("somebody listens for signals already"));
        }
        SINK.store(sink.into_raw_fd(), Ordering::Release);
        let mut signals = Signals { source, former: Vec::new() };
        for signal in FORWARDED.into_iter().chain([libc::SIGCHLD]) {
            if let Some(former) = install(signal)? {
                signals.former.push((signal, former));
            }
        }
        Ok(signals)
    }

    /// What has come in since the last call.
    pub fn take(&mut self) -> Vec<Arrived> {
        let mut bytes = [0; 256];
        let mut arrived = Vec::new();
        while let Ok(count @ 1..) = self.source.read(&mut bytes) {
            let parts = bytes[..count].chunks_exact(2);
            arrived.extend(parts.map(|part| Arrived { signal: part[0].into(), from_kernel: part[1] == 1 }));
        }
        arrived
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (signal, former) in &self.former {
            // SAFETY: `former` is what the system gave for this signal.
            unsafe { libc::sigaction(*signal, former, std::ptr::null_mut()) };
        }
        // The sink stays open: a handler that another thread is still in may write to it, and to nothing else.
        SINK.store(-1, Ordering::Release);
    }
}

/// Sets the handler; gives the former disposition, or nothing where the signal is ignored and stays so.
fn install(signal: i32) -> io::Result<Option<libc::sigaction>> {
    // SAFETY: all-zero bytes are a valid `sigaction`: the default disposition, no flags, an empty mask.
    let mut former: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks only; `former` is a valid place for the answer.
    if unsafe { libc::sigaction(signal, std::ptr::null(), &mut former) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if former.sa_sigaction == libc::SIG_IGN && signal != libc::SIGCHLD {
        return Ok(None);
    }
    // SAFETY: as above.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = handle;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_NOCLDSTOP;
    // SAFETY: `handle` does only what a signal handler may do; the pointers are valid.
    if unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Some(former))
}

/// Async-signal-safe: an atomic load and a `send` that does not block. A full socket means that there is plenty to
/// wake up for.
extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let sink = SINK.load(Ordering::Acquire);
    if sink == -1 {
        return;
    }
    // SAFETY: with SA_SIGINFO the system passes a valid `info`.
    let from_kernel = unsafe { (*info).si_code } == SI_KERNEL;
    let bytes = [signal as u8, u8::from(from_kernel)];
    // SAFETY: the location is the calling thread's own.
    let errno = unsafe { *errno_location() };
    // SAFETY: sends two bytes of a live buffer to a socket that stays open.
    unsafe { libc::send(sink, bytes.as_ptr().cast(), bytes.len(), libc::MSG_DONTWAIT) };
    // SAFETY: as above; the interrupted code must not see another value.
    unsafe { *errno_location() = errno };
}

#[cfg(target_os = "linux")]
const SI_KERNEL: i32 = libc::SI_KERNEL;
/// Elsewhere a keyboard signal carries no code at all.
#[cfg(not(target_os = "linux"))]
const SI_KERNEL: i32 = 0;

#[cfg(target_os = "linux")]
fn errno_location() -> *mut i32 {
    // SAFETY: has no preconditions.
    unsafe { libc::__errno_location() }
}

#[cfg(not(target_os = "linux"))]
fn errno_location() -> *mut i32 {
    // SAFETY: has no preconditions.
    unsafe { libc::__error() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_arrive_as_data_and_dispositions_come_back() {
        // Under `nohup` it is ignored, and would stay so.
        // SAFETY: nothing else here has set a handler.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
        let mut signals = Signals::listen().unwrap();
        // SAFETY: the handler is installed, so that this does not end the process.
        unsafe { libc::raise(libc::SIGHUP) };
        let expected = Arrived { signal: libc::SIGHUP, from_kernel: false };
        assert!(signals.take().contains(&expected));
        assert!(Signals::listen().is_err());
        drop(signals);
        // SAFETY: asks only.
        let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: `now` is a valid place for the answer.
        unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), &mut now) };
        assert_eq!(now.sa_sigaction, libc::SIG_DFL);
    }
}
