"""What the system says of a file, as one line."""

import errno

import pytest

from sysfuzz.cli.errors import describe


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "f"), "f: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device", b"\xff"), "\udcff: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "standard output: No space left on device"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "standard output: Broken pipe"),
        (OSError(errno.ENOLCK, "No locks available"), "No locks available"),
        (OSError("a place: is gone"), "a place: is gone"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_whose_error_it_is(error: OSError, words: str) -> None:
    """The file's, if it has one; standard output's only if it can be that of a write, since that alone is written without its name."""
    assert describe(error) == words
