//! indicatif: `insert_after` takes the state of all bars, then of one; a tick takes that of the bar, then of all
//! (console-rs/indicatif#424).
//!
//! `once`: each path once, one after the other, on one thread. `apart`: the same on two threads that do not meet.
//! `hammer`: until they do.

use std::thread;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    // Often enough that a tick draws.
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(200));
    let bar = all.add(ProgressBar::new(10));
    match mode.as_str() {
        "once" => {
            bar.tick();
            all.insert_after(&bar, ProgressBar::new(10));
            bar.tick();
        }
        "apart" => {
            let ticked = bar.clone();
            let ticker = thread::spawn(move || ticked.tick());
            // Without a join, which would put the two in order.
            while !ticker.is_finished() {
                thread::yield_now();
            }
            all.insert_after(&bar, ProgressBar::new(10));
        }
        _ => {
            let ticked = bar.clone();
            thread::spawn(move || loop {
                ticked.tick();
            });
            for _ in 0..20_000 {
                let new = all.insert_after(&bar, ProgressBar::new(10));
                all.remove(&new);
            }
        }
    }
    println!("done");
}
