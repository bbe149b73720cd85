//! Who holds and who waits, on request: for a program that is stuck, from a debugger, a watchdog or a signal handler.
//!
//! Nothing here allocates, blocks, or resolves anything, so that it can be called where nothing else can: in an
//! allocator, with any lock held, when every other thread stands still. What cannot be read at once is left out. The
//! holds of a thread that runs are those of a moment, and may be of two.

use std::fmt::{self, Write};

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
    match registry::THREADS.try_get(&id).try_unwrap() {
        Some(entry) => name(text, entry.name.as_deref()),
        None => Ok(()),
    }
}

fn lock(text: &mut Text, hold: &HeldLock) -> fmt::Result {
    let (kind, mode) = (registry::kind_at(hold.kind, hold.site).as_str(), hold.mode.as_str());
    write!(text, "{kind} {}", hold.id.0)?;
    if let Some(entry) = registry::LOCKS.try_get(&hold.id).try_unwrap() {
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
