//! Waits for longer than anybody will: a clock that keeps everything open.

use std::time::Duration;

fn main() {
    let snoring = std::thread::Builder::new().name("snoring".to_owned());
    snoring.spawn(sleeps_for_long).unwrap().join().unwrap();
}

fn sleeps_for_long() {
    std::thread::sleep(Duration::from_secs(100_000));
}
