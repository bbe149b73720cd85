//! An entry point is found by its name, and its arguments come from another process.

use tracked::process;

#[process::entry(name = "other")]
fn named() {}

#[process::entry]
async fn later() {}

#[process::entry]
fn of_any<T>(_: T) {}

#[process::entry]
unsafe fn trusting() {}

#[process::entry]
fn borrows(_: &str) {}

#[process::entry]
fn of_some(_: impl Copy) {}

struct Worker;

impl Worker {
    #[process::entry]
    fn method(&self) {}
}

#[process::entry]
struct NoFunction;

fn main() {}
