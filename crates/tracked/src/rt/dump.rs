//! Who holds and who waits, on request: for a program that is stuck, from a debugger, a watchdog or a signal handler.
//!
//! Nothing here allocates, blocks, or resolves anything, so that it can be called where nothing else can: in an
//! allocator, with any lock held, when every other thread stands still. What cannot be read at once is left out. The
//! holds of a thread that runs are those of a moment, and may be of two.

use std::fmt::{self, Write};
use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use lockcheck_events::{Attempt, LockId, LockKind, Mode, ThreadId};

use super::context::{HeldLock, HoldSet, Shared};
use super::operation::Meta;
use super::waits::Awaited;
use super::{output, registry};

/// Bytes that are put together before they are written: most dumps come out in one piece, and the stack of a signal
/// handler has room for it.
const BLOCK: usize = 2048;
/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 80;

/// Writes to standard error what every thread holds and what it waits for. For programs that are stuck: it takes no
/// locks and allocates nothing.
pub fn dump() {
    let mut text = Text { block: [0; BLOCK], used: 0 };
    // A text in memory does not fail.
    let _ = describe(&mut text);
    text.flush();
}

/// Calls [`dump`] whenever this signal comes (`SIGUSR1`, say), in whichever thread it comes to. `LOCKCHECK_DUMP_SIGNAL`
/// asks for the same from outside.
///
/// # Errors
///
/// If the program handles the signal itself, or it is none that can be handled.
pub fn dump_on_signal(signal: i32) -> io::Result<()> {
    extern "C" fn handler(_: libc::c_int) {
        // What was interrupted goes on, and finds its error as it left it.
        #[cfg(target_os = "linux")]
        // SAFETY: gives the calling thread's own error number, which is there as long as the thread is.
        let before = unsafe { *libc::__errno_location() };
        dump();
        #[cfg(target_os = "linux")]
        // SAFETY: as above.
        unsafe {
            *libc::__errno_location() = before;
        }
    }
    let handler = handler as extern "C" fn(libc::c_int) as usize;
    // SAFETY: all zeros is an empty mask and no flags; the call writes to it what is in force, if the signal exists.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `action` is valid for writing, and nothing is changed.
    if unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if action.sa_sigaction == handler {
        return Ok(());
    }
    if action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the program handles this signal itself"));
    }
    action.sa_sigaction = handler;
    // Not on the alternate stack: std's has 8 KB, which is less than is needed where nothing is optimised.
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler has the required type and does only what may be done in one: it neither allocates nor waits.
    if unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if let Some(bit) = u32::try_from(signal - 1).ok().and_then(|place| 1_u64.checked_shl(place)) {
        DUMPED_ON.fetch_or(bit, Ordering::Relaxed);
    }
    Ok(())
}

/// The signals that `dump` answers, as the system counts them: those handlers end nobody's wait. Relaxed: a set of
/// bits, each of which says everything by itself.
static DUMPED_ON: AtomicU64 = AtomicU64::new(0);

/// The signals whose handlers are the run-time's own.
pub(crate) fn own_signals() -> u64 {
    DUMPED_ON.load(Ordering::Relaxed)
}

/// Does what `LOCKCHECK_DUMP_SIGNAL` asks for.
pub(crate) fn prepare() {
    let Some(wanted) = std::env::var_os("LOCKCHECK_DUMP_SIGNAL").filter(|wanted| !wanted.is_empty()) else {
        return;
    };
    let wanted = wanted.to_string_lossy();
    let done = match signal(&wanted) {
        Some(signal) => dump_on_signal(signal).map_err(|error| error.to_string()),
        None => Err("not the name (USR1, USR2, QUIT, HUP) or number of a signal".to_owned()),
    };
    if let Err(why) = done {
        output::print(&format!("lockcheck: LOCKCHECK_DUMP_SIGNAL={}: {why}\n", wanted.escape_debug()));
    }
}

/// The number of the signal that goes by this name or number.
fn signal(name: &str) -> Option<i32> {
    match name.strip_prefix("SIG").unwrap_or(name) {
        "USR1" => Some(libc::SIGUSR1),
        "USR2" => Some(libc::SIGUSR2),
        "QUIT" => Some(libc::SIGQUIT),
        "HUP" => Some(libc::SIGHUP),
        number => number.parse().ok(),
    }
}

/// Text on its way to standard error.
struct Text {
    block: [u8; BLOCK],
    used: usize,
}

impl Text {
    fn flush(&mut self) {
        output::print_bytes(&self.block[..self.used]);
        self.used = 0;
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == BLOCK {
                self.flush();
            }
            self.block[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

fn describe(text: &mut Text) -> fmt::Result {
    writeln!(text, "lockcheck: who holds and who waits")?;
    let mut result = Ok(());
    let all = registry::try_for_each_thread(|shared, holds| {
        if result.is_ok() {
            result = thread(text, shared, holds);
        }
    });
    if !all {
        writeln!(text, "  a thread is just coming or going; ask again")?;
    }
    result
}

fn thread(text: &mut Text, shared: &Shared, holds: &HoldSet) -> fmt::Result {
    write!(text, "  ")?;
    thread_name(text, shared.id())?;
    match shared.wait.awaited() {
        Some(Awaited { wanted, target }) => {
            let timed = if wanted.attempt == Attempt::Timed { ", with a timeout" } else { "" };
            write!(text, " waits{timed} at {} for ", wanted.site)?;
            match target {
                Some(target) => {
                    write!(text, "the end of ")?;
                    thread_name(text, target)?;
                }
                None => {
                    lock(text, &wanted)?;
                    holders(text, wanted.id)?;
                }
            }
            writeln!(text)?;
        }
        None => writeln!(text, " runs, or waits for something else")?,
    }
    for hold in holds.iter() {
        write!(text, "    holds ")?;
        lock(text, &hold)?;
        writeln!(text, ", taken at {}", hold.site)?;
    }
    Ok(())
}

/// Who holds the lock, at this moment.
fn holders(text: &mut Text, id: LockId) -> fmt::Result {
    let mut first = true;
    let mut result = Ok(());
    registry::try_for_each_thread(|shared, holds| {
        if result.is_ok() && holds.iter().any(|hold| hold.id == id) {
            result = write!(text, "{}", if first { ", held by " } else { " and " })
                .and_then(|()| thread_name(text, shared.id()));
            first = false;
        }
    });
    result
}

fn thread_name(text: &mut Text, id: ThreadId) -> fmt::Result {
    write!(text, "thread {}", id.0)?;
    // A table that nobody has used yet is not made here: that allocates.
    match LazyLock::get(&registry::THREADS).and_then(|threads| threads.try_get(&id).try_unwrap()) {
        Some(entry) => name(text, entry.name.as_deref()),
        None => Ok(()),
    }
}

fn lock(text: &mut Text, hold: &HeldLock) -> fmt::Result {
    let (kind, mode) = (registry::kind_at(hold.kind, hold.site).as_str(), hold.mode.as_str());
    write!(text, "{kind} {}", hold.id.0)?;
    if let Some(entry) =
        LazyLock::get(&registry::LOCKS).and_then(|locks| locks.try_get(&hold.id).try_unwrap())
    {
        name(text, entry.name.as_deref())?;
    }
    if hold.kind == LockKind::RwLock || hold.mode != Mode::Exclusive {
        write!(text, " ({mode})")?;
    }
    if Meta::is_nowhere(hold.created) {
        return Ok(());
    }
    write!(text, " created at {}", hold.created)
}

/// The user's name, harmless to a terminal.
fn name(text: &mut Text, name: Option<&str>) -> fmt::Result {
    let Some(name) = name else { return Ok(()) };
    write!(text, " `")?;
    for c in name.chars().take(NAME_CHARS_MAX) {
        text.write_char(if c.is_control() { '?' } else { c })?;
    }
    write!(text, "`")
}
