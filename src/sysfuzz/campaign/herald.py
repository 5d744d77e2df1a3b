"""Telling others of a finding: a command that gets it on standard input, and a POST to a URL. Whoever does not listen stops nothing.

Each news is told at least once: what was not told when the runner ended, the next one tells.
"""

import http.client
import json
import os
import queue
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from sysfuzz.campaign.children import Children
from sysfuzz.campaign.events import Event, EventLog
from sysfuzz.findings.bucket import one_line
from sysfuzz.findings.store import FINDING, Entry
from sysfuzz.findings.times import stamp

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


def is_address(url: str) -> bool:
    """Whether a POST can be tried there: http or https, printable ASCII, and a host whose name can be looked up (RFC 1035, section 2.3.4)."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        _ = parts.port  # ValueError, as of all the rest
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and url.isascii() and url.isprintable() and " " not in url


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
        self._children = Children()
        self._thread = threading.Thread(target=self._run, name="herald", daemon=True)
        self._thread.start()

    def tell(self, entry: Entry, what: str, ears: Iterable[str]) -> None:
        """Tell it soon."""
        for ear in ears:
            self._queue.put(_News(entry, what, ear))

    def close(self) -> None:
        """Give what is not told yet a little time; the rest is for the next runner, and a command under way ends."""
        self._queue.put(None)
        self._thread.join(_PATIENCE)
        self._ending.set()
        self._children.close()

    def _run(self) -> None:
        while (news := self._queue.get()) is not None:
            if getattr(self._ears, news.ear):  # a runner before this one may have had it
                message = message_of(news.entry, news.what, self._campaign)
                tell = self._hook if news.ear == "hook" else self._post
                try:
                    result = tell(news.entry, message)
                except Exception as error:  # the other ear, and the next finding, are told all the same
                    result = one_line(f"{type(error).__name__}: {error}")
                if self._ending.is_set() and result:
                    return  # it has not had its chances
                with suppress(OSError):  # nothing is on record, and it is told again
                    self._log.add("told", finding=news.entry.id, what=news.what, ear=news.ear, failed=result)

    def _hook(self, entry: Entry, message: bytes) -> str:
        assert self._ears.hook is not None
        environment = os.environ | {"SYSFUZZ_FINDING": str(entry.directory.resolve())}
        return run_hook(self._children, self._ears.hook, message, environment, _HOOK_SECONDS)

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


def run_hook(children: Children, command: str, message: bytes, environment: Mapping[str, str], seconds: float) -> str:
    """Run a command of the shell with `message` on its standard input; why it failed, "" if it did not."""
    places = environment.get("PYTHONPATH")  # the user's own, and not that of our children
    theirs = ["-u", "PYTHONPATH"] if places is None else [f"PYTHONPATH={places}"]
    try:
        done = children.run(["env", *theirs, "sh", "-c", command], environment, message, seconds)
    except OSError as error:
        return str(error)
    if done.late:
        return f"no end within {seconds:g} s"
    return f"exit status {done.status}" if done.status else ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whoever answers that it is elsewhere has not taken it: urllib would ask there with GET, and without the message."""

    def redirect_request(self, *_: object) -> None:
        """None: the answer is an error."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def post(url: str, message: bytes, wait: Callable[[float], object]) -> str:
    """POST JSON, with a few more tries if that fails; why the last one did, "" if one did not. `wait` waits, and answers True to give up."""
    failed = ""
    for pause in (*_PAUSES, None):
        try:
            request = urllib.request.Request(
                url, message, {"Content-Type": "application/json", "User-Agent": "sysfuzz"}
            )
            with _OPENER.open(request, timeout=_POST_SECONDS):
                return ""
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no address
            failed = str(error) or type(error).__name__
        if pause is None or wait(pause):
            break
    return failed
