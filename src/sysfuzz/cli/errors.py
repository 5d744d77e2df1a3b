"""What goes wrong for a user, as one line on standard error and an exit code; nobody here sees a traceback.

0 clean, 1 findings or a failed check, 2 usage or bad input, 3 engine fault.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

CLEAN, FOUND, BAD_INPUT, ENGINE_FAULT = range(4)

_OF_WRITING = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPIPE}  # write(2)


class BadInput(click.ClickException):
    """What the user gave cannot be used: the message says where, why, and what is supported."""

    exit_code = BAD_INPUT


class EngineFault(click.ClickException):
    """The fuzzer itself failed; says nothing about the target."""

    exit_code = ENGINE_FAULT


def engine_fault(error: Exception) -> EngineFault:
    """Why the engine cannot run: the first line of what it says, and the last, which is the worker's own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return EngineFault(": ".join(dict.fromkeys(["the engine", *lines[:1], *lines[-1:]])))


@contextmanager
def bad_input(*errors: type[Exception]) -> Iterator[None]:
    """Let an OSError, or one of `errors`, whose text is a located line already, be bad input."""
    try:
        yield
    except OSError as error:
        raise BadInput(describe(error)) from error
    except errors as error:
        raise BadInput(one_line(error)) from error


def describe(error: OSError) -> str:
    """`file: what the system says`. Of all files standard output alone is written without its name."""
    said = error.strerror or str(error) or type(error).__name__
    if isinstance(error.filename, str | bytes | os.PathLike):
        return f"{os.fsdecode(error.filename)}: {said}"
    return f"standard output: {said}" if error.errno in _OF_WRITING else said


def one_line(message: object) -> str:
    """The text of an error on one line."""
    return " ".join(str(message).split())
