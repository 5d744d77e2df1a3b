"""mincore: which pages of a range are in memory, told as one byte a page.

The only memory-map call that writes to user memory; the vector is looked at before the range, as uvm_vslock comes first in NetBSD.
"""

from sysfuzz.kernel.mman import round_page
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.usermem import UserMemory
from sysfuzz.kernel.vmmap import Entry
from sysfuzz.program.names import PAGE


def mincore(memory: UserMemory, process: Process, addr: int, length: int, vec: int) -> int | str:
    """mincore(2); addresses outside the bounds are merely unmapped."""
    vm = process.vm
    size = round_page(length, vm.layout.mask)
    if addr % PAGE or (addr + size) & vm.layout.mask <= addr:
        return "EINVAL"
    if not memory.can_write(process, vec, size // PAGE):
        return "EFAULT"
    if not vm.covers(addr, addr + size):
        return "ENOMEM"
    resident = bytearray()
    for entry in vm.span(addr, addr + size):
        first, last = max(entry.start, addr), min(entry.end, addr + size)
        for page in range(first, last, PAGE):
            resident.append(_resident(entry, (page - entry.start) // PAGE))
    memory.copyout(process, vec, bytes(resident))
    return 0


def _resident(entry: Entry, slot: int) -> bool:
    if entry.amap is not None and entry.aoff + slot in entry.amap.slots:
        return True
    return entry.object is not None and entry.offset + slot in entry.object.loaded
