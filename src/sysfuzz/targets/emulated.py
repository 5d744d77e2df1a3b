"""A core on the emulated CPU: the one place where machine and kernel meet.

The machine stops at everything that a kernel must answer; here the answer is fetched from the core and both sides are written down: the
CPU's truth and the core's claim. Whatever the core raises is a panic of the core, never an error of ours. Nothing is judged.
"""

import signal

from sysfuzz.kernel.protocol import Access, Boot, Core, Frame, KernelPanic
from sysfuzz.machine.cpu import BadSelector, Machine
from sysfuzz.machine.memory import ArenaExhausted, GuestMemory
from sysfuzz.program.ir import DEFAULT_BLOCKS, Arg, Mode, Op, Program, Ref, Vendor, make
from sysfuzz.program.layout import LAYOUTS, STACK_HEADROOM
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import PANIC, Attempt, Event, Outcome, Panic, Reply, Result, Step, View
from sysfuzz.spec.abi import request
from sysfuzz.spec.promise import REFERENCE, Promise
from sysfuzz.targets import marks
from sysfuzz.targets.answers import expect, expect_page, expect_reply, expect_segments, expect_views, expect_words

_GENERAL_PROTECTION = 13
_WORD = 4  # bytes of one word of a table

_OURS = frozenset((__name__, marks.__name__))

# Signals for which people's processes have handlers that raise KeyboardInterrupt.
_INTERRUPTS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

# Calls after which the current LWP, or its process, may be gone; so may it be after a run.
_ENDING = frozenset(("exit", "lwp_exit", "run"))


class EmulatedTarget:
    """Runs programs on a core that `boot` makes anew for each. Emulated CPUs are kept, one for each mode and vendor."""

    def __init__(self, name: str, summary: str, boot: Boot, promise: Promise = REFERENCE) -> None:
        """`promise` is what the core is judged by."""
        self.name = name
        self.summary = summary
        self.promise = promise
        self._boot = boot
        self._machines: dict[tuple[Mode, Vendor], Machine] = {}

    def run(self, program: Program) -> Outcome:
        """Run a valid program from boot to its last op, or to the panic."""
        key = (program.mode, program.vendor)
        machine = self._machines.get(key)
        if machine is None:
            machine = self._machines[key] = Machine(program.mode, program.vendor, GuestMemory())
        machine.memory.rewind()
        return _Run(program, self._boot, machine, self.promise).outcome()


class _Run:
    """One program on its way: who runs, and what was seen so far."""

    def __init__(self, program: Program, boot: Boot, machine: Machine, promise: Promise) -> None:
        self.program = program
        self.boot = boot
        self.machine = machine
        self.promise = promise
        self.selectors: dict[
            int, None
        ] = {}  # addresses that calls have named for bytes by which the door decides, in order
        self.pointed: bytes | None = None
        self.layout = LAYOUTS[program.mode]
        self.core: Core
        self.pid = 1
        self.lwp = 1
        self.settled = True  # the current LWP is known to be alive
        self.steps: list[Step] = []
        self.events: list[Event] = []
        self.views: tuple[View, ...] = ()

    def outcome(self) -> Outcome:
        """Do all ops. Raises what is no panic of the core: faults of the machine, and our own."""
        boot: tuple[View, ...] = ()
        try:
            core = self.core = self.boot(self.program.mode, self.machine.memory)
            self.machine.begin(self._fill)
            boot = core.views()
            expect_views(boot, ())
            self.views = boot
            for op in self.program.ops:
                result = self._do(op)
                expect((int, str, bytes), result, op.call)
                self._look()
                told = expect_words(core.transitions())
                self.steps.append(make(Step, (result, self.pid, tuple(self.events), self.views, told, self.pointed)))
                if self.events:
                    self.events = []
            insane = core.check()
            expect(str, insane, "check")
            return Outcome(boot, tuple(self.steps), None, insane)
        except ArenaExhausted:
            return Outcome(boot, tuple(self.steps))  # the emulator's limit, not the core's doing: the program ends here
        except BaseException as error:  # SystemExit, or one of the core's own
            panic = None if _is_users(error) else _panic_of(error)
            if panic is None:
                raise
            self.steps.append(Step(PANIC, self.pid, tuple(self.events), self.views, ()))
            return Outcome(boot, tuple(self.steps), panic)

    def _do(self, op: Op) -> Result:
        call = op.call
        args = tuple([arg if isinstance(arg, int) else self._value(arg) for arg in op.args])
        if call == "as":
            return self._switch(*args)
        core = self.core
        if not self.settled:
            self.lwp = core.alive(self.pid, self.lwp) or core.alive(self.pid, 0)
            if not self.lwp:
                return "ESRCH"
        self.settled = call not in _ENDING
        pointer, count = self.promise.tables.get(call, (-1, -1))
        self.pointed = self._peek(args[pointer], _WORD * args[count]) if pointer >= 0 else None
        self._named(call, args)
        if call == "run":
            self._start(*args)
            return 0
        if call == "poke":
            return core.poke(self.pid, args[0], op.args[1])  # type: ignore[arg-type]  # validate(): bytes
        if call == "peek":
            return core.peek(self.pid, *args)
        return core.call(self.pid, self.lwp, call, args)

    def _peek(self, addr: int, count: int) -> bytes | None:
        """User memory as it is, whatever the protection; None if it is not there, or is more than any call reads."""
        if not 0 < count <= PAGE:
            return None
        read = self.core.peek(self.pid, addr, count)
        expect((int, str, bytes), read, "peek")
        return read if isinstance(read, bytes) else None

    def _value(self, arg: Arg) -> int:
        """The number that stands for a reference; a result that is none counts as MAP_FAILED, all ones. poke takes its bytes from the op."""
        if isinstance(arg, Ref):
            result = self.steps[arg.op].result
            return ((result if isinstance(result, int) else -1) + arg.offset) & self.layout.mask
        return 0

    def _switch(self, pid: int, lwp: int) -> Result:
        found = self.core.alive(pid, lwp)
        if not found:
            return "ESRCH"
        self.pid, self.lwp, self.settled = pid, found, True
        return 0

    def _look(self) -> None:
        """Ask for the maps."""
        views = self.core.views()
        if views is not self.views:
            expect_views(views, self.views)
            self.views = views

    # -- running code -------------------------------------------------------------------------------------------------

    def _fill(self, vaddr: int, access: Access) -> tuple[int, int] | None:
        """The machine's TLB miss."""
        return expect_page(self.core.fill(self.pid, vaddr, access), self.machine.memory.size)

    def _start(self, addr: int, blocks: int) -> None:
        """Run the current LWP from `addr` until nothing more happens in it."""
        layout, machine, core = self.layout, self.machine, self.core
        sp = layout.stack_top - STACK_HEADROOM
        # If the program has unmapped its stack, this fails, and so does the code that needs it.
        core.poke(self.pid, sp, layout.done.to_bytes(layout.bits // 8, "little"))
        machine.set_segments(expect_segments(core.segments(self.pid)))
        machine.start(addr, sp, self.program.regs, blocks or DEFAULT_BLOCKS)
        while True:
            stop = machine.go()
            if stop.attempt is None:
                self.events.append(Event(stop.kind))
                return
            if self._answer(stop.attempt, machine.frame()):
                return

    def _answer(self, attempt: Attempt, frame: Frame) -> bool:
        """Let the core answer one attempt; whether the run ends with it."""
        core, machine = self.core, self.machine
        gate = attempt.gate
        if gate == "sysenter" and not core.sysenter_enabled(self.pid):
            pc = attempt.start - attempt.base & machine.mask(attempt)
            attempt = attempt._replace(vector=_GENERAL_PROTECTION, pc=pc)
            frame.gate, frame.pc, gate = "", pc, ""
        pid, lwp = self.pid, self.lwp
        if self.selectors:
            attempt = attempt._replace(selectors=tuple([(addr, self._byte(addr)) for addr in self.selectors]))
        reply = core.enter(pid, lwp, frame) if gate else core.fault(pid, lwp, frame, attempt.vector, attempt.data)
        expect_reply(reply, frame, len(attempt.regs), "enter" if gate else "fault")
        if self._note(attempt, reply):
            return True
        if gate and self.promise.selectors:
            asked = request(self.program.mode, attempt, self.promise.calls)
            if asked.syscall is not None and asked.args is not None:
                self._named(asked.syscall.call, asked.args)
        if reply.call:
            machine.set_segments(expect_segments(core.segments(self.pid)))
        try:
            machine.resume(frame)
        except BadSelector as error:  # the kernel's own return to user mode would fault
            raise KernelPanic(f"return to user mode: {error}") from error
        return False

    def _named(self, call: str, args: tuple[int, ...]) -> None:
        """Keep in mind where a call says that the door is to look, whatever the core makes of it."""
        which = self.promise.selectors.get(call)
        if which is not None and 0 < args[which] < self.layout.vm_max:
            self.selectors[args[which]] = None

    def _byte(self, addr: int) -> bytes:
        """The byte at `addr`; b"" if user code cannot read it."""
        page = self._fill(addr & -PAGE, "read")
        return (page is not None and self._peek(addr, 1)) or b""

    def _note(self, attempt: Attempt, reply: Reply) -> bool:
        """Write down an event; whether the run ends with it."""
        addr = attempt.opcode if attempt.gate else attempt.start
        if reply.signal is not None:
            self.events.append(Event(reply.signal.signal, addr, attempt, reply))
            return not reply.signal.handled
        self._look()
        self.events.append(Event("enter", addr, attempt, reply, self.views))
        if reply.ends:
            self.events.append(Event(reply.ends))
        return bool(reply.ends)


def _is_users(error: BaseException) -> bool:
    """Whether it may be the user's Ctrl-C. In processes that are there for a core's sake no signal raises anything: there it is the core's."""
    return isinstance(error, KeyboardInterrupt) and any(callable(signal.getsignal(number)) for number in _INTERRUPTS)


def _panic_of(error: BaseException) -> Panic | None:
    """What an outcome says of an exception out of the core; None if the core had no part in it.

    The core is to blame if it is what was called last by this file, or by `marks` between the two: also when the exception came through the
    machine, which asks it for pages.
    """
    asked = where = ""
    ours = False
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__", "?"))
        if module in _OURS:
            ours, asked = True, ""
        elif ours:
            ours, asked = False, module
        where = f"{module}:{frame.f_code.co_name}"
        traceback = traceback.tb_next
    explicit = isinstance(error, KernelPanic)
    if not explicit and (not asked or asked.startswith("sysfuzz.machine.")):
        return None
    return Panic(" ".join(str(error).split()), where, "" if explicit else type(error).__name__)
