"""A run of a program as lines for people: ops with their results, events, maps, verdicts.

Everything is text made of values; nothing here runs a program or knows an option.
"""

from collections.abc import Iterable, Iterator, Sequence

import click

from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.listing import Listing
from sysfuzz.findings.bucket import bucket_of, one_line
from sysfuzz.findings.guards import lines as guard_lines
from sysfuzz.findings.severity import Severity, is_bug, rank, severity_of
from sysfuzz.findings.wording import attribute_names
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.expect import render as render_step
from sysfuzz.program.ir import Mode, Program
from sysfuzz.program.names import ADVICE, INHERIT, REGISTERS
from sysfuzz.program.outcome import Attempt, Event, Outcome, Panic, Region, Reply, Result, View
from sysfuzz.program.text import format_op
from sysfuzz.spec.promise import REFERENCE

_COLOURS: dict[Severity, str] = {
    "critical": "bright_red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "by design": "magenta",
}
_MAX_OP = 76  # a longer op's result stands in its own line

_ADVICE_NAMES = {value: name.removeprefix("MADV_").lower() for name, value in ADVICE.items()}
_INHERIT_NAMES = {value: name.removeprefix("MAP_INHERIT_").lower() for name, value in INHERIT.items()}


def coloured(severity: Severity) -> str:
    """A severity in its colour, which vanishes where none is wanted."""
    return click.style(severity, fg=_COLOURS[severity])


def report(
    program: Program, outcome: Outcome, found: Sequence[Verdict], trace: bool = False, design: str = REFERENCE.name
) -> Iterator[str]:
    """Everything about one run: ops, the maps and guards behind the last, verdicts. `design` is the name of the promise."""
    yield from ops(program, outcome, trace)
    yield ""
    yield from maps(outcome.steps[-1].views if outcome.steps else outcome.boot, design)
    yield ""
    yield from verdicts(found)
    if not found:
        yield "no verdict: all is as it must be"
        return
    documented = sum(not is_bug(severity_of(verdict.oracle)) for verdict in found)
    yield counted(len(found), "verdict") + (f", {documented:,} of them by design" if documented else "")


def ops(program: Program, outcome: Outcome, trace: bool) -> Iterator[str]:
    """Each op with its result, its events, and with `trace` what the map did and the CPU's truth about each attempt."""
    listing = Listing(program, outcome)
    for index, (op, step) in enumerate(zip(program.ops, outcome.steps, strict=False)):
        text = f"{index:3}  {format_op(op)}"
        result = f"-> {render_step(step)}"
        yield f"{text:<{_MAX_OP}}  {result}" if len(text) <= _MAX_OP else f"{text}\n     {result}"
        for event in step.events:
            if event.attempt is not None and event.reply is not None:
                yield f"       {_event(event, event.reply)}  {listing.instruction(index, event.attempt)}".rstrip()
                if trace:
                    yield from (f"         {line}" for line in _truth(event.attempt, event.reply, program.mode))
        if trace and step.transitions:
            yield f"       map: {', '.join(step.transitions)}"
    for index in range(len(outcome.steps), len(program.ops)):
        yield f"{index:3}  {format_op(program.ops[index])}\n     not reached"
    if outcome.panic is not None:
        yield f"panic: {panic(outcome.panic)}"
    if outcome.insane:
        yield f"the core's own check: {one_line(outcome.insane)}"


def panic(found: Panic) -> str:
    """The core's last words, and where it spoke them."""
    exception = f"{found.exception}: " if found.exception else ""
    return one_line(f"{exception}{found.reason} ({found.where})")


def maps(views: Sequence[View], design: str = REFERENCE.name) -> Iterator[str]:
    """The map of each live process, and what its design enforces in it beside."""
    for view in views:
        yield f"process {view.pid}{', marked' if view.marked else ''}"
        yield from (f"  guard: {line}" for line in guard_lines(design, view.guard))
        yield from (f"  {line}" for line in columns(_region(region) for region in view.regions))


def verdicts(found: Sequence[Verdict]) -> Iterator[str]:
    """The verdicts, the worst first."""
    width = max((len(severity_of(verdict.oracle)) for verdict in found), default=0)
    for verdict in sorted(found, key=lambda v: (rank(severity_of(v.oracle)), v.op, v.event)):
        severity = severity_of(verdict.oracle)
        yield f"{coloured(severity)}{' ' * (width - len(severity))}  {verdict.oracle}: {place(verdict.op)}: {difference(verdict)}"
        yield f"{' ' * width}  bucket {bucket_of(verdict)}"


def place(op: int) -> str:
    """Where a verdict says that something went wrong."""
    return f"op {op}" if op >= 0 else "boot"


def difference(verdict: Verdict) -> str:
    """What was expected and what came."""
    return one_line(f"expected {verdict.expected}, got {verdict.actual}")


def value(result: Result) -> str:
    """What a call yielded: a number in hex, an errno name, or bytes in hex."""
    if isinstance(result, str):
        return result
    return result.hex() if isinstance(result, bytes) else f"{result:#x}"


def protection(prot: int) -> str:
    """`rwx` with `-` for what is not allowed."""
    return "".join(letter if prot >> bit & 1 else "-" for bit, letter in enumerate("rwx"))


def inheritance(value: int) -> str:
    """`share`, `copy` …"""
    return _INHERIT_NAMES.get(value, f"{value:#x}")


def advice(value: int) -> str:
    """`normal`, `random` …"""
    return _ADVICE_NAMES.get(value, f"{value:#x}")


def _region(region: Region) -> list[str]:
    wired = f"wired {region.wired}" if region.wired else "-"
    return [
        f"{region.start:#x}-{region.end:#x}",
        f"{protection(region.prot)} of {protection(region.maxprot)}",
        inheritance(region.inherit),
        advice(region.advice),
        wired,
        " ".join(attribute_names(region.attributes)),
    ]


def _event(event: Event, reply: Reply) -> str:
    """An attempt and what the core did about it."""
    if reply.signal is None:
        return f"enter {reply.call}({_hex(reply.args)}) @{event.addr:#x} -> {value(reply.ends or reply.result)}"
    signal = reply.signal
    name = f"{signal.signal}/{signal.code}" if signal.code else signal.signal
    return f"{name} @{event.addr:#x}{', handled' if signal.handled else ''}"


def _truth(attempt: Attempt, reply: Reply, mode: Mode) -> Iterator[str]:
    """What the CPU did, and the details of the core's answer."""
    what = attempt.gate or f"vector {attempt.vector}"
    data = "" if attempt.data is None else f", data address {attempt.data:#x}"
    yield (
        f"cpu: {what}, {attempt.bits}-bit code at base {attempt.base:#x}; starts {attempt.start:#x}, opcode {attempt.opcode:#x},"
        f" {counted(attempt.size, 'byte')}; saves pc {attempt.pc:#x}, flags {attempt.flags:#x}{data}"
    )
    yield f"     {_registers(attempt.regs, mode)}"
    yield f"     stack {attempt.stack.hex() or 'unreadable'}"
    if reply.signal is not None:
        signal = reply.signal
        yield f"core: signal address {signal.addr:#x}, frame pc {signal.pc:#x}{', took the map lock' if reply.locked else ''}"
        if signal.regs != attempt.regs:
            yield f"      frame {_registers(signal.regs, mode)}"
    elif reply.locked:
        yield "core: took the map lock"


def _registers(regs: Sequence[int], mode: Mode) -> str:
    return " ".join(f"{name}={number:#x}" for name, number in zip(REGISTERS[mode], regs, strict=False))


def _hex(numbers: Iterable[int]) -> str:
    return ", ".join(f"{number:#x}" for number in numbers)
