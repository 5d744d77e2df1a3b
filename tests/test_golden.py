"""The golden programs under tests/programs: hand-written statements of fact, each run on the target that it names.

A program runs on the reference unless a comment line `# target: X` stands above its header; there it says what that design does, right or
wrong, as the source says that it cites. What the oracles find there is a known weakness of the design or documented by it, and on the
reference they find nothing, whatever design a program was written for. `# bucket: B` is what the program is there to show.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from sysfuzz.findings.bucket import bucket_of
from sysfuzz.oracles import judge
from sysfuzz.oracles.judge import BY_DESIGN
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.golden import golden, misses
from sysfuzz.program.ir import CALLS
from sysfuzz.program.names import ERRNO
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.source import Source
from sysfuzz.program.text import format_source, load
from sysfuzz.spec.promise import REFERENCE as REFERENCE_PROMISE
from sysfuzz.targets.table import DESIGNS, Target, get
from sysfuzz.x86.entries import ENTRIES, scan

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
SEMANTICS = HERE.parent / "docs" / "semantics.md"
REFERENCE = "nosyscalls"
LEAST = 150  # programs that the project promises to have

PATHS = sorted(PROGRAMS.rglob("*.prog"))


def _each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "path", paths, ids=lambda path: path.relative_to(PROGRAMS).with_suffix("").as_posix()
    )


EACH = _each(PATHS)
# Designs with a door of their own; the flag's stand by docs/semantics.md.
OWN_DOORS = {design.name for design in DESIGNS.values() if design.promise is not REFERENCE_PROMISE}


@cache
def _target(name: str) -> Target:
    return get(name)


@cache
def _source(path: Path) -> Source:
    return load(path)


def _comments(path: Path, word: str) -> list[str]:
    """What the comment lines above the header that begin with `word` say."""
    return [line.removeprefix(f"# {word}: ") for line in _source(path).preamble if line.startswith(f"# {word}:")]


def _target_name(path: Path) -> str:
    return next(iter(_comments(path, "target")), REFERENCE)


def _verdicts(path: Path) -> list[Verdict]:
    """What the oracles say of the program on its own target."""
    target = _target_name(path)
    return judge(_source(path).program, _outcome(path, target), _target(target).promise)


@cache
def _outcome(path: Path, target: str) -> Outcome:
    return _target(target).run(_source(path).program)


@EACH
def test_states_a_fact_in_canonical_text(path):
    """A program parses, is printed as it stands, and begins with the comment that says its fact."""
    source = _source(path)
    assert format_source(source) == path.read_text(encoding="utf-8")
    assert source.preamble
    assert not source.preamble[0].startswith("# target:")


@EACH
def test_holds(path):
    """Every expectation holds on the program's target, and there is one at least."""
    missed = misses(golden(_source(path)), _outcome(path, _target_name(path)))
    assert not missed, "\n".join(f"{path}:{miss.line}: {miss}" for miss in missed)


@EACH
def test_reference_is_clear(path):
    """On the reference the oracles find nothing, whatever target the program was written for."""
    assert judge(_source(path).program, _outcome(path, REFERENCE)) == []


@_each([path for path in PATHS if path.parent.name in OWN_DOORS])
def test_stands_with_its_design(path):
    """A program in the directory of a design is about it, and says where what it states is known from."""
    assert _comments(path, "target") == [path.parent.name]
    assert len(_comments(path, "source")) == 1


@EACH
def test_nothing_unknown_is_found(path):
    """What the oracles find on the program's target is known of it: a weakness, or what its documents state. Of the reference nothing is."""
    design = DESIGNS[_target_name(path)]
    found = [verdict for verdict in _verdicts(path) if verdict.oracle != BY_DESIGN]
    assert [verdict for verdict in found if design.weakness(verdict.cause) is None] == []


@_each([path for path in PATHS if _comments(path, "bucket")])
def test_shows_its_bucket(path):
    """A program that names a bucket shows it."""
    assert _comments(path, "bucket")[0] in {bucket_of(verdict) for verdict in _verdicts(path)}


def test_there_are_enough():
    """A collection that was lost, or is not found, must not pass."""
    assert len(PATHS) >= LEAST


def test_every_call_is_made():
    """No row of CALLS is without a program."""
    made = {op.call for path in PATHS for op in _source(path).program.ops}
    assert set(CALLS) - made == set()


def test_every_entry_is_reached():
    """At every instruction of the catalogue some run had an event."""
    reached = {name for path in PATHS for name in _entries_at_events(path)}
    assert set(ENTRIES) - reached == set()


def test_every_errno_is_mentioned():
    """No errno of the normative page is without a program: as an expectation, or in a comment where code reads it from a register."""
    normative = _errnos(SEMANTICS.read_text(encoding="utf-8"))
    assert normative
    assert normative - _errnos(" ".join(path.read_text(encoding="utf-8") for path in PATHS)) == set()


def _errnos(text: str) -> set[str]:
    return ERRNO.keys() & set(re.findall(r"\bE[A-Z]+\b", text))


def _entries_at_events(path: Path) -> set[str]:
    """Rows of the catalogue at whose instructions the program's runs had an event, by the bytes that it had poked there."""
    names = set()
    poked: dict[int, int] = {}
    for op, step in zip(_source(path).program.ops, _outcome(path, REFERENCE).steps, strict=False):
        if op.call == "poke":
            addr, code = op.args
            if isinstance(addr, int):  # not the result of an earlier op
                poked.update(enumerate(code, addr))
        for event in step.events:
            if event.attempt is not None:
                start = event.attempt.start
                code = bytes(poked.get(at, 0) for at in range(start, start + 15))
                entry = scan(code, event.attempt.bits).entry
                names |= {entry.name} if entry else set()
    return names
