//! Waits for ever, in a way that only somebody outside can tell: what the first thread reads from is written to by the
//! second one, if ever the event is set that nobody sets.

use std::io::{Read, Write};

use tracked::{Event, thread};

fn main() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let never_set = Event::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            never_set.wait();
            writer.write_all(b"now").unwrap();
        });
        reader.read_exact(&mut [0; 3]).unwrap();
    });
    println!("never said");
}
