"""What the code in a program asks of the kernel: a system call's number and the words of its arguments.

Most errands are harmless, so that nothing but the entry itself is at stake; the others change the map or the processes under the running
code. How the words reach the kernel is `code`'s business.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sysfuzz.generate import weights
from sysfuzz.generate.draft import FIXED, FLAGGED, PRIVATE_ANON, RWX, RX, Draft
from sysfuzz.generate.model import Area
from sysfuzz.program.names import ADVICE, INHERIT, MSYNC, PAGE, SIGNAL, SYSARCH


class Errand(NamedTuple):
    """A system call: its number (docs/semantics.md, kernel entry) and its argument words, less than 2^width each."""

    number: int
    words: tuple[int, ...] = ()


GETPID = Errand(20)

_NO_FD = 0xFFFF_FFFF  # -1 as a C int
_FIXED_PRIVATE = PRIVATE_ANON | FIXED
_SOMEWHERE = 0x10000  # where corpora start; an errand in an empty map has to name something
_VISIBLE_BITS = 512  # SYS_NSYSENT: handlers look at the number modulo this


def _area(draft: Draft) -> Area:
    """An area whose address is a number, since code cannot name results of ops."""
    areas = [area for area in draft.areas() if area.anchor < 0]
    return draft.pick(areas) if areas else Area(_SOMEWHERE, _SOMEWHERE + PAGE, RX, False, -1)


def mmap(draft: Draft, at: int, prot: int, flags: int, fd: int = _NO_FD) -> Errand:
    """mmap of one page, from the file's start: with the padding word, and an offset of two words on i386."""
    words = (at, PAGE, prot, flags, fd, 0, 0)
    return Errand(197, words if draft.mode == "amd64" else (*words, 0))


def _some_page(draft: Draft) -> int:
    area = _area(draft)
    return area.start + draft.below((area.end - area.start) // PAGE) * PAGE


def _anonymous(draft: Draft, at: int, flags: int) -> Errand:
    return mmap(draft, at, RX if draft.chance(0.5) else RWX, flags)


def _harmless(draft: Draft) -> Errand:
    return Errand(draft.pick((311, 3, 4, 243)), (draft.below(4), 0, 0))  # _lwp_self, read, write, munlockall


def _map_flagged(draft: Draft) -> Errand:
    """A flagged page: over one that is mapped, or behind it."""
    area = _area(draft)
    return _anonymous(draft, area.end if draft.chance(0.5) else area.start, _FIXED_PRIVATE | FLAGGED)


def _map_plain(draft: Draft) -> Errand:
    return _anonymous(draft, _some_page(draft), _FIXED_PRIVATE)


def _map_badly(draft: Draft) -> Errand:
    return _anonymous(draft, 0, PRIVATE_ANON | FLAGGED | draft.pick(weights.BAD_MAP_DECK))


def _unmap(draft: Draft) -> Errand:
    return Errand(73, (_some_page(draft), PAGE))


def _protect(draft: Draft) -> Errand:
    return Errand(74, (_some_page(draft), PAGE, draft.pick((RX, RWX, 1, 0))))


def _inherit(draft: Draft) -> Errand:
    return Errand(273, (_some_page(draft), PAGE, draft.pick(tuple(INHERIT.values()))))


def _move(draft: Draft) -> Errand:
    page = _some_page(draft)
    return Errand(411, (page, PAGE, (page + 0x20 * PAGE) & draft.mask, PAGE * (1 + draft.below(2)), FIXED))


def _lock(draft: Draft) -> Errand:
    if draft.chance(0.3):
        return Errand(242, (1 + draft.below(3),))  # mlockall
    return Errand(draft.pick((203, 204)), (_some_page(draft), PAGE))


def _advise(draft: Draft) -> Errand:
    return Errand(75, (_some_page(draft), PAGE, draft.pick(tuple(ADVICE.values()))))


def _look(draft: Draft) -> Errand:
    """mincore, which writes to the stack below what runs use, or msync."""
    page = _some_page(draft)
    if draft.chance(0.5):
        return Errand(78, (page, PAGE, draft.layout.stack))
    return Errand(277, (page, PAGE, draft.pick(tuple(MSYNC.values()))))


def _handle(draft: Draft) -> Errand:
    """sigaction by code: what it points to is whatever lies there, so any word of a page becomes the handler."""
    return Errand(340, (SIGNAL["SIGILL"], _some_page(draft)))


def _segment(draft: Draft) -> Errand:
    return Errand(165, (SYSARCH["I386_SET_LDT"], _some_page(draft)))


def _context(draft: Draft) -> Errand:
    return Errand(308, (_some_page(draft) if draft.chance(0.5) else draft.layout.stack_top - 0x100,))


def _indirect(draft: Draft) -> Errand:
    """Through syscall(2) or __syscall(2): the number is an argument, on i386 two words for the latter."""
    if draft.chance(0.5):
        return Errand(0, (GETPID.number,))
    words = (GETPID.number,) if draft.mode == "amd64" else (GETPID.number, 0)
    return Errand(198, words)


def _odd_number(draft: Draft) -> Errand:
    """A number with bits that handlers mask off, or one that nobody assigned."""
    if draft.chance(0.5):
        return Errand(GETPID.number + _VISIBLE_BITS * (1 + draft.below(0x7F_FFFF)))
    return Errand(draft.below(_VISIBLE_BITS))


_ERRANDS: Mapping[str, Callable[[Draft], Errand]] = {
    "getpid": lambda _draft: GETPID,
    "harmless": _harmless,
    "exit": lambda draft: Errand(1, (draft.below(3),)),
    "fork": lambda draft: Errand(draft.pick((2, 66, 282))),
    "execve": lambda _draft: Errand(59, (0, 0, 0)),
    "lwp": lambda draft: Errand(draft.pick((309, 310)), (0, 0, 0)),
    "mmap flagged": _map_flagged,
    "mmap plain": _map_plain,
    "mmap bad flags": _map_badly,
    "munmap": _unmap,
    "mprotect": _protect,
    "minherit": _inherit,
    "mremap": _move,
    "mlock": _lock,
    "madvise": _advise,
    "look": _look,
    "sigaction": _handle,
    "sysarch": _segment,
    "setcontext": _context,
    "indirect": _indirect,
    "odd number": _odd_number,
}
_DECK = weights.deal(weights.ERRANDS, _ERRANDS)


# Errands that change the map or the process in which the code goes on.
_CHANGES = ("mmap flagged", "mmap flagged", "mmap plain", "munmap", "mprotect", "mremap", "minherit", "fork", "execve")
_CHANGE_DECK = tuple(_ERRANDS[name] for name in _CHANGES)


def errand(draft: Draft) -> Errand:
    """An errand by weight."""
    return draft.pick(_DECK)(draft)


def change(draft: Draft) -> Errand:
    """An errand that may pull the map from under the code that makes it."""
    return draft.pick(_CHANGE_DECK)(draft)
