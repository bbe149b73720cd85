//! Channels, queues, barriers and tasks: waits for them under locks, pools without a worker left, and messages that
//! keep apart what looks like a deadlock.

use std::sync::Arc;
use std::sync::Barrier as Unwatched;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvError, channel as unwatched_channel};
use std::time::Duration;

use tracked::executor::{self, Future, ThreadPoolExecutor, When};
use tracked::queue::Queue;
use tracked::sync::mpsc::{channel, sync_channel};
use tracked::{Barrier, Event, thread};

use crate::Scenario;
use crate::threads::{in_turn, lock, mutex, one_then_the_other, together};

pub const ALL: &[Scenario] = &[
    ("send-under-a-lock-the-receiver-needs", send_under_a_lock_the_receiver_needs),
    ("send-with-room-under-a-lock-the-receiver-needs", send_with_room_under_a_lock_the_receiver_needs),
    ("recv-under-a-lock-the-sender-needs", recv_under_a_lock_the_sender_needs),
    ("recv-under-a-lock-one-sender-needs-not", recv_under_a_lock_one_sender_needs_not),
    ("recv-then-lock-in-a-loop", recv_then_lock_in_a_loop),
    ("get-under-a-lock-the-putter-needs", get_under_a_lock_the_putter_needs),
    ("put-under-a-lock-the-getter-needs", put_under_a_lock_the_getter_needs),
    ("queue-join-under-a-lock-the-worker-needs", queue_join_under_a_lock_the_worker_needs),
    ("queue-join-worker-died", queue_join_worker_died),
    ("queue-join-worker-died-beside-one-that-polls", queue_join_worker_died_beside_one_that_polls),
    ("queue-join-task-passed-on", queue_join_task_passed_on),
    ("pill-short", pill_short),
    ("barrier-under-a-lock-another-needs", barrier_under_a_lock_another_needs),
    ("barrier-after-the-lock", barrier_after_the_lock),
    ("event-under-a-lock-after-a-message", event_under_a_lock_after_a_message),
    ("event-under-a-lock-after-an-item", event_under_a_lock_after_an_item),
    ("join-under-a-lock-after-a-message", join_under_a_lock_after_a_message),
    ("result-under-a-lock-the-task-needs", result_under_a_lock_the_task_needs),
    ("result-under-a-lock-after-looking", result_under_a_lock_after_looking),
    ("result-under-another-lock", result_under_another_lock),
    ("results-under-a-lock-one-task-needs", results_under_a_lock_one_task_needs),
    ("abba-after-wait-for-all", || abba_after(|tasks| drop(executor::wait(tasks, When::All, None)))),
    ("abba-after-wait-for-first", || abba_after(|tasks| drop(executor::wait(tasks, When::First, None)))),
    ("abba-after-as-completed", || abba_after(|tasks| assert_eq!(executor::as_completed(tasks).count(), 1))),
    ("abba-after-a-callback", abba_after_a_callback),
    ("pool-of-1-starved", pool_of_1_starved),
    ("pool-of-2-starved", pool_of_2_starved),
    ("pool-of-2-could-starve", pool_of_2_could_starve),
    ("pool-of-3-has-room", pool_of_3_has_room),
    ("pool-of-2-parents-in-turn", pool_of_2_parents_in_turn),
    ("tasks-wait-for-each-other", tasks_wait_for_each_other),
];

/// The receiver took the lock before it made room; had the sender been first, both would hang.
fn send_under_a_lock_the_receiver_needs() {
    let a = mutex();
    let (sender, receiver) = sync_channel(1);
    sender.send(0).expect("there is room");
    one_then_the_other(
        || {
            let receiver = receiver;
            drop(lock(&a));
            receiver.recv().expect("there is one");
            // Lives on until the sender is through.
            std::mem::forget(receiver);
        },
        || {
            let _held = lock(&a);
            sender.send(1).expect("there is room again");
        },
    );
}

/// There is room for all that is ever sent.
fn send_with_room_under_a_lock_the_receiver_needs() {
    let a = mutex();
    let (sender, receiver) = sync_channel(2);
    sender.send(0).expect("there is room");
    one_then_the_other(
        || {
            let receiver = receiver;
            drop(lock(&a));
            receiver.recv().expect("there is one");
            // Lives on until the sender is through.
            std::mem::forget(receiver);
        },
        || {
            let _held = lock(&a);
            sender.send(1).expect("there is room");
        },
    );
}

fn recv_under_a_lock_the_sender_needs() {
    let a = mutex();
    let (sender, receiver) = channel();
    one_then_the_other(
        || {
            drop(lock(&a));
            sender.send(()).expect("the receiver lives");
        },
        || {
            let receiver = receiver;
            let _held = lock(&a);
            receiver.recv().expect("it was sent");
        },
    );
}

fn recv_under_a_lock_one_sender_needs_not() {
    let a = mutex();
    let (sender, receiver) = channel();
    let other = sender.clone();
    in_turn(vec![
        Box::new(|| {
            drop(lock(&a));
            sender.send(()).expect("the receiver lives");
        }),
        Box::new(|| other.send(()).expect("the receiver lives")),
        Box::new(|| {
            let receiver = receiver;
            let _held = lock(&a);
            receiver.recv().expect("it was sent");
        }),
    ]);
}

/// The usual worker, and a client that never waits with the lock in its hands.
fn recv_then_lock_in_a_loop() {
    let total = mutex();
    let (sender, receiver) = sync_channel(1);
    together(vec![
        Box::new(|| {
            let receiver = receiver;
            for _ in receiver {
                drop(lock(&total));
            }
        }),
        Box::new(|| {
            let sender = sender;
            for number in 0..20 {
                sender.send(number).expect("the receiver lives");
                drop(lock(&total));
            }
        }),
    ]);
}

fn get_under_a_lock_the_putter_needs() {
    let (a, queue) = (mutex(), Queue::unbounded());
    one_then_the_other(
        || {
            drop(lock(&a));
            queue.put(1);
        },
        || {
            let _held = lock(&a);
            queue.get();
        },
    );
}

fn put_under_a_lock_the_getter_needs() {
    let (a, queue) = (mutex(), Queue::bounded(1));
    queue.put(0);
    one_then_the_other(
        || {
            drop(lock(&a));
            queue.get();
        },
        || {
            let _held = lock(&a);
            queue.put(1);
        },
    );
}

fn queue_join_under_a_lock_the_worker_needs() {
    let (a, queue) = (mutex(), Queue::unbounded());
    queue.put(0);
    one_then_the_other(
        || {
            queue.get();
            drop(lock(&a));
            queue.task_done().expect("it was put");
        },
        || {
            let _held = lock(&a);
            queue.join();
        },
    );
}

/// The worker panics with a task in its hands.
fn queue_join_worker_died() {
    let queue = Queue::unbounded();
    queue.put(0);
    together(vec![
        Box::new(|| {
            let number = queue.get();
            assert!(number > 0, "cannot work on {number}");
            queue.task_done().expect("it was put");
        }),
        Box::new(|| queue.join()),
    ]);
}

/// The same beside a worker that polls and would do any further task, so that the program never stands still.
fn queue_join_worker_died_beside_one_that_polls() {
    let (queue, over) = (Queue::unbounded(), AtomicBool::new(false));
    queue.put(0);
    let (dies, died) = unwatched_channel::<()>();
    together(vec![
        Box::new(|| {
            let _dies = dies;
            let number = queue.get();
            assert!(number > 0, "cannot work on {number}");
        }),
        Box::new(|| {
            let _ = { died }.recv();
            while !over.load(Ordering::Relaxed) {
                if queue.get_for(Duration::from_millis(1)).is_some() {
                    queue.task_done().expect("it was put");
                }
            }
        }),
        Box::new(|| {
            let _over = OnDrop(|| over.store(true, Ordering::Relaxed));
            queue.join();
        }),
    ]);
}

/// Does it when it goes out of scope, by a panic too.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Whoever takes tasks passes them on, and panics in the end; they are told done elsewhere, one before that and one a good
/// while after.
fn queue_join_task_passed_on() {
    let queue = Queue::unbounded();
    (0..2).for_each(|number| queue.put(number));
    let (passes, passed) = unwatched_channel();
    let (does, done) = unwatched_channel();
    together(vec![
        Box::new(|| {
            let (passes, done) = (passes, done);
            (0..2).for_each(|_| passes.send(queue.get()).expect("somebody does it"));
            done.recv().expect("one is done");
            panic!("there is no third");
        }),
        Box::new(|| {
            let passed = passed;
            passed.recv().expect("there is a first");
            queue.task_done().expect("it was put");
            does.send(()).expect("somebody waits for it");
            passed.recv().expect("there is a second");
            // Whoever waits for the end looks around after a second and a half.
            assert_eq!(passed.recv(), Err(RecvError), "the other has panicked");
            let nothing = unwatched_channel::<()>();
            let _ = nothing.1.recv_timeout(Duration::from_millis(2_000));
            queue.task_done().expect("it was put");
        }),
        Box::new(|| queue.join()),
    ]);
}

/// Two consumers and one pill.
fn pill_short() {
    let queue: Queue<Option<u32>> = Queue::unbounded();
    let consume = || while queue.get().is_some() {};
    together(vec![
        Box::new(consume),
        Box::new(consume),
        Box::new(|| {
            queue.put(Some(1));
            queue.put(None);
        }),
    ]);
}

fn barrier_under_a_lock_another_needs() {
    let (a, all) = (mutex(), Barrier::new(2));
    let (through, other) = unwatched_channel();
    together(vec![
        Box::new(|| {
            drop(lock(&a));
            through.send(()).expect("the other lives");
            all.wait();
        }),
        Box::new(|| {
            let other = other;
            other.recv().expect("it is sent");
            let _held = lock(&a);
            all.wait();
        }),
    ]);
}

/// In each phase the lock is given back before the barrier.
fn barrier_after_the_lock() {
    let (a, all) = (mutex(), Barrier::new(2));
    let work = || {
        for _ in 0..5 {
            drop(lock(&a));
            all.wait();
        }
    };
    together(vec![Box::new(work), Box::new(work)]);
}

/// The waiter begins when the setter is through with the lock: a message says so.
fn event_under_a_lock_after_a_message() {
    let (a, event) = (mutex(), Event::new());
    let (sender, receiver) = channel();
    together(vec![
        Box::new(|| {
            drop(lock(&a));
            sender.send(()).expect("the receiver lives");
            event.set();
        }),
        Box::new(|| {
            let receiver = receiver;
            receiver.recv().expect("it is sent");
            let _held = lock(&a);
            event.wait();
        }),
    ]);
}

/// The same through a queue and a third thread.
fn event_under_a_lock_after_an_item() {
    let (a, event) = (mutex(), Event::new());
    let (first, second) = (Queue::bounded(1), Queue::bounded(1));
    together(vec![
        Box::new(|| {
            drop(lock(&a));
            first.put(());
            event.set();
        }),
        Box::new(|| {
            first.get();
            second.put(());
        }),
        Box::new(|| {
            second.get();
            let _held = lock(&a);
            event.wait();
        }),
    ]);
}

fn join_under_a_lock_after_a_message() {
    let a = Arc::new(mutex());
    let inner = a.clone();
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(lock(&inner));
        sender.send(()).expect("the receiver lives");
    });
    receiver.recv().expect("it is sent");
    let _held = lock(&a);
    worker.join().expect("it does not panic");
}

/// Would hang if the lock were taken before the task ran.
fn result_under_a_lock_the_task_needs() {
    let (a, pool) = (Arc::new(mutex()), ThreadPoolExecutor::new(1));
    let (inner, (tell, told)) = (a.clone(), unwatched_channel());
    let future = pool.submit(move || {
        drop(lock(&inner));
        tell.send(()).expect("it is waited for");
    });
    told.recv().expect("it is told");
    let _held = lock(&a);
    future.result().expect("it does not panic");
}

/// Who has seen that the task is done comes after it.
fn result_under_a_lock_after_looking() {
    let (a, pool) = (Arc::new(mutex()), ThreadPoolExecutor::new(1));
    let inner = a.clone();
    let future = pool.submit(move || drop(lock(&inner)));
    while !future.is_done() {
        thread::yield_now();
    }
    let _held = lock(&a);
    future.result().expect("it does not panic");
}

fn result_under_another_lock() {
    let (a, b, pool) = (Arc::new(mutex()), mutex(), ThreadPoolExecutor::new(1));
    let inner = a.clone();
    let future = pool.submit(move || drop(lock(&inner)));
    let _held = lock(&b);
    future.result().expect("it does not panic");
}

/// Would hang if the lock were taken before the first task ran.
fn results_under_a_lock_one_task_needs() {
    let (a, pool) = (Arc::new(mutex()), ThreadPoolExecutor::new(1));
    let (inner, (tell, told)) = (a.clone(), unwatched_channel());
    let first = pool.submit(move || {
        drop(lock(&inner));
        tell.send(()).expect("it is waited for");
    });
    let tasks = vec![first, pool.submit(|| ())];
    told.recv().expect("it is told");
    let _held = lock(&a);
    assert_eq!(executor::wait(tasks, When::All, None).done.len(), 2);
}

/// A task takes the locks in one order; whoever has waited for it takes them in the other.
fn abba_after(wait: fn(Vec<Future<()>>)) {
    let (a, b, pool) = (Arc::new(mutex()), Arc::new(mutex()), ThreadPoolExecutor::new(2));
    let (its_a, its_b) = (a.clone(), b.clone());
    wait(vec![pool.submit(move || drop((lock(&its_a), lock(&its_b))))]);
    drop((lock(&b), lock(&a)));
}

/// A task is done when its callbacks have run: its result comes after them.
fn abba_after_a_callback() {
    let (a, b, pool) = (Arc::new(mutex()), Arc::new(mutex()), ThreadPoolExecutor::new(1));
    let (its_a, its_b, go) = (a.clone(), b.clone(), Arc::new(Unwatched::new(2)));
    let gone = go.clone();
    let task = pool.submit(move || _ = gone.wait());
    task.add_done_callback(move |_| drop((lock(&its_a), lock(&its_b))));
    go.wait();
    task.result().expect("it does not panic");
    drop((lock(&b), lock(&a)));
}

/// A task that submits another to the pool, and waits for it.
fn parent(
    pool: &Arc<ThreadPoolExecutor>,
    before: impl FnOnce() + Send + 'static,
) -> impl FnOnce() + Send + 'static {
    let pool = Arc::downgrade(pool);
    move || {
        let pool = pool.upgrade().expect("the pool is kept until its tasks are done");
        before();
        let child = pool.submit(|| ());
        let _ = child.result();
    }
}

fn pool_of_1_starved() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let _ = pool.submit(parent(&pool, || ())).result();
}

/// Both workers run a parent before any child is there.
fn pool_of_2_starved() {
    let pool = Arc::new(ThreadPoolExecutor::new(2));
    let both = Arc::new(Unwatched::new(2));
    let start = || {
        let both = both.clone();
        let meet = move || {
            both.wait();
        };
        pool.submit(parent(&pool, meet))
    };
    let (one, other) = (start(), start());
    let _ = (one.result(), other.result());
}

/// One parent is done before the other is submitted, by luck for all that is seen.
fn pool_of_2_could_starve() {
    let pool = Arc::new(ThreadPoolExecutor::new(2));
    let (done, next) = unwatched_channel();
    let body = parent(&pool, || ());
    let first = pool.submit(move || {
        body();
        done.send(()).expect("it is received");
    });
    next.recv().expect("it is sent");
    let second = pool.submit(parent(&pool, || ()));
    first.result().expect("it does not panic");
    second.result().expect("it does not panic");
}

/// Two parents and a worker more.
fn pool_of_3_has_room() {
    let pool = Arc::new(ThreadPoolExecutor::new(3));
    let both = Arc::new(Unwatched::new(2));
    let start = || {
        let both = both.clone();
        let meet = move || {
            both.wait();
        };
        pool.submit(parent(&pool, meet))
    };
    let (one, other) = (start(), start());
    one.result().expect("it does not panic");
    other.result().expect("it does not panic");
}

/// The second parent is not submitted before the first is done.
fn pool_of_2_parents_in_turn() {
    let pool = Arc::new(ThreadPoolExecutor::new(2));
    for _ in 0..4 {
        pool.submit(parent(&pool, || ())).result().expect("it does not panic");
    }
}

/// Each of two running tasks waits for the other one's result.
fn tasks_wait_for_each_other() {
    let pool = ThreadPoolExecutor::new(2);
    let ((give_one, one), (give_other, other)) = (unwatched_channel(), unwatched_channel());
    let first = pool.submit(move || drop(other.recv().map(tracked::executor::Future::<()>::result)));
    let second = pool.submit(move || drop(one.recv().map(tracked::executor::Future::<()>::result)));
    give_one.send(first).expect("it is received");
    give_other.send(second).expect("it is received");
    pool.shutdown();
}
