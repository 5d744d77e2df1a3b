"""What can be observed of one run of a program, as plain frozen values.

A target makes an Outcome; oracles, features and the spec read it. It holds two kinds of statements that are never mixed: what the CPU
truly did (`Attempt`) and what the core said and did about it (`Reply`, `View`). Nothing here judges.
"""

from typing import NamedTuple

# Of a call: the value that it returned, an errno name, "panic", or the bytes that peek read.
Result = int | str | bytes
PANIC = "panic"


class Region(NamedTuple):
    """One entry of a map, [start, end) in linear addresses, as the core reports it."""

    start: int
    end: int
    prot: int
    maxprot: int
    inherit: int
    advice: int
    wired: int  # wired count
    attributes: int  # bit mask; bit 0 is no-syscalls


NOSYSCALLS = 1  # the attribute bit of the first row
# Those of OpenBSD's designs.
PERMITTED = 2  # system calls may come from here
IMMUTABLE = 4  # nobody changes this mapping
STACK = 8  # a stack pointer may point here


class View(NamedTuple):
    """One live process as the core reports it; regions are sorted and disjoint."""

    pid: int
    marked: bool  # the process flag
    regions: tuple[Region, ...]
    # What the core enforces in this process beside the attributes of its regions: rows of numbers, whose meaning is the design's.
    guard: tuple[tuple[int, ...], ...] = ()


class Attempt(NamedTuple):
    """The CPU's truth about one instruction that tried to enter the kernel or faulted.

    `regs` are the general registers as the CPU left them (SYSCALL has already overwritten RCX and R11), in register-number order.
    """

    gate: str  # "syscall", "sysenter", "int80", "lcall7", "lcall27"; "" for a fault that is no entry
    vector: int  # exception vector of a fault; -1 for an entry
    start: int  # linear address of the instruction's first byte, prefixes included
    opcode: int  # linear address of its first opcode byte
    size: int  # number of opcode bytes (with ModRM, displacement and immediates), without prefixes
    bits: int  # 64 or 32: the code segment's
    base: int  # the code segment's base
    pc: int  # offset that hardware saves: the next instruction for gates and traps, this one for faults; 0 for sysenter
    regs: tuple[int, ...]
    flags: int
    # Where arguments lie: up to 64 bytes from the word above SP (sysenter: ECX) on, cut at the first page that user code cannot read. The word
    # at SP itself is a return address, which no call reads.
    stack: bytes
    data: int | None = None  # faulting data address of a page fault
    # Where the design decides by bytes in user memory: the addresses that calls have named so far, each with the byte there, or b"" if it cannot
    # be read.
    selectors: tuple[tuple[int, bytes], ...] = ()


class Delivered(NamedTuple):
    """A signal as the core delivers it: siginfo and the frame's PC (relative to CS)."""

    signal: str
    code: str  # "ILL_ILLTRP" …
    addr: int  # si_addr
    pc: int  # PC in the saved context
    regs: tuple[int, ...]  # general registers in the saved context
    handled: bool  # a handler is entered; otherwise the run ends


class Reply(NamedTuple):
    """What the core did about one attempt: dispatched a call, delivered a signal, or (exit, exec) ended the run."""

    call: str = ""  # name of the dispatched call, "#N" for an unassigned number; "" when blocked or a fault
    args: tuple[int, ...] = ()  # its arguments, as the core read them
    result: Result = 0
    signal: Delivered | None = None
    ends: str = ""  # "exit" or "exec": this LWP will not return from the call
    locked: bool = False  # the origin check took the map lock


class Event(NamedTuple):
    """One thing that happened in a run, in order."""

    kind: str  # "enter", a signal's name, "done", "exit", "exec", "limit"
    addr: int = 0  # linear address of the instruction; for entries of the opcode's first byte
    attempt: Attempt | None = None
    reply: Reply | None = None
    views: tuple[View, ...] = ()  # all live processes after an "enter"


class Step(NamedTuple):
    """One op of the program, after it was done."""

    result: Result
    pid: int  # the process that it ran in
    events: tuple[Event, ...]  # of a run, else ()
    views: tuple[View, ...]  # all live processes, by pid
    transitions: tuple[
        str, ...
    ]  # what the core's map did, in its own words ("merge-back", "clip", "move", …); may be ()
    pointed: bytes | None = (
        None  # what a pointer among the op's arguments pointed to; None: there is no such, or it cannot be read
    )


class Panic(NamedTuple):
    """The core gave up: an explicit panic, or an exception that it should never have raised."""

    reason: str  # the message
    where: str  # "module:function" of the raising frame: stable over edits of the file
    exception: str = ""  # name of the exception that should never have been raised; "" for an explicit panic


class Outcome(NamedTuple):
    """Everything observable of one run. After a panic, `steps` ends with the op that panicked.

    A program that touches more memory than the target has (`machine.memory.PROGRAM_PAGES`) ends before the op that did; `steps` is shorter then.
    """

    boot: tuple[View, ...]  # before the first op
    steps: tuple[Step, ...]
    panic: Panic | None = None
    insane: str = ""  # what the core's own check found at the end; "" if all is well
