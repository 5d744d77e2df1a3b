"""Why a run shows a bug, as plain values: what `explain` finds out, `story` writes down and reports draw.

Everything here is words and numbers that can be shown as they are: no program, no outcome, nothing of the spec.
"""

from typing import NamedTuple

PARTED = "here core and spec part"  # ends the note of the moment at which they do


class Moment(NamedTuple):
    """One row in the life of the page that mattered, or of the mark of its process."""

    op: int  # index of the op; -1: boot
    event: int  # event within a run; -1: the op itself
    what: str  # the op or the call: "munmap(0x10000, 0x1000)", "getpid() from 0x10000"
    core: str  # the page afterwards, as the core holds it: "r-x no-syscalls", "r-x", "unmapped"; of a mark: "marked", "unmarked"
    spec: str  # the same, as it must be
    note: (
        str  # "sets no-syscalls", "the core loses no-syscalls: here core and spec part"; "" where nothing is to be said
    )


class Row(NamedTuple):
    """One entry of a map, [start, end) in linear addresses."""

    pid: int
    start: int
    end: int
    text: str  # "r-x no-syscalls", with what else is not as mmap makes it
    here: bool  # holds the page that mattered


class Entered(NamedTuple):
    """The kernel entry (or the faulting instruction) concerned."""

    address: int  # linear, of the instruction's first byte, prefixes included
    code: bytes  # the whole instruction
    text: str  # its disassembly
    decided: str  # what the core did: "dispatched getpid", "SIGILL @0x10000"
    due: str  # what must have happened, in the same words


class Explanation(NamedTuple):
    """One bucket as one run shows it, by its worst verdict."""

    bucket: str
    oracle: str
    op: int  # where the verdict lies; -1: boot
    event: int
    summary: str  # one sentence, without a full stop: what went wrong
    expected: str  # of the verdict: what must have happened there
    actual: str
    pid: int  # whose page or mark it is, else who ran
    page: int | None  # address of the page that mattered; None where none does
    life: tuple[Moment, ...]  # in order
    entered: Entered | None
    rule: str  # the rule concerned, in words, with its place in docs/semantics.md
    before: tuple[Row, ...]  # the core's map before the op where the two part, near the page
    after: tuple[Row, ...]  # and behind it; both () where no map matters
    details: tuple[
        str, ...
    ] = ()  # further facts, a sentence each: flags decoded, registers that differ, the panic's place
