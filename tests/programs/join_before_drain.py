"""Joins a producer before taking out what it has put into the queue: more than the pipe holds."""

import multiprocessing


def produce(queue):
    for _ in range(100):
        queue.put("x" * 10_000)


if __name__ == "__main__":
    queue = multiprocessing.Queue()
    producer = multiprocessing.Process(target=produce, args=(queue,))
    producer.start()
    producer.join()
    print(sum(len(queue.get()) for _ in range(100)))
