"""Which class a cause belongs to.

By the words of the cause alone, which name the call, the gate and the circumstances (`oracles.causes`, `oracles.origin`). Not every cause has a
class: a call that is let in from the middle of a region by the usual gate, from where any check must see it, is no trick at all, and a wrong
errno of munmap is no way out; nor is a panic, but of what arms. What people say about a program, in its header, is not asked for here.
"""

from collections.abc import Collection, Mapping, Sequence

from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import SPECIAL

# In this order: with a word in front of it, those behind it say less.
_PLACES: tuple[tuple[Collection[str], str], ...] = (
    (("setcontext",), "C6"),
    (("base", "wrap"), "C3"),
    (("head", "tail", "next", "before"), "C1"),
    (("stale",), "C12"),
    (("compat",), "C2"),
    (("lwp",), "C10"),
)
_USUAL = (
    "syscall",
    "entry",
)  # the gate that every program of the default mode has, and what stands for all that are alike

_BIRTHS = ("fork", "vfork", "spawn", "exec", "exit", "lwp_create", "lwp_exit")
_TRACERS = ("ktrace", "ptrace")

# The message of a panic begins with who panics; of mmap, whose flags arm, the one about flags.
_FLAG_PANIC = "sys_mmap: bad flags"

# What the oracles say whatever the cause.
_BY_ORACLE: Mapping[str, str] = {"blocked": "C9", "attribute-gained": "C9", "flag-accepted": "C20", "dispatch": "C22"}


def class_of(verdict: Verdict) -> str:
    """The class of what a verdict says; "" if it is in none."""
    return _BY_ORACLE.get(verdict.oracle) or class_of_cause(verdict.cause)


def class_of_cause(cause: str) -> str:
    """The class of a cause, whoever saw it."""
    family, *words = cause.split("/")
    where = words[0] if words else ""
    if family == "check":
        return class_of_place(where, words[1:])
    if family == "overblock":
        return "C9"
    if family in ("attribute", "mark"):
        return "C10" if where in _BIRTHS or family == "mark" else "C9" if "gained" in words else "C8"
    if family == "guard":
        return "C10" if where in _BIRTHS else "C11" if where in _TRACERS else "C19"
    if family == "panic":
        return "C19" if where == _FLAG_PANIC or where.partition(":")[0] in SPECIAL else ""
    return "C19" if family in ("result", "failed") and where in SPECIAL else ""


def class_of_place(gate: str, words: Sequence[str]) -> str:
    """The class of an entry by its gate and what is out of the ordinary about its place; "": nothing is."""
    for known, name in _PLACES:
        if any(word in known for word in words):
            return name
    return "" if gate in _USUAL else "C2"
