"""The care of findings while a campaign runs: known ones are verified, and each is made smaller, in a pool that never starves fuzzing.

Its threads, and the processes that they start, are nice to the workers and never more than they were told to be. A finding is verified once
for each version of the core and of its program, since replays of the same repeat; minimising goes in rounds of a bounded number of
executions. The log says what has been done, so that the next runner goes on from there.
"""

import json
import os
import queue
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sysfuzz.campaign.children import Children
from sysfuzz.campaign.events import Event, EventLog
from sysfuzz.campaign.layout import name_of
from sysfuzz.engine.replay import REPLAYS, replays
from sysfuzz.findings.bucket import one_line
from sysfuzz.findings.files import StoreError, read_text
from sysfuzz.findings.severity import rank
from sysfuzz.findings.store import Entry, Store
from sysfuzz.program.text import TextError, load

_NICE = 10  # a ninth of the time of a process that is not nice
_ROUNDS = 3  # of minimising one program; what is not small by then has had its share
_ALIVE = ("new", "confirmed")  # the statuses of findings that are worth a smaller program
_LAST_WORDS = 200
_POLL = 0.2  # seconds between looks at whether to end
_PATIENCE = 2.0  # seconds; replays that are not done by then end with this process


class _Job(NamedTuple):
    urgency: tuple[int, int, int]  # verify before minimise, the worst first, first come
    what: str
    identity: str


class Care:
    """The pool. `offer` it findings whenever they have changed; it knows what is due."""

    def __init__(
        self, store: Store, core: str, log: EventLog, past: Iterable[Event], jobs: int, minimiser: tuple[str, ...]
    ) -> None:
        """`minimiser` is a command to which `--json FILE` and a finding's directory are added: it replaces the program, and writes JSON as
        `sysfuzz minimise` does; () makes none smaller. At most `jobs` threads, at least one.
        """
        self._store = store
        self._core = core
        self._log = log
        self._minimiser = minimiser
        self._verified: dict[str, tuple[str, str, int]] = {}  # core, program, shown
        self._minimised: dict[str, tuple[str, str, int]] = {}  # program, ending, rounds
        for event in past:
            self._note(event)
        self._queue: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._waiting: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._offered = self._busy = 0
        self._ending = threading.Event()
        self._children = Children()
        self._threads = [
            threading.Thread(target=self._run, name=f"care{number}", daemon=True) for number in range(max(jobs, 1))
        ]
        for thread in self._threads:
            thread.start()

    def offer(self, entry: Entry, fresh: bool) -> None:
        """A finding that is new or has changed; `fresh` if this version of the core has just shown it in all replays."""
        program = name_of(read_text(entry.program))
        if fresh:
            self._verified[entry.id] = (self._core, program, REPLAYS)
        self._consider(entry, program)

    def waiting(self) -> int:
        """Jobs that are not done yet."""
        with self._lock:
            return len(self._waiting) + self._busy

    def close(self) -> None:
        """End at once; a search that is cut off goes on in its next round."""
        self._ending.set()
        self._children.close()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _consider(self, entry: Entry, program: str) -> None:
        due = self._due(entry, program)
        if due:
            self._put(due, entry)

    def _due(self, entry: Entry, program: str) -> str:
        """What is to be done with a finding that has this program; "" if nothing is."""
        core, verified, shown = self._verified.get(entry.id, ("", "", 0))
        if (core, verified) != (self._core, program):
            return "verify"
        if shown == REPLAYS and self._minimiser and entry.finding.status in _ALIVE:
            before, ending, rounds = self._minimised.get(entry.id, ("", "", 0))
            if before != program or (ending not in ("minimal", "failed") and rounds < _ROUNDS):
                return "minimise"
        return ""

    def _put(self, what: str, entry: Entry) -> None:
        with self._lock:
            if (what, entry.id) not in self._waiting:
                self._waiting.add((what, entry.id))
                self._offered += 1
                self._queue.put(_Job((what != "verify", rank(entry.finding.severity), self._offered), what, entry.id))

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)  # of this thread, and what it starts
        while not self._ending.is_set():
            try:
                job = self._queue.get(timeout=_POLL)
            except queue.Empty:
                continue
            with self._lock:
                self._waiting.discard((job.what, job.identity))
                self._busy += 1
            try:
                entry = self._store.load(job.identity)
                # It may have been offered again while it was in hand.
                is_due = self._due(entry, name_of(read_text(entry.program))) == job.what
                done = is_due and (self._verify if job.what == "verify" else self._minimise)(entry)
                if done and not self._ending.is_set():
                    entry = self._store.load(job.identity)
                    self._consider(entry, name_of(read_text(entry.program)))
            except Exception as error:  # people may remove or edit it at any time; the others have their turn
                if not self._ending.is_set():
                    is_located = isinstance(error, StoreError | TextError | OSError)
                    why = one_line(str(error) if is_located else f"{type(error).__name__}: {error}")
                    with suppress(OSError):  # the run itself writes into the same log, and ends if it cannot
                        self._log.add("failed", what=job.what, finding=job.identity, why=why)
            finally:
                with self._lock:
                    self._busy -= 1

    def _verify(self, entry: Entry) -> bool:
        """Whether it is on record how often it shows."""
        program = name_of(read_text(entry.program))
        finding = entry.finding
        shown, why = replays(finding.target, load(entry.program).program, finding.bucket, finding.oracle)
        if self._ending.is_set():
            return False
        if why:  # it says nothing about the bug, and the next run asks again
            self._log.add("failed", what="verify", finding=entry.id, why=why)
            return False
        told = {"program": program, "core": self._core, "shown": shown, "tried": REPLAYS, "status": finding.status}
        self._add("verified", finding=entry.id, **told)
        return True

    def _minimise(self, entry: Entry) -> bool:
        """Whether there may be more to do."""
        before = name_of(read_text(entry.program))
        known, _, rounds = self._minimised.get(entry.id, ("", "", 0))
        with TemporaryDirectory() as scratch:
            told = Path(scratch) / "minimised.json"  # standard output is open to whatever a core prints
            done = self._children.run([*self._minimiser, "--json", str(told), str(entry.directory)], os.environ)
            if self._ending.is_set():
                return False
            words = one_line(done.errors.decode(errors="replace"))[-_LAST_WORDS:]
            result = f"exit status {done.status}: {words}" if done.status else _result(told)
        program = name_of(read_text(entry.program))
        rounds = rounds + 1 if known == before else 1
        details: dict[str, Any] = {"finding": entry.id, "core": self._core, "round": rounds, "program": program}
        if not isinstance(result, str):
            self._add("minimised", **details, **result)
        elif program == before:  # else a worse face has come meanwhile, and its turn comes next
            self._add("minimised", **details, ending="failed", why=result)
        return True

    def _add(self, event: str, **details: Any) -> None:
        self._note({"event": event, **details})
        self._log.add(event, **details)

    def _note(self, event: Event) -> None:
        """Learn from the log."""
        if (
            event["event"] == "finding" and event["core"] and event["what"] != "reappeared"
        ):  # found, and replayed when it was
            self._verified[event["finding"]] = (event["core"], event["program"], REPLAYS)
        elif event["event"] == "verified":
            self._verified[event["finding"]] = (event["core"], event["program"], event["shown"])
        elif event["event"] == "minimised":
            self._minimised[event["finding"]] = (event["program"], event["ending"], event["round"])
            if event["ending"] != "failed":  # it was replayed before it was stored
                self._verified[event["finding"]] = (event["core"], event["program"], REPLAYS)


def _result(file: Path) -> dict[str, Any] | str:
    """What the log has of a search's JSON; a line if that is none."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        ops = [told["before"]["ops"], told["after"]["ops"]]
        return {"executions": told["executions"], "ending": told["ending"], "ops": ops}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return one_line(f"it has not said what it has done: {type(error).__name__}: {error}")
