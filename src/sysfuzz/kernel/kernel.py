"""The flag-enforcement kernel: one object that boots, does calls, and stands at every kernel entry.

It wires the parts together and holds no semantics of its own: maps are in `vmmap`, calls in `mman`, `mremap` and `wiring`, the check in
`trap`. It implements `protocol.Core`. Any exception that escapes from it other than KernelPanic is a bug that counts as a panic.
"""

from collections.abc import Callable, Mapping

from sysfuzz.kernel import mman, signals, syscalls, trap, wiring
from sysfuzz.kernel.mincore import mincore
from sysfuzz.kernel.mremap import mremap
from sysfuzz.kernel.pages import Object
from sysfuzz.kernel.process import Process, Processes
from sysfuzz.kernel.protocol import Access, Frame, KernelPanic, Memory
from sysfuzz.kernel.rules import REFERENCE, Rules
from sysfuzz.kernel.usermem import UserMemory
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.ir import Mode, make
from sysfuzz.program.layout import LAYOUTS, MAX_PAGES
from sysfuzz.program.names import PAGE, RCX, RDX, RSP, SIGNAL, SYSARCH
from sysfuzz.program.outcome import NOSYSCALLS, Delivered, Reply, Result, View

_READ, _WRITE, _EXEC, _ALL = 1, 2, 4, 7
_COPY = 1  # MAP_INHERIT_COPY
_GENERAL_PROTECTION, _PAGE_FAULT = 13, 14
_FIRST_SLOT, _SLOTS = (
    8,
    64,
)  # slots below are the kernel's own (call gates, user segments) in NetBSD's local table


class Kernel:
    """A booted kernel with process 1, LWP 1."""

    def __init__(self, mode: Mode, memory: Memory, rules: Rules = REFERENCE) -> None:
        self.mode: Mode = mode
        self.layout = LAYOUTS[mode]
        self.rules = rules
        self._log: list[str] = []
        self._numbers = syscalls.SYSCALLS
        self._indirect = syscalls.INDIRECT
        self._trampoline = Object("trampoline", MAX_PAGES, signals.TRAMPOLINE[mode])
        self._files: mman.Files = {}
        self._views: tuple[View, ...] = ()
        self._memory = UserMemory(memory)
        self.processes = Processes(self._fresh_map(), memory, self._log)

    def _fresh_map(self) -> VMMap:
        """What every program starts with: the trampoline and the stack."""
        layout = self.layout
        vm = VMMap(layout, self.rules, self._log)
        code = Entry(layout.trampoline, layout.trampoline + PAGE, _READ | _EXEC, _ALL, _COPY)
        code.object, code.cow = self._trampoline, True
        vm.insert(code)
        vm.insert(Entry(layout.stack, layout.stack_top, _READ | _WRITE, _ALL, _COPY))
        return vm

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """Do one op; see protocol.Core."""
        process = self.processes.alive.get(pid)
        if process is None or lwp not in process.lwps:
            return "ESRCH"
        return self._do(process, lwp, name, args)

    def _do(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str:
        """Do an op of a live LWP."""
        call = _CALLS.get(name)
        return "ENOSYS" if call is None else call(self, process, lwp, args)

    def _do_by_code(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str:
        """Do a call that code has made."""
        return _SYSCALLS[name](self, process, lwp, args)

    def _sigaction(self, process: Process, number: int, handler: int) -> int | str:
        if not 1 <= number < 64 or number in (SIGNAL["SIGKILL"], SIGNAL["SIGSTOP"]):
            return "EINVAL"
        process.handlers[number] = handler
        return 0

    def _sysarch(self, process: Process, operation: int, slot: int, base: int) -> int | str:
        if operation != SYSARCH["I386_SET_LDT"] or self.mode != "i386" or not _FIRST_SLOT <= slot < _SLOTS:
            return "EINVAL"
        process.segments[slot] = base
        return slot

    def _exec(self, process: Process, lwp: int) -> int:
        self.processes.exec(process, lwp, self._fresh_map())
        return 0

    def _exit(self, process: Process) -> int:
        self.processes.exit(process)
        return 0

    def _lwp_exit(self, process: Process, lwp: int) -> int:
        self.processes.lwp_exit(process, lwp)
        return 0

    def _mlock(self, process: Process, addr: int, length: int) -> int | str:
        vm = process.vm
        start, size = mman.page_range(vm, addr, length)
        return wiring.mlock(self.processes, vm, start, size) if mman.in_bounds(vm, start, size) else "EINVAL"

    def _munlock(self, process: Process, addr: int, length: int) -> int | str:
        vm = process.vm
        start, size = mman.page_range(vm, addr, length)
        return wiring.munlock(vm, start, size) if mman.in_bounds(vm, start, size) else "EINVAL"

    def poke(self, pid: int, addr: int, data: bytes) -> Result:
        """Write as a loader would; see protocol.Core."""
        process = self.processes.alive.get(pid)
        if process is None:
            return "ESRCH"
        return 0 if self._memory.poke(process, addr, data) else "EFAULT"

    def peek(self, pid: int, addr: int, count: int) -> Result:
        """Read whatever the protection; see protocol.Core."""
        process = self.processes.alive.get(pid)
        if process is None:
            return "ESRCH"
        data = self._memory.peek(process, addr, count)
        return "EFAULT" if data is None else data

    # -- kernel entry -------------------------------------------------------------------------------------------------

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """The trap handler; see protocol.Core."""
        process = self.processes.alive[pid]
        if frame.gate == "sysenter":
            if process.marked:
                raise KernelPanic("sysenter entered while SYSENTER_CS is 0")
            return self._dispatch(process, lwp, frame, locked=False)
        locks = process.vm.locks
        if trap.blocked(process, frame):
            offset, linear = trap.origin(process, frame)
            frame.pc = offset
            signal = self._deliver(process, lwp, frame, "SIGILL", "ILL_ILLTRP", linear)
            return Reply(signal=signal, locked=process.vm.locks != locks)
        return self._dispatch(process, lwp, frame, locked=process.vm.locks != locks)

    def _dispatch(self, process: Process, lwp: int, frame: Frame, locked: bool) -> Reply:
        """Do the call that the registers ask for and put its result where user code finds it."""
        name, args = syscalls.request(
            self.mode, self._memory, process, frame.regs, frame.gate, self._numbers, self._indirect
        )
        if frame.gate == "sysenter":
            self._sysexit(frame)
        result: int | str
        if args is None:
            result, args = "EFAULT", ()
        elif name.startswith("#"):
            result = "ENOSYS"
        elif name == "setcontext":
            error = signals.setcontext(self.mode, process, lwp, self._memory, frame, *args)
            if error is None:
                return Reply(name, args, 0, locked=locked)
            result = error
        else:
            result = self._do_by_code(process, lwp, name, args)
            if name in _NO_RETURN:
                return Reply(name, args, result, ends=_NO_RETURN[name], locked=locked)
        syscalls.answer(self.mode, frame, result)
        return Reply(name, args, result, locked=locked)

    def _sysexit(self, frame: Frame) -> None:
        """How an LWP that came by SYSENTER goes on: EIP = EDX, ESP = ECX."""
        frame.pc, frame.regs[RSP] = frame.regs[RDX], frame.regs[RCX]

    def fault(self, pid: int, lwp: int, frame: Frame, vector: int, addr: int | None) -> Reply:
        """An exception; see protocol.Core."""
        process = self.processes.alive[pid]
        base, mask = trap.segment(process, frame.cs)
        linear = (base + frame.pc) & mask
        signal, code = "SIGSEGV", "SEGV_ACCERR"
        if vector == _PAGE_FAULT and addr is not None:
            entry = process.vm.lookup(addr)
            if entry is None:
                code = "SEGV_MAPERR"
            elif entry.past_end(addr):
                signal, code = "SIGBUS", "BUS_ADRERR"
            linear = addr
        elif vector == _GENERAL_PROTECTION and process.marked and (skip := self._sysenter(process, frame, linear)) >= 0:
            frame.pc = frame.pc + skip & mask
            linear = linear + skip & mask
            signal, code = "SIGILL", "ILL_ILLTRP"
        elif vector in signals.BY_VECTOR:
            signal, code = signals.BY_VECTOR[vector]
        return Reply(signal=self._deliver(process, lwp, frame, signal, code, linear))

    def _sysenter(self, process: Process, frame: Frame, linear: int) -> int:
        """Prefix bytes before the disabled SYSENTER that raised this #GP, or -1 if it was something else."""
        return trap.sysenter_at(self._memory.fetch(process, linear, 15), trap.is_wide(frame.cs))

    def _deliver(
        self,
        process: Process,
        lwp: int,
        frame: Frame,
        signal: str,
        code: str,
        addr: int,
    ) -> Delivered:
        return signals.deliver(self.mode, process, lwp, self._memory, frame, signal, code, addr)

    # -- what the machine and the target ask --------------------------------------------------------------------------

    def fill(self, pid: int, vaddr: int, access: Access) -> tuple[int, int] | None:
        """The MMU's question; see protocol.Core."""
        return self._memory.fault(self.processes.alive[pid], vaddr, access)

    def alive(self, pid: int, lwp: int) -> int:
        """Which LWP is meant; see protocol.Core."""
        process = self.processes.alive.get(pid)
        if process is None:
            return 0
        if not lwp:
            return min(process.lwps)
        return lwp if lwp in process.lwps else 0

    def sysenter_enabled(self, pid: int) -> bool:
        """SYSENTER's origin is recorded by nobody, so a marked process does not get it."""
        return not self.processes.alive[pid].marked

    def segments(self, pid: int) -> tuple[tuple[int, int], ...]:
        """The local descriptor table; see protocol.Core."""
        slots = self.processes.alive[pid].segments
        return tuple(sorted(slots.items())) if slots else ()

    def views(self) -> tuple[View, ...]:
        """All live processes, the same object as long as nothing changes; pids are given in rising order, and so are these."""
        alive = self.processes.alive
        if len(alive) == len(self._views):
            for view in self._views:
                process = alive.get(view.pid)
                if process is None or process.vm.regions() is not view.regions or process.marked is not view.marked:
                    break
            else:
                return self._views
        self._views = tuple([make(View, (p.pid, p.marked, p.vm.regions(), ())) for p in alive.values()])
        return self._views

    def transitions(self) -> tuple[str, ...]:
        """What the maps did since the last call."""
        if not self._log:
            return ()
        told = tuple(self._log)
        self._log.clear()
        return told

    def check(self) -> str:
        """Every map's sanity, and the mark: a process that has an attribute in its map is marked."""
        for process in self.processes.alive.values():
            wrong = process.vm.check()
            if not wrong and not process.marked and any(entry.attributes & NOSYSCALLS for entry in process.vm.entries):
                wrong = "not marked, though its map has an attribute"
            if wrong:
                return f"process {process.pid}: {wrong}"
        return ""


_Call = Callable[[Kernel, Process, int, tuple[int, ...]], int | str]

_CALLS: Mapping[str, _Call] = {
    "mmap": lambda k, p, lwp, a: mman.mmap(k.processes, p, k._files, *a),
    "munmap": lambda k, p, lwp, a: mman.munmap(p.vm, *a),
    "mprotect": lambda k, p, lwp, a: mman.mprotect(k.processes, p.vm, *a),
    "mremap": lambda k, p, lwp, a: mremap(p, *a),
    "minherit": lambda k, p, lwp, a: mman.minherit(p.vm, *a),
    "madvise": lambda k, p, lwp, a: mman.madvise(p.vm, *a),
    "mlock": lambda k, p, lwp, a: k._mlock(p, *a),
    "munlock": lambda k, p, lwp, a: k._munlock(p, *a),
    "mlockall": lambda k, p, lwp, a: wiring.mlockall(k.processes, p.vm, *a),
    "munlockall": lambda k, p, lwp, a: wiring.munlockall(p.vm),
    "msync": lambda k, p, lwp, a: mman.msync(p.vm, *a),
    "mincore": lambda k, p, lwp, a: mincore(k._memory, p, *a),
    "fork": lambda k, p, lwp, a: k.processes.fork(p),
    "vfork": lambda k, p, lwp, a: k.processes.vfork(p),
    "exec": lambda k, p, lwp, a: k._exec(p, lwp),
    "exit": lambda k, p, lwp, a: k._exit(p),
    "lwp_create": lambda k, p, lwp, a: k.processes.lwp_create(p),
    "lwp_exit": lambda k, p, lwp, a: k._lwp_exit(p, lwp),
    "sigaction": lambda k, p, lwp, a: k._sigaction(p, *a),
    "sysarch": lambda k, p, lwp, a: k._sysarch(p, *a),
}


def _code_sigaction(kernel: Kernel, process: Process, lwp: int, args: tuple[int, ...]) -> int | str:
    """sigaction by code: a pointer to a structure whose first word is the handler."""
    number, pointer = args
    size = kernel.layout.bits // 8
    data = kernel._memory.copyin(process, pointer, size)
    return "EFAULT" if data is None else kernel._sigaction(process, number, int.from_bytes(data, "little"))


def _code_sysarch(kernel: Kernel, process: Process, lwp: int, args: tuple[int, ...]) -> int | str:
    """sysarch by code: a pointer to two words, slot and base."""
    operation, pointer = args
    if operation != SYSARCH["I386_SET_LDT"] or kernel.mode != "i386":
        return "EINVAL"
    data = kernel._memory.copyin(process, pointer, 8)
    if data is None:
        return "EFAULT"
    return kernel._sysarch(process, operation, int.from_bytes(data[:4], "little"), int.from_bytes(data[4:], "little"))


def _transfer(kernel: Kernel, process: Process, lwp: int, args: tuple[int, ...]) -> int | str:
    """read and write: open descriptors transfer nothing."""
    return 0 if args[0] in mman.DESCRIPTORS else "EBADF"


_SYSCALLS: Mapping[str, _Call] = {
    **_CALLS,
    "getpid": lambda k, p, lwp, a: p.pid,
    "_lwp_self": lambda k, p, lwp, a: lwp,
    "read": _transfer,
    "write": _transfer,
    "execve": _CALLS["exec"],
    "_lwp_create": _CALLS["lwp_create"],
    "_lwp_exit": _CALLS["lwp_exit"],
    "sigaction": _code_sigaction,
    "sysarch": _code_sysarch,
}
# Calls after which the LWP that made them does not go on in its code.
_NO_RETURN = {"exit": "exit", "_lwp_exit": "exit", "execve": "exec"}
