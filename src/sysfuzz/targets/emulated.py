"""A core on the emulated CPU: the one place where machine and kernel meet.

The machine stops at everything that a kernel must answer; here the answer is fetched from the core and both sides are written down: the
CPU's truth and the core's claim. Whatever the core raises is a panic of the core, never an error of ours. Nothing is judged.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sysfuzz.kernel.protocol import Access, Boot, Core, Frame, KernelPanic
from sysfuzz.machine.cpu import BadSelector, Machine
from sysfuzz.machine.memory import ArenaExhausted, GuestMemory
from sysfuzz.program.ir import DEFAULT_BLOCKS, Arg, Mode, Op, Program, Ref, Vendor
from sysfuzz.program.layout import LAYOUTS, STACK_HEADROOM
from sysfuzz.program.outcome import PANIC, Attempt, Event, Outcome, Panic, Reply, Result, Step, View

_GENERAL_PROTECTION = 13

P = ParamSpec("P")
T = TypeVar("T")


class CorePanicked(Exception):
    """The core panicked; carries what the outcome says of it."""

    def __init__(self, panic: Panic) -> None:
        super().__init__(panic.reason)
        self.panic = panic


def ask(method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a method of a core; whatever it raises becomes CorePanicked."""
    try:
        return method(*args, **kwargs)
    except ArenaExhausted:
        raise  # the emulator's limit, not the core's doing
    except Exception as error:
        raise CorePanicked(_panic_of(error)) from error


def _panic_of(error: Exception) -> Panic:
    traceback = error.__traceback__
    where = "?"
    while traceback is not None:
        frame = traceback.tb_frame
        where = f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_name}"
        traceback = traceback.tb_next
    exception = "" if isinstance(error, KernelPanic) else type(error).__name__
    return Panic(" ".join(str(error).split()), where, exception)


class EmulatedTarget:
    """Runs programs on a core that `boot` makes anew for each. Emulated CPUs are kept, one for each mode and vendor."""

    def __init__(self, name: str, summary: str, boot: Boot) -> None:
        self.name = name
        self.summary = summary
        self._boot = boot
        self._machines: dict[tuple[Mode, Vendor], Machine] = {}

    def run(self, program: Program) -> Outcome:
        """Run a valid program from boot to its last op, or to the panic."""
        key = (program.mode, program.vendor)
        machine = self._machines.get(key)
        if machine is None:
            machine = self._machines[key] = Machine(program.mode, program.vendor, GuestMemory())
        machine.memory.rewind()
        return _Run(program, self._boot, machine).outcome()


class _Run:
    """One program on its way: who runs, and what was seen so far."""

    def __init__(self, program: Program, boot: Boot, machine: Machine) -> None:
        self.program = program
        self.boot = boot
        self.machine = machine
        self.layout = LAYOUTS[program.mode]
        self.core: Core
        self.pid = 1
        self.lwp = 1
        self.results: list[Result] = []
        self.events: list[Event] = []
        self.panicked: CorePanicked | None = None  # inside a TLB fill, where nothing may be raised

    def outcome(self) -> Outcome:
        """Do all ops."""
        boot_views: tuple[View, ...] = ()
        steps: list[Step] = []
        try:
            self.core = ask(self.boot, self.program.mode, self.machine.memory)
            self.machine.begin(self._fill)
            boot_views = ask(self.core.views)
            for op in self.program.ops:
                self.events = []
                result = self._do(op)
                self.results.append(result)
                views, transitions = ask(self.core.views), ask(self.core.transitions)
                steps.append(Step(result, self.pid, tuple(self.events), views, transitions))
            return Outcome(boot_views, tuple(steps), None, ask(self.core.check))
        except CorePanicked as error:
            last = steps[-1].views if steps else boot_views
            steps.append(Step(PANIC, self.pid, tuple(self.events), last, ()))
            return Outcome(boot_views, tuple(steps), error.panic)

    def _do(self, op: Op) -> Result:
        args = [self._value(arg) for arg in op.args]
        core = self.core
        if op.call == "as":
            return self._switch(*args)
        self.lwp = ask(core.alive, self.pid, self.lwp) or ask(core.alive, self.pid, 0)
        if not self.lwp:
            return "ESRCH"
        if op.call == "run":
            return self._start(*args)
        if op.call == "poke":
            return ask(core.poke, self.pid, args[0], op.args[1])  # type: ignore[arg-type]  # validate(): bytes
        if op.call == "peek":
            return ask(core.peek, self.pid, *args)
        return ask(core.call, self.pid, self.lwp, op.call, tuple(args))

    def _value(self, arg: Arg) -> int:
        """A number; the result of an op that has none counts as MAP_FAILED, all ones."""
        if isinstance(arg, Ref):
            result = self.results[arg.op]
            return ((result if isinstance(result, int) else -1) + arg.offset) & self.layout.mask
        return arg if isinstance(arg, int) else 0

    def _switch(self, pid: int, lwp: int) -> Result:
        found = ask(self.core.alive, pid, lwp)
        if not found:
            return "ESRCH"
        self.pid, self.lwp = pid, found
        return 0

    # -- running code -------------------------------------------------------------------------------------------------

    def _fill(self, vaddr: int, access: Access) -> tuple[int, int] | None:
        """The machine's TLB miss."""
        return ask(self.core.fill, self.pid, vaddr, access)

    def _start(self, addr: int, blocks: int) -> Result:
        """Run the current LWP from `addr` until nothing more happens in it."""
        layout, machine = self.layout, self.machine
        sp = layout.stack_top - STACK_HEADROOM
        # If the program has unmapped its stack, this fails, and so does the code that needs it.
        ask(
            self.core.poke,
            self.pid,
            sp,
            layout.done.to_bytes(layout.bits // 8, "little"),
        )
        machine.flush()
        machine.set_segments(ask(self.core.segments, self.pid))
        machine.start(addr, sp, self.program.regs, blocks or DEFAULT_BLOCKS)
        while True:
            stop = machine.go()
            if stop.attempt is None:
                self.events.append(Event(stop.kind))
                return 0
            if self._answer(stop.attempt, machine.frame()):
                return 0

    def _answer(self, attempt: Attempt, frame: Frame) -> bool:
        """Let the core answer one attempt; whether the run ends with it."""
        core, machine = self.core, self.machine
        refused = attempt.gate == "sysenter" and not ask(core.sysenter_enabled, self.pid)
        if refused:
            attempt = attempt._replace(
                vector=_GENERAL_PROTECTION,
                pc=attempt.start - attempt.base & machine.mask(attempt),
            )
            frame.gate, frame.pc = "", attempt.pc
        if attempt.gate and not refused:
            reply = ask(core.enter, self.pid, self.lwp, frame)
        else:
            reply = ask(core.fault, self.pid, self.lwp, frame, attempt.vector, attempt.data)
        ended = self._note(attempt, reply)
        if not ended:
            if reply.call:
                machine.set_segments(ask(core.segments, self.pid))
            try:
                machine.resume(frame)
            except BadSelector as error:  # the kernel's own return to user mode would fault
                raise CorePanicked(Panic(f"return to user mode: {error}", "targets.emulated:resume")) from error
        return ended

    def _note(self, attempt: Attempt, reply: Reply) -> bool:
        addr = attempt.opcode if attempt.gate else attempt.start
        if reply.signal is not None:
            self.events.append(Event(reply.signal.signal, addr, attempt, reply))
            return not reply.signal.handled
        self.events.append(Event("enter", addr, attempt, reply, ask(self.core.views)))
        if reply.ends:
            self.events.append(Event(reply.ends))
        return bool(reply.ends)
