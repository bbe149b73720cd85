//! The process's wait board: waits that another process could end, and waits that have no timeout although they are
//! slept through in parts, for the CLI to see while they last. See [`lockcheck_events::wait_board`] for what stands there.
//!
//! Nothing in this process reads it, and without the CLI there is none.

use std::sync::OnceLock;

use lockcheck_events::Attempt;
use lockcheck_events::wait_board::{Awaited, PublishedWait, WaitBoard};

use super::context::Thread;
use super::{knowledge, lifecycle, output, registry};

/// Made when a thread first has something to post.
static BOARD: OnceLock<Option<WaitBoard>> = OnceLock::new();

/// A wait that stands on the board; it is taken off when this is dropped.
pub(crate) struct Posted {
    board: &'static WaitBoard,
    line: usize,
}

impl Drop for Posted {
    fn drop(&mut self) {
        self.board.retract(self.line);
    }
}

/// Posts the wait that `thread`, the calling one, has published to its own process, unless that ends by itself. The
/// object's records are in the trace before the wait is on the board.
pub(crate) fn post(thread: &Thread, awaited: Awaited) -> Option<Posted> {
    if !output::under_cli() {
        return None;
    }
    let (wanted, stack) = thread.wait_slot().own_wait()?;
    if wanted.attempt != Attempt::Block {
        return None;
    }
    knowledge::introduce(thread, &wanted, None);
    let _busy = thread.enter();
    let board = BOARD.get_or_init(output::open_board).as_ref()?;
    // Slots are numbered from 1.
    let line = (thread.slot() as usize).checked_sub(1)?;
    let wait = PublishedWait {
        sequence: 0,
        task: lifecycle::os_id() as u32,
        thread: thread.id(),
        event: wanted.event,
        lock: wanted.id,
        site: registry::site(wanted.site),
        stack,
        awaited,
    };
    board.publish(line, &wait).then_some(Posted { board, line })
}
