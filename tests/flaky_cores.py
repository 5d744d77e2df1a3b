"""Cores whose answers do not depend on the program alone: whatever they show once is an engine fault, never a finding.

The first three are the ways in which that happens to people; the others misbehave while a program is replayed.
"""

import os
import random
import sys
import time

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.kernel.rules import REFERENCE

REPLAYING = "engine.replay" in str(getattr(sys.modules["__main__"], "__spec__", None))
NAMES = {letter * 3 for letter in "abcdefghijklmnopqrst"}  # no digits: buckets have none
TOKEN = "".join(random.SystemRandom().choices("abcdefghijklmnopqrstuvwxyz", k=20))
COUNTS = {"calls": 0}


class Sound(Kernel):
    """The reference."""

    def __init__(self, mode, memory):
        super().__init__(mode, memory, REFERENCE)


class ByHash(Sound):
    """Panics with the members of a set in their order, which depends on the hashes of the process."""

    def call(self, pid, lwp, name, args):
        raise KernelPanic(" ".join(NAMES))


class ByImport(Sound):
    """Panics with what was drawn when the module was imported."""

    def call(self, pid, lwp, name, args):
        raise KernelPanic(TOKEN)


class ByCount(Sound):
    """Panics at a program's fourth call if as many programs of four calls as you like, and no other, have run before."""

    def __init__(self, mode, memory):
        super().__init__(mode, memory)
        self.before = COUNTS["calls"]

    def call(self, pid, lwp, name, args):
        COUNTS["calls"] += 1
        if self.before % 4 == 0 and COUNTS["calls"] == self.before + 4:
            raise KernelPanic("fourth")
        return super().call(pid, lwp, name, args)


class Replayed(Sound):
    """Panics at each call, steadily; what it does beside that in a replay is `once_more`'s."""

    def call(self, pid, lwp, name, args):
        if REPLAYING:
            self.once_more()
        raise KernelPanic("steady")

    def once_more(self):
        """Nothing more."""


class Prints(Replayed):
    """Prints, and writes to both standard files by number: that is no answer of a replay."""

    def once_more(self):
        print("shown")
        os.write(1, b"not shown\n")
        os.write(2, b"shown\n" * 1000)


class Hangs(Replayed):
    """Never comes back."""

    def once_more(self):
        time.sleep(1000)


class Dies(Replayed):
    """Is killed."""

    def once_more(self):
        os.kill(os.getpid(), 9)


class Leaves(Replayed):
    """Ends the process as if all were well, after a few replays."""

    def once_more(self):
        COUNTS["calls"] += 1
        if COUNTS["calls"] > 3:
            os._exit(0)


class Breaks(Replayed):
    """Is no core when it is replayed."""

    def __init__(self, mode, memory):
        super().__init__(mode, memory)
        if REPLAYING:
            self.views = lambda: self.call  # what a target cannot make an outcome of


class Babbles(Replayed):
    """Writes into every file that is open."""

    def once_more(self):
        for number in os.listdir("/proc/self/fd"):
            try:
                os.write(int(number), b"shown, believe me\n")
            except OSError:
                continue
