"""The workers of a campaign as seen from outside: who lives, which epoch each is in, and what it has done.

A worker lives if somebody runs the campaign and has told something of it lately. Knows neither the log nor the store.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sysfuzz.campaign.durable import Damaged, read
from sysfuzz.campaign.history import Total
from sysfuzz.campaign.layout import SEEDS, Layout
from sysfuzz.campaign.records import Epoch
from sysfuzz.findings.times import time_of

_FRESH = 30.0  # seconds: a worker that has said nothing for longer does not live
_WARM = 2.0  # seconds of an epoch before its rate means anything


class Live(NamedTuple):
    """An epoch in flight, as its runner told last."""

    number: int
    seed: int
    began: datetime
    told: datetime
    seconds: float
    executions: int
    runs: int  # executions that it is given
    corpus: int  # programs that it started from


class Worker(NamedTuple):
    """A worker, present or past, under the name of its shard."""

    shard: str
    alive: bool
    live: Live | None  # the epoch that it does, or did when it was last heard of; None between two
    epochs: int
    executions: int  # of its finished epochs
    programs: int  # that it has added
    restarts: int
    last: Epoch | None
    rate: float  # executions a second just now, or in its last epoch


def workers(layout: Layout, totals: Mapping[str, Total], now: datetime, running: bool) -> tuple[Worker, ...]:
    """All that were ever heard of, by name; `running`: somebody has the campaign."""
    told = (path.stem for path in layout.live("w0").parent.glob("[!.]*.json"))
    names = {*totals, *told} - {SEEDS}
    return tuple(
        _worker(layout, name, totals.get(name) or Total(), now, running)
        for name in sorted(names, key=lambda name: (len(name), name))
    )


def _worker(layout: Layout, shard: str, total: Total, now: datetime, running: bool) -> Worker:
    live = _live(layout, shard)
    alive = running and live is not None and abs((now - live.told).total_seconds()) < _FRESH
    last = total.last
    if live is not None and last is not None and live.number <= last.number:
        live = None  # committed by now: it counts among the epochs
    rate = last.executions / last.seconds if last is not None and last.seconds else 0.0
    if alive and live is not None and live.seconds >= _WARM:
        rate = live.executions / live.seconds
    return Worker(shard, alive, live, total.epochs, total.executions, total.programs, total.restarts, last, rate)


def _live(layout: Layout, shard: str) -> Live | None:
    try:
        told = read(layout.live(shard))
        began, now = time_of(told["began"]), time_of(told["now"])
    except (OSError, Damaged, KeyError, ValueError):  # it may be lost, and it may go just now
        return None
    numbers = (told[name] for name in ("seconds", "executions", "runs", "corpus"))
    return Live(told["number"], told["seed"], began, now, *numbers)
