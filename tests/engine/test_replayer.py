"""Known programs run once more: what they show is replayed and recorded."""

from pathlib import Path

import pytest

from sysfuzz.engine.replayer import Replayer
from sysfuzz.findings.finding import Replays
from sysfuzz.findings.store import Store
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get

BAD_FLAG = "mode amd64\nmmap(0, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON|0x800000, -1, 0)\n"


@pytest.mark.parametrize(
    ("target", "expected"), [("nosyscalls", ()), ("nosyscalls-2011", ("panic/sys_mmap: bad flags",))]
)
def test_what_a_program_shows_is_recorded(tmp_path: Path, target: str, expected: tuple[str, ...]) -> None:
    """With ten replays, and counted each time that it is run; a program that shows no bug leaves nothing."""
    store = Store(tmp_path)
    replayer = Replayer(get(target), store, seed=1)
    source = parse(BAD_FLAG, "flag.prog")
    assert [replayer.run(source) for _ in range(2)] == [expected] * 2
    replayer.close()
    assert replayer.faults == []
    found = [(entry.finding.bucket, entry.finding.count, entry.finding.replays) for entry in store.entries().entries]
    assert found == [(bucket, 2, Replays(10, 10)) for bucket in expected]
