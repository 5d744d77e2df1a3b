"""Expectations: what can be expected of each op, how a result is written, and when the two agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.program.expect import compare, parse_expectation, render
from sysfuzz.program.names import ERRNO, SIGNAL
from sysfuzz.program.outcome import Attempt, Event, Reply, Result, Step
from sysfuzz.program.source import TextError

ADDRESSES = st.integers(0, 2**64 - 1)


def step(result: Result, *events: Event) -> Step:
    return Step(result, 1, events, (), ())


def attempt(data: int | None = None) -> Attempt:
    return Attempt("", 14, 0, 0, 1, 64, 0, 0, (), 0, b"", data)


def enter(call: str, addr: int) -> Event:
    return Event("enter", addr, attempt(), Reply(call))


def signal(name: str, addr: int, data: int | None = None) -> Event:
    return Event(name, addr, attempt(data), Reply())


DONE = Event("done")


@pytest.mark.parametrize(
    ("call", "yielded", "text"),
    [
        ("munmap", step(0), "0"),
        ("fork", step(2), "2"),
        ("fork", step(9), "9"),
        ("mmap", step(10), "0xa"),
        ("mmap", step(0x10000), "0x10000"),
        ("mmap", step(2**64 - 1), "0xffffffffffffffff"),
        ("mmap", step("EINVAL"), "EINVAL"),
        ("mmap", step("panic"), "panic"),
        ("peek", step(b"\x0f\x05"), '"0f05"'),
        ("peek", step("EFAULT"), "EFAULT"),
        ("run", step(0, DONE), "done"),
        ("run", step(0, Event("exit")), "exit"),
        ("run", step(0, Event("exec")), "exec"),
        ("run", step(0, Event("limit")), "limit"),
        ("run", step(0, signal("SIGILL", 0x10FFE)), "SIGILL @0x10ffe"),
        ("run", step(0, signal("SIGSEGV", 0x10, 0)), "SIGSEGV @0x10 at 0x0"),
        ("run", step(0, Event("SIGTRAP", 0)), "SIGTRAP @0x0"),
        ("run", step(0, enter("getpid", 0x10), DONE), "enter getpid @0x10; done"),
        ("run", step(0, enter("#511", 0x10), Event("exit")), "enter #511 @0x10; exit"),
        ("run", step("panic"), "panic"),
        ("run", step("panic", enter("mmap", 0x10)), "enter mmap @0x10; panic"),
        ("run", step("ESRCH"), "ESRCH"),
    ],
)
def test_what_came_is_written_and_expected(call: str, yielded: Step, text: str) -> None:
    """Each result in its canonical form, which is also the expectation that it meets."""
    assert render(yielded) == text
    assert compare(parse_expectation(text, call), yielded) is None


@pytest.mark.parametrize(
    ("call", "text", "yielded"),
    [
        ("mmap", "65536", step(0x10000)),
        ("mmap", "0X1F", step(31)),
        ("fork", "0x2", step(2)),
        ("peek", '"0F05"', step(b"\x0f\x05")),
        ("run", "SIGSEGV @0x10", step(0, signal("SIGSEGV", 0x10, 0x20))),
        ("run", "SIGSEGV  @16  at\t32", step(0, signal("SIGSEGV", 0x10, 0x20))),
        ("run", "enter getpid @0x10;done", step(0, enter("getpid", 0x10), DONE)),
        ("run", " done ", step(0, DONE)),
    ],
)
def test_other_ways_to_write(call: str, text: str, yielded: Step) -> None:
    """Decimals, capital hex digits, more or fewer blanks, and a fault without its data address mean the same."""
    assert compare(parse_expectation(text, call), yielded) is None


@pytest.mark.parametrize(
    ("call", "text", "yielded", "got"),
    [
        ("mmap", "0x10000", step(0x11000), "0x11000"),
        ("mmap", "0", step("EINVAL"), "EINVAL"),
        ("mmap", "EINVAL", step(22), "0x16"),
        ("mmap", "EINVAL", step("EOPNOTSUPP"), "EOPNOTSUPP"),
        ("mmap", "EINVAL", step("panic"), "panic"),
        ("mmap", "panic", step(0), "0"),
        ("peek", '"0f05"', step(b"\x0f\x06"), '"0f06"'),
        ("peek", '"0f05"', step("EFAULT"), "EFAULT"),
        ("run", "done", step(0, Event("limit")), "limit"),
        ("run", "done", step("ESRCH"), "ESRCH"),
        ("run", "done", step("panic"), "panic"),
        ("run", "panic", step(0, DONE), "done"),
        ("run", "panic", step("panic", enter("mmap", 1)), "enter mmap @0x1; panic"),
        ("run", "enter mmap @1", step("panic", enter("mmap", 1)), "enter mmap @0x1; panic"),
        ("run", "enter mmap @1; panic", step(0, enter("mmap", 1)), "enter mmap @0x1"),
        ("run", "enter mmap @1", step(0, enter("mmap", 1), DONE), "enter mmap @0x1; done"),
        ("run", "enter mmap @1; done", step(0, enter("mmap", 1)), "enter mmap @0x1"),
        ("run", "enter mmap @1", step(0, enter("mmap", 2)), "enter mmap @0x2"),
        ("run", "enter mmap @1", step(0, enter("munmap", 1)), "enter munmap @0x1"),
        ("run", "enter mmap @1", step(0, signal("SIGILL", 1)), "SIGILL @0x1"),
        ("run", "SIGILL @1", step(0, enter("mmap", 1)), "enter mmap @0x1"),
        ("run", "SIGILL @1", step(0, signal("SIGSEGV", 1)), "SIGSEGV @0x1"),
        ("run", "SIGILL @1", step(0, signal("SIGILL", 2)), "SIGILL @0x2"),
        ("run", "SIGSEGV @1 at 2", step(0, signal("SIGSEGV", 1, 3)), "SIGSEGV @0x1 at 0x3"),
        ("run", "SIGSEGV @1 at 0", step(0, signal("SIGSEGV", 1)), "SIGSEGV @0x1"),
        ("run", "SIGSEGV @1 at 0", step(0, Event("SIGSEGV", 1)), "SIGSEGV @0x1"),
    ],
)
def test_what_is_not_as_expected(call: str, text: str, yielded: Step, got: str) -> None:
    """Any difference in kind, name, address, number or order of events is one line that shows both."""
    assert compare(parse_expectation(text, call), yielded) == f"expected {text}, got {got}"


@pytest.mark.parametrize(
    ("call", "text", "column", "message"),
    [
        (
            "mmap",
            "EINVALID",
            20,
            "expectation of mmap: unexpected 'EINVALID'; supported: a number, panic or an errno name (EPERM, ",
        ),
        ("mmap", "", 20, "expectation of mmap: unexpected ''"),
        ("mmap", "-1", 20, "unexpected '-1'"),
        ("mmap", "\u0663", 20, "is no number"),
        ("mmap", "010", 20, "'010' is no number; supported: 0 to 0xffffffffffffffff"),
        ("mmap", "18446744073709551616", 20, "supported: 0 to 0xffffffffffffffff"),
        ("mmap", "9" * 5000, 20, "is no number"),
        ("mmap", "0x10000 x", 20, "'0x10000 x' is no number"),
        ("mmap", '"0f05"', 20, "unexpected '\"0f05\"'; supported: a number"),
        ("mmap", "SIGILL @0x1", 20, "unexpected 'SIGILL @0x1'; supported: a number"),
        ("mmap", "done", 20, "unexpected 'done'"),
        (
            "peek",
            "0",
            20,
            "expectation of peek: unexpected '0'; supported: \"hex\" of 1 to 64 bytes, panic or an errno name (",
        ),
        ("peek", '"0f0"', 20, 'supported: "hex"'),
        ("peek", '""', 20, 'supported: "hex"'),
        ("peek", f'"{"00" * 65}"', 20, 'supported: "hex" of 1 to 64 bytes'),
        (
            "run",
            "",
            20,
            "expectation of run: unexpected ''; supported: enter NAME @ADDR, SIGNAL @ADDR, SIGNAL @ADDR at DATA, ",
        ),
        ("run", "0", 20, "expectation of run: unexpected '0'; supported: enter"),
        ("run", "done; ", 26, "expectation of run: done ends a run, nothing can follow"),
        ("run", "limit;done", 26, "limit ends a run"),
        ("run", "panic; done", 27, "panic ends a run"),
        ("run", "SIGILL @1; ;done", 31, "unexpected ''"),
        ("run", "SIGILL @1; EINVAL", 31, "unexpected 'EINVAL'"),
        ("run", "SIGILL", 20, "unexpected 'SIGILL'; supported: enter NAME @ADDR, SIGNAL @ADDR"),
        ("run", "SIGILL 0x1", 20, "unexpected 'SIGILL 0x1'"),
        ("run", "SIGIL @0x1", 20, "unknown signal 'SIGIL' (did you mean SIGILL?); supported: SIGHUP, "),
        ("run", "SIGILL @zero", 28, "'zero' is no number"),
        ("run", "SIGSEGV @1 at x", 34, "'x' is no number"),
        ("run", "SIGSEGV @1 at", 20, "unexpected 'SIGSEGV @1 at'"),
        ("run", "enter @1", 20, "unexpected 'enter @1'"),
        ("run", "enter #x @1", 20, "unexpected 'enter #x @1'"),
        ("run", "done;  enter a @x", 27, "done ends a run"),
        ("run", "enter a @1;  enter b @x", 42, "'x' is no number"),
    ],
)
def test_mistakes(call: str, text: str, column: int, message: str) -> None:
    """What cannot be expected of an op is an error at its place that says what can; here the text starts in column 20."""
    with pytest.raises(TextError) as caught:
        parse_expectation(text, call, "a.prog", 7, 20)
    assert message in caught.value.message
    assert str(caught.value) == f"a.prog:7:{column}: {caught.value.message}"
    assert str(caught.value).isprintable()


def steps_of_runs(data: st.SearchStrategy[int | None]) -> st.SearchStrategy[Step]:
    """Runs of a few events, with the data addresses of their signals."""
    names = st.from_regex(r"#[0-9]{1,3}|[a-z_]{1,9}", fullmatch=True)
    signals = st.builds(signal, st.sampled_from(sorted(SIGNAL)), ADDRESSES, data)
    events = st.lists(st.builds(enter, names, ADDRESSES) | signals, max_size=5)
    panics = events.map(lambda events: step("panic", *events))
    ends = st.sampled_from(["done", "exit", "exec", "limit"]).map(Event)
    return panics | st.builds(lambda events, end: step(0, *events, end), events, ends)


RUNS = steps_of_runs(st.none() | ADDRESSES)
RESULTS = st.one_of(ADDRESSES, st.sampled_from([*ERRNO, "panic"])).map(step)


@given(RUNS, steps_of_runs(st.none()))
def test_a_rendered_run_is_expected_of_itself_only(yielded: Step, other: Step) -> None:
    """A rendered run is an expectation that this run meets, and another (with no data address) only if it renders the same."""
    expectation = parse_expectation(render(yielded), "run")
    assert compare(expectation, yielded) is None
    assert (compare(expectation, other) is None) == (render(other) == render(yielded))


@given(RESULTS, RESULTS)
def test_a_rendered_result_is_expected_of_itself_only(yielded: Step, other: Step) -> None:
    """The same for the results of calls."""
    expectation = parse_expectation(render(yielded), "mmap")
    assert compare(expectation, yielded) is None
    assert (compare(expectation, other) is None) == (other == yielded)


@given(st.text(), st.sampled_from(["run", "peek", "mmap", "poke"]))
def test_every_text_is_an_expectation_or_refused(text: str, call: str) -> None:
    """No text makes anything but an expectation or an error that points into it."""
    try:
        parse_expectation(text, call, column=1)
    except TextError as refused:
        error = refused
    else:
        return
    assert 1 <= error.column <= len(text) + 1
    assert str(error).isprintable()
