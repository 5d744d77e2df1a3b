"""User memory as the kernel reaches it: the page-fault path, copyin and copyout, and a loader's poke and peek.

`fault` is what the MMU asks at a TLB miss: it brings a page in, copies one that is to be written and belongs to a file, or refuses.
Signals and errno values are the callers' business.
"""

from sysfuzz.kernel.pages import Amap, copy_page
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Access, Memory
from sysfuzz.kernel.vmmap import Entry
from sysfuzz.program.names import PAGE

_NEEDS: dict[str, int] = {"read": 1, "write": 2, "exec": 4}
_WRITE = 2
_PAGE_MASK = PAGE - 1


class UserMemory:
    """The address spaces of all processes, over one physical memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def fault(self, process: Process, vaddr: int, access: Access) -> tuple[int, int] | None:
        """Physical address and permissions of the page at `vaddr`, or None if the access is not allowed or the file ends before."""
        entry = process.vm.lookup(vaddr)
        if entry is None or not entry.prot & _NEEDS[access]:
            return None
        return self._page(entry, vaddr, access == "write")

    def _page(self, entry: Entry, vaddr: int, write: bool) -> tuple[int, int] | None:
        slot = (vaddr - entry.start) // PAGE
        amap = entry.amap
        if amap is not None:
            paddr = amap.slots.get(entry.aoff + slot)
            if paddr is not None:
                return paddr, entry.prot
        if entry.object is None:
            paddr = self._memory.allocate()
        else:
            original = entry.object.page(entry.offset + slot, self._memory)
            if original is None:
                return None
            if not entry.cow:
                return original, entry.prot
            if not write:
                return original, entry.prot & ~_WRITE
            paddr = copy_page(original, self._memory)
        if amap is None:
            amap = entry.amap = Amap()
            entry.aoff = 0
        amap.slots[entry.aoff + slot] = paddr
        return paddr, entry.prot

    def copyin(self, process: Process, addr: int, count: int) -> bytes | None:
        """`count` bytes that user code may read, or None."""
        return self._read(process, addr, count, forced=False)

    def copyout(self, process: Process, addr: int, data: bytes) -> bool:
        """Write where user code may write; False, and nothing written, if it may not."""
        return self._write(process, addr, data, forced=False)

    def can_write(self, process: Process, addr: int, count: int) -> bool:
        """Whether a copyout of `count` bytes would succeed; brings no page in."""
        return self._reaches(process, addr, count, _WRITE)

    @staticmethod
    def _reaches(process: Process, addr: int, count: int, needed: int) -> bool:
        """Whether each of `count` bytes lies in a page that allows what is `needed` and has memory; brings no page in."""
        while count > 0:
            entry = process.vm.lookup(addr)
            if entry is None or entry.prot & needed != needed or entry.past_end(addr):
                return False
            length = PAGE - (addr & _PAGE_MASK)
            addr = addr + length & process.vm.layout.mask
            count -= length
        return True

    def fetch(self, process: Process, addr: int, count: int) -> bytes:
        """Up to `count` bytes of code, cut before the first page that cannot be executed."""
        code = b""
        while len(code) < count:
            paddr = self._locate(process, addr, "exec", forced=False)
            if paddr is None:
                break
            piece = self._memory.read(paddr, min(count - len(code), PAGE - (addr & _PAGE_MASK)))
            code += piece
            addr = addr + len(piece) & process.vm.layout.mask
        return code

    def peek(self, process: Process, addr: int, count: int) -> bytes | None:
        """`count` bytes whatever the protection, or None if a page is not mapped."""
        return self._read(process, addr, count, forced=True)

    def poke(self, process: Process, addr: int, data: bytes) -> bool:
        """Write whatever the protection; False, and nothing written, if a page is not mapped."""
        return self._write(process, addr, data, forced=True)

    def _locate(self, process: Process, addr: int, access: Access, forced: bool) -> int | None:
        """Physical address of the byte at `addr`."""
        if forced:
            entry = process.vm.lookup(addr)
            page = None if entry is None else self._page(entry, addr & ~_PAGE_MASK, access == "write")
        else:
            page = self.fault(process, addr & ~_PAGE_MASK, access)
        return None if page is None else page[0] + (addr & _PAGE_MASK)

    def _pieces(
        self, process: Process, addr: int, count: int, access: Access, forced: bool
    ) -> list[tuple[int, int]] | None:
        """(physical address, length) of the parts of [addr, addr + count), page by page; None if one cannot be had."""
        pieces = []
        while count:
            paddr = self._locate(process, addr, access, forced)
            if paddr is None:
                return None
            length = min(count, PAGE - (addr & _PAGE_MASK))
            pieces.append((paddr, length))
            addr = addr + length & process.vm.layout.mask
            count -= length
        return pieces

    def _read(self, process: Process, addr: int, count: int, forced: bool) -> bytes | None:
        if (addr & _PAGE_MASK) + count <= PAGE:  # nearly always: one page
            paddr = self._locate(process, addr, "read", forced)
            return None if paddr is None else self._memory.read(paddr, count)
        pieces = self._pieces(process, addr, count, "read", forced)
        if pieces is None:
            return None
        return b"".join([self._memory.read(paddr, length) for paddr, length in pieces])

    def _write(self, process: Process, addr: int, data: bytes, forced: bool) -> bool:
        if (addr & _PAGE_MASK) + len(data) <= PAGE:
            paddr = self._locate(process, addr, "write", forced)
            if paddr is None:
                return False
            self._memory.write(paddr, data)
            return True
        if not self._reaches(process, addr, len(data), 0 if forced else _WRITE):
            return False  # before a private page of a file is copied for it
        pieces = self._pieces(process, addr, len(data), "write", forced)
        if pieces is None:
            return False
        done = 0
        for paddr, length in pieces:
            self._memory.write(paddr, data[done : done + length])
            done += length
        return True
