"""The designs that ship: how each boots, what it is judged by, and the weaknesses that it is known for.

A weakness names the causes by which it is found (or what they begin with), and how it is known: its author has stated it, or it follows from
sources that were read and not run. What a design's own documents state is no weakness here; its promise has the citation.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from sysfuzz.kernel.designs.msyscall import Msyscall
from sysfuzz.kernel.designs.pinsyscalls import Pinsyscalls
from sysfuzz.kernel.designs.seccomp import Seccomp
from sysfuzz.kernel.designs.sud import Sud, SudInclusive
from sysfuzz.kernel.designs.syscallemu import Syscallemu
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import Boot, Core, Memory
from sysfuzz.kernel.rules import Rules
from sysfuzz.program.ir import Mode
from sysfuzz.spec.promise import PROMISES, REFERENCE, Promise


class Weakness(NamedTuple):
    """A known way in which a design falls short of its promise."""

    summary: str
    known: Literal["stated", "inferred"]
    source: str
    causes: tuple[str, ...]


class Design(NamedTuple):
    """A target that is built from the core."""

    name: str
    summary: str
    boot: Boot
    promise: Promise = REFERENCE
    weaknesses: tuple[Weakness, ...] = ()

    def weakness(self, cause: str) -> Weakness | None:
        """The known weakness that `cause` shows; None if it is none of them."""
        for known in self.weaknesses:
            for words in known.causes:
                if cause == words or cause.startswith(f"{words}/"):
                    return known
        return None


def _flag_of_2011(mode: Mode, memory: Memory) -> Core:
    rules = Rules(
        bad_flag="panic",
        merge_compares_attributes=False,
        move_carries_attributes=False,
        grow_carries_attributes=False,
    )
    return Kernel(mode, memory, rules)


_UVM_MAP = "NetBSD sys/uvm/uvm_map.c with map_attrib in struct vm_map_entry, 2012-2015"


def _behind(source: str, *more: str) -> Weakness:
    """`more`: causes that only some of the ranges can have."""
    return Weakness(
        "the address behind the instruction is what is looked at",
        "inferred",
        source,
        ("check/entry/next", "check/entry/head", *more, "overblock/entry/next"),
    )


_LINUX = (
    Weakness(
        "SYSENTER, and SYSCALL from 32-bit code, count as coming from the vdso",
        "inferred",
        "Linux arch/x86/entry/syscall_32.c, do_fast_syscall_32: regs->ip becomes the landing pad before any check",
        ("check/moved", "overblock/moved"),
    ),
    Weakness(
        "the base of the code segment is not added",
        "inferred",
        "Linux arch/x86: instruction_pointer() and KSTK_EIP() are the saved offset",
        ("check/entry/base", "overblock/entry/base"),
    ),
)
_VSYSCALL = Weakness(
    "calls through the vsyscall page are not looked at",
    "inferred",
    "Linux arch/x86/entry/vsyscall/vsyscall_64.c, emulate_vsyscall: only secure_computing() is asked",
    ("check/vsyscall",),
)
_DISPATCH = "Linux kernel/entry/syscall_user_dispatch.c, and dispatch_range of its self-test sud_test.c"
_POINTER = "Linux kernel/seccomp.c, populate_seccomp_data; seccomp(2) has it that it is the instruction's own"
_TAIL = "check/entry/tail"  # a range that begins within the instruction and ends before the next
_SUD = (_behind(_DISPATCH), *_LINUX, _VSYSCALL)
_SUD_INCLUSIVE = (_behind(_DISPATCH, _TAIL), *_LINUX, _VSYSCALL)
_SECCOMP = (_behind(_POINTER, _TAIL), *_LINUX)

_SYSCALLEMU = (
    Weakness(
        "a child is not filtered",
        "inferred",
        "NetBSD sys/kern/kern_fork.c, fork1: the child gets the plain handler, and no data",
        ("guard/fork", "guard/vfork"),
    ),
    Weakness(
        "tracing takes the filter away",
        "inferred",
        "NetBSD sys/kern/kern_ktrace.c and sys_process.c: the plain handler is put back when tracing is switched",
        ("guard/ktrace", "guard/ptrace"),
    ),
    Weakness(
        "a new program cannot arm the filter that it has lost",
        "inferred",
        "NetBSD sys/kern/kern_exec.c, execve1: the handler is put back, the data of the process stays; syscallemu.c asks for the data",
        ("result/syscallemu/value/EACCES", "result/syscallemu/EINVAL/EACCES"),
    ),
    Weakness(
        "between hook and data every call recurses",
        "inferred",
        "NetBSD syscallemu.c, sys_syscallemu: md_syscallemu comes before syscallemu_setsce",
        ("guard/syscallemu", "panic/syscallemu: the filter calls itself: no range yet"),
    ),
    Weakness(
        "a second arming is let in before the first has made its data",
        "inferred",
        "NetBSD syscallemu.c, sys_syscallemu: it asks for the data first and makes it last",
        (
            "result/syscallemu/EACCES/value",
            "result/syscallemu/EACCES/EINVAL",
            "panic/syscallemu: the filter calls itself: armed twice",
        ),
    ),
    Weakness(
        "the first byte and the one behind the last are all that is looked at",
        "inferred",
        "NetBSD syscallemu_x86.c 1.1, x86_syscall_emu",
        ("check/entry/tail", "overblock/entry/next"),
    ),
    Weakness(
        "the base of the code segment is not added",
        "inferred",
        "NetBSD syscallemu_x86.c 1.1, x86_syscall_emu: X86_TF_RIP is the saved offset",
        ("check/entry/base", "overblock/entry/base"),
    ),
)
_MSYSCALL = (
    Weakness(
        "the byte behind the instruction is all that is looked at",
        "inferred",
        "OpenBSD sys/sys/syscall_mi.h of 6.7: PROC_PC is the next instruction",
        ("check/entry/next", "check/entry/head", "overblock/entry/next"),
    ),
)
_PINSYSCALLS = (
    Weakness(
        "a call of pinsyscalls that fails has spent the one that there is",
        "inferred",
        "OpenBSD sys/uvm/uvm_mmap.c of 7.5, sys_pinsyscalls: VM_MAP_PINSYSCALL_ONCE is set before the arguments are looked at",
        (
            "result/pinsyscalls/value/EPERM",
            "result/pinsyscalls/EINVAL/EPERM",
            "result/pinsyscalls/E2BIG/EPERM",
            "result/pinsyscalls/EFAULT/EPERM",
            "result/pinsyscalls/ERANGE/EPERM",
        ),
    ),
    Weakness(
        "a pin just behind the range is accepted",
        "inferred",
        "OpenBSD sys/uvm/uvm_mmap.c of 7.5, sys_pinsyscalls: pins[i] > len; pinsyscalls(2): ERANGE beyond the bounds of len",
        ("result/pinsyscalls/ERANGE/value",),
    ),
)

_DESIGNS = (
    Design("nosyscalls", "the flag done right: the reference, nothing to be found", Kernel),
    Design(
        "nosyscalls-2011",
        "the flag as first committed to NetBSD in 2011",
        _flag_of_2011,
        REFERENCE,
        (
            Weakness(
                "mmap panics on a bad flag",
                "stated",
                "the author's mail to source-changes, 2011",
                ("panic/sys_mmap: bad flags",),
            ),
            Weakness(
                "mmap beside a compatible entry takes the neighbour's attribute",
                "inferred",
                f"{_UVM_MAP}: UVM_ET_ISCOMPATIBLE does not compare it",
                ("attribute/mmap/merge",),
            ),
            Weakness(
                "mremap loses the attribute when it moves",
                "inferred",
                f"{_UVM_MAP}: uvm_map_extract copies the fields one by one, without it",
                ("attribute/mremap/move",),
            ),
            Weakness(
                "pages that mremap adds lose the attribute, unless they merge with the old entry",
                "inferred",
                f"{_UVM_MAP}: uvm_mapent_extend copies the fields one by one, without it",
                ("attribute/mremap/grow",),
            ),
        ),
    ),
    Design(
        "syscallemu",
        "NetBSD's successor of the flag: one range of addresses a process",
        Syscallemu,
        PROMISES["syscallemu"],
        _SYSCALLEMU,
    ),
    Design(
        "msyscall", "OpenBSD 6.7 to 7.4: mappings that calls may come from", Msyscall, PROMISES["msyscall"], _MSYSCALL
    ),
    Design(
        "pinsyscalls",
        "OpenBSD 7.5: one address for each call, and immutable mappings",
        Pinsyscalls,
        PROMISES["pinsyscalls"],
        _PINSYSCALLS,
    ),
    Design(
        "sud", "Linux Syscall User Dispatch: one range a thread that calls may come from", Sud, PROMISES["sud"], _SUD
    ),
    Design(
        "sud-inclusive",
        "the same with 6.17's mode: one range that calls may not come from",
        SudInclusive,
        PROMISES["sud-inclusive"],
        _SUD_INCLUSIVE,
    ),
    Design(
        "seccomp-ip", "Linux seccomp: filters on the instruction pointer", Seccomp, PROMISES["seccomp-ip"], _SECCOMP
    ),
)

DESIGNS: Mapping[str, Design] = {design.name: design for design in _DESIGNS}
