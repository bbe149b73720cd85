//! What the records of one process say about the things its findings refer to by id. Unknown ids get a name that
//! says so; nothing here judges.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use lockcheck_checker::{Context, LockInfo};
use lockcheck_events::source::SourceMap;
use lockcheck_events::{Frame, LockId, LockKind, RawSite, Record, Site, SiteId, StackId, ThreadId};

use crate::symbols::Symbols;

/// Tables of one process, filled record by record.
#[derive(Default)]
pub struct Records {
    /// From `Record::Process`, if it was there.
    pub process: Option<Process>,
    /// How many `Record::Stuck` there were.
    pub stuck: usize,
    /// Whether it had locks in common with other processes.
    pub shares: bool,
    threads: HashMap<ThreadId, Thread>,
    locks: HashMap<LockId, Lock>,
    sites: HashMap<SiteId, RawSite>,
    stacks: HashMap<StackId, Vec<u64>>,
    modules: Vec<Module>,
}

/// Which process it was.
#[derive(Clone, Debug)]
pub struct Process {
    /// The system's number for it.
    pub pid: u32,
    /// The executable's path.
    pub exe: String,
    /// Where it was started.
    pub cwd: String,
    /// Nanoseconds since the epoch.
    pub started_ns: u64,
}

impl Process {
    /// When it was started; `None` where that is not known.
    pub fn started(&self) -> Option<SystemTime> {
        let since_epoch = Some(self.started_ns).filter(|&ns| ns != 0).map(Duration::from_nanos)?;
        SystemTime::UNIX_EPOCH.checked_add(since_epoch)
    }
}

struct Thread {
    name: Option<String>,
    scope: Option<String>,
}

struct Lock {
    kind: LockKind,
    name: Option<String>,
    created: SiteId,
}

struct Module {
    path: String,
    base: u64,
    range: (u64, u64),
}

impl Records {
    /// Takes the next record.
    pub fn feed(&mut self, record: &Record) {
        match record {
            Record::Process { pid, exe, cwd, started_ns } => {
                let (pid, exe, cwd) = (*pid, exe.clone(), cwd.clone());
                self.process = Some(Process { pid, exe, cwd, started_ns: *started_ns });
            }
            Record::Module { path, base, range } => {
                self.modules.push(Module { path: path.clone(), base: *base, range: *range });
            }
            Record::ThreadStart { thread, name, scope, .. } => {
                self.threads.insert(*thread, Thread { name: name.clone(), scope: scope.clone() });
            }
            Record::Site { site, raw } => {
                self.sites.insert(*site, raw.clone());
            }
            Record::Stack { stack, addresses } => {
                self.stacks.insert(*stack, addresses.clone());
            }
            Record::Lock { lock, kind, created, name } => {
                self.locks.insert(*lock, Lock { kind: *kind, name: name.clone(), created: *created });
            }
            Record::Stuck { .. } => self.stuck += 1,
            Record::Shared { .. } => self.shares = true,
            _ => {}
        }
    }

    /// Where the lock was created and what it is called, as ids go.
    pub fn lock(&self, lock: LockId) -> Option<(SiteId, Option<&str>)> {
        self.locks.get(&lock).map(|known| (known.created, known.name.as_deref()))
    }

    /// The files that the process had loaded and that were replaced after it was started: what they say of its addresses
    /// would be wrong.
    pub fn replaced(&self, symbols: &Symbols) -> BTreeSet<&str> {
        let is_replaced = |module: &&Module| self.is_replaced(module, symbols);
        self.modules.iter().filter(is_replaced).map(|module| module.path.as_str()).collect()
    }

    fn is_replaced(&self, module: &Module, symbols: &Symbols) -> bool {
        let started = self.process.as_ref().and_then(Process::started);
        started.is_some_and(|started| symbols.is_newer(&module.path, started))
    }

    /// All places that the trace names.
    pub fn places(&self) -> impl Iterator<Item = &RawSite> {
        self.sites.values()
    }

    /// The tables with what is needed to make names of them. `index` is the process's position in the family.
    pub fn context<'a>(
        &'a self,
        index: u32,
        sources: &'a SourceMap,
        symbols: &'a Symbols,
    ) -> RecordContext<'a> {
        RecordContext { records: self, index, sources, symbols }
    }
}

/// One process's tables, as the checker asks for them.
pub struct RecordContext<'a> {
    records: &'a Records,
    index: u32,
    sources: &'a SourceMap,
    symbols: &'a Symbols,
}

impl RecordContext<'_> {
    /// The frames at these return addresses, innermost first.
    pub fn frames_of(&self, addresses: &[u64]) -> Vec<Frame> {
        addresses.iter().flat_map(|&address| self.frames(address)).collect()
    }

    /// The frames at one return address, innermost first.
    fn frames(&self, address: u64) -> Vec<Frame> {
        // The instruction after the call may belong to another line, or to nothing; the call itself is before it.
        let address = address.saturating_sub(1);
        let modules = &self.records.modules;
        let Some(module) = modules.iter().find(|module| (module.range.0..module.range.1).contains(&address))
        else {
            return vec![self.sources.frame("<unknown>", None, 0)];
        };
        let file = module.path.rsplit('/').next().unwrap_or_default();
        let nameless = |function| vec![Frame { function, file: String::new(), line: 0, user: false }];
        if self.records.is_replaced(module, self.symbols) {
            return nameless(format!("<{file}, replaced since>"));
        }
        let symbols = self.symbols.resolve(&module.path, address.wrapping_sub(module.base));
        if symbols.is_empty() {
            return nameless(format!("<{file}>"));
        }
        let frame = |symbol: &crate::symbols::Symbol| {
            self.sources.frame(&symbol.function, symbol.file.as_deref(), symbol.line)
        };
        symbols.iter().map(frame).collect()
    }
}

impl Context for RecordContext<'_> {
    fn thread_name(&self, thread: ThreadId) -> String {
        let name = self.records.threads.get(&thread).and_then(|known| known.name.clone());
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("thread {}", thread.0))
    }

    fn thread_scope(&self, thread: ThreadId) -> Option<String> {
        self.records.threads.get(&thread)?.scope.clone()
    }

    fn lock(&self, lock: LockId) -> LockInfo {
        match self.records.locks.get(&lock) {
            Some(known) => {
                LockInfo { kind: known.kind, name: known.name.clone(), created: self.site(known.created) }
            }
            None => LockInfo { kind: LockKind::Mutex, name: None, created: unknown_site() },
        }
    }

    fn site(&self, site: SiteId) -> Site {
        self.records.sites.get(&site).map_or_else(unknown_site, |raw| self.sources.site(raw))
    }

    fn backtrace(&self, stack: StackId) -> Vec<Frame> {
        let addresses = self.records.stacks.get(&stack);
        addresses.map(|addresses| self.frames_of(addresses)).unwrap_or_default()
    }

    fn process(&self) -> u32 {
        self.index
    }
}

fn unknown_site() -> Site {
    Site { package: String::new(), file: "<unknown>".to_owned(), line: 0, column: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_ids_have_names_too() {
        let (records, sources, symbols) = (Records::default(), SourceMap::new([]), Symbols::default());
        let context = records.context(3, &sources, &symbols);
        assert_eq!(context.thread_name(ThreadId(7)), "thread 7");
        assert_eq!(context.thread_scope(ThreadId(7)), None);
        assert_eq!(context.lock(LockId(9)).created, unknown_site());
        assert_eq!(context.backtrace(StackId(1)), []);
        assert_eq!(context.process(), 3);
    }

    #[test]
    fn known_ids_give_what_was_recorded() {
        let mut records = Records::default();
        let raw = RawSite { file: "/nowhere/src/main.rs".to_owned(), line: 3, column: 5 };
        for record in [
            Record::Site { site: SiteId(1), raw },
            Record::Lock {
                lock: LockId(2),
                kind: LockKind::RwLock,
                created: SiteId(1),
                name: Some("accounts".to_owned()),
            },
            Record::ThreadStart {
                thread: ThreadId(4),
                name: Some(String::new()),
                parent: None,
                os_id: 1,
                scope: Some("tests::one".to_owned()),
            },
            Record::Stack { stack: StackId(5), addresses: vec![0, 1, u64::MAX] },
            Record::Module { path: "/no/such.so".to_owned(), base: 0x1000, range: (0, 1) },
        ] {
            records.feed(&record);
        }
        let (sources, symbols) = (SourceMap::new([]), Symbols::default());
        let context = records.context(0, &sources, &symbols);
        let lock = context.lock(LockId(2));
        assert_eq!((lock.kind, lock.name.as_deref()), (LockKind::RwLock, Some("accounts")));
        assert_eq!((lock.created.line, lock.created.column), (3, 5));
        assert_eq!(context.thread_name(ThreadId(4)), "thread 4", "an empty name is no name");
        assert_eq!(context.thread_scope(ThreadId(4)).as_deref(), Some("tests::one"));
        let functions: Vec<String> =
            context.backtrace(StackId(5)).into_iter().map(|frame| frame.function).collect();
        assert_eq!(functions, ["<such.so>", "<such.so>", "<unknown>"]);
    }

    /// Two builds in one target folder replace each other's programs, also while one of them runs.
    #[test]
    fn a_program_that_was_replaced_while_it_ran_gives_no_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program").to_str().unwrap().to_owned();
        std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        let written = std::fs::metadata(&path).unwrap().modified().unwrap();
        let has_names = |started: SystemTime, symbols: &Symbols| {
            let started_ns = started.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
            let mut records = Records::default();
            let process = Process { pid: 1, exe: path.clone(), cwd: String::new(), started_ns };
            records.process = Some(process);
            records.feed(&Record::Module { path: path.clone(), base: 0x1000, range: (0x1000, 0x2000) });
            records.feed(&Record::Stack { stack: StackId(1), addresses: vec![0x1001] });
            let replaced: Vec<String> = records.replaced(symbols).into_iter().map(str::to_owned).collect();
            let sources = SourceMap::new([]);
            let frames = records.context(0, &sources, symbols).backtrace(StackId(1));
            (frames.iter().all(|frame| frame.function != "<program, replaced since>"), replaced)
        };
        let second = Duration::from_secs(1);
        assert_eq!(has_names(written + second, &Symbols::default()), (true, vec![]));
        assert_eq!(has_names(written - second, &Symbols::default()), (false, vec![path.clone()]));
        // What was opened before is still the file that ran.
        let symbols = Symbols::default();
        symbols.resolve(&path, 1);
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(written + 10 * second).unwrap();
        assert_eq!(has_names(written + second, &symbols), (true, vec![]));
    }
}
