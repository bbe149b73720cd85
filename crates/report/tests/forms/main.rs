//! What each form of a report says, pinned by snapshots, and that every finding has its page. What is found is not
//! tested here.

mod pages;
mod real;
mod samples;

use lockcheck_report::{Backtrace, NoSources, Options, dot, human, json, sarif, short};

/// Keeps all snapshots in one folder beside the tests.
fn pin(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn human() {
    for sample in samples::all() {
        let text = human::render(&sample.report, &Options::new(&sample.files));
        pin(&format!("human_{}", sample.name), &text);
    }
}

#[test]
fn short() {
    let lines: String = samples::all()
        .iter()
        .map(|sample| short::render(&sample.report, &Options::new(&sample.files)))
        .collect();
    pin("short", &lines);
}

#[test]
fn json() {
    let lines: Vec<String> = samples::all().iter().map(|sample| json::render(&sample.report)).collect();
    for (line, sample) in lines.iter().zip(samples::all()) {
        assert!(line.chars().all(|c| !c.is_control() && c != '\u{2028}'), "{line}");
        assert_eq!(serde_json::from_str::<lockcheck_checker::Report>(line).unwrap(), sample.report);
    }
    pin("json", &(lines.join("\n") + "\n"));
}

#[test]
fn dot() {
    let texts: String = samples::all().iter().map(|sample| dot::render(&sample.report)).collect();
    pin("dot", &texts);
}

#[test]
fn sarif() {
    for sample in [samples::bank(), samples::rwlock_recursion(), samples::hostile()] {
        let text = sarif::render(&sample.report, &sample.files);
        let log: serde_sarif::sarif::Sarif = serde_json::from_str(&text).unwrap();
        assert_eq!(log.runs[0].results.as_ref().map(Vec::len), Some(1));
        let text = text.replace(&format!("\"{}\"", env!("CARGO_PKG_VERSION")), "\"[version]\"");
        pin(&format!("sarif_{}", sample.name), &text);
    }
}

#[test]
fn stacks_are_shown_as_asked_for() {
    let sample = samples::bank();
    let with =
        |backtrace| human::render(&sample.report, &Options { backtrace, ..Options::new(&sample.files) });
    let none = with(Backtrace::None);
    assert!(!none.contains("got here through") && !none.contains("LOCKCHECK_BACKTRACE"), "{none}");
    let user = with(Backtrace::User);
    assert!(user.contains("bank::transfer at") && !user.contains("__rust_begin"), "{user}");
    pin("human_bank_full_stacks", &with(Backtrace::Full));
}

#[test]
fn all_sides_are_shown_when_asked_for() {
    let sample = samples::ring_of_twenty();
    let all = human::render(&sample.report, &Options { all: true, ..Options::new(&sample.files) });
    assert!(all.contains("`philosopher 19` is side 20 of 20") && !all.contains("more sides"), "{all}");
}

#[test]
fn every_set_of_locks_is_named_when_asked_for() {
    let mut sample = samples::bank();
    let locks = |ids: [&str; 2]| ids.map(str::to_owned).to_vec();
    sample.report.findings[0].instance_locks =
        vec![locks(["mutex 1", "mutex 2"]), locks(["mutex 3", "mutex 4"])];
    let shown = |all| human::render(&sample.report, &Options { all, ..Options::new(&sample.files) });
    assert!(!shown(false).contains("mutex 3"), "{}", shown(false));
    assert!(shown(true).contains("seen with mutex 1, mutex 2\n"), "{}", shown(true));
    assert!(shown(true).contains("seen with mutex 3, mutex 4\n"), "{}", shown(true));
}

#[test]
fn without_the_text_or_with_another_the_places_are_named() {
    let mut sample = samples::bank();
    let gone = human::render(&sample.report, &Options::new(&NoSources));
    sample.files.0[0].1 = "fn main() {}\n";
    let changed = human::render(&sample.report, &Options::new(&sample.files));
    assert_eq!(changed.replace("fixtures/bank/", ""), gone);
    pin("human_bank_without_text", &gone);
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    for sample in samples::all() {
        let plain = Options::new(&sample.files);
        let coloured = human::render(&sample.report, &Options { color: true, ..plain });
        assert!(coloured.contains("\u{1b}[1m"));
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            human::render(&sample.report, &plain)
        );
    }
}

#[test]
fn text_for_people_is_free_of_control_characters() {
    let sample = samples::hostile();
    let options = Options { backtrace: Backtrace::Full, all: true, ..Options::new(&sample.files) };
    let texts = [human::render(&sample.report, &options), short::render(&sample.report, &options)];
    for text in texts {
        let bad: Vec<char> =
            text.chars().filter(|c| *c != '\n' && (c.is_control() || *c == '\u{202e}')).collect();
        assert_eq!(bad, [], "{text}");
        assert!(text.lines().all(|line| !line.starts_with("error")), "{text}");
    }
    assert_eq!(short::render(&sample.report, &options).lines().count(), 1);
}

#[test]
fn any_source_text_and_any_place_is_survived() {
    let texts =
        ["", "\n", "\r\n\r\n", "\t\tlock(", "ö\u{1b}[31m.lock()\u{202e}\n\u{0}x", "((((((((\n<<<<<::<::<"];
    for text in texts {
        for line in 0..4 {
            for column in 0..24 {
                let mut sample = samples::bank();
                for side in &mut sample.report.findings[0].evidence {
                    (side.site.line, side.site.column) = (line, column);
                }
                sample.files.0[0].1 = text;
                let out =
                    human::render(&sample.report, &Options { width: 30, ..Options::new(&sample.files) });
                assert!(out.contains("could deadlock") && !out.contains('\u{1b}'), "{out}");
            }
        }
    }
}
