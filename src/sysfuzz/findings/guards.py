"""What a design enforces in a process, in words: how the rows of its guard read, and what its refused places are called.

One row a design, so that a guard as the core has it and as it must be can be compared by eye, and by `==`. Rows that a core of somebody's own
makes in another shape are told as numbers. Whether a guard is right is not asked here, nor which entry it refuses.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sysfuzz.program.names import DISPATCH
from sysfuzz.program.outcome import NOSYSCALLS, PERMITTED
from sysfuzz.spec.abi import INDIRECT, OWN, SYSCALLS, WITHOUT_INDIRECT
from sysfuzz.spec.promise import PROMISES, Rows

_ANYWHERE = 0xFFFF_FFFF  # pinsyscalls(2): a call that several sites make
_MAX_PINS = 3  # that are told one by one


class Wording(NamedTuple):
    """How one design is spoken of."""

    nothing: str  # a guard without rows
    row: Callable[..., str]  # one row, its numbers as arguments
    noun: str  # what a process has, in a title
    refused: str  # from where no call may come: "getpid from ... is dispatched"
    allowed: str  # from where calls may come
    looks: str  # what its check looks at, by its source
    holds: str  # a word of every guard that has rows
    by_pages: int = 0  # the attribute by which pages decide; 0: none does


def _range(start: int, end: int) -> str:
    return f"{start:#x}-{end:#x}"


def _dispatch(lwp: int, mode: int, offset: int, length: int, selector: int) -> str:
    inside = mode == DISPATCH["PR_SYS_DISPATCH_INCLUSIVE_ON"]
    span = _range(offset, offset + length)
    where = f"{'not' if inside else 'only'} from {span}" if length else "from nowhere"
    return f"LWP {lwp} {where}" + (f", by the byte at {selector:#x}" if selector else "")


def _pins(base: int, length: int, *offsets: int) -> str:
    pinned = [(number, offset) for number, offset in enumerate(offsets) if offset]
    shown = [
        f"{call_name('pinsyscalls', number)} {'anywhere' if offset == _ANYWHERE else f'at {base + offset:#x}'}"
        for number, offset in pinned[:_MAX_PINS]
    ]
    more = [f"{len(pinned) - _MAX_PINS} more"] if len(pinned) > _MAX_PINS else []
    return f"{_range(base, base + length)} pinned: {', '.join([*shown, *more]) or 'no call'}"


_SETTING = Wording(
    "no setting",
    _dispatch,
    "setting of user dispatch",
    "the refused range",
    "the allowed range",
    "the address behind the instruction alone",
    "LWP",
)
_WORDINGS: Mapping[str, Wording] = {
    "nosyscalls": Wording(
        "no guard",
        lambda *numbers: _raw(numbers),
        "guard",
        "a no-syscalls page",
        "a page without no-syscalls",
        "every byte that it takes for the opcode",
        "(0x",
        NOSYSCALLS,
    ),
    "syscallemu": Wording(
        "no range armed",
        lambda start, end: f"{_range(start, end)} armed",
        "armed range",
        "the armed range",
        "outside of the armed range",
        "the first byte and the address behind the instruction",
        "armed",
    ),
    "msyscall": Wording(
        "no range named",
        lambda _: "a range named",
        "record of a named range",
        "a page that is not permitted",
        "a permitted page",
        "the address behind the instruction alone",
        "a range named",
        PERMITTED,
    ),
    "pinsyscalls": Wording(
        "nothing pinned",
        _pins,
        "pins",
        "a place that its number is not pinned to",
        "the place that its number is pinned to",
        "the first byte, without the base of a segment",
        "pinned:",
    ),
    "sud": _SETTING,
    "sud-inclusive": _SETTING,
    "seccomp-ip": Wording(
        "no filter",
        lambda lwp, start, end: f"LWP {lwp} not from {_range(start, end)}",
        "filters",
        "a filtered range",
        "outside of all filtered ranges",
        "the address behind the instruction alone",
        "LWP",
    ),
}
NOTHING = frozenset(wording.nothing for wording in _WORDINGS.values())


def wording(design: str) -> Wording:
    """The words of a design, which is the name of a promise."""
    return _WORDINGS[design]


def told(design: str, rows: Rows) -> str:
    """A guard in one line; that of a process that has none says so."""
    return "; ".join(lines(design, rows)) or _WORDINGS[design].nothing


def lines(design: str, rows: Rows) -> list[str]:
    """A guard row by row."""
    return [_told(_WORDINGS[design].row, row) for row in rows]


def is_guard(text: str) -> bool:
    """Whether a text that `told` may have made tells of a guard with rows."""
    return text not in NOTHING and any(wording.holds in text for wording in _WORDINGS.values())


def call_name(design: str, number: int) -> str:
    """A call as programs print it that code asks for by `number` on a design; of a number that the design has no call for, the number."""
    own = PROMISES[design].calls
    if number in INDIRECT and WITHOUT_INDIRECT not in own:
        return INDIRECT[number]
    known = OWN.get(number)
    if known is None or known.call not in own:
        known = SYSCALLS.get(number)
    return known.name if known is not None else f"#{number}"


def _told(row: Callable[..., str], numbers: Sequence[int]) -> str:
    try:
        return row(*numbers)
    except TypeError:  # another number of columns
        return _raw(numbers)


def _raw(numbers: Sequence[int]) -> str:
    return f"({', '.join(f'{number:#x}' for number in numbers)})"
