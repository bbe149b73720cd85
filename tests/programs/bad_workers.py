"""Two workers that take two locks in opposite orders, and meet in between so that it happens every time."""

import threading

lock_a = threading.Lock()
lock_b = threading.Lock()
both_hold_one = threading.Barrier(2)


def bad_worker_1():
    with lock_a:
        both_hold_one.wait()
        with lock_b:
            print("Worker 1")


def bad_worker_2():
    with lock_b:
        both_hold_one.wait()
        with lock_a:
            print("Worker 2")


workers = [threading.Thread(target=bad_worker_1), threading.Thread(target=bad_worker_2)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
