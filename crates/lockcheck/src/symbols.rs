//! Names for the raw addresses of a process that is dead: functions, inlined ones included, with file and line, from
//! the debug information of the files it had loaded (addr2line).
//!
//! Reading debug information takes longer than everything else about a report, so it can start while the program
//! still runs: [`Symbols::preload`]. What is the user's code and what is not is `SourceMap`'s business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use addr2line::Loader;

/// Files whose debug information is kept at a time, and inlined frames taken from one address.
const FILES_MAX: usize = 64;
const INLINED_MAX: usize = 256;

/// One function an address lies in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// Demangled, without the hash at its end.
    pub function: String,
    /// As the debug information has it.
    pub file: Option<String>,
    /// From 1; 0 where unknown.
    pub line: u32,
}

/// Debug information by file. Shared between threads.
#[derive(Default, Clone)]
pub struct Symbols {
    /// `None` for files that cannot be read.
    files: Arc<Mutex<HashMap<String, Option<Loader>>>>,
}

impl Symbols {
    /// Starts to read a file's debug information in the background. Whoever needs it meanwhile waits for it.
    pub fn preload(&self, path: &str) {
        let (path, symbols) = (path.to_owned(), self.clone());
        let read = move || {
            let mut files = symbols.files();
            if let Some(loader) = load(&mut files, &path) {
                // The first look-up builds the index over all units.
                let start = loader.get_section_range(b".text").map_or(0, |range| range.begin);
                let _ = loader.find_frames(start).map(|mut frames| frames.next().is_ok());
            }
        };
        // Without the thread, the first look-up reads it.
        let _ = std::thread::Builder::new().name("symbols".to_owned()).spawn(read);
    }

    /// The functions at an address of the file, innermost first; empty where nothing is known.
    pub fn resolve(&self, path: &str, address: u64) -> Vec<Symbol> {
        if address == u64::MAX {
            // No code is there, and addr2line adds 1 to it.
            return Vec::new();
        }
        let mut files = self.files();
        let Some(loader) = load(&mut files, path) else { return Vec::new() };
        let mut symbols = frames(loader, address);
        if symbols.is_empty()
            && let Some(name) = loader.find_symbol(address)
        {
            let name = addr2line::demangle_auto(name.into(), None).into_owned();
            symbols.push(Symbol { function: without_hash(&name), file: None, line: 0 });
        }
        symbols
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Option<Loader>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load<'a>(files: &'a mut HashMap<String, Option<Loader>>, path: &str) -> Option<&'a Loader> {
    if !files.contains_key(path) && files.len() >= FILES_MAX {
        files.clear();
    }
    files.entry(path.to_owned()).or_insert_with(|| Loader::new(path).ok()).as_ref()
}

fn frames(loader: &Loader, address: u64) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let Ok(mut frames) = loader.find_frames(address) else { return symbols };
    while let Ok(Some(frame)) = frames.next() {
        let function = frame.function.and_then(|name| Some(without_hash(&name.demangle().ok()?)));
        let location = frame.location;
        symbols.push(Symbol {
            function: function.unwrap_or_else(|| "<unknown>".to_owned()),
            file: location.as_ref().and_then(|location| location.file.map(str::to_owned)),
            line: location.and_then(|location| location.line).unwrap_or(0),
        });
        if symbols.len() == INLINED_MAX {
            break;
        }
    }
    symbols
}

/// Takes off `::h` and 16 hex digits, which change from build to build.
fn without_hash(name: &str) -> String {
    let hash = |tail: &str| tail.len() == 16 && tail.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.rsplit_once("::h") {
        Some((rest, tail)) if hash(tail) => rest.to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_at_the_end_goes() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hash("a::b::help"), "a::b::help");
        assert_eq!(without_hash("a::h0123456789abcdefg"), "a::h0123456789abcdefg");
    }

    #[inline(never)]
    fn marker(out: &mut u64) {
        *out = *out * 3 + 1;
    }

    /// The load bias of this executable: where its first byte is mapped, for a position-independent one.
    #[cfg(target_os = "linux")]
    fn bias(executable: &str) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.ends_with(executable)).unwrap();
        u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_address_of_this_process_is_found_in_its_file() {
        let executable = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
        let function: fn(&mut u64) = marker;
        let symbols = Symbols::default();
        symbols.preload(&executable);
        let found = symbols.resolve(&executable, function as usize as u64 - bias(&executable) + 1);
        let outermost = found.last().unwrap();
        assert_eq!(outermost.function, "lockcheck::symbols::tests::marker");
        assert!(outermost.file.as_deref().unwrap().ends_with("src/symbols.rs") && outermost.line > 0);
        assert_eq!(symbols.resolve(&executable, u64::MAX), []);
        assert_eq!(symbols.resolve("/no/such/file", 1), []);
    }
}
