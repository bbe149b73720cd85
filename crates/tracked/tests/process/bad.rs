//! What goes wrong: each case gives an error that names the process and the call, at once, and loses nothing that was
//! acknowledged.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use tracked::process::{
    self, Array, Builder, Cause, Connection, Event, Lock, Process, ProcessError, Queue, Value, pipe,
};

use crate::Test;

pub const TESTS: &[Test] = &[
    ("an_unknown_entry_point", an_unknown_entry_point),
    ("arguments_that_do_not_travel", arguments_that_do_not_travel),
    ("a_message_that_does_not_deserialise", a_message_that_does_not_deserialise),
    ("a_panic_is_carried_back", a_panic_is_carried_back),
    ("a_process_that_is_killed", a_process_that_is_killed),
    ("a_process_that_dies_with_the_lock", a_process_that_dies_with_the_lock),
    ("a_process_that_dies_with_a_queue", a_process_that_dies_with_a_queue),
    ("a_pipe_that_is_closed_early", a_pipe_that_is_closed_early),
    ("a_name_that_is_taken", a_name_that_is_taken),
    ("a_child_without_its_call", a_child_without_its_call),
];

fn text<T: Debug>(result: Result<T, ProcessError>) -> String {
    result.unwrap_err().to_string()
}

fn not_marked(n: u32) -> u32 {
    n
}

fn an_unknown_entry_point() {
    let said = text(Builder::new().name("lost").spawn(not_marked, (1,)));
    assert_eq!(
        said,
        "process `lost`: process::bad::not_marked: unknown entry point: put `#[tracked::process::entry]` above the function"
    );
    let closure = Process::spawn(|| 1u8, ());
    assert!(matches!(closure.unwrap_err().cause(), Cause::UnknownEntry));
}

/// Serialises, and does not come back.
#[derive(Debug, Serialize)]
struct OneWay(u8);

impl<'de> Deserialize<'de> for OneWay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<OneWay, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(OneWay(0)),
            other => Err(serde::de::Error::custom(format!("{other} is not nothing"))),
        }
    }
}

#[process::entry]
fn take_it(it: OneWay) -> OneWay {
    OneWay(it.0 + 1)
}

#[process::entry]
fn ignore(_: Vec<Lock>) {}

fn arguments_that_do_not_travel() {
    let child = Builder::new().name("taker").spawn(take_it, (OneWay(3),)).unwrap();
    let said = text(child.join());
    assert!(
        said.starts_with("process `taker`: process::bad::take_it: the arguments cannot be deserialised"),
        "{said}"
    );
    let child = Builder::new().name("giver").spawn(take_it, (OneWay(0),)).unwrap();
    let said = text(child.join());
    assert!(
        said.starts_with("process `giver`: process::bad::take_it: the result cannot be deserialised"),
        "{said}"
    );
    let (here, _there) = pipe::<Lock, ()>().unwrap();
    let said = text(here.send(&Lock::new().unwrap()));
    assert!(
        said.contains("`send` on the pipe made at") && said.contains("the message cannot be sent"),
        "{said}"
    );
    Process::spawn(ignore, (vec![Lock::new().unwrap(), Lock::new().unwrap()],)).unwrap().join().unwrap();
}

fn a_message_that_does_not_deserialise() {
    let queue = Queue::new().unwrap().named("odd");
    for odd in [0, 5, 0] {
        queue.put(&OneWay(odd)).unwrap();
    }
    assert_eq!(queue.get().unwrap().0, 0);
    let said = text(queue.get());
    assert!(
        said.starts_with("process `main`: `get` on queue `odd`: the message cannot be deserialised"),
        "{said}"
    );
    assert_eq!(queue.get().unwrap().0, 0, "the next one is whole");
    let (here, there) = pipe::<OneWay, OneWay>().unwrap();
    here.send(&OneWay(9)).unwrap();
    here.send(&OneWay(0)).unwrap();
    let said = text(there.recv());
    assert!(
        said.contains("`recv` on the pipe made at") && said.contains("the message cannot be des"),
        "{said}"
    );
    assert_eq!(there.recv().unwrap().0, 0);
}

#[process::entry]
fn panics(word: String) {
    panic!("no {word}");
}

fn a_panic_is_carried_back() {
    let mut child = Builder::new().name("hot").spawn(panics, ("luck".to_owned(),)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(101));
    assert_eq!(text(child.join()), "process `hot`: process::bad::panics: it panicked: no luck");
}

#[process::entry]
fn wait_for_ever(ready: Event, never: Event) {
    ready.set();
    never.wait();
}

fn a_process_that_is_killed() {
    let (ready, never) = (Event::new().unwrap(), Event::new().unwrap());
    let mut child = Builder::new().name("victim").spawn(wait_for_ever, (ready.clone(), never)).unwrap();
    ready.wait();
    child.kill().unwrap();
    let said = text(child.join());
    assert!(
        said.starts_with("process `victim`: process::bad::wait_for_ever: it ended before the call returned"),
        "{said}"
    );
    assert!(said.contains("signal: 9"), "{said}");
}

#[process::entry]
fn die_with(lock: Lock, value: Value<u32>, ready: Event, never: Event) {
    let _lock = lock.lock().unwrap();
    let mut value = value.lock().unwrap();
    *value = 1;
    ready.set();
    never.wait();
    *value = 2;
}

fn a_process_that_dies_with_the_lock() {
    let (lock, value) = (Lock::new().unwrap().named("door"), Value::new(0).unwrap());
    let (ready, never) = (Event::new().unwrap(), Event::new().unwrap());
    let arguments = (lock.clone(), value.clone(), ready.clone(), never);
    let mut child = Builder::new().name("mortal").spawn(die_with, arguments).unwrap();
    ready.wait();
    assert!(lock.try_lock().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
    let died = lock.lock().unwrap_err();
    let said = died.to_string();
    let owner =
        format!("process `mortal` (pid {}), at crates/tracked/tests/process/bad.rs:", child_pid(&said));
    assert!(said.starts_with(&format!("process `main`: lock of lock `door`: {owner}")), "{said}");
    assert!(said.ends_with(", died while it held it"), "{said}");
    assert!(died.owner().contains("mortal"));
    drop(died.into_guard());
    assert!(lock.lock().is_err(), "it is said until somebody has put things right");
    drop(lock.lock().unwrap_err().recover());
    drop(lock.lock().unwrap());
    let mut left = value.lock().unwrap_err().recover();
    assert_eq!(*left, 1, "half changed");
    *left = 0;
    drop(left);
    assert_eq!(*value.lock().unwrap(), 0);
}

/// The number in "(pid 17)".
fn child_pid(said: &str) -> u32 {
    let after = said.split("(pid ").nth(1).unwrap_or_default();
    after.split(')').next().unwrap_or_default().parse().unwrap_or_else(|_| panic!("no pid in {said}"))
}

#[process::entry]
fn put_for_ever(queue: Queue<Vec<u8>>, ready: Event) {
    for round in 0.. {
        queue.put(&vec![round as u8; 500]).unwrap();
        ready.set();
    }
}

/// Wherever it is killed, what is in the queue is whole.
fn a_process_that_dies_with_a_queue() {
    for _ in 0..10 {
        let (queue, ready) = (Queue::new().unwrap(), Event::new().unwrap());
        let mut child = Process::spawn(put_for_ever, (queue.clone(), ready.clone())).unwrap();
        ready.wait();
        let mut round = 0u8;
        for _ in 0..300 {
            assert_eq!(queue.get().unwrap(), vec![round; 500]);
            round = round.wrapping_add(1);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(bytes) = queue.try_get().unwrap() {
            assert_eq!(bytes, vec![round; 500]);
            round = round.wrapping_add(1);
        }
        queue.put(&vec![1]).unwrap();
        assert_eq!((queue.get().unwrap(), queue.len()), (vec![1], 0));
    }
}

#[process::entry]
fn hang_up(line: Connection<u8, u8>) {
    line.send(&1).unwrap();
    line.close();
}

fn a_pipe_that_is_closed_early() {
    let (here, there) = pipe().unwrap();
    let here = here.named("line");
    let child = Process::spawn(hang_up, (there,)).unwrap();
    assert_eq!(here.recv().unwrap(), 1, "what was sent before is there");
    assert_eq!(text(here.recv()), "process `main`: `recv` on pipe `line`: the other end is closed");
    child.join().unwrap();
    assert_eq!(text(here.send(&1)), "process `main`: `send` on pipe `line`: the other end is closed");
}

fn a_name_that_is_taken() {
    let name = format!("tracked-test-{}", std::process::id());
    let first = Array::create(&name, 1u32, 3).unwrap();
    let said = text(Value::create(&name, 1u32));
    assert_eq!(
        said,
        format!(
            "process `main`: `create` of `{name}`: the shared-memory name is already taken: remove /dev/shm/{name} or \
             choose another name"
        )
    );
    let again: Array<u32> = Array::open(&name).unwrap();
    again.lock().unwrap()[2] = 7;
    assert_eq!(first.to_vec(), [1, 1, 7]);
    let said = text(Array::<u64>::open(&name));
    assert!(
        said.contains("the shared memory is not what was asked for: its elements have 4 bytes, not 8"),
        "{said}"
    );
    assert!(matches!(Array::<u32>::open("a/b").unwrap_err().cause(), Cause::WrongMemory(_)));
    drop(again);
    assert!(Array::<u32>::open(&name).is_ok(), "the maker still has it");
    drop(first);
    assert!(matches!(Array::<u32>::open(&name).unwrap_err().cause(), Cause::Io(_)), "gone with its maker");
}

/// Somebody calls the program as if it were a child.
fn a_child_without_its_call() {
    for number in ["", "0", "1", "977", "99999999999", "x"] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--tracked-process", number, "name"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.starts_with("--tracked-process is for processes that the program starts by itself: "),
            "{said}"
        );
    }
}
