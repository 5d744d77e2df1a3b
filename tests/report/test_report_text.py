"""The report as plain text."""

from pathlib import Path

import pytest
from reported import HOSTILE, MERGE_ID, WEAK, full, record, report_on, saying

from sysfuzz.findings.store import Store
from sysfuzz.report.text import headline, render


def test_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Id, bucket, status, evidence, what a run shows, the command that replays it, the program."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path("findings"))
    record(store, "escape", "attribute/mmap/merge", count=1200)
    said = saying("what went wrong")
    command = f"sysfuzz exec findings/{MERGE_ID}/program.prog --target {WEAK}"
    assert render(report_on(store, root=tmp_path, explainer=said)) == (
        f"""\
sysfuzz report on findings: 1 open (1 critical)
made 2026-01-31T12:00:00Z by sysfuzz 0.1.0

open  critical  {MERGE_ID}
  bucket    attribute/mmap/merge (escape, on {WEAK})
  status    new
  seen      1,200 times, replays 10/10
  evidence  op 3: expected SIGILL, got getpid dispatched
  summary   what went wrong
  rule      what went wrong
  replay    {command}
  program
    # target: {WEAK}
    # bucket: attribute/mmap/merge
    # replay: {command}
    mode amd64
    mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
    mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
    poke(0x11000, "b8140000000f05c3")       # mov eax, 0x14; syscall; ret
    run(0x11000)
"""
    )


def test_headline(tmp_path: Path) -> None:
    """What there is, in one line, without what there is none of."""
    store = Store(tmp_path / "empty")
    store.directory.mkdir()
    assert headline(report_on(store)) == "0 open"
    report = report_on(full(tmp_path / "findings"))
    assert headline(report) == "3 open (1 critical, 1 high, 1 low), 3 closed, 1 ignored, 1 cannot be read"


def test_parts(tmp_path: Path) -> None:
    """Each finding is headed by the part that it belongs to; reasons are given; what cannot be read stands at the end."""
    text = render(report_on(full(tmp_path / "findings")))
    heads = [line.split("  ")[0] for line in text.splitlines() if line.startswith(("open", "closed", "ignored"))]
    assert heads == ["open"] * 3 + ["closed"] * 3 + ["ignored"]
    assert "  ignored   known\n" in text
    assert "  status    rejected (as the manual says)\n" in text
    assert "  now       target 'their.core:boot': importing their.core failed" in text
    assert text.splitlines()[-2] == "cannot be read"


def test_seen_once(tmp_path: Path) -> None:
    """One is a singular."""
    store = Store(tmp_path / "findings")
    record(store, "escape", "attribute/mmap/merge")
    assert "  seen      once, replays 10/10\n" in render(report_on(store))


def test_hostile_text(tmp_path: Path) -> None:
    """Nothing that a terminal would obey comes through."""
    store = Store(tmp_path / "findings")
    record(store, "escape", "attribute/mmap/merge")
    text = render(report_on(store, explainer=saying(HOSTILE + "\x1b[2J\r\x07")))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert HOSTILE in text
