"""Locks on open files: the kernel gives one back when its holder ends, however it does, so that none outlives anybody.

Knows nothing of what they are for.
"""

import fcntl
from pathlib import Path

ALONE, TOGETHER = fcntl.LOCK_EX, fcntl.LOCK_SH


def locked(descriptor: int, path: Path, how: int, *, wait: bool) -> bool:
    """Lock the open file `path`, `ALONE` or `TOGETHER` with others; whether that was possible at once, if it is not to `wait`.

    OSError: the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise OSError(
            error.errno, f"cannot be locked: {error.strerror}; supported: a file system with locks", str(path)
        ) from None
    return True
