"""Where a campaign's processes leave their temporary files: one place for each campaign, so that those of a killed runner go with the next
start.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_MEMORY = "/dev/shm"
_ROOM = 1 << 30  # bytes, as for an epoch by itself


@contextmanager
def scratch(campaign: Path) -> Iterator[Path]:
    """Make an empty directory the place of temporary files, of this process and its children; it is removed in the end.

    It lies in memory, or in TMPDIR if that is set. Nobody else uses it for as long as the campaign is locked.
    """
    name = hashlib.sha256(os.fsencode(campaign.resolve())).hexdigest()[:16]
    home = Path(_home()) / f"sysfuzz-campaign-{os.getuid()}-{name}"
    with used(home):
        yield home


@contextmanager
def used(home: Path) -> Iterator[None]:
    """Temporary files of this process lie in `home`, which is made anew and removed in the end."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = str(home)
    try:
        yield
    finally:
        tempfile.tempdir = before[1]
        if before[0] is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before[0]
        shutil.rmtree(home, ignore_errors=True)


def _home() -> str:
    if "TMPDIR" in os.environ or not os.access(_IN_MEMORY, os.W_OK | os.X_OK):
        return tempfile.gettempdir()
    room = os.statvfs(_IN_MEMORY)
    return _IN_MEMORY if room.f_bavail * room.f_frsize >= _ROOM else tempfile.gettempdir()
