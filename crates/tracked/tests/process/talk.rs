//! Processes, their arguments and results, and the messages between them.

use std::time::Duration;

use tracked::process::{self, Builder, Cause, Connection, JoinableQueue, Process, Queue, pipe};

use crate::Test;

pub const TESTS: &[Test] = &[
    ("a_child_gives_its_result", a_child_gives_its_result),
    ("names_and_numbers", names_and_numbers),
    ("long_results_do_not_block", long_results_do_not_block),
    ("a_process_that_goes_on", a_process_that_goes_on),
    ("a_pipe_goes_both_ways", a_pipe_goes_both_ways),
    ("a_pipe_takes_more_than_its_room", a_pipe_takes_more_than_its_room),
    ("a_pipe_between_two_children", a_pipe_between_two_children),
    ("a_queue_gives_each_item_once", a_queue_gives_each_item_once),
    ("a_queue_takes_a_message_longer_than_itself", a_queue_takes_a_message_longer_than_itself),
    ("a_bounded_queue_holds_back", a_bounded_queue_holds_back),
    ("a_queue_wraps_around", a_queue_wraps_around),
    ("a_joinable_queue_waits_for_the_work", a_joinable_queue_waits_for_the_work),
];

#[process::entry]
fn join_up(number: u64, text: String, parts: Vec<Option<i8>>) -> (u64, String, usize) {
    (number + 1, text + "!", parts.len())
}

fn a_child_gives_its_result() {
    let child = Process::spawn(join_up, (41, "word".to_owned(), vec![Some(-1), None])).unwrap();
    assert_eq!(child.join().unwrap(), (42, "word!".to_owned(), 2));
}

#[process::entry]
fn who() -> (String, u32, u32) {
    (process::name().to_owned(), std::process::id(), std::os::unix::process::parent_id())
}

fn names_and_numbers() {
    let children: Vec<_> = (0..3).map(|_| Process::spawn(who, ()).unwrap()).collect();
    let named = Builder::new().name("the named one").spawn(who, ()).unwrap();
    assert_eq!((named.name(), process::name()), ("the named one", "main"));
    let mut seen = Vec::new();
    for child in children.into_iter().chain([named]) {
        let (name, pid) = (child.name().to_owned(), child.pid());
        let told = child.join().unwrap();
        assert_eq!(told, (name, pid, std::process::id()));
        seen.push(pid);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

#[process::entry]
fn fill(len: usize) -> Vec<u8> {
    vec![7; len]
}

/// The result waits in memory of its own: nobody has to read it while the child runs.
fn long_results_do_not_block() {
    let len = 3 << 20;
    let child = Process::spawn(fill, (len,)).unwrap();
    assert_eq!(child.join().unwrap(), vec![7; len]);
}

#[process::entry]
fn wait_for_a_word(words: Connection<(), String>) -> String {
    words.recv().unwrap()
}

fn a_process_that_goes_on() {
    let (here, there) = pipe().unwrap();
    let mut child = Process::spawn(wait_for_a_word, (there,)).unwrap();
    assert!(child.is_alive() && child.exit_status().is_none());
    assert!(child.join_for(Duration::from_millis(20)).is_none());
    assert_eq!(child.wait_for(Duration::ZERO).unwrap(), None);
    here.send(&"go".to_owned()).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!child.is_alive());
    assert_eq!(child.join_for(Duration::ZERO).unwrap().unwrap(), "go");
    child.kill().unwrap();
    assert_eq!(child.join().unwrap(), "go");
}

#[process::entry]
fn double(numbers: Connection<u64, Option<u64>>) -> u64 {
    let mut served = 0;
    while let Some(number) = numbers.recv().unwrap() {
        numbers.send(&(number * 2)).unwrap();
        served += 1;
    }
    served
}

fn a_pipe_goes_both_ways() {
    let (here, there) = pipe().unwrap();
    let child = Process::spawn(double, (there,)).unwrap();
    for number in 0..100 {
        here.send(&Some(number)).unwrap();
        assert_eq!(here.recv().unwrap(), 2 * number);
    }
    assert_eq!(here.recv_for(Duration::from_millis(5)).unwrap(), None);
    assert!(!here.poll(Duration::ZERO).unwrap());
    here.send(&None).unwrap();
    assert_eq!(child.join().unwrap(), 100);
    assert!(here.poll(Duration::ZERO).unwrap(), "the other end's close is something that comes");
}

#[process::entry]
fn echo(texts: Connection<Vec<u8>, Vec<u8>>) {
    texts.send(&texts.recv().unwrap()).unwrap();
}

fn a_pipe_takes_more_than_its_room() {
    let (here, there) = pipe().unwrap();
    let child = Process::spawn(echo, (there,)).unwrap();
    let text: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
    here.send(&text).unwrap();
    // It has to come in pieces.
    let answer = loop {
        if let Some(answer) = here.recv_for(Duration::from_millis(1)).unwrap() {
            break answer;
        }
    };
    assert_eq!(answer, text);
    child.join().unwrap();
}

#[process::entry]
fn ping(to: Connection<u32, u32>, start: u32) -> u32 {
    to.send(&start).unwrap();
    to.recv().unwrap()
}

fn a_pipe_between_two_children() {
    let (one, other) = pipe().unwrap();
    let one = Process::spawn(ping, (one, 1)).unwrap();
    let other = Process::spawn(ping, (other, 2)).unwrap();
    assert_eq!((one.join().unwrap(), other.join().unwrap()), (2, 1));
}

#[process::entry]
fn produce(numbers: Queue<Option<u64>>, from: u64, upto: u64) {
    for number in from..upto {
        numbers.put(&Some(number)).unwrap();
    }
}

#[process::entry]
fn consume(numbers: Queue<Option<u64>>) -> Vec<u64> {
    let mut taken = Vec::new();
    while let Some(number) = numbers.get().unwrap() {
        taken.push(number);
    }
    // For the next one.
    numbers.put(&None).unwrap();
    taken
}

fn a_queue_gives_each_item_once() {
    let numbers = Queue::new().unwrap();
    let producers =
        [0, 1000].map(|from| Process::spawn(produce, (numbers.clone(), from, from + 1000)).unwrap());
    let consumers = [0; 3].map(|_| Process::spawn(consume, (numbers.clone(),)).unwrap());
    for producer in producers {
        producer.join().unwrap();
    }
    numbers.put(&None).unwrap();
    let mut all = Vec::new();
    for consumer in consumers {
        let taken = consumer.join().unwrap();
        for half in [0..1000u64, 1000..2000] {
            assert!(
                taken.iter().filter(|number| half.contains(*number)).is_sorted(),
                "in order of each producer"
            );
        }
        all.extend(taken);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..2000));
    assert_eq!(numbers.len(), 1, "the pill is left");
}

#[process::entry]
fn put_text(texts: Queue<String>, len: usize) {
    texts.put(&"short".to_owned()).unwrap();
    texts.put(&"x".repeat(len)).unwrap();
    texts.put(&"after".to_owned()).unwrap();
}

fn a_queue_takes_a_message_longer_than_itself() {
    let texts = Queue::new().unwrap();
    let len = 1 << 20;
    let child = Process::spawn(put_text, (texts.clone(), len)).unwrap();
    assert_eq!(texts.get().unwrap(), "short");
    assert_eq!(texts.get().unwrap().len(), len);
    assert_eq!(texts.get().unwrap(), "after");
    child.join().unwrap();
}

fn a_bounded_queue_holds_back() {
    let numbers = Queue::bounded(2).unwrap();
    assert!(numbers.try_put(&1u8).unwrap() && numbers.try_put(&2).unwrap());
    assert!(!numbers.try_put(&3).unwrap() && !numbers.put_for(&3, Duration::from_millis(5)).unwrap());
    assert_eq!(numbers.len(), 2);
    assert_eq!(numbers.try_get().unwrap(), Some(1));
    numbers.put(&3).unwrap();
    assert_eq!((numbers.get().unwrap(), numbers.get().unwrap()), (2, 3));
    assert_eq!(numbers.try_get().unwrap(), None);
    assert_eq!(numbers.get_for(Duration::from_millis(5)).unwrap(), None);
    assert!(numbers.is_empty());
}

fn a_queue_wraps_around() {
    let texts: Queue<Vec<u8>> = Queue::new().unwrap();
    for round in 0..200 {
        let sizes = [1000 + 7 * round, 20_000, 0, 31 * round];
        for size in sizes {
            texts.put(&vec![size as u8; size]).unwrap();
        }
        for size in sizes {
            assert_eq!(texts.get().unwrap(), vec![size as u8; size]);
        }
    }
}

#[process::entry]
fn work(tasks: JoinableQueue<u32>, done: Queue<u32>) {
    loop {
        let task = tasks.get().unwrap();
        done.put(&task).unwrap();
        tasks.task_done().unwrap();
        if task == 0 {
            return;
        }
    }
}

fn a_joinable_queue_waits_for_the_work() {
    let (tasks, done) = (JoinableQueue::new().unwrap().named("tasks"), Queue::new().unwrap());
    tasks.put(&5).unwrap();
    assert!(!tasks.join_for(Duration::from_millis(5)));
    let worker = Process::spawn(work, (tasks.clone(), done.clone())).unwrap();
    for task in (0..5).rev() {
        tasks.put(&task).unwrap();
    }
    tasks.join();
    assert_eq!(done.len(), 6, "all were done before the join came back");
    worker.join().unwrap();
    let error = tasks.task_done().unwrap_err();
    assert!(matches!(error.cause(), Cause::TooManyTasksDone));
    assert_eq!(
        error.to_string(),
        "process `main`: `task_done` on queue `tasks`: called more often than items were put"
    );
}
