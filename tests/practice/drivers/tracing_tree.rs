//! tracing-tree: a value that is written says something itself, while the buffer that all is written to is locked
//! (davidbarsky/tracing-tree#82).

use std::fmt;

use tracing_subscriber::layer::SubscriberExt;
use tracing_tree::HierarchicalLayer;

struct Talkative;

impl fmt::Debug for Talkative {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("written");
        formatter.write_str("Talkative")
    }
}

fn main() {
    let layer = HierarchicalLayer::new(2).with_writer(std::io::sink).with_ansi(false);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    tracing::info!(value = ?Talkative, "said");
    println!("done");
}
