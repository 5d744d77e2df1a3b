"""A small core of one's own: one process, anonymous memory page by page, and the check at kernel entry."""

from itertools import count
from types import SimpleNamespace

from sysfuzz.kernel.signals import BY_VECTOR
from sysfuzz.kernel.syscalls import SYSCALLS
from sysfuzz.program.ir import CALLS
from sysfuzz.program.layout import LAYOUTS, MAX_PAGES, USER_CODE64
from sysfuzz.program.names import ERRNO, MAP, PAGE, R8, R9, R10, RAX, RDI, RDX, RSI, RSP
from sysfuzz.program.outcome import NOSYSCALLS, Delivered, Region, Reply, View

NEEDS = {"read": 1, "write": 2, "exec": 4}
ALL, COPY, NORMAL, UNWIRED = 7, 1, 0, 0  # maxprot, inheritance, advice and wired count of every page
ANON, FIXED, FLAG = MAP["MAP_ANON"], MAP["MAP_FIXED"], MAP["MAP_NOSYSCALLS"]
OPCODE_SIZE = {"syscall": 2, "int80": 2, "lcall7": 7, "lcall27": 7}


def page(prot, attributes=0):
    return SimpleNamespace(prot=prot, attributes=attributes, paddr=0)  # it has no memory before it is touched


class PageCore:
    """The kernel; `pages` is the map of process 1 by page number, None after exit."""

    unsupported = {*CALLS, "setcontext", "_lwp_self", "read", "write"} - {"mmap", "munmap", "mprotect", "exit"}

    def __init__(self, mode, memory):
        self.memory, self.layout, self.marked = memory, LAYOUTS[mode], False
        stack = self.numbers(self.layout.stack, self.layout.stack_top)
        self.pages = {self.layout.trampoline // PAGE: page(1 | 4)} | {number: page(1 | 2) for number in stack}

    # -- calls: each answers with a number, or with the name of an errno

    def call(self, pid, lwp, name, args):
        method = getattr(self, f"sys_{name}", None)
        return method(*args) if method else "ENOSYS"

    def sys_mmap(self, addr, length, prot, flags, fd, offset):
        layout, pageoff = self.layout, offset % PAGE
        size = self.rounded(length + pageoff)
        if flags & ~(ANON | FIXED | FLAG | MAP["MAP_PRIVATE"]):
            return "EINVAL"
        if flags & FIXED:
            addr = addr - pageoff & layout.mask
            end = addr + size & layout.mask
            if addr % PAGE or addr < layout.vm_min:
                return "EINVAL"
            if end > layout.vm_max or end < addr:
                return "EFBIG" if end > layout.vm_max else "EOVERFLOW"
        if not flags & ANON or fd != -1:
            return "EINVAL" if flags & ANON else "EBADF"  # there are no files
        if size > MAX_PAGES * PAGE:
            return "ENOMEM"
        if not flags & FIXED:
            places = count(layout.mmap_base, PAGE)
            addr = next(place for place in places if self.pages.keys().isdisjoint(self.numbers(place, place + size)))
        if len(self.pages.keys() | self.numbers(addr, addr + size)) > MAX_PAGES:
            return "ENOMEM"
        for number in self.numbers(addr, addr + size):
            self.pages[number] = page(prot & ALL, NOSYSCALLS if flags & FLAG else 0)
            self.marked = self.marked or bool(flags & FLAG)
        return addr + pageoff

    def sys_munmap(self, addr, length):
        return self.each(addr, length, self.pages.pop) if self.rounded(length + addr % PAGE) else 0

    def sys_mprotect(self, addr, length, prot):
        return self.each(addr, length, lambda number: setattr(self.pages[number], "prot", prot & ALL))

    def sys_exit(self, status):
        self.pages = None
        return 0

    def sys_getpid(self):
        return 1

    def rounded(self, length):
        return -(-length // PAGE) * PAGE & self.layout.mask

    def numbers(self, start, end):
        return range(start // PAGE, end // PAGE)

    def each(self, addr, length, change):
        """Change every mapped page of a range."""
        start = addr - addr % PAGE
        end = start + self.rounded(length + addr % PAGE) & self.layout.mask
        if not self.layout.vm_min <= start <= end <= self.layout.vm_max:
            return "EINVAL"
        for number in [number for number in self.pages if start <= number * PAGE < end]:
            change(number)
        return 0

    # -- kernel entry

    def enter(self, pid, lwp, frame):
        size, mask = OPCODE_SIZE[frame.gate], (1 << (64 if frame.cs == USER_CODE64 else 32)) - 1
        origin = frame.pc - size & mask
        found = [self.pages.get((origin + byte & mask) // PAGE) for byte in range(size)]
        if any(one and one.attributes & NOSYSCALLS for one in found):
            frame.pc = origin
            return self.signal(frame, "SIGILL", "ILL_ILLTRP", origin)
        number = frame.regs[RAX] % 512
        name, types = SYSCALLS.get(number, (f"#{number}", ""))
        args = self.arguments(frame.regs, types)
        result = "EFAULT" if args is None else self.call(pid, lwp, name, args)
        failed = isinstance(result, str)
        frame.regs[RAX] = ERRNO[result] if failed else result
        frame.flags = frame.flags & ~1 | failed  # the carry flag
        return Reply(name, args or (), result, ends="exit" if self.pages is None else "")

    def arguments(self, regs, types):
        """The arguments of a call by their types in SYSCALLS: registers, then the stack. None if it cannot be read."""
        width, long = self.layout.bits // 8, types.endswith("o") and self.layout.bits == 32
        words = [regs[number] for number in (RDI, RSI, RDX, R10, R8, R9)] if width == 8 else []
        stack = self.read(regs[RSP] + width, max(0, len(types) + long - len(words)) * width, NEEDS["read"])
        if stack is None:
            return None
        words += [int.from_bytes(stack[at : at + width], "little") for at in range(0, len(stack), width)]
        if long:
            words[-2] |= words.pop() << 32
        ints = [word & 0xFFFF_FFFF if kind in "is" else word for kind, word in zip(types, words, strict=False)]
        pairs = [pair for pair in zip(types, ints, strict=True) if pair[0] != "p"]
        return tuple(word - (word >> 31 << 32) if kind == "s" else word for kind, word in pairs)

    def fault(self, pid, lwp, frame, vector, addr):
        if vector == 14:
            return self.signal(frame, "SIGSEGV", "SEGV_ACCERR" if addr // PAGE in self.pages else "SEGV_MAPERR", addr)
        return self.signal(frame, *BY_VECTOR[vector], frame.pc)

    def signal(self, frame, name, code, addr):  # there are no handlers, so it ends the run
        return Reply(signal=Delivered(name, code, addr, frame.pc, tuple(frame.regs), handled=False))

    # -- memory

    def fill(self, pid, vaddr, access):
        found = self.pages.get(vaddr // PAGE)
        return (self.place(found), found.prot) if found and found.prot & NEEDS[access] else None

    def place(self, found):
        found.paddr = found.paddr or self.memory.allocate()
        return found.paddr

    def places(self, addr, count, prot=0):
        """The physical address of each byte, or None if a page is not mapped or lacks `prot`."""
        linear = [byte & self.layout.mask for byte in range(addr, addr + count)]
        found = [self.pages.get(byte // PAGE) for byte in linear]
        if any(one is None or one.prot & prot != prot for one in found):
            return None
        return [self.place(one) + byte % PAGE for one, byte in zip(found, linear, strict=True)]

    def read(self, addr, count, prot=0):
        places = self.places(addr, count, prot)
        return None if places is None else b"".join(self.memory.read(place, 1) for place in places)

    def peek(self, pid, addr, count):
        data = self.read(addr, count)
        return "EFAULT" if data is None else data

    def poke(self, pid, addr, data):
        places = self.places(addr, len(data))
        for place, byte in zip(places or (), data, strict=False):
            self.memory.write(place, bytes([byte]))
        return "EFAULT" if places is None else 0

    # -- what else sysfuzz asks

    def alive(self, pid, lwp):
        return int(pid == 1 and lwp in (0, 1) and self.pages is not None)

    def sysenter_enabled(self, pid):
        return False

    def segments(self, pid):
        return ()

    def views(self):
        regions = [
            Region(number * PAGE, number * PAGE + PAGE, one.prot, ALL, COPY, NORMAL, UNWIRED, one.attributes)
            for number, one in sorted((self.pages or {}).items())
        ]
        return () if self.pages is None else (View(1, self.marked, tuple(regions)),)

    def transitions(self):
        return ()

    def check(self):
        return ""


boot = PageCore
