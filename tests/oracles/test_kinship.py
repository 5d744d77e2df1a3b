"""Which causes are one bug: by circumstance, by place, by what is left of a check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.oracles.kinship import CIRCUMSTANCES, explains, fold

CAUSES = (
    "attribute/clip", "attribute/mmap/enter", "attribute/mmap/gained", "attribute/mmap/merge", "attribute/mmap/overlay/gained",
    "attribute/mprotect", "attribute/mprotect/clip", "attribute/mremap/grow", "attribute/mremap/move",
    "check/int80", "check/int80/head", "check/int80/tail", "check/lcall/tail", "check/syscall", "check/syscall/head",
    "check/syscall/next", "check/syscall/tail", "mark/mmap", "mark/mmap/shared", "overblock/int80/next", "panic/x: y",
    "result/mmap/EINVAL/EFBIG", "result/mmap/EINVAL/value", "result/mmap/flag/alias", "result/mmap/flag/combination",
    "result/mmap/flag/combination/EINVAL", "result/mmap/flag/unknown", "result/mmap/value/EFBIG", "result/munmap/value/EFBIG",
)  # fmt: skip


@pytest.mark.parametrize(
    ("elder", "cause"),
    [
        ("check/int80", "check/int80/tail"),  # a gate without a check has none at the ends of a page either
        ("check/syscall/tail", "check/int80/tail"),  # what is wrong with an address is wrong for all gates
        ("check/syscall/next", "check/syscall/head"),  # a look behind the opcode does not see the opcode
        ("check/syscall/next", "overblock/int80/next"),  # it refuses what lies in front of a flagged page
        ("attribute/mmap/enter", "attribute/mmap/merge"),  # an attribute that is lost at birth is lost before a merge
        ("attribute/mmap/gained", "attribute/mmap/overlay/gained"),
        ("attribute/clip", "attribute/mprotect/clip"),
        ("attribute/mprotect", "attribute/mprotect/clip"),
        ("result/mmap/value/EFBIG", "result/mmap/EINVAL/EFBIG"),  # the errno came before the one that was due
        ("result/mmap/EINVAL/value", "result/mmap/EINVAL/EFBIG"),  # the check that was left out let the next one speak
        ("result/mmap/flag/alias", "result/mmap/flag/unknown"),  # the alias was taken, and the call failed later
        ("result/mmap/flag/combination", "result/mmap/flag/combination/EINVAL"),
    ],
)
def test_the_simpler_explains_the_other(elder, cause):
    """What shows with less, or elsewhere with as much, stands for both; never the other way round."""
    assert explains(elder, cause)
    assert fold([cause, elder]) == {elder: elder, cause: elder}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("check/syscall", "check/int80"),  # each gate has a stub of its own
        ("check/int80", "check/lcall/tail"),
        ("check/syscall/head", "check/syscall/tail"),
        ("attribute/mremap/move", "attribute/mremap/grow"),
        ("attribute/mmap/merge", "attribute/mremap/move"),
        ("attribute/mprotect", "attribute/madvise"),
        ("attribute/mmap/gained", "attribute/munlock/gained"),
        ("attribute/fork", "mark/fork"),
        ("result/mmap/value/EFBIG", "result/munmap/value/EFBIG"),
        ("result/mmap/EINVAL/value", "result/mmap/EBADF/value"),
        ("result/mmap/flag/unknown", "result/mmap/flag/combination"),
        ("panic/one: thing", "panic/another: thing"),
        ("panic/map", "panic/map/clip"),  # words of the core are none of ours
    ],
)
def test_strangers_stay_apart(one, other):
    """Neither stands for the other where nothing says that they are one."""
    assert fold([one, other]) == {one: one, other: other}


@given(st.lists(st.sampled_from(CAUSES)), st.randoms())
def test_folding_is_a_matter_of_the_set(causes, rng):
    """Order and repetition do not matter; who stands for others is one of them, explains them, and stands for itself."""
    folded = fold(causes)
    shuffled = causes * 2
    rng.shuffle(shuffled)
    assert fold(shuffled) == folded
    assert set(folded) == set(causes)
    for cause, elder in folded.items():
        assert folded[elder] == elder
        assert cause == elder or explains(elder, cause)


causes_of_any_kind = st.one_of(
    st.sampled_from(CAUSES),
    st.builds(
        lambda family, where, circumstances: "/".join((family, where, *circumstances)),
        st.sampled_from(["attribute", "check", "overblock", "panic"]),
        st.sampled_from(["mmap", "munmap", "int80", "syscall"]),
        st.lists(st.sampled_from(sorted(CIRCUMSTANCES)), max_size=3, unique=True),
    ),
)


@given(st.sets(causes_of_any_kind, max_size=30))
def test_none_stands_for_itself_that_another_explains(causes):
    """Of those that stand for themselves none explains another, however they are looked for."""
    roots = [cause for cause, elder in fold(causes).items() if cause == elder]
    assert not [(one, other) for one in roots for other in roots if explains(one, other)]
