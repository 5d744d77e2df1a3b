"""The `.prog` text format: the durable form of programs, for corpora, findings, regression tests and documentation.

    # anything about the program
    mode amd64                              # amd64 | i386
    vendor intel                            # amd (the default) | intel
    reg rax = 0x14                          # initial registers that are not zero
    mmap(0x10000, 0x2000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
    poke(r0+0xffe, "0f05")                  # syscall
    run(r0+0xffe, blocks=20)                # -> SIGILL @0x10ffe

This file is the door to the format: reading is done in `parser`, printing in `printer`, and what is read, with its
comments, is a `Source`.
"""

from pathlib import Path

from sysfuzz.program.parser import parse
from sysfuzz.program.printer import format_arg, format_op, format_program, format_source
from sysfuzz.program.source import Mark, Source, Statement, TextError

__all__ = [
    "Mark",
    "Source",
    "Statement",
    "TextError",
    "format_arg",
    "format_op",
    "format_program",
    "format_source",
    "load",
    "parse",
]


_MAX_FILE = 1 << 20  # bytes; a program of the highest limits has some 10 KiB, the rest is room for comments


def load(path: Path) -> Source:
    """Read and parse a UTF-8 file of at most 1 MiB. Raises TextError, also at a byte that is not UTF-8, and OSError with the file's name."""
    with path.open("rb") as file:
        try:
            data = file.read(_MAX_FILE + 1)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
    text = data.decode("utf-8", "surrogateescape")
    if len(data) > _MAX_FILE:
        line = text.count("\n") + 1
        raise TextError(str(path), line, 1, f"the file is too long; supported: at most {_MAX_FILE:,} bytes")
    return parse(text, str(path))
