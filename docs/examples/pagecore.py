"""A small core of one's own: one process, private anonymous memory page by page, and the check at kernel entry."""

from sysfuzz.kernel.protocol import Core
from sysfuzz.kernel.signals import BY_VECTOR, unhandled
from sysfuzz.kernel.syscalls import dispatch
from sysfuzz.program.ir import CALLS
from sysfuzz.program.layout import LAYOUTS, MAX_PAGES
from sysfuzz.program.names import MAP, PAGE
from sysfuzz.program.outcome import NOSYSCALLS, Region, View

READ, WRITE, EXEC, ALL = 1, 2, 4, 7
NEEDS = {"read": READ, "write": WRITE, "exec": EXEC}
COPY, NORMAL, UNWIRED = 1, 0, 0  # inheritance, advice and wired count of every page
ANON, FIXED, FLAG, PRIVATE = (MAP[f"MAP_{name}"] for name in ("ANON", "FIXED", "NOSYSCALLS", "PRIVATE"))
OPCODE_SIZE = {"syscall": 2, "int80": 2, "lcall7": 7, "lcall27": 7}


class PageCore(Core):
    """`pages` is the map, `memory` what is behind it. Both ends of the address space stay unmapped: nothing wraps."""

    unsupported = {*CALLS, "setcontext", "_lwp_self", "read", "write"} - {"mmap", "munmap", "mprotect"}

    def __init__(self, mode, physical):
        self.mode, self.layout, self.physical, self.pages, self.memory = mode, LAYOUTS[mode], physical, {}, {}
        self.map(self.span(self.layout.trampoline, PAGE), READ | EXEC)
        self.map(self.span(self.layout.stack, self.layout.stack_top - self.layout.stack), READ | WRITE)

    def map(self, numbers, prot, attributes=0):
        for number in numbers:
            ends = number * PAGE, (number + 1) * PAGE
            self.pages[number] = Region(*ends, prot & ALL, ALL, COPY, NORMAL, UNWIRED, attributes)
            self.memory[number] = self.physical.allocate()

    def span(self, addr, length):
        """The numbers of the pages of a range."""
        first = addr // PAGE
        return range(first, first + (length + addr % PAGE + PAGE - 1 & self.layout.mask) // PAGE)

    def allowed(self, numbers):
        return self.layout.vm_min <= numbers.start * PAGE and numbers.stop * PAGE <= self.layout.vm_max

    def call(self, pid, lwp, name, args):
        calls = {"mmap": self.mmap, "munmap": self.munmap, "mprotect": self.mprotect, "getpid": lambda: pid}
        return calls[name](*args) if name in calls else "ENOSYS"

    def mmap(self, addr, length, prot, flags, fd, offset):
        if flags & ~(ANON | FIXED | FLAG | PRIVATE) or not flags & ANON or fd != -1:
            return "EINVAL"
        if length > MAX_PAGES * PAGE:
            return "ENOMEM"
        if not flags & FIXED:
            places = range(self.layout.mmap_base + offset % PAGE, self.layout.vm_max, PAGE)
            addr = next(place for place in places if self.pages.keys().isdisjoint(self.span(place, length)))
        numbers = self.span(addr, length)
        if addr % PAGE != offset % PAGE or not self.allowed(numbers):
            return "EINVAL"
        if len(self.pages.keys() | numbers) > MAX_PAGES:
            return "ENOMEM"
        self.map(numbers, prot, NOSYSCALLS if flags & FLAG else 0)
        return addr

    def munmap(self, addr, length):
        numbers = self.span(addr, length)
        if numbers and not self.allowed(numbers):
            return "EINVAL"
        self.pages = {number: page for number, page in self.pages.items() if number not in numbers}
        return 0

    def mprotect(self, addr, length, prot):
        numbers = self.span(addr, length)
        if not self.allowed(numbers):
            return "EINVAL"
        self.pages |= {n: page._replace(prot=prot & ALL) for n, page in self.pages.items() if n in numbers}
        return 0

    def enter(self, pid, lwp, frame):
        origin = frame.pc - OPCODE_SIZE[frame.gate]
        pages = [self.pages.get(number) for number in self.span(origin, OPCODE_SIZE[frame.gate])]
        if any(page and page.attributes & NOSYSCALLS for page in pages):
            frame.pc = origin
            return unhandled(frame, "SIGILL", "ILL_ILLTRP", origin)
        return dispatch(self.mode, frame, self.copyin, lambda name, args: self.call(pid, lwp, name, args))

    def fault(self, pid, lwp, frame, vector, addr):
        if vector == 14:
            return unhandled(frame, "SIGSEGV", "SEGV_ACCERR" if addr // PAGE in self.pages else "SEGV_MAPERR", addr)
        return unhandled(frame, *BY_VECTOR[vector], frame.pc)

    def fill(self, pid, vaddr, access):
        page = self.pages.get(vaddr // PAGE)
        return (self.memory[vaddr // PAGE], page.prot) if page and page.prot & NEEDS[access] else None

    def copyin(self, addr, count, prot=READ):
        pages = [self.pages.get(number) for number in self.span(addr, count)]
        if not all(page and page.prot & prot == prot for page in pages):
            return None
        return b"".join(self.physical.read(self.memory[at // PAGE] + at % PAGE, 1) for at in range(addr, addr + count))

    def peek(self, pid, addr, count):
        return self.copyin(addr, count, prot=0) or "EFAULT"

    def poke(self, pid, addr, data):
        mapped = all(number in self.pages for number in self.span(addr, len(data)))
        for at, byte in enumerate(data if mapped else b"", addr):
            self.physical.write(self.memory[at // PAGE] + at % PAGE, bytes([byte]))
        return 0 if mapped else "EFAULT"

    def views(self):
        regions = tuple(page for _, page in sorted(self.pages.items()))
        return (View(1, any(region.attributes for region in regions), regions),)
