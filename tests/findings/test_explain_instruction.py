"""The instruction behind an attempt: its bytes as the target holds them, wherever they came from."""

import pytest

from sysfuzz.findings.instruction import instruction_of
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.program.text import parse
from sysfuzz.targets.emulated import EmulatedTarget

MAP = "mmap(0x10000, 0x1000, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"
MOVE = "mremap(0x10000, 0x1000, 0x20000, 0x1000, MAP_FIXED)\n"

CASES = [
    ('poke(0x10000, "0f05c3")\nrun(0x10000)\n', "0f05", "syscall"),
    ('poke(0x10000, "66f3cd80c3")\nrun(0x10000)\n', "66f3cd80", "int 0x80"),
    # In another place than it was written to, and in another process.
    ('poke(0x10000, "90cd80c3")\n' + MOVE + "fork()\nas(2)\nrun(0x20000)\n", "cd80", "int 0x80"),
    # At the end of the last page: nothing behind it can be read.
    ('poke(0x10ffe, "0f0b")\nrun(0x10ffe)\n', "0f0b", "ud2"),
    # No instruction: the byte that the CPU stopped at.
    ('poke(0x10fff, "0f")\nrun(0x10fff)\n', "0f", "(bad)"),
    # The run writes its syscall itself, over two nops: the bytes before the run are not what was executed.
    ('poke(0x10000, "66c705000000000f059090c3")\nrun(0x10000)\n', "", "syscall"),
    # Code that is not there.
    ("run(0x30000)\n", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "shown"), CASES)
def test_bytes_and_text(text, code, shown):
    """The bytes are those that the CPU executed, with their disassembly; where they are not known, only the gate is told."""
    program = parse("mode amd64\nreg rax = 0x14\n" + MAP + text).program
    target = EmulatedTarget("test", "", Kernel)
    outcome = target.run(program)
    op = len(program.ops) - 1
    attempt = next(event.attempt for event in outcome.steps[op].events if event.attempt is not None)
    found = instruction_of(target, program, op, attempt)
    assert (found.code.hex(), found.text) == (code, shown)
