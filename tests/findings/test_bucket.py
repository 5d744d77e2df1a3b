"""One cause, one bucket, one directory."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.findings.bucket import bucket_of, group, one_line, slug_of
from sysfuzz.oracles.verdict import Verdict


def verdict(cause: str, oracle: str = "panic", op: int = 0, event: int = -1) -> Verdict:
    """A verdict of which only some fields matter."""
    return Verdict(oracle, op, "this", "that", cause, event)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("panic/mmap/core:mmap/no entry at 0x10000", "panic/mmap/core:mmap/no entry at 0x7f7fffff0000"),
        ("panic/fork/core:fork/KeyError: 17", "panic/fork/core:fork/KeyError: 3"),
        ("panic/run/core:f/bad\n\tpointer", "panic/run/core:f/bad pointer"),
        ("result/#308/EINVAL/value", "result/#12/EINVAL/value"),
        ("panic/f/<Entry object at 0x7F00>", "panic/f/<Entry object at 0x8F10>"),
    ],
)
def test_same_bug_same_bucket(one: str, other: str) -> None:
    """Addresses, counts and line breaks are no part of a bug's identity."""
    assert bucket_of(verdict(one)) == bucket_of(verdict(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("check/int80", "check/int81"),
        ("check/lcall7", "check/lcall27"),
        ("attribute/mmap/merge", "attribute/mmap/enter"),
        ("panic/mmap/core:mmap/a", "panic/mmap/core:mmap2/a"),
    ],
)
def test_different_bugs_different_buckets(one: str, other: str) -> None:
    """Digits inside a name belong to the name."""
    assert bucket_of(verdict(one)) != bucket_of(verdict(other))


@given(st.text())
def test_bucket_is_one_short_printable_line(cause: str) -> None:
    """Whatever a foreign core says, a bucket can be printed in a line and written to JSON."""
    bucket = bucket_of(verdict(cause))
    assert bucket.isprintable()
    assert bucket == bucket.strip()
    assert len(bucket) <= 160
    assert bucket_of(verdict(bucket)) == bucket


def test_one_line_replaces_what_a_terminal_would_obey() -> None:
    """Control characters of a foreign core's message do not reach the terminal."""
    assert one_line("bad\x1b[2J\nflag\x00") == "bad?[2J flag?"


def test_group_puts_the_worst_face_first() -> None:
    """The verdicts of a bucket are ordered by severity, then by place in the program."""
    lost = verdict("a", "attribute-lost", op=1)
    blocked = verdict("a", "blocked", op=0)
    escape = verdict("a", "escape", op=3, event=0)
    early = verdict("a", "escape", op=2, event=5)
    other = verdict("b", "lock", op=0)
    assert group([blocked, other, lost, escape, early]) == {"a": (early, escape, lost, blocked), "b": (other,)}


@pytest.mark.parametrize(
    ("target", "bucket", "slug"),
    [
        ("nosyscalls-2011", "attribute/mmap/merge", "nosyscalls-2011--attribute--mmap--merge"),
        ("nosyscalls", "lock/int80", "nosyscalls--lock--int80"),
    ],
)
def test_plain_names_are_kept(target: str, bucket: str, slug: str) -> None:
    """The directory of an ordinary bucket reads like the bucket; committed directories rely on it."""
    assert slug_of(target, bucket) == slug


def test_other_names_end_in_a_hash() -> None:
    """The hash is that of the text, so that the name is the same on every machine and in every version."""
    # sha256("t/panic/mmap/sysfuzz.kernel.mman:mmap/bad mmap flag")[:8]
    assert slug_of("t", "panic/mmap/sysfuzz.kernel.mman:mmap/bad mmap flag") == (
        "t--panic--mmap--sysfuzz-kernel-mman-mmap--bad-mmap-flag-c8d7c4ac"
    )


_NAMES = st.one_of(st.text(max_size=12), st.text("aAbB-/.: ", max_size=12), st.text("a/-", max_size=300))


@given(_NAMES, _NAMES)
def test_slug_is_a_directory_name(target: str, bucket: str) -> None:
    """Lower-case letters, digits and dashes, neither empty nor hidden nor an option, and short enough for any file system."""
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,119}", slug_of(target, bucket))


@given(st.text("aA-/. ", min_size=1, max_size=8), st.text("aA-/. ", min_size=1, max_size=8))
def test_different_buckets_have_different_slugs(one: str, other: str) -> None:
    """No two bugs of a target share a directory, even if their names differ in a slash, a dash or a capital only."""
    assert (slug_of("t", one) == slug_of("t", other)) == (one == other)


def test_targets_do_not_share_directories() -> None:
    """The same bucket on two targets is two findings: one may be fixed, the other not."""
    assert slug_of("nosyscalls", "lock/syscall") != slug_of("nosyscalls-2011", "lock/syscall")
