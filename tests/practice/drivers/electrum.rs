//! electrum-client: a subscription holds the table of notifications while it waits for the server's answer; the thread
//! that reads the socket takes the same lock to file a notification that comes before the answer
//! (bitcoindevkit/rust-electrum-client#80).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use bitcoin::Script;
use bitcoin::hashes::hex::ToHex;
use electrum_client::raw_client::RawClient;
use electrum_client::{ElectrumApi, ToElectrumScriptHash};

/// Answers every request with nothing, and a subscription with a notification first.
fn serve(stream: TcpStream, hash: &str) {
    let mut answers = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        let id = line.split("\"id\":").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
        if line.contains("scripthash.subscribe") {
            let status = "00".repeat(32);
            let notification = format!(
                r#"{{"jsonrpc":"2.0","method":"blockchain.scripthash.subscribe","params":["{hash}","{status}"]}}"#
            );
            writeln!(answers, "{notification}").unwrap();
        }
        writeln!(answers, r#"{{"jsonrpc":"2.0","id":{id},"result":null}}"#).unwrap();
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = Script::from(vec![0x51]);
    let hash = script.to_electrum_scripthash().to_hex();
    thread::spawn(move || serve(listener.accept().unwrap().0, &hash));
    let client = RawClient::new(address, None).unwrap();
    println!("{:?}", client.script_subscribe(&script).is_ok());
    println!("done");
}
