"""Programs and cores for the tests of the verbs."""

# Clean on the reference; on nosyscalls-2011 the second mapping merges into the first, loses its attribute, and a call from it escapes.
MERGE = """\
# two neighbours
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(0x11000, "b8140000000f05c3")       # getpid
run(0x11000)
"""

GOLDEN = """\
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)  # -> 0x10000
poke(0x10000, "0f05")                   # -> 0
run(0x10000)                            # -> SIGILL @0x10000
munmap(0, 0x1000)                       # -> EINVAL
"""

BAD_FLAG = """\
mode amd64
mmap(0, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON|0x800000, -1, 0)
fork()
"""

# Cores of a user's own, good and bad, by attribute.
OWN_CORES = """\
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE


def boot(mode, memory):
    return Kernel(mode, memory, REFERENCE)


def raising(mode, memory):
    raise RuntimeError("no such\\nmachine")


def silent(mode, memory):
    return None


def quitting(mode, memory):
    raise SystemExit(0)


class Odd(BaseException):
    pass


def odd(mode, memory):
    raise Odd("no exception of the usual kind")


class Mumbling(Kernel):
    def __init__(self, mode, memory):
        super().__init__(mode, memory, REFERENCE)

    def transitions(self):
        return (1, 2)


class Panicking(Kernel):
    def __init__(self, mode, memory):
        super().__init__(mode, memory, REFERENCE)

    def call(self, pid, lwp, name, args):
        raise ValueError("\\x1b[2Jgone")


NUMBER = 1
"""

# A core that panics at every third call, whatever the program: no replay shows what the first run did.
FLAKY_CORE = """\
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE

calls = 0


class Flaky(Kernel):
    def __init__(self, mode, memory):
        super().__init__(mode, memory, REFERENCE)

    def call(self, pid, lwp, name, args):
        global calls
        calls += 1
        if calls % 3 == 0:
            raise KeyError("odd")
        return super().call(pid, lwp, name, args)
"""

# A module that can be imported by everybody but a worker.
SHY_CORE = """\
import sys

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE

if "engine.worker" in str(sys.modules["__main__"].__spec__):
    raise RuntimeError("not in a worker")


def boot(mode, memory):
    return Kernel(mode, memory, REFERENCE)
"""
