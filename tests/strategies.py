"""Hypothesis strategies that several test packages share: any valid program, and text that nearly is one."""

from hypothesis import strategies as st

from sysfuzz.program.ir import (
    CALLS,
    MAX_CODE,
    MAX_OPS,
    MAX_POKE,
    MODES,
    VENDORS,
    Arg,
    Kind,
    Mode,
    Op,
    Program,
    Ref,
    int_range,
    takes_ref,
    width,
)
from sysfuzz.program.names import MAP, PAGE, REGISTERS

_MAP_BITS = [bit for bit in MAP.values() if bit]


def literals(kind: str, mode: Mode) -> st.SearchStrategy[int]:
    """Any number that an argument of `kind` may be; often a limit, a small one, whole pages, or known flags."""
    low, high = int_range(kind, mode)
    choices = [st.sampled_from((low, high)), st.integers(low, min(high, low + 300)), st.integers(low, high)]
    if high > PAGE:
        choices.append(st.integers(0, high // PAGE).map(lambda pages: pages * PAGE))
    if kind in (Kind.MAP, Kind.REMAP):
        alignments = st.integers(0, 255).map(lambda byte: byte << 24)
        choices.append(st.builds(int.__or__, st.sets(st.sampled_from(_MAP_BITS)).map(sum), alignments))
    return st.one_of(choices)


@st.composite
def programs(draw: st.DrawFn, max_ops: int = MAX_OPS) -> Program:
    """Any valid program of at most `max_ops` ops: both modes and vendors, registers, references, code up to the limit."""
    mode = draw(st.sampled_from(MODES))
    usable = [name for name in REGISTERS[mode] if name not in ("rsp", "esp")]
    values = draw(st.dictionaries(st.sampled_from(usable), st.integers(1, (1 << width(mode)) - 1), max_size=4))
    regs = tuple((name, values[name]) for name in usable if name in values)
    ops: list[Op] = []
    room = MAX_CODE
    for index in range(draw(st.integers(0, max_ops))):
        call = draw(st.sampled_from([call for call in CALLS if room or call != "poke"]))
        args: list[Arg] = []
        for param in CALLS[call]:
            if param.kind == Kind.HEX:
                code = draw(st.binary(min_size=1, max_size=min(room, MAX_POKE)))
                room -= len(code)
                args.append(code)
            elif index and takes_ref(param.kind) and draw(st.booleans()):
                args.append(Ref(draw(st.integers(0, index - 1)), draw(literals(Kind.SIZE, mode))))
            else:
                args.append(draw(literals(param.kind, mode)))
        ops.append(Op(call, tuple(args)))
    return Program(mode, draw(st.sampled_from(VENDORS)), regs, tuple(ops))


# Pieces of the language, and characters that are not in it.
_PIECES = (
    *CALLS,
    *("mode ", "vendor ", "reg ", "amd64", "i386", "intel", "rax", "eax", "rsp", "blocks", "lwp", "r0", "r1", "r39"),
    *("MAP_ANONYMOUS", "MAP_FIXED", "MAP_ALIGNED(12)", "PROT_READ", "SIGILL", "MADV_FREE"),
    *("0", "1", "-1", "010", "0x", "0xfff", "0x10000", "4294967296", "1" * 5000, "0x" + "f" * 17),
    *("(", ")", ",", "|", "+", "-", "=", '"', '"0f05"', "#", "# ", "# -> ", "# -> 0", "->", ";", "@"),
    *(" ", "\t", "\r", "\n", "\r\n", "\n\n", "\0", "\x1b", "\x85", "\u2028", "\udc80", "\ufeff", "\u00e9", "\u0663"),
)


@st.composite
def edits(draw: st.DrawFn, text: str) -> str:
    """`text` after up to four deletions, insertions and replacements."""
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from((0, 0, 1, 2, 7, 40))))
        text = text[:start] + draw(st.one_of(st.sampled_from(_PIECES), st.text(max_size=3))) + text[end:]
    return text
