"""The file that shows a bug: a program in canonical text, headed by what it shows and the command that shows it.

Machine code is followed by its disassembly, so that a reader sees what runs. Where the file lies is the business of `store`.
"""

import shlex
from pathlib import Path

from sysfuzz.program.ir import Program, width
from sysfuzz.program.text import format_program
from sysfuzz.x86.decode import disassemble

_MAX_INSTRUCTIONS = 8  # of one poke: what fits a line that can still be read


def reproducer(program: Program, target: str, bucket: str, path: Path) -> str:
    """The text of `path`, which shows `bucket` on `target`; `path` is as seen from where the command will be run."""
    comments = (f"target: {target}", f"bucket: {bucket}", f"replay: {replay_command(path, target)}")
    return program_text(program, tuple(map(printable, comments)))


def replay_command(path: Path, target: str) -> str:
    """The command that runs a program again, for a shell."""
    return shlex.join(["sysfuzz", "exec", str(path), "--target", target])


def printable(line: str) -> str:
    """`line` as a comment can hold it: a file's name may have line feeds, and bytes that are no text."""
    return "".join(char if char.isprintable() else "?" for char in line)


def program_text(program: Program, comments: tuple[str, ...] = ()) -> str:
    """A program as canonical text under header comments, each poke with its disassembly."""
    bits = width(program.mode)

    def comment(addr: int | None, code: bytes) -> str:
        # Where an earlier op's result decides the address, jumps show their distance from 0.
        lines = disassemble(addr or 0, code, bits)
        instructions = [line.split(maxsplit=2)[2] for line in lines[:_MAX_INSTRUCTIONS]]
        return "; ".join(instructions) + ("; ..." if len(lines) > _MAX_INSTRUCTIONS else "")

    return format_program(program, comments=comments, disassemble=comment)
