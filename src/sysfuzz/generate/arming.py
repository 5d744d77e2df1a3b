"""Arming: programs for designs whose guard is put up by a call of its own.

The idioms say what is to be forbidden by the flag: these pages yes, those no. For another design the same program is armed so that it means the
same there: by a range, by its complement, by the one address of each call. Then come the steps that only such designs know: arming twice, arming
late, watching, spawning, a selector that code changes. What the design makes of it is not known here.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from sysfuzz.generate import weights
from sysfuzz.generate.draft import FIXED, NO_FD, PRIVATE_ANON, RW, Draft, Place
from sysfuzz.generate.model import Area
from sysfuzz.generate.sequence import fit, insert
from sysfuzz.program.ir import Mode, Op, Program, make
from sysfuzz.program.layout import VSYSCALLS
from sysfuzz.program.names import DISPATCH, MAP, PAGE
from sysfuzz.spec.promise import Promise
from sysfuzz.x86.entries import ENTRIES

_FLAGGED = MAP["MAP_NOSYSCALLS"]
_ON, _INCLUSIVE = DISPATCH["PR_SYS_DISPATCH_ON"], DISPATCH["PR_SYS_DISPATCH_INCLUSIVE_ON"]

# A page that no idiom uses, for what a design reads from user memory.
_DATA = 0x7E_0000
_NUDGES = (-2, -1, 1, 2)
_GETPID = 20
_NUMBERS = 512
_LOAD = b"\xb8"  # mov eax, imm32
_ANYWHERE = 0xFFFF_FFFF
_ENTRY_CODES = tuple(sorted({entry.code for entry in ENTRIES.values()}, key=lambda code: (-len(code), code)))
# mov byte [disp32], imm8; the low 2 GiB can be named so in both modes.
_STORE: dict[Mode, bytes] = {"amd64": bytes.fromhex("c60425"), "i386": bytes.fromhex("c605")}


def armed(program: Program, rng: Random, promise: Promise) -> Program:
    """`program` as it would be written for the design of `promise`; for one without calls of its own, itself. All choices come from `rng`."""
    if not promise.calls:
        return program
    ops = list(program.ops)
    if not promise.has_attribute and not promise.ignores_flags:
        ops = [_unflagged(op) for op in ops]
    runs = [index for index, op in enumerate(ops) if op.call == "run"]
    draft = Draft(rng, program.mode, program.vendor)
    if not draft.chance(weights.ARMED):
        return program._replace(ops=tuple(ops))
    before = runs[0] if runs and draft.chance(weights.ARMED_BEFORE_RUNS) else draft.below(len(ops) + 1)
    draft = Draft(rng, program.mode, program.vendor, ops[:before])
    flagged = _flagged_areas(program, before)
    _Arming(draft, promise, program, flagged).write()
    return program._replace(ops=fit(insert(ops, before, draft.ops)))


def _unflagged(op: Op) -> Op:
    """The op without the flag, which its design would refuse."""
    if op.call != "mmap" or not isinstance(op.args[3], int) or not op.args[3] & _FLAGGED:
        return op
    return make(Op, ("mmap", (*op.args[:3], op.args[3] & ~_FLAGGED, *op.args[4:])))


def _flagged_areas(program: Program, before: int) -> list[Area]:
    """What the idiom wanted to be forbidden, of what is mapped before op `before`."""
    return Draft(Random(0), program.mode, program.vendor, program.ops[:before]).areas(True)


class _Arming:
    """The ops that put up the guard, written into a draft."""

    def __init__(self, draft: Draft, promise: Promise, program: Program, flagged: list[Area]) -> None:
        self.draft = draft
        self.promise = promise
        self.ops = program.ops
        self.regs = dict(program.regs)
        self.flagged = flagged

    def write(self) -> None:
        """Arm, and now and then do what may undo it."""
        draft, calls = self.draft, self.promise.calls
        if "sud" in calls or "pinsyscalls" in calls:
            draft.op("mmap", _DATA, PAGE, RW, PRIVATE_ANON | FIXED, NO_FD, 0)
        if self.promise.by_lwp and draft.chance(weights.OTHER_LWP):
            draft.op("lwp_create")
        self._arm()
        if draft.chance(weights.ARMED_TWICE):
            self._arm()
        if draft.chance(weights.UNDONE):
            self._undo()

    def _arm(self) -> None:
        draft, calls = self.draft, self.promise.calls
        if "syscallemu" in calls:
            start, end = self._range(forbidden=True)
            preempt = draft.chance(weights.PREEMPTED)
            if preempt:
                draft.op("lwp_create")
            draft.op("syscallemu", start, end, int(preempt))
            if preempt:
                draft.op("as", 1, 2)
        elif "seccomp" in calls:
            draft.op("seccomp", *self._range(forbidden=True))
        elif "msyscall" in calls:
            start, end = self._range(forbidden=False)
            draft.op("msyscall", start, self._length(start, end))
        elif "sud" in calls:
            self._dispatch()
        else:
            self._pin()
        if "mimmutable" in calls and draft.chance(weights.IMMUTABLE):
            start, end = self._range(forbidden=draft.chance(0.5))
            draft.op("mimmutable", start, self._length(start, end))
        if self.promise.sysenter == "on" and draft.mode == "amd64" and draft.chance(weights.VSYSCALL):
            draft.op("run", draft.pick(tuple(VSYSCALLS)), 0)

    def _undo(self) -> None:
        """What puts the guard down on one design or another, and must not, or need not."""
        draft = self.draft
        how = draft.pick(
            tuple(
                call for call in ("ktrace", "ptrace", "spawn", "exec") if call in self.promise.calls or call == "exec"
            )
        )
        if how in ("ktrace", "ptrace"):
            draft.op(how, draft.below(2))
        else:
            draft.op(how)
            if how == "exec":
                self._arm()

    # -- ranges -------------------------------------------------------------------------------------------------------

    def _range(self, forbidden: bool) -> tuple[Place, Place]:
        """The ends of what is to be forbidden, or of what is to be allowed: an area of the idiom, more or less."""
        draft = self.draft
        if draft.chance(weights.TINY_RANGE):
            at = self._in_code()
            if at is not None:
                return at, draft.plus(at, 1 + draft.below(3))
        flagged = {area.start for area in self.flagged}
        areas = [area for area in draft.areas() if area.start != _DATA]
        wanted = [area for area in areas if (area.start in flagged) == forbidden] or areas
        if not wanted:
            return 0x10000, 0x11000
        area = draft.pick(tuple(wanted))
        start, end = area.start, area.end
        if draft.chance(weights.ONE_PAGE):
            start = draft.pick(tuple(range(start, end, PAGE)))
            end = start + PAGE
        if draft.chance(weights.NUDGED_RANGE):
            start += draft.pick((0, *_NUDGES))
            end += draft.pick((0, *_NUDGES))
        if draft.chance(weights.EMPTY_RANGE):
            end = start - draft.below(2)
        forecast = draft.forecast
        return forecast.within(area, start), forecast.within(area, end)

    def _length(self, start: Place, end: Place) -> int:
        forecast = self.draft.forecast
        return forecast.value(end) - forecast.value(start) & self.draft.mask

    def _in_code(self) -> int | None:
        """An address among the bytes of an entry instruction that some poke writes."""
        sites = _entries(self.ops)
        if not sites:
            return None
        site = self.draft.pick(sites)
        return site.addr - 1 + self.draft.below(site.size + 2) & self.draft.mask

    # -- designs that read user memory --------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        draft = self.draft
        inclusive = self.promise.name == "sud-inclusive" and draft.chance(weights.INCLUSIVE)
        start, end = self._range(forbidden=inclusive)
        selector = 0
        if draft.chance(weights.SELECTOR):
            selector = _DATA + draft.below(PAGE)
            draft.op("poke", selector, bytes((draft.pick((1, 1, 1, 0, 2)),)))
            if draft.chance(weights.FLIPPED) and self.flagged:
                store = _STORE[draft.mode] + selector.to_bytes(4, "little") + bytes((draft.pick((0, 1, 2)), 0xC3))
                area = draft.pick(tuple(self.flagged))
                draft.op("poke", draft.forecast.within(area, area.start), store)
                draft.op("sud", _INCLUSIVE if inclusive else _ON, start, self._length(start, end), selector)
                draft.op("run", draft.forecast.within(area, area.start), 0)
                return
        draft.op("sud", _INCLUSIVE if inclusive else _ON, start, self._length(start, end), selector)

    def _pin(self) -> None:
        """A pin for an entry of the program's code: where it is, nearly there, or nowhere in particular."""
        draft = self.draft
        sites = [site for site in _entries(self.ops) if draft.forecast.area_at(site.addr)]
        if sites and draft.chance(weights.PINNED):
            site = draft.pick(sites)
            area = draft.forecast.area_at(site.addr)
            assert area is not None
            base, length = area.start, area.end - area.start
            number, pin = self._number(site), site.addr - base
        else:
            start, end = self._range(forbidden=draft.chance(0.5))
            base, length = draft.forecast.value(start), self._length(start, end)
            number, pin = _GETPID, draft.pick((_ANYWHERE, _ANYWHERE, 0, length, length + 1, 1))
        if draft.chance(weights.NUDGED_PIN):
            pin += draft.pick(_NUDGES)
        draft.op("poke", _DATA + 4 * number, (pin & 0xFFFF_FFFF).to_bytes(4, "little"))
        count = number + 1
        if draft.chance(weights.ODD_COUNT):
            count = draft.pick((_NUMBERS, number, 0, _NUMBERS + 1))
        draft.op("pinsyscalls", base, length, _DATA, count)

    def _number(self, site: "_Site") -> int:
        """The number of the call that is probably made there: what the code before it loads, or the register that the program starts with."""
        at = site.before.rfind(_LOAD)
        if at >= 0 and at + 5 <= len(site.before):
            return int.from_bytes(site.before[at + 1 : at + 5], "little") % _NUMBERS
        return self.regs.get("rax", self.regs.get("eax", _GETPID)) % _NUMBERS


class _Site(NamedTuple):
    """An entry instruction in the code of a poke at a known address."""

    addr: int
    size: int
    before: bytes  # the code in front of it


def _entries(ops: Sequence[Op]) -> list[_Site]:
    """What looks like entry instructions in the code that is poked at known addresses: of each kind the first of each poke."""
    found = []
    for op in ops:
        if op.call == "poke" and isinstance(op.args[0], int) and isinstance(op.args[1], bytes):
            addr, code = op.args[0], op.args[1]
            found += [
                _Site(addr + at, len(entry), code[:at]) for entry in _ENTRY_CODES if (at := code.find(entry)) >= 0
            ]
    return found
