"""Lines for a CI system's own eyes: GitHub's workflow commands, which it shows at the file and line that they name.

The form is that of `::error file=F,line=N,title=T::TEXT` with %, line ends and, in the properties, `:` and `,` escaped (GitHub Actions
documentation, "Workflow commands"; actions/toolkit, packages/core/src/command.ts). Elsewhere nothing is printed.
"""

import os
from typing import Literal

Level = Literal["error", "warning", "notice"]

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def wanted() -> bool:
    """Whether somebody reads them."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotation(level: Level, text: str, *, file: str, line: int = 1, title: str) -> str:
    """One workflow command."""
    properties = ",".join(
        f"{key}={str(value).translate(_PROPERTY)}" for key, value in (("file", file), ("line", line), ("title", title))
    )
    return f"::{level} {properties}::{text.translate(_DATA)}"
