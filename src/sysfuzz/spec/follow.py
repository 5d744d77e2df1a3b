"""Follow an outcome: predict op by op, and inside runs attempt by attempt, what a correct kernel would have answered.

The spec learns from the outcome what the CPU did, and where a core put what it was free to place. It believes nothing
else: after the two part, it goes on from its own state, so that later decisions are predicted from the truth. Sorting
out causes and consequences is for others.
"""

from collections.abc import Sequence

from sysfuzz.program.ir import Op, Program, Ref, make
from sysfuzz.program.names import PROT
from sysfuzz.program.outcome import Event, Outcome, Step
from sysfuzz.spec.calls import call
from sysfuzz.spec.contents import Contents
from sysfuzz.spec.entry import decide
from sysfuzz.spec.expect import (
    UNSPECIFIED,
    AnyBytes,
    Dispatch,
    Expectation,
    Expected,
    ExpectedEvent,
    ExpectedStep,
    Signal,
    State,
)
from sysfuzz.spec.pages import touchable
from sysfuzz.spec.process import switch
from sysfuzz.spec.promise import REFERENCE, Promise
from sysfuzz.spec.world import World


def follow(program: Program, outcome: Outcome, promise: Promise = REFERENCE) -> Expected:
    """What must have happened at each step of `outcome`, which comes of running `program` on a design of `promise` (shorter after a panic)."""
    world = World(program.mode, promise)
    boot = states = world.states()
    steps = []
    # Most programs ask for no contents, and then nobody follows them.
    contents = Contents(world) if any(op.call == "peek" for op in program.ops) else None
    for op, step in zip(program.ops, outcome.steps, strict=False):
        events: tuple[ExpectedEvent, ...] = ()
        if op.call == "run" and world.settle():
            events = _run(world, step.events, states)
            result: Expectation = UNSPECIFIED  # a run's result is its events
            if contents is not None:
                contents.run()
        else:
            result = _call(world, contents, op, step, outcome.steps)
        states = world.states(events[-1].states if events else states)
        steps.append(make(ExpectedStep, (result, events, states, world.lwp)))
    return Expected(boot, tuple(steps))


def _call(world: World, contents: Contents | None, op: Op, step: Step, steps: Sequence[Step]) -> Expectation:
    """Any op but the run of a live LWP."""
    args = [arg if isinstance(arg, int) else _resolve(arg, steps, world.mask) for arg in op.args]
    if op.call == "as":
        return switch(world, *args)
    if not world.settle():
        return "ESRCH"
    if op.call in ("poke", "peek"):
        return _memory(world, contents, op, *args)
    world.answer = step.result
    world.pointed = step.pointed
    space = world.space
    answer = call(world, op.call, args)
    if contents is not None:
        contents.call(space, op.call, args, answer)
    return answer


def _resolve(arg: Ref | bytes, steps: Sequence[Step], mask: int) -> int:
    """The number that stands for an argument that is none; of bytes only the length matters.

    A reference is to what the core answered, whether that was right or not; a result that is no number counts as all
    ones.
    """
    if isinstance(arg, Ref):
        result = steps[arg.op].result
        return (result if isinstance(result, int) else mask) + arg.offset & mask
    return len(arg)


def _memory(world: World, contents: Contents | None, op: Op, addr: int, count: int) -> Expectation:
    """poke and peek: they pass over protection, but not over a page that is unmapped or past its file's end."""
    if not touchable(world.space.pages, addr, count, PROT["PROT_NONE"]):
        return "EFAULT"
    if op.call == "peek":
        known = None if contents is None else contents.peek(addr, count)
        return AnyBytes(count) if known is None else known
    if contents is not None and isinstance(op.args[1], bytes):
        contents.poke(addr, op.args[1])
    return 0


def _run(world: World, events: Sequence[Event], states: tuple[State, ...]) -> tuple[ExpectedEvent, ...]:
    """The events of a run by a live LWP; `states` are those before it."""
    expected = []
    for event in events:
        decision: Dispatch | Signal | None = None
        marked = False
        if event.attempt is not None and world.alive():
            marked = world.process.marked
            decision = decide(world, event.attempt, event.reply.result if event.reply else "")
            if isinstance(decision, Dispatch):
                states = world.states(states)
        expected.append(ExpectedEvent(decision, marked, states))
    return tuple(expected)
