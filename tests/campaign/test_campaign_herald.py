"""News of findings: a command and a server on loopback get them, and whoever fails stops nothing."""

import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import toy_campaign as toy
from sysfuzz.campaign import herald as heralds
from sysfuzz.campaign.children import Children
from sysfuzz.campaign.events import EventLog, events
from sysfuzz.campaign.herald import Ears, Herald, is_address, message_of, post, run_hook, untold
from toy_findings import record


class Server(http.server.HTTPServer):
    """Answers with these codes in turn, and remembers what it got."""

    def __init__(self, codes: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.codes = codes
        self.got: list[tuple[str, str, bytes]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:
        """Take it, and answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Content-Type"], body))
        code = self.server.codes.pop(0)
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        """Nobody should ask."""
        self.server.got.append((self.path, "", b""))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(*codes: int) -> Iterator[tuple[Server, str]]:
    """A server, and its address."""
    server = Server(list(codes))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_post_is_tried_again() -> None:
    """A server that fails twice has the message in the end, and each pause is longer than the last."""
    pauses: list[float] = []
    with serving(500, 503, 204) as (server, url):
        assert post(url, b'{"a": 1}', pauses.append) == ""
        assert server.got == [("/hook", "application/json", b'{"a": 1}')] * 3
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_a_post_fails_in_words() -> None:
    """A server that always fails, and none at all, are given up after some tries; whoever waits may say so earlier."""
    with serving(*[500] * 9) as (server, url):
        assert "500" in post(url, b"{}", lambda seconds: False)
        assert len(server.got) == 4
        post(url, b"{}", lambda seconds: True)
        assert len(server.got) == 5
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "refused" in post(f"http://127.0.0.1:{unused.getsockname()[1]}/", b"{}", lambda seconds: False)


@pytest.mark.parametrize("code", [301, 302, 303, 307])
def test_elsewhere_is_not_told(code: int) -> None:
    """A server that answers that it has moved has not taken the message, and nobody is asked for it with GET."""
    with serving(*[code] * 9) as (server, url):
        assert str(code) in post(url, b"{}", lambda seconds: True)
        assert [path for path, _, _ in server.got] == ["/hook"]


NOWHERE = [
    "http://.x/",
    "http://127.0.0.1:1/\u00e9",
    f"http://{'a' * 64}.example/",
    "http://[",
    "http://h:x/",
    "http://a b/",
]


@pytest.mark.parametrize("url", [*NOWHERE, "ftp://x/", "http:///x", "x"])
def test_what_is_no_address(url: str) -> None:
    """It is refused before it is tried."""
    assert not is_address(url)


@pytest.mark.parametrize(
    "url", ["http://h", "https://hooks.example.org/a?b=%20", "http://[::1]:8080/x", "http://u:p@h:1/"]
)
def test_what_is_an_address(url: str) -> None:
    """Hosts by name and by number, ports, users and queries."""
    assert is_address(url)


@pytest.mark.parametrize("url", NOWHERE)
def test_a_wrong_address_silences_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The webhook fails in words, and the command is told of this finding and of the next one."""
    monkeypatch.setattr(heralds, "_PAUSES", ())
    layout = toy.campaign(tmp_path)
    first, second = record(layout.findings), record(layout.findings, bucket="made/up")
    herald = Herald(Ears("true", url), "mine", EventLog(layout, lambda: datetime.now(UTC), lambda event: None))
    herald.tell(first, "new", ["webhook", "hook"])
    herald.tell(second, "new", ["hook"])
    herald.close()
    told = [(event["ear"], bool(event["failed"])) for event in events(layout)]
    assert told == [("webhook", True), ("hook", False), ("hook", False)]


@pytest.mark.parametrize(
    ("command", "failed"),
    [
        ("cat > got", ""),
        ("exit 3", "exit status 3"),
        ("sleep 60", "no end within 0.3 s"),
        ("nosuch", "exit status 127"),
    ],
)
def test_a_hook_has_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, failed: str) -> None:
    """A command of the shell gets the message; one that fails, or has no end, is told."""
    monkeypatch.chdir(tmp_path)
    assert (
        run_hook(Children(), command, b"news", os.environ, 20.0 if not failed.startswith("no end") else 0.3) == failed
    )
    assert (tmp_path / "got").exists() == (not failed)
    if not failed:
        assert (tmp_path / "got").read_bytes() == b"news"


def test_a_hook_ends_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that hangs is killed, and the next run tells it again."""
    monkeypatch.setattr(heralds, "_PATIENCE", 0.1)
    layout = toy.campaign(tmp_path)
    log = EventLog(layout, lambda: datetime.now(UTC), lambda event: None)
    hook = f"mkfifo {tmp_path}/end; exec 3<> {tmp_path}/end; touch {tmp_path}/begun; exec sleep 600"
    herald = Herald(Ears(hook), "mine", log)
    herald.tell(record(layout.findings), "new", ["hook"])
    while not (tmp_path / "begun").exists():
        time.sleep(0.02)
    writer = os.open(tmp_path / "end", os.O_WRONLY | os.O_NONBLOCK)  # while it lives, somebody reads
    herald.close()
    deadline = time.monotonic() + 60.0
    while is_read(writer) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_read(writer)
    os.close(writer)
    assert events(layout) == []


def is_read(writer: int) -> bool:
    """Whether anybody has the other end of a pipe."""
    try:
        os.write(writer, b"?")
    except BrokenPipeError:
        return False
    return True


def test_the_environment_of_a_hook_is_the_users(tmp_path: Path) -> None:
    """What a command imports is not what sysfuzz imports."""
    for mine in ({}, {"PYTHONPATH": "/mine"}):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | mine
        assert run_hook(Children(), f"env > {tmp_path}/got", b"", environment, 20.0) == ""
        lines = (tmp_path / "got").read_text().splitlines()
        assert [line for line in lines if line.startswith("PYTHONPATH=")] == [
            f"PYTHONPATH={value}" for value in mine.values()
        ]


def test_both_ears_hear(tmp_path: Path) -> None:
    """The command has the finding's directory in its environment, both have the same JSON, and the log says that they were told."""
    layout = toy.campaign(tmp_path)
    entry = record(layout.findings)
    with serving(200) as (server, url):
        log = EventLog(layout, lambda: datetime.now(UTC), lambda event: None)
        herald = Herald(Ears(f'cat > {tmp_path}/got; echo "$SYSFUZZ_FINDING" > {tmp_path}/where', url), "mine", log)
        herald.tell(entry, "new", ["hook", "webhook"])
        herald.close()
        assert server.got[0][2] == (tmp_path / "got").read_bytes() == message_of(entry, "new", "mine")
    message = json.loads((tmp_path / "got").read_bytes())
    assert (message["what"], message["campaign"], message["id"]) == ("new", "mine", entry.id)
    assert Path(message["program"]).read_text() == entry.program.read_text()
    assert Path((tmp_path / "where").read_text().strip()) == entry.directory.resolve()
    told = [(event["ear"], event["failed"]) for event in events(layout)]
    assert told == [("hook", ""), ("webhook", "")]


def test_what_was_not_told_is_told_later() -> None:
    """News that the log has and that were not told to somebody who wanted them are due, as often as they were news; others are not."""
    log = [
        {"event": "finding", "finding": "a", "what": "new", "to": ["hook", "webhook"]},
        {"event": "told", "finding": "a", "what": "new", "ear": "hook"},
        {"event": "finding", "finding": "b", "what": "new", "to": []},
        {"event": "finding", "finding": "a", "what": "worse", "to": ["hook"]},
        {"event": "minimised", "finding": "a"},
    ]
    assert untold(log) == [("a", "new", "webhook"), ("a", "worse", "hook")]
