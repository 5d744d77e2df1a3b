"""The words of explanations: pages, calls and flags in one way each."""

import pytest

from sysfuzz.findings.wording import answer, bad_flags, call_text, page_by_core, page_by_spec, system_call, traits
from sysfuzz.program.names import MAP
from sysfuzz.program.outcome import Region, View
from sysfuzz.spec.expect import State
from sysfuzz.spec.pages import Page

RX = (5, 7, 1, 0, 0)  # as a plain mmap makes it


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((*RX, 0), "r-x"),
        ((*RX, 1), "r-x no-syscalls"),
        ((*RX, 0x26), "r-x permitted immutable 0x20"),
        ((0, 5, 0, 2, 3, 1), "--- of r-x inherit share advice sequential wired 3 no-syscalls"),
        ((7, 7, 4, 1, 0, 0), "rwx inherit zero advice random"),
        ((3, 7, 9, 9, 0, 0), "rw- inherit 0x9 advice 0x9"),
    ],
)
def test_traits(values, text):
    """Only the protection is always told; of the rest, what a plain mmap would not have made so."""
    assert traits(values) == text


def test_core_and_spec_say_the_same():
    """One page, held by a core and by the spec, has one text; where there is none, both say so."""
    views = (View(1, True, (Region(0x10000, 0x12000, *RX, 1),)),)
    states = (State(1, True, {0x10: Page(*RX, 1), 0x11: Page(*RX, 1)}),)
    assert page_by_core(views, 1, 0x11) == page_by_spec(states, 1, 0x11) == "r-x no-syscalls"
    assert page_by_core(views, 1, 0x12) == page_by_spec(states, 1, 0x12) == "unmapped"
    assert page_by_core(views, 2, 0x11) == page_by_spec(states, 2, 0x11) == "unmapped"


def test_a_page_that_is_mapped_twice():
    """Both entries that hold a page are told."""
    views = (View(1, False, (Region(0x10000, 0x12000, *RX, 0), Region(0x11000, 0x12000, *RX, 1))),)
    assert page_by_core(views, 1, 0x11) == "r-x and r-x no-syscalls"


def test_a_page_of_which_a_part_is_mapped():
    """An entry that begins or ends inside the page does not hold all of it."""
    views = (View(1, False, (Region(0x10000, 0x11800, *RX, 0),)),)
    assert page_by_core(views, 1, 0x10) == "r-x"
    assert page_by_core(views, 1, 0x11) == "r-x in part"


@pytest.mark.parametrize(
    ("call", "args", "text"),
    [
        ("munmap", (0x10000, 0x1000), "munmap(0x10000, 0x1000)"),
        ("mprotect", (0x10000, 0x1000, 5), "mprotect(0x10000, 0x1000, PROT_READ|PROT_EXEC)"),
        ("execve", (), "execve()"),
        ("read", (9, 0x10000, 1), "read(0x9, 0x10000, 0x1)"),
        ("sigaction", (4, 0x10000), "sigaction(SIGILL, 0x10000)"),
        ("sysarch", (1, 0x10000), "sysarch(0x1, 0x10000)"),
        ("poke", (0x10000, bytes(12)), 'poke(0x10000, "000000000000000000000000")'),
        ("poke", (0x10000, bytes(13)), "poke(0x10000, 13 bytes)"),
    ],
)
def test_calls(call, args, text):
    """A call reads as in a program; by code it may have other arguments, and a name of its own."""
    assert call_text(call, args) == text


@pytest.mark.parametrize(
    ("flags", "reasons"),
    [
        (MAP["MAP_ANON"] | 0xC008, ["0xc008 is no flag that mmap knows"]),
        (MAP["MAP_SHARED"] | MAP["MAP_COPY"], ["MAP_SHARED excludes MAP_COPY"]),
        (
            MAP["MAP_NOSYSCALLS"] | MAP["MAP_INHERIT"] | MAP["MAP_RENAME"],
            [
                "MAP_NOSYSCALLS with MAP_INHERIT is not supported: exec does not keep the attribute",
                "MAP_NOSYSCALLS with MAP_RENAME is not supported: renamed pages are not promised the attribute",
            ],
        ),
        (MAP["MAP_INHERIT"] | MAP["MAP_RENAME"], []),
        (MAP["MAP_PRIVATE"] | MAP["MAP_NOSYSCALLS"] | 12 << 24, []),  # the byte above is the alignment
    ],
)
def test_bad_flags(flags, reasons):
    """Each reason for which mmap refuses flags is named, with its bits; good ones have none."""
    assert bad_flags(flags) == reasons


@pytest.mark.parametrize(
    ("result", "text"), [(0, "0"), (9, "9"), (0x10000, "0x10000"), ("EINVAL", "EINVAL"), (b"\x0f\x05", "0f05")]
)
def test_answers(result, text):
    """Small numbers, which are mostly 0 or a pid, are decimal."""
    assert answer(result) == text


def test_calls_without_a_name():
    """In a sentence, a number alone would say nothing."""
    assert system_call("#0") == "system call #0"
    assert system_call("getpid") == "getpid"
