"""Core and spec, two independent statements of the same semantics, driven side by side by random calls."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from physical import PlainMemory
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import MAP, PAGE
from sysfuzz.spec.calls import EFFECTS
from sysfuzz.spec.compare import Matcher
from sysfuzz.spec.expect import accepts
from sysfuzz.spec.process import switch
from sysfuzz.spec.promise import REFERENCE
from sysfuzz.spec.world import World

BASE = 0x10000
pages = st.integers(0, 12).map(lambda n: BASE + n * PAGE)


@st.composite
def addresses(draw, mode="amd64"):
    """Mostly pages of one small arena, sometimes a byte off, sometimes at the ends of everything."""
    layout = LAYOUTS[mode]
    if draw(st.integers(0, 9)):
        return draw(pages) + draw(st.sampled_from((0, 0, 0, 0, 1, PAGE - 1)))
    ends = (0, PAGE, layout.vm_max, layout.stack, layout.stack_top, layout.trampoline, layout.mask + 1)
    return (draw(st.sampled_from(ends)) + draw(st.sampled_from((-PAGE, -1, 0, 1, PAGE)))) & layout.mask


sizes = st.one_of(
    st.integers(1, 3).map(lambda n: n * PAGE),
    st.integers(1, 3).map(lambda n: n * PAGE),
    st.integers(0, 6).map(lambda n: n * PAGE),
    st.sampled_from((1, PAGE - 1, PAGE + 1, 64 * PAGE, 65 * PAGE, 250 * PAGE, 300 * PAGE, 0xFFFFF000, 0xFFFFFFFF)),
)
prots = st.sampled_from((0, 1, 2, 3, 4, 5, 7, 8, 15))
flag_bits = st.lists(st.sampled_from(sorted(set(MAP.values()) - {0, MAP["MAP_FIXED"]})), max_size=2).map(sum)
fds = st.sampled_from((-1, -1, -1, 0, 3, 3, 4, 5, 6, 7))


class CoreAgainstSpec(RuleBasedStateMachine):
    """After every call the two agree on its result and on every page of every process."""

    @initialize(mode=st.sampled_from(("amd64", "i386")))
    def boot(self, mode):
        self.mode = mode
        self.core = Kernel(mode, PlainMemory())
        self.world = World(mode, REFERENCE)
        self.pid = self.lwp = 1

    def do(self, name, *args):
        """One call on both."""
        mask = LAYOUTS[self.mode].mask
        args = tuple(arg & mask if arg >= 0 else arg for arg in args)
        alive = self.core.alive(self.pid, self.lwp) or self.core.alive(self.pid, 0)
        self.lwp = alive
        result = self.core.call(self.pid, self.lwp, name, args) if alive else "ESRCH"
        if not alive:
            assert not self.world.settle()
            return
        assert self.world.settle()
        self.world.answer = result
        expected = EFFECTS[name](self.world, *args)
        assert accepts(expected, result), (name, args, expected, result)

    @rule(addr=addresses(), size=sizes, prot=prots, more=flag_bits, fixed=st.integers(0, 3), fd=fds, off=sizes)
    def mmap(self, addr, size, prot, more, fixed, fd, off):
        flags = (MAP["MAP_FIXED"] if fixed else 0) | (MAP["MAP_ANON"] if fd == -1 else 0) | more
        self.do("mmap", addr, size, prot, flags, fd, off)

    @rule(addr=pages, count=st.integers(1, 4), flag=st.sampled_from((0, MAP["MAP_NOSYSCALLS"])))
    def mmap_plain(self, addr, count, flag):
        self.do("mmap", addr, count * PAGE, 5, 0x1012 | flag, -1, 0)

    @rule(flags=st.integers(0, 0xFFFFFFFF), fd=fds, off=st.integers(0, 2**64 - 1), addr=addresses(), size=sizes)
    def mmap_wild(self, flags, fd, off, addr, size):
        alive = self.core.alive(self.pid, self.lwp) or self.core.alive(self.pid, 0)
        if alive:
            self.lwp = alive
            args = (addr & LAYOUTS[self.mode].mask, size, 5, flags, fd, off)
            result = self.core.call(self.pid, alive, "mmap", args)
            self.world.answer = result
            expected = EFFECTS["mmap"](self.world, *args)
            assert accepts(expected, result), (args, expected, result)

    @rule(addr=addresses(), size=sizes, shift=st.integers(1, 70), fixed=st.booleans())
    def mmap_aligned(self, addr, size, shift, fixed):
        self.do("mmap", addr, size, 5, 0x1002 | shift << 24 | (MAP["MAP_FIXED"] if fixed else 0), -1, 0)

    @rule(
        addr=pages, count=st.integers(1, 3), prot=st.sampled_from((1, 3, 5)), move=st.booleans(),
        old=pages, new=pages, oldcount=st.integers(1, 3), newcount=st.integers(1, 4),
    )  # fmt: skip
    def mmap_mremap(self, addr, count, prot, move, old, new, oldcount, newcount):
        self.do("mmap", addr, count * PAGE, prot, 0x11012, -1, 0)
        self.do("mremap", old, oldcount * PAGE, new, newcount * PAGE, MAP["MAP_FIXED"] if move else 0)

    @rule(addr=addresses(), size=sizes)
    def munmap(self, addr, size):
        self.do("munmap", addr, size)

    @rule(addr=addresses(), size=sizes, prot=prots)
    def mprotect(self, addr, size, prot):
        self.do("mprotect", addr, size, prot)

    @rule(
        old=addresses(), oldlen=sizes, new=addresses(), newlen=sizes,
        flags=st.sampled_from((0, 0, 0x10, 0x10, 0x10 | 13 << 24, 14 << 24, 0x1000, 70 << 24, 63 << 24, 47 << 24)),
    )  # fmt: skip
    def mremap(self, old, oldlen, new, newlen, flags):
        self.do("mremap", old, oldlen, new, newlen, flags)

    @rule(addr=addresses(), size=sizes, inherit=st.integers(0, 5))
    def minherit(self, addr, size, inherit):
        self.do("minherit", addr, size, inherit)

    @rule(addr=addresses(), size=sizes, advice=st.integers(0, 8))
    def madvise(self, addr, size, advice):
        self.do("madvise", addr, size, advice)

    @rule(addr=addresses(), size=sizes, call=st.sampled_from(("mlock", "munlock")))
    def mlock(self, addr, size, call):
        self.do(call, addr, size)

    @rule(flags=st.integers(0, 4))
    def mlockall(self, flags):
        self.do("mlockall", flags)

    @rule()
    def munlockall(self):
        self.do("munlockall")

    @rule(addr=addresses(), size=sizes, flags=st.integers(0, 9))
    def msync(self, addr, size, flags):
        self.do("msync", addr, size, flags)

    @rule(addr=addresses(), size=sizes, vec=addresses())
    def mincore(self, addr, size, vec):
        self.do("mincore", addr, size, vec)

    @rule(call=st.sampled_from(("fork", "fork", "vfork", "exec", "lwp_create", "lwp_exit")))
    def process(self, call):
        self.do(call)

    @rule(number=st.integers(0, 70), handler=addresses())
    def sigaction(self, number, handler):
        self.do("sigaction", number, handler)

    @rule(operation=st.integers(0, 2), slot=st.integers(6, 66), base=addresses())
    def sysarch(self, operation, slot, base):
        self.do("sysarch", operation, slot, base)

    @precondition(lambda self: len(self.world.processes) > 1)
    @rule()
    def exit(self):
        self.do("exit", 0)

    @rule(pid=st.integers(0, 10), lwp=st.integers(0, 3))
    def switch_to(self, pid, lwp):
        found = self.core.alive(pid, lwp)
        assert switch(self.world, pid, lwp) == (0 if found else "ESRCH")
        if found:
            self.pid, self.lwp = pid, found

    @invariant()
    def same_maps(self):
        if hasattr(self, "core"):
            assert Matcher().agree(self.world.states(), self.core.views())
            assert self.core.check() == ""


CoreAgainstSpec.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestCoreAgainstSpec = CoreAgainstSpec.TestCase
