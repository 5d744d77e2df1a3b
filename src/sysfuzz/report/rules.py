"""The oracles in words for those who meet one for the first time: a title, what it claims, what to do about it.

These are texts of reports; what an oracle looks at is decided in `oracles`, how severe it is in `findings.severity`.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Rule(NamedTuple):
    """What one oracle shows."""

    title: str  # three to five words
    claim: str  # a sentence: what must hold and did not
    advice: str  # what follows from it, and where to look


RULES: Mapping[str, Rule] = {
    "escape": Rule(
        "System call escapes",
        "A system call was dispatched although a byte of its instruction lies where no call may come from: a page with no-syscalls, or what "
        "another design refuses.",
        "The monitor never sees this call: sandboxed code talks to the kernel. Look at the op where core and spec part; if they agree about the "
        "map and the guard, look at how the check derives the origin of this kernel entry.",
    ),
    "panic": Rule(
        "Kernel panics",
        "The core gave up, or raised an exception, where a call has to answer with a result or an errno.",
        "Any user process can take the machine down. A bad flag is EINVAL, an unsupported combination EOPNOTSUPP.",
    ),
    "attribute-lost": Rule(
        "Attribute lost",
        "A page must have no-syscalls and has not.",
        "The next system call from the page escapes, whether this program makes one or not. Look at what the call does to map entries: merging, "
        "clipping, moving, growing and copying must all carry the attribute.",
    ),
    "attribute-gained": Rule(
        "Attribute gained",
        "A page has no-syscalls and nobody asked for it.",
        "Legitimate calls from the page will be refused. It is the mistake of losing the attribute, seen from the neighbouring page.",
    ),
    "process-flag": Rule(
        "Process not marked",
        "A process has a page with no-syscalls and is not marked, so that its kernel entries are not checked at all.",
        "The mark may say yes too often, which costs time; it may never say no wrongly. Look at how it passes through fork, vfork and exec.",
    ),
    "guard": Rule(
        "Guard not as armed",
        "What the design enforces in a process is not what it promises: armed and not in force, or in force and not armed.",
        "The next system call from where none may come escapes, whether this program makes one or not. Look at what ends the guard: births, new "
        "programs, threads, tracing, and the order of the steps that arm it.",
    ),
    "by-design": Rule(
        "Stated by the design",
        "The design does not promise what its users may expect here, and its own documents say so.",
        "No bug of this core. Whoever relies on the design has to close the gap elsewhere; the citation says what is promised.",
    ),
    "insane": Rule(
        "Map inconsistent",
        "The core's own sanity check says that its data no longer fit together.",
        "Whatever the core answers from here on means nothing. The message of the check names what does not fit.",
    ),
    "flag-accepted": Rule(
        "Bad flag accepted",
        "mmap took a flag, or a combination of flags, that it has to refuse.",
        "A program that asks for an attribute from a kernel without it runs on unprotected. Unknown bits are EINVAL, unsupported combinations "
        "EOPNOTSUPP.",
    ),
    "sigill-frame": Rule(
        "Wrong signal frame",
        "A signal arrived with the wrong code, address, program counter or registers, or did not arrive.",
        "The monitor emulates what the frame says, so it would emulate something else. The PC is that of the first opcode byte, and registers "
        "are as the CPU left them.",
    ),
    "dispatch": Rule(
        "Wrong call dispatched",
        "A system call was let in, rightly, and became another one: another name, other arguments, or another end.",
        "Look at how the number and the arguments are read for this kernel entry.",
    ),
    "state-changed": Rule(
        "Failing call changes state",
        "A call failed, rightly, and changed a map all the same.",
        "Its caller believes that nothing has happened. Validate before the first change.",
    ),
    "map": Rule(
        "Wrong map",
        "A page is mapped, protected, inherited, advised or wired otherwise than it must be, or a process lives or not.",
        "The attribute is a property of mappings: where the map is wrong, so is everything that is decided by it.",
    ),
    "errno": Rule(
        "Wrong answer",
        "A call answered with the wrong errno or value, or succeeded or failed against the semantics.",
        "Callers decide by errno, and which errno wins is part of the interface. docs/semantics.md has the order of the checks.",
    ),
    "blocked": Rule(
        "Legitimate call blocked",
        "A system call was refused, or dropped, that came from where calls may come from.",
        "The check costs a program its function. Look at which bytes the check takes for those of the instruction.",
    ),
    "lock": Rule(
        "Needless map lock",
        "A kernel entry of a process without a flagged mapping took the map lock.",
        "Every system call of every such process pays for a check that it does not need; the process mark is there to spare it.",
    ),
}


def rule_of(oracle: str) -> Rule:
    """The texts of an oracle; of one that this version does not know, that."""
    known = RULES.get(oracle)
    return known or Rule(oracle, f"The oracle {oracle} objected.", "This version of sysfuzz does not know the oracle.")
