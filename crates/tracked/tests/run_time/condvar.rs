//! `Condvar`: each case is run on std's and on ours. Who waits is known by what they say under the mutex.

use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

macro_rules! cases {
    ($name:ident, $sync:path, $thread:path) => {
        mod $name {
            use $sync as sync;
            use $thread as thread;

            use super::*;

            #[test]
            fn a_wait_lets_go_of_the_mutex_and_has_it_again() {
                let (state, changed) = (sync::Mutex::new(0), sync::Condvar::new());
                thread::scope(|scope| {
                    scope.spawn(|| {
                        let mut state = state.lock().unwrap();
                        *state = 1;
                        changed.notify_all();
                        while *state != 2 {
                            state = changed.wait(state).unwrap();
                        }
                        *state = 3;
                    });
                    let mut guard = changed.wait_while(state.lock().unwrap(), |state| *state != 1).unwrap();
                    *guard = 2;
                    changed.notify_one();
                });
                assert_eq!(state.into_inner().unwrap(), 3);
            }

            #[test]
            fn notify_all_wakes_everybody() {
                let (state, changed) = (sync::Mutex::new((0, false)), sync::Condvar::new());
                thread::scope(|scope| {
                    for _ in 0..8 {
                        scope.spawn(|| {
                            let mut guard = state.lock().unwrap();
                            guard.0 += 1;
                            changed.notify_all();
                            drop(changed.wait_while(guard, |(_, go)| !*go).unwrap());
                        });
                    }
                    let mut guard = changed.wait_while(state.lock().unwrap(), |(all, _)| *all != 8).unwrap();
                    guard.1 = true;
                    changed.notify_all();
                });
            }

            #[test]
            fn one_notification_is_enough_for_one_waiter_each() {
                let (tickets, more) = (sync::Mutex::new(0), sync::Condvar::new());
                thread::scope(|scope| {
                    for _ in 0..8 {
                        scope.spawn(|| {
                            let mut guard =
                                more.wait_while(tickets.lock().unwrap(), |left| *left == 0).unwrap();
                            *guard -= 1;
                        });
                    }
                    for _ in 0..8 {
                        *tickets.lock().unwrap() += 1;
                        more.notify_one();
                    }
                });
                assert_eq!(tickets.into_inner().unwrap(), 0);
            }

            #[test]
            fn a_timed_wait_ends_in_time_and_not_before() {
                let (state, changed) = (sync::Mutex::new(()), sync::Condvar::new());
                let start = Instant::now();
                let (guard, result) = changed.wait_timeout(state.lock().unwrap(), SHORT).unwrap();
                assert!(!result.timed_out() || start.elapsed() >= SHORT);
                let (guard, result) = changed.wait_timeout_while(guard, SHORT, |()| true).unwrap();
                assert!(result.timed_out() && start.elapsed() >= SHORT);
                let (guard, result) = changed.wait_timeout_while(guard, LONG, |()| false).unwrap();
                assert!(!result.timed_out());
                let (guard, result) = changed.wait_timeout_while(guard, Duration::ZERO, |()| true).unwrap();
                assert!(result.timed_out());
                drop(guard);
                assert!(state.try_lock().is_ok());
            }

            #[test]
            fn a_timed_wait_that_is_notified_says_so() {
                let (state, changed) = (sync::Mutex::new(false), sync::Condvar::new());
                thread::scope(|scope| {
                    let guard = state.lock().unwrap();
                    scope.spawn(|| {
                        *state.lock().unwrap() = true;
                        changed.notify_one();
                    });
                    let (guard, result) = changed.wait_timeout_while(guard, LONG, |ready| !*ready).unwrap();
                    assert!(*guard && !result.timed_out());
                });
            }

            #[test]
            fn a_timeout_past_the_end_of_the_clock_means_for_ever() {
                let (state, changed) = (sync::Mutex::new(false), sync::Condvar::new());
                thread::scope(|scope| {
                    let mut guard = state.lock().unwrap();
                    scope.spawn(|| {
                        *state.lock().unwrap() = true;
                        changed.notify_one();
                    });
                    while !*guard {
                        guard = changed.wait_timeout(guard, Duration::MAX).unwrap().0;
                    }
                });
            }

            #[test]
            fn a_notification_that_nobody_waits_for_is_lost() {
                let (state, changed) = (sync::Mutex::new(()), sync::Condvar::new());
                changed.notify_one();
                changed.notify_all();
                let (_guard, result) =
                    changed.wait_timeout_while(state.lock().unwrap(), SHORT, |()| true).unwrap();
                assert!(result.timed_out());
            }

            /// Two that pass a token back and forth, with waits that often run out just as the word comes: no word
            /// is lost, or the game would stop.
            #[test]
            fn words_that_come_just_as_the_time_is_up_are_not_lost() {
                let (turn, changed) = (sync::Mutex::new(0), sync::Condvar::new());
                let player = |me: u32| {
                    for round in 0..300 {
                        let mut guard = turn.lock().unwrap();
                        while *guard % 2 != me {
                            let patience = Duration::from_micros(20 + round % 7 * 10);
                            guard = if round % 3 == 0 {
                                changed.wait(guard).unwrap()
                            } else {
                                changed.wait_timeout(guard, patience).unwrap().0
                            };
                        }
                        *guard += 1;
                        changed.notify_one();
                    }
                };
                thread::scope(|scope| {
                    scope.spawn(|| player(0));
                    scope.spawn(|| player(1));
                });
                assert_eq!(turn.into_inner().unwrap(), 600);
            }
        }
    };
}

cases!(stds, std::sync, std::thread);
cases!(ours, tracked::sync, tracked::thread);

/// Ours is fair: who has waited longest is told first. std promises no order.
#[test]
fn notify_one_takes_them_in_the_order_they_came() {
    let (state, changed, go) =
        (tracked::Mutex::new((Vec::new(), 0)), tracked::Condvar::new(), tracked::Condvar::new());
    tracked::thread::scope(|scope| {
        for number in 0..6 {
            let (state, changed, go) = (&state, &changed, &go);
            scope.spawn(move || {
                let guard = state.lock().unwrap();
                let mut guard = go.wait_while(guard, |(_, waiting)| *waiting != number).unwrap();
                guard.1 += 1;
                go.notify_all();
                let mut guard = changed.wait(guard).unwrap();
                guard.0.push(number);
                go.notify_all();
            });
        }
        for told in 0..6 {
            let guard = go
                .wait_while(state.lock().unwrap(), |(done, waiting)| *waiting != 6 || done.len() != told)
                .unwrap();
            changed.notify_one();
            drop(guard);
        }
    });
    assert_eq!(state.into_inner().unwrap().0, [0, 1, 2, 3, 4, 5]);
}
