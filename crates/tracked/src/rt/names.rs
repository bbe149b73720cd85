//! Ids into words, for reports made inside the watched process.

use std::sync::OnceLock;

use lockcheck_checker::{Context, LockInfo};
use lockcheck_events::source::SourceMap;
use lockcheck_events::{Frame, LockId, LockKind, Site, SiteId, StackId, ThreadId};

use super::{registry, stack};

/// The registry, as the checker asks for it.
pub(crate) struct Names;

/// Where this process's source files are.
pub(crate) fn sources() -> &'static SourceMap {
    static SOURCES: OnceLock<SourceMap> = OnceLock::new();
    SOURCES.get_or_init(SourceMap::of_this_process)
}

/// A resolved frame, with its file as reports name it.
pub(crate) fn frame(function: String, file: &str, line: u32) -> Frame {
    sources().frame(&function, (!file.is_empty()).then_some(file), line)
}

/// What stands where nothing is known.
fn unknown_site() -> Site {
    Site { package: String::new(), file: "<unknown>".to_owned(), line: 0, column: 0 }
}

impl Context for Names {
    fn thread_name(&self, thread: ThreadId) -> String {
        let name = registry::THREADS.get(&thread).and_then(|entry| entry.name.clone());
        name.unwrap_or_else(|| format!("thread {}", thread.0))
    }

    fn thread_scope(&self, thread: ThreadId) -> Option<String> {
        registry::THREADS.get(&thread).and_then(|entry| entry.scope.clone())
    }

    fn lock(&self, lock: LockId) -> LockInfo {
        let Some(entry) = registry::LOCKS.get(&lock).map(|entry| entry.clone()) else {
            return LockInfo { kind: LockKind::Mutex, name: None, created: unknown_site() };
        };
        LockInfo { kind: entry.kind, name: entry.name, created: self.site(entry.created) }
    }

    fn site(&self, site: SiteId) -> Site {
        registry::raw_site(site).map_or_else(unknown_site, |raw| sources().site(&raw))
    }

    fn backtrace(&self, stack: StackId) -> Vec<Frame> {
        stack::resolve(stack)
    }
}
