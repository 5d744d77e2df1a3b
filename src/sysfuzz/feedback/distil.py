"""Distilling: a small set of programs that shows every feature that all of them show.

The smallest such set is a weighted set cover, which nobody computes; this is the greedy one, in the order of rarity: a feature that few programs
show leaves little choice, so it chooses first, and what it brings along need not be chosen again. At last whatever the later choices have made
superfluous goes. Knows neither where features come from nor what an input is.
"""

from collections.abc import Mapping, Sequence, Set

Shown = Mapping[str, Set[int]]  # the features of one program, by domain


def distil(shown: Sequence[Shown], sizes: Sequence[int]) -> tuple[int, ...]:
    """Which programs to keep, as ascending positions in `shown`; `sizes`, what each costs, are 1 or more.

    The union of their features is that of all. A domain's rare features are told by its own programs: how many show it, of those that show
    anything in the domain, so that the rare ones of a large domain do not all come before those of a small one.
    """
    pairs = [frozenset((domain, feature) for domain in row for feature in row[domain]) for row in shown]
    holders: dict[tuple[str, int], list[int]] = {}
    speakers: dict[str, int] = {}
    for position, row in enumerate(shown):
        for domain in row:
            speakers[domain] = speakers.get(domain, 0) + bool(row[domain])
        for pair in pairs[position]:
            holders.setdefault(pair, []).append(position)
    kept: set[int] = set()
    covered: set[tuple[str, int]] = set()
    for pair in sorted(holders, key=lambda pair: (len(holders[pair]) / speakers[pair[0]], pair)):
        if pair not in covered:
            best = max(holders[pair], key=lambda p: (len(pairs[p] - covered) / sizes[p], -sizes[p], -p))
            kept.add(best)
            covered |= pairs[best]
    return tuple(sorted(_needed(kept, pairs, sizes)))


def union(shown: Sequence[Shown]) -> dict[str, int]:
    """How many features the programs show together, by domain, in the order of the domains' names."""
    total: dict[str, set[int]] = {}
    for row in shown:
        for domain, features in row.items():
            total.setdefault(domain, set()).update(features)
    return {domain: len(total[domain]) for domain in sorted(total)}


def _needed(kept: Set[int], pairs: Sequence[Set[tuple[str, int]]], sizes: Sequence[int]) -> set[int]:
    """`kept` without those all of whose features others of it show as well, the dearest first."""
    times: dict[tuple[str, int], int] = {}
    for position in kept:
        for pair in pairs[position]:
            times[pair] = times.get(pair, 0) + 1
    needed = set(kept)
    for position in sorted(kept, key=lambda p: (-sizes[p], -p)):
        if all(times[pair] > 1 for pair in pairs[position]):
            needed.remove(position)
            for pair in pairs[position]:
                times[pair] -= 1
    return needed
