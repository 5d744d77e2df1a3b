"""What memory holds, as far as the ops of a program say: page by page, for those who peek.

A page that nobody has written holds zeros, a poke is known, and calls carry, copy, share or drop what is there. A page
of a file is one for all who share it; a private one shows it until it is written. What code or the kernel may have
written is not known, and is never known again: after a run that is all there is. Of the trampoline nothing is known.
"""

from collections.abc import Sequence

from sysfuzz.program.layout import FILE_PAGES
from sysfuzz.program.names import ADVICE, INHERIT, MAP, PAGE
from sysfuzz.spec.pages import round_page
from sysfuzz.spec.world import Space, World

_SHARE, _COPY = INHERIT["MAP_INHERIT_SHARE"], INHERIT["MAP_INHERIT_COPY"]
_FREE = ADVICE["MADV_FREE"]
_ANONYMOUS, _SHARED = MAP["MAP_ANON"], MAP["MAP_SHARED"]


class Cell:
    """One page of memory; several spaces may map it. `data` is None while `under` is seen instead; else if it is not known, then for good."""

    __slots__ = ("data", "file", "shared", "under")

    def __init__(
        self, data: bytearray | None, file: tuple[int, int] | None = None, under: "Cell | None" = None
    ) -> None:
        self.data = data
        self.file = file  # the descriptor and the page of the file that this is, or shows, or was copied from
        self.under = under  # the file's own page, which is what is seen as long as this one has not been written
        self.shared = False  # it may have been in two spaces

    def seen(self) -> bytearray | None:
        """What is read here; None: nobody knows."""
        return self.data if self.under is None else self.under.data

    def written(self) -> bytearray | None:
        """What is about to be written; a page that shows a file's is a copy of it from now on."""
        if self.under is not None:
            seen = self.under.data
            self.data, self.under = None if seen is None else seen[:], None
        return self.data

    def lose(self) -> None:
        """Somebody may have written here."""
        self.data = self.under = None


class Contents:
    """The memory of all processes of one world. A page without a cell has never been written."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memory: dict[Space, dict[int, Cell]] = {}
        self._files: dict[tuple[int, int], Cell] = {}  # by descriptor and page
        self._written = False  # code may have written files

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
            held = cell.written()
            if held is not None:
                held[offset : offset + len(part)] = part
            addr, data = addr + len(part), data[len(part) :]

    def peek(self, addr: int, count: int) -> bytes | None:
        """What the running process's memory holds, all of which can be touched; None if some of it is not known."""
        cells = self._cells(self._world.space)
        found = b""
        while count:
            number, offset = divmod(addr, PAGE)
            size = min(count, PAGE - offset)
            cell = cells.get(number)
            if cell is None:
                found += bytes(size)
            elif (held := cell.seen()) is None:
                return None
            else:
                found += held[offset : offset + size]
            addr, count = addr + size, count - size
        return found

    def run(self) -> None:
        """Code has run, and may have written and mapped whatever it could."""
        for space in {process.space: None for process in self._world.processes.values()}:
            self._memory[space] = {number: Cell(None) for number in space.pages}
        self._written = True
        for cell in self._files.values():
            cell.lose()

    def call(self, space: Space, name: str, args: Sequence[int], answer: object) -> None:
        """The call of a process in `space` has answered what it must, and the world is as it is then."""
        if not isinstance(answer, int):
            return
        cells = self._cells(space)
        match name:
            case "mmap":
                size = round_page(args[1] + args[5] % PAGE, self._world.mask)
                self._mapped(cells, range(answer // PAGE, answer // PAGE + size // PAGE), *args[3:])
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

    def _mapped(self, cells: dict[int, Cell], span: range, flags: int, fd: int, offset: int) -> None:
        for index, number in enumerate(span, offset // PAGE):
            if flags & _ANONYMOUS or index >= FILE_PAGES:  # behind the end there is nothing to see
                cells.pop(number, None)
            else:
                cells[number] = self._of_file((fd, index), shared=bool(flags & _SHARED))

    def _of_file(self, file: tuple[int, int], shared: bool) -> Cell:
        """A page of a file as a mapping has it."""
        own = self._files.get(file)
        if own is None:
            own = self._files[file] = Cell(None if self._written else bytearray(PAGE), file)
        return own if shared else Cell(None, file, own)

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
        if last is not None:
            for i in range(oldcount, newcount):
                behind = self._behind(last, i - oldcount + 1)
                if behind is not None:
                    cells[first + i] = behind

    def _behind(self, last: Cell, count: int) -> Cell | None:
        """The page that a mapping has `count` pages behind its present last one; None if that is one of zeros."""
        if last.file is not None:
            fd, page = last.file
            return self._of_file((fd, page + count), shared=last is self._files[last.file])
        return Cell(None) if last.data is None else None

    def _freed(self, space: Space, args: Sequence[int]) -> None:
        """Freed pages that are not shared hold zeros; of one that was shared, nobody knows whose contents are dropped."""
        cells = self._cells(space)
        span = self._world.span(args[0], args[1])
        assert span is not None
        for number in span:
            cell = cells.get(number)
            if (
                cell is not None
                and cell.file is None
                and cell.data is not None
                and space.pages[number].inherit != _SHARE
            ):
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
                inherited[number] = self._copied(cell)
        self._memory[child] = inherited

    def _copied(self, cell: Cell) -> Cell:
        """What a child has that inherits a copy; of what shows a file, it shows the same, and keeps its own changes from now on."""
        shown = cell if cell.file is not None and cell is self._files[cell.file] else cell.under
        if shown is not None:
            return Cell(None, cell.file, shown)
        return Cell(None if cell.data is None else cell.data[:], cell.file)

    @staticmethod
    def _forget(cells: dict[int, Cell], number: int) -> None:
        cells.setdefault(number, Cell(None)).lose()
