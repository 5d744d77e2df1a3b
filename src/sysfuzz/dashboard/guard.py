"""Who may ask and how, before anything is looked up: reads only, by a name that the server goes by, so many at a time; and what every answer
tells the browser.

A page from elsewhere cannot read the dashboard by letting its own name lead to this machine, since that name is none of ours. What findings hold
was written by others, so that a browser is told to run nothing and to load nothing from anywhere else.
"""

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("localhost", "127.0.0.1", "[::1]")
_METHODS = ("GET", "HEAD")
_MAX_PATH = 300  # bytes; an id has 120
_MAX_QUERY = 2000  # bytes; a filter of every kind has some 600
_MOST = 64  # requests at a time; connections that ask nothing do not count

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]{1,5})?")


class Guard:
    """An application, with a guard before it."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        """`hosts`: further names that the server goes by, without ports; a name from IPv6 is in brackets."""
        self._app = app
        self._asking = 0  # requests that the application is answering
        self._hosts = frozenset(map(str.lower, (*LOCAL, *hosts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        if scope["type"] != "http":
            return  # no other protocol is spoken here

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, told)
            return
        self._asking += 1
        try:
            await self._app(scope, receive, told)
        finally:
            self._asking -= 1

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """The answer to a request that is refused."""
        if scope["method"] not in _METHODS:
            return _refused(
                405, f"no {scope['method']!r:.20} here; supported: {', '.join(_METHODS)}", Allow=", ".join(_METHODS)
            )
        named = Headers(scope=scope).getlist("host")
        match = _HOST.fullmatch(named[0].lower()) if len(named) == 1 else None
        if match is None or match[1] not in self._hosts:
            name = match[1] if match else "no name"
            return _refused(421, f"this server does not go by {name:.100}; --allow-host NAME lets it")
        if len(scope["raw_path"]) > _MAX_PATH or len(scope["query_string"]) > _MAX_QUERY:
            return _refused(414, f"too long; supported: a path of {_MAX_PATH} bytes, a query of {_MAX_QUERY}")
        if self._asking >= _MOST:
            return _refused(503, f"busy; supported: {_MOST} requests at a time", **{"Retry-After": "1"})
        return None


def _refused(status: int, text: str, **headers: str) -> ASGIApp:
    return PlainTextResponse(f"{text}\n", status, headers)
