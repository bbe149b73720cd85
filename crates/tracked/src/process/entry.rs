//! Entry points: the functions that a process can be started with, and the first steps of a process that was.
//!
//! `#[entry]` registers a function where it stands ([`inventory`]); a child finds it by its name, which is the same in
//! parent and child because both are the same executable.

use std::any::type_name;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::{Block, Outcome};
use super::error::Cause;
use super::handle;

/// The first argument of a process that runs an entry point; the second is the number of its call's descriptor, the
/// third its name, for whoever lists processes.
pub(super) const MARK: &str = "--tracked-process";

/// A function that a process can be started with.
#[doc(hidden)]
pub struct Entry {
    name: fn() -> &'static str,
    run: fn(Arguments<'_>) -> Result<Vec<u8>, Failed>,
}

inventory::collect!(Entry);

/// The arguments of a call, encoded.
#[doc(hidden)]
pub struct Arguments<'a>(&'a [u8]);

/// Why a call did not get as far as its function, or not back from it.
#[doc(hidden)]
#[derive(Debug)]
pub enum Failed {
    /// The arguments do not deserialise.
    Arguments(String),
    /// The result does not serialise.
    Result(String),
}

impl Entry {
    /// For what `#[entry]` expands to.
    #[doc(hidden)]
    pub const fn new(name: fn() -> &'static str, run: fn(Arguments<'_>) -> Result<Vec<u8>, Failed>) -> Entry {
        Entry { name, run }
    }

    /// The entry point of this name.
    pub(super) fn find(name: &str) -> Result<&'static Entry, Cause> {
        let mut found = inventory::iter::<Entry>.into_iter().filter(|entry| (entry.name)() == name);
        match (found.next(), found.next()) {
            (Some(entry), None) => Ok(entry),
            (Some(_), Some(_)) => Err(Cause::AmbiguousEntry),
            (None, _) => Err(Cause::UnknownEntry),
        }
    }

    /// Runs the function; a panic becomes an outcome.
    pub(super) fn call(&self, arguments: &[u8]) -> Outcome {
        match catch_unwind(AssertUnwindSafe(|| (self.run)(Arguments(arguments)))) {
            Ok(Ok(result)) => Outcome::Returned(result),
            Ok(Err(Failed::Arguments(reason))) => Outcome::BadArguments(reason),
            Ok(Err(Failed::Result(reason))) => Outcome::BadResult(reason),
            Err(panic) => Outcome::Panicked(message(&*panic)),
        }
    }
}

/// A panic's message.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

impl Arguments<'_> {
    /// The arguments as values.
    ///
    /// # Errors
    ///
    /// If the bytes are not those of such values.
    pub fn decode<T: DeserializeOwned>(self) -> Result<T, Failed> {
        let decoded = decode(self.0);
        // What the process inherited and no argument took is closed.
        handle::adopted();
        decoded.map_err(Failed::Arguments)
    }
}

/// The value that these bytes stand for, all of them.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| error.to_string())?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes are left over", rest.len())) }
}

/// The bytes of a result.
///
/// # Errors
///
/// If it does not serialise.
#[doc(hidden)]
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Failed> {
    postcard::to_stdvec(value).map_err(|error| Failed::Result(error.to_string()))
}

/// The name under which a function item is known.
pub(super) fn name_of<F>(_: &F) -> &'static str {
    type_name::<F>()
}

static INITIALISED: AtomicBool = AtomicBool::new(false);
static NAME: OnceLock<String> = OnceLock::new();

/// Whether the program has called [`init`].
pub(super) fn is_initialised() -> bool {
    // Relaxed: the flag orders nothing; who starts processes has seen the call, or was started by one who has.
    INITIALISED.load(Ordering::Relaxed)
}

/// Makes the program one that can start processes: to be called first in `main`.
///
/// In a process that was started by this module it runs the entry point and ends the process; it returns only in the
/// one that the user started.
pub fn init() {
    INITIALISED.store(true, Ordering::Relaxed);
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != MARK) {
        return;
    }
    let number = arguments.next().and_then(|number| number.to_str()?.parse().ok());
    let code = match number.ok_or("no descriptor is given".to_owned()).and_then(Block::inherited) {
        Ok(block) => run(&block),
        Err(reason) => {
            eprintln!("{MARK} is for processes that the program starts by itself: {reason}");
            2
        }
    };
    std::process::exit(code);
}

/// Runs the call, and gives the process's exit code: that of a panic, if it is one.
fn run(block: &Block) -> i32 {
    let invocation = block.invocation();
    let _ = NAME.set(invocation.name.clone());
    // Only for whoever looks at the list of processes.
    let mut short = invocation.name.clone();
    short.truncate(short.floor_char_boundary(15));
    if let Ok(short) = std::ffi::CString::new(short) {
        let _ = rustix::thread::set_name(&short);
    }
    super::watch::started(&invocation.name, invocation.origin);
    let outcome = match Entry::find(&invocation.entry) {
        Ok(entry) => block.with_handles(|arguments| entry.call(arguments)),
        Err(_) => Outcome::UnknownEntry,
    };
    let code = match outcome {
        Outcome::Returned(_) => 0,
        Outcome::Panicked(_) => 101,
        _ => 1,
    };
    if let Err(error) = block.finish(&outcome) {
        eprintln!("process `{}`: {}: the result is lost: {error}", invocation.name, invocation.entry);
        return 1;
    }
    code
}

/// The calling process's name: what its parent called it, or `main`.
pub fn name() -> &'static str {
    NAME.get().map_or("main", String::as_str)
}

thread_local! {
    /// Scratch for encoding, kept between messages.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Encodes `value` into scratch space and runs `work` on the bytes.
pub(super) fn with_encoded<T: Serialize + ?Sized, R>(
    value: &T,
    work: impl FnOnce(&[u8]) -> R,
) -> Result<R, String> {
    let mut scratch = SCRATCH.take();
    scratch.clear();
    let bytes = postcard::to_extend(value, scratch).map_err(|error| error.to_string())?;
    let result = work(&bytes);
    SCRATCH.set(bytes);
    Ok(result)
}
