"""What each design promises, as data: the calls that it has, where its guard lives, what documents allow it.

The statement is the strongest that the design's users may read into it: a call whose instruction has a byte where none may come from does not
reach the dispatcher, in the process and in what descends from it. Where a design is known to fall short of that, and says so itself, the words
are in `documented`; where it says what newborns are instead, the semantics follow that, and the strongest reading is `strict`. The doors
themselves, which say what "may come from" is, are in `doors`; what the calls do, in `special`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sysfuzz.program.layout import LAYOUTS, STACK_PAGES
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import PERMITTED, STACK
from sysfuzz.spec.pages import BORN, Pages

Rows = tuple[tuple[int, ...], ...]  # as in `outcome.View.guard`


@dataclass(frozen=True, slots=True)
class Promise:
    """One design; the defaults are the reference's."""

    name: str
    calls: frozenset[str] = frozenset()  # those of program.ir.SPECIAL that it has; the others answer ENOSYS
    without: frozenset[str] = frozenset()  # usual calls that the core has not: ENOSYS
    has_attribute: bool = True  # MAP_NOSYSCALLS is known
    ignores_flags: bool = False  # mmap passes over bits that it does not know, as its manual page says
    has_segments: bool = True  # a process can have code segments of its own
    has_stacks: bool = False  # MAP_STACK is an attribute
    born: Mapping[str, Pages] = field(default_factory=lambda: BORN)  # the pages of a new program, by mode
    # Marked: refused to marked processes. Off: always a #GP. On: lets in, and comes back in the vdso.
    sysenter: Literal["marked", "off", "on"] = "marked"
    by_lwp: bool = False  # rows of the guard begin with the LWP whose they are
    survives_exec: bool = False
    newborns_are_bare: bool = False  # a child and a new LWP begin without a guard, as documents say
    # By call, which of its arguments points to a byte in user memory by which the door decides from then on.
    selectors: Mapping[str, int] = field(default_factory=dict)
    # By call, which of its arguments point to words of 32 bits that it reads, and say how many.
    tables: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    # Causes of divergences that the design's own documents state, each with the citation.
    documented: Mapping[str, str] = field(default_factory=dict)

    def strict(self) -> "Promise":
        """The strongest reading, by which what descends from a guarded LWP is guarded whatever documents say; itself if it is that already."""
        return replace(self, newborns_are_bare=False) if self.newborns_are_bare else self

    def inherited(self, rows: Rows, lwp: int) -> Rows:
        """The guard of a child that `lwp` has made, whose first LWP is 1."""
        if self.newborns_are_bare:
            return ()
        return tuple((1, *row[1:]) for row in rows if row[0] == lwp) if self.by_lwp else rows

    def executed(self, rows: Rows, lwp: int) -> Rows:
        """The guard of a process that has begun another program in `lwp`."""
        return tuple(row for row in rows if row[0] == lwp) if self.survives_exec else ()

    def joined(self, rows: Rows, lwp: int, new: int) -> Rows:
        """The guard after `lwp` has made LWP `new`, the highest."""
        if self.newborns_are_bare or not self.by_lwp:
            return rows
        return (*rows, *((new, *row[1:]) for row in rows if row[0] == lwp))

    def parted(self, rows: Rows, lwp: int) -> Rows:
        """The guard after `lwp` has ended."""
        return tuple(row for row in rows if row[0] != lwp) if self.by_lwp else rows

    def citation(self, cause: str) -> str:
        """What documents a divergence of just this cause, or "": nothing does."""
        return self.documented.get(cause, "")


def _born(attribute: int, of_trampoline: bool) -> Mapping[str, Pages]:
    """A new program's pages, where the trampoline, or else the stack, has an attribute."""
    born: dict[str, Pages] = {}
    for mode, pages in BORN.items():
        layout = LAYOUTS[mode]  # type: ignore[index]  # a Mode
        first = layout.trampoline if of_trampoline else layout.stack
        numbers = range(first // PAGE, first // PAGE + (1 if of_trampoline else STACK_PAGES))
        born[mode] = {
            number: page._replace(attributes=attribute) if number in numbers else page for number, page in pages.items()
        }
    return born


REFERENCE = Promise("nosyscalls")

_SUD = "PR_SET_SYSCALL_USER_DISPATCH(2const): the setting is not kept over fork(2), clone(2) and execve(2)"
_SUD_DOCUMENTED = {"guard/fork": _SUD, "guard/vfork": _SUD, "guard/lwp_create": _SUD}
_SECCOMP = (
    "Documentation/userspace-api/seccomp_filter.rst, Caveats: of a trapped vsyscall a return has been done already"
)
# The place is the same if the return leads back to the vsyscall.
_SECCOMP_DOCUMENTED = {"frame/vsyscall/pc-registers": _SECCOMP, "frame/vsyscall/registers": _SECCOMP}

_USER_DISPATCH = Promise(
    "sud",
    frozenset(("sud", "spawn")),
    has_attribute=False,
    ignores_flags=True,
    sysenter="on",
    by_lwp=True,
    newborns_are_bare=True,
    selectors={"sud": 3},
    documented=_SUD_DOCUMENTED,
)

PROMISES: Mapping[str, Promise] = {
    promise.name: promise
    for promise in (
        REFERENCE,
        Promise(
            "syscallemu",
            frozenset(("syscallemu", "spawn", "ktrace", "ptrace")),
            has_attribute=False,
            ignores_flags=True,
            sysenter="off",
        ),
        Promise(
            "msyscall",
            frozenset(("msyscall", "spawn")),
            has_attribute=False,
            has_segments=False,
            born=_born(PERMITTED, of_trampoline=True),
            sysenter="off",
        ),
        Promise(
            "pinsyscalls",
            frozenset(("pinsyscalls", "mimmutable", "spawn")),
            has_attribute=False,
            has_segments=False,
            has_stacks=True,
            born=_born(STACK, of_trampoline=False),
            sysenter="off",
            tables={"pinsyscalls": (2, 3)},
        ),
        _USER_DISPATCH,
        replace(_USER_DISPATCH, name="sud-inclusive"),
        Promise(
            "seccomp-ip",
            frozenset(("seccomp", "spawn")),
            has_attribute=False,
            ignores_flags=True,
            sysenter="on",
            by_lwp=True,
            survives_exec=True,
            documented=_SECCOMP_DOCUMENTED,
        ),
    )
}
