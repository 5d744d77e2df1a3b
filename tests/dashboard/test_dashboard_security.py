"""What nobody gets: anything but the campaign's own pages, under its own name, by reading."""

import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_campaign import MERGE_ID, small
from serving import Served, serving

SECRET = "the contents of a file that is no page"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard of a small campaign that also goes by a name of its own; a file beside its findings is none of them."""
    home = tmp_path_factory.mktemp("campaign")
    layout = small(home)
    (home / "secret.txt").write_text(SECRET, encoding="utf-8")
    (layout.findings / "secret").mkdir()
    (layout.findings / "secret" / "finding.txt").write_text(SECRET, encoding="utf-8")
    with serving(home, names=("fuzzer.example",)) as found:
        yield found


PATHS = (
    "/", "/plots", "/findings", "/workers", "/corpus", "/weaknesses", "/metrics", "/api/state", "/healthz", "/static/report.css",
    f"/finding/{MERGE_ID}", "/nothing", "/findings?bad=1",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers(served: Served, path: str) -> None:
    """Whatever is answered, a browser may run nothing, load nothing from elsewhere, guess no type, show it in no frame and keep no copy."""
    headers = served.ask(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] is None
    assert not [name for name in headers if name.lower().startswith(("access-control", "set-cookie"))]


@pytest.mark.parametrize(
    "path",
    [
        "/finding/..",
        "/finding/../campaign.json",
        "/finding/..%2fcampaign.json",
        "/finding/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/finding/%2e%2e/secret.txt",
        "/finding/secret",
        "/finding/secret%2ffinding.txt",
        f"/finding/{MERGE_ID}/",
        f"/finding/{MERGE_ID}/program.prog",
        f"/finding/{MERGE_ID}%00",
        f"/finding/.%2f{MERGE_ID}",
        "/finding/%ff%fe",
        "/static/..%2fpages.py",
        "/static/../pages.py",
        "/static/pages.py",
        "/static//etc/passwd",
        "/static/base.html",
        "//evil.example/",
        "/.git/config",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_path_leads_out(served: Served, path: str) -> None:
    """What is no page and no id of a finding is not here, and no file is read for it."""
    answer = served.ask(path)
    assert answer.status == 404
    assert SECRET not in answer.text
    assert "root:" not in answer.text
    assert "nosyscalls-2011" not in re.sub(r"&#39;.*?&#39;", "", answer.text), "nothing of the campaign is told"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"])
@pytest.mark.parametrize("path", ["/", "/api/state", "/nothing"])
def test_only_reads(served: Served, path: str, method: str) -> None:
    """Nothing but GET and HEAD is done, anywhere."""
    answer = served.ask(path, method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/state"])
def test_head_is_get_without_a_body(served: Served, path: str) -> None:
    """HEAD says what GET would, and sends nothing."""
    answer = served.ask(path, "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == served.ask(path).headers["Content-Type"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("127.0.0.1", 200),
        ("localhost:{port}", 200),
        ("LocalHost", 200),
        ("[::1]:{port}", 200),
        ("fuzzer.example", 200),
        ("fuzzer.example:1234", 200),
        ("evil.example", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.example#localhost", 421),
        ("localhost@evil.example", 421),
        ("localhost, evil.example", 421),
        ("fuzzer.example.", 421),
        ("notfuzzer.example", 421),
        ("0.0.0.0", 421),
        ("[::2]", 421),
        ("", 421),
        ("localhost:port", 421),
    ],
)
def test_only_by_its_own_names(served: Served, host: str, status: int) -> None:
    """A name that somebody else has led to this machine gets nothing, so that a page of theirs reads nothing."""
    answer = served.ask("/api/state", headers={"Host": host.format(port=served.port)})
    assert answer.status == status
    assert ("executions" in answer.text) == (status == 200)


def test_two_names_are_none(served: Served) -> None:
    """A request with two Host headers is refused."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(b"GET /api/state HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(100).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/findings?text={'x' * 1990}", 400),
        (f"/findings?text={'x' * 2100}", 414),
        (f"/{'x' * 400}", 414),
        ("/findings?text=%00%ff", 200),
        ("/findings?sort=__class__", 400),
        ("/findings?page=99999", 200),
        ("/findings?page=1e3", 400),
        ("/findings?severity=%3Cscript%3E", 400),
    ],
)
def test_questions_that_make_no_sense(served: Served, path: str, status: int) -> None:
    """They are refused with a reason, in which nothing is markup; the server goes on."""
    answer = served.ask(path)
    assert answer.status == status
    assert "<script" not in answer.text
    assert served.ask("/healthz").text == "ok\n"


def test_too_long_a_header(served: Served) -> None:
    """A request without end is not read to it."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    try:
        connection.request("GET", "/", headers={"X-Long": "x" * 200_000})
        assert connection.getresponse().status == 400
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has hung up by then
    finally:
        connection.close()
    assert served.ask("/healthz").status == 200


def test_bound_to_this_machine(served: Served) -> None:
    """Unless somebody says otherwise, the address is one that only this machine reaches."""
    assert served.url == f"http://127.0.0.1:{served.port}/"


def test_nothing_is_written(tmp_path: Path) -> None:
    """Looking at every page leaves the directory as it was."""
    small(tmp_path)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.rglob("*")}
    with serving(tmp_path) as found:
        for path in PATHS:
            found.ask(path)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.rglob("*")} == before
