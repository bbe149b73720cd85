//! The `lockcheck` command. All it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    lockcheck::main(std::env::args_os().collect())
}
