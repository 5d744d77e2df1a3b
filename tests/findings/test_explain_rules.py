"""The rulebook quotes the documentation word by word, and finds the row that decides."""

import re
from pathlib import Path

import pytest

from sysfuzz.findings.rulebook import RULES
from sysfuzz.findings.ruling import rule_of_answer, rule_of_flags, rule_of_map
from sysfuzz.program.ir import CALLS
from sysfuzz.program.names import MAP

HOME = Path(__file__).parents[2]
RANGED = ("munmap", "mprotect", "minherit", "madvise", "msync", "mlock", "munlock", "mincore", "mremap")


def plain(text):
    """Text on one line, without emphasis and without the marks that say where a rule is known from."""
    unmarked = re.sub(r" ?\*\*\[(own|M)\]\*\*", "", " ".join(text.split()))
    return unmarked.replace("**", "")


def section(page, title):
    """The text under a heading of a page, up to the next heading."""
    text = (HOME / page).read_text(encoding="utf-8")
    parts = re.split(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return plain(dict(zip(parts[1::2], parts[2::2], strict=True))[title])


@pytest.mark.parametrize("key", RULES)
def test_quoted_word_by_word(key):
    """Every rule stands, as it is quoted, in the section that it names."""
    rule = RULES[key]
    assert plain(rule.text) in section(rule.page, rule.section)


@pytest.mark.parametrize("call", [call for call in CALLS if call not in ("run", "mmap")])
def test_every_call_has_a_rule_for_its_answers(call):
    """The rule of a wrong answer is about that call; poke and peek are those of the protocol, and that of seccomp names it by what it makes."""
    rule = rule_of_answer(call, (), "EINVAL", 64)
    assert rule.text.startswith(call) or f"`{call}(" in rule.text or call in ("poke", "peek", "seccomp")


FIXED, ANON = MAP["MAP_FIXED"], MAP["MAP_ANON"]
TOP = 0x7F8000000000

ROWS = [
    ((0x10000, 0x1000, 0, ANON | 0x8, -1, 0), "EINVAL", "Unknown flag bits"),
    ((0x10000, 0x1000, 0, ANON | MAP["MAP_NOSYSCALLS"] | MAP["MAP_RENAME"], -1, 0), "EOPNOTSUPP", "Unsupported combination"),
    ((0x10000, 0x1000, 0, ANON | MAP["MAP_SHARED"] | MAP["MAP_PRIVATE"], -1, 0), "EINVAL", "SHARED with PRIVATE"),
    ((0x10010, 0x1000, 0, FIXED | ANON, -1, 0), "EINVAL", "FIXED: `addr -= pageoff`; misaligned EINVAL"),
    ((0, 0x1000, 0, FIXED | ANON, -1, 0), "EINVAL", "`addr < VM_MIN` EINVAL"),
    ((TOP, 0x1000, 0, FIXED | ANON, -1, 0), "EFBIG", "`end > VM_MAX` EFBIG"),
    ((0x10000, 0x1000, 0, ANON, 3, 0), "EINVAL", "ANON: `fd != -1` EINVAL"),
    ((0x10000, 0x1000, 0, 0, 9, 0), "EBADF", "bad descriptor EBADF"),
    ((0x10000, 0x1000, 0, 0, 6, 0), "ENODEV", "terminal or pipe ENODEV"),
    ((0x10000, 0x1000, 4, 0, 5, 0), "EACCES", "no-exec mount with PROT_EXEC EACCES"),
    ((0x10000, 0x1000, 0, 0, 3, 1 << 63), "EINVAL", "negative EINVAL"),
    ((0x10000, 0x1000, 0, ANON | 64 << 24, -1, 0), "EINVAL", "n >= 64 EINVAL"),
    ((0x10000, 0x101000, 0, ANON, -1, 0), "ENOMEM", "over RLIMIT_AS: ENOMEM"),
    ((0x10000, 0x41000, 1, ANON | MAP["MAP_WIRED"], -1, 0), "ENOMEM", "over RLIMIT_MEMLOCK: ENOMEM"),
    ((0x10000, 0x1000, 0, ANON, -1, 0), 0x10000, "the attributes asked for"),
    ((0x10000, 0, 0, ANON, -1, 0), 0x10000, "nothing is mapped"),
    ((0x11000, 0x1000, 0, FIXED | ANON | 13 << 24, -1, 0), "EINVAL", "addr no multiple of 2^n EINVAL"),
    ((0x10000, 0x1000, 0, 0, 3, (1 << 63) - 0x1000), "EOVERFLOW", "over 2^63-1 EOVERFLOW"),
]  # fmt: skip

# Errnos that are not due: the row in which such an errno stands, and where that has no say, the one by which the call succeeds.
UNDUE_ROWS = [
    ((TOP - 0x1000, 0x1000, 0, FIXED | ANON, -1, 0), "EFBIG", "`end > VM_MAX` EFBIG"),  # the weakness range_end
    ((TOP - 0x1000, 0x1000, 0, 0, 3, 0), "EFBIG", "`end > VM_MAX` EFBIG"),
    ((0x10000, 0x1000, 0, FIXED | ANON, -1, 0), "EOVERFLOW", "`end < addr` EOVERFLOW"),
    ((0x10000, 0x1000, 0, FIXED, 3, 0), "EOVERFLOW", "over 2^63-1 EOVERFLOW"),
    ((0x10000, 0x1000, 0, ANON, -1, 0), "EOPNOTSUPP", "Unsupported combination: EOPNOTSUPP"),
    ((0x10000, 0x1000, 0, FIXED | ANON, -1, 0), "EINVAL", "the attributes asked for"),
    ((0x10010, 0x1000, 0, ANON, -1, 0), "EINVAL", "the attributes asked for"),  # a hint may be misaligned
    ((0x10000, 0x1000, 0, 0, 3, 0), "EINVAL", "the attributes asked for"),
    ((0x10000, 0, 0, ANON | 64 << 24, -1, 0), "EINVAL", "nothing is mapped"),  # row 6 comes before the alignment's
    ((0x10000, 0x1000, 0, ANON, -1, 0), "EPERM", "the attributes asked for"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "expected", "quoted"), ROWS + UNDUE_ROWS)
def test_rows_of_mmap(args, expected, quoted):
    """Of mmap's list, the row is quoted that gives the answer for these arguments, or by which that answer is wrong."""
    assert quoted in rule_of_answer("mmap", args, expected, 64).text


@pytest.mark.parametrize(
    ("call", "field", "verb", "quoted"),
    [
        ("mremap", "attributes", "move", "carry prot"),
        ("mremap", "attributes", "grow", "Grown pages"),
        ("mremap", "mapped", "shrink", "the tail is unmapped"),
        ("mremap", "attributes", "shrink", "belongs to a page"),
        ("mprotect", "attributes", "", "belongs to a page"),
        ("mprotect", "prot", "", "mprotect("),
        ("munmap", "attributes", "clip", "belongs to a page"),
        ("fork", "attributes", "", "attributes kept"),
        ("exec", "attributes", "", "a fresh map"),
        ("vfork", "mark", "", "inherits the mark"),
        ("boot", "mapped", "", "born"),
    ],
)
def test_rules_of_maps(call, field, verb, quoted):
    """What a call must do to a page is quoted from its row; that nothing else reaches the attribute, from the attribute's."""
    assert quoted in rule_of_map(call, field, verb).text


def test_rules_of_flags():
    """A combination is refused for another reason than an unknown bit."""
    assert "Unknown flag bits: EINVAL" in rule_of_flags("EINVAL").text
    assert "promised neither" in rule_of_flags("EOPNOTSUPP").text
