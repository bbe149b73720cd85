//! Raw stacks: captured as addresses, resolved only when a report needs them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

use lockcheck_events::{Frame, Record, StackId};
use lockcheck_report::Backtrace;

use super::{names, registry};

/// Frames kept of a stack.
const FRAMES_MAX: usize = 64;

/// What `LOCKCHECK_BACKTRACE` asks for; the user's frames without it.
pub(crate) fn wanted() -> Backtrace {
    static WANTED: OnceLock<Backtrace> = OnceLock::new();
    *WANTED.get_or_init(|| {
        Backtrace::from_setting(&std::env::var("LOCKCHECK_BACKTRACE").unwrap_or_default())
    })
}

/// Captures the caller's stack and adds the record that describes it. No lock of ours may be held: walking a stack
/// takes the dynamic loader's.
pub(crate) fn capture(records: &mut Vec<Record>) -> StackId {
    if wanted() == Backtrace::None {
        return StackId(0);
    }
    let mut addresses = Vec::with_capacity(FRAMES_MAX);
    let each = |frame: &backtrace::Frame| {
        addresses.push(frame.ip() as u64);
        addresses.len() < FRAMES_MAX
    };
    // SAFETY: concurrent walks are a problem on Windows only (dbghelp), where the synchronised form is used.
    #[cfg(not(windows))]
    unsafe {
        backtrace::trace_unsynchronized(each);
    }
    #[cfg(windows)]
    backtrace::trace(each);
    if addresses.is_empty() {
        return StackId(0);
    }
    // Relaxed: only uniqueness matters. From 1: 0 is no stack.
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let stack = StackId(NEXT.fetch_add(1, Ordering::Relaxed));
    registry::STACKS.insert(stack, addresses.clone());
    records.push(Record::Stack { stack, addresses });
    stack
}

/// The frames of a captured stack, innermost first.
pub(crate) fn resolve(stack: StackId) -> Vec<Frame> {
    let Some(addresses) = registry::STACKS.get(&stack).map(|addresses| addresses.clone()) else {
        return Vec::new();
    };
    let mut frames = Vec::new();
    for (depth, &address) in addresses.iter().enumerate() {
        // A return address names the instruction after the call.
        let address = if depth == 0 { address } else { address.saturating_sub(1) };
        backtrace::resolve(address as *mut std::ffi::c_void, |symbol| {
            let function = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            let file = symbol.filename().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
            frames.push(names::frame(function, &file, symbol.lineno().unwrap_or(0)));
        });
    }
    frames
}
