"""How findings speak of pages, calls and answers: the words that an explanation is made of.

One way to say each thing, so that a page's state as the core has it and as it must be can be compared by eye, and by `==`. Knows values,
not what they mean for a bug.
"""

from collections.abc import Mapping, Sequence

from sysfuzz.program.ir import CALLS, Arg, Kind, Op
from sysfuzz.program.names import ADVICE, INHERIT, MAP, OP_NAMES, PAGE
from sysfuzz.program.outcome import IMMUTABLE, NOSYSCALLS, PERMITTED, STACK, Region, Result, View
from sysfuzz.program.printer import ALIGNED_SHIFT
from sysfuzz.program.text import format_arg, format_op
from sysfuzz.spec.expect import AnyBytes, Anywhere, Expectation, State, Unspecified

ATTRIBUTE = "no-syscalls"
ATTRIBUTES: Mapping[int, str] = {NOSYSCALLS: ATTRIBUTE, PERMITTED: "permitted", IMMUTABLE: "immutable", STACK: "stack"}
# What a page has that has one of them.
NOUNS: Mapping[int, str] = {
    NOSYSCALLS: ATTRIBUTE,
    PERMITTED: "permission",
    IMMUTABLE: "immutability",
    STACK: "the mark of a stack",
}
UNMAPPED = "unmapped"
MARKED, UNMARKED = "marked", "unmarked"

_UNKNOWN = (1 << ALIGNED_SHIFT) - 1 & ~sum(MAP.values())  # the byte above is the alignment
_UNKEPT = {
    "MAP_INHERIT": "exec does not keep the attribute",
    "MAP_RENAME": "renamed pages are not promised the attribute",
}
_MAX_DIGIT = 9  # up to here a result, mostly 0 or a pid, reads the same in decimal and hex
_MAX_POKE = 12  # bytes that are shown; of more, the number

_ADVICE_NAMES = {value: name.removeprefix("MADV_").lower() for name, value in ADVICE.items()}
_INHERIT_NAMES = {value: name.removeprefix("MAP_INHERIT_").lower() for name, value in INHERIT.items()}
_RWX, _COPY, _NORMAL = 7, INHERIT["MAP_INHERIT_COPY"], ADVICE["MADV_NORMAL"]


def protection(prot: int) -> str:
    """`rwx` with `-` for what is not allowed."""
    return "".join(letter if prot >> bit & 1 else "-" for bit, letter in enumerate("rwx"))


def attribute_names(mask: int) -> list[str]:
    """Names of the attributes in a mask, what has none in hex."""
    rest = mask & ~sum(ATTRIBUTES)
    return [name for bit, name in ATTRIBUTES.items() if mask & bit] + [f"{rest:#x}"] * bool(rest)


def attributes(mask: int) -> str:
    """The same in one text; "" for none."""
    return " ".join(attribute_names(mask))


def trait(field: str, value: int) -> str:
    """The value of one field of a page, in a word."""
    match field:
        case "prot" | "maxprot":
            return protection(value)
        case "inherit":
            return _INHERIT_NAMES.get(value, f"{value:#x}")
        case "advice":
            return _ADVICE_NAMES.get(value, f"{value:#x}")
        case "attributes":
            return attributes(value) or "none"
        case _:
            return str(value)


def traits(values: Sequence[int]) -> str:
    """A page, from its values in the order of `spec.compare.TRAITS`: the protection, and what a plain mmap would not have made so."""
    prot, maxprot, inherit, advice, wired, mask = values
    words = [protection(prot)]
    if maxprot != _RWX:
        words.append(f"of {protection(maxprot)}")
    if inherit != _COPY:
        words.append(f"inherit {trait('inherit', inherit)}")
    if advice != _NORMAL:
        words.append(f"advice {trait('advice', advice)}")
    if wired:
        words.append(f"wired {wired}")
    if mask:
        words.append(attributes(mask))
    return " ".join(words)


def entry(region: Region) -> str:
    """An entry of a core's map, without its range."""
    return traits(region[2:])


def regions_of(views: Sequence[View], pid: int, page: int) -> list[Region]:
    """The entries of a core's map that hold a byte of page number `page` of a process: one, if all is well."""
    regions = [region for view in views if view.pid == pid for region in view.regions]
    return [region for region in regions if region.start < (page + 1) * PAGE and page * PAGE < region.end]


def page_by_core(views: Sequence[View], pid: int, page: int) -> str:
    """Page number `page` of a process as a core's map has it."""
    texts = []
    for region in regions_of(views, pid, page):
        whole = region.start <= page * PAGE and (page + 1) * PAGE <= region.end
        texts.append(entry(region) if whole else f"{entry(region)} in part")
    return " and ".join(texts) or UNMAPPED


def page_by_spec(states: Sequence[State], pid: int, page: int) -> str:
    """The same as the spec has it."""
    for state in states:
        if state.pid == pid and page in state.pages:
            return traits(state.pages[page][:6])
    return UNMAPPED


def call_text(call: str, args: Sequence[Arg]) -> str:
    """A call as a program would write it, its arguments by name; a long poke as the number of its bytes."""
    name = OP_NAMES.get(call, call)
    params = CALLS.get(name, ())
    if call == "poke" and isinstance(args[1], bytes) and len(args[1]) > _MAX_POKE:
        return f"poke({format_arg(Kind.ADDR, args[0])}, {len(args[1])} bytes)"
    if params and len(params) == len(args):
        return format_op(Op(name, tuple(args))).replace(name, call, 1)
    return f"{call}({', '.join(arg.hex() if isinstance(arg, bytes) else f'{arg:#x}' for arg in args)})"


def argument(call: str, index: int) -> str:
    """Name of a call's argument, as in its manual."""
    params = CALLS.get(OP_NAMES.get(call, call), ())
    return params[index].name if index < len(params) else f"argument {index}"


def system_call(name: str) -> str:
    """A dispatched call in a sentence; one that has no name by its number."""
    return f"system call {name}" if name.startswith("#") else name


def answer(result: Result) -> str:
    """What a call answered."""
    if isinstance(result, bytes):
        return result.hex()
    if isinstance(result, str):
        return result
    return f"{result:#x}" if result > _MAX_DIGIT else str(result)


def due(expected: Expectation) -> str:
    """What it had to answer."""
    match expected:
        case Anywhere():
            return "a free address"
        case AnyBytes():
            return f"{expected.size} bytes"
        case Unspecified():
            return "no panic"
        case _:
            return answer(expected)


def bad_flags(flags: int) -> list[str]:
    """Why mmap refuses `flags` whatever else it is asked for, a sentence each; [] if it does not."""
    found = []
    if flags & _UNKNOWN:
        found.append(f"{flags & _UNKNOWN:#x} is no flag that mmap knows")
    other = [name for name in ("MAP_PRIVATE", "MAP_COPY") if flags & MAP[name]]
    if flags & MAP["MAP_SHARED"] and other:
        found.append(f"MAP_SHARED excludes {' and '.join(other)}")
    for name, reason in _UNKEPT.items():
        if flags & MAP["MAP_NOSYSCALLS"] and flags & MAP[name]:
            found.append(f"MAP_NOSYSCALLS with {name} is not supported: {reason}")
    return found


def counted(number: int, noun: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
