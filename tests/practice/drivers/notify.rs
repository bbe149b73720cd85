//! notify: what comes from the kernel takes the buffer of operations, then the list of events; the timer of the debouncer
//! takes them the other way round (notify-rs/notify#210). One file is made, and its event waited for.

use std::fs;
use std::sync::mpsc::channel;
use std::time::Duration;

use notify::{DebouncedEvent, RecursiveMode, Watcher, watcher};

fn main() {
    let folder = std::env::temp_dir().join(format!("lockcheck-practice-notify-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (sender, events) = channel();
    let mut watcher = watcher(sender, Duration::from_millis(50)).unwrap();
    watcher.watch(&folder, RecursiveMode::NonRecursive).unwrap();
    fs::write(folder.join("a"), "text").unwrap();
    while !matches!(events.recv().unwrap(), DebouncedEvent::Create(_)) {}
    drop(watcher);
    fs::remove_dir_all(&folder).unwrap();
    println!("done");
}
