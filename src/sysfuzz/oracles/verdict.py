"""What an oracle says: one violation, with the cause that identifies its bug.

The cause is a path of words such as `attribute/mmap/merge`: where core and spec first parted, or what went wrong if they never did, and then the
circumstances. It holds no addresses, no bytes, no seeds and no op numbers, so that two programs that show one bug have one cause; where they
must differ in the circumstances all the same, `kinship` says which belong together.
"""

from typing import NamedTuple


class Verdict(NamedTuple):
    """One violation. `expected` and `actual` are one-line texts for people; `event` is the index in the run's events, -1 for the op itself."""

    oracle: str
    op: int
    expected: str
    actual: str
    cause: str
    event: int = -1
