"""An explanation as a bug report: Markdown that an engineer reads from top to bottom.

Title, what happened in order, what was due, the rule, the core's map where it matters. Only what the explanation holds is told; of the program
no more than its size and its CPU. Deterministic, at most WIDTH columns where text can be broken.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence

from sysfuzz.findings.explanation import PARTED, Explanation, Moment, Row
from sysfuzz.findings.severity import severity_of
from sysfuzz.findings.wording import counted
from sysfuzz.program.ir import Program

WIDTH = 108

_CPU = {"amd": "an AMD", "intel": "an Intel"}

_SPAN = re.compile(r"`[^`]{1,60}`")  # code that is short enough to be kept on one line
_NO_BREAK = "\0"

_RULE = re.compile(r"(?P<text>.*) \((?P<place>docs/[^,]*(?:, .*)?)\)", re.DOTALL)


def story(explanation: Explanation, program: Program) -> str:
    """The text of an explanation of `program`, which ends with a newline."""
    lines = [f"# {explanation.summary}", "", *_paragraph(_introduction(explanation)), ""]
    lines += ["## What happens", "", *_paragraph(_setting(explanation, program)), ""]
    for number, (moment, previous) in enumerate(zip(explanation.life, (None, *explanation.life), strict=False), 1):
        lines += _moment(number, moment, previous)
    lines += ["", "## Expected and actual", "", *_outcome(explanation), ""]
    lines += ["## Rule", "", *_rule(explanation.rule)]
    lines += _maps(explanation)
    return "\n".join(line.rstrip() for line in _single_blanks(lines)).rstrip() + "\n"


def _introduction(explanation: Explanation) -> str:
    severity = severity_of(explanation.oracle)
    return (
        f"Bucket `{explanation.bucket}`, {severity}, seen by the oracle `{explanation.oracle}` {_where(explanation)}."
    )


def _where(explanation: Explanation) -> str:
    """Where the verdict lies."""
    if explanation.op < 0:
        return "at boot"
    return f"at op {explanation.op}" + (f", event {explanation.event}" if explanation.entered is not None else "")


def _setting(explanation: Explanation, program: Program) -> str:
    """What the numbered list is about."""
    size = f"The program has {counted(len(program.ops), 'op')}, for {program.mode} on {_CPU[program.vendor]} CPU."
    ops = sorted({moment.op for moment in explanation.life if moment.op >= 0})
    if not ops:
        return size
    of = f"page {explanation.page:#x} of process" if explanation.page is not None else "process"
    return f"{size} {_these(ops)} for {of} {explanation.pid}:"


def _these(ops: Sequence[int]) -> str:
    """`Op 2 matters`, `Ops 0, 2 and 3 matter`."""
    if len(ops) == 1:
        return f"Op {ops[0]} matters"
    return f"Ops {', '.join(map(str, ops[:-1]))} and {ops[-1]} matter"


def _moment(number: int, moment: Moment, previous: Moment | None) -> Iterator[str]:
    """One item of the list: the call on its own line, below it what it did."""
    head = f"{number}. "
    what, _, origin = moment.what.partition(" from ")
    place = "Boot" if moment.op < 0 else f"Op {moment.op}" + (f", event {moment.event}" if moment.event >= 0 else "")
    call = f"{place}:" if what == "boot" else f"{place}, `{what}`{f' from {origin}' if origin else ''}:"
    yield from _wrapped(call, head, " " * len(head))
    yield from _wrapped(_consequence(moment, previous), " " * len(head), " " * len(head))


def _consequence(moment: Moment, previous: Moment | None) -> str:
    """What a call did, as sentences, the first of which goes on from the call; a state is told where it is new."""
    parted = moment.note.endswith(PARTED)
    note = moment.note.removesuffix(f": {PARTED}")
    did = f"{note}."
    if not note:
        return f"the core {moment.core}; a correct one {moment.spec}."
    if previous is not None and (moment.core, moment.spec) == (previous.core, previous.spec):
        return did
    if moment.core == moment.spec:
        return f"{did} Now: `{moment.spec}`."
    held = f"the core holds `{moment.core}`, and must hold `{moment.spec}`."
    return f"{did} **{PARTED[0].upper()}{PARTED[1:]}:** {held}" if parted else f"{did} {held[0].upper()}{held[1:]}"


def _outcome(explanation: Explanation) -> Iterator[str]:
    entered = explanation.entered
    if entered is not None and entered.text:
        code = f"{entered.code.hex()}  " if entered.code else ""
        yield from ("```", f"{entered.address:#x}: {code}{entered.text}", "```", "")
    yield from _wrapped(f"Expected: {explanation.expected}.", "* ", "  ")
    yield from _wrapped(f"Actual: {explanation.actual}.", "* ", "  ")
    if explanation.details:
        yield ""
        yield from _paragraph(" ".join(f"{detail}." for detail in explanation.details))


def _rule(rule: str) -> Iterator[str]:
    match = _RULE.fullmatch(rule)
    text, place = (match["text"], match["place"]) if match else (rule, "")
    yield from _wrapped(text, "> ", "> ")
    if place:
        yield ""
        file, _, section = place.partition(", ")
        yield from _paragraph(f'({file}, section "{section}")')


def _maps(explanation: Explanation) -> Iterator[str]:
    before, after = explanation.before, explanation.after
    if not before and not after:
        return
    parted = next((moment for moment in explanation.life if moment.note.endswith(PARTED)), None)
    mark = "<- the page" if explanation.page is not None else "<- holds an attribute"
    yield from ("", "## The core's map", "")
    if parted is None:
        yield from _table(f"At op {explanation.op}", before, mark)
        return
    call = "boot" if parted.op < 0 else f"op {parted.op}" + (f", event {parted.event}" if parted.event >= 0 else "")
    if before == after:
        yield from _table(f"Before and after {call}", after, mark)
        return
    yield from _table(f"Before {call}", before, mark)
    yield ""
    yield from _table(f"After {call}", after, mark)


def _table(title: str, rows: Sequence[Row], mark: str) -> Iterator[str]:
    if not rows:
        yield f"{title}: nothing is mapped near."
        return
    yield f"{title}:"
    yield ""
    columns = [
        ("process", *(str(row.pid) for row in rows)),
        ("range", *(f"{row.start:#x}-{row.end:#x}" for row in rows)),
        ("holds", *(row.text for row in rows)),
    ]
    if any(row.here for row in rows):
        columns.append(("", *(mark if row.here else "" for row in rows)))
    widths = [max(map(len, column)) for column in columns]
    lines = [
        f"| {' | '.join(f'{cell:<{width}}' for cell, width in zip(cells, widths, strict=True))} |"
        for cells in zip(*columns, strict=True)
    ]
    yield lines[0]
    yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    yield from lines[1:]


def _paragraph(text: str) -> list[str]:
    return list(_wrapped(text, "", ""))


def _wrapped(text: str, first: str, other: str) -> list[str]:
    """`text` in lines."""
    whole = _SPAN.sub(lambda match: match[0].replace(" ", _NO_BREAK), text)
    lines = textwrap.wrap(
        whole, WIDTH, initial_indent=first, subsequent_indent=other, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(_NO_BREAK, " ") for line in lines]


def _single_blanks(lines: Sequence[str]) -> Iterator[str]:
    """`lines` with one blank line for several."""
    for line, previous in zip(lines, ["", *lines], strict=False):
        if line or previous:
            yield line
