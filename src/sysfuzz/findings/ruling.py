"""Which rule of the rulebook fits what a verdict says: a call's answer, a page, the flags of mmap.

mmap's errors have rows, and which row an errno is of depends on the arguments; everywhere else the call decides. How a rule was broken, and
whether it was, is not known here.
"""

from collections.abc import Sequence

from sysfuzz.findings.designbook import ANSWERS, PROMISED
from sysfuzz.findings.rule import Rule
from sysfuzz.findings.rulebook import RULES
from sysfuzz.findings.wording import bad_flags
from sysfuzz.oracles.case import GUARD, MARK
from sysfuzz.program.layout import LAYOUTS, Layout
from sysfuzz.program.names import MAP, PAGE
from sysfuzz.program.printer import ALIGNED_SHIFT

_OFFSET_LIMIT = 1 << 63  # the first offset that is negative as a signed 64-bit number
_ALIVE = "alive"  # the field of a parting that is about whether a process lives


def rule_of_door(design: str, otherwise: str = "check") -> Rule:
    """The rule by which a design lets entries in, and by which guards live; of one that the semantics are about, the rule called `otherwise`."""
    return PROMISED.get(design, RULES[otherwise])


def rule_of_map(call: str, field: str, verb: str, design: str = "") -> Rule:
    """The rule by which `call` (an op's name, or "boot") leaves `field` of a page, the mark or the guard as it must be on a design.

    `verb` is what the call did to the page: "move", "grow", "shrink" of mremap, otherwise of no matter.
    """
    if field == MARK:
        return RULES["mark"]
    if field == GUARD:
        return rule_of_door(design)
    if field == _ALIVE:
        return RULES[call if call in ("fork", "vfork", "lwp_exit") else "exit"]
    if call == "boot":
        return RULES["born"]
    if call == "mmap":
        return RULES["mmap 10"]
    if call == "mremap" and not (field == "attributes" and verb == "shrink"):
        return RULES.get(f"mremap {verb}", RULES["mremap move"])
    if field == "attributes" and call not in ("fork", "vfork", "exec"):
        return RULES["attribute"]  # a page keeps it whatever else is done
    return RULES.get(call, RULES["attribute"])


def rule_of_answer(call: str, args: Sequence[int], expected: object, bits: int) -> Rule:
    """The rule by which `call` answers `expected`, or does not answer with that errno; `bits` is the width of an address."""
    if expected == "ESRCH" and call != "as":
        return RULES["gone"]
    if call == "mmap" and len(args) == 6:
        return RULES[_mmap_row(args, expected, bits)]
    if call == "mremap":
        return RULES[
            "mremap place" if expected == "ENOMEM" else "mremap" if isinstance(expected, str) else "mremap move"
        ]
    if expected == "ENOSYS":
        return RULES["unassigned"]
    if call in ANSWERS:
        return ANSWERS[call]
    if call in ("read", "write"):
        return RULES["transfer"]
    if call == "peek" and isinstance(expected, bytes):
        return RULES["contents"]
    if call in ("poke", "peek"):
        return RULES["memory"]
    return RULES.get(call, RULES["return"])


def rule_of_flags(expected: str) -> Rule:
    """The rule by which mmap refuses a flag or a combination with `expected`."""
    return RULES["flags" if expected == "EOPNOTSUPP" else "mmap 1"]


def _mmap_row(args: Sequence[int], expected: object, bits: int) -> str:
    """The row of mmap's list that gives `expected`, the first that fits.

    For an errno that is not due, none fits: then it is the only row in which the errno stands, or else the row by which the call succeeds.
    """
    addr, length, _, flags, _, offset = args
    layout = LAYOUTS["amd64" if bits == 64 else "i386"]
    anon = flags & MAP["MAP_ANON"]
    start = addr - offset % PAGE
    size = length + offset % PAGE + PAGE - 1 & -PAGE & layout.mask
    wraps = flags & MAP["MAP_FIXED"] and start + size > layout.mask
    match expected:
        case "EINVAL":
            return _mmap_invalid(args, start, size, layout) or _mmap_success(size)
        case "EOPNOTSUPP":
            return "mmap 1"
        case "EFBIG":
            return "mmap 4"
        case "EOVERFLOW":
            return "mmap 4" if anon or wraps else "mmap 5"
        case "EBADF" | "ENODEV" | "EACCES":
            return "mmap 5"
        case "ENOMEM":
            return "mmap 9" if flags & MAP["MAP_WIRED"] else "mmap 8"
        case _:
            return _mmap_success(size)


def _mmap_invalid(args: Sequence[int], start: int, size: int, layout: Layout) -> str:
    """The first row that gives EINVAL for these arguments, for `size` bytes from `start`; "" if none does."""
    _, _, _, flags, fd, offset = args
    fixed, anon = flags & MAP["MAP_FIXED"], flags & MAP["MAP_ANON"]
    align = flags >> ALIGNED_SHIFT & 0xFF
    if bad_flags(flags):
        return "mmap 2" if "excludes" in bad_flags(flags)[0] else "mmap 1"
    if fixed and (start % PAGE or start < layout.vm_min):
        return "mmap 4"
    if anon and fd != -1:
        return "mmap 5 anon"
    if not anon and offset >= _OFFSET_LIMIT:
        return "mmap 5"
    if size and align and (align >= 64 or 1 << align < PAGE or (fixed and start % (1 << align))):
        return "mmap 7"
    return ""


def _mmap_success(size: int) -> str:
    """The row by which mmap succeeds."""
    return "mmap 10" if size else "mmap 6"
