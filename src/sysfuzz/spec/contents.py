"""What anonymous memory holds, as far as the ops of a program say: page by page, for those who peek.

A page that nobody has written holds zeros, a poke is known, and calls carry, copy, share or drop what is there. What
code or the kernel may have written is not known, and is never known again: after a run that is all there is. Of files,
and of the trampoline, nothing is known.
"""

from collections.abc import Sequence

from sysfuzz.program.names import ADVICE, INHERIT, PAGE
from sysfuzz.spec.pages import ANON, round_page
from sysfuzz.spec.world import Space, World

_SHARE, _COPY = INHERIT["MAP_INHERIT_SHARE"], INHERIT["MAP_INHERIT_COPY"]
_FREE = ADVICE["MADV_FREE"]


class Cell:
    """One page of memory; several spaces may map it. `data` is None if it is not known, and then for good."""

    __slots__ = ("data", "shared")

    def __init__(self, data: bytearray | None) -> None:
        self.data = data
        self.shared = False  # it may have been in two spaces


class Contents:
    """The memory of all processes of one world. A page without a cell has never been written."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memory: dict[Space, dict[int, Cell]] = {}

    def _cells(self, space: Space) -> dict[int, Cell]:
        cells = self._memory.get(space)
        if cells is None:  # after boot or exec
            cells = self._memory[space] = {self._world.layout.trampoline // PAGE: Cell(None)}
        return cells

    def poke(self, addr: int, data: bytes) -> None:
        """The running process's memory from `addr` on, all of which can be touched, is `data` now."""
        cells = self._cells(self._world.space)
        while data:
            number, offset = divmod(addr, PAGE)
            part = data[: PAGE - offset]
            cell = cells.get(number)
            if cell is None:
                cell = cells[number] = Cell(bytearray(PAGE))
            if cell.data is not None:
                cell.data[offset : offset + len(part)] = part
            addr, data = addr + len(part), data[len(part) :]

    def peek(self, addr: int, count: int) -> bytes | None:
        """What the running process's memory holds, all of which can be touched; None if some of it is not known."""
        space = self._world.space
        cells = self._cells(space)
        found = b""
        while count:
            number, offset = divmod(addr, PAGE)
            size = min(count, PAGE - offset)
            cell = cells.get(number)
            if space.pages[number].backing != ANON or (cell is not None and cell.data is None):
                return None
            found += bytes(size) if cell is None or cell.data is None else cell.data[offset : offset + size]
            addr, count = addr + size, count - size
        return found

    def run(self) -> None:
        """Code has run, and may have written and mapped whatever it could."""
        for space in {process.space: None for process in self._world.processes.values()}:
            self._memory[space] = {number: Cell(None) for number in space.pages}

    def call(self, space: Space, name: str, args: Sequence[int], answer: object) -> None:
        """The call of a process in `space` has answered what it must, and the world is as it is then."""
        if not isinstance(answer, int):
            return
        cells = self._cells(space)
        match name:
            case "mmap":
                size = round_page(args[1] + args[5] % PAGE, self._world.mask)
                for number in range(answer // PAGE, answer // PAGE + size // PAGE):
                    cells.pop(number, None)
            case "munmap":
                self._prune(space)
            case "mremap":
                self._remapped(space, args, answer)
            case "madvise" if args[2] == _FREE:
                self._freed(space, args)
            case "mincore":  # writes a byte a page
                pages = round_page(args[1], self._world.mask) // PAGE
                for number in range(args[2] // PAGE, (args[2] + pages - 1) // PAGE + 1):
                    self._forget(cells, number)
            case "fork":
                self._forked(space, self._world.processes[answer].space)

    def _prune(self, space: Space) -> None:
        cells = self._cells(space)
        for number in [number for number in cells if number not in space.pages]:
            del cells[number]

    def _remapped(self, space: Space, args: Sequence[int], start: int) -> None:
        """What is grown behind the unknown is not known either: it may be the trampoline's object."""
        cells = self._cells(space)
        old = args[0] // PAGE
        oldcount, newcount = (round_page(args[i], self._world.mask) // PAGE for i in (1, 3))
        first = start // PAGE
        source = range(old, old + oldcount)  # what is shrunk may be the whole address space
        moved = {number - old: cells.pop(number) for number in list(cells) if number in source}
        last = moved.get(oldcount - 1)
        cells.update((first + i, cell) for i, cell in moved.items() if i < newcount)
        if last is not None and last.data is None:
            cells.update((first + i, Cell(None)) for i in range(oldcount, newcount))

    def _freed(self, space: Space, args: Sequence[int]) -> None:
        """Freed pages that are not shared hold zeros; of one that was shared, nobody knows whose contents are dropped."""
        cells = self._cells(space)
        span = self._world.span(args[0], args[1])
        assert span is not None
        for number in span:
            cell = cells.get(number)
            if cell is not None and cell.data is not None and space.pages[number].inherit != _SHARE:
                if cell.shared:
                    cell.data = None
                else:
                    del cells[number]

    def _forked(self, parent: Space, child: Space) -> None:
        cells = self._cells(parent)
        inherited: dict[int, Cell] = {}
        for number, page in parent.pages.items():
            cell = cells.get(number)
            if page.inherit == _SHARE:
                if cell is None:
                    cell = cells[number] = Cell(bytearray(PAGE))
                cell.shared = True
                inherited[number] = cell
            elif page.inherit == _COPY and cell is not None:
                inherited[number] = Cell(None if cell.data is None else cell.data[:])
        self._memory[child] = inherited

    @staticmethod
    def _forget(cells: dict[int, Cell], number: int) -> None:
        cell = cells.setdefault(number, Cell(None))
        cell.data = None
