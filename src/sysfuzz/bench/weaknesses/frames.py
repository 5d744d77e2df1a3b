"""Weak answers to a refused call: a frame that misleads the monitor, or none."""

from sysfuzz.bench.weaknesses.canary import instead
from sysfuzz.bench.weaknesses.plantable import Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel import trap
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.names import ERRNO, PAGE, RAX
from sysfuzz.program.outcome import Delivered, Reply


class _PcAfter(Plantable):
    def origin(self, process: Process, frame: Frame) -> tuple[int, int]:
        offset, linear = trap.origin(process, frame)
        return instead(offset, frame.pc), linear


class _PageAddress(Plantable):
    def origin(self, process: Process, frame: Frame) -> tuple[int, int]:
        offset, linear = trap.origin(process, frame)
        return offset, instead(linear, linear & -PAGE)


class _Delivers(Plantable):
    """Changes what a refused call is answered with."""

    def _deliver(self, process: Process, lwp: int, frame: Frame, signal: str, code: str, addr: int) -> Delivered:
        if frame.gate:
            code = instead(code, self.code(code))
            self.damage(frame)
        return super()._deliver(process, lwp, frame, signal, code, addr)

    def code(self, code: str) -> str:
        """The signal's code."""
        return code

    def damage(self, frame: Frame) -> None:
        """What else becomes of the frame."""


class _OpcodeCode(_Delivers):
    def code(self, code: str) -> str:
        return "ILL_ILLOPC"


class _Result(_Delivers):
    def damage(self, frame: Frame) -> None:
        """The refusal is written where results are."""
        frame.regs[RAX] = instead(frame.regs[RAX], ERRNO["EPERM"])


class _Silent(Plantable):
    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """A refused call does nothing, and the code goes on behind it."""
        reply = super().enter(pid, lwp, frame)
        if reply.signal is None:
            return reply
        return instead(reply, reply if reply.signal.handled else Reply(locked=reply.locked))


class _PrefixCounted(Plantable):
    def _sysenter(self, process: Process, frame: Frame, linear: int) -> int:
        prefixes = super()._sysenter(process, frame, linear)
        return instead(prefixes, min(prefixes, 0))


ROWS = (
    Planted("frame_pc", "frame", 2, 1_000, "a refused call's PC is left at the next instruction", _PcAfter),
    Planted("frame_addr", "frame", 2, 1_000, "si_addr is rounded down to the page", _PageAddress),
    Planted("frame_code", "frame", 2, 1_000, "a refused call has the code of an undefined opcode", _OpcodeCode),
    Planted("frame_registers", "frame", 2, 1_000, "a refused call overwrites RAX", _Result),
    Planted(
        "frame_missing", "frame", 2, 1_000, "a refused call is skipped without a signal if nobody handles it", _Silent
    ),
    Planted("frame_prefix", "frame", 2, 1_000, "a refused sysenter is reported at its prefixes", _PrefixCounted),
)
