"""What a design promises and how its own calls answer, quoted from its page in `docs/targets`, which has the sources.

The rules of the map, the calls and the entries that all designs share are in `rulebook`.
"""

from collections.abc import Mapping

from sysfuzz.findings.rule import Rule


def _promise(design: str, text: str) -> Rule:
    return Rule("Promise", text, f"docs/targets/{design}.md")


PROMISED: Mapping[str, Rule] = {
    "syscallemu": _promise(
        "syscallemu",
        "A call whose instruction has a byte in the range does not reach the dispatcher, in the process, its LWPs and the children"
        " that it forks; tracing changes nothing; a new program starts without a range and may name one.",
    ),
    "msyscall": _promise(
        "msyscall",
        "A call whose instruction has a byte outside of permitted, unwritable pages does not reach the dispatcher.",
    ),
    "pinsyscalls": _promise(
        "pinsyscalls",
        "A call that is not made by the instruction that its number is pinned to, or with a stack pointer outside of stacks, does"
        " not reach the dispatcher; a call of pinsyscalls that fails changes nothing; an offset lies inside the range or is"
        " refused.",
    ),
    "sud": _promise(
        "sud",
        "What a user may read into the page: no call whose instruction has a byte outside of the range while the selector says"
        " BLOCK, in this thread and in all that descends from it.",
    ),
    "sud-inclusive": _promise(
        "sud-inclusive",
        "No call whose instruction has a byte in the range while the selector says BLOCK, in this thread and in all that descends"
        " from it; of the old mode, that of sud.",
    ),
    "seccomp-ip": _promise(
        "seccomp-ip",
        "No call whose instruction has a byte in a filter's range, in the threads that have it and in all that descends from them.",
    ),
}

# By the call: those that single designs have.
ANSWERS: Mapping[str, Rule] = {
    "syscallemu": Rule(
        "Design",
        "`syscallemu(start, end)`, number 511: EACCES if this process has data already, then EINVAL if start >= end",
        "docs/targets/syscallemu.md",
    ),
    "msyscall": Rule(
        "Design",
        "`msyscall(addr, len)`, number 37: EINVAL if the range wraps around; length 0 does nothing; EPERM after the first",
        "docs/targets/msyscall.md",
    ),
    "pinsyscalls": Rule(
        "Design",
        "`pinsyscalls(base, len, pins, npins)`: EPERM with several LWPs; EPERM the second time; EINVAL (the range wraps around or"
        " leaves user space); E2BIG (no pins, or more than there are numbers); EFAULT; ERANGE (an offset over len).",
        "docs/targets/pinsyscalls.md",
    ),
    "mimmutable": Rule(
        "Design", "`mimmutable(addr, len)`, number 159: EINVAL if the range wraps around", "docs/targets/pinsyscalls.md"
    ),
    "sud": Rule(
        "Modelled", "`sud(mode, offset, length, selector)` with its errors in their order", "docs/targets/sud.md"
    ),
    "seccomp": Rule(
        "Modelled",
        "a range that is empty or the wrong way round stands for an invalid filter: EINVAL.",
        "docs/targets/seccomp-ip.md",
    ),
    "ktrace": Rule(
        "Modelled",
        "`ktrace(on)`, `ptrace(on)` | tracing of this process is switched on or off",
        "docs/targets/syscallemu.md",
    ),
    "ptrace": Rule(
        "Modelled",
        "`ktrace(on)`, `ptrace(on)` | tracing of this process is switched on or off",
        "docs/targets/syscallemu.md",
    ),
    "spawn": Rule(
        "Modelled", "`spawn()` | posix_spawn: a child with a program of its own", "docs/targets/syscallemu.md"
    ),
}

IMMUTABLE = Rule(
    "Design",
    "the mapped pages of the range can from now on neither be unmapped, nor mapped over, nor get another protection: EPERM.",
    "docs/targets/pinsyscalls.md",
)
