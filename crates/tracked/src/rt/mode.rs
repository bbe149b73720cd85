//! The one process-wide mode word. A thread asks it when it arrives and keeps the answer in its own word, which every
//! operation reads.

use std::sync::Once;
use std::sync::atomic::{AtomicU8, Ordering};

use super::output;

/// Nobody has asked yet; the environment decides on first use.
const UNDECIDED: u8 = 0;
/// Every type is its real lock and nothing else.
const OFF: u8 = 1;
/// The online detector watches.
const CHECK: u8 = 2;
/// It does, and every event goes to a file.
const RECORD: u8 = 3;

/// Relaxed throughout: the word orders nothing. A thread that still sees the old mode behaves as it would have a
/// moment earlier.
static MODE: AtomicU8 = AtomicU8::new(UNDECIDED);

/// Whether the detector watches.
pub(crate) fn watching() -> bool {
    MODE.load(Ordering::Relaxed) >= CHECK
}

/// Whether events are recorded.
pub(crate) fn recording() -> bool {
    MODE.load(Ordering::Relaxed) == RECORD
}

/// Decides on the mode if nobody has, and says whether the detector watches.
#[cold]
pub(crate) fn decide() -> bool {
    static DECIDE: Once = Once::new();
    DECIDE.call_once(|| {
        let word = std::env::var_os("LOCKCHECK").unwrap_or_default();
        // A child of fork may have set OFF before its first look at the environment; keep that.
        let chosen = match word.to_str() {
            Some("off") => OFF,
            Some("record") => RECORD,
            Some("" | "check" | "explore") => CHECK,
            _ => {
                // Without an allocation: the allocator may be who asks.
                output::print("lockcheck: LOCKCHECK=");
                output::print_bytes(word.as_encoded_bytes());
                output::print(" is not known; expected off, check, record or explore: going on with check\n");
                CHECK
            }
        };
        let _ = MODE.compare_exchange(UNDECIDED, chosen, Ordering::Relaxed, Ordering::Relaxed);
    });
    watching()
}

/// Stops watching for good: the child of a fork has only one of the threads and none of their promises.
pub(crate) fn turn_off() {
    MODE.store(OFF, Ordering::Relaxed);
}
