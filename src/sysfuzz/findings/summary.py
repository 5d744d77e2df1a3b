"""What went wrong, in one sentence: the title of a story, by oracle.

A sentence names calls, fields and what was done, no addresses: those belong to the story. It has no full stop and fits a line.
"""

from collections.abc import Callable, Mapping

from sysfuzz.findings.bucket import one_line
from sysfuzz.findings.guards import wording
from sysfuzz.findings.refusals import is_moved
from sysfuzz.findings.scene import Scene, Tried, flagged, panicked_op
from sysfuzz.findings.timeline import Point
from sysfuzz.findings.wording import ATTRIBUTE, NOUNS, answer, bad_flags, due, system_call, trait
from sysfuzz.oracles.case import GUARD, MARK, Parting
from sysfuzz.oracles.core import without_numbers
from sysfuzz.oracles.origin import family
from sysfuzz.program.names import GATES
from sysfuzz.program.outcome import Attempt
from sysfuzz.spec.expect import Dispatch
from sysfuzz.spec.promise import REFERENCE

_MAX = 106  # characters of a title

# How a call came to treat a page wrongly, by what it did to it.
_MANNERS: Mapping[str, str] = {
    "merge": " when it merges entries",
    "clip": " when it cuts an entry",
    "move": " of pages that it moves",
    "grow": " of pages that it adds",
    "shrink": " of pages that it keeps",
}
_FIELDS: Mapping[str, str] = {
    "prot": "protection",
    "maxprot": "maximal protection",
    "inherit": "inheritance",
    "advice": "advice",
    "wired": "wired count",
    "attributes": "attributes",
}
_PARTS: Mapping[str, str] = {
    "signal": "the signal",
    "code": "the code of the signal",
    "addr": "si_addr",
    "pc": "the PC in the frame",
    "registers": "the registers in the frame",
    "handler": "the handler",
}
# What is out of the ordinary about the place of an entry, on a design that refuses places of its own (`oracles.origin`).
_ORDERS: Mapping[str, str] = {
    "next": "the next address does not lie there",
    "head": "its last bytes do not lie there",
    "tail": "its first bytes do not lie there",
    "before": "what is in front of it does not lie there",
    "base": "its code segment has a base",
}


def summary(scene: Scene) -> str:
    """The sentence of a scene."""
    text = one_line(_SENTENCES[scene.verdict.oracle](scene))
    return text if len(text) <= _MAX else f"{text[: _MAX - 3].rstrip()}..."


def verb_of(parting: Parting) -> str:
    """What the call did to the page, as the cause of the parting says, a key of the table above; "" where it does not."""
    return next((word for word in parting.cause.split("/") if word in _MANNERS), "")


def _call(scene: Scene) -> str:
    """The call that the verdict is about."""
    return scene.point.name


def _gate(attempt: Attempt) -> str:
    """The kind of entry, as an assembler calls it."""
    return GATES.get(attempt.gate, attempt.gate)


def _a(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _misdeed(point: Point, parting: Parting) -> str:
    """What a call did wrong to a page or a process: a clause that begins with its name."""
    call = "boot" if point.op < 0 else point.name
    field, expected, actual = parting.field, parting.expected, parting.actual
    manner = _MANNERS.get(verb_of(parting), "")
    if field == MARK:
        return f"{call} leaves process {parting.pid} unmarked"
    if field == GUARD:
        lwp = -1 - parting.page
        who = f"LWP {lwp} of process {parting.pid}" if lwp > 1 else f"process {parting.pid}"
        return f"{call} leaves {who} {_guard(point.design, expected, actual)}"
    if field == "alive":
        return f"{call} leaves process {parting.pid} {'alive' if actual else 'dead'}"
    if field == "mapped":
        return f"{call} leaves a page {'out of the map' if not actual else 'mapped twice' if expected else 'mapped'}"
    if field == "aligned":
        return f"{call} makes an entry that begins or ends inside a page"
    lost, gained = (NOUNS.get(bits, ATTRIBUTE) for bits in (expected & ~actual, actual & ~expected))
    if field == "attributes" and expected & ~actual:
        own = call == "mmap" and not manner
        return f"{call} {'does not set' if own else 'loses'} {lost}{manner or ('' if own else ' of a page')}"
    if field == "attributes":
        if verb_of(parting) == "merge":
            return f"{call} spreads {gained} to another page{manner}"
        return f"{call} leaves {gained} on a page that must not have it{manner}"
    return f"{call} leaves a page with {_FIELDS.get(field, field)} {trait(field, actual)} where {trait(field, expected)} is due{manner}"


def _guard(design: str, expected: int, actual: int) -> str:
    """What is wrong with a guard of `actual` rows where `expected` are due."""
    noun = wording(design).noun
    if actual < expected:
        return f"without its {noun}"
    return f"with {noun} that it must not have" if actual > expected else f"with other {noun} than its own"


def _because(scene: Scene, otherwise: str) -> str:
    if scene.root is None or scene.cause is None:
        return otherwise
    return f": {_misdeed(scene.cause, scene.root)}"


def _escape(scene: Scene) -> str:
    tried = scene.tried
    assert tried is not None
    if tried.promise is not REFERENCE:
        return f"{system_call(tried.reply.call)} from {wording(tried.promise.name).refused} is dispatched{_why(scene, tried)}"
    if not tried.attempt.gate:
        return f"an instruction in a {ATTRIBUTE} page that is no kernel entry is dispatched as {tried.reply.call}"
    passed = f": the check lets {_gate(tried.attempt)} pass"
    return f"{system_call(tried.reply.call)} from a {ATTRIBUTE} page is dispatched{_because(scene, passed)}"


def _why(scene: Scene, tried: Tried) -> str:
    """How a design with a check of its own comes to decide wrongly: by an earlier call, or by where the entry lies."""
    if scene.root is not None:
        return _because(scene, "")
    if family(tried.attempt) == "vsyscall":
        return ": it goes through the vsyscall page"
    if is_moved(tried.promise, tried.attempt):
        return f": {_gate(tried.attempt)} counts as made in the vdso"
    words = [_ORDERS[word] for word in scene.verdict.cause.split("/") if word in _ORDERS]
    return f": {', '.join(words)}" if words else f": the check decides so about {_gate(tried.attempt)}"


def _attribute(scene: Scene) -> str:
    assert scene.root is not None and scene.cause is not None
    return _misdeed(scene.cause, scene.root)


def _process_flag(scene: Scene) -> str:
    return f"{_attribute(scene)}, though its map has a {ATTRIBUTE} page"


def _flag_accepted(scene: Scene) -> str:
    return f"mmap accepts flags that it must refuse with {due(scene.point.due or 0)}"


def _errno(scene: Scene) -> str:
    point = scene.point
    expected = due(point.due) if point.due is not None else "nothing"
    if isinstance(point.result, str) and isinstance(point.due, str):
        return f"{point.name} fails with {point.result} where {expected} is due"
    if isinstance(point.result, str):
        return f"{point.name} fails with {point.result} where it must succeed"
    if isinstance(point.due, str):
        return f"{point.name} succeeds where {expected} is due"
    return f"{point.name} answers with a wrong value"


def _state_changed(scene: Scene) -> str:
    return f"{_call(scene)} fails with {answer(scene.point.result)} and changes the map all the same"


def _frame(scene: Scene) -> str:
    tried = scene.tried
    assert tried is not None
    gate = _gate(tried.attempt)
    if tried.reply.signal is None:
        did = f"is dispatched as {tried.reply.call}" if tried.reply.call else "is dropped without a signal"
        return (
            f"{f'{_a(gate)} that must be refused' if gate else 'an instruction that faults'} {did}{_because(scene, '')}"
        )
    words = scene.verdict.cause.split("/")[-1].split("-")
    parts = " and ".join(_PARTS.get(word, word) for word in words)
    verb = "are" if len(words) > 1 or words == ["registers"] else "is"
    if family(tried.attempt) == "vsyscall":
        return f"{parts} {verb} wrong when a vsyscall is refused"
    return f"{parts} {verb} wrong when {f'{_a(gate)} is refused' if gate else 'a fault is delivered'}"


def _dispatch(scene: Scene) -> str:
    tried = scene.tried
    assert tried is not None and isinstance(tried.decision, Dispatch)
    wanted, got = tried.decision, tried.reply
    if wanted.call != got.call:
        return f"{wanted.call} is dispatched as {got.call}"
    if wanted.args is not None and wanted.args != got.args:
        return f"{wanted.call} is dispatched with wrong arguments"
    return f"{wanted.call} leaves its LWP {'running' if wanted.ends else 'ended'}"


def _blocked(scene: Scene) -> str:
    tried = scene.tried
    assert tried is not None and isinstance(tried.decision, Dispatch)
    done = "refused" if tried.reply.signal is not None else "dropped"
    if tried.promise is not REFERENCE:
        call, allowed = system_call(tried.decision.call), wording(tried.promise.name).allowed
        return f"{call} from {allowed} is {done}{_why(scene, tried)}"
    where = "" if flagged(tried) else f" from a page without {ATTRIBUTE}"
    return f"{system_call(tried.decision.call)}{where} is {done}{_because(scene, '')}"


def _lock(scene: Scene) -> str:
    assert scene.tried is not None
    kept = f": {scene.cause.name} keeps the mark" if scene.cause is not None else ""
    return f"{_a(_gate(scene.tried.attempt))} takes the map lock in a process that is not to be marked{kept}"


def _panic(scene: Scene) -> str:
    found = scene.case.outcome.panic
    assert found is not None
    op = panicked_op(scene.case)
    reason = without_numbers(": ".join(filter(None, (found.exception, found.reason))))
    if op < 0:
        return f"the kernel panics at boot: {reason}"
    call = scene.case.program.ops[op].call
    return f"{call}{' with bad flags' if _panic_flags(scene, op) else ''} makes the kernel panic: {reason}"


def _panic_flags(scene: Scene, op: int) -> bool:
    given = scene.case.program.ops[op] if 0 <= op < len(scene.case.program.ops) else None
    return (
        given is not None and given.call == "mmap" and isinstance(given.args[3], int) and bool(bad_flags(given.args[3]))
    )


def _insane(scene: Scene) -> str:
    said = without_numbers(scene.case.outcome.insane)
    return f"the core's own check fails{_because(scene, f': {said}')}"


_SENTENCES: Mapping[str, Callable[[Scene], str]] = {
    "panic": _panic,
    "escape": _escape,
    "attribute-lost": _attribute,
    "attribute-gained": _attribute,
    "process-flag": _process_flag,
    "guard": _attribute,
    "flag-accepted": _flag_accepted,
    "sigill-frame": _frame,
    "dispatch": _dispatch,
    "state-changed": _state_changed,
    "map": _attribute,
    "errno": _errno,
    "blocked": _blocked,
    "lock": _lock,
    "insane": _insane,
}
