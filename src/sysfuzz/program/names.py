"""The names that the manuals print: constants of the calls, errno values, signals, registers.

Values are NetBSD's (sys/sys/mman.h 1.48, sys/errno.h, sys/signal.h, machine/sysarch.h). This file knows no semantics: which bits are
legal together, and what they do, is said in `kernel/` and, independently, in `spec/`.
"""

from collections.abc import Mapping

PAGE = 4096

PROT: Mapping[str, int] = {
    "PROT_NONE": 0,
    "PROT_READ": 1,
    "PROT_WRITE": 2,
    "PROT_EXEC": 4,
}

MAP: Mapping[str, int] = {
    "MAP_FILE": 0,
    "MAP_SHARED": 0x1,
    "MAP_PRIVATE": 0x2,
    "MAP_COPY": 0x4,
    "MAP_FIXED": 0x10,
    "MAP_RENAME": 0x20,
    "MAP_NORESERVE": 0x40,
    "MAP_INHERIT": 0x80,
    "MAP_HASSEMAPHORE": 0x200,
    "MAP_TRYFIXED": 0x400,
    "MAP_WIRED": 0x800,
    "MAP_ANON": 0x1000,
    "MAP_STACK": 0x2000,
    "MAP_NOSYSCALLS": 0x10000,
}

ADVICE: Mapping[str, int] = {
    "MADV_NORMAL": 0,
    "MADV_RANDOM": 1,
    "MADV_SEQUENTIAL": 2,
    "MADV_WILLNEED": 3,
    "MADV_DONTNEED": 4,
    "MADV_SPACEAVAIL": 5,
    "MADV_FREE": 6,
}

INHERIT: Mapping[str, int] = {
    "MAP_INHERIT_SHARE": 0,
    "MAP_INHERIT_COPY": 1,
    "MAP_INHERIT_NONE": 2,
    "MAP_INHERIT_DONATE_COPY": 3,
    "MAP_INHERIT_ZERO": 4,
}

MSYNC: Mapping[str, int] = {"MS_ASYNC": 1, "MS_INVALIDATE": 2, "MS_SYNC": 4}

MLOCKALL: Mapping[str, int] = {"MCL_CURRENT": 1, "MCL_FUTURE": 2}

SYSARCH: Mapping[str, int] = {"I386_GET_LDT": 0, "I386_SET_LDT": 1}

# prctl(PR_SET_SYSCALL_USER_DISPATCH, mode, ...): Linux include/uapi/linux/prctl.h
DISPATCH: Mapping[str, int] = {
    "PR_SYS_DISPATCH_OFF": 0,
    "PR_SYS_DISPATCH_ON": 1,
    "PR_SYS_DISPATCH_INCLUSIVE_ON": 2,
}

ERRNO: Mapping[str, int] = {
    "EPERM": 1,
    "ESRCH": 3,
    "EIO": 5,
    "E2BIG": 7,
    "EBADF": 9,
    "ENOMEM": 12,
    "EACCES": 13,
    "EFAULT": 14,
    "EBUSY": 16,
    "ENODEV": 19,
    "EINVAL": 22,
    "EFBIG": 27,
    "ERANGE": 34,
    "EAGAIN": 35,
    "EOPNOTSUPP": 45,
    "ENOSYS": 78,
    "EOVERFLOW": 84,
}

SIGNAL: Mapping[str, int] = {
    "SIGHUP": 1,
    "SIGINT": 2,
    "SIGQUIT": 3,
    "SIGILL": 4,
    "SIGTRAP": 5,
    "SIGABRT": 6,
    "SIGFPE": 8,
    "SIGKILL": 9,
    "SIGBUS": 10,
    "SIGSEGV": 11,
    "SIGSYS": 12,
    "SIGTERM": 15,
    "SIGSTOP": 17,
    "SIGUSR1": 30,
    "SIGUSR2": 31,
}

# Calls that code knows by another name than ops do.
OP_NAMES: Mapping[str, str] = {"execve": "exec", "_lwp_create": "lwp_create", "_lwp_exit": "lwp_exit"}

# Gates as assemblers write them; the others are their own mnemonics.
GATES: Mapping[str, str] = {"int80": "int 0x80", "lcall7": "lcall 7", "lcall27": "lcall 0x27"}

# Register numbers are the CPU's own (Intel SDM vol. 2, table 3-1): the index into every register tuple of the project.
REGISTERS: Mapping[str, tuple[str, ...]] = {
    "amd64": (
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
    ),
    "i386": ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"),
}  # fmt: skip
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11 = range(12)
