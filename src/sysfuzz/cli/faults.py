"""Engine faults for people: one line each as they come, and a file that a bug report of sysfuzz can attach.

A fault says nothing about the target. That the store could not be written is no fault of the engine but of its
surroundings, and told as such.
"""

from pathlib import Path

from sysfuzz.cli.errors import bad_input
from sysfuzz.cli.output import replace_text
from sysfuzz.engine.faults import Fault
from sysfuzz.findings.bucket import one_line, slug_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.reproducer import program_text
from sysfuzz.program.wire import decode

_DIRECTORY = "engine-faults"  # below the findings; a store passes over what holds no finding


def store_error(fault: Fault) -> str | None:
    """The line that says why the store could not be written, if that is what the fault is about."""
    if not fault.where.startswith(f"{StoreError.__name__} "):
        return None
    return one_line(fault.detail.rstrip().rpartition("\n")[2].partition(": ")[2])


def keep(fault: Fault, target: str, findings: Path) -> str:
    """Write the input of a fault as a program, with what is known about it; a line that says so. Raises BadInput."""
    detail = [one_line(line) for line in fault.detail.splitlines()]
    comments = (f"target: {target}", f"engine fault: {fault.kind}: {fault.where}", *detail)
    path = findings / _DIRECTORY / f"{slug_of(fault.kind, fault.where)}.prog"
    with bad_input():
        path.parent.mkdir(exist_ok=True)
    replace_text(path, program_text(decode(fault.data), comments))
    return f"engine fault: {fault.kind}: {fault.where}\n  {path} holds the input and what is known"
