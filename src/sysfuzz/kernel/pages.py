"""Where the contents of mappings live: anonymous memory and files, page by page.

As in UVM, an entry has an optional amap (its private or inherited-shared pages) in front of an optional object (a file, or the
signal trampoline). Pages come to be when they are first touched. Addresses and protections are unknown here.
"""

from sysfuzz.kernel.protocol import Memory
from sysfuzz.program.names import PAGE


class Amap:
    """Anonymous pages by slot. `refs` counts the entries that look into it; only a map with one may be extended."""

    __slots__ = ("refs", "slots")

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}  # slot -> physical address
        self.refs = 1

    def copy(self, first: int, count: int, memory: Memory) -> "Amap":
        """A new amap with copies of the pages in `count` slots from `first`, at slots 0 onward."""
        new = Amap()
        for slot, paddr in sorted(self.slots.items()):
            if first <= slot < first + count:
                new.slots[slot - first] = copy_page(paddr, memory)
        return new

    def drop(self, first: int, count: int) -> None:
        """Forget the pages in `count` slots from `first`."""
        if len(self.slots) <= count:
            for slot in [slot for slot in self.slots if first <= slot < first + count]:
                del self.slots[slot]
        else:
            for slot in range(first, first + count):
                self.slots.pop(slot, None)


class Object:
    """A file of `pages` pages whose beginning is `data`, the rest zeros; shared by everybody who maps it."""

    __slots__ = ("data", "loaded", "name", "pages")

    def __init__(self, name: str, pages: int, data: bytes = b"") -> None:
        self.name = name
        self.pages = pages
        self.data = data
        self.loaded: dict[int, int] = {}  # page index -> physical address

    def page(self, index: int, memory: Memory) -> int | None:
        """Physical address of page `index`, or None past the end."""
        paddr = self.loaded.get(index)
        if paddr is None:
            if not 0 <= index < self.pages:
                return None
            paddr = self.loaded[index] = memory.allocate()
            content = self.data[index * PAGE : (index + 1) * PAGE]
            if content:
                memory.write(paddr, content)
        return paddr


def copy_page(paddr: int, memory: Memory) -> int:
    """Physical address of a fresh page with the same contents."""
    new = memory.allocate()
    memory.write(new, memory.read(paddr, PAGE))
    return new
