"""Further facts about a scene, a sentence each: what flags mean, which registers differ, where the kernel panicked, what a range holds.

They are what an engineer would look up next. Where the life of a page tells it all, there are none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sysfuzz.findings.bucket import one_line
from sysfuzz.findings.refusals import reasons
from sysfuzz.findings.scene import Scene, Tried, flagged, opcode_pages, panicked_op
from sysfuzz.findings.timeline import arguments
from sysfuzz.findings.wording import ATTRIBUTE, argument, bad_flags, counted, page_by_core
from sysfuzz.oracles.case import MARK
from sysfuzz.program.ir import CALLS, Arg, Kind, Mode
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import MAP, PAGE, REGISTERS
from sysfuzz.program.outcome import Delivered
from sysfuzz.spec.expect import Dispatch, Expectation, Signal, State
from sysfuzz.spec.pages import Pages
from sysfuzz.spec.promise import REFERENCE

_SAVED = {"syscall": 2, "int80": 2, "lcall7": 7, "lcall27": 7}  # bytes of the opcode as a core takes them to be
# What a cause says of the place of an entry (`oracles.origin`), where the addresses alone do not tell.
_CIRCUMSTANCES: Mapping[str, str] = {
    "next": f"The byte behind the opcode lies in a page {{}} {ATTRIBUTE}",
    "before": f"Bytes in front of the opcode lie in a page {{}} {ATTRIBUTE}",
    "compat": "It is 32-bit code in a process of amd64",
    "wrap": "Base and offset together are wider than an address, which wraps around",
    "stale": f"An earlier entry was made from this page before {ATTRIBUTE} was set or taken from it",
    "lwp": "The entry is made by another LWP than the first",
    "setcontext": "The call is the one by which a signal handler returns",
}
_SAID = 300  # characters of a core's own words


def facts(scene: Scene) -> tuple[str, ...]:
    """The facts of a scene, without full stops."""
    return tuple(_FACTS[scene.verdict.oracle](scene))


def _none(scene: Scene) -> Iterator[str]:
    yield from ()


def _entry(scene: Scene) -> Iterator[str]:
    """Why the origin of an entry is what it is, where no parting explains the decision."""
    tried = scene.tried
    assert tried is not None
    if tried.promise is not REFERENCE:
        yield from reasons(
            scene.case.program.mode, tried.promise, tried.state, tried.lwp, tried.attempt, scene.root is not None
        )
        return
    if scene.root is not None:
        if scene.field == MARK:
            yield f"Process {tried.pid} is not marked, so that the core does not look where its entries come from"
        return
    yield from _origin(tried)
    for word in scene.verdict.cause.split("/")[2:]:
        if word in _CIRCUMSTANCES:
            yield _CIRCUMSTANCES[word].format("without" if flagged(tried) else "with")


def _origin(tried: Tried) -> Iterator[str]:
    attempt = tried.attempt
    if attempt.gate == "sysenter":
        yield "Hardware saves no address at a sysenter: only the mark of the process can decide"
    elif attempt.gate:
        base = f" in a segment at {attempt.base:#x}" if attempt.base else ""
        back = _SAVED[attempt.gate]
        saved = f"Hardware saves the next address, {attempt.pc:#x}{base}; the opcode is taken to begin {back} bytes before it"
        yield saved
        if attempt.size != back:
            yield f"The opcode has {counted(attempt.size, 'byte')}, which no core can know"
    pages = flagged(tried)
    if attempt.gate and pages and len(opcode_pages(attempt)) > 1:
        lie = " and ".join(f"{number * PAGE:#x}" for number in pages)
        yield f"The opcode, {counted(attempt.size, 'byte')} from {attempt.opcode:#x}, lies in two pages; {lie} has {ATTRIBUTE}"


def _frame(scene: Scene) -> Iterator[str]:
    tried = scene.tried
    assert tried is not None
    wanted, got = tried.decision, tried.reply.signal
    if got is None or not isinstance(wanted, Signal):
        if scene.root is not None or tried.promise is not REFERENCE:
            yield from _entry(scene)
        return
    wrong = (*signal_differences(wanted, got), *frame_differences(wanted, got, scene.case.program.mode))
    yield from (f"{name}{where} must be {due}, is {actual}" for name, due, actual, where in wrong)


class Difference(NamedTuple):
    """What is wrong with one part of a signal."""

    name: str
    due: str
    actual: str
    where: str = ""  # what is said behind the part


def signal_differences(wanted: Signal, got: Delivered) -> list[Difference]:
    """What is wrong with a signal itself: its name, code and si_addr, where the semantics give them."""
    rows = [Difference("signal", wanted.signal, got.signal), Difference("code", wanted.code, got.code)]
    if wanted.addr is not None:
        rows.append(Difference("si_addr", f"{wanted.addr:#x}", f"{got.addr:#x}"))
    return [row for row in rows if row.due and row.due != row.actual]


def frame_differences(wanted: Signal, got: Delivered, mode: Mode) -> list[Difference]:
    """What is wrong with all else that a signal comes with: the PC and registers in its frame, and a handler that cannot be."""
    here = " in the frame"
    rows = [Difference("PC", f"{wanted.pc:#x}", f"{got.pc:#x}", here)]
    rows += [
        Difference(name, f"{a:#x}", f"{b:#x}", here)
        for name, a, b in zip(REGISTERS[mode], wanted.regs, got.regs, strict=False)
    ]
    if len(wanted.regs) != len(got.regs):
        rows.append(Difference("number of registers", str(len(wanted.regs)), str(len(got.regs)), here))
    if wanted.handled is False:
        rows.append(Difference("handler", "none", "entered" if got.handled else "none"))
    return [row for row in rows if row.due != row.actual]


def _dispatch(scene: Scene) -> Iterator[str]:
    tried = scene.tried
    assert tried is not None
    wanted, got = tried.decision, tried.reply
    assert isinstance(wanted, Dispatch)
    if wanted.call != got.call:
        number = tried.attempt.regs[0]
        yield f"The number, {REGISTERS[scene.case.program.mode][0]}, is {number:#x}: {wanted.call}"
    elif wanted.args is not None:
        for index, (due, actual) in enumerate(zip(wanted.args, got.args, strict=False)):
            if due != actual:
                yield f"{argument(wanted.call, index)} must be {due:#x}, is {actual:#x}"
        if len(wanted.args) != len(got.args):
            yield f"{wanted.call} takes {counted(len(wanted.args), 'argument')}, got {len(got.args)}"
    if wanted.ends != got.ends:
        ends = {"": "its LWP goes on", "exit": "its LWP ends", "exec": "its LWP leaves this code"}
        yield f"After the call {ends.get(wanted.ends, wanted.ends)}; here {ends.get(got.ends, got.ends)}"


def _answer(scene: Scene) -> Iterator[str]:
    point = scene.point
    states = scene.points[-2].states if len(scene.points) > 1 else point.states
    yield from why(scene.case.program.mode, point.name, point.args, point.due, point.pid, states)
    if scene.verdict.oracle == "flag-accepted" and isinstance(point.result, int):
        mapped = page_by_core(point.views, point.pid, point.result // PAGE)
        yield f"The core holds the page at {point.result:#x} as {mapped}"


def _panic(scene: Scene) -> Iterator[str]:
    case = scene.case
    found = case.outcome.panic
    assert found is not None
    said = one_line(found.reason)[:_SAID] or "nothing"
    yield f'The core says "{said}", in {found.where}'
    if found.exception:
        yield f"{found.exception} is no panic of the core's own: in a kernel it would be a wild pointer"
    op = panicked_op(case)
    if op < 0:
        return
    step, call = case.expected.steps[op], case.program.ops[op].call
    if call == "run":
        events = len(case.outcome.steps[op].events)
        yield f"It happened in code, after {counted(events, 'event')} of the run"
        return
    states = case.expected.steps[op - 1].states if op else case.expected.boot
    yield from why(case.program.mode, call, arguments(case, op), step.result, case.outcome.steps[op].pid, states)


def _insane(scene: Scene) -> Iterator[str]:
    if scene.root is not None:
        yield f'At the end of the program the core\'s own check says "{one_line(scene.case.outcome.insane)[:_SAID]}"'


def _lock(scene: Scene) -> Iterator[str]:
    assert scene.tried is not None
    yield f"By the rules process {scene.tried.pid} is not marked, so that no entry of its needs to be looked up in its map"


_FACTS: Mapping[str, Callable[[Scene], Iterator[str]]] = {
    "panic": _panic,
    "escape": _entry,
    "attribute-lost": _none,
    "attribute-gained": _none,
    "process-flag": _none,
    "guard": _none,
    "flag-accepted": _answer,
    "sigill-frame": _frame,
    "dispatch": _dispatch,
    "state-changed": _none,
    "map": _none,
    "errno": _answer,
    "blocked": _entry,
    "lock": _lock,
    "insane": _insane,
}


def why(
    mode: Mode, call: str, args: Sequence[Arg], expected: Expectation | None, pid: int, states: Sequence[State]
) -> Iterator[str]:
    """What about the arguments of a call, and about the map before it, decides its answer."""
    numbers = [arg if isinstance(arg, int) else len(arg) if isinstance(arg, bytes) else 0 for arg in args]
    if call == "mmap" and len(numbers) == 6 and expected in ("EINVAL", "EOPNOTSUPP") and bad_flags(numbers[3]):
        yield from (reason[0].upper() + reason[1:] for reason in bad_flags(numbers[3]))
        return
    pages = next((state.pages for state in states if state.pid == pid), None)
    kinds = [param.kind for param in CALLS.get(call, ())]
    if pages is None:
        yield f"Process {pid} is gone"
    elif call == "mmap" and len(numbers) == 6:
        behind = numbers[5] % PAGE
        if numbers[3] & MAP["MAP_FIXED"]:  # otherwise the address is a hint
            yield from _range(mode, numbers[0] - behind, numbers[1] + behind, pages, True)
    elif kinds[:2] in ([Kind.ADDR, Kind.SIZE], [Kind.ADDR, Kind.HEX], [Kind.ADDR, Kind.COUNT]) and len(numbers) == len(
        kinds
    ):
        yield from _range(mode, numbers[0], numbers[1], pages, call in ("mincore", "mremap"))


def _range(mode: Mode, addr: int, length: int, pages: Pages, whole: bool) -> Iterator[str]:
    """What range is meant, whether it is in bounds, and what is mapped there; `whole`: the address is not rounded down."""
    layout = LAYOUTS[mode]
    start = addr if whole else addr & -PAGE
    size = length + addr - start + PAGE - 1 & -PAGE & layout.mask
    end = start + size & layout.mask
    if start % PAGE:
        yield f"{addr:#x} is no multiple of the page size"
    elif not size:
        yield "The range is empty"
    elif end < start:
        yield "The range wraps around the end of the address space"
    elif start < layout.vm_min:
        yield f"The range begins at {start:#x}, below VM_MIN, {layout.vm_min:#x}"
    elif end > layout.vm_max:
        yield f"The range ends at {end:#x}, above VM_MAX, {layout.vm_max:#x}"
    else:
        inside = [page for number, page in pages.items() if start <= number * PAGE < end]
        wired, none = sum(1 for page in inside if page.wired), sum(1 for page in inside if not page.prot)
        more = f", {wired} wired" * bool(wired) + f", {none} without protection" * bool(none)
        yield f"The range {start:#x}-{end:#x} is in bounds: {counted(size // PAGE, 'page')}, {len(inside)} mapped{more}"
