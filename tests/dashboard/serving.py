"""A real dashboard for the tests: it listens on a free port of this machine, in a thread, and is asked over real connections."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path

from made_campaign import BEGAN

from sysfuzz.dashboard.server import Dashboard
from sysfuzz.findings.explain import explain
from sysfuzz.findings.explanation import Explanation
from sysfuzz.findings.finding import Finding
from sysfuzz.program.ir import Program
from sysfuzz.report import Unexplained
from sysfuzz.targets import table

LATER = BEGAN + timedelta(hours=2)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Served:
    """A dashboard that answers."""

    def __init__(self, dashboard: Dashboard) -> None:
        self.url = dashboard.url
        self.port = dashboard.socket.getsockname()[1]

    def ask(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
        """One request; the path goes over the wire as it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=headers is not None and "Host" in headers)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@contextmanager
def serving(home: Path, clock: Callable[[], datetime] = lambda: LATER, names: tuple[str, ...] = ()) -> Iterator[Served]:
    """A dashboard of the campaign in `home`; it ends with the context."""
    with Dashboard(home, explained, clock, names=names) as dashboard:
        thread = threading.Thread(target=dashboard.serve, name="dashboard")
        thread.start()
        try:
            yield Served(dashboard)
        finally:
            dashboard.server.should_exit = True
            thread.join()


def explained(finding: Finding, program: Program) -> Explanation:
    """What a run of a built-in target shows."""
    found = explain(table.get(finding.target), program, finding.bucket)
    if found is None:
        raise Unexplained("does not show it")
    return found
