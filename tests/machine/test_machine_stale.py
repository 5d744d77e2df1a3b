"""Translations never outlive the bytes that they were made from: whoever writes them, under whatever address."""

from collections.abc import Callable

import pytest
from board import CODE, DATA, Board, R, W, X, attempt

from sysfuzz.kernel.protocol import Access
from sysfuzz.program.ir import Mode
from sysfuzz.program.names import PAGE

Boards = Callable[..., Board]
PF = 14


def loads(value: int) -> bytes:
    """mov eax, value; int 0x80."""
    return b"\xb8" + value.to_bytes(4, "little") + b"\xcd\x80"


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("prot", [R | X, R | W | X])
def test_code_written_between_runs(boards: Boards, mode: Mode, prot: int) -> None:
    """A loader's write counts at the next run, the first byte and the last."""
    board = boards(mode)
    board.map(CODE, prot, loads(0x11111111))
    assert attempt(board.start()).regs[0] == 0x11111111
    board.put(CODE + 1, b"\x22")
    assert attempt(board.start()).regs[0] == 0x11111122
    board.put(CODE + 4, b"\x33")
    assert attempt(board.start()).regs[0] == 0x33111122
    board.put(CODE, b"\xb9")
    assert attempt(board.start()).regs[1] == 0x33111122


def test_code_written_while_the_kernel_is_in(boards: Boards) -> None:
    """A copyout into the code that made the call counts when it returns."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex("0f05 b811000000 cd80"))
    attempt(board.start())
    board.put(CODE + 3, b"\x22")
    assert attempt(board.resume()).regs[0] == 0x22


def test_code_that_was_read_before_it_was_executed(boards: Boards) -> None:
    """An answer to a read that allows execution is never asked for again: a later write counts all the same."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex("8b11 ffe1"))  # mov edx, [rcx]; jmp rcx
    board.map(DATA, R | X, loads(1))
    assert attempt(board.start(rcx=DATA)).regs[0] == 1
    board.put(DATA + 1, b"\x02")
    assert attempt(board.start(rcx=DATA)).regs[0] == 2


def test_code_written_under_another_address(boards: Boards) -> None:
    """The write is told by physical address, so the mapping that it went through does not matter, nor one that is gone."""
    board = boards("amd64")
    board.map(CODE, R | X, loads(1))
    board.alias(CODE, DATA, R | X)
    assert attempt(board.start(CODE)).regs[0] == 1
    assert attempt(board.start(DATA)).regs[0] == 1
    kept = board.pages.pop(CODE)
    board.machine.flush()
    board.put(DATA + 1, b"\x02")
    assert attempt(board.start(DATA)).regs[0] == 2
    board.pages[CODE] = kept
    board.machine.flush()
    assert attempt(board.start(CODE)).regs[0] == 2


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_self_modifying_code(boards: Boards, mode: Mode) -> None:
    """A guest store into the block that is running counts at the next instruction."""
    name = "rcx" if mode == "amd64" else "ecx"
    board = boards(mode)
    # mov byte [ecx], 0x77; mov al, 0x11; int 0x80
    board.map(CODE, R | W | X, bytes.fromhex("c60177 b011 cd80"))
    assert attempt(board.start(**{name: CODE + 4})).regs[0] == 0x77
    board.put(CODE + 2, b"\x78")
    assert attempt(board.start(**{name: CODE + 4})).regs[0] == 0x78


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_stores_through_an_alias(boards: Boards, mode: Mode) -> None:
    """Two addresses, one page: a store through the writable one changes what the other executes, again and again."""
    name = "rcx" if mode == "amd64" else "ecx"
    board = boards(mode)
    # inc byte [ecx]; mov al, 0; cmp al, 5; jne back; int 0x80
    code = bytes.fromhex("fe01 b000 3c05 75f8 cd80")
    board.map(CODE, R | X, code)
    board.alias(CODE, DATA, R | W)
    found = attempt(board.start(**{name: DATA + 3}))
    assert (found.gate, found.regs[0]) == ("int80", 5)
    # The store comes before the code is ever executed, and again after it was translated.
    board = boards(mode)
    board.map(DATA, R | W)
    board.alias(DATA, CODE, R | X)
    board.put(CODE, bytes.fromhex("b000 cd80"))
    board.map(0x20000, R | X, bytes.fromhex("c60155 e9f8fffeff"))  # mov byte [ecx], 0x55; jmp CODE
    assert attempt(board.start(0x20000, **{name: DATA + 1})).regs[0] == 0x55
    board.put(0x20002, b"\x66")
    assert attempt(board.start(0x20000, **{name: DATA + 1})).regs[0] == 0x66


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_execute_permission_removed(boards: Boards, mode: Mode) -> None:
    """After a flush the page faults, both from the outside and when running code comes to it."""
    board = boards(mode)
    board.map(CODE, R | X, bytes.fromhex("cd80 e9f9ff0200"))  # int 0x80; jmp DATA
    board.map(DATA, R | X, loads(1))
    attempt(board.start())
    assert attempt(board.resume()).regs[0] == 1
    attempt(board.start())
    board.protect(DATA, R | W)
    found = attempt(board.resume())
    assert (found.vector, found.start) == (PF, DATA)
    board.protect(CODE, R)
    board.machine.flush()
    found = attempt(board.start())
    assert (found.vector, found.start) == (PF, CODE)


def test_the_running_page_loses_execute_permission(boards: Boards) -> None:
    """A call that takes X from its own page: the fault is at the address behind the call."""
    board = boards("amd64")
    board.map(CODE, R | X, bytes.fromhex("900f05 90"))
    attempt(board.start())
    board.protect(CODE, R)
    found = attempt(board.resume())
    assert (found.vector, found.start, found.data) == (PF, CODE + 3, CODE + 3)


def test_another_page_at_the_same_address(boards: Boards) -> None:
    """Unmapped and mapped anew, or moved: the new bytes are executed; an old page that comes back is executed again."""
    board = boards("amd64")
    board.map(CODE, R | X, loads(1))
    assert attempt(board.start()).regs[0] == 1
    old = board.pages[CODE]
    board.map(CODE, R | X, loads(2))
    board.machine.flush()
    assert attempt(board.start()).regs[0] == 2
    board.pages[CODE] = old
    board.machine.flush()
    assert attempt(board.start()).regs[0] == 1


def test_the_second_page_of_an_instruction_changes(boards: Boards) -> None:
    """A block over two pages is looked at anew when either is another page, or is written."""
    board = boards("amd64")
    end = CODE + PAGE
    board.map(end - 2, R | X, b"\xb8\x11")
    board.map(end, R | X, b"\x11\x11\x11\xcd\x80")
    assert attempt(board.start(end - 2)).regs[0] == 0x11111111
    board.map(end, R | X, b"\x22\x22\x22\xcd\x80")
    board.machine.flush()
    assert attempt(board.start(end - 2)).regs[0] == 0x22222211
    board.put(end, b"\x33")
    assert attempt(board.start(end - 2)).regs[0] == 0x22223311
    board.put(end - 1, b"\x44")
    assert attempt(board.start(end - 2)).regs[0] == 0x22223344


def test_a_jump_inside_a_page_to_what_was_rewritten(boards: Boards) -> None:
    """Blocks are chained to each other: a chain to a block whose bytes changed is cut."""
    board = boards("amd64")
    board.map(CODE, R | W | X, bytes.fromhex("eb0e") + bytes(14) + loads(1))
    for value in range(1, 5):
        board.put(CODE + 16, loads(value))
        assert attempt(board.start()).regs[0] == value


def test_copy_on_write_under_running_code(boards: Boards) -> None:
    """The kernel answers a store with another page than it gave for execution: the code goes on in the copy.

    The block behind the store has run before, so it was translated from the old page.
    """
    board = boards("amd64")
    # next: mov byte [rcx], dl; jmp over; (nops) over: mov al, 0x11; inc dl; cmp dl, 3; jne next; int 0x80
    code = bytes.fromhex("8811 eb04 90909090 b011 fec2 80fa03 75ef cd80")
    board.map(CODE, R | X, code)
    original = board.pages[CODE][0]
    copy = board.memory.allocate()

    def fill(page: int, access: Access) -> tuple[int, int] | None:
        if page == CODE and access == "write" and board.pages[CODE][0] == original:
            board.memory.write(copy, board.memory.read(original, PAGE))
            board.pages[CODE] = (copy, R | W | X)
        return board.pages.get(page)

    board.machine.begin(fill)
    found = attempt(board.start(CODE + 8, rcx=CODE + 9))
    assert (found.gate, found.regs[0], found.regs[2]) == ("int80", 2, 3)
    assert board.memory.read(original, len(code)) == code
    assert board.get(CODE + 9, 1) == b"\x02"


def test_a_new_generation_of_memory(boards: Boards) -> None:
    """When page numbers are used again, nothing of the program before is executed."""
    board = boards("amd64")
    first: set[int] = set()
    generation = board.memory.generation
    while board.memory.generation < generation + 2:
        value = len(first) + board.memory.generation * 0x10000
        found = attempt(board.run(loads(value)))
        assert found.regs[0] == value
        first.add(board.pages[CODE][0])
        for _ in range(50):
            board.memory.allocate()


def test_forgetting_leaks_nothing_that_flushing_does_not_free(boards: Boards) -> None:
    """Write and run, thousands of times over several generations: resident memory stays flat."""
    board = boards("amd64")

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4

    def work() -> None:
        for _ in range(2000):
            board.clear()
            board.map(CODE, R | X, loads(1), pages=8)
            attempt(board.start())
            board.put(CODE + 1, b"\x02")
            attempt(board.start())

    work()
    before = resident()
    work()
    assert resident() - before < 4096  # KiB
