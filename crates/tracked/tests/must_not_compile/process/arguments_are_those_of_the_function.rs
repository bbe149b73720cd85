//! Arguments and results are what the function says.

use tracked::process::{self, Process};

#[process::entry]
fn doubled(number: u32) -> u32 {
    number * 2
}

fn main() {
    let _ = Process::spawn(doubled, ("two",));
    let _ = Process::spawn(doubled, ());
    let _: Result<Process<String>, _> = Process::spawn(doubled, (2,));
}
