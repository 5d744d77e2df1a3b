"""What is heard while a run goes on: findings, engine faults, progress."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from sysfuzz.cli import display as display_module
from sysfuzz.cli.display import Display, display, standing
from sysfuzz.cli.session import Session
from sysfuzz.cli.watch import Watch
from sysfuzz.engine.epoch import Progress
from sysfuzz.engine.faults import Fault
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Store
from sysfuzz.program.ir import Op, Program
from sysfuzz.program.text import load
from sysfuzz.program.wire import encode

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
PROGRAM = Program(ops=(Op("exit", (1,)),))


def progress(seconds: float = 1.0, shown: int = 0) -> Progress:
    """A report of an epoch."""
    return Progress(
        seconds=seconds,
        executions=5000,
        corpus=12,
        features={"calls": 30, "code": 12},
        faults=7,
        shown=shown,
        restarts=0,
        idle=100,
    )


def record(store: Store, oracle: str = "escape", bucket: str = "a/b", count: int = 1) -> None:
    """What a worker does."""
    store.record(
        Sighting(
            bucket=bucket,
            oracle=oracle,
            target="t",
            program=PROGRAM,
            evidence=Evidence(0, "x", "y"),
            replays=Replays(10, 10),
            provenance=Provenance({}, 1, 0, 0, 1),
            count=count,
            faces={oracle: count},
        ),
        NOON,
    )


class Paper:
    """A display that keeps what it is given."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stood: list[tuple[int, int]] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, progress: Progress, findings: int, faults: int) -> None:
        self.stood.append((findings, faults))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store at ./findings."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path("findings"))
    store.prepare()
    return store


@pytest.fixture
def paper() -> Paper:
    """What people would see."""
    return Paper()


def session(store: Store, paper: Paper) -> Session:
    """A session that starts now."""
    return Session("t", store, Watch(store), paper)


def test_a_new_bucket_is_told_once_with_its_command(store: Store, paper: Paper) -> None:
    """Bucket, severity, oracle, and the command that replays it, when it comes and not again."""
    listener = session(store, paper)
    record(store)
    listener.hear(progress(shown=1))
    record(store)
    listener.hear(progress(shown=2))
    assert [text.replace("\x1b[0m", "").replace("\x1b[91m", "").replace("\x1b[1m", "") for text in paper.said] == [
        "critical a/b (escape)\n  sysfuzz exec findings/t--a--b/program.prog --target t\n  sysfuzz minimise findings/t--a--b"
    ]
    assert paper.stood == [(1, 0), (1, 0)]


def test_a_worse_face_is_told(store: Store, paper: Paper) -> None:
    """That a known bug has become an escape is news."""
    record(store, "attribute-lost")
    listener = session(store, paper)
    record(store, "escape")
    listener.look()
    assert len(paper.said) == 1
    assert "shows a worse face" in paper.said[0]


def test_a_fixed_bug_that_is_back_is_told(store: Store, paper: Paper) -> None:
    """Once, when it is first seen again; another run's bugs that are not seen are not told."""
    record(store)
    record(store, "lock", "c/d")
    path = Path("findings/t--a--b/finding.json")
    path.write_text(path.read_text().replace('"new"', '"fixed"'))
    listener = session(store, paper)
    listener.look()
    assert paper.said == []
    for _ in range(2):
        record(store)
        listener.look()
    assert len(paper.said) == 1
    assert "is back, although it is said to be fixed" in paper.said[0]


def test_the_sum_is_that_of_this_run(store: Store) -> None:
    """Findings that were there count from where they stood; those that were not met do not count at all."""
    record(store, "escape", "old", count=10)
    record(store, "panic", "unmet")
    watch = Watch(store)
    record(store, "escape", "old", count=3)
    record(store, "lock", "new", count=2)
    assert [(one.entry.finding.bucket, one.executions) for one in watch.seen()] == [("old", 3), ("new", 2)]


def test_the_store_is_read_only_when_something_was_shown(store: Store, paper: Paper) -> None:
    """A run that finds nothing does not read the directory twice a second."""
    listener = session(store, paper)
    listener.hear(progress(shown=0))
    record(store)
    listener.hear(progress(shown=0))
    assert paper.said == []


def fault(
    kind: str = "execute", where: str = "ValueError in sysfuzz.x:f", detail: str = "Traceback\nValueError: odd\n"
) -> Fault:
    """An engine fault as a worker leaves it."""
    return Fault(kind, where, encode(PROGRAM), detail, 1)


def test_an_engine_fault_is_kept_as_a_program(store: Store, paper: Paper) -> None:
    """Its input can be replayed and attached to a report; it is told once, and is no finding."""
    listener = session(store, paper)
    listener.hear(fault())
    listener.hear(fault())
    (path,) = Path("findings/engine-faults").iterdir()
    assert path.name.startswith("execute--valueerror-in-sysfuzz-x-f-")
    assert paper.said == [
        f"engine fault: execute: ValueError in sysfuzz.x:f\n  {path} holds the input and what is known"
    ]
    source = load(path)
    assert source.program == PROGRAM
    assert source.preamble == (
        "# target: t",
        "# engine fault: execute: ValueError in sysfuzz.x:f",
        "# Traceback",
        "# ValueError: odd",
    )
    assert len(listener.faults) == 1
    assert not listener.broken
    assert store.entries() == ((), ())
    listener.hear(progress())
    assert paper.stood == [(0, 1)]


def test_a_full_disk_is_no_engine_fault(store: Store, paper: Paper) -> None:
    """That a worker could not record is the disk's doing: its line is kept, and the run should end."""
    listener = session(store, paper)
    detail = "Traceback (most recent call last):\n  File …\nsysfuzz.findings.files.StoreError: findings/x: cannot write: No space\n"
    listener.hear(fault(where="StoreError in sysfuzz.findings.files:located", detail=detail))
    assert listener.broken == "findings/x: cannot write: No space"
    assert listener.faults == set()
    assert paper.said == []


def test_a_fault_that_cannot_be_kept_ends_the_run(store: Store, paper: Paper) -> None:
    """A disk that does not take the fault's file is told, too."""
    Path("findings/engine-faults").write_text("in the way")
    listener = session(store, paper)
    listener.hear(fault())
    assert listener.broken == "findings/engine-faults: File exists"
    assert len(listener.faults) == 1


def test_a_store_that_vanishes_ends_the_run(store: Store, paper: Paper) -> None:
    """A store that cannot be read any more is told."""
    listener = session(store, paper)
    Path("findings/.lock").unlink()
    Path("findings").rmdir()
    Path("findings").write_text("")
    listener.look()
    assert listener.broken == "findings: cannot read the directory: Not a directory"
    assert paper.said == []


# -- the display ----------------------------------------------------------------------------------------------------------


def test_standing() -> None:
    """Executions, rate, features, corpus and findings in one line; engine faults only if there are any."""
    line = "2 s, 5,000 executions, 2,500/s, 42 features, 12 in the corpus, 1 finding"
    assert standing(progress(2.0), 1, 0) == line
    assert standing(progress(2.0), 1, 3) == f"{line}, 3 engine faults"
    assert standing(progress(0.0), 0, 0).startswith("0 s, 5,000 executions, 0/s, ")


def shown(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> tuple[io.StringIO, Display]:
    """Everything that a display prints for a few reports and one message."""
    paper = io.StringIO()

    def console(**options: object) -> Console:
        return Console(file=paper, force_terminal=terminal, width=60, **{**options, "stderr": False})

    monkeypatch.setattr(display_module, "_Console", console)
    with display(stderr=False) as where:
        for second in range(25):
            where.progress(progress(float(second)), 0, 0)
        where.say("a finding with a line that is longer than the width of the terminal, and a [path]")
    return paper, where


def test_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no terminal is, a line each ten seconds, and messages as they are: unbroken, uncoloured, brackets and all."""
    paper, _ = shown(monkeypatch, terminal=False)
    lines = paper.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "10 s",
        "20 s",
        "a finding with a line that is longer than the width of the terminal",
    ]
    assert lines[2].endswith("and a [path]")


def test_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal one line is written over and gone in the end; messages stay above it."""
    paper, _ = shown(monkeypatch, terminal=True)
    text = paper.getvalue()
    assert all(f"{second} s, 5,000 executions" in text for second in range(25))
    assert text.count("\n") < 5
    assert "and a [path]" in text
    assert "\x1b[2K" in text
