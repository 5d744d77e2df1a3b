"""The names of causes: what a wrong answer or a parting is called.

A cause says which call, which of its ways of working, and what was out of the ordinary (`kinship.CIRCUMSTANCES`), never where. It is named by
the semantics wherever they tell two ways apart, since those hold for every core; the core's own words are asked only about merges and cuts, of
which the semantics know nothing. Whether there is a wrong answer or a parting is found out elsewhere.
"""

from typing import NamedTuple

from sysfuzz.program.layout import Layout
from sysfuzz.program.names import INHERIT, MAP, OP_NAMES, PAGE
from sysfuzz.program.outcome import NOSYSCALLS, Result, View
from sysfuzz.spec.expect import Expectation, State
from sysfuzz.spec.pages import Page
from sysfuzz.spec.promise import Rows

# Calls that change the pages of the range that their first two arguments name, and no others.
_RANGED = frozenset(("munmap", "mprotect", "minherit", "madvise", "mlock", "munlock"))
# Those, and one more, share the range test of docs/semantics.md ("The other calls").
_TESTED = _RANGED | {"msync"}

_INHERITANCE = {
    INHERIT["MAP_INHERIT_SHARE"]: "share",
    INHERIT["MAP_INHERIT_NONE"]: "none",
    INHERIT["MAP_INHERIT_ZERO"]: "zero",
}
_FLAG_ERRORS = ("EINVAL", "EOPNOTSUPP")
_UNKNOWN = 0xFFFFFF & ~sum(MAP.values())  # the byte above is the alignment


class Moment(NamedTuple):
    """One answer of the core that can be compared: an op, or an entry that reached the dispatcher in the run `op`."""

    op: int
    event: int
    pid: int  # who made the call
    call: str
    args: tuple[int, ...]  # of an entry six, whatever the call takes
    result: Result
    expected: Expectation
    before: tuple[State, ...]  # by the spec, as all that follows but the views
    states: tuple[State, ...]
    views: tuple[View, ...]
    transitions: tuple[str, ...]
    lwp: int = 1  # which LWP made the call

    def name(self) -> str:
        """The call as programs know it."""
        return OP_NAMES.get(self.call, self.call)


def result_cause(moment: Moment, layout: Layout) -> str:
    """Cause of a wrong answer: the call, what was due and what came, without numbers."""
    flags = refused_flags(moment)
    if flags:
        # Another errno that flags can have was chosen for them; any other means that they were passed over.
        chosen = [moment.result] if moment.result in _FLAG_ERRORS else []
        return "/".join(("result", "mmap", "flag", flags, *map(str, chosen)))
    call = moment.name()
    if isinstance(moment.expected, bytes) and isinstance(moment.result, bytes):
        return "contents"  # which call has spoilt them nobody has seen
    if call in _TESTED and moment.expected == "EINVAL" and fails_range_test(moment.args[0], moment.args[1], layout):
        call = "range"  # one test for seven calls
    return f"result/{call}/{word(moment.expected)}/{word(moment.result)}"


def word(result: object) -> str:
    """An errno name as it is, anything else as `value`."""
    return result if isinstance(result, str) else "value"


def refused_flags(moment: Moment) -> str:
    """What is wrong with the flags of an mmap that has to fail for them, whatever else it asks for; "" for everything else.

    `alias`: an unknown bit attached the attribute, which is another thing than to ignore it.
    """
    if moment.call != "mmap" or moment.expected not in _FLAG_ERRORS:
        return ""
    flags = moment.args[3]
    if flags & _UNKNOWN:
        asked = flags & MAP["MAP_NOSYSCALLS"]
        gained = not asked and isinstance(moment.result, int) and _carries(moment, moment.result)
        return "alias" if gained else "unknown"
    if flags & MAP["MAP_NOSYSCALLS"] and flags & (MAP["MAP_INHERIT"] | MAP["MAP_RENAME"]):
        return "combination"
    return "both" if flags & MAP["MAP_SHARED"] and flags & (MAP["MAP_PRIVATE"] | MAP["MAP_COPY"]) else ""


def _carries(moment: Moment, addr: int) -> bool:
    """Whether the core says that the page at `addr` has the attribute."""
    regions = [region for view in moment.views if view.pid == moment.pid for region in view.regions]
    return any(region.start <= addr < region.end and region.attributes & NOSYSCALLS for region in regions)


def fails_range_test(addr: int, length: int, layout: Layout) -> bool:
    """The range test of docs/semantics.md."""
    start, size = addr & -PAGE, _round(length + addr % PAGE) & layout.mask
    return start < layout.vm_min or start + size > layout.vm_max


def parting_cause(moment: Moment, pid: int, page: int, field: str, gained: bool, failed: bool) -> str:
    """Cause of a difference that the call of `moment` made on a page of process `pid`; `page` is negative if the difference is about no page."""
    call = moment.name()
    if failed:
        return f"failed/{call}"
    family = {"attributes": "attribute", "mapped": "mapping"}.get(field, field)
    if page < 0:
        return f"{family}/{call}"
    where, circumstances = _ways(moment, pid, page, gained)
    # A merge goes either way: the new page takes what the old one has.
    if gained and field == "attributes" and "merge" not in circumstances:
        circumstances = [word for word in circumstances if word != "enter"] + ["gained"]
    return "/".join((family, *where, *circumstances))


def guard_cause(moment: Moment, pid: int, lwp: int, due: Rows, held: Rows, failed: bool) -> str:
    """Cause of a guard of process `pid`, or of its LWP `lwp` (0: it is the process's), that is `held` and not `due`.

    Where something is born, plain is what is born without the guard that it is due; all else is another thing.
    """
    cause = parting_cause(moment, pid, -1, "guard", len(held) > len(due), failed)
    call = moment.name()
    if failed or call not in ("fork", "vfork", "spawn", "lwp_create"):
        return cause
    if call == "lwp_create":
        newborn, other = not lwp or (pid, lwp) == (moment.pid, moment.result), "maker"
    else:
        newborn, other = pid == moment.result, "parent"
    if not newborn:
        return f"{cause}/{other}"
    if not held:
        return cause
    return f"{cause}/changed" if due else f"{cause}/kept"


def _ways(moment: Moment, pid: int, page: int, gained: bool) -> tuple[list[str], list[str]]:
    """What the call does to this page: its name and way, and the circumstances."""
    call = moment.name()
    if call in ("fork", "vfork"):
        parent = _page(moment.states, moment.pid, page)
        inherited = _INHERITANCE.get(parent.inherit, "") if parent is not None and call == "fork" else ""
        return [call], [inherited] if inherited else []
    pages = _changed(moment)
    if pages is not None and page not in pages:
        # No call has business outside its range, but all cut entries there in the same way, and all that add pages merge them in one way.
        # What is both cut and merged can be either. A part that was cut off has nothing to gain; and beside pages that the call has spoilt,
        # the page has rather been spoilt by them.
        merged = (
            call in ("mmap", "mremap")
            and _told(moment, "merge")
            and (gained or not _told(moment, "clip") or _joined(moment, pid, page, pages))
        )
        return (["mmap"], ["merge"]) if merged else ([], ["clip"])
    if call == "mmap":
        return [call], _mmap_circumstances(moment, pid, page)
    if call == "mremap" and isinstance(moment.result, int):
        if gained and _told(
            moment, "merge"
        ):  # what came with the new pages is what the neighbour has, as after an mmap
            return ["mmap"], ["merge"]
        return [call, _mremap_way(moment.args, moment.result, page)], []
    return [call], ["clip"] if call in _RANGED and _told(moment, "clip") else []


def _joined(moment: Moment, pid: int, page: int, pages: range) -> bool:
    """Whether the core's entry that holds `page` reaches into `pages`, and wrongly so: what it holds there has other attributes than it says, or
    by rights than `page` has.
    """
    own = _page(moment.states, pid, page)
    regions = [region for view in moment.views if view.pid == pid for region in view.regions]
    for region in regions:
        numbers = range(region.start // PAGE, region.end // PAGE)
        if page in numbers:
            right = {region.attributes} | ({own.attributes} if own is not None else set())
            shared = [_page(moment.states, pid, number) for number in pages if number in numbers]
            return any(other is not None and right != {other.attributes} for other in shared)
    return False


def _mmap_circumstances(moment: Moment, pid: int, page: int) -> list[str]:
    if _told(moment, "merge"):
        return ["merge"]
    now = _page(moment.states, pid, page)
    words = ["overlay"] if _page(moment.before, pid, page) is not None else []
    words += ["wired"] if now is not None and now.wired else []
    return words or ["enter"]


def _mremap_way(args: tuple[int, ...], result: int, page: int) -> str:
    """Pages that were in the old range moved; those behind them grew."""
    old, oldlen = args[:2]
    if page >= (result + _round(oldlen)) // PAGE:
        return "grow"
    return "shrink" if result == old else "move"


def _changed(moment: Moment) -> range | None:
    """Numbers of the pages that the call, which succeeded, is about; None if it names no range."""
    args = moment.args
    if moment.call in _RANGED:
        start, size = args[0] & -PAGE, _round(args[1] + args[0] % PAGE)
    elif moment.call == "mmap" and isinstance(moment.result, int):
        start, size = moment.result & -PAGE, _round(args[1] + args[5] % PAGE)
    elif moment.call == "mremap" and isinstance(moment.result, int):
        start, size = moment.result, _round(args[3])
    else:
        return None
    return range(start // PAGE, (start + size) // PAGE)


def _told(moment: Moment, transition: str) -> bool:
    return any(told.startswith(transition) for told in moment.transitions)


def _page(states: tuple[State, ...], pid: int, page: int) -> Page | None:
    for state in states:
        if state.pid == pid:
            return state.pages.get(page)
    return None


def _round(size: int) -> int:
    return (size + PAGE - 1) & -PAGE
