"""Weak checks at kernel entry: ways in that are not checked, addresses that are not looked at, a decision that is remembered too long."""

from sysfuzz.bench.weaknesses.canary import instead, passed
from sysfuzz.bench.weaknesses.plantable import Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel import syscalls, trap
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.outcome import NOSYSCALLS, Reply

_LONGEST = 15  # bytes of an instruction


def sound(process: Process, frame: Frame) -> bool:
    """What the reference would answer, without the trace that its look at the map leaves."""
    vm = process.vm
    locks = vm.locks
    answer = trap.blocked(process, frame)
    vm.locks = locks
    return answer


class _Unchecked(Plantable):
    """Some ways in have no check."""

    gates: tuple[str, ...] = ()

    def free(self, process: Process, frame: Frame) -> bool:
        """Whether this way in is one of them."""
        return frame.gate in self.gates

    def blocked(self, process: Process, frame: Frame) -> bool:
        return instead(sound(process, frame), False) if self.free(process, frame) else super().blocked(process, frame)


class _Syscall(_Unchecked):
    gates = ("syscall",)


class _Int80(_Unchecked):
    gates = ("int80",)


class _Lcall(_Unchecked):
    gates = ("lcall7", "lcall27")


class _Compatibility(_Unchecked):
    def free(self, process: Process, frame: Frame) -> bool:
        return self.mode == "amd64" and not trap.is_wide(frame.cs)


class _Setcontext(_Unchecked):
    def free(self, process: Process, frame: Frame) -> bool:
        return syscalls.request(self.mode, self._memory, process, frame.regs, frame.gate).name == "setcontext"


class _Sysenter(Plantable):
    def sysenter_enabled(self, pid: int) -> bool:
        return instead(super().sysenter_enabled(pid), True)

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """Lets sysenter in; nobody knows where it comes from."""
        if frame.gate == "sysenter":
            return self._dispatch(self.processes.alive[pid], lwp, frame, locked=False)
        return super().enter(pid, lwp, frame)


class _FirstLwp(Plantable):
    """Keeps the mark in the LWP, and lwp_create forgets to hand it on."""

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """Does not check LWPs that were created."""
        process = self.processes.alive[pid]
        if lwp == 1 or frame.gate == "sysenter":
            return super().enter(pid, lwp, frame)
        passed(sound(process, frame))
        return self._dispatch(process, lwp, frame, locked=False)


class _Looks(Plantable):
    """Looks at the bytes of `window` alone."""

    def window(self, frame: Frame, first: int, size: int) -> tuple[int, int]:
        """[start, end) in linear addresses, from that of the first opcode byte and the number of opcode bytes."""
        raise NotImplementedError

    def blocked(self, process: Process, frame: Frame) -> bool:
        if not process.marked:
            return False
        mask = trap.segment(process, frame.cs)[1]
        first, size = trap.origin(process, frame)[1], trap.OPCODE_SIZE[frame.gate]
        start, end = self.window(frame, first, size)
        found = any(process.vm.carries(at & mask, (at & mask) + 1, NOSYSCALLS) for at in range(start, end))
        return instead(sound(process, frame), found)


class _FirstByte(_Looks):
    def window(self, frame: Frame, first: int, size: int) -> tuple[int, int]:
        return first, first + 1


class _LastByte(_Looks):
    def window(self, frame: Frame, first: int, size: int) -> tuple[int, int]:
        return first + size - 1, first + size


class _NextAddress(_Looks):
    def window(self, frame: Frame, first: int, size: int) -> tuple[int, int]:
        return first + size, first + size + 1


class _OneByteMore(_Looks):
    """The end of the range is included."""

    def window(self, frame: Frame, first: int, size: int) -> tuple[int, int]:
        return first, first + size + 1


class _LongestInstruction(_Looks):
    """Prefixes might stand in front, so all that could be the instruction is looked at."""

    def window(self, frame: Frame, first: int, size: int) -> tuple[int, int]:
        return first + size - _LONGEST, first + size


class _LcallIsTwo(_Looks):
    """Every opcode is taken to have two bytes."""

    def window(self, frame: Frame, first: int, size: int) -> tuple[int, int]:
        return first + size - 2, first + size


class _WithoutBase(Plantable):
    def blocked(self, process: Process, frame: Frame) -> bool:
        if not process.marked:
            return False
        first = trap.origin(process, frame)[0]
        found = process.vm.carries(first, first + trap.OPCODE_SIZE[frame.gate], NOSYSCALLS)
        return instead(sound(process, frame), found)


class _NotTruncated(Plantable):
    def blocked(self, process: Process, frame: Frame) -> bool:
        if not process.marked:
            return False
        first = trap.segment(process, frame.cs)[0] + trap.origin(process, frame)[0]
        found = process.vm.carries(first, first + trap.OPCODE_SIZE[frame.gate], NOSYSCALLS)
        return instead(sound(process, frame), found)


class _Stale(Plantable):
    """Remembers the places from which a call was let in."""

    def blocked(self, process: Process, frame: Frame) -> bool:
        place = process.pid, trap.origin(process, frame)[1]
        let_in: set[tuple[int, int]] = self.__dict__.setdefault("let_in", set())
        if place in let_in:
            return instead(sound(process, frame), False)
        if super().blocked(process, frame):
            return True
        let_in.add(place)
        return False


ROWS = (
    Planted("unchecked_syscall", "entry", 2, 1_000, "syscall is not checked", _Syscall),
    Planted("unchecked_int80", "entry", 2, 1_000, "int 0x80 is not checked", _Int80),
    Planted("unchecked_lcall", "entry", 2, 1_000, "the call gates are not checked", _Lcall),
    Planted("unchecked_sysenter", "entry", 2, 1_000, "sysenter stays enabled for marked processes", _Sysenter),
    Planted("unchecked_32_bit", "entry", 2, 1_000, "32-bit code in a 64-bit process is not checked", _Compatibility),
    Planted("unchecked_setcontext", "entry", 2, 1_000, "setcontext may be called from anywhere", _Setcontext),
    Planted("unchecked_lwp", "sequence", 3, 1_000, "an LWP that was created is not checked", _FirstLwp),
    Planted("check_first", "address", 3, 1_000, "only the first opcode byte is looked up", _FirstByte),
    Planted("check_last", "address", 3, 1_000, "only the last opcode byte is looked up", _LastByte),
    Planted("check_next", "address", 2, 1_000, "the next instruction is looked up", _NextAddress),
    Planted("check_end", "address", 3, 1_000, "the byte behind the opcode is looked up as well", _OneByteMore),
    Planted(
        "check_prefixes",
        "address",
        3,
        1_000,
        "the bytes in front of the opcode are looked up as well",
        _LongestInstruction,
    ),
    Planted(
        "check_lcall_size", "address", 3, 1_000, "only the last two bytes of a far call are looked up", _LcallIsTwo
    ),
    Planted("check_base", "address", 3, 1_000, "the code segment's base is not added", _WithoutBase),
    Planted("check_wrap", "ends", 3, 1_000, "base and offset are added in 64 bits", _NotTruncated),
    Planted("check_stale", "sequence", 4, 1_000, "a place from which a call was let in is not looked up again", _Stale),
)
