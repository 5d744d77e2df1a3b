"""The oracles of the calls and the map: flag-accepted, errno, state-changed, attribute-lost, attribute-gained, process-flag, map.

They say what a parting or a wrong answer means. A wrong answer and the map that differs because of it have one cause; what differs
later because of that is not reported again.
"""

from collections.abc import Iterator
from itertools import zip_longest

from sysfuzz.oracles.case import GUARD, MARK, Case, Parting
from sysfuzz.oracles.causes import Moment, refused_flags, word
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.names import PAGE
from sysfuzz.spec.expect import Anywhere
from sysfuzz.spec.promise import Rows

_MAX_NUMBERS = 6  # of one row that are shown: more have only those of pinsyscalls, one for each call


def _accepted(moment: Moment) -> bool:
    """Whether the call that should have failed was an mmap with flags that are refused whatever else it asks for."""
    return isinstance(moment.result, int) and bool(refused_flags(moment))


def flag_accepted(case: Case) -> Iterator[Verdict]:
    """mmap took a flag, or a combination of flags, that it had to refuse.

    A program that asks for an attribute from a kernel without it runs on unprotected: the failure is silent and open.
    """
    for moment in case.wrong_results:
        if _accepted(moment):
            expected = word(moment.expected)
            yield Verdict(
                "flag-accepted",
                moment.op,
                expected,
                _shown(moment.result),
                case.result_cause(moment),
                moment.event,
            )


def errno(case: Case) -> Iterator[Verdict]:
    """A call answered with the wrong errno, or the wrong value, or succeeded or failed against the semantics.

    Callers decide by errno; the order of NetBSD's checks, which decides which errno wins, is part of the interface.
    """
    for moment in case.wrong_results:
        if not _accepted(moment):
            expected = _shown(moment.expected)
            yield Verdict(
                "errno",
                moment.op,
                expected,
                _shown(moment.result),
                case.result_cause(moment),
                moment.event,
            )


def state_changed(case: Case) -> Iterator[Verdict]:
    """A call failed, rightly, and changed a map all the same: the caller believes that nothing has happened."""
    for parting in case.partings:
        if parting.failed:
            yield _verdict("state-changed", parting)


def attribute_lost(case: Case) -> Iterator[Verdict]:
    """A page must have an attribute and has none: the next call from it escapes, whether this program makes one or not."""
    for parting in case.partings:
        if parting.field == "attributes" and not parting.failed and parting.expected & ~parting.actual:
            yield _verdict("attribute-lost", parting)


def attribute_gained(case: Case) -> Iterator[Verdict]:
    """A page has an attribute that nobody gave it: legitimate calls from it will be refused."""
    for parting in case.partings:
        if parting.field == "attributes" and not parting.failed and parting.actual & ~parting.expected:
            yield _verdict("attribute-gained", parting)


def process_flag(case: Case) -> Iterator[Verdict]:
    """A process has a page with an attribute and is not marked, so that its entries go unchecked.

    The mark may say yes too often, which only costs time; it may never say no wrongly.
    """
    for parting in case.partings:
        if parting.field == MARK and not parting.failed:
            yield _verdict("process-flag", parting)


def guard_differs(case: Case) -> Iterator[Verdict]:
    """What a design enforces in a process is not what it promises: armed and not in force, or in force and not armed.

    It says nothing yet about any entry; those that come from where none may come will not be refused.
    """
    for parting in case.partings:
        if parting.field == GUARD and not parting.failed:
            yield _verdict("guard", parting)


def map_differs(case: Case) -> Iterator[Verdict]:
    """A page is mapped, protected, inherited, advised or wired otherwise than it must be, or a process lives or not.

    The attribute is a property of mappings: where the map is wrong, so is everything that is decided by it.
    """
    for parting in case.partings:
        if (
            parting.field not in ("attributes", MARK, GUARD)
            and not parting.failed
            and not parting.cause.startswith("result/")
        ):
            yield _verdict("map", parting)


def _verdict(oracle: str, parting: Parting) -> Verdict:
    where = f"process {parting.pid}" if parting.page < 0 else f"process {parting.pid} page {parting.page * PAGE:#x}"
    if parting.field == GUARD:
        due, held = parting.rows
        values = [_rows(due, held), _rows(held, due)]
    else:
        values = [str(parting.expected), str(parting.actual)]
    expected, actual = (f"{where}: {parting.field} {value}" for value in values)
    return Verdict(oracle, parting.op, expected, actual, parting.cause, parting.event)


def _rows(rows: Rows, others: Rows) -> str:
    """Rows of a guard; of a long one its beginning, and the first of the numbers in which it differs from that in its place."""
    return ", ".join(_row(row, other) for row, other in zip_longest(rows, others[: len(rows)], fillvalue=())) or "none"


def _row(row: tuple[int, ...], other: tuple[int, ...]) -> str:
    shown = [f"{number:#x}" for number in row[:_MAX_NUMBERS]]
    if len(row) > _MAX_NUMBERS:
        at = next((i for i, pair in enumerate(zip_longest(row, other)) if pair[0] != pair[1]), 0)
        shown += [f"... number {at}: {row[at]:#x}"] if _MAX_NUMBERS <= at < len(row) else [f"... {len(row)} numbers"]
    return f"({' '.join(shown)})"


def _shown(result: object) -> str:
    if isinstance(result, Anywhere):
        return "a free address"
    if isinstance(result, int):
        return f"{result:#x}"
    if isinstance(result, bytes):
        return result.hex()
    return str(result)
