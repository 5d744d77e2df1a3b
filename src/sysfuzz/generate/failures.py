"""Failures on purpose: every call brought to each row of its errors, over pages that must be afterwards as they were.

NetBSD's calls work in steps, and several have changed something when a later step fails. Each row here is one errno of one call, aimed at
pages that are mapped and worth losing. Flags that are refused as such, and resources that are used up, are in `refusals`.
"""

from collections.abc import Callable, Mapping

from sysfuzz.generate import aims, probes, weights
from sysfuzz.generate.draft import EXEC, FILE, FIXED, FLAGGED, NO_FD, PRIVATE_ANON, READ, RW, RX, Draft, Place
from sysfuzz.generate.neighbours import executable, number
from sysfuzz.program.layout import MAX_LOCKED_PAGES, MAX_PAGES
from sysfuzz.program.names import MAP, PAGE, PROT, SIGNAL

# Appends the failing call, and what it needs to fail, aimed at `size` bytes of mapped pages at `start`, behind which is nothing.
Row = Callable[[Draft, Place, int], None]

_PRIVATE, _SHARED, _ANON = MAP["MAP_PRIVATE"], MAP["MAP_SHARED"], MAP["MAP_ANON"]
_READ_ONLY, _NO_EXEC, _TERMINAL, _PIPE, _CLOSED = 4, 5, 0, 6, 7
_LAST_OFFSET = (1 << 63) - PAGE
_TOO_MANY = (MAX_LOCKED_PAGES + 1) * PAGE  # to be wired
_FREE, _INVALIDATE, _CURRENT, _FUTURE = 6, 2, 1, 2


def _map(draft: Draft, at: Place, size: int, flags: int, fd: int = NO_FD, offset: int = 0, prot: int = RX) -> None:
    """mmap with MAP_FIXED, perhaps flagged."""
    draft.op("mmap", at, size, prot, flags | FIXED | (FLAGGED if draft.chance(0.3) else 0), fd, offset)


def _unsupported(draft: Draft, start: Place, size: int) -> None:
    flags = draft.pick((MAP["MAP_INHERIT"], MAP["MAP_RENAME"], MAP["MAP_INHERIT"] | MAP["MAP_RENAME"]))
    draft.op("mmap", start, size, RX, PRIVATE_ANON | FIXED | FLAGGED | flags, NO_FD, 0)


def _not_allowed(draft: Draft, start: Place, size: int) -> None:
    if draft.chance(0.5):
        _map(draft, start, size, _PRIVATE, _NO_EXEC, 0, RX)
    else:
        _map(draft, start, size, _SHARED, _READ_ONLY, 0, RW)


def _protect_read_only(draft: Draft, start: Place, size: int) -> None:
    """mprotect meets a page that may not be written, first or behind others."""
    draft.op("mmap", draft.plus(start, size), PAGE, READ, _SHARED | FIXED, _READ_ONLY, 0)
    draft.op("mprotect", start, size + PAGE, RW | draft.pick((0, EXEC)))


def _wired_by_protection(draft: Draft, start: Place, size: int) -> None:
    """With MCL_FUTURE in force, mprotect wires pages that could not be touched: here too many."""
    draft.op("mlockall", _FUTURE)
    draft.op("mmap", draft.plus(start, size), _TOO_MANY, PROT["PROT_NONE"], PRIVATE_ANON | FIXED, NO_FD, 0)
    draft.op("mprotect", start, size + _TOO_MANY, RX)


def _locked_first(draft: Draft, call: str, start: Place, size: int, *more: int) -> None:
    """`call` over pages of which the first, or the last, is wired."""
    draft.op("mlock", start if draft.chance(0.5) else draft.plus(start, size - PAGE), PAGE)
    draft.op(call, start, size, *more)


def _past_the_end(draft: Draft, call: str, start: Place, size: int, *more: int) -> None:
    draft.op(call, start, size + PAGE, *more)


def _too_much(draft: Draft, call: str) -> None:
    """More pages than may be wired, and `call` to wire them."""
    draft.op("mmap", 0, _TOO_MANY, READ, PRIVATE_ANON, NO_FD, 0)
    if call == "mlock":
        draft.op("mlock", draft.last(), _TOO_MANY)
    else:
        draft.op("mlockall", _CURRENT)


def _wraps(call: str, *more: int) -> Row:
    """A range whose end lies behind the last address."""
    return lambda draft, start, _size: draft.op(call, start, draft.mask + 1 - draft.pick((PAGE, 2 * PAGE)), *more)


def _moved_to(draft: Draft, start: Place, size: int, new: Place) -> None:
    draft.op("mremap", start, size, new, size, FIXED)


ROWS: Mapping[str, Row] = {
    "mmap EINVAL sharing": lambda d, at, size: _map(d, at, size, _ANON | _SHARED | d.pick((_PRIVATE, MAP["MAP_COPY"]))),
    "mmap EINVAL address": lambda d, at, size: _map(d, d.plus(at, 1 + d.below(PAGE - 1)), size, PRIVATE_ANON),
    "mmap EINVAL descriptor": lambda d, at, size: _map(d, at, size, PRIVATE_ANON, FILE),
    "mmap EINVAL offset": lambda d, at, size: _map(d, at, size, _PRIVATE, FILE, 1 << 63),
    "mmap EINVAL alignment": lambda d, at, size: _map(d, d.plus(at, PAGE), size, PRIVATE_ANON | 13 + d.below(8) << 24),
    "mmap EOPNOTSUPP": _unsupported,
    "mmap EFBIG": lambda d, at, _size: _map(d, at, d.layout.vm_max, PRIVATE_ANON),
    "mmap EOVERFLOW length": lambda d, at, _size: _map(d, at, d.mask + 1 - PAGE, PRIVATE_ANON),
    "mmap EOVERFLOW offset": lambda d, at, size: _map(d, at, size, _PRIVATE, FILE, _LAST_OFFSET),
    "mmap EBADF": lambda d, at, size: _map(d, at, size, _PRIVATE, _CLOSED),
    "mmap ENODEV": lambda d, at, size: _map(d, at, size, _PRIVATE, d.pick((_TERMINAL, _PIPE))),
    "mmap EACCES": _not_allowed,
    "mmap ENOMEM": lambda d, at, _size: _map(d, at, MAX_PAGES * PAGE, PRIVATE_ANON),
    "mmap ENOMEM wired": lambda d, at, _size: _map(d, at, _TOO_MANY, PRIVATE_ANON | MAP["MAP_WIRED"]),
    "munmap EINVAL": _wraps("munmap"),
    "munmap nothing": lambda d, at, _size: d.op("munmap", at, 0),
    "mprotect EINVAL": _wraps("mprotect", READ),
    "mprotect EACCES": _protect_read_only,
    "mprotect ENOMEM": _wired_by_protection,
    "mremap EINVAL hole": lambda d, at, size: d.op("mremap", at, size + PAGE, aims.free_room(d, 4), size + PAGE, FIXED),
    "mremap EINVAL flags": lambda d, at, size: d.op("mremap", at, size, 0, size, d.pick((FLAGGED, _ANON, 4, 11 << 24))),
    "mremap ENOMEM taken": lambda d, at, size: _moved_to(
        d, at, size, d.plus(at, PAGE) if d.chance(0.5) else d.layout.stack
    ),
    "mremap ENOMEM limit": lambda d, at, size: d.op("mremap", at, size, 0, MAX_PAGES * PAGE, 0),
    "minherit EINVAL": lambda d, at, size: d.op("minherit", at, size, d.pick((3, 5))),
    "madvise EINVAL": lambda d, at, size: d.op("madvise", at, size, d.pick((5, 7))),
    "madvise EFAULT": lambda d, at, size: _past_the_end(d, "madvise", at, size, _FREE),
    "madvise EBUSY": lambda d, at, size: _locked_first(d, "madvise", at, size, _FREE),
    "mlock EINVAL": lambda d, at, size: _past_the_end(d, "mlock", at, size),
    "mlock EAGAIN": lambda d, _at, _size: _too_much(d, "mlock"),
    "mlock ENOMEM": lambda d, at, size: d.op("mlock", d.plus(at, size), PAGE),
    "munlock EINVAL": lambda d, at, size: _locked_first(d, "munlock", at, size),
    "munlock ENOMEM": lambda d, at, size: d.op("munlock", d.plus(at, size), PAGE),
    "mlockall EINVAL": lambda d, _at, _size: d.op("mlockall", d.pick((0, 4, 5))),
    "mlockall ENOMEM": lambda d, _at, _size: _too_much(d, "mlockall"),
    "msync EINVAL": lambda d, at, size: d.op("msync", at, size, d.pick((0, 5, 8))),
    "msync EFAULT": lambda d, at, size: _past_the_end(d, "msync", at, size, 4),
    "msync EBUSY": lambda d, at, size: _locked_first(d, "msync", at, size, _INVALIDATE),
    "mincore EINVAL": lambda d, at, _size: d.op("mincore", at, d.pick((0, d.mask + 1 - PAGE)), d.layout.stack),
    "mincore EFAULT": lambda d, at, size: d.op("mincore", at, size, d.layout.trampoline),
    "mincore ENOMEM": lambda d, at, size: d.op("mincore", at, size + PAGE, d.layout.stack),
    "sigaction EINVAL": lambda d, at, _size: d.op(
        "sigaction", d.pick((0, SIGNAL["SIGKILL"], SIGNAL["SIGSTOP"], 64)), at
    ),
}
_DECK = weights.deal(weights.FAILURES, ROWS)


def failure(draft: Draft) -> None:
    """Pages, of which one may be unlike the others; a call that must leave them alone; a probe."""
    pages = 2 + draft.below(2)
    start = aims.room(draft, pages + 1)
    prot, flagged = executable(draft), draft.chance(0.6)
    draft.map(start, pages, flagged, prot)
    if draft.chance(0.4):
        draft.map(draft.plus(start, draft.below(pages) * PAGE), 1, not flagged, prot)
    draft.pick(_DECK)(draft, start, pages * PAGE)
    probes.probe(draft, number(draft, start) + draft.below(pages + 1) * PAGE)
