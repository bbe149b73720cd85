//! Tests as a user writes them. The plain ones are run on their own, each in a process, because what they find
//! belongs to the process; those in `marked` run side by side.

use std::sync::mpsc;

use tracked::{Mutex, thread};

/// Two threads take two locks in opposite order, one after the other: std's channel, which is not watched, keeps them
/// apart.
fn make_the_mistake() {
    let (a, b) = (Mutex::new(()).named("a"), Mutex::new(()).named("b"));
    let (done, wait) = mpsc::channel();
    thread::scope(|scope| {
        let (a, b) = (&a, &b);
        scope.spawn(move || {
            let _a = a.lock();
            let _b = b.lock();
            done.send(()).unwrap();
        });
        scope.spawn(move || {
            wait.recv().unwrap();
            let _b = b.lock();
            let _a = a.lock();
        });
    });
}

#[test]
fn is_told() {
    make_the_mistake();
}

#[test]
fn fails() {
    make_the_mistake();
    tracked::assert_no_cycles!();
}

#[test]
fn fails_as_not_clean() {
    make_the_mistake();
    tracked::assert_clean!();
}

#[test]
fn passes() {
    let lock = Mutex::new(1);
    *lock.lock().unwrap() += 1;
    tracked::assert_no_cycles!();
    tracked::assert_clean!();
    assert!(tracked::report().findings.is_empty());
}

#[test]
fn gives_values() {
    make_the_mistake();
    let report = tracked::report();
    let [finding] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!(finding.code, tracked::Code::LockOrderCycle);
    assert_eq!(finding.tier, tracked::Tier::Likely);
    assert_eq!(finding.evidence.len(), 2);
    let lines: Vec<(u32, u32)> =
        finding.evidence.iter().map(|side| (side.holds[0].site.line, side.site.line)).collect();
    assert!(lines.iter().all(|(held, asked)| held + 1 == *asked), "{lines:?}");
    assert!(finding.locks.iter().any(|lock| lock.name.as_deref() == Some("a")));
}

mod marked {
    use super::*;

    #[tracked::test]
    fn wrong() {
        make_the_mistake();
    }

    #[tracked::test]
    fn right() {
        let lock = Mutex::new(1);
        *lock.lock().unwrap() += 1;
    }
}

mod explored {
    use super::*;

    #[tracked::test(explore = 200)]
    fn wrong() {
        let (a, b) = (Mutex::new(()).named("a"), Mutex::new(()).named("b"));
        thread::scope(|scope| {
            scope.spawn(|| drop((a.lock(), b.lock())));
            scope.spawn(|| drop((b.lock(), a.lock())));
        });
    }
}
