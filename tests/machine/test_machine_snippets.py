"""The snippets do on the CPU what they say."""

from collections.abc import Callable

import pytest
from board import CODE, DATA, Board, R, W, X, attempt

from sysfuzz.program.names import R8, R9, R10, RAX, RCX, RDI, RDX, RSI, RSP
from sysfuzz.x86 import snippets
from sysfuzz.x86.entries import WORLDS, World, gates

Boards = Callable[..., Board]


def enter(boards: Boards, world: World, code: bytes, prot: int = R | X) -> Board:
    """A board about to run `code` at CODE in that world, with a stack that it can reach."""
    board = boards(world.mode, world.vendor)
    board.map(CODE, prot, code)
    board.map(0x7000, R | W)
    if world.mode == "amd64" and world.bits == 32:
        board.map(DATA, R | X, snippets.to_32(CODE))
    return board


def begin(world: World) -> int:
    """Where a run starts that `enter` has prepared."""
    return DATA if world.mode == "amd64" and world.bits == 32 else CODE


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_getpid_by_every_gate(boards: Boards, world: World) -> None:
    """The number is in RAX at each entry that the world has."""
    for entry in gates(*world):
        board = enter(boards, world, snippets.getpid(entry.name, world.bits))
        found = attempt(board.start(begin(world), sp=0x7800))
        assert (found.gate, found.regs[RAX]) == (entry.gate, snippets.GETPID)


def test_mmap_arguments(boards: Boards) -> None:
    """Where NetBSD looks for them: registers and one word above SP, or the stack alone; the stack comes back to where it was."""
    board = boards("amd64")
    board.map(
        CODE, R | X, snippets.mmap("syscall", 64, 0x10000, 0x2000, 5, 0x11012, -1, 0x3000) + bytes.fromhex("cd80")
    )
    found = attempt(board.start())
    regs = found.regs
    assert [regs[n] for n in (RDI, RSI, RDX, R10, R8, R9)] == [0x10000, 0x2000, 5, 0x11012, 2**64 - 1, 0]
    assert found.stack[:8] == (0x3000).to_bytes(8, "little")
    assert attempt(board.resume()).regs[RSP] == board.sp
    board = boards("i386")
    board.map(
        CODE, R | X, snippets.mmap("int80", 32, 0x10000, 0x2000, 5, 0x11012, -1, 0x1_0000_3000) + bytes.fromhex("cd80")
    )
    found = attempt(board.start())
    words = [int.from_bytes(found.stack[at : at + 4], "little") for at in range(0, 32, 4)]
    assert words == [0x10000, 0x2000, 5, 0x11012, 0xFFFF_FFFF, 0, 0x3000, 1]
    assert attempt(board.resume()).regs[RSP] == board.sp


@pytest.mark.parametrize("world", [world for world in WORLDS if world.vendor == "intel"], ids=str)
def test_sysenter_knows_its_way_back(boards: Boards, world: World) -> None:
    """EDX is the address behind the instruction, ECX the stack pointer: SYSEXIT goes on there."""
    code = snippets.sysenter(snippets.GETPID, world.bits)
    board = enter(boards, world, code + bytes.fromhex("cd80"))
    found = attempt(board.start(begin(world), sp=0x7800))
    assert (found.gate, found.regs[RDX], found.regs[RCX]) == ("sysenter", CODE + len(code), found.regs[RSP])


@pytest.mark.parametrize("name", ["syscall", "int80"])
def test_self_modifying(boards: Boards, name: str) -> None:
    """It runs into the entry that it has written, in both widths."""
    for mode, bits in (("amd64", 64), ("i386", 32)):
        code = snippets.self_modifying(name, bits)
        found = attempt(boards(mode).run(code, R | W | X))
        assert (found.gate, found.opcode) == (name, CODE + len(code) - 2)


@pytest.mark.parametrize("name", ["syscall", "int80", "sysenter"])
def test_hidden(boards: Boards, name: str) -> None:
    """Executed from its start there is no entry in it, from the next byte there is."""
    board = boards("i386")
    board.map(CODE, R | X, snippets.hidden(name) + bytes.fromhex("f4"))
    assert attempt(board.start()).vector == 13
    assert attempt(board.start(CODE + 1)).gate == name
