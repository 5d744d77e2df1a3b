"""What a campaign has shown so far, and the programs that are enough to show it all.

Of each feature the smallest program that shows it is known, so that memory grows with the features and not with the programs. An epoch
starts from a distilled choice of these, made anew when the programs have become a quarter more; in between, whatever is new is added. Knows
no file.
"""

import hashlib
from collections.abc import Sequence

from sysfuzz.campaign.task import Features
from sysfuzz.feedback.distil import distil

_GROWTH = 1.25  # distilling 2,000 programs takes a second


class Cover:
    """Features by name, and who shows them best."""

    def __init__(self) -> None:
        self.programs = 0  # that were added
        self._domains: dict[str, int] = {}  # features shown
        self._best: dict[tuple[str, str], tuple[int, str]] = {}  # size and name of the smallest program, by feature
        self._holds: dict[str, int] = {}  # features of which a program is the smallest; more than 0
        self._shown: dict[str, Features] = {}  # by such program
        self._sizes: dict[str, int] = {}
        self._chosen: tuple[str, ...] = ()
        self._chosen_of = 0  # programs, when they were distilled
        self._since: dict[str, None] = {}
        self._numbers: dict[str, int] = {}  # of all names that were ever met

    def features(self) -> dict[str, int]:
        """How many features the programs show together, by domain."""
        return dict(sorted(self._domains.items()))

    def novel(self, shown: Features) -> dict[str, frozenset[int]]:
        """Those of these features that nobody has shown, by domain and as numbers; empty if there are none."""
        rows = {domain: [name for name in names if (domain, name) not in self._best] for domain, names in shown.items()}
        return {domain: frozenset(map(self._number, names)) for domain, names in rows.items() if names}

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def add(self, program: str, shown: Features, size: int) -> None:
        """Count a program and what it shows."""
        self.programs += 1
        new = False
        for domain, names in shown.items():
            for name in names:
                best = self._best.get((domain, name))
                if best is None:
                    self._domains[domain] = self._domains.get(domain, 0) + 1
                elif best <= (size, program):
                    continue
                else:
                    self._release(best[1])
                self._best[domain, name] = (size, program)
                self._holds[program] = self._holds.get(program, 0) + 1
                new = True
        if new:
            self._shown[program], self._sizes[program] = shown, size
            self._since[program] = None

    def chosen(self) -> tuple[str, ...]:
        """Programs that together show every feature, in order of their names."""
        if len(self._shown) > self._chosen_of * _GROWTH:
            self._chosen = self.smallest()
            self._chosen_of, self._since = len(self._shown), {}
        return tuple(sorted({*self._chosen, *self._since}))

    def smallest(self) -> tuple[str, ...]:
        """A small set of programs that shows every feature, in order of their names."""
        names = sorted(self._shown)
        rows = [
            {domain: frozenset(map(self._number, shown)) for domain, shown in self._shown[program].items()}
            for program in names
        ]
        return tuple(names[position] for position in distil(rows, [self._sizes[program] for program in names]))

    def holders(self) -> frozenset[str]:
        """The programs of which one is the smallest to show something: together they show everything."""
        return frozenset(self._shown)

    def _release(self, program: str) -> None:
        self._holds[program] -= 1
        if not self._holds[program]:
            # It stays in the chosen set until that is made anew.
            del self._holds[program], self._shown[program], self._sizes[program]


def hash_of(programs: Sequence[str]) -> str:
    """One name for a set of programs that is given in order."""
    return hashlib.sha256("\n".join(programs).encode()).hexdigest()[:16]
