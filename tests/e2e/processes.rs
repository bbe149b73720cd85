//! Fixtures of more than one process, as `lockcheck run` reports them: what they print, how many processes were
//! watched, and the verdict on the family.

use serde_json::json;

use crate::command::{BUILD, lockcheck, run};
use crate::contract::{self, list, text};

/// The name of a fixture, a line that it prints, and how many processes it is.
const CLEAN: [(&str, &str, u64); 4] = [
    ("process_pipe", "5 replies: [0, 20, 40, 60, 80]", 2),
    ("process_queue", "20 items consumed, total 950", 5),
    ("processes", "4 processes of one parent", 5),
    ("shared_memory", "counter: 100000", 15),
];

#[test]
fn clean_families_are_clean_and_do_their_work() {
    for (name, line, processes) in CLEAN {
        let mut command = lockcheck();
        command.args(["run", "--message-format", "json"]).arg(format!("fixtures/{name}"));
        let ran = run(&mut command, BUILD).expect_code(0);
        assert!(ran.stdout.contains(line), "expected `{line}`\n{ran}");
        let report = ran.json();
        contract::check(&report);
        assert_eq!(text(&report, "verdict"), "clean", "{report}");
        assert_eq!(report["program"], json!({ "code": 0, "signal": null }));
        assert_eq!(list(&report, "findings"), [] as [serde_json::Value; 0]);
        assert_eq!(report["stats"]["processes"], processes, "{report}");
    }
}
