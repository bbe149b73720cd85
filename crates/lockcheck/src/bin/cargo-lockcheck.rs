//! `cargo lockcheck ...`: the same as `lockcheck ...`. Cargo passes the subcommand's name as first argument.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "lockcheck") {
        arguments.remove(1);
    }
    lockcheck::main(arguments)
}
