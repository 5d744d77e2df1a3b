"""What a core of the user's own says about itself, in whichever language: by which promise it is judged, and which calls it does not have.

Where the words come from is the business of `table` and `clibrary`.
"""

from collections.abc import Collection
from dataclasses import replace

from sysfuzz.kernel.syscalls import INDIRECT, SYSCALLS
from sysfuzz.program.ir import CALLS
from sysfuzz.spec.promise import PROMISES, Promise

# Names of ops, and of calls that only code makes.
_NAMES = frozenset((*CALLS, *(call.name for call in SYSCALLS.values()), *(name for name, _ in INDIRECT.values())))


class DeclarationError(ValueError):
    """The words mean nothing; the message says what is supported."""


def declared(promise: object, unsupported: object) -> Promise:
    """The promise called `promise`, without the calls that are `unsupported`. Raises DeclarationError."""
    found = PROMISES.get(promise) if isinstance(promise, str) else None
    if found is None:
        raise DeclarationError(f"unknown promise {promise!r}; supported: {', '.join(PROMISES)}")
    calls = unsupported if isinstance(unsupported, Collection) and not isinstance(unsupported, str) else (None,)
    if not all(isinstance(call, str) for call in calls):
        raise DeclarationError("its 'unsupported' is no set of names of calls")
    without = frozenset(calls)
    if strange := sorted(without - _NAMES):
        raise DeclarationError(f"its 'unsupported' names {strange[0]!r}; supported: {', '.join(sorted(_NAMES))}")
    return replace(found, without=without) if without else found
