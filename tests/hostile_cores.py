"""Cores that do harm to whoever runs them: at import of nothing, but when they boot, or at the call that each names."""

import os
import signal
import sys
import time

from sysfuzz.kernel.kernel import Kernel

SPOT = "msync"  # the call at which they misbehave


def no_end():
    """Never come back."""
    while True:
        time.sleep(1)


class Sound(Kernel):
    """The reference."""

    def __init__(self, mode, memory):
        super().__init__(mode, memory)

    def call(self, pid, lwp, name, args):
        if name == SPOT:
            self.misbehave()
        return super().call(pid, lwp, name, args)

    def misbehave(self):
        """Nothing yet."""


class Hangs(Sound):
    """Never comes back."""

    def misbehave(self):
        no_end()


class Killed(Sound):
    """Dies of a signal."""

    def misbehave(self):
        os.kill(os.getpid(), signal.SIGSEGV)


class Leaves(Sound):
    """Ends the process."""

    def misbehave(self):
        os._exit(7)


class LeavesWell(Sound):
    """Ends the process as if all were well."""

    def misbehave(self):
        os._exit(0)


class Spins(Sound):
    """Computes without end."""

    def misbehave(self):
        while True:
            pass


class Interrupts(Sound):
    """Raises what Ctrl-C raises."""

    def misbehave(self):
        raise KeyboardInterrupt


class Quits(Sound):
    """Ends Python."""

    def misbehave(self):
        sys.exit(0)


class Raises(Sound):
    """Is wrong."""

    def misbehave(self):
        raise LookupError("no\nsuch page")


class Babbles(Sound):
    """Prints, and writes into every file that is open."""

    def misbehave(self):
        print("not shown")
        for number in os.listdir("/proc/self/fd"):
            try:
                os.write(int(number), b'{"wrong": null, "answers": ')
            except OSError:
                continue


class Prints(Sound):
    """Prints, in two ways."""

    def misbehave(self):
        print("sound")
        os.write(1, b"and loud\n")


class Forks(Sound):
    """Goes on twice."""

    def misbehave(self):
        os.fork()


def hanging(mode, memory):
    """Does not boot."""
    no_end()


def killed(mode, memory):
    """Does not boot."""
    os.kill(os.getpid(), signal.SIGKILL)


def leaving(mode, memory):
    """Does not boot."""
    os._exit(3)


def forking(mode, memory):
    """Boots twice."""
    os.fork()
    return Sound(mode, memory)


def printing(mode, memory):
    """Boots with words."""
    print("welcome")
    os.write(1, b"welcome\n")
    return Sound(mode, memory)


class Wanting:
    """Has nothing but a way to boot."""

    def __init__(self, mode, memory):
        pass


class Declares(Sound):
    """Says truly that it has no fork, and so on."""

    unsupported = ("fork", "vfork", "msync")

    def call(self, pid, lwp, name, args):
        return "ENOSYS" if name in self.unsupported else super().call(pid, lwp, name, args)


class Lies(Sound):
    """Has what it says it has not."""

    unsupported = frozenset(("msync",))


class Mistold(Sound):
    """Says one name where a set is due."""

    unsupported = "msync"


class Mute(Sound):
    """Has no call but exit, and does not say so."""

    def call(self, pid, lwp, name, args):
        return super().call(pid, lwp, name, args) if name == "exit" else "ENOSYS"
