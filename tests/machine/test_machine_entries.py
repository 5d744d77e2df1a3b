"""Every kernel entry in every world: what the emulated CPU does against what the manuals say."""

from collections.abc import Callable

import pytest
from board import CODE, DATA, Board, R, W, X, attempt

from sysfuzz.machine.descriptors import SYSTEM
from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.program.layout import USER_CODE32
from sysfuzz.x86.snippets import far_call_memory, to_32

Boards = Callable[..., Board]

WORLDS = [
    (mode, bits, vendor) for mode, bits in (("amd64", 64), ("amd64", 32), ("i386", 32)) for vendor in ("amd", "intel")
]
UD, GP = 6, 13
LOW_STACK = 0x80000

# Instruction, and the worlds in which it enters (AMD64 APM vol. 3; Intel SDM vol. 2): elsewhere #UD.
ENTERS = {
    "0f05": ("syscall", 2, lambda mode, bits, vendor: vendor == "amd" or bits == 64),
    "0f34": ("sysenter", 2, lambda mode, bits, vendor: vendor == "intel" or mode == "i386"),
    "cd80": ("int80", 2, lambda mode, bits, vendor: True),
    "9a785634120700": ("lcall7", 7, lambda mode, bits, vendor: bits == 32),
    "9a000000002700": ("lcall27", 7, lambda mode, bits, vendor: bits == 32),
    "9a000000000400": ("lcall7", 7, lambda mode, bits, vendor: bits == 32),  # requested privilege 0
}
# Instruction: vector, and how far behind the start the saved address lies.
TRAPS = {"cc": (3, 1), "cd03": (3, 2), "cd04": (4, 2), "f1": (1, 1)}
FAULTS = {
    "cd00": GP, "cd01": GP, "cd05": GP, "cd06": GP, "cd0d": GP, "cd0e": GP, "cd2e": GP, "cd7f": GP, "cd81": GP, "cdff": GP,
    "0f0b": UD, "0fffc0": UD, "0fb9c0": UD, "0f01c8": UD, "0f01c9": UD,
    "0f07": GP, "f4": GP, "fa": GP, "fb": GP, "0f30": GP, "0f22d8": GP, "0f0110": GP, "0f00d8": GP,
    "ec": GP, "ee": GP, "e410": GP, "e610": GP, "6c": GP, "6e": GP, "66ed": GP,
    "0f31": GP, "0fc7f0": UD,
}  # fmt: skip


def run(boards: Boards, world: tuple[Mode, int, Vendor], code: bytes) -> tuple[Board, int]:
    """A board that has `code` at CODE and is about to execute it in that world; and the address where it starts."""
    mode, bits, vendor = world
    board = boards(mode, vendor)
    board.map(CODE, R | X, code)
    if mode == "amd64" and bits == 32:
        board.map(DATA, R | X, to_32(CODE))
        return board, DATA
    return board, CODE


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("prefix", ["", "66", "67f2", "2e3664", "f3f3f3f3f3f3f3f3f3f3f3"])
@pytest.mark.parametrize("code", ENTERS)
def test_entries(boards: Boards, world: tuple[Mode, int, Vendor], prefix: str, code: str) -> None:
    """Gate, addresses and the saved PC of each entry, with and without prefixes; #UD where the CPU does not have it."""
    gate, size, where = ENTERS[code]
    before = bytes.fromhex("90" + prefix)
    if gate.startswith("lcall") and prefix and (prefix == "66" or len(prefix) > 16):
        return  # another operand size, or more than 15 bytes: below
    board, start = run(boards, world, before + bytes.fromhex(code))
    found = attempt(board.start(start))
    assert (found.start, found.opcode) == (CODE + 1, CODE + len(before))
    assert (found.bits, found.base) == (world[1], 0)
    if where(*world):
        saved = CODE + len(before) + size
        assert (found.gate, found.vector, found.size) == (gate, -1, size)
        assert found.pc == (0 if gate == "sysenter" else saved)
        if gate == "syscall":
            assert found.regs[1] == saved
            if world[0] == "amd64":
                assert found.regs[11] == found.flags
    else:
        assert (found.gate, found.vector, found.pc) == ("", UD, CODE + 1)
        assert found.regs[1] == 0


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("code", TRAPS)
def test_traps(boards: Boards, world: tuple[Mode, int, Vendor], code: str) -> None:
    """A trap saves the next address; the attempt still knows where the instruction begins."""
    board, start = run(boards, world, bytes.fromhex("9066" + code))
    found = attempt(board.start(start))
    vector, size = TRAPS[code]
    assert (found.gate, found.vector, found.size) == ("", vector, size)
    assert (found.start, found.opcode, found.pc) == (CODE + 1, CODE + 2, CODE + 2 + size)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("code", FAULTS)
def test_faults(boards: Boards, world: tuple[Mode, int, Vendor], code: str) -> None:
    """A fault saves its own address; no register has changed, nor what a later instruction of the block would change."""
    board, start = run(boards, world, bytes.fromhex("89c0" + code + "ffc0ffc0"))
    expected = FAULTS[code]
    if code == "0f07" and world == ("i386", 32, "intel"):
        expected = UD  # SYSRET outside long mode
    found = attempt(board.start(start))
    assert (found.gate, found.vector) == ("", expected)
    assert (found.start, found.pc) == (CODE + 2, CODE + 2)
    assert found.regs[:4] == (0, 0, 0, 0)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    "code",
    [
        "0f05",
        "0f34",
        "cd80",
        "cc",
        "f1",
        "cd03",
        "cd81",
        "0f0b",
        "9a000000000700",
        "9a000000000f00",
        "f4",
        "ec",
        "ee",
        "0f07",
    ],
)
@pytest.mark.parametrize("prefix", ["f0", "66f0", "f067", "f066f2"])
def test_a_lock_prefix_makes_them_illegal(
    boards: Boards, world: tuple[Mode, int, Vendor], prefix: str, code: str
) -> None:
    """#UD at the first prefix, although the emulator executes most of them."""
    board, start = run(boards, world, bytes.fromhex("90" + prefix + code))
    found = attempt(board.start(start))
    assert (found.gate, found.vector) == ("", UD)
    assert (found.start, found.pc) == (CODE + 1, CODE + 1)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("code", ["c5f805", "c5f834", "c4e17805", "c4e17834", "c5fc05", "c5c005", "c4e1f834"])
def test_vex_forms_are_illegal(boards: Boards, world: tuple[Mode, int, Vendor], code: str) -> None:
    """The emulator takes them for system calls; they hold no 0F byte at all."""
    board, start = run(boards, world, bytes.fromhex("90" + code))
    found = attempt(board.start(start))
    assert (found.gate, found.vector, found.start) == ("", UD, CODE + 1)


def test_no_vex_form_enters(boards: Boards) -> None:
    """All two-byte VEX forms of both opcodes, and a sweep of the three-byte ones, in both widths: no gate."""
    for mode in ("amd64", "i386"):
        for opcode in (0x05, 0x34):
            for payload in range(0xC0 if mode == "i386" else 0, 256):
                for code in (bytes((0xC5, payload, opcode)), bytes((0xC4, 0xE1, payload, opcode))):
                    found = attempt(boards(mode).run(code + b"\xcc"))
                    assert found.gate == "", code.hex()


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("count", [12, 13, 14, 15])
def test_fifteen_bytes_are_the_limit(boards: Boards, mode: Mode, count: int) -> None:
    """Thirteen prefixes before a two-byte entry are an instruction, fourteen are #GP."""
    found = attempt(boards(mode).run(b"\x66" * count + bytes.fromhex("cd80")))
    assert (found.gate, found.vector) == (("int80", -1) if count <= 13 else ("", GP))
    assert found.start == CODE
    assert found.pc == (CODE + count + 2 if count <= 13 else CODE)


@pytest.mark.parametrize(
    ("code", "at"), [("b066cd80", 2), ("6866666666cd80", 5), ("40cd80", 0), ("90 40cd80", 1), ("b040 40cd80", 2)]
)
def test_operands_that_look_like_prefixes(boards: Boards, code: str, at: int) -> None:
    """Only the bytes of the instruction itself count to its start."""
    found = attempt(boards("amd64").run(code))
    assert found.gate == "int80"
    assert found.start == CODE + at
    assert found.opcode == CODE + len(bytes.fromhex(code)) - 2


def test_rex_is_an_instruction_of_its_own_in_32_bit_code(boards: Boards) -> None:
    """40 is INC EAX there."""
    found = attempt(boards("i386").run("40cd80"))
    assert (found.start, found.regs[0]) == (CODE + 1, 1)


@pytest.mark.parametrize("vendor", ["amd", "intel"])
def test_into(boards: Boards, vendor: Vendor) -> None:
    """INTO traps if OF is set, in the middle of a block too; without OF it does nothing; 64-bit code does not have it."""
    set_of = "b07f0401"  # mov al, 0x7f; add al, 1
    assert attempt(boards("i386", vendor).run(set_of + "f0ce")).vector == UD
    found = attempt(boards("i386", vendor).run(set_of + "66ce" + "90cd80"))
    assert (found.gate, found.vector, found.size) == ("", 4, 1)
    assert (found.start, found.opcode, found.pc) == (CODE + 4, CODE + 5, CODE + 6)
    assert attempt(boards("i386", vendor).run("31c0ce90cd80")).gate == "int80"
    assert attempt(boards("amd64", vendor).run(set_of + "ce")).vector == UD


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("selector", "gate"), [(0x07, "lcall7"), (0x27, "lcall27"), (0x24, "lcall27"), (0x0F, ""), (0x17, ""), (0, "")]
)
def test_far_calls_through_memory(boards: Boards, world: tuple[Mode, int, Vendor], selector: int, gate: str) -> None:
    """FF /3 reaches the call gates from both widths; any other selector is #GP here."""
    code = far_call_memory(selector, world[1])
    board, start = run(boards, world, code + b"\xcc")
    board.map(LOW_STACK, R | W)  # 32-bit code cannot reach the stack of a 64-bit process
    found = attempt(board.start(start, sp=LOW_STACK + 0x800))
    assert found.start == found.opcode == CODE + len(code) - 3
    if gate:
        assert (found.gate, found.size, found.pc) == (gate, 3, CODE + len(code))
    else:
        assert (found.gate, found.vector, found.pc) == ("", GP, CODE + len(code) - 3)


@pytest.mark.parametrize(
    ("mode", "code", "offset"),
    [
        ("i386", "ff1d00000400", 4),
        ("i386", "66ff1d00000400", 2),
        ("i386", "3eff1d00000400", 4),
        ("i386", "ff9900000000", 4),  # [ecx]
        ("i386", "ff5d00", 4),  # [ebp]
        ("i386", "ff1c8d00000000", 4),  # [ecx * 4]
        ("i386", "67ff5810", 4),  # [bx + si + 0x10]
        ("amd64", "ff1c2500000400", 4),
        ("amd64", "66ff1c2500000400", 2),
        ("amd64", "48ff1c2500000400", 8),
        ("amd64", "ff1dfaff0200", 4),  # [rip + DATA - next]
        ("amd64", "64ff1c2500000400", 4),
        ("amd64", "67ff19", 4),
        ("amd64", "41ff5900", 4),  # [r9]
    ],
)
def test_operands_of_far_calls(boards: Boards, mode: Mode, code: str, offset: int) -> None:
    """The selector is read where the CPU reads it: any addressing form, the operand size before it."""
    board = boards(mode)
    board.map(CODE, R | X, bytes.fromhex(code))
    regs = {"rcx": DATA, "r9": DATA} if mode == "amd64" else {"ecx": DATA, "ebp": DATA}
    if "8d" in code:
        regs["ecx"] = DATA // 4
    place = DATA
    if code.startswith("67ff58"):
        place, regs = 0x5010, {"ebx": 0x3000, "esi": 0x2000}
    board.map(place, R)
    board.put(place + offset, bytes.fromhex("2700"))
    found = attempt(board.start(**regs))
    assert found.gate == "lcall27"
    assert found.start == CODE
    assert found.pc == CODE + len(bytes.fromhex(code))


def test_far_calls_with_a_16_bit_offset(boards: Boards) -> None:
    """With 66, the direct form has five opcode bytes; the kernel, which sees none of this, goes seven back."""
    found = attempt(boards("i386").run("90 66 9a0000 0700"))
    assert (found.gate, found.start, found.opcode, found.size, found.pc) == ("lcall7", CODE + 1, CODE + 2, 5, CODE + 7)


def test_far_jumps_do_not_enter(boards: Boards) -> None:
    """A jump may not raise privilege: through a call gate it is #GP."""
    found = attempt(boards("i386").run("ea000000000700"))
    assert (found.gate, found.vector) == ("", GP)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_the_stack_of_an_attempt(boards: Boards, mode: Mode) -> None:
    """64 bytes behind the word at SP, cut where readable memory ends, and the CPU's own page is none; for sysenter those at ECX."""
    word = 8 if mode == "amd64" else 4
    board = boards(mode, "intel")
    board.map(CODE, R | X, bytes.fromhex("cd80 0f34"))
    board.map(DATA, R | W, bytes(range(1, 251)))
    found = attempt(board.start(sp=DATA + 3 - word))
    assert found.stack == bytes(range(4, 68))
    assert attempt(board.start(sp=DATA + 4096 - 10 - word)).stack == bytes(10)
    assert attempt(board.start(sp=0)).stack == b""
    assert attempt(board.start(sp=DATA - word)).stack[:1] == b"\1"  # the word at SP need not be readable
    assert attempt(board.start(sp=SYSTEM[mode])).stack == b""
    board.map(DATA + 4096, R | W, b"next")
    assert attempt(board.start(sp=DATA + 4096 - 2 - word)).stack[:6] == bytes(2) + b"next"
    found = attempt(board.start(CODE + 2, **{"rcx" if mode == "amd64" else "ecx": DATA + 100 - word}))
    assert found.gate == "sysenter"
    assert found.stack == bytes(range(101, 165))


def test_compatibility_code_says_so(boards: Boards) -> None:
    """An entry from 32-bit code of a 64-bit process carries the width of its segment, and the frame its selector."""
    board, start = run(boards, ("amd64", 32, "amd"), bytes.fromhex("cd80"))
    assert attempt(board.start(start)).bits == 32
    assert board.machine.frame().cs == USER_CODE32


@pytest.mark.parametrize(
    ("prefixes", "gate"),
    [
        ("2e2e26263e3e65f2f3", "lcall7"),  # nine of them, in no order: the decoder gives up, hardware does not
        ("2e2667f26736f3f23e65f226", "lcall7"),  # 14 bytes with the call
        ("2e2667f26736f3f23e65f2262e2e", ""),  # 16: #GP
    ],
)
def test_a_far_call_behind_many_prefixes(boards: Callable[..., Board], prefixes: str, gate: str) -> None:
    """Any prefixes in any order, up to fifteen bytes in all, and a call through memory still finds its gate."""
    board = boards("amd64")
    board.map(DATA, R | W, bytes.fromhex("00000000 0700"))
    board.map(CODE, R | X, bytes.fromhex(prefixes + "ff18" + "90"))
    found = attempt(board.start(rax=DATA))
    assert (found.gate, found.start) == (gate, CODE)
