"""Runs from start to end: budget, reset, frames, what the kernel raises, and repeatability."""

import random
from collections.abc import Callable

import pytest
from board import CODE, DATA, Board, R, W, X, attempt

from sysfuzz.kernel.protocol import Access, KernelPanic
from sysfuzz.machine.emulator import MachineError
from sysfuzz.program.ir import Mode

Boards = Callable[..., Board]

IF = 0x200


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_a_return_ends_the_run(boards: Boards, mode: Mode) -> None:
    """The first return address is DONE, which no fill is needed for."""
    board = boards(mode)
    assert board.run("90c3").kind == "done"
    assert board.layout.done not in {page for page, _ in board.asked}


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_a_kernel_that_maps_done_changes_nothing(boards: Boards, mode: Mode) -> None:
    """The end of a run is the machine's own: a wrong bound in the kernel cannot make it go on there."""
    board = boards(mode)
    board.map(board.layout.done, R | X, bytes.fromhex("ebfe"))
    board.map(CODE, R | X, bytes.fromhex("c3"))
    assert board.start().kind == "done"


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    "code",
    ["ebfe", "e2fe", "f3aa", "f3a4", "f2ae", "eb00ebfc", "90 e9faffffff", "54 c3"],
    ids=["jmp $", "loop $", "rep stosb", "rep movsb", "repne scasb", "two blocks", "nop, jmp", "jump into the stack"],
)
def test_nothing_runs_for_ever(boards: Boards, mode: Mode, code: str) -> None:
    """Each way to stay in the CPU is ended by the block budget: chained blocks, and repeated string instructions by iteration."""
    board = boards(mode)
    board.map(CODE, R | W | X, bytes.fromhex(code))
    board.map(DATA, R | W, pages=8)
    board.protect(board.layout.stack_top - 4096, R | W | X)
    board.put(board.sp, bytes.fromhex("ebfe"))
    names = ("rcx", "rsi", "rdi", "rax") if mode == "amd64" else ("ecx", "esi", "edi", "eax")
    stop = board.start(blocks=100, **dict(zip(names, (0x7000_0000, DATA, DATA + 0x4000, 0x11), strict=True)))
    assert stop == ("limit", None)


@pytest.mark.parametrize("budget", [1, 2, 7, 100])
def test_the_budget_is_exact(boards: Boards, budget: int) -> None:
    """A run enters as many blocks as it may and not one more."""
    # next: inc ecx; jmp over; over: dec edx; jnz next; int 0x80: 2 blocks a turn and the last
    code = "ffc1 eb00 ffca 75f8 cd80"
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex(code))
    turns = (budget - 1) // 2
    if turns:
        found = attempt(board.start(blocks=2 * turns + 1, rdx=turns))
        assert (found.gate, found.regs[1]) == ("int80", turns)
    assert board.start(blocks=2 * turns, rdx=turns).kind == "limit"


def test_the_budget_spans_the_whole_run(boards: Boards) -> None:
    """Coming back from the kernel does not renew it."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex("0f05 ebfc"))  # syscall; jmp back
    stop = board.start(blocks=9)
    calls = 0
    while stop.kind == "attempt":
        calls += 1
        stop = board.resume()
    assert (calls, stop.kind) == (5, "limit")  # syscall, jmp + syscall …: 9 blocks hold 5 of them


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_a_run_starts_from_a_clean_cpu(boards: Boards, mode: Mode) -> None:
    """General, vector, x87 and segment registers and flags of the run before are gone."""
    board = boards(mode)
    dirty = "fd f9 31c0 8ec0 8ee0 660f76c9 660f7fca d9e8 d9ee 0f7ed8 b9ffffffff cd80"
    show = "8cc0 8ce3 660f7ec9 660f7ed2 9c 5e 9b dfe0 cd80"
    assert attempt(board.run(dirty)).gate == "int80"
    first = attempt(boards(mode).run(show))
    assert attempt(boards(mode).run(dirty)).gate == "int80"
    again = attempt(boards(mode).run(show))
    assert first == again
    assert first.regs[1] == first.regs[2] == first.regs[3] == 0
    assert first.regs[6] == IF | 2


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_initial_registers(boards: Boards, mode: Mode) -> None:
    """Those that are named hold their values, SP what was asked for, all others 0."""
    board = boards(mode)
    top = (1 << board.layout.bits) - 1
    if mode == "amd64":
        found = attempt(board.run("cd80", rax=1, rbx=top, r15=0x8000_0000_0000_0000))
        assert found.regs == (1, 0, 0, top, board.sp, *[0] * 10, 0x8000_0000_0000_0000)
    else:
        found = attempt(board.run("cd80", eax=1, ebx=top, edi=0x8000_0000))
        assert found.regs == (1, 0, 0, top, board.sp, 0, 0, 0x8000_0000)
    assert found.flags == IF | 2


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_the_kernel_changes_the_frame(boards: Boards, mode: Mode) -> None:
    """PC, flags and registers of the frame are those that the code goes on with; flags that are not the user's stay."""
    board = boards(mode)
    board.map(CODE, R | X, bytes.fromhex("cd80"))
    board.map(DATA, R | X, bytes.fromhex("9c 58 cd80"))  # pushf; pop eax
    attempt(board.start())
    frame = board.machine.frame()
    assert (frame.gate, frame.pc) == ("int80", CODE + 2)
    frame.pc = DATA
    frame.flags = 0xFFFF_FFFF & ~0x100  # everything but the single-step flag
    frame.regs[:] = [board.sp if number == 4 else number * 3 for number in range(len(frame.regs))]
    board.machine.resume(frame)
    found = attempt(board.machine.go())
    assert found.pc == DATA + 4
    assert [value for number, value in enumerate(found.regs) if number not in (0, 4)] == [
        number * 3 for number in range(len(frame.regs)) if number not in (0, 4)
    ]
    user = 0x0024_4CD5  # CF PF AF ZF SF DF OF NT AC ID
    assert found.flags & ~0x0004_0000 == (user | IF | 2) & ~0x0004_0000
    assert found.regs[0] & 0x3000 == 0  # I/O privilege


def test_syscall_registers_come_back_from_the_frame(boards: Boards) -> None:
    """What SYSCALL has overwritten is in the frame, and in the registers after it unless the kernel changes it."""
    board = boards("amd64")
    found = attempt(board.run("f9 0f05 cd80", rcx=7, r11=8))
    assert (found.regs[1], found.regs[11]) == (CODE + 3, IF | 3)
    found = attempt(board.resume())
    assert (found.regs[1], found.regs[11]) == (CODE + 3, IF | 3)
    frame = board.machine.frame()
    frame.regs[1] = 99
    board.machine.resume(frame)
    assert board.machine.go().attempt is not None


def test_the_way_back_from_sysenter(boards: Boards) -> None:
    """The CPU saves nothing: the frame says where to go, as SYSEXIT would."""
    board = boards("i386", "intel")
    board.run("0f34 f4 b005 cd80", edx=CODE + 3, ecx=DATA)
    frame = board.machine.frame()
    assert (frame.gate, frame.pc) == ("sysenter", 0)
    frame.pc, frame.regs[4] = frame.regs[2], frame.regs[1]
    board.machine.resume(frame)
    found = attempt(board.machine.go())
    assert (found.start, found.regs[0], found.regs[4]) == (CODE + 5, 5, DATA)


def test_a_sysenter_can_be_refused(boards: Boards) -> None:
    """Attempt and frame hold what a #GP at the instruction needs: start, base, width."""
    board = boards("i386")
    found = attempt(board.run("90 0f34"))
    assert found.start - found.base & board.machine.mask(found) == CODE + 1


@pytest.mark.parametrize(
    "error", [KernelPanic("bad mmap flag"), ZeroDivisionError("no kernel raises that"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("access", ["read", "write", "exec"])
def test_what_the_kernel_raises_comes_out_of_go(boards: Boards, access: Access, error: BaseException) -> None:
    """An exception in an answer ends the run, as itself; the machine is as good as before."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex("8b01 8901 ffe1"))
    board.map(DATA, R | W)

    def fill(page: int, wanted: Access) -> tuple[int, int] | None:
        if page == DATA and wanted == access:
            raise error
        return (board.pages[DATA][0], R if wanted == "read" else R | W) if page == DATA else board.pages.get(page)

    board.machine.begin(fill)
    with pytest.raises(type(error)) as raised:
        board.start(rcx=DATA)
    assert raised.value is error
    assert attempt(board.run("0f05")).gate == "syscall"


def test_go_needs_a_start(boards: Boards) -> None:
    """After an end, or an attempt without an answer, there is nothing to run."""
    board = boards("amd64")
    with pytest.raises(MachineError, match="start or resume"):
        board.machine.go()
    board.run("0f05")
    with pytest.raises(MachineError, match="start or resume"):
        board.machine.go()
    board.run("c3")
    with pytest.raises(MachineError, match="attempt"):
        board.machine.frame()


def test_answers_are_asked_once_until_a_flush(boards: Boards) -> None:
    """Each page and access is one question; the start of a run and every return from the kernel ask anew."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex("8b01 8b01 0f05 8b01 0f05"))
    board.map(DATA, R)
    board.asked.clear()
    board.start(rcx=DATA)
    assert board.asked.count((DATA, "read")) == 1
    assert board.asked.count((CODE, "exec")) == 1
    board.resume()
    assert board.asked.count((CODE, "exec")) == 2


def test_refused_ports_leave_no_trace(boards: Boards) -> None:
    """What follows an IN in its block is not executed: no store, no vector register, no flag."""
    board = boards("amd64")
    # in al, dx; mov [rcx], 0x55; inc eax; movd xmm0, eax; int 0x80 ... handler: movd ebx, xmm0; int 0x80
    board.map(CODE, R | X, bytes.fromhex("ec c60155 ffc0 660f6ec0 f9 cd80 660f7ec3 cd80"))
    board.map(DATA, R | W, b"\xaa")
    found = attempt(board.start(rcx=DATA, rax=0x1234))
    assert (found.vector, found.start, found.regs[0], found.flags) == (13, CODE, 0x1234, IF | 2)
    assert board.get(DATA, 1) == b"\xaa"
    frame = board.machine.frame()
    frame.pc = CODE + 13
    board.machine.resume(frame)
    assert attempt(board.machine.go()).regs[3] == 0


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_a_program_runs_twice_alike(boards: Boards, mode: Mode) -> None:
    """Random code on several pages: the same stops with the same registers, on a machine that has run other code in between."""
    rng = random.Random(1)
    programs = [rng.randbytes(64) for _ in range(150)]

    def trace(code: bytes) -> list[object]:
        board = boards(mode)
        board.map(CODE, R | W | X, code)
        board.map(DATA, R | W)
        names = ("rcx", "rsi", "rdi") if mode == "amd64" else ("ecx", "esi", "edi")
        stop = board.start(blocks=50, **dict.fromkeys(names, DATA))
        stops: list[object] = [stop]
        while stop.attempt is not None and (stop.attempt.gate or stop.attempt.vector == 3) and len(stops) < 10:
            stop = board.resume() if stop.attempt.gate != "sysenter" else board.start(stop.attempt.opcode + 2)
            stops.append(stop)
        return [*stops, board.get(CODE, 64)]

    first = [trace(code) for code in programs]
    assert [trace(code) for code in reversed(programs)] == first[::-1]


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("code", ["0f31", "0f01f9", "0fc7f0", "0fc7f8", "f30fc7f8", "f3480fc7f8", "0f33"])
def test_no_instruction_tells_the_time_or_chance(boards: Boards, mode: Mode, code: str) -> None:
    """RDTSC and RDTSCP are #GP or #UD, RDRAND, RDSEED and RDPID #UD: a program cannot see more than it was given."""
    for vendor in ("amd", "intel"):
        found = attempt(boards(mode, vendor).run(code if mode == "amd64" else code.replace("48", "")))
        assert found.vector in (6, 13)
        assert found.regs[:4] == (0, 0, 0, 0)
