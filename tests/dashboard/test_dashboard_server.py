"""Many who ask, and many who only seem to: whoever asks gets an answer, and whoever does not holds nothing for long."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from made_campaign import campaign, epoch, small
from serving import Served, serving
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from test_dashboard_look import PATIENCE, comes

from sysfuzz.campaign.state import State
from sysfuzz.dashboard.guard import Guard

HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
AT_A_TIME = 64


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A dashboard of a campaign that has hardly begun."""
    campaign(tmp_path)
    with serving(tmp_path) as found:
        yield found


def connected(served: Served, said: bytes = b"") -> socket.socket:
    """A connection over which something was said."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
    connection.sendall(said)
    return connection


@pytest.mark.parametrize("said", [b"", HALF])
def test_silence_shuts_nobody_out(served: Served, said: bytes) -> None:
    """However many connections say nothing, or half a request, others are answered."""
    with ExitStack() as stack:
        for _ in range(2 * AT_A_TIME):
            stack.enter_context(connected(served, said))
        assert served.ask("/healthz").text == "ok\n"


@pytest.mark.parametrize(("before", "said"), [([], b""), ([], HALF), ([HALF + b"\r\n"], HALF)])
def test_silence_is_not_listened_to_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[bytes], said: bytes
) -> None:
    """A connection that says no whole request in time is closed, be it the first one on it or a further one."""
    monkeypatch.setattr("sysfuzz.dashboard.server._HEAD", 0.2)
    campaign(tmp_path)
    with serving(tmp_path) as served, connected(served) as connection:
        for request in before:
            connection.sendall(request)
            heard = b""
            while not heard.endswith(b"ok\n"):
                heard += connection.recv(1 << 16)
        try:
            connection.sendall(said)
            assert connection.recv(1) == b""
        except ConnectionError:
            pass  # it was closed by then, and not politely


def test_a_request_in_time_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is for saying a request, and not for its answer: one that takes longer comes all the same."""
    monkeypatch.setattr("sysfuzz.dashboard.server._HEAD", 0.2)
    slow = threading.Event()

    def wait(_: object) -> dict[str, object]:
        slow.wait(1)
        return {"slow": True}

    monkeypatch.setattr("sysfuzz.dashboard.app.document", wait)
    campaign(tmp_path)
    with serving(tmp_path) as served:
        assert json.loads(served.ask("/api/state").body) == {"slow": True}


def test_so_many_requests_at_a_time() -> None:
    """Whoever comes while as many are being answered as may be is told so at once; when one of them has its answer there is room again."""
    goes_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await goes_on.wait()
        await PlainTextResponse("ok")(scope, receive, send)

    guard = Guard(application, ())
    scope = {
        "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [(b"host", b"localhost")],
    }  # fmt: skip

    async def ask() -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        await guard(scope, receive, send)
        status = sent[0]["status"]
        assert isinstance(status, int)
        return status

    async def all_of_it() -> tuple[int, list[int], int]:
        waiting = [asyncio.create_task(ask()) for _ in range(AT_A_TIME)]
        await asyncio.sleep(0)
        refused = await ask()
        goes_on.set()
        return refused, await asyncio.gather(*waiting), await ask()

    assert asyncio.run(all_of_it()) == (503, [200] * AT_A_TIME, 200)


def test_an_old_look_is_no_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a look comes to no end /healthz and the metrics, which say no time, are 503 with the reason; pages, which say it, stay."""
    goes_on = threading.Event()
    goes_on.set()

    def prepare(_: State) -> None:
        goes_on.wait(PATIENCE)

    monkeypatch.setattr("sysfuzz.dashboard.look._IDLE", 0.1)
    monkeypatch.setattr("sysfuzz.dashboard.look._IDLE_SHARE", 1)
    monkeypatch.setattr("sysfuzz.dashboard.server.prepare", prepare)
    campaign(tmp_path)
    with serving(tmp_path) as served:
        try:
            assert comes(lambda: served.ask("/healthz").status == 200)
            goes_on.clear()
            assert comes(lambda: served.ask("/healthz").status == 503)
            assert f"{tmp_path}: has not been read for" in served.ask("/healthz").text
            assert [served.ask(path).status for path in ("/metrics", "/", "/api/state")] == [503, 200, 200]
            goes_on.set()
            assert comes(lambda: served.ask("/healthz").text == "ok\n")
        finally:
            goes_on.set()


def test_any_line_of_the_log_is_answered(tmp_path: Path) -> None:
    """A line that is no event is told while it is there, by every page and by /healthz, and the server goes on when it is gone."""
    layout = campaign(tmp_path)
    whole = layout.events.read_text(encoding="utf-8")
    with serving(tmp_path) as served:
        layout.events.write_text(f'{whole}{{"when": 5, "event": "finding"}}\n', encoding="utf-8")
        assert comes(lambda: served.ask("/healthz").status == 503)
        assert str(tmp_path) in served.ask("/api/state").text
        layout.events.write_text(whole, encoding="utf-8")
        epoch(layout, "w0", 0, minute=1, features={"calls": 1})
        assert comes(lambda: served.ask("/healthz").status == 200)
        assert json.loads(served.ask("/api/state").body)["epochs"] == 1


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """File names are bytes; one that is not UTF-8 is in every answer as text that is."""
    small(tmp_path)
    home = os.fsencode(tmp_path)
    os.makedirs(home + b"/findings/\xffx")
    os.makedirs(home + b"/epochs/\xfew")
    os.makedirs(home + b"/epochs/\xffw")
    Path(os.fsdecode(home + b"/findings/\xffx/finding.json")).write_text("{}", encoding="utf-8")
    with serving(tmp_path) as served:
        paths = ("/", "/plots", "/findings", "/workers", "/corpus", "/weaknesses", "/metrics", "/api/state")
        answers = {path: served.ask(path) for path in paths}
    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(paths, 200)
    state = json.loads(answers["/api/state"].text)
    assert [f"{tmp_path}/findings/\ufffdx/finding.json" in line for line in state["damaged"]] == [True]
    assert [worker["name"] for worker in state["workers"]] == ["w0", "w1", "\ufffdw", "\ufffdw"]
    assert len({line for line in answers["/metrics"].text.splitlines() if line.startswith("sysfuzz_worker_up")}) == 4
