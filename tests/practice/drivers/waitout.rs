//! waitout: the last `done` notifies one of three waiters (softprops/waitout#2).

use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn main() {
    let group = Arc::new(waitout::WaitGroup::new(1));
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let group = group.clone();
            thread::spawn(move || group.wait())
        })
        .collect();
    // Nothing of the crate's tells that all of them wait.
    thread::sleep(Duration::from_millis(300));
    group.done();
    for waiter in waiters {
        waiter.join().unwrap();
    }
    println!("done");
}
