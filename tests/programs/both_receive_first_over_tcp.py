"""Both ends of a connection wait for the other to begin."""

import os
import socket

with socket.create_server(("127.0.0.1", 0)) as server:
    there = socket.create_connection(server.getsockname())
    here, _ = server.accept()
child = os.fork()
if child == 0:
    here.close()
    there.send(there.recv(1))
    os._exit(0)
there.close()
here.send(here.recv(1))
os.waitpid(child, 0)
