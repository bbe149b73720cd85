//! A till that two threads count without an order between them. The teller comes to it by two ways, of which only the
//! second meets the auditor: the first is over before the auditor starts.

use std::sync::mpsc;

use tracked::cell::Shared;
use tracked::{Mutex, thread};

static TILL: Shared<u64> = Shared::new(100);
static LEDGER: Mutex<()> = Mutex::new(());

fn put(amount: u64) {
    TILL.set(amount);
}

fn open_in_the_morning() {
    put(100);
}

fn pay_in() {
    put(150);
}

fn audit() -> u64 {
    let _ledger = LEDGER.lock().unwrap();
    TILL.get()
}

fn main() {
    open_in_the_morning();
    // Nobody watches this channel: the order that it makes is this run's only, as far as anyone can see.
    let (paid, is_paid) = mpsc::channel();
    let auditor = thread::Builder::new().name("auditor".to_owned());
    let auditor = auditor.spawn(move || {
        is_paid.recv().unwrap();
        audit()
    });
    pay_in();
    paid.send(()).unwrap();
    println!("{} in the till", auditor.unwrap().join().unwrap());
}
