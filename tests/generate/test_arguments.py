"""Ops that are made from the table of calls are valid, and every call and every kind of value comes up."""

from random import Random

import pytest

from sysfuzz.generate import arguments
from sysfuzz.generate.draft import Draft
from sysfuzz.generate.sequence import fit
from sysfuzz.program.ir import CALLS, MODES, SPECIAL, Kind, Mode, Op, Program
from sysfuzz.program.names import MAP


@pytest.mark.parametrize("mode", MODES)
def test_ops_are_valid_in_any_state(mode: Mode) -> None:
    """A dozen ops in a row, each aimed by the map behind those before it."""
    calls = set()
    for seed in range(300):
        draft = Draft(Random(seed), mode, "amd")
        for _ in range(12):
            arguments.op(draft)
        Program(mode, "amd", draft.registers(), fit(draft.ops)).validate()
        calls |= {op.call for op in draft.ops}
    assert calls == set(CALLS) - set(SPECIAL)


@pytest.mark.parametrize("kind", [value for name, value in vars(Kind).items() if name.isupper()])
@pytest.mark.parametrize("mode", MODES)
def test_values_are_in_the_range_of_their_kind(kind: str, mode: Mode) -> None:
    """Every kind of parameter has values, and any of them may stand in any call that takes the kind."""
    random = Random(5)
    places = [(call, at) for call, params in CALLS.items() for at, param in enumerate(params) if param.kind == kind]
    assert places
    for call, position in places * 60:
        draft = Draft(random, mode, "amd")
        draft.map(0x10000, 2, True)
        draft.op("fork")
        arguments.plain(draft, call)
        args = list(draft.ops[2].args)
        args[position] = arguments.value(Draft(random, mode, "amd", draft.ops[:2]), kind)
        Program(mode, "amd", (), (*draft.ops[:2], Op(call, tuple(args)))).validate()


def test_flags_of_mmap_vary() -> None:
    """Half of the flag sets ask for no-syscalls; each known flag, an alignment and each unknown bit come up."""
    draft = Draft(Random(7), "amd64", "amd")
    sets = [arguments.map_flags(draft, fixed=True) for _ in range(20000)]
    flagged = sum(bool(flags & MAP["MAP_NOSYSCALLS"]) for flags in sets)
    assert 0.45 < flagged / len(sets) < 0.55
    seen = 0
    for flags in sets:
        seen |= flags
    assert seen & 0xFF_FFFF == 0xFF_FFFF
    assert any(flags >> 24 for flags in sets)
    plain = MAP["MAP_PRIVATE"] | MAP["MAP_ANON"] | MAP["MAP_FIXED"] | MAP["MAP_NOSYSCALLS"]
    assert sum(flags & ~plain == 0 for flags in sets) > 0.8 * len(sets)
