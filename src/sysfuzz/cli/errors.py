"""What goes wrong for a user, as one line on standard error and an exit code; nobody here sees a traceback.

0 clean, 1 findings or a failed check, 2 usage or bad input, 3 engine fault.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

CLEAN, FOUND, BAD_INPUT, ENGINE_FAULT = range(4)


class BadInput(click.ClickException):
    """What the user gave cannot be used: the message says where, why, and what is supported."""

    exit_code = BAD_INPUT


class EngineFault(click.ClickException):
    """The fuzzer itself failed; says nothing about the target."""

    exit_code = ENGINE_FAULT


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
    """`file: what the system says`; the one file that is written without its name is standard output."""
    named = isinstance(error.filename, str | bytes | os.PathLike)
    return f"{os.fsdecode(error.filename) if named else 'standard output'}: {error.strerror or error}"


def one_line(message: object) -> str:
    """The text of an error on one line."""
    return " ".join(str(message).split())
