"""The counter map: a few thousand 8-bit counters in which an execution marks what it did.

The map is cut into named slices, one for each feature domain, and each slice is a bytearray: the fastest thing to write to from Python
(`counters[i] = 1` takes 16 ns; 22 through a memoryview, 32 through a ctypes array). libFuzzer reads the very same memory after each
execution. Without libFuzzer the map works the same, but somebody has to call `clear`. This file does not know what a counter means.
"""

import ctypes
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

# All slices together. libFuzzer clears and scans what they take at each execution: measured 1.6 us at 4,096, 2.4 at 16,384, 3.7 at 36,864
# and 5.4 at 65,536 counters, the empty loop included. A full slice hides what comes later, so take what days of fuzzing need.
MAP_SIZE = 36864


class CounterMap:
    """Counters by domain. First all slices, then `register` (at most once), then executions."""

    def __init__(self, size: int = MAP_SIZE) -> None:
        self._room = size
        self._slices: dict[str, bytearray] = {}
        self._seen: dict[str, int] = {}
        self._silent: set[str] = set()
        self._pinned: list[ctypes.Array[ctypes.c_uint8]] = []
        self._adopted: list[tuple[int, int]] = []

    def slice(self, domain: str, size: int, counters: bytearray | None = None) -> bytearray:
        """`size` counters for `domain`, all 0: `counters` if they exist already.

        libFuzzer tells 1, 2, 3, 4-7, 8-15, 16-31, 32-127 and 128-255 apart; each is a feature of its own. The bytearray must not change
        its length. ValueError: the domain exists, the map has no room, or it is registered already.
        """
        if domain in self._slices:
            raise ValueError(f"domain {domain!r} has its counters already")
        if not 0 < size <= self._room:
            raise ValueError(f"{size} counters for domain {domain!r}; supported: 1 to {self._room}")
        if self._pinned:
            raise ValueError(f"domain {domain!r} comes too late: the map is registered")
        if counters is not None and len(counters) != size:
            raise ValueError(f"{len(counters)} counters, not {size}, for domain {domain!r}")
        self._room -= size
        self._slices[domain] = bytearray(size) if counters is None else counters
        self._seen[domain] = 0
        return self._slices[domain]

    def adopt(self, address: int, size: int) -> None:
        """Have libFuzzer read and clear counters that native code has, too: `size` of them at `address`, for as long as the process lives.

        They are no domain: they guide, and are neither tallied nor shown. ValueError: the map is registered.
        """
        if self._pinned:
            raise ValueError("these counters come too late: the map is registered")
        self._adopted.append((address, size))

    def silence(self, domain: str) -> None:
        """Let nobody look at the counters of `domain`, so that they guide nothing; a domain without counters is silent already.

        ValueError: the map is registered.
        """
        if self._pinned:
            raise ValueError(f"domain {domain!r} cannot be silenced: the map is registered")
        self._silent.add(domain)

    def audible(self) -> Mapping[str, bytearray]:
        """The slices by domain, without those that are silenced."""
        return {domain: counters for domain, counters in self._slices.items() if domain not in self._silent}

    def register(self) -> None:
        """Make libFuzzer read and clear these counters; before `atheris.Fuzz`, in the process that calls it.

        libFuzzer keeps the addresses, so the map must live as long as the process. ValueError: registered already.
        """
        if self._pinned:
            raise ValueError("the map is registered already")
        init = load_libfuzzer()["__sanitizer_cov_8bit_counters_init"]
        for counters in self.audible().values():
            view = (ctypes.c_uint8 * len(counters)).from_buffer(counters)  # while it lives, the bytearray cannot move
            start = ctypes.addressof(view)
            init(ctypes.c_void_p(start), ctypes.c_void_p(start + len(counters)))
            self._pinned.append(view)
        for start, size in self._adopted:
            init(ctypes.c_void_p(start), ctypes.c_void_p(start + size))

    def clear(self) -> None:
        """Set all counters to 0, as libFuzzer does before each execution."""
        for counters in self._slices.values():
            counters[:] = bytes(len(counters))
        for address, size in self._adopted:
            ctypes.memset(address, 0, size)

    def tally(self) -> None:
        """Add the counters that are not 0 now to those seen so far.

        8 us for a full map, so it is called when libFuzzer has said that something is new, not at each execution.
        """
        for domain, counters in self.audible().items():
            self._seen[domain] |= int.from_bytes(counters, "little")

    def shown(self) -> Mapping[str, Sequence[int]]:
        """Which counters are not 0 now, by domain."""
        return {
            domain: [index for index in range(len(counters)) if counters[index]]
            for domain, counters in self.audible().items()
        }

    def layout(self) -> Mapping[str, int]:
        """Sizes of the slices by domain, in the order in which `seen` holds them."""
        return {domain: len(counters) for domain, counters in self._slices.items()}

    def seen(self) -> bytes:
        """One byte a counter, all slices in a row: not 0 if a `tally` has met it."""
        return b"".join(self._seen[domain].to_bytes(size, "little") for domain, size in self.layout().items())


def load_libfuzzer() -> ctypes.CDLL:
    """The libFuzzer inside atheris, loaded such that custom mutators work.

    It looks for LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver once, when it is loaded. `atheris.Fuzz` loads the two modules that
    define them first; loaded before that without them, libFuzzer would quietly fall back to its own mutators.
    """
    spec = find_spec("atheris")
    if spec is None or spec.origin is None:
        raise ImportError("atheris is not installed")
    home = Path(spec.origin).parent
    for name in ("custom_mutator", "custom_crossover"):
        ctypes.CDLL(str(_extension(home, name)), ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(_extension(home, "core_with_libfuzzer")))


def _extension(home: Path, name: str) -> Path:
    found = sorted(home.glob(f"{name}.*.so"))
    if len(found) != 1:
        raise ImportError(f"{home} has {len(found)} files {name}.*.so; supported: atheris 3.0 and 3.1, which have one")
    return found[0]
