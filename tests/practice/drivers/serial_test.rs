//! serial_test: a body runs under a read guard of the table of keys, and a key that is used for the first time is written
//! to that table.
//!
//! `nest`: the body itself uses a new key. `read`: the body uses a known one while another thread waits to write.

use std::thread;
use std::time::Duration;

#[cfg(feature = "fixed")]
use serial_test::local_serial_core as serial;
#[cfg(not(feature = "fixed"))]
use serial_test::serial_core as serial;

fn uses_new_key() {
    println!("outer");
    serial("inner", || println!("inner"));
}

fn uses_known_key() {
    // Time for the writer to queue.
    thread::sleep(Duration::from_millis(300));
    serial("second", || println!("inner"));
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("read") => {
            serial("first", || ());
            serial("second", || ());
            let reader = thread::spawn(|| serial("first", uses_known_key));
            thread::sleep(Duration::from_millis(100));
            let writer = thread::spawn(|| serial("third", || ()));
            reader.join().unwrap();
            writer.join().unwrap();
        }
        _ => serial("outer", uses_new_key),
    }
    println!("done");
}
