"""The conformance kit: which programs are asked of a target, and what becomes of their answers."""

from pathlib import Path

import pytest

from sysfuzz.program.golden import golden
from sysfuzz.program.text import parse
from sysfuzz.targets.conformance import (
    PROGRAMS,
    Answers,
    Declared,
    Fact,
    Result,
    Wrong,
    declared,
    examine,
    facts,
    needs,
    own_boot,
    total,
)
from sysfuzz.targets.table import TargetError, get

MAP = "mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)"


def fact(text: str) -> Fact:
    """A golden program of no file."""
    return Fact("area/name.prog", "area", "nosyscalls", golden(parse(text)))


def test_the_programs_are_those_that_are_tested() -> None:
    """The kit ships the golden programs of the tests, each once, with its area and the design that its header names."""
    home = Path(__file__).parent.parent / "programs"
    found = facts()
    assert [one.name for one in found] == [path.relative_to(home).as_posix() for path in sorted(home.rglob("*.prog"))]
    assert PROGRAMS.resolve() == home.resolve()
    by_name = {one.name: one for one in found}
    assert by_name["alias/two-addresses.prog"][1:3] == ("alias", "nosyscalls")
    assert {one.design for one in found if one.area == "nosyscalls-2011"} == {"nosyscalls-2011"}


def test_an_installation_without_programs_is_none(tmp_path: Path) -> None:
    """Nothing to ask is no success."""
    with pytest.raises(FileNotFoundError, match="no golden program here"):
        facts(tmp_path)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{MAP}  # -> 0x10000\nfork()  # -> 2\nas(2)  # -> 0\npeek(0x10000, 1)  # -> EFAULT", {"mmap", "fork"}),
        ('poke(0, "c3")  # -> EFAULT\nrun(0)  # -> enter execve @0x2; enter read @0x4; done', {"exec", "read"}),
        ("exit(0)  # -> 0\nrun(0)  # -> enter _lwp_create @0x2; enter _lwp_exit @0x4; done", {"exit", "lwp_create", "lwp_exit"}),
        ("munlockall()\nrun(0)  # -> SIGILL @0x0", {"munlockall"}),
    ],
)  # fmt: skip
def test_needs(text: str, wanted: set[str]) -> None:
    """A program needs the calls that its ops make, and those that its code must get through to, by the names of ops."""
    assert needs(golden(parse(text))) == wanted


def test_what_a_core_says_about_itself() -> None:
    """A design stands for its own programs; a core of one's own for those of its promise, without the calls that it says it does not have."""
    assert declared(get("nosyscalls-2011")) == Declared("nosyscalls-2011")
    assert declared(get("hostile_cores:Sound")) == Declared()
    assert declared(get("hostile_cores:Declares")) == Declared("nosyscalls", frozenset(("fork", "vfork", "msync")))
    with pytest.raises(TargetError, match="'unsupported' is no set of names of calls"):
        declared(get("hostile_cores:Mistold"))


def test_own_boot() -> None:
    """What makes a core is found for a core of one's own alone."""
    get("hostile_cores:Sound")
    boot = own_boot("hostile_cores:Sound")
    assert boot is not None
    assert boot.__name__ == "Sound"  # type: ignore[attr-defined]
    assert own_boot("nosyscalls") is None


@pytest.mark.parametrize(
    ("text", "wrong", "answers"),
    [
        (f"{MAP}  # -> 0x10000", None, {"mmap": Answers(1, 1, 0)}),
        (f"{MAP}  # -> 0x20000\nfork()  # -> 2", Wrong(1, "mmap", "0x20000", "0x10000"), {"mmap": Answers(1, 0, 0)}),
        (
            "fork()  # -> 2\nmsync(0, 0, MS_SYNC)  # -> EINVAL",
            Wrong(1, "fork", "2", "ENOSYS"),
            {"fork": Answers(1, 0, 1)},
        ),
        ("fork()  # -> ENOSYS\nexit(0)  # -> 0", None, {"fork": Answers(1, 1, 0), "exit": Answers(1, 1, 0)}),
        ("run(0x1000)  # -> done", Wrong(1, "run", "done", "SIGSEGV @0x1000 at 0x1000"), {}),
    ],
)
def test_examine(text: str, wrong: Wrong | None, answers: dict[str, Answers]) -> None:
    """The first op that is wrong is told; its answers count, and none behind it; ENOSYS counts where it is wrong."""
    assert examine(get("hostile_cores:Declares"), fact(text)) == Result("area/name.prog", wrong, answers)


@pytest.mark.parametrize(
    ("core", "actual"),
    [
        ("Raises", "panic: LookupError: no such page (hostile_cores:misbehave)"),
        ("Quits", "panic: SystemExit: 0 (hostile_cores:misbehave)"),
    ],
)
def test_a_panic_is_told_in_full(core: str, actual: str) -> None:
    """What a core raises is what came of the op, and it ends the program."""
    found = examine(get(f"hostile_cores:{core}"), fact("msync(0x1000, 0, MS_SYNC)  # -> EINVAL\nexit(0)  # -> 0"))
    assert found.wrong == Wrong(1, "msync", "EINVAL", actual)


def test_what_follows_no_protocol_is_told() -> None:
    """A core without the methods is no fault of ours."""
    found = examine(get("hostile_cores:Wanting", contained=False), fact("exit(0)  # -> 0"))
    assert found.wrong is not None
    assert found.wrong.actual.startswith("AttributeError: 'Wanting' object has no attribute ")


def test_the_cores_own_check_counts() -> None:
    """A program whose answers are right, on a core that says of itself that it is not sane, fails."""

    class Insane:
        name, summary = "insane", ""

        def run(self, program: object) -> object:
            return get("nosyscalls").run(program)._replace(insane="two\nregions overlap")  # type: ignore[arg-type]

    found = examine(Insane(), fact("exit(0)  # -> 0"))  # type: ignore[arg-type]
    assert found.wrong == Wrong(0, "check", "a sane core", "two regions overlap")


def test_total() -> None:
    """Answers of one call add up, and are given in the order of the table of calls."""
    one = Result("one", None, {"munmap": Answers(1, 1, 0), "mmap": Answers(2, 1, 0)})
    two = Result("two", None, {"munmap": Answers(3, 0, 2)})
    assert list(total([one, two]).items()) == [("mmap", Answers(2, 1, 0)), ("munmap", Answers(4, 1, 2))]
