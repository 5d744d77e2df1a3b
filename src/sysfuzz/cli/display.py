"""How a run shows that it lives: a line that changes on a terminal, a line now and then elsewhere.

What happens is printed above it in both. Knows what an epoch reports, not how it is run.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sysfuzz.cli.columns import counted
from sysfuzz.engine.epoch import Progress

_PLAIN_SECONDS = 10.0  # between two lines; a log of a night stays readable


class Display(Protocol):
    """Where a run prints."""

    def say(self, text: str) -> None:
        """Print something that stays."""

    def progress(self, progress: Progress, findings: int, faults: int) -> None:
        """Show how the run stands."""


@contextmanager
def display(*, stderr: bool) -> Iterator[Display]:
    """The display for standard output, or for standard error if the other belongs to JSON."""
    console = _Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _Terminal(console, live)


def standing(progress: Progress, findings: int, faults: int) -> str:
    """Executions, rate, features, corpus, findings and, if there are any, distinct engine faults in one line."""
    rate = progress.executions / progress.seconds if progress.seconds else 0.0
    parts = [
        f"{progress.seconds:.0f} s",
        counted(progress.executions, "execution"),
        f"{rate:,.0f}/s",
        counted(sum(progress.features.values()), "feature"),
        f"{progress.corpus:,} in the corpus",
        counted(findings, "finding"),
    ]
    if faults:
        parts.append(counted(faults, "engine fault"))
    return ", ".join(parts)


class _Console(Console):
    """A console that says that its pipe is closed, where rich would end the process."""

    def on_broken_pipe(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())  # else what is buffered fails again at the end
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class _Lines:
    """Plain lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = _PLAIN_SECONDS

    def say(self, text: str) -> None:
        self._console.print(Text.from_ansi(text))

    def progress(self, progress: Progress, findings: int, faults: int) -> None:
        if progress.seconds >= self._next:
            self._next = progress.seconds + _PLAIN_SECONDS
            self.say(standing(progress, findings, faults))


class _Terminal:
    """One line that changes, below what stays."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def say(self, text: str) -> None:
        self._console.print(Text.from_ansi(text))

    def progress(self, progress: Progress, findings: int, faults: int) -> None:
        self._live.update(Text(standing(progress, findings, faults), no_wrap=True, overflow="ellipsis"), refresh=True)
