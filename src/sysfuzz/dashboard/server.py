"""Listening: a socket that only this machine can reach unless somebody says otherwise, and the server behind it, which nobody keeps waiting."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sysfuzz.dashboard.app import application
from sysfuzz.dashboard.look import Look
from sysfuzz.dashboard.pages import Pages, prepare, warm
from sysfuzz.dashboard.stories import Stories
from sysfuzz.report import Explain

_BACKLOG = 128
_HEAD = 10.0  # seconds for the head of a request, which is sent at once; a connection that is not so far is closed


class Dashboard:
    """A dashboard that listens. Use it as a context: what it has started ends with it."""

    def __init__(
        self,
        home: Path,
        explain: Explain,
        clock: Callable[[], datetime],
        host: str = "127.0.0.1",
        port: int = 0,
        names: Iterable[str] = (),
    ) -> None:
        """Read the campaign and listen; port 0 is any that is free. `names`: what else the server goes by.

        Raises Unreadable, OSError.
        """
        self._look = Look(home, clock, prepare)
        try:
            self.socket = _listening(host, port)
        except OSError:
            self._look.close()
            raise
        self._stories = Stories(explain)
        self._stories.warm()
        warm()
        pages = Pages(self._stories, Path.cwd())
        pages.overview(self._look.state(), refreshes=True)  # whatever only a first page has to do is done
        written = f"[{host}]" if ":" in host else host
        self.url = f"http://{written}:{self.socket.getsockname()[1]}/"
        self.server = uvicorn.Server(_config(application(self._look, pages, (written, *names))))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return ip_address(self.socket.getsockname()[0]).is_loopback

    def serve(self) -> None:
        """Answer until Ctrl-C, or until somebody sets `server.should_exit`."""
        with suppress(KeyboardInterrupt):
            self.server.run([self.socket])

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, *_: object) -> None:
        self._look.close()
        self._stories.close()
        self.socket.close()


class _Impatient(H11Protocol):
    """HTTP on one connection, which whoever says half a request and no more does not keep open."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wait(ended=True)

    def _wait(self, ended: bool = False) -> None:
        """Keep a deadline while a request is wanted; that of its first byte stands."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if ended or answering:
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline = None
        elif self._deadline is None:
            self._deadline = self.loop.call_later(_HEAD, self.transport.abort)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,
        http=_Impatient,
        interface="asgi3",
        lifespan="off",
        log_level="warning",
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        ws="none",
    )
