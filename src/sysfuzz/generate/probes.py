"""Probes: a block of code whose entry is placed exactly where it matters, and the run that executes it.

The place is a distance between the first opcode byte and a boundary: the start or the end of an area, or any given address. A block that
would hang over into unmapped pages is moved inside, since poking it would do nothing.
"""

from collections.abc import Callable, Mapping

from sysfuzz.generate import aims, code, weights
from sysfuzz.generate.code import Block
from sysfuzz.generate.draft import EXEC, Draft, Place
from sysfuzz.generate.model import Area
from sysfuzz.program.names import PAGE


def probe(draft: Draft, boundary: int | None = None, block: Block | None = None) -> None:
    """Poke a block near a boundary and run it. Without a boundary, one of a mapped (else newly mapped) area is taken; without a block, any."""
    if boundary is None or draft.chance(weights.OTHER_BOUNDARY if _runs(draft, boundary) else weights.ELSEWHERE):
        boundary = _boundary(draft)
    if block is None:
        block = code.block(draft)
    at = _place(draft, block, boundary)
    poke(draft, at, block)
    run(draft, at, block)


def poke(draft: Draft, at: int, block: Block) -> None:
    """Poke `block` to the address `at`."""
    draft.op("poke", draft.forecast.name(at), block.code)


def run(draft: Draft, at: int, block: Block) -> None:
    """Run `block`, which lies at `at`: mostly from where it is meant to start."""
    start = block.start
    if not draft.chance(weights.RUN_AT_START):
        start = block.entry if draft.chance(0.5) else draft.below(len(block.code))
    draft.op("run", draft.forecast.name(at + start), 0)


def run_at(draft: Draft, at: Place) -> None:
    """Run from an address."""
    draft.op("run", at, 0)


def _runs(draft: Draft, boundary: int) -> bool:
    """Whether there is code to be run on either side of `boundary`."""
    return draft.forecast.is_mapped(boundary, boundary + 1, EXEC) or draft.forecast.is_mapped(
        boundary - 1, boundary, EXEC
    )


def _boundary(draft: Draft) -> int:
    """An end of an area: mostly one beyond which the attribute is another."""
    area = _worth_probing(draft)
    below, above = draft.forecast.area_at(area.start - 1), draft.forecast.area_at(area.end)
    if draft.chance(weights.AT_SEAM):
        if below is not None and below.flagged is not area.flagged:
            return area.start
        if above is not None and above.flagged is not area.flagged:
            return area.end
    return area.start if draft.chance(0.5) else area.end


def _worth_probing(draft: Draft) -> Area:
    areas = draft.areas()
    if not areas:
        draft.map(aims.room(draft, 1), 1, True)
        areas = draft.areas()
    executable = [area for area in areas if area.prot & EXEC]
    if draft.chance(weights.PROBE_FLAGGED):
        executable = [area for area in executable if area.flagged] or executable
    return draft.pick(executable or areas)


def _place(draft: Draft, block: Block, boundary: int) -> int:
    """Address of `block` so that its first opcode byte lies at some distance from `boundary`."""
    forecast = draft.forecast
    deck = _DISTANCE_DECK if block.size <= 2 else _LONG_DECK
    at = (boundary + draft.pick(deck)(draft, block.size) - block.entry) & draft.mask
    end = at + len(block.code)
    if forecast.is_mapped(at, end, EXEC):
        return at
    area = forecast.area_at(boundary)
    if area is None or not area.prot & EXEC:
        area = forecast.area_at(boundary - 1) or area
    if area is None or area.end - area.start < len(block.code):
        return at
    return area.start if at < area.start else area.end - len(block.code)


def _straddling(draft: Draft, size: int) -> int:
    return -1 - draft.below(size - 1) if size > 1 else -1


def _a_few(draft: Draft) -> int:
    """Bytes: one more often than any other number, since checks are wrong by one."""
    return 1 if draft.chance(0.3) else 1 + draft.below(16)


# Distance of the first opcode byte from the boundary, by the number of opcode bytes.
_DISTANCES: Mapping[str, Callable[[Draft, int], int]] = {
    "ends": lambda _draft, size: -size,
    "straddles": _straddling,
    "starts": lambda _draft, _size: 0,
    "behind": lambda draft, _size: _a_few(draft),
    "before": lambda draft, size: -size - _a_few(draft),
    "away": lambda draft, _size: draft.pick((-1, 1)) * PAGE // 2,
}
_DISTANCE_DECK = weights.deal(weights.DISTANCES, _DISTANCES)
_LONG_DECK = _DISTANCE_DECK + (_straddling,) * weights.LONG_STRADDLES
