"""Both ends of a pipe wait for the other to begin."""

import multiprocessing


def answer(connection):
    connection.send(connection.recv() * 2)


if __name__ == "__main__":
    here, there = multiprocessing.Pipe()
    worker = multiprocessing.Process(target=answer, args=(there,))
    worker.start()
    print(here.recv())
    worker.join()
