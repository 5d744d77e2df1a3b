"""mlock, munlock, mlockall and munlockall, row by row."""

import pytest

P = 0x1000
R, RW = 1, 3
ANON_FIXED, WIRED = 0x1012, 0x800
A = 0x10000
TOP = 1 << 64


def fixed(addr, pages, prot=RW, flags=0):
    """A fixed anonymous private mapping."""
    return ("mmap", addr, pages * P, prot, ANON_FIXED | flags, -1, 0)


HOLED = [fixed(A, 1), fixed(A + 2 * P, 1)]
FULL = [("fork",), fixed(A, 64, RW, WIRED), ("as", 2, 0), fixed(A, 64, RW, WIRED), ("fork",), ("as", 3, 0)]


@pytest.mark.parametrize(
    ("setup", "call", "wanted"),
    [
        ([fixed(A, 2)], ("mlock", A, 2 * P), 0),
        ([fixed(A, 64)], ("mlock", A, 64 * P), 0),
        ([fixed(A, 65)], ("mlock", A, 65 * P), "EAGAIN"),
        ([], ("mlock", A, 65 * P), "EAGAIN"),
        ([], ("mlock", A, P), "ENOMEM"),
        ([], ("mlock", A, 0), "ENOMEM"),
        ([fixed(A, 1)], ("mlock", A, 0), 0),
        ([fixed(A, 1)], ("mlock", A, TOP - 1), 0),
        (HOLED, ("mlock", A, 3 * P), "EINVAL"),
        (HOLED, ("mlock", A + P, 2 * P), "ENOMEM"),
        ([fixed(A, 1), fixed(A + P, 1, 0)], ("mlock", A, 2 * P), "EINVAL"),
        ([fixed(A, 1, 0)], ("mlock", A, P), "EINVAL"),
        # pages that are wired already are counted again
        ([fixed(A, 33), ("mlock", A, 32 * P)], ("mlock", A, 32 * P), 0),
        ([fixed(A, 33), ("mlock", A, 32 * P)], ("mlock", A, 33 * P), "EAGAIN"),
        # 128 over all processes
        (FULL, ("mlock", A, P), "EAGAIN"),
        ([*FULL, ("as", 2, 0), ("munlock", A, P), ("as", 3, 0)], ("mlock", A, P), 0),
        ([*FULL, ("as", 2, 0), ("exit", 0), ("as", 3, 0)], ("mlock", A, 64 * P), 0),
        ([*FULL, ("as", 2, 0), ("exec",), ("as", 3, 0)], ("mlock", A, 64 * P), 0),
    ],
)
def test_mlock_answers(check, setup, call, wanted):
    """The limits come first, then the page at addr, then the rest of the range."""
    check(setup, call, wanted)


@pytest.mark.parametrize(
    ("setup", "call", "wanted"),
    [
        ([fixed(A, 2, RW, WIRED)], ("munlock", A, 2 * P), 0),
        ([fixed(A, 2)], ("munlock", A, P), "EINVAL"),
        ([fixed(A, 1, RW, WIRED), fixed(A + P, 1)], ("munlock", A, 2 * P), "EINVAL"),
        ([fixed(A, 1, RW, WIRED)], ("munlock", A, 2 * P), "EINVAL"),
        ([], ("munlock", A, P), "ENOMEM"),
        ([], ("munlock", A, 0), "ENOMEM"),
        ([fixed(A, 1)], ("munlock", A, 0), 0),
        ([fixed(A, 1, RW, WIRED), ("mprotect", A, P, 0)], ("munlock", A, P), 0),
        ([], ("mlockall", 0), "EINVAL"),
        ([], ("mlockall", 4), "EINVAL"),
        ([], ("mlockall", 5), "EINVAL"),
        ([], ("mlockall", 1), 0),
        ([], ("mlockall", 2), 0),
        ([], ("mlockall", 3), 0),
        ([fixed(A, 59)], ("mlockall", 1), 0),  # and the five pages of birth
        ([fixed(A, 60)], ("mlockall", 1), "ENOMEM"),
        ([fixed(A, 60)], ("mlockall", 2), 0),
        ([fixed(A, 59), fixed(A + 59 * P, 60, 0)], ("mlockall", 1), 0),
        ([fixed(A, 59, RW, WIRED)], ("mlockall", 1), 0),
        ([fixed(A, 60, RW, WIRED)], ("mlockall", 1), "ENOMEM"),
        (FULL, ("mlockall", 1), "ENOMEM"),
        ([], ("munlockall",), 0),
        ([("mlockall", 3)], ("munlockall",), 0),
    ],
)
def test_the_others_answer(check, setup, call, wanted):
    """munlock needs every page wired, mlockall room within the limits, munlockall nothing."""
    check(setup, call, wanted)


def test_locks_nest_and_one_munlock_undoes_all(play, page):
    """Each mlock adds one to the count of each page, munlock takes all away."""
    locks = [fixed(A, 3, R, WIRED), ("mlock", A + P, P), ("mlock", A + P, 2 * P)]
    expected = play(*locks)
    assert [page(expected, A + i * P).wired for i in range(3)] == [1, 3, 2]
    expected = play(*locks, ("munlock", A + P, P))
    assert [page(expected, A + i * P).wired for i in range(3)] == [1, 0, 2]


def test_mlockall_passes_over_none(play, page):
    """CURRENT adds one to every page that is not PROT_NONE."""
    expected = play(fixed(A, 1, RW, WIRED), fixed(A + P, 1, 0), fixed(A + 2 * P, 1), ("mlockall", 1))
    assert [page(expected, A + i * P).wired for i in range(3)] == [2, 0, 1]
    assert sum(page.wired for page in expected.steps[-1].states[0].pages.values()) == 5 + 2 + 1


def test_failing_mlockall_does_not_put_future_in_force(play, page):
    """CURRENT with FUTURE that fails leaves both undone."""
    expected = play(fixed(A, 60), ("mlockall", 3), fixed(A + 60 * P, 1))
    assert expected.steps[1].result == "ENOMEM"
    assert page(expected, A + 60 * P).wired == 0


def test_munlockall_ends_future(play, page):
    """munlockall unwires everything, and new mappings come unwired again."""
    expected = play(("mlockall", 3), fixed(A, 1), ("munlockall",), fixed(A + P, 1))
    assert [page(expected, A + i * P).wired for i in range(2)] == [0, 0]
    assert not any(page.wired for page in expected.steps[-1].states[0].pages.values())


def test_future_belongs_to_the_map(play, page):
    """A vfork child uses its parent's map and so its MCL_FUTURE; fork and exec start without."""
    for child, wanted in (("vfork", 1), ("fork", 0)):
        expected = play(("mlockall", 2), (child,), ("as", 2, 0), fixed(A, 1))
        assert page(expected, A, 2).wired == wanted
    expected = play(("mlockall", 2), ("exec",), fixed(A, 1))
    assert page(expected, A).wired == 0
