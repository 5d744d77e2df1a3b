"""Which class a verdict is in."""

import pytest

from sysfuzz.compare.classify import class_of, class_of_place
from sysfuzz.oracles.verdict import Verdict


@pytest.mark.parametrize(
    ("oracle", "cause", "expected"),
    [
        ("escape", "check/entry/tail", "C1"),
        ("escape", "check/int80/head", "C1"),
        ("escape", "check/syscall/next", "C1"),
        ("escape", "check/int80", "C2"),
        ("escape", "check/sysenter", "C2"),
        ("escape", "check/moved", "C2"),
        ("escape", "check/vsyscall", "C2"),
        ("escape", "check/syscall/compat", "C2"),
        ("escape", "check/entry/base", "C3"),
        ("escape", "check/int80/base/tail", "C3"),
        ("escape", "check/syscall/wrap", "C3"),
        ("escape", "check/syscall/setcontext", "C6"),
        ("escape", "check/syscall/lwp", "C10"),
        ("escape", "check/syscall/stale", "C12"),
        ("escape", "check/syscall", ""),
        ("escape", "check/entry", ""),
        ("escape", "attribute/mmap/merge", "C8"),
        ("attribute-lost", "attribute/mremap/move", "C8"),
        ("attribute-gained", "attribute/mmap/merge", "C9"),
        ("attribute-gained", "attribute/mprotect/clip/gained", "C9"),
        ("blocked", "attribute/mmap/merge", "C9"),
        ("blocked", "overblock/syscall/next", "C9"),
        ("by-design", "overblock/entry/next", "C9"),
        ("escape", "attribute/fork/share", "C10"),
        ("process-flag", "mark/mmap/shared", "C10"),
        ("guard", "guard/fork", "C10"),
        ("by-design", "guard/lwp_create", "C10"),
        ("escape", "guard/exec", "C10"),
        ("guard", "guard/ktrace", "C11"),
        ("guard", "guard/ptrace", "C11"),
        ("guard", "guard/syscallemu", "C19"),
        ("errno", "result/pinsyscalls/value/EPERM", "C19"),
        ("state-changed", "failed/sud", "C19"),
        ("panic", "panic/sys_mmap: bad flags", "C19"),
        ("panic", "panic/syscallemu: the filter calls itself: no range yet", "C19"),
        ("panic", "panic/sysenter entered while SYSENTER_CS is", ""),
        ("panic", "panic/KeyError/my.core:munmap", ""),
        ("flag-accepted", "result/mmap/flag/unknown", "C20"),
        ("errno", "result/mmap/flag/unknown/EOPNOTSUPP", ""),
        ("dispatch", "dispatch/getpid", "C22"),
        ("errno", "result/munmap/EINVAL/value", ""),
        ("state-changed", "failed/mmap", ""),
        ("map", "prot/mprotect", ""),
        ("sigill-frame", "frame/pc", ""),
    ],
)
def test_a_cause_has_its_class(oracle: str, cause: str, expected: str) -> None:
    """By oracle and cause; "" is what is no way out, or no trick."""
    assert class_of(Verdict(oracle, 0, "", "", cause)) == expected


@pytest.mark.parametrize(
    ("gate", "words", "expected"),
    [("syscall", (), ""), ("int80", (), "C2"), ("int80", ("next",), "C1"), ("lcall", ("base", "head"), "C3")],
)
def test_a_place_has_its_class(gate: str, words: tuple[str, ...], expected: str) -> None:
    """What is out of the ordinary about the place comes before the gate."""
    assert class_of_place(gate, words) == expected
