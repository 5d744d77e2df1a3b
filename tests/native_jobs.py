"""A job that runs code of the user's, as far as the engine knows: its inputs can kill it, and it can be asked why."""

from collections.abc import Sequence
from pathlib import Path

from toy_jobs import Trouble


class Native(Trouble):
    """Trouble that can be examined. Setting "dies": each execution ends the process."""

    def execute(self, data: bytes) -> Sequence[str]:
        """Behave as badly as `data` says, or always."""
        return super().execute(b"exit" if "dies" in self.settings else data)

    def examine(self, data: bytes) -> Sequence[str]:
        """Leave a file with the input's name, and call it a bug; "exit" is one that cannot be explained."""
        if data == b"exit":
            raise ValueError("no idea")
        Path(str(self.settings["findings"]), f"examined-{data.decode()}").touch()
        return ("death",)
