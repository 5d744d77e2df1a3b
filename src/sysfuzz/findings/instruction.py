"""The instruction behind an attempt, as bytes and as an assembler would write it.

An outcome holds no code, so the target is asked: the program is run once more up to the run in question, and there the bytes are peeked.
Code that a run itself writes is not seen so; then only the kind of entry is told.
"""

from typing import NamedTuple

from sysfuzz.program.ir import Op, Program
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Attempt
from sysfuzz.targets.table import Target
from sysfuzz.x86.decode import disassemble, length
from sysfuzz.x86.entries import MAX_INSTRUCTION, scan


class Instruction(NamedTuple):
    """`code` is empty where the bytes are not known."""

    code: bytes
    text: str


def instruction_of(target: Target, program: Program, op: int, attempt: Attempt) -> Instruction:
    """The instruction of an attempt in the run that is op number `op`."""
    if not attempt.gate:
        code = _peek(target, program, op, attempt.start, MAX_INSTRUCTION)
        code = code or _peek(target, program, op, attempt.start, min(PAGE - attempt.start % PAGE, MAX_INSTRUCTION))
        code = code[: length(code, attempt.bits) or 1]
        return Instruction(code, _text(code, attempt) if code else "")
    size = attempt.opcode - attempt.start + attempt.size
    code = _peek(target, program, op, attempt.start, size) if 0 < size <= MAX_INSTRUCTION else b""
    if length(code, attempt.bits) == size:
        return Instruction(code, _text(code, attempt))
    entry = scan(code, attempt.bits).entry  # the CPU takes more prefixes than decoders do
    return Instruction(code if entry is not None and entry.gate == attempt.gate else b"", attempt.gate)


def _peek(target: Target, program: Program, op: int, addr: int, count: int) -> bytes:
    """`count` bytes as they are before op number `op`; none if one of them cannot be read."""
    outcome = target.run(program._replace(ops=(*program.ops[:op], Op("peek", (addr, count)))))
    result = outcome.steps[-1].result if len(outcome.steps) == op + 1 else None
    return result if isinstance(result, bytes) else b""


def _text(code: bytes, attempt: Attempt) -> str:
    return disassemble(attempt.start, code, attempt.bits)[0].split(maxsplit=2)[2]
