"""One place, core and spec side by side: what the core holds behind a point, what it must hold, and whether the two agree.

A place is a page, or a process as a whole, of which its mark or its guard matters, or whether it lives. As text the two sides can be compared by
eye; whether they disagree in one field is asked of the values.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sysfuzz.findings.guards import told, wording
from sysfuzz.findings.timeline import Place, Point
from sysfuzz.findings.wording import MARKED, UNMAPPED, UNMARKED, page_by_core, page_by_spec, regions_of
from sysfuzz.oracles.case import GUARD, MARK, rows_of, slot
from sysfuzz.program.outcome import View
from sysfuzz.spec.compare import TRAITS
from sysfuzz.spec.expect import State
from sysfuzz.spec.promise import REFERENCE, Rows

ALIVE, GONE = "alive", "gone"
EXACT_MARK = "exact mark"  # as the field MARK of a parting, where it matters as well that the mark is not there


class Both(NamedTuple):
    """A page, a mark, a guard or a process as the core has it and as it must be."""

    core: str
    spec: str

    @property
    def agree(self) -> bool:
        """Whether the two are the same."""
        return self.core == self.spec


def unborn(place: Place, field: str, design: str = REFERENCE.name) -> Both:
    """The state of a place before there is anything."""
    if place.page >= 0:
        return Both(UNMAPPED, UNMAPPED)
    if field == GUARD:
        return Both(wording(design).nothing, wording(design).nothing)
    return Both(UNMARKED, UNMARKED) if field in (MARK, EXACT_MARK) else Both(GONE, GONE)


def both(point: Point, place: Place, field: str) -> Both:
    """The state of `place` behind `point`; of a process, what `field` asks about."""
    if place.page >= 0:
        return Both(page_by_core(point.views, place.pid, place.page), page_by_spec(point.states, place.pid, place.page))
    view, state = _view(point.views, place.pid), _state(point.states, place.pid)
    if field == GUARD:
        return Both(told(point.design, _own(view, place)), told(point.design, _own(state, place)))
    if field not in (MARK, EXACT_MARK):
        return Both(ALIVE if view else GONE, ALIVE if state else GONE)
    core = MARKED if view is not None and view.marked else UNMARKED
    if field == EXACT_MARK:
        return Both(core, MARKED if state is not None and state.marked else UNMARKED)
    # A mark may outlive its reason, or come early; it is not missed where the core has lost the attribute itself.
    reason = state is not None and any(page.attributes for page in state.pages.values())
    known = view is not None and any(region.attributes for region in view.regions)
    return Both(core, MARKED if reason and known else core)


def differs(point: Point, place: Place, field: str) -> bool:
    """Whether core and spec disagree about `field` (of a parting) behind `point`."""
    state = _state(point.states, place.pid)
    page = state.pages.get(place.page) if state is not None and place.page >= 0 else None
    if place.page < 0 and field == GUARD:  # long ones are told in part
        return _own(_view(point.views, place.pid), place) != _own(state, place)
    if place.page < 0 or field not in TRAITS:
        return not both(point, place, field).agree
    regions = regions_of(point.views, place.pid, place.page)
    return page is not None and bool(regions) and bool(getattr(regions[0], field) != getattr(page, field))


def _own(holder: View | State | None, place: Place) -> Rows:
    """The guard that is meant: the process's, or one LWP's."""
    rows = holder.guard if holder is not None else ()
    return rows_of(rows, -1 - place.page) if place.page < slot(0) else rows


def _view(views: Sequence[View], pid: int) -> View | None:
    return next((view for view in views if view.pid == pid), None)


def _state(states: Sequence[State], pid: int) -> State | None:
    return next((state for state in states if state.pid == pid), None)
