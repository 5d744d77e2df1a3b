"""The independent statement of what must happen: per page, without intervals, sharing no code with `kernel/`."""

from sysfuzz.spec.compare import Difference, Matcher, diff, matches
from sysfuzz.spec.expect import (
    UNSPECIFIED,
    AnyBytes,
    Anywhere,
    Dispatch,
    Expectation,
    Expected,
    ExpectedEvent,
    ExpectedStep,
    Signal,
    State,
    Unspecified,
    accepts,
)
from sysfuzz.spec.follow import follow
from sysfuzz.spec.pages import ANON, Page, Pages

__all__ = [
    "ANON",
    "UNSPECIFIED",
    "AnyBytes",
    "Anywhere",
    "Difference",
    "Dispatch",
    "Expectation",
    "Expected",
    "ExpectedEvent",
    "ExpectedStep",
    "Matcher",
    "Page",
    "Pages",
    "Signal",
    "State",
    "Unspecified",
    "accepts",
    "diff",
    "follow",
    "matches",
]
