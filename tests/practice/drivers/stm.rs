//! stm: who waits for a variable to change looks at a flag before it takes the lock that it waits with; who changes the
//! variable sets the flag and notifies without that lock (Marthog/rust-stm#9).

use std::sync::Arc;
use std::thread;

use stm::{TVar, atomically, retry};

fn main() {
    let variable = Arc::new(TVar::new(0));
    let read = variable.clone();
    let waiter = thread::spawn(move || {
        atomically(|transaction| match read.read(transaction)? {
            0 => retry(),
            value => Ok(value),
        })
    });
    atomically(|transaction| variable.write(transaction, 1));
    assert_eq!(waiter.join().unwrap(), 1);
    println!("done");
}
