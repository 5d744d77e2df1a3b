"""The instruction behind an event, as an assembler would write it.

An outcome does not hold code, so the bytes are those that the program's pokes put there; where they do not fit what the
CPU saw, as for code that was written, moved or shared otherwise, nothing is said.
"""

from sysfuzz.program.ir import Program, Ref
from sysfuzz.program.names import GATES
from sysfuzz.program.outcome import Attempt, Outcome
from sysfuzz.x86.decode import disassemble, length
from sysfuzz.x86.entries import MAX_INSTRUCTION


class Listing:
    """The code that a program's pokes wrote, by op."""

    def __init__(self, program: Program, outcome: Outcome) -> None:
        self._writes: list[tuple[int, int, bytes]] = []  # op, address, bytes
        for index, op in enumerate(program.ops[: len(outcome.steps)]):
            if op.call != "poke":
                continue
            addr, code = op.args
            if isinstance(addr, Ref):
                base = outcome.steps[addr.op].result
                addr = (base if isinstance(base, int) else -1) + addr.offset
            if isinstance(addr, int) and isinstance(code, bytes):
                self._writes.append((index, addr, code))

    def instruction(self, op: int, attempt: Attempt) -> str:
        """The instruction of an attempt in the run that is op number `op`; its gate, or "", if it is not known."""
        code = self._bytes(op, attempt.start)
        size = length(code, attempt.bits)
        if not size or (attempt.gate and size != attempt.opcode - attempt.start + attempt.size):
            return GATES.get(attempt.gate, attempt.gate)
        _, _, text = disassemble(attempt.start, code[:size], attempt.bits)[0].split(maxsplit=2)
        return text

    def _bytes(self, op: int, start: int) -> bytes:
        known: dict[int, int] = {}
        for index, addr, code in self._writes:
            if index < op:
                known.update(enumerate(code, addr))
        found = bytearray()
        while len(found) < MAX_INSTRUCTION and start + len(found) in known:
            found.append(known[start + len(found)])
        return bytes(found)
