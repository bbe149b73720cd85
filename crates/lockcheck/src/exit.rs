//! The one place for exit codes: a published contract, which scripts and CI depend on.

use std::fmt::Write;
use std::process::ExitCode;

/// How a call of the tool ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Exit {
    /// Nothing that counts was found.
    Clean = 0,
    /// Something that counts was found.
    Findings = 1,
    /// The call cannot be carried out as it was typed, or an input file is malformed.
    Usage = 2,
    /// The program was deadlocked or hung and was ended by the tool.
    Hang = 3,
    /// The program was not instrumented.
    NothingRecorded = 4,
    /// A bug in this tool.
    Internal = 70,
    /// The program itself failed.
    ProgramFailed = 100,
    /// The package did not build.
    BuildFailed = 101,
}

impl Exit {
    /// Where several apply, the first of these is it.
    pub const PRIORITY: [Exit; 8] = [
        Exit::Internal,
        Exit::Usage,
        Exit::BuildFailed,
        Exit::Hang,
        Exit::Findings,
        Exit::ProgramFailed,
        Exit::NothingRecorded,
        Exit::Clean,
    ];

    /// The weightiest of those that apply; `Clean` where none does.
    pub fn first_of(applying: impl IntoIterator<Item = Exit>) -> Exit {
        let rank = |exit: &Exit| Exit::PRIORITY.iter().position(|other| other == exit);
        applying.into_iter().min_by_key(rank).unwrap_or(Exit::Clean)
    }

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// One line for the table in `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Clean => "clean",
            Exit::Findings => {
                "findings at or above --fail-on (verify: an expectation failed; litmus: some flag is true)"
            }
            Exit::Usage => {
                "usage: bad flags, a path that does not exist, a malformed lockcheck.toml, trace or sketch"
            }
            Exit::Hang => "the program was deadlocked or hung and was ended by lockcheck",
            Exit::NothingRecorded => {
                "nothing was recorded: the program is not instrumented (run PATH, test, analyze)"
            }
            Exit::Internal => "internal error in lockcheck",
            Exit::ProgramFailed => "the program itself failed (its status is in the JSON)",
            Exit::BuildFailed => "it did not build",
        }
    }

    /// The table of all codes, by number.
    pub fn table() -> String {
        let mut all = Exit::PRIORITY;
        all.sort_by_key(|exit| exit.code());
        let mut table = "Exit codes:\n".to_owned();
        for exit in all {
            let _ = writeln!(table, "  {:>3}  {}", exit.code(), exit.meaning());
        }
        table.push_str("Where several apply, the first of 70, 2, 101, 3, 1, 100, 4, 0.");
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_published_one() {
        assert_eq!(Exit::PRIORITY.map(Exit::code), [70, 2, 101, 3, 1, 100, 4, 0]);
        assert_eq!(Exit::first_of([]), Exit::Clean);
        assert_eq!(Exit::first_of([Exit::ProgramFailed, Exit::Findings]), Exit::Findings);
        assert_eq!(Exit::first_of([Exit::ProgramFailed, Exit::Hang, Exit::Findings]), Exit::Hang);
        assert_eq!(Exit::first_of([Exit::NothingRecorded, Exit::ProgramFailed]), Exit::ProgramFailed);
        assert_eq!(Exit::first_of([Exit::Hang, Exit::Internal]), Exit::Internal);
    }

    #[test]
    fn the_table_lists_every_code_once() {
        let table = Exit::table();
        for exit in Exit::PRIORITY {
            assert_eq!(table.matches(exit.meaning()).count(), 1);
        }
    }
}
