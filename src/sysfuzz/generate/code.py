"""Code blocks to poke: an entry into the kernel, what must stand before it, and what follows it.

A block knows where its entry lies, so that others can place that byte exactly. How single instructions are spelled is said in `x86`; where a
block will lie is not known here: every block is position-independent.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sysfuzz.generate import weights
from sysfuzz.generate.draft import EXEC, WRITE, Draft
from sysfuzz.generate.errands import GETPID, Errand, change, errand
from sysfuzz.program.ir import VENDORS, Mode, Vendor
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import RAX, REGISTERS
from sysfuzz.x86 import snippets
from sysfuzz.x86.entries import ENTRIES, LEGACY_PREFIXES, LOCK, MAX_INSTRUCTION, REX_PREFIXES, legal
from sysfuzz.x86.snippets import NOP, RET

# What can stand where an entry is expected: the entries, and instructions that are none but have been taken for one. Emulators have executed
# the VEX forms as system calls and IN at ring 3; SYSRET, SYSEXIT and HLT fault as a disabled SYSENTER does.
OPCODES: Mapping[str, bytes] = {
    **{name: entry.code for name, entry in ENTRIES.items()},
    "hlt": b"\xf4",
    "in": b"\xec",
    "sysret": bytes.fromhex("0f07"),
    "sysexit": bytes.fromhex("0f35"),
    "vex syscall": bytes.fromhex("c5f805"),
    "vex sysenter": bytes.fromhex("c5f834"),
}
TWO_BYTE_GATES = ("syscall", "int80", "sysenter")

_PREFIXES = LEGACY_PREFIXES.replace(bytes((LOCK,)), b"")
_ARGUMENT_NAMES = ("rdi", "rsi", "rdx", "r10", "r8", "r9")


class Block(NamedTuple):
    """Code to poke."""

    code: bytes
    entry: int  # offset of the first opcode byte of the entry that matters
    size: int  # number of its opcode bytes
    start: int = 0  # offset where a run should start


_NAMES = {name: name for name in OPCODES}
_GATE_DECKS: Mapping[Mode, tuple[str, ...]] = {
    "amd64": weights.deal(weights.GATES_AMD64, _NAMES),
    "i386": weights.deal(weights.GATES_I386, _NAMES),
}


def _enters(name: str, mode: Mode, vendor: Vendor) -> bool:
    """Whether this one gets to the kernel on that CPU, in the mode's own code segment."""
    entry = ENTRIES.get(name)
    return entry is not None and entry.gate != "" and legal(entry, mode, LAYOUTS[mode].bits, vendor)


# Those of a mode's deck that enter on a CPU.
_ENTERING: Mapping[tuple[Mode, Vendor], tuple[str, ...]] = {
    (mode, vendor): tuple(name for name in names if _enters(name, mode, vendor))
    for mode, names in _GATE_DECKS.items()
    for vendor in VENDORS
}


def gate(draft: Draft) -> str:
    """A key of OPCODES by weight: mostly one that enters on this CPU."""
    if draft.chance(weights.ENTERING):
        return draft.pick(_ENTERING[draft.mode, draft.vendor])
    return draft.pick(_GATE_DECKS[draft.mode])


def short_gate(draft: Draft) -> str:
    """One of TWO_BYTE_GATES: mostly one that enters on this CPU."""
    name = draft.pick(TWO_BYTE_GATES)
    if draft.chance(weights.ENTERING) and not _enters(name, draft.mode, draft.vendor):
        return "int80"  # everywhere
    return name


def prefixes(draft: Draft) -> bytes:
    """Prefix bytes: mostly none or one, sometimes more than an instruction may have, sometimes LOCK, which makes any entry illegal."""
    if not draft.chance(weights.PREFIXED):
        return b""
    count = 1 if draft.chance(weights.ONE_PREFIX) else 2 + draft.below(MAX_INSTRUCTION - 2)
    if count == 1 or draft.chance(0.5):
        taken = bytearray((draft.pick(_PREFIXES),) * count)
    else:
        taken = bytearray(draft.pick(_PREFIXES) for _ in range(count))
    if draft.chance(weights.LOCK_PREFIX):
        taken[draft.below(count)] = LOCK
    if draft.mode == "amd64" and draft.chance(weights.REX_PREFIX):
        taken[-1] = draft.pick(REX_PREFIXES)  # counts only directly before the opcode
    return bytes(taken)


def call(draft: Draft, name: str, what: Errand, before_opcode: bytes = b"") -> Block:
    """`what` through `name` (of OPCODES), behind the prefixes `before_opcode`, and a return to the caller."""
    bits = draft.layout.bits
    opcode = OPCODES[name]
    if name == "sysenter":
        lead, tail = _sysenter(bits, what, len(before_opcode) + len(opcode))
    elif name in ENTRIES:
        code = snippets.call(name, what.number, what.words, bits)
        at = code.rindex(opcode)
        lead, tail = code[:at], code[at + len(opcode) :]
    else:
        lead, tail = snippets.load(RAX, what.number, bits), b""
    lead += before_opcode
    return Block(lead + opcode + tail + RET, len(lead), len(opcode))


def _sysenter(bits: int, what: Errand, distance: int) -> tuple[bytes, bytes]:
    """What stands before and behind a sysenter that ends `distance` bytes behind the former.

    EDX and ECX lead the way back, so in 64-bit code, where RDX holds the third argument, that one is lost.
    """
    if bits == 64:
        words = snippets.call("sysenter", what.number, what.words[:6], bits)[:-2]
        return words + bytes.fromhex("4889e1 488d15") + distance.to_bytes(
            4, "little"
        ), b""  # mov rcx, rsp; lea rdx, [rip+n]
    lead = b"".join(map(snippets.push, reversed(what.words))) + b"\x50" + snippets.load(RAX, what.number, bits)
    # mov ecx, esp; call next; next: pop edx; add edx, n: the pop and the add are four bytes
    lead += bytes.fromhex("89e1 e800000000 5a 83c2") + bytes((distance + 4,))
    return lead, b"\x83\xc4" + bytes((4 * len(what.words) + 4,))


def _plain(draft: Draft) -> Block:
    return call(draft, gate(draft), errand(draft), prefixes(draft))


def set_number(draft: Draft, number: int) -> None:
    """Let the program start with a system call's number in its register."""
    draft.regs[REGISTERS[draft.mode][RAX]] = number


def _bare(draft: Draft) -> Block:
    """The entry alone; number and arguments come in the program's initial registers."""
    what = errand(draft)
    set_number(draft, what.number)
    if draft.mode == "amd64":
        draft.regs.update(zip(_ARGUMENT_NAMES, what.words, strict=False))
    opcode = OPCODES[gate(draft)]
    before = prefixes(draft)
    return Block(before + opcode + RET, len(before), len(opcode))


def twice(draft: Draft) -> Block:
    """Two calls, the first of which may change the map under the second: core and code are a closed loop."""
    return then(call(draft, gate(draft), change(draft)), call(draft, gate(draft), GETPID, prefixes(draft)))


def then(first: Block, second: Block) -> Block:
    """`first` without its return, and `second`, whose entry is the one that matters."""
    body = first.code.removesuffix(RET)
    return Block(body + second.code, len(body) + second.entry, second.size)


def _loop(draft: Draft) -> Block:
    """A call for ever: only the block budget ends it."""
    block = call(draft, gate(draft), GETPID)
    body = block.code.removesuffix(RET)
    back = len(body) + 2  # to the load of the number, which the first call's result has overwritten
    return block._replace(code=body + b"\xeb" + bytes((256 - back,)))


def _hidden(draft: Draft) -> Block:
    """An entry in the immediate of a mov, found by a run that starts a byte later, by a jump into the mov, or by nobody."""
    name = short_gate(draft)
    lead = snippets.load(RAX, GETPID.number, draft.layout.bits)
    dice = draft.random()
    if dice < 0.45:
        lead += b"\xeb\x01"  # over the mov's first byte
    inside = len(lead) + 1
    return Block(lead + snippets.hidden(name) + RET, inside, 2, inside if 0.45 <= dice < 0.9 else 0)


def _jump(draft: Draft) -> Block:
    """A jump over junk to the entry."""
    block = call(draft, gate(draft), errand(draft), prefixes(draft))
    junk = random_bytes(draft, 1 + draft.below(8))
    lead = b"\xeb" + bytes((len(junk),)) + junk
    return Block(lead + block.code, len(lead) + block.entry, block.size)


def self_modifying(draft: Draft) -> Block:
    """Code that writes the entry over two nops; its page must be writable."""
    bits = draft.layout.bits
    code = snippets.load(RAX, GETPID.number, bits) + snippets.self_modifying(short_gate(draft), bits)
    return Block(code + RET, len(code) - 2, 2)


def _sled(draft: Draft) -> Block:
    """nops before the entry: any of them may be the start."""
    block = call(draft, gate(draft), GETPID)
    count = 1 + draft.below(15)
    return Block(NOP * count + block.code, count + block.entry, block.size, draft.below(count))


def _far_call(draft: Draft) -> Block:
    """A call gate through a pointer in memory."""
    bits = draft.layout.bits
    lead = snippets.load(RAX, GETPID.number, bits) + snippets.far_call_memory(
        draft.pick((0x07, 0x07, 0x27, 0x0F)), bits
    )
    size = len(OPCODES["lcall [m]"])
    pop = bytes.fromhex("4883c408" if bits == 64 else "83c408")
    return Block(lead + pop + RET, len(lead) - size, size)


def _noise(draft: Draft) -> Block:
    """Plain random bytes."""
    return Block(random_bytes(draft, 1 + draft.below(24)), 0, 1)


def random_bytes(draft: Draft, count: int) -> bytes:
    """`count` uniform bytes."""
    return bytes([draft.below(256) for _ in range(count)])


_SHAPES: Mapping[str, Callable[[Draft], Block]] = {
    "plain": _plain,
    "bare": _bare,
    "twice": twice,
    "loop": _loop,
    "hidden": _hidden,
    "jump": _jump,
    "self-modifying": self_modifying,
    "sled": _sled,
    "far call": _far_call,
    "noise": _noise,
}
_SHAPE_DECK = weights.deal(weights.SHAPES, _SHAPES)


def block(draft: Draft) -> Block:
    """A block by weight. Code that writes itself needs a page that allows it."""
    shape = draft.pick(_SHAPE_DECK)
    if shape is self_modifying and not any(area.prot & WRITE and area.prot & EXEC for area in draft.areas()):
        shape = _plain
    return shape(draft)
