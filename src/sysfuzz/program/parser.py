"""Program text as a Source: the grammar of the `.prog` format, and a located message for everything that is not in it.

A line is a header (`mode`, `vendor`, `reg`), an op in the syntax of a C call, a comment, or blank; headers come first.
`CALLS` says which ops exist and of which kind each argument is. Limits are checked where they are broken, so that the
error has a line and a column.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from sysfuzz.program import names
from sysfuzz.program.ir import (
    CALLS,
    MAX_CODE,
    MAX_OPS,
    MAX_POKE,
    MODES,
    VENDORS,
    Arg,
    Kind,
    Op,
    Param,
    Program,
    Ref,
    int_range,
    takes_ref,
    width,
)
from sysfuzz.program.lexer import END, NAME, NUMBER, STRING, Scanner, Token, number, quote, unknown
from sysfuzz.program.printer import ALIGNED_KINDS, ALIGNED_SHIFT, CHOICES, FLAGS, format_decimal
from sysfuzz.program.source import Mark, Source, Statement

_HEADERS = ("mode", "vendor", "reg")
_SYNONYMS = {"MAP_ANONYMOUS": names.MAP["MAP_ANON"]}
_ALIGNED = "MAP_ALIGNED"
_MAX_ALIGNED = 255
_REFERENCE = re.compile(r"r(0|[1-9][0-9]*)")
_NOT_HEX = re.compile(r"[^0-9a-fA-F]")
_STACK_POINTERS = ("rsp", "esp")  # a run sets them


def parse(text: str, file: str = "<string>") -> Source:
    """Parse program text; `file` names it in messages. Raises TextError at the first thing that is not supported."""
    parser = _Parser(file)
    for line, content in enumerate(text.removesuffix("\n").split("\n"), 1):
        parser.read(Scanner(content.removesuffix("\r"), line, file))
    return parser.source()


class _Parser:
    """What was read so far."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._mode, self._vendor = Program().mode, Program().vendor
        self._registers: dict[str, int] = {}
        self._ops: list[Op] = []
        self._code = 0  # bytes in all pokes
        self._preamble: tuple[str, ...] = ()
        self._statements: list[Statement] = []
        self._comments: list[str] = []  # since the last statement
        self._header_lines: dict[str, int] = {}

    def read(self, scanner: Scanner) -> None:
        """Read one line."""
        if scanner.token.kind == END:
            self._comments.append(scanner.line_comment())
            return
        if scanner.token.kind != NAME:
            raise scanner.error(
                f"unexpected {scanner.found()}; supported: a header ({', '.join(_HEADERS)}), an op, a comment"
            )
        word = scanner.take()
        subject = self._header(scanner, word) if word.text in _HEADERS else self._op(scanner, word)
        expectation, comment = scanner.comments()
        if expectation is not None and isinstance(subject, str):
            raise scanner.error("the expectation stands behind no op", expectation.column)
        self._add(subject, scanner.line, expectation, comment)

    def source(self) -> Source:
        """Everything that was read."""
        order = names.REGISTERS[self._mode]
        registers = tuple(sorted(self._registers.items(), key=lambda item: order.index(item[0])))
        program = Program(self._mode, self._vendor, registers, tuple(self._ops)).validate()
        if not self._statements:
            return Source(program, preamble=tuple(self._comments), file=self._file)
        return Source(program, tuple(self._statements), self._preamble, tuple(self._comments), self._file)

    def _add(self, subject: str | int, line: int, expectation: Mark | None, comment: str) -> None:
        above = tuple(self._comments)
        self._comments.clear()
        if not self._statements:
            self._preamble, above = above, ()
        self._statements.append(Statement(subject, line, above, expectation, comment))

    def _header(self, scanner: Scanner, word: Token) -> str:
        if self._ops:
            raise scanner.error(f"{word.text} stands behind an op; headers come first", word.column)
        if word.text == "reg":
            return self._register(scanner)
        if word.text in self._header_lines:
            raise scanner.error(f"{word.text} was given in line {self._header_lines[word.text]}", word.column)
        if word.text == "mode" and self._registers:
            raise scanner.error("mode stands behind a register; it comes first", word.column)
        self._header_lines[word.text] = scanner.line
        if word.text == "mode":
            self._mode = MODES[_choice(scanner, "mode", MODES)]
        else:
            self._vendor = VENDORS[_choice(scanner, "vendor", VENDORS)]
        return word.text

    def _register(self, scanner: Scanner) -> str:
        usable = [register for register in names.REGISTERS[self._mode] if register not in _STACK_POINTERS]
        column = scanner.token.column
        name = usable[_choice(scanner, f"register of mode {self._mode}", usable)]
        if name in self._registers:
            raise scanner.error(f"{name} was given in line {self._header_lines[name]}", column)
        self._header_lines[name] = scanner.line
        scanner.expect("=", f"behind {name}")
        self._registers[name] = _number(scanner, f"reg {name}", 1, (1 << width(self._mode)) - 1)
        return name

    def _op(self, scanner: Scanner, word: Token) -> int:
        index = len(self._ops)
        if word.text not in CALLS:
            raise scanner.error(unknown("call", word.text, CALLS), word.column)
        if index == MAX_OPS:
            raise scanner.error(f"at most {MAX_OPS} ops are supported", word.column)
        scanner.expect("(", f"behind {word.text}")
        args: dict[Param, Arg] = {}
        more = not scanner.at(")") and scanner.token.kind != END
        while more:
            param = _parameter(scanner, word.text, args)
            args[param] = self._arg(scanner, word.text, param)
            more = scanner.skip(",")
        for param in CALLS[word.text]:
            if param not in args and not param.keyword and scanner.at(")"):
                raise scanner.error(f"{word.text}'s {param.name} is missing; supported: {_usage(word.text)}")
        if not scanner.skip(")"):
            raise scanner.error(f"{word.text}: expected ',' or ')', not {scanner.found()}")
        self._ops.append(Op(word.text, tuple(args.get(param, 0) for param in CALLS[word.text])))
        return index

    def _arg(self, scanner: Scanner, call: str, param: Param) -> Arg:
        what = f"{call}'s {param.name}"
        if param.kind == Kind.HEX:
            return self._hex(scanner, what)
        low, high = int_range(param.kind, self._mode)
        if param.kind in FLAGS:
            return _flags(scanner, what, param.kind, high)
        if scanner.token.kind == NAME:
            if param.kind in CHOICES:
                return _named(scanner, what, CHOICES[param.kind])
            return self._reference(scanner, what, takes_ref(param.kind))
        return _number(scanner, what, low, high)

    def _reference(self, scanner: Scanner, what: str, allowed: bool) -> Ref:
        match = _REFERENCE.fullmatch(scanner.token.text)
        if not allowed:
            raise scanner.error(f"{what}: unexpected {scanner.found()}; supported: a number")
        if match is None:
            raise scanner.error(
                f"{what}: unexpected {scanner.found()}; supported: a number, or rN or rN+0x1000 for the result of op N"
            )
        op = number(match[1])
        if op is None or op >= len(self._ops):
            supported = f"r0 to r{len(self._ops) - 1}" if self._ops else "none in the first op"
            raise scanner.error(f"{what}: {scanner.found()} is not an earlier op; supported: {supported}")
        scanner.take()
        offset = _number(scanner, f"{what}'s offset", 0, (1 << width(self._mode)) - 1) if scanner.skip("+") else 0
        return Ref(op, offset)

    def _hex(self, scanner: Scanner, what: str) -> bytes:
        token = scanner.token
        supported = f'supported: "hex" of 1 to {MAX_POKE} bytes, two digits each, without blanks'
        if token.kind != STRING:
            raise scanner.error(f"{what}: unexpected {scanner.found()}; {supported}")
        digits = token.text[1:-1]
        if match := _NOT_HEX.search(digits):
            raise scanner.error(
                f"{what}: {quote(match[0])} is not a hex digit; {supported}", token.column + 1 + match.start()
            )
        if len(digits) % 2:
            raise scanner.error(f"{what}: an odd number of digits; {supported}")
        count = len(digits) // 2
        if not 1 <= count <= MAX_POKE:
            raise scanner.error(f"{what}: {count} bytes; {supported}")
        self._code += count
        if self._code > MAX_CODE:
            raise scanner.error(
                f"{what}: with it {self._code} bytes of code in all pokes; supported: at most {MAX_CODE}"
            )
        scanner.take()
        return bytes.fromhex(digits)


def _choice(scanner: Scanner, what: str, supported: Sequence[str]) -> int:
    """Take one of the supported words; return its index."""
    if scanner.token.kind == END:
        raise scanner.error(f"expected a {what}; supported: {', '.join(supported)}")
    if scanner.token.text not in supported:
        raise scanner.error(unknown(what, scanner.token.text, supported))
    return supported.index(scanner.take().text)


def _usage(call: str) -> str:
    required = [param.name for param in CALLS[call] if not param.keyword]
    optional = [f"{param.keyword}=N" for param in CALLS[call] if param.keyword]
    return f"{call}({', '.join(required)}{''.join(f'[, {text}]' for text in optional)})"


def _parameter(scanner: Scanner, call: str, given: Iterable[Param]) -> Param:
    """The parameter that the argument at the current token is for; a keyword and its equals sign are taken."""
    params = CALLS[call]
    if not scanner.before_equals():
        for param in params:
            if param not in given and not param.keyword:
                return param
        raise scanner.error(f"{call}: one argument too many; supported: {_usage(call)}")
    for param in params:
        if param.keyword and param.keyword == scanner.token.text:
            if param in given:
                raise scanner.error(f"{call}'s {param.keyword} is given twice")
            scanner.take()
            scanner.take()
            return param
    raise scanner.error(f"{call}: unknown keyword {scanner.found()}; supported: {_usage(call)}")


def _number(scanner: Scanner, what: str, low: int, high: int) -> int:
    """A literal of the given range; a minus sign is known only where the range goes below 0."""
    column = scanner.token.column
    supported = f"supported: {format_decimal(low)} to {format_decimal(high)}"
    sign = "-" if low < 0 and scanner.skip("-") else ""
    if scanner.token.kind != NUMBER:
        raise scanner.error(f"{what}: expected a number, not {scanner.found()}; {supported}", column)
    text = sign + scanner.token.text
    value = number(scanner.token.text)
    if value is None:
        raise scanner.error(
            f"{what}: {quote(text)} is no number; supported: 0x and hex digits, or decimal without leading zeros",
            column,
        )
    if sign:
        value = -value
    if not low <= value <= high:
        raise scanner.error(f"{what}: {quote(text)} is out of range; {supported}", column)
    scanner.take()
    return value


def _flags(scanner: Scanner, what: str, kind: str, high: int) -> int:
    """Names and numbers, ORed."""
    value = 0
    while True:
        if scanner.token.kind != NAME:
            value |= _number(scanner, what, 0, high)
        elif scanner.token.text == _ALIGNED and kind in ALIGNED_KINDS:
            scanner.take()
            scanner.expect("(", f"behind {_ALIGNED}")
            value |= _number(scanner, f"{what}: {_ALIGNED}", 0, _MAX_ALIGNED) << ALIGNED_SHIFT
            scanner.expect(")", f"behind {_ALIGNED}'s number")
        else:
            value |= _named(scanner, what, FLAGS[kind], ("MAP_ALIGNED(n)",) if kind in ALIGNED_KINDS else ())
        if not scanner.skip("|"):
            return value


def _named(scanner: Scanner, what: str, table: Mapping[str, int], also: tuple[str, ...] = ()) -> int:
    name = scanner.token.text
    value = table.get(name, _SYNONYMS.get(name) if table is names.MAP else None)
    if value is None:
        raise scanner.error(f"{what}: {unknown('name', name, [*table, *also])}, or a number")
    scanner.take()
    return value
