"""Weak readings of mmap's flags: bits taken for others, ignored, refused with the wrong errno, or with a panic."""

from sysfuzz.bench.weaknesses.canary import instead, passed
from sysfuzz.bench.weaknesses.plantable import Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel.flags import attributes_of
from sysfuzz.kernel.rules import REFERENCE, Rules
from sysfuzz.program.names import MAP
from sysfuzz.program.outcome import Result

_NOSYSCALLS, _INHERIT, _ANON = MAP["MAP_NOSYSCALLS"], MAP["MAP_INHERIT"], MAP["MAP_ANON"]
_FREE_BIT = 0x8000  # beside MAP_NOSYSCALLS, and nobody's
_KNOWN = 0xFF000000 | sum(MAP.values())


class _Flags(Plantable):
    """Reads mmap's flags through `read`."""

    def read(self, flags: int) -> int:
        """What the kernel makes of them."""
        raise NotImplementedError

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        if name == "mmap":
            args = (*args[:3], instead(args[3], self.read(args[3])), *args[4:])
        return super().call(pid, lwp, name, args)


class _Alias(_Flags):
    def read(self, flags: int) -> int:
        return flags & ~_FREE_BIT | _NOSYSCALLS if flags & _FREE_BIT else flags


class _UnknownIgnored(_Flags):
    def read(self, flags: int) -> int:
        return flags & _KNOWN


class _CombinationTaken(_Flags):
    def read(self, flags: int) -> int:
        return flags & ~_INHERIT if flags & _NOSYSCALLS else flags


class _IgnoredForFiles(_Flags):
    def read(self, flags: int) -> int:
        bad = flags & ~_KNOWN or flags & (_INHERIT | MAP["MAP_RENAME"])
        return flags if flags & _ANON or bad else flags & ~_NOSYSCALLS


class _WrongErrno(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        result = super().call(pid, lwp, name, args)
        return instead(result, "EINVAL") if name == "mmap" and result == "EOPNOTSUPP" else result


class _Panics(Plantable):
    design = Rules(bad_flag="panic")

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        if name == "mmap":
            passed(isinstance(attributes_of(args[3], REFERENCE), str))
        return super().call(pid, lwp, name, args)


ROWS = (
    Planted("flag_alias", "flags", 1, 10_000, "an unassigned bit beside MAP_NOSYSCALLS is taken for it", _Alias),
    Planted("flag_unknown", "flags", 1, 1_000, "unknown bits of mmap are ignored", _UnknownIgnored),
    Planted(
        "flag_combination",
        "flags",
        1,
        10_000,
        "MAP_INHERIT is dropped, not refused, beside MAP_NOSYSCALLS",
        _CombinationTaken,
    ),
    Planted("flag_file", "flags", 1, 1_000, "the attribute is not attached to mappings of files", _IgnoredForFiles),
    Planted("flag_errno", "flags", 1, 1_000, "an unsupported combination is EINVAL", _WrongErrno),
    Planted("flag_panic", "flags", 1, 1_000, "mmap panics on a flag that it has to refuse", _Panics),
)
