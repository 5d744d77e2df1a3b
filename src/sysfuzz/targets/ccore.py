"""A core written in C, as a `kernel.protocol.Core`: the structures of harnesses/c/sysfuzz_core.h to and from the values of `program.outcome`.

Every answer is copied out before the core is called again. What the header does not allow is a panic of the core. How a library is found and
opened is the business of `clibrary`; what becomes of a core that takes its process along, of `contained`.
"""

import ctypes
import os
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, NamedTuple

from sysfuzz.kernel.protocol import Access, Frame, KernelPanic, Memory
from sysfuzz.kernel.signals import CODES
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.program.ir import Mode, make
from sysfuzz.program.names import ERRNO, PAGE, SIGNAL
from sysfuzz.program.outcome import Delivered, Region, Reply, Result, View
from sysfuzz.targets.marks import METHODS, Marks

# The header's structures, which have no padding.
_FRAME = Struct("=IIQQ16Q")
_REPLY = Struct("=32s8QIIqIIQQ16Q4I")
_REGION = Struct("=QQ6I")
_VIEW = Struct("=4I")
_SEGMENT = Struct("=2I")
_NO_REPLY = bytes(_REPLY.size)

# Room for what a core reports. The limits allow 8 processes with 256 regions each; a core that breaks them should be seen to.
_VIEWS, _REGIONS = 64, 8192
_SEGMENTS = 64
# Words of a process's guard: pinsyscalls(2) takes as many pins as a page holds, and there are the limits' LWPs.
_GUARD = 8192
_ARGS = 8
_NO_ROOM = 0xFFFF_FFFF
_MASK64 = (1 << 64) - 1

_MODES: Final[dict[Mode, int]] = {"i386": 32, "amd64": 64}
_ACCESS: Final[dict[Access, int]] = {"read": 1, "write": 2, "exec": 4}
_GATES: Final = {"": 0, "syscall": 1, "int80": 2, "lcall7": 3, "lcall27": 4, "sysenter": 5}
_ENDS: Final = {0: "", 1: "exit", 2: "exec"}
_ERRNO_NAMES: Final = {number: name for name, number in ERRNO.items()}
_SIGNAL_NAMES: Final = {number: name for name, number in SIGNAL.items()}
_CODE_NAMES: Final = {(f"SIG{name.partition('_')[0]}", number): name for name, number in CODES.items()}

# What a core is asked.
(
    _OUTSIDE, _BOOT, _DESTROY, _CALL, _ENTER, _FAULT, _FILL, _POKE, _PEEK, _ALIVE, _SYSENTER, _SEGMENTS_OF, _VIEWS_OF, _TRANSITIONS, _CHECK,
    _GUARD_OF,
) = range(len(METHODS))  # fmt: skip


class _ReplyWords(NamedTuple):
    """struct sysfuzz_reply, in its order."""

    call: bytes
    args: tuple[int, ...]
    nargs: int
    signed_args: int
    result: int
    signal: int
    code: int
    addr: int
    saved_pc: int
    saved_regs: tuple[int, ...]
    handled: int
    ends: int
    locked: int
    reserved: int

    @classmethod
    def of(cls, data: memoryview) -> "_ReplyWords":
        """The structure in these bytes."""
        values = _REPLY.unpack_from(data)
        return cls._make((values[0], values[1:9], *values[9:16], values[16:32], *values[32:]))


class Host:
    """The host's side: struct sysfuzz_host, and the buffers. An exception in a callback is kept, and raised when the core has answered."""

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._memory: GuestMemory | None = None
        allocate = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)
        write = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
        panic = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
        # They live as long as the host: the core has their addresses.
        self._callbacks = (allocate(self._allocate), write(self._write), panic(self._panic))
        self.struct = (ctypes.c_uint64 * 6)(0, 0, 0, *map(_address, self._callbacks))
        # Structures that are passed by address.
        self.frame, self.reply = _passed(_FRAME.size), _passed(_REPLY.size)
        self.args, self.segments = _passed(8 * _ARGS), _passed(_SEGMENT.size * _SEGMENTS)
        self.views, self.regions = _passed(_VIEW.size * _VIEWS), _passed(_REGION.size * _REGIONS)
        self.guard = _passed(8 * _GUARD)

    def serve(self, memory: Memory) -> None:
        """From now on it is this memory. TypeError: it has no address."""
        if not isinstance(memory, GuestMemory):
            raise TypeError(f"a core in C needs a GuestMemory, not {type(memory).__name__}")
        self._memory = memory
        self.raised = None
        self.struct[1], self.struct[2] = memory.host, memory.size

    def _allocate(self, _context: int | None) -> int:
        try:
            assert self._memory is not None
            return self._memory.allocate()
        except BaseException as error:
            self.raised = self.raised or error
            return 0

    def _write(self, _context: int | None, paddr: int, data: int, size: int) -> None:
        try:
            assert self._memory is not None
            if size > PAGE:
                raise ValueError(f"{size} bytes at {paddr:#x} are more than a page")
            self._memory.write(paddr, ctypes.string_at(data, size))
        except BaseException as error:
            self.raised = self.raised or error

    def _panic(self, _context: int | None, message: bytes | None) -> None:
        self.raised = self.raised or KernelPanic((message or b"").decode(errors="replace"))


def _address(callback: Any) -> int:
    return ctypes.cast(callback, ctypes.c_void_p).value or 0


class CCore:
    """Implements kernel.protocol.Core with the functions of a library; see there."""

    def __init__(self, functions: ctypes.CDLL, host: Host, marks: Marks, mode: Mode, memory: Memory) -> None:
        """Boot. Raises KernelPanic."""
        host.serve(memory)
        self._functions = functions
        self._host = host
        self._marks = marks.bytes
        self._marks[1] = 0
        self._pid = os.getpid()
        self._core: int | None = None
        self._registers = 16 if mode == "amd64" else 8
        self._rest = (0,) * (16 - self._registers)
        self._frame, self._frame_at = host.frame
        self._reply, self._reply_at = host.reply
        self._args, self._args_at = host.args
        self._view_bytes, self._views_at = host.views
        self._region_bytes, self._regions_at = host.regions
        self._segment_bytes, self._segments_at = host.segments
        self._guard_bytes, self._guard_at = host.guard
        self._guard_of: Callable[..., Any] | None = getattr(functions, "sysfuzz_guard", None)
        self._views: tuple[View, ...] = ()
        self._regions: dict[int, tuple[bytes, tuple[Region, ...]]] = {}
        self._names: dict[str, bytes] = {}
        core = self._ask(_BOOT, functions.sysfuzz_boot, host.struct, _MODES[mode], of_core=False)
        if not core:
            raise KernelPanic("boot answered with no core")
        self._core = core

    def destroy(self) -> None:
        """Give back what the core has; once. Raises KernelPanic."""
        if self._core is not None:
            core, self._core = self._core, None
            self._ask(_DESTROY, self._functions.sysfuzz_destroy, core, of_core=False)

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """See protocol.Core."""
        encoded = self._names.get(name)
        if encoded is None:
            encoded = self._names[name] = name.encode()
        count = len(args)
        Struct(f"={count}Q").pack_into(self._args, 0, *[arg & _MASK64 for arg in args])
        function = self._functions.sysfuzz_call
        return _result(self._ask(_CALL, function, pid, lwp, encoded, self._args_at, count), "call")

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """See protocol.Core."""
        self._put(frame)
        self._ask(_ENTER, self._functions.sysfuzz_enter, pid, lwp, self._frame_at, self._reply_at)
        return self._answer(frame, "enter")

    def fault(self, pid: int, lwp: int, frame: Frame, vector: int, addr: int | None) -> Reply:
        """See protocol.Core."""
        self._put(frame)
        function = self._functions.sysfuzz_fault
        self._ask(_FAULT, function, pid, lwp, self._frame_at, vector, addr or 0, self._reply_at)
        return self._answer(frame, "fault")

    def fill(self, pid: int, vaddr: int, access: Access) -> tuple[int, int] | None:
        """See protocol.Core."""
        page = self._ask(_FILL, self._functions.sysfuzz_fill, pid, vaddr, _ACCESS[access])
        return (page & -PAGE, page & PAGE - 1) if page else None

    def poke(self, pid: int, addr: int, data: bytes) -> Result:
        """See protocol.Core."""
        return _result(self._ask(_POKE, self._functions.sysfuzz_poke, pid, addr, data, len(data)), "poke")

    def peek(self, pid: int, addr: int, count: int) -> Result:
        """See protocol.Core."""
        data = ctypes.create_string_buffer(count)
        done = _result(self._ask(_PEEK, self._functions.sysfuzz_peek, pid, addr, data, count), "peek")
        return data.raw if done == 0 else done

    def alive(self, pid: int, lwp: int) -> int:
        """See protocol.Core."""
        return int(self._ask(_ALIVE, self._functions.sysfuzz_alive, pid, lwp))

    def sysenter_enabled(self, pid: int) -> bool:
        """See protocol.Core."""
        return bool(self._ask(_SYSENTER, self._functions.sysfuzz_sysenter_enabled, pid))

    def segments(self, pid: int) -> tuple[tuple[int, int], ...]:
        """See protocol.Core."""
        function = self._functions.sysfuzz_segments
        count = self._ask(_SEGMENTS_OF, function, pid, self._segments_at, _SEGMENTS)
        if count > _SEGMENTS:
            raise KernelPanic(f"segments answered {count}, and there is room for {_SEGMENTS}")
        return tuple(_SEGMENT.iter_unpack(bytes(self._segment_bytes[: count * _SEGMENT.size]))) if count else ()

    def views(self) -> tuple[View, ...]:
        """See protocol.Core; the same object as long as nothing changes."""
        function = self._functions.sysfuzz_views
        count = self._ask(_VIEWS_OF, function, self._views_at, _VIEWS, self._regions_at, _REGIONS)
        if count > _VIEWS:
            what = "that there is no room" if count == _NO_ROOM else str(count)
            raise KernelPanic(f"views answered {what}; there is room for {_VIEWS} processes and {_REGIONS} regions")
        views = []
        start = 0
        for at in range(0, count * _VIEW.size, _VIEW.size):
            pid, marked, regions, _ = _VIEW.unpack_from(self._view_bytes, at)
            end = start + regions * _REGION.size
            if end > len(self._region_bytes):
                raise KernelPanic(f"views answered more than {_REGIONS} regions")
            held = self._regions_of(pid, bytes(self._region_bytes[start:end]))
            views.append(View(pid, bool(marked), held, self._guard(pid) if self._guard_of else ()))
            start = end
        told = tuple(views)
        if told != self._views:
            self._views = told
        return self._views

    def _guard(self, pid: int) -> tuple[tuple[int, ...], ...]:
        """The rows of a process's guard; each comes as the number of its words, and these."""
        assert self._guard_of is not None
        count = self._ask(_GUARD_OF, self._guard_of, pid, self._guard_at, _GUARD)
        if count > _GUARD:
            raise KernelPanic(f"guard answered {count}, and there is room for {_GUARD} words")
        words = self._guard_bytes[: 8 * count].cast("Q").tolist()
        rows = []
        at = 0
        while at < count:
            end = at + 1 + words[at]
            if end > count:
                raise KernelPanic(f"guard answered a row of {words[at]} words, and {count - at - 1} are left")
            rows.append(tuple(words[at + 1 : end]))
            at = end
        return tuple(rows)

    def transitions(self) -> tuple[str, ...]:
        """See protocol.Core. The target asks for them when an op is done."""
        text = self._ask(_TRANSITIONS, self._functions.sysfuzz_transitions)
        self._marks[1] += 1
        return tuple(text.decode(errors="replace").split()) if text else ()

    def check(self) -> str:
        """See protocol.Core."""
        text = self._ask(_CHECK, self._functions.sysfuzz_check)
        return text.decode(errors="replace") if text else ""

    # -- both ways ----------------------------------------------------------------------------------------------------

    def _ask(self, method: int, function: Callable[..., Any], *args: Any, of_core: bool = True) -> Any:
        """Call the library. A process that the core has forked does not come back from there: one worker is enough."""
        marks = self._marks
        marks[0] = method
        answer = function(self._core, *args) if of_core else function(*args)
        if os.getpid() != self._pid:
            os._exit(0)  # before it touches the marks, which are its parent's
        marks[0] = _OUTSIDE
        if self._host.raised is not None:
            error, self._host.raised = self._host.raised, None
            raise error
        return answer

    def _regions_of(self, pid: int, data: bytes) -> tuple[Region, ...]:
        known = self._regions.get(pid)
        if known is not None and known[0] == data:
            return known[1]
        regions = tuple([make(Region, row) for row in _REGION.iter_unpack(data)])
        self._regions[pid] = (data, regions)
        return regions

    def _put(self, frame: Frame) -> None:
        """What the core is told of an entry, and an empty reply."""
        gate = _GATES[frame.gate]
        _FRAME.pack_into(self._frame, 0, gate, frame.cs, frame.pc, frame.flags, *frame.regs, *self._rest)
        self._reply[:] = _NO_REPLY

    def _answer(self, frame: Frame, method: str) -> Reply:
        """What the core answered: the reply, and the frame as it left it."""
        _, frame.cs, frame.pc, frame.flags, *regs = _FRAME.unpack_from(self._frame)
        frame.regs[:] = regs[: self._registers]
        words = _ReplyWords.of(self._reply)
        nargs, signed = words.nargs, words.signed_args
        if nargs > _ARGS:
            raise KernelPanic(f"{method} answered with {nargs} arguments; there is room for {_ARGS}")
        args = words.args[:nargs]
        if signed:
            args = tuple([_signed(arg) if signed >> index & 1 else arg for index, arg in enumerate(args)])
        ends = _ENDS.get(words.ends)
        if ends is None:
            raise KernelPanic(f"{method} answered that the call ends by {words.ends}")
        call = words.call.partition(b"\0")[0].decode(errors="replace")
        signal = self._signal(words, method) if words.signal else None
        return make(Reply, (call, args, _result(words.result, method), signal, ends, bool(words.locked)))

    def _signal(self, words: _ReplyWords, method: str) -> Delivered:
        name = _SIGNAL_NAMES.get(words.signal)
        word = None if name is None else _CODE_NAMES.get((name, words.code))
        if name is None or word is None:
            raise KernelPanic(f"{method} delivered signal {words.signal} with code {words.code}, which is none")
        regs = words.saved_regs[: self._registers]
        return Delivered(name, word, words.addr, words.saved_pc, regs, bool(words.handled))


def _passed(size: int) -> tuple[memoryview, int]:
    """A buffer for a structure, and its address."""
    buffer = (ctypes.c_uint8 * size)()
    return memoryview(buffer).cast("B"), ctypes.addressof(buffer)


def _result(value: int, method: str) -> Result:
    """A value, or the name of an errno."""
    if value >= 0:
        return value
    name = _ERRNO_NAMES.get(-value)
    if name is None:
        raise KernelPanic(f"{method} answered {value}, which is no errno that sysfuzz knows")
    return name


def _signed(word: int) -> int:
    return (word ^ 1 << 63) - (1 << 63)
