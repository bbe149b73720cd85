//! Queues and executors behave as their documentation says, with the feature `check` and without.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracked::executor::{Future, TaskError, ThreadPoolExecutor, Waited, When, as_completed, wait};
use tracked::queue::{Full, LifoQueue, PriorityQueue, Queue, TooManyTasksDone};
use tracked::thread;

/// Long enough for anything that does not hang.
const LONG: Duration = Duration::from_secs(60);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(5);

#[test]
fn each_queue_has_its_order() {
    let items = [3, 1, 2];
    let (fifo, lifo, least) =
        (Queue::unbounded().named("fifo"), LifoQueue::unbounded(), PriorityQueue::unbounded());
    for item in items {
        fifo.put(item);
        lifo.put(item);
        least.put(item);
    }
    assert_eq!((fifo.len(), lifo.is_empty(), least.is_full()), (3, false, false));
    assert_eq!([fifo.get(), fifo.get(), fifo.get()], [3, 1, 2]);
    assert_eq!([lifo.get(), lifo.get(), lifo.get()], [2, 1, 3]);
    assert_eq!([least.get(), least.get(), least.get()], [1, 2, 3]);
    assert_eq!((fifo.try_get(), lifo.try_get(), least.try_get()), (None, None, None));
}

#[test]
fn a_full_queue_gives_the_item_back() {
    static QUEUE: Queue<String> = Queue::bounded(1);
    QUEUE.put("first".to_owned());
    assert!(QUEUE.is_full());
    assert_eq!(QUEUE.try_put("second".to_owned()), Err(Full("second".to_owned())));
    let before = Instant::now();
    let Err(Full(back)) = QUEUE.put_for("second".to_owned(), SHORT) else { panic!("there is no room") };
    assert!(before.elapsed() >= SHORT && back == "second");
    assert_eq!(QUEUE.get_for(LONG).as_deref(), Some("first"));
    let before = Instant::now();
    assert_eq!(QUEUE.get_for(SHORT), None);
    assert!(before.elapsed() >= SHORT);
    assert!(catch_unwind(|| Queue::<u8>::bounded(0)).is_err());
    assert_eq!(Full(1).to_string(), "the queue is full");
}

#[test]
fn nothing_is_lost_or_doubled_between_many_threads() {
    const EACH: usize = 500;
    let queue = Queue::bounded(3);
    let sum = AtomicUsize::new(0);
    thread::scope(|scope| {
        for part in 0..4 {
            let queue = &queue;
            scope.spawn(move || (1..=EACH).for_each(|n| queue.put(part * EACH + n)));
        }
        for part in 0..4 {
            let (queue, sum) = (&queue, &sum);
            scope.spawn(move || {
                for n in 0..EACH {
                    let item = if (n + part) % 2 == 0 { queue.get() } else { queue.get_for(LONG).unwrap() };
                    sum.fetch_add(item, Ordering::Relaxed);
                    queue.task_done().unwrap();
                }
            });
        }
    });
    queue.join();
    assert_eq!(sum.into_inner(), (1..=4 * EACH).sum::<usize>());
    assert!(queue.is_empty());
}

#[test]
fn join_waits_for_the_work_and_task_done_too_often_is_an_error() {
    let queue = Arc::new(Queue::unbounded());
    queue.join();
    assert_eq!(queue.task_done(), Err(TooManyTasksDone));
    queue.put(1);
    queue.put(2);
    let done = Arc::new(AtomicUsize::new(0));
    let worker = thread::spawn({
        let (queue, done) = (Arc::clone(&queue), Arc::clone(&done));
        move || {
            for _ in 0..2 {
                done.fetch_add(queue.get(), Ordering::Relaxed);
                queue.task_done().unwrap();
            }
            queue.task_done()
        }
    });
    queue.join();
    assert_eq!(done.load(Ordering::Relaxed), 3);
    assert_eq!(worker.join().unwrap(), Err(TooManyTasksDone));
}

/// An executor whose only worker is busy until the sender is dropped or used.
fn busy_executor() -> (ThreadPoolExecutor, Sender<()>, Future<()>) {
    let executor = ThreadPoolExecutor::new(1).named("busy");
    let (release, released): (_, Receiver<()>) = channel();
    let (started, begun) = channel();
    let future = executor.submit(move || {
        started.send(()).unwrap();
        // Whether it was told or the sender was dropped.
        let _ = released.recv();
    });
    begun.recv().unwrap();
    (executor, release, future)
}

#[test]
fn a_future_carries_a_value_or_a_panic() {
    let executor = ThreadPoolExecutor::new(2);
    let value = executor.submit(|| 1 + 1);
    let panic = executor.submit(|| -> u8 { panic!("of task {}", std::hint::black_box(7)) });
    assert_eq!(value.result().unwrap(), 2);
    let error = panic.result_for(LONG).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the task panicked: of task 7");
    let TaskError::Panicked(panic) = error else { panic!("it panicked") };
    assert_eq!(panic.into_payload().downcast_ref::<String>().unwrap(), "of task 7");
    // The worker has survived it, and a value need be neither `Sync` nor `Clone`.
    assert_eq!(executor.submit(|| Cell::new(3)).result().unwrap().get(), 3);
}

#[test]
fn results_come_in_the_order_of_the_items() {
    let executor = ThreadPoolExecutor::new(3);
    let squares = executor.map(0..20, |n| if n == 13 { panic!("unlucky") } else { n * n });
    assert_eq!(squares.len(), 20);
    for (n, square) in squares.enumerate() {
        assert_eq!(square.ok(), (n != 13).then_some(n * n));
    }
}

#[test]
fn a_task_can_be_cancelled_until_it_begins() {
    let (executor, release, running) = busy_executor();
    let ran = Arc::new(AtomicUsize::new(0));
    let waiting = executor.submit({
        let ran = Arc::clone(&ran);
        move || ran.fetch_add(1, Ordering::Relaxed)
    });
    assert!(!running.cancel() && !running.is_done() && !waiting.is_done());
    assert!(waiting.cancel() && waiting.is_done() && !waiting.cancel());
    assert!(matches!(waiting.result(), Err(TaskError::Cancelled)));
    let running = running.result_for(SHORT).unwrap_err();
    release.send(()).unwrap();
    running.result().unwrap();
    executor.shutdown();
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[test]
fn callbacks_see_the_result_before_anybody_else_and_may_come_late() {
    let (executor, release, running) = busy_executor();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let future = executor.submit(|| 5);
    let see = |what: &'static str| {
        let seen = Arc::clone(&seen);
        move |result: &Result<i32, TaskError>| {
            seen.lock().unwrap().push((what, result.as_ref().copied().ok()));
        }
    };
    future.add_done_callback(see("first"));
    future.add_done_callback(|_| panic!("in a callback"));
    future.add_done_callback(see("second"));
    drop(release);
    running.result().unwrap();
    let Waited { done, not_done } = wait([future], When::All, None);
    assert!(not_done.is_empty());
    done[0].add_done_callback(see("late"));
    assert_eq!(*seen.lock().unwrap(), [("first", Some(5)), ("second", Some(5)), ("late", Some(5))]);
    assert_eq!(done.into_iter().next().unwrap().result().unwrap(), 5);
}

#[test]
fn wait_gives_what_is_done_and_what_is_not() {
    let (executor, release, running) = busy_executor();
    let other = ThreadPoolExecutor::new(1);
    let quick = other.submit(|| ());
    let Waited { done, not_done } = wait([running, quick], When::First, None);
    assert_eq!((done.len(), not_done.len()), (1, 1));
    let Waited { done, not_done } = wait(not_done, When::All, Some(SHORT));
    assert_eq!((done.len(), not_done.len()), (0, 1));
    drop(release);
    let Waited { done, not_done } = wait(not_done, When::All, Some(LONG));
    assert_eq!((done.len(), not_done.len()), (1, 0));
    let none = wait(Vec::<Future<()>>::new(), When::First, None);
    assert!(none.done.is_empty() && none.not_done.is_empty());
    drop(executor);
}

#[test]
fn futures_come_as_they_are_completed() {
    let (executor, release, running) = busy_executor();
    let other = ThreadPoolExecutor::new(1);
    let mut completed = as_completed([running, other.submit(|| ())]);
    assert_eq!(completed.len(), 2);
    completed.next().unwrap().result().unwrap();
    // What is left is the one that still runs.
    release.send(()).unwrap();
    completed.next().unwrap().result().unwrap();
    assert!(completed.next().is_none());
    executor.shutdown();
}

#[test]
fn shutdown_runs_what_was_submitted_and_takes_no_more() {
    let (executor, release, running) = busy_executor();
    let pending = executor.submit(|| 1);
    drop(release);
    executor.shutdown();
    assert!(running.is_done() && pending.is_done());
    assert_eq!(pending.result().unwrap(), 1);
    assert!(matches!(executor.submit(|| 2).result(), Err(TaskError::ShutDown)));
    executor.shutdown();
    assert!(catch_unwind(AssertUnwindSafe(|| ThreadPoolExecutor::new(0))).is_err());
}

#[test]
fn an_executor_may_be_dropped_by_its_own_worker() {
    let executor = Arc::new(ThreadPoolExecutor::new(1));
    let (hand_over, handed) = channel();
    let future = executor.submit(move || drop(handed.recv().unwrap()));
    hand_over.send(Arc::clone(&executor)).unwrap();
    drop(executor);
    future.result().unwrap();
}
