"""Where a core is in a program, noted where a forked process shares it with its parent, so that the death of that process can be placed.

A core in C is asked by an adapter that notes it (`ccore`), one in Python through `marked`. What a death means is the business of `contained`.
"""

import mmap
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from sysfuzz.kernel.protocol import Boot, Core, Memory
from sysfuzz.program.ir import Mode
from sysfuzz.program.names import PAGE

# What a core is asked, in the numbers that `Marks` holds.
METHODS: Final = (
    "", "boot", "destroy", "call", "enter", "fault", "fill", "poke", "peek", "alive", "sysenter_enabled", "segments", "views",
    "transitions", "check", "guard",
)  # fmt: skip


class Marks:
    """Where a process is in a program: two bytes that a forked process shares with its parent."""

    def __init__(self) -> None:
        self.bytes = mmap.mmap(-1, PAGE)  # shared and anonymous

    @property
    def method(self) -> str:
        """What the core is doing; "" if it is not asked anything."""
        return METHODS[self.bytes[0]]

    @property
    def ops(self) -> int:
        """How many ops of the program are done."""
        return self.bytes[1]


def marked(boot: Boot, marks: Marks) -> Boot:
    """The same cores, which note in `marks` what they are asked. A process that one forks does not come back from it: one runner is enough."""
    return lambda mode, memory: cast(Core, _Marked(boot, marks, mode, memory))


class _Marked:
    """A core between the target and the one that it boots. What that does not have, this does not have either."""

    def __init__(self, boot: Boot, marks: Marks, mode: Mode, memory: Memory) -> None:
        self._marks = marks.bytes
        self._marks[1] = 0
        self._pid = os.getpid()
        self._core = self._ask("boot", boot, mode, memory)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._ask, name, getattr(self._core, name))

    def _ask(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        marks = self._marks
        marks[0] = METHODS.index(name)
        try:
            answer = method(*args)
        finally:
            if os.getpid() != self._pid:
                os._exit(0)  # before it touches the marks, which are its parent's
            marks[0] = 0
        if name == "transitions":  # the target asks for them when an op is done
            marks[1] += 1
        return answer
