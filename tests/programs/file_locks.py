"""Two processes lock two files in opposite orders."""

import fcntl
import os
import tempfile

folder = tempfile.TemporaryDirectory()
names = [os.path.join(folder.name, name) for name in ("one", "other")]
here, there = os.pipe(), os.pipe()


def take(first, second, mine, theirs):
    with open(first, "w") as a, open(second, "w") as b:
        fcntl.flock(a, fcntl.LOCK_EX)
        os.write(mine[1], b"x")
        os.read(theirs[0], 1)
        fcntl.flock(b, fcntl.LOCK_EX)


child = os.fork()
if child == 0:
    take(names[0], names[1], here, there)
    os._exit(0)
take(names[1], names[0], there, here)
os.waitpid(child, 0)
