"""fork, vfork, exec, exit, LWPs, as, sigaction and sysarch: who exists and what they inherit."""

import pytest

from sysfuzz.program.layout import LAYOUTS, MAX_LWPS, MAX_PROCESSES
from sysfuzz.program.names import PAGE
from sysfuzz.spec import ANON, Page

P = PAGE
R, W, X = 1, 2, 4
RW, RX, RWX = R | W, R | X, R | W | X
ANON_FIXED, SHARED, FIXED, WIRED, NOSYS = 0x1012, 0x1, 0x10, 0x800, 0x10000
A = 0x10000
CODE = LAYOUTS["amd64"].trampoline  # code that every process has
SHARE, COPY, NONE, ZERO = 0, 1, 2, 4


def fixed(addr, pages, prot=RW, flags=0):
    """A fixed anonymous private mapping."""
    return ("mmap", addr, pages * P, prot, ANON_FIXED | flags, -1, 0)


def pids(expected):
    """The live processes at the end."""
    return [state.pid for state in expected.steps[-1].states]


def marks(expected):
    """The mark of each live process at the end."""
    return {state.pid: state.marked for state in expected.steps[-1].states}


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_birth(play, mode):
    """A process is born with the trampoline and the stack, unmarked."""
    layout = LAYOUTS[mode]
    (state,) = play(mode=mode).boot
    wanted = {layout.trampoline // P: Page(RX, RWX, COPY, 0, 0, 0, ANON)}
    wanted |= {addr // P: Page(RW, RWX, COPY, 0, 0, 0, ANON) for addr in range(layout.stack, layout.stack_top, P)}
    assert (state.pid, state.marked, state.pages) == (1, False, wanted)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    ("inherit", "wanted"),
    [
        (SHARE, Page(RX, RWX, SHARE, 2, 0, 1, 7)),
        (COPY, Page(RX, RWX, COPY, 2, 0, 1, 7)),
        (NONE, None),
        (ZERO, Page(RX, RWX, ZERO, 2, 0, 1, ANON)),
    ],
)
def test_fork_inherits_page_by_page(play, page, mode, inherit, wanted):
    """Each page as its inheritance says, with every trait but wiring; the parent's own stay as they are."""
    setup = [
        ("mmap", A, P, RX, SHARED | FIXED | WIRED | NOSYS, 3, 7 * P),
        ("madvise", A, P, 2),
        ("minherit", A, P, inherit),
    ]
    expected = play(*setup, ("fork",), mode=mode)
    assert expected.steps[-1].result == 2
    assert page(expected, A, 2) == wanted
    assert page(expected, A, 1) == Page(RX, RWX, inherit, 2, 1, 1, 7)
    assert marks(expected) == {1: True, 2: True}


def test_fork_separates_and_vfork_shares(play, page):
    """What a fork child does to its map stays there; a vfork child's map is its parent's."""
    expected = play(("fork",), ("vfork",), fixed(A, 1))
    assert [page(expected, A, pid) is None for pid in (1, 2, 3)] == [False, True, False]
    assert expected.steps[-1].states[0].pages is expected.steps[-1].states[2].pages


def test_the_mark_is_inherited_and_only_exec_takes_it(play):
    """munmap does not unmark; fork and vfork pass the mark on even without a page that explains it; exec drops it."""
    setup = [fixed(A, 1, RX, NOSYS), ("munmap", A, P), ("fork",), ("vfork",)]
    assert marks(play(*setup)) == {1: True, 2: True, 3: True}
    assert marks(play(*setup, ("as", 3, 0), ("exec",))) == {1: True, 2: True, 3: False}


def test_exec_makes_a_fresh_map(play, page):
    """exec leaves what boot made; a vfork parent keeps its map, attribute and mark."""
    expected = play(fixed(A, 1, RX, NOSYS), ("vfork",), ("as", 2, 0), ("exec",))
    assert expected.steps[-1].result == 0
    child = expected.steps[-1].states[1]
    assert (child.marked, child.pages) == (False, expected.boot[0].pages)
    assert page(expected, A, 1).attributes == 1
    assert marks(expected) == {1: True, 2: False}
    expected = play(fixed(A, 1), ("vfork",), ("as", 2, 0), ("exec",), fixed(A, 1, RX, NOSYS))
    assert marks(expected) == {1: False, 2: True}
    assert page(expected, A, 1).attributes == 0


def test_numbers_are_never_used_again(play):
    """pids go on after an exit; at most 8 processes live at once, vforked ones included."""
    expected = play(("fork",), ("as", 2, 0), ("exit", 0), ("as", 1, 0), ("fork",), ("vfork",))
    assert [step.result for step in expected.steps] == [2, 0, 0, 0, 3, 4]
    assert pids(expected) == [1, 3, 4]
    expected = play(
        *[("fork",)] * (MAX_PROCESSES - 1), ("fork",), ("vfork",), ("as", 2, 0), ("exit", 9), ("as", 1, 0), ("vfork",)
    )
    assert [step.result for step in expected.steps[6:]] == [8, "EAGAIN", "EAGAIN", 0, 0, 0, 9]


def test_lwps(play):
    """At most 8 LWPs; their numbers are never used again; the last one takes the process with it."""
    expected = play(*[("lwp_create",)] * (MAX_LWPS - 1), ("lwp_create",), ("lwp_exit",), ("as", 1, 0), ("lwp_create",))
    assert [step.result for step in expected.steps[6:]] == [8, "EAGAIN", 0, 0, 9]
    expected = play(("lwp_create",), ("lwp_exit",), ("as", 1, 2), ("lwp_exit",))
    assert [step.result for step in expected.steps] == [2, 0, 0, 0]
    assert pids(expected) == []


def test_exec_leaves_the_calling_lwp(play):
    """exec keeps the LWP that called it, under its number, and new numbers go on."""
    expected = play(("lwp_create",), ("as", 1, 2), ("exec",), ("as", 1, 1), ("as", 1, 2), ("as", 1, 0), ("lwp_create",))
    assert [step.result for step in expected.steps] == [2, 0, 0, "ESRCH", 0, 0, 3]


def test_a_fork_child_has_one_lwp(play):
    """However many LWPs the parent has, and whichever of them forks."""
    expected = play(("lwp_create",), ("as", 1, 2), ("fork",), ("as", 2, 2), ("as", 2, 1), ("lwp_create",))
    assert [step.result for step in expected.steps] == [2, 0, 2, "ESRCH", 0, 2]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (("as", 1, 0), 0),
        (("as", 2, 0), 0),
        (("as", 2, 1), 0),
        (("as", 0, 0), "ESRCH"),
        (("as", 3, 0), "ESRCH"),
        (("as", 2, 2), "ESRCH"),
        (("as", 1, 2), 0),
        (("as", 0xFFFF_FFFF, 0), "ESRCH"),
    ],
)
def test_as(check, call, wanted):
    """as names a live LWP of a live process, or nothing happens."""
    check([("fork",), ("lwp_create",)], call, wanted)


def test_a_failing_as_changes_nothing(play):
    """Later ops go on as whoever was there before."""
    expected = play(("fork",), ("as", 2, 0), ("as", 7, 0), ("exit", 0))
    assert pids(expected) == [1]


CALLS = [
    fixed(A, 1),
    ("munmap", A, P),
    ("munmap", A, 0),
    ("mprotect", A, P, R),
    ("mremap", A, P, A, P, 0),
    ("minherit", A, P, 1),
    ("madvise", A, P, 0),
    ("mlock", A, P),
    ("munlock", A, P),
    ("mlockall", 1),
    ("munlockall",),
    ("msync", A, P, 4),
    ("mincore", A, P, A),
    ("fork",),
    ("vfork",),
    ("exec",),
    ("exit", 0),
    ("lwp_create",),
    ("lwp_exit",),
    ("sigaction", 4, A),
    ("sysarch", 1, 8, 0),
    ("poke", A, b"\x90"),
    ("peek", A, 1),
    ("run", A, 0),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
@pytest.mark.parametrize("last", [("exit", 0), ("lwp_exit",)], ids=["exit", "lwp_exit"])
def test_the_gone_cannot_call(check, last, call):
    """Every op of a process that is gone is ESRCH, however it went."""
    check([("fork",), last], call, "ESRCH")


def test_the_lowest_lwp_goes_on(play, enter):
    """Where the current LWP has ended and its process has not, later ops and runs are those of its lowest LWP."""
    self = enter(CODE, 311)
    end = enter(CODE, 310)
    expected = play(
        ("lwp_create",),
        ("lwp_create",),
        ("lwp_exit",),
        ("run", A, 0),
        ("as", 1, 3),
        ("run", A, 0),
        ("run", A, 0),
        ("exit", 0),
        events={3: [self], 5: [self, end, self], 6: [self]},
    )
    lwps = [[event.decision and event.decision.result for event in expected.steps[i].events] for i in (3, 5, 6)]
    assert lwps == [[2], [3, 0, None], [2]]
    assert pids(expected) == []


@pytest.mark.parametrize(
    ("signal", "wanted"),
    [(0, "EINVAL"), (1, 0), (4, 0), (9, "EINVAL"), (17, "EINVAL"), (63, 0), (64, "EINVAL"), (0xFFFF_FFFF, "EINVAL")],
)
def test_sigaction_answers(check, signal, wanted):
    """Signals are 1 to 63; SIGKILL and SIGSTOP cannot be caught, nor reset."""
    check([], ("sigaction", signal, A), wanted)
    check([], ("sigaction", signal, 0), wanted)


@pytest.mark.parametrize(
    ("mode", "call", "wanted"),
    [
        ("i386", ("sysarch", 1, 8, 0), 8),
        ("i386", ("sysarch", 1, 63, 0xFFFF_F000), 63),
        ("i386", ("sysarch", 1, 7, 0), "EINVAL"),
        ("i386", ("sysarch", 1, 64, 0), "EINVAL"),
        ("i386", ("sysarch", 0, 8, 0), "EINVAL"),
        ("i386", ("sysarch", 2, 8, 0), "EINVAL"),
        ("amd64", ("sysarch", 1, 8, 0), "EINVAL"),
    ],
)
def test_sysarch_answers(check, mode, call, wanted):
    """Slots 8 to 63, on i386 alone."""
    check([], call, wanted, mode)
