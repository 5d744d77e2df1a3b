"""The ways out of a guarded region that are known: 22 classes, each with what it is that can be shown of it.

Titles and mechanisms are those of the table of docs/compare.md. Which class a verdict belongs to is said in `classify`; what a design answers is
found out by running programs, never here.
"""

from collections.abc import Mapping
from typing import NamedTuple


class EscapeClass(NamedTuple):
    """One row of the matrix."""

    id: str
    title: str  # at most 24 characters
    mechanism: str
    missing: str = ""  # why no program can show it; "" if one can


_CLASSES = (
    EscapeClass(
        "C1",
        "boundary straddle",
        "The instruction lies across the edge of the region, or right at it, and the check looks at one of its addresses only.",
    ),
    EscapeClass(
        "C2",
        "other gates",
        "The call is made by another instruction than the usual one, or in code of another width: int 0x80, sysenter, a call gate, vsyscall.",
    ),
    EscapeClass(
        "C3",
        "segment base",
        "The code segment has a base, so that the offset that hardware saves is not the address that the CPU fetched from.",
    ),
    EscapeClass(
        "C4",
        "overlapping decode",
        "The bytes of a call are part of another instruction, and a jump into its middle finds them.",
    ),
    EscapeClass(
        "C5",
        "borrowed gadget",
        "Code in the region jumps to a call outside of it, in a library or the vdso.",
    ),
    EscapeClass(
        "C6",
        "signal return",
        "The trampoline for signal handlers lies outside of the region, may call, and goes on wherever the frame says.",
    ),
    EscapeClass("C7", "alias mapping", "The same memory is mapped at a second address, which is not in the region."),
    EscapeClass(
        "C8",
        "attribute lost",
        "A call that merges, cuts, moves or grows mappings forgets what was attached to them.",
    ),
    EscapeClass(
        "C9",
        "attribute gained",
        "The same from the other side: calls are refused that come from outside of the region. It costs function, not safety.",
    ),
    EscapeClass(
        "C10",
        "inheritance",
        "What was attached to a process is not there in its child, its thread, or its next program.",
    ),
    EscapeClass(
        "C11", "tracing", "Another part of the kernel, such as tracing, takes the check out of the path of calls."
    ),
    EscapeClass(
        "C12",
        "stale decision",
        "The map changes after the check has looked at it, or the check remembers what it saw. Between two ops; races within one are not shown.",
    ),
    EscapeClass(
        "C13",
        "double fetch",
        "The monitor reads the refused instruction again, and another thread has changed it.",
        "the monitor is code of the program under test, not of the design",
    ),
    EscapeClass(
        "C14",
        "confused deputy",
        "A call that is let in writes to code, or does other calls, on behalf of the region.",
        "no call of the model writes to the memory of others or does calls for them",
    ),
    EscapeClass(
        "C15",
        "later write",
        "Memory outside of the region is writable, and code in the region writes a call there.",
    ),
    EscapeClass(
        "C16",
        "restarted call",
        "A call is interrupted and made again, from an address that has come into the region meanwhile.",
        "no call of the model blocks, and none is restarted",
    ),
    EscapeClass(
        "C17",
        "handler recursion",
        "The handler of the refusal's signal is in the region itself: it must die of its own call, neither loop nor pass.",
    ),
    EscapeClass(
        "C18",
        "tampered selector",
        "What the check decides by lies in memory that the program can write to.",
    ),
    EscapeClass(
        "C19",
        "arming errors",
        "The calls that arm fail, are made twice, or are interrupted, and leave a state behind that nobody asked for.",
    ),
    EscapeClass(
        "C20",
        "ignored flag",
        "A kernel that does not know the flag takes it, and the program runs on without a guard.",
    ),
    EscapeClass(
        "C21",
        "rewriting",
        "A library that rewrites call instructions misses code that is loaded earlier, or made later.",
        "nothing is rewritten: all designs are kernels",
    ),
    EscapeClass(
        "C22",
        "call numbers",
        "The number has bits that the check and the dispatcher read differently, or it is that of a call which makes another one.",
    ),
)

CLASSES: Mapping[str, EscapeClass] = {row.id: row for row in _CLASSES}
