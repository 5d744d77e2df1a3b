"""What a core says about itself is taken at its word, if the word means something."""

from itertools import chain

import pytest

from sysfuzz.program.ir import CALLS
from sysfuzz.spec.promise import PROMISES
from sysfuzz.targets.declared import DeclarationError, declared


@pytest.mark.parametrize("name", PROMISES)
def test_a_design_is_named(name: str) -> None:
    """Each promise by its name, less the calls that are not there."""
    assert declared(name, ()) is PROMISES[name]
    assert declared(name, ["mremap", "mremap"]).without == {"mremap"}
    assert declared(name, {"fork"}).name == name


def test_every_call_may_be_missing() -> None:
    """Calls of ops, and those that only code makes."""
    names = {*chain(CALLS, ("read", "write", "setcontext", "_lwp_self", "__syscall"))}
    assert declared("nosyscalls", names).without == names


@pytest.mark.parametrize(
    ("promise", "unsupported", "message"),
    [
        ("nothing", (), "unknown promise 'nothing'; supported: nosyscalls, "),
        (7, (), "unknown promise 7; supported: nosyscalls, "),
        ([], (), r"unknown promise \[\]; supported: nosyscalls, "),
        ("sud", 5, "its 'unsupported' is no set of names of calls"),
        ("sud", None, "its 'unsupported' is no set of names of calls"),
        ("sud", "mmap", "its 'unsupported' is no set of names of calls"),
        ("sud", (5,), "its 'unsupported' is no set of names of calls"),
        ("sud", {"mremap", "nosuch"}, "its 'unsupported' names 'nosuch'; supported: .*mremap, "),
    ],
)
def test_words_that_mean_nothing(promise: object, unsupported: object, message: str) -> None:
    """The message says what is supported."""
    with pytest.raises(DeclarationError, match=f"^{message}"):
        declared(promise, unsupported)
