//! Channels and barriers under control.

use std::sync::Arc;
use std::time::Duration;

use tracked::explore::Strategy;
use tracked::sync::mpsc::{self, RecvTimeoutError, TrySendError};
use tracked::{Barrier, Explore, Mutex, thread};

fn explore() -> Explore {
    Explore::new().strategy(Strategy::Random).runs(200)
}

#[test]
fn messages_arrive_in_order_and_the_end_is_seen() {
    let report = explore().check(|| {
        let (sender, receiver) = mpsc::channel();
        let second = sender.clone();
        let threads = [
            thread::spawn(move || (0..3).for_each(|n| sender.send(n).unwrap())),
            thread::spawn(move || (10..12).for_each(|n| second.send(n).unwrap())),
        ];
        let all: Vec<i32> = receiver.iter().collect();
        let low: Vec<i32> = all.iter().copied().filter(|n| *n < 10).collect();
        assert_eq!((all.len(), low), (5, vec![0, 1, 2]));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(receiver.recv().is_err());
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_bounded_channel_blocks_and_a_receiver_that_leaves_ends_that() {
    let report = explore().check(|| {
        let (sender, receiver) = mpsc::sync_channel(1);
        let other = thread::spawn(move || {
            let mut sent = 0;
            while sender.send(sent).is_ok() {
                sent += 1;
            }
            sent
        });
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(0), Ok(1)));
        drop(receiver);
        assert!((2..=3).contains(&other.join().unwrap()));
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_channel_without_room_makes_both_meet() {
    let report = explore().check(|| {
        let (sender, receiver) = mpsc::sync_channel(0);
        assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
        let taken = Arc::new(Mutex::new(false));
        let theirs = Arc::clone(&taken);
        let other = thread::spawn(move || {
            let got = receiver.recv().unwrap();
            *theirs.lock().unwrap() = true;
            got
        });
        sender.send(7).unwrap();
        assert_eq!(other.join().unwrap(), 7);
        assert!(*taken.lock().unwrap());
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn two_who_wait_for_each_others_message_are_found() {
    let report = explore().check(|| {
        let ((one, from_one), (other, from_other)) = (mpsc::channel::<u32>(), mpsc::channel::<u32>());
        let thread = thread::spawn(move || {
            let got = from_one.recv();
            drop(other);
            got
        });
        let got = from_other.recv();
        drop(one);
        assert!(got.is_err() && thread.join().unwrap().is_err());
    });
    assert!(!report.is_clean(), "{report}");
}

#[test]
fn a_message_may_come_too_late() {
    let report = explore().check(|| {
        let (sender, receiver) = mpsc::channel();
        let other = thread::spawn(move || sender.send(1));
        let got = receiver.recv_timeout(Duration::from_secs(3_600));
        assert_ne!(got, Err(RecvTimeoutError::Timeout), "too late");
        let _ = other.join();
    });
    assert!(report.to_string().contains("too late"), "{report}");
}

#[test]
fn a_barrier_lets_a_round_through_with_one_leader() {
    let report = explore().check(|| {
        let barrier = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                thread::spawn(move || (0..2).filter(|_| barrier.wait().is_leader()).count())
            })
            .collect();
        let leaders: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(leaders, 2);
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_barrier_with_one_thread_too_few_is_found() {
    let report = Explore::new().check(|| {
        let barrier = Arc::new(Barrier::new(2));
        let theirs = Arc::clone(&barrier);
        let other = thread::spawn(move || theirs.wait().is_leader());
        barrier.wait();
        barrier.wait();
        let _ = other.join();
    });
    assert!(!report.is_clean(), "{report}");
}
