//! Which test a finding belongs to, where no test opened a scope of its own: the test harness calls each thread after
//! the test that it runs in it.
//!
//! `#[tracked::test]` says by itself which test its threads count in. Of a plain `#[test]` the run-time knows as much
//! only for what the test asserts at its end; to the checker its threads are a line of unknown origin. Here they get a
//! scope of the same form: the crate, then the path of the function.

use std::collections::HashMap;
use std::path::Path;

use lockcheck_events::{Record, ThreadId};

/// The threads of one process, as its records name them one by one.
#[derive(Default)]
pub struct Harness {
    /// The crate whose tests the process runs; `None`: it runs none, as far as is known.
    tests_of: Option<String>,
    /// The scope of each thread that belongs to a plain test.
    scopes: HashMap<ThreadId, String>,
}

impl Harness {
    /// Fills in the scope of a thread that counts in none and belongs to a test.
    pub fn name(&mut self, record: &mut Record) {
        match record {
            Record::Process { exe, .. } => self.tests_of = crate_under_test(Path::new(exe)),
            Record::ThreadStart { thread, name, parent, scope: scope @ None, .. } => {
                let own = match parent {
                    Some(parent) => self.scopes.get(parent).cloned(),
                    None => self.test(name.as_deref()),
                };
                if let Some(own) = own {
                    self.scopes.insert(*thread, own.clone());
                    *scope = Some(own);
                }
            }
            _ => {}
        }
    }

    /// The test that the harness runs in a thread of this name.
    fn test(&self, thread: Option<&str>) -> Option<String> {
        let (tests_of, path) = (self.tests_of.as_deref()?, thread?);
        (path != "main" && path.split("::").all(is_identifier)).then(|| format!("{tests_of}::{path}"))
    }
}

/// Cargo builds the tests of a crate as `deps/NAME-HASH`.
fn crate_under_test(exe: &Path) -> Option<String> {
    let folder = exe.parent()?;
    let (name, hash) = exe.file_name()?.to_str()?.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (folder.ends_with("deps") && is_hash).then(|| name.replace('-', "_"))
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && word.chars().all(|char| char.is_alphanumeric() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(harness: &mut Harness, thread: u32, name: Option<&str>, parent: Option<u32>) -> Option<String> {
        let (name, parent) = (name.map(str::to_owned), parent.map(ThreadId));
        let mut record =
            Record::ThreadStart { thread: ThreadId(thread), name, parent, os_id: 1, scope: None };
        harness.name(&mut record);
        let Record::ThreadStart { scope, .. } = record else { unreachable!() };
        scope
    }

    fn harness(exe: &str) -> Harness {
        let mut harness = Harness::default();
        let (exe, cwd) = (exe.to_owned(), String::new());
        harness.name(&mut Record::Process { pid: 1, exe, cwd, started_ns: 0 });
        harness
    }

    #[test]
    fn a_test_and_what_it_starts_count_in_it() {
        let mut tests = harness("/t/debug/deps/bank-0123456789abcdef");
        let name = Some("transfers::both_ways");
        assert_eq!(scope(&mut tests, 2, name, None).as_deref(), Some("bank::transfers::both_ways"));
        assert_eq!(scope(&mut tests, 3, None, Some(2)).as_deref(), Some("bank::transfers::both_ways"));
        assert_eq!(scope(&mut tests, 4, Some("one"), None).as_deref(), Some("bank::one"));
        assert_eq!(
            scope(&mut tests, 5, Some("worker"), Some(3)).as_deref(),
            Some("bank::transfers::both_ways")
        );
    }

    #[test]
    fn no_other_thread_is_taken_for_a_test() {
        let mut tests = harness("/t/debug/deps/bank-0123456789abcdef");
        assert_eq!(scope(&mut tests, 1, Some("main"), None), None);
        assert_eq!(scope(&mut tests, 2, Some("pool worker 1"), None), None);
        assert_eq!(scope(&mut tests, 3, None, None), None);
        assert_eq!(scope(&mut tests, 4, Some("worker"), Some(3)), None);
        let mut program = harness("/t/debug/bank");
        assert_eq!(scope(&mut program, 2, Some("one"), None), None);
        assert_eq!(crate_under_test(Path::new("/t/debug/deps/bank-teller")), None);
    }
}
