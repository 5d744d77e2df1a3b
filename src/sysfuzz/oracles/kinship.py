"""Which causes are one bug, given all that were seen on one target.

A cause is a path and, behind it, circumstances: words that say what was out of the ordinary where it showed (`check/int80/tail`: only the last
bytes of an int 0x80 were flagged). One run cannot tell whether a circumstance was needed, but a set of runs can:

* what shows without a circumstance needs none, so `check/int80` explains `check/int80/tail`;
* what needs a circumstance in one call or gate has its place where they share code, so `check/syscall/tail` explains `check/int80/tail`;
* an errno that is not due at all comes in the place of others too, and a check that is left out lets later ones speak, so both
  `result/mmap/value/EFBIG` and `result/mmap/EINVAL/value` explain `result/mmap/EINVAL/EFBIG`, and that explains `result/mmap/EINVAL/ENOMEM`.

The simplest cause of a set stands for those that it explains. That is a matter of the set and of nothing else: neither of the order in which
they were found nor of how often. A second bug may hide behind the first until that is mended; so kin are shown with their elder, not dropped.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Words of a cause that say where it showed, not what went wrong; `causes` and `origin` say when each applies. Those of the first row are about
# what all calls, or all gates, have in common.
_COMMON = frozenset(
    ("clip", "head", "tail", "next", "before", "compat", "base", "wrap", "stale", "setcontext", "lwp"),
)
_OWN = frozenset(("merge", "enter", "overlay", "wired", "gained", "share", "zero", "none", "shared"))
CIRCUMSTANCES = _COMMON | _OWN

# Words that bring others with them. `enter` is the absence of all others; whatever is wrong with a new mapping may show on one that merges.
# A check that looks behind the opcode instead of at it misses a flagged head too.
_IMPLIED: Mapping[str, frozenset[str]] = {
    "enter": frozenset(),
    "merge": frozenset(("merge", "gained", "overlay", "wired")),
    "head": frozenset(("head", "next")),
}

# Who stands for whom among equals: the gate that every program of the default mode has comes first.
_FIRST = ("syscall", "int80", "lcall")


class _Parts(NamedTuple):
    family: str  # causes of two families are never one
    where: str  # the call or gate
    circumstances: frozenset[str]


def _parts(cause: str) -> _Parts:
    family, *words = cause.split("/")
    if family == "result":
        return _flag_parts(words) if words[1:2] == ["flag"] else _result_parts(words)
    if family in ("panic", "insane"):  # the core's own words
        return _Parts(cause, "", frozenset())
    circumstances: set[str] = set()
    for word in words:
        if word in CIRCUMSTANCES:
            circumstances |= _IMPLIED.get(word, {word})
    if family == "overblock":  # a check of the wrong address refuses here what it lets in there
        family = "check"
        circumstances.add("overblock")
    return _Parts(family, "/".join(word for word in words if word not in CIRCUMSTANCES), frozenset(circumstances))


def _result_parts(words: list[str]) -> _Parts:
    """Of `result/CALL/DUE/CAME`: an errno that was due and did not come, and one that came without being due."""
    texts = [f"{kind} {word}" for kind, word in zip(("not", "but"), words[1:], strict=False) if word != "value"]
    return _Parts("result", words[0], frozenset(texts))


def _flag_parts(words: list[str]) -> _Parts:
    """Of `result/mmap/flag/KIND`, or with an errno behind it. An alias is an unknown flag that shows for what it is if the call succeeds."""
    kind, *errno = words[2:]
    ignored = {"alias", "ignored"} if kind == "unknown" else {kind}
    return _Parts("flag", "unknown" if kind == "alias" else kind, frozenset(ignored) | frozenset(errno))


def explains(elder: str, cause: str) -> bool:
    """Whether what `cause` names may be the bug that `elder` names, shown under more circumstances or elsewhere."""
    return elder != cause and _explains(_parts(elder), _parts(cause))


def _explains(simple: _Parts, other: _Parts) -> bool:
    if simple.family != other.family:
        return False
    if simple.family == "result" and simple.where == other.where and _left_out(simple) == _left_out(other) != "":
        return True
    if not simple.circumstances <= other.circumstances:
        return False
    if simple.where == other.where:
        return True
    return bool(simple.circumstances & _COMMON)


def _left_out(parts: _Parts) -> str:
    """The errno that did not come, of a result; "" if none was due."""
    return next((text for text in sorted(parts.circumstances) if text.startswith("not ")), "")


def fold(causes: Iterable[str]) -> dict[str, str]:
    """The cause that stands for each of `causes`: itself, or the simplest that explains it and that no other explains."""
    elders: dict[str, str] = {}
    # Roots by what they have in common with all that they explain, so that each cause is held against few of thousands.
    here: dict[tuple[str, str], list[_Root]] = {}  # by family and place
    anywhere: dict[str, list[_Root]] = {}  # by family, those of all places
    for number, cause in enumerate(sorted(set(causes), key=_simplicity)):
        parts = _parts(cause)
        near, far = here.setdefault((parts.family, parts.where), []), anywhere.setdefault(parts.family, [])
        found = (next((root for root in roots if _explains(root.parts, parts)), None) for roots in (near, far))
        elder = min((root for root in found if root), key=lambda root: root.number, default=None)
        elders[cause] = elder.cause if elder else cause
        if elder is None:
            root = _Root(number, cause, parts)
            near.append(root)
            if parts.circumstances & _COMMON:
                far.append(root)
    return elders


class _Root(NamedTuple):
    """A cause that none explains; the simpler ones have the lower numbers."""

    number: int
    cause: str
    parts: _Parts


def _simplicity(cause: str) -> tuple[int, int, str]:
    parts = _parts(cause)
    order = _FIRST.index(parts.where) if parts.where in _FIRST else len(_FIRST)
    return len(parts.circumstances), order, cause
