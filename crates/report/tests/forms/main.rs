//! What each form of a report says, pinned by snapshots. What is found is not tested here.

mod samples;

use lockcheck_report::{Options, human, short};

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
