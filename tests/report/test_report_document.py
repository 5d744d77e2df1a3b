"""Text that every reader can hold."""

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysfuzz.report.document import dump, legal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\tc", "a\nb\tc"),
        ("é 漢 𝄞", "é 漢 𝄞"),
        ("\x1b[2J", "\ufffd[2J"),  # clears a terminal
        ("a\rb", "a\ufffdb"),  # overwrites a line
        ("\u202etxt.exe", "\ufffdtxt.exe"),  # shows it backwards
        ("\udc80", "\ufffd"),  # no UTF-8
        ("\x00\x85\ufffe", "\ufffd\ufffd\ufffd"),
    ],
)
def test_legal(text: str, expected: str) -> None:
    """Characters that break or disguise a file are replaced, one by one."""
    assert legal(text) == expected


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_any_text_is_xml_and_utf8(text: str) -> None:
    """Whatever is given becomes text that XML 1.0 and UTF-8 hold, and stays that."""
    clean = legal(text)
    assert legal(clean) == clean
    assert len(clean) == len(text)
    escaped = re.sub("[&<>]", lambda match: f"&#{ord(match[0])};", clean)
    assert ElementTree.fromstring(f"<t>{escaped}</t>".encode()).text == (clean or None)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(st.characters(codec=None)),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_dump(value: object) -> None:
    """A dumped value reads back, its texts legal; the document is UTF-8 without escapes for other alphabets."""
    document = dump(value)
    document.encode()
    assert legal(document) == document
    assert dump(json.loads(document)) == document
    assert dump("é") == '"é"\n'
