"""A child's tie to its parent: whoever is started by an engine process ends when that ends, however it does.

Imports nothing of the project: a worker needs it before any core is imported.
"""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent, whose process id is given, ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)
