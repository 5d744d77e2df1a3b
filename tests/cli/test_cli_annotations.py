"""GitHub's workflow commands."""

import pytest

from sysfuzz.cli.annotations import annotation, wanted


@pytest.mark.parametrize(
    ("text", "file", "title", "expected"),
    [
        ("gone", "a.prog", "new", "::error file=a.prog,line=7,title=new::gone"),
        ("a\nb\r100%, x: y", "a.prog", "t", "::error file=a.prog,line=7,title=t::a%0Ab%0D100%25, x: y"),
        ("x", "a,b:c%.prog", "new: a/b", "::error file=a%2Cb%3Ac%25.prog,line=7,title=new%3A a/b::x"),
    ],
)
def test_what_would_end_a_command_is_escaped(text: str, file: str, title: str, expected: str) -> None:
    """One line, whatever is told; in properties also what separates them."""
    assert annotation("error", text, file=file, line=7, title=title) == expected


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False), (None, False)])
def test_only_github_reads_them(monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool) -> None:
    """GITHUB_ACTIONS is "true" there, and is not set elsewhere."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    if value is not None:
        monkeypatch.setenv("GITHUB_ACTIONS", value)
    assert wanted() is expected
