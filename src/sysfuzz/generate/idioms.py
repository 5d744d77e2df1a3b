"""The catalogue of idioms: each a whole idea of how a core could go wrong, as a small sequence of ops that ends in a run, or in a look.

An idiom is a function that appends to a draft, so it fits an empty program as well as the middle of another one. What they are is in
`neighbours`, `lineage`, `transfers`, `failures`, `refusals` and `contents`; how often each is tried is in `weights`.
"""

from collections.abc import Callable, Mapping

from sysfuzz.generate import (
    aims,
    arguments,
    brinks,
    contents,
    failures,
    lineage,
    neighbours,
    probes,
    refusals,
    transfers,
    weights,
)
from sysfuzz.generate.draft import Draft
from sysfuzz.program.ir import MODES, Mode

Idiom = Callable[[Draft], None]


def anything(draft: Draft) -> None:
    """Ops without a plan over one mapping, and a probe."""
    pages = 1 + draft.below(2)
    draft.map(aims.room(draft, pages), pages, draft.chance(weights.NEW_MAPPING_FLAGGED), neighbours.executable(draft))
    for _ in range(2 + draft.below(3)):
        arguments.op(draft)
    probes.probe(draft)


IDIOMS: Mapping[str, Idiom] = {
    "beside": neighbours.beside,
    "straddle": neighbours.straddle,
    "clip": neighbours.clip,
    "move": neighbours.move,
    "resize": neighbours.resize,
    "overlay": neighbours.overlay,
    "again": neighbours.again,
    "alias": neighbours.alias,
    "fork": lineage.fork,
    "vfork": lineage.vfork,
    "exec": lineage.execute,
    "inherit": lineage.inherit,
    "lwp": lineage.lwp,
    "closed loop": transfers.closed_loop,
    "stub": transfers.stub,
    "segment": transfers.segment,
    "far transfer": transfers.far_transfer,
    "sysenter": transfers.sysenter,
    "handler": transfers.handler,
    "forged context": transfers.forged_context,
    "written code": transfers.written_code,
    "contents": contents.contents,
    "file pages": contents.file_pages,
    "failure": failures.failure,
    "brink": brinks.brink,
    "bad flags": refusals.bad_flags,
    "wire": refusals.wire,
    "limits": refusals.limits,
    "ends": refusals.ends,
    "birth pages": refusals.birth_pages,
    "anything": anything,
}

# Idioms whose point is a refusal: in all others a failing op is an accident.
REFUSALS = frozenset(("failure", "brink", "wire", "bad flags", "limits", "ends", "anything"))

# The instructions of these exist in one mode only.
_OF_ONE_MODE: Mapping[str, Mode] = {"segment": "i386", "far transfer": "amd64"}


def _deck(mode: Mode) -> tuple[str, ...]:
    alien = [name for name, only in _OF_ONE_MODE.items() if only != mode]
    weighted = {name: row for name, row in weights.IDIOMS.items() if name not in alien}
    return weights.deal(weighted, {name: name for name in IDIOMS if name not in alien})


DECKS: Mapping[Mode, tuple[str, ...]] = {mode: _deck(mode) for mode in MODES}


def idiom(draft: Draft) -> str:
    """Append an idiom by weight; its name."""
    name = draft.pick(DECKS[draft.mode])
    IDIOMS[name](draft)
    return name
