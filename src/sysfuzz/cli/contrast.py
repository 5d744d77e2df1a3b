"""A golden program that does not hold, for people: what was expected and what came, side by side, with the code concerned.

Everything is text made of values; nothing here runs a program. The code is what the program's pokes have written before the op.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from sysfuzz.cli import render
from sysfuzz.cli.columns import columns
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.expect import Expectation
from sysfuzz.program.golden import Golden, Miss, misses
from sysfuzz.program.ir import Program, Ref, width
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.text import format_op
from sysfuzz.x86.decode import disassemble

_MAX_LINES = 40  # of disassembly; a poke holds up to 255 instructions


def contrast(stated: Golden, target: str, outcome: Outcome, verdicts: Sequence[Verdict]) -> list[str]:
    """The lines of a report; none if `outcome` is what the program states, and `verdicts`, those that count, are none.

    The first are located, `file:line: what`, one for each thing that is wrong.
    """
    source = stated.source
    missed = misses(stated, outcome)
    lines = [f"{source.file}:{miss.line}: {miss}" for miss in missed]
    for verdict in verdicts:
        line = source.lines[max(verdict.op, 0)]  # what went wrong at boot did so before the first op
        lines.append(f"{source.file}:{line}: {verdict.oracle}: {render.difference(verdict)}")
    if outcome.panic is not None and missed:
        lines.append(f"panic: {render.panic(outcome.panic)}")
    for miss in missed:
        if miss.actual:
            lines += ["", f"{format_op(source.program.ops[miss.op])} on {target}"]
            lines += [f"  {line}" for line in _beside(miss)]
            lines += [f"  {line}".rstrip() for line in _code(stated, outcome, miss.op)]
    return lines


def _beside(miss: Miss) -> list[str]:
    """The two accounts of an op, event by event; `>` where they part."""
    wanted, came = ([part.strip() for part in text.split(";")] for text in (miss.expected, miss.actual))
    rows = [(" ", "expected", "got")]
    rows += [(" " if a == b else ">", a, b) for a, b in zip_longest(wanted, came, fillvalue="")]
    return columns(rows)


def _code(stated: Golden, outcome: Outcome, op: int) -> Iterator[str]:
    """The code of a run: each block that it started in, or that something happened in or should have; `>` where."""
    program = stated.source.program
    if program.ops[op].call != "run":
        return
    known = _written(program, outcome, op)
    places = _places(stated.expectations[op], program, outcome, op) & known.keys()
    lines = []
    for start, code in _blocks(known):
        marks = sorted(place for place in places if start <= place < start + len(code))
        # Cut at the places, so that each starts a line even if what stands before it runs over it.
        for first, beyond in zip([start, *marks], [*marks, start + len(code)], strict=True) if marks else ():
            lines += [
                f"{'>' if index == 0 and first in places else ' '} {line}"
                for index, line in enumerate(
                    disassemble(first, code[first - start : beyond - start], width(program.mode))
                )
            ]
    if lines:
        yield ""
        yield from lines[:_MAX_LINES]
    if len(lines) > _MAX_LINES:
        yield f"  ... {len(lines) - _MAX_LINES} more"


def _written(program: Program, outcome: Outcome, op: int) -> dict[int, int]:
    """The bytes that pokes before `op` have written, by address."""
    known: dict[int, int] = {}
    for step, earlier in zip(outcome.steps, program.ops[:op], strict=False):
        if earlier.call == "poke" and step.result == 0:
            addr, code = _number(earlier.args[0], outcome), earlier.args[1]
            assert isinstance(code, bytes)
            known.update(enumerate(code, addr))
    return known


def _places(expectation: Expectation | None, program: Program, outcome: Outcome, op: int) -> set[int]:
    """Addresses where a run started, where something happened and where something should have: of instructions, prefixes included."""
    starts = {}
    for event in outcome.steps[op].events:
        if event.attempt is not None:
            starts[event.addr] = event.attempt.start
    wanted = [event.addr for event in expectation.events if event.addr] if expectation is not None else []
    return {_number(program.ops[op].args[0], outcome), *starts.values(), *(starts.get(addr, addr) for addr in wanted)}


def _number(arg: object, outcome: Outcome) -> int:
    if isinstance(arg, Ref):
        result = outcome.steps[arg.op].result
        return (result if isinstance(result, int) else -1) + arg.offset
    assert isinstance(arg, int)
    return arg


def _blocks(known: dict[int, int]) -> Iterator[tuple[int, bytes]]:
    """Start and bytes of each run of neighbouring addresses, in order."""
    block = bytearray()
    start = 0
    for addr in sorted(known):
        if block and addr != start + len(block):
            yield start, bytes(block)
            block.clear()
        if not block:
            start = addr
        block.append(known[addr])
    if block:
        yield start, bytes(block)
