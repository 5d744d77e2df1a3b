"""Corpora on the command line: directories of program text, read before a run and added to after it.

As with libFuzzer, the first directory is read and gets what is new, further ones are only read. A file is named by its
contents, so that no writer disturbs another and one input is kept once.
"""

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sysfuzz.cli.errors import BadInput, bad_input
from sysfuzz.cli.inputs import programs_below, read_program
from sysfuzz.cli.output import replace_text
from sysfuzz.findings.reproducer import program_text
from sysfuzz.program.wire import decode, encode

_NAME_DIGITS = 24  # 96 bits: no two inputs of any corpus meet


class Corpus:
    """What the given directories hold, in the engine's form. Without directories it is empty and keeps nothing."""

    def __init__(self, directories: tuple[Path, ...]) -> None:
        """Read every program; the first directory is made if it is missing. Raises BadInput."""
        self._first = directories[0] if directories else None
        if self._first is not None:
            if self._first.exists() and not self._first.is_dir():
                raise BadInput(f"{self._first}: Not a directory")
            with bad_input():
                self._first.mkdir(parents=True, exist_ok=True)
            try:
                tempfile.TemporaryFile(dir=self._first).close()
            except OSError as error:
                raise BadInput(f"{self._first}: cannot write into it: {error.strerror}") from error
        files = [path for directory in directories for path in programs_below(directory)]
        self.inputs = tuple(dict.fromkeys(encode(read_program(path).program) for path in files))

    def add(self, inputs: Iterable[bytes]) -> None:
        """Keep new inputs, each as a file of canonical text in the first directory. Raises BadInput."""
        if self._first is None:
            return
        known = {program_text(decode(data)) for data in self.inputs}
        for data in inputs:
            text = program_text(decode(data))
            if text not in known:
                known.add(text)
                replace_text(self._first / file_name(text), text)


def file_name(text: str) -> str:
    """The name of the corpus file that holds `text`."""
    return f"{hashlib.sha256(text.encode()).hexdigest()[:_NAME_DIGITS]}.prog"
