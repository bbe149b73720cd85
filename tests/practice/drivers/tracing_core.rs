//! tracing-core: a subscriber that is asked about a new place in the code, and says something itself from a place that is
//! new as well (tokio-rs/tracing#2083): the list of all places is locked meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Metadata, Subscriber};

static ASKED: AtomicBool = AtomicBool::new(false);

struct Talkative;

impl Subscriber for Talkative {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        if !ASKED.swap(true, Ordering::SeqCst) {
            tracing::info!("another place");
        }
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn main() {
    set_global_default(Talkative).unwrap();
    tracing::info!("one place");
    println!("done");
}
