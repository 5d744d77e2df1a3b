"""The identity of a bug: one bucket for everything that has one cause, and one directory name for each bucket.

An oracle already gives a cause that names no address; the panic of a core that somebody else wrote may still print
one, so that here, and nowhere else, a cause is made stable. It knows neither oracles nor where findings are kept.
"""

import hashlib
import re
from collections.abc import Iterable

from sysfuzz.findings.severity import rank, severity_of
from sysfuzz.oracles.verdict import Verdict

# A number that stands alone is an address, a count or an op; `int80` and `lcall7` are names.
_NUMBER = re.compile(r"(?<![A-Za-z0-9_])#?(?:0[xX][0-9a-fA-F]+|[0-9]+)(?![A-Za-z0-9_])")

# A cause is a handful of words. A panic's message can be of any length, and its first sentence tells it from others.
_MAX_BUCKET = 160

# A directory name: NAME_MAX is 255, and a line of `triage list` should hold it.
_MAX_SLUG = 120
_HASH_DIGITS = 8
_NO_SLUG = re.compile(r"[^a-z0-9-]+")


def bucket_of(verdict: Verdict) -> str:
    """The bucket of a verdict: its cause on one line, with `#` for every number."""
    return one_line(_NUMBER.sub("#", verdict.cause))[:_MAX_BUCKET].rstrip()


def one_line(text: str) -> str:
    """`text`, which may come from a core that somebody else wrote, as one printable line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def group(verdicts: Iterable[Verdict]) -> dict[str, tuple[Verdict, ...]]:
    """The verdicts of one execution by bucket, in order of appearance; those of each bucket by severity, then by op."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(bucket_of(verdict), []).append(verdict)
    return {bucket: tuple(sorted(members, key=_order)) for bucket, members in groups.items()}


def _order(verdict: Verdict) -> tuple[int, int, int]:
    return rank(severity_of(verdict.oracle)), verdict.op, verdict.event


def slug_of(target: str, bucket: str) -> str:
    """The directory name of a bucket on a target: lower-case letters, digits and dashes, `--` for `/` between words.

    Different pairs have different slugs: when the name does not tell the text by itself, a hash of the text ends it.
    """
    text = f"{target}/{bucket}"
    slug = "--".join(filter(None, (_NO_SLUG.sub("-", word).strip("-") for word in text.lower().split("/"))))
    if slug.replace("--", "/") == text and len(slug) <= _MAX_SLUG:
        return slug
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_DIGITS]
    return f"{slug[: _MAX_SLUG - _HASH_DIGITS - 1].rstrip('-')}-{digest}".lstrip("-")
