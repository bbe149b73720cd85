//! The same, on places and stacks that the compiler really gave: what a snippet underlines depends on where it puts
//! a call's column, and what is trimmed on what debug information looks like.

use std::panic::Location;
use std::thread;

use lockcheck_events::source::SourceMap;
use lockcheck_events::{Frame, RawSite};
use lockcheck_report::{Options, human};

use crate::samples;

struct Door;

impl Door {
    #[track_caller]
    fn new() -> (Door, RawSite) {
        (Door, caller())
    }

    #[track_caller]
    fn lock(&self, _key: u32) -> RawSite {
        caller()
    }
}

#[track_caller]
fn caller() -> RawSite {
    let location = Location::caller();
    RawSite { file: location.file().to_owned(), line: location.line(), column: location.column() }
}

#[test]
fn snippets_underline_the_call_that_asked() {
    let (door, created) = Door::new();
    let doors = [door];
    let wanted = doors[0].lock(7);
    let map = SourceMap::of_this_process();
    let mut sample = samples::self_deadlock();
    let finding = &mut sample.report.findings[0];
    finding.locks[0].created = map.site(&created);
    finding.evidence[0].site = map.site(&wanted);
    finding.evidence[0].holds.clear();
    assert_eq!(finding.evidence[0].site.package, "lockcheck-report");
    assert_eq!(finding.evidence[0].site.file, "tests/forms/real.rs");

    let text = human::render(&sample.report, &Options::new(&map));
    let lines: Vec<&str> = text.lines().collect();
    let under = |source: &str| {
        let at = lines.iter().position(|line| line.contains(source)).unwrap_or_else(|| panic!("{text}"));
        let column = lines[at + 1].find(['^', '-']).unwrap();
        let marks = lines[at + 1][column..].chars().take_while(|c| ['^', '-'].contains(c)).count();
        &lines[at][column..column + marks]
    };
    assert_eq!(under("let wanted = doors"), "lock(7)");
    assert_eq!(under("let (door, created)"), "Door::new()");
    assert!(lines[1].contains("--> tests/forms/real.rs:"), "{text}");
}

#[inline(never)]
fn outer_function() -> Vec<Frame> {
    let closure = |wanted: usize| {
        let frames = inner_function();
        assert!(frames.len() > wanted);
        frames
    };
    std::hint::black_box(closure)(3)
}

#[inline(never)]
fn inner_function() -> Vec<Frame> {
    let map = SourceMap::of_this_process();
    let mut frames = Vec::new();
    backtrace::trace(|frame| {
        backtrace::resolve_frame(frame, |symbol| {
            let function = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            let file = symbol.filename().and_then(|path| path.to_str());
            frames.push(map.frame(&function, file, symbol.lineno().unwrap_or(0)));
        });
        true
    });
    frames
}

#[test]
fn of_a_threads_stack_only_the_users_frames_stay() {
    let frames = thread::spawn(outer_function).join().unwrap();
    let user: Vec<&str> =
        frames.iter().filter(|frame| frame.user).map(|frame| frame.function.as_str()).collect();
    let expect = ["inner_function", "outer_function::{{closure}}", "outer_function"]
        .map(|name| format!("forms::real::{name}"));
    assert_eq!(user, expect, "{frames:#?}");
    assert!(frames.iter().any(|frame| frame.file.starts_with("library/std/src/")), "{frames:#?}");
    assert!(frames.iter().all(|frame| !frame.user || frame.file == "tests/forms/real.rs"), "{frames:#?}");
}
