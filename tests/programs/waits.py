"""Waits for something that may still come. The first argument says for what; the word `ready` comes first."""

import asyncio
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time


def a_lock_with_a_timeout():
    lock = threading.Lock()
    lock.acquire()
    while not lock.acquire(timeout=1000):
        pass


def a_connection():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.accept()


def a_connection_in_a_thread():
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=server.accept)
        answering.start()
        answering.join()


def some_input():
    sys.stdin.read()


def a_polled_input():
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.poll()


def time_to_pass():
    time.sleep(1000)


def a_child_that_sleeps():
    subprocess.run(["sleep", "1000"])


def a_signal():
    signal.pause()


def a_signal_that_is_handled():
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    threading.Thread(target=done.wait).start()
    done.wait()


def an_alarm():
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(0))
    signal.alarm(1000)
    threading.Event().wait()


def a_busy_thread():
    done = threading.Event()

    def work():
        while not done.is_set():
            pass

    threading.Thread(target=work).start()
    threading.Event().wait()


def a_child_that_reads_its_input():
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    time.sleep(1000)
    child.stdin.close()


def a_named_pipe():
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "pipe")
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    print("ready", flush=True)
    os.read(pipe, 1)


def a_socket_with_a_timeout():
    here, there = socket.socketpair()
    seconds = struct.pack("ll", 1000, 0)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
    os.read(here.fileno(), 1)


def connected():
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = socket.create_connection(server.getsockname())
        return here, server.accept()[0]


def a_connection_with_a_timeout():
    here, there = connected()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1000, 0))
    here.recv(1)


def a_connection_that_gives_up():
    here, there = connected()
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000000)
    while True:
        here.send(bytes(1 << 16))


def a_connection_whose_other_end_sleeps():
    here, there = connected()
    threading.Thread(target=lambda: (time.sleep(1000), there.send(b"x"))).start()
    here.recv(1)


def a_connection_that_is_not_accepted_yet():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).recv(1)


def an_event_loop():
    # An interrupt from the keyboard is its way out.
    asyncio.run(asyncio.Event().wait())


# A shell starts what runs in the background with this one ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
what = sys.argv[1]
if what != "a_named_pipe":
    print("ready", flush=True)
globals()[what]()
