"""Which rule a bug breaks, in the words of `docs/semantics.md`, so that a story quotes what it measures by.

What the semantics do not say, because it is the protocol of a core, is quoted from `docs/own-core.md`.

One table from a key to a quotation. Keys are the calls, mmap's by the rows of its list, and what an entry can be about; which key fits a
verdict is decided in `ruling`.
"""

from collections.abc import Mapping

from sysfuzz.findings.rule import Rule

SEMANTICS, OWN_CORE = "docs/semantics.md", "docs/own-core.md"

_ATTRIBUTES, _MMAP, _CALLS = "Attributes and flags", "mmap(addr, len, prot, flags, fd, offset)", "The other calls"
_ENTRY, _SIGNALS, _ENVIRONMENT = "Kernel entry", "Signals", "Environment"
_CORE = "A core of your own"


def _said(section: str, text: str, page: str = SEMANTICS) -> Rule:
    return Rule(section, text, page)


RULES: Mapping[str, Rule] = {
    "attribute": _said(
        _ATTRIBUTES,
        "One attribute: no-syscalls, asked for by `MAP_NOSYSCALLS` (0x10000). It belongs to a page of a process's address space.",
    ),
    "mark": _said(
        _ATTRIBUTES,
        "The process flag (`marked`): a process is marked from the first time that a mapping with an attribute enters a map that"
        " it uses (every process that shares the map is marked), inherits the mark over fork and vfork, and loses it at exec only.",
    ),
    "flags": _said(
        _ATTRIBUTES,
        "Any other bit: EINVAL. `MAP_NOSYSCALLS` with `MAP_INHERIT` (keep over exec) or `MAP_RENAME`: EOPNOTSUPP, since the"
        " attribute is promised neither across exec nor to renamed pages.",
    ),
    "unchanged": _said(
        _ENVIRONMENT,
        "A failing call changes nothing: no protection, no attribute, no wiring, no mapping, no flag, no byte of memory.",
    ),
    "contents": _said(
        _ENVIRONMENT,
        "an anonymous page holds zeros until it is written, and then what was written until it is unmapped, replaced, dropped"
        " (`MADV_FREE`) or left behind by exec.",
    ),
    "born": _said(
        _ENVIRONMENT,
        "A process is born (boot, exec) with two mappings: the stack (read, write; maxprot all; COPY) and the signal trampoline"
        " (read, exec; maxprot all; COPY). Neither carries an attribute, is wired or advised.",
    ),
    "mmap 1": _said(
        _MMAP,
        "`prot` bits beyond 7 are dropped. Unknown flag bits: EINVAL. Unsupported combination: EOPNOTSUPP.",
    ),
    "mmap 2": _said(_MMAP, "COPY means PRIVATE. SHARED with PRIVATE (or COPY): EINVAL. Neither: private."),
    "mmap 4": _said(
        _MMAP,
        "FIXED: `addr -= pageoff`; misaligned EINVAL; `addr < VM_MIN` EINVAL; `end = addr + size`: `end > VM_MAX` EFBIG;"
        " `end < addr` EOVERFLOW.",
    ),
    "mmap 5": _said(
        _MMAP,
        "Not ANON: bad descriptor EBADF; terminal or pipe ENODEV; `offset` (page-aligned down, a signed 64-bit number) negative"
        " EINVAL; `offset + size` over 2^63-1 EOVERFLOW; no-exec mount with PROT_EXEC EACCES; SHARED and WRITE on the read-only"
        " file EACCES.",
    ),
    "mmap 5 anon": _said(_MMAP, "ANON: `fd != -1` EINVAL; maxprot all."),
    "mmap 6": _said(
        _MMAP,
        "`size == 0`: success, returns the address (FIXED: `addr + pageoff`; else any page-aligned address plus pageoff), nothing"
        " is mapped.",
    ),
    "mmap 7": _said(
        _MMAP,
        "Alignment n (bits 24-31, 0: none): n >= 64 EINVAL; 2^n < page EINVAL; 2^n >= VM_MAX ENOMEM; FIXED and addr no multiple"
        " of 2^n EINVAL.",
    ),
    "mmap 8": _said(
        _MMAP,
        "Mapped pages (less those that FIXED replaces) + size over RLIMIT_AS: ENOMEM. No room: ENOMEM.",
    ),
    "mmap 9": _said(
        _MMAP,
        "WIRED, or mlockall(MCL_FUTURE) in force, and prot not NONE: wired pages (less those replaced) + size over wiredmax or"
        " over RLIMIT_MEMLOCK: ENOMEM.",
    ),
    "mmap 10": _said(
        _MMAP,
        "FIXED replaces what was there. Pages get prot, maxprot, inheritance SHARE if SHARED else COPY, advice NORMAL, wired once"
        " if row 9 applied (else 0), and the attributes asked for.",
    ),
    "munmap": _said(_CALLS, "munmap: size 0: 0 (before the range test). Range test. Holes are fine. 0."),
    "mprotect": _said(
        _CALLS,
        "mprotect(addr, len, prot): range test; prot masked to 7; a page in the range whose maxprot lacks a bit of prot: EACCES;"
        " with MCL_FUTURE in force, pages that go from NONE to something and are not wired become wired once: over a limit (wired"
        " pages + their number): ENOMEM. Holes are skipped. 0.",
    ),
    "minherit": _said(
        _CALLS,
        "minherit(addr, len, inherit): range test, then the value: SHARE 0, COPY 1, NONE 2, ZERO 4; others EINVAL. Holes are"
        " skipped. 0.",
    ),
    "madvise": _said(
        _CALLS,
        "madvise(addr, len, advice): range test; NORMAL 0, RANDOM 1, SEQUENTIAL 2 set the advice (holes skipped); WILLNEED 3: 0;"
        " DONTNEED 4: the page at addr or any page of the range unmapped EFAULT; FREE 6: the same, then any wired page of the"
        " range EBUSY; SPACEAVAIL 5 and unknown: EINVAL.",
    ),
    "msync": _said(
        _CALLS,
        "msync(addr, len, flags): bits beyond ASYNC 1, INVALIDATE 2, SYNC 4, none of them, or ASYNC with SYNC: EINVAL. Range"
        " test. size 0: page at addr unmapped EINVAL, else the page's own mapping is the range. The page at addr or any of the"
        " range unmapped: EFAULT; INVALIDATE and a wired page: EBUSY. 0.",
    ),
    "mlock": _said(
        _CALLS,
        "mlock: range test; wired pages of all processes + size over wiredmax EAGAIN; of this process + size over RLIMIT_MEMLOCK"
        " EAGAIN; page at addr unmapped ENOMEM; a hole or a PROT_NONE page in the range EINVAL. Each page's wired count rises by"
        " one. 0.",
    ),
    "munlock": _said(
        _CALLS,
        "munlock: range test; page at addr unmapped ENOMEM; a hole or a page not wired in the range EINVAL. Counts drop to 0. 0.",
    ),
    "mlockall": _said(
        _CALLS,
        "mlockall(flags): 0 or bits beyond CURRENT 1, FUTURE 2: EINVAL. CURRENT: unwired pages that are not PROT_NONE, counted"
        " with those wired, over wiredmax or RLIMIT_MEMLOCK: ENOMEM; else the count of every page that is not PROT_NONE rises by"
        " one. FUTURE: in force from now on. 0.",
    ),
    "munlockall": _said(_CALLS, "munlockall(): all counts 0, FUTURE off. 0."),
    "mincore": _said(
        _CALLS,
        "mincore(addr, len, vec): addr misaligned EINVAL; size = round_page(len); `addr + size <= addr` EINVAL; a byte of"
        " [vec, vec + pages) outside writable pages EFAULT; a page of the range unmapped ENOMEM.",
    ),
    "mremap": _said(
        _CALLS,
        "mremap(old, oldlen, new, newlen, flags): bits beyond FIXED and the alignment byte EINVAL; both sizes rounded up; old"
        " misaligned, or FIXED and new misaligned: EINVAL; a size 0 (also by wrapping) EINVAL; old range outside the bounds or"
        " wrapped EINVAL; alignment as in mmap row 7 (against new).",
    ),
    "mremap place": _said(
        _CALLS,
        "FIXED: [new, new + newsize) in bounds and free now (old range included), else ENOMEM. Not FIXED: any free place as in"
        " mmap, none: ENOMEM.",
    ),
    "mremap shrink": _said(
        _CALLS,
        "same size: nothing, returns old; smaller: the tail is unmapped, returns old (no look at what is mapped);",
    ),
    "mremap move": _said(
        _CALLS,
        "The first min(oldsize, newsize) pages carry prot, maxprot, inheritance, advice and attributes, unwired; the old range is"
        " unmapped.",
    ),
    "mremap grow": _said(
        _CALLS,
        "Grown pages (either way) are as the last old page, but unwired, and hold zeros (a file's: its next pages).",
    ),
    "fork": _said(
        _CALLS,
        "fork: 8 processes alive: EAGAIN. The child's pages: NONE dropped, SHARE shared, COPY copied, ZERO zeroed private memory;"
        " prot, maxprot, inheritance, advice, attributes kept; unwired; MCL_FUTURE off.",
    ),
    "vfork": _said(_CALLS, "vfork: the child uses the parent's map itself."),
    "exec": _said(
        _CALLS,
        "exec: a fresh map (a vfork parent keeps the old one), handlers and segments default, the calling LWP alone, mark gone. 0.",
    ),
    "exit": _said(_CALLS, "exit(status): the process is gone; a map that nobody uses is gone. 0."),
    "lwp_create": _said(
        _CALLS,
        "lwp_create: 8 alive: EAGAIN; returns the next never used LWP number of the process (the first is 1).",
    ),
    "lwp_exit": _said(_CALLS, "lwp_exit: the last one ends the process. 0."),
    "sigaction": _said(
        _CALLS,
        "sigaction(signal, handler): signal outside 1..63 or SIGKILL or SIGSTOP: EINVAL; handler 0 is the default. 0.",
    ),
    "sysarch": _said(
        _CALLS,
        "sysarch(op, slot, base): I386_SET_LDT (1) in an i386 process with slot 8..63: a 4 GiB user code segment at base; returns"
        " slot. Anything else EINVAL.",
    ),
    "as": _said(
        _CALLS,
        "as(pid[, lwp=N]): ESRCH if there is none (nothing changes), else 0; lwp 0 is the lowest alive.",
    ),
    "gone": _said(_CALLS, "Every call of a process that is gone: ESRCH."),
    "check": _said(
        _ENTRY,
        "Blocked if any of the 2 or 7 bytes from there lies in a page with no-syscalls (each byte's linear address is taken modulo"
        " the same width).",
    ),
    "blocked": _said(
        _ENTRY,
        "Blocked: no effect; SIGILL, code ILL_ILLTRP, si_addr = the linear origin, frame PC = origin's offset, all else as the CPU"
        " left it.",
    ),
    "sysenter": _said(
        _ENTRY,
        "sysenter in a marked process: #GP at its own address, which the core delivers as SIGILL/ILL_ILLTRP at the opcode's first"
        " byte (past its prefixes).",
    ),
    "gates": _said(
        _ENTRY,
        "Gates: `syscall`, `int80`, `lcall7`, `lcall27`; `sysenter` if the process is not marked. Other vectors are faults.",
    ),
    "fault": _said(
        _SIGNALS,
        "#UD SIGILL/ILL_ILLOPC · #GP SIGSEGV/SEGV_ACCERR · page fault SIGSEGV (SEGV_MAPERR unmapped, SEGV_ACCERR protection) or"
        " SIGBUS past a file's end",
    ),
    "fetch": _said(
        _SIGNALS,
        "An instruction is fetched only from pages that are mapped, executable and within their file, as the map is when it is"
        " fetched. Where a byte of it is not, its page fault comes first, at that byte, and nothing else of the instruction"
        " happens.",
    ),
    "lock": _said(_ENTRY, "A process that is not marked never takes the map lock at entry."),
    "number": _said(
        _ENTRY,
        "The number is RAX modulo 512 (SYS_NSYSENT, as NetBSD's handlers mask it); the first argument of the two indirect calls"
        " likewise, and an indirect call of an indirect call is unassigned.",
    ),
    "arguments": _said(
        _ENTRY,
        "amd64 rdi rsi rdx r10 r8 r9, then the stack above one word; i386 the stack above one word (sysenter: the stack is ECX).",
    ),
    "return": _said(
        _ENTRY, "Return: success RAX = result and carry clear; error RAX = errno and carry set."
    ),
    "transfer": _said(_ENTRY, "read and write transfer nothing: 0 on an open descriptor, else EBADF."),
    "unassigned": _said(_ENTRY, "Others: ENOSYS, named `#N`."),
    "memory": _said(_CORE, "to write and read memory as a loader would", OWN_CORE),
    "sane": _said(
        _CORE,
        "to report: the maps and marks of all processes, what the maps did in its own words, whether its data are sane",
        OWN_CORE,
    ),
}  # fmt: skip
