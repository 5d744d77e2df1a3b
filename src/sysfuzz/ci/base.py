"""What was known before: the findings of a store as it lies there, or as git has it at a revision.

Git is asked as a program for the files of that revision, and nothing is checked out: the working tree, its store and its branch stay as they
are. What is done with the knowledge is not decided here.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings import record
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.finding import Finding
from sysfuzz.findings.store import FINDING, Store

_SHORT = 12  # digits of a commit: what git itself shows of one in a large repository


class BaseError(Exception):
    """What was known cannot be found out; `str(error)` is one located line for each thing that is wrong."""


class Base(NamedTuple):
    """Findings by id, and where they come from, in words."""

    findings: Mapping[str, Finding]
    source: str  # "findings", or "findings at origin/main (0123456789ab)"
    commit: str = ""  # the whole name of the commit; "" for a store as it lies there
    assumed: str = ""  # what nobody has said and is taken for true; "" if there is nothing of the kind


def of_store(directory: Path) -> Base:
    """What the store in `directory` holds now; one that is not there knows nothing. Raises StoreError, and BaseError for damage."""
    if not directory.is_dir():
        return Base({}, str(directory), assumed=f"{directory} is not there, so no finding is known")
    listing = Store(directory).entries()
    if listing.damaged:
        raise BaseError("\n".join(listing.damaged))
    return Base({entry.id: entry.finding for entry in listing.entries}, str(directory))


def of_revision(directory: Path, revision: str) -> Base:
    """What the store in `directory` held at a revision of the git repository that it lies in. Raises BaseError."""
    # The directory may be of that revision only, or not be there any more.
    real = Path(os.path.realpath(directory))
    there = next(parent for parent in (real, *real.parents) if parent.is_dir())
    prefix = _git(there, "rev-parse", "--show-prefix").decode(errors="surrogateescape").rstrip("\n")
    home = os.path.normpath(os.path.join(prefix, real.relative_to(there)))
    commit = _commit(there, revision)
    blobs = _blobs(there, commit, home)
    source = f"{directory} at {revision} ({commit[:_SHORT]})"
    if not blobs:
        return Base({}, source, commit, f"{source} holds no finding, so none is known")
    findings = {}
    for (name, _), text in zip(blobs, _texts(there, [blob for _, blob in blobs]), strict=True):
        place = f"{revision}:{os.path.join(home, name, FINDING)}"
        try:
            findings[name] = record.load(text, place)
        except record.DamagedFinding as error:
            raise BaseError(str(error)) from None
        owner = slug_of(findings[name].target, findings[name].bucket)
        if owner != name:
            raise BaseError(f"{place}: holds the finding of directory {owner}")
    return Base(findings, source, commit)


def _commit(there: Path, revision: str) -> str:
    """The commit that a revision names."""
    supported = "supported: a commit, tag or branch that is here; a shallow clone has its own commit only"
    if not revision or revision.startswith("-"):  # git would take it for an option
        raise BaseError(f"no revision {revision!r}; {supported}")
    try:
        name = _git(there, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except BaseError:
        raise BaseError(f"no revision {revision!r}; {supported}") from None
    return name.decode().strip()


def _blobs(there: Path, commit: str, home: str) -> list[tuple[str, str]]:
    """(id, name of the blob of its finding.json) of each finding below `home`, as seen from the top of the repository."""
    below = [] if home == os.curdir else [f"{home}/"]
    rows = _git(there, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *below).decode(errors="surrogateescape")
    blobs = []
    for row in filter(None, rows.split("\0")):
        what, _, path = row.partition("\t")
        parts = os.path.relpath(path, home).split("/")
        if len(parts) == 2 and parts[1] == FINDING and not parts[0].startswith("."):
            blobs.append((parts[0], what.split()[2]))
    return blobs


def _texts(there: Path, blobs: Sequence[str]) -> list[str]:
    """The contents of blobs, all from one process: a store may hold thousands."""
    answer = _git(there, "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode())
    texts = []
    start = 0
    for _ in blobs:
        end = answer.index(b"\n", start)
        size = int(answer[start:end].split()[2])  # "NAME blob SIZE"
        start = end + 1
        texts.append(answer[start : start + size].decode(errors="replace"))
        start += size + 1
    return texts


def _git(there: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """The standard output of a git command in a directory. Raises BaseError with git's own last words."""
    try:
        done = subprocess.run(["git", "-C", str(there), *arguments], input=stdin, capture_output=True, check=False)
    except OSError as error:
        raise BaseError(f"git cannot be run: {error.strerror}") from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").split("\n")[0].strip()
        raise BaseError(f"{there}: git {arguments[0]}: {words or f'exit status {done.returncode}'}")
    return done.stdout
