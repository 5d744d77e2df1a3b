"""The life of a page, or of what a process is as a whole: the points of a run that touched it, each with what it did.

Only what touched the page is told: a call that changed it for the core or by the spec, that mapped it anew, the pokes that wrote the
instruction in question, and that instruction. What the life means is the business of `explain`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sysfuzz.findings.explanation import PARTED, Moment
from sysfuzz.findings.guards import wording
from sysfuzz.findings.sides import ALIVE, EXACT_MARK, GONE, Both, both, differs, unborn
from sysfuzz.findings.timeline import Place, Point, way
from sysfuzz.findings.wording import ATTRIBUTES, MARKED, NOUNS, UNMAPPED, UNMARKED, call_text
from sysfuzz.oracles.case import GUARD, MARK
from sysfuzz.program.names import PAGE


class Code(NamedTuple):
    """The instruction that matters: its linear address and the bytes of it."""

    start: int
    size: int


def life(found: Sequence[Point], place: Place, field: str, code: Code | None = None) -> tuple[Moment, ...]:
    """The moments of the page that is at `place` behind the last of `found`, in order.

    Of a process (page -1) it is the life of its mark or of its guard, or for another `field` whether it lives.
    """
    places = way(found, place)
    different = False
    last = unborn(place, field, found[0].design) if found else unborn(place, field)
    moments = []
    for point, here, there in zip(found, places, [places[0], *places], strict=False):
        now, differ = both(point, here, field), differs(point, here, field)
        if now != last or here != there or _remaps(point, here):
            note = _note(point, last, now, here, there, field, differ and not different)
            moments.append(Moment(point.op, point.event, _what(point), *now, note))
        elif code is not None and _writes(point, here, place, code):
            moments.append(Moment(point.op, point.event, _what(point), *now, "writes the instruction in question"))
        last, different = now, differ
    # What parted and agreed again is past: where core and spec part is the last such moment.
    parted = [index for index, moment in enumerate(moments) if moment.note.endswith(PARTED)]
    for index in parted[:-1]:
        moments[index] = moments[index]._replace(note=moments[index].note.removesuffix(f": {PARTED}"))
    return tuple(moments)


def _what(point: Point) -> str:
    if point.op < 0:
        return "boot"
    return call_text(point.call, point.args)


def _remaps(point: Point, place: Place) -> bool:
    """Whether an mmap put a new page where the old one was."""
    if point.name != "mmap" or place.pid != point.pid or not isinstance(point.result, int) or len(point.args) != 6:
        return False
    length, offset = point.numbers[1], point.numbers[5]
    return point.result // PAGE <= place.page < point.result // PAGE + -(-(length + offset % PAGE) // PAGE)


def _writes(point: Point, here: Place, last: Place, code: Code) -> bool:
    """Whether a poke wrote bytes of the instruction, wherever its page was then."""
    if point.name != "poke" or point.result != 0 or point.pid != here.pid:
        return False
    addr, data = point.args
    assert isinstance(addr, int)
    assert isinstance(data, bytes)
    start = code.start + (here.page - last.page) * PAGE
    return addr < start + code.size and start < addr + len(data)


def _note(point: Point, last: Both, now: Both, here: Place, there: Place, field: str, parting: bool) -> str:
    """What `point` did, and with `parting` how core and spec part over it."""
    moved = _moved(point, here, there)
    if parting:
        wrong = _wrong(point, last, now, here, there, field)
        return f"{f'{moved}, and ' if moved else ''}{wrong}: {PARTED}"
    if last == now:
        return moved or "maps the page anew"
    done = _done(point, last, now, field) if now.agree else "" if moved else "changes the page"
    if field == GUARD and not now.agree and not moved:
        done = "changes the guard"
    return " and ".join(filter(None, (moved, done)))


def _moved(point: Point, here: Place, there: Place) -> str:
    """How the page came from one place to another; "" if it is where it was."""
    if here == there:
        return ""
    if here.pid != there.pid:
        copied = point.name == "fork"
        return (
            f"makes process {here.pid}, a copy of process {there.pid}"
            if copied
            else f"lets process {here.pid} use the map"
        )
    if here.page < 0:
        return f"makes LWP {-1 - here.page}"
    oldlen = point.numbers[1]
    assert isinstance(point.result, int)
    if here.page - point.result // PAGE >= -(-oldlen // PAGE):
        return f"adds page {here.page * PAGE:#x}, to be like {there.page * PAGE:#x}"
    return f"moves the page from {there.page * PAGE:#x} to {here.page * PAGE:#x}"


def _done(point: Point, last: Both, now: Both, field: str) -> str:
    """What a call did to a page, or to a process, on which core and spec agree behind it."""
    if last.spec == now.spec:
        return "makes core and spec agree again"
    if field == GUARD:
        return "ends the guard" if now.spec == wording(point.design).nothing else "sets the guard"
    if now.spec in (MARKED, UNMARKED):
        return "marks the process" if now.spec == MARKED else "unmarks the process"
    if now.spec in (ALIVE, GONE):
        return "starts the process" if now.spec == ALIVE else "ends the process"
    if now.spec == UNMAPPED:
        return "unmaps the page"
    word, name = _attribute(point), _noun(point)
    had, has = _has(word, last.spec), _has(word, now.spec)
    if has != had:
        return f"sets {name}" if has else f"puts a page without {name} in its place"
    if last.spec != UNMAPPED:
        return "changes the page"
    return f"maps the page without {name}" if name else "maps the page"


def _attribute(point: Point) -> str:
    """The attribute by which the design decides; "" if it does not go by pages."""
    return ATTRIBUTES.get(_bit(point), "")


def _noun(point: Point) -> str:
    """What a page with it has; "" as above."""
    return NOUNS.get(_bit(point), "")


def _bit(point: Point) -> int:
    return wording(point.design).by_pages


def _has(name: str, state: str) -> bool:
    """Whether a page of this state has the attribute."""
    return bool(name) and name in state


def _wrong(point: Point, last: Both, now: Both, here: Place, there: Place, field: str) -> str:
    """How the core comes to hold something else than it must."""
    if field == GUARD:
        return _wrong_guard(point, last, now, here, there)
    word, name = _attribute(point), _noun(point)
    core, spec = _has(word, now.core), _has(word, now.spec)
    if field == MARK and here == there:
        return "the core unmarks the process" if last.core == MARKED else "the core does not mark the process"
    if field in (MARK, EXACT_MARK):
        marks = "marks" if now.core == MARKED else "does not mark"
        return f"the core {marks} it" if here != there else "the core keeps the mark"
    if now.spec in (ALIVE, GONE):
        return "the core keeps the process" if now.core == ALIVE else "the core has no such process"
    if UNMAPPED in now:
        if now.core == UNMAPPED:
            return f"the core {'does not map' if last.core == UNMAPPED else 'unmaps'} the page"
        return "the core maps the page" if last.core == UNMAPPED else "the core leaves the page mapped"
    merged = _merged(point, here)
    if merged:
        kind = "" if core == spec else f", {'with' if core else 'without'} {name}"
        return f"the core makes the page part of {merged}{kind}"
    if spec and not core:
        return f"the core {'does not set' if point.name == 'mmap' else 'loses'} {name}"
    if core and not spec:
        return f"the core {'keeps' if _has(word, last.core) else 'sets'} {name}, which nobody asked for"
    if now.core == last.core:
        return "the core leaves the page as it was"
    if now.spec == last.spec:
        return "the core changes the page"
    return f"the core {'maps' if last.core == UNMAPPED else 'changes'} the page, but not as it must be"


def _wrong_guard(point: Point, last: Both, now: Both, here: Place, there: Place) -> str:
    """How the core comes to enforce something else than it must."""
    nothing = wording(point.design).nothing
    if here != there:
        return f"the core gives it {'none of its guard' if now.core == nothing else 'another guard'}"
    if now.core == last.core:
        return "the core leaves the guard as it was"
    if now.core == nothing:
        return "the core ends the guard"
    return "the core changes the guard" if now.spec == last.spec else "the core sets another guard"


def _merged(point: Point, place: Place) -> str:
    """The range of the core's entry that a page has become part of in a merge; "" if there was none."""
    if point.name != "mmap" or not any(word.startswith("merge") for word in point.transitions):
        return ""
    for view in point.views:
        for region in view.regions:
            if view.pid == place.pid and region.start <= place.page * PAGE < region.end:
                return f"one entry, {region.start:#x}-{region.end:#x}"
    return ""
