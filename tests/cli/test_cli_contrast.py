"""What is shown of a golden program that does not hold."""

import pytest

from programs import BAD_FLAG, GOLDEN
from sysfuzz.cli.contrast import contrast
from sysfuzz.oracles import judge
from sysfuzz.program.golden import golden
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get


def shown(text: str, target: str = "nosyscalls", *, strict: bool = False) -> list[str]:
    """The report about a program as `it.prog`; `strict`: verdicts count."""
    source = parse(text, "it.prog")
    outcome = get(target).run(source.program)
    return contrast(golden(source), target, outcome, judge(source.program, outcome) if strict else [])


def test_nothing_is_shown_of_what_holds() -> None:
    """No line at all."""
    assert shown(GOLDEN, strict=True) == []


def test_a_call_has_no_code() -> None:
    """Of a call: the located line, then the two answers."""
    assert shown(GOLDEN.replace("-> EINVAL", "-> 0")) == [
        "it.prog:5: expected 0, got EINVAL",
        "",
        "munmap(0, 0x1000) on nosyscalls",
        "     expected  got",
        "  >  0         EINVAL",
    ]


def test_all_is_located_first() -> None:
    """One line for each op that is wrong, and the panic behind which nothing came, before the details."""
    text = BAD_FLAG.replace("-1, 0)", "-1, 0)  # -> EINVAL").replace("fork()", "fork()  # -> 2")
    lines = shown(text, "nosyscalls-2011")
    assert lines[:2] == [
        "it.prog:2: expected EINVAL, got panic",
        "it.prog:3: expected 2, got nothing: the run ended before",
    ]
    assert lines[2].startswith("panic: sys_mmap: bad flags")
    assert lines[3:] == [
        "",
        "mmap(0, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON|0x800000, -1, 0) on nosyscalls-2011",
        "     expected  got",
        "  >  EINVAL    panic",
    ]


AREA = "mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)"


def code(report: list[str]) -> list[str]:
    """The disassembly in a report, below the table, as `> address: bytes`."""
    start = report.index("", 2) + 1 if "" in report[2:] else len(report)
    return [line[2:].rpartition("  ")[0].rstrip() for line in report[start:]]


@pytest.mark.parametrize(
    ("ops", "lines"),
    [
        # Several blocks, with a mark where the run started and where something came of it or should have.
        (
            'poke(0x10000, "90c3")\npoke(0x10100, "c3")\nrun(0x10000)  # -> SIGILL @0x10100',
            ["> 0x10000: 90", "  0x10001: c3", "> 0x10100: c3"],
        ),
        # A block in which nothing happens is left out.
        ('poke(0x10000, "c3")\npoke(0x10100, "c3")\nrun(0x10000)  # -> exit', ["> 0x10000: c3"]),
        # Later bytes replace earlier ones, and what is written behind the run is not shown.
        (
            'poke(0x10000, "9090")\npoke(0x10001, "c3")\nrun(0x10000)  # -> exit\npoke(0x10000, "cc")',
            ["> 0x10000: 90", "  0x10001: c3"],
        ),
        # The result of an earlier op as an address.
        ('poke(r0+0x10, "c3")\nrun(r0+0x10)  # -> exit', ["> 0x10010: c3"]),
        # Code that no poke has written is not known.
        ("run(0x10000)  # -> exit", []),
    ],
)
def test_the_code_concerned(ops: str, lines: list[str]) -> None:
    """Disassembly of what the pokes before the run have written, where the run went or should have gone."""
    assert code(shown(f"mode amd64\n{AREA}\n{ops}\n")) == lines


def test_long_code_is_cut() -> None:
    """A poke of 255 instructions does not bury the rest."""
    lines = shown(f'mode amd64\n{AREA}\npoke(0x10000, "{"90" * 254}c3")\nrun(0x10000)  # -> exit\n')
    assert lines[-1] == "    ... 215 more"
    assert len(lines) < 50
