"""The ignore list."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightings import NOON, sighting

from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import Finding
from sysfuzz.findings.ignore import NOTHING, Ignored, IgnoreList, load, of_store, parse


def finding(target: str, bucket: str) -> Finding:
    """A finding of this identity."""
    return replace(Finding.first(sighting(), NOON), target=target, bucket=bucket)


def test_the_form() -> None:
    """Comments and empty lines are passed over; columns can be aligned with spaces and tabs; a reason may hold anything."""
    text = "# ours\n\n  a  b/*  # one  # two\nmy.core:boot\tpanic/bad flags # in the map\t#why\r\n*   x   #r"
    assert parse(text, "f") == IgnoreList(
        "f",
        (
            Ignored(3, "a", "b/*", "one  # two"),
            Ignored(4, "my.core:boot", "panic/bad flags # in the map", "why"),
            Ignored(5, "*", "x", "r"),
        ),
    )


@pytest.mark.parametrize(
    ("entry", "target", "bucket", "ignored"),
    [
        ("t a/b", "t", "a/b", True),
        ("t a/b", "t2", "a/b", False),
        ("t a/b", "t", "a/b/c", False),
        ("t a/b", "t", "x/a/b", False),
        ("t a/b", "T", "a/b", False),
        ("t A/b", "t", "a/b", False),
        ("* a/*", "my.core:boot", "a/b/c d", True),
        ("* a/?", "t", "a/bc", False),
        ("t[12] *", "t2", "a", True),
        ("t[12] *", "t3", "a", False),
        ("t panic/page # of #", "t", "panic/page # of #", True),
        ("t a[*]", "t", "a*", True),
        ("t a[*]", "t", "ab", False),
    ],
)
def test_patterns(entry: str, target: str, bucket: str, ignored: bool) -> None:
    """Both patterns must cover the whole name; letters are told from capitals."""
    assert parse(f"{entry}  # why", "f").reason(finding(target, bucket)) == ("why" if ignored else "")


def test_the_first_entry_that_matches_says_why() -> None:
    """An exception stands before the rule."""
    listed = parse("t a/b  # this\nt a/*  # those\n", "f")
    assert listed.reason(finding("t", "a/b")) == "this"
    assert listed.reason(finding("t", "a/c")) == "those"


def test_idle_entries() -> None:
    """An entry that matches nothing any more is named with its line, also when it never comes first."""
    listed = parse("t a/*  # 1\nt a/b  # 2\n* c  # 3\nu *  # 4\n", "f")
    assert listed.idle([finding("t", "a/b")]) == ["f:3: matches no finding: * c", "f:4: matches no finding: u *"]
    assert NOTHING.idle([]) == []


_FORM = "expected TARGET BUCKET  # REASON, with two spaces before the #"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t a", f"f:1: {_FORM}, got 't a'"),
        ("\n\nt a # why", f"f:3: {_FORM}, got 't a # why'"),
        ("t  # why", f"f:1: {_FORM}, got 't  # why'"),
        ("t a  #", f"f:1: the reason is missing; {_FORM}"),
        ("t a  #  ", f"f:1: the reason is missing; {_FORM}"),
        ("t a\x1b[31m  # why", f"f:1: {_FORM}, got 't a\\x1b[31m  # why'"),
        ("t a  # why\n# b\nt  a  # because", "f:3: is in line 1 already: t a"),
        ("x" * 100, f"f:1: {_FORM}, got '{'x' * 57}...'"),
    ],
)
def test_bad_lines_are_located(text: str, message: str) -> None:
    """What is no entry is told with its line and what is supported; above all an entry without a reason."""
    with pytest.raises(StoreError) as caught:
        parse(text, "f")
    assert str(caught.value) == message


@given(st.text())
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    """No text breaks the reader, and no message breaks a line."""
    message, reasons = "", []
    try:
        reasons = [entry.reason for entry in parse(text, "f").entries]
    except StoreError as error:
        message = str(error)
    assert message.isprintable()
    assert all(reasons)


def test_where_the_list_is(tmp_path: Path) -> None:
    """The directory's own list may be missing; one that is named must be there, and stands in its place."""
    assert of_store(tmp_path) == of_store(tmp_path / "nothing") == NOTHING
    (tmp_path / "ignore.txt").write_text("t a  # own\n")
    (tmp_path / "other").write_text("t b  # other\n")
    assert of_store(tmp_path) == IgnoreList(str(tmp_path / "ignore.txt"), (Ignored(1, "t", "a", "own"),))
    assert [entry.bucket for entry in of_store(tmp_path, tmp_path / "other").entries] == ["b"]
    with pytest.raises(StoreError, match=r"/missing: cannot read: No such file or directory$"):
        of_store(tmp_path, tmp_path / "missing")
    (tmp_path / "ignore.txt").unlink()
    (tmp_path / "ignore.txt").symlink_to("nowhere")
    with pytest.raises(StoreError, match=r"/ignore\.txt: cannot read: No such file or directory$"):
        of_store(tmp_path)


def test_a_pipe_in_its_place(tmp_path: Path) -> None:
    """The directory's own list has no writer to wait for."""
    os.mkfifo(tmp_path / "ignore.txt")
    with pytest.raises(StoreError, match=r"/ignore\.txt: is a pipe; supported: a file$"):
        of_store(tmp_path)


def test_what_is_no_text(tmp_path: Path) -> None:
    """Directories, bytes of other formats and files without end are refused in one line."""
    with pytest.raises(StoreError, match=r": cannot read: Is a directory$"):
        load(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(StoreError, match=r"^/\S+/bytes:1: expected TARGET"):
        load(tmp_path / "bytes")
    with pytest.raises(StoreError, match=r"^/dev/zero: is too long; supported: at most 1,048,576 bytes$"):
        load(Path("/dev/zero"))
