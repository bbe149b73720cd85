//! tokio-reactor: it tells a task that there is something to read while it holds the list of all it watches for reading; a
//! task that is run at once, and drops what it waited for, needs the list for writing (tokio-rs/tokio#401).

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use futures::executor::{Notify, spawn};
use futures::{Async, future};
use tokio_reactor::{PollEvented, Reactor};

/// Drops what was waited for as soon as it is told.
struct DropsAtOnce(Mutex<Option<PollEvented<mio::net::TcpStream>>>);

impl Notify for DropsAtOnce {
    fn notify(&self, _: usize) {
        self.0.lock().unwrap().take();
    }
}

fn main() {
    let mut reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let stream = mio::net::TcpStream::from_stream(stream).unwrap();
    let watched = PollEvented::new_with_handle(stream, &reactor.handle()).unwrap();
    let drops = Arc::new(DropsAtOnce(Mutex::new(Some(watched))));
    let waits = drops.clone();
    let mut task = spawn(future::poll_fn(move || {
        let watched = waits.0.lock().unwrap();
        match watched.as_ref().unwrap().poll_read_ready(mio::Ready::readable())? {
            Async::Ready(_) => Ok::<_, std::io::Error>(Async::Ready(())),
            Async::NotReady => Ok(Async::NotReady),
        }
    }));
    assert!(task.poll_future_notify(&drops, 0).unwrap().is_not_ready());
    peer.write_all(b"x").unwrap();
    while drops.0.lock().unwrap().is_some() {
        reactor.turn(None).unwrap();
    }
    println!("done");
}
