"""Regression tests made of findings: what they state is right, fails where the bug is, passes on the reference, and fits every correct core."""

from pathlib import Path

import pytest

from sysfuzz.findings.bucket import bucket_of
from sysfuzz.findings.regression import Regression, Unstatable, due, pinned, regression
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE
from sysfuzz.oracles import judge
from sysfuzz.program.golden import golden, misses
from sysfuzz.program.ir import Program
from sysfuzz.program.text import Source, format_source, parse
from sysfuzz.spec.follow import follow
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.table import Target, get

RX = "PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON"
NONE = "PROT_NONE, MAP_PRIVATE|MAP_FIXED|MAP_ANON"
MERGE = f"mode amd64\nmmap(0x10000, 0x1000, {RX}, -1, 0)\nmmap(0x11000, 0x1000, {RX}|MAP_NOSYSCALLS, -1, 0)\n"
ESCAPE = MERGE + 'poke(0x11000, "0f05c3")\nrun(0x11000)\n'
GAINED = f"mode amd64\nmmap(0x10000, 0x1000, {RX}|MAP_NOSYSCALLS, -1, 0)\nmmap(0x11000, 0x1000, {RX}, -1, 0)\nfork()\n"
HIDDEN = MERGE.replace(RX, NONE)
PANIC = "mode amd64\nmmap(0, 0x1000, PROT_NONE, MAP_ANON|0x8, -1, 0)\nfork()\n"
MERGED = "attribute/mmap/merge"


@pytest.fixture(scope="module")
def weak() -> Target:
    return get("nosyscalls-2011")


@pytest.fixture(scope="module")
def reference() -> Target:
    return get("nosyscalls")


def made(text: str, bucket: str, target: Target, reference: Target) -> Regression:
    return regression(parse(text).program, bucket, target, reference, "it.prog")


def stated(text: str) -> list[str | None]:
    """The expectations in a text."""
    return [mark and mark.text for mark in parse(text).expectations]


def failing(text: str, target: Target) -> list[int]:
    """Numbers of the ops whose expectations do not hold on `target`."""
    source = parse(text)
    return [miss.op for miss in misses(golden(source), target.run(source.program))]


def test_an_escape_is_stated_as_it_must_be(weak: Target, reference: Target) -> None:
    """The header names bucket, target and command, no `# target:`; every op says what is due, code what it is."""
    text = made(ESCAPE, MERGED, weak, reference).text
    assert text == (
        """\
# bucket: attribute/mmap/merge
# found on: nosyscalls-2011
# there: run(0x11000) yields enter #0 @0x11000; done
# check: sysfuzz check it.prog --target nosyscalls-2011
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)  # -> 0x10000
mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)  # -> 0x11000
poke(0x11000, "0f05c3")                 # -> 0  # syscall; ret
run(0x11000)                            # -> SIGILL @0x11000
"""
    )
    assert format_source(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "added", "last"),
    [
        (ESCAPE, 0, "SIGILL @0x11000"),
        (MERGE, 2, "SIGILL @0x11000"),
        (MERGE + "fork()\n", 1, "SIGILL @0x11000"),  # less what came behind
        (HIDDEN, 3, "SIGILL @0x11000"),
        (HIDDEN.replace("amd64", "i386"), 3, "SIGILL @0x11000"),
        (GAINED, 1, "enter #0 @0x11000; done"),
    ],
)
def test_a_bug_in_the_map_is_made_visible(weak: Target, reference: Target, text: str, added: int, last: str) -> None:
    """Where no answer differs, the shortest entry from the page is added behind the op that broke the map, and a comment says so."""
    result = made(text, MERGED, weak, reference).text
    ops = parse(result).program.ops
    assert len(ops) == len(parse(text).program.ops) + added
    assert ("# added: " in result) == (added > 0)
    assert stated(result)[-1] == last


class Hushed(Kernel):
    """Breaks its map behind each munlockall, whose answer stays right, as `harm` says."""

    harm = ""

    def __init__(self, mode, memory):  # type: ignore[no-untyped-def]
        super().__init__(mode, memory, REFERENCE)

    def call(self, pid, lwp, name, args):  # type: ignore[no-untyped-def]
        result = super().call(pid, lwp, name, args)
        if name == "munlockall":
            space = self.processes.alive[1].vm
            (entry,) = [entry for entry in space.entries if entry.start == 0x10000]
            field, value = self.harm.split("=")
            if field == "wired":
                space.wire(entry, int(value))  # the map counts them
            else:
                setattr(entry, field, int(value))
            space.changed("harm")
        return result


@pytest.mark.parametrize(
    ("harm", "setup", "added"),
    [
        ("prot=0", "PROT_READ", ["mlock"]),
        ("prot=3", "PROT_READ", ["mincore"]),
        ("prot=5", "PROT_READ", ["poke", "run"]),
        ("maxprot=1", "PROT_READ", ["mprotect"]),
        ("wired=1", "PROT_READ", ["munlock"]),
        ("inherit=2", "PROT_READ", ["fork", "as", "poke"]),
        ("advice=1", "PROT_READ", None),
    ],
)
def test_each_field_of_a_page_has_its_probe(reference: Target, harm: str, setup: str, added: list[str] | None) -> None:
    """Every field that an answer can depend on is shown by the fewest ops that do; of advice, no answer tells."""
    core = type("Harmed", (Hushed,), {"harm": harm})
    target = EmulatedTarget("hushed", "", core)
    text = f"mode amd64\nmmap(0x10000, 0x1000, {setup}, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\nmunlockall()\n"
    (verdict,) = judge(parse(text).program, target.run(parse(text).program))
    if added is None:
        with pytest.raises(Unstatable, match="shows neither in results nor in events"):
            made(text, bucket_of(verdict), target, reference)
        return
    result = made(text, bucket_of(verdict), target, reference).text
    assert [op.call for op in parse(result).program.ops[2:]] == added
    assert failing(result, reference) == []


@pytest.mark.parametrize(
    ("text", "bucket"),
    [(ESCAPE, MERGED), (MERGE, MERGED), (HIDDEN, MERGED), (GAINED, MERGED), (PANIC, "panic/sys_mmap: bad flags")],
)
def test_fails_there_and_passes_here(weak: Target, reference: Target, text: str, bucket: str) -> None:
    """The text fails on the target with the bug, at the op that is named, and passes on the reference, where the oracles are silent."""
    result = made(text, bucket, weak, reference)
    assert result.miss.op in failing(result.text, weak)
    assert failing(result.text, reference) == []
    program = parse(result.text).program
    assert judge(program, reference.run(program)) == []


def test_places_are_asked_for(weak: Target, reference: Target) -> None:
    """Where the program lets a core choose a place, the test asks for the one that the reference took, so that it fits every correct core."""
    text = made(HIDDEN.replace("MAP_FIXED|", ""), MERGED, weak, reference).text
    assert text == made(HIDDEN, MERGED, weak, reference).text


class Elsewhere(Kernel):
    """A correct core that places mappings where the reference does not."""

    def __init__(self, mode, memory):  # type: ignore[no-untyped-def]
        super().__init__(mode, memory, REFERENCE)

    def call(self, pid, lwp, name, args):  # type: ignore[no-untyped-def]
        if name == "mmap" and not args[3] & 0x10:
            args = (args[0] + 0x5000000, *args[1:])
        return super().call(pid, lwp, name, args)


def test_what_is_pinned_holds_on_every_core(reference: Target) -> None:
    """A program with its places asked for does the same on a core that would choose others; without, it does not."""
    anywhere = f"mmap(0x10000, 0x1000, {RX.replace('MAP_FIXED|', '')}, -1, 0)\n"
    program = parse(f"mode amd64\n{anywhere}{anywhere}mremap(r1, 0x1000, 0x40000, 0x2000, 0)\n").program
    other = EmulatedTarget("elsewhere", "", Elsewhere)  # type: ignore[arg-type]
    fixed = pinned(program, reference.run(program))
    results = [[step.result for step in target.run(fixed).steps] for target in (reference, other)]
    assert results[0] == results[1] == [step.result for step in reference.run(program).steps]
    assert results[0] != [step.result for step in other.run(program).steps]


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("mmap(0, 0x1000, PROT_READ, MAP_ANON, -1, 0)", None),  # any free place is right
        ("mremap(0x10000, 0x1000, 0, 0x2000, MAP_ALIGNED(30))", None),
        ("mmap(0, 0x1000, PROT_READ, MAP_ANON, 3, 0)", "EINVAL"),
        ("peek(0x10000, 1)", '"0f"'),
        ("peek(0x1000, 1)", "EFAULT"),
        ('poke(0x10000, "00")', "0"),
        ("fork()", "2"),
        ("munmap(0x10000, 0x1000)", "0"),
        ("run(0x10000)", "enter #0 @0x10000; done"),
        ("run(0x1000)", "SIGSEGV @0x1000 at 0x1000"),
    ],
)
def test_the_spec_decides_what_is_stated(reference: Target, op: str, expected: str | None) -> None:
    """What the semantics leave open is not stated; all else is, in the words of an expectation."""
    program: Program = parse(f'mode amd64\nmmap(0x10000, 0x1000, {RX}, -1, 0)\npoke(0x10000, "0f05c3")\n{op}\n').program
    outcome = reference.run(program)
    assert due(program, outcome, follow(program, outcome))[2] == expected


def test_a_vector_without_a_signal_is_not_stated(reference: Target) -> None:
    """Where the semantics give no signal, what the reference delivers is its own affair, and of a run nothing can be stated then."""
    program = parse(f'mode amd64\nmmap(0x10000, 0x1000, {RX}, -1, 0)\npoke(0x10000, "f1")\nrun(0x10000)\n').program
    outcome = reference.run(program)
    expected = follow(program, outcome)
    event = expected.steps[2].events[0]
    assert due(program, outcome, expected)[2] is not None
    silent = event._replace(decision=event.decision._replace(signal=""))  # type: ignore[union-attr]
    steps = (*expected.steps[:2], expected.steps[2]._replace(events=(silent,)))
    assert due(program, outcome, expected._replace(steps=steps))[2] is None


@pytest.mark.parametrize(
    ("text", "bucket", "target", "message"),
    [
        (MERGE, "attribute/fork", "nosyscalls-2011", "the program does not show attribute/fork on nosyscalls-2011 now"),
        (MERGE, MERGED, "nosyscalls", "the program does not show attribute/mmap/merge on nosyscalls now"),
    ],
)
def test_what_cannot_be_stated_says_why(reference: Target, text: str, bucket: str, target: str, message: str) -> None:
    """No text is made of a bug that does not show."""
    with pytest.raises(Unstatable) as caught:
        made(text, bucket, get(target), reference)
    assert str(caught.value) == message


def test_there_must_be_room_for_what_is_added(weak: Target, reference: Target) -> None:
    """A program as long as programs can be gets nothing added: it is to be minimised first."""
    full = "mode amd64\n" + "munlockall()\n" * 38 + MERGE.removeprefix("mode amd64\n")
    with pytest.raises(Unstatable, match="shows neither in results nor in events"):
        made(full, MERGED, weak, reference)
    made(full.replace("munlockall()\n", "", 2), MERGED, weak, reference)


def test_nothing_is_stated_on_a_wrong_reference(weak: Target) -> None:
    """If the reference itself does not do what the spec says, no text is made."""
    with pytest.raises(Unstatable, match="nosyscalls-2011 does not do what the spec says"):
        made(MERGE, MERGED, weak, weak)


WEAKNESSES = sorted((Path(__file__).parents[1] / "weaknesses").glob("*.prog"))


def _header(source: Source, key: str) -> str:
    (value,) = [line.removeprefix(f"# {key}: ") for line in source.preamble if line.startswith(f"# {key}: ")]
    return value


@pytest.mark.parametrize("path", WEAKNESSES, ids=lambda path: path.stem)
def test_every_planted_weakness(reference: Target, path: Path) -> None:
    """Each weakness has a test that fails there, but for those in a frame, in a lock or in a mark kept too long, of which no result tells."""
    source = parse(path.read_text(encoding="utf-8"))
    bucket, target = _header(source, "bucket"), get(_header(source, "target"))
    if bucket.startswith(("lock/", "kept/")) or (
        bucket.startswith("frame/") and not bucket.endswith(("/missing", "/signal"))
    ):
        with pytest.raises(Unstatable):
            made(path.read_text(encoding="utf-8"), bucket, target, reference)
        return
    result = made(path.read_text(encoding="utf-8"), bucket, target, reference)
    assert failing(result.text, target)
    assert failing(result.text, reference) == []
