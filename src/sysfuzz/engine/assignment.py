"""What a worker is told: a value that its parent leaves as JSON in the worker's directory."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_NAME = "assignment.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The job, the seed and the limits of one worker; see EpochSettings for what they mean."""

    parent: int  # process id
    factory: str
    settings: Mapping[str, object]  # of the job
    packages: tuple[str, ...]
    code_counters: int
    seed: int
    max_len: int
    rss_limit_mb: int
    flags: tuple[str, ...]
    sources: str
    quarantine: tuple[str, ...]  # inputs in hex
    own: bool = False
    suspect: str | None = None  # the input that has killed the worker before this one, in hex

    def write(self, directory: Path) -> None:
        """Leave it in a directory."""
        (directory / _NAME).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Assignment":
        """Take it from a directory."""
        record: dict[str, Any] = json.loads((directory / _NAME).read_text(encoding="utf-8"))
        lists = ("packages", "flags", "quarantine")
        return cls(**record | {name: tuple(record[name]) for name in lists})
