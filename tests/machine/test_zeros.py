"""Code that runs into zeros: what is done so that they are not translated by the hundred tells nothing of itself."""

from collections.abc import Callable

import pytest
from board import CODE, DATA, Board, R, W, X

from sysfuzz.machine.mmu import Mmu
from sysfuzz.program.ir import MAX_BLOCKS, Mode

Boards = Callable[..., Board]

PAGE = 4096


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    "code",
    [
        "90",  # falls off its end
        "b814",  # takes zeros for its operand
        "68",  # likewise
        "0f",  # with a zero it is another opcode
        "eb02 9090 90",  # jumps within itself
        "ebfe",  # stays where it is
        "eb40",  # jumps into the zeros
        "6a00 c3",  # ends before them
        "0fc3",  # the ret is an operand
        "cd80",
        "9a00000000",  # a far call that zeros complete
        "c6053f00000090",  # amd64: writes into the zeros ahead
        "e800000000 58 04 09",  # rax points to the code itself
    ],
)
@pytest.mark.parametrize("rax", [0, DATA + 7, CODE + PAGE - 0x71, CODE + PAGE - 0x44])
@pytest.mark.parametrize("offset", [PAGE - 0x91, PAGE - 16])
def test_the_same_as_without(
    boards: Boards, mode: Mode, code: str, rax: int, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopping among the zeros changes neither what a run comes to nor any memory, wherever RAX points."""
    found = []
    for stops in (True, False):
        if not stops:
            monkeypatch.setattr(Mmu, "zeros_behind", lambda self, linear, bits: 0)
        board = boards(mode)
        board.map(CODE, R | W | X, bytes(offset) + bytes.fromhex(code)[: PAGE - offset])
        board.map(DATA, R | W)
        stop = board.start(pc=CODE + offset, blocks=MAX_BLOCKS, **{"rax" if mode == "amd64" else "eax": rax})
        found.append((stop, board.get(CODE, PAGE), board.get(DATA, PAGE)))
    assert found[0] == found[1]


def test_zeros_are_blocks_of_16_bytes(boards: Boards) -> None:
    """The budget ends a way through zeros: eight times `add [rax], al` for each block."""
    board = boards("amd64")
    board.map(CODE, R | W | X)
    board.map(DATA, R | W)
    assert board.start(blocks=16, rax=DATA + 1).kind == "limit"
    assert board.get(DATA + 1, 1) == bytes((16 * 8,))
