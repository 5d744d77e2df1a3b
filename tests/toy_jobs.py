"""Jobs that are cheap and deterministic, and one that misbehaves on request; the engine's tests run them in real workers."""

import ctypes
import importlib
import os
import random
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sysfuzz.feedback.counters import CounterMap


class Puzzle:
    """Finds the word "fuzz" letter by letter: each further letter is a feature, and the whole word a bug.

    Setting "findings": a directory in which each solution is touched, and where it is told when a worker begins and ends.
    """

    WORD = b"fuzz"

    def __init__(self, settings: Mapping[str, object], counters: CounterMap) -> None:
        self.settings = settings
        self.letters = counters.slice("letters", 8)
        self.lengths = counters.slice("lengths", 16)
        self._tell("began")

    def _tell(self, word: str) -> None:
        if {"findings", "worker"} <= self.settings.keys():  # a harness has no workers
            Path(str(self.settings["findings"]), f"{word}-{self.settings['worker']}").touch()

    def execute(self, data: bytes) -> Sequence[str]:
        """Count the letters of the word that `data` starts with."""
        self.lengths[min(len(data), 15)] = 1
        for index, letter in enumerate(self.WORD):
            if data[index : index + 1] != bytes([letter]):
                return ()
            self.letters[index] = 1
        if "findings" in self.settings:
            Path(str(self.settings["findings"]), data.hex()).touch()
        return ("puzzle solved",)

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Replace a letter, or append one."""
        rng = random.Random(seed)
        mutant = bytearray(data)
        if not mutant or (len(mutant) < min(max_size, 14) and rng.random() < 0.3):
            mutant.append(rng.choice(b"fuzabc"))
        mutant[rng.randrange(len(mutant))] = rng.choice(b"fuzabc")
        return bytes(mutant[:max_size])

    def crossover(self, first: bytes, second: bytes, max_size: int, seed: int) -> bytes:
        """The beginning of one, the end of the other."""
        cut = random.Random(seed).randrange(len(first) + 1)
        return (first[:cut] + second[cut:])[:max_size] or b"a"

    def close(self) -> None:
        """Leave a file."""
        self._tell("closed")


class Trouble(Puzzle):
    """A puzzle whose inputs do what they are called, and whose mutators fail when setting "mutators" says so."""

    def execute(self, data: bytes) -> Sequence[str]:
        """Behave as badly as `data` says."""
        if data == b"raise":
            raise ValueError("raised on request")
        if data == b"leave":
            raise SystemExit(5)
        if data == b"abort":
            os.abort()
        if data == b"segv":
            ctypes.string_at(0)
        if data == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if data == b"exit":
            os._exit(9)
        if data == b"exit0":
            os._exit(0)
        if data == b"hang":
            time.sleep(1000)
        if data == b"memory":
            hoard = b"x" * (400 << 20)
            time.sleep(1000)
            assert hoard
        return super().execute(data)

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Fail as the settings say, or mutate."""
        if self.settings.get("mutators") == "abort":
            os.abort()
        if self.settings.get("mutators") == "raise":
            raise KeyError("no mutant")
        if self.settings.get("mutators") == "huge":
            return bytes(max_size + 1)
        return super().mutate(data, max_size, seed)

    def close(self) -> None:
        """Fail as the settings say."""
        if self.settings.get("close") == "raise":
            raise OSError("disk full")

    def crossover(self, first: bytes, second: bytes, max_size: int, seed: int) -> bytes:
        """Fail as the settings say, or cross."""
        if self.settings.get("mutators") == "raise":
            raise KeyError("no cross")
        return super().crossover(first, second, max_size, seed)


class Cored(Puzzle):
    """A puzzle that asks a core about each input; the core has branches."""

    def __init__(self, settings: Mapping[str, object], counters: CounterMap) -> None:
        super().__init__(settings, counters)
        self.core = importlib.import_module("toy_core")

    def execute(self, data: bytes) -> Sequence[str]:
        """Ask the core, then as a puzzle."""
        self.core.classify(data)
        return super().execute(data)


def unbuildable(settings: Mapping[str, object], counters: CounterMap) -> Puzzle:
    """A factory that fails."""
    raise RuntimeError("cannot be built")
