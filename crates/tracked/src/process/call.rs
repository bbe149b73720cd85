//! One call in another process: the block of memory that carries it there and back.
//!
//! The parent makes an anonymous file, writes the call into it, and leaves it open for the child; the child writes the
//! outcome behind it, and last of all the word that says that it is there. The parent reads that when the child has
//! ended: so no pipe can fill up between the two, and a child that is killed has either returned or not.
//!
//! ```text
//! header   64 bytes: magic [8], outcome is there u32, zeros u32, bytes of the call u64, bytes of the outcome u64, zeros
//! call     postcard of `Invocation`
//! outcome  postcard of `Outcome`
//! ```

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::entry;
use super::handle::{self, Inherited};
use super::watch::Origin;

const MAGIC: [u8; 8] = *b"lccall\0\x01";
const HEADER: u64 = 64;

/// What a child is to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Invocation {
    /// What the process is called.
    pub name: String,
    /// The function's name.
    pub entry: String,
    /// The point in the parent's life that the process comes after.
    pub origin: Origin,
    /// The descriptors that are left open for it, besides this one.
    pub handles: Vec<RawFd>,
    /// The arguments, encoded.
    pub arguments: Vec<u8>,
}

/// What became of a call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The function's result, encoded.
    Returned(Vec<u8>),
    /// It panicked, with this message.
    Panicked(String),
    /// There is no such function in the child.
    UnknownEntry,
    /// The arguments do not deserialise, for this reason.
    BadArguments(String),
    /// The result does not serialise, for this reason.
    BadResult(String),
}

/// The block, in either process.
pub(super) struct Block {
    file: File,
    call_bytes: u64,
    invocation: Option<Invocation>,
}

impl Block {
    /// Writes a call down, in the parent.
    pub(super) fn create(invocation: &Invocation) -> io::Result<Block> {
        let call = postcard::to_stdvec(invocation).map_err(io::Error::other)?;
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let file = File::from(rustix::fs::memfd_create("tracked-call", flags)?);
        let mut header = [0; HEADER as usize];
        header[..8].copy_from_slice(&MAGIC);
        header[16..24].copy_from_slice(&(call.len() as u64).to_ne_bytes());
        file.write_all_at(&header, 0)?;
        file.write_all_at(&call, HEADER)?;
        Ok(Block { file, call_bytes: call.len() as u64, invocation: None })
    }

    /// The block whose descriptor the parent left open, in the child.
    pub(super) fn inherited(number: RawFd) -> Result<Block, String> {
        // SAFETY: only looked at, to find out whether it is open; nothing is done with it if it is not.
        let borrowed = unsafe { (number > 2).then(|| BorrowedFd::borrow_raw(number)) };
        let open = borrowed.and_then(|fd| rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC).ok());
        open.ok_or_else(|| format!("descriptor {number} is not open"))?;
        // SAFETY: the descriptor is open, and the parent left it open for this process alone to take.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(number) });
        let mut header = [0; HEADER as usize];
        let whole = file.read_exact_at(&mut header, 0).is_ok();
        let size = file.metadata().map_or(0, |data| data.len());
        let call_bytes = word(&header, 16);
        if !whole || header[..8] != MAGIC || HEADER.checked_add(call_bytes).is_none_or(|end| end > size) {
            return Err(format!("descriptor {number} is not a call"));
        }
        let mut call = vec![0; call_bytes as usize];
        file.read_exact_at(&mut call, HEADER).map_err(|error| error.to_string())?;
        let invocation = entry::decode(&call)?;
        Ok(Block { file, call_bytes, invocation: Some(invocation) })
    }

    /// The call, in the child.
    pub(super) fn invocation(&self) -> &Invocation {
        self.invocation.as_ref().expect("the child has read it")
    }

    /// Runs `call` on the arguments, among which descriptors stand for what the process inherits.
    pub(super) fn with_handles<R>(&self, call: impl FnOnce(&[u8]) -> R) -> R {
        let invocation = self.invocation();
        // SAFETY: the parent left these descriptors open for this process alone to take, and this is the one time.
        let inherited = unsafe { Inherited::take(&invocation.handles) };
        handle::adopting(inherited, || call(&invocation.arguments))
    }

    /// Writes the outcome down, in the child.
    pub(super) fn finish(&self, outcome: &Outcome) -> io::Result<()> {
        let bytes = postcard::to_stdvec(outcome).map_err(io::Error::other)?;
        self.file.write_all_at(&bytes, HEADER + self.call_bytes)?;
        self.file.write_all_at(&(bytes.len() as u64).to_ne_bytes(), 24)?;
        self.file.write_all_at(&1u32.to_ne_bytes(), 8)
    }

    /// The outcome, in the parent, when the child has ended; `None` if it died before it had one.
    pub(super) fn outcome(&self) -> Result<Option<Outcome>, String> {
        let mut header = [0; HEADER as usize];
        let text = |error: io::Error| error.to_string();
        self.file.read_exact_at(&mut header, 0).map_err(text)?;
        if header[8..12] != 1u32.to_ne_bytes() {
            return Ok(None);
        }
        let mut bytes = vec![0; word(&header, 24) as usize];
        self.file.read_exact_at(&mut bytes, HEADER + self.call_bytes).map_err(text)?;
        entry::decode(&bytes).map(Some)
    }

    pub(super) fn number(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl AsFd for Block {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn word(header: &[u8; HEADER as usize], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    u64::from_ne_bytes(bytes)
}

/// A function that takes `Arguments`, one value for each, so that both can travel to another process.
pub trait Call<Arguments> {
    /// What it returns.
    type Output: Serialize + DeserializeOwned;
}

macro_rules! callable {
    ($($argument:ident)*) => {
        impl<F, Output, $($argument),*> Call<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Output,
            Output: Serialize + DeserializeOwned,
        {
            type Output = Output;
        }
    };
}

callable!();
callable!(A);
callable!(A B);
callable!(A B C);
callable!(A B C D);
callable!(A B C D E);
callable!(A B C D E G);
callable!(A B C D E G H);
callable!(A B C D E G H I);
