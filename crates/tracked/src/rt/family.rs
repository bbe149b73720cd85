//! Whose finding is it, where no scope was opened: a plain `#[test]` that asserts at its end.
//!
//! Such a test owns what it did with the threads it started through `tracked::thread`. Threads of unknown origin
//! (started through std, or by a library) count as its own too, unless they look like other tests: threads of the test
//! harness, which names them after their tests. A finding among threads of several tests is nobody's.

use lockcheck_checker::Finding;
use lockcheck_events::ThreadId;

use super::context::current;
use super::{knowledge, registry, scope};

/// What was found that belongs to the calling thread.
pub(crate) fn findings() -> Vec<Finding> {
    let Some(thread) = current() else { return Vec::new() };
    let _busy = thread.enter();
    let own = root(thread.id());
    let harness = in_test_harness();
    let belongs = |thread: ThreadId| {
        let root = root(thread);
        let name = registry::THREADS.get(&root).and_then(|entry| entry.name.clone());
        let other_test = harness && name.as_deref().is_some_and(is_path_of_a_function);
        root == own || (registry::scope(root).is_none() && !other_test)
    };
    knowledge::findings_for(thread.id(), &belongs)
}

/// The first of the line of threads that started this one.
fn root(thread: ThreadId) -> ThreadId {
    let mut root = thread;
    while let Some(parent) = registry::parent(root) {
        root = parent;
    }
    root
}

/// Whether the process is one that the test harness runs in: cargo builds those under `deps`.
pub(crate) fn in_test_harness() -> bool {
    std::env::current_exe().is_ok_and(|exe| exe.parent().is_some_and(|folder| folder.ends_with("deps")))
}

/// Whether the name is the path of a function, as the harness gives.
fn is_path_of_a_function(name: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    name != "main" && name.split("::").all(is_word)
}

/// The scope that a thread of unknown origin counts in: the only open one, unless the thread looks like another test.
pub(crate) fn scope_of_stranger(name: Option<&str>) -> Option<String> {
    let scope = scope::only_open()?;
    let other_test =
        in_test_harness() && name.is_some_and(|name| name == "main" || is_path_of_a_function(name));
    (!other_test).then_some(scope)
}
