"""Telling others of a finding: a command that gets it on standard input, and a POST to a URL. Whoever does not listen stops nothing.

Each news is told at least once: what was not told when the runner ended, the next one tells.
"""

import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from sysfuzz.campaign.events import Event, EventLog
from sysfuzz.campaign.records import stamp
from sysfuzz.findings.store import FINDING, Entry

_HOOK_SECONDS = 60.0
_POST_SECONDS = 10.0
_PAUSES = (1.0, 4.0, 16.0)  # seconds before each further try of a POST
_PATIENCE = 10.0  # seconds at the end of a run for what is not told yet


@dataclass(frozen=True, slots=True)
class Ears:
    """Who wants to hear of findings: a command for the shell, a URL."""

    hook: str | None = None
    webhook: str | None = None

    def names(self) -> list[str]:
        """How the log calls them."""
        return [name for name, ear in (("hook", self.hook), ("webhook", self.webhook)) if ear]


class _News(NamedTuple):
    entry: Entry
    what: str
    ear: str


class Herald:
    """Tells news one after the other, in a thread of its own."""

    def __init__(self, ears: Ears, campaign: str, log: EventLog) -> None:
        self._ears = ears
        self._campaign = campaign
        self._log = log
        self._queue: queue.Queue[_News | None] = queue.Queue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="herald", daemon=True)
        self._thread.start()

    def tell(self, entry: Entry, what: str, ears: Iterable[str]) -> None:
        """Tell it soon."""
        for ear in ears:
            self._queue.put(_News(entry, what, ear))

    def close(self) -> None:
        """Give what is not told yet a little time; the rest is for the next runner."""
        self._queue.put(None)
        self._thread.join(_PATIENCE)
        self._ending.set()

    def _run(self) -> None:
        while (news := self._queue.get()) is not None:
            if getattr(self._ears, news.ear):  # a runner before this one may have had it
                message = message_of(news.entry, news.what, self._campaign)
                tell = self._hook if news.ear == "hook" else self._post
                result = tell(news.entry, message)
                if self._ending.is_set() and result:
                    return  # it has not had its chances
                self._log.add("told", finding=news.entry.id, what=news.what, ear=news.ear, failed=result)

    def _hook(self, entry: Entry, message: bytes) -> str:
        assert self._ears.hook is not None
        environment = os.environ | {"SYSFUZZ_FINDING": str(entry.directory.resolve())}
        return run_hook(self._ears.hook, message, environment, _HOOK_SECONDS)

    def _post(self, _: Entry, message: bytes) -> str:
        assert self._ears.webhook is not None
        return post(self._ears.webhook, message, self._ending.wait)


def message_of(entry: Entry, what: str, campaign: str) -> bytes:
    """The finding as JSON, as hooks get it: {"what", "campaign", "id", "bucket", "oracle", "severity", "status", "target", "count",
    "first_seen", "last_seen", "finding", "program"}, the last two being files.
    """
    finding = entry.finding
    return json.dumps(
        {
            "what": what,
            "campaign": campaign,
            "id": entry.id,
            "bucket": finding.bucket,
            "oracle": finding.oracle,
            "severity": finding.severity,
            "status": finding.status,
            "target": finding.target,
            "count": finding.count,
            "first_seen": stamp(finding.first_seen),
            "last_seen": stamp(finding.last_seen),
            "finding": str((entry.directory / FINDING).resolve()),
            "program": str(entry.program.resolve()),
        }
    ).encode()


def untold(past: Iterable[Event]) -> list[tuple[str, str, str]]:
    """(finding, what, ear) of the log's news that were to be told and were not, in order."""
    due: Counter[tuple[str, str, str]] = Counter()
    for event in past:
        if event["event"] == "finding":
            due.update((event["finding"], event["what"], ear) for ear in event["to"])
        elif event["event"] == "told":
            due.subtract([(event["finding"], event["what"], event["ear"])])
    return [news for news, count in due.items() if count > 0]


def run_hook(command: str, message: bytes, environment: Mapping[str, str], seconds: float) -> str:
    """Run a command of the shell with `message` on its standard input; why it failed, "" if it did not."""
    try:
        process = subprocess.Popen(
            command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return str(error)
    with process:
        try:
            process.communicate(message, seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return f"no end within {seconds:g} s"
    return f"exit status {process.returncode}" if process.returncode else ""


def post(url: str, message: bytes, wait: Callable[[float], object]) -> str:
    """POST JSON, with a few more tries if that fails; why the last one did, "" if one did not. `wait` waits, and answers True to give up."""
    request = urllib.request.Request(url, message, {"Content-Type": "application/json", "User-Agent": "sysfuzz"})
    failed = ""
    for pause in (*_PAUSES, None):
        try:
            with urllib.request.urlopen(request, timeout=_POST_SECONDS):
                return ""
        except (OSError, http.client.HTTPException) as error:
            failed = str(error) or type(error).__name__
        if pause is None or wait(pause):
            break
    return failed
