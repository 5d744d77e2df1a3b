"""The ignore list: behaviour that is known and accepted, by target and bucket, each entry with its reason.

A text file beside the findings, to be edited and committed with them:

    # The board has no lock to spare.
    nosyscalls-2011   panic/mmap/*   # as its manual says
    my.core:*         lock/int80     # costs time, nothing else

Target and bucket are patterns as shells know them: `*` is any text, `/` included, `?` one character, `[ab]` one of
these. A bucket can hold single spaces and `#`, so two spaces stand before the `#` of the reason. What is ignored is
recorded like any other bug; this file does not know who asks, or what becomes of the answer.
"""

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings.files import StoreError, located
from sysfuzz.findings.finding import Finding

IGNORE = "ignore.txt"  # in the directory of findings

_FORM = "TARGET BUCKET  # REASON, with two spaces before the #"
_ENTRY = re.compile(r"(?P<target>\S+)\s+(?P<bucket>\S.*?)(?:\s{2,}|\t)#\s*(?P<reason>.*)")
_MAX_FILE = 1 << 20  # bytes; a list that people keep has a few lines
_MAX_QUOTE = 60


class Ignored(NamedTuple):
    """One entry of the list."""

    line: int
    target: str  # patterns
    bucket: str
    reason: str

    def matches(self, finding: Finding) -> bool:
        """Whether this entry is about the finding."""
        return fnmatchcase(finding.target, self.target) and fnmatchcase(finding.bucket, self.bucket)


class IgnoreList(NamedTuple):
    """The entries of a file, in order."""

    file: str
    entries: tuple[Ignored, ...]

    def reason(self, finding: Finding) -> str:
        """Why the finding is ignored, by the first entry that matches; "" if none does."""
        return next((entry.reason for entry in self.entries if entry.matches(finding)), "")

    def idle(self, findings: Iterable[Finding]) -> list[str]:
        """Entries that match none of `findings`, as located lines."""
        known = list(findings)
        return [
            f"{self.file}:{entry.line}: matches no finding: {entry.target} {entry.bucket}"
            for entry in self.entries
            if not any(map(entry.matches, known))
        ]


NOTHING = IgnoreList("", ())


def of_store(directory: Path, file: Path | None = None) -> IgnoreList:
    """The list in `file`, which must be there; without one, that of the directory of findings, or an empty list. Raises StoreError."""
    own = directory / IGNORE
    if file is not None:
        return load(file)
    if own.is_fifo():  # given as FILE it would have a writer
        raise StoreError(f"{own}: is a pipe; supported: a file")
    return load(own) if os.path.lexists(own) else NOTHING


def load(path: Path) -> IgnoreList:
    """The list in a file. Raises StoreError with one located line."""
    with located(path, "cannot read"), path.open("rb") as file:
        data = file.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise StoreError(f"{path}: is too long; supported: at most {_MAX_FILE:,} bytes")
    return parse(data.decode(errors="replace"), str(path))


def parse(text: str, file: str) -> IgnoreList:
    """The list that `text` holds; `file` names it in messages. Raises StoreError with one located line."""
    entries: dict[tuple[str, str], Ignored] = {}
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _ENTRY.fullmatch(stripped)
        if match is None or not stripped.replace("\t", " ").isprintable():
            raise StoreError(f"{file}:{number}: expected {_FORM}, got {_quote(stripped)}")
        if not match["reason"]:
            raise StoreError(f"{file}:{number}: the reason is missing; expected {_FORM}")
        entry = Ignored(number, match["target"], " ".join(match["bucket"].split()), match["reason"])
        known = entries.setdefault(entry[1:3], entry)
        if known is not entry:
            raise StoreError(f"{file}:{number}: is in line {known.line} already: {entry.target} {entry.bucket}")
    return IgnoreList(file, tuple(entries.values()))


def _quote(line: str) -> str:
    return repr(line if len(line) <= _MAX_QUOTE else line[: _MAX_QUOTE - 3] + "...")
