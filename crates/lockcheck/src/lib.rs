//! The command line of the toolkit: the only place that knows flags, processes, signals and exit codes. What it
//! knows about locks it has from the checker, and what it says about them from the report crate.
//!
//! A library so that two binaries can share it, `lockcheck` and `cargo-lockcheck`; its API is theirs alone.

#[cfg(not(unix))]
compile_error!("the lockcheck command runs on Unix; instrumented programs report by themselves elsewhere");

mod analyze;
mod args;
mod build;
mod config;
mod convert;
mod error;
mod event_trace;
mod exit;
mod expectations;
mod explain;
mod explore;
mod family;
mod harness;
mod litmus;
mod order;
mod outcome;
mod output;
mod package;
mod process;
mod progress;
mod records;
mod run;
mod rustflags;
mod signals;
mod suppressions;
mod swap;
mod swapped_tree;
mod symbols;
mod test;
mod traces;
mod verify;
mod watch;
mod world;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches};

use args::{Cli, Command};
use config::Style;
use error::CliError;
use exit::Exit;

/// Carries out one call. `arguments` begin with the program's name.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let json = asks_for_json(&arguments);
    let outcome = catch_unwind(AssertUnwindSafe(|| call(&arguments)));
    let exit = match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => fail(&error, json),
        Err(panic) => fail(&internal(panic.as_ref()), json),
    };
    exit.into()
}

fn call(arguments: &[OsString]) -> error::Result<Exit> {
    let cli = match parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and go to stdout.
            let _ = error.print();
            if error.exit_code() == 0 {
                return Ok(Exit::Clean);
            }
            if asks_for_json(arguments) {
                output::to_stdout(&format!("\n{}\n", wrong_call(&error).json()))?;
            }
            return Ok(Exit::Usage);
        }
    };
    let style = Style::new(cli.message_format, cli.color);
    match &cli.command {
        Command::Run(args) => run::run(args, style),
        Command::Test(args) => test::test(args, style),
        Command::Swap(args) => swap::swap(args, style),
        Command::Analyze(args) => analyze::analyze(args, style),
        Command::Convert(args) => convert::convert(args, style),
        Command::Graph { traces } => analyze::graph(traces, style),
        Command::Order(args) => order::order(args, style),
        Command::Litmus(args) => litmus::litmus(args, style),
        Command::ObserveOne { name } => litmus::observe_one(name),
        Command::Verify(args) => verify::verify(args, style),
        Command::Explore(args) => explore::explore(args, style),
        Command::Replay(args) => explore::replay(args, style),
        Command::Confirm(args) => explore::confirm(args, style),
        Command::Explain { code } => {
            output::to_stdout(&code.map_or_else(explain::list, |code| explain::page(code).to_owned()))?;
            Ok(Exit::Clean)
        }
    }
}

/// clap's own messages follow `--color` too, which it cannot know before it has parsed.
fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let color = match value_of(arguments, "--color").as_deref() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    };
    let matches = Cli::command().color(color).try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// clap's message without its advice, which is for people.
fn wrong_call(error: &clap::Error) -> CliError {
    let text = error.render().to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = what.split_whitespace().collect();
    CliError::usage("arguments", words.join(" ").trim_start_matches("error: "))
}

/// Whether an error is to be told to a program: asked for before parsing, because parsing may fail.
fn asks_for_json(arguments: &[OsString]) -> bool {
    value_of(arguments, "--message-format").as_deref() == Some("json")
}

/// The value of an option of this tool, which ends where the program's arguments begin.
fn value_of(arguments: &[OsString], option: &str) -> Option<String> {
    let own = arguments.iter().take_while(|argument| *argument != "--");
    let words: Vec<String> = own.map(|word| word.to_string_lossy().into_owned()).collect();
    words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix(option)? {
        "" => words.get(index + 1).cloned(),
        value => value.strip_prefix('=').map(str::to_owned),
    })
}

fn fail(error: &CliError, json: bool) -> Exit {
    output::to_stderr(&error.human());
    if json {
        // If that fails too, the exit code has to do.
        let _ = output::to_stdout(&format!("\n{}\n", error.json()));
    }
    error.exit
}

/// The panic's own message stands on stderr already, with its place.
fn internal(panic: &(dyn std::any::Any + Send)) -> CliError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    CliError::internal(format!("lockcheck has a bug and cannot go on: {text}"))
        .help("please report it, with what it printed before")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Color, Format};

    #[test]
    fn options_of_the_watched_program_are_not_ours() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(asks_for_json(&words("lockcheck run x --message-format json")));
        assert!(asks_for_json(&words("lockcheck run x --message-format=json")));
        assert!(!asks_for_json(&words("lockcheck run -- cargo build --message-format json")));
        assert!(!asks_for_json(&words("lockcheck run x --message-format")));
    }

    #[test]
    fn a_wrong_call_is_told_to_programs_in_one_sentence() {
        let told = |words: &[&str]| {
            wrong_call(&parse(&words.iter().map(OsString::from).collect::<Vec<_>>()).unwrap_err())
        };
        let error = told(&["lockcheck", "run", "--bogus"]);
        assert_eq!((error.exit, error.code), (Exit::Usage, "arguments"));
        assert_eq!(error.message, "unexpected argument '--bogus' found");
        let error = told(&["lockcheck", "analyze"]);
        assert_eq!(error.message, "the following required arguments were not provided: <TRACE>...");
    }

    #[test]
    fn a_panic_is_an_internal_error() {
        let panic = catch_unwind(|| panic!("one {}", "two")).unwrap_err();
        let error = internal(panic.as_ref());
        assert_eq!(error.exit, Exit::Internal);
        assert!(error.message.contains("one two"));
    }

    #[test]
    fn the_public_format_word_is_json() {
        let format = parse(&["lockcheck".into(), "explain".into(), "--message-format=json".into()]).unwrap();
        assert_eq!((format.message_format, format.color), (Format::Json, Color::Auto));
    }
}
