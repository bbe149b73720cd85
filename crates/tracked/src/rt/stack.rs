//! Raw stacks: captured as addresses, resolved only when a report needs them.

use std::collections::HashMap;
use std::sync::OnceLock;

use lockcheck_events::{Frame, Record, StackId, function_name};
use lockcheck_report::Backtrace;

use super::context::{HeldLock, Thread};
use super::hash::{ByNumber, fold};
use super::{names, registry};

/// Frames kept of a stack.
const FRAMES_MAX: usize = 64;
/// Stacks that a thread captures for one set of held sites and wanted site; requests beyond share the last. Many
/// locks taken at the same lines by one thread cost no more than this.
const CAPTURES_MAX: u8 = 8;

/// The stacks a thread has captured: by its held sites and the wanted one, how many so far and the last.
pub(crate) type Captured = HashMap<u64, (u8, StackId), ByNumber>;

/// What tells apart the sites of requests, not their locks.
fn sites_key(thread: &Thread, wanted: &HeldLock) -> u64 {
    let sites = thread.holds().iter().chain([*wanted]);
    sites.fold(0, |key, hold| fold(std::ptr::from_ref(hold.site) as u64, key.rotate_left(24)))
}

/// The stack of a request that teaches something: captured now, unless its lines have had their share.
pub(crate) fn of_request(thread: &Thread, wanted: &HeldLock, records: &mut Vec<Record>) -> StackId {
    let (count, last) = thread.captured().entry(sites_key(thread, wanted)).or_default();
    if *count < CAPTURES_MAX {
        *count += 1;
        *last = capture(records);
    }
    *last
}

/// The stack of a wait: captured the first time a thread waits at these lines.
pub(crate) fn of_wait(thread: &Thread, wanted: &HeldLock, records: &mut Vec<Record>) -> StackId {
    let (count, last) = thread.captured().entry(sites_key(thread, wanted)).or_default();
    if *count == 0 {
        *count = 1;
        *last = capture(records);
    }
    *last
}

/// The stack last captured for a request at these lines, by the calling thread.
pub(crate) fn last_at(thread: &Thread, wanted: &HeldLock) -> StackId {
    if thread.held_len() == 0 {
        return StackId(0);
    }
    thread.captured().get(&sites_key(thread, wanted)).map_or(StackId(0), |(_, last)| *last)
}

/// What `LOCKCHECK_BACKTRACE` asks for; the user's frames without it.
pub(crate) fn wanted() -> Backtrace {
    static WANTED: OnceLock<Backtrace> = OnceLock::new();
    *WANTED.get_or_init(|| Backtrace::from_setting(&std::env::var("LOCKCHECK_BACKTRACE").unwrap_or_default()))
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
    let (stack, new) = registry::stack(&addresses);
    if new {
        records.push(Record::Stack { stack, addresses });
    }
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
            let function = symbol
                .name()
                .map(|name| function_name(name.as_bytes(), &format!("{name:#}")))
                .unwrap_or_default();
            let file = symbol.filename().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
            frames.push(names::frame(function, &file, symbol.lineno().unwrap_or(0)));
        });
    }
    frames
}
