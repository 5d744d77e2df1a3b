"""What a promise says of guards that pass on, of new programs, and of what documents state."""

import pytest

from sysfuzz.program.ir import MODES, SPECIAL
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import PERMITTED, STACK
from sysfuzz.spec.pages import BORN
from sysfuzz.spec.promise import PROMISES, REFERENCE, Promise

OWN = ((1, 10), (1, 11), (2, 20))  # rows that begin with their LWP
WHOLE = ((10, 11), (20, 21))  # rows of the process


@pytest.mark.parametrize(
    ("by_lwp", "rows", "lwp", "child"),
    [
        (False, WHOLE, 2, WHOLE),
        (True, OWN, 1, ((1, 10), (1, 11))),
        (True, OWN, 2, ((1, 20),)),
        (True, OWN, 3, ()),
        (True, (), 1, ()),
    ],
)
def test_what_a_child_has(by_lwp, rows, lwp, child):
    """All of the process's rows; of LWPs' rows those of its maker, as its first LWP's."""
    assert Promise("", by_lwp=by_lwp).inherited(rows, lwp) == child


@pytest.mark.parametrize(
    ("by_lwp", "survives", "rows", "lwp", "kept"),
    [
        (False, False, WHOLE, 1, ()),
        (True, False, OWN, 1, ()),
        (True, True, OWN, 1, ((1, 10), (1, 11))),
        (True, True, OWN, 2, ((2, 20),)),
    ],
)
def test_what_a_new_program_has(by_lwp, survives, rows, lwp, kept):
    """Nothing, unless the guard outlives exec: then that of the LWP which goes on."""
    assert Promise("", by_lwp=by_lwp, survives_exec=survives).executed(rows, lwp) == kept


@pytest.mark.parametrize(
    ("by_lwp", "rows", "joined", "parted"),
    [(False, WHOLE, WHOLE, WHOLE), (True, OWN, (*OWN, (3, 10), (3, 11)), ((2, 20),)), (True, (), (), ())],
)
def test_lwps_come_and_go(by_lwp, rows, joined, parted):
    """A new LWP has the rows of its maker, and who ends takes its own along; rows of the process stay."""
    promise = Promise("", by_lwp=by_lwp)
    assert promise.joined(rows, 1, 3) == joined
    assert promise.parted(rows, 1) == parted


@pytest.mark.parametrize("how", ["inherited", "joined"])
def test_what_is_born_bare(how):
    """Where documents say so, a newborn has no guard, and its maker keeps its own; in the strongest reading it has its maker's."""
    promise = Promise("", by_lwp=True, newborns_are_bare=True)
    args = (OWN, 1) if how == "inherited" else (OWN, 1, 3)
    assert getattr(promise, how)(*args) == (() if how == "inherited" else OWN)
    assert getattr(promise.strict(), how)(*args) == getattr(Promise("", by_lwp=True), how)(*args)


def test_most_promises_have_one_reading():
    """It is read otherwise only where documents fall short of the promise for newborns: those of the two of user dispatch."""
    assert [name for name, promise in PROMISES.items() if promise.strict() is not promise] == ["sud", "sud-inclusive"]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("guard/fork", "A"),
        ("guard/fork/parent", ""),
        ("guard/forked", ""),
        ("guard", ""),
        ("guard/vfork", "B"),
        ("", ""),
    ],
)
def test_documents_speak_of_one_cause(cause, words):
    """A citation is of just its cause, not of what begins with it: that is another thing."""
    assert Promise("", documented={"guard/fork": "A", "guard/vfork": "B"}).citation(cause) == words


def test_promises_go_by_their_names():
    """Each stands under its name; the reference documents nothing, and has no calls of its own."""
    assert {name: promise.name for name, promise in PROMISES.items()} == {name: name for name in PROMISES}
    assert PROMISES["nosyscalls"] is REFERENCE
    assert (REFERENCE.calls, REFERENCE.documented) == (frozenset(), {})


def test_every_call_is_some_designs():
    """The special calls are those that designs have, all of them."""
    assert set().union(*(promise.calls for promise in PROMISES.values())) == set(SPECIAL)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PROMISES)
def test_what_a_new_program_is_born_with(name, mode):
    """The usual two mappings; msyscall's trampoline is permitted, the stack of pinsyscalls is one, and nothing else has an attribute."""
    layout = LAYOUTS[mode]
    stack = dict.fromkeys(range(layout.stack // PAGE, layout.stack_top // PAGE), STACK)
    wanted = {"msyscall": {layout.trampoline // PAGE: PERMITTED}, "pinsyscalls": stack}.get(name, {})
    born = PROMISES[name].born[mode]
    assert {number: page.attributes for number, page in born.items() if page.attributes} == wanted
    assert {number: page._replace(attributes=0) for number, page in born.items()} == BORN[mode]


@pytest.mark.parametrize("name", [name for name in PROMISES if name != "nosyscalls"])
def test_only_the_reference_has_the_flag(name):
    """MAP_NOSYSCALLS is unknown elsewhere: the reference's alone, with what a marked process is refused."""
    assert REFERENCE.has_attribute
    assert REFERENCE.sysenter == "marked"
    assert not PROMISES[name].has_attribute
    assert PROMISES[name].sysenter != "marked"
