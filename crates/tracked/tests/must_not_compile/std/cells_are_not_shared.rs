//! Readers of one lock share its data; a cell is nobody's to share.

use std::cell::Cell;

fn shared<T: Sync>() {}

fn main() {
    shared::<tracked::RwLock<Cell<u8>>>();
    shared::<tracked::OnceLock<Cell<u8>>>();
}
