"""The methods of the protocol, asked one by one: what is missing or of another form is named with what is wanted."""

from collections.abc import Callable

import pytest

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import Core
from sysfuzz.program.outcome import Reply, View
from sysfuzz.targets.methods import methods

METHODS = (
    "call", "enter", "fault", "fill", "poke", "peek", "alive", "sysenter_enabled", "segments", "views", "transitions", "check",
)  # fmt: skip


def wrong(boot: Callable[..., object], unsupported: frozenset[str] = frozenset()) -> dict[str, str]:
    """What is wrong, by method."""
    return {m.signature.partition("(")[0]: m.wrong for m in methods(boot, unsupported) if m.wrong}  # type: ignore[arg-type]


def core(**methods: object) -> type:
    """The reference with other methods."""
    return type("Other", (Kernel,), methods)


def test_the_reference_has_them_all() -> None:
    """Every method of the protocol is asked, and the reference answers as it must."""
    assert [m.signature.partition("(")[0] for m in methods(Kernel)] == list(METHODS)
    assert {name for name in vars(Core) if not name.startswith("_")} == set(METHODS)
    assert wrong(Kernel) == {}


@pytest.mark.parametrize("name", METHODS)
def test_a_missing_method_is_named(name: str) -> None:
    """What cannot be called is missing, and nothing else is said to be."""
    assert wrong(core(**{name: None})) == {name: "missing"}


# Method, an answer of it, and what is said about that.
BAD = [
    ("call", None, "call answered NoneType, which the protocol does not allow"),
    ("call", "ENOTHING", "answered 'ENOTHING', which names no errno; there are EPERM, "),
    ("enter", 0, "enter answered int, which the protocol does not allow"),
    ("enter", Reply("fork"), "of getpid from a page without attributes became 'fork'"),
    ("enter", Reply("getpid", (), 1), "answered 20, expected 1"),  # the frame still holds the number
    ("fault", Reply(), "of a page fault was answered with no signal"),
    ("fill", None, "answered None for the stack, which is mapped to be read and written"),
    ("fill", (1, 7), "fill answered with no page of the memory"),
    ("fill", (4096, 1), "answered 1, expected 3"),
    ("poke", None, "answered None, expected 0"),
    ("peek", "EFAULT", "answered 'EFAULT', expected b'\\x00\\x00'"),
    ("alive", 1, "answered 1, expected 0"),
    ("sysenter_enabled", None, "sysenter_enabled answered NoneType, which the protocol does not allow"),
    ("segments", [], "segments answered list, which the protocol does not allow"),
    ("views", [], "views answered list, which the protocol does not allow"),
    ("views", (), "answered [], expected [1]"),
    ("views", (View(1, False, ()),), "shows no region with the stack, 0x7f7ffffec000"),
    ("transitions", (1,), "transitions answered int, which the protocol does not allow"),
    ("check", None, "answered None, expected ''"),
]


@pytest.mark.parametrize(("name", "answer", "told"), BAD)
def test_an_answer_of_another_form_is_told(name: str, answer: object, told: str) -> None:
    """What a method answers must be what the protocol allows and, where the answer is known, right."""
    found = wrong(core(**{name: lambda *_: answer}))
    assert list(found) == [name]
    assert found[name].startswith(told)


def test_what_raises_is_told() -> None:
    """An exception is told on one line, also one that would end Python."""

    def leave(*_: object) -> None:
        raise SystemExit("a\nb")

    assert wrong(core(check=leave)) == {"check": "raised SystemExit: a b"}


def test_a_core_that_does_not_boot_has_no_methods() -> None:
    """Then nothing is asked."""

    def boot(mode: str, memory: object) -> object:
        if mode == "i386":
            raise NotImplementedError("64 bits only")
        return Kernel(mode, memory)  # type: ignore[arg-type]

    assert wrong(boot) == {"boot": "i386: raised NotImplementedError: 64 bits only"}


def test_what_is_said_not_to_be_there_must_not_be() -> None:
    """A call that is declared unsupported answers ENOSYS; one of the target's own ops is not asked."""
    none = core(call=lambda *_: "ENOSYS")
    assert wrong(none, frozenset(("fork", "run"))) == {}
    assert wrong(Kernel, frozenset(("fork", "run"))) == {"unsupported": "fork answered 2"}
