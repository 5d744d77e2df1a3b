"""Visitors of a campaign: processes that have its directory alone for a while and run nothing. Afterwards runner.json says who ran it last, as
it did before; meanwhile it says who the visitor is, so that a runner that is refused can tell.
"""

import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sysfuzz.campaign.durable import write
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Place, hold
from sysfuzz.findings.times import stamp


def this_process(now: datetime) -> dict[str, object]:
    """Who this process is, as runner.json has it."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": stamp(now),
        "command": shlex.join(["sysfuzz", *sys.argv[1:]]),
    }


@contextmanager
def visit(layout: Layout, now: datetime) -> Iterator[Place]:
    """Have the directory alone, which is told from any that may take its place. Raises Held, OSError."""
    before = layout.runner.read_text(encoding="utf-8") if layout.runner.exists() else None
    with hold(layout, this_process(now)):
        place = Place(layout)
        try:
            yield place
        finally:
            if place.is_moved():
                pass  # what the path leads to is somebody else's
            elif before is None:
                layout.runner.unlink(missing_ok=True)
            else:
                write(layout.runner, before)
