"""Whether a core's map is the one that must be, and where it is not.

`Matcher` asks after every step; `diff` is for the answer no. A core may report any regions:
misaligned, overlapping, out of order or as large as the address space. Which entries it splits or merges is its own
affair.
"""

from typing import NamedTuple

from sysfuzz.program.layout import MAX_PAGES
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Region, View
from sysfuzz.spec.expect import State
from sysfuzz.spec.pages import Page, Pages

TRAITS = ("prot", "maxprot", "inherit", "advice", "wired", "attributes")
COUNT = len(TRAITS)
assert Page._fields[:COUNT] == TRAITS == Region._fields[2:]


class Difference(NamedTuple):
    """One page on which spec and core disagree.

    `field` is one of TRAITS; or "mapped", the number of regions that hold the page (expected: 0 or 1); or "aligned",
    the bytes of the page that a region which begins or ends inside it leaves out (expected: 0).
    """

    page: int  # page number
    field: str
    expected: int
    actual: int


class Matcher:
    """`matches` for the successive states of one outcome, most of which repeat: what matched is not walked again.

    That a core reports the same as before is seen by comparing, never believed.
    """

    __slots__ = ("_matched",)

    def __init__(self) -> None:
        self._matched: dict[int, tuple[Pages, tuple[Region, ...]]] = {}  # by pid, the last that matched

    def agree(self, states: tuple[State, ...], views: tuple[View, ...]) -> bool:
        """Whether the core reports just these processes, with these marks, guards and maps."""
        if len(states) != len(views):
            return False
        for state, view in zip(states, views, strict=True):
            pid, marked, pages, guard = state
            if pid != view.pid or marked != view.marked or guard != view.guard:
                return False
            last = self._matched.get(pid)
            if last is None or last[0] is not pages or last[1] != view.regions:
                if not matches(state, view):
                    return False
                self._matched[pid] = pages, view.regions
        return True


def matches(state: State, view: View) -> bool:
    """Whether the core reports just the pages of `state`, each with its traits; pid and mark are not looked at."""
    pages = state.pages
    page_at = pages.get
    left = len(pages)
    last = 0
    for region in view.regions:
        start, end = region[:2]
        if start < last or end <= start or (start | end) % PAGE:
            return not diff(state, view)
        last = end
        first, beyond = start // PAGE, end // PAGE
        left -= beyond - first
        if left < 0:  # also keeps a region that is far too large from being walked
            return False
        traits = region[2:]
        good = None
        for number in range(first, beyond):
            page = page_at(number)
            if page is None:
                return False
            if page is not good:  # neighbours mostly share one value: compare it once
                if page[:COUNT] != traits:
                    return False
                good = page
    return left == 0


def diff(state: State, view: View) -> list[Difference]:
    """All differences by page, each page's in the order "mapped", "aligned", TRAITS.

    Of a region that holds more unexpected pages than a process may have, only as many are listed, and one more.
    """
    found: list[Difference] = []
    held: dict[int, list[Region]] = {number: [] for number in state.pages}
    for region in view.regions:
        for number in _numbers(region, state):
            held.setdefault(number, []).append(region)
    for number in sorted(held):
        page = state.pages.get(number)
        regions = held[number]
        expected = 0 if page is None else 1
        if len(regions) != expected:
            found.append(Difference(number, "mapped", expected, len(regions)))
        for region in regions:
            missing = max(region.start - number * PAGE, 0) + max((number + 1) * PAGE - region.end, 0)
            if missing:
                found.append(Difference(number, "aligned", 0, missing))
        if page is not None and regions:
            for field, wanted, actual in zip(TRAITS, page, regions[0][2:], strict=False):
                if wanted != actual:
                    found.append(Difference(number, field, wanted, actual))
    return found


def _numbers(region: Region, state: State) -> list[int]:
    """Numbers of the pages that `region` touches: all that `state` has, at most MAX_PAGES + 1 that it has not."""
    span = range(region.start // PAGE, -(-region.end // PAGE))
    numbers = [number for number in state.pages if number in span]
    extra = 0
    for number in span:
        if number not in state.pages:
            numbers.append(number)
            extra += 1
            if extra > MAX_PAGES:
                break
    return numbers
