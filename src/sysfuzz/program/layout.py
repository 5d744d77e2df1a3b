"""Where things lie in a process that was just born: the part of the ABI that programs may rely on.

Both modes have the same picture: the trampoline and, above it, the stack at the top of the user's address space; DONE behind the end of it,
where nothing can ever be mapped, so that jumping there is recognised without a mapping. Knows no kernel and no CPU.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sysfuzz.program.ir import Mode
from sysfuzz.program.names import PAGE

MAX_PAGES = 256  # RLIMIT_AS in pages: large enough for every idiom, small enough for a per-page spec
MAX_LOCKED_PAGES = 64  # RLIMIT_MEMLOCK
MAX_WIRED_PAGES = 128  # wiredmax: two processes reach it, one does not
MAX_PROCESSES = 8
MAX_LWPS = 8
FILE_PAGES = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses of one mode; every field is a linear address but the first two."""

    bits: int  # width of an address: 64 or 32
    mask: int  # all bits of an address
    vm_min: int  # lowest address that can be mapped
    vm_max: int  # first address that cannot
    mmap_base: int  # where the search for room starts without a hint
    trampoline: int  # one page, read and exec
    stack: int  # start of the stack mapping, read and write
    stack_top: int  # its end; a run starts with SP = stack_top - STACK_HEADROOM, holding DONE
    done: int  # return address that ends a run


# Selectors of the user segments at privilege 3; code segments of the local table are `slot * 8 | 7`.
USER_CODE32 = 0x23
USER_DATA = 0x2B
USER_CODE64 = 0x33

STACK_PAGES = 4
# A run's first SP lies this far below the top: on i386 and for the seventh argument on amd64, system calls read their arguments above SP.
STACK_HEADROOM = 256


def _layout(bits: int, vm_max: int, mmap_base: int) -> Layout:
    stack_top = vm_max - 16 * PAGE  # a free gap above the stack: ranges can end, or fail to end, exactly at vm_max
    stack = stack_top - STACK_PAGES * PAGE
    return Layout(
        bits=bits,
        mask=(1 << bits) - 1,
        vm_min=PAGE,
        vm_max=vm_max,
        mmap_base=mmap_base,
        trampoline=stack - 16 * PAGE,
        stack=stack,
        stack_top=stack_top,
        done=vm_max,
    )


# Of Linux's designs: where in the vdso, for which the trampoline stands, an LWP goes on that came by SYSENTER or by SYSCALL from 32-bit code;
# and the three entries of the vsyscall page (arch/x86/include/uapi/asm/vsyscall.h), which lies above all user addresses of amd64.
LANDING = 0x82
VSYSCALLS: Mapping[int, str] = {
    0xFFFF_FFFF_FF60_0000: "gettimeofday",
    0xFFFF_FFFF_FF60_0400: "time",
    0xFFFF_FFFF_FF60_0800: "getcpu",
}

# VM_MAXUSER_ADDRESS of NetBSD/amd64 and NetBSD/i386 (sys/arch/{amd64,i386}/include/vmparam.h); the lowest page is kept unmapped as
# with sysctl vm.user_va0_disable.
LAYOUTS: Mapping[Mode, Layout] = {
    "amd64": _layout(64, 0x7F80_0000_0000, 0x7000_0000_0000),
    "i386": _layout(32, 0xBFC0_0000, 0x4000_0000),
}
