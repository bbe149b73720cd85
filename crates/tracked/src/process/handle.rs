//! Descriptors among the arguments of a process. While arguments are encoded, each shared object hands in the
//! descriptor behind it and is encoded as its number; the child is started with these left open, under the same
//! numbers, and takes them when it decodes.
//!
//! Anywhere else (in a message, a file) a shared object does not serialise: the descriptor would not be there.

use std::cell::RefCell;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

thread_local! {
    /// The numbers handed in, while arguments are encoded.
    static HANDED_IN: RefCell<Option<Vec<RawFd>>> = const { RefCell::new(None) };
    /// What can be taken, while arguments are decoded.
    static INHERITED: RefCell<Option<Inherited>> = const { RefCell::new(None) };
}

const ELSEWHERE: &str = "a shared object travels in the arguments of a process only";

/// The descriptors that a process inherits.
pub(super) struct Inherited(Vec<OwnedFd>);

impl Inherited {
    /// # Safety
    ///
    /// These descriptors are open if they ever were, and nobody else has them.
    pub(super) unsafe fn take(numbers: &[RawFd]) -> Inherited {
        let is_open = |&&number: &&RawFd| {
            // SAFETY: only asked about, and not used if it is not open.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            number > 2 && rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC).is_ok()
        };
        // SAFETY: open, and nobody else's by the caller's promise.
        let take = |&number: &RawFd| unsafe { OwnedFd::from_raw_fd(number) };
        Inherited(numbers.iter().filter(is_open).map(take).collect())
    }
}

/// Runs `encode`; gives its result and the descriptors that shared objects handed in meanwhile.
pub(super) fn collecting<R>(encode: impl FnOnce() -> R) -> (R, Vec<RawFd>) {
    let before = HANDED_IN.replace(Some(Vec::new()));
    let result = encode();
    let mut handed_in = HANDED_IN.replace(before).unwrap_or_default();
    handed_in.sort_unstable();
    handed_in.dedup();
    (result, handed_in)
}

/// Runs `decode`, which can take what is inherited.
pub(super) fn adopting<R>(inherited: Inherited, decode: impl FnOnce() -> R) -> R {
    INHERITED.set(Some(inherited));
    decode()
}

/// The arguments have been decoded: what nobody took is closed.
pub(super) fn adopted() {
    INHERITED.set(None);
}

/// A descriptor on its way to another process, or from one.
pub(super) enum Handle<'a> {
    Lent(BorrowedFd<'a>),
    Own(OwnedFd),
}

impl Handle<'_> {
    /// The descriptor, where it was decoded.
    pub(super) fn into_owned(self) -> std::io::Result<OwnedFd> {
        match self {
            Handle::Lent(fd) => fd.try_clone_to_owned(),
            Handle::Own(fd) => Ok(fd),
        }
    }
}

impl Serialize for Handle<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = match self {
            Handle::Lent(fd) => fd.as_raw_fd(),
            Handle::Own(fd) => fd.as_raw_fd(),
        };
        let noted = HANDED_IN.with_borrow_mut(|handed_in| handed_in.as_mut().map(|all| all.push(number)));
        noted.ok_or_else(|| ser::Error::custom(ELSEWHERE))?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Handle<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Handle<'static>, D::Error> {
        let number = RawFd::deserialize(deserializer)?;
        INHERITED.with_borrow(|inherited| {
            let inherited = inherited.as_ref().ok_or_else(|| de::Error::custom(ELSEWHERE))?;
            let fd = inherited.0.iter().find(|fd| fd.as_raw_fd() == number);
            let fd = fd.ok_or_else(|| de::Error::custom("no such descriptor was inherited"))?;
            // A copy: the same object may stand among the arguments more than once.
            fd.try_clone().map(Handle::Own).map_err(de::Error::custom)
        })
    }
}
