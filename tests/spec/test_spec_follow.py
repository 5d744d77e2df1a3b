"""follow: op by op, from the spec's own state, with the core's answers where an op names them."""

from itertools import pairwise

import pytest

from sysfuzz.program.ir import Op, Program, Ref
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Event, Outcome, Panic, Step
from sysfuzz.spec import UNSPECIFIED, AnyBytes, Anywhere, Dispatch, Signal, accepts, follow

P = PAGE
R, RW, RX = 1, 3, 5
ANON_FIXED, PRIVATE, FIXED, NOSYS = 0x1012, 0x2, 0x10, 0x10000
A = 0x10000
CODE = LAYOUTS["amd64"].trampoline  # code that every process has
TOP = 1 << 64


def fixed(addr, pages, prot=RW, flags=0):
    """A fixed anonymous private mapping."""
    return ("mmap", addr, pages * P, prot, ANON_FIXED | flags, -1, 0)


@pytest.mark.parametrize(
    ("mode", "answer", "offset", "wanted"),
    [
        ("amd64", A, 0, A),
        ("amd64", A, P, A + P),
        ("amd64", A, TOP - P, A - P),
        ("amd64", "EINVAL", 0, TOP - 1),
        ("amd64", "EINVAL", A + 1, A),
        ("amd64", b"\x01", A + 1, A),
        ("amd64", "panic", A + 1, A),
        ("i386", "EINVAL", A + 1, A),
        ("i386", 0xFFFF_F000, A + P, A),
    ],
)
def test_references(play, page, mode, answer, offset, wanted):
    """A reference is the core's own answer plus the offset, modulo the width; what is no number counts as all ones."""
    expected = play(("munmap", 0, P), ("mmap", Ref(0, offset), P, RX, ANON_FIXED, -1, 0), mode=mode, saw={0: answer})
    if wanted == TOP - 1:
        assert expected.steps[1].result == "EINVAL"
    else:
        assert expected.steps[1].result == wanted
        assert page(expected, wanted).prot == RX


def test_references_of_other_kinds(play):
    """Sizes and small numbers may be references too."""
    expected = play(fixed(A, 2), ("fork",), ("as", Ref(1), 0), ("munmap", A, Ref(1, P)), saw={1: 2})
    assert [step.result for step in expected.steps] == [A, 2, 0, 0]
    assert expected.steps[-1].states[1].pages.keys() == expected.boot[0].pages.keys()


@pytest.mark.parametrize(
    ("addr", "count", "mapped"),
    [
        (A, 1, True),
        (A, 64, True),
        (A + P - 1, 2, True),
        (A + 2 * P - 1, 1, True),
        (A + 2 * P - 1, 2, False),
        (A - 1, 2, False),
        (A - 1, 1, False),
        (TOP - 1, 2, False),
        (0x30000, 1, True),
        (0x30FFF, 2, False),  # the second page is past the end of the file
    ],
)
def test_poke_and_peek(check, addr, count, mapped):
    """They pass over protection; every page must be mapped and have memory."""
    setup = [fixed(A, 1, 0), fixed(A + P, 1, R), ("mmap", 0x30000, 2 * P, R, PRIVATE | FIXED, 3, 15 * P)]
    check(setup, ("poke", addr, b"\x90" * count), 0 if mapped else "EFAULT")
    check(setup, ("peek", addr, count), bytes(count) if mapped else "EFAULT")


@pytest.mark.parametrize(
    ("expected", "actual", "wanted"),
    [
        (0, 0, True),
        (0, 1, False),
        (0, "EINVAL", False),
        (0, "panic", False),
        (0, b"", False),
        ("EINVAL", "EINVAL", True),
        ("EINVAL", "ENOMEM", False),
        ("EINVAL", 22, False),
        (AnyBytes(2), b"\0\1", True),
        (AnyBytes(2), b"\0", False),
        (AnyBytes(2), 2, False),
        (UNSPECIFIED, 0, True),
        (UNSPECIFIED, "EBADF", True),
        (UNSPECIFIED, "panic", False),
        (Anywhere(P, P, 0), A, False),
        (Anywhere(P, P, 0), "ENOMEM", False),
    ],
)
def test_accepts(expected, actual, wanted):
    """A result is right if it is the expected one, or one of those left open; never a panic."""
    assert accepts(expected, actual) is wanted


def test_the_spec_goes_on_from_its_own_state(play, page, enter):
    """What the core wrongly did, or did not do, is not taken over: later decisions are those of a correct kernel."""
    expected = play(
        ("mmap", A, P, RX, ANON_FIXED | NOSYS | 0x8, -1, 0),  # must be EINVAL
        fixed(A, 1, RX, NOSYS),  # must succeed
        ("mprotect", A, P, RX),
        ("run", A, 0),
        saw={0: A, 1: "ENOMEM", 2: "EINVAL"},
        events={3: [enter(A, 73, (A, P)), enter(CODE, 73, (A, P), saw="EINVAL"), enter(A)]},
    )
    assert [step.result for step in expected.steps] == ["EINVAL", A, 0, UNSPECIFIED]
    inside, outside, after = expected.steps[3].events
    assert isinstance(inside.decision, Signal)
    assert outside.decision == Dispatch("munmap", (A, P), 0, "")
    assert after.decision.unfetched
    assert page(expected, A) is None


def test_events_are_parallel(play, enter):
    """Each event has its expectation; those that are no attempt have no decision."""
    expected = play(("run", A, 0), ("run", A, 0), events={0: [enter(A), Event("done", A)], 1: [Event("limit", A)]})
    assert [event.decision is None for event in expected.steps[0].events] == [False, True]
    assert [event.decision is None for event in expected.steps[1].events] == [True]


def test_nothing_is_predicted_for_who_must_be_gone(play, enter):
    """A core that lets an LWP go on after its exit shows events that no correct kernel has an answer to."""
    expected = play(
        ("run", A, 0), ("run", A, 0), events={0: [enter(CODE, 1, (0,)), enter(CODE), Event("done")], 1: [enter(CODE)]}
    )
    assert [event.decision is None for event in expected.steps[0].events] == [False, True, True]
    assert [event.states for event in expected.steps[0].events] == [(), (), ()]
    assert expected.steps[1].result == "ESRCH"
    assert expected.steps[1].events == ()


def test_runs_of_other_processes(play, enter):
    """A run's calls are those of the current process and LWP, and exec in one leaves the others alone."""
    expected = play(
        fixed(A, 1, RX, NOSYS),
        ("vfork",),
        ("lwp_create",),
        ("as", 2, 0),
        ("run", A + P, 0),
        ("as", 1, 2),
        ("run", A + P, 0),
        events={4: [enter(CODE, 20), enter(CODE, 59)], 6: [enter(CODE, 20), enter(CODE, 311)]},
    )
    decisions = [event.decision for i in (4, 6) for event in expected.steps[i].events]
    assert [decision.result for decision in decisions] == [2, 0, 1, 2]
    assert [decision.ends for decision in decisions] == ["", "exec", "", ""]
    assert [(state.pid, state.marked) for state in expected.steps[-1].states] == [(1, True), (2, False)]


def test_a_panic_ends_the_steps():
    """An outcome shorter than its program is followed as far as it goes, the last op as if it had been answered."""
    program = Program(ops=(Op("fork"), Op("munmap", (0, P)), Op("fork")))
    steps = (Step(2, 1, (), (), ()), Step("panic", 1, (), (), ()))
    expected = follow(program, Outcome((), steps, Panic("reason", "where")))
    assert [step.result for step in expected.steps] == [2, "EINVAL"]


def test_unchanged_states_are_the_same_object(play, enter):
    """Who compares states with views may skip what is the same object as before."""
    expected = play(
        fixed(A, 1, RX),
        ("mprotect", 0, P, R),
        ("mprotect", A - P, P, R),
        ("munmap", A - P, P),
        ("sigaction", 4, A),
        ("run", A, 0),
        ("mprotect", A, P, R),
        ("fork",),
        events={5: [enter(A), enter(A, 5)]},
    )
    states = [expected.boot, *(step.states for step in expected.steps)]
    same = [later is earlier for earlier, later in pairwise(states)]
    assert same == [False, True, True, True, True, True, False, False]
    assert all(event.states is states[1] for event in expected.steps[5].events)


def test_snapshots_do_not_change_later(play, page):
    """The states of a step stay what they were at that step."""
    expected = play(fixed(A, 1), ("mprotect", A, P, R), ("mlock", A, P), ("munmap", A, P))
    history = [step.states[0].pages.get(A // P) for step in expected.steps]
    assert [entry and (entry.prot, entry.wired) for entry in history] == [(RW, 0), (R, 0), (R, 1), None]
