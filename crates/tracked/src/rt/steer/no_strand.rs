//! In the place of `strand.rs` where threads cannot be switched without the kernel: nothing is ever carried, and nothing
//! of this is ever called but the question whether it can be.

/// What there is none of.
pub(super) enum Strand {}

/// By whom a strand was taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TakenUp {
    /// By the kernel thread that explores.
    Carried,
}

/// Whether it can be done.
pub(super) fn is_possible() -> bool {
    false
}

/// The kernel's number for the calling thread, if it may run on another kernel thread than its own: it never does.
#[cfg(target_os = "linux")]
pub(crate) fn task() -> Option<u32> {
    None
}

impl Strand {
    pub(super) fn new() -> Strand {
        unreachable!("there is no carrier")
    }

    pub(super) fn explores(&self) {
        match *self {}
    }

    pub(super) fn is_aboard(&self) -> bool {
        match *self {}
    }

    /// # Safety
    ///
    /// There is none.
    pub(super) unsafe fn board(&self) -> TakenUp {
        match *self {}
    }

    /// # Safety
    ///
    /// There is none.
    pub(super) unsafe fn switch_to(&self, _other: &Strand) -> TakenUp {
        match *self {}
    }

    /// # Safety
    ///
    /// There is none.
    pub(super) unsafe fn send_home(strand: *const Strand) {
        // SAFETY: the caller has one.
        let strand = unsafe { &*strand };
        match *strand {}
    }

    pub(super) fn wait_until_aboard(&self) {
        match *self {}
    }
}
