"""A run of a program as JSON: the keys that `sysfuzz exec --json` promises.

Addresses and values are strings as in program text, since JSON's numbers lose the low bits of 64.
"""

from collections.abc import Iterable

from sysfuzz.cli import render
from sysfuzz.cli.listing import Listing
from sysfuzz.findings.bucket import bucket_of
from sysfuzz.findings.severity import severity_of
from sysfuzz.findings.wording import attribute_names
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.expect import render as render_step
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Event, Outcome, View
from sysfuzz.program.text import format_op

Json = dict[str, object]


def run(target: str, program: Program, outcome: Outcome, verdicts: Iterable[Verdict]) -> Json:
    """The whole report of one run."""
    listing = Listing(program, outcome)
    steps = enumerate(zip(program.ops, outcome.steps, strict=False))
    return {
        "target": target,
        "ops": [
            {
                "op": format_op(op),
                "result": render_step(step),
                "events": [_event(listing, index, event) for event in step.events],
            }
            for index, (op, step) in steps
        ],
        "map": [_view(view) for view in (outcome.steps[-1].views if outcome.steps else outcome.boot)],
        "panic": outcome.panic and outcome.panic._asdict(),
        "verdicts": [
            {
                "oracle": verdict.oracle,
                "op": verdict.op,
                "expected": verdict.expected,
                "actual": verdict.actual,
                "cause": verdict.cause,
                "bucket": bucket_of(verdict),
                "severity": severity_of(verdict.oracle),
            }
            for verdict in verdicts
        ],
    }


def _event(listing: Listing, op: int, event: Event) -> Json:
    record: Json = {"kind": event.kind}
    if event.attempt is None or event.reply is None:
        return record
    record |= {"addr": f"{event.addr:#x}", "instruction": listing.instruction(op, event.attempt)}
    signal = event.reply.signal
    if signal is not None:
        return record | {"code": signal.code, "handled": signal.handled}
    return record | {
        "call": event.reply.call,
        "args": [f"{arg:#x}" for arg in event.reply.args],
        "result": event.reply.ends or render.value(event.reply.result),
    }


def _view(view: View) -> Json:
    return {
        "pid": view.pid,
        "marked": view.marked,
        "regions": [
            {
                "start": f"{region.start:#x}",
                "end": f"{region.end:#x}",
                "prot": render.protection(region.prot),
                "maxprot": render.protection(region.maxprot),
                "inherit": render.inheritance(region.inherit),
                "advice": render.advice(region.advice),
                "wired": region.wired,
                "attributes": attribute_names(region.attributes),
            }
            for region in view.regions
        ],
        "guard": [[f"{number:#x}" for number in row] for row in view.guard],
    }
