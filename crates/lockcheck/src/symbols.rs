//! Names for the raw addresses of a process that is dead: functions, inlined ones included, with file and line, from
//! the debug information of the files it had loaded (addr2line).
//!
//! Reading debug information takes longer than everything else about a report, so it can start while the program
//! still runs: [`Symbols::preload`]. addr2line reads each unit when it is first asked about, hence the look-ups in
//! advance. What is the user's code and what is not is `SourceMap`'s business.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

use addr2line::Loader;
use lockcheck_events::function_name;
use memchr::memmem::Finder;
use object::{Object, ObjectSymbol, SymbolKind};

/// Files whose debug information is kept at a time, and inlined frames taken from one address.
const FILES_MAX: usize = 64;
const INLINED_MAX: usize = 256;
/// How long look-ups in advance may go on.
const PRELOAD: Duration = Duration::from_millis(500);
/// Larger executables are not searched for what to look up.
const PRELOAD_BYTES_MAX: u64 = 512 << 20;
/// How long the program waits for them to be through.
const HEAD_START: Duration = Duration::from_millis(150);
/// Parts of the mangled names of functions that stand on every stack the run-time captures, in the order in which
/// they are worth it: what starts a thread, and the run-time itself.
const ALWAYS_ON_STACK: [&str; 8] = [
    "__rust_begin_short_backtrace",
    "thread_start",
    "spawn_unchecked",
    "lang_start",
    "catch_unwind",
    "2rt5stack",
    "9backtrace5trace",
    "7tracked",
];

/// One function an address lies in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// As `function_name` has it.
    pub function: String,
    /// As the debug information has it.
    pub file: Option<String>,
    /// From 1; 0 where unknown.
    pub line: u32,
    /// From 1; 0 where unknown.
    pub column: u32,
}

/// Debug information by file. Shared between threads.
#[derive(Default, Clone)]
pub struct Symbols {
    files: Arc<Mutex<HashMap<String, Known>>>,
}

/// What was found under the name of a file when it was first asked about. A file that takes its name later changes
/// nothing: what has been opened stays what it was.
struct Known {
    /// `None` for a file that cannot be read.
    loader: Option<Loader>,
    /// When it was last written to, where that can be told.
    written: Option<SystemTime>,
}

impl Known {
    fn open(path: &str) -> Known {
        // In this order: if another file takes the name in between, it counts as the newer one, whose names are not used.
        let loader = Loader::new(path).ok();
        Known { loader, written: written(path) }
    }
}

/// When the file that has this name now was last written to.
fn written(path: &str) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

impl Symbols {
    /// Starts to read a file's debug information in the background: its index, then what is likely to be asked for.
    /// Waits a little for it: a program that deadlocks at once is to find us ready.
    pub fn preload(&self, path: &str) {
        let (path, symbols) = (path.to_owned(), self.clone());
        let (done, is_done) = mpsc::channel::<()>();
        let read = move || {
            let _done = done;
            let until = Instant::now() + PRELOAD;
            drop(symbols.resolve(&path, 0));
            for address in likely_addresses(&path) {
                if Instant::now() > until {
                    break;
                }
                drop(symbols.resolve(&path, address));
            }
        };
        // Without the thread, the first look-up reads it.
        let _ = std::thread::Builder::new().name("symbols".to_owned()).spawn(read);
        let _ = is_done.recv_timeout(HEAD_START);
    }

    /// Whether the file was written to after this moment: whoever had it loaded by then had other code in it.
    pub fn is_newer(&self, path: &str, moment: SystemTime) -> bool {
        let written = self.files().get(path).map_or_else(|| written(path), |known| known.written);
        written.is_some_and(|written| written > moment)
    }

    /// The functions at an address of the file, innermost first; empty where nothing is known.
    pub fn resolve(&self, path: &str, address: u64) -> Vec<Symbol> {
        if address == u64::MAX {
            // No code is there, and addr2line adds 1 to it.
            return Vec::new();
        }
        let mut files = self.files();
        let Some(loader) = &known(&mut files, path).loader else { return Vec::new() };
        let mut frames = frames(loader, address);
        // The symbol table has the whole name, but of the outermost function only: what is inlined has no symbol.
        if frames.last().is_none_or(|outermost| !outermost.has_linkage_name)
            && let Some(name) = loader.find_symbol(address)
        {
            let demangled = addr2line::demangle_auto(name.into(), None);
            let function = function_name(name.as_bytes(), &demangled);
            match frames.last_mut() {
                Some(outermost) => outermost.symbol.function = function,
                None => frames.push(Named::unplaced(function)),
            }
        }
        frames.into_iter().map(|named| named.symbol).collect()
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known<'a>(files: &'a mut HashMap<String, Known>, path: &str) -> &'a Known {
    if !files.contains_key(path) && files.len() >= FILES_MAX {
        files.clear();
    }
    files.entry(path.to_owned()).or_insert_with(|| Known::open(path))
}

/// Where the program's own functions begin, and then those that stand on every stack.
fn likely_addresses(path: &str) -> Vec<u64> {
    let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
    // Mangled names give the length before the name.
    let own = format!("{}{name}", name.len());
    let is_small = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= PRELOAD_BYTES_MAX);
    let Some(data) = std::fs::read(path).ok().filter(|_| is_small) else { return Vec::new() };
    let Ok(file) = object::File::parse(&*data) else { return Vec::new() };
    let functions =
        file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition());
    let parts: Vec<Finder<'_>> =
        std::iter::once(own.as_str()).chain(ALWAYS_ON_STACK).map(Finder::new).collect();
    let rank = |name: &[u8]| parts.iter().position(|part| part.find(name).is_some());
    let mut ranked: Vec<(usize, u64)> =
        functions.filter_map(|symbol| Some((rank(symbol.name_bytes().ok()?)?, symbol.address()))).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, address)| address).collect()
}

/// A function of an address's debug information.
struct Named {
    symbol: Symbol,
    /// Whether its name is the mangled one. Where only line tables are kept (`debug = "line-tables-only"`), it is the
    /// last part of the path, or missing.
    has_linkage_name: bool,
}

impl Named {
    fn unplaced(function: String) -> Self {
        Self { symbol: Symbol { function, file: None, line: 0, column: 0 }, has_linkage_name: true }
    }
}

/// Innermost first; empty where the debug information has nothing.
fn frames(loader: &Loader, address: u64) -> Vec<Named> {
    let mut found = Vec::new();
    let Ok(mut frames) = loader.find_frames(address) else { return found };
    while let Ok(Some(frame)) = frames.next() {
        let mut named = Named::unplaced("<unknown>".to_owned());
        named.has_linkage_name = false;
        if let Some(function) = frame.function
            && let (Ok(raw), Ok(demangled)) = (function.raw_name(), function.demangle())
        {
            named.symbol.function = function_name(raw.as_bytes(), &demangled);
            named.has_linkage_name = raw != demangled;
        }
        if let Some(location) = frame.location {
            named.symbol.file = location.file.map(str::to_owned);
            named.symbol.line = location.line.unwrap_or(0);
            named.symbol.column = location.column.unwrap_or(0);
        }
        found.push(named);
        if found.len() == INLINED_MAX {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Line tables alone have the last part of a path as the name, and none for a closure.
    #[test]
    fn names_are_the_same_whatever_debug_information_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("levels.rs");
        std::fs::write(&source, LEVELS).unwrap();
        for level in ["none", "line-tables-only", "limited", "full"] {
            let program = folder.path().join(level);
            let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
            let built = std::process::Command::new(rustc)
                .args(["--edition=2024", "-C", &format!("debuginfo={level}"), "-o"])
                .args([&program, &source])
                .output()
                .unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            let program = program.to_str().unwrap();
            let symbols = Symbols::default();
            for (part, name) in [("5outer", "levels::bank::outer"), ("closure", "levels::main::{{closure}}")]
            {
                let found = symbols.resolve(program, address_of(program, part));
                assert_eq!(found.last().unwrap().function, name, "{level}");
                assert_eq!(found[0].line > 0, level != "none", "{level}: {found:?}");
            }
        }
    }

    const LEVELS: &str = "
        mod bank {
            #[inline(never)]
            pub fn outer(n: u64) -> u64 {
                std::hint::black_box(n) + 1
            }
        }
        fn main() {
            let closure: &dyn Fn(u64) -> u64 = &|n| bank::outer(n);
            std::hint::black_box(closure)(1);
        }
    ";

    fn address_of(program: &str, part: &str) -> u64 {
        let data = std::fs::read(program).unwrap();
        let file = object::File::parse(&*data).unwrap();
        let of_it = |name: &str| name.contains("6levels") && name.contains(part);
        file.symbols().find(|symbol| symbol.name().is_ok_and(of_it)).unwrap().address()
    }
}
