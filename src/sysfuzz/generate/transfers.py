"""Idioms of control: code that gets to an entry by more than falling into it, or goes on after one.

Segments, far returns, stubs, sysenter, handlers, forged contexts, code that changes the map or itself. The code here knows addresses, which are
numbers; what can be said without them is in `code`.
"""

import struct

from sysfuzz.generate import aims, code, probes
from sysfuzz.generate.draft import FILE, FLAGGED, PRIVATE_ANON, RW, RWX, RX, SHARED_FILE, Draft
from sysfuzz.generate.errands import GETPID, Errand, errand, mmap
from sysfuzz.generate.neighbours import executable, flagged_area
from sysfuzz.program.layout import STACK_HEADROOM, USER_CODE32, USER_CODE64
from sysfuzz.program.names import PAGE, RAX, RCX, RSP, SIGNAL
from sysfuzz.x86.snippets import NOP, RET, far_jump, load, to_64

_SETCONTEXT = 308
_SET_LDT = 1
_FLAGS = 0x202  # of a ucontext: the reserved bit and IF, as every user program has them
_GATES_32 = ("int80", "int80", "syscall", "lcall7", "lcall27", "sysenter")
_BLOCKS = 40  # enough for a handler and several entries; a loop through a handler ends soon


def low_area(draft: Draft, flagged: bool, prot: int = RX) -> int:
    """Map a page that touches no other, at an address that code of any width can hold."""
    start = aims.behind_everything(draft)
    draft.map(start, 1, flagged, prot)
    return start


def two_areas(draft: Draft) -> tuple[int, int]:
    """Map two such pages: (flagged, unflagged)."""
    prot = executable(draft)
    return low_area(draft, True, prot), low_area(draft, False, prot)


def closed_loop(draft: Draft) -> None:
    """Code maps, unmaps, protects or moves pages, its own among them, and then makes another call."""
    if draft.chance(0.25):
        _maps_itself(draft)
        return
    start = aims.room(draft, 2)
    draft.map(start, 2, draft.chance(0.15), executable(draft))
    probes.probe(draft, draft.forecast.value(start) + (PAGE if draft.chance(0.5) else 0), code.twice(draft))


def _maps_itself(draft: Draft) -> None:
    """A file page holds code that maps this page again, at the same address, with the attribute or without it."""
    flagged = draft.chance(0.3)
    start = aims.behind_everything(draft)
    draft.op("mmap", start, PAGE, RX, SHARED_FILE | (FLAGGED if flagged else 0), FILE, 0)
    again = mmap(draft, start, RX, SHARED_FILE | (0 if flagged else FLAGGED), FILE)
    gates = [code.short_gate(draft) for _ in range(2)]
    block = code.then(code.call(draft, gates[0], again), code.call(draft, gates[1], GETPID))
    draft.op("poke", start, block.code)
    draft.op("run", start, 0)


def segment(draft: Draft) -> None:
    """A code segment whose base makes the offset of a flagged entry look like another page, wrap, or be odd (i386)."""
    flagged, plain = two_areas(draft)
    target, other = (flagged, plain) if draft.chance(0.75) else (plain, flagged)
    block = code.call(draft, draft.pick(_GATES_32), GETPID)
    # A return would add the base to the address that ends a run; a far jump there does not.
    body = block.code if draft.chance(0.5) else block.code.removesuffix(RET) + far_jump(USER_CODE32, draft.layout.done)
    start = target + draft.pick((0, 1, 0x100, PAGE - len(body)))
    entry = start + block.entry
    base = draft.pick((0, target, target - other, target - 0x1000_0000, entry + 1, entry + block.size, 1)) & draft.mask
    slot = 8 + draft.below(3)
    draft.op("sysarch", _SET_LDT, slot, base)
    draft.op("poke", start, body)
    draft.op("poke", plain + 0x800, far_jump(slot * 8 | 7, (start - base) & draft.mask))
    draft.op("run", plain + 0x800, 0)


def far_transfer(draft: Draft) -> None:
    """64-bit code returns far into 32-bit code, whose entries are others, and back (amd64)."""
    flagged, plain = two_areas(draft)
    target = flagged if draft.chance(0.75) else plain
    name = draft.pick(_GATES_32)
    back = plain + 0xC00
    entry = load(RAX, GETPID.number, draft.layout.bits) + code.prefixes(draft) + code.OPCODES[name] + to_64(back)
    at = target + draft.pick((0, 0x100, PAGE - len(entry)))
    draft.op("poke", at, entry)
    draft.op("poke", back, RET)
    # push 0x23; mov eax, at; push rax; retfq: the offset is not sign-extended this way
    leave = b"\x6a" + bytes((USER_CODE32,)) + load(RAX, at, 64) + bytes.fromhex("50 48cb")
    draft.op("poke", plain + 0x800, leave)
    draft.op("run", plain + 0x800, 0)


def sysenter(draft: Draft) -> None:
    """sysenter before and after the process becomes marked, in flagged and other pages."""
    flagged = draft.chance(0.5)
    start = low_area(draft, flagged, executable(draft))
    block = code.call(draft, "sysenter", GETPID, code.prefixes(draft))
    at = start + draft.pick((0, 0x80, PAGE - len(block.code)))
    draft.op("poke", at, block.code)
    draft.op("run", at, 0)
    if not flagged or draft.chance(0.3):
        how = draft.pick(("map", "map", "fork", "exec"))
        if how == "map":
            draft.op("mmap", 0, PAGE, RX, PRIVATE_ANON | FLAGGED, -1, 0)
        elif how == "fork":
            draft.op("vfork" if draft.chance(0.5) else "fork")
            draft.op("as", draft.last(), 0)
        else:
            draft.op("exec")
            draft.map(start, 1, False, RX)
            draft.op("poke", at, block.code)
        draft.op("run", at, 0)


def _skip(draft: Draft, count: int) -> bytes:
    """A handler's instruction that moves the PC in its ucontext (words: mask, CS, PC) by `count`."""
    if draft.mode == "amd64":
        return bytes.fromhex("834210") + bytes((count,))  # add dword [rdx+16], count
    return bytes.fromhex("8b44240c 834008") + bytes((count,))  # mov eax, [esp+12]; add dword [eax+8], count


def handler(draft: Draft) -> None:
    """A handler for SIGILL that skips the entry, makes calls itself, only returns, or never does."""
    monitor = low_area(draft, draft.chance(0.25))  # the design wants it unflagged
    watched = low_area(draft, draft.chance(0.85))
    what = draft.pick(("skip", "skip", "call", "return", "fault"))
    if what == "skip":
        body = _skip(draft, draft.pick((2, 2, 2, 7, 0)))
    elif what == "call":
        body = load(RAX, GETPID.number, draft.layout.bits) + code.OPCODES[code.gate(draft)]
    elif what == "return":
        body = NOP
    else:
        body = code.OPCODES["ud2"]
    draft.op("poke", monitor, body + RET)
    signal = SIGNAL["SIGILL"] if draft.chance(0.85) else draft.pick((SIGNAL["SIGSEGV"], SIGNAL["SIGTRAP"]))
    draft.op("sigaction", signal, monitor)
    block = code.call(draft, code.gate(draft), GETPID, code.prefixes(draft))
    at = watched + draft.pick((0, 0x40, PAGE - len(block.code)))
    draft.op("poke", at, block.code)
    draft.op("run", at, _BLOCKS)


def forged_context(draft: Draft) -> None:
    """setcontext with a ucontext that the program wrote: PC at an entry in a flagged page, any CS."""
    wide = draft.mode == "amd64"
    flagged, plain = two_areas(draft)
    data = low_area(draft, False, RW)
    own = "syscall" if wide else "int80"
    opcode = code.OPCODES[code.gate(draft) if draft.chance(0.5) else own]
    entry = flagged + draft.pick((0, 0x10, PAGE - len(opcode)))
    draft.op("poke", entry, opcode)
    selector = USER_CODE64 if wide else USER_CODE32
    if draft.chance(0.3):
        selector = draft.pick((USER_CODE32, USER_CODE64, 0, 8, 8 * 8 | 7))
    regs = [0] * (16 if wide else 8)
    regs[RAX] = GETPID.number
    regs[RSP] = draft.layout.stack_top - STACK_HEADROOM
    words = (0, selector, entry, _FLAGS, *regs)
    draft.op("poke", data, struct.pack(f"<{len(words)}{'Q' if wide else 'I'}", *words))
    caller = (
        flagged + 0x800 if draft.chance(0.25) else plain
    )  # no exception is made for the call that handlers return by
    draft.op("poke", caller, code.call(draft, own, Errand(_SETCONTEXT, (data,))).code)
    draft.op("run", caller, 0)


def stub(draft: Draft) -> None:
    """Code of one page calls, or jumps to, an entry in another: what counts is where the entry lies, not who wanted it."""
    flagged, plain = two_areas(draft)
    caller, callee = (flagged, plain) if draft.chance(0.6) else (plain, flagged)
    block = code.call(draft, code.gate(draft), errand(draft), code.prefixes(draft))
    at = callee + draft.pick((0, 0x40, PAGE - len(block.code)))
    go = bytes.fromhex("ffd1c3" if draft.chance(0.5) else "ffe1")  # call rcx; ret, or jmp rcx
    way = load(RCX, at, draft.layout.bits) + go
    start = caller + draft.pick((0, 0x80, PAGE - len(way)))
    draft.op("poke", at, block.code)
    draft.op("poke", start, way)
    draft.op("run", start, 0)


def written_code(draft: Draft) -> None:
    """Code over code: poked twice, written by itself, or written by code of another page that then jumps there."""
    how = draft.pick(("poked", "itself", "other page"))
    if how == "itself":
        start = flagged_area(draft, 1)
        draft.op("mprotect", start, PAGE, RWX)
        probes.probe(draft, draft.forecast.value(start), code.self_modifying(draft))
        return
    flagged, plain = two_areas(draft)
    at = flagged + draft.pick((0, 0x20, PAGE - 3))
    if how == "poked":
        draft.op("poke", at, draft.pick((NOP * 2, code.OPCODES["ud2"])) + RET)
        draft.op("run", at, 0)
        code.set_number(draft, GETPID.number)
        draft.op("poke", at, code.OPCODES[code.short_gate(draft)] + RET)
        draft.op("run", at, 0)
        return
    draft.op("mprotect", flagged, PAGE, RWX)
    opcode = code.OPCODES[code.short_gate(draft)]
    address = bytes.fromhex("66c70425" if draft.mode == "amd64" else "66c705") + at.to_bytes(4, "little")
    jump = load(RCX, at, draft.layout.bits) + b"\xff\xe1"
    draft.op("poke", plain, address + opcode + load(RAX, GETPID.number, draft.layout.bits) + jump)
    draft.op("poke", at + 2, RET)
    draft.op("run", plain, 0)
