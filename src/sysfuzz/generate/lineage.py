"""Idioms of several processes and LWPs: who inherits pages, attributes and the mark, and what the others notice.

Each function appends its idea to a draft and ends with a probe in the process where a wrong core would differ.
"""

from sysfuzz.generate import aims, arguments, code, probes
from sysfuzz.generate.draft import FIXED, Draft, Place
from sysfuzz.generate.neighbours import executable, flagged_area, number, pair
from sysfuzz.program.ir import Ref
from sysfuzz.program.names import PAGE

_FIRST = 1  # pid of the process that a program starts with


def spawn(draft: Draft, call: str) -> Ref:
    """A new process or LWP: its number, as the result of the op."""
    draft.op(call)
    return draft.last()


def enter(draft: Draft, child: Ref) -> None:
    """Go on in the process that `child` returned, by its result or by its number."""
    draft.op("as", child if draft.chance(0.5) else draft.forecast.value(child), 0)


def _something(draft: Draft) -> Place:
    """Flagged pages, mostly; sometimes with unflagged ones beside them. Returns a place worth probing."""
    if draft.chance(0.7):
        return flagged_area(draft, 1 + draft.below(2))
    return pair(draft)[1]


def _change(draft: Draft, at: Place) -> None:
    """A change by one process that others may share or must not see."""
    how = draft.pick(("overlay", "overlay", "munmap", "flag beside", "move", "clip"))
    if how == "overlay":
        draft.map(at, 1, draft.chance(0.5))
    elif how == "munmap":
        draft.op("munmap", at, PAGE)
    elif how == "flag beside":
        draft.map(draft.plus(at, PAGE), 1, True)
    elif how == "move":
        draft.op("mremap", at, PAGE, aims.free_room(draft, 1), PAGE, FIXED)
    else:
        arguments.clipping(draft, at, PAGE)


def _leave(draft: Draft) -> None:
    """The two ways in which a vfork child gives the map back."""
    if draft.chance(0.5):
        draft.op("exec")
    else:
        draft.op("exit", 0)


def fork(draft: Draft) -> None:
    """A child with a copied map; sometimes a grandchild; then the child, or the parent after a change by the child."""
    at = _something(draft)
    child = spawn(draft, "fork")
    enter(draft, child)
    if draft.chance(0.25):
        enter(draft, spawn(draft, "fork"))
    if draft.chance(0.4):
        _change(draft, at)
    if draft.chance(0.3):
        draft.op("as", _FIRST, 0)
    probes.probe(draft, number(draft, at))


def vfork(draft: Draft) -> None:
    """Two processes in one map: one of them maps the first flagged pages, the other must be marked as well."""
    early = draft.chance(0.4)
    at: Place = _something(draft) if early else aims.room(draft, 2)
    child = spawn(draft, "vfork")
    in_child = draft.chance(0.7)
    if in_child:
        enter(draft, child)
    if early:
        _change(draft, at)
    else:
        draft.map(at, 2, True, executable(draft))
    if draft.chance(0.15):
        draft.op("fork")  # of a map that is shared
    if in_child:
        if draft.chance(0.3):
            _leave(draft)
        draft.op("as", _FIRST, 0)
    else:
        enter(draft, child)
    probes.probe(draft, number(draft, at))


def execute(draft: Draft) -> None:
    """exec drops map and mark, of the caller only; then new pages at the old address, flagged or not."""
    at = _something(draft)
    parent_stays = draft.chance(0.5)
    if parent_stays:
        enter(draft, spawn(draft, "fork" if draft.chance(0.5) else "vfork"))
    draft.op("exec")
    if parent_stays and draft.chance(0.4):
        draft.op("as", _FIRST, 0)
    else:
        draft.map(at, 1, draft.chance(0.4), executable(draft))
    probes.probe(draft, number(draft, at))


def inherit(draft: Draft) -> None:
    """minherit on a part, then fork: in the child the page is shared, copied, zeroed or gone."""
    pages = 2 + draft.below(2)
    start = flagged_area(draft, pages)
    at = draft.plus(start, draft.below(pages) * PAGE)
    how = draft.pick((0, 1, 2, 4, 4, 3))
    draft.op("minherit", at, PAGE, how)
    if draft.chance(0.3):
        block = code.block(draft)
        draft.op("poke", at, block.code)  # contents that the child may or may not find
    child = spawn(draft, "fork")
    if draft.chance(0.8):
        enter(draft, child)
    if how == 2 and draft.chance(0.6):
        draft.map(at, 1, draft.chance(0.3))  # the hole that NONE left
    probes.probe(draft, number(draft, at) if draft.chance(0.6) else number(draft, start))


def lwp(draft: Draft) -> None:
    """A second LWP runs what the first has set up, also when the first is gone."""
    at = _something(draft)
    second = spawn(draft, "lwp_create")
    if draft.chance(0.5):
        draft.op("lwp_exit")
    else:
        draft.op("as", _FIRST, draft.forecast.value(second))
    probes.probe(draft, number(draft, at))
