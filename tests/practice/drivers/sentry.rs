//! sentry-core: an event is captured under a read guard of the hub's stack, and the transport, called under it, adds a
//! breadcrumb, which writes to the stack (getsentry/sentry-rust#633).

use std::sync::Arc;
use std::time::Duration;

use sentry_core::protocol::Event;
use sentry_core::{Breadcrumb, Client, ClientOptions, Envelope, Hub, Transport, TransportFactory};

/// Logs what it sends, as an application with logging does.
struct Logs;

impl Transport for Logs {
    fn send_envelope(&self, _: Envelope) {
        println!("sending");
        sentry_core::add_breadcrumb(Breadcrumb::default());
    }

    fn flush(&self, _: Duration) -> bool {
        true
    }

    fn shutdown(&self, _: Duration) -> bool {
        true
    }
}

impl TransportFactory for Logs {
    fn create_transport(&self, _: &ClientOptions) -> Arc<dyn Transport> {
        Arc::new(Logs)
    }
}

fn main() {
    let options = ClientOptions {
        dsn: Some("https://key@localhost/1".parse().unwrap()),
        transport: Some(Arc::new(Logs)),
        ..Default::default()
    };
    Hub::current().bind_client(Some(Arc::new(Client::from(options))));
    sentry_core::capture_event(Event::default());
    println!("done");
}
