"""Programs as canonical text: one way to print each value, each op and each file.

Addresses, sizes and offsets are hex, small counts decimal, flags by name in the order of their bits with unknown bits
in hex behind them. What is printed reads back as the same program. This file knows how values are written, not which
are sensible.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sysfuzz.program import names
from sysfuzz.program.ir import CALLS, Arg, Kind, Op, Program, Ref
from sysfuzz.program.source import Mark, Source, Statement

# Kinds whose values are ORed bits, and kinds whose values are one of several, with their names.
FLAGS: Mapping[str, Mapping[str, int]] = {
    Kind.PROT: names.PROT,
    Kind.MAP: names.MAP,
    Kind.REMAP: names.MAP,
    Kind.MSYNC: names.MSYNC,
    Kind.MLOCKALL: names.MLOCKALL,
}
CHOICES: Mapping[str, Mapping[str, int]] = {
    Kind.ADVICE: names.ADVICE,
    Kind.INHERIT: names.INHERIT,
    Kind.SIGNAL: names.SIGNAL,
    Kind.SYSARCH: names.SYSARCH,
    Kind.DISPATCH: names.DISPATCH,
}
_ZERO = {Kind.PROT: "PROT_NONE", Kind.MAP: "MAP_FILE"}
_CHOICE_NAMES = {kind: {value: name for name, value in table.items()} for kind, table in CHOICES.items()}

# The alignment byte of mmap's and mremap's flags, written MAP_ALIGNED(n).
ALIGNED_KINDS = (Kind.MAP, Kind.REMAP)
ALIGNED_SHIFT = 24

_HEX_KINDS = (Kind.ADDR, Kind.SIZE, Kind.OFFSET)
_MAX_DECIMAL = 9999  # a larger number is a limit or a bit pattern, which only hex shows

# Comments start behind this column, or two blanks behind a longer statement: no line's layout depends on another's, so
# diffs stay small.
_COMMENT_COLUMN = 40

_DEFAULT = Program()

# Words for a poke's bytes, one line, or None: (address, or None if an earlier op's result decides it; bytes).
Disassemble = Callable[[int | None, bytes], str | None]


def format_number(value: int) -> str:
    """Hex; 0 is `0`."""
    return f"{value:#x}" if value else "0"


def format_decimal(value: int) -> str:
    """Decimal, but hex for what no one counts to."""
    return str(value) if value <= _MAX_DECIMAL else f"{value:#x}"


def format_arg(kind: str, arg: Arg) -> str:
    """One argument of a parameter of `kind`."""
    if isinstance(arg, bytes):
        return f'"{arg.hex()}"'
    if isinstance(arg, Ref):
        return f"r{arg.op}+{arg.offset:#x}" if arg.offset else f"r{arg.op}"
    if kind in _HEX_KINDS:
        return format_number(arg)
    if kind in FLAGS:
        return _format_flags(kind, arg)
    if kind in CHOICES and arg in _CHOICE_NAMES[kind]:
        return _CHOICE_NAMES[kind][arg]
    return format_decimal(arg)


def format_op(op: Op) -> str:
    """One op as a line of text, without comments."""
    args = []
    for param, arg in zip(CALLS[op.call], op.args, strict=True):
        if not param.keyword:
            args.append(format_arg(param.kind, arg))
        elif arg:
            args.append(f"{param.keyword}={format_arg(param.kind, arg)}")
    return f"{op.call}({', '.join(args)})"


def format_program(
    program: Program,
    expectations: Sequence[str | None] | None = None,
    comments: Iterable[str] = (),
    disassemble: Disassemble | None = None,
) -> str:
    """Canonical text of a valid program.

    `expectations` holds for each op what stands behind its `# ->`, or None; `comments` become comment lines at the top,
    one each; `disassemble` gives the comment behind a poke.
    """
    statements = [
        Statement(
            index,
            expectation=None if expectation is None else Mark(expectation),
            comment=_comment_of(op, disassemble),
        )
        for index, (op, expectation) in enumerate(
            zip(program.ops, expectations or [None] * len(program.ops), strict=True)
        )
    ]
    return format_source(Source(program, tuple(statements), tuple(map(_format_comment, comments))))


def format_source(source: Source) -> str:
    """Canonical text of a source, with all its comments.

    The headers stand above the ops: always the mode, the vendor if it is not the default or if the source states it,
    then the registers by number. Several blank lines become one; there is none at the start and at the end.
    """
    program = source.program
    stated = {statement.subject: statement for statement in source.statements}
    subjects: list[str | int] = ["mode"]
    if program.vendor != _DEFAULT.vendor or "vendor" in stated:
        subjects.append("vendor")
    registers = dict(program.regs)
    subjects += registers
    subjects += range(len(program.ops))

    lines = list(source.preamble)
    for subject in subjects:
        if subject == "mode":
            text = f"mode {program.mode}"
        elif subject == "vendor":
            text = f"vendor {program.vendor}"
        elif isinstance(subject, str):
            text = f"reg {subject} = {format_number(registers[subject])}"
        else:
            text = format_op(program.ops[subject])
        statement = stated.get(subject, Statement(subject))
        lines += statement.above
        lines.append(_format_line(text, statement))
    lines += source.below
    tidy = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(tidy).rstrip("\n") + "\n"


def _format_flags(kind: str, value: int) -> str:
    rest = value
    parts = []
    for name, bit in FLAGS[kind].items():
        if bit & rest:
            parts.append(name)
            rest &= ~bit
    if kind in ALIGNED_KINDS and rest >> ALIGNED_SHIFT:
        parts.append(f"MAP_ALIGNED({rest >> ALIGNED_SHIFT})")
        rest &= (1 << ALIGNED_SHIFT) - 1
    if rest:
        parts.append(f"{rest:#x}")
    return "|".join(parts) or _ZERO.get(kind, "0")


def _format_comment(text: str) -> str:
    return f"# {text}" if text and not text.startswith("#") else f"#{text}"


def _format_line(text: str, statement: Statement) -> str:
    comments = []
    if statement.expectation is not None:
        comments.append(f"# -> {statement.expectation.text}")
    if statement.comment:
        comments.append(_format_comment(statement.comment))
    if not comments:
        return text
    return f"{text:<{_COMMENT_COLUMN - 2}}  {'  '.join(comments)}"


def _comment_of(op: Op, disassemble: Disassemble | None) -> str:
    if disassemble is None or op.call != "poke":
        return ""
    addr, code = op.args
    assert isinstance(code, bytes)
    return disassemble(addr if isinstance(addr, int) else None, code) or ""
