"""Page faults, addresses that are none, and instructions that reach over the end of a page."""

from collections.abc import Callable

import pytest
from board import CODE, DATA, Board, R, W, X, attempt

from sysfuzz.machine.execute import Executor
from sysfuzz.program.ir import Mode

Boards = Callable[..., Board]

PAGE = 4096
END = CODE + PAGE  # of the page with the code
GP, PF, SS = 13, 14, 12


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    ("code", "prot", "where"),
    [
        ("8b01", None, 0),  # mov eax, [ecx]
        ("8901", None, 0),
        ("8901", R, 0),
        ("8b01", W | X, 0),  # the kernel's word counts, not what a page table could express
        ("8a4123", None, 0x23),
        ("f00101", None, 0),  # lock add [ecx], eax
        ("ff31", None, 0),  # push [ecx]
        ("0fae01", None, 0),  # fxsave
        ("a5", None, 0),  # movsd: [esi]
        ("f3ab", R, 0),  # rep stosd: [edi]
    ],
)
def test_data_faults_tell_the_exact_address(
    boards: Boards, mode: Mode, code: str, prot: int | None, where: int
) -> None:
    """#PF with the linear address of the access; earlier instructions of the block are done, this one has changed nothing."""
    board = boards(mode)
    board.map(CODE, R | X, bytes.fromhex("ffc2 " + code + " ffc2 cd80"))
    if prot is not None:
        board.map(DATA, prot)
    names = ("rcx", "rsi", "rdi") if mode == "amd64" else ("ecx", "esi", "edi")
    target = DATA + 0x9A0
    regs = {**dict.fromkeys(names, target), "rcx" if mode == "amd64" else "ecx": target}
    found = attempt(board.start(**regs))
    assert (found.gate, found.vector, found.data) == ("", PF, target + where)
    assert found.start == found.pc == CODE + 2
    assert found.regs[2] == 1
    assert [found.regs[n] for n in (1, 6, 7)] == [target] * 3


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    ("code", "size"), [("8b01", 4), ("8901", 4), ("0f1101", 16), ("0f1001", 16), ("c70111223344", 4)]
)
def test_accesses_across_two_pages(boards: Boards, mode: Mode, code: str, size: int) -> None:
    """The second page faults at its first byte and the first page is unchanged; if the first page is missing, its byte is named."""
    name = "rcx" if mode == "amd64" else "ecx"
    for offset in range(1, size):
        board = boards(mode)
        board.map(CODE, R | X, bytes.fromhex(code))
        board.map(DATA, R | W, pages=1)
        start = DATA + PAGE - offset
        board.put(DATA + PAGE - 16, b"\xaa" * 16)
        found = attempt(board.start(**{name: start}))
        assert found.data is not None
        if size == 16 and offset > 8:
            # Moved as two halves: the fault may be named by any byte of the second page that the instruction touches.
            assert DATA + PAGE <= found.data < DATA + PAGE + 16
        else:
            assert found.data == DATA + PAGE
        if size == 4:
            assert board.get(DATA + PAGE - 16, 16) == b"\xaa" * 16
        board = boards(mode)
        board.map(CODE, R | X, bytes.fromhex(code))
        board.map(DATA + PAGE, R | W)
        assert attempt(board.start(**{name: start})).data == start


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_fetch_faults(boards: Boards, mode: Mode) -> None:
    """A jump to a page that cannot be executed faults there: unmapped, or without execute permission."""
    board = boards(mode)
    board.map(CODE, R | X, bytes.fromhex("e9fb2f0000"))  # jmp CODE + 0x3000
    for prot in (None, R | W, R):
        if prot is not None:
            board.map(CODE + 0x3000, prot)
        found = attempt(board.start())
        assert (found.vector, found.start, found.pc, found.data) == (PF, CODE + 0x3000, CODE + 0x3000, CODE + 0x3000)
        board.machine.flush()


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("kept", [1, 2, 3, 4])
@pytest.mark.parametrize("lead", ["", "ffc2", "ffc2ffc2ffc2", "66666666ffc2"])
def test_an_instruction_cut_by_the_page_end(boards: Boards, mode: Mode, kept: int, lead: str) -> None:
    """What stands before it in the block is executed; the fault is its own, at its start, and names the missing page."""
    board = boards(mode)
    code = bytes.fromhex(lead) + bytes.fromhex("b878563412")[:kept]
    start = END - len(code)
    board.map(start, R | X, code)
    found = attempt(board.start(start))
    assert (found.vector, found.start, found.pc, found.data) == (PF, END - kept, END - kept, END)
    assert found.regs[2] & 0xFFFF == len(lead) // 4 if not lead.startswith("66") else found.regs[2] == 1


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_code_that_runs_off_its_page(boards: Boards, mode: Mode) -> None:
    """The last instruction that fits is executed, then the fetch at the next page faults there."""
    board = boards(mode)
    board.map(END - 4, R | X, bytes.fromhex("ffc2ffc2"))
    found = attempt(board.start(END - 4))
    assert (found.vector, found.start, found.pc, found.data) == (PF, END, END, END)
    assert found.regs[2] == 2
    board.map(END, R | X, bytes.fromhex("cd80"))
    for start, steps in ((END - 4, 2), (END - 2, 1), (END, 0)):
        found = attempt(board.start(start))
        assert (found.gate, found.regs[2]) == ("int80", steps)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_a_call_before_the_page_end_is_made(boards: Boards, mode: Mode) -> None:
    """An entry in the same page, before an instruction that is cut, reaches the kernel, which may map the rest."""
    board = boards(mode)
    code = bytes.fromhex("ffc2 cd80 ffc2 b878")
    board.map(END - len(code), R | X, code)
    found = attempt(board.start(END - len(code)))
    assert (found.gate, found.pc, found.regs[2]) == ("int80", END - 4, 1)
    board.map(END, R | X, bytes.fromhex("563412 cd80"))
    found = attempt(board.resume())
    assert (found.gate, found.regs[0], found.regs[2]) == ("int80", 0x12345678, 2)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_the_page_end_is_met_again_after_a_fault(boards: Boards, mode: Mode) -> None:
    """Whether translations of the page exist or not, and whether the second page was there before, the fault is the same."""
    board = boards(mode)
    code = bytes.fromhex("ffc2 b878")
    start = END - len(code)
    board.map(start, R | X, code)
    for _ in range(3):
        found = attempt(board.start(start))
        assert (found.start, found.data, found.regs[2]) == (END - 2, END, 1)
        board.map(END, R | X, bytes.fromhex("563412 cd80"))
        assert attempt(board.start(start)).gate == "int80"
        board.protect(END, R)
        found = attempt(board.start(start))
        assert (found.start, found.data, found.regs[2]) == (END - 2, END, 1)
        del board.pages[END]


def test_another_fault_before_the_page_end(boards: Boards) -> None:
    """Nothing stays behind of the way to a page end that was not reached: the same code runs through when all pages are there."""
    board = boards("amd64")
    code = bytes.fromhex("8b01 ffc2 b878")
    start = END - len(code)
    board.map(start, R | X, code)
    found = attempt(board.start(start, rcx=DATA))
    assert (found.start, found.data) == (start, DATA)
    board.map(DATA, R)
    board.map(END, R | X, bytes.fromhex("563412 cd80"))
    for first in (start, start + 2, start + 4):
        found = attempt(board.start(first, rcx=DATA))
        assert (found.gate, found.regs[0]) == ("int80", 0x12345678)


def test_a_loop_in_the_last_bytes_of_a_page(boards: Boards) -> None:
    """Branches back into the page work while its end is being stepped over, and count blocks."""
    board = boards("amd64")
    code = bytes.fromhex("ffc2 83fa05 75f9 b878")  # inc edx; cmp edx, 5; jne back; a mov that is cut
    start = END - len(code)
    board.map(start, R | X, code)
    found = attempt(board.start(start))
    assert (found.start, found.data, found.regs[2]) == (END - 2, END, 5)
    assert board.start(start, blocks=3).kind == "limit"


def test_jumps_among_the_last_bytes_of_a_page(boards: Boards) -> None:
    """Forward jumps end at the right instruction, time after time, with the next page and without it."""
    board = boards("amd64")
    code = bytes.fromhex("ffc2 eb02 9090 ffc2 eb01 90 ffc2 b8")
    start = END - len(code)
    board.map(start, R | X, code)
    for _ in range(3):
        found = attempt(board.start(start))
        assert (found.start, found.data, found.regs[2]) == (END - 1, END, 3)
        board.map(END, R | X, bytes.fromhex("78563412 cd80"))
        found = attempt(board.start(start))
        assert (found.gate, found.regs[0], found.regs[2]) == ("int80", 0x12345678, 3)
        assert attempt(board.start(start + 6)).regs[2] == 2
        del board.pages[END]


@pytest.mark.parametrize("count", range(1, 15))
def test_an_entry_whose_prefixes_fill_the_page(boards: Boards, count: int) -> None:
    """The opcode lies in a page that is missing: the fault is the instruction's, at its first prefix; with the page it enters."""
    board = boards("amd64")
    start = END - count
    board.map(start - 2, R | X, bytes.fromhex("ffc2") + b"\x66" * count)
    found = attempt(board.start(start - 2))
    assert (found.vector, found.start, found.pc, found.data, found.regs[2]) == (PF, start, start, END, 1)
    assert found.opcode == END
    board.map(END, R | X, bytes.fromhex("0f05"))
    found = attempt(board.start(start - 2))
    assert (found.gate, found.start, found.opcode) == (("syscall", start, END) if count <= 13 else ("", start, END))


@pytest.mark.parametrize(
    ("code", "vector"),
    [
        ("488b08", GP),  # mov rcx, [rax]
        ("488908", GP),
        ("48a1ffffffffffff0080", GP),
        ("488b4d00", SS),  # mov rcx, [rbp]
        ("3e488b4d00", SS),  # a DS prefix does not change the segment
        ("64488b4d00", GP),  # FS does
        ("488b0c28", GP),  # [rax + rbp]: the base decides
        ("488b4c0500", SS),  # [rbp + rax]
        ("ff30", GP),  # push [rax]
        ("a4", GP),  # movsb
        ("4889c450", SS),  # mov rsp, rax; push rax
        ("4889c458", SS),
        ("4889c4c3", SS),
        ("4889c4e800000000", SS),
    ],
)
def test_addresses_that_are_not_canonical(boards: Boards, code: str, vector: int) -> None:
    """#GP, or #SS if it is the stack's segment (both seen on an AMD CPU); there is no data address."""
    wild = 0x4141_4141_4141_4141
    index = 0 if "0c28" in code or "4c05" in code else wild
    board = boards("amd64")
    found = attempt(board.run(code, rax=index, rbp=wild, rsi=wild) if index else board.run(code, rax=0x10, rbp=wild))
    if "0c28" in code:
        vector = GP
    assert (found.gate, found.vector, found.data) == ("", vector, None)
    length = 3 if code.startswith("4889c4") else 0
    assert found.start == found.pc == CODE + length


@pytest.mark.parametrize(
    ("code", "at"),
    [("90ffe0", 1), ("90ffd0", 1), ("9050c3", 2), ("9050c20800", 2), ("66ffc2 ff20", 3)],
)
def test_branches_to_addresses_that_are_not_canonical(boards: Boards, code: str, at: int) -> None:
    """Hardware faults at the branch and leaves the stack pointer alone (seen on an AMD CPU)."""
    wild = 0x4141_4141_4141_4141
    board = boards("amd64")
    board.map(DATA, R, wild.to_bytes(8, "little"))
    board.map(CODE, R | X, bytes.fromhex(code))
    target = DATA if code.endswith("ff20") else wild
    found = attempt(board.start(rax=target))
    assert (found.gate, found.vector, found.data) == ("", GP, None)
    assert found.start == found.pc == CODE + at
    assert found.regs[4] == (board.sp - 8 if "50c" in code else board.sp)


def test_kernel_addresses_are_page_faults(boards: Boards) -> None:
    """A canonical address above the user's is #PF, for data and code alike."""
    kernel = 0xFFFF_8000_0000_0000
    found = attempt(boards("amd64").run("488b08", rax=kernel + 0x123))
    assert (found.vector, found.data) == (PF, kernel + 0x123)
    found = attempt(boards("amd64").run("ffe0", rax=kernel))
    assert (found.vector, found.start, found.data) == (PF, kernel, kernel)


@pytest.mark.parametrize(("code", "vector"), [("31c9f7f1", 0), ("d9e8 d9ee d9c9 def9", None)])
def test_arithmetic_faults(boards: Boards, code: str, vector: int | None) -> None:
    """#DE faults at the division; masked x87 errors do not fault."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex(code + "cd80"))
    found = attempt(board.start())
    if vector is None:
        assert found.gate == "int80"
    else:
        assert found.vector == vector


def test_an_unmasked_x87_error_is_an_exception(boards: Boards) -> None:
    """CR0.NE is set: #MF at the next waiting x87 instruction, and no external interrupt."""
    # mov word [rsp], 0x37b; fldcw [rsp]; fld1; fldz; fdivp; fwait
    found = attempt(boards("amd64").run("66c704247b03 d92c24 d9e8 d9ee def9 9b cd80"))
    assert (found.vector, found.start) == (16, CODE + 15)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_single_step(boards: Boards, mode: Mode) -> None:
    """TF set by user code: a trap behind the next instruction, which may end like INT 1; INT 1 itself stays #GP."""
    set_tf = "9c 810c2400010000 9d"  # pushf; or dword [esp], 0x100; popf
    found = attempt(boards(mode).run(set_tf + "b80000cd01 90"))
    assert (found.vector, found.start, found.pc, found.regs[0]) == (1, CODE + 9, CODE + 14, 0x01CD0000)
    found = attempt(boards(mode).run(set_tf + "eb10"))
    assert (found.vector, found.start, found.pc) == (1, CODE + 9, CODE + 27)
    found = attempt(boards(mode).run(set_tf + "66cd01"))
    assert (found.vector, found.start, found.pc) == (GP, CODE + 9, CODE + 9)
    found = attempt(boards(mode).run("9066cd01"))
    assert (found.vector, found.start, found.pc) == (GP, CODE + 1, CODE + 1)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_faults_after_faults(boards: Boards, mode: Mode) -> None:
    """A fault whose signal was handled is over: the next one is itself and no double fault, however many there are."""
    board = boards(mode)
    board.map(CODE, R | X, bytes.fromhex("f4 f7f1 8b01 cd06 f4 f7f1 f4"))
    stop, seen = board.start(), []
    for size in (1, 2, 2, 2, 1, 2, 1):
        found = attempt(stop)
        seen.append(found.vector)
        frame = board.machine.frame()
        frame.pc = found.pc + size
        board.machine.resume(frame)
        stop = board.machine.go()
    assert seen == [13, 0, 14, 13, 13, 0, 13]


@pytest.mark.parametrize("selector", ["07", "27"])
def test_call_gates_one_after_the_other(boards: Boards, selector: str) -> None:
    """Behind each of them the emulator has raised a #GP, which never happened."""
    code = "9a00000000" + selector + "00"
    board = boards("i386")
    board.map(CODE, R | X, bytes.fromhex(code * 5))
    stop = board.start()
    for index in range(5):
        assert (attempt(stop).gate, attempt(stop).start) == ("lcall" + selector.lstrip("0"), CODE + 7 * index)
        stop = board.resume()


def test_the_vector_state_survives_faults(boards: Boards) -> None:
    """Dealing with a fault changes nothing but what the frame says."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex("660f6ec0 f4 660f7ec3 cd80"))  # movd xmm0, eax; hlt; movd ebx, xmm0
    board.start(rax=0x1234)
    frame = board.machine.frame()
    frame.pc += 1
    board.machine.resume(frame)
    assert attempt(board.machine.go()).regs[3] == 0x1234


def test_the_kernel_may_send_code_anywhere(boards: Boards) -> None:
    """A frame whose PC is not canonical faults there, with nothing executed."""
    board = boards("amd64")
    board.run("0f05")
    frame = board.machine.frame()
    frame.pc = 0x8000_0000_0000_0000
    board.machine.resume(frame)
    found = attempt(board.machine.go())
    assert (found.vector, found.start, found.pc, found.data) == (GP, frame.pc, frame.pc, None)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    "rax", [0, 0x14, DATA, DATA + 0x1000, CODE, 0xFFFF_FFFF, 0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF]
)
@pytest.mark.parametrize("prot", [0, R, W, R | W])
def test_zeros_fault_as_if_they_were_run(
    boards: Boards, mode: Mode, rax: int, prot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short cut for `add [rax], al` tells the same as the emulator does, whatever RAX points to."""
    if mode == "i386" and rax > 0xFFFF_FFFF:
        rax &= 0xFFFF_FFFF
    found = []
    for short_cut in (True, False):
        if not short_cut:
            monkeypatch.setattr(Executor, "stuck_in_zeros", lambda self, pc: None)
        board = boards(mode)
        board.map(CODE, R | X)
        if prot:
            board.map(DATA, prot)
        stop = board.start(**{"rax" if mode == "amd64" else "eax": rax})
        found.append(stop)
    assert found[0] == found[1]
