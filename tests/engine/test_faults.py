"""Faults: identity, and the way over the disk."""

from pathlib import Path

import pytest

from sysfuzz.engine.faults import MAX_RECORDS, Fault, FaultLog, distinct, read_faults


def error(kind: type[Exception] = ValueError, message: str = "bad") -> Exception:
    """An exception that was raised, in this function."""
    try:
        raise kind(message)
    except kind as caught:
        return caught


def test_a_fault_is_kept_whole(tmp_path: Path) -> None:
    """What is read is what was recorded: input, place, traceback, seed."""
    FaultLog(tmp_path, seed=7).record("execute", b"\xff\0", error())
    (fault,) = read_faults(tmp_path)
    assert (fault.kind, fault.where, fault.data, fault.seed) == (
        "execute",
        "ValueError in test_faults:error",
        b"\xff\0",
        7,
    )
    assert fault.detail.splitlines()[-1] == "ValueError: bad"


def test_the_first_input_of_a_fault_is_kept(tmp_path: Path) -> None:
    """The same exception from the same function, whatever its message, is one fault; another kind or type is another."""
    log = FaultLog(tmp_path, seed=1)
    log.record("execute", b"first", error(message="1"))
    log.record("execute", b"second", error(message="2"))
    log.record("mutate", b"third", error())
    log.record("execute", b"fourth", error(KeyError))
    assert sorted(fault.data for fault in read_faults(tmp_path)) == [b"first", b"fourth", b"third"]


def test_records_are_bounded(tmp_path: Path) -> None:
    """A job that fails in ever new ways does not fill the disk."""
    log = FaultLog(tmp_path, seed=1)
    for number in range(MAX_RECORDS + 5):
        log.record(f"kind {number}", b"", error())
    assert len(read_faults(tmp_path)) == MAX_RECORDS


def test_half_a_file_is_no_fault(tmp_path: Path) -> None:
    """A worker that is killed while it writes leaves nothing that is read."""
    (tmp_path / "0123.new").write_text('{"kind": "exec')
    assert read_faults(tmp_path) == []


@pytest.mark.parametrize("order", [1, -1])
def test_distinct_keeps_the_first(order: int) -> None:
    """Of equal identities the first stays, in its place."""
    faults = [Fault("a", "x", b"1", "", 1), Fault("b", "x", b"2", "", 1), Fault("a", "x", b"3", "", 2)][::order]
    assert [fault.data for fault in distinct(faults)] == [[b"1", b"2"], [b"3", b"2"]][order < 0]
