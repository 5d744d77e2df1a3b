"""Boards for the tests of the machine."""

from collections.abc import Callable

import pytest
from board import Board

from sysfuzz.program.ir import Mode, Vendor


@pytest.fixture(scope="session")
def boards() -> Callable[..., Board]:
    """Boards by mode and vendor, each made once and cleared when asked for."""
    made: dict[tuple[Mode, Vendor], Board] = {}

    def board(mode: Mode = "amd64", vendor: Vendor = "amd") -> Board:
        if (mode, vendor) not in made:
            made[mode, vendor] = Board(mode, vendor)
        return made[mode, vendor].clear()

    return board
