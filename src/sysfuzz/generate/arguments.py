"""Arguments by kind, and whole ops that are aimed by the map: mostly sensible, sometimes wrong on purpose.

Ranges are chosen together with their addresses, flags as sets that belong together. What an op leads to is the forecast's business.
"""

from collections.abc import Callable, Mapping

from sysfuzz.generate import aims, code, probes, weights
from sysfuzz.generate.draft import EXEC, FIXED, FLAGGED, NO_FD, PRIVATE_ANON, READ, RWX, RX, WRITE, Draft, Place
from sysfuzz.program.ir import CALLS, MAX_PEEK, SPECIAL, Arg, Kind
from sysfuzz.program.layout import FILE_PAGES
from sysfuzz.program.names import ADVICE, MAP, PAGE, SIGNAL

_SHARED = MAP["MAP_SHARED"]
_PRIVATE = MAP["MAP_PRIVATE"]
_ANON = MAP["MAP_ANON"]
_ALIGN_SHIFT = 24

_PROTS: Mapping[str, int] = {"rx": RX, "rwx": RWX, "rw": READ | WRITE, "r": READ, "none": 0, "wild": RX | 0x38}
_PROT_DECK = weights.deal(weights.PROTS, _PROTS)
_EXTRA_DECK = tuple(MAP[name] for name in weights.deck(weights.EXTRA_MAP_FLAGS))
_FILES = (3, 3, 3, 4, 5)  # read-write, read-only, no-exec mount
_NO_FILES = (0, 6, 7, 0x7FFF_FFFF)  # a terminal, a pipe, nothing
_ADVICE = (*ADVICE.values(), 7)
_INHERIT = (0, 0, 1, 1, 2, 2, 4, 4, 3, 5)  # 3 and 5 are refused
_MSYNC = (1, 2, 4, 6, 0, 5, 8)  # the last three are refused
_MLOCKALL = (1, 2, 3, 0, 4)  # the last two are refused
_SIGNALS = (*(SIGNAL["SIGILL"],) * 6, *SIGNAL.values(), 0, 63, 64)
_NUMBERS = (0, 1, 1, 2, 2, 3, 8, 9, 16, 63, 64)
_BLOCKS = (0, 0, 0, 0, 1, 2, 5, 20)
_MAX_SLOT = 64


def prot(draft: Draft) -> int:
    """Protection bits."""
    return draft.pick(_PROT_DECK)


def map_flags(draft: Draft, fixed: bool) -> int:
    """Flags of an anonymous mmap."""
    flags = PRIVATE_ANON
    if fixed:
        flags |= FIXED
    if draft.chance(weights.NEW_MAPPING_FLAGGED):
        flags |= FLAGGED
    if draft.chance(weights.EXTRA_MAP_FLAG):
        extra = draft.pick(_EXTRA_DECK)
        flags = (flags & ~_PRIVATE if extra == _SHARED and draft.chance(0.8) else flags) | extra
    if draft.chance(weights.BAD_MAP_FLAG):
        flags |= draft.pick(weights.BAD_MAP_DECK)
    if draft.chance(weights.ALIGNED_MAP):
        flags |= (12 + draft.below(6)) << _ALIGN_SHIFT
    return flags


def descriptor(draft: Draft) -> int:
    """A descriptor for mmap; mostly a file."""
    return draft.pick(_FILES) if draft.chance(0.85) else draft.pick(_NO_FILES)


def offset(draft: Draft) -> int:
    """A file offset: in the file, at its end, within a page, negative."""
    if draft.chance(0.7):
        return draft.below(3) * PAGE
    return draft.pick(
        (FILE_PAGES * PAGE, FILE_PAGES * PAGE - PAGE, 1, PAGE + 1, 1 << 63, (1 << 63) - PAGE, (1 << 64) - 1)
    )


def remap_flags(draft: Draft, fixed: bool) -> int:
    """Flags of mremap."""
    flags = FIXED if fixed else 0
    if draft.chance(0.05):
        flags |= draft.pick((FLAGGED, 4, 0x400, 16 << _ALIGN_SHIFT, 11 << _ALIGN_SHIFT, 64 << _ALIGN_SHIFT))
    return flags


def pid(draft: Draft) -> int:
    """A process: mostly one that exists."""
    if draft.chance(0.95):
        return draft.pick(tuple(draft.forecast.spaces))
    return draft.below(10)


_VALUES: Mapping[str, Callable[[Draft], Arg]] = {
    Kind.ADDR: aims.aim,
    Kind.SIZE: aims.size,
    Kind.PROT: prot,
    Kind.MAP: lambda draft: map_flags(draft, draft.chance(weights.FIXED_MAPPING)),
    Kind.REMAP: lambda draft: remap_flags(draft, draft.chance(0.5)),
    Kind.FD: lambda draft: NO_FD if draft.chance(0.8) else descriptor(draft),
    Kind.OFFSET: offset,
    Kind.ADVICE: lambda draft: draft.pick(_ADVICE),
    Kind.INHERIT: lambda draft: draft.pick(_INHERIT),
    Kind.MSYNC: lambda draft: draft.pick(_MSYNC),
    Kind.MLOCKALL: lambda draft: draft.pick(_MLOCKALL),
    Kind.SIGNAL: lambda draft: draft.pick(_SIGNALS),
    Kind.DISPATCH: lambda draft: draft.pick((1, 1, 1, 2, 2, 0, 3)),
    Kind.SYSARCH: lambda draft: draft.pick((1, 1, 1, 1, 0, 2)),
    Kind.NUMBER: lambda draft: draft.pick(_NUMBERS),
    Kind.COUNT: lambda draft: 1 + draft.below(MAX_PEEK),
    Kind.BLOCKS: lambda draft: draft.pick(_BLOCKS),
    Kind.LWP: lambda draft: draft.pick((0, 0, 1, 2)),
    Kind.HEX: lambda draft: code.block(draft).code,
}


def value(draft: Draft, kind: str) -> Arg:
    """A value of `kind`, without regard to the other arguments of its op."""
    return _VALUES[kind](draft)


def _mmap(draft: Draft) -> None:
    fixed = draft.chance(weights.FIXED_MAPPING)
    length = aims.size(draft)
    at: Place = 0
    if fixed:
        pages = max(1, min(length // PAGE, 4))
        at = aims.room(draft, pages) if draft.chance(0.6) else aims.aim_page(draft)
    elif draft.chance(0.3):
        at = aims.aim(draft)
    flags = map_flags(draft, fixed)
    if draft.chance(weights.MAP_FILE):
        flags &= ~_ANON
        if draft.chance(0.5):
            flags = flags & ~_PRIVATE | _SHARED
        draft.op("mmap", at, length, prot(draft), flags, descriptor(draft), offset(draft))
    else:
        draft.op("mmap", at, length, prot(draft), flags, NO_FD if draft.chance(0.98) else 3, 0)


def _mremap(draft: Draft) -> None:
    old, length = aims.span(draft)
    if draft.chance(0.8):  # the rest is refused where it is no whole number of pages
        old, length = draft.plus(old, -(draft.forecast.value(old) % PAGE)), max(length, 1)
    fixed = draft.chance(0.5)
    newlen = draft.pick((length, length, (length + PAGE) & draft.mask, PAGE)) if draft.chance(0.9) else aims.size(draft)
    pages = max(1, min(newlen // PAGE, 4))
    new: Place = aims.free_room(draft, pages) if draft.chance(0.8) else aims.aim_page(draft)
    draft.op("mremap", old, length, new if fixed or draft.chance(0.1) else 0, newlen, remap_flags(draft, fixed))


def _as(draft: Draft) -> None:
    lwp = 0 if draft.chance(0.8) else draft.below(4)
    draft.op("as", pid(draft), lwp)


def _sysarch(draft: Draft) -> None:
    slot = 8 + draft.below(4) if draft.chance(0.9) else draft.pick((0, 7, 63, _MAX_SLOT))
    base = aims.aim(draft) if draft.chance(0.5) else draft.below(1 << 32)
    draft.op("sysarch", value(draft, Kind.SYSARCH), slot, base)


def _munlock(draft: Draft) -> None:
    """What was locked before, if anything was; else something is now."""
    if draft.chance(0.15):
        plain(draft, "munlock")
        return
    if not draft.forecast.locks:
        plain(draft, "mlock")
    addr, length = draft.pick(draft.forecast.locks)
    draft.op("munlock", draft.forecast.name(addr), length)


def _mincore(draft: Draft) -> None:
    """The vector on the stack, where runs do not come, or anywhere."""
    at, length = aims.span(draft)
    if draft.chance(0.8):
        at, length = draft.plus(at, -(draft.forecast.value(at) % PAGE)), max(length, 1)
    draft.op("mincore", at, length, draft.layout.stack if draft.chance(0.8) else aims.aim(draft))


def _peek(draft: Draft) -> None:
    at = aims.aim(draft) if draft.chance(0.2) else aims.site(draft)
    draft.op("peek", at, value(draft, Kind.COUNT))


def _poke(draft: Draft) -> None:
    area = aims.some_area(draft)
    block = code.block(draft)
    room = area.end - area.start - len(block.code)
    probes.poke(draft, area.start + draft.below(max(1, room)), block)


def _run(draft: Draft) -> None:
    sites = draft.forecast.sites
    if sites and draft.chance(0.5):
        addr, length = draft.pick(sites)
        probes.run_at(draft, draft.forecast.name(addr if draft.chance(0.6) else addr + draft.below(length)))
    elif draft.chance(0.9):
        probes.probe(draft)
    else:
        probes.run_at(draft, aims.aim(draft))


_OPS: Mapping[str, Callable[[Draft], None]] = {
    "mmap": _mmap,
    "mremap": _mremap,
    "as": _as,
    "sysarch": _sysarch,
    "munlock": _munlock,
    "mincore": _mincore,
    "peek": _peek,
    "poke": _poke,
    "run": _run,
}
_CALL_DECK = weights.deal(weights.CALLS, {call: call for call in CALLS if call not in SPECIAL})


def op(draft: Draft) -> None:
    """Append an op (for a run: the poke that it needs as well, for a mapping: its reservation)."""
    call = draft.pick(_CALL_DECK)
    special = _OPS.get(call)
    if special is None:
        plain(draft, call)
    else:
        special(draft)


def plain(draft: Draft, call: str) -> None:
    """Append `call` with a range, where it takes one, that fits the map, and any values else."""
    params = CALLS[call]
    args: list[Arg] = []
    if len(params) > 1 and params[1].kind == Kind.SIZE:
        args += aims.span(draft)
    args += [value(draft, param.kind) for param in params[len(args) :]]
    draft.op(call, *args)


def clipping(draft: Draft, at: Place, length: int) -> None:
    """A call on [at, at + length) that keeps its mapping executable but splits it from its neighbours."""
    call = draft.pick(("mprotect", "mprotect", "minherit", "madvise", "mlock"))
    if call == "mprotect":
        draft.op(call, at, length, draft.pick((RX, RWX, EXEC)))
    elif call == "minherit":
        draft.op(call, at, length, draft.pick((0, 1, 2, 4)))
    elif call == "madvise":
        draft.op(call, at, length, draft.pick((0, 1, 2, 3, 4, 6)))
    else:
        draft.op(call, at, length)
