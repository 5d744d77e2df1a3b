"""Which LWP does an op: a program says it only where it changes it, and LWPs end in between.

It follows what the core answered, as `targets/emulated` does. Knows no maps and judges nothing.
"""

from collections.abc import Iterator

from sysfuzz.oracles.case import Case
from sysfuzz.program.ir import Op
from sysfuzz.program.outcome import Result, Step


def current_lwp(case: Case, op: int) -> int:
    """The LWP that does op number `op`; 1 where nothing says otherwise."""
    alive: dict[int, set[int]] = {}
    lwp = 1
    for index, done, step, _ in case.steps():
        own = alive.setdefault(step.pid, {1})
        if done.call == "as" and step.result == 0:
            lwp = case.number(done.args[1])
        if lwp not in own:
            lwp = min(own, default=1)
        if index == op:
            break
        for call, result in _calls(done, step):
            if call in ("lwp_create", "_lwp_create") and isinstance(result, int):
                own.add(result)
            elif call in ("lwp_exit", "_lwp_exit") and result == 0:
                own.discard(lwp)
            elif call in ("exec", "execve") and result == 0:
                own.intersection_update((lwp,))
    return lwp


def _calls(op: Op, step: Step) -> Iterator[tuple[str, Result]]:
    """The calls that an op made, by itself or by code."""
    yield op.call, step.result
    for event in step.events:
        if event.reply is not None:
            yield event.reply.call, event.reply.result
