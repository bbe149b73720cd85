"""Two processes take two locks that they share in opposite orders."""

import multiprocessing


def take(first, second, both_hold_one):
    with first:
        both_hold_one.wait()
        with second:
            pass


if __name__ == "__main__":
    one, other = multiprocessing.Lock(), multiprocessing.Lock()
    both_hold_one = multiprocessing.Barrier(2)
    sides = [(one, other), (other, one)]
    workers = [multiprocessing.Process(target=take, args=(*side, both_hold_one)) for side in sides]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
