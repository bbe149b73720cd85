//! Knows nothing of the library.

fn main() {
    println!("{:?}", std::sync::Mutex::new(7).lock());
}
