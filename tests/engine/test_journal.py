"""The journal, mapped twice as worker and parent do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sysfuzz.engine.journal import Journal, Numbers

COUNTERS = 16
MAX_INPUT = 32


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[Journal, Journal]]:
    """(parent's, worker's) mapping of one file."""
    parent = Journal(tmp_path / "journal", MAX_INPUT, COUNTERS, create=True)
    worker = Journal(tmp_path / "journal", MAX_INPUT, COUNTERS)
    yield parent, worker
    parent.close()
    worker.close()


def test_the_input_in_progress_can_be_read(sides: tuple[Journal, Journal]) -> None:
    """Between begin and end the parent sees the input, however long the one before was, and that it is executed."""
    parent, worker = sides
    parent.allow(10)
    for data in (b"x" * MAX_INPUT, b"", b"short"):
        assert worker.begin(data)
        assert (parent.input(), parent.numbers().executing) == (data, True)
        worker.end()
        assert (parent.input(), parent.numbers().executing) == (data, False)
    assert parent.numbers().executions == 3


def test_the_limit_is_exact(sides: tuple[Journal, Journal]) -> None:
    """As many executions begin as were allowed; the refused one leaves no trace."""
    parent, worker = sides
    parent.allow(2)
    begun = []
    for data in (b"1", b"2", b"3", b"4"):
        begun.append(worker.begin(data))
        worker.end()
    assert begun == [True, True, False, False]
    assert (parent.numbers().executions, parent.input()) == (2, b"2")


def test_no_limit_allows_nothing(sides: tuple[Journal, Journal]) -> None:
    """A worker cannot start before its parent has spoken, and stops when the limit becomes 0."""
    parent, worker = sides
    assert not worker.begin(b"early")
    parent.allow(1 << 62)
    assert worker.begin(b"1")
    worker.end()
    parent.allow(0)
    assert not worker.begin(b"2")


def test_numbers_arrive(sides: tuple[Journal, Journal]) -> None:
    """Everything that the worker publishes is what the parent reads."""
    parent, worker = sides
    parent.allow(10)
    assert parent.numbers() == Numbers(0, 0, 0, 0, ready=False, executing=False)
    worker.ready()
    worker.begin(b"1")
    worker.publish(bytes(range(COUNTERS)))
    worker.add_fault()
    worker.add_fault()
    worker.add_shown()
    worker.end()
    worker.begin(b"2")
    assert parent.numbers() == Numbers(2, 2, 1, 1, ready=True, executing=True)
    assert parent.seen() == bytes(range(COUNTERS))


def test_short_seen_does_not_reach_the_input(sides: tuple[Journal, Journal]) -> None:
    """A job with fewer counters than there is room for fills the beginning only."""
    parent, worker = sides
    parent.allow(10)
    worker.begin(b"x" * MAX_INPUT)
    worker.publish(b"\1\2")
    assert parent.seen() == b"\1\2" + bytes(COUNTERS - 2)
    assert parent.input() == b"x" * MAX_INPUT


def test_sides_must_agree_on_the_size(sides: tuple[Journal, Journal], tmp_path: Path) -> None:
    """A worker with other ideas of the layout is turned away."""
    with pytest.raises(ValueError, match="bytes, not"):
        Journal(tmp_path / "journal", MAX_INPUT + 1, COUNTERS)
