"""The runner: the one process that runs a campaign on this machine. Each of its workers runs an epoch at a time, from what all workers have
found so far.

Each worker is a thread, which waits for the processes of its epochs most of the time. What they have in common is the `run`.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from sysfuzz.campaign.core import Changed
from sysfuzz.campaign.durable import make
from sysfuzz.campaign.events import Event
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import hold
from sysfuzz.campaign.run import POLL, Begun, Ended, Run, Settings, Standing
from sysfuzz.campaign.scratch import scratch
from sysfuzz.campaign.shard import Shard
from sysfuzz.campaign.task import perform
from sysfuzz.engine.process import EngineError

__all__ = ["Ended", "Settings", "Standing", "run"]

_TRIES = 3  # of a worker that cannot start, in a row: a machine may be out of memory for a while
_PAUSE = 5.0  # seconds before each further one


def run(
    settings: Settings,
    clock: Callable[[], datetime],
    heard: Callable[[Event], None],
    stands: Callable[[Standing], None],
    stop: Callable[[], bool],
) -> Ended:
    """Run a campaign until a budget or somebody ends it; the epochs in flight are cut short, and committed.

    `heard` gets each event of the log, and the records of epochs as events, in any thread; `stands` how it stands, every second. Raises Held,
    Refused, Damaged, StoreError, OSError if the directory cannot be used, EngineError if the target cannot.
    """
    layout = Layout(settings.home)
    make(layout.home)
    with hold(layout, settings.who), scratch():
        this = Run(settings, layout, clock, heard, stands, stop)
        return this.go(lambda: _work(this))


def _work(run: Run) -> None:
    """Start the workers, and wait for their end."""
    shards = [Shard(run.layout, f"w{number}") for number in range(run.settings.workers)]
    threads = [threading.Thread(target=_worker, args=(run, shard), name=shard.name, daemon=True) for shard in shards]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            run.goes_on()
            run.tend()
            time.sleep(POLL)
    except Exception as error:  # the directory is theirs for as long as they write
        run.fail(error)
        for thread in threads:
            thread.join()


def _worker(run: Run, shard: Shard) -> None:
    """All epochs of one worker, in a thread of its own."""
    failures = 0
    try:
        while run.take():
            begun = run.begin(shard)
            try:
                _epoch(run, begun)
            except EngineError as error:
                run.give_up(begun)
                failures += 1
                if failures == _TRIES:
                    raise
                run.failed("epoch", str(error), shard=shard.name)
                run.pause(_PAUSE)
            else:
                failures = 0
    except Changed:
        run.end("changed")
    except Exception as error:  # told by the main thread
        run.fail(error)


def _epoch(run: Run, begun: Begun) -> None:
    """One epoch, from what is known to what is written. EngineError: none can be run."""
    outcome = perform(begun.flight.task, begun.hear, run.is_ending)
    if outcome.executions:
        run.commit(begun, outcome)
    elif run.is_ending():
        run.give_up(begun)  # it has ended before it began
    else:
        raise EngineError("a worker died before it executed anything, and so did those in its place")
