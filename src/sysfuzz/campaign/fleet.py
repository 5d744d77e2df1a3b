"""A fleet: the workers of a Dask scheduler, which carry out errands. Whatever dies there, each errand comes back.

    a worker dies           Dask runs its errands elsewhere
    one kills its workers   Dask gives it up (`allowed-failures`), and it comes back as a death, with what its epochs were executing
    the scheduler dies      errands under way are sent again to the one that comes at its address
    a worker refuses        its core is another one, or no epoch can run there: it gets nothing more in this run

Nothing of a campaign is known here but its errands. One thread of the driver uses a fleet.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from queue import Empty, Queue
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from distributed import Client, KilledWorker, get_worker

from sysfuzz.campaign.errand import Answer, Errand, carry_out, halt, left_by, pack, unpack
from sysfuzz.campaign.local import Local
from sysfuzz.engine.process import EngineError

_FAILURES = 2  # of one errand that Dask forgives: with the third it is given up
_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 2.0
_COUNT_SECONDS = 2.0  # between two counts of the workers: the answer has 100 bytes for each of them
_MOURN_SECONDS = 120.0  # for the next worker of a machine to start: some 3 s, and many times that if it is busy
_AT_ONCE = 256  # arrivals between two looks at anything else
_LOGGERS = ("distributed", "distributed.client", "distributed.scheduler")


class Death(NamedTuple):
    """An errand that was given up since its workers died."""

    where: str  # the address of the last one
    inputs: tuple[bytes, ...]  # the last ones that were executed there, of each try


class Arrival(NamedTuple):
    """An errand that has come back: with an answer that has an outcome, or from too many deaths."""

    errand: Errand
    answer: Answer | None
    death: Death | None = None


class Fleet:
    """The workers of a scheduler; a context. Raises EngineError when it is entered if nothing answers there."""

    def __init__(self, address: str, run: str, local: int = 1) -> None:
        """`address` as Dask has it, `tcp://host:port`, or `local` for as many processes of this machine."""
        self.remarks: list[str] = []  # what has gone wrong and was put right, for whoever takes them
        self._address = address
        self._run = run
        self._count = local
        self._local: Local | None = None
        self._client: Client | None = None
        self._generation = 0  # of the connection; what comes from another one is not waited for
        # Each time that an errand is sent it has another name: Dask answers a known one with what it knows.
        self._sent = 0
        self._errands: dict[str, Errand] = {}
        self._futures: dict[str, Any] = {}  # Dask forgets what nobody holds
        self._workers: tuple[str, ...] = ()
        self._refused: dict[str, str] = {}  # why, by address
        self._counted = 0.0
        # No SimpleQueue: a signal that is handled beyond the timeout of its `get` makes that wait for ever (Python 3.11, _queuemodule.c).
        self._arrived: Queue[tuple[int, str, object]] = Queue()
        # Errands given up: where, and until when somebody there may tell of it.
        self._dead: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> "Fleet":
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters comes as a remark
        if self._address == "local":
            self._local = Local(self._count, _FAILURES)
            self._address = self._local.address
        try:
            if not self._connect():
                raise EngineError(f"no scheduler answers at {self._address}")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def size(self) -> int:
        """How many workers can be given an errand; as of a moment ago. EngineError: those of this machine cannot be started."""
        if time.monotonic() >= self._counted + _COUNT_SECONDS:
            if self._local is not None:
                self.remarks += self._local.tend()
            if self._client is not None:
                try:
                    self._workers = tuple(sorted(self._client.nthreads()))
                except OSError as error:
                    self._lose(str(error))
            self._counted = time.monotonic()
        return len(set(self._workers) - self._refused.keys())

    def send(self, errand: Errand) -> None:
        """Let a worker carry out an errand, sooner or later."""
        self._errands[errand.mark] = errand
        self._submit(errand)

    def arrivals(self, seconds: float) -> list[Arrival]:
        """What has come back; if nothing has, wait for as long. Raises EngineError if every worker refuses, and what an errand has raised."""
        if self._client is None and not self._connect():
            time.sleep(seconds)
            return []
        found = self._deaths()
        with suppress(Empty):
            item = self._arrived.get(timeout=seconds)
            while True:
                arrival = self._arrival(*item)
                if arrival is not None:
                    found.append(arrival)
                if len(found) >= _AT_ONCE:
                    break
                item = self._arrived.get_nowait()
        for arrival in found:
            del self._errands[arrival.errand.mark]
            self._futures.pop(arrival.errand.mark, None)
        return found

    def halt(self) -> None:
        """Let every errand of this run come to its end soon."""
        if self._client is not None:
            with suppress(OSError):
                self._client.run(halt, self._run, on_error="ignore")

    def close(self) -> None:
        """Let go of all errands: who carries one out ends it at once."""
        self._errands.clear()
        self._disconnect()
        if self._local is not None:
            self._local.close()
            self._local = None

    # -- the connection -----------------------------------------------------------------------------------------------

    def _connect(self) -> bool:
        """Whether there is a scheduler; then it has all errands."""
        try:
            self._client = Client(self._address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError):  # nobody is there; that is no address
            return False
        self._generation += 1
        self._counted = 0.0
        for mark, errand in self._errands.items():
            if mark not in self._dead:
                self._submit(errand)
        return self._client is not None  # it may have gone meanwhile

    def _lose(self, why: str) -> None:
        """The scheduler is gone; another will be looked for."""
        self.remarks.append(f"the connection to {self._address} is lost, and what was under way is run again: {why}")
        self._workers = ()
        self._disconnect()

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        self._futures.clear()
        if client is not None:
            with suppress(OSError, TimeoutError):
                client.close(_CLOSE_SECONDS)

    def _submit(self, errand: Errand) -> None:
        if self._client is None:  # the next scheduler gets it
            return
        fit = [address for address in self._workers if address not in self._refused] if self._refused else None
        self._sent += 1
        key = ("epoch", errand.mark, self._sent)
        try:
            # Loosely: those that are fit may die, and one that refuses does so at once.
            future = self._client.submit(
                _carry, errand, key=key, pure=False, workers=fit or None, allow_other_workers=bool(fit)
            )
        except Exception as error:
            if self._client.status == "running":
                raise
            self._lose(str(error))
            return
        self._futures[errand.mark] = future
        self._client.loop.add_callback(_await, future, self._generation, errand.mark, self._arrived)

    # -- what comes back ----------------------------------------------------------------------------------------------

    def _arrival(self, generation: int, mark: str, result: object) -> Arrival | None:
        errand = self._errands.get(mark)
        if generation != self._generation or errand is None or self._client is None:
            return None
        if isinstance(result, KilledWorker):
            self._dead[mark] = result.last_worker.address, time.monotonic() + _MOURN_SECONDS
            return None
        if isinstance(result, CancelledError | asyncio.CancelledError | OSError):
            self._lose(" ".join(str(result).split()))
            return None
        if isinstance(result, BaseException):
            raise result
        assert isinstance(result, tuple)
        address, packed = result
        answer: Answer = unpack(packed)
        if answer.refusal:
            self._refuse(address, f"{address} ({answer.where}) {answer.refusal}")
            self._submit(errand)
            return None
        return Arrival(errand, answer)

    def _refuse(self, address: str, why: str) -> None:
        if address not in self._refused:
            self._refused[address] = why
            self.remarks.append(f"it gets nothing more to do: {why}")
        self._counted = 0.0
        if not self.size() and self._workers:
            raise EngineError(f"no worker can run an epoch: {why}")

    def _deaths(self) -> list[Arrival]:
        """Errands that were given up, and of which it is known what they have left."""
        found = []
        for mark, (where, until) in list(self._dead.items()):
            left = self._left_by(mark, urlsplit(where).hostname)
            if left is not None or time.monotonic() > until:
                del self._dead[mark]
                found.append(Arrival(self._errands[mark], None, Death(where, left or ())))
        return found

    def _left_by(self, mark: str, host: str | None) -> tuple[bytes, ...] | None:
        """What an errand's epochs have left on a machine: a worker that lives there is asked. None: there is none just now."""
        self._counted = 0.0  # to ask one that has died takes half a minute
        self.size()
        near = [address for address in self._workers if urlsplit(address).hostname == host][:1]
        if not near or self._client is None:
            return None
        try:
            answers: Mapping[str, list[bytes]] = self._client.run(left_by, mark, workers=near, on_error="ignore")
        except (OSError, ValueError):  # it has died, too
            return None
        return tuple(data for inputs in answers.values() for data in inputs) if answers else None


def _carry(errand: Errand) -> tuple[str, bytes]:
    """What a worker does: as long as Dask wants it."""
    worker = get_worker()
    key = worker.get_current_task()

    def unwanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state != "executing"

    return worker.address, pack(carry_out(errand, unwanted))


async def _await(future: Any, generation: int, mark: str, arrived: "Queue[tuple[int, str, object]]") -> None:
    """Wait, in the client's own loop, so that the driver waits for nobody's answer."""
    try:
        result: object = await future
    except (Exception, asyncio.CancelledError) as error:
        result = error
    arrived.put((generation, mark, result))
