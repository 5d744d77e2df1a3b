"""What is heard while a run goes on: new findings, engine faults, a store that fails; each told once, when it comes.

Here the events of an epoch and the contents of the store meet. Starting and stopping the epoch is the verb's business.
"""

import shlex

import click

from sysfuzz.cli import faults
from sysfuzz.cli.display import Display
from sysfuzz.cli.errors import BadInput
from sysfuzz.cli.render import coloured
from sysfuzz.cli.watch import News, Watch
from sysfuzz.engine.epoch import Event
from sysfuzz.engine.faults import Fault
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.ignore import NOTHING, IgnoreList
from sysfuzz.findings.reproducer import replay_command
from sysfuzz.findings.store import Store

_WORDS = {"new": "", "worse": " shows a worse face", "reappeared": " is back, although it is said to be fixed"}


class Session:
    """The listener of one epoch."""

    def __init__(
        self, target: str, store: Store, watch: Watch, display: Display, ignored: IgnoreList = NOTHING
    ) -> None:
        self.broken = ""  # why the store cannot be read or written; the run should end
        self.unheard: OSError | None = None  # why nothing can be told any more; the run should end
        self.faults: set[tuple[str, str]] = set()  # kind and where of the engine's own
        self._target = target
        self._store = store
        self._watch = watch
        self._display = display
        self._ignored = ignored
        self._shown = -1
        self._findings = 0

    def hear(self, event: Event) -> None:
        """The epoch's `on_event`. It raises nothing for want of an ear: the epoch must come to its end for its inputs to be kept."""
        try:
            self._hear(event)
        except OSError as error:
            self.unheard = error

    def over(self) -> bool:
        """Whether the run should end: it cannot be recorded, or nobody listens."""
        return bool(self.broken) or self.unheard is not None

    def look(self) -> None:
        """Tell what is new in the store."""
        try:
            self._look()
        except OSError as error:
            self.unheard = error

    def _look(self) -> None:
        try:
            for news in self._watch.news():
                self._display.say(_told(news, self._ignored.reason(news.entry.finding)))
            self._findings = sum(not self._ignored.reason(seen.entry.finding) for seen in self._watch.seen())
        except StoreError as error:
            self.broken = str(error)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Fault):
            self._fault(event)
            return
        if event.shown != self._shown:  # else nobody has recorded anything
            self._shown = event.shown
            self._look()
        self._display.progress(event, self._findings, len(self.faults))

    def _fault(self, fault: Fault) -> None:
        reason = faults.store_error(fault)
        if reason is not None:
            self.broken = reason
            return
        if (fault.kind, fault.where) in self.faults:
            return
        self.faults.add((fault.kind, fault.where))
        try:
            self._display.say(faults.keep(fault, self._target, self._store.directory))
        except BadInput as error:
            self.broken = error.message


def _told(news: News, ignored: str) -> str:
    finding = news.entry.finding
    what = f"{_WORDS[news.what]}{f', ignored: {ignored}' if ignored else ''}"
    headline = f"{coloured(finding.severity)} {click.style(finding.bucket, bold=True)} ({finding.oracle}){what}"
    if news.what == "worse":  # its commands have been told
        return headline
    return (
        f"{headline}\n"
        f"  {replay_command(news.entry.program, finding.target)}\n"
        f"  {shlex.join(['sysfuzz', 'minimise', str(news.entry.directory)])}"
    )
